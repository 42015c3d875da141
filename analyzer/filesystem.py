"""An image's tree as a manifest: entries by path, links resolved inside the image, contents read when asked.

A path inside an image is a `str`, absolute and normalised ("/usr/bin/env"; "/" is the root); a path on the
host is a `pathlib.Path`. The two never mix: their types differ. Names that are not UTF-8 carry surrogate
escapes, as `os.fsdecode` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from analyzer.manifest import Entry, EntryKind, Manifest, Resolution

__all__ = [
    "UNCOPIED",
    "VOLATILE",
    "Contents",
    "Entry",
    "EntryKind",
    "Filesystem",
    "Manifest",
    "Resolution",
    "ancestors",
    "hardlink_groups",
    "is_volatile",
    "join",
    "name_of",
    "normalise",
    "parent_of",
]

# The engine or the kernel fills these at run time: what comes and goes there is not the image's.
VOLATILE = ("/proc", "/sys", "/dev", "/tmp", "/run")

# What no build copies from one stage to another, in words.
UNCOPIED = {"fifo": "named pipe", "char": "character device", "block": "block device", "socket": "socket"}


class Contents(Protocol):
    """Where file contents come from: a saved image on disk, a recording, a test's dictionary."""

    def read(self, entry: Entry, limit: int | None = None) -> bytes:
        """The bytes of a regular file, at most `limit` of them."""
        ...


def parent_of(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def name_of(path: str) -> str:
    return path.rpartition("/")[2]


def join(directory: str, name: str) -> str:
    """`name` seen from `directory`, normalised; an absolute name stands for itself."""
    return normalise(name if name.startswith("/") else f"{directory}/{name}")


def normalise(path: str) -> str:
    """Absolute, without `.`, `..` and doubled slashes. Textual: only right where no link is crossed."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def is_volatile(path: str) -> bool:
    """One of the directories that are filled at run time, or below one."""
    return any(path == root or path.startswith(f"{root}/") for root in VOLATILE)


def ancestors(path: str) -> Iterator[str]:
    """The directories above `path`, nearest first, the root last; none for the root itself."""
    while path != "/":
        path = parent_of(path)
        yield path


@dataclass(slots=True)
class Filesystem:
    """A tree of entries, in order. Every entry's parent is an entry; the root always is."""

    entries: Manifest
    contents: Contents

    def __post_init__(self) -> None:
        self.entries.sort()

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def __iter__(self) -> Iterator[Entry]:
        return self.entries.each()

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, path: str) -> Entry | None:
        """The entry at exactly this path: no link is followed, not even in its directory."""
        return self.entries.get(path)

    def names(self, directory: str) -> list[str]:
        """Names in a directory, sorted; empty for what is no directory. Follows no link."""
        return self.entries.names(directory)

    def children(self, directory: str) -> list[str]:
        """Paths in a directory, sorted. Follows no link."""
        base = "" if directory == "/" else directory
        return [f"{base}/{name}" for name in self.names(directory)]

    def below(self, directory: str) -> Iterator[Entry]:
        """Every entry below a directory (not itself), parents before children, sorted. Follows no link."""
        for path in self.children(directory):
            entry = self.entries[path]
            yield entry
            if entry.kind == "dir":
                yield from self.below(path)

    def resolve(self, path: str, *, follow: bool = True) -> Resolution:
        """Follow links as the kernel does inside the image's root; `follow` also the last component's."""
        return self.entries.resolve(path, follow=follow)

    def lookup(self, path: str) -> Entry | None:
        """The entry that a path leads to when every link is followed."""
        found = self.resolve(path)
        return None if found.missing else self.entries[found.path]

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        """The bytes of the regular file that a path leads to; None where there is none."""
        entry = self.lookup(path)
        if entry is None or entry.kind != "file":
            return None
        return self.contents.read(entry, limit)


def hardlink_groups(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """Hard-link groups: the group's name to its paths, sorted."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        if entry.hardlink:
            groups.setdefault(entry.hardlink, []).append(entry.path)
    return {name: sorted(paths) for name, paths in sorted(groups.items())}
