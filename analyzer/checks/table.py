"""The table of rules: what runs, what `--explain` prints and what docs/rules is made of."""

from __future__ import annotations

from analyzer.checks import (
    base_choice,
    buildkit_stage_body,
    buildkit_stages,
    buildkit_style,
    comments,
    configuration,
    context_use,
    copies,
    images,
    labels,
    layers,
    leftovers,
    packages_apk,
    packages_apt,
    packages_language,
    packages_rpm,
    reading,
    runtime,
    scratch_predictions,
    secrets,
    shell_use,
    structure,
)
from analyzer.checks.interface import Rule

RULES: tuple[Rule, ...] = (
    *reading.RULES,
    *buildkit_style.RULES,
    *buildkit_stages.RULES,
    *buildkit_stage_body.RULES,
    *packages_apt.RULES,
    *packages_apk.RULES,
    *packages_rpm.RULES,
    *packages_language.RULES,
    *images.RULES,
    *configuration.RULES,
    *copies.RULES,
    *shell_use.RULES,
    *labels.RULES,
    *structure.RULES,
    *comments.RULES,
    *leftovers.RULES,
    *layers.RULES,
    *base_choice.RULES,
    *secrets.RULES,
    *runtime.RULES,
    *context_use.RULES,
    *scratch_predictions.RULES,
)


def rule_named(name: str) -> Rule | None:
    """The rule of that name, whatever its letter case."""
    return next((rule for rule in RULES if rule.name.lower() == name.lower()), None)
