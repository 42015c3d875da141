"""Recorded runs of the fixtures give the rewrites that stand in `expected/`: no engine, no timing, no luck.

`make record` makes both anew; what changed in `expected/` is then read as a diff.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from rewriters.pipeline import replan
from rewriters.source import read_source
from scratchify.cli import main, options

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORDED = sorted(path.parents[1].name for path in FIXTURES.glob("*/recorded/run.json.gz"))
# A recording is read by people's git: it stays small.
LARGEST = 500_000


def test_the_fixtures_are_recorded() -> None:
    assert {"flask", "nginx", "shelltool", "static"} <= set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_gives_the_expected_rewrite(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(FIXTURES.parent)
    folder = FIXTURES / name
    recording = folder / "recorded" / "run.json.gz"
    assert recording.stat().st_size < LARGEST
    # The block names its source as seen from its own folder.
    output = FIXTURES / name / "expected" / ".golden"
    try:
        words = [
            "rewrite",
            str(folder / "Dockerfile"),
            "--recording",
            str(recording),
            "--output",
            str(output),
        ]
        assert main(words) == 0
        assert output.read_text() == (folder / "expected" / "Dockerfile.slim").read_text()
    finally:
        output.unlink(missing_ok=True)


@pytest.mark.parametrize("name", RECORDED)
def test_more_coverage_never_keeps_less(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sizes = []
    for coverage in ("traced", "balanced", "safe"):
        sizes.append(kept_bytes(name, coverage))
    assert sizes == sorted(sizes)
    assert sizes[0] > 0


def test_a_recording_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = FIXTURES / "static"
    document = json.loads(gzip.decompress((folder / "recorded" / "run.json.gz").read_bytes()))
    document["facts"] = {
        (f"elf/{number}.old" if name == "elf" else key): facts
        for key, facts in document["facts"].items()
        for name, _, number in [key.partition("/")]
    }
    old, output = tmp_path / "old.json", tmp_path / "Dockerfile.slim"
    old.write_text(json.dumps(document))
    words = ["rewrite", str(folder / "Dockerfile"), "--recording", str(old), "--output", str(output)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "another version of scratchify" in said
    assert "scratchify trace" in said
    assert not output.exists()


def kept_bytes(name: str, coverage: str) -> int:
    folder = FIXTURES / name
    file = folder / "Dockerfile"
    request = options.join_recorded(file, options.load_settings(file), [folder / "recorded" / "run.json.gz"])
    request = replace(request, keeping=replace(request.keeping, coverage=coverage))  # type: ignore[arg-type]
    return replan(request, read_source(file)).after.bytes
