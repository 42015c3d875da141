"""The shell text that an instruction runs, read, with the way back to where it stands in the Dockerfile."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from analyzer.dockerfile.heredocs import Heredoc, opener
from analyzer.dockerfile.nodes import Instruction, Token
from analyzer.dockerfile.source import Span
from analyzer.dockerfile.words import WordError
from analyzer.shell import POSIX, Command, Part, Redirection, Script, Shell, Word, read, shebang_of
from analyzer.shell.calls import Call, calls
from analyzer.shell.downloads import Download, downloads
from analyzer.shell.installs import ManagerCall, manager_call
from analyzer.shell.model import Assignment

Located = Word | Command | Part | Redirection | Assignment


@dataclass(frozen=True)
class Body:
    """What a RUN, CMD, ENTRYPOINT or HEALTHCHECK hands to its shell, or its words in the JSON form.

    `pieces` says where each stretch of `script.source` stands: (byte offset in it, byte offset in the
    Dockerfile), ascending.
    """

    node: Instruction
    script: Script
    pieces: tuple[tuple[int, int], ...]

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every program that runs, wrappers such as `sudo` and `sh -c` as well as what they run."""
        return tuple(calls(self.script))

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[int, Call]]]:
        found: dict[str, list[tuple[int, Call]]] = {}
        for index, call in enumerate(self.calls):
            found.setdefault(call.name, []).append((index, call))
        return found

    def called(self, *names: str) -> list[Call]:
        """The calls of programs with one of these names, directories aside, in the order of the text."""
        found = [pair for name in names for pair in self._by_name.get(name, ())]
        return [call for _, call in sorted(found, key=lambda pair: pair[0])]

    @cached_property
    def managers(self) -> tuple[ManagerCall, ...]:
        """Every call of a package manager: installs, removals, list updates, clean-ups."""
        return tuple(found for call in self.calls if (found := manager_call(call)) is not None)

    @cached_property
    def downloads(self) -> tuple[Download, ...]:
        return tuple(downloads(self.script))

    def span(self, start: int, end: int) -> Span:
        """Bytes of the script to bytes of the Dockerfile; line breaks that joining took away lie inside."""
        if end <= start:
            at = self._byte(start)
            return Span(at, at)
        return Span(self._byte(start), self._byte(end - 1) + 1)

    def span_of(self, part: Located) -> Span:
        return self.span(part.start, part.end)

    def span_of_call(self, call: Call) -> Span:
        """From the program's name to its last word."""
        return self.span(call.words[0].start, call.words[-1].end)

    def _byte(self, offset: int) -> int:
        piece, start = self.pieces[max(0, bisect_right(self.pieces, offset, key=lambda pair: pair[0]) - 1)]
        return start + offset - piece


def body_of(node: Instruction, words: tuple[Token, ...], shell: Shell) -> Body:
    """Read the text of an instruction. `words` are its command's: one, or the strings of the JSON form.

    The shell is the stage's; a heredoc that is the whole command and starts with `#!` names its own.
    """
    if node.json:
        return _exec_form(node, words)
    text = words[0].text if words else ""
    start = words[0].start if words else node.arguments.start
    writer = _Writer()
    if node.heredocs and _is_opener(text):
        heredoc = node.heredocs[0]
        writer.add_body(heredoc)
        shell = shebang_of(writer.data) or shell
    else:
        writer.add_joined(node, start, start + len(text))
        for heredoc in node.heredocs:
            writer.add(
                "\n", node.joined.source.byte_offset(node.joined.char(max(start, start + len(text) - 1)))
            )
            writer.add_content(heredoc)
    return Body(node, read(writer.data, shell), tuple(writer.pieces))


_BROKEN_ARRAY = re.compile(r"\[\s*[\"'].*\]\s*", re.DOTALL)


def meant_as_array(node: Instruction) -> bool:
    """Is a shell form a JSON array that went wrong: single quotes, a comma at the end?"""
    return not node.json and _BROKEN_ARRAY.fullmatch(node.arguments.text) is not None


def _is_opener(text: str) -> bool:
    try:
        return opener(text) is not None
    except WordError:
        return False


class _Writer:
    """Puts a script's text together and notes where each piece of it stands."""

    def __init__(self) -> None:
        self.data = b""
        self.pieces: list[tuple[int, int]] = []

    def add(self, text: str, byte: int) -> None:
        if text or not self.pieces:
            self.pieces.append((len(self.data), byte))
            self.data += text.encode("utf-8", "surrogateescape")

    def add_joined(self, node: Instruction, start: int, end: int) -> None:
        """A stretch of the joined text, piece by piece."""
        joined = node.joined
        starts = [offset for offset, _ in joined.pieces]
        first = max(0, bisect_right(starts, start) - 1)
        for index in range(first, len(starts)):
            begin = max(start, starts[index])
            stop = min(end, starts[index + 1] if index + 1 < len(starts) else len(joined.text))
            if begin >= end:
                break
            self.add(joined.text[begin:stop], joined.source.byte_offset(joined.char(begin)))

    def add_body(self, heredoc: Heredoc) -> None:
        """A heredoc as the shell gets it from the builder: leading tabs off for `<<-`."""
        if not heredoc.chomp:
            self.add(heredoc.content, heredoc.span.start)
            return
        at = heredoc.span.start
        for line in heredoc.content.splitlines(keepends=True):
            kept = line.lstrip("\t")
            self.add(kept, at + len(line) - len(kept))
            at += len(line.encode("utf-8", "surrogateescape"))

    def add_content(self, heredoc: Heredoc) -> None:
        """A heredoc that the shell itself reads, with its delimiter."""
        self.add(heredoc.content, heredoc.span.start)
        self.add(heredoc.name, heredoc.end_span.start)


def _exec_form(node: Instruction, words: tuple[Token, ...]) -> Body:
    """The JSON form as one command; no shell reads it, each string is a word."""
    writer = _Writer()
    made: list[Word] = []
    for token in words:
        if made:
            writer.add(" ", made[-1].end)
        start = len(writer.data)
        # The string begins behind its quote.
        writer.add(token.text, node.joined.source.byte_offset(node.joined.char(token.start)) + 1)
        end = len(writer.data)
        made.append(Word(token.text, (Part("text", token.text, start, end, quoted=True),), start, end))
    if not made:
        return Body(node, Script(b"", POSIX), ((0, node.span.start),))
    command = Command(tuple(made), (), (), 0, len(writer.data))
    return Body(node, Script(writer.data, POSIX, commands=(command,)), tuple(writer.pieces))
