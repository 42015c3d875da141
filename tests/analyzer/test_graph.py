"""The questions that the build graph answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.context import sent
from analyzer.dockerfile.instructions import read
from analyzer.filesystem import Entry
from analyzer.graph import BuildGraph
from analyzer.image import Layer
from analyzer.stages import resolve

FILE = """\
ARG GO=1.22
FROM golang:${GO} AS build
ARG VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -ldflags "-X v=$VERSION" -o /out/app
FROM build AS test
RUN go test ./...
FROM alpine AS docs
COPY docs /docs
FROM debian:12
ENV LANG=C.UTF-8
RUN useradd app
COPY --from=build /out/app /usr/bin/app
COPY conf/app.conf /etc/
USER app
CMD ["app"]
"""


def graph_of(text: str) -> BuildGraph:
    return BuildGraph(resolve(read(text.encode())))


# rule, target, stages, images, context paths
NEEDS: tuple[tuple[str, str, list[str], list[str], list[str]], ...] = (
    (
        "the last stage",
        "",
        ["build", "stage-3"],
        ["golang:1.22", "debian:12"],
        [".", "conf/app.conf", "go.mod", "go.sum"],
    ),
    ("a stage on a stage", "test", ["build", "test"], ["golang:1.22"], [".", "go.mod", "go.sum"]),
    ("a stage that stands alone", "docs", ["docs"], ["alpine"], ["docs"]),
)


@pytest.mark.parametrize(
    ("target", "stages", "images", "paths"), [row[1:] for row in NEEDS], ids=[row[0] for row in NEEDS]
)
def test_what_a_target_needs(target: str, stages: list[str], images: list[str], paths: list[str]) -> None:
    graph = graph_of(FILE)
    needs = graph.needs(target)
    assert [node.label for node in needs if node.kind == "stage"] == stages
    assert [node.label for node in needs if node.kind == "image"] == images
    assert list(graph.context_paths(target)) == paths


def test_what_a_target_needs_of_values() -> None:
    needs = graph_of(FILE).needs("test")
    assert [node.id for node in needs if node.kind == "value"] == ["arg:GO:1", "arg:VERSION:3"]


def test_unused_stages() -> None:
    assert graph_of(FILE).unused().stages == (1, 2)
    assert graph_of(FILE).unused("test").stages == (2, 3)


# rule, what changes, lines that run again for certain, lines that may
PATHS: tuple[tuple[str, str, list[int], list[int]], ...] = (
    ("a manifest of the build stage", "go.mod", [5, 6, 7, 8, 10], [16, 17]),
    ("a source file", "main.go", [7, 8, 10], [16, 17]),
    ("a file that the last stage copies, and COPY . too", "conf/app.conf", [7, 8, 10, 17], [16]),
    ("a file of a stage that nobody needs, and COPY . too", "docs/a.md", [7, 8, 10, 12], [16, 17]),
)


@pytest.mark.parametrize(
    ("path", "certain", "possible"), [row[1:] for row in PATHS], ids=[row[0] for row in PATHS]
)
def test_a_changed_file(path: str, certain: list[int], possible: list[int]) -> None:
    found = graph_of(FILE).invalidated_by_path(path)
    assert [item.line for item in found if item.certain] == certain
    assert [item.line for item in found if not item.certain] == possible


# rule, Dockerfile, ARG, lines that run again for certain, lines that may
ARGS: tuple[tuple[str, str, str, list[int], list[int]], ...] = (
    ("a global ARG in FROM", FILE, "GO", [4, 5, 6, 7, 8, 10], [16, 17]),
    ("every RUN after its ARG gets it", FILE, "VERSION", [6, 7, 8, 10], [16, 17]),
    ("an ARG that nothing declares", FILE, "NOPE", [], []),
    ("before its ARG nothing runs again", "FROM x\nRUN a\nARG V\nRUN b\nRUN c", "V", [4, 5], []),
    ("through an ENV", "FROM x\nARG V\nENV E=$V\nCOPY $E /\nRUN a", "V", [4, 5], []),
    ("through a working directory", "FROM x\nARG V\nWORKDIR /$V\nCOPY a .\n", "V", [3, 4], []),
    ("as the user", "FROM x\nARG V=1\nUSER $V\nRUN a", "V", [4], []),
    (
        "metadata makes nothing run again",
        "FROM x\nARG V\nRUN a\nFROM y\nCOPY b /\nARG V\nLABEL l=$V\nCOPY c /",
        "V",
        [3],
        [],
    ),
    ("the global one, taken by a stage", "ARG V=1\nFROM x\nARG V\nRUN a\nFROM y\nRUN b", "V", [4], []),
    ("a child stage", "FROM x AS a\nARG V\nRUN a\nFROM a\nCOPY b /", "V", [3, 5], []),
)


@pytest.mark.parametrize(
    ("text", "name", "certain", "possible"), [row[1:] for row in ARGS], ids=[row[0] for row in ARGS]
)
def test_a_changed_argument(text: str, name: str, certain: list[int], possible: list[int]) -> None:
    found = graph_of(text).invalidated_by_arg(name)
    assert [item.line for item in found if item.certain] == certain
    assert [item.line for item in found if not item.certain] == possible


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("none", FILE, ()),
        ("itself", "FROM x AS a\nCOPY --from=a /b /", ((0,),)),
        ("two", "FROM x AS a\nCOPY --from=b /1 /\nFROM y AS b\nCOPY --from=a /1 /", ((0, 1),)),
        (
            "three",
            "FROM x AS a\nCOPY --from=b /1 /\nFROM y AS b\nCOPY --from=c /1 /\n"
            "FROM z AS c\nCOPY --from=a /1 /",
            ((0, 1, 2),),
        ),
        ("over a FROM", "FROM x AS a\nRUN --mount=from=b,target=/t ls\nFROM a AS b", ((0, 1),)),
    ],
)
def test_circles(rule: str, text: str, expected: tuple[tuple[int, ...], ...]) -> None:
    assert graph_of(text).cycles() == expected


def test_a_path_without_a_copy_is_not_in_the_context_of_the_build(tmp_path: Path) -> None:
    for name in ("a.py", "b.txt"):
        (tmp_path / name).write_text("x")
    graph = BuildGraph(resolve(read(b"FROM x\nCOPY *.py /\nRUN a\n")), sent(tmp_path))
    assert [item.line for item in graph.invalidated_by_path("a.py")] == [2, 3]
    assert graph.invalidated_by_path("b.txt") == ()
    assert graph.uses_context()


HISTORY = (
    "",
    "RUN /bin/sh -c useradd app # buildkit",
    "COPY /out/app /usr/bin/app # buildkit",
    "COPY conf/app.conf /etc/ # buildkit",
)


@pytest.mark.parametrize(
    ("path", "layer", "line"),
    [("/bin/sh", 0, None), ("/etc/passwd", 1, 15), ("/usr/bin/app", 2, 16), ("/etc/app.conf", 3, 17)],
)
def test_which_instruction_brought_a_path(path: str, layer: int, line: int | None) -> None:
    layers = [Layer(f"sha256:{index}", text) for index, text in enumerate(HISTORY)]
    origin = graph_of(FILE).brought(Entry(path, "file", layer=layer), layers)
    assert (origin.line if origin else None) == line
