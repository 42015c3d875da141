"""What the author's COPY and ADD bring: origins, destinations, files of the context, manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.context import Context, sent
from analyzer.copies import author_copies, context_files, is_manifest, manifests
from analyzer.dockerfile.instructions import read
from analyzer.ignorefile import load
from analyzer.stages import StageTable, resolve


def table_of(text: str) -> StageTable:
    return resolve(read(text.encode()))


# rule, Dockerfile, for each COPY: line, sources, destination, whether that is a directory by itself, origin
COPIES: tuple[tuple[str, str, list[tuple[int, str, str, bool, str]]], ...] = (
    ("a file", "FROM x\nCOPY a /b", [(2, "a", "/b", False, "context")]),
    ("into a directory", "FROM x\nCOPY a b /d/", [(2, "a b", "/d", True, "context")]),
    ("below the working directory", "FROM x\nWORKDIR /app\nCOPY a b", [(3, "a", "/app/b", False, "context")]),
    ("the working directory itself", "FROM x\nWORKDIR /app\nCOPY a .", [(3, "a", "/app", True, "context")]),
    (
        "relative working directories",
        "FROM x\nWORKDIR /a\nWORKDIR b\nCOPY c ./",
        [(4, "c", "/a/b", True, "context")],
    ),
    ("no working directory", "FROM x\nCOPY a .", [(2, "a", "/", True, "context")]),
    ("out and back", "FROM x\nWORKDIR /a/b\nCOPY c ../d", [(3, "c", "/a/d", False, "context")]),
    ("values are put in", "FROM x\nENV D=/d\nARG F=f\nCOPY $F $D/", [(4, "f", "/d", True, "context")]),
    ("JSON form", 'FROM x\nCOPY ["a b", "/c d/"]', [(2, "a b", "/c d", True, "context")]),
    ("from a stage", "FROM x AS s\nFROM y\nCOPY --from=s /a /b", [(3, "/a", "/b", False, "stage 0")]),
    ("from an image", "FROM y\nCOPY --from=img:1 /a /b", [(2, "/a", "/b", False, "img:1")]),
    (
        "what the parent stage copied, first",
        "FROM x AS s\nCOPY a /a\nFROM s\nCOPY b /b",
        [
            (2, "a", "/a", False, "context"),
            (4, "b", "/b", False, "context"),
        ],
    ),
    (
        "what another stage copied does not count",
        "FROM x AS s\nCOPY a /a\nFROM y\nCOPY b /b",
        [(4, "b", "/b", False, "context")],
    ),
    (
        "a trigger of the parent, at the beginning",
        "FROM x AS s\nONBUILD COPY t /t\nFROM s\nCOPY b /b",
        [
            (2, "t", "/t", False, "context"),
            (4, "b", "/b", False, "context"),
        ],
    ),
    ("an archive", "FROM x\nADD a.tgz /a/", [(2, "a.tgz", "/a", True, "context")]),
)


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in COPIES], ids=[row[0] for row in COPIES])
def test_author_copies(text: str, expected: list[tuple[int, str, str, bool, str]]) -> None:
    table = table_of(text)
    found = []
    for copy in author_copies(table, table.find()):
        origin = "context"
        if copy.source is not None:
            origin = copy.source.image if copy.source.stage is None else f"stage {copy.source.stage}"
        found.append((copy.line, " ".join(copy.sources), copy.destination, copy.directory, origin))
    assert found == expected


def test_heredocs_and_addresses_are_no_sources() -> None:
    text = "FROM x\nCOPY <<one.conf a /etc/\ntext\none.conf\nADD https://h.test/x.tgz b /srv/\n"
    first, second = author_copies(table_of(text), 0)
    assert (first.sources, first.inline, first.remote) == (("a",), ("one.conf",), ())
    assert (second.sources, second.inline, second.remote) == (("b",), (), ("https://h.test/x.tgz",))
    assert second.destinations() == ("/srv", "/srv/b", "/srv/x.tgz")


TREE = (
    "app.py requirements.txt requirements-dev.txt sub/package.json sub/yarn.lock "
    "go.sum docs/a.md vendor/pom.xml"
)


def context_of(root: Path) -> Context:
    for path in TREE.split():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    return sent(root, load(root, None))


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("one by name", "FROM x\nCOPY requirements.txt /", ["requirements.txt"]),
        ("a pattern", "FROM x\nCOPY req*.txt /", ["requirements-dev.txt", "requirements.txt"]),
        (
            "the whole context",
            "FROM x\nCOPY . /",
            [
                "go.sum",
                "requirements-dev.txt",
                "requirements.txt",
                "sub/package.json",
                "sub/yarn.lock",
                "vendor/pom.xml",
            ],
        ),
        ("a directory", "FROM x\nCOPY sub /", ["sub/package.json", "sub/yarn.lock"]),
        (
            "in a stage that the target needs",
            "FROM x AS b\nCOPY go.sum /\nFROM y\nCOPY --from=b /bin /",
            ["go.sum"],
        ),
        ("in a stage that nobody needs", "FROM x AS b\nCOPY go.sum /\nFROM y\nCOPY app.py /", []),
        ("none", "FROM x\nCOPY app.py docs /", []),
        ("a mounted file counts as well", "FROM x\nRUN --mount=target=/r,source=go.sum ls", ["go.sum"]),
        (
            "a mounted directory",
            "FROM x\nRUN --mount=target=/r,source=sub ls",
            ["sub/package.json", "sub/yarn.lock"],
        ),
        (
            "a mount of another stage does not",
            "FROM x AS a\nFROM y\nRUN --mount=from=a,source=go.sum,target=/r ls",
            [],
        ),
        ("nor does a cache", "FROM x\nRUN --mount=type=cache,target=/r,source=go.sum ls", []),
        ("twice is once", "FROM x\nCOPY go.sum /a\nCOPY go.* /", ["go.sum"]),
    ],
)
def test_manifests(rule: str, text: str, expected: list[str], tmp_path: Path) -> None:
    table = table_of(text)
    assert list(manifests(table, table.find(), context_of(tmp_path))) == expected


def test_what_the_ignore_file_keeps_back_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("sub\n*.txt\n.dockerignore\n")
    table = table_of("FROM x\nCOPY . /\n")
    context = context_of(tmp_path)
    assert context_files(table, 0, context) == ("app.py", "docs/a.md", "go.sum", "vendor/pom.xml")
    assert manifests(table, 0, context) == ("go.sum", "vendor/pom.xml")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("requirements.txt", True),
        ("requirements/prod.txt", False),
        ("a/requirements-prod.txt", True),
        ("Cargo.lock", True),
        ("my.csproj", True),
        ("package.json.bak", False),
        ("Gemfile", True),
        ("main.go", False),
        ("composer.lock", True),
        ("poetry.lock", True),
    ],
)
def test_names_of_manifests(name: str, expected: bool) -> None:
    assert is_manifest(name) is expected
