"""A saved image on disk: indexed once, contents read by offset when asked for, memory flat.

Reads what `docker image save` writes in both of its layouts (a folder a layer; OCI blobs since 25.0) and
OCI archives with an index alone, as podman and buildah write them (OCI image spec, image-layout.md).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry, Filesystem, join
from analyzer.image import ImageConfig, ImageFacts, Layer, config_from_json
from analyzer.layers import Tree, read_changes

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Span:
    """A layer's uncompressed tar: a part of a file. Expanded sparse members follow its end, in `beyond`."""

    file: Path
    start: int
    size: int
    beyond: Path


@dataclass(slots=True)
class ArchiveContents:
    """Reads files of a saved image by layer and offset; safe to use from several threads."""

    _spans: tuple[_Span, ...]
    _descriptors: dict[Path, int] = field(default_factory=dict)
    _digests: dict[tuple[int, int], str] = field(default_factory=dict)

    def read(self, entry: Entry, limit: int | None = None) -> bytes:
        size = entry.size if limit is None else min(entry.size, limit)
        return b"".join(self._chunks(entry, size))

    def digest(self, entry: Entry) -> str:
        """Hexadecimal SHA-256 of a file's contents, computed once."""
        key = (entry.layer, entry.offset)
        if key not in self._digests:
            state = hashlib.sha256()
            for chunk in self._chunks(entry, entry.size):
                state.update(chunk)
            self._digests[key] = state.hexdigest()
        return self._digests[key]

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def _chunks(self, entry: Entry, size: int) -> Iterator[bytes]:
        if size == 0:
            return
        span = self._spans[entry.layer]
        file, at = span.file, span.start + entry.offset
        if entry.offset >= span.size:
            file, at = span.beyond, entry.offset - span.size
        if file not in self._descriptors:
            self._descriptors[file] = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        while size > 0:
            chunk = os.pread(self._descriptors[file], min(size, _CHUNK), at)
            if not chunk:
                raise ScratchifyError(f"the saved image is shorter than it was: {entry.path} breaks off")
            yield chunk
            size -= len(chunk)
            at += len(chunk)


@dataclass(frozen=True, slots=True)
class SavedImage:
    """A saved image: what it is, its merged tree, and the reader behind the tree. Close it after use."""

    facts: ImageFacts
    filesystem: Filesystem
    contents: ArchiveContents

    def __enter__(self) -> SavedImage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.contents.close()


def open_image(archive: Path, folder: Path) -> SavedImage:
    """Index a saved image. Compressed layers are unpacked into `folder`, which must outlive the result.

    Raises ScratchifyError for what is no image archive, a Windows image, or a layer that cannot be read.
    """
    with archive.open("rb") as file:
        members = _outer_index(archive)
        document, layer_names = _manifest(archive, file, members)
        config = config_from_json(document)
        if config.os != "linux":
            raise ScratchifyError(f"the image is for {config.os}; scratchify rewrites Linux images")
        tree = Tree()
        spans = []
        for number, name in enumerate(layer_names):
            span = _span(archive, file, members[name], folder / f"layer-{number}.tar")
            spans.append(span)
            _apply(tree, span, number)
    contents = ArchiveContents(tuple(spans))
    layers = _layers(document, len(layer_names))
    facts = ImageFacts(_identity(config, layers), config, layers)
    return SavedImage(facts, Filesystem(tree.finish(), contents), contents)


def _apply(tree: Tree, span: _Span, number: int) -> None:
    if span.size < tarfile.BLOCKSIZE:
        return

    def expand(archive: tarfile.TarFile, member: tarfile.TarInfo) -> int:
        source = archive.extractfile(member)
        assert source is not None
        with span.beyond.open("ab") as sink:
            offset = span.size + sink.tell()
            shutil.copyfileobj(source, sink, _CHUNK)
        return offset

    with span.file.open("rb") as file:
        file.seek(span.start)
        try:
            with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
                tree.apply(read_changes(archive, span.start, number, expand), number)
        except tarfile.TarError as error:
            raise ScratchifyError(f"layer {number} of the saved image cannot be read: {error}") from error


