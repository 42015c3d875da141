"""Frozen, slotted value classes that cost next to nothing to define.

`dataclasses.dataclass` compiles six methods for each class, half a millisecond on CPython 3.11. A lint run
loads a hundred such classes, and a hook starts for every commit: that alone was a quarter of its time
(docs/decisions/0006-value-classes.md). `frozen` gives what we use of them: fields with defaults and
factories, equality, hash, repr, `__match_args__`, pickling, and the functions of `dataclasses`. The methods
are shared by all classes; only `__init__` is compiled, when the first instance is made. What the start of a
lint run does not load stays a plain dataclass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field, fields, make_dataclass
from inspect import get_annotations
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make a class of annotated fields a frozen, slotted value class."""
    names = tuple(get_annotations(cls))
    namespace = {key: item for key, item in cls.__dict__.items() if key not in ("__dict__", "__weakref__")}
    defaults = {name: namespace.pop(name) for name in names if name in namespace}
    namespace |= {
        "__slots__": names,
        "__match_args__": names,
        "_fields": names,
        "_defaults": defaults,
        "_key": _key(names, defaults),
        **{name: method for name, method in _METHODS.items() if name not in namespace},
    }
    made: type[T] = type(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    return made


class _Fields:
    """`__dataclass_fields__`, made when it is first asked for: by `replace`, `fields` or `asdict`."""

    def __get__(self, _: object, kind: Any) -> dict[str, Field[Any]]:
        rows = [
            (name, annotation, _as_field(kind._defaults.get(name, MISSING)))
            for name, annotation in get_annotations(kind).items()
        ]
        found = {each.name: each for each in fields(make_dataclass(kind.__name__, rows))}
        kind.__dataclass_fields__ = found
        return found


def _as_field(item: Any) -> Any:
    return item if isinstance(item, Field) else field() if item is MISSING else field(default=item)


def _key(names: tuple[str, ...], defaults: dict[str, Any]) -> Callable[[Any], Any]:
    """What two equal instances have in common."""
    compared = [name for name in names if not isinstance(item := defaults.get(name), Field) or item.compare]
    return attrgetter(*compared) if compared else staticmethod(_nothing)


def _nothing(_: object) -> tuple[()]:
    return ()


def _first_init(self: Any, *values: Any, **named: Any) -> None:
    """Stands in until the first instance is made, and then makes the real `__init__`."""
    kind = type(self)
    kind.__init__ = _compiled(kind)
    kind.__init__(self, *values, **named)


def _compiled(kind: Any) -> Any:
    """`__init__` for the fields of a class."""
    scope: dict[str, Any] = {"_put": object.__setattr__, "_missing": MISSING}
    parameters, lines = [], []
    for name in kind._fields:
        item = kind._defaults.get(name, MISSING)
        default = item.default if isinstance(item, Field) else item
        if isinstance(item, Field) and item.default_factory is not MISSING:
            scope[f"_make_{name}"] = item.default_factory
            parameters.append(f"{name}=_missing")
            lines.append(f" if {name} is _missing: {name} = _make_{name}()")
        elif default is not MISSING:
            scope[f"_default_{name}"] = default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _put(self, {name!r}, {name})")
    exec(f"def __init__({', '.join(['self', *parameters])}):\n" + ("\n".join(lines) or " pass"), scope)
    init = scope["__init__"]
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    return init


def _eq(self: Any, other: Any) -> Any:
    return self._key(self) == self._key(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._key(self))


def _repr(self: Any) -> str:
    shown = (
        f"{name}={getattr(self, name)!r}"
        for name in self._fields
        if not isinstance(item := self._defaults.get(name), Field) or item.repr
    )
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _setattr(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _reduce(self: Any) -> tuple[Any, ...]:
    return type(self), tuple(getattr(self, name) for name in self._fields)


_METHODS: dict[str, Any] = {
    "__init__": _first_init,
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__reduce__": _reduce,
    "__dataclass_fields__": _Fields(),
}
