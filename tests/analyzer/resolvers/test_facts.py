"""Facts of files: asked once, cached by what the bytes are, carried by a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analyzer.filesystem import Entry, Filesystem, Manifest
from analyzer.image import Layer
from analyzer.resolvers.facts import Cache, LiveFacts, RecordedFacts, key_of
from analyzer.resolvers.interface import Extractor
from tests.imagefs import Link, image_tree


def read_length(data: bytes) -> int | None:
    return len(data) if data else None


def read_text(data: bytes) -> dict[str, Any]:
    return {"text": data.decode("utf-8", "surrogateescape"), "parts": [None, 1, "é"]}


LENGTH = Extractor("length", 1, read_length)
HEAD = Extractor("head", 1, read_length, 2)
TEXT = Extractor("text", 1, read_text)

LAYERS = (Layer("sha256:aa"), Layer("sha256:bb"))


class Counting:
    """Contents that count how often they are read."""

    def __init__(self, data: dict[str, bytes]) -> None:
        self.data = data
        self.reads: list[str] = []

    def read(self, entry: Entry, limit: int | None = None) -> bytes:
        self.reads.append(entry.path)
        return self.data[entry.path][:limit]


def image(data: dict[str, bytes], layer: int = 0, start: int = 512) -> tuple[Filesystem, Counting]:
    contents = Counting(data)
    entries = Manifest(
        Entry(path, "file", size=len(raw), layer=layer, offset=start + 1024 * number)
        for number, (path, raw) in enumerate(data.items())
    )
    return Filesystem(entries, contents), contents


def test_a_file_is_read_once_however_often_it_is_asked_about() -> None:
    fs, contents = image({"/a": b"abc", "/b": b""})
    facts = LiveFacts(fs)
    assert [facts.get(LENGTH, "/a"), facts.get(LENGTH, "/a"), facts.get(LENGTH, "/b")] == [3, 3, None]
    assert facts.get(HEAD, "/a") == 2
    assert contents.reads == ["/a", "/a"]


def test_links_lead_to_the_file_and_what_is_none_has_no_facts() -> None:
    fs = image_tree({"/a": b"abc", "/link": Link("a"), "/gone": Link("nowhere"), "/dir/x": b""})
    facts = LiveFacts(fs)
    assert facts.get_many(LENGTH, ["/link", "/gone", "/dir", "/absent"]) == {
        "/link": 3,
        "/gone": None,
        "/dir": None,
        "/absent": None,
    }
    assert facts.asked == {"length/1": {"/a": 3}}


CACHED = {
    "the same layer and place": ({}, []),
    "the same bytes elsewhere": ({"layer": 1, "start": 4096}, ["/a", "/b"]),
}


@pytest.mark.parametrize("case", CACHED)
def test_a_second_run_extracts_nothing_again(case: str, tmp_path: Path) -> None:
    where, read = CACHED[case]
    calls: list[bytes] = []

    def function(data: bytes) -> Any:
        calls.append(data)
        return read_text(data)

    extractor = Extractor("counted", 1, function)
    for number in range(2):
        fs, contents = image({"/a": b"x\xff", "/b": b"y"}, **(where if number else {}))  # type: ignore[arg-type]
        facts = LiveFacts(fs, LAYERS, Cache(tmp_path / "deep" / "cache.sqlite"), workers=1)
        found = facts.get_many(extractor, ["/a", "/b"])
    assert calls == [b"x\xff", b"y"]
    assert contents.reads == read
    assert found == {"/a": read_text(b"x\xff"), "/b": read_text(b"y")}


def test_another_version_of_an_extractor_has_other_facts(tmp_path: Path) -> None:
    fs, _ = image({"/a": b"abc"})
    cache = Cache(tmp_path / "cache.sqlite")
    assert LiveFacts(fs, LAYERS, cache).get(LENGTH, "/a") == 3
    newer = Extractor("length", 2, read_text)
    assert LiveFacts(fs, LAYERS, cache).get(newer, "/a")["text"] == "abc"


def test_nothing_is_cached_by_place_where_the_image_names_no_layers(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    for text in (b"one", b"three"):
        fs, _ = image({"/a": text})
        assert LiveFacts(fs, (), cache).get(LENGTH, "/a") == len(text)


def test_processes_give_the_same_facts(tmp_path: Path) -> None:
    data = {f"/{number}": bytes([number]) * 60_000 for number in range(80)}
    fs, _ = image(data)
    side_by_side = LiveFacts(fs, LAYERS, Cache(tmp_path / "cache.sqlite"), workers=2).get_many(LENGTH, data)
    assert side_by_side == LiveFacts(fs, workers=1).get_many(LENGTH, data)


def test_a_recording_answers_what_was_asked_and_says_what_was_not() -> None:
    fs = image_tree({"/a": b"abc", "/b": b"", "/c": b"x", "/link": Link("a")})
    live = LiveFacts(fs)
    live.get_many(LENGTH, ["/link", "/b"])
    recorded = RecordedFacts(fs, live.asked)
    assert recorded.get_many(LENGTH, ["/link", "/b", "/c", "/absent"]) == {
        "/link": 3,
        "/b": None,
        "/c": None,
        "/absent": None,
    }
    assert recorded.unknown == {"/c"}
    assert key_of(LENGTH) == "length/1"


def test_facts_of_another_version_are_told_from_those_that_were_not_asked_for() -> None:
    fs = image_tree({"/a": b"abc", "/b": b"x"})
    recorded = RecordedFacts(fs, {"length/0": {"/a": 3}, "head/1": {"/a": 2}})
    assert [recorded.get(LENGTH, "/a"), recorded.get(HEAD, "/b")] == [None, None]
    assert (recorded.unknown, recorded.outdated) == ({"/a", "/b"}, {"/a"})


def test_a_cache_without_room_is_done_without(tmp_path: Path) -> None:
    fs, _ = image({f"/{number}": bytes([number]) * 5_000 for number in range(50)})
    cache = Cache(tmp_path / "cache.sqlite")
    pages = cache._database.execute("PRAGMA page_count").fetchone()[0]
    cache._database.execute(f"PRAGMA max_page_count = {pages}")
    facts = LiveFacts(fs, LAYERS, cache, workers=1)
    found = facts.get_many(TEXT, fs.entries)
    assert found == LiveFacts(fs, workers=1).get_many(TEXT, fs.entries)
    assert facts.cache is None
