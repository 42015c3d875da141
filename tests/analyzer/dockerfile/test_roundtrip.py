"""Laws of the reader: nothing is lost, nothing crashes, spans point at what they name."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import evaluate
from analyzer.dockerfile.syntax import parse
from analyzer.errors import InputError

PIECES = [
    *(
        "FROM a",
        "RUN",
        "COPY",
        "ENV A=1",
        "ONBUILD",
        "ADD <<E /",
        "E",
        "<<-E",
        "<< E",
        "#",
        "# escape=`",
        "ARG X",
    ),
    *(
        "\\",
        "`",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        '"',
        "'",
        "[",
        "]",
        '"a"',
        ",",
        "$X",
        "${X:-",
        "}",
        "--from=a",
    ),
    *("\ufeff", "\u00e9", "\u00a0", "\x85", "\U0001f600", "--mount=type=bind", "=", "<<", "HEALTHCHECK CMD"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0")
)
WHOLE = """\
# syntax=docker/dockerfile:1
ARG TAG=1
FROM debian:${TAG} AS build
RUN --mount=type=cache,target=/x \\
  # why
  make && \\
  make install
COPY --chown=1:1 <<'A' <<-B /etc/
one $TAG
A
\ttwo
\tB
FROM scratch
COPY --from=build ["/a b", "/c"]
ENV A="x y" B=${A:-z}
ONBUILD RUN <<E
FROM inside
E
CMD ["a"]
"""


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real Dockerfile with pieces cut out and others put in."""
    text = WHOLE
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


@given(TEXTS | mutated())
def test_writing_back_is_the_identity(text: str) -> None:
    dockerfile = parse(text.encode())
    assert dockerfile.render() == text.encode()
    spans = [item.span for item in dockerfile.items]
    assert all(before.end == after.start for before, after in pairwise(spans))


@given(TEXTS | mutated())
def test_spans_hold_what_the_words_say(text: str) -> None:
    data = text.encode()
    for node in parse(data).instructions:
        for part in (node.name, node.arguments, *node.words, *node.flags):
            span = node.span_of(part)
            written = data[span.start : span.end].decode()
            assert data[: span.start].count(b"\n") + 1 == node.position_of(part).line or not written
            if "\n" not in written and part in (node.name, node.arguments):
                assert written == part.text


@given(TEXTS | mutated())
def test_problems_point_into_the_file(text: str) -> None:
    program = read(text.encode())
    evaluation = evaluate(program)
    lines = text.removeprefix("\ufeff").split("\n")
    for problem in (*program.problems, *evaluation.problems):
        if problem.path == "ONBUILD":
            continue
        assert 1 <= problem.line <= len(lines)
        assert problem.source_line == lines[problem.line - 1].rstrip("\r\n")
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


@given(mutated())
def test_lines_are_counted_once(text: str) -> None:
    line = 0
    for item in parse(text.encode()).items:
        first = getattr(item, "start_line", None) or item.line
        assert first == line + 1
        line = getattr(item, "end_line", None) or first


def test_ten_thousand_random_strings() -> None:
    chance = random.Random(20250)
    alphabet = [*(piece.encode() for piece in PIECES * 20), *(bytes([byte]) for byte in range(256))]
    refused = 0
    for _ in range(10_000):
        data = b"".join(chance.choices(alphabet, k=chance.randrange(30)))
        try:
            program = read(data)
        except InputError as error:
            refused += 1
            assert error.problems[0].message.startswith("not a text file")
            continue
        assert program.dockerfile.render() == data
        evaluate(program)
    assert 1_000 < refused < 9_000


def test_a_lint_run_loads_nothing_else() -> None:
    code = (
        "import sys, analyzer.dockerfile.scope\n"
        "heavy = {'networkx', 'msgspec', 'dockerfile_parse', 'jinja2', 'libcst', 'typer', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SLOW_IN_CARELESS_HANDS = (
    ("a line of a million characters", "FROM a\nRUN " + "x" * 1_000_000),
    ("a hundred thousand continued lines", "FROM a\nRUN " + "a \\\n" * 100_000),
    ("a hundred thousand variables on a line", "FROM a\nENV " + " ".join(f"A{n}=$A" for n in range(50_000))),
    ("one variable after another", "FROM a\n" + "".join(f"ENV A{n}=$A{n - 1}x\n" for n in range(1, 3_000))),
    ("deep nesting", "FROM a\nLABEL a=" + "${X:-" * 50_000 + "}" * 50_000),
    ("a pattern full of stars", f"FROM a\nENV V={'a' * 5_000}\nLABEL x=${{V##{'*a' * 30}b}}\n"),
    ("nested JSON", "FROM a\nCMD " + "[" * 300_000),
    ("a chain of ONBUILD", "FROM a\n" + "ONBUILD " * 100_000),
    ("a hundred thousand heredocs on a line", "FROM a\nRUN " + "<<E " * 50_000 + "\n" + "E\n" * 50_000),
    ("quotes that never close", "FROM a\nRUN <<E " + "'\"" * 300_001 + "\nE\n"),
    ("a chain of stages", "".join(f"FROM s{n} AS s{n + 1}\nENV A{n}=1\n" for n in range(3_000))),
)


@pytest.mark.parametrize(
    "text", [row[1] for row in SLOW_IN_CARELESS_HANDS], ids=[row[0] for row in SLOW_IN_CARELESS_HANDS]
)
def test_large_inputs_come_to_an_end(text: str) -> None:
    program = read(text.encode())
    assert program.dockerfile.render() == text.encode()
    evaluate(program)
