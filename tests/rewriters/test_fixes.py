"""Fixes: what they change, what they leave, which are taken back; writing whole files."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.checks.interface import Edit, Finding, Fix
from analyzer.checks.runner import find
from analyzer.checks.selection import Selection
from analyzer.checks.subject import Subject, Surroundings
from analyzer.checks.table import RULES
from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.source import Span
from analyzer.errors import ScratchifyError
from rewriters.fixes import apply_fixes, write_whole

EVERYTHING = Selection(frozenset(rule.name for rule in RULES))


def _finder(*names: str, around: Surroundings | None = None) -> Callable[[bytes], list[Finding]]:
    """What these rules find in a text; all rules without a name."""
    chosen = Selection(frozenset(names)) if names else EVERYTHING
    return lambda data: find(Subject(read(data), around), RULES, chosen)[0]


CASES = [
    ("AS goes with FROM", "FromAsCasing", "FROM a as b\n", "FROM a AS b\n"),
    (
        "the majority's case, and AS with its FROM",
        "ConsistentInstructionCasing",
        "from a AS b\nrun true\ncopy x y\nRUN x\n",
        "from a AS b\nrun true\ncopy x y\nrun x\n",
    ),
    (
        "an odd FROM brings its AS along",
        "ConsistentInstructionCasing",
        "from a as b\nRUN true\nRUN x\n",
        "FROM a AS b\nRUN true\nRUN x\n",
    ),
    ("indentation and blanks stay", "FromAsCasing", "  FROM   a\tas   b  \n", "  FROM   a\tAS   b  \n"),
    ("line ends stay", "FromAsCasing", "FROM a as b\r\nRUN true\r\n", "FROM a AS b\r\nRUN true\r\n"),
    ("no line end at the end", "FromAsCasing", "FROM a as b", "FROM a AS b"),
    ("a byte order mark stays", "FromAsCasing", "\ufeffFROM a as b\n", "\ufeffFROM a AS b\n"),
    (
        "an empty continuation line goes, its comment stays",
        "NoEmptyContinuation",
        "FROM a\nRUN b \\\n\n  # why\n\n  && c\n",
        "FROM a\nRUN b \\\n  # why\n  && c\n",
    ),
    ("ENV of one word", "LegacyKeyValueFormat", "FROM a\nENV  X   y\n", "FROM a\nENV  X=y\n"),
    ("ENV of several words", "LegacyKeyValueFormat", "FROM a\nENV X y $z\n", 'FROM a\nENV X="y $z"\n'),
    ("ENV of one quoted word", "LegacyKeyValueFormat", 'FROM a\nENV X "y z"\n', 'FROM a\nENV X="y z"\n'),
    (
        "ENV over lines",
        "LegacyKeyValueFormat",
        "FROM a\nENV X \\\n  y \\\n  z\n",
        'FROM a\nENV X="y \\\n  z"\n',
    ),
    (
        "ENV with quotes among blanks is left",
        "LegacyKeyValueFormat",
        'FROM a\nENV X w "y z"\n',
        None,
    ),
    ("LABEL", "LegacyKeyValueFormat", "FROM a\nLABEL v 1 2\n", 'FROM a\nLABEL v="1 2"\n'),
    (
        "a stage name",
        "StageNameCasing",
        "FROM a AS B\nCOPY --from=B x y\n",
        "FROM a AS b\nCOPY --from=B x y\n",
    ),
    (
        "a redundant platform",
        "RedundantTargetPlatform",
        "FROM --platform=$TARGETPLATFORM \\\n  a AS b\n",
        "FROM a AS b\n",
    ),
    (
        "an address in EXPOSE",
        "ExposeInvalidFormat",
        "FROM a\nEXPOSE 1.2.3.4:80:90/udp 5\n",
        "FROM a\nEXPOSE 90/udp 5\n",
    ),
    (
        "a protocol in EXPOSE",
        "ExposeProtoCasing",
        "FROM a\nEXPOSE 80/TCP 53/Udp\n",
        "FROM a\nEXPOSE 80/tcp 53/udp\n",
    ),
    (
        "CMD without effect",
        "MultipleInstructionsDisallowed",
        'FROM a\nCMD ["x"]\nENTRYPOINT ["y"]\nCMD ["z"]\n',
        'FROM a\nENTRYPOINT ["y"]\nCMD ["z"]\n',
    ),
    (
        "an empty line above what the comment does not describe",
        "InvalidDefinitionDescription",
        "# other\nFROM a AS b\n",
        "# other\n\nFROM a AS b\n",
    ),
    (
        "a hidden finding is not mended",
        "FromAsCasing",
        "# scratchify ignore=FromAsCasing: no\nFROM a as b\n",
        None,
    ),
    (
        "a word in a heredoc is data",
        "ConsistentInstructionCasing",
        "FROM a\nRUN <<EOF\nrun x\nEOF\nRUN y\n",
        None,
    ),
]


@pytest.mark.parametrize(("case", "rule", "before", "after"), CASES, ids=[row[0] for row in CASES])
def test_safe_fix(case: str, rule: str, before: str, after: str | None) -> None:
    fixed = apply_fixes(before.encode(), _finder(rule))
    assert fixed.data.decode() == (before if after is None else after)
    assert fixed.dropped == ()
    assert apply_fixes(fixed.data, _finder(rule)).data == fixed.data


UNSAFE = [
    (
        "MAINTAINER",
        "MaintainerDeprecated",
        "FROM a\nMAINTAINER x y\n",
        'LABEL org.opencontainers.image.authors="x y"',
    ),
    ("plain CMD", "JSONArgsRecommended", "FROM a\nCMD sleep   infinity\n", 'CMD ["sleep", "infinity"]'),
    (
        "quoted words",
        "JSONArgsRecommended",
        "FROM a\nENTRYPOINT x 'a b' \"c\"\n",
        'ENTRYPOINT ["x", "a b", "c"]',
    ),
    ("a name that the shell expands", "JSONArgsRecommended", "FROM a\nCMD x $Y\n", None),
    ("a list", "JSONArgsRecommended", "FROM a\nCMD x && y\n", None),
    ("a pattern", "JSONArgsRecommended", "FROM a\nCMD ls *.py\n", None),
    ("what only a shell has", "JSONArgsRecommended", "FROM a\nCMD exec x\n", None),
    ("an array in single quotes", "JSONArgsRecommended", "FROM a\nCMD ['x', 'y']\n", None),
    ("CMD as arguments of an ENTRYPOINT", "JSONArgsRecommended", 'FROM a\nENTRYPOINT ["e"]\nCMD x y\n', None),
    ("a short name is near to all", "UndefinedVar", "FROM alpine\nENV A=1\nENV B=$P\n", None),
    ("a mistyped name", "UndefinedVar", "FROM alpine\nENV PATH=$PAHT:/x\n", "ENV PATH=$PATH:/x"),
]


@pytest.mark.parametrize(("case", "rule", "before", "line"), UNSAFE, ids=[row[0] for row in UNSAFE])
def test_unsafe_fix_waits_to_be_asked_for(case: str, rule: str, before: str, line: str | None) -> None:
    data = before.encode()
    assert apply_fixes(data, _finder(rule)).data == data
    fixed = apply_fixes(data, _finder(rule), unsafe=True).data.decode()
    assert fixed == before if line is None else line in fixed.splitlines()


def _word_finding(word: bytes, text: str, *, safe: bool = True) -> Callable[[bytes], list[Finding]]:
    """A rule that finds a word wherever it stands and would put another text there."""

    def findings(data: bytes) -> list[Finding]:
        at = data.find(word)
        if at < 0:
            return []
        span = Span(at, at + len(word))
        return [Finding("Word", "a word", span, Fix((Edit(span, text),), "write another", safe=safe))]

    return findings


DROPPED = [
    ("swallows the next instruction", b"true", "true \\", "FROM a\nRUN true\nRUN x\n"),
    ("opens a heredoc that nothing closes", b"true", "<<EOF", "FROM a\nRUN true\nRUN x\n"),
    ("is no instruction any more", b"RUN", "RUNN", "FROM a\nRUN true\n"),
    ("does not take its finding away", b"true", "true false", "FROM a\nRUN true\n"),
    ("changes the image's configuration", b"x=1", "x=2", "FROM a\nENV x=1\n"),
    ("changes a configuration by way of a name", b"b=1", "b=2", "FROM a\nARG b=1\nENV c=$b\n"),
]


@pytest.mark.parametrize(("case", "word", "text", "before"), DROPPED, ids=[row[0] for row in DROPPED])
def test_fix_that_changes_more_is_dropped(case: str, word: bytes, text: str, before: str) -> None:
    fixed = apply_fixes(before.encode(), _word_finding(word, text))
    assert fixed.data == before.encode()
    assert [finding.rule for finding in fixed.dropped] == ["Word"]


def test_one_bad_fix_does_not_hold_up_the_others() -> None:
    good = _finder("FromAsCasing")
    bad = _word_finding(b"true", "true \\")
    fixed = apply_fixes(b"FROM a as b\nRUN true\nRUN x\n", lambda data: [*good(data), *bad(data)])
    assert fixed.data == b"FROM a AS b\nRUN true\nRUN x\n"
    assert [finding.rule for finding in fixed.mended] == ["FromAsCasing"]


def test_overlapping_fixes_go_one_pass_after_the_other() -> None:
    """The keyword's fix takes AS along, and the fix of AS alone waits and is not needed any more."""
    fixed = apply_fixes(b"from a AS b\nRUN x\nRUN y\n", _finder())
    assert fixed.data == b"FROM a AS b\nRUN x\nRUN y\n"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        pytest.param(rule.name, example.text, id=f"{rule.name} {number}")
        for rule in RULES
        if rule.fix != "none"
        for number, example in enumerate(rule.bad, 1)
    ],
)
def test_fixing_an_example_removes_its_finding_and_adds_none(rule: str, text: str) -> None:
    everything = _finder()

    def this_rule_alone(data: bytes) -> list[Finding]:
        return [each if each.rule == rule else replace(each, fix=None) for each in everything(data)]

    before = Counter(each.rule for each in everything(text.encode()))
    fixed = apply_fixes(text.encode(), this_rule_alone, unsafe=True)
    after = Counter(each.rule for each in everything(fixed.data))
    assert after[rule] == before[rule] - len(fixed.mended)
    assert after - before == Counter()


