"""What is kept and why: the evidence as a graph, from roots over reasons to paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import Filesystem
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.commands import find_command, search_path
from analyzer.resolvers.interface import View
from analyzer.resolvers.table import Coverage, resolvers_for

# The root of every chain that begins with what the image starts.
ENTRYPOINT = "entrypoint"


@dataclass(frozen=True, slots=True)
class KeepSet:
    """Kept paths, sorted, each with all its reasons, sorted."""

    fs: Filesystem
    coverage: Coverage
    evidence: Mapping[str, tuple[Evidence, ...]]
    unresolved: tuple[Unresolved, ...] = ()
    answers: tuple[Answers, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the kept files; the names of one hard-link group count once."""
        groups = {}
        for path in self.evidence:
            entry = self.fs.entries[path]
            if entry.kind == "file":
                groups[entry.hardlink or path] = entry.size
        return sum(groups.values())


def compute(
    view: View,
    roots: Iterable[Evidence] = (),
    *,
    coverage: Coverage = "balanced",
    dropped: Callable[[str], bool] = lambda _: False,
) -> KeepSet:
    """Close over `roots` (the author's files, what was asked for, what healing proved) and over what the
    image starts, at a coverage level."""
    everything = [*roots, *entrypoint_roots(view.fs, view.config)]
    closure = close(view, everything, resolvers_for(coverage), dropped=dropped)
    return KeepSet(view.fs, coverage, closure.evidence, closure.unresolved, closure.answers)


def entrypoint_roots(fs: Filesystem, config: ImageConfig) -> Iterator[Evidence]:
    """The program that PID 1 starts as, found as the engine does: from the working directory when its name
    has a slash, else along the image's PATH."""
    words = config.command
    if not words:
        return
    found = find_command(fs, words[0], search_path(config), config.workdir or "/")
    if found is not None:
        yield Evidence(found, "asked", ENTRYPOINT, f"the image starts {words[0]}")


def graph(keepset: KeepSet) -> nx.DiGraph[str]:
    """Nodes are kept paths and the roots' names; an edge from what needs to what is needed, its evidence in
    the attribute `evidence` (a tuple)."""
    result: nx.DiGraph[str] = nx.DiGraph()
    for path, reasons in keepset.evidence.items():
        result.add_node(path)
        for reason in reasons:
            if result.has_edge(reason.source, path):
                result.edges[reason.source, path]["evidence"] += (reason,)
            else:
                result.add_edge(reason.source, path, evidence=(reason,))
    return result


def why(keepset: KeepSet, path: str) -> list[Evidence]:
    """The shortest chain from a root to a kept path, root first; empty when the path is not kept."""
    if path not in keepset.evidence:
        return []
    chains = graph(keepset)
    above = nx.single_source_shortest_path(chains.reverse(copy=False), path)
    roots = sorted((len(steps), root) for root, steps in above.items() if root not in keepset.evidence)
    if not roots:
        return []
    steps = list(reversed(above[roots[0][1]]))
    return [chains.edges[start, end]["evidence"][0] for start, end in pairwise(steps)]
