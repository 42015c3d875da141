"""Typed instructions and what BuildKit refuses of them."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.dockerfile.instructions import (
    Add,
    Arg,
    Command,
    Copy,
    Env,
    From,
    Healthcheck,
    Label,
    Onbuild,
    Run,
    parse_duration,
    read,
    read_strict,
)
from analyzer.dockerfile.mounts import MountError, parse_mount
from analyzer.errors import InputError
from tests.analyzer.dockerfile.refusals import REFUSALS


def typed(line: str) -> Command:
    program = read(f"FROM scratch\n{line}".encode())
    assert not program.problems
    return program.commands[-1]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_refusals(text: str, line: int, column: int, message: str) -> None:
    problems = read(text.encode()).problems
    first = problems[0]
    assert (first.line, first.column, first.message) == (line, column, message)


def test_reading_goes_on_after_each_fault() -> None:
    text = "FROM a\nRUNN x\nENV a\nCOPY --foo a b\nCMD [1]\nUSER u\nFROM b c\nRUN <<E\nx\n"
    program = read(text.encode())
    assert [problem.line for problem in program.problems] == [2, 3, 4, 5, 7, 8]
    assert [command.node.keyword for command in program.commands] == ["FROM", "USER", "RUN"]
    with pytest.raises(InputError) as caught:
        read_strict(text.encode())
    assert caught.value.problems == list(program.problems)


def test_a_problem_shows_its_line_and_a_caret() -> None:
    (problem,) = read(b"FROM a\nCOPY --from=b \\\n\t--lnk a b\n", "app/Dockerfile").problems
    assert str(problem) == (
        "app/Dockerfile:3:2: unknown flag: --lnk (did you mean link?)\n   --lnk a b\n   ^"
    )


FIELDS: tuple[tuple[str, str, type, dict[str, Any]], ...] = (
    ("FROM", "FROM --platform=linux/arm64 a:1 as Name\n", From, {"name": "name", "platform": "linux/arm64"}),
    (
        "COPY",
        "COPY --from=b --chown=1 --chmod=0 --link --parents --exclude=x --exclude=y a b /c\n",
        Copy,
        {"from_": "b", "chown": "1", "chmod": "0", "link": True, "parents": True, "exclude": ("x", "y")},
    ),
    (
        "COPY without flags",
        "COPY a b\n",
        Copy,
        {"from_": None, "chown": None, "chmod": None, "link": False, "parents": False, "exclude": ()},
    ),
    ("COPY with a switch off", "COPY --link=FALSE a b\n", Copy, {"link": False}),
    (
        "ADD",
        "ADD --checksum=sha256:0 --keep-git-dir --unpack=false --chown=1 https://a.example/b /c\n",
        Add,
        {"checksum": "sha256:0", "keep_git_dir": True, "unpack": False, "chown": "1", "link": False},
    ),
    ("ADD that unpacks by itself", "ADD a b\n", Add, {"unpack": None, "keep_git_dir": False}),
    (
        "RUN",
        "RUN --network=none --security=insecure --device=a.example/b=c,required x  y\n",
        Run,
        {
            "network": "none",
            "security": "insecure",
            "devices": ("a.example/b=c,required",),
            "command": ("x  y",),
        },
    ),
    (
        "RUN in JSON form",
        'RUN ["a", "b"]\n',
        Run,
        {"command": ("a", "b"), "shell_form": False, "network": "default"},
    ),
    ("ENV in the old form", "ENV a b c\n", Env, {"legacy": True}),
    ("ENV", "ENV a=b\n", Env, {"legacy": False}),
    ("LABEL in the old form", "LABEL a b\n", Label, {"legacy": True}),
    (
        "HEALTHCHECK",
        "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=1h "
        "--start-interval=1.5s --retries=2 CMD a b\n",
        Healthcheck,
        {
            "test": ("CMD-SHELL", "a b"),
            "interval": 90 * 10**9,
            "timeout": 5 * 10**8,
            "start_period": 3600 * 10**9,
            "start_interval": 15 * 10**8,
            "retries": 2,
        },
    ),
    (
        "HEALTHCHECK in JSON form",
        'HEALTHCHECK CMD ["a"]\n',
        Healthcheck,
        {"test": ("CMD", "a"), "interval": 0},
    ),
    ("HEALTHCHECK in lower case", "HEALTHCHECK none\n", Healthcheck, {"test": ("NONE",)}),
    ("ONBUILD keeps its text", "onbuild  RUN a \\\n  b\n", Onbuild, {"expression": "RUN a   b"}),
    ("ONBUILD keeps a heredoc", "ONBUILD RUN <<E\na\nE\n", Onbuild, {"expression": "RUN <<E\na\nE"}),
    ("ONBUILD of no instruction", "ONBUILD FOO\n", Onbuild, {"expression": "FOO", "inner": None}),
    ("flags that BuildKit drops", "ARG --foo A\n", Arg, {}),
)


@pytest.mark.parametrize(
    ("line", "kind", "fields"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS]
)
def test_fields(line: str, kind: type, fields: dict[str, Any]) -> None:
    command = typed(line)
    assert type(command) is kind
    assert {name: getattr(command, name) for name in fields} == fields


def test_pairs_keep_their_tokens() -> None:
    command = typed('LABEL a="x y" b=\n')
    assert isinstance(command, Label)
    assert [(pair.key, pair.text) for pair in command.pairs] == [("a", '"x y"'), ("b", "")]
    command = typed("ARG A B=1\n")
    assert isinstance(command, Arg)
    assert [(pair.key, pair.value and pair.value.text) for pair in command.pairs] == [("A", None), ("B", "1")]


def test_heredocs_among_sources() -> None:
    command = typed("COPY a <<-E <<'F' b /d/\n\tone\n\tE\n$two\nF\n")
    assert isinstance(command, Copy)
    assert [source.text for source in command.sources] == ["a", "b"]
    assert [(each.path, each.data, each.expand) for each in command.contents] == [
        ("E", "one\n", True),
        ("F", "$two\n", False),
    ]


MOUNTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("bind by default, read-only", "target=/a", {"type": "bind", "target": "/a", "read_only": True}),
    ("bind, writable", "type=bind,target=/a,rw", {"read_only": False}),
    ("bind, read-only switched off", "target=/a,ro=false", {"read_only": False}),
    ("the short keys", "src=/s,dst=/d,from=x", {"source": "/s", "target": "/d", "from_": "x"}),
    ("destination", "destination=/d", {"target": "/d"}),
    (
        "keys and types in any case",
        "TYPE=Cache,Target=/a",
        {"type": "cache", "target": "/a", "read_only": False},
    ),
    (
        "cache",
        "type=cache,id=i,target=/a,sharing=locked,mode=0755,uid=1,gid=2",
        {"id": "i", "sharing": "locked", "mode": 0o755, "uid": 1, "gid": 2},
    ),
    ("tmpfs", "type=tmpfs,target=/a,size=64m", {"size": 64 * 1024 * 1024, "read_only": False}),
    ("secret", "type=secret,id=s,required,env=S", {"id": "s", "required": True, "env": "S"}),
    ("secret, required switched off", "type=secret,id=s,required=false", {"required": False}),
    ("ssh", "type=ssh,mode=0600", {"type": "ssh", "mode": 0o600}),
    ("a quoted field", '"target=/a,b",ro', {"target": "/a,b"}),
    ("a quote in a quoted field", '"target=/a""b"', {"target": '/a"b'}),
    (
        "names wait for expansion",
        "type=$T,target=$D,size=$S,uid=$U",
        {"type": "$T", "target": "$D", "uid": None},
    ),
)


@pytest.mark.parametrize(("text", "fields"), [row[1:] for row in MOUNTS], ids=[row[0] for row in MOUNTS])
def test_mounts(text: str, fields: dict[str, Any]) -> None:
    mount = parse_mount(text)
    assert {name: getattr(mount, name) for name in fields} == fields


BAD_MOUNTS = (
    ("both source and id of a secret", "type=secret,source=a,id=b", "both source and id can't be set"),
    ("a secret from a stage", "type=secret,id=a,from=b", "secret mount should not have a from"),
    ("sharing of a secret", "type=secret,id=a,sharing=shared", "secret mount should not define sharing"),
    ("sharing of a bind mount", "target=/a,sharing=shared", "invalid cache sharing set for bind mount"),
    (
        "sharing near a known one",
        "type=cache,sharing=lockd",
        'unsupported sharing value "lockd" (did you mean locked?)',
    ),
    ("a switch that is none", "target=/a,ro=maybe", "invalid value for ro: maybe"),
    ("a mode that is none", "type=cache,mode=9", "invalid value 9 for mode"),
    ("required on a cache", "type=cache,required", "unexpected key 'required' for mount type 'cache'"),
    ("an owner of a bind mount", "target=/a,uid=1", 'uid not allowed for "bind" type mounts'),
    ("nothing", "", "failed to parse csv mounts: EOF"),
)


@pytest.mark.parametrize(
    ("text", "message"), [row[1:] for row in BAD_MOUNTS], ids=[row[0] for row in BAD_MOUNTS]
)
def test_mounts_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(MountError) as caught:
        parse_mount(text)
    assert str(caught.value) == message


DURATIONS = (
    ("0", 0),
    ("1s", 10**9),
    ("1h2m3s", 3723 * 10**9),
    ("1.5h", 5400 * 10**9),
    (".5s", 5 * 10**8),
    ("-1s", -(10**9)),
    ("3us", 3000),
    ("3\u00b5s", 3000),
)


@pytest.mark.parametrize(("text", "nanoseconds"), DURATIONS)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds
