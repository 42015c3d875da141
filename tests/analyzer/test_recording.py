"""Recordings as files: the same again, the same bytes, no secrets, clear refusals."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry
from analyzer.image import Healthcheck, ImageConfig, ImageFacts, Layer
from analyzer.recording import (
    SCHEMA,
    Access,
    Answer,
    Outcome,
    Program,
    Recording,
    merge,
    read,
    require_whole,
    restored,
    to_json,
    write,
)
from analyzer.redaction import mark

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "schema" / "recording.json"


def recording() -> Recording:
    config = ImageConfig(
        env=(("PATH", "/bin"), ("API_KEY", "hunter22")),
        entrypoint=("/bin/app",),
        exposed=("80/tcp",),
        labels=(("a", "b"),),
        healthcheck=Healthcheck(("CMD", "true"), interval=30),
    )
    return Recording(
        image=ImageFacts("sha256:1", config, (Layer("sha256:2", "RUN x"),)),
        manifest=[
            Entry(
                "/bin/app", "file", 0o4755, size=3, xattrs=(("security.capability", b"\x01\xff"),), offset=512
            ),
            Entry("/", "dir", 0o755),
            Entry("/dev/null", "char", device=(1, 3)),
            Entry("/caf\udce9", "link", 0o777, target="\udcff"),
        ],
        facts={"elf": {"/bin/app": {"needed": ["libc.so.6"], "static": False}}},
        accesses={Access("/caf\udce9", "open", "", "/bin/app"), Access("/no", "stat", "ENOENT", "")},
        programs={Program("/bin/app", ("app", "--token", "hunter23"), "/")},
        ports={"80/tcp"},
        written={"/tmp/x"},
        outcomes=[
            Outcome(
                "http http://a/ -H 'Authorization: Bearer abcd'",
                Answer(True, 200, "text/plain", "key hunter22\n\x00varies", compared="stable part"),
            )
        ],
        lost=["2 lines of the trace could not be read"],
        syscalls={"openat"},
    )


def test_comes_back_as_it_was_save_the_secrets(tmp_path: Path) -> None:
    path = tmp_path / "app.recording.gz"
    write(recording(), path)
    back = read(path)
    expected = recording()
    assert back.manifest == sorted(expected.manifest, key=lambda entry: entry.path)
    for name in ("facts", "accesses", "ports", "written", "lost", "syscalls"):
        assert getattr(back, name) == getattr(expected, name)
    assert back.image.config == replace(
        expected.image.config, env=(("PATH", "/bin"), ("API_KEY", mark("API_KEY")))
    )
    assert back.programs == {Program("/bin/app", ("app", "--token", mark("token")), "/")}
    [outcome] = back.outcomes
    assert outcome.probe == f"http http://a/ -H 'Authorization: {mark('Authorization')}'"
    assert outcome.answer == Answer(
        True, 200, "text/plain", f"key {mark('API_KEY')}\n\x00varies", compared="stable part"
    )
    assert b"hunter2" not in gzip.decompress(path.read_bytes())


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    write(recording(), first)
    turned = recording()
    turned.manifest.reverse()
    write(turned, second)
    assert first.read_bytes() == second.read_bytes()
    write(read(first), second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_plain_json_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_text(json.dumps(to_json(recording())))
    assert read(path).ports == {"80/tcp"}


def test_the_document_is_as_the_schema_says() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for sample in (recording(), Recording(ImageFacts("sha256:1", ImageConfig()))):
        jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(to_json(sample))))


REFUSED: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"FROM scratch", "is no recording"),
    "another document": (b'{"a": 1}', "no recording"),
    "a list": (b"[]", "no recording"),
    "a cut archive": (gzip.compress(b'{"schema": 1}')[:-9], "is no recording"),
    "a later schema": (
        b'{"schema": 99, "image": {}}',
        f"schema 99, and this scratchify reads schema {SCHEMA}",
    ),
    "a field of another type": (
        b'{"schema": 1, "image": {"digest": "x", "config": {}}, "ports": 3}',
        "$.ports",
    ),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(ScratchifyError) as caught:
        read(path)
    assert message in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScratchifyError, match="cannot read the recording"):
        read(tmp_path / "nowhere")


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ScratchifyError, match="cannot write the recording"):
        write(recording(), tmp_path / "no" / "where")
    assert list(tmp_path.iterdir()) == []


def test_runs_of_one_image_merge() -> None:
    other = Recording(
        recording().image,
        facts={"elf": {"/b": 1}, "python": {"/c": 2}},
        accesses={Access("/more", "open", "", "")},
        written={"/tmp/y"},
        outcomes=[
            Outcome("run", Answer(True, 0)),
            replace(recording().outcomes[0], answer=Answer(True, 201)),
        ],
        lost=["2 lines of the trace could not be read", "more"],
    )
    merged = merge([recording(), other])
    assert merged.manifest == recording().manifest
    assert merged.facts["elf"].keys() == {"/bin/app", "/b"}
    assert merged.accesses == recording().accesses | other.accesses
    assert merged.written == {"/tmp/x", "/tmp/y"}
    assert [outcome.answer.status for outcome in merged.outcomes] == [200, 0]
    assert merged.lost == ["2 lines of the trace could not be read", "more"]


def test_runs_of_two_images_do_not_merge() -> None:
    with pytest.raises(ScratchifyError, match="sha256:1 and sha256:9"):
        merge([recording(), Recording(ImageFacts("sha256:9", ImageConfig()))])


def test_what_was_kept_back_comes_from_the_dockerfile(tmp_path: Path) -> None:
    write(recording(), tmp_path / "a")
    back = read(tmp_path / "a").image
    with pytest.raises(ScratchifyError, match="API_KEY"):
        require_whole(restored(back, {"PATH": "/bin"}))
    whole = restored(back, {"API_KEY": "hunter22", "PATH": "/other"})
    require_whole(whole)
    assert whole == recording().image
