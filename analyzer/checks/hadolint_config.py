"""hadolint's configuration file, read as settings of ours, so that a user of hadolint can switch.

Source: hadolint's README, "Configure". Looked for where hadolint looks, in the working directory and the
user's folders, and before that from the Dockerfile's folder upwards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import Any

from analyzer.errors import InputError, Problem
from analyzer.settings import SEVERITIES, LintSettings
from analyzer.values import frozen

NAMES = (".hadolint.yaml", ".hadolint.yml")


@frozen
class HadolintConfig:
    """What a file says. comments: are `# hadolint ignore=` comments obeyed?"""

    lint: LintSettings = field(default_factory=LintSettings)
    comments: bool = True


def load(dockerfile: Path) -> HadolintConfig:
    """The configuration that holds for a Dockerfile; the empty one where there is no file.

    Raises InputError for a file that hadolint would refuse.
    """
    home, config = os.environ.get("HOME", ""), os.environ.get("XDG_CONFIG_HOME", "")
    path = _above(dockerfile.absolute().parent) or _elsewhere(Path.cwd(), home, config)
    return HadolintConfig() if path is None else _read(path)


@lru_cache(maxsize=4096)
def _above(folder: Path) -> Path | None:
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    return _above(folder.parent) if folder.parent != folder else None


@lru_cache(maxsize=8)
def _elsewhere(here: Path, home: str, config: str) -> Path | None:
    """The file of the working directory, else of the user."""
    places = [here / name for name in NAMES]
    config = config or (f"{home}/.config" if home else "")
    if config:
        places += [Path(config) / name for name in ("hadolint.yaml", "hadolint.yml")]
    if home:
        own = ("hadolint.yaml", "hadolint.yml", "config.yaml", "config.yml")
        places += [Path(home) / ".hadolint" / name for name in own]
        places += [Path(home) / name for name in NAMES]
    return next((path for path in places if path.is_file()), None)


@lru_cache(maxsize=256)
def _read(path: Path) -> HadolintConfig:
    # Only who comes from hadolint has such a file, and YAML is slow to import.
    import yaml

    try:
        document = yaml.safe_load(path.read_bytes()) or {}
    except (OSError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InputError([Problem(str(path), line, column, f"cannot be read: {error}")]) from error
    if not isinstance(document, dict):
        raise InputError([Problem(str(path), 1, 1, "must hold a mapping")])
    return _Reader(path, document).read()


class _Reader:
    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self.path = path
        self.document = document

    def read(self) -> HadolintConfig:
        severity: dict[str, str] = {}
        override = self._get("override", dict, {})
        for level in SEVERITIES:
            severity.update(dict.fromkeys(_texts(self.path, f"override.{level}", override.get(level)), level))
        registries = [*self._list("trustedRegistries"), *self._list("trusted-registries")]
        schema = self._get("label-schema", dict, {})
        return HadolintConfig(
            LintSettings(
                ignore=tuple(self._list("ignored")),
                severity=severity,
                fail_on=self._fail_on(),
                trusted_registries=tuple(registries),
                label_schema={str(key): str(value) for key, value in schema.items()},
                strict_labels=self._get("strict-labels", bool, None),
            ),
            comments=not self._get("disable-ignore-pragma", bool, False),
        )

    def _fail_on(self) -> str | None:
        if self._get("no-fail", bool, False):
            return "never"
        threshold = self._get("failure-threshold", str, None)
        known = {"none": "never", "ignore": "style", **{each: each for each in SEVERITIES}}
        if threshold is not None and threshold not in known:
            raise self._fault(f"`failure-threshold` must be one of {', '.join(known)}")
        return known[threshold] if threshold else None

    def _list(self, key: str) -> list[str]:
        return _texts(self.path, key, self.document.get(key))

    def _get(self, key: str, kind: type, default: Any) -> Any:
        value = self.document.get(key)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise self._fault(f"`{key}` must be a {kind.__name__}")
        return value

    def _fault(self, message: str) -> InputError:
        return InputError([Problem(str(self.path), 1, 1, message)])


def _texts(path: Path, key: str, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError([Problem(str(path), 1, 1, f"`{key}` must be a list")])
    return [str(item) for item in value]
