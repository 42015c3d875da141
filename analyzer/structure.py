"""Tests in the format of container-structure-test (schemaVersion 2.0.0), read and judged.

Commands are run by rounds.py; files and metadata are judged on the image's tree and configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry, Filesystem
from analyzer.image import ImageConfig

_VERSION = "2.0.0"
_SECTIONS = frozenset(
    {
        "schemaVersion",
        "commandTests",
        "fileExistenceTests",
        "fileContentTests",
        "metadataTest",
        "globalEnvVars",
    }
)
_KIND_LETTERS = {"dir": "d", "link": "L"}
# Go's FileMode.String, which these files are written after: set bits before the nine letters.
_SET_LETTERS = ((0o4000, "u"), (0o2000, "g"), (0o1000, "t"))
_EXECUTABLE_BY = {"owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}


@dataclass(frozen=True, slots=True)
class CommandTest:
    """A command in a container of its own, and what is wanted of its end. Patterns are sought anywhere."""

    name: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    exit_code: int = 0
    expected_output: tuple[str, ...] = ()
    excluded_output: tuple[str, ...] = ()
    expected_error: tuple[str, ...] = ()
    excluded_error: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StructureTests:
    commands: tuple[CommandTest, ...] = ()
    existence: tuple[dict[str, Any], ...] = ()
    contents: tuple[dict[str, Any], ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """Paths that have to be there."""
        return [
            str(test["path"]) for test in (*self.existence, *self.contents) if test.get("shouldExist", True)
        ]


def load(path: Path) -> StructureTests:
    """Read a file of tests. Raises ScratchifyError for what is none, or asks for what is not run here."""
    import yaml  # only this probe and OpenAPI need it

    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ScratchifyError(f"cannot read the structure tests {path}: {error}") from error
    if not isinstance(document, dict) or document.get("schemaVersion") != _VERSION:
        raise ScratchifyError(
            f"{path} is no file of structure tests", hint=f"it begins with schemaVersion: '{_VERSION}'"
        )
    unknown = sorted(document.keys() - _SECTIONS)
    if unknown:
        raise ScratchifyError(f"{path}: not run here: {', '.join(unknown)}")
    shared = _pairs(document.get("globalEnvVars"))
    metadata = document.get("metadataTest") or {}
    return StructureTests(
        tuple(_command(path, test, shared) for test in document.get("commandTests") or ()),
        tuple(document.get("fileExistenceTests") or ()),
        tuple(document.get("fileContentTests") or ()),
        metadata,
    )


def _command(path: Path, test: Mapping[str, Any], shared: Sequence[tuple[str, str]]) -> CommandTest:
    name = str(test.get("name", test.get("command")))
    if test.get("setup") or test.get("teardown"):
        raise ScratchifyError(f"{path}: {name}: setup and teardown are not run here")
    return CommandTest(
        name,
        (str(test["command"]), *(str(word) for word in test.get("args") or ())),
        (*shared, *_pairs(test.get("envVars"))),
        int(test.get("exitCode") or 0),
        *(
            tuple(str(pattern) for pattern in test.get(key) or ())
            for key in ("expectedOutput", "excludedOutput", "expectedError", "excludedError")
        ),
    )


def _pairs(variables: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(each["key"]), str(each.get("value", ""))) for each in variables or ())


def judge_command(test: CommandTest, code: int, stdout: str, stderr: str) -> list[str]:
    """What a command's end lacks, in words."""
    wrong = [] if code == test.exit_code else [f"{test.name}: exit code {code}, not {test.exit_code}"]
    for what, text, wanted, unwanted in (
        ("output", stdout, test.expected_output, test.excluded_output),
        ("error output", stderr, test.expected_error, test.excluded_error),
    ):
        wrong += [f"{test.name}: {what} has no {each!r}" for each in wanted if not _found(each, text)]
        wrong += [f"{test.name}: {what} has {each!r}" for each in unwanted if _found(each, text)]
    return wrong


