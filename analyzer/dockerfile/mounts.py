"""`RUN --mount`: its comma separated keys, checked as BuildKit checks them.

Source: "RUN --mount" in the Dockerfile reference, all types and keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from analyzer.dockerfile.suggest import did_you_mean
from analyzer.values import frozen

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARING = ("shared", "private", "locked")
KEYS = (
    *(
        "type",
        "from",
        "source",
        "target",
        "readonly",
        "id",
        "sharing",
        "required",
        "size",
        "mode",
        "uid",
        "gid",
    ),
    *("src", "dst", "destination", "ro", "rw", "readwrite", "env"),
)
_TEXT_KEYS = {
    "source": "source",
    "src": "source",
    "target": "target",
    "dst": "target",
    "destination": "target",
    "from": "from_",
    "id": "id",
    "env": "env",
}
_OWNER_TYPES = frozenset({"secret", "ssh", "cache"})
BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)
_SIZE = re.compile(r"(\d+(?:\.\d+)*) ?([kKmMgGtTpP])?[iI]?[bB]?")
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


class MountError(Exception):
    """A mount that BuildKit refuses; the message is BuildKit's."""


@frozen
class Mount:
    """One `--mount`. Strings are empty and numbers None where the key is absent; sizes are in bytes.

    source and target are as written: BuildKit takes the root of `from` for an absent source, the name of the
    secret below /run/secrets for an absent target. `text` is the flag's whole value.
    """

    text: str
    type: str = "bind"
    from_: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = True
    id: str = ""
    sharing: str = ""
    required: bool = False
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str = ""


def parse_mount(text: str, expand: Callable[[str], str] | None = None) -> Mount:
    """Read the value of a mount flag. Raises MountError.

    Without `expand`, names are not replaced yet: values that hold a `$` stay as written and go unchecked.
    """
    mount = Mount(text)
    read_only: bool | None = None
    for field in _fields(text):
        key, equals, value = field.partition("=")
        key = key.lower()
        if not equals:
            if key in ("readonly", "ro", "readwrite", "rw"):
                read_only = key in ("readonly", "ro")
            elif key == "required":
                mount = _required(mount, key, True)
            else:
                raise MountError(f"invalid field '{field}' must be a key=value pair")
            continue
        if key == "from" and re.search(r"\$.", value):
            raise MountError("'from' doesn't support variable expansion, define alias stage instead")
        if expand is not None:
            value = expand(value)
        if key in ("readonly", "ro", "readwrite", "rw"):
            if expand is None and "$" in value:
                continue
            read_only = _bool(key, value) == (key in ("readonly", "ro"))
        else:
            mount = _set(mount, key, value, field, checked=expand is not None or "$" not in value)
    return _validated(mount, read_only)


def _set(mount: Mount, key: str, value: str, field: str, *, checked: bool) -> Mount:
    if key == "type":
        return replace(mount, type=_one_of(value, TYPES, "mount type") if checked else value)
    if key == "sharing":
        return replace(mount, sharing=_one_of(value, SHARING, "sharing value") if checked else value)
    if key in _TEXT_KEYS:
        changes: dict[str, Any] = {_TEXT_KEYS[key]: value}
        return replace(mount, **changes)
    if key == "required":
        return _required(mount, key, _bool(key, value)) if checked else mount
    if key == "size":
        if mount.type != "tmpfs" and checked:
            raise MountError(f"unexpected key '{key}' for mount type '{mount.type}'")
        return replace(mount, size=_size(key, value)) if checked else mount
    if key in ("mode", "uid", "gid"):
        if not checked:
            return mount
        changes = {key: _unsigned(key, value)}
        return replace(mount, **changes)
    raise MountError(did_you_mean(f"unexpected key '{key}' in '{field}'", key, KEYS))


def _required(mount: Mount, key: str, value: bool) -> Mount:
    if mount.type not in ("secret", "ssh") and "$" not in mount.type:
        raise MountError(f"unexpected key '{key}' for mount type '{mount.type}'")
    return replace(mount, required=value)


def _validated(mount: Mount, read_only: bool | None) -> Mount:
    kind = mount.type
    if read_only is None:
        read_only = kind not in ("cache", "tmpfs")
    mount = replace(mount, read_only=read_only)
    if "$" in kind:
        return mount
    if kind not in _OWNER_TYPES:
        for key in ("mode", "uid", "gid"):
            if getattr(mount, key) is not None:
                raise MountError(f'{key} not allowed for "{kind}" type mounts')
    if kind == "secret":
        if mount.from_:
            raise MountError("secret mount should not have a from")
        if mount.sharing:
            raise MountError("secret mount should not define sharing")
        if not (mount.source or mount.target or mount.id):
            raise MountError("invalid secret mount. one of source, target required")
        if mount.source and mount.id:
            raise MountError("both source and id can't be set")
    if mount.sharing and kind != "cache":
        raise MountError(f"invalid cache sharing set for {kind} mount")
    return mount


def _fields(text: str) -> list[str]:
    """One CSV record. Raises MountError where a quote stands in the middle of a field or is not closed."""
    if '"' not in text:
        if not text:
            raise MountError("failed to parse csv mounts: EOF")
        return text.split(",")
    fields, pos = [], 0
    while True:
        if text.startswith('"', pos):
            match = re.compile(r'"((?:[^"]|"")*)"(?=,|$)').match(text, pos)
            if match is None:
                raise MountError(
                    f'failed to parse csv mounts: extraneous or missing " in quoted-field: {text}'
                )
            fields.append(match[1].replace('""', '"'))
            end = match.end()
        else:
            end = text.find(",", pos)
            end = len(text) if end < 0 else end
            if '"' in text[pos:end]:
                raise MountError(f'failed to parse csv mounts: bare " in non-quoted field: {text}')
            fields.append(text[pos:end])
        if end >= len(text):
            return fields
        pos = end + 1


def _one_of(value: str, allowed: tuple[str, ...], what: str) -> str:
    if value.lower() not in allowed:
        raise MountError(did_you_mean(f'unsupported {what} "{value}"', value, allowed))
    return value.lower()


def _bool(key: str, value: str) -> bool:
    if value not in BOOLEANS:
        raise MountError(f"invalid value for {key}: {value}")
    return BOOLEANS[value]


def _unsigned(key: str, value: str) -> int:
    base = 8 if key == "mode" else 10
    digits = "[0-7]+" if key == "mode" else "[0-9]+"
    if not re.fullmatch(digits, value) or int(value, base) >= 1 << 32:
        raise MountError(f"invalid value {value} for {key}")
    return int(value, base)


def _size(key: str, value: str) -> int:
    match = _SIZE.fullmatch(value)
    if match is None or match[1].count(".") > 1:
        raise MountError(f"invalid value for {key}: {value}")
    return int(float(match[1]) * 1024 ** _UNITS[(match[2] or "").lower()])
