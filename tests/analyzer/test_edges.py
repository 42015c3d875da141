"""Nodes and edges of a build, written as `kind source -> target`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.context import sent
from analyzer.dockerfile.imageconfig import ImageConfig
from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import BuildInputs
from analyzer.edges import Dependencies, EdgeKind, dependencies
from analyzer.stages import resolve


def parts_of(text: str, inputs: BuildInputs | None = None) -> Dependencies:
    return dependencies(resolve(read(text.encode()), inputs))


def shown(parts: Dependencies, *kinds: EdgeKind) -> list[str]:
    return [f"{edge.source} -> {edge.target}" for edge in parts.edges if edge.kind in kinds]


# rule, Dockerfile, kind of edge, edges
EDGES: tuple[tuple[str, str, EdgeKind, list[str]], ...] = (
    ("FROM an image", "FROM x:1", "based on", ["line:1 -> image:x:1", "stage:0 -> image:x:1"]),
    (
        "FROM a stage",
        "FROM x AS a\nFROM a",
        "based on",
        [
            "line:1 -> image:x",
            "stage:0 -> image:x",
            "line:2 -> stage:0",
            "stage:1 -> stage:0",
        ],
    ),
    (
        "COPY from a stage",
        "FROM x AS a\nFROM y\nCOPY --from=a /1 /2 /d/",
        "copies from",
        ["line:3 -> stage:0"],
    ),
    (
        "COPY from a later stage is no edge",
        "FROM x AS a\nCOPY --from=b /1 /\nFROM y AS b\n",
        "copies from",
        [],
    ),
    (
        "a mount of a later stage is no edge",
        "FROM x AS a\nRUN --mount=from=b,target=/t ls\nFROM y AS b\n",
        "mounts from",
        [],
    ),
    ("COPY from itself is no edge", "FROM x AS a\nCOPY --from=a /1 /\n", "copies from", []),
    ("COPY from an image", "FROM y\nCOPY --from=i:1 /1 /2", "copies from", ["line:2 -> image:i:1"]),
    (
        "COPY from the context",
        "FROM y\nCOPY a ./b /d/",
        "copies from",
        ["line:2 -> path:a", "line:2 -> path:b"],
    ),
    ("COPY of the whole context", "FROM y\nCOPY . /d/", "copies from", ["line:2 -> path:."]),
    ("COPY of heredocs takes nothing", "FROM y\nCOPY <<a <<b /d/\n1\na\n2\nb\n", "copies from", []),
    (
        "ADD of an address",
        "FROM y\nADD https://h.test/x /x",
        "fetches",
        ["line:2 -> remote:https://h.test/x"],
    ),
    (
        "a mount from a stage",
        "FROM x AS a\nFROM y\nRUN --mount=from=a,target=/t ls",
        "mounts from",
        ["line:3 -> stage:0"],
    ),
    (
        "a bind mount of the context",
        "FROM y\nRUN --mount=target=/t,source=go.mod ls",
        "mounts from",
        ["line:2 -> path:go.mod"],
    ),
    ("a bind mount of all", "FROM y\nRUN --mount=target=/t ls", "mounts from", ["line:2 -> path:."]),
    ("a cache mount takes nothing", "FROM y\nRUN --mount=type=cache,target=/t ls", "mounts from", []),
    ("FROM uses a global ARG", "ARG V=1\nFROM x:$V", "uses value", ["line:2 -> arg:V:1"]),
    (
        "an ARG takes the global value",
        "ARG V=1\nFROM x\nARG V\nRUN echo $V",
        "uses value",
        [
            "arg:V:3 -> arg:V:1",
            "line:4 -> arg:V:3",
        ],
    ),
    (
        "an ARG with its own value does not",
        "ARG V=1\nFROM x\nARG V=2\nRUN echo $V",
        "uses value",
        ["line:4 -> arg:V:3"],
    ),
    ("a global ARG is no value of a stage", "ARG V=1\nFROM x\nCOPY $V /", "uses value", []),
    ("the later of ARG and ENV", "FROM x\nARG A=1\nENV A=2\nCOPY $A /", "uses value", ["line:4 -> env:A:3"]),
    ("and the other way round", "FROM x\nENV A=2\nARG A=1\nCOPY $A /", "uses value", ["line:4 -> arg:A:3"]),
    (
        "ENV from ARG",
        "FROM x\nARG A=1\nENV B=$A\nUSER $B",
        "uses value",
        ["line:3 -> arg:A:2", "line:4 -> env:B:3"],
    ),
    (
        "a global ARG from another",
        "ARG A=1\nARG B=x:$A\nFROM $B",
        "uses value",
        ["line:2 -> arg:A:1", "line:3 -> arg:B:2"],
    ),
    (
        "ENV of the parent stage",
        "FROM x AS a\nENV E=1\nFROM a\nWORKDIR /$E",
        "uses value",
        ["line:4 -> env:E:2"],
    ),
    ("ENV of another stage is unknown", "FROM x AS a\nENV E=1\nFROM y\nWORKDIR /$E", "uses value", []),
    (
        "an ARG of the stage above reaches no other stage",
        "FROM x\nARG A=1\nFROM y\nRUN echo $A",
        "uses value",
        [],
    ),
    ("the shell names a value", "FROM x\nENV E=1\nRUN sh -c 'x' \"$E\"", "uses value", ["line:3 -> env:E:2"]),
    ("not in single quotes", "FROM x\nENV E=1\nRUN echo '$E'", "uses value", []),
    ("not in a JSON form", 'FROM x\nENV E=1\nRUN ["echo", "$E"]', "uses value", []),
    (
        "in a heredoc that is the script",
        "FROM x\nENV E=1\nRUN <<EOF\necho $E\nEOF\n",
        "uses value",
        ["line:3 -> env:E:2"],
    ),
    (
        "in a heredoc that is input",
        "FROM x\nENV E=1\nRUN cat <<EOF >/f\n$E\nEOF\n",
        "uses value",
        ["line:3 -> env:E:2"],
    ),
    (
        "not in a quoted heredoc that is input",
        "FROM x\nENV E=1\nRUN cat <<'EOF' >/f\n$E\nEOF\n",
        "uses value",
        [],
    ),
    (
        "not in a heredoc for another program",
        "FROM x\nENV E=1\nRUN <<EOF\n#!/usr/bin/python3\n$E\nEOF\n",
        "uses value",
        [],
    ),
    ("in the shell form of CMD", "FROM x\nENV E=1\nCMD app $E", "uses value", ["line:3 -> env:E:2"]),
    (
        "a predefined ARG, declared",
        "FROM x\nARG TARGETARCH\nRUN echo $TARGETARCH",
        "uses value",
        ["line:3 -> arg:TARGETARCH:2"],
    ),
    (
        "a predefined ARG in FROM",
        "FROM --platform=$BUILDPLATFORM x",
        "uses value",
        ["line:1 -> predefined:BUILDPLATFORM"],
    ),
    (
        "RUN gets every value",
        "FROM x\nARG A=1\nENV B=2\nRUN true",
        "environment",
        [
            "environment:0:2 -> arg:A:2",
            "environment:0:3 -> env:B:3",
            "environment:0:3 -> environment:0:2",
            "line:4 -> environment:0:3",
        ],
    ),
    ("RUN runs as the user", "FROM x\nUSER u\nRUN true", "environment", ["line:3 -> line:2"]),
    (
        "layers follow each other",
        "FROM x\nENV A=1\nRUN a\nUSER u\nCOPY b /\nWORKDIR /\nWORKDIR /w",
        "follows",
        [
            "line:3 -> line:1",
            "line:5 -> line:3",
            "line:7 -> line:5",
        ],
    ),
    ("a stage results from its last layer", "FROM x\nRUN a\nCMD b", "result", ["stage:0 -> line:2"]),
    (
        "ONBUILD of a stage",
        "FROM x AS a\nONBUILD RUN t\nFROM a\nRUN b",
        "onbuild",
        ["onbuild:1:0 -> stage:0"],
    ),
)


@pytest.mark.parametrize(
    ("text", "kind", "expected"), [row[1:] for row in EDGES], ids=[row[0] for row in EDGES]
)
def test_edges(text: str, kind: EdgeKind, expected: list[str]) -> None:
    assert shown(parts_of(text), kind) == expected


def test_triggers_of_an_external_base() -> None:
    config = ImageConfig(onbuild=("COPY . /app", "RUN make"))
    parts = parts_of("FROM r:1\nRUN x", BuildInputs(bases={"r:1": config}))
    assert shown(parts, "onbuild") == ["onbuild:0:0 -> image:r:1", "onbuild:0:1 -> image:r:1"]
    assert shown(parts, "copies from") == ["onbuild:0:0 -> path:."]
    assert shown(parts, "follows") == [
        "onbuild:0:0 -> line:1",
        "onbuild:0:1 -> onbuild:0:0",
        "line:2 -> onbuild:0:1",
    ]


def test_with_a_context_the_files_that_are_taken(tmp_path: Path) -> None:
    for name in ("a.py", "b.py", "c.txt"):
        (tmp_path / name).write_text("x")
    table = resolve(read(b"FROM x\nCOPY *.py /\n"))
    assert shown(dependencies(table, sent(tmp_path)), "copies from") == [
        "line:2 -> path:a.py",
        "line:2 -> path:b.py",
    ]


PIECES = (
    "FROM x AS a",
    "FROM a",
    "FROM A",
    "COPY --from=a /x /y",
    "COPY --from=0 . .",
    "COPY --from=7 a b",
    "RUN --mount=from=a,target=/t ls $A",
    "RUN --mount=type=bind ls",
    "ARG A=1",
    "ARG A",
    "ENV A=$A",
    "ENV A $A",
    "ONBUILD COPY --from=b x y",
    "WORKDIR $A/b",
    "USER $A",
    "RUN <<E\necho $A\nE",
    "COPY <<E /x\n$A\nE",
    "FROM",
    "COPY a",
    "ADD https://h/x /y",
    "FROM $A",
    'SHELL ["cmd"]',
    "\\",
    "# c",
    'CMD ["a"',
    "EXPOSE $A",
)


@given(
    st.lists(
        st.sampled_from(PIECES) | st.text(st.characters(exclude_characters="\0"), max_size=12), max_size=12
    )
)
def test_any_mixture_of_instructions_has_a_graph(lines: list[str]) -> None:
    text = "\n".join(lines).encode("utf-8", "replace")
    program = read(text)
    table = resolve(program)
    parts = dependencies(table)
    ids = {node.id for node in parts.nodes}
    assert all(edge.source in ids and edge.target in ids for edge in parts.edges)
    if table.stages:
        assert table.find() in table.needed(table.find())
        assert all(problem.line > 0 for problem in table.problems_of())
