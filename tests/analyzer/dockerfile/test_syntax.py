"""How text becomes instructions: joining, directives, flags, words, heredocs, the JSON form."""

from __future__ import annotations

import pytest

from analyzer.dockerfile.syntax import Dockerfile, Instruction, parse
from analyzer.errors import InputError

BACKSLASH = "\\"


def read(text: str) -> Dockerfile:
    dockerfile = parse(text.encode())
    assert dockerfile.render() == text.encode()
    return dockerfile


def only(text: str) -> Instruction:
    (instruction,) = read(text).instructions
    return instruction


def shape(text: str) -> list[tuple[str, int, int, tuple[str, ...]]]:
    return [(node.keyword, node.start_line, node.end_line, node.values) for node in read(text).instructions]


JOINED = (
    ("one line", "RUN a b\n", [("RUN", 1, 1, ("a b",))]),
    ("no line end at the end of the file", "RUN a", [("RUN", 1, 1, ("a",))]),
    ("Windows line ends", "RUN a\r\nRUN b\r\n", [("RUN", 1, 1, ("a",)), ("RUN", 2, 2, ("b",))]),
    ("a continued line joins with nothing between", "RUN a\\\nb\n", [("RUN", 1, 2, ("ab",))]),
    ("blanks in front of a continued line stay", "RUN a \\\n\t b\n", [("RUN", 1, 2, ("a \t b",))]),
    ("blanks after the escape character", "RUN a\\ \t\nb\n", [("RUN", 1, 2, ("ab",))]),
    ("a continued line with a Windows line end", "RUN a\\\r\nb\r\n", [("RUN", 1, 2, ("ab",))]),
    (
        "two escape characters do not continue",
        "RUN a\\\\\nRUN b\n",
        [("RUN", 1, 1, ("a\\\\",)), ("RUN", 2, 2, ("b",))],
    ),
    ("a comment between continued lines", "RUN a \\\n# c\nb\n", [("RUN", 1, 3, ("a b",))]),
    ("an indented comment between continued lines", "RUN a \\\n  # c\nb\n", [("RUN", 1, 3, ("a b",))]),
    ("a comment that ends in the escape character", "RUN a \\\n# c \\\nb\n", [("RUN", 1, 3, ("a b",))]),
    ("an empty line between continued lines", "RUN a \\\n\n \t\nb\n", [("RUN", 1, 4, ("a b",))]),
    ("a comment line does not continue", "# c \\\nRUN a\n", [("RUN", 2, 2, ("a",))]),
    ("a hash after a command is no comment", "RUN a # c \\\nRUN b\n", [("RUN", 1, 2, ("a # c RUN b",))]),
    ("a file that ends while it continues", "RUN a \\\n", [("RUN", 1, 1, ("a",))]),
    ("a comment at the end while it continues", "RUN a \\\n# c\n", [("RUN", 1, 2, ("a",))]),
    ("a line with nothing but the escape character", "\\\nRUN a\n", [("RUN", 1, 2, ("a",))]),
    ("an instruction that is indented", "  RUN a\n", [("RUN", 1, 1, ("a",))]),
    ("a keyword split over lines", "RU\\\nN a\n", [("RUN", 1, 2, ("a",))]),
    (
        "FROM, AS and the name on lines of their own",
        "FROM \\\n a \\\n AS \\\n b\n",
        [("FROM", 1, 4, ("a", "AS", "b"))],
    ),
    ("a carriage return is a blank", "ARG A\rB\rFROM x", [("ARG", 1, 1, ("A", "B", "FROM", "x"))]),
    ("a byte order mark", "\ufeffFROM a\n", [("FROM", 1, 1, ("a",))]),
    ("a keyword in lower case", "from a\n", [("FROM", 1, 1, ("a",))]),
    ("a tab after the keyword", "FROM\ta\n", [("FROM", 1, 1, ("a",))]),
    ("a no-break space does not end a keyword", "RUN\u00a0a\n", [("RUN\u00a0A", 1, 1, ())]),
    ("an instruction with no arguments", "RUN\n", [("RUN", 1, 1, ())]),
)


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in JOINED], ids=[row[0] for row in JOINED])
def test_lines_join(text: str, expected: list[tuple[str, int, int, tuple[str, ...]]]) -> None:
    assert shape(text) == expected


