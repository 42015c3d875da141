"""Findings as people and programs get them: with path, lines, columns, severity and a stable fingerprint."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from analyzer.checks.interface import Finding, Rule, Severity
from analyzer.dockerfile.nodes import Dockerfile, Instruction
from analyzer.dockerfile.source import Source, Span
from analyzer.values import frozen


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A stretch of text: lines and columns from 1, columns in characters, the end column exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@frozen
class TextEdit:
    """An edit by lines and columns, for those who have no byte offsets."""

    region: Region
    text: str


@frozen
class Diagnostic:
    """One finding in one file.

    region begins on the line on which hadolint and BuildKit report too, the first of the instruction, and
    ends with the fault; focus is the fault alone, and `source` the text of the line on which it begins.
    The fingerprint is empty where it was not asked for.
    """

    path: str
    rule: str
    severity: Severity
    message: str
    url: str
    region: Region
    focus: Region
    source: str
    fingerprint: str
    edits: tuple[TextEdit, ...] = ()
    fix: str = ""
    safe: bool = False

    @property
    def key(self) -> tuple[str, Region, str, str]:
        return self.path, self.region, self.rule, self.message


def instruction_at(dockerfile: Dockerfile, offset: int) -> Instruction | None:
    """The instruction that holds a byte of the source; None for a byte between instructions."""
    nodes = dockerfile.instructions
    index = bisect_right(nodes, offset, key=lambda node: node.span.start) - 1
    if index < 0:
        return None
    node = nodes[index]
    return node if offset < node.span.end or (index == len(nodes) - 1 and offset == node.span.end) else None


def diagnose(
    dockerfile: Dockerfile, finding: Finding, rule: Rule, severity: Severity, *, fingerprint: bool = True
) -> Diagnostic:
    """Give a finding its place in the text."""
    source = dockerfile.source
    focus = region_of(source, finding.span)
    node = instruction_at(dockerfile, finding.span.start)
    region = focus
    if node is not None and node.start_line < focus.line:
        start = source.position(node.joined.char(node.name.start))
        region = Region(start.line, start.column, focus.end_line, focus.end_column)
    edits: tuple[TextEdit, ...] = ()
    if finding.fix is not None:
        edits = tuple(TextEdit(region_of(source, edit.span), edit.text) for edit in finding.fix.edits)
    return Diagnostic(
        path=source.path,
        rule=rule.name,
        severity=severity,
        message=finding.message,
        url=rule.url,
        region=region,
        focus=focus,
        source=source.line(focus.line),
        fingerprint=_fingerprint(source, finding, node) if fingerprint else "",
        edits=edits,
        fix=finding.fix.title if finding.fix else "",
        safe=finding.fix.safe if finding.fix else False,
    )


def region_of(source: Source, span: Span) -> Region:
    """Bytes to lines and columns."""
    start = source.position(source.char_offset(span.start))
    end = source.position(source.char_offset(span.end))
    return Region(start.line, start.column, end.line, end.column)


def unread(
    path: str, rule: Rule, severity: Severity, message: str, line: int = 1, column: int = 1
) -> Diagnostic:
    """A finding on a file that could not be read as text."""
    region = Region(line, column, line, column)
    digest = _digest(f"{rule.name}\0{message}".encode())
    return Diagnostic(path, rule.name, severity, message, rule.url, region, region, "", digest)


def _fingerprint(source: Source, finding: Finding, node: Instruction | None) -> str:
    """The same for the same fault in the same instruction, wherever in the file that moves."""
    span = node.span if node is not None else finding.span
    text = source.data[span.start : span.end]
    offset = finding.span.start - span.start
    return _digest(b"\0".join((finding.rule.encode(), str(offset).encode(), text)))


def _digest(data: bytes) -> str:
    # hashlib loads OpenSSL, and most starts print text, which has no fingerprints.
    import hashlib

    return hashlib.sha256(data).hexdigest()[:32]
