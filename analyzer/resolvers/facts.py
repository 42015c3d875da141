"""Facts of files: extracted once, cached by what the bytes are, carried by a recording.

Two stores with one face (`interface.Facts`): `LiveFacts` reads a saved image, `RecordedFacts` what a
recording kept. `LiveFacts.asked` is what a recording has to carry so that the same questions get the same
answers.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from analyzer.filesystem import Entry, Filesystem
from analyzer.image import Layer
from analyzer.resolvers.interface import Extractor

# Below this many bytes a second process costs more than it saves (start-up about 0.1 s).
_WORTH_A_PROCESS = 4_000_000

# Files a task: one at a time would make the pipe the bottleneck, too many would leave one process idle.
_BATCH = 64

_CACHE_LIMIT = 512_000_000  # bytes on disk; beyond that the cache starts anew

_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (place TEXT PRIMARY KEY, digest BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (extractor TEXT, digest BLOB, value BLOB, PRIMARY KEY (extractor, digest))
    WITHOUT ROWID;
"""


def key_of(extractor: Extractor) -> str:
    """An extractor's name in caches and recordings: facts of another version are other facts."""
    return f"{extractor.name}/{extractor.version}"


# MessagePack has no value that begins so: behind it stands JSON.
_JSON = b"\xc1"


