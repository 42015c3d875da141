"""Healing: what a verification run proves missing becomes evidence for the next round."""

from __future__ import annotations

from analyzer.evidence import Evidence
from rewriters.verify import Verdict

MOST_ROUNDS = 5


def evidence_of(verdict: Verdict, number: int) -> list[Evidence]:
    """What the verdict of round `number` proves needed: missed look-ups, and listings that lost entries."""
    source = f"verification, round {number}"
    missed = [
        Evidence(path, "healed", source, "the slim image looked it up in vain") for path in verdict.surprises
    ]
    return missed + [
        Evidence(path, "healed", source, "the run listed it, and entries were missing", tree=False)
        for path in verdict.unlisted
    ]
