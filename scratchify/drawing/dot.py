"""A picture in Graphviz's language, and with Graphviz's help as SVG."""

from __future__ import annotations

import shutil

from analyzer.errors import ScratchifyError
from analyzer.process import run
from scratchify.drawing.picture import Box, Picture

_BOXES = {
    "target": 'shape=box, style="rounded,filled,bold", fillcolor="#d7ecd9"',
    "stage": 'shape=box, style="rounded,filled", fillcolor="#e8eef7"',
    "unused": 'shape=box, style="rounded,dashed", color="#888888", fontcolor="#888888"',
    "image": 'shape=cylinder, style=filled, fillcolor="#f7f1e1"',
    "context": 'shape=folder, style=filled, fillcolor="#f3e7f3"',
}
_LINES = {
    "based on": "style=bold",
    "copies from": "style=solid",
    "mounts from": "style=dotted",
    "fetches": "style=solid, arrowhead=vee",
    "onbuild": "style=dashed, arrowhead=vee",
}
# Seconds; a picture takes a fraction of one.
_TIMEOUT = 60.0


def dot(picture: Picture) -> str:
    """The picture as a `digraph`, the same text for the same picture."""
    out = [
        f"digraph {_quoted([picture.title])} {{",
        "  rankdir=LR;",
        '  node [fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=9];',
    ]
    out += [f"  {box.id} [label={_quoted(box.lines)}, {_BOXES[box.kind]}];" for box in _ordered(picture)]
    for line in picture.lines:
        label = f"label={_quoted([line.label])}, " if line.label else ""
        out.append(f"  {line.source} -> {line.target} [{label}{_LINES[line.kind]}];")
    return "\n".join([*out, "}"]) + "\n"


def svg(picture: Picture) -> str:
    """The picture drawn by Graphviz. Raises ScratchifyError where that is not installed."""
    program = shutil.which("dot")
    if program is None:
        raise ScratchifyError(
            "Graphviz's `dot` is not installed, and draws the SVG",
            hint="install the package graphviz, or take --format dot or mermaid",
        )
    done = run([program, "-Tsvg"], stdin=dot(picture).encode(), timeout=_TIMEOUT)
    if done.code != 0:
        raise ScratchifyError(
            f"dot could not draw the graph (exit code {done.code})",
            detail=done.stderr.decode("utf-8", "replace"),
        )
    return done.text


def _ordered(picture: Picture) -> list[Box]:
    return sorted(picture.boxes, key=lambda box: box.id)


def _quoted(lines: list[str] | tuple[str, ...]) -> str:
    text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines)
    return f'"{text}"'
