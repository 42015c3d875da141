"""Read a Dockerfile into nodes, lossless and exactly as BuildKit's parser reads it.

How lines join, where directives may stand, how flags and words split, what a heredoc takes. What the
instructions mean is for `instructions`; names are expanded by `words`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from analyzer.dockerfile.arguments import SPLITTERS, ArgumentError, Split, split_flags, split_keyword, trim
from analyzer.dockerfile.heredocs import Heredoc, Opener, line_words, opener
from analyzer.dockerfile.nodes import (
    Blank,
    Comment,
    Directive,
    Dockerfile,
    Flag,
    Instruction,
    Item,
    Joined,
    Token,
)
from analyzer.dockerfile.patterns import WordError
from analyzer.dockerfile.source import Position, Source, Span
from analyzer.dockerfile.words import GO_SPACE
from analyzer.errors import InputError, Problem

__all__ = [
    "Blank",
    "Comment",
    "Directive",
    "Dockerfile",
    "Flag",
    "Heredoc",
    "Instruction",
    "Item",
    "Joined",
    "Position",
    "Source",
    "Span",
    "Token",
    "parse",
]

# 10 MB, however one counts them; BuildKit's own clients stop at 2 MB.
MAX_BYTES = 10_000_000
MAX_LINE_BYTES = 65_535
DIRECTIVES = frozenset({"syntax", "escape", "check"})
HEREDOC_KEYWORDS = frozenset({"ADD", "COPY", "RUN"})

_DIRECTIVE = re.compile(rf"#[{GO_SPACE}]*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*\Z")


def parse(data: bytes, path: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile. Faults of its syntax are in the result's `problems`, and reading goes on after each.

    Raises InputError for what is no text (NUL bytes, not UTF-8) or has 10 MB.
    """
    return _Reader(_source(data, path)).read()


def _source(data: bytes, path: str) -> Source:
    if len(data) >= MAX_BYTES:
        size = f"{len(data) / 1_000_000:.1f} MB"
        raise InputError([Problem(path, 1, 1, f"{size} is too large for a Dockerfile; the limit is 10 MB")])
    bad = data.find(0)
    reason = "a NUL byte"
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if bad < 0 or error.start < bad:
            bad, reason = error.start, f"byte 0x{data[error.start]:02x} is not UTF-8"
        text = ""
    if bad < 0:
        return Source(data, text, path)
    line = data.count(b"\n", 0, bad) + 1
    column = len(data[data.rfind(b"\n", 0, bad) + 1 : bad].decode(errors="replace")) + 1
    raise InputError([Problem(path, line, column, f"not a text file: {reason}")])


@dataclass(slots=True)
class _Lines:
    """One instruction while its lines are joined."""

    parts: list[str] = field(default_factory=list)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    length: int = 0
    comments: list[Comment] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)

    def add(self, text: str, char: int) -> None:
        if text or not self.pieces:
            self.parts.append(text)
            self.pieces.append((self.length, char))
            self.length += len(text)


@dataclass(slots=True)
class _Parts:
    """A joined instruction, or the one inside ONBUILD, taken apart."""

    keyword: str
    name: Token
    flags: tuple[Flag, ...]
    arguments: Token
    split: Split
    valid: bool = True


