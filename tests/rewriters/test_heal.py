"""A missed look-up heals once; what is missing all the same is no reason for another round."""

from __future__ import annotations

import pytest

from rewriters.heal import evidence_of
from rewriters.verify import Verdict


@pytest.mark.parametrize(
    ("verdict", "healed", "paths"),
    [
        (Verdict(surprises=("/a", "/b")), set(), ["/a", "/b"]),
        (Verdict(surprises=("/a", "/b")), {"/a"}, ["/b"]),
        (Verdict(surprises=("/a",)), {"/a"}, []),
        (Verdict(unlisted=("/data",)), set(), []),
    ],
    ids=[
        "missed",
        "one of them healed before",
        "dropped again",
        "a listing that lost an entry proves no path",
    ],
)
def test_what_a_verdict_proves_needed(verdict: Verdict, healed: set[str], paths: list[str]) -> None:
    assert [evidence.path for evidence in evidence_of(verdict, 1, healed)] == paths
