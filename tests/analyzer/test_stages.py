"""The stage table. The answers were checked with builds on Docker 26.1, save where a row says otherwise."""

from __future__ import annotations

import pytest

from analyzer.dockerfile.imageconfig import ImageConfig
from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import BuildInputs
from analyzer.errors import ScratchifyError
from analyzer.stages import StageTable, resolve


def table_of(text: str, inputs: BuildInputs | None = None) -> StageTable:
    return resolve(read(text.encode()), inputs)


def edges(table: StageTable) -> list[str]:
    """`1 copy 0`: stage 1 copies from stage 0; images stand by name."""
    return [
        f"{use.stage} {use.kind} {use.source.image if use.source.stage is None else use.source.stage}"
        for use in table.uses
    ]


# rule, Dockerfile, edges, the stages that the last one needs
SCOPES: tuple[tuple[str, str, list[str], list[int]], ...] = (
    ("one stage on an image", "FROM a", ["0 base a"], [0]),
    ("FROM scratch fetches nothing", "FROM scratch", ["0 base scratch"], [0]),
    ("FROM a stage", "FROM a AS b\nFROM b", ["0 base a", "1 base 0"], [0, 1]),
    ("names are stored in lower case", "FROM x AS Builder\nFROM builder", ["0 base x", "1 base 0"], [0, 1]),
    (
        "COPY --from in any case",
        "FROM x AS Builder\nFROM y\nCOPY --from=bUiLdEr /a /",
        ["0 base x", "1 base y", "1 copy 0"],
        [0, 1],
    ),
    (
        "a mount in any case",
        "FROM x AS a\nFROM y\nRUN --mount=from=A,target=/t ls",
        ["0 base x", "1 base y", "1 mount 0"],
        [0, 1],
    ),
    ("FROM its own name is an image", "FROM a AS a", ["0 base a"], [0]),
    (
        "FROM a name that only comes later is an image",
        "FROM b AS a\nFROM c AS b",
        ["0 base b", "1 base c"],
        [1],
    ),
    (
        "FROM takes the nearest of two",
        "FROM x AS a\nFROM y AS a\nFROM a",
        ["0 base x", "1 base y", "2 base 1"],
        [1, 2],
    ),
    (
        "a stage may be based on one of its own name",
        "FROM x AS a\nFROM a AS a\nFROM a",
        ["0 base x", "1 base 0", "2 base 1"],
        [0, 1, 2],
    ),
    (
        "COPY --from takes the last of two",
        "FROM x AS a\nFROM y AS a\nFROM z\nCOPY --from=a /b /",
        ["0 base x", "1 base y", "2 base z", "2 copy 1"],
        [1, 2],
    ),
    (
        "COPY --from by number",
        "FROM x\nFROM y\nCOPY --from=0 /a /",
        ["0 base x", "1 base y", "1 copy 0"],
        [0, 1],
    ),
    (
        "a number may have a sign and zeros",
        "FROM x\nFROM y\nCOPY --from=+00 /a /",
        ["0 base x", "1 base y", "1 copy 0"],
        [0, 1],
    ),
    ("FROM a number is an image", "FROM x\nFROM 0", ["0 base x", "1 base 0"], [1]),
    (
        "a mount from a number is an image",
        "FROM x\nFROM y\nRUN --mount=from=0,target=/t ls",
        ["0 base x", "1 base y", "1 mount 0"],
        [1],
    ),
    ("a tag makes it an image", "FROM x:1 AS x\nFROM x:2", ["0 base x:1", "1 base x:2"], [1]),
    (
        "COPY --from with a tag is an image",
        "FROM x AS a\nFROM y\nCOPY --from=a:latest /b /",
        ["0 base x", "1 base y", "1 copy a:latest"],
        [1],
    ),
    (
        "a mistyped stage is an image",
        "FROM x AS deps\nFROM y\nCOPY --from=dep /a /",
        ["0 base x", "1 base y", "1 copy dep"],
        [1],
    ),
    (
        "a stage may be named scratch",
        "FROM x AS scratch\nFROM scratch\nCOPY --from=scratch /a /",
        ["0 base x", "1 base 0", "1 copy 0"],
        [0, 1],
    ),
    (
        "COPY --from=scratch is the empty image",
        "FROM x\nCOPY --from=scratch /a /",
        ["0 base x", "0 copy scratch"],
        [0],
    ),
    ("an empty --from is the context", "FROM x\nCOPY --from= a /", ["0 base x"], [0]),
    (
        "a quoted --from",
        'FROM x AS a\nFROM y\nCOPY --from="a" /b /',
        ["0 base x", "1 base y", "1 copy 0"],
        [0, 1],
    ),
    (
        "keys of a mount in any order",
        "FROM x AS one\nFROM x AS two\nFROM y\nRUN --mount=target=/a,from=one --mount=from=two,dst=/b ls",
        [
            "0 base x",
            "1 base x",
            "2 base y",
            "2 mount 0",
            "2 mount 1",
        ],
        [0, 1, 2],
    ),
    (
        "a cache mount takes from a stage",
        "FROM x AS a\nFROM y\nRUN --mount=type=cache,from=a,target=/t ls",
        ["0 base x", "1 base y", "1 mount 0"],
        [0, 1],
    ),
    ("a mount without from is the context", "FROM x\nRUN --mount=target=/t ls", ["0 base x"], [0]),
    (
        "text in the command is no mount",
        "FROM x\nRUN ls --mount=from=ghost # --mount=from=ghost",
        ["0 base x"],
        [0],
    ),
    (
        "a heredoc body is no instruction",
        "FROM x\nRUN <<EOF\nFROM ghost\nCOPY --from=ghost a b\nEOF",
        ["0 base x"],
        [0],
    ),
    ("FROM by a global ARG", "ARG B=a\nFROM x AS a\nFROM ${B}", ["0 base x", "1 base 0"], [0, 1]),
    (
        "a stage that nobody needs",
        "FROM x AS a\nFROM y AS b\nFROM b",
        ["0 base x", "1 base y", "2 base 1"],
        [1, 2],
    ),
    (
        "needed through two hands",
        "FROM x AS a\nFROM y AS b\nCOPY --from=a /1 /\nFROM z\nCOPY --from=b /2 /",
        [
            "0 base x",
            "1 base y",
            "1 copy 0",
            "2 base z",
            "2 copy 1",
        ],
        [0, 1, 2],
    ),
    (
        "ONBUILD of a stage counts for its child (today's BuildKit)",
        "FROM x AS dep\nFROM y AS p\nONBUILD COPY --from=dep /a /\nFROM p",
        [
            "0 base x",
            "1 base y",
            "2 base 1",
            "2 copy 0",
        ],
        [0, 1, 2],
    ),
    (
        "ONBUILD does nothing in its own stage",
        "FROM x AS dep\nFROM y\nONBUILD COPY --from=dep /a /",
        ["0 base x", "1 base y"],
        [1],
    ),
    (
        "a trigger does not reach the grandchild",
        "FROM x AS dep\nFROM y AS p\nONBUILD COPY --from=dep /a /\nFROM p AS c\nFROM c",
        [
            "0 base x",
            "1 base y",
            "2 base 1",
            "2 copy 0",
            "3 base 2",
        ],
        [0, 1, 2, 3],
    ),
)


