"""Work without the garbage collector, where many values are made and no cycle among them.

The collector looks for cycles again and again while objects become more: parsing took half of its time for
that, and more than twice as long for a file of twice the size.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def uncollected(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, run without looking for cycles; what was on before is on again behind it."""

    @wraps(function)
    def without(*positional: P.args, **named: P.kwargs) -> R:
        collects = gc.isenabled()
        gc.disable()
        try:
            return function(*positional, **named)
        finally:
            if collects:
                gc.enable()

    return without
