"""Which rules run and how much their findings weigh.

Words that choose: a rule's name, the start of codes (`DL30`), or `all`, `default`, `buildkit`, `hadolint`,
`slim`, `shellcheck`. A rule that is switched off runs when its own name or `all` chooses it. Without a
choice, `default` runs: every rule that is switched on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import cast

from analyzer.checks.interface import SEVERITIES, Rule, Severity
from analyzer.errors import ScratchifyError
from analyzer.settings import LintSettings
from analyzer.values import frozen

# Codes of hadolint and ShellCheck that we may not have: harmless in a list of what to leave out.
_FOREIGN = re.compile(r"DL[0-9]{4}|SC[0-9]{0,4}|shellcheck")
_CODE = re.compile(r"SC[0-9]{0,4}")
_FOR_SHELLCHECK = re.compile(r"SC[0-9]{0,4}|shellcheck")


@frozen
class Selection:
    """The rules that run, the severities that were changed, and from which severity on the answer is no.

    shellcheck is the program to ask about RUN's text, None where it is not installed or not chosen. Of its
    codes those run that begin like one of `codes` and like none of `codes_left_out`.
    """

    enabled: frozenset[str]
    severity: Mapping[str, Severity] = field(default_factory=dict)
    fail_on: str = "info"
    shellcheck: Path | None = None
    codes: tuple[str, ...] = ("SC",)
    codes_left_out: tuple[str, ...] = ()

    def takes_code(self, code: str) -> bool:
        """Does a code of ShellCheck run?"""
        return code.startswith(self.codes) and not code.startswith(self.codes_left_out)

    def severity_of(self, rule: Rule) -> Severity:
        return self.severity.get(rule.name, rule.severity)

    def fails(self, severity: Severity) -> bool:
        """Does a finding of this severity make the exit code 1?"""
        if self.fail_on == "never":
            return False
        return SEVERITIES.index(severity) <= SEVERITIES.index(cast("Severity", self.fail_on))


def select(rules: Sequence[Rule], settings: LintSettings, shellcheck: Path | None = None) -> Selection:
    """Choose by settings, flags already laid over them. Raises ScratchifyError for a name no rule has."""
    words = settings.select or ("default",)
    codes = _codes(words, "SC" if {"default", "all", "shellcheck"} & set(words) else None)
    ours = (word for word in words if shellcheck is None or not _FOR_SHELLCHECK.fullmatch(word))
    chosen = _chosen(rules, ours, known_only=True)
    left_out = _chosen(rules, settings.ignore, known_only=False)
    for name in settings.severity:
        _chosen(rules, (name,), known_only=False)
    return Selection(
        enabled=frozenset(chosen - left_out),
        severity={name: cast("Severity", value) for name, value in settings.severity.items()},
        fail_on=settings.fail_on or "info",
        shellcheck=shellcheck if codes else None,
        codes=codes,
        codes_left_out=_codes(settings.ignore, "SC" if "shellcheck" in settings.ignore else None),
    )


def _codes(words: Iterable[str], every: str | None) -> tuple[str, ...]:
    """The words that begin a code of ShellCheck; `every` where all of them are meant."""
    return (every,) if every else tuple(word for word in words if _CODE.fullmatch(word))


def group_of(rule: str) -> str:
    """Whose name a rule bears: buildkit, hadolint, shellcheck or slim."""
    if re.fullmatch(r"DL\d{4}", rule):
        return "hadolint"
    if re.fullmatch(r"SC\d{4}", rule):
        return "shellcheck"
    return "slim" if rule.startswith("SLIM") else "buildkit"


def _chosen(rules: Sequence[Rule], words: Iterable[str], *, known_only: bool) -> set[str]:
    found: set[str] = set()
    for word in words:
        matched = _matched(rules, word, every=not known_only)
        if not matched and (known_only or not _FOREIGN.fullmatch(word)):
            raise unknown_rule(rules, word)
        found |= matched
    return found


def _matched(rules: Sequence[Rule], word: str, *, every: bool) -> set[str]:
    """The rules that a word means; of a group or a prefix those that are switched on, unless `every`."""
    if word == "all":
        return {rule.name for rule in rules}
    exact = {rule.name for rule in rules if rule.name == word}
    if exact:
        return exact
    if word == "default":
        group = list(rules)
    elif word in ("buildkit", "hadolint", "slim", "shellcheck"):
        group = [rule for rule in rules if group_of(rule.name) == word]
    else:
        # Codes have prefixes that mean something; BuildKit's names do not.
        codes = [rule for rule in rules if group_of(rule.name) != "buildkit"]
        group = [rule for rule in codes if word and rule.name.startswith(word)]
    on = {rule.name for rule in group if rule.default}
    return {rule.name for rule in group} if every or not on else on


def unknown_rule(rules: Sequence[Rule], word: str) -> ScratchifyError:
    """The error for a name that no rule has, with the nearest that one has."""
    import difflib

    names = {rule.name.lower(): rule.name for rule in rules}
    near = difflib.get_close_matches(word.lower(), names, n=1)
    if _FOR_SHELLCHECK.fullmatch(word):
        return ScratchifyError(
            f"no rule is named {word!r}: ShellCheck is not installed",
            hint="pip install 'scratchify[shellcheck]'",
        )
    hint = f"did you mean {names[near[0]]}?" if near else "docs/rules lists them all"
    return ScratchifyError(f"no rule is named {word!r}", hint=hint)
