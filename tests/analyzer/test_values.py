"""Value classes behave as frozen, slotted dataclasses do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from analyzer.values import frozen


@frozen
class Point:
    """Two fields, one with a default."""

    x: int
    y: int = 0

    @property
    def sum(self) -> int:
        return self.x + self.y


@frozen
class Bag:
    """Defaults that are made, hidden or not compared."""

    items: list[int] = field(default_factory=list)
    note: str = field(default="", repr=False)
    cache: dict[str, int] = field(default_factory=dict, compare=False)


@frozen
class Empty:
    """No field at all."""


@dataclass(frozen=True, slots=True)
class Model:
    """What Point would be as a dataclass."""

    x: int
    y: int = 0


CASES: list[tuple[str, Any, Any]] = [
    ("positional", lambda kind: (kind(1, 2).x, kind(1, 2).y), (1, 2)),
    ("by name", lambda kind: kind(y=2, x=1) == kind(1, 2), True),
    ("default", lambda kind: kind(1).y, 0),
    ("unequal", lambda kind: kind(1) == kind(2), False),
    ("of another kind", lambda kind: kind(1) == (1, 0), False),
    ("hash goes with equality", lambda kind: len({kind(1), kind(1, 0), kind(2)}), 2),
    ("match", lambda kind: kind.__match_args__, ("x", "y")),
    ("slots", lambda kind: hasattr(kind(1), "__dict__"), False),
    ("pickle", lambda kind: pickle.loads(pickle.dumps(kind(1, 5))) == kind(1, 5), True),
    ("copy", lambda kind: copy.deepcopy(kind(1, 5)) == kind(1, 5), True),
    ("repr", lambda kind: repr(kind(1, 5)).partition("(")[2], "x=1, y=5)"),
]


@pytest.mark.parametrize("kind", [Point, Model])
@pytest.mark.parametrize(("case", "ask", "answer"), CASES, ids=[row[0] for row in CASES])
def test_as_a_dataclass(kind: type, case: str, ask: Any, answer: Any) -> None:
    assert ask(kind) == answer


@pytest.mark.parametrize("kind", [Point, Model])
@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
def test_wrong_arguments(kind: Any, arguments: tuple[int, ...]) -> None:
    kind(1)
    with pytest.raises(TypeError, match=r"__init__\(\)"):
        kind(*arguments)


@pytest.mark.parametrize("kind", [Point, Model])
def test_frozen(kind: Any) -> None:
    one = kind(1)
    with pytest.raises(FrozenInstanceError):
        one.x = 2
    with pytest.raises(FrozenInstanceError):
        del one.x
    assert one.x == 1


def test_made_defaults_are_not_shared() -> None:
    assert Bag().items is not Bag().items
    assert Bag([1]) != Bag([2])
    assert Bag(cache={"a": 1}) == Bag(cache={"b": 2})
    assert repr(Bag(note="secret", cache={})) == "Bag(items=[], cache={})"


def test_what_cannot_be_hashed() -> None:
    with pytest.raises(TypeError):
        hash(Bag())


def test_without_fields() -> None:
    assert Empty() == Empty()
    assert repr(Empty()) == "Empty()"


def test_methods_stay() -> None:
    assert Point(1, 2).sum == 3
    assert Point.__doc__ == "Two fields, one with a default."


def test_the_functions_of_dataclasses() -> None:
    assert replace(Point(1, 2), y=5) == Point(1, 5)
    assert replace(Bag([1], note="n"), items=[]) == Bag(note="n")
    assert [each.name for each in fields(Bag)] == ["items", "note", "cache"]
    assert asdict(Bag([1])) == {"items": [1], "note": "", "cache": {}}
    assert is_dataclass(Point)
    with pytest.raises(TypeError):
        replace(Point(1), z=1)  # type: ignore[call-arg]
