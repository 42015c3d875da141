"""What a COPY takes of a context: the values are those of builds on Docker 26.1, save where a row says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.context import Context, is_remote, sent, taken

# rule, words of the COPY, tree, files as they lie in the image
COPIES: tuple[tuple[str, str, str, list[str]], ...] = (
    ("a file under its own name", "a /x/", "a b", ["/x/a"]),
    ("a file under another name", "a /x", "a b", ["/x"]),
    ("two files", "a b /x/", "a b c", ["/x/a", "/x/b"]),
    ("a directory gives its contents", "d /x/", "d/a d/e/b", ["/x/a", "/x/e/b"]),
    ("a slash behind a directory changes nothing", "d/ /x", "d/a d/e/b", ["/x/a", "/x/e/b"]),
    ("the whole context", ". /x/", "d/a b", ["/x/b", "/x/d/a"]),
    ("a pattern", "*.txt /x/", "a.txt b.txt c d/e.txt", ["/x/a.txt", "/x/b.txt"]),
    (
        "a pattern that matches directories: their contents",
        "d* /x/",
        "d1/a d2/b d3 e",
        ["/x/a", "/x/b", "/x/d3"],
    ),
    ("a pattern in a directory", "d/*.txt /x/", "d/a.txt d/b d/e/c.txt", ["/x/a.txt"]),
    ("a pattern for the directory", "*/a /x/", "d/a e/b", ["/x/a"]),
    ("a pattern that matches nothing", "*.zip /x/", "a", []),
    ("a pattern that matches nothing beside a file", "a *.zip /x/", "a", ["/x/a"]),
    ("two stars are one in a source", "**/a /x/", "a d/a d/e/a", ["/x/a"]),
    ("a leading slash is the context", "/a /x/", "a", ["/x/a"]),
    ("out of the context ends at its root", "../a /x/", "a", ["/x/a"]),
    ("out and back", "../d/../a /x/", "a d/b", ["/x/a"]),
    ("a class", "[ab] /x/", "a b c", ["/x/a", "/x/b"]),
    ("a bracket written as a class", "a[[]b /x/", "a[b ab", ["/x/a[b"]),
    ("question marks", "?? /x/", "ab a abc", ["/x/ab"]),
    ("a directory below another", "d/e /x/", "d/a d/e/b", ["/x/b"]),
    ("a star matches hidden files", "* /x/", ".h a", ["/x/.h", "/x/a"]),
    ("a pattern without a slash at the destination", "a* /x", "ab c", ["/x"]),
)


def context_of(root: Path, tree: str) -> Context:
    for path in tree.split():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    return sent(root)


@pytest.mark.parametrize(
    ("words", "tree", "expected"), [row[1:] for row in COPIES], ids=[row[0] for row in COPIES]
)
def test_copy(words: str, tree: str, expected: list[str], tmp_path: Path) -> None:
    *sources, destination = words.split()
    found = taken(context_of(tmp_path, tree), sources, destination)
    assert sorted(item.destination for item in found if item.kind != "dir") == expected


# COPY --exclude: the values are those of builds on Docker 28.5.
@pytest.mark.parametrize(
    ("rule", "words", "exclude", "expected"),
    [
        ("below the source", "d /x/", ["*.o"], ["/x/a.c", "/x/e/b.o"]),
        ("at any depth", "d /x/", ["**/*.o"], ["/x/a.c"]),
        ("a directory", "d /x/", ["e"], ["/x/a.c", "/x/a.o"]),
        ("never a file that is itself the source (moby/buildkit#5489)", "d/a.o /x/", ["*.o"], ["/x/a.o"]),
        ("nor files that a pattern finds", "d/*.o /x/", ["*.o"], ["/x/a.o"]),
        ("an exception", "d /x/", ["**/*.o", "!a.o"], ["/x/a.c", "/x/a.o"]),
    ],
)
def test_exclude(rule: str, words: str, exclude: list[str], expected: list[str], tmp_path: Path) -> None:
    *sources, destination = words.split()
    found = taken(context_of(tmp_path, "d/a.c d/a.o d/e/b.o"), sources, destination, exclude=exclude)
    assert sorted(item.destination for item in found if item.kind != "dir") == expected


# COPY --parents: from the Dockerfile reference. Debian has no builder yet that knows the flag.
@pytest.mark.parametrize(
    ("rule", "words", "expected"),
    [
        ("a file keeps its directories", "x/y/a.txt /p/", ["/p/x/y/a.txt"]),
        ("two stars", "**/*.txt /p/", ["/p/b.txt", "/p/x/y/a.txt"]),
        ("a pivot cuts what stands before it", "x/./y/*.txt /p/", ["/p/y/a.txt"]),
        ("a directory comes whole", "x /p/", ["/p/x/y/a.txt", "/p/x/z"]),
        ("./ in front", "./x/z /p/", ["/p/x/z"]),
    ],
)
def test_parents(rule: str, words: str, expected: list[str], tmp_path: Path) -> None:
    *sources, destination = words.split()
    found = taken(context_of(tmp_path, "x/y/a.txt x/z b.txt"), sources, destination, parents=True)
    assert sorted(item.destination for item in found if item.kind != "dir") == expected


# rule, links, words of the COPY, what is taken and where it goes
LINKS: tuple[tuple[str, dict[str, str], str, list[tuple[str, str]]], ...] = (
    ("a link as the source gives what it leads to", {"l": "d/a"}, "l /x", [("d/a", "/x")]),
    ("under the link's own name", {"l": "d/a"}, "l /x/", [("d/a", "/x/l")]),
    ("a link to a directory gives its contents", {"l": "d"}, "l /x/", [("d/a", "/x/a")]),
    ("a link that a pattern finds", {"l": "d/a"}, "l* /x/", [("d/a", "/x/l")]),
    ("a link on the way", {"l": "d"}, "l/a /x/", [("d/a", "/x/a")]),
    ("an absolute link starts at the context", {"l": "/d/a"}, "l /x", [("d/a", "/x")]),
    ("a link inside a directory stays a link", {"d/l": "a"}, "d /x/", [("d/a", "/x/a"), ("d/l", "/x/l")]),
    ("a broken link", {"l": "gone"}, "l /x", []),
    ("links in a circle", {"l": "m", "m": "l"}, "l /x", []),
)


def lay_links(root: Path, links: dict[str, str]) -> None:
    (root / "d").mkdir()
    (root / "d/a").write_text("x")
    for link, target in links.items():
        (root / link).symlink_to(target)


@pytest.mark.parametrize(
    ("links", "words", "expected"), [row[1:] for row in LINKS], ids=[row[0] for row in LINKS]
)
def test_links(links: dict[str, str], words: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    lay_links(tmp_path, links)
    *sources, destination = words.split()
    found = taken(sent(tmp_path), sources, destination)
    assert [(item.path, item.destination) for item in found] == expected


@pytest.mark.parametrize(
    ("source", "remote"),
    [
        ("https://h.test/x.tgz", True),
        ("git@h.test:a/b.git", True),
        ("https://h.test/a.git#v1", True),
        ("http.txt", False),
        ("a/https:/b", False),
    ],
)
def test_remote_sources(source: str, remote: bool) -> None:
    assert is_remote(source) is remote
