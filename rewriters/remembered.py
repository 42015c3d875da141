"""The evidence behind a block, remembered in the user's cache under the block's digest, for `why`."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analyzer.errors import ScratchifyError
from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import Entry, Filesystem, Manifest
from analyzer.keepset import KeepSet
from rewriters import block
from rewriters.cache import cache_folder
from rewriters.capture import NoContents

SCHEMA = 2
# So many blocks are remembered; the oldest go first.
MOST = 64


def _place(digest: str) -> Path:
    return cache_folder() / "evidence" / f"{digest}.jsonl.gz"


def remember(text: bytes, kept: KeepSet) -> None:
    """Store the evidence of a rewritten file; a cache that cannot be written is no error."""
    place = _place(block.digest(block.split(text, "").block))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}.part")
        with gzip.open(part, "wt", compresslevel=3, encoding="ascii") as file:
            for row in _rows(kept):
                file.write(f"{json.dumps(row)}\n")
        part.replace(place)
        known = sorted(place.parent.glob("*.jsonl.gz"), key=lambda file: file.stat().st_mtime)
        for old in known[:-MOST]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def _rows(kept: KeepSet) -> Iterator[tuple[str, Any]]:
    """One by one: as a single document, the manifest of a large image would fill the memory once more."""
    yield "schema", SCHEMA
    yield "coverage", kept.coverage
    for entry in kept.fs:
        yield "entry", [entry.path, entry.kind, entry.size, entry.target, entry.hardlink]
    for reasons in kept.evidence.values():
        for each in reasons:
            yield "evidence", asdict(each)
    for unresolved in kept.unresolved:
        yield "unresolved", asdict(unresolved)
    for answers in kept.answers:
        yield "answers", asdict(answers)


def recall(dockerfile: Path, data: bytes) -> KeepSet:
    """The evidence of a rewritten file. Raises ScratchifyError where none is remembered."""
    parts = block.split(data, str(dockerfile))
    if parts.marker is None:
        raise ScratchifyError(
            f"{dockerfile} has no block of scratchify's, so nothing is known of what is kept",
            hint=f"scratchify rewrite {dockerfile}",
        )
    place = _place(block.digest(parts.block))
    found: dict[str, list[Any]] = {}
    try:
        with gzip.open(place, "rt", encoding="ascii") as file:
            for line in file:
                kind, value = json.loads(line)
                found.setdefault(kind, []).append(value)
    except (OSError, EOFError, ValueError):
        found = {}
    if found.get("schema") != [SCHEMA]:
        source = dockerfile.parent / parts.marker.source
        raise ScratchifyError(
            f"the evidence behind {dockerfile} is not remembered on this machine",
            hint=f"scratchify rewrite {source}, or name a recording with --recording FILE",
        )
    return _keepset(found)


def _keepset(found: dict[str, list[Any]]) -> KeepSet:
    entries = Manifest(
        Entry(path, kind, size=size, target=target, hardlink=hardlink)
        for path, kind, size, target, hardlink in found.get("entry", ())
    )
    evidence: dict[str, tuple[Evidence, ...]] = {}
    for item in found.get("evidence", ()):
        each = Evidence(**item)
        evidence[each.path] = (*evidence.get(each.path, ()), each)
    return KeepSet(
        Filesystem(entries, NoContents()),
        found["coverage"][0],
        evidence,
        tuple(Unresolved(**item) for item in found.get("unresolved", ())),
        tuple(Answers(**item) for item in found.get("answers", ())),
    )
