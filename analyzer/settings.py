"""Settings from a file: `scratchify.toml`, or `[tool.scratchify]` in pyproject.toml.

The file nearest upwards from the Dockerfile counts. What stands in it holds for every Dockerfile below its
folder; a table `[dockerfile."PATH"]`, its path relative to that folder, holds for that one and replaces
key by key. Flags go before both: who reads flags takes a setting only where its flag was not given.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analyzer.errors import InputError, Problem
from analyzer.values import frozen

COVERAGES = ("traced", "balanced", "safe")
ENGINES = ("auto", "docker", "podman", "buildah")
SEVERITIES = ("error", "warning", "info", "style")

_EMPTY: Mapping[str, str] = MappingProxyType({})


@frozen
class LintSettings:
    """What `scratchify lint` reports: rules by name, by prefix (`DL30`), or by a group's name."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    # Findings of this severity or a graver one make the exit code 1; None: info. `never` is one, too.
    fail_on: str | None = None
    # Patterns of paths, relative to the settings file, that a walk leaves out.
    exclude: tuple[str, ...] = ()
    # Registries that images may come from; empty: any.
    trusted_registries: tuple[str, ...] = ()
    # Label name to its kind (text, url, semver, rfc3339, spdx, hash, email, rawText), as hadolint has it.
    label_schema: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    strict_labels: bool | None = None


@frozen
class Settings:
    """The settings that hold for one Dockerfile. None and empty say: not set."""

    # The file that they come from.
    source: Path | None = None
    context: Path | None = None
    target: str | None = None
    output: Path | None = None
    tag: str | None = None
    probes: tuple[str, ...] = ()
    probe_files: tuple[Path, ...] = ()
    recordings: tuple[Path, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    coverage: str | None = None
    keep: tuple[str, ...] = ()
    keep_packages: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    engine: str | None = None
    platform: str | None = None
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    build_opts: tuple[str, ...] = ()
    run_opts: tuple[str, ...] = ()
    # Seconds that a probe may wait for what it needs.
    timeout: float | None = None
    lint: LintSettings = field(default_factory=LintSettings)


def load(dockerfile: Path) -> Settings:
    """The settings for this Dockerfile; the empty ones where no file has any.

    Raises InputError with every fault in the file that holds them.
    """
    here = dockerfile.absolute()
    source = find(here.parent)
    if source is None:
        return Settings()
    general, tables = _read(source)
    own = tables.get(_lexical(here))
    return general if own is None else _overlaid(general, own)


@lru_cache(maxsize=4096)
def find(folder: Path) -> Path | None:
    """The nearest settings file, from this folder upwards. `scratchify.toml` goes before pyproject.toml."""
    for name in ("scratchify.toml", "pyproject.toml"):
        path = folder / name
        if path.is_file() and (name == "scratchify.toml" or _names_us(path)):
            return path
    return None if folder.parent == folder else find(folder.parent)


def _names_us(pyproject: Path) -> bool:
    text = pyproject.read_bytes()
    return b"scratchify" in text and "scratchify" in _toml(pyproject).get("tool", {})


def _toml(path: Path) -> dict[str, Any]:
    # Most runs have no settings file, and this module is on the way of every start.
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(str(path), 1, 1, f"cannot be read: {error}")]) from error
    except tomllib.TOMLDecodeError as error:
        # tomllib says either "(at line 2, column 7)" or "(at end of document)".
        lines = text.splitlines() or [""]
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (len(lines), len(lines[-1]) + 1)
        message = re.sub(r" \(at .*\)$", "", str(error))
        shown = lines[line - 1] if line <= len(lines) else ""
        raise InputError([Problem(str(path), line, column, f"not valid TOML: {message}", shown)]) from error


@lru_cache(maxsize=256)
def _read(source: Path) -> tuple[Settings, dict[str, dict[str, Any]]]:
    """The general settings of a file, and the values of each Dockerfile's table by its absolute path."""
    document = _toml(source)
    if source.name == "pyproject.toml":
        document = document["tool"]["scratchify"]
    reader = _Reader(source)
    tables = document.pop("dockerfile", {})
    general = reader.table(document, _KEYS, "")
    own: dict[str, dict[str, Any]] = {}
    if not isinstance(tables, dict):
        reader.fault("dockerfile", 'must hold one table for each Dockerfile: [dockerfile."PATH"]')
        tables = {}
    for name, table in tables.items():
        path = _lexical(source.parent / name)
        if not isinstance(table, dict):
            reader.fault(name, f'must be a table: [dockerfile."{name}"]')
            continue
        own[path] = reader.table(table, _KEYS, name)
    if reader.problems:
        raise InputError(reader.problems)
    return _overlaid(Settings(source=source), general), own


