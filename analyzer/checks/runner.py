"""Runs the rules over a file: what they find, without what is hidden, sorted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.checks import shellcheck
from analyzer.checks.diagnostics import Diagnostic, diagnose, instruction_at, unread
from analyzer.checks.interface import Finding, Rule
from analyzer.checks.reading import NO_REASON, REFUSED, UNREADABLE, UNUSED_IGNORE
from analyzer.checks.selection import Selection, group_of
from analyzer.checks.subject import Subject, Surroundings
from analyzer.checks.suppression import (
    CheckDirective,
    DirectiveError,
    Ignores,
    check_comments,
    check_directive,
    ignores,
)
from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.nodes import Directive, Dockerfile
from analyzer.dockerfile.source import Span
from analyzer.errors import InputError


def check_bytes(
    data: bytes,
    path: str,
    rules: Sequence[Rule],
    selection: Selection,
    around: Surroundings | None = None,
    *,
    fingerprints: bool = True,
) -> list[Diagnostic]:
    """Check the text of one Dockerfile. What is no text gives one finding that says so."""
    try:
        subject = Subject(read(data, path), around)
    except InputError as error:
        return [
            unread(path, UNREADABLE, selection.severity_of(UNREADABLE), each.message, each.line, each.column)
            for each in error.problems
        ]
    return check_subject(subject, rules, selection, fingerprints=fingerprints)


def check_subject(
    subject: Subject, rules: Sequence[Rule], selection: Selection, *, fingerprints: bool = True
) -> list[Diagnostic]:
    """Check a file that was read, and return what is not hidden by order of place, rule and message."""
    dockerfile = subject.dockerfile
    rows = {rule.name: rule for rule in rules}
    found: list[Diagnostic] = []
    findings, directive = find(subject, rules, selection)
    for finding in findings:
        rule = rows.get(finding.rule) or shellcheck.row(finding.rule)
        severity = selection.severity.get(rule.name) or finding.severity or rule.severity
        if directive.error and group_of(rule.name) == "buildkit":
            severity = "error"
        found.append(diagnose(dockerfile, finding, rule, severity, fingerprint=fingerprints))
    found.sort(key=lambda each: each.key)
    return found


def find(
    subject: Subject, rules: Sequence[Rule], selection: Selection
) -> tuple[list[Finding], CheckDirective]:
    """What the chosen rules find and no comment hides, and the file's own words for BuildKit."""
    dockerfile = subject.dockerfile
    problems = [_at(dockerfile, each.line, each.column, each.message) for each in subject.problems]
    directive = CheckDirective()
    try:
        directive = check_directive(dockerfile)
    except DirectiveError as error:
        problems.append(Finding(REFUSED.name, str(error), _directive_span(dockerfile)))
    hidden = ignores(dockerfile, hadolint=subject.around.hadolint_comments)
    findings: list[Finding] = []
    enabled = {rule.name for rule in rules if _runs(rule, selection, directive)}
    for rule in rules:
        if rule.name in enabled:
            findings += _run(rule, subject)
    if REFUSED.name in enabled:
        findings += problems
    if selection.shellcheck is not None:
        said = shellcheck.findings(subject, selection.shellcheck)
        findings += [each for each in said if selection.takes_code(each.rule)]
    skips = check_comments(dockerfile)
    kept = [
        each
        for each in _distinct(findings)
        if not (skips and _skipped(each.rule, skips.get(_line(dockerfile, each))))
        and not hidden.hides(each.rule, _line(dockerfile, each))
    ]
    kept += _about_ignores(hidden, enabled)
    return kept, directive


def _run(rule: Rule, subject: Subject) -> list[Finding]:
    try:
        return list(rule.check(subject))
    except Exception as error:
        error.add_note(f"while {rule.name} checked {subject.dockerfile.path}")
        raise


def _runs(rule: Rule, selection: Selection, directive: CheckDirective) -> bool:
    """Does a rule run in a file with this directive? Experimental checks of BuildKit wait to be asked for."""
    if rule.name in directive.skip:
        return False
    if group_of(rule.name) == "buildkit":
        if not rule.default:
            asked = directive.experimental_all or rule.name in directive.experimental
            return asked or rule.name in selection.enabled
        if directive.skip_all:
            return False
    return rule.name in selection.enabled


def _skipped(rule: str, directive: CheckDirective | None) -> bool:
    """Does the comment above its instruction skip this check of BuildKit's?"""
    if directive is None or group_of(rule) != "buildkit":
        return False
    return directive.skip_all or rule in directive.skip


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    seen: set[tuple[str, Span, str]] = set()
    kept = []
    for each in findings:
        key = (each.rule, each.span, each.message)
        if key not in seen:
            seen.add(key)
            kept.append(each)
    return kept


def _line(dockerfile: Dockerfile, finding: Finding) -> int:
    """The line that a comment hides: the first of the instruction, or that of the finding between two."""
    node = instruction_at(dockerfile, finding.span.start)
    if node is not None:
        return node.start_line
    source = dockerfile.source
    return source.line_number(source.char_offset(finding.span.start))


def _at(dockerfile: Dockerfile, line: int, column: int, message: str) -> Finding:
    """A fault of the syntax as a finding: from its place to the end of the word there."""
    source = dockerfile.source
    start = source.line_starts[min(line, len(source.line_starts)) - 1] + column - 1
    if line == 1 and source.text.startswith("\ufeff"):
        start += 1
    end = start
    while end < len(source.text) and not source.text[end].isspace():
        end += 1
    return Finding(
        REFUSED.name, message, source.span(min(start, len(source.text)), min(end, len(source.text)))
    )


def _directive_span(dockerfile: Dockerfile) -> Span:
    found = (item for item in dockerfile.items if isinstance(item, Directive) and item.name == "check")
    return next(found).value_span


def _about_ignores(hidden: Ignores, enabled: set[str]) -> list[Finding]:
    """Ignores that hide nothing, for rules that ran, and those of ours that do not say why."""
    findings = []
    for entry in hidden.entries:
        if UNUSED_IGNORE.name in enabled and entry.rule in enabled and entry not in hidden.used:
            message = f"the ignore of {entry.rule} hides nothing"
            findings.append(Finding(UNUSED_IGNORE.name, message, entry.span))
        if NO_REASON.name in enabled and entry.ours and not entry.reason:
            message = f"the ignore of {entry.rule} gives no reason"
            findings.append(Finding(NO_REASON.name, message, entry.span))
    return findings
