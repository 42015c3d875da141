"""Work without the garbage collector: it comes back, whatever happens."""

from __future__ import annotations

import gc

import pytest

from analyzer.garbage import uncollected


@uncollected
def collects(*, fail: bool = False) -> bool:
    if fail:
        raise ValueError("in between")
    return gc.isenabled()


def test_the_collector_is_off_inside_and_on_again_behind() -> None:
    assert gc.isenabled()
    assert not collects()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="in between"):
        collects(fail=True)
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        assert not collects()
        assert not gc.isenabled()
    finally:
        gc.enable()
