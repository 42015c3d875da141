"""The names that hold at one point of a stage: cheap to take at every instruction."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

MAX_DEPTH = 64


class History:
    """Every value that the names of one stage take, in order; `at` gives the state so far."""

    __slots__ = ("_parent", "_settings", "_values", "depth")

    def __init__(self, parent: Mapping[str, str] | None = None) -> None:
        # A long chain of stages is cut off by a copy, so that a lookup stays short.
        self.depth = 1 + parent.depth if isinstance(parent, Environment) else 0
        if self.depth > MAX_DEPTH:
            parent, self.depth = parent.flat() if isinstance(parent, Environment) else parent, 0
        self._parent: Mapping[str, str] = parent if parent is not None else {}
        self._values: dict[str, tuple[list[int], list[str]]] = {}
        self._settings = 0

    def set(self, name: str, value: str) -> None:
        times, values = self._values.setdefault(name, ([], []))
        times.append(self._settings)
        values.append(value)
        self._settings += 1

    def now(self) -> Environment:
        return Environment(self, self._settings)

    def value(self, name: str, before: int) -> str | None:
        """The value that was last set before a moment, else the parent's."""
        found = self._values.get(name)
        if found is not None:
            index = bisect_left(found[0], before)
            if index:
                return found[1][index - 1]
        return self._parent.get(name)

    def update(self, names: dict[str, str], before: int) -> None:
        """Put the values of one moment, without the parent's, into `names`."""
        for name, (times, values) in self._values.items():
            index = bisect_left(times, before)
            if index:
                names[name] = values[index - 1]

    @property
    def parent(self) -> Mapping[str, str]:
        return self._parent

    def names(self, before: int) -> Iterator[str]:
        yield from self._parent
        for name, (times, _) in self._values.items():
            if times[0] < before and name not in self._parent:
                yield name


class Environment(Mapping[str, str]):
    """The names and values at one moment; never changes."""

    __slots__ = ("_history", "_moment")

    def __init__(self, history: History, moment: int) -> None:
        self._history = history
        self._moment = moment

    @property
    def depth(self) -> int:
        return self._history.depth

    def flat(self) -> dict[str, str]:
        """The same names and values in a plain dictionary."""
        chain: list[Environment] = [self]
        parent = self._history.parent
        while isinstance(parent, Environment):
            chain.append(parent)
            parent = parent._history.parent
        names = dict(parent)
        for each in reversed(chain):
            each._history.update(names, each._moment)
        return names

    def __getitem__(self, name: str) -> str:
        value = self._history.value(name, self._moment)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        value = self._history.value(name, self._moment)
        return default if value is None else value

    def __iter__(self) -> Iterator[str]:
        return self._history.names(self._moment)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Environment({dict(self)!r})"
