"""What a check is and what it finds: rules, findings and the edits that mend them.

A rule names a fault, says why it matters and what to do, and holds its check: a function from a Subject (one
Dockerfile with all that is known of it) to findings. To add one, write the function beside its `Rule` in the
module of its theme, and put the rule into that module's RULES; `table` joins the modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from analyzer.dockerfile.source import Span
from analyzer.settings import LintSettings
from analyzer.values import frozen

if TYPE_CHECKING:
    from analyzer.checks.subject import Subject

Severity = Literal["error", "warning", "info", "style"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info", "style")
"""Gravest first."""

_NO_FILES: Mapping[str, str] = MappingProxyType({})


@frozen
class Edit:
    """Put `text` in place of the source bytes of `span`; an empty span inserts."""

    span: Span
    text: str


@frozen
class Fix:
    """Edits that together take a finding away, and what they do, in the imperative.

    safe: the build's result stays what it was, but for the finding itself. Only such a fix is applied
    unasked.
    """

    edits: tuple[Edit, ...]
    title: str
    safe: bool = True


@frozen
class Finding:
    """One fault in one file. `span` holds the source bytes at fault, as few as name it.

    severity: where one finding weighs other than its rule does.
    """

    rule: str
    message: str
    span: Span
    fix: Fix | None = None
    severity: Severity | None = None


Check = Callable[["Subject"], Iterable[Finding]]


@frozen
class Example:
    """A Dockerfile that a rule's page shows and a test runs, with other files of its context by name, and
    links with what they lead to.

    lines: the lines at which the rule has a finding; empty for a bad example: at least one, anywhere.
    """

    text: str
    files: Mapping[str, str] = field(default_factory=lambda: _NO_FILES)
    lines: tuple[int, ...] = ()
    note: str = ""
    settings: LintSettings = field(default_factory=LintSettings)
    links: Mapping[str, str] = field(default_factory=lambda: _NO_FILES)


@frozen
class Rule:
    """One row of the table of rules. The texts are one or two sentences each, without the rule's name."""

    name: str
    severity: Severity
    summary: str  # what is wrong
    why: str  # why it matters
    remedy: str  # what to do
    url: str
    check: Check
    bad: tuple[Example, ...]
    good: tuple[Example, ...]
    # A rule that came with a minor version is switched on by the next major one; until then by name only.
    default: bool = True
    # What kind of fix its findings may carry.
    fix: Literal["none", "safe", "unsafe", "sometimes"] = "none"


def nothing(_: Subject) -> tuple[Finding, ...]:
    """The check of a rule whose findings the runner makes itself."""
    return ()
