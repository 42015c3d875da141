"""Shell patterns in `${X#pattern}`, `${X%pattern}` and `${X/pattern/word}`, as BuildKit matches them.

`*` is any run and `?` any one character, neither takes a line end; there are no brackets; a backslash makes
the next `*`, `?` or backslash ordinary. Matching keeps the set of positions that a prefix of the pattern
can reach as the bits of one number, so that no pattern is slow.
"""

from __future__ import annotations

import re

_TEMPLATE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


class WordError(Exception):
    """A word that BuildKit refuses to expand; the message is BuildKit's own wording."""


def cut_prefix(value: str, pattern: str, *, greedy: bool) -> str:
    """`${X#pattern}`, `${X##pattern}`: the value without its shortest or longest prefix that matches."""
    ends = _Text(value).ends(_units(pattern), 1)
    return value[_pick(ends, greedy) :] if ends else value


def cut_suffix(value: str, pattern: str, *, greedy: bool) -> str:
    """`${X%pattern}`, `${X%%pattern}`: the value without its shortest or longest suffix that matches."""
    # BuildKit turns value and pattern round; a fault names the pattern turned round.
    units = _units(_reversed(pattern))
    ends = _Text(value[::-1]).ends(units, 1)
    return value[: len(value) - _pick(ends, greedy)] if ends else value


def replace(value: str, pattern: str, replacement: str, *, every: bool) -> str:
    """`${X/pattern/word}`: the leftmost, longest match replaced; with `//` every match.

    BuildKit reads the word of the second form as a template: `$0` is the match, any other `$name` is empty.
    """
    units = _units(pattern)
    text, back = _Text(value), _Text(value[::-1])
    # The places where a match starts are those that the pattern reaches backwards from anywhere.
    starts = back.ends(list(reversed(units)), (1 << len(value) + 1) - 1)
    out: list[str] = []
    copied, at, last_end = 0, 0, -1
    while at <= len(value):
        start = _next_start(starts, len(value), at)
        if start is None:
            break
        end = _pick(text.ends(units, 1 << start), True)
        # An empty match right after another match does not count.
        if end > start or start != last_end:
            out += (value[copied:start], _filled(replacement, value[start:end]) if every else replacement)
            copied = last_end = end
            if not every:
                break
        at = end if end > start else start + 1
    out.append(value[copied:])
    return "".join(out)


def _next_start(starts: int, length: int, at: int) -> int | None:
    """The smallest match start at or after a position; bit n of `starts` stands for position length - n."""
    below = starts & ((1 << length - at + 1) - 1)
    return length - (below.bit_length() - 1) if below else None


def _pick(ends: int, greedy: bool) -> int:
    return ends.bit_length() - 1 if greedy else (ends & -ends).bit_length() - 1


def _filled(template: str, match: str) -> str:
    def part(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return match if (found[1] or found[2]).strip("0") == "" else ""

    return _TEMPLATE.sub(part, template)


class _Text:
    """A value with the places of each of its characters as bits."""

    def __init__(self, value: str) -> None:
        self.value = value
        self._places: dict[str, int] = {}
        self._any = (1 << len(value)) - 1
        self._breaks = [index for index, char in enumerate(value) if char == "\n"]
        for index in self._breaks:
            self._any &= ~(1 << index)

    def ends(self, units: list[str], starts: int) -> int:
        """The positions that the pattern reaches from `starts`, both as bits."""
        reached = starts
        for unit in units:
            if not reached:
                return 0
            if unit == "*":
                reached = self._run(reached)
            elif unit == "?":
                reached = (reached & self._any) << 1
            else:
                reached = (reached & self._at(unit[-1])) << 1
        return reached

    def _at(self, char: str) -> int:
        places = self._places.get(char)
        if places is None:
            bits = "".join("1" if each == char else "0" for each in reversed(self.value))
            places = self._places[char] = int(bits or "0", 2)
        return places

    def _run(self, reached: int) -> int:
        """Every position that any run of characters without a line end reaches."""
        found, start = 0, 0
        for stop in (*self._breaks, len(self.value)):
            line = ((1 << stop - start + 1) - 1) << start
            inside = reached & line
            if inside:
                lowest = inside & -inside
                found |= line & ~(lowest - 1)
            start = stop + 1
        return found


def _units(pattern: str) -> list[str]:
    """A pattern as `*`, `?` and characters; an escaped character keeps its backslash in front."""
    units: list[str] = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char in "*?":
            units.append(char)
        elif char != "\\":
            units.append("\\" + char)
        elif pattern[index : index + 1] in ("}", "/"):
            # These end the pattern; the escape in front of them is not part of it.
            continue
        else:
            following = pattern[index : index + 1]
            if following not in ("*", "?", "\\"):
                message = f"invalid pattern ({pattern}) in substitution: invalid escape '\\{following}'"
                raise WordError(message)
            units.append("\\" + following)
            index += 1
    return units


def _reversed(pattern: str) -> str:
    """A pattern turned round, each escape still in front of the character that it escapes."""
    return "".join(reversed(re.findall(r"\\.|.", pattern, re.DOTALL)))
