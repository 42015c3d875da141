"""The whole way on real apps: the slim image does all that the original does, and is part of it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import networkx as nx
import pytest

from analyzer.engines.docker import DockerEngine
from analyzer.keepset import graph
from rewriters.remembered import recall
from tests.e2e import wholefs
from tests.e2e.behaving import answers, behaviours
from tests.e2e.command import ROOT, build, configuration, remove_images, scratchify

pytestmark = pytest.mark.engine

FIXTURES = ROOT / "fixtures"
# Megabytes (10^6 bytes of files) that the slim image may have.
LARGEST = {
    "apache-php": 105,
    "busybox-musl": 4,
    "flask": 60,
    "gittool": 70,
    "nginx": 16,
    "privileges": 10,
    "redis": 26,
    "shelltool": 20,
    "sinatra": 32,
    "static": 12,
}
# What `make e2e-all` adds: they take too long to be built with every change.
LARGEST_OF_ALL = {
    "celery": 67,
    "convert": 17,
    "django": 70,
    "entrypoints": 39,
    "express": 114,
    "fastapi": 84,
    "java-drawing": 222,
    "java-http": 188,
    "java-nested": 188,
    "next-like": 104,
    "nginx-templates": 16,
    "no-shell": 4,
    "node-worker": 110,
    "pandas": 170,
    "perl-dbi": 68,
    "php-fpm": 118,
    "postgres": 110,
    "sklearn": 355,
}
ALL = bool(os.environ.get("SCRATCHIFY_ALL"))
CHOSEN = LARGEST | (LARGEST_OF_ALL if ALL else {})


@dataclass
class Case:
    """One fixture, rewritten. `original` and `slim` are images of the engine."""

    name: str
    folder: Path
    document: dict[str, Any]
    original: str
    slim: str
    seconds: float  # of the whole rewrite


@pytest.fixture(scope="module", params=sorted(CHOSEN))
def case(
    request: pytest.FixtureRequest, engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    name = request.param
    slim, original = (
        f"scratchify-e2e-{name}:slim-{os.getpid()}",
        f"scratchify-e2e-{name}:original-{os.getpid()}",
    )
    folder = tmp_path_factory.mktemp(name) / name
    shutil.copytree(FIXTURES / name, folder)
    begun = time.monotonic()
    done = scratchify(
        "rewrite",
        str(folder / "Dockerfile"),
        *("--probes", str(folder / "probes.txt")),
        *("--build-opt", "--network=host"),
        *("--save-recording", str(folder.parent / "recording.gz")),
        *("--tag", slim),
        *("--format", "json"),
    )
    seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    # From the fixture itself: in the copy stands now what was written, and `COPY . .` would take it along.
    build(engine, FIXTURES / name, original, "--network=host")
    request.addfinalizer(lambda: remove_images(engine, slim, original))
    return Case(name, folder, json.loads(done.stdout), original, slim, seconds)


def test_it_is_small(case: Case) -> None:
    sizes = case.document["image"]
    assert sizes["after"]["bytes"] <= CHOSEN[case.name] * 1e6
    assert sizes["after"]["bytes"] < sizes["before"]["bytes"]


def test_it_answers_every_probe_and_behaviour_as_the_original(
    case: Case, engine: DockerEngine, record_property: Callable[[str, object], None]
) -> None:
    lines = behaviours(case.folder / "probes.txt") + behaviours(case.folder / "behaviours.txt")
    assert len(behaviours(case.folder / "behaviours.txt")) >= 5
    slim = answers(engine.binary, case.slim, lines)
    original = answers(engine.binary, case.original, lines)
    held = sum(slim[line] == original[line] for line in lines)
    record_property("fixture", _row(case, f"{held} of {len(lines)}"))
    assert slim == original


def _row(case: Case, held: str) -> str:
    before, after = case.document["image"]["before"], case.document["image"]["after"]
    sizes = f"{before['bytes'] / 1e6:7.1f} → {after['bytes'] / 1e6:6.1f} MB"
    files = f"{before['files']:6,} → {after['files']:5,} files"
    return f"{case.name:<16} {sizes}  {files}  {held:>8}  {case.seconds:4.0f} s"


def test_more_coverage_never_keeps_less(case: Case) -> None:
    sizes = [_planned(case, coverage)["image"]["after"]["bytes"] for coverage in ("traced", "safe")]
    sizes.insert(1, case.document["image"]["after"]["bytes"])
    assert sizes == sorted(sizes)
    assert sizes[0] > 0


if ALL:

    @pytest.mark.parametrize("coverage", ["traced", "safe"])
    def test_every_level_passes_its_probes(coverage: str, case: Case, engine: DockerEngine) -> None:
        """Built from the plan of the one recording; at `safe`, what no probe asked holds as well."""
        _planned(case, coverage)
        tag = f"scratchify-e2e-{case.name}:{coverage}-{os.getpid()}"
        build(engine, case.folder, tag, "--network=host", dockerfile=case.folder / f"{coverage}.slim")
        lines = behaviours(case.folder / "probes.txt")
        if coverage == "safe":
            lines += behaviours(case.folder / "behaviours.txt")
        try:
            assert answers(engine.binary, tag, lines) == answers(engine.binary, case.original, lines)
        finally:
            remove_images(engine, tag)


def _planned(case: Case, coverage: str) -> dict[str, Any]:
    """The document of a rewrite at another level, planned without an engine from the case's recording."""
    done = scratchify(
        "rewrite",
        str(case.folder / "Dockerfile"),
        *("--recording", str(case.folder.parent / "recording.gz")),
        *("--coverage", coverage),
        *("--output", str(case.folder / f"{coverage}.slim")),
        *("--format", "json"),
        engine=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_every_path_is_the_originals(case: Case, engine: DockerEngine, tmp_path: Path) -> None:
    slim = wholefs.saved(engine, case.slim, tmp_path)
    original = wholefs.saved(engine, case.original, tmp_path)
    assert len(slim) > 3
    assert wholefs.not_of(slim, original) == []


def test_the_configuration_is_the_originals(case: Case, engine: DockerEngine) -> None:
    assert configuration(engine, case.slim) == configuration(engine, case.original)


def test_the_author_s_part_is_untouched_and_strip_gives_it_back(case: Case) -> None:
    before = (case.folder / "Dockerfile").read_bytes()
    written = (case.folder / "Dockerfile.slim").read_bytes()
    author = written[: written.index(b"\n# >>> scratchify ")]
    assert author.replace(b" AS scratchify-original", b"") == before
    done = scratchify("strip", str(case.folder / "Dockerfile.slim"), "--output", str(case.folder / "back"))
    assert done.returncode == 0, done.stderr
    assert (case.folder / "back").read_bytes() == before


def test_one_recording_gives_the_same_bytes_without_an_engine(case: Case) -> None:
    texts = []
    for name in ("one", "two"):
        done = scratchify(
            "rewrite",
            str(case.folder / "Dockerfile"),
            *("--recording", str(case.folder.parent / "recording.gz")),
            *("--output", str(case.folder / name)),
            engine=False,
        )
        assert done.returncode == 0, done.stderr
        texts.append((case.folder / name).read_bytes())
    assert texts[0] == texts[1] == (case.folder / "Dockerfile.slim").read_bytes()


def test_rewriting_the_rewritten_file_replaces_the_block_and_nothing_else(case: Case) -> None:
    place = case.folder / "again"
    place.write_bytes((case.folder / "Dockerfile.slim").read_bytes())
    done = scratchify(
        "rewrite",
        str(place),
        "--in-place",
        *("--recording", str(case.folder.parent / "recording.gz")),
        engine=False,
    )
    assert done.returncode == 0, done.stderr
    before = (case.folder / "Dockerfile.slim").read_bytes()
    assert place.read_bytes() == before.replace(b"source=Dockerfile ", b"source=again ")


def test_the_document_is_as_its_schema_says(case: Case) -> None:
    jsonschema.validate(case.document, json.loads((ROOT / "docs/schema/rewrite.json").read_text()))
    assert case.document["verified"] is True
    assert all(probe["passed"] for probe in case.document["probes"])


def test_every_kept_path_says_why(case: Case) -> None:
    kept = recall(case.folder / "Dockerfile.slim", (case.folder / "Dockerfile.slim").read_bytes())
    reasons = graph(kept)
    roots = [node for node in reasons if node not in kept.evidence]
    explained = set(nx.multi_source_dijkstra_path_length(reasons, roots))
    assert set(kept.evidence) - explained - {"/"} == set()