def judge_image(tests: StructureTests, fs: Filesystem, config: ImageConfig) -> list[str]:
    """What an image's files and configuration lack, in words."""
    wrong: list[str] = []
    for test in tests.existence:
        wrong += _judge_file(str(test.get("name", test["path"])), test, fs)
    for test in tests.contents:
        wrong += _judge_contents(str(test.get("name", test["path"])), test, fs)
    return wrong + _judge_metadata(tests.metadata, config)


def _judge_file(name: str, test: Mapping[str, Any], fs: Filesystem) -> list[str]:
    resolution = fs.resolve(str(test["path"]), follow=False)
    entry = None if resolution.missing else fs.get(resolution.path)
    if entry is None or not test.get("shouldExist", True):
        return (
            []
            if (entry is not None) == test.get("shouldExist", True)
            else [f"{name}: {test['path']} is {'there' if entry else 'not there'}"]
        )
    wrong = []
    if test.get("permissions") and permissions(entry) != test["permissions"]:
        wrong.append(f"{name}: {permissions(entry)}, not {test['permissions']}")
    for key, value in (("uid", entry.uid), ("gid", entry.gid)):
        if test.get(key, -1) not in (-1, value):
            wrong.append(f"{name}: {key} {value}, not {test[key]}")
    by = test.get("isExecutableBy")
    if by and not entry.mode & _EXECUTABLE_BY.get(str(by), 0):
        wrong.append(f"{name}: not executable by {by}")
    return wrong


def permissions(entry: Entry) -> str:
    """A mode as Go writes it: "-rwxr-xr-x", "drwxr-xr-x", "urwxr-xr-x"."""
    letters = "".join(
        letter if entry.mode >> (8 - place) & 1 else "-" for place, letter in enumerate("rwxrwxrwx")
    )
    head = _KIND_LETTERS.get(entry.kind, "")
    head += "".join(letter for bit, letter in _SET_LETTERS if entry.mode & bit)
    return (head or "-") + letters


def _judge_contents(name: str, test: Mapping[str, Any], fs: Filesystem) -> list[str]:
    data = fs.read(str(test["path"]))
    if data is None:
        return [f"{name}: there is no file {test['path']}"]
    text = data.decode("utf-8", "replace")
    wanted, unwanted = test.get("expectedContents") or (), test.get("excludedContents") or ()
    return [f"{name}: {test['path']} has no {each!r}" for each in wanted if not _found(str(each), text)] + [
        f"{name}: {test['path']} has {each!r}" for each in unwanted if _found(str(each), text)
    ]


def _judge_metadata(test: Mapping[str, Any], config: ImageConfig) -> list[str]:
    wrong = [
        *_judge_pairs("variable", test.get("envVars") or test.get("env") or (), dict(config.env)),
        *_judge_pairs("label", test.get("labels") or (), dict(config.labels)),
    ]
    exposed = {port.removesuffix("/tcp") for port in config.exposed}
    sets: tuple[tuple[str, set[str], bool], ...] = (
        ("exposedPorts", exposed, True),
        ("unexposedPorts", exposed, False),
        ("volumes", set(config.volumes), True),
        ("unmountedVolumes", set(config.volumes), False),
    )
    for key, present, should in sets:
        wrong += [
            f"{key}: {each}"
            for each in test.get(key) or ()
            if (str(each).removesuffix("/tcp") in present) != should
        ]
    values: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("entrypoint", lambda: list(config.entrypoint or ())),
        ("cmd", lambda: list(config.cmd or ())),
        ("workdir", lambda: config.workdir),
        ("user", lambda: config.user),
    )
    wrong += [
        f"{key}: {get()!r}, not {test[key]!r}" for key, get in values if key in test and get() != test[key]
    ]
    return wrong


def _judge_pairs(what: str, tests: Sequence[Mapping[str, Any]], present: Mapping[str, str]) -> list[str]:
    wrong = []
    for test in tests:
        key, wanted = str(test["key"]), str(test.get("value", ""))
        value = present.get(key)
        same = value is not None and (_found(wanted, value) if test.get("isRegex") else value == wanted)
        if not same:
            wrong.append(f"{what} {key}: {value!r}, not {wanted!r}")
    return wrong


def _found(pattern: str, text: str) -> bool:
    """Patterns are RE2; what Python's syntax does not read is sought as it stands."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return pattern in text
