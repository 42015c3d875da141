"""What package managers are told to do: installs with names, versions and flags, and their other actions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzer.shell.calls import Call, calls
from analyzer.shell.managers import BY_PROGRAM, MASK, Manager
from analyzer.shell.model import Command, Script, Word
from analyzer.values import frozen


@frozen
class Package:
    """One thing to install. `version` is what was asked for, with its operator ("=1.2", "==1.0", "@^3"), ""
    for none. Parts known only at run time stand as they are written (`$VERSION`)."""

    name: str
    version: str
    word: Word

    @property
    def dynamic(self) -> bool:
        """Whether the name itself is known only at run time."""
        return "$" in self.name or "`" in self.name


@frozen
class ManagerCall:
    """One call of a package manager.

    `manager` is its canonical name (pip for pip3 and `python -m pip`), `program` the name as called,
    `action` the canonical action: install, remove, update (the package lists), upgrade, clean, or the
    subcommand as written. `flags` are option words with no value of their own or with `=`; `options` pairs
    those that took the word after them. `files` are local packages, requirement files, URLs.
    """

    manager: str
    program: str
    action: str
    words: tuple[Word, ...]
    command: Command
    through: tuple[str, ...] = ()
    action_word: Word | None = None
    packages: tuple[Package, ...] = ()
    files: tuple[Word, ...] = ()
    flags: tuple[Word, ...] = ()
    options: tuple[tuple[str, Word], ...] = ()

    @property
    def start(self) -> int:
        return self.words[0].start

    @property
    def end(self) -> int:
        return self.words[-1].end

    def has(self, *flags: str) -> bool:
        """Whether one of these options is given: as a word, with `=…`, or as a letter in `-yq`."""
        for word in self.flags:
            value = word.value or word.prefix
            name = value.partition("=")[0]
            if name in flags or any(
                len(flag) == 2 and re.fullmatch(r"-[A-Za-z]+", value) and flag[1] in value[1:]
                for flag in flags
            ):
                return True
        return any(name in flags for name, _ in self.options)

    def option(self, *names: str) -> str | None:
        """The value of an option, `--name value` or `--name=value`; None where it is not given."""
        for name, word in self.options:
            if name in names:
                return word.value if word.value is not None else word.text
        for word in self.flags:
            name, sign, value = (word.value or word.text).partition("=")
            if sign and name in names:
                return value
        return None


_VERSIONED = re.compile(r"^(pip|python|gem|bundle|bundler|luarocks)[\d.]+$")
_PYTHON = re.compile(r"^(python|pypy)[\d.]*$")
# Names that are no package of an index: paths, archives, addresses.
_FILE = re.compile(
    r"^(?:\.{0,2}/|\.{1,2}$|[a-z][a-z0-9+.-]*://|git\+|file:)|\.(?:deb|rpm|apk|whl|tgz|tar\.gz|gem|zip)$"
)


def manager_calls(script: Script) -> Iterator[ManagerCall]:
    """Every call of a package manager in a script, in the order of the text."""
    for call in calls(script):
        found = manager_call(call)
        if found is not None:
            yield found


def installs(script: Script) -> Iterator[ManagerCall]:
    """The calls that install: packages by name, files, or what a manifest lists (`npm ci`)."""
    for found in manager_calls(script):
        if found.action in ("install", "ci"):
            yield found


def manager_call(call: Call) -> ManagerCall | None:
    """A call read as that of a package manager; None for other programs."""
    words = call.words
    name = call.name
    if _PYTHON.match(name):
        values = call.values
        at = next((index for index, value in enumerate(values) if value == "-m"), 0)
        if not at or at + 1 >= len(values) or values[at + 1] not in ("pip", "pipx", "uv", "poetry"):
            return None
        name, words = str(values[at + 1]), words[at + 1 :]
    versioned = _VERSIONED.match(name)
    manager = BY_PROGRAM.get(versioned[1] if versioned else name)
    if manager is None:
        return None
    return _read(manager, name, words, call)


def _read(manager: Manager, program: str, words: Sequence[Word], call: Call) -> ManagerCall:
    flags: list[Word] = []
    options: list[tuple[str, Word]] = []
    operands: list[Word] = []
    action_word: Word | None = None
    action = manager.always
    rest = iter(words[1:])
    literal = False
    for word in rest:
        value = word.value if word.value is not None else word.prefix
        if not literal and value == "--":
            literal = True
        elif not literal and value.startswith("-") and len(value) > 1:
            if not action and value in manager.actions:
                action, action_word = manager.actions[value], word
                continue
            if manager.name in ("pacman", "rpm") and not action:
                action = _letters(manager.name, value)
                action_word = word if action else None
            following = next(rest, None) if value in manager.takes else None
            if following is not None:
                options.append((value, following))
            else:
                flags.append(word)
        elif not action and value in manager.under and value not in manager.actions:
            continue
        elif not action and not literal:
            action, action_word = manager.actions.get(value, value), word
        else:
            operands.append(word)
    if manager.name == "yarn" and not action:
        action = "install"
    installing = action in ("install", "ci", "remove")
    return ManagerCall(
        manager.name,
        program,
        action,
        tuple(call.words),
        call.command,
        call.through,
        action_word,
        tuple(_package(manager, word) for word in operands if installing and not _is_file(word)),
        (
            *(word for word in operands if installing and _is_file(word)),
            *(word for option, word in options if option in manager.files),
        ),
        tuple(flags),
        tuple(options),
    )


def _letters(manager: str, value: str) -> str:
    """The action of pacman's and rpm's bundled letters: `-Syu`, `-Uvh`."""
    if value.startswith("--"):
        return {"--sync": "install", "--remove": "remove", "--upgrade": "install"}.get(value, "")
    if manager == "pacman":
        if value[1] == "S":
            if "c" in value:
                return "clean"
            return "install" if "u" not in value else "upgrade"
        return {"R": "remove", "U": "install"}.get(value[1], "")
    for letter, action in (
        ("U", "install"),
        ("i", "install"),
        ("e", "remove"),
        ("F", "upgrade"),
        ("q", "query"),
    ):
        if letter in value:
            return action
    return ""


def _is_file(word: Word) -> bool:
    return bool(_FILE.search(word.value if word.value is not None else unquoted(word)))


def _package(manager: Manager, word: Word) -> Package:
    """Name and version, split in the constant text alone: a substitution may hold any sign."""
    masked = ""
    hidden: list[str] = []
    for part in word.parts:
        if part.kind == "text":
            masked += part.text
        else:
            masked += chr(MASK + len(hidden))
            hidden.append(_written(word, part.start, part.end))
    name, version = (_shown(text, hidden) for text in manager.split(masked))
    return Package(name, version, word)


def _shown(text: str, hidden: Sequence[str]) -> str:
    for index, written in enumerate(hidden):
        text = text.replace(chr(MASK + index), written)
    return text


def unquoted(word: Word) -> str:
    """The word without its quotes, what is known only at run time as it is written."""
    return "".join(
        part.text if part.kind == "text" else _written(word, part.start, part.end) for part in word.parts
    )


def _written(word: Word, start: int, end: int) -> str:
    text = word.text.encode("utf-8", "surrogateescape")
    return text[start - word.start : end - word.start].decode("utf-8", "surrogateescape")
