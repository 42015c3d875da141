"""The face of dockerfile-parse: its read properties over our nodes, also where its own are wrong."""

from __future__ import annotations

import io

import pytest
from dockerfile_parse import DockerfileParser as StockParser

from analyzer.dockerfile.reader import DockerfileParser


def over(text: str, **options: object) -> DockerfileParser:
    return DockerfileParser(fileobj=io.BytesIO(text.encode()), **options)


STAGED = """\
# escape=`
ARG TAG=1
FROM --platform=linux/amd64 debian:${TAG:-2} AS base
ENV A=1 B="${A:-x} y"
LABEL l=base
CMD ["x"]
RUN <<EOF
FROM evil
LABEL evil=1
EOF
FROM base
ARG Q=3
LABEL m="${B}" `
  # note
  n=2
"""


def test_structure() -> None:
    found = over("# c\nFROM a\nRUN a \\\n  # in\n  b\nRUN <<E\nFROM b\nE\n").structure
    assert [(each["instruction"], each["startline"], each["endline"], each["value"]) for each in found] == [
        ("COMMENT", 0, 0, "c"),
        ("FROM", 1, 1, "a"),
        ("COMMENT", 3, 3, "in"),
        ("RUN", 2, 4, "a   b"),
        ("RUN", 5, 7, "<<E"),
    ]
    assert found[-1]["content"] == "RUN <<E\nFROM b\nE\n"


def test_properties_of_stages() -> None:
    parser = over(STAGED)
    assert parser.parent_images == ["debian:1", "base"]
    assert parser.baseimage == "base"
    assert parser.is_multistage


INHERITED = (
    ("labels", "labels", {"l": "base", "m": "x y", "n": "2"}),
    ("environment", "envs", {"A": "1", "B": "x y"}),
    ("arguments", "args", {"Q": "3"}),
    ("command", "cmd", '["x"]'),
)


@pytest.mark.parametrize(("name", "value"), [row[1:] for row in INHERITED], ids=[row[0] for row in INHERITED])
def test_a_stage_inherits(name: str, value: object) -> None:
    assert getattr(over(STAGED), name) == value


WRONG_IN_THE_LIBRARY = (
    ("a heredoc with a FROM inside", "FROM a\nRUN <<E\nFROM b\nE\n", "parent_images", ["a"]),
    ("a default in FROM", "ARG B\nFROM ${B:-a}\n", "parent_images", ["a"]),
    ("a prefix taken off", "ARG B=x/a\nFROM ${B#*/}\n", "baseimage", "a"),
    ("a label from a default", "FROM a\nLABEL v=${X:-d}\n", "labels", {"v": "d"}),
    ("an alternative", "FROM a\nENV X=1\nLABEL v=${X:+yes}\n", "labels", {"v": "yes"}),
    ("an escaped dollar", "FROM a\nLABEL v=\\$X\n", "labels", {"v": "$X"}),
    ("ENV does not see its own line", "FROM a\nENV X=1\nENV X=2 Y=$X\n", "envs", {"X": "2", "Y": "1"}),
    (
        "an environment from the parent stage",
        "FROM a AS b\nENV X=1\nFROM b\nLABEL v=$X\n",
        "labels",
        {"v": "1"},
    ),
    ("an ENTRYPOINT drops an inherited CMD", "FROM a AS b\nCMD c\nFROM b\nENTRYPOINT d\n", "cmd", None),
    ("a command over lines with a comment", "FROM a\nCMD b \\\n# no\n  c\n", "cmd", "b   c"),
)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [row[1:] for row in WRONG_IN_THE_LIBRARY],
    ids=[row[0] for row in WRONG_IN_THE_LIBRARY],
)
def test_where_the_library_is_wrong(text: str, name: str, value: object) -> None:
    assert getattr(over(text), name) == value


SAME = (
    ("an image", "FROM a:1\n", "baseimage"),
    ("no FROM", "# c\n", "baseimage"),
    ("several images", "FROM a\nFROM b AS c\n", "parent_images"),
    ("labels", "FROM a\nLABEL x=1 'y z'=\"2 3\"\nLABEL w v\n", "labels"),
    ("environment", "FROM a\nENV X=1 Y=2\nENV Z=$X\n", "envs"),
    ("arguments", "FROM a\nARG X=1\nARG Y\n", "args"),
    ("command", 'FROM a\nCMD ["x"]\nCMD y z\n', "cmd"),
    ("labels of a piece without FROM", "LABEL a=b\n", "labels"),
    ("JSON", "# c\nFROM a\nRUN b \\\n  c\n", "json"),
)


@pytest.mark.parametrize(("text", "name"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_where_the_library_is_right(text: str, name: str) -> None:
    stock = StockParser(fileobj=io.BytesIO(text.encode()))
    assert getattr(over(text), name) == getattr(stock, name)


def test_options() -> None:
    text = "ARG T=1\nFROM a:$T\nARG T\nLABEL v=$T-$P\n"
    parser = over(text, build_args={"T": "2"}, parent_env={"P": "p"})
    assert (parser.baseimage, parser.labels, parser.args) == ("a:2", {"v": "2-p"}, {"T": "2"})
    assert over(text, env_replace=False).labels == {"v": "$T-$P"}


def test_context_structure() -> None:
    text = "ARG T=1\nFROM a AS b\nENV X=x\nARG Y=$X\nFROM b\nLABEL v=$Y\n"
    contexts = over(text).context_structure
    assert [(each.args, each.envs, each.labels) for each in contexts] == [
        ({"T": "1"}, {}, {}),
        ({}, {}, {}),
        ({}, {"X": "x"}, {}),
        ({"Y": "x"}, {"X": "x"}, {}),
        ({"Y": "x"}, {"X": "x"}, {}),
        ({"Y": "x"}, {"X": "x"}, {"v": "x"}),
    ]
    assert contexts[3].line_args == {"Y": "x"}