DIRECTIVES = (
    ("on the first line", "# escape=`\nFROM a\n", "`", ["escape"]),
    ("without blanks", "#escape=`\nFROM a\n", "`", ["escape"]),
    ("with blanks everywhere", "  #  escape  =  `  \nFROM a\n", "`", ["escape"]),
    ("in upper case", "# ESCAPE=`\nFROM a\n", "`", ["escape"]),
    (
        "after another directive",
        "# syntax=x\n# check=skip=all\n# escape=`\nFROM a\n",
        "`",
        ["syntax", "check", "escape"],
    ),
    ("after a byte order mark", "\ufeff# escape=`\nFROM a\n", "`", ["escape"]),
    ("with a Windows line end", "# escape=`\r\nFROM a\r\n", "`", ["escape"]),
    ("the default, said", "# escape=\\\nFROM a\n", BACKSLASH, ["escape"]),
    ("after an empty line", "\n# escape=`\nFROM a\n", BACKSLASH, []),
    ("after a comment", "# c\n# escape=`\nFROM a\n", BACKSLASH, []),
    ("after an unknown directive", "# foo=bar\n# escape=`\nFROM a\n", BACKSLASH, []),
    ("the front end's own, after a shebang", "#!/bin/x\n# syntax=a\nFROM a\n", BACKSLASH, ["syntax"]),
    ("after a shebang", "#!/bin/x\n# escape=`\nFROM a\n", BACKSLASH, []),
    ("after an instruction", "FROM a\n# escape=`\n", BACKSLASH, []),
    ("after a line with only the escape character", "\\\n# escape=`\nFROM a\n", BACKSLASH, []),
    ("without a value", "# escape=\nFROM a\n", BACKSLASH, []),
)


@pytest.mark.parametrize(
    ("text", "escape", "names"), [row[1:] for row in DIRECTIVES], ids=[row[0] for row in DIRECTIVES]
)
def test_directives(text: str, escape: str, names: list[str]) -> None:
    dockerfile = read(text)
    assert (dockerfile.escape, [each.name for each in dockerfile.directives]) == (escape, names)


def test_a_directive_knows_its_value() -> None:
    text = "# syntax = docker/dockerfile:1 \nFROM a\n"
    (directive,) = read(text).directives
    assert directive.value == "docker/dockerfile:1"
    assert text[directive.value_span.start : directive.value_span.end] == directive.value


