"""The bytes of a Dockerfile and the ways to point into them: byte spans, lines, columns."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from analyzer.errors import Problem
from analyzer.values import frozen

BOM = b"\xef\xbb\xbf"


@frozen
class Span:
    """A half-open range of bytes in the source."""

    start: int
    end: int


@frozen
class Position:
    """A place in the source: byte offset from 0, line and column from 1; a column counts characters."""

    offset: int
    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """One file: its bytes, its text (offsets into which are called character offsets), its name for
    messages.
    """

    data: bytes
    text: str = field(repr=False)
    path: str

    @cached_property
    def line_starts(self) -> list[int]:
        """Character offset of the start of each line; a line ends after its line feed."""
        starts = [0]
        find, at = self.text.find, 0
        while (at := find("\n", at) + 1) > 0:
            starts.append(at)
        return starts

    @cached_property
    def byte_starts(self) -> list[int]:
        """Byte offset of the start of each line."""
        if self._one_byte_each:
            return self.line_starts
        starts = [0]
        find, at = self.data.find, 0
        while (at := find(b"\n", at) + 1) > 0:
            starts.append(at)
        return starts

    @cached_property
    def _one_byte_each(self) -> bool:
        return len(self.text) == len(self.data)

    def line_number(self, char: int) -> int:
        return bisect_right(self.line_starts, char)

    def byte_offset(self, char: int) -> int:
        """Character offset to byte offset."""
        if self._one_byte_each:
            return char
        line = bisect_right(self.line_starts, char) - 1
        return self.byte_starts[line] + len(self.text[self.line_starts[line] : char].encode())

    def char_offset(self, byte: int) -> int:
        """Byte offset to character offset; a byte inside a character counts as that character."""
        if self._one_byte_each:
            return byte
        line = bisect_right(self.byte_starts, byte) - 1
        prefix = self.data[self.byte_starts[line] : byte]
        return self.line_starts[line] + len(prefix.decode(errors="ignore"))

    def position(self, char: int) -> Position:
        line = self.line_number(char)
        column = char - self.line_starts[line - 1] + 1
        if line == 1 and self.data.startswith(BOM):
            column = max(1, column - 1)
        return Position(self.byte_offset(char), line, column)

    def span(self, start: int, end: int) -> Span:
        """Character offsets to a byte span."""
        return Span(self.byte_offset(start), self.byte_offset(end))

    def line(self, number: int) -> str:
        """The text of a line without its line end and byte order mark; an empty string past the last line."""
        starts = self.line_starts
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text)
        return (
            self.text[starts[number - 1] : end].rstrip("\r\n").removeprefix("\ufeff" if number == 1 else "")
        )

    def problem(self, char: int, message: str, hint: str = "") -> Problem:
        """A fault at a character offset."""
        at = self.position(char)
        return Problem(self.path, at.line, at.column, message, self.line(at.line), hint)
