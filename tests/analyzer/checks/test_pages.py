"""docs/rules is what the table of rules says."""

from __future__ import annotations

import pytest

from scripts.rule_pages import BY_HAND, FOLDER, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_no_page_of_a_rule_that_is_gone() -> None:
    known = {*pages(), *BY_HAND}
    assert {path.name for path in FOLDER.glob("*.md")} <= known