WORDS = (
    ("FROM splits at blanks", "FROM  a\tAS  b\n", ("a", "AS", "b")),
    ("EXPOSE does not know quotes", 'EXPOSE "80 81"\n', ('"80', '81"')),
    ("COPY splits at blanks", "COPY a  b\\ c\n", ("a", "b\\", "c")),
    ("USER takes all", "USER a  b\n", ("a  b",)),
    ("ENV with names and values", 'ENV A=1 B="x y" C=\n', ("A", "1", "B", '"x y"', "C", "")),
    ("ENV with an escaped blank", "ENV A=x\\ y B=1\n", ("A", "x\\ y", "B", "1")),
    ("ENV with a quote in quotes", 'ENV A="it\'s" B=1\n', ("A", '"it\'s"', "B", "1")),
    ("ENV in the old form", "ENV A  b  c\n", ("A", "b  c")),
    ("ENV in the old form, an equals sign in the value", "ENV A b=c\n", ("A", "b=c")),
    ("ENV with an escape at the end", "ENV A=b\\\n", ("A", "b")),
    ("LABEL with a quoted name", 'LABEL "a b"=c\n', ('"a b"', "c")),
    ("ARG", "ARG A B=1 C='x y'\n", ("A", "B=1", "C='x y'")),
    ("RUN in JSON form", 'RUN ["a", "b c"]\n', ("a", "b c")),
    ("JSON over two lines", 'RUN ["a", \\\n  "b"]\n', ("a", "b")),
    ("JSON escapes", 'RUN ["\\u00e9\\n\\"\\/"]\n', ('\u00e9\n"/',)),
    ("half a surrogate pair in JSON", 'RUN ["\\ud800"]\n', ("\ufffd",)),
    ("JSON with nothing in it", "RUN []\n", ()),
    ("VOLUME in JSON form", 'VOLUME ["/a b"]\n', ("/a b",)),
    ("HEALTHCHECK in JSON form", 'HEALTHCHECK CMD ["a", "b"]\n', ("CMD", "a", "b")),
    ("HEALTHCHECK in shell form", "HEALTHCHECK  CMD  a  b\n", ("CMD", "a  b")),
    ("HEALTHCHECK NONE", "HEALTHCHECK NONE\n", ("NONE",)),
    ("single quotes make no JSON", "RUN ['a']\n", ("['a']",)),
    ("a comma too many makes no JSON", 'RUN ["a",]\n', ('["a",]',)),
    ("text after the array makes no JSON", 'RUN ["a"] b\n', ('["a"] b',)),
    ("a control character makes no JSON", 'RUN ["a\tb"]\n', ('["a\tb"]',)),
    ("NaN is no JSON", "RUN [NaN]\n", ("[NaN]",)),
    ("a number too large is no JSON", "RUN [1e999]\n", ("[1e999]",)),
    ("COPY with broken JSON splits at blanks", 'COPY ["a" "b"]\n', ('["a"', '"b"]')),
)


