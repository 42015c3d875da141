"""What reads as a comment and is none, and comments that hide what follows."""

from __future__ import annotations

import pytest

from analyzer.shell import comments
from tests.analyzer.checks.linting import found, mended

CASES = [
    ("a comment behind a command that goes on", "RUN a \\\n  && b # why \\\n  && c", "SLIM005:3"),
    ("an instruction swallowed by a comment", "RUN a # why \\\nRUN b", "SLIM005:2"),
    ("several comments: each hides the next", "RUN a # x \\\n && b # y \\\n && c", "SLIM005:2"),
    ("a comment at the end hides nothing", "RUN a \\\n  && b # why", ""),
    ("a comment with nothing behind it but blanks", "RUN a # why \\\n   \n", ""),
    ("a comment line of the Dockerfile's own", "RUN a \\\n# why\n  && b", ""),
    ("a heredoc has its own lines", "RUN <<EOF\na # why\nb\nEOF", ""),
    ("a quoted hash", "RUN echo 'a # b' \\\n && c", ""),
    ("a hash inside a word", "RUN echo a#b ${x#y} $# \\\n && c", ""),
    ("an escaped hash", "RUN echo \\# a \\\n && c", ""),
    ("in a health test", "HEALTHCHECK CMD a # why \\\n || exit 1", "SLIM005:2"),
    ("behind a directory", "WORKDIR /app # code", "SLIM006:2"),
    ("a directory whose name holds a hash", 'WORKDIR "/a #1"', ""),
    ("behind a JSON form", 'ENTRYPOINT ["a"] # why', "SLIM006:2"),
    ("a JSON form whose word holds a hash", 'ENTRYPOINT ["a", "# b"]', ""),
    ("behind the sources of a copy", "COPY a b # why", "SLIM006:2"),
    ("a file whose name holds a hash", "COPY a#b /c", ""),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_finding(text: str, expected: str) -> None:
    assert found(f"FROM debian:12\n{text}\n", "SLIM005", "SLIM006") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN a \\\n  && b # why \\\n  && c", "RUN a \\\n  # why\n  && b \\\n  && c"),
        ("RUN a # x \\\n && b # y \\\n && c", "# x\nRUN a \\\n # y\n && b \\\n && c"),
        ("USER app # who", "# who\nUSER app"),
        ("RUN a # why \\\nRUN b", "RUN a # why \\\nRUN b"),
    ],
    ids=["in a chain", "two of them", "behind a name", "an instruction: nobody knows what is meant"],
)
def test_fix(text: str, expected: str) -> None:
    rule = "SLIM006" if text.startswith("USER") else "SLIM005"
    assert mended(f"FROM debian:12\n{text}\n", rule, unsafe=True) == f"FROM debian:12\n{expected}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a # one\nb # two", ["# one", "# two"]),
        ("a `# aside` b # two", ["# two"]),
        ("a '# none' \"# none\" $# ${a#b} b#c", []),
        ("if a; # one", ["# one"]),
        ("cat <<E\n# text\nE\n# two", ["# two"]),
    ],
)
def test_comments_of_shell_text(text: str, expected: list[str]) -> None:
    assert [text[each.start : each.end] for each in comments(text.encode())] == expected
