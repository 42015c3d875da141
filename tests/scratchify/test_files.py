"""A user's file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.errors import ScratchifyError
from scratchify.files import write_whole


def test_a_new_file_gets_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"text")
    finally:
        os.umask(before)
    assert (tmp_path / "new").read_bytes() == b"text"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    place = tmp_path / "old"
    place.write_text("before")
    place.chmod(0o604)
    write_whole(place, b"after")
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"after", 0o604)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after"


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "old"
    place.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ScratchifyError, match="No space left"):
        write_whole(place, b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert place.read_text() == "before"
