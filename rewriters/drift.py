"""Has a rewritten Dockerfile drifted from what it was made of? No engine, no image: files only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analyzer.context import sent
from analyzer.copies import manifests
from analyzer.dockerfile.instructions import read
from analyzer.ignorefile import load
from analyzer.stages import StageTable, resolve
from rewriters import block
from rewriters.source import read_bytes


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed since a file was rewritten; nothing at all when it is as it was."""

    dockerfile: Path
    changes: tuple[str, ...]


def check(dockerfile: Path, context: Path | None, target: str = "") -> Drift | None:
    """Compare a rewritten file's marker with its source and the manifests that the source copies.

    None for a file without a block. `context` None means the source's folder. Raises InputError for a file
    that cannot be read as a Dockerfile.
    """
    parts = block.split(read_bytes(dockerfile), str(dockerfile))
    if parts.marker is None:
        return None
    changes = []
    source = dockerfile.parent / parts.marker.source
    if parts.marker.source == "-" or source.resolve() == dockerfile.resolve():
        source = dockerfile
    if block.digest(parts.author) != parts.marker.sha256:
        changes.append("the author's part of it was edited")
    if source != dockerfile:
        if not source.is_file():
            changes.append(f"its source {parts.marker.source} is gone")
        elif block.digest(block.split(source.read_bytes(), str(source)).author) != parts.marker.sha256:
            changes.append(f"its source {parts.marker.source} was edited")
    folder = context or source.parent
    table = resolve(read(parts.author, str(dockerfile)))
    names = copied_manifests(table, table.find(target), folder, source)
    if block.digest_inputs(folder, names) != parts.marker.inputs:
        named = ", ".join(names) or "none is copied any more"
        changes.append(f"a dependency manifest changed ({named})")
    return Drift(dockerfile, tuple(changes))


def copied_manifests(
    table: StageTable, stage: int, context: Path, dockerfile: Path | None
) -> tuple[str, ...]:
    """The dependency manifests of a context that a build of the stage copies, sorted."""
    return manifests(table, stage, sent(context, load(context, dockerfile)))
