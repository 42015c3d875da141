"""The images of a rewrite: built, saved once, indexed; or taken from a recording, without an engine."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from analyzer.archive import ArchiveContents, open_image
from analyzer.engines.interface import Engine
from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry, Filesystem, Manifest
from analyzer.image import ImageFacts
from analyzer.recording import Recording
from analyzer.resolvers.facts import Cache, LiveFacts
from rewriters.cache import cache_folder
from rewriters.progress import Progress


@dataclass(frozen=True, slots=True)
class Image:
    """One image that can be looked into. `id` is the engine's; "" for one that only a recording knows."""

    id: str
    facts: ImageFacts
    fs: Filesystem
    contents: ArchiveContents | None = None

    def digest(self, entry: Entry) -> str:
        """Hexadecimal SHA-256 of a file's bytes."""
        assert self.contents is not None
        return self.contents.digest(entry)

    def close(self) -> None:
        if self.contents is not None:
            self.contents.close()


def save(engine: Engine, image: str, work: Path, progress: Progress, title: str) -> Image:
    """Save an image of the engine's to disk, once, and index it."""
    with progress.step("save", title):
        folder = Path(mkdtemp(prefix="image-", dir=work))
        archive = folder / "image.tar"
        engine.save(image, archive)
        saved = open_image(archive, folder)
    return Image(image, saved.facts, saved.filesystem, saved.contents)


def live_facts(image: Image) -> LiveFacts:
    """Facts of a saved image's files, remembered in the user's cache; without one they are only slower."""
    try:
        cache = Cache(cache_folder() / "facts.sqlite")
    except (OSError, sqlite3.Error):
        cache = None
    return LiveFacts(image.fs, image.facts.layers, cache)


class NoContents:
    """What a recording or remembered evidence has of files: facts and reasons, not their bytes."""

    def read(self, entry: Entry, limit: int | None = None) -> bytes:  # noqa: ARG002 - the seam's name
        raise ScratchifyError(
            f"the bytes of {entry.path} are not recorded", hint="trace again with this version of scratchify"
        )


def from_recording(recording: Recording) -> Image:
    """The image as a recording has it: enough to plan, not to read files."""
    return Image("", recording.image, Filesystem(Manifest(recording.manifest), NoContents()))