def test_a_message_that_quotes_what_another_fix_changed_is_no_new_finding() -> None:
    mends = _word_finding(b"old", "new")

    def quotes(data: bytes) -> list[Finding]:
        return [Finding("Quoting", f"it says {data.decode()!r}", Span(0, 4))]

    fixed = apply_fixes(b"FROM scratch\nCOPY old /\n", lambda data: [*mends(data), *quotes(data)])
    assert fixed.data == b"FROM scratch\nCOPY new /\n"


LINES = st.lists(
    st.sampled_from(
        [
            "FROM a as B",
            "from a AS b",
            "RUN true",
            "run x \\\n\n  && y",
            "ENV a b c",
            "LABEL x y",
            "EXPOSE 1:2 3/TCP",
            "CMD x",
            'CMD ["x"]',
            "HEALTHCHECK NONE",
            "# a comment",
            "",
            "RUN <<EOF\nENV a b\nEOF",
            "COPY --from=B x y",
            "MAINTAINER m",
            "WORKDIR w",
        ]
    ),
    max_size=9,
)


@settings(max_examples=60, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_fixing_twice_changes_nothing_and_adds_no_finding(lines: list[str], end: str, unsafe: bool) -> None:
    data = ("\n".join(["FROM scratch", *lines]) + "\n").replace("\n", end).encode()
    everything = _finder()
    once = apply_fixes(data, everything, unsafe=unsafe)
    assert apply_fixes(once.data, everything, unsafe=unsafe).data == once.data
    left = [each for each in everything(once.data) if each.fix and (each.fix.safe or unsafe)]
    assert {each.rule for each in left} <= {each.rule for each in once.dropped}
    assert len(everything(once.data)) <= len(everything(data))


def test_writing_keeps_mode_and_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real", tmp_path / "Dockerfile"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Dockerfile", "real"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_writing_keeps_the_owner(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("old")
    os.chown(file, 12345, 54321)
    write_whole(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 54321)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ScratchifyError, match="No space left on device"):
        write_whole(file, b"new")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["Dockerfile"]
