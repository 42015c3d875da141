"""A whole image's filesystem read by a second, simpler program than the code under test.

It unpacks the layers' own names into one dictionary, hashes every file, and knows nothing of offsets,
evidence or plans. Tests compare two images, or an image with what `docker export` shows.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from analyzer.engines.docker import DockerEngine
from analyzer.process import run

# What a container shows of its own, and the image does not have.
OF_THE_CONTAINER = ("/.dockerenv", "/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab")

Row = tuple[Any, ...]
"""Type, mode, uid, gid, size, SHA-256 or link target, capabilities, whole seconds, hard-link names."""


def saved(engine: DockerEngine, image: str, folder: Path) -> dict[str, Row]:
    """The merged tree of `docker image save`."""
    archive = folder / "second-reader.tar"
    run([engine.binary, "image", "save", image], stdout=archive)
    rows: dict[str, Row] = {}
    inodes: dict[str, object] = {}
    with tarfile.open(archive) as outer:
        manifest = outer.extractfile("manifest.json")
        assert manifest is not None
        for name in json.load(manifest)[0]["Layers"]:
            stream = outer.extractfile(name)
            assert stream is not None
            with tarfile.open(fileobj=stream, errors="surrogateescape") as layer:
                _merge(layer, rows, inodes)
    archive.unlink()
    return _with_groups(rows, inodes)


def exported(engine: DockerEngine, image: str, folder: Path) -> dict[str, Row]:
    """The tree that the kernel shows of a container that never ran, without the container's own files."""
    archive = folder / "exported.tar"
    made = run([engine.binary, "container", "create", "--entrypoint", "/none", image])
    assert made.code == 0, made.stderr
    container = made.text.strip()
    try:
        run([engine.binary, "container", "export", container], stdout=archive)
    finally:
        engine.remove(container)
    rows: dict[str, Row] = {}
    inodes: dict[str, object] = {}
    with tarfile.open(archive, errors="surrogateescape") as tree:
        _merge(tree, rows, inodes)
    archive.unlink()
    return without_containers(_with_groups(rows, inodes))


def without_containers(rows: dict[str, Row]) -> dict[str, Row]:
    return {
        path: row
        for path, row in rows.items()
        if not any(path == own or path.startswith(own + "/") for own in OF_THE_CONTAINER)
    }


def _merge(layer: tarfile.TarFile, rows: dict[str, Row], inodes: dict[str, object]) -> None:
    below = set(rows)
    for member in layer:
        path = "/" + "/".join(part for part in member.name.split("/") if part not in ("", "."))
        folder, _, name = path.rpartition("/")
        if name == ".wh..wh..opq":
            for gone in [known for known in below if known.startswith(folder + "/")]:
                rows.pop(gone, None)
        elif name.startswith(".wh."):
            hidden = f"{folder}/{name[4:]}"
            for gone in [known for known in below if known == hidden or known.startswith(hidden + "/")]:
                rows.pop(gone, None)
        elif member.islnk():
            target = "/" + "/".join(part for part in member.linkname.split("/") if part not in ("", "."))
            rows[path], inodes[path] = rows[target], inodes[target]
        else:
            if not member.isdir():
                for gone in [known for known in rows if known.startswith(path + "/")]:
                    del rows[gone]
            rows[path], inodes[path] = _row(layer, member), object()


def _row(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Row:
    content = member.linkname
    if member.isreg():
        stream = layer.extractfile(member)
        assert stream is not None
        content = hashlib.sha256(stream.read()).hexdigest()
    capabilities = member.pax_headers.get("SCHILY.xattr.security.capability", "")
    return (
        member.type,
        member.mode & 0o7777,
        member.uid,
        member.gid,
        member.size,
        content,
        capabilities.encode("utf-8", "surrogateescape"),
        int(member.mtime // 1),
    )


def _with_groups(rows: dict[str, Row], inodes: dict[str, object]) -> dict[str, Row]:
    groups: dict[int, list[str]] = {}
    for path in sorted(rows):
        groups.setdefault(id(inodes[path]), []).append(path)
    return {path: (*row, tuple(groups[id(inodes[path])])) for path, row in rows.items()}


def not_of(slim: dict[str, Row], original: dict[str, Row]) -> list[str]:
    """What of a slim image is not exactly the original's: a path, its metadata, its bytes, its hard links."""
    wrong = []
    for path, row in sorted(slim.items()):
        other = original.get(path)
        if _only_for_scanners(path, other):
            continue
        if other is None:
            wrong.append(f"{path} is new")
            continue
        kind = row[0]
        if kind == tarfile.SYMTYPE:
            same = (kind, row[2:8]) == (other[0], other[2:8])
        elif kind == tarfile.DIRTYPE:
            same = (row[:4], row[6]) == (other[:4], other[6])
        else:
            same = row[:8] == other[:8]
        if not same:
            wrong.append(f"{path} differs: {row[:8]} and was {other[:8]}")
        if kind != tarfile.DIRTYPE and row[8] != tuple(name for name in other[8] if name in slim):
            wrong.append(f"{path} has other hard links: {row[8]} and had {other[8]}")
    return wrong


def _only_for_scanners(path: str, other: Row | None) -> bool:
    """Package metadata that the assembly computes, and directories that lead only there."""
    added = ("/var/lib/dpkg/status.d", "/lib/apk/db/installed")
    if any(path == name or path.startswith(f"{name}/") for name in added):
        return True
    return other is None and any(name.startswith(f"{path}/") for name in added)
