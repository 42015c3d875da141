"""Absolute paths that kept programs, the author's files, configuration and ENV spell.

A spelled file stays. A spelled directory stays as such, with what is in it only where that is plainly meant:
what the program's own package put there, or data that no package owns and that the author names. Never a
reason to keep a shell, an interpreter or an installer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer.evidence import Evidence
from analyzer.filesystem import Entry, name_of
from analyzer.resolvers.commands import PACKAGE_MANAGERS
from analyzer.resolvers.elf import may_be_elf
from analyzer.resolvers.elfreader import ELF, constants
from analyzer.resolvers.hierarchy import INTERPRETERS, NOT_RUN, SHARED_DIRECTORIES
from analyzer.resolvers.interface import Extractor, View
from analyzer.resolvers.packagedb import PackageDatabase, read_database

# A text beyond this is data.
_TEXT_LIMIT = 1 << 20

_PATH = re.compile(rb"(?:/[\w.+@:,~%=-]+){2,}/?")
_IN_TEXT = re.compile(rb"(?<![\w./$}~%:*-])(?:/[\w.+@-]+){2,}")

_VOLATILE = re.compile(r"/(proc|sys|dev|tmp|run)(/|$)")

_NEVER = PACKAGE_MANAGERS | frozenset(
    "sh bash dash ash ksh mksh zsh fish csh tcsh rbash sash gcc cc c++ g++ cpp ld as make gdb vi vim nano"
    " emacs editor sensible-editor".split()
)

# A directory with one of these is a program's, not data.
_CODE = re.compile(r"\.(so(\.[\d.]+)?|py|pyc|js|mjs|cjs|rb|pl|pm|php|jar|class|node|a|h|go|rs|exe|dll)$")


def read_literals(data: bytes) -> list[str] | None:
    """Absolute paths of two or more names among an ELF file's constants, or in a text; None for neither."""
    found: set[bytes] = set()
    if data[:4] == b"\x7fELF":
        for blob in constants(data):
            found.update(_spelled(blob))
    elif b"\0" in data[:8192]:
        return None
    else:
        found.update(_IN_TEXT.findall(data[:_TEXT_LIMIT]))
    return sorted(path.decode("utf-8", "surrogateescape").rstrip("/.,:") for path in found)


def _spelled(blob: bytes) -> Iterator[bytes]:
    at = blob.find(b"\0/")
    while at >= 0:
        end = blob.find(b"\0", at + 1)
        end = len(blob) if end < 0 else end
        if 4 < end - at <= 4096 and _PATH.fullmatch(blob, at + 1, end):
            yield blob[at + 1 : end]
        at = blob.find(b"\0/", end)


LITERALS = Extractor("literals", 1, read_literals)


class Literals:
    """Keeps what is spelled and there."""

    name = "literals"

    def __init__(self) -> None:
        self._database: PackageDatabase | None = None

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Evidence]:
        if self._database is None:
            self._database = read_database(view.fs, view.facts)
            for name, value in view.config.env:
                if value.startswith("/") and ":" not in value:
                    yield from self._spelled(view, f"ENV {name}", value, named_by_author=True)
        readers = [path for path in new if _is_read(view.fs.entries[path], kept[path])]
        for path, literals in view.facts.get_many(LITERALS, readers).items():
            author = any(one.kind == "author" for one in kept[path])
            for literal in literals or ():
                yield from self._spelled(view, path, literal, named_by_author=author)

    def _spelled(self, view: View, source: str, literal: str, *, named_by_author: bool) -> Iterator[Evidence]:
        if _VOLATILE.match(literal) or NOT_RUN.search(literal):
            return
        found = view.fs.resolve(literal)
        if found.missing or found.path == source or _VOLATILE.match(found.path):
            return
        target = view.fs.entries[found.path]
        if target.kind == "dir":
            yield from self._directory(view, source, literal, target, named_by_author)
        elif target.kind == "file" and not _kept_off(literal) and not _kept_off(found.path):
            yield Evidence(literal, "literal", source, f"{source} spells {literal}")

    def _directory(
        self, view: View, source: str, literal: str, directory: Entry, named_by_author: bool
    ) -> Iterator[Evidence]:
        assert self._database is not None
        if directory.path in SHARED_DIRECTORIES:
            return
        yield Evidence(literal, "literal", source, f"{source} spells {literal}")
        if named_by_author and self._is_data(view, directory.path):
            yield Evidence(literal, "literal", source, f"data that {source} names", tree=True)
        package = self._database.package_of(source)
        facts = view.facts.get(ELF, source) if package is not None else None
        if package is None or not facts or facts.get("soname") or INTERPRETERS.search(source):
            return
        for path in package.paths:
            if path.startswith(f"{directory.path}/") and not NOT_RUN.search(path):
                yield Evidence(
                    path, "literal", source, f"{source} spells {literal}, and {package.name} put this there"
                )

    def _is_data(self, view: View, directory: str) -> bool:
        """No package owns a file below, and none is a program, a library or a source."""
        assert self._database is not None
        return not any(
            entry.kind != "dir"
            and (entry.executable or entry.path in self._database.owners or _CODE.search(entry.path))
            for entry in view.fs.below(directory)
        )


def _kept_off(path: str) -> bool:
    return name_of(path) in _NEVER or INTERPRETERS.search(path) is not None


def _is_read(entry: Entry, reasons: Iterable[Evidence]) -> bool:
    """Programs and libraries; the author's own texts, and configuration."""
    if entry.kind != "file":
        return False
    if entry.executable or may_be_elf(entry):
        return True
    return entry.size <= _TEXT_LIMIT and (
        entry.path.startswith("/etc/") or any(one.kind == "author" for one in reasons)
    )
