"""The build graph and the questions that it answers.

Nodes are stages, instructions, external images, the build context with its paths, and ARG and ENV values;
an edge leads from what depends to what it depends on (`edges` lists the kinds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from analyzer.context import Context
from analyzer.dockerfile.scope import Expanded
from analyzer.edges import CONTEXT, Dependencies, Edge, EdgeKind, Node, dependencies, makes_layer
from analyzer.filesystem import Entry
from analyzer.history import Origin, origins
from analyzer.image import Layer
from analyzer.stages import StageTable, Unused, ordered

# What a build compares by content: an equal result further up leaves such an instruction cached.
_BY_CONTENT: frozenset[EdgeKind] = frozenset({"copies from", "mounts from"})
# What says where a thing belongs, and makes nothing run again.
_BELONGING: frozenset[EdgeKind] = frozenset({"has", "onbuild", "path of"})


@dataclass(frozen=True, slots=True)
class Rerun:
    """An instruction that a change makes the builder run again. `certain` is false where it only does if
    what it copies or mounts from another stage came out different."""

    stage: int
    instruction: Expanded
    line: int
    certain: bool


class BuildGraph:
    """The graph of one file. `graph` is the networkx graph; its nodes have `node`, its edges `edge`."""

    def __init__(self, table: StageTable, context: Context | None = None) -> None:
        self.table = table
        self.parts: Dependencies = dependencies(table, context)
        self.graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for node in self.parts.nodes:
            self.graph.add_node(node.id, node=node)
        for edge in self.parts.edges:
            self.graph.add_edge(edge.source, edge.target, kind=edge.kind, edge=edge)

    def node(self, id_: str) -> Node:
        found: Node = self.graph.nodes[id_]["node"]
        return found

    def edges(self, *kinds: EdgeKind) -> tuple[Edge, ...]:
        """The edges of these kinds, in the order of the file; all without kinds."""
        return tuple(edge for edge in self.parts.edges if not kinds or edge.kind in kinds)

    def needs(self, target: str = "") -> tuple[Node, ...]:
        """Everything that a build of `--target` needs: stages, images, paths, values, instructions."""
        start = f"stage:{self.table.find(target)}"
        found = nx.descendants(self.graph, start) | {start}
        return tuple(node for node in self.parts.nodes if node.id in found)

    def unused(self, target: str = "") -> Unused:
        """Stages that the target never uses, and whether that is certain."""
        return self.table.unused(target)

    def cycles(self) -> tuple[tuple[int, ...], ...]:
        """The circles of stages that copy or mount from each other, each from its lowest index."""
        between: nx.DiGraph[int] = nx.DiGraph()
        for use in self.table.uses:
            if use.source.stage is not None:
                between.add_edge(use.stage, use.source.stage)
        found = []
        for circle in nx.simple_cycles(between):
            at = circle.index(min(circle))
            found.append((*circle[at:], *circle[:at]))
        return tuple(sorted(found))

    def invalidated_by_path(self, path: str) -> tuple[Rerun, ...]:
        """The instructions that run again when a file of the context changes. Without a context the
        sources as written decide: a path below one of them counts."""
        clean = path.removeprefix("./").strip("/")
        changed = [
            node.id
            for node in self.parts.nodes
            if node.kind == "path" and (node.label in (clean, ".") or clean.startswith(f"{node.label}/"))
        ]
        return self._reruns(changed)

    def invalidated_by_arg(self, name: str) -> tuple[Rerun, ...]:
        """The instructions that run again when `--build-arg NAME` changes: those that use it, every RUN
        after its ARG, and all that follows these."""
        changed = [
            node.id
            for node in self.parts.nodes
            if node.kind == "value" and node.label == name and not node.id.startswith("env:")
        ]
        return self._reruns(changed)

    def _reruns(self, changed: Sequence[str]) -> tuple[Rerun, ...]:
        """What depends on the changed nodes; certain where a way leads there without comparing contents.

        The first instruction that takes a changed file is certain: its own source is what changed.
        """
        edges = [edge for edge in self.parts.edges if edge.kind not in _BELONGING]
        direct = {edge.source for edge in edges if edge.target in changed}
        every: nx.DiGraph[str] = nx.DiGraph((edge.source, edge.target) for edge in edges)
        strong: nx.DiGraph[str] = nx.DiGraph(
            (edge.source, edge.target) for edge in edges if edge.kind not in _BY_CONTENT
        )
        certain, possible = set(direct), set(direct)
        for id_ in direct:
            certain |= nx.ancestors(strong, id_) if id_ in strong else set()
            possible |= nx.ancestors(every, id_)
        return tuple(
            Rerun(stage.index, instruction, self.node(id_).line or 0, id_ in certain)
            for stage in self.table.stages
            for id_, instruction in self._layers(stage.index)
            if id_ in possible
        )

    def _layers(self, stage: int) -> list[tuple[str, Expanded]]:
        found = []
        for number, (instruction, trigger) in enumerate(ordered(self.table.stages[stage])):
            if makes_layer(instruction):
                line = instruction.node.start_line
                found.append((f"onbuild:{stage}:{number}" if trigger else f"line:{line}", instruction))
        return found

    def context_paths(self, target: str = "") -> tuple[str, ...]:
        """The paths of the context that a build of the target copies or mounts, sorted."""
        return tuple(sorted(node.label for node in self.needs(target) if node.kind == "path"))

    def uses_context(self, target: str = "") -> bool:
        return any(node.id == CONTEXT for node in self.needs(target))

    def brought(self, entry: Entry, layers: Sequence[Layer], target: str = "") -> Origin | None:
        """The instruction that brought a path of the target's image, by the layer it lies in; None where it
        came with the base image."""
        found = origins(self.table, self.table.find(target), layers)
        return found[entry.layer] if 0 <= entry.layer < len(found) else None
