"""The nodes of a Dockerfile: every byte belongs to one item, and items point back into the source."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from analyzer.dockerfile.heredocs import Heredoc
from analyzer.dockerfile.source import Position, Source, Span
from analyzer.errors import Problem
from analyzer.values import frozen


@frozen
class Blank:
    """A line with nothing on it."""

    line: int
    span: Span


@frozen
class Comment:
    """A comment line; `text` is what follows `#`, trimmed. `span` covers the whole line."""

    text: str
    line: int
    span: Span


@frozen
class Directive:
    """A parser directive, `# name=value`; `name` is lower case. `span` covers the whole line."""

    name: str
    value: str
    line: int
    span: Span
    value_span: Span


@frozen
class Joined:
    """The text of one instruction after its lines were joined.

    `pieces` says where each stretch came from: (offset in `text`, character offset in the source), ascending.
    """

    text: str
    pieces: tuple[tuple[int, int], ...]
    source: Source = field(repr=False, compare=False)

    def char(self, offset: int) -> int:
        """Offset in the joined text to character offset in the source."""
        piece, start = self.pieces[bisect_right(self.pieces, offset, key=lambda pair: pair[0]) - 1]
        return start + offset - piece

    def position(self, offset: int) -> Position:
        return self.source.position(self.char(offset))

    def span(self, start: int, end: int) -> Span:
        """The source bytes of text[start:end]: from its first to its last character, line breaks between
        them in.
        """
        if end <= start:
            at = self.source.byte_offset(self.char(start))
            return Span(at, at)
        return self.source.span(self.char(start), self.char(end - 1) + 1)


@frozen
class Token:
    """A word: moby's value, and where it stands in the joined text, quotes of JSON included."""

    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return self.text


@frozen
class Flag:
    """`--name=value` without its quotes; `value` is None where there is no `=`. Offsets into the joined
    text.
    """

    name: str
    value: str | None
    start: int
    end: int

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


@frozen
class Instruction:
    """One instruction, heredocs included.

    keyword is upper case, `name` as written. `arguments` is what follows the flags, trimmed. `words` is
    moby's `value`: names and values in turn for ENV and LABEL, one string for shell forms, the strings of a
    JSON form (then `json` is true). `start_line` to `end_line` as moby counts them, from 1. `span` covers
    whole lines. `comments` and `empty_lines` stood between continued lines; `description` are the comments
    just above. `inner` is what ONBUILD will run. `valid` is false where a problem was reported for this
    instruction.
    """

    keyword: str
    name: Token
    flags: tuple[Flag, ...]
    arguments: Token
    words: tuple[Token, ...]
    json: bool
    heredocs: tuple[Heredoc, ...]
    joined: Joined
    start_line: int
    end_line: int
    span: Span
    comments: tuple[Comment, ...] = ()
    empty_lines: tuple[int, ...] = ()
    description: tuple[str, ...] = ()
    inner: Instruction | None = None
    valid: bool = True

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(word.text for word in self.words)

    @property
    def text(self) -> str:
        """The whole instruction as one line, heredoc bodies left out."""
        return self.joined.text

    def flag(self, name: str) -> Flag | None:
        """The first flag of that name."""
        return next((flag for flag in self.flags if flag.name == name), None)

    def span_of(self, part: Token | Flag) -> Span:
        """The source bytes of a word, a flag, the keyword or the arguments."""
        return self.joined.span(part.start, part.end)

    def position_of(self, part: Token | Flag) -> Position:
        return self.joined.position(part.start)

    def problem(self, offset: int, message: str, hint: str = "") -> Problem:
        """A fault at an offset of the joined text."""
        source = self.joined.source
        return source.problem(self.joined.char(offset), message, hint)


Item = Blank | Comment | Directive | Instruction


@dataclass(frozen=True)
class Dockerfile:
    """A parsed file. The spans of `items` tile the source; `problems` are those of the syntax alone."""

    source: Source
    items: tuple[Item, ...]
    escape: str
    problems: tuple[Problem, ...]

    @property
    def path(self) -> str:
        return self.source.path

    @cached_property
    def instructions(self) -> tuple[Instruction, ...]:
        return tuple(item for item in self.items if isinstance(item, Instruction))

    @cached_property
    def directives(self) -> tuple[Directive, ...]:
        return tuple(item for item in self.items if isinstance(item, Directive))

    @cached_property
    def comments(self) -> tuple[Comment, ...]:
        """Every comment, in order: those between instructions and those inside continued ones."""
        found: list[Comment] = []
        for item in self.items:
            if isinstance(item, Comment):
                found.append(item)
            elif isinstance(item, Instruction):
                found.extend(item.comments)
        return tuple(found)

    def directive(self, name: str) -> str | None:
        """The value of a directive: `syntax`, `escape` or `check`."""
        return next((each.value for each in self.directives if each.name == name), None)

    @cached_property
    def newline(self) -> str:
        """The line end that most lines have."""
        windows = self.source.text.count("\r\n")
        return "\r\n" if windows * 2 > self.source.text.count("\n") else "\n"

    def render(self) -> bytes:
        """The file again, byte for byte."""
        return b"".join(self.source.data[item.span.start : item.span.end] for item in self.items)
