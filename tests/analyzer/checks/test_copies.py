"""Rules about COPY and ADD: what ADD unpacks, by name and by content; destinations."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.analyzer.checks.linting import found, mended

FROM = "FROM debian:12\n"


def _tar(path: Path, mode: str) -> None:
    with tarfile.open(path, mode) as archive:
        member = tarfile.TarInfo("inside")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    _tar(tmp_path / "real.tgz", "w:gz")
    _tar(tmp_path / "hidden.txt", "w")
    (tmp_path / "text.tgz").write_text("just text\n")
    (tmp_path / "plain.conf").write_text("a=1\n")
    (tmp_path / "folder").mkdir()
    _tar(tmp_path / "folder" / "in.tar", "w")
    return tmp_path


CONTENT = [
    ("an archive", "ADD real.tgz /a/", "", "ADD real.tgz /a/"),
    ("an archive under another name", "ADD hidden.txt /a/", "", "ADD hidden.txt /a/"),
    ("text under an archive's name", "ADD text.tgz /a/", "DL3020:2", "COPY text.tgz /a/"),
    (
        "a folder with an archive in it",
        "ADD --chown=1:1 folder /a/",
        "DL3020:2",
        "COPY --chown=1:1 folder /a/",
    ),
    ("a file that is not there", "ADD none.conf /a/", "DL3020:2", "ADD none.conf /a/"),
    ("one file and one archive", "ADD plain.conf real.tgz /a/", "DL3020:2", "ADD plain.conf real.tgz /a/"),
    ("an address", "ADD https://a.test/b /a/", "", "ADD https://a.test/b /a/"),
    ("a repository", "ADD git@a.test:b/c.git /a/", "", "ADD git@a.test:b/c.git /a/"),
    (
        "an address of a variable",
        "ARG A=https://a.test\nADD $A/b /a/",
        "",
        "ARG A=https://a.test\nADD $A/b /a/",
    ),
    (
        "a file of a variable: another build may name an archive",
        "ARG F=plain.conf\nADD $F /a/",
        "DL3020:3",
        "ARG F=plain.conf\nADD $F /a/",
    ),
    ("a variable that nobody knows", "ADD $A /a/", "", "ADD $A /a/"),
    ("a pattern", "ADD *.conf /a/", "DL3020:2", "ADD *.conf /a/"),
    ("lower case", "add plain.conf /a/", "DL3020:2", "copy plain.conf /a/"),
]


@pytest.mark.parametrize(
    ("text", "expected", "after"), [row[1:] for row in CONTENT], ids=[row[0] for row in CONTENT]
)
def test_add(text: str, expected: str, after: str, context: Path) -> None:
    assert found(f"{FROM}{text}\n", "DL3020", context=context) == expected
    assert mended(f"{FROM}{text}\n", "DL3020", context=context) == f"{FROM}{after}\n"


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert found(f"{FROM}ADD pipe /a/\n", "DL3020", context=tmp_path) == "DL3020:2"
    assert mended(f"{FROM}ADD pipe /a/\n", "DL3020", context=tmp_path) == f"{FROM}ADD pipe /a/\n"


CASES = [
    (
        "an archive unpacked under its new name",
        "COPY a.tgz /tmp/b.tgz\nRUN cd /tmp && tar xf b.tgz",
        "DL3010",
        "DL3010:2",
    ),
    ("an archive only listed", "COPY a.tgz /tmp/\nRUN tar -tzf /tmp/a.tgz", "DL3010", ""),
    ("another archive unpacked", "COPY a.tgz /tmp/\nRUN tar xf /tmp/b.tgz", "DL3010", ""),
    ("long options", "COPY a.tgz /tmp/\nRUN tar --extract --file=/tmp/a.tgz", "DL3010", "DL3010:2"),
    ("no tar", "COPY a.gz /tmp/\nRUN gunzip /tmp/a.gz", "DL3010", ""),
    ("unpacked in another stage", "COPY a.tgz /tmp/\nFROM debian:12\nRUN tar xf /tmp/a.tgz", "DL3010", ""),
    ("the JSON form", 'COPY ["a", "b", "/x"]', "DL3021", "DL3021:2"),
    ("a variable with its slash", "COPY a b $X/", "DL3021", ""),
    ("a variable that nobody knows", "COPY a b $X", "DL3021", ""),
    ("a variable in front", "COPY a $X/b", "DL3045", ""),
    ("a drive", "COPY a c:\\\\b", "DL3045", ""),
    ("quotes", 'COPY a "b"', "DL3045", "DL3045:2"),
    ("WORKDIR of the parent stage", "FROM a:1 AS p\nWORKDIR /x\nFROM p\nCOPY a .", "DL3045", ""),
    ("WORKDIR of another stage", "FROM a:1 AS p\nWORKDIR /x\nFROM b:1\nCOPY a .", "DL3045", "DL3045:4"),
]


@pytest.mark.parametrize(
    ("text", "rule", "expected"), [row[1:] for row in CASES], ids=[f"{row[2]} {row[0]}" for row in CASES]
)
def test_finding(text: str, rule: str, expected: str) -> None:
    before = "" if text.startswith("FROM") else FROM
    assert found(f"{before}{text}\n", rule) == expected


def test_a_folder_gets_its_slash() -> None:
    text = f"{FROM}COPY a b /x\n"
    assert mended(text, "DL3021", unsafe=True) == f"{FROM}COPY a b /x/\n"
    assert mended(text, "DL3021") == text
