"""The interpreter of a `#!` line, and which kept files may be run at all."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer.evidence import Evidence, EvidenceKind, Unresolved
from analyzer.filesystem import name_of, parent_of
from analyzer.resolvers.commands import find_command, search_path
from analyzer.resolvers.interface import Extractor, Finding, View
from analyzer.resolvers.traced import was_run

# The kernel reads this much of a file to learn how to run it (BINPRM_BUF_SIZE).
_HEAD = 256

# Reasons to believe that a kept file may be run. A file of a library that is kept whole has none of these,
# nor has one that was only listed or stands in a package that is kept.
_RUN_KINDS: frozenset[EvidenceKind] = frozenset({"traced", "script", "author", "asked", "healed"})


_OF_PROGRAMS = ("bin", "sbin", "libexec")

SHELLS = frozenset("sh bash dash ash ksh mksh zsh".split())


def read_shebang(data: bytes) -> list[str] | None:
    """The interpreter and, where there is one, its single argument (execve(2)); None without `#!`."""
    if not data.startswith(b"#!"):
        return None
    line = data[2:_HEAD].split(b"\n", 1)[0].decode("utf-8", "surrogateescape").strip(" \t")
    words = line.split(None, 1)
    return [words[0], words[1].rstrip()] if len(words) == 2 else words or None


SHEBANG = Extractor("shebang", 1, read_shebang, _HEAD)


def env_command(argument: str) -> str:
    """The command that `env` starts when `argument` is the single word that the kernel hands on; "" for none.

    Without -S, the word is the command as it is, blanks included (env(1), GNU and busybox).
    """
    if not argument.startswith("-"):
        return argument
    for option in ("-S", "--split-string=", "-vS", "-iS"):
        if argument.startswith(option):
            break
    else:
        return ""
    try:
        words = shlex.split(argument[len(option) :])
    except ValueError:
        return ""
    while words and (words[0].startswith("-") or "=" in words[0]):
        words = words[2:] if words[0] in ("-u", "-C") else words[1:]
    return words[0] if words else ""


def may_run(path: str, kept: Mapping[str, Sequence[Evidence]], *, shell: bool = False) -> bool:
    """Whether something kept may run this file; what a link leads to runs as the link does.

    A file that the run opened was not thereby run, unless a shell opened it. A file that is kept because a
    program's package put it there for the program is no reason for another interpreter, but it is for a
    `shell`, unless it stands among shared data, in no folder of programs, and its package is kept as a whole.
    """
    data = path.startswith("/usr/share/") and name_of(parent_of(path)) not in _OF_PROGRAMS
    reasons = reasons_of(path, kept)
    return any(_is_run(one, shell and not (data and not one.source.startswith("/"))) for one in reasons)


def may_be_read(path: str, kept: Mapping[str, Sequence[Evidence]]) -> bool:
    """Whether something kept opens this file, or may."""
    return any(evidence.kind in _RUN_KINDS for evidence in reasons_of(path, kept))


def reasons_of(path: str, kept: Mapping[str, Sequence[Evidence]]) -> Iterator[Evidence]:
    """The reasons for a path, and for the links that lead to it."""
    seen: set[str] = set()
    pending = [path]
    while pending:
        here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        for evidence in kept.get(here, ()):
            yield evidence
            if evidence.kind == "link" and evidence.source in kept:
                pending.append(evidence.source)


def _is_run(evidence: Evidence, shell: bool) -> bool:
    if evidence.kind == "traced":
        return was_run(evidence) or name_of(evidence.source) in SHELLS
    if evidence.kind == "package":
        return shell and not evidence.source.startswith("package: ")
    return evidence.kind in _RUN_KINDS


class Interpreters:
    """Keeps what `#!` lines of files that may run name: the kernel opens it, so no trace shows it."""

    name = "interpreters"

    def __init__(self) -> None:
        self._waiting: dict[str, list[str]] = {}

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        programs = [path for path in new if view.fs.entries[path].executable]
        for path, words in view.facts.get_many(SHEBANG, programs).items():
            if words:
                self._waiting[path] = words
        for path in sorted(self._waiting):
            shell = name_of(self._waiting[path][0]) in SHELLS
            if not may_run(path, kept, shell=shell):
                continue
            yield from self._interpreter(view, path, self._waiting.pop(path))

    def _interpreter(self, view: View, path: str, words: Sequence[str]) -> Iterable[Finding]:
        program = view.fs.lookup(words[0])
        if program is None:
            yield Unresolved(path, self.name, f"its interpreter {words[0]} is not in the image")
            return
        yield Evidence(words[0], "script", path, f"its interpreter: #!{' '.join(words)}")
        if name_of(words[0]) == "env" and len(words) > 1:
            name = env_command(words[1])
            found = find_command(view.fs, name, search_path(view.config), view.config.workdir or "/")
            if found is not None:
                yield Evidence(found, "script", path, f"its interpreter: env finds {name} along PATH")
            elif name:
                yield Unresolved(path, self.name, f"its interpreter {name} is not along PATH")
