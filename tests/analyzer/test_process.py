"""Programs run: their output by lines, as people can read it."""

from __future__ import annotations

import sys

import pytest

from analyzer.process import LONGEST_LINE, shortened, stream


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("short", "short"),
        ("x" * 20, "x" * 20),
        ("begin" + "x" * 30 + "ends", "beginxxxxxxx … xends"),
    ],
)
def test_a_long_line_keeps_its_ends(line: str, shown: str) -> None:
    assert shortened(line, 20) == shown


def test_streamed_lines_come_one_by_one_and_the_last_are_kept() -> None:
    seen: list[str] = []
    program = f"print('a'); print('b' * {LONGEST_LINE * 2}); import sys; sys.exit(3)"
    code, last = stream([sys.executable, "-c", program], seen.append, keep=1)
    assert code == 3
    assert seen[0] == "a"
    assert len(seen[1]) == LONGEST_LINE
    assert last == seen[1:]
