"""An image's tree as a manifest: entries by path, links resolved inside the image, contents read when asked.

A path inside an image is a `str`, absolute and normalised ("/usr/bin/env"; "/" is the root); a path on the
host is a `pathlib.Path`. The two never mix: their types differ. Names that are not UTF-8 carry surrogate
escapes, as `os.fsdecode` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

EntryKind = Literal["file", "dir", "link", "fifo", "char", "block", "socket"]

# The engine or the kernel fills these at run time: what comes and goes there is not the image's.
VOLATILE = ("/proc", "/sys", "/dev", "/tmp", "/run")

# The kernel gives up after 40 links on the way (path_resolution(7)).
MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of the image. Sizes in bytes, times in whole seconds since the epoch."""

    path: str
    kind: EntryKind
    mode: int = 0o644  # permission bits with setuid, setgid and sticky: at most 0o7777
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    target: str = ""  # of a link, as written
    hardlink: str = ""  # first path (sorted) of its hard-link group; "" when it is alone
    xattrs: tuple[tuple[str, bytes], ...] = ()
    layer: int = 0  # index of the layer that brought it, 0 the lowest
    offset: int = -1  # where its contents begin in that layer's tar; -1 when there are none
    device: tuple[int, int] = (0, 0)  # major, minor
    # Index of the layer that first had this file, where later ones changed only its mode, owner or the like.
    origin: int = -1  # -1: none did

    @property
    def executable(self) -> bool:
        return self.kind == "file" and bool(self.mode & 0o111)

    @property
    def special(self) -> bool:
        """Has rights of its own: setuid, setgid or file capabilities."""
        return self.kind == "file" and (
            bool(self.mode & 0o6000) or any(name == "security.capability" for name, _ in self.xattrs)
        )


class Contents(Protocol):
    """Where file contents come from: a saved image on disk, a recording, a test's dictionary."""

    def read(self, entry: Entry, limit: int | None = None) -> bytes:
        """The bytes of a regular file, at most `limit` of them."""
        ...


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a path leads to. `via` are the links crossed, in order; `missing` is set when nothing is there."""

    path: str
    via: tuple[str, ...] = ()
    missing: bool = False


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


def resolve_in(entries: Mapping[str, Entry], path: str, *, follow: bool = True) -> Resolution:
    """Follow links as the kernel does inside the image's root; `follow` also the last component's."""
    pending = [part for part in reversed(path.split("/")) if part and part != "."]
    at = "/"
    via: list[str] = []
    while pending:
        part = pending.pop()
        if part == "..":
            at = parent_of(at)
            continue
        here = f"{'' if at == '/' else at}/{part}"
        entry = entries.get(here)
        if entry is None:
            rest = "".join(f"/{name}" for name in reversed(pending))
            return Resolution(here + rest, tuple(via), missing=True)
        if entry.kind == "link" and (pending or follow):
            via.append(here)
            if len(via) > MAX_LINKS:
                return Resolution(here, tuple(via), missing=True)
            if entry.target.startswith("/"):
                at = "/"
            pending.extend(part for part in reversed(entry.target.split("/")) if part and part != ".")
            continue
        if pending and entry.kind != "dir":
            rest = "".join(f"/{name}" for name in reversed(pending))
            return Resolution(here + rest, tuple(via), missing=True)
        at = here
    return Resolution(at, tuple(via))


@dataclass(slots=True)
class Filesystem:
    """A tree of entries. Every entry's parent is an entry; the root always is."""

    entries: dict[str, Entry]
    contents: Contents
    _children: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.entries.setdefault("/", Entry("/", "dir", 0o755))
        # Half of an image's names stand in several of its directories: one string for each.
        names: dict[str, str] = {}
        for path in sorted(self.entries):
            if path != "/":
                name = name_of(path)
                directory = self._children.setdefault(parent_of(path), [])
                directory.append(names.setdefault(name, name))

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, path: str) -> Entry | None:
        """The entry at exactly this path: no link is followed, not even in its directory."""
        return self.entries.get(path)

    def names(self, directory: str) -> list[str]:
        """Names in a directory, sorted; empty for what is no directory. Follows no link."""
        return self._children.get(directory, [])

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
        return resolve_in(self.entries, path, follow=follow)

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
