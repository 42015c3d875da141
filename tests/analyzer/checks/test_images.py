"""Rules about the names of images and stages."""

from __future__ import annotations

import pytest

from analyzer.checks.runner import find
from analyzer.checks.selection import Selection
from analyzer.checks.table import RULES
from analyzer.settings import LintSettings
from tests.analyzer.checks.linting import found, subject

CASES = [
    ("a registry with a port", "FROM a.test:500/b", "DL3006", "DL3006:1"),
    ("a digest", f"FROM a@sha256:{'0' * 64}", "DL3006", ""),
    ("scratch", "FROM scratch", "DL3006", ""),
    ("a stage by any letter case", "FROM a:1 AS B\nFROM b", "DL3006", ""),
    ("an argument that is the whole name", "ARG A=b\nFROM $A", "DL3006", ""),
    ("an argument that holds the tag", "ARG A=:1\nFROM b$A", "DL3006", ""),
    ("an argument that holds no tag", "ARG A=b\nFROM a.test/$A", "DL3006", "DL3006:2"),
    ("an argument without a value", "ARG A\nFROM a.test/b$A", "DL3006", ""),
    ("a digest behind latest", f"FROM a:latest@sha256:{'0' * 64}", "DL3007", ""),
    ("a stage above, by number", "FROM a:1\nFROM b:1\nCOPY --from=0 / /x", "DL3022", ""),
    ("a number too high", "FROM a:1\nFROM b:1\nCOPY --from=2 / /x", "DL3022", "DL3022:3"),
    ("a stage below", "FROM a:1\nCOPY --from=b / /x\nFROM c:1 AS b", "DL3022", "DL3022:2"),
    ("an image with its tag", "FROM a:1\nCOPY --from=b:1 / /x", "DL3022", ""),
    ("its own stage is another rule's", "FROM a:1 AS b\nCOPY --from=b / /x", "DL3022 DL3023", "DL3023:2"),
    ("one name in two letter cases", "FROM a:1 AS b\nFROM c:1 AS B", "DL3024", "DL3024:2"),
    ("no registry is asked for", "FROM a.test/b:1", "DL3026", ""),
    ("the platform of the build", "FROM --platform=${BUILDPLATFORM} a:1", "DL3029", ""),
    ("a platform of one's own", "ARG P=linux/arm64\nFROM --platform=$P a:1", "DL3029", "DL3029:2"),
]


@pytest.mark.parametrize(
    ("text", "rules", "expected"), [row[1:] for row in CASES], ids=[f"{row[2]} {row[0]}" for row in CASES]
)
def test_finding(text: str, rules: str, expected: str) -> None:
    assert found(f"{text}\n", *rules.split()) == expected


NEAR = [
    ("a letter is missing", "FROM a:1 AS deps\nFROM b:1\nCOPY --from=dep / /x", "did you mean deps?"),
    ("nothing is near", "FROM a:1 AS deps\nFROM b:1\nCOPY --from=nginx / /x", "is no stage above this one"),
    ("a stage below", "FROM a:1\nCOPY --from=late / /x\nFROM c:1 AS late", "is no stage above this one"),
    (
        "one name is mistyped, another instruction's is not",
        "FROM a:1 AS deps\nFROM b:1\nCOPY --from=deps /y /y\nCOPY --from=depz / /x",
        "did you mean deps?",
    ),
]


@pytest.mark.parametrize(("text", "ending"), [row[1:] for row in NEAR], ids=[row[0] for row in NEAR])
def test_a_stage_with_a_near_name_is_proposed(text: str, ending: str) -> None:
    findings, _ = find(subject(f"{text}\n"), RULES, Selection(frozenset({"DL3022"})))
    assert [each.message.endswith(ending) for each in findings] == [True]


TRUST = [
    ("Docker Hub by its name", "FROM a:1", ("docker.io",), True),
    ("a pattern", "FROM eu.a.test/b:1", ("*.a.test",), True),
    ("a pattern is no suffix", "FROM eu.a.test/b:1", ("a.test",), False),
    ("a port", "FROM localhost:500/b:1", ("localhost:500",), True),
    ("COPY", "FROM a:1\nCOPY --from=b.test/c:1 /d /d", ("docker.io",), False),
    ("a mount", "FROM a:1\nRUN --mount=from=b.test/c:1,target=/d e", ("docker.io",), False),
    ("a stage", "FROM a:1 AS b\nFROM a:1\nCOPY --from=0 /d /d\nCOPY --from=b /d /d", ("docker.io",), True),
    ("a name that is not known", "ARG A\nFROM $A", ("docker.io",), True),
]


@pytest.mark.parametrize(
    ("text", "trusted", "good"), [row[1:] for row in TRUST], ids=[row[0] for row in TRUST]
)
def test_registry(text: str, trusted: tuple[str, ...], good: bool) -> None:
    settings = LintSettings(trusted_registries=trusted)
    assert (found(f"{text}\n", "DL3026", settings=settings) == "") is good
