"""The block goes in and comes out, and the author's bytes stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import InputError
from rewriters import block

BODY = "FROM scratch\nCOPY --from=scratchify-original /a /a"


def marker(source: bytes) -> block.Marker:
    return block.Marker("Dockerfile", block.digest(source), "0" * 64)


ROUND_TRIPS = [
    ("one final newline", b"FROM a AS b\n"),
    ("no final newline", b"FROM a AS b"),
    ("several empty lines at the end", b"FROM a AS b\n\n\n"),
    ("CRLF", b"FROM a AS b\r\nRUN x\r\n"),
    ("CRLF without the last one", b"FROM a AS b\r\nRUN x"),
    ("a byte order mark", b"\xef\xbb\xbfFROM a AS b\n"),
    ("a comment that looks like ours", b"# >>> scratchify is a tool\nFROM a AS b\n"),
]


@pytest.mark.parametrize("author", [case[1] for case in ROUND_TRIPS], ids=[case[0] for case in ROUND_TRIPS])
def test_split_gives_back_what_insert_took(author: bytes) -> None:
    written = block.insert(author, BODY, marker(author))
    found = block.split(written, "Dockerfile")
    assert (found.author, found.marker) == (author, marker(author))
    assert written.startswith(author)


@given(st.text(alphabet="FROM a\\\r\n#", max_size=40).map(str.encode))
def test_any_text_comes_back(author: bytes) -> None:
    assert block.split(block.insert(author, BODY, marker(author)), "Dockerfile").author == author


def test_the_name_that_was_given_goes_too() -> None:
    author = b"FROM a\nRUN x\n"
    named = b"FROM a AS scratchify-original\nRUN x\n"
    assert block.split(block.insert(named, BODY, marker(author)), "Dockerfile").author == author


def test_an_authors_stage_of_such_a_name_keeps_it() -> None:
    author = b"FROM a AS scratchify-original\nFROM b\n"
    named = b"FROM a AS scratchify-original\nFROM b AS scratchify-original-2\n"
    body = BODY.replace("original", "original-2")
    for source in (author, b"an edited file's"):
        assert block.split(block.insert(named, body, marker(source)), "Dockerfile").author == author


def test_an_edited_file_loses_the_name_and_keeps_the_edit() -> None:
    named = b"FROM a AS scratchify-original\nRUN edited\n"
    written = block.insert(named, BODY, marker(b"FROM a\nRUN x\n"))
    assert block.split(written, "Dockerfile").author == b"FROM a\nRUN edited\n"


def test_line_ends_are_the_files_own() -> None:
    written = block.insert(b"FROM a\r\n", BODY, marker(b""))
    assert written.count(b"\r\n") == written.count(b"\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"FROM a\n{marker(b'')}\nFROM scratch\n", "no end line"),
        (f"FROM a\n{marker(b'')}\nx\n# <<< scratchify\n{marker(b'')}\nx\n# <<< scratchify\n", "second block"),
        (f"FROM a\n{block.Marker('D', '0', '0', 9)}\nx\n# <<< scratchify\n", "newer"),
    ],
)
def test_a_broken_block_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        block.split(text.encode(), "Dockerfile")


def test_inputs_are_names_and_bytes_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "b.txt").write_text("2")
    first = block.digest_inputs(tmp_path, ["b.txt", "a.txt"])
    assert first == block.digest_inputs(tmp_path, ["a.txt", "b.txt", "missing"])
    (tmp_path / "a.txt").write_text("3")
    assert block.digest_inputs(tmp_path, ["a.txt", "b.txt"]) != first
