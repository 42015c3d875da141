"""What tests of rules share: run some rules over a text, apply what they would mend."""

from __future__ import annotations

from pathlib import Path

from analyzer.checks.interface import Edit
from analyzer.checks.runner import find
from analyzer.checks.selection import Selection
from analyzer.checks.subject import Subject, Surroundings
from analyzer.checks.table import RULES
from analyzer.dockerfile.instructions import read
from analyzer.settings import LintSettings

EVERYTHING = frozenset(rule.name for rule in RULES)


def subject(text: str, context: Path | None = None, settings: LintSettings | None = None) -> Subject:
    around = Surroundings(
        context=context,
        dockerfile=context / "Dockerfile" if context else None,
        lint=settings or LintSettings(),
    )
    return Subject(read(text.encode()), around)


def found(text: str, *names: str, context: Path | None = None, settings: LintSettings | None = None) -> str:
    """What the named rules find, as `RULE:line` words by line; the line is that on which the fault stands."""
    checked = subject(text, context, settings)
    findings, _ = find(checked, RULES, Selection(frozenset(names) or EVERYTHING))
    source = checked.dockerfile.source
    rows = [(source.line_number(source.char_offset(each.span.start)), each.rule) for each in findings]
    return " ".join(f"{rule}:{line}" for line, rule in sorted(rows))


def mended(text: str, name: str, *, unsafe: bool = False, context: Path | None = None) -> str:
    """The text with the fixes of one rule applied, as often as it has some."""
    for _ in range(5):
        findings, _ = find(subject(text, context), RULES, Selection(frozenset({name})))
        edits = [
            edit
            for each in findings
            if each.fix is not None and (unsafe or each.fix.safe)
            for edit in each.fix.edits
        ]
        if not edits:
            return text
        data = text.encode()
        for edit in sorted(edits, key=_start, reverse=True):
            data = data[: edit.span.start] + edit.text.encode() + data[edit.span.end :]
        text = data.decode()
    raise AssertionError(f"{name} does not come to an end")


def _start(edit: Edit) -> int:
    return edit.span.start