@pytest.mark.parametrize(
    ("text", "expected", "needed"), [row[1:] for row in SCOPES], ids=[row[0] for row in SCOPES]
)
def test_names(text: str, expected: list[str], needed: list[int]) -> None:
    table = table_of(text)
    assert (edges(table), list(table.needed(table.find())), table.problems_of()) == (expected, needed, ())


# rule, Dockerfile, line of the fault, BuildKit's words
REFUSED: tuple[tuple[str, str, int, str], ...] = (
    (
        "COPY from a later stage",
        "FROM x AS target\nCOPY --from=build /a /\nFROM y AS build\nFROM target",
        2,
        'cannot copy from stage "build", it needs to be defined before current stage "target"',
    ),
    (
        "COPY from the last of two of one name, which is later",
        "FROM x AS a\nFROM y AS b\nCOPY --from=a /1 /\nFROM z AS a\nFROM b",
        3,
        'cannot copy from stage "a", it needs to be defined before current stage "b"',
    ),
    (
        "COPY from a later number",
        "FROM x AS a\nCOPY --from=1 /a /\nFROM y\nFROM a",
        2,
        'cannot copy from stage "1", it needs to be defined before current stage "a"',
    ),
    (
        "a mount from a later stage",
        "FROM x AS a\nRUN --mount=from=b,target=/t ls\nFROM a AS b",
        2,
        'cannot mount from stage "b" to "/t", stage needs to be defined before current command',
    ),
    ("a number that is too high", "FROM x\nFROM y\nCOPY --from=5 /a /", 3, "invalid stage index 5"),
    ("a number below nought", "FROM x\nFROM y\nCOPY --from=-1 /a /", 3, "invalid stage index -1"),
    (
        "a number too high in an unused stage",
        "FROM x\nCOPY --from=9 /a /\nFROM y",
        2,
        "invalid stage index 9",
    ),
    (
        "COPY from itself by name",
        "FROM x AS a\nCOPY --from=a /b /",
        2,
        "circular dependency detected on stage: a",
    ),
    (
        "COPY from itself by number",
        "FROM x\nCOPY --from=0 /b /",
        2,
        "circular dependency detected on stage: stage-0",
    ),
    (
        "a mount of itself",
        "FROM x AS z\nRUN --mount=from=z,target=/t ls",
        2,
        "circular dependency detected on stage: z",
    ),
    (
        "a circle of two copies",
        "FROM x AS a\nCOPY --from=b /1 /\nFROM y AS b\nCOPY --from=a /1 /",
        4,
        "circular dependency detected on stage: a",
    ),
    (
        "a circle of mounts that nobody needs",
        "FROM x AS a\nRUN --mount=from=b,target=/t ls\nFROM y AS b\nRUN --mount=from=a,target=/t ls\nFROM z",
        4,
        "circular dependency detected on stage: a",
    ),
    (
        "a circle of three",
        "FROM x AS a\nCOPY --from=b /1 /\nFROM y AS b\nCOPY --from=c /1 /\nFROM z AS c\nCOPY --from=a /1 /",
        6,
        "circular dependency detected on stage: a",
    ),
    (
        "FROM in capitals never finds the stage",
        "FROM x AS Builder\nFROM BUILDER",
        2,
        'failed to parse stage name "BUILDER": invalid reference format: '
        "repository name (library/BUILDER) must be lowercase",
    ),
    (
        "a bad image in an unused stage",
        "FROM NOPE AS a\nFROM x",
        1,
        'failed to parse stage name "NOPE": invalid reference format: '
        "repository name (library/NOPE) must be lowercase",
    ),
    (
        "a variable in COPY --from is not expanded (the words of Docker 28.5)",
        "ARG S=a\nFROM x AS a\nFROM y\nARG S\nCOPY --from=$S /b /",
        5,
        "variable expansion is not supported for --from, "
        "define a new stage with FROM using ARG from global scope as a workaround",
    ),
    ("two colons", "FROM a:b:c", 1, 'failed to parse stage name "a:b:c": invalid reference format'),
    (
        "a broken digest",
        "FROM a@sha256:zz",
        1,
        'failed to parse stage name "a@sha256:zz": invalid reference format',
    ),
    (
        "a trigger that needs a later stage",
        "FROM y AS p\nONBUILD COPY --from=dep /a /\nFROM p AS c\nFROM x AS dep\nFROM c",
        1,
        'cannot copy from stage "dep", it needs to be defined before current stage "c"',
    ),
    ("nothing to build", "ARG A=1", 1, "dockerfile contains no stages to build"),
)


