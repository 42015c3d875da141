"""Which shell a command runs under: by SHELL's words, or by a script's first line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

from analyzer.values import frozen

# "other" is a program that is no shell: a heredoc body with `#!/usr/bin/env python3`, `SHELL ["perl", "-e"]`.
Dialect = Literal["sh", "bash", "ksh", "zsh", "powershell", "cmd", "other"]

_DIALECTS: dict[str, Dialect] = {
    "sh": "sh",
    "dash": "sh",
    "ash": "sh",
    "busybox": "sh",
    "posh": "sh",
    "bash": "bash",
    "rbash": "bash",
    "ksh": "ksh",
    "ksh93": "ksh",
    "mksh": "ksh",
    "oksh": "ksh",
    "zsh": "zsh",
    "pwsh": "powershell",
    "powershell": "powershell",
    "cmd": "cmd",
}

# Short options of `set` and of the shells' command line that have a long name (POSIX, set).
_SHORT_OPTIONS = {"e": "errexit", "u": "nounset", "x": "xtrace", "f": "noglob", "n": "noexec", "v": "verbose"}


@frozen
class Shell:
    """A shell as it is started. `program` is the word that starts it; `options` holds the long names of what
    is switched on (errexit, pipefail, …)."""

    dialect: Dialect = "sh"
    program: str = "/bin/sh"
    options: frozenset[str] = frozenset()

    @property
    def readable(self) -> bool:
        """Whether its text is read as that of a POSIX shell; others are recognised and left alone."""
        return self.dialect in ("sh", "bash", "ksh", "zsh")


POSIX = Shell()


def shell_of(words: Sequence[str]) -> Shell:
    """The shell of SHELL's JSON words, or of a program's command line."""
    rest = list(words)
    if rest and _base(rest[0]) == "env":
        own = takewhile(lambda word: word.startswith("-") or "=" in word, rest[1:])
        rest = rest[1 + len(list(own)) :] or rest
    if not rest:
        return POSIX
    program = rest.pop(0)
    name = _base(program)
    if name == "busybox" and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
    dialect = _DIALECTS.get(name, "other")
    if dialect in ("powershell", "cmd", "other"):
        return Shell(dialect, program)
    return Shell(dialect, program, options_of(rest))


def options_of(words: Sequence[str]) -> frozenset[str]:
    """What option words such as `-eux`, `-o pipefail` or `-euo pipefail` switch on, by long name."""
    found: set[str] = set()
    rest = iter(words)
    for word in rest:
        if not word.startswith(("-", "+")) or word in ("-", "--"):
            break
        if word.startswith("--"):
            found.add(word[2:])
            continue
        for letter in word[1:]:
            name = next(rest, "") if letter == "o" else _SHORT_OPTIONS.get(letter, "")
            if not name:
                continue
            if word[0] == "-":
                found.add(name)
            else:
                found.discard(name)
    return frozenset(found)


def shebang_of(source: bytes) -> Shell | None:
    """The shell or program that a text's first line asks for; None where it has no `#!`."""
    if not source.startswith(b"#!"):
        return None
    line = source.split(b"\n", 1)[0][2:].decode("utf-8", "replace")
    words = line.split()
    if words and _base(words[0]) == "env" and len(words) > 1 and words[1] in ("-S", "--split-string"):
        del words[1]
    return shell_of(words) if words else None


def _base(program: str) -> str:
    name = program.replace("\\", "/").rpartition("/")[2].lower()
    return name.removesuffix(".exe")