class _Reader:
    """The state of one reading. Lines count from 0 in here."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.escape = "\\"
        self.problems: list[Problem] = []
        self._items: list[Item] = []
        starts, byte_starts = source.line_starts, source.byte_starts
        if starts[-1] < len(source.text):
            starts, byte_starts = [*starts, len(source.text)], [*byte_starts, len(source.data)]
        self._starts = starts
        self._byte_starts = byte_starts
        self._count = len(starts) - 1
        self._directives_over = False
        self._shebang = False
        self._seen: set[str] = set()
        self._description: list[str] = []

    def read(self) -> Dockerfile:
        line = 0
        while line < self._count:
            line = self._item(line)
        if not any(isinstance(item, Instruction) for item in self._items):
            empty = not self.source.data
            self._problem(0, "the Dockerfile cannot be empty" if empty else "file with no instructions")
        self._check_line_lengths()
        return Dockerfile(self.source, tuple(self._items), self.escape, tuple(self.problems))

    def _check_line_lengths(self) -> None:
        for line, (start, end) in enumerate(pairwise(self._byte_starts), 1):
            if end - start <= MAX_LINE_BYTES:
                continue
            if len(self.source.data[start:end].removesuffix(b"\n")) > MAX_LINE_BYTES:
                message = f"dockerfile line greater than max allowed size of {MAX_LINE_BYTES}"
                # Without its line: nobody wants to see that.
                self.problems.append(Problem(self.source.path, line, 1, message))

    def _raw(self, line: int) -> str:
        return self.source.text[self._starts[line] : self._starts[line + 1]]

    def _span(self, first: int, after: int) -> Span:
        return Span(self._byte_starts[first], self._byte_starts[after])

    def _problem(self, char: int, message: str, hint: str = "") -> None:
        self.problems.append(self.source.problem(char, message, hint))

    def _item(self, line: int) -> int:
        """Read the item that starts on a line; return the line after it."""
        raw = self._raw(line)
        start = self._starts[line]
        if line == 0 and raw.startswith("\ufeff"):
            raw, start = raw[1:], start + 1
        text = raw.rstrip("\r\n").lstrip(GO_SPACE)
        start += len(raw) - len(raw.lstrip(GO_SPACE)) if text else 0
        if text.startswith("#"):
            self._comment_or_directive(line, raw, text, start)
            return line + 1
        self._directives_over = True
        if not text:
            self._items.append(Blank(line + 1, self._span(line, line + 1)))
            return line + 1
        return self._instruction(line, text, start)

    def _comment_or_directive(self, line: int, raw: str, text: str, start: int) -> None:
        span = self._span(line, line + 1)
        if not self._directives_over:
            match = _DIRECTIVE.match(text)
            if line == 0 and raw.startswith("#!"):
                # The front end looks for its own directives below a shebang, the parser does not.
                self._shebang = True
            elif (
                match
                and match[1].lower() in DIRECTIVES
                and not (self._shebang and match[1].lower() == "escape")
            ):
                name, value = match[1].lower(), match[2]
                value_span = self.source.span(start + match.start(2), start + match.end(2))
                self._items.append(Directive(name, value, line + 1, span, value_span))
                self._apply(name, value, start, start + match.start(2))
                return
            else:
                self._directives_over = True
        described = raw[1:].strip(GO_SPACE)
        if described:
            self._description.append(described)
        else:
            self._description.clear()
        self._items.append(Comment(text[1:].strip(GO_SPACE), line + 1, span))

    def _apply(self, name: str, value: str, start: int, value_start: int) -> None:
        if name in self._seen:
            self._problem(start, f"only one {name} parser directive can be used")
            return
        self._seen.add(name)
        if name == "escape":
            if value not in ("`", "\\"):
                self._problem(value_start, f"invalid escape token '{value}' does not match ` or \\")
                return
            self.escape = value

    def _instruction(self, line: int, text: str, start: int) -> int:
        lines = _Lines()
        after = self._join(lines, line, text, start)
        joined = Joined("".join(lines.parts), tuple(lines.pieces), self.source)
        outer = self._parts(joined, *trim(joined.text, 0, len(joined.text)))
        inner = None
        if outer.keyword == "ONBUILD" and outer.arguments.text:
            inner = self._parts(joined, outer.arguments.start, outer.arguments.end)
        heredocs: tuple[Heredoc, ...] = ()
        runs = inner or outer
        if "<<" in joined.text and runs.keyword in HEREDOC_KEYWORDS and not runs.split.json:
            heredocs, after = self._heredocs(joined, after)

        def instruction(parts: _Parts, inside: Instruction | None) -> Instruction:
            return Instruction(
                keyword=parts.keyword,
                name=parts.name,
                flags=parts.flags,
                arguments=parts.arguments,
                words=parts.split.words,
                json=parts.split.json,
                heredocs=heredocs,
                joined=joined,
                start_line=line + 1,
                end_line=after,
                span=self._span(line, after),
                comments=tuple(lines.comments),
                empty_lines=tuple(lines.empty),
                description=tuple(self._description),
                inner=inside,
                valid=parts.valid,
            )

        self._items.append(instruction(outer, instruction(inner, None) if inner else None))
        self._description.clear()
        return after

    def _join(self, lines: _Lines, line: int, text: str, start: int) -> int:
        """Join an instruction's lines; return the line after the last one that it took."""
        text, continues = self._continued(text)
        lines.add(text, start)
        line += 1
        while continues and line < self._count:
            raw = self._raw(line)
            stripped = raw.lstrip(GO_SPACE)
            if not stripped:
                lines.empty.append(line + 1)
            elif stripped.startswith("#"):
                lines.comments.append(
                    Comment(stripped[1:].strip(GO_SPACE), line + 1, self._span(line, line + 1))
                )
            else:
                text, continues = self._continued(raw.rstrip("\r\n"))
                lines.add(text, self._starts[line])
            line += 1
        return line

    def _continued(self, text: str) -> tuple[str, bool]:
        """Take off an escape character that continues the line: the last character but blanks, and a lone
        one.
        """
        trimmed = text.rstrip(" \t")
        if trimmed.endswith(self.escape) and trimmed[-2:-1] != self.escape:
            return trimmed[:-1], True
        return text, False

    def _parts(self, joined: Joined, start: int, end: int) -> _Parts:
        name, rest = split_keyword(joined.text, start, end)
        keyword = name.text.upper()
        flags, rest = split_flags(joined.text, rest, end)
        rest, end = trim(joined.text, rest, end)
        arguments = Token(joined.text[rest:end], rest, end)
        parts = _Parts(keyword, name, flags, arguments, Split())
        splitter = SPLITTERS.get(keyword)
        if splitter is not None:
            try:
                parts.split = splitter(joined.text, rest, end, self.escape)
            except ArgumentError as error:
                parts.valid = False
                self._problem(joined.char(error.offset), error.message)
        return parts

    def _heredocs(self, joined: Joined, line: int) -> tuple[tuple[Heredoc, ...], int]:
        """Read the bodies that an instruction opens; return them and the line after the last."""
        found: list[Heredoc] = []
        for each in self._openers(joined):
            first = line
            while line < self._count and not each.closed_by(self._raw(line)):
                line += 1
            last, ends = line, line < self._count
            line += 1 if ends else 0
            if not ends:
                at = re.search(r"<<-?\s*[\"'\\]*" + re.escape(each.name), joined.text)
                hint = f"a line that holds only {each.name} ends it"
                self._problem(joined.char(at.start() if at else 0), "unterminated heredoc", hint)
            content = self.source.text[self._starts[first] : self._starts[last]]
            spans = self._span(first, last), self._span(last, line)
            found.append(
                Heredoc(each.name, each.expand, each.chomp, each.descriptor, content, *spans, first + 1)
            )
        return tuple(found), line

    def _openers(self, joined: Joined) -> list[Opener]:
        try:
            words = line_words(joined.text)
        except WordError:
            # Unbalanced quotes and the like: BuildKit sees no heredoc, and leaves the fault to the shell.
            return []
        try:
            return [found for word in words if "<<" in word and (found := opener(word))]
        except WordError as error:
            self._problem(joined.char(max(joined.text.find("<<"), 0)), str(error))
            return []
