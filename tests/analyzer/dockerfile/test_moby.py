"""Generated Dockerfiles, read by us and by moby's parser (the `dockerfile` package): the two agree.

That parser is older than BuildKit. Where BuildKit has changed its reading since, BuildKit is right; OLDER
names those classes with what shows them, and generated files that fall into one are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analyzer.dockerfile.arguments import SPLITTERS
from analyzer.dockerfile.syntax import Instruction, parse

moby = pytest.importorskip("dockerfile", reason="moby's parser has wheels for x86-64 only")

Row = tuple[str, str, bool, int, int, tuple[str, ...], tuple[str, ...]]
KNOWN = frozenset({*SPLITTERS, "ONBUILD"})


def has_json_with_more_behind(text: str) -> bool:
    """Some instruction's arguments begin with a JSON array and go on after it."""
    for node in parse(text.encode()).instructions:
        for each in (node, node.inner):
            start = each.arguments.text.find("[") if each else -1
            if each is None or start < 0:
                continue
            rest = each.arguments.text[start:]
            try:
                _, end = json.JSONDecoder().raw_decode(rest)
            except ValueError:
                continue
            if rest[end:].strip(" \t"):
                return True
    return False


OLDER: dict[str, Callable[[str], bool]] = {
    # BuildKit 0.22 takes blanks between the sign and the name.
    "a heredoc with a blank before its name": lambda text: bool(
        re.search(r"<<\s", "".join(node.text + "\n" for node in parse(text.encode()).instructions))
    ),
    # Dockerfile frontend 1.8 has the check directive; before, it ended the directives.
    "a check directive": lambda text: bool(re.search(r"#\s*check\s*=", text, re.IGNORECASE)),
    # BuildKit reads the whole text as JSON now, not just the first value.
    "text after a JSON array": has_json_with_more_behind,
}


def theirs(text: str) -> list[Row] | str:
    """moby's reading, or its error."""
    try:
        rows = moby.parse_string(text)
    except moby.GoParseError as error:
        return str(error)
    return [
        (
            row.cmd or "",
            row.sub_cmd or "",
            row.json,
            row.start_line,
            row.end_line,
            tuple(row.flags),
            tuple(row.value),
        )
        for row in rows
    ]


def ours(text: str) -> list[Row] | str:
    """Our reading in the same terms, or our first problem."""
    read = parse(text.encode())
    if read.problems:
        return read.problems[0].message
    return [row(node) for node in read.instructions]


def row(node: Instruction) -> Row:
    inner = node.inner
    shown = inner or node
    # moby gives one empty value where it does not know the instruction.
    values = (
        shown.values if shown.keyword in SPLITTERS or (shown is node and node.keyword in KNOWN) else ("",)
    )
    return (
        node.name.text,
        inner.name.text if inner else "",
        shown.json,
        node.start_line,
        node.end_line,
        tuple(str(flag) for flag in node.flags),
        values if shown.keyword != "ONBUILD" or shown is node else ("",),
    )


KEYWORDS = st.sampled_from(sorted(KNOWN)) | st.sampled_from(
    ["from", "Run", "cOpY", "onbuild run", "ONBUILD COPY", "FOO"]
)
BLANKS = st.sampled_from(
    [" ", " ", " ", "  ", "\t", " \\\n  ", " \\ \n", " \\\n# c\n", "\\\n\n ", " \\\r\n "]
)
ATOMS = st.sampled_from(
    [
        *(
            "a",
            "/b/c",
            "x=y",
            'k="v w"',
            "k='v w'",
            "$X",
            "${X:-y}",
            "\\$X",
            "a\\ b",
            "\u00e9",
            "#",
            "&&",
            "|",
            "'",
            '"',
        ),
        *(
            '["a", "b"]',
            "['a']",
            '["a",]',
            "[1]",
            '["\\u0041"]',
            "[]",
            "NONE",
            "CMD",
            "AS",
            "--",
            "`",
            "\\",
            "\\\\",
        ),
        *(
            "<<E",
            "<<-E",
            "<<'E'",
            '<<"E"',
            "3<<E",
            "<<<E",
            "<<E\\",
            "a<<E",
            "${a^}",
            "\u00a0",
            "\u3000",
            "\x0b",
        ),
    ]
)
FLAGS = st.sampled_from(
    ["--from=a", "--link", '--chown="a b"', "--mount=type=bind,target=/x", "--x=\\y", "--ch=\u00e9"]
)
ENDS = st.sampled_from(
    ["\n", "\n", "\n", "\r\n", "\n\n", "\n# c\n", "\n  # c\n", "\nE\n", "\n\tE\n", "\nx\nE\n", "\nE \n"]
)
HEADS = st.sampled_from(
    [
        *(
            "",
            "",
            "",
            "# escape=`\n",
            "#escape = \\ \n",
            "# syntax=a\n# escape=`\n",
            "# c\n# escape=`\n",
            "\ufeff",
        ),
        *(
            "\ufeff# escape=`\r\n",
            "\n# escape=`\n",
            "# escape=x\n",
            "# escape=`\n#Escape=`\n",
            "# foo=b\n# escape=`\n",
        ),
    ]
)


@st.composite
def instructions(draw: st.DrawFn) -> str:
    parts = [draw(st.sampled_from(["", "", "  "])), draw(KEYWORDS)]
    for word in [*draw(st.lists(FLAGS, max_size=2)), *draw(st.lists(ATOMS, max_size=5))]:
        parts += (draw(BLANKS), word)
    parts.append(draw(ENDS))
    return "".join(parts)


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    text = draw(HEADS) + "".join(draw(st.lists(instructions(), max_size=5)))
    return text.replace("\\\n", "`\n") if draw(st.booleans()) and "escape=`" in text else text


@given(dockerfiles())
def test_agrees_with_moby(text: str) -> None:
    assume(not any(shows(text) for shows in OLDER.values()))
    expected, found = theirs(text), ours(text)
    if expected == "file with no instructions":
        assert found in (expected, "the Dockerfile cannot be empty")
    else:
        assert found == expected


# What the generator found, and BuildKit's answer where moby's parser is older.
FOUND = (
    (
        "a control character in a message",
        "ENV a=b \x1c\n",
        'Syntax error - can\'t find = in "\\x1c". Must be of the form: name=value',
    ),
    (
        "a byte order mark inside a line",
        "ENV a=b \ufeff\n",
        'Syntax error - can\'t find = in "\\ufeff". Must be of the form: name=value',
    ),
    (
        "an opener whose name falls apart at a blank",
        "RUN <<E${X:-a b}\n",
        "failed to process \"E${X:-a\": syntax error: missing '}'",
    ),
)


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_what_the_generator_found(text: str, message: str) -> None:
    assert ours(text) == theirs(text) == message


OLDER_CASES = (
    ("a heredoc with a blank before its name", "RUN cat << E\na\nE\n", [("a\n",)]),
    ("text after a JSON array", 'CMD ["a"] b\n', [()]),
    ("a check directive", "# check=skip=all\n# escape=`\nRUN a `\n b\n", [()]),
)


@pytest.mark.parametrize(("kind", "text", "bodies"), OLDER_CASES, ids=[row[0] for row in OLDER_CASES])
def test_where_buildkit_is_newer(kind: str, text: str, bodies: list[tuple[str, ...]]) -> None:
    assert OLDER[kind](text)
    found = ours(text)
    assert found != theirs(text)
    assert [
        tuple(doc.content for doc in node.heredocs) for node in parse(text.encode()).instructions
    ] == bodies
