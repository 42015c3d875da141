"""Saved images for tests, made with tarfile: layers as lists of members, in each of the engines' layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def member(
    name: str,
    data: bytes = b"",
    *,
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o644,
    owner: tuple[int, int] = (0, 0),
    mtime: float = 0,
    link: str = "",
    xattrs: Mapping[str, bytes] | None = None,
    device: tuple[int, int] = (0, 0),
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.mtime = kind, mode, link, mtime
    info.uid, info.gid = owner
    info.devmajor, info.devminor = device
    info.size = len(data)
    if xattrs:
        info.pax_headers = {
            f"SCHILY.xattr.{key}": value.decode("utf-8", "surrogateescape") for key, value in xattrs.items()
        }
    return info, data


def folder(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, kind=tarfile.DIRTYPE, mode=mode)


def symlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, kind=tarfile.SYMTYPE, mode=0o777, link=target)


def hardlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, kind=tarfile.LNKTYPE, link=target)


def layer(members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def configuration(layers: Sequence[bytes], **config: Any) -> bytes:
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [_digest(data) for data in layers]},
            "history": [{"created_by": f"step {number}"} for number in range(len(layers))]
            + [{"created_by": "CMD", "empty_layer": True}],
        }
    ).encode()


def old_layout(path: Path, layers: Sequence[bytes], config: bytes) -> None:
    """A folder a layer; a layer that occurs again is a link to the first."""
    seen: dict[bytes, str] = {}
    members = [member("config.json", config)]
    names = []
    for number, data in enumerate(layers):
        name = f"{number:064x}/layer.tar"
        names.append(name)
        first = seen.setdefault(data, name)
        members.append(symlink(name, f"../{first}") if first != name else member(name, data))
    manifest = [{"Config": "config.json", "RepoTags": None, "Layers": names}]
    members.append(member("manifest.json", json.dumps(manifest).encode()))
    path.write_bytes(layer(members))


def oci_layout(path: Path, layers: Sequence[bytes], config: bytes, *, compress: bool = True) -> None:
    """Blobs and an index whose first manifest is an attestation, as buildx writes them."""
    blobs: dict[str, bytes] = {}

    def blob(data: bytes) -> dict[str, Any]:
        blobs["blobs/" + _digest(data).replace(":", "/")] = data
        return {"digest": _digest(data), "size": len(data)}

    parts = [blob(_gzip(data) if compress else data) for data in layers]
    manifest = blob(json.dumps({"config": blob(config), "layers": parts}).encode())
    attestation = blob(json.dumps({"config": blob(b"{}"), "layers": []}).encode())
    inner = {
        "manifests": [
            {**attestation, "platform": {"os": "unknown", "architecture": "unknown"}},
            {**manifest, "platform": {"os": "linux", "architecture": "amd64"}},
        ]
    }
    index = {"manifests": [blob(json.dumps(inner).encode())]}
    members = [member(name, data) for name, data in sorted(blobs.items())]
    path.write_bytes(layer([*members, member("index.json", json.dumps(index).encode())]))


def _gzip(data: bytes) -> bytes:
    """Two gzip members, as some builders write them."""
    return gzip.compress(data[:700]) + gzip.compress(data[700:])


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
