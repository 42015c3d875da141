"""Which programs are called, through wrappers and quoted scripts."""

from __future__ import annotations

import pytest

from analyzer.shell import read
from analyzer.shell.calls import calls

CALLS: tuple[tuple[str, str, list[str]], ...] = (
    ("a plain command", "ls -l", ["ls -l"]),
    ("the directory is no part of the name", "/usr/bin/env foo", ["env foo", "foo"]),
    ("sudo with a user", "sudo -u www -E id", ["sudo -u www -E id", "id"]),
    ("sudo with an assignment", "sudo A=b id", ["sudo A=b id", "id"]),
    ("env with assignments", "env -i A=b C=$d sh x", ["env -i A=b ? sh x", "sh x"]),
    ("exec", 'exec "$@"', ["exec ?", "?"]),
    ("exec with a name", "exec -a x y z", ["exec -a x y z", "y z"]),
    ("gosu takes a user", "gosu redis redis-server", ["gosu redis redis-server", "redis-server"]),
    ("su-exec in exec", "exec su-exec a:b c", ["exec su-exec a:b c", "su-exec a:b c", "c"]),
    ("tini ends its options with --", "tini -g -- app -x", ["tini -g -- app -x", "app -x"]),
    ("timeout takes a time", "timeout -k 5 10s curl x", ["timeout -k 5 10s curl x", "curl x"]),
    ("nice with a number", "nice -n 5 make", ["nice -n 5 make", "make"]),
    ("xargs with options", "a | xargs -r -n 1 rm -f", ["a", "xargs -r -n 1 rm -f", "rm -f"]),
    (
        "find runs each of its actions",
        "find . -exec a {} \\; -exec b {} +",
        [
            "find . -exec a {} ; -exec b {} +",
            "a {}",
            "b {}",
        ],
    ),
    ("command looks up only", "command -v foo", ["command -v foo"]),
    ("command runs", "command foo", ["command foo", "foo"]),
    ("sh -c", "sh -c 'a && b c'", ["sh -c a && b c", "a", "b c"]),
    (
        "bash with options before -c",
        'bash -eu -o pipefail -c "a | b"',
        [
            "bash -eu -o pipefail -c a | b",
            "a",
            "b",
        ],
    ),
    ("letters bundled with c", "bash -lc a", ["bash -lc a", "a"]),
    ("a script is no -c text", "sh script.sh -c x", ["sh script.sh -c x"]),
    ("text known at run time only", 'sh -c "$x"', ["sh -c ?"]),
    ("su with a command", "su - www -c 'a b'", ["su - www -c a b", "a b"]),
    ("sh in sh", "sh -c \"bash -c 'a'\"", ["sh -c bash -c 'a'", "bash -c a", "a"]),
    ("busybox applet", "busybox wget x", ["busybox wget x", "wget x"]),
    ("eval of constant text", "eval 'a b'", ["eval a b", "a b"]),
    ("a wrapper with nothing to run", "sudo", ["sudo"]),
    ("time of a pipeline's head", "time a", ["time a", "a"]),
)


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_calls(text: str, expected: list[str]) -> None:
    found = []
    for call in calls(read(text)):
        values = ["?" if value is None else value for value in call.values]
        found.append(" ".join([call.name or "?", *values[1:]]))
    assert found == expected


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("sh -c 'a && curl x'", "curl", "curl"),
        ('sh -c "a && curl x"', "curl", "curl"),
        ('sh -c "a \\"b\\" && curl x"', "curl", '"a \\"b\\" && curl x"'),
        ("sudo curl x", "curl", "curl"),
    ],
)
def test_spans_inside_a_quoted_script(text: str, name: str, written: str) -> None:
    (call,) = [call for call in calls(read(text)) if call.name == name]
    assert text[call.words[0].start : call.words[0].end] == written