@pytest.mark.parametrize(
    ("text", "line", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_buildkit_refuses(text: str, line: int, message: str) -> None:
    table = table_of(text)
    found = table.problems_of() if table.stages else table.problems
    assert [(problem.line, problem.message) for problem in found] == [(line, message)]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("later, but not needed", "FROM x AS a\nCOPY --from=b /1 /\nFROM y AS b"),
        ("a later mount, but not needed", "FROM x\nRUN --mount=from=z,target=/t ls\nFROM scratch AS z"),
        ("a host with capitals", "FROM UP/low"),
    ],
)
def test_what_buildkit_lets_pass(rule: str, text: str) -> None:
    assert table_of(text).problems_of() == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [("", 2), ("a", 1), ("A", 1), ("b", 2)],
    ids=["last", "last of two", "case aside", "named"],
)
def test_target(target: str, expected: int) -> None:
    assert table_of("FROM x AS a\nFROM y AS a\nFROM z AS b").find(target) == expected


@pytest.mark.parametrize(("target", "hint"), [("0", "stages: build"), ("biuld", "did you mean build?")])
def test_an_unknown_target(target: str, hint: str) -> None:
    with pytest.raises(ScratchifyError, match="could not be found") as raised:
        table_of("FROM x AS build\nFROM y").find(target)
    assert raised.value.hint == hint


def test_onbuild_of_an_external_base_needs_a_stage_that_the_file_never_names() -> None:
    text = "FROM x AS build\nRUN touch /built\nFROM example.test/runtime:1\nWORKDIR /app"
    config = ImageConfig(onbuild=("COPY --from=build /built /app/", "RUN echo trigger"))
    known = table_of(text, BuildInputs(bases={"example.test/runtime:1": config}))
    assert edges(known) == ["0 base x", "1 base example.test/runtime:1", "1 copy 0"]
    assert (known.unused().stages, known.unused().certain) == ((), True)
    unknown = table_of(text).unused()
    assert (unknown.stages, unknown.certain, unknown.doubtful) == ((0,), False, ("example.test/runtime:1",))


def test_unused_is_certain_on_scratch() -> None:
    unused = table_of("FROM x AS a\nFROM scratch\nCOPY f /").unused()
    assert (unused.stages, unused.certain) == ((0,), True)


def test_chain_and_images() -> None:
    table = table_of(
        "FROM a:1 AS one\nFROM one AS two\nFROM b\nCOPY --from=c /x /\n"
        "FROM two\nRUN --mount=from=d,target=/t ls"
    )
    assert table.chain(3) == (3, 1, 0)
    assert table.base_image(3) == "a:1"
    assert table.external_images() == ("a:1", "b", "c", "d")
    assert table.base_images() == ("a:1", "b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM x", "app"),
        ("FROM x AS App\nFROM y", "app-2"),
        ("FROM app", "app-2"),
        ("FROM x AS app\nFROM y AS app-2\nFROM z", "app-3"),
        ("FROM x\nCOPY --from=app /a /", "app-2"),
        ("FROM x\nRUN --mount=from=app,target=/t ls", "app-2"),
        ("ARG B=app\nFROM $B", "app-2"),
    ],
)
def test_a_free_stage_name(text: str, expected: str) -> None:
    assert table_of(text).fresh_name("app") == expected


def test_where_a_name_stands() -> None:
    text = "FROM x AS a\nFROM y\nCOPY --chown=1 --from=a /b /\nRUN --mount=type=bind,from=a,target=/t ls"
    table = table_of(text)
    found = []
    for use in table.uses[2:]:
        span = use.instruction.node.joined.span(use.start, use.end)
        found.append(
            (
                text[: span.start].count("\n") + 1,
                text[span.start : span.end],
                text[span.start - 5 : span.start],
            )
        )
    assert found == [(3, "a", "from="), (4, "a", "from=")]


@pytest.mark.parametrize(
    ("rule", "text", "near"),
    [
        ("a letter is missing", "FROM x AS deps\nFROM y\nCOPY --from=dep /a /", "deps"),
        ("two letters are swapped", "FROM x AS build\nFROM y\nRUN --mount=from=biuld,target=/t ls", "build"),
        ("in FROM", "FROM x AS build\nFROM buidl", "build"),
        ("FROM does not find what comes later", "FROM buid AS a\nFROM x AS build", ""),
        ("too far away", "FROM x AS build\nFROM y\nCOPY --from=nginx /a /", ""),
        ("short names are near to all", "FROM x AS a\nFROM y\nCOPY --from=b /1 /", ""),
        ("in capitals", "FROM x AS Build\nFROM BUILDD", "build"),
    ],
)
def test_the_near_name_of_a_mistyped_stage(rule: str, text: str, near: str) -> None:
    table = table_of(text)
    assert {table.near_stage(use) for use in table.uses} - {""} == ({near} if near else set())


def test_a_use_of_a_later_stage_is_marked() -> None:
    table = table_of("FROM x AS a\nCOPY --from=b /1 /\nCOPY --from=a /2 /\nFROM y AS b\nCOPY --from=a /3 /")
    assert [(use.stage, use.kind) for use in table.uses if use.late] == [(0, "copy"), (0, "copy")]
