"""A picture in Mermaid's language, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

from scratchify.drawing.picture import Box, Picture

_ARROWS = {
    "based on": "==>",
    "copies from": "-->",
    "mounts from": "-.->",
    "fetches": "-->",
    "onbuild": "-.->",
}
_CLASSES = (
    "  classDef target fill:#d7ecd9,stroke:#333333,stroke-width:2px,color:#000000",
    "  classDef unused stroke-dasharray:4,color:#888888",
    "  classDef image fill:#f7f1e1,stroke:#333333,color:#000000",
    "  classDef context fill:#f3e7f3,stroke:#333333,color:#000000",
)


def mermaid(picture: Picture) -> str:
    """The picture as a flowchart."""
    out = ["flowchart LR"]
    for box in picture.boxes:
        out.append(f"  {box.id}{_shape(box)}")
        if box.kind != "stage":
            out.append(f"  class {box.id} {box.kind}")
    for line in picture.lines:
        label = f"|{_quoted(line.label)}|" if line.label else ""
        out.append(f"  {line.source} {_ARROWS[line.kind]}{label} {line.target}")
    return "\n".join([*out, *_CLASSES]) + "\n"


def _shape(box: Box) -> str:
    text = _quoted("<br/>".join(_escaped(line) for line in box.lines), escape=False)
    if box.kind == "image":
        return f"[({text})]"
    return f"[/{text}/]" if box.kind == "context" else f"({text})"


def _quoted(text: str, *, escape: bool = True) -> str:
    return f'"{_escaped(text) if escape else text}"'


def _escaped(text: str) -> str:
    for char, entity in (("#", "#35;"), ("&", "#amp;"), ("<", "#lt;"), (">", "#gt;"), ('"', "#quot;")):
        text = text.replace(char, entity)
    return text.replace("\n", " ")
