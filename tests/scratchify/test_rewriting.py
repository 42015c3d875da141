"""The commands around a rewrite, on a recording made by hand: no engine, real files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analyzer import recording as recordings
from analyzer.image import ImageConfig, ImageFacts, Layer
from analyzer.recording import Access, Recording
from rewriters import block
from scratchify.cli import main
from tests.imagefs import Dir, File, Link, image_tree

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"

DOCKERFILE = """\
FROM debian:bookworm-slim
COPY requirements.txt app.sh /srv/
CMD ["/bin/app"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A context with its Dockerfile and a recording of its image; the cache is the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = tmp_path / "app"
    place.mkdir()
    (place / "Dockerfile").write_text(DOCKERFILE)
    (place / "requirements.txt").write_text("flask==3\n")
    (place / "app.sh").write_text("true\n")
    tree = image_tree(
        {
            "/bin": Link("usr/bin"),
            "/usr/bin/app": File(b"\x7fELF", mode=0o755),
            "/usr/bin/gcc": File(b"x" * 1000, mode=0o755),
            "/usr/share/extra/one": File(b"1"),
            "/srv/app.sh": File(b"true\n", layer=1),
            "/srv/requirements.txt": File(b"flask==3\n", layer=1),
            "/tmp": Dir(0o1777),
        }
    )
    facts = ImageFacts(
        "sha256:1",
        ImageConfig(cmd=("/bin/app",), workdir="/srv"),
        (Layer("sha256:a"), Layer("sha256:b", "COPY requirements.txt app.sh /srv/ # buildkit")),
    )
    recording = Recording(facts, list(tree), accesses={Access("/usr/bin/app", "exec", "", "/usr/bin/app")})
    recordings.write(recording, place / "run.gz")
    monkeypatch.chdir(place)
    return place


def rewrite(*argv: str) -> int:
    return main(["rewrite", "--recording", "run.gz", *argv])


def validated(text: str, schema: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    jsonschema.validate(document, json.loads((SCHEMAS / f"{schema}.json").read_text()))
    return document


def test_the_default_output_stands_beside_the_dockerfile(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rewrite() == 0
    written = (folder / "Dockerfile.slim").read_text()
    assert written.startswith("FROM debian:bookworm-slim AS scratchify-original\n")
    assert "usr/bin/app" in written
    assert "gcc" not in written
    out = capsys.readouterr().out
    assert "+FROM scratch" in out
    assert "not verified" in out


def test_the_same_recording_gives_the_same_bytes(folder: Path) -> None:
    assert rewrite("--output", "one") == rewrite("--output", "two") == 0
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


def test_what_the_trace_lost_is_said_when_the_recording_is_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recordings.read(folder / "run.gz")
    recording.lost.append("lines of the trace that could not be read: 3")
    recordings.write(recording, folder / "run.gz")
    assert rewrite() == 0
    assert "note: lines of the trace that could not be read: 3" in capsys.readouterr().err


def test_json_is_as_its_schema_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rewrite("--format", "json") == 0
    document = validated(capsys.readouterr().out, "rewrite")
    assert document["output"] == "Dockerfile.slim"
    assert document["image"]["after"]["bytes"] < document["image"]["before"]["bytes"]
    assert document["verified"] is False


def test_a_difference_alone_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.iterdir())
    assert rewrite("--diff") == 0
    assert sorted(folder.iterdir()) == before
    assert "+FROM scratch" in capsys.readouterr().out


def test_standard_input_gives_the_file_on_standard_output(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(DOCKERFILE.encode())))
    assert rewrite("-") == 0
    out = capfdbinary.readouterr().out
    assert out.startswith(b"FROM debian:bookworm-slim AS scratchify-original\n")
    assert out.endswith(b"# <<< scratchify\n")


def test_in_place_and_back(folder: Path) -> None:
    (folder / "Dockerfile").chmod(0o600)
    assert rewrite("--in-place") == 0
    first = (folder / "Dockerfile").read_bytes()
    assert b"source=Dockerfile " in first
    assert rewrite("--in-place") == 0
    assert (folder / "Dockerfile").read_bytes() == first
    assert main(["strip"]) == 0
    assert (folder / "Dockerfile").read_text() == DOCKERFILE
    assert (folder / "Dockerfile").stat().st_mode & 0o777 == 0o600


def test_another_s_output_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "Dockerfile.slim").write_text("FROM hers\n")
    assert rewrite() == 2
    assert (folder / "Dockerfile.slim").read_text() == "FROM hers\n"
    assert "hint: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "there"),
    [
        ((), False),
        (("--keep", "/usr/bin/gcc"), True),
        (("--keep", "/usr/bin/*"), True),
        (("--keep", "/usr/bin/gcc", "--drop", "/usr/bin/gcc"), False),
    ],
)
def test_keep_and_drop(
    folder: Path, options: tuple[str, ...], there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rewrite(*options, "--format", "json") == 0
    assert (validated(capsys.readouterr().out, "rewrite")["image"]["after"]["bytes"] >= 1000) is there


def test_settings_stand_in_for_flags(folder: Path) -> None:
    (folder / "scratchify.toml").write_text('[dockerfile."Dockerfile"]\nkeep = ["/usr/share/extra/"]\n')
    assert rewrite() == 0
    assert main(["why", "/usr/share/extra/one"]) == 0


def test_a_block_drifts_from_its_source_and_its_manifests(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rewrite() == 0
    assert main(["check"]) == 0
    (folder / "requirements.txt").write_text("flask==4\n")
    assert main(["check", "--format", "json"]) == 1
    capsys.readouterr()
    assert main(["check", "--format", "json", "."]) == 1
    document = validated(capsys.readouterr().out, "check")
    assert [file["changes"] for file in document["files"]] == [
        ["a dependency manifest changed (requirements.txt)"]
    ]
    (folder / "Dockerfile").write_text(DOCKERFILE + "USER 7\n")
    assert main(["check", "Dockerfile.slim"]) == 1
    assert "its source Dockerfile was edited" in capsys.readouterr().out


def test_why_shows_the_chain(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rewrite() == 0
    capsys.readouterr()
    assert main(["why", "/bin", "--format", "json"]) == 0
    chain = validated(capsys.readouterr().out, "why")["chain"]
    assert chain[-1]["path"] == "/bin"
    assert main(["why", "/srv/app.sh"]) == 0
    assert "author: line 2" in capsys.readouterr().out


def test_why_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rewrite() == 0
    capsys.readouterr()
    assert main(["why", "--not", "/usr/bin/gcc", "--format", "json"]) == 0
    assert validated(capsys.readouterr().out, "why")["size"] == 1000
    assert main(["why", "/usr/bin/gcc"]) == 1
    assert main(["why", "--not", "/srv/app.sh"]) == 1
    assert main(["why", "--not", "/no/such"]) == 2


def test_why_without_evidence_names_the_command_that_makes_it(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert rewrite() == 0
    for file in (tmp_path / "cache" / "scratchify" / "evidence").iterdir():
        file.unlink()
    assert main(["why", "/bin"]) == 2
    assert "scratchify rewrite" in capsys.readouterr().err
    assert main(["why", "/bin", "--recording", "run.gz"]) == 0


def test_the_marker_says_what_the_block_was_made_of(folder: Path) -> None:
    (folder / "out").mkdir()
    assert rewrite("--output", "out/Slim") == 0
    marker = block.split((folder / "out/Slim").read_bytes(), "").marker
    assert marker is not None
    assert marker.source == "../Dockerfile"
    assert marker.sha256 == block.digest(DOCKERFILE.encode())
    assert marker.inputs == block.digest_inputs(folder, ["requirements.txt"])
