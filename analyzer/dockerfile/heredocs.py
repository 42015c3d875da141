"""Here-documents: the words that open one, as BuildKit finds them in a joined instruction.

Source: "Here-Documents" in the Dockerfile reference; BuildKit from 0.22 on, which allows blanks after `<<`.
"""

from __future__ import annotations

import re

from analyzer.dockerfile.source import Span
from analyzer.dockerfile.words import Lexing, lex
from analyzer.values import frozen

_OPENER = re.compile(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)")
_LEADING_TABS = re.compile(r"^\t+", re.MULTILINE)
# Whatever the escape directive says, openers are read with a backslash.
_LINE = Lexing(raw_quotes=True, raw_escapes=True, keep_undefined=True)
_NAME = Lexing(keep_undefined=True)
_RAW_NAME = Lexing(raw_quotes=True, keep_undefined=True)


@frozen
class Opener:
    """`<<EOF`: the delimiter without its quotes; expand is false when any of it was quoted; chomp for
    `<<-`.
    """

    name: str
    expand: bool = True
    chomp: bool = False
    descriptor: int = 0

    def closed_by(self, line: str) -> bool:
        text = line.rstrip("\r\n")
        return (text.lstrip("\t") if self.chomp else text) == self.name


@frozen
class Heredoc:
    """A here-document with its body. `content` is as written: line ends, and tabs that chomp will take,
    included.

    `span` covers the body, `end_span` the line of the delimiter; where it is missing, both end with the
    file.
    """

    name: str
    expand: bool
    chomp: bool
    descriptor: int
    content: str
    span: Span
    end_span: Span
    first_line: int

    @property
    def body(self) -> str:
        """What the builder writes to the file or feeds to the shell: the content, leading tabs off for
        `<<-`.
        """
        return _LEADING_TABS.sub("", self.content) if self.chomp else self.content


def opener(word: str) -> Opener | None:
    """Read one word as an opener; None if it is something else. Raises WordError as BuildKit fails there."""
    match = _OPENER.fullmatch(word)
    if match is None or not match[3]:
        return None
    plain = lex(match[3], {}, _NAME).words
    if len(plain) != 1:
        return None
    raw = lex(match[3], {}, _RAW_NAME).words
    return Opener(
        name=plain[0],
        expand=_quotes(plain[0]) == _quotes("".join(raw)),
        chomp=match[2] == "-",
        descriptor=int(match[1] or 0),
    )


def line_words(line: str) -> tuple[str, ...]:
    """The words of a joined instruction with quotes and escapes left in. Raises WordError."""
    return lex(line, {}, _LINE).words


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
