"""Which files of a context are sent: the values are those of real builds (tests/ignorecases.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.context import sent
from analyzer.errors import InputError
from analyzer.ignorefile import find, load, parse
from tests.ignorecases import CASES, REFUSED, Case


def lay(root: Path, case: Case) -> None:
    for path in case.tree:
        if path.endswith("/"):
            (root / path).mkdir(parents=True, exist_ok=True)
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    (root / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    if case.ignore is not None:
        (root / ".dockerignore").write_bytes(case.ignore.encode())


@pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])
def test_files_sent(case: Case, tmp_path: Path) -> None:
    lay(tmp_path, case)
    found = sent(tmp_path, load(tmp_path, None))
    files = [path for path in found.files if path not in ("Dockerfile", ".dockerignore")]
    empty = [
        f"{path}/" for path, kind in found.entries.items() if kind == "dir" and not any(found.below(path))
    ]
    assert tuple(sorted(files + empty)) == case.sent


@pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])
def test_one_path_alone_gives_the_same(case: Case) -> None:
    ignore = parse((case.ignore or "").encode())
    files = [path for path in case.tree if not path.endswith("/")]
    assert [path for path in sorted(files) if not ignore.excludes(path)] == [
        path for path in case.sent if not path.endswith("/")
    ]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_a_build_refuses(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("ok\n" + text)
    with pytest.raises(InputError, match=message) as raised:
        load(tmp_path, None)
    assert [problem.line for problem in raised.value.problems] == [2]


@pytest.mark.parametrize(
    ("rule", "files", "expected"),
    [
        ("none", {}, None),
        ("the context's", {".dockerignore": "a"}, ".dockerignore"),
        (
            "the Dockerfile's own wins",
            {".dockerignore": "a", "docker/app.dockerignore": "b"},
            "docker/app.dockerignore",
        ),
        (
            "an empty one of the Dockerfile's counts",
            {".dockerignore": "a", "docker/app.dockerignore": ""},
            "docker/app.dockerignore",
        ),
        (
            "one beside the Dockerfile under the common name does not count",
            {"docker/.dockerignore": "a"},
            None,
        ),
    ],
)
def test_which_file_counts(rule: str, files: dict[str, str], expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = find(tmp_path, tmp_path / "docker/app")
    assert (found.relative_to(tmp_path).as_posix() if found else None) == expected


def test_no_ignore_file_excludes_nothing(tmp_path: Path) -> None:
    assert not load(tmp_path, tmp_path / "Dockerfile").excludes("a")


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    ignore = parse(data)
    assert ignore.excludes("a/b") in (True, False)


@given(st.text("*?[]^-\\!/ab.#\n \t", max_size=30), st.text("ab/.", min_size=1, max_size=8))
def test_any_pattern_matches_or_is_refused(text: str, path: str) -> None:
    ignore = parse(text.encode())
    assert ignore.excludes(path.strip("/") or "a") in (True, False)
