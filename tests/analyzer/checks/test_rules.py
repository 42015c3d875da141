"""Every rule's own examples: the bad ones are found, on their lines, the good ones are not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from analyzer.checks.interface import Example, Rule
from analyzer.checks.runner import check_bytes
from analyzer.checks.selection import Selection, group_of
from analyzer.checks.subject import Surroundings
from analyzer.checks.table import RULES, rule_named

EVERYTHING = Selection(frozenset(rule.name for rule in RULES))
# The ids, a rule's name and a number, are what the report below the test run counts by.
BAD = [pytest.param(r, e, id=f"{r.name} {number}") for r in RULES for number, e in enumerate(r.bad, 1)]
GOOD = [pytest.param(r, e, id=f"{r.name} {number}") for r in RULES for number, e in enumerate(r.good, 1)]


def _lines(rule: Rule, example: Example, folder: Path) -> list[int]:
    """The lines at which a rule finds something in an example, all rules running."""
    for name, text in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, target in example.links.items():
        (folder / name).symlink_to(target)
    around = Surroundings(context=folder, dockerfile=folder / "Dockerfile", lint=example.settings)
    found = check_bytes(example.text.encode(), str(folder / "Dockerfile"), RULES, EVERYTHING, around)
    return [each.region.line for each in found if each.rule == rule.name]


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_example_is_found(rule: Rule, example: Example, tmp_path: Path) -> None:
    lines = _lines(rule, example, tmp_path)
    assert lines
    assert not example.lines or tuple(lines) == example.lines


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_good_example_is_not(rule: Rule, example: Example, tmp_path: Path) -> None:
    assert _lines(rule, example, tmp_path) == []


def test_names_are_unique_and_found() -> None:
    assert [name for name, count in Counter(rule.name for rule in RULES).items() if count > 1] == []
    assert all(rule_named(rule.name.lower()) is rule for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_rule_is_complete(rule: Rule) -> None:
    assert rule.bad and rule.good
    assert all(text.strip() for text in (rule.summary, rule.why, rule.remedy))
    assert rule.url.startswith("https://")
    assert rule.summary.endswith((".", "?")) and rule.why.endswith(".")


def test_all_of_buildkits_checks_are_here() -> None:
    names = (
        "StageNameCasing FromAsCasing NoEmptyContinuation ConsistentInstructionCasing DuplicateStageName "
        "ReservedStageName JSONArgsRecommended MaintainerDeprecated UndefinedArgInFrom UndefinedVar "
        "WorkdirRelativePath MultipleInstructionsDisallowed LegacyKeyValueFormat RedundantTargetPlatform "
        "SecretsUsedInArgOrEnv InvalidDefaultArgInFrom FromPlatformFlagConstDisallowed CopyIgnoredFile "
        "InvalidDefinitionDescription ExposeProtoCasing ExposeInvalidFormat"
    )
    ours = {rule.name for rule in RULES if group_of(rule.name) == "buildkit"}
    assert ours == set(names.split())