def _packed(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        # A name that is not UTF-8: JSON escapes it.
        return _JSON + json.dumps(value).encode()


def _unpacked(data: bytes) -> Any:
    return json.loads(data[1:]) if data.startswith(_JSON) else msgspec.msgpack.decode(data)


class Cache:
    """Facts on disk. `place` is where bytes lie (layer digest, offset, length), so that a known layer's files
    need not be read again; `digest` is what they are, so that the same file in another layer is known too.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _CACHE_LIMIT:
            path.unlink()
        self.path = path
        self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        # A cache that a crash loses is only slow.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.executescript(_SCHEMA)

    def by_place(self, extractor: str, places: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for chunk in _chunks(places, 500):
            marks = ",".join("?" * len(chunk))
            rows = self._database.execute(
                "SELECT place, value FROM seen JOIN facts USING (digest)"
                f" WHERE extractor = ? AND place IN ({marks})",
                (extractor, *chunk),
            )
            found.update((place, _unpacked(value)) for place, value in rows)
        return found

    def by_digest(self, extractor: str, digest: bytes) -> tuple[bool, Any]:
        """Whether there are facts for these bytes, and which (None is a fact)."""
        row = self._database.execute(
            "SELECT value FROM facts WHERE extractor = ? AND digest = ?", (extractor, digest)
        ).fetchone()
        return (False, None) if row is None else (True, _unpacked(row[0]))

    def store(self, extractor: str, rows: Iterable[tuple[str, bytes, Any]]) -> None:
        """Rows of place, digest and facts."""
        rows = list(rows)
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", [row[:2] for row in rows])
        self._database.executemany(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)",
            [(extractor, digest, _packed(value)) for _, digest, value in rows],
        )
        self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()


@dataclass(slots=True)
class LiveFacts:
    """Facts of a saved image's files. `layers` give the places their names; without them nothing is cached
    on disk. `workers` processes extract side by side when there is enough to do."""

    fs: Filesystem
    layers: Sequence[Layer] = ()
    cache: Cache | None = None
    workers: int = field(default_factory=lambda: min(4, len(os.sched_getaffinity(0))))
    # extractor key → path (links resolved) → facts: what a recording carries
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)

    def get(self, extractor: Extractor, path: str) -> Any:
        return self.get_many(extractor, (path,))[path]

    def get_many(self, extractor: Extractor, paths: Iterable[str]) -> dict[str, Any]:
        known = self.asked.setdefault(key_of(extractor), {})
        entries = {path: self.fs.lookup(path) for path in paths}
        wanted = {
            entry.path: entry
            for entry in entries.values()
            if entry is not None and entry.kind == "file" and entry.path not in known
        }
        if wanted:
            known.update(self._fetch(extractor, list(wanted.values())))
        return {path: None if entry is None else known.get(entry.path) for path, entry in entries.items()}

    def _fetch(self, extractor: Extractor, entries: list[Entry]) -> dict[str, Any]:
        places = {entry.path: self._place(entry, extractor) for entry in entries}
        cached: dict[str, Any] = {}
        if self.cache is not None:
            cached = self.cache.by_place(key_of(extractor), [place for place in places.values() if place])
        facts = {path: cached[place] for path, place in places.items() if place in cached}
        missing = [entry for entry in entries if entry.path not in facts]
        rows: list[tuple[str, bytes, Any]] = []
        for path, digest, value in self._extract(extractor, missing):
            facts[path] = value
            if places[path]:
                rows.append((places[path], digest, value))
        if rows and self.cache is not None:
            try:
                self.cache.store(key_of(extractor), rows)
            except sqlite3.Error:
                # A full disk, for one: what cannot be remembered is only slower the next time.
                self.cache = None
        return facts

    def _place(self, entry: Entry, extractor: Extractor) -> str:
        """A name for the very bytes that the extractor sees; "" when the image gives none."""
        if entry.offset < 0 or entry.layer >= len(self.layers):
            return ""
        length = entry.size if extractor.limit is None else min(entry.size, extractor.limit)
        return f"{self.layers[entry.layer].digest} {entry.offset} {length}"

    def _extract(self, extractor: Extractor, entries: list[Entry]) -> Iterator[tuple[str, bytes, Any]]:
        size = sum(
            entry.size if extractor.limit is None else min(entry.size, extractor.limit) for entry in entries
        )
        if self.workers < 2 or size < _WORTH_A_PROCESS or len(entries) < 2:
            yield from _rows(self.fs, self.cache, extractor, entries)
            return
        # Largest first: the last batch to finish should be a short one.
        entries = sorted(entries, key=lambda entry: (-entry.size, entry.path))
        batches = [
            (extractor, entries[start :: len(entries) // _BATCH + self.workers])
            for start in range(len(entries) // _BATCH + self.workers)
        ]
        # Forked, so that the tree is there without being sent; contents are read there as well.
        context = multiprocessing.get_context("fork")
        cache = self.cache.path if self.cache is not None else None
        with ProcessPoolExecutor(self.workers, context, _start, (self.fs, cache)) as pool:
            for rows in pool.map(_work, batches):
                yield from rows


@dataclass(slots=True)
class RecordedFacts:
    """Facts that a recording carries. What it was never asked has none: those paths are in `unknown`, and in
    `outdated` where the recording has facts of another version of the extractor only."""

    fs: Filesystem
    facts: Mapping[str, Mapping[str, Any]]
    unknown: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)

    def get(self, extractor: Extractor, path: str) -> Any:
        entry = self.fs.lookup(path)
        if entry is None or entry.kind != "file":
            return None
        known = self.facts.get(key_of(extractor), {})
        if entry.path not in known:
            self.unknown.add(entry.path)
            if not known and any(key.startswith(f"{extractor.name}/") for key in self.facts):
                self.outdated.add(entry.path)
        return known.get(entry.path)

    def get_many(self, extractor: Extractor, paths: Iterable[str]) -> dict[str, Any]:
        return {path: self.get(extractor, path) for path in paths}


def _rows(
    fs: Filesystem, cache: Cache | None, extractor: Extractor, entries: Sequence[Entry]
) -> Iterator[tuple[str, bytes, Any]]:
    """Path, digest and facts of each file; bytes that the cache knows are not looked at again."""
    key = key_of(extractor)
    for entry in entries:
        data = fs.contents.read(entry, extractor.limit) if entry.size else b""
        digest = hashlib.sha256(data).digest()
        known, value = cache.by_digest(key, digest) if cache is not None else (False, None)
        yield entry.path, digest, value if known else extractor.function(data)


# What a worker process works on: set once when it starts.
_here: list[tuple[Filesystem, Cache | None]] = []


def _start(fs: Filesystem, cache: Path | None) -> None:
    try:
        _here.append((fs, Cache(cache) if cache is not None else None))
    except (OSError, sqlite3.Error):
        _here.append((fs, None))


def _work(task: tuple[Extractor, Sequence[Entry]]) -> list[tuple[str, bytes, Any]]:
    (fs, cache) = _here[0]
    return list(_rows(fs, cache, *task))


def _chunks(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
