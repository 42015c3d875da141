"""Rules about what the image's configuration says, about labels and the file's shape."""

from __future__ import annotations

import pytest

from analyzer.settings import LintSettings
from tests.analyzer.checks.linting import found, mended

FROM = "FROM debian:12\n"

CASES = [
    ("quoted", "WORKDIR '/a'\nWORKDIR \"b\"", "DL3000", "DL3000:3"),
    ("a variable", "WORKDIR ${A}\nWORKDIR $B/c", "DL3000", ""),
    ("a drive", "WORKDIR c:\\\\a", "DL3000", ""),
    ("root by number with a group", "USER 0:0", "DL3002", "DL3002:2"),
    ("root through an argument", "ARG U=root\nUSER $U", "DL3002", "DL3002:3"),
    (
        "root in the parent stage",
        "USER root\nFROM debian:12 AS p\nUSER root\nFROM p",
        "DL3002",
        "DL3002:4",
    ),
    ("root in a stage that is copied from", "USER root\nFROM debian:12\nCOPY --from=0 /a /a", "DL3002", ""),
    ("a range of ports", "EXPOSE 1-70000 80/tcp", "DL3011", "DL3011:2"),
    ("a port of a variable", "ARG P=80000\nEXPOSE $P", "DL3011", "DL3011:3"),
    ("a check in shell form", "HEALTHCHECK CMD a || exit 1", "DL3025", "DL3025:2"),
    ("no check at all", "HEALTHCHECK NONE", "DL3025", ""),
    ("known from above", "ENV A=1\nENV A=2 B=$A", "DL3044", ""),
    ("known from an ARG", "ARG A=1\nENV A=2 B=$A", "DL3044", ""),
    ("used before it is set", "ENV B=$A A=1", "DL3044", "DL3044:2"),
    ("its own old value", "ENV A=x:$A B=1", "DL3044", ""),
    ("single quotes, a backslash", "ENV A=1 B='$A' C=\\$A", "DL3044", ""),
    ("a longer name", "ENV A=1 B=$AA", "DL3044", ""),
    ("points to a secret", "ENV PASSWORD_FILE=/p TOKEN_URL=u SECRET_NAME=n", "DL3064", ""),
    ("sounds alike", "ENV TOKENIZER=b MONKEY=1 PUBLIC_KEY=k COMPASS=n", "DL3064", ""),
    ("ends like a secret", "ARG NPM_TOKEN\nENV DB_PASSWORD=x", "DL3064", "DL3064:2 DL3064:3"),
    ("an empty place for a secret", 'ENV PASSWORD="" TOKEN=', "DL3064", ""),
    ("the number of a variable", "ARG ID=1000\nUSER ${ID}:a", "DL3066", ""),
    ("the name of a variable", "ARG NAME=a\nUSER ${NAME}", "DL3066", "DL3066:3"),
    ("a variable that nobody knows", "USER $NAME", "DL3066", ""),
    ("a second command in another stage", "CMD a\nFROM debian:12\nCMD b", "DL4003", ""),
    ("three commands", "CMD a\nCMD b\nCMD c", "DL4003", "DL4003:3 DL4003:4"),
    ("a trigger in a trigger", "ONBUILD ONBUILD RUN a", "DL3043", "DL3043:2"),
    (
        "label keys",
        "LABEL a..b=1 a--b=1 1a=1 a-=1 ok/a_b.c-d1=1 $X=1",
        "DL3048",
        "DL3048:2 DL3048:2 DL3048:2 DL3048:2",
    ),
]


@pytest.mark.parametrize(
    ("text", "rule", "expected"), [row[1:] for row in CASES], ids=[f"{row[2]} {row[0]}" for row in CASES]
)
def test_finding(text: str, rule: str, expected: str) -> None:
    assert found(f"{FROM}{text}\n", rule) == expected


EXEC = [
    ("the words as they are", "CMD a  b \\\n  c", 'CMD ["/bin/sh", "-c", "a  b   c"]'),
    (
        "quotes and a variable",
        "ENTRYPOINT exec a \"$B\" 'c'",
        'ENTRYPOINT ["/bin/sh", "-c", "exec a \\"$B\\" \'c\'"]',
    ),
    (
        "under SHELL",
        'SHELL ["/bin/bash", "-ec"]\nCMD a',
        'SHELL ["/bin/bash", "-ec"]\nCMD ["/bin/bash", "-ec", "a"]',
    ),
    ("an array in single quotes", "CMD ['a', 'b']", "CMD ['a', 'b']"),
    ("an array with a comma too many", 'ENTRYPOINT ["a", "b",]', 'ENTRYPOINT ["a", "b",]'),
    ("a test", "CMD [ -f a ] && b", 'CMD ["/bin/sh", "-c", "[ -f a ] && b"]'),
    ("the check stays: it has a form of its own", "HEALTHCHECK CMD a", "HEALTHCHECK CMD a"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in EXEC], ids=[row[0] for row in EXEC])
def test_exec_form(text: str, expected: str) -> None:
    assert mended(f"{FROM}{text}\n", "DL3025") == f"{FROM}{expected}\n"


def test_the_shell_of_an_unknown_image_may_be_another() -> None:
    text = "FROM example.org/own:1\nCMD a\n"
    assert mended(text, "DL3025") == text
    assert mended(text, "DL3025", unsafe=True) == 'FROM example.org/own:1\nCMD ["/bin/sh", "-c", "a"]\n'


LABELS = [
    ("url", "mailto:a@b.test", True),
    ("url", "/a", False),
    ("rfc3339", "2020-01-01T00:00:00.5+02:00", True),
    ("rfc3339", "2020-13-01T00:00:00Z", False),
    ("spdx", "MIT OR (Apache-2.0 AND BSD-3-Clause)", True),
    ("spdx", "MITX", False),
    ("hash", "0123456789012345678901234567890123456789", True),
    ("hash", "abc", False),
    ("semver", "1.2.3-rc.1+b", True),
    ("semver", "v1.2.3", False),
    ("email", "a.b@c.test", True),
    ("email", "a@", False),
]
KINDS = {
    "url": "DL3052",
    "rfc3339": "DL3053",
    "spdx": "DL3054",
    "hash": "DL3055",
    "semver": "DL3056",
    "email": "DL3058",
}


@pytest.mark.parametrize(("kind", "value", "good"), LABELS, ids=[f"{row[0]} {row[1]}" for row in LABELS])
def test_label_value(kind: str, value: str, good: bool) -> None:
    settings = LintSettings(label_schema={"own": kind})
    assert (found(f'{FROM}LABEL own="{value}"\n', KINDS[kind], settings=settings) == "") is good
    # What nobody knows before the build is no fault.
    assert found(f'{FROM}LABEL own="$X"\n', KINDS[kind], settings=settings) == ""
