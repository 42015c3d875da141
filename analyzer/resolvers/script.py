"""What shell scripts call and name, in every branch; the image's own command lines among them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.evidence import Evidence, EvidenceKind, Unresolved
from analyzer.filesystem import name_of, parent_of
from analyzer.image import ImageConfig
from analyzer.resolvers.commands import HOST_SERVICES, PACKAGE_MANAGERS, find_command
from analyzer.resolvers.crontab import CRON, is_cron, table_of
from analyzer.resolvers.hierarchy import INTERPRETERS, SHARED_DIRECTORIES
from analyzer.resolvers.interface import Finding, View
from analyzer.resolvers.makefile import MAKEFILE, MAKES, is_makefile
from analyzer.resolvers.shebang import SHEBANG, SHELLS, may_be_read, may_run
from analyzer.resolvers.shellfacts import SCRIPT, facts_of
from analyzer.resolvers.shellwords import Words
from analyzer.shell import read

_SCRIPT_ENDINGS = (".sh", ".bash")

# POSIX's and bash's own commands: no file serves them, unless a wrapper starts a program by that name.
_BUILTINS = frozenset(
    (
        ". : [ [[ alias bg bind break builtin caller cd command compgen complete compopt continue declare"
        " dirs disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let"
        " local logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt source"
        " suspend test times trap true type typeset ulimit umask unalias unset wait"
    ).split()
)

# Wrappers that leave the command to the shell: any other starts a program.
_SHELL_STARTED = frozenset("builtin command eval sh bash dash ash ksh mksh zsh busybox su runuser".split())

# What they name is meant to go.
_REMOVERS = frozenset("rm rmdir unlink shred truncate".split())

# They only ask whether a command is there.
_SEEKERS = frozenset("type which hash".split())

# They have a shell run what they are given as one word; socat(1) in two of its addresses.
_TEXT_TAKERS = frozenset("watch script tmux screen parallel concurrently hyperfine socat".split())
_ADDRESS = re.compile(r"(?:exec|system|shell):", re.IGNORECASE)

# They take a directory with all below it.
_WALKERS = frozenset("cp mv rsync tar find run-parts".split())


def command_lines(config: ImageConfig) -> Iterator[tuple[str, list[str]]]:
    """What the image itself runs, each with the root's name: the start, the command that an entrypoint is
    given (it often runs it), the health test."""
    if config.command:
        yield "entrypoint", list(config.command)
    if config.entrypoint and config.cmd:
        yield "entrypoint", list(config.cmd)
    test = config.healthcheck.test if config.healthcheck else ()
    if test[:1] == ("CMD-SHELL",):
        yield "healthcheck", [*(config.shell or ("/bin/sh", "-c")), *test[1:]]
    elif test[:1] == ("CMD",):
        yield "healthcheck", list(test[1:])


@dataclass(frozen=True, slots=True)
class _Text:
    """Shell text that may run: its facts, where its chain goes on from, the directory of its file."""

    source: str
    facts: Mapping[str, Any]
    directory: str
    # A program's own script, which nothing calls by name: no reason for an interpreter, nor for a report.
    weak: bool = False

    @property
    def kind(self) -> EvidenceKind:
        """Of what it only names: a file that such a script names is no more run than the script is."""
        return "literal" if self.weak else "script"


class Scripts:
    """Keeps what kept shell scripts call and name, in every branch, and what the image's command lines do.

    A branch that installs software is no reason to ship the installer.
    """

    name = "scripts"

    def __init__(self) -> None:
        self._told = False
        self._waiting: set[str] = set()
        self._weak: set[str] = set()
        self._sourced: set[str] = set()
        self._tables: set[str] = set()
        self._runs_jobs = False
        self._makefiles: set[str] = set()
        self._makes = False

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        if not self._told:
            self._told = True
            for source, words in command_lines(view.config):
                facts = facts_of(read(shlex.join(words)))
                yield from self._text(view, _Text(source, facts, "/"))
        programs = [
            path
            for path in new
            if view.fs.entries[path].executable
            or (view.fs.entries[path].kind == "file" and path.endswith(_SCRIPT_ENDINGS))
        ]
        heads = view.facts.get_many(SHEBANG, programs)
        self._waiting.update(path for path, words in heads.items() if words or path.endswith(_SCRIPT_ENDINGS))
        strong = sorted(path for path in self._waiting if may_run(path, kept))
        strong += sorted(self._sourced.intersection(kept))
        weak = [path for path in sorted(self._waiting - self._weak) if may_run(path, kept, shell=True)]
        weak = [path for path in weak if path not in strong]
        self._waiting.difference_update(strong)
        self._sourced.difference_update(strong)
        self._weak.update(weak)
        for path, facts in view.facts.get_many(SCRIPT, (*strong, *weak)).items():
            if facts is not None:
                yield from self._text(view, _Text(path, facts, parent_of(path), path in weak))
        yield from self._cron(view, new, kept)
        yield from self._make(view, new, kept)

    def _make(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        """Makefiles of the author's, or that the run read."""
        self._makefiles.update(
            path for path in new if is_makefile(path) and view.fs.entries[path].kind == "file"
        )
        self._makes = self._makes or any(name_of(path) in MAKES for path in new)
        read_ones = sorted(path for path in self._makefiles if self._makes and may_be_read(path, kept))
        self._makefiles.difference_update(read_ones)
        for path, facts in view.facts.get_many(MAKEFILE, read_ones).items():
            if facts:
                yield from self._text(view, _Text(path, facts, parent_of(path)))

    def _cron(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        """Tables that cron reads, which may have been kept before it was."""
        self._runs_jobs = self._runs_jobs or any(is_cron(name_of(path)) for path in new)
        if not self._runs_jobs:
            return
        for path, reasons in list(kept.items()):
            if path not in self._tables and any(one.source == CRON for one in reasons):
                self._tables.add(path)
                facts = view.facts.get(table_of(path), path)
                if facts:
                    yield from self._text(view, _Text(path, facts, "/"))

    def _text(self, view: View, text: _Text) -> Iterator[Finding]:
        if text.facts.get("fault") and not text.weak:
            yield Unresolved(text.source, self.name, f"not all of it can be read: {text.facts['fault']}")
        words = Words(view, text.facts, text.directory)
        for call, through in text.facts.get("calls", ()):
            yield from self._call(view, text, words, call, through)
        for template in text.facts.get("reads", ()):
            for path in words.paths(template):
                yield Evidence(path, text.kind, text.source, f"it reads {path}")
        for template in text.facts.get("writes", ()):
            for path in words.places(template):
                yield Evidence(path, "script", text.source, "it writes there")
        for values in text.facts.get("set", {}).values():
            for template in values:
                yield from self._named(text, words, template, "a variable of it names it")

    def _call(
        self, view: View, text: _Text, words: Words, call: Sequence[Any], through: Sequence[str]
    ) -> Iterator[Finding]:
        names = words.values(call[0]) or words.beside(call[0])
        if not names and not words.is_argument(call[0]) and not text.weak:
            yield Unresolved(text.source, self.name, "calls a program whose name is known only at run time")
        for value in names:
            # A variable may hold the command with its arguments.
            name, *rest = value.split() or [""]
            yield from self._program(view, text, words, name, through)
            operands = [*([word] for word in rest), *call[1:]]
            yield from self._operands(view, text, words, name_of(name), operands)

    def _program(
        self, view: View, text: _Text, words: Words, name: str, through: Sequence[str]
    ) -> Iterator[Finding]:
        if name_of(name) in PACKAGE_MANAGERS or name in text.facts.get("functions", ()):
            return
        if name in _BUILTINS and (not through or through[-1] in _SHELL_STARTED):
            return
        for directory in words.directories:
            found = find_command(view.fs, name, [*words.search, text.directory], directory)
            if found is not None and text.weak and _for_hosts(view.fs.resolve(found).path):
                return
            if found is not None:
                yield Evidence(found, "script", text.source, f"it calls {name}")
                return

    def _operands(
        self, view: View, text: _Text, words: Words, name: str, operands: Sequence[Any]
    ) -> Iterator[Finding]:
        if name in _REMOVERS or name in PACKAGE_MANAGERS:
            return
        if name in (".", "source"):
            yield from self._source(view, text, words, operands[:1])
            return
        if name in _SEEKERS:
            for value in (value for template in operands for value in words.values(template)):
                found = find_command(view.fs, value, words.search)
                if found is not None and value not in PACKAGE_MANAGERS:
                    yield Evidence(found, "script", text.source, f"it looks for {value}")
            return
        if name == "command" and operands and operands[0] in (["-v"], ["-V"]):
            yield from self._operands(view, text, words, "type", operands)
            return
        if name in _TEXT_TAKERS:
            yield from self._handed_on(view, text, words, operands)
        readers = operands[:-1] if name in ("cp", "mv", "rsync") else operands
        for template in operands:
            whole = name in _WALKERS and template in readers
            if name in SHELLS:
                for path in words.paths(template):
                    self._as_script(view, path, True)
            yield from self._named(text, words, template, f"it gives it to {name}", whole)

    def _handed_on(self, view: View, text: _Text, words: Words, operands: Sequence[Any]) -> Iterator[Finding]:
        """Commands that are handed on as one word."""
        for value in (value for template in operands for value in words.values(template)):
            address = _ADDRESS.match(value)
            command = value[address.end() :].partition(",")[0] if address else value
            if " " in command or address:
                facts = facts_of(read(command))
                yield from self._text(view, _Text(text.source, facts, text.directory, text.weak))

    def _source(self, view: View, text: _Text, words: Words, operands: Sequence[Any]) -> Iterator[Evidence]:
        for template in operands:
            found = words.paths(template) or words.beside(template)
            if not found:
                # A name without a slash is looked for along PATH, to which a script's callers may have added
                # its own directory; it need not be executable.
                values = (value for value in words.values(template) if "/" not in value)
                found = [
                    f"{folder}/{value}" for value in values for folder in (*words.search, text.directory)
                ]
            for path in found:
                if view.fs.lookup(path) is not None:
                    self._as_script(view, path, True)
                    yield Evidence(path, "script", text.source, "it sources it")

    def _named(
        self, text: _Text, words: Words, template: Sequence[Any], reason: str, whole: bool = False
    ) -> Iterator[Evidence]:
        for path in words.paths(template):
            if name_of(path) not in PACKAGE_MANAGERS and not (text.weak and _for_hosts(path)):
                yield Evidence(path, text.kind, text.source, reason, whole and path not in SHARED_DIRECTORIES)
        for path in words.places(template):
            yield Evidence(path, "script", text.source, "it makes something there")

    def _as_script(self, view: View, path: str, shell: bool) -> None:
        """A shell is told to read this file, whatever its first line says."""
        found = view.fs.resolve(path)
        if shell and not found.missing and view.fs.entries[found.path].kind == "file":
            self._sourced.add(found.path)


def _for_hosts(path: str) -> bool:
    """Whether a script that nothing calls by name is no reason for this program."""
    return INTERPRETERS.search(path) is not None or name_of(path) in HOST_SERVICES
