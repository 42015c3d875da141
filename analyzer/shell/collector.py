"""What both readers of shell text fill: commands, pipelines and functions, each with what is around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from analyzer.shell.dialect import Shell
from analyzer.shell.model import (
    Assignment,
    Block,
    BlockKind,
    Command,
    Fault,
    Function,
    Part,
    Pipeline,
    Script,
    Word,
)

# Unquoted text that pathname, brace or tilde expansion may change. Escaped characters are taken out before.
_PATTERN = re.compile(r"[*?]|\[[^\]]+\]|\{[^{}]*(?:,|\.\.)[^{}]*\}|^~")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_ANSI_ESCAPES = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
_ANSI = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.S
)
_FALLBACK = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*:?[-+=]([^$`]*)\}", re.S)


class Collector:
    """Collects in any order; `finish` sorts. The readers walk their trees and call in here."""

    def __init__(self, source: bytes, shell: Shell) -> None:
        self.source = source
        self.shell = shell
        self.where: tuple[Block, ...] = ()
        self.optional = False
        self.background = False
        self._commands: list[Command | None] = []
        self._pipelines: list[tuple[tuple[range, ...], int, int, int]] = []
        self._functions: list[Function] = []

    def text(self, start: int, end: int) -> str:
        return self.source[start:end].decode("utf-8", "surrogateescape")

    def declared(self, assignment: Assignment) -> Word:
        """The operand of `export`, `local` and their like that an assignment is."""
        start, end, value = assignment.start, assignment.end, assignment.value
        at = value.start if value else end
        name = Part("text", self.text(start, at), start, at)
        return word_of(self.text(start, end), (name, *(value.parts if value else ())), start, end, "")

    @contextmanager
    def inside(self, kind: BlockKind, start: int, end: int, label: str = "") -> Iterator[None]:
        around = self.where
        self.where = (*around, Block(kind, start, end, label))
        try:
            yield
        finally:
            self.where = around

    @contextmanager
    def behind(self, operator: str) -> Iterator[None]:
        """What is read in here stands behind this list operator."""
        before = self.optional
        self.optional = before or operator in ("&&", "||")
        try:
            yield
        finally:
            self.optional = before

    @contextmanager
    def aside(self, background: bool) -> Iterator[None]:
        """What is read in here runs in the background, as `&` behind it says."""
        before = self.background
        self.background = before or background
        try:
            yield
        finally:
            self.background = before

    def command(self, build: Callable[[], Command]) -> None:
        """Add a command; those in its words' substitutions, which `build` meets, come after it."""
        place = len(self._commands)
        self._commands.append(None)
        where, optional, background = self.where, self.optional, self.background
        self._commands[place] = replace(build(), where=where, optional=optional, background=background)

    def pipeline(self, start: int, end: int, stages: Sequence[Callable[[], None]]) -> None:
        ranges = []
        for stage in stages:
            first = len(self._commands)
            stage()
            ranges.append(range(first, len(self._commands)))
        self._pipelines.append((tuple(ranges), len(self.where), start, end))

    def function(self, name: str, start: int, end: int) -> None:
        self._functions.append(Function(name, start, end))

    def finish(self, reader: Literal["tree-sitter", "shfmt", "partial"], fault: Fault | None) -> Script:
        commands = [command for command in self._commands if command is not None]
        order = sorted(range(len(commands)), key=lambda index: (commands[index].start, -commands[index].end))
        place = {old: new for new, old in enumerate(order)}
        pipelines = []
        for ranges, depth, start, end in self._pipelines:
            stages = tuple(
                tuple(sorted(place[index] for index in stage if not _substituted(commands[index], depth)))
                for stage in ranges
            )
            pipelines.append(Pipeline(stages, start, end))
        pipelines.sort(key=lambda pipeline: (pipeline.start, -pipeline.end))
        functions = sorted(self._functions, key=lambda function: function.start)
        return Script(
            self.source,
            self.shell,
            tuple(commands[index] for index in order),
            tuple(pipelines),
            tuple(functions),
            fault,
            reader,
        )


def _substituted(command: Command, depth: int) -> bool:
    return any(block.kind in ("command", "process") for block in command.where[depth:])


def word_of(text: str, parts: Sequence[Part], start: int, end: int, bare: str) -> Word:
    """A word; neighbouring text parts of one quoting are joined. `bare` is its unquoted text as written."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last and last.kind == part.kind == "text" and last.quoted == part.quoted:
            joined[-1] = Part("text", last.text + part.text, last.start, part.end, part.quoted)
        else:
            joined.append(part)
    return Word(text, tuple(joined), start, end, bool(_PATTERN.search(_ESCAPED.sub("x", bare))))


def unescape_bare(text: str) -> str:
    """Unquoted text: a backslash keeps the next character, before a line's end both go."""
    return re.sub(r"\\(\n|.|$)", lambda match: "" if match[1] == "\n" else match[1], text, flags=re.S)


def unescape_quoted(text: str) -> str:
    """Text in double quotes: a backslash counts before `$`, a backquote, `"`, itself and a line's end."""
    return re.sub(r'\\([$`"\\\n])', lambda match: "" if match[1] == "\n" else match[1], text)


def unescape_ansi(text: str) -> str:
    """The inside of `$'…'` (bash manual, ANSI-C Quoting)."""

    def character(match: re.Match[str]) -> str:
        hexadecimal = match[1] or match[2] or match[3]
        if hexadecimal:
            code = int(hexadecimal, 16)
            return chr(code) if code < 0x110000 else ""
        if match[4]:
            return chr(int(match[4], 8) & 0xFF)
        return _ANSI_ESCAPES.get(match[5], match[5] if match[5] in "\\'\"?" else "\\" + match[5])

    return _ANSI.sub(character, text)


def fallback_of(expansion: str) -> str:
    """The constant text that `${X:-text}` (or `-`, `=`, `+`) gives instead of the variable, "" for none."""
    match = _FALLBACK.fullmatch(expansion)
    return match[1].strip("\"'") if match else ""
