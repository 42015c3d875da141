"""The evidence behind a block, remembered in the user's cache under the block's digest, for `why`."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analyzer.errors import ScratchifyError
from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import Entry, Filesystem
from analyzer.keepset import KeepSet
from rewriters import block
from rewriters.cache import cache_folder
from rewriters.capture import NoContents

SCHEMA = 1
# So many blocks are remembered; the oldest go first.
MOST = 64


def _place(digest: str) -> Path:
    return cache_folder() / "evidence" / f"{digest}.json.gz"


def remember(text: bytes, kept: KeepSet) -> None:
    """Store the evidence of a rewritten file; a cache that cannot be written is no error."""
    place = _place(block.digest(block.split(text, "").block))
    document = {
        "schema": SCHEMA,
        "coverage": kept.coverage,
        "entries": [[entry.path, entry.kind, entry.size, entry.target, entry.hardlink] for entry in kept.fs],
        "evidence": [asdict(each) for reasons in kept.evidence.values() for each in reasons],
        "unresolved": [asdict(each) for each in kept.unresolved],
        "answers": [asdict(each) for each in kept.answers],
    }
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(gzip.compress(json.dumps(document).encode(), compresslevel=3))
        part.replace(place)
        known = sorted(place.parent.glob("*.json.gz"), key=lambda file: file.stat().st_mtime)
        for file in known[:-MOST]:
            file.unlink(missing_ok=True)
    except OSError:
        return


def recall(dockerfile: Path, data: bytes) -> KeepSet:
    """The evidence of a rewritten file. Raises ScratchifyError where none is remembered."""
    parts = block.split(data, str(dockerfile))
    if parts.marker is None:
        raise ScratchifyError(
            f"{dockerfile} has no block of scratchify's, so nothing is known of what is kept",
            hint=f"scratchify rewrite {dockerfile}",
        )
    place = _place(block.digest(parts.block))
    try:
        document = json.loads(gzip.decompress(place.read_bytes()))
    except (OSError, EOFError, ValueError):
        document = {}
    if document.get("schema") != SCHEMA:
        source = dockerfile.parent / parts.marker.source
        raise ScratchifyError(
            f"the evidence behind {dockerfile} is not remembered on this machine",
            hint=f"scratchify rewrite {source}, or name a recording with --recording FILE",
        )
    return _keepset(document)


def _keepset(document: dict[str, Any]) -> KeepSet:
    entries = {
        path: Entry(path, kind, size=size, target=target, hardlink=hardlink)
        for path, kind, size, target, hardlink in document["entries"]
    }
    evidence: dict[str, tuple[Evidence, ...]] = {}
    for item in document["evidence"]:
        each = Evidence(**item)
        evidence[each.path] = (*evidence.get(each.path, ()), each)
    return KeepSet(
        Filesystem(entries, NoContents()),
        document["coverage"],
        evidence,
        tuple(Unresolved(**item) for item in document["unresolved"]),
        tuple(Answers(**item) for item in document["answers"]),
    )
