"""The manifest of an image: every path with its metadata, packed so that memory hardly grows with the image.

One object a path would take some 350 bytes: the object, the path's text, the dictionary. Here a path is a
name in its directory and a row of numbers; what many paths have in common (kind, owner, mode …) is stored
once, and an `Entry` is made when it is asked for.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Literal, NamedTuple

import msgspec

EntryKind = Literal["file", "dir", "link", "fifo", "char", "block", "socket"]

# The kernel gives up after 40 links on the way (path_resolution(7)).
MAX_LINKS = 40

# Last components that stand for a directory, not for a name in one.
_NO_NAMES = ("", ".", "..")

# Entries that are kept once they were made, for the paths that are asked for again and again.
_RECENT = 4096


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


class Resolution(msgspec.Struct, frozen=True, gc=False):
    """What a path leads to. `via` are the links crossed, in order; `missing` is set when nothing is there."""

    path: str
    via: tuple[str, ...] = ()
    missing: bool = False


class _Common(NamedTuple):
    """What many entries share; those of a link or of a hard-link group are its own."""

    kind: EntryKind
    mode: int
    uid: int
    gid: int
    target: str
    hardlink: str
    xattrs: tuple[tuple[str, bytes], ...]
    layer: int
    device: tuple[int, int]
    origin: int


class Manifest(MutableMapping[str, Entry]):
    """Entries by path. Every directory that something is put into is made; the root always is there."""

    __slots__ = ("_common", "_commons", "_directories", "_known", "_mtimes", "_offsets", "_recent", "_sizes")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        # What comes before the last slash of a path → name → row; the root is "" in "".
        self._directories: dict[str, dict[str, int]] = {"": {}}
        self._commons = array("L")  # row → index in _common
        self._sizes = array("q")
        self._mtimes = array("q")
        self._offsets = array("q")
        self._common: list[_Common] = []
        self._known: dict[_Common, int] = {}
        self._recent: dict[str, Entry] = {}
        self["/"] = Entry("/", "dir", 0o755)
        for entry in entries:
            self[entry.path] = entry

    def __getitem__(self, path: str) -> Entry:
        found = self.get(path)
        if found is None:
            raise KeyError(path)
        return found

    # Mapping's own would raise and catch an error for each path that is not there: most that are asked for.
    def get(self, path: str, default: Entry | None = None) -> Entry | None:  # type: ignore[override]
        found = self._recent.get(path)
        if found is None:
            row = self._row(path)
            if row < 0:
                return default
            found = self._entry(path, row)
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            self._recent[path] = found
        return found

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._row(path) >= 0

    def __setitem__(self, path: str, entry: Entry) -> None:
        common = _Common(
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.target,
            entry.hardlink,
            entry.xattrs,
            entry.layer,
            entry.device,
            entry.origin,
        )
        number = self._known.setdefault(common, len(self._common))
        if number == len(self._common):
            self._common.append(common)
        row = self._row(path)
        if row < 0:
            head, _, name = path.rpartition("/")
            # A third of an image's names stand in several of its directories: one string for each.
            self._directories.setdefault(head, {})[sys.intern(name)] = len(self._sizes)
            self._commons.append(number)
            self._sizes.append(entry.size)
            self._mtimes.append(entry.mtime)
            self._offsets.append(entry.offset)
        else:
            self._commons[row] = number
            self._sizes[row] = entry.size
            self._mtimes[row] = entry.mtime
            self._offsets[row] = entry.offset
            self._recent.pop(path, None)

    def __delitem__(self, path: str) -> None:
        head, _, name = path.rpartition("/")
        del self._directories[head][name]
        self._recent.pop(path, None)

    def __iter__(self) -> Iterator[str]:
        return (f"{head}/{name}" for head, names in self._directories.items() for name in names)

    def __len__(self) -> int:
        return sum(map(len, self._directories.values()))

    def each(self) -> Iterator[Entry]:
        """Every entry once, none of them kept: for a pass over the whole image."""
        for head, names in self._directories.items():
            for name, row in names.items():
                yield self._entry(f"{head}/{name}", row)

    def names(self, directory: str) -> list[str]:
        """Names in a directory; empty for what is no directory. Follows no link."""
        names = self._directories.get("" if directory == "/" else directory, ())
        return [name for name in names if name]

    def sort(self) -> None:
        """Put the names of every directory, and the directories, in order."""
        self._directories = {
            head: dict(sorted(names.items())) for head, names in sorted(self._directories.items())
        }

    def resolve(self, path: str, *, follow: bool = True) -> Resolution:
        """Follow links as the kernel does inside the image's root; `follow` also the last component's."""
        directories, commons, common = self._directories, self._commons, self._common
        head, slash, name = path.rpartition("/")
        if slash and (names := directories.get(head)) and name not in _NO_NAMES:
            # Nothing is put below a link: there is none on the way to a directory that has names.
            row = names.get(name, -1)
            if row < 0 or not follow or common[commons[row]].kind != "link":
                return Resolution(path, (), row < 0)
        pending = [part for part in reversed(path.split("/")) if part and part != "."]
        at = ""  # as a key of _directories: the root is ""
        via: list[str] = []
        while pending:
            part = pending.pop()
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            row = directories[at].get(part, -1) if at in directories else -1
            here = f"{at}/{part}"
            if row < 0:
                return _missing(here, pending, via)
            kind = common[commons[row]].kind
            if kind == "link" and (pending or follow):
                via.append(here)
                if len(via) > MAX_LINKS:
                    return Resolution(here, tuple(via), missing=True)
                target = common[commons[row]].target
                if target.startswith("/"):
                    at = ""
                pending.extend(part for part in reversed(target.split("/")) if part and part != ".")
                continue
            if pending and kind != "dir":
                return _missing(here, pending, via)
            at = here
        return Resolution(at or "/", tuple(via))

    def _row(self, path: str) -> int:
        """The row of a path, -1 where there is none."""
        head, slash, name = path.rpartition("/")
        names = self._directories.get(head) if slash else None
        return -1 if names is None else names.get(name, -1)

    def _entry(self, path: str, row: int) -> Entry:
        kind, mode, uid, gid, target, hardlink, xattrs, layer, device, origin = self._common[
            self._commons[row]
        ]
        return Entry(
            path,
            kind,
            mode,
            uid,
            gid,
            self._sizes[row],
            self._mtimes[row],
            target,
            hardlink,
            xattrs,
            layer,
            self._offsets[row],
            device,
            origin,
        )


def _missing(here: str, pending: list[str], via: list[str]) -> Resolution:
    rest = "".join(f"/{name}" for name in reversed(pending))
    return Resolution(here + rest, tuple(via), missing=True)
