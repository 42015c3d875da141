"""The flags that each instruction takes, and BuildKit's checks of them.

Source: the Dockerfile reference, frontend 1.20.
"""

from __future__ import annotations

from enum import Enum

from analyzer.dockerfile.nodes import Flag, Instruction
from analyzer.dockerfile.suggest import did_you_mean


class Kind(Enum):
    """BOOL may stand without a value, TEXT needs one, LIST needs one and may be repeated."""

    BOOL = "bool"
    TEXT = "text"
    LIST = "list"


FLAGS: dict[str, dict[str, Kind]] = {
    "FROM": {"platform": Kind.TEXT},
    "RUN": {"mount": Kind.LIST, "network": Kind.TEXT, "security": Kind.TEXT, "device": Kind.LIST},
    "COPY": {
        "from": Kind.TEXT,
        "chown": Kind.TEXT,
        "chmod": Kind.TEXT,
        "link": Kind.BOOL,
        "parents": Kind.BOOL,
        "exclude": Kind.LIST,
    },
    "ADD": {
        "chown": Kind.TEXT,
        "chmod": Kind.TEXT,
        "link": Kind.BOOL,
        "keep-git-dir": Kind.BOOL,
        "checksum": Kind.TEXT,
        "unpack": Kind.BOOL,
        "exclude": Kind.LIST,
    },
    "HEALTHCHECK": {
        "interval": Kind.TEXT,
        "timeout": Kind.TEXT,
        "start-period": Kind.TEXT,
        "start-interval": Kind.TEXT,
        "retries": Kind.TEXT,
    },
}
UNCHECKED = frozenset({"ARG", "STOPSIGNAL"})
"""Instructions whose flags BuildKit drops without a look."""


class InstructionError(Exception):
    """An instruction that BuildKit refuses; `offset` is where in the joined text."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


def check_flags(node: Instruction) -> None:
    """Refuse unknown, repeated and badly valued flags. Raises InstructionError."""
    known = FLAGS.get(node.keyword, {})
    seen: set[str] = set()
    for flag in node.flags:
        kind = known.get(flag.name)
        if kind is None:
            hint = f"{node.keyword} takes {_listed(known)}"
            raise InstructionError(
                did_you_mean(f"unknown flag: --{flag.name}", flag.name, known), flag.start, hint
            )
        if flag.name in seen and kind is not Kind.LIST:
            raise InstructionError(f"duplicate flag specified: --{flag.name}", flag.start)
        seen.add(flag.name)
        _check_value(flag, kind)


def _check_value(flag: Flag, kind: Kind) -> None:
    if kind is not Kind.BOOL:
        if flag.value is None:
            raise InstructionError(f"missing a value on flag: --{flag.name}", flag.start)
        return
    if flag.value == "":
        raise InstructionError(f"missing a value on flag: --{flag.name}", flag.start)
    if flag.value is not None and flag.value.lower() not in ("true", "false"):
        message = f"expecting boolean value for flag --{flag.name}, not: {flag.value}"
        raise InstructionError(message, flag.start)


def _listed(names: dict[str, Kind]) -> str:
    return ", ".join(f"--{name}" for name in names) if names else "no flags"


def flag_text(node: Instruction, name: str) -> str | None:
    """The value of a TEXT flag, None where it is absent."""
    flag = node.flag(name)
    return flag.value if flag else None


def flag_list(node: Instruction, name: str) -> tuple[str, ...]:
    """The values of a LIST flag in order."""
    return tuple(flag.value or "" for flag in node.flags if flag.name == name)


def flag_bool(node: Instruction, name: str) -> bool | None:
    """The value of a BOOL flag, None where it is absent."""
    flag = node.flag(name)
    return None if flag is None else flag.value is None or flag.value.lower() == "true"