def _outer_index(archive: Path) -> dict[str, tuple[int, int]]:
    """Members of the saved file: name to (offset, size) of its contents, links between members followed.

    Docker before 25 saves a layer that occurs twice once, and links the other to it.
    """
    found: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    try:
        with tarfile.open(archive, "r:") as outer:
            for member in outer:
                name = join("/", member.name)
                if member.isreg():
                    found[name] = (member.offset_data, member.size)
                elif member.issym():
                    links[name] = join(name.rpartition("/")[0], member.linkname)
                elif member.islnk():
                    links[name] = join("/", member.linkname)
    except (tarfile.TarError, OSError) as error:
        raise ScratchifyError(f"{archive} is no saved image: {error}") from error
    for name, target in links.items():
        if target in found:
            found[name] = found[target]
    return found


def _manifest(
    archive: Path, file: BinaryIO, members: Mapping[str, tuple[int, int]]
) -> tuple[dict[str, Any], list[str]]:
    """The image's configuration document and the members that hold its layers, the lowest first."""

    def load(name: str) -> Any:
        offset, size = members[name]
        file.seek(offset)
        return json.loads(file.read(size))

    try:
        if "/manifest.json" in members:
            item = load("/manifest.json")[0]
            return load(join("/", item["Config"])), [join("/", name) for name in item["Layers"]]
        document = load("/index.json")
        while "manifests" in document:
            document = load(_blob(_first_platform(document["manifests"])))
        return load(_blob(document["config"])), [_blob(layer) for layer in document["layers"]]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ScratchifyError(
            f"{archive} is no saved image: its manifest does not read ({error!r})",
            hint="save it again with `docker image save`",
        ) from error


def _first_platform(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    """The first manifest of an index that is an image; attestations stand beside images as `unknown`."""
    return next(item for item in manifests if (item.get("platform") or {}).get("os") != "unknown")


def _blob(descriptor: Mapping[str, Any]) -> str:
    algorithm, _, value = descriptor["digest"].partition(":")
    return f"/blobs/{algorithm}/{value}"


def _span(archive: Path, file: BinaryIO, place: tuple[int, int], unpacked: Path) -> _Span:
    offset, size = place
    beyond = unpacked.with_suffix(".sparse")
    file.seek(offset)
    head = file.read(4)
    if head == _ZSTD:
        raise ScratchifyError(
            "a layer of the saved image is compressed with zstd",
            hint="have the engine build or pull it with gzip layers: --output type=docker,compression=gzip",
        )
    if not head.startswith(_GZIP):
        return _Span(archive, offset, size, beyond)
    file.seek(offset)
    with unpacked.open("wb") as sink:
        _gunzip(file, size, sink)
    return _Span(unpacked, 0, unpacked.stat().st_size, beyond)


def _gunzip(file: BinaryIO, size: int, sink: BinaryIO) -> None:
    """Unpack the next `size` bytes, which may be several gzip members (RFC 1952; eStargz writes many).

    The gzip module would read past the blob's end in search of another member.
    """
    state = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    data = b""
    try:
        while size or data:
            if not data:
                data = file.read(min(size, _CHUNK))
                size -= len(data)
                if not data:
                    break
            if state.eof:
                state = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            sink.write(state.decompress(data, _CHUNK))
            data = state.unconsumed_tail or state.unused_data
        sink.write(state.flush())
    except zlib.error as error:
        raise ScratchifyError(f"a compressed layer of the saved image does not unpack: {error}") from error
    if not state.eof:
        raise ScratchifyError("a compressed layer of the saved image does not unpack: it breaks off")


def _layers(document: Mapping[str, Any], count: int) -> tuple[Layer, ...]:
    digests = (document.get("rootfs") or {}).get("diff_ids") or []
    makers = [
        item.get("created_by", "") for item in document.get("history") or () if not item.get("empty_layer")
    ]
    if len(digests) != count:
        raise ScratchifyError(f"the saved image has {count} layers, its configuration names {len(digests)}")
    # A history is optional, and may be shorter than the layers (docker import, squashed images).
    makers += [""] * (count - len(makers))
    return tuple(Layer(digest, maker) for digest, maker in zip(digests, makers, strict=False))


def _identity(config: ImageConfig, layers: tuple[Layer, ...]) -> str:
    """A digest of configuration and layers: the same for two builds from one cache, whatever their labels.

    The engine's own id will not do: it covers our session's label and the time of the build.
    """
    text = json.dumps([asdict(config), [layer.digest for layer in layers]], ensure_ascii=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
