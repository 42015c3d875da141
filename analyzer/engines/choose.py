"""Which engine: the one that is asked for, or the first that answers."""

from __future__ import annotations

from collections.abc import Callable

from analyzer.engines.docker import find_docker
from analyzer.engines.interface import Engine
from analyzer.errors import ScratchifyError

# In the order in which `auto` tries them.
ENGINES: dict[str, Callable[[], Engine]] = {
    "docker": find_docker,
}


def choose_engine(name: str = "auto") -> Engine:
    """The engine of that name; with `auto` the first that answers. Raises ScratchifyError when none does."""
    if name != "auto":
        finder = ENGINES.get(name)
        if finder is None:
            raise ScratchifyError(f"no engine is called {name}", hint=f"engines: auto, {', '.join(ENGINES)}")
        return finder()
    refusals: list[ScratchifyError] = []
    for finder in ENGINES.values():
        try:
            return finder()
        except ScratchifyError as error:
            refusals.append(error)
    raise refusals[0]
