"""What an engine's words mean."""

from __future__ import annotations

import pytest

from analyzer.engines.failures import build_failure

CASES = [
    (
        "a path of the keep-list that the base no longer has",
        [
            '#12 RUN fail() { echo "scratchify: $1 is not in this build ($why)" >&2; exit 1; };',
            "#12 0.077 scratchify: usr/bin/curl is not in this build (script)",
        ],
        "usr/bin/curl is not in this build, and the keep-list names it (script)",
        "scratchify rewrite",
    ),
    (
        "a full disk",
        ["write /var/lib/docker/x: no space left on device"],
        "no space left on the disk",
        "free some space",
    ),
    (
        "an image for Windows",
        ["#5 ERROR: operating system is not supported"],
        "another operating system",
        "--platform linux/",
    ),
    ("nothing that we know", ["make: *** [all] Error 2"], "the build failed (exit code 1", "the last lines"),
]


@pytest.mark.parametrize(
    ("last", "message", "hint"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_failed_build_says_why(last: list[str], message: str, hint: str) -> None:
    error = build_failure(["docker", "build"], 1, last)
    assert message in error.message
    assert hint in (error.hint or "")
    assert last[-1] in (error.detail or "")
