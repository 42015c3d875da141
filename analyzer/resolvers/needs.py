"""Needs by condition: what a table row of `system.py` or `libraries.py` says, and what makes it true."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analyzer.evidence import Evidence, EvidenceKind
from analyzer.filesystem import name_of, parent_of
from analyzer.resolvers.interface import View

_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Need:
    """Paths that are needed, and when.

    It is there always when nothing says when; else for each kept file that takes one of the functions `uses`
    from the C library, spells one of the paths `spells` (see elfreader.py), or whose path `files` matches.
    `paths` are kept as they are, `trees` with all below them; `*` stands for part of a name, and a
    leading `{lib}` for the directory of the library that has the need and the system's own.
    """

    name: str
    reason: str
    paths: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    spells: frozenset[str] = frozenset()
    files: re.Pattern[str] = _NOTHING

    @property
    def always(self) -> bool:
        return not self.uses and not self.spells and self.files is _NOTHING


def why(need: Need, path: str, facts: Mapping[str, Any]) -> str:
    """What about a kept file (and what its ELF facts say) makes the need; "" when nothing does."""
    taken = sorted(need.uses.intersection(facts.get("uses", ())))
    if taken:
        return f"calls {taken[0]}"
    named = sorted(need.spells.intersection(facts.get("spells", ())))
    if named:
        return f"names {named[0]}"
    return f"is {name_of(path)}" if need.files.search(path) else ""


def told(view: View, need: Need, kind: EvidenceKind, source: str, reason: str) -> Iterator[Evidence]:
    """Evidence for all that a need names and the image has."""
    for patterns, tree in ((need.paths, False), (need.trees, True)):
        for pattern in patterns:
            for path in matching(view, pattern, source):
                yield Evidence(path, kind, source, reason, tree)


def matching(view: View, pattern: str, source: str) -> Iterable[str]:
    """Paths of a pattern, whose wildcard is in its last name; links in its directory are followed."""
    if pattern.startswith("{lib}"):
        return [
            path
            for base in library_directories(view, source)
            for path in matching(view, base + pattern[len("{lib}") :], source)
        ]
    directory, _, name = pattern.rpartition("/")
    if not re.search(r"[*\[]", name):
        return (pattern,)
    found = view.fs.resolve(directory or "/").path
    shape = re.compile(fnmatch.translate(name))
    return tuple(f"{directory}/{child}" for child in view.fs.names(found) if shape.match(child))


def library_directories(view: View, source: str) -> list[str]:
    """Where a library keeps what it loads: beside itself, or in a directory of the system's libraries."""
    system = [f"/usr/lib/{name}" for name in view.fs.names("/usr/lib") if name.endswith(TRIPLETS)]
    beside = parent_of(source)
    found = [beside] if beside.startswith("/") and "lib" in beside else []
    for directory in (*system, "/usr/lib64", "/usr/lib", "/lib"):
        if directory in view.fs and view.fs.resolve(directory).path not in found:
            found.append(directory)
    return found


TRIPLETS = ("-linux-gnu", "-linux-gnueabihf", "-linux-gnuabi64", "-linux-musl")
