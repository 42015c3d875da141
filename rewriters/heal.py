"""Healing: what a verification run proves missing becomes evidence for the next round."""

from __future__ import annotations

from collections.abc import Collection

from analyzer.evidence import Evidence
from rewriters.verify import Verdict

MOST_ROUNDS = 5


def evidence_of(verdict: Verdict, number: int, healed: Collection[str]) -> list[Evidence]:
    """What the verdict of round `number` proves needed: look-ups that were missed, less the paths that were
    healed before and are missing all the same (a --drop takes them away again)."""
    return [
        Evidence(path, "healed", f"verification, round {number}", "the slim image looked it up in vain")
        for path in verdict.surprises
        if path not in healed
    ]
