"""Patterns as .gitignore has them, over an image's paths."""

from __future__ import annotations

import pytest

from analyzer.resolvers.patterns import Matcher, compile_pattern, unmatched
from tests.imagefs import image_tree

PATHS = [
    "/app/a.log", "/app/deep/b.log", "/app/deep/keep.log", "/app/[id].js", "/app/x y",
    "/usr/share/doc/bash/README", "/usr/share/doc/README", "/var/log/app.txt", "/log", "/app/log/z",
]  # fmt: skip

CASES: dict[str, tuple[list[str], set[str]]] = {
    "a name at any depth": (["*.log"], {"/app/a.log", "/app/deep/b.log", "/app/deep/keep.log"}),
    "anchored at the root": (["/app/*.log"], {"/app/a.log"}),
    "a slash inside anchors as well": (["app/*.log"], {"/app/a.log"}),
    "a directory with all below": (["/app/deep"], {"/app/deep/b.log", "/app/deep/keep.log"}),
    "directories alone": (["log/"], {"/var/log/app.txt", "/app/log/z"}),
    "a name that is a file and a directory": (["log"], {"/var/log/app.txt", "/app/log/z", "/log"}),
    "two stars in front": (["**/README"], {"/usr/share/doc/bash/README", "/usr/share/doc/README"}),
    "two stars in the middle": (["/usr/**/README"], {"/usr/share/doc/bash/README", "/usr/share/doc/README"}),
    "two stars at the end": (["/usr/share/**"], {"/usr/share/doc/bash/README", "/usr/share/doc/README"}),
    "one star stays within a name": (["/usr/share/*/README"], {"/usr/share/doc/README"}),
    "the last that matches decides": (["*.log", "!keep.log"], {"/app/a.log", "/app/deep/b.log"}),
    "what is in a matched directory cannot be taken back": (
        ["/app/deep", "!keep.log"], {"/app/deep/b.log", "/app/deep/keep.log"},
    ),
    "a class": (["/app/[ab].log"], {"/app/a.log"}),
    "a negated class": (["/app/[!b].log"], {"/app/a.log"}),
    "an escaped bracket": (["\\[id].js"], {"/app/[id].js"}),
    "a question mark": (["/app/x?y"], {"/app/x y"}),
    "nothing": ([], set()),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_patterns_match(case: str) -> None:
    patterns, expected = CASES[case]
    fs = image_tree(dict.fromkeys(PATHS, b""))
    matcher = Matcher(fs, patterns)
    assert {path for path in PATHS if matcher(path)} == expected


def test_patterns_that_match_nothing() -> None:
    assert unmatched(image_tree({"/app/a": b""}), ["/app", "/opt", "b"]) == ["/opt", "b"]


def test_a_pattern_keeps_its_text() -> None:
    assert compile_pattern("!/a/").text == "!/a/"
