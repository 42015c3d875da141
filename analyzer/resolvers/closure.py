"""The joint fixpoint: from roots, over what every resolver says, to all that has to stay and why.

The result does not depend on the order of roots, resolvers or threads: paths and reasons are sets until the
end, and are sorted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import UNCOPIED, Entry, ancestors, parent_of
from analyzer.garbage import uncollected
from analyzer.resolvers.interface import Finding, Leftover, Resolver, View
from analyzer.resolvers.traced import listed_directories


@dataclass(frozen=True, slots=True)
class Closure:
    """Kept paths (sorted) with every reason for each (sorted), what could not be followed, who answers."""

    evidence: Mapping[str, tuple[Evidence, ...]]
    unresolved: tuple[Unresolved, ...] = ()
    answers: tuple[Answers, ...] = ()


@uncollected
def close(
    view: View,
    roots: Iterable[Evidence],
    resolvers: Sequence[Resolver],
    *,
    dropped: Callable[[str], bool] = lambda _: False,
    answers: Iterable[Answers] = (),
) -> Closure:
    """Close over the roots' evidence.

    Every path in the result is in the image. A path brings the links on the way to it, what it leads to when
    it is a link itself, and all directories above. A directory that the run listed brings its entries, unless
    a resolver answers for the lister; that is settled once all other evidence stands, so that it does not
    depend on who spoke first; `answers` are known beforehand. What `dropped` says yes to is never kept, and
    nothing is kept for its sake.
    """
    work = _Work(view, dropped, answers=set(answers))
    for evidence in sorted(set(roots), key=_order):
        work.place(evidence)
    work.run(resolvers)
    answered = {view.fs.resolve(answer.directory).path for answer in work.answers}
    for directory in listed_directories(view):
        if directory in work.kept and directory not in answered:
            work.place_entries(directory)
    work.run(resolvers)
    for resolver in resolvers:
        if isinstance(resolver, Leftover):
            work.unresolved.update(resolver.leftovers(view, work.kept))
    return work.result()


def _order(evidence: Evidence) -> tuple[str, str, str, str, bool]:
    return evidence.path, evidence.kind, evidence.source, evidence.reason, evidence.tree


@dataclass(slots=True)
class _Work:
    view: View
    dropped: Callable[[str], bool]
    kept: dict[str, list[Evidence]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # kept paths as they came: resolvers read on from a mark
    seen: set[Evidence] = field(default_factory=set)  # as resolvers named it
    given: set[Evidence] = field(default_factory=set)  # as it stands in `kept`
    whole: set[tuple[str, str]] = field(
        default_factory=set
    )  # directories laid out by a tree reason of a kind
    unresolved: set[Unresolved] = field(default_factory=set)
    answers: set[Answers] = field(default_factory=set)
    # resolver → how many paths and reasons there were when it was last asked
    marks: dict[int, tuple[int, int]] = field(default_factory=dict)

    def run(self, resolvers: Sequence[Resolver]) -> None:
        """Ask every resolver again while it has not seen all paths and all reasons."""
        idle = False
        while not idle:
            idle = True
            for number, resolver in enumerate(resolvers):
                paths, reasons = self.marks.get(number, (0, -1))
                if reasons == len(self.given) and paths == len(self.order):
                    continue
                self.marks[number] = (len(self.order), len(self.given))
                idle = False
                for finding in resolver.resolve(self.view, sorted(self.order[paths:]), self.kept):
                    self.take(finding)

    def take(self, finding: Finding) -> None:
        if isinstance(finding, Evidence):
            self.place(finding)
        elif isinstance(finding, Answers):
            self.answers.add(finding)
        else:
            self.unresolved.add(finding)

    def place(self, evidence: Evidence) -> None:
        """Keep what the evidence names, with the links on the way; nothing when the image lacks it."""
        if evidence in self.seen:
            return
        self.seen.add(evidence)
        fs = self.view.fs
        entry = fs.get(evidence.path)
        if entry is None:
            found = fs.resolve(evidence.path, follow=False)
            if found.missing:
                return
            for link in found.via:
                self.put(link, Evidence(link, "link", evidence.source, f"on the way to {evidence.path}"))
            entry = fs.entries[found.path]
            evidence = replace(evidence, path=found.path)
        self.put(entry.path, evidence)
        if evidence.tree:
            target = fs.lookup(entry.path) if entry.kind == "link" else entry
            if target is not None and target.kind == "dir":
                self.lay_out(target.path, evidence)

    def lay_out(self, directory: str, evidence: Evidence) -> None:
        """All below a directory that is kept as a whole."""
        if (directory, evidence.kind) in self.whole:
            return
        self.whole.add((directory, evidence.kind))
        for entry in self.view.fs.below(directory):
            self.put(entry.path, Evidence(entry.path, evidence.kind, directory, f"below {directory}"))

    def place_entries(self, directory: str) -> None:
        for path in self.view.fs.children(directory):
            self.put(path, Evidence(path, "listed", directory, f"the run listed {directory}"))

    def put(self, path: str, evidence: Evidence) -> None:
        """Keep one entry of the image for one reason."""
        if self.dropped(path):
            return
        entry = self.view.fs.entries[path]
        if entry.kind in UNCOPIED:
            # What stands in /dev and /run is the engine's to make.
            if not path.startswith(("/dev/", "/run/")):
                reason = f"a {UNCOPIED[entry.kind]} cannot be copied: left out"
                self.unresolved.add(Unresolved(path, "closure", reason))
            return
        if path not in self.kept:
            self.kept[path] = []
            self.order.append(path)
            for above in ancestors(path):
                if above in self.kept:
                    break
                self.kept[above] = []
                self.order.append(above)
            if entry.kind == "link":
                self.follow(entry)
        if evidence not in self.given:
            self.given.add(evidence)
            self.kept[path].append(evidence)

    def follow(self, link: Entry) -> None:
        """What a kept link leads to, each further link on the way included."""
        found = self.view.fs.resolve(link.path)
        if found.missing:
            return
        for path in (*found.via[1:], found.path):
            self.put(path, Evidence(path, "link", link.path, f"{link.path} leads there"))

    def result(self) -> Closure:
        first_below: dict[str, str] = {}
        for path in sorted(self.kept):
            if path != "/":
                first_below.setdefault(parent_of(path), path)
        evidence: dict[str, tuple[Evidence, ...]] = {}
        for path in sorted(self.kept):
            reasons = self.kept[path]
            if reasons:
                evidence[path] = tuple(sorted(reasons, key=_order))
            else:
                child = first_below[path]
                evidence[path] = (Evidence(path, "parent", child, f"holds {child}"),)
        return Closure(
            evidence,
            tuple(sorted(self.unresolved, key=lambda one: (one.path, one.resolver, one.reason))),
            tuple(sorted(self.answers, key=lambda one: (one.directory, one.resolver, one.reason))),
        )
