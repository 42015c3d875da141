"""What a picture of a build shows: stages, images, the context, and the lines between them.

Every instruction would be too much; uses of one stage by another are drawn once, with what they take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.edges import Dependencies, EdgeKind
from analyzer.stages import StageTable

BoxKind = Literal["target", "stage", "unused", "image", "context"]

# A line's label shows this many things, then how many more there are.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Box:
    """`id` is a word that every drawing language takes; `lines` are what stands in the box."""

    id: str
    kind: BoxKind
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """From what is used to what uses it: the way that files go."""

    source: str
    target: str
    kind: EdgeKind
    label: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    title: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def picture(table: StageTable, parts: Dependencies, target: str = "") -> Picture:
    """The picture of a file for one target."""
    chosen = table.find(target)
    needed = frozenset(table.needed(chosen))
    boxes: dict[str, Box] = {}
    for stage in table.stages:
        kind: BoxKind = "target" if stage.index == chosen else "stage" if stage.index in needed else "unused"
        platform = (built,) if (built := table.platform(stage.index)) else ()
        line = f"line {stage.start.node.start_line}"
        boxes[f"stage:{stage.index}"] = Box(
            f"stage{stage.index}", kind, (table.label(stage.index), *platform, line)
        )
    names = [node for node in parts.nodes if node.kind in ("image", "context", "remote")]
    for number, node in enumerate(names):
        outer: BoxKind = "context" if node.kind == "context" else "image"
        boxes[node.id] = Box(f"source{number}", outer, (node.label,))
    return Picture(table.program.dockerfile.path, tuple(boxes.values()), tuple(_lines(parts, boxes)))


def _lines(parts: Dependencies, boxes: dict[str, Box]) -> list[Line]:
    found: dict[tuple[str, str, EdgeKind], list[str]] = {}
    kinds: tuple[EdgeKind, ...] = ("based on", "copies from", "mounts from", "fetches", "onbuild")
    paths = {node.id: node.label for node in parts.nodes if node.kind == "path"}
    for edge in parts.edges:
        if edge.kind not in kinds or edge.stage is None or edge.source.startswith("stage:"):
            continue
        source = "context" if edge.target in paths else edge.target
        key = (boxes[source].id, boxes[f"stage:{edge.stage}"].id, edge.kind)
        found.setdefault(key, []).append(paths.get(edge.target) or _what(edge.kind, edge.label))
    return [Line(*key, _joined(labels)) for key, labels in found.items()]


def _what(kind: EdgeKind, label: str) -> str:
    """What a line takes: of a COPY its sources, of a mount the place where it appears."""
    if kind == "copies from":
        return label.rpartition(" ")[0] or label
    return label if kind == "mounts from" else ""


def _joined(labels: list[str]) -> str:
    seen = [label for label in dict.fromkeys(labels) if label]
    more = len(seen) - _SHOWN
    return ", ".join(seen[:_SHOWN]) + (f", {more} more" if more > 0 else "")
