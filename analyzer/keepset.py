"""What is kept and why: the evidence as a graph, from roots over reasons to paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

import networkx as nx

from analyzer.errors import ScratchifyError
from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import Filesystem, ancestors
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.commands import find_command, search_path
from analyzer.resolvers.interface import View
from analyzer.resolvers.packagedb import read_database
from analyzer.resolvers.packages import package_roots
from analyzer.resolvers.patterns import Matcher, unmatched
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


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks for beside the evidence: patterns as in .gitignore, and names of OS packages."""

    keep: tuple[str, ...] = ()
    keep_packages: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


def compute(
    view: View,
    roots: Iterable[Evidence] = (),
    *,
    coverage: Coverage = "balanced",
    wishes: Wishes = Wishes(),
) -> KeepSet:
    """Close over `roots` (the author's files, what healing proved), over what the image starts and over what
    the user wishes, at a coverage level. Raises ScratchifyError for a package that is not installed."""
    asked, unmet = _asked(view, wishes)
    everything = [*roots, *entrypoint_roots(view.fs, view.config), *asked]
    dropped = Matcher(view.fs, wishes.drop)
    answers: Iterable[Answers] = ()
    if coverage == "traced":
        # Who reads a directory for what he wants of it does so at every level: what only the listing shows
        # would else stay at the lowest level, and go at the next.
        answers = close(view, everything, resolvers_for("balanced"), dropped=dropped).answers
    closure = close(view, everything, resolvers_for(coverage), dropped=dropped, answers=answers)
    return KeepSet(view.fs, coverage, closure.evidence, (*unmet, *closure.unresolved), closure.answers)


def _asked(view: View, wishes: Wishes) -> tuple[list[Evidence], list[Unresolved]]:
    matcher = Matcher(view.fs, wishes.keep)
    asked = [
        Evidence(entry.path, "asked", "--keep", "it matches what --keep names")
        for entry in view.fs
        if matcher(entry.path)
    ]
    if wishes.keep_packages:
        database = read_database(view.fs, view.facts)
        for name in wishes.keep_packages:
            if name not in database.packages:
                near = get_close_matches(name, database.packages, n=1)
                raise ScratchifyError(
                    f"--keep-package {name}: the image has no package of that name",
                    hint=f"did you mean {near[0]}?" if near else "",
                )
        asked += package_roots(database, wishes.keep_packages)
    unmet = [
        Unresolved(pattern, f"--{option}", "the pattern matches nothing in the image")
        for option, patterns in (("keep", wishes.keep), ("drop", wishes.drop))
        for pattern in unmatched(view.fs, patterns)
    ]
    return asked, unmet


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
    """The shortest chain from a root to a kept path, root first; empty when the path is not kept. A path
    through links is followed to its entry. Of roots equally near, the first by name."""
    if path not in keepset.evidence:
        path = keepset.fs.resolve(path, follow=False).path
    if path not in keepset.evidence:
        return []
    reasons = graph(keepset)
    towards = nx.single_source_shortest_path(reasons.reverse(copy=False), path)
    roots = [(len(steps), root) for root, steps in towards.items() if root not in keepset.evidence]
    if not roots:
        return []
    steps = towards[min(roots)[1]][::-1]
    return [reasons.edges[start, end]["evidence"][0] for start, end in pairwise(steps)]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why a path went, or why nothing can be said: what it is, and what stays near it."""

    path: str
    there: bool  # in the original image
    kept: bool
    size: int = 0  # bytes, with all below
    files: int = 0
    package: str = ""  # the OS package that owns it, where known
    holder: str = ""  # the nearest directory above that stays
    neighbours: tuple[str, ...] = ()  # what stays in that directory, a few


def why_not(keepset: KeepSet, path: str, package: str = "") -> WhyNot:
    """What is known of a path that is not kept: no reason reached it."""
    found = keepset.fs.resolve(path, follow=False)
    if found.missing:
        return WhyNot(path, False, False)
    entry = keepset.fs.entries[found.path]
    files = [one for one in (entry, *keepset.fs.below(entry.path)) if one.kind == "file"]
    holder = next((above for above in ancestors(found.path) if above in keepset.evidence), "")
    beside = [one for one in keepset.fs.children(holder) if one in keepset.evidence] if holder else []
    return WhyNot(
        found.path,
        True,
        found.path in keepset.evidence,
        sum(one.size for one in files),
        len(files),
        package,
        holder,
        tuple(beside[:5]),
    )
