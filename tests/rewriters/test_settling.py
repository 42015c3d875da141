"""What a person is told when the slim image does not hold."""

from __future__ import annotations

import pytest

from analyzer.filesystem import Filesystem
from rewriters.settling import refusal, uncopied
from rewriters.verify import Verdict
from tests.imagefs import Node, Special, image_tree

TREE: dict[str, Node] = {
    "/app/ctl": Special("fifo"),
    "/app/sock": Special("socket"),
    "/app/data": b"1",
}


@pytest.mark.parametrize(
    ("missed", "said"),
    [
        ((), ""),
        (("/app/data",), ""),
        (("/app/gone",), ""),
        (
            ("/app/ctl", "/app/data"),
            "/app/ctl is a named pipe, which no build copies: let the app or its entrypoint make it",
        ),
        (
            ("/app/sock",),
            "/app/sock is a socket, which no build copies: let the app or its entrypoint make it",
        ),
    ],
    ids=["nothing missed", "a file", "what is nowhere", "a named pipe beside a file", "a socket"],
)
def test_a_miss_that_no_keep_list_mends_says_so(missed: tuple[str, ...], said: str) -> None:
    fs: Filesystem = image_tree(TREE)
    assert uncopied(fs, missed) == said


@pytest.mark.parametrize(
    ("rounds", "said"),
    [(0, "original; nothing"), (1, "original after 1 round of"), (2, "original after 2 rounds of")],
)
def test_rounds_are_counted_in_words(rounds: int, said: str) -> None:
    assert said in refusal(Verdict(subset=("/x: another mode",)), rounds).message
