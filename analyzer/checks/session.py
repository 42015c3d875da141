"""One run over many Dockerfiles: for each, the settings that hold there and what the rules find."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path

from analyzer import settings
from analyzer.checks import hadolint_config, shellcheck
from analyzer.checks.diagnostics import Diagnostic, unread
from analyzer.checks.discovery import STANDARD_INPUT, matches_any
from analyzer.checks.interface import Finding
from analyzer.checks.reading import UNREADABLE
from analyzer.checks.runner import check_bytes, find
from analyzer.checks.selection import Selection, select
from analyzer.checks.subject import Subject, Surroundings
from analyzer.checks.table import RULES
from analyzer.dockerfile.instructions import read
from analyzer.settings import LintSettings
from analyzer.values import frozen


@frozen
class Flags:
    """What the command line says; it goes before any file. None and empty: not given."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: tuple[tuple[str, str], ...] = ()
    fail_on: str | None = None
    target: str | None = None
    context: Path | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)


@frozen
class Checked:
    """One file after its check: its bytes, None where it cannot be opened, the findings, do they fail."""

    path: str
    data: bytes | None
    found: list[Diagnostic]
    failed: bool


class Session:
    """Checks files by the same flags."""

    def __init__(self, flags: Flags, *, fingerprints: bool = True) -> None:
        self.flags = flags
        self.fingerprints = fingerprints
        # A wrong name in the flags is told before any file is read.
        self.selection(self._laid_over(LintSettings(), LintSettings()))

    def check(self, name: str) -> Checked:
        """Check one file by its path, or standard input by `-`. Raises InputError for bad settings."""
        selection, _ = self.holds_for(name)
        try:
            data = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            found = [unread(name, UNREADABLE, selection.severity_of(UNREADABLE), reason)]
            return Checked(name, None, found, selection.fails(found[0].severity))
        return self.check_data(name, data)

    def check_data(self, name: str, data: bytes) -> Checked:
        """Check a text as if the file had it."""
        selection, around = self.holds_for(name)
        found = check_bytes(data, name, RULES, selection, around, fingerprints=self.fingerprints)
        return Checked(name, data, found, any(selection.fails(each.severity) for each in found))

    def finder(self, name: str) -> Callable[[bytes], list[Finding]]:
        """The findings of any text of a file, as fixing asks for them."""
        selection, around = self.holds_for(name)
        # It mends nothing, and to ask it before and after each fix would take most of the time.
        selection = replace(selection, shellcheck=None)

        def findings(data: bytes) -> list[Finding]:
            return find(Subject(read(data, name), around), RULES, selection)[0]

        return findings

    def holds_for(self, name: str) -> tuple[Selection, Surroundings]:
        """The rules and the surroundings of one file, from flags, settings and hadolint's file."""
        file = Path("Dockerfile") if name == STANDARD_INPUT else Path(name)
        own = settings.load(file)
        theirs = hadolint_config.load(file)
        lint = self._laid_over(own.lint, theirs.lint)
        context = self.flags.context or own.context or file.parent
        around = Surroundings(
            context=None if name == STANDARD_INPUT and self.flags.context is None else context,
            dockerfile=None if name == STANDARD_INPUT else file,
            target=self.flags.target or own.target,
            build_args={**own.build_args, **self.flags.build_args},
            lint=lint,
            hadolint_comments=theirs.comments,
        )
        return self.selection(lint), around

    def skips(self, path: Path) -> bool:
        """Do the settings leave this file out of a walk?"""
        own = settings.load(path)
        return own.source is not None and matches_any(path, own.source.parent, own.lint.exclude)

    def selection(self, lint: LintSettings) -> Selection:
        key = (lint.select, lint.ignore, tuple(sorted(lint.severity.items())), lint.fail_on)
        return _selection(*key)

    def _laid_over(self, own: LintSettings, theirs: LintSettings) -> LintSettings:
        flags = self.flags
        return replace(
            own,
            select=flags.select or own.select,
            ignore=(*flags.ignore, *own.ignore, *theirs.ignore),
            severity={**theirs.severity, **own.severity, **dict(flags.severity)},
            fail_on=flags.fail_on or own.fail_on or theirs.fail_on,
            trusted_registries=own.trusted_registries or theirs.trusted_registries,
            label_schema=own.label_schema or theirs.label_schema,
            strict_labels=own.strict_labels if own.strict_labels is not None else theirs.strict_labels,
        )


@lru_cache(maxsize=256)
def _selection(
    chosen: tuple[str, ...],
    left_out: tuple[str, ...],
    severity: tuple[tuple[str, str], ...],
    fail_on: str | None,
) -> Selection:
    return select(RULES, LintSettings(chosen, left_out, dict(severity), fail_on), shellcheck.program())
