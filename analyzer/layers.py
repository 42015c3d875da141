"""Layers: what each changes, and the tree that they make together (OCI image spec, layer.md)."""

from __future__ import annotations

import math
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry, EntryKind, Manifest, ancestors, name_of, normalise, parent_of

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
# Bookkeeping that aufs left in layers (".wh..wh.plnk" and the like): nothing of the image.
_AUFS = ".wh..wh."

_XATTR = "SCHILY.xattr."

_KINDS: dict[bytes, EntryKind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "link",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
}

# Stores the contents of a sparse member in full and returns the offset that stands for them.
Expand = Callable[[tarfile.TarFile, tarfile.TarInfo], int]


@dataclass(slots=True)
class Changes:
    """One layer: entries in the archive's order, hard links as (path, target), and what it hides below."""

    entries: list[Entry | tuple[str, str]] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)


def read_changes(archive: tarfile.TarFile, base: int, layer: int, expand: Expand) -> Changes:
    """The changes in a layer's tar, which begins at `base` in its file; offsets count from there."""
    changes = Changes()
    for member in _members(archive):
        path = normalise(member.name)
        name = name_of(path)
        if name == _OPAQUE:
            changes.opaque.add(parent_of(path))
        elif name.startswith(_AUFS):
            continue
        elif name.startswith(_WHITEOUT):
            changes.removed.add(normalise(f"{parent_of(path)}/{name.removeprefix(_WHITEOUT)}"))
        elif member.type == tarfile.LNKTYPE:
            changes.entries.append((path, normalise(member.linkname)))
        else:
            offset = -1
            if member.issparse():
                offset = expand(archive, member)
            elif member.isreg():
                offset = member.offset_data - base
            changes.entries.append(_entry(member, path, layer, offset))
    return changes


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The archive's members, none kept in memory; an archive that breaks off is an error."""
    while (member := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every member; typeshed hides it
        yield member
    # tarfile stops in silence at a header that it cannot read: a true end is a block of zeros, or no block.
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if any(archive.fileobj.read(tarfile.BLOCKSIZE)):
        raise ScratchifyError(f"a layer of the saved image breaks off at byte {archive.offset}")


def _entry(member: tarfile.TarInfo, path: str, layer: int, offset: int) -> Entry:
    kind = _KINDS.get(member.type)
    if kind is None:
        raise ScratchifyError(f"{path} is of a type that no image has: tar type {member.type!r}")
    return Entry(
        path=path,
        kind=kind,
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size=member.size if kind == "file" else 0,
        mtime=math.floor(member.mtime),
        target=member.linkname if kind == "link" else "",
        xattrs=tuple(
            sorted(
                (name.removeprefix(_XATTR), value.encode("utf-8", "surrogateescape"))
                for name, value in member.pax_headers.items()
                if name.startswith(_XATTR)
            )
        ),
        layer=layer,
        offset=offset,
        device=(member.devmajor, member.devminor) if kind in ("char", "block") else (0, 0),
    )


@dataclass(slots=True)
class Tree:
    """The merged tree while layers are put on it, the lowest first."""

    entries: Manifest = field(default_factory=Manifest)
    # Path to its inode's number, for the paths that share one; numbers are of no meaning outside.
    _inodes: dict[str, int] = field(default_factory=dict)
    _inode: int = 0

    def apply(self, changes: Changes, layer: int) -> None:
        self._hide(changes)
        for change in changes.entries:
            if isinstance(change, Entry):
                path = self._place(change.path, layer)
                self._put(change if path == change.path else replace(change, path=path))
            else:
                self._link(self._place(change[0], layer), change[1])

    def finish(self) -> Manifest:
        """All entries, hard-link groups named by their first path; a group of one is none."""
        groups: dict[int, list[str]] = {}
        for path, inode in self._inodes.items():
            groups.setdefault(inode, []).append(path)
        for paths in groups.values():
            if len(paths) > 1:
                first = min(paths)
                for path in paths:
                    self.entries[path] = replace(self.entries[path], hardlink=first)
        return self.entries

    def _hide(self, changes: Changes) -> None:
        """Take away what whiteouts hide. They speak of the layers below, wherever they stand in theirs."""
        fresh = self._replaced_links(changes) if changes.removed or changes.opaque else set()
        removed, opaque = (
            {self._seen(path) for path in paths if fresh.isdisjoint(ancestors(path))}
            for paths in (changes.removed, changes.opaque)
        )
        if not removed and not opaque:
            return
        hidden = [
            path
            for path in self.entries
            if path in removed or any(above in removed or above in opaque for above in ancestors(path))
        ]
        for path in hidden:
            self._drop(path)
        self.entries.setdefault("/", Entry("/", "dir", 0o755))

    def _replaced_links(self, changes: Changes) -> set[str]:
        """The links of the layers below that this one puts a directory in the place of: nothing of theirs
        lies below, and what is hidden there is not what the link led to."""
        return {
            change.path
            for change in changes.entries
            if isinstance(change, Entry)
            and change.kind == "dir"
            and (before := self.entries.get(change.path)) is not None
            and before.kind == "link"
        }

    def _put(self, entry: Entry) -> None:
        before = self.entries.get(entry.path)
        if before is not None and before.kind == "dir" and entry.kind != "dir":
            prefix = entry.path + "/"
            for path in [path for path in self.entries if path.startswith(prefix)]:
                self._drop(path)
        self._inodes.pop(entry.path, None)
        self.entries[entry.path] = entry if before is None else _with_origin(entry, before)

    def _link(self, path: str, target: str) -> None:
        source = self.entries.get(self._seen(target))
        if source is None or source.kind == "dir":
            raise ScratchifyError(f"the saved image has a hard link {path} to {target}, which is no file")
        if source.path == path:
            return
        self._put(replace(source, path=path))
        if source.path not in self._inodes:
            self._inode += 1
            self._inodes[source.path] = self._inode
        self._inodes[path] = self._inodes[source.path]

    def _drop(self, path: str) -> None:
        del self.entries[path]
        self._inodes.pop(path, None)

    def _place(self, path: str, layer: int) -> str:
        """Where an entry goes: in the directory that its parent leads to, which is made if it is missing."""
        if path == "/":
            return path
        path = self._seen(path)
        for above in ancestors(path):
            if above in self.entries:
                break
            self.entries[above] = Entry(above, "dir", 0o755, layer=layer)
        return path

    def _seen(self, path: str) -> str:
        """The path with the links in its directory followed: a layer may name a file through a link below."""
        parent = parent_of(path)
        above = self.entries.get(parent)
        if path == "/" or (above is not None and above.kind == "dir"):
            return path
        # Few entries come this way: mostly none, else a directory that the archive does not name.
        found = self.entries.resolve(parent)
        return normalise(f"{found.path}/{name_of(path)}")


def _with_origin(entry: Entry, before: Entry) -> Entry:
    """An overlay copies a whole file up for a new mode or owner; its size and time stay what they were."""
    same = (entry.kind, entry.size, entry.mtime) == (before.kind, before.size, before.mtime)
    if entry.kind != "file" or not same or entry.layer == before.layer:
        return entry
    return replace(entry, origin=before.layer if before.origin < 0 else before.origin)
