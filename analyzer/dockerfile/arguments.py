"""How the rest of an instruction splits into flags and words, each instruction in its own way.

Source: BuildKit's line parsers. Functions take a joined text with a start and an end, and give tokens with
offsets into that text. They raise ArgumentError with BuildKit's message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from analyzer.dockerfile.goquote import quoted as quoted
from analyzer.dockerfile.nodes import Flag, Token
from analyzer.dockerfile.words import GO_SPACE
from analyzer.values import frozen

NOT_STRINGS = "when using JSON array syntax, arrays must be comprised of strings only"

_WORD = re.compile(r"[^\t\v\f\r ]+")
_BLANKS = re.compile(r"[\t\v\f\r ]+")
_NON_BLANK_ASCII = re.compile(r"[^\t\n\v\f\r ]+")
_JSON_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_GAP = r"[ \t\r\n]*"
_JSON_STRINGS = re.compile(
    rf"\[{_GAP}(?:{_JSON_STRING.pattern}(?:{_GAP},{_GAP}{_JSON_STRING.pattern})*{_GAP})?\]{_GAP}"
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ArgumentError(Exception):
    """Arguments that BuildKit's parser refuses; `offset` is where in the joined text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@frozen
class Split:
    """The words of an instruction; `json` where they came in the JSON form."""

    words: tuple[Token, ...] = ()
    json: bool = False


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Shrink a range to leave out blanks at both ends."""
    while start < end and text[start] in GO_SPACE:
        start += 1
    while end > start and text[end - 1] in GO_SPACE:
        end -= 1
    return start, end


def split_keyword(text: str, start: int, end: int) -> tuple[Token, int]:
    """The keyword of a trimmed range and the offset after the blanks that follow it."""
    gap = _BLANKS.search(text, start, end)
    if gap is None:
        return Token(text[start:end], start, end), end
    return Token(text[start : gap.start()], start, gap.start()), gap.end()


def split_flags(text: str, start: int, end: int) -> tuple[tuple[Flag, ...], int]:
    """The flags at the start of a range and the offset where the arguments begin."""
    while start < end and text[start] in "\t\n\v\f\r ":
        start += 1
    if not text.startswith("--", start, end):
        return (), start
    chunk = text[start:end]
    if chunk.isascii():
        flags, rest = _scan_flags(chunk)
        return tuple(Flag(f.name, f.value, f.start + start, f.end + start) for f in flags), rest + start
    # BuildKit reads flags byte by byte, and takes each byte for a character.
    data = chunk.encode()
    flags, rest = _scan_flags(data.decode("latin-1"))

    def char(offset: int) -> int:
        return start + len(data[:offset].decode(errors="ignore"))

    return tuple(Flag(f.name, f.value, char(f.start), char(f.end)) for f in flags), char(rest)


def _scan_flags(text: str) -> tuple[list[Flag], int]:
    flags: list[Flag] = []
    pos, end = 0, len(text)
    blanks = "\t\n\v\f\r \x85\xa0"
    while pos < end:
        if text[pos] in blanks:
            pos += 1
            continue
        if not text.startswith("--", pos):
            return flags, pos
        start = pos
        word, pos = _flag_word(text, pos, blanks)
        if word == "--":
            return flags, pos
        name, equals, value = word[2:].partition("=")
        flags.append(Flag(name, value if equals else None, start, pos))
    return flags, end


def _flag_word(text: str, pos: int, blanks: str) -> tuple[str, int]:
    """One word with its quotes off; a backslash, whatever the escape character, takes the next character as
    is.
    """
    out: list[str] = []
    quote = ""
    while pos < len(text):
        char = text[pos]
        if not quote and char in blanks:
            break
        if char == "\\":
            pos += 1
            out.append(text[pos : pos + 1])
            if pos == len(text):
                break
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        else:
            out.append(char)
        pos += 1
    return "".join(out), pos


def whole(text: str, start: int, end: int, _escape: str) -> Split:
    """The arguments as one word: USER, WORKDIR, STOPSIGNAL, MAINTAINER."""
    return Split((Token(text[start:end], start, end),) if end > start else ())


def blank_separated(text: str, start: int, end: int, _escape: str) -> Split:
    """FROM and EXPOSE: words between blanks, quotes are ordinary characters."""
    return Split(tuple(Token(m[0], m.start(), m.end()) for m in _WORD.finditer(text, start, end)))


def json_or_whole(text: str, start: int, end: int, escape: str) -> Split:
    """RUN, CMD, ENTRYPOINT, SHELL."""
    return json_strings(text, start, end) or whole(text, start, end, escape)


def json_or_blank_separated(text: str, start: int, end: int, escape: str) -> Split:
    """ADD, COPY, VOLUME."""
    return json_strings(text, start, end) or blank_separated(text, start, end, escape)


def health(text: str, start: int, end: int, escape: str) -> Split:
    """HEALTHCHECK: its type, then as RUN."""
    kind = _NON_BLANK_ASCII.match(text, start, end)
    if kind is None:
        return Split()
    rest = kind.end()
    while rest < end and text[rest] in "\t\n\v\f\r ":
        rest += 1
    command = json_or_whole(text, rest, end, escape)
    return Split((Token(kind[0], kind.start(), kind.end()), *command.words), command.json)


def names_or_pairs(text: str, start: int, end: int, escape: str) -> Split:
    """ARG: words in which quotes and escapes protect blanks, and stay."""
    return Split(tuple(quoted_words(text, start, end, escape)))


def pairs(keyword: str) -> Callable[[str, int, int, str], Split]:
    """ENV and LABEL: `name=value` words, or the old `name value`; the result has names and values in turn."""

    def split(text: str, start: int, end: int, escape: str) -> Split:
        words = quoted_words(text, start, end, escape)
        if words and "=" not in words[0].text:
            gap = _BLANKS.search(text, start, end)
            if gap is None:
                raise ArgumentError(f"{keyword} must have two arguments", start)
            name = Token(text[start : gap.start()], start, gap.start())
            return Split((name, Token(text[gap.end() : end], gap.end(), end)))
        found: list[Token] = []
        for word in words:
            name_text, equals, value = word.text.partition("=")
            if not equals:
                message = (
                    f"Syntax error - can't find = in {quoted(word.text)}. Must be of the form: name=value"
                )
                raise ArgumentError(message, word.start)
            middle = word.start + len(name_text)
            found += (Token(name_text, word.start, middle), Token(value, middle + 1, word.end))
        return Split(tuple(found))

    return split


def quoted_words(text: str, start: int, end: int, escape: str) -> list[Token]:
    """Words that end at a blank outside quotes; an escape character at the very end is dropped."""
    words: list[Token] = []
    pos = start
    while True:
        while pos < end and text[pos] in GO_SPACE:
            pos += 1
        if pos >= end:
            return words
        begin, quote, dropped = pos, "", 0
        while pos < end and (quote or text[pos] not in GO_SPACE):
            char = text[pos]
            if char == escape and quote != "'":
                dropped = 1 if pos + 1 == end else 0
                pos += 1
            elif char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            pos += 1
        pos = min(pos, end)
        if pos - dropped > begin:
            words.append(Token(text[begin : pos - dropped], begin, pos - dropped))


def json_strings(text: str, start: int, end: int) -> Split | None:
    """The strings of a JSON array; None where the range is no valid JSON array (then it is in shell form).

    Raises ArgumentError where it is one that holds something other than strings.
    """
    while start < end and text[start] in GO_SPACE:
        start += 1
    if start == end or text[start] != "[":
        return None
    if _JSON_STRINGS.fullmatch(text, start, end):
        found = _JSON_STRING.finditer(text, start, end)
        return Split(tuple(Token(_json_string(m[0]), m.start(), m.end()) for m in found), json=True)
    if _is_json(text[start:end]):
        raise ArgumentError(NOT_STRINGS, start)
    return None


def _json_string(literal: str) -> str:
    if "\\" not in literal:
        return literal[1:-1]
    # Half of a surrogate pair on its own becomes the replacement character, as in Go.
    return _LONE_SURROGATE.sub("\ufffd", json.loads(literal))


def _is_json(text: str) -> bool:
    """Does Go's decoder accept it? Numbers must fit a float64, NaN and Infinity are no JSON."""
    try:
        json.loads(text.strip(" \t\r\n"), parse_int=_number, parse_float=_number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _refuse(text: str) -> float:
    raise ValueError(text)


SPLITTERS: dict[str, Callable[[str, int, int, str], Split]] = {
    "ADD": json_or_blank_separated,
    "ARG": names_or_pairs,
    "CMD": json_or_whole,
    "COPY": json_or_blank_separated,
    "ENTRYPOINT": json_or_whole,
    "ENV": pairs("ENV"),
    "EXPOSE": blank_separated,
    "FROM": blank_separated,
    "HEALTHCHECK": health,
    "LABEL": pairs("LABEL"),
    "MAINTAINER": whole,
    "RUN": json_or_whole,
    "SHELL": json_or_whole,
    "STOPSIGNAL": whole,
    "USER": whole,
    "VOLUME": json_or_blank_separated,
    "WORKDIR": whole,
}
"""How each instruction's arguments split; ONBUILD holds an instruction and is not here."""
