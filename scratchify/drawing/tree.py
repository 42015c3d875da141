"""The build graph as a text tree: the target, what it stands on and what it takes, and so on down."""

from __future__ import annotations

from analyzer.edges import Dependencies, Edge
from analyzer.stages import StageTable

_KINDS = ("based on", "onbuild", "copies from", "mounts from", "fetches")


def tree(table: StageTable, parts: Dependencies, target: str = "") -> str:
    """The tree of one target, then the stages that it does not need. A stage that comes twice is spelled
    out once."""
    drawing = _Tree(table, parts)
    drawing.lines.append(table.program.dockerfile.path)
    drawing.stage(table.find(target), "", "", True)
    unused = table.unused(target)
    if unused.stages:
        names = ", ".join(
            f"{table.label(index)} (line {table.stages[index].start.node.start_line})"
            for index in unused.stages
        )
        doubt = "" if unused.certain else f", unless an ONBUILD of {', '.join(unused.doubtful)} needs it"
        drawing.lines.append(f"not needed: {names}{doubt}")
    return "\n".join(drawing.lines) + "\n"


class _Tree:
    def __init__(self, table: StageTable, parts: Dependencies) -> None:
        self.table = table
        self.nodes = {node.id: node for node in parts.nodes}
        self.edges: dict[int, list[Edge]] = {}
        for edge in parts.edges:
            if edge.stage is not None and edge.kind in _KINDS and not edge.source.startswith("stage:"):
                self.edges.setdefault(edge.stage, []).append(edge)
        self.near = {
            f"image:{use.source.image}": near for use in table.uses if (near := table.near_stage(use))
        }
        self.lines: list[str] = []
        self.seen: set[int] = set()

    def stage(self, index: int, prefix: str, role: str, last: bool) -> None:
        stage = self.table.stages[index]
        platform = f" for {built}" if (built := self.table.platform(index)) else ""
        again = ", see above" if index in self.seen else ""
        place = f"(line {stage.start.node.start_line})"
        text = f"{role}stage {self.table.label(index)} {place}{platform}{again}"
        self.lines.append(_branch(prefix, last) + text)
        if index in self.seen:
            return
        self.seen.add(index)
        below = prefix + ("   " if last else "│  ")
        rows = self._rows(index)
        for number, (text, inner) in enumerate(rows):
            ending = number == len(rows) - 1
            if inner is None:
                self.lines.append(_branch(below, ending) + text)
            else:
                self.stage(inner, below, f"{text} ", ending)

    def _rows(self, index: int) -> list[tuple[str, int | None]]:
        """What a stage uses: a row for each instruction and source, with the stage that it leads to. What
        one instruction takes of the context shares a row."""
        rows: list[tuple[str, int | None]] = []
        paths: dict[tuple[str, int | None], list[str]] = {}
        for edge in self.edges.get(index, ()):
            node = self.nodes[edge.target]
            if node.kind != "path":
                name = f"image {node.label}" if node.kind == "image" else node.label
                if edge.target in self.near:
                    name += f" (no stage has this name; did you mean {self.near[edge.target]}?)"
                inner = node.stage if node.kind == "stage" else None
                rows.append((_verb(edge) if inner is not None else f"{_verb(edge)} {name}", inner))
                continue
            found = paths.setdefault((edge.kind, edge.line), [])
            found.append(node.label)
            verb = "copies" if edge.kind == "copies from" else f"mounts at {edge.label},"
            text = f"line {edge.line}: {verb} {', '.join(found)} from the context"
            if len(found) == 1:
                rows.append((text, None))
            else:
                rows[-1] = (text, None)
        return rows


def _verb(edge: Edge) -> str:
    if edge.kind == "based on":
        return "based on"
    if edge.kind == "onbuild":
        return f"line {edge.line}: ONBUILD of"
    if edge.kind == "copies from":
        return f"line {edge.line}: copies {edge.label.rpartition(' ')[0]} from"
    if edge.kind == "mounts from":
        return f"line {edge.line}: mounts at {edge.label}, from"
    return f"line {edge.line}: fetches"


def _branch(prefix: str, last: bool) -> str:
    return prefix + ("└─ " if last else "├─ ")
