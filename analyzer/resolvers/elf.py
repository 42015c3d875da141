"""What kept programs and libraries link: the loader, needed libraries, names that they open at run time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analyzer.evidence import Evidence, Unresolved
from analyzer.filesystem import Entry, name_of, parent_of
from analyzer.resolvers.elfreader import ELF
from analyzer.resolvers.interface import View
from analyzer.resolvers.loader import Flavour, Search, answered_by_loader, loader_files, needer_of

_SHARED = re.compile(r"\.so(\.|$)|\.node$")

# Libraries that these open only on behalf of callers who link them themselves: libidn2 for AI_IDN, libsepol
# for loading a policy; and the name service modules, which nsswitch.conf names (see libraries.py).
_FOR_CALLERS = {
    "libc.so": ("libidn2.", "libnss_", "/"),
    "libselinux.so": ("libsepol.",),
}

_OPENERS = frozenset({"dlopen", "dlmopen"})


def may_be_elf(entry: Entry) -> bool:
    """Programs have the executable bit, libraries and extension modules a name that says so."""
    return entry.kind == "file" and (entry.executable or _SHARED.search(name_of(entry.path)) is not None)


class Elf:
    """Follows needed libraries as the loader would, each with the RPATHs that it inherits."""

    name = "elf"

    def __init__(self) -> None:
        self._search: Search | None = None
        # real path → how the loader reached it: the path it used, inherited RPATHs, the flavour it runs under
        self._ways: dict[str, set[tuple[str, tuple[str, ...], Flavour]]] = {}
        # ways not yet followed: a library that a thousand others need has a thousand of them
        self._fresh: dict[str, set[tuple[str, tuple[str, ...], Flavour]]] = {}
        self._missing: dict[tuple[str, str], None] = {}
        self._found: set[tuple[str, str]] = set()

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Evidence]:
        self._search = self._search or Search(view)
        files = [path for path in new if may_be_elf(view.fs.entries[path])]
        for path, facts in view.facts.get_many(ELF, files).items():
            if facts is None:
                continue
            if facts.get("interp"):
                yield Evidence(facts["interp"], "linked", path, "its loader")
                for read in loader_files(facts):
                    yield Evidence(read, "linked", facts["interp"], "the loader reads it to find libraries")
            self._add_way(path, (path, (), self._flavour(view, facts)))
            yield from self._load(view, path, kept)

    def leftovers(self, view: View, kept: Mapping[str, Sequence[Evidence]]) -> Iterable[Unresolved]:
        names = {name_of(path) for path in kept}
        for path, name in self._missing:
            # What the program has loaded already under that name is not searched for again.
            if (path, name) not in self._found and name_of(name) not in names:
                yield Unresolved(path, self.name, f"needs {name}, which no search of the loader finds")

    def _load(self, view: View, path: str, kept: Mapping[str, Sequence[Evidence]]) -> Iterator[Evidence]:
        """Look for all that one file needs, by every way that led to it."""
        pending = [path]
        while pending:
            real = pending.pop()
            facts = view.facts.get(ELF, real) or {}
            for spelled, inherited, flavour in sorted(self._fresh.pop(real, ())):
                for evidence, target, way in self._needs(view, real, spelled, inherited, flavour, facts):
                    yield evidence
                    if self._add_way(target, way) and target in kept:
                        pending.append(target)

    def _add_way(self, path: str, way: tuple[str, tuple[str, ...], Flavour]) -> bool:
        known = self._ways.setdefault(path, set())
        if way in known:
            return False
        known.add(way)
        self._fresh.setdefault(path, set()).add(way)
        return True

    def _needs(
        self,
        view: View,
        real: str,
        spelled: str,
        inherited: tuple[str, ...],
        flavour: Flavour,
        facts: dict[str, Any],
    ) -> Iterator[tuple[Evidence, str, tuple[str, tuple[str, ...], Flavour]]]:
        assert self._search is not None
        needer = needer_of(spelled, facts, flavour, inherited)
        handed_on = self._search.handed_on(needer)
        opened = _opened(facts)
        for name, reason in (
            *((name, f"needs {name}") for name in facts.get("needed", ())),
            *((name, f"may open {name} at run time") for name in opened),
        ):
            if answered_by_loader(name, flavour):
                continue
            found = self._search.find(name, needer)
            for hit in found:
                target = view.fs.resolve(hit).path
                if target != real:
                    # By its directory's real path: the loader's `$ORIGIN/..` means the same from there.
                    place = f"{view.fs.resolve(parent_of(hit)).path}/{name_of(hit)}"
                    yield Evidence(hit, "linked", real, reason), target, (place, handed_on, flavour)
            if found:
                self._found.add((real, name))
            elif name in facts.get("needed", ()):
                self._missing[real, name] = None

    def _flavour(self, view: View, facts: dict[str, Any]) -> Flavour:
        needed = facts.get("needed", ())
        if "ld-musl" in facts.get("interp", "") or any(
            name.startswith("libc.musl-") or name == "libc.so" for name in needed
        ):
            return "musl"
        if facts.get("interp") or "libc.so.6" in needed:
            return "glibc"
        loaders = (name for folder in ("/lib", "/usr/lib") for name in view.fs.names(folder))
        return "musl" if any(name.startswith("ld-musl-") for name in loaders) else "glibc"


def _opened(facts: dict[str, Any]) -> list[str]:
    """Names that it may open: what it spells, when it imports dlopen or is the C library."""
    names: list[str] = facts.get("libraries", [])
    soname = facts.get("soname", "")
    for opener, serves in _FOR_CALLERS.items():
        if soname.startswith(opener):
            return [name for name in names if not name.startswith(serves)]
    return names if not _OPENERS.isdisjoint(facts.get("uses", ())) else []