def _overlaid(base: Settings, values: dict[str, Any]) -> Settings:
    values = dict(values)
    lint = values.pop("lint", None)
    if lint is not None:
        values["lint"] = replace(base.lint, **lint)
    return replace(base, **values)


def _lexical(path: Path) -> str:
    """An absolute path without `.` and `..`, links untouched."""
    return os.path.normpath(path)


class _Reader:
    """Converts the tables of one file key by key, and collects every fault with its line."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.folder = source.parent
        self.problems: list[Problem] = []
        self._lines = source.read_text(encoding="utf-8").splitlines()

    def table(self, table: dict[str, Any], known: Mapping[str, _Convert], name: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in table.items():
            convert = known.get(key)
            if convert is None:
                self.fault(key, _unknown(key, known), within=name)
                continue
            try:
                values[key.replace("-", "_")] = convert(self, value)
            except ValueError as error:
                self.fault(key, f"`{key}` {error}", within=name)
        return values

    def fault(self, key: str, message: str, *, within: str = "") -> None:
        line = self._line(key, within)
        shown = self._lines[line - 1] if self._lines else ""
        column = max(shown.find(key), 0) + 1
        self.problems.append(Problem(str(self.source), line, column, message, shown))

    def _line(self, key: str, within: str) -> int:
        """Where a key stands: tomllib keeps no places, so it is looked for behind its table's head."""
        start = 0
        if within:
            heads = (
                n for n, line in enumerate(self._lines) if line.lstrip().startswith("[") and within in line
            )
            start = next(heads, 0)
        pattern = re.compile(rf"(^|[\s.{{,\[\"']){re.escape(key)}[\"']?\s*([=.\]])")
        for number, line in enumerate(self._lines[start:], start + 1):
            if pattern.search(line):
                return number
        return start + 1


def _unknown(key: str, known: Mapping[str, object]) -> str:
    import difflib

    near = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
    return f"unknown key `{key}`" + (f"; did you mean `{near[0]}`?" if near else "")


_Convert = Callable[[_Reader, Any], Any]


def _text(_: _Reader, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _texts(_: _Reader, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of strings")
    return tuple(value)


def _mapping(_: _Reader, value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("must be a table of strings")
    return MappingProxyType(dict(value))


def _switch(_: _Reader, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _seconds(_: _Reader, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError("must be a number of seconds above 0")
    return float(value)


def _path(reader: _Reader, value: Any) -> Path:
    return reader.folder / _text(reader, value)


def _paths(reader: _Reader, value: Any) -> tuple[Path, ...]:
    return tuple(reader.folder / item for item in _texts(reader, value))


def _one_of(choices: tuple[str, ...]) -> _Convert:
    def convert(_: _Reader, value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return str(value)

    return convert


def _severities(reader: _Reader, value: Any) -> Mapping[str, str]:
    table = _mapping(reader, value)
    wrong = sorted(name for name, severity in table.items() if severity not in SEVERITIES)
    if wrong:
        raise ValueError(f"must give {wrong[0]} one of {', '.join(SEVERITIES)}")
    return table


def _lint(reader: _Reader, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return reader.table(value, _LINT_KEYS, "lint")


_LINT_KEYS: Mapping[str, _Convert] = {
    "select": _texts,
    "ignore": _texts,
    "severity": _severities,
    "fail-on": _one_of((*SEVERITIES, "never")),
    "exclude": _texts,
    "trusted-registries": _texts,
    "label-schema": _mapping,
    "strict-labels": _switch,
}

_KEYS: Mapping[str, _Convert] = {
    "context": _path,
    "target": _text,
    "output": _path,
    "tag": _text,
    "probes": _texts,
    "probe-files": _paths,
    "recordings": _paths,
    "build-args": _mapping,
    "coverage": _one_of(COVERAGES),
    "keep": _texts,
    "keep-packages": _texts,
    "drop": _texts,
    "engine": _one_of(ENGINES),
    "platform": _text,
    "secrets": _texts,
    "ssh": _texts,
    "build-opts": _texts,
    "run-opts": _texts,
    "timeout": _seconds,
    "lint": _lint,
}
