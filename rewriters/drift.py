"""Has a rewritten Dockerfile drifted from what it was made of? No engine, no image: files only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriters import block
from rewriters.source import read_bytes


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed since a file was rewritten; nothing at all when it is as it was."""

    dockerfile: Path
    changes: tuple[str, ...]


def check(dockerfile: Path, context: Path | None, manifests: tuple[str, ...]) -> Drift | None:
    """Compare a rewritten file's marker with its source and the manifests that the source copies.

    None for a file without a block. `context` None means the source's folder.
    """
    parts = block.split(read_bytes(dockerfile), str(dockerfile))
    if parts.marker is None:
        return None
    changes = []
    source = dockerfile.parent / parts.marker.source
    in_place = source.resolve() == dockerfile.resolve() or parts.marker.source == "-"
    if block.digest(parts.author) != parts.marker.sha256:
        changes.append("the author's part of it was edited")
    if not in_place:
        if not source.is_file():
            changes.append(f"its source {parts.marker.source} is gone")
        elif block.digest(block.split(source.read_bytes(), str(source)).author) != parts.marker.sha256:
            changes.append(f"its source {parts.marker.source} was edited")
    if block.digest_inputs(context or source.parent, manifests) != parts.marker.inputs:
        named = ", ".join(manifests) or "none is copied any more"
        changes.append(f"a dependency manifest changed ({named})")
    return Drift(dockerfile, tuple(changes))
