"""The one builder of image filesystems for tests: trees in memory, no engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analyzer.filesystem import Entry, EntryKind, Filesystem, Manifest, ancestors
from analyzer.image import ImageConfig
from analyzer.recording import Access, Program
from analyzer.resolvers.interface import Extractor, View


@dataclass(frozen=True)
class File:
    data: bytes | str = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    layer: int = 0
    hardlink: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    mtime: int = 0
    origin: int = -1


@dataclass(frozen=True)
class Link:
    target: str
    layer: int = 0


@dataclass(frozen=True)
class Dir:
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    layer: int = 0


@dataclass(frozen=True)
class Special:
    kind: EntryKind


Node = File | Link | Dir | Special | bytes | str


class MemoryContents:
    """File contents by path."""

    def __init__(self, data: Mapping[str, bytes]) -> None:
        self.data = data

    def read(self, entry: Entry, limit: int | None = None) -> bytes:
        return self.data[entry.path][:limit]


def image_tree(tree: Mapping[str, Node]) -> Filesystem:
    """A filesystem from paths to nodes; bytes or text stand for a plain file. Missing parents are made."""
    entries: dict[str, Entry] = {}
    data: dict[str, bytes] = {}
    for path, node in tree.items():
        if isinstance(node, bytes | str):
            node = File(node)
        if isinstance(node, File):
            raw = node.data.encode() if isinstance(node.data, str) else node.data
            data[path] = raw
            entries[path] = Entry(
                path,
                "file",
                node.mode,
                node.uid,
                node.gid,
                len(raw),
                node.mtime,
                hardlink=node.hardlink,
                xattrs=node.xattrs,
                layer=node.layer,
                offset=0,
                origin=node.origin,
            )
        elif isinstance(node, Link):
            entries[path] = Entry(path, "link", 0o777, target=node.target, layer=node.layer)
        elif isinstance(node, Dir):
            entries[path] = Entry(path, "dir", node.mode, node.uid, node.gid, layer=node.layer)
        else:
            entries[path] = Entry(path, node.kind)
    for path in list(entries):
        for above in ancestors(path):
            entries.setdefault(above, Entry(above, "dir", 0o755))
    return Filesystem(Manifest(entries.values()), MemoryContents(data))


class DirectFacts:
    """Facts without a cache: the extractor runs on the tree's own bytes."""

    def __init__(self, fs: Filesystem) -> None:
        self.fs = fs

    def get(self, extractor: Extractor, path: str) -> Any:
        data = self.fs.read(path, extractor.limit)
        return None if data is None else extractor.function(data)

    def get_many(self, extractor: Extractor, paths: Iterable[str]) -> dict[str, Any]:
        return {path: self.get(extractor, path) for path in paths}


def view_of(
    tree: Mapping[str, Node] | Filesystem,
    *,
    config: ImageConfig | None = None,
    accesses: Iterable[Access] = (),
    programs: Iterable[Program] = (),
    off: Iterable[str] = (),
) -> View:
    """What a resolver sees of a tree."""
    fs = tree if isinstance(tree, Filesystem) else image_tree(tree)
    return View(
        fs,
        replace(config or ImageConfig()),
        DirectFacts(fs),
        tuple(accesses),
        tuple(programs),
        frozenset(off),
    )