@pytest.mark.parametrize(("text", "values"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_words(text: str, values: tuple[str, ...]) -> None:
    assert only(text).values == values


FLAGS = (
    ("one", "COPY --from=a b c\n", ["--from=a"], ("b", "c")),
    ("several", "COPY --from=a --link --chown=1:1 b c\n", ["--from=a", "--link", "--chown=1:1"], ("b", "c")),
    (
        "over lines",
        "RUN --mount=type=cache \\\n  --network=none \\\n  a\n",
        ["--mount=type=cache", "--network=none"],
        ("a",),
    ),
    ("quotes are taken off", 'COPY --chown="a b" c d\n', ["--chown=a b"], ("c", "d")),
    ("a backslash takes the next character", "COPY --chown=a\\ b c d\n", ["--chown=a b"], ("c", "d")),
    ("two dashes alone end them", "RUN -- --a\n", [], ("--a",)),
    ("one dash is none", "RUN -a --b\n", [], ("-a --b",)),
    ("after the first word there are none", "RUN a --mount=x\n", [], ("a --mount=x",)),
    (
        "BuildKit takes a flag's bytes for characters",
        "COPY --chown=\u00e9 a b\n",
        ["--chown=\u00c3\u00a9"],
        ("a", "b"),
    ),
    ("FROM", "FROM --platform=$P a\n", ["--platform=$P"], ("a",)),
)


@pytest.mark.parametrize(
    ("text", "flags", "values"), [row[1:] for row in FLAGS], ids=[row[0] for row in FLAGS]
)
def test_flags(text: str, flags: list[str], values: tuple[str, ...]) -> None:
    node = only(text)
    assert ([str(flag) for flag in node.flags], node.values) == (flags, values)


HEREDOCS = (
    ("one", "RUN <<E\na\nE\n", [("E", "a\n", True)], 3),
    ("quoted", "RUN <<'E'\na\nE\n", [("E", "a\n", False)], 3),
    ("quoted in part", 'RUN <<E"O"F\na\nEOF\n', [("EOF", "a\n", False)], 3),
    ("a backslash in front is no quote", "RUN <<\\E\na\nE\n", [("E", "a\n", True)], 3),
    ("quoted with a blank in the name", "RUN <<'a b'\nx\na b\n", [("a b", "x\n", False)], 3),
    ("two on a line", "COPY <<A b <<C /d/\n1\nA\n2\nC\n", [("A", "1\n", True), ("C", "2\n", True)], 5),
    (
        "the names inside each other's bodies",
        "COPY <<A <<B /\nB\nA\nA\nB\n",
        [("A", "B\n", True), ("B", "A\n", True)],
        5,
    ),
    ("with a dash, tabs before the name", "RUN <<-E\n\ta\n\tE\n", [("E", "\ta\n", True)], 3),
    ("with a dash, blanks before the name", "RUN <<-E\n  E\nE\n", [("E", "  E\n", True)], 3),
    ("with a blank before the name", "RUN cat << E > /f\na\nE\n", [("E", "a\n", True)], 3),
    ("with a number", "RUN 3<<E\na\nE\n", [("E", "a\n", True)], 3),
    ("opened on a continued line", "RUN a <<E && \\\n  b\nx\nE\n", [("E", "x\n", True)], 4),
    ("nothing in it", "RUN <<E\nE\n", [("E", "", True)], 2),
    ("no line end after it", "RUN <<E\na\nE", [("E", "a\n", True)], 3),
    ("Windows line ends stay", "RUN <<E\r\na\r\nE\r\n", [("E", "a\r\n", True)], 3),
    (
        "FROM, a comment and an escape in it",
        "RUN <<E\nFROM b\n# c\nd \\\nE\n",
        [("E", "FROM b\n# c\nd \\\n", True)],
        5,
    ),
    ("blanks after the name do not end it", "RUN <<E\nE \nE\n", [("E", "E \n", True)], 3),
    ("a dollar in the name", "RUN <<$E\na\n$E\n", [("$E", "a\n", True)], 3),
    ("in ONBUILD", "ONBUILD RUN <<E\na\nE\n", [("E", "a\n", True)], 3),
    ("in ADD", "ADD <<E /f\na\nE\n", [("E", "a\n", True)], 3),
    ("none in quotes", 'RUN echo "<<E"\n', [], 1),
    ("none after a backslash", "RUN echo \\<<E\n", [], 1),
    ("none for three signs", "RUN cat <<<E\n", [], 1),
    ("none inside a word", "RUN cat a<<E\n", [], 1),
    ("none with a dash and a blank", "RUN cat <<- E\n", [], 1),
    ("none in JSON form", 'RUN ["<<E"]\n', [], 1),
    ("none in CMD", "CMD cat <<E\n", [], 1),
    ("none where quotes do not match", "RUN echo it's <<E\n", [], 1),
    ("none after a shell operator that BuildKit does not know", "RUN echo ${a^} <<E\n", [], 1),
)


@pytest.mark.parametrize(
    ("text", "heredocs", "end"), [row[1:] for row in HEREDOCS], ids=[row[0] for row in HEREDOCS]
)
def test_heredocs(text: str, heredocs: list[tuple[str, str, bool]], end: int) -> None:
    node = only(text)
    found = [(each.name, each.content, each.expand) for each in node.heredocs]
    assert (found, node.end_line) == (heredocs, end)


def test_a_heredoc_body_loses_leading_tabs_only_with_a_dash() -> None:
    (body,) = only("COPY <<-E /a\n\t\tdeep\n\t  mixed\n    blanks\n\tE\n").heredocs
    assert body.body == "deep\n  mixed\n    blanks\n"
    (body,) = only("COPY <<E /a\n\tkept\nE\n").heredocs
    assert body.body == "\tkept\n"


def test_a_heredoc_knows_its_place() -> None:
    text = "FROM a\nCOPY <<A <<B /\n1\nA\n2\n3\nB\nRUN x\n"
    first, second = read(text).instructions[1].heredocs
    assert text[second.span.start : second.span.end] == second.content == "2\n3\n"
    assert text[second.end_span.start : second.end_span.end] == "B\n"
    assert (first.first_line, second.first_line) == (3, 5)


def test_onbuild_holds_an_instruction() -> None:
    node = only('ONBUILD COPY --from=a ["b", "c"]\n')
    assert (node.keyword, node.values, node.flags) == ("ONBUILD", (), ())
    inner = node.inner
    assert inner is not None
    assert (inner.keyword, inner.values, inner.json) == ("COPY", ("b", "c"), True)
    assert [str(flag) for flag in inner.flags] == ["--from=a"]


def test_parts_point_into_the_source() -> None:
    text = '\ufeff# c\u00e9\nFROM a\nENV \u00e9=1 \\\n  # note\n\n  B="x y"\n'
    text += "RUN --mount=type=cache \\\n --network=none go\n"
    data = text.encode()
    dockerfile = read(text)
    env, run = dockerfile.instructions[1:]
    for node, expected in ((env, ["\u00e9", "1", "B", '"x y"']), (run, ["go"])):
        spans = [node.span_of(word) for word in node.words]
        assert [data[span.start : span.end].decode() for span in spans] == expected
    network = run.flag("network")
    assert network is not None
    span = run.span_of(network)
    assert data[span.start : span.end] == b"--network=none"
    assert (run.position_of(network).line, run.position_of(network).column) == (8, 2)
    assert [comment.text for comment in env.comments] == ["note"]
    assert env.empty_lines == (5,)
    assert [comment.text for comment in dockerfile.comments] == ["c\u00e9", "note"]


def test_comments_above_describe() -> None:
    text = "# syntax=x\n# far\n#\n# name one\n\n# two\nFROM a\n# three\nRUN b\n"
    assert [node.description for node in read(text).instructions] == [("name one", "two"), ("three",)]


LINE_ENDS = (
    ("most lines decide", "a\r\nb\r\nc\n", "\r\n"),
    ("none", "a", "\n"),
    ("one of each", "a\r\nb\n", "\n"),
)


@pytest.mark.parametrize(
    ("text", "newline"), [row[1:] for row in LINE_ENDS], ids=[row[0] for row in LINE_ENDS]
)
def test_newline(text: str, newline: str) -> None:
    assert read(text).newline == newline


REFUSED = (
    ("a NUL byte", b"FROM a\nRUN \0", 2, 5, "not a text file: a NUL byte"),
    ("bytes that are no UTF-8", b"FROM a\xff", 1, 7, "not a text file: byte 0xff is not UTF-8"),
    ("UTF-16", "FROM a".encode("utf-16"), 1, 1, "not a text file: byte 0xff is not UTF-8"),
    ("10 MB", b"#" * 10_000_000, 1, 1, "10.0 MB is too large for a Dockerfile; the limit is 10 MB"),
)


@pytest.mark.parametrize(
    ("data", "line", "column", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_no_dockerfile(data: bytes, line: int, column: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(data, "x/Dockerfile")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.column) == ("x/Dockerfile", line, column)
    assert problem.message == message


LONG = (("as long as may be", 65_535, []), ("one more", 65_536, [2]))


@pytest.mark.parametrize(("length", "lines"), [row[1:] for row in LONG], ids=[row[0] for row in LONG])
@pytest.mark.parametrize("end", ["", "\n"], ids=["the last line", "a line before others"])
def test_line_lengths(length: int, lines: list[int], end: str) -> None:
    text = "FROM a\nRUN " + "x" * (length - 4) + end
    problems = read(text).problems
    assert [problem.line for problem in problems] == lines
    assert {problem.message for problem in problems} <= {
        "dockerfile line greater than max allowed size of 65535"
    }
