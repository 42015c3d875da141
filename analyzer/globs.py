"""The two pattern languages that a build context meets: Go's filepath.Match, and moby's on top of it.

Sources: the documentation of Go's path/filepath, the section on .dockerignore files in the Docker docs, and
moby's patternmatcher, whose rules are followed where the documentation is silent. Paths use `/` and are
relative to the context; characters are Unicode's, names that are no UTF-8 carry surrogate escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from analyzer.values import frozen

# After a backslash Go's regular expressions, into which moby turns a pattern, take these letters as classes
# and controls. Any other letter or digit there makes moby refuse the pattern.
_LETTERS = {
    **dict.fromkeys("dDwWbBAafnrtv"),
    "s": "[\\t\\n\\f\\r ]",
    "S": "[^\\t\\n\\f\\r ]",
    "z": "\\Z",
}


class BadPatternError(Exception):
    """A pattern that Go's filepath.Match or moby refuses."""


def clean(path: str) -> str:
    """The shortest equal path, textually: Go's filepath.Clean. An empty path is "."."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts and parts[-1] != "..":
                parts.pop()
            elif not rooted:
                parts.append("..")
        elif part not in ("", "."):
            parts.append(part)
    return ("/" if rooted else "") + "/".join(parts) or "."


def has_wildcard(pattern: str) -> bool:
    """Whether a COPY source is a pattern: an unescaped `*`, `?` or `[` in it."""
    return bool(re.search(r"[*?\[]", re.sub(r"\\.", "", pattern, flags=re.S)))


def match(pattern: str, name: str) -> bool:
    """Go's filepath.Match: `*` and `?` never match `/`, `[…]` and `[^…]` do. Raises BadPatternError."""
    return bool(_compiled(pattern).fullmatch(name))


def check(pattern: str) -> None:
    """Raise BadPatternError where Go's filepath.Match finds the syntax of a pattern wrong."""
    _compiled(pattern)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            text, at = _class(pattern, at)
            out.append(text)
            continue
        elif char == "\\":
            at += 1
            if at == len(pattern):
                raise BadPatternError(f"syntax error in pattern: {pattern}")
            out.append(re.escape(pattern[at]))
        else:
            out.append(re.escape(char))
        at += 1
    return re.compile("".join(out), re.S)


def _class(pattern: str, start: int, *, strict: bool = False) -> tuple[str, int]:
    """A `[…]` as a regular expression, and where it ends. A range such as `z-a` matches nothing for Go's
    filepath.Match and is refused by moby (`strict`)."""
    at = start + 1
    negated = pattern.startswith("^", at)
    at += negated
    items: list[str] = []
    while True:
        if pattern.startswith("]", at) and at > start + 1 + negated:
            break
        low, at = _class_character(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _class_character(pattern, at + 1)
        if low > high and strict:
            raise BadPatternError(f"syntax error in pattern: {pattern}")
        if low <= high:
            items.append(re.escape(low) + ("" if low == high else "-" + re.escape(high)))
    if not items:
        return ("(?s:.)" if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{''.join(items)}]", at + 1


def _class_character(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith("\\", at):
        at += 1
    elif pattern.startswith(("-", "]"), at):
        at = len(pattern)
    # What stands there must be followed by at least the closing bracket.
    if at + 1 >= len(pattern):
        raise BadPatternError(f"syntax error in pattern: {pattern}")
    return pattern[at], at + 1


@frozen
class Pattern:
    """One pattern of an ignore file or of `--exclude`, cleaned, without its `!`. Make it by `pattern_of`."""

    text: str
    exception: bool = False
    line: int = 0

    def matches(self, path: str) -> bool:
        """Whether the pattern matches this very path: a directory above it is the caller's matter."""
        return _matcher(self.text)(path)

    @property
    def prefix(self) -> str:
        """The pattern without `/**` or `/*` at its end."""
        return self.text.removesuffix("/**").removesuffix("/*")


def pattern_of(text: str, line: int = 0) -> Pattern:
    """Read one pattern, `!` in front allowed. Raises BadPatternError where moby refuses it."""
    text = clean(text.strip())
    exception = text.startswith("!")
    if text == "!":
        raise BadPatternError('illegal exclusion pattern: "!"')
    pattern = Pattern(text.removeprefix("!"), exception, line)
    check(pattern.text)
    _matcher(pattern.text)
    return pattern


class _Matcher:
    """How moby matches: by comparison where the pattern is plain or has only a `**` at one end, otherwise by
    a regular expression. The ways differ in what they take in, so which one is used matters: `**x` matches
    all that ends in x, `**x*` only x… as a whole component."""

    __slots__ = ("_regex", "_text", "_way")

    def __init__(self, text: str) -> None:
        self._text = text
        self._way = "exact"
        out: list[str] = []
        for piece, first, last in _pieces(text):
            if piece == "**":
                if not last:
                    out.append("(?:.*/)?")
                    self._way = "regex"
                elif self._way == "exact":
                    self._way = "prefix"
                else:
                    out.append(".*")
                    self._way = "regex"
                if first:
                    self._way = "suffix"
            elif piece == "*":
                out.append("[^/]*")
                self._way = "regex"
            elif piece == "?":
                out.append("[^/]")
                self._way = "regex"
            elif piece[0] == "[" or piece == "]":
                out.append(_class(piece, 0, strict=True)[0] if piece[0] == "[" else "\\]")
                self._way = "regex"
            elif piece[0] == "\\" and len(piece) > 1:
                out.append(_escape(piece, text))
                self._way = "regex"
            else:
                # An unescaped `^` is an anchor in the middle of the expression: nothing matches then.
                out.append("^" if piece == "^" else re.escape(piece))
        self._regex = re.compile("".join(out)) if self._way == "regex" else None

    def __call__(self, path: str) -> bool:
        if self._regex is not None:
            return bool(self._regex.fullmatch(path))
        if self._way == "exact":
            return path == self._text
        if self._way == "prefix":
            return path.startswith(self._text.removesuffix("**"))
        suffix = self._text.removeprefix("**")
        return path.endswith(suffix) or (suffix.startswith("/") and path == suffix[1:])


def _pieces(text: str) -> Iterator[tuple[str, bool, bool]]:
    """The units of a pattern, each with whether it is the first and the last. `**/` counts as `**`."""
    at = 0
    while at < len(text):
        start = at
        if text.startswith("**", at):
            at += 3 if text.startswith("**/", at) else 2
            yield "**", start == 0, at >= len(text)
            continue
        if text[at] == "[":
            at = _class(text, at)[1]
        elif text[at] == "\\":
            at = min(at + 2, len(text))
        else:
            at += 1
        yield text[start:at], start == 0, at >= len(text)


def _escape(piece: str, pattern: str) -> str:
    char = piece[1]
    if char in _LETTERS:
        return _LETTERS[char] or piece
    if char.isascii() and char.isalnum():
        raise BadPatternError(f"syntax error in pattern: {pattern}")
    return re.escape(char)


@lru_cache(maxsize=4096)
def _matcher(text: str) -> _Matcher:
    return _Matcher(text)


class Matching:
    """Ordered patterns over a tree that is walked from the top: the last pattern that matches decides, and
    what a pattern did to a directory holds for all below it.

    `results` of a directory go into the call for what is in it. A pattern is left out where it could change
    nothing, so an exception that stands before the pattern it would undo is not remembered for the entries
    below: that is how the builder walks, and it differs from matching each path alone.
    """

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self.patterns = patterns
        self._skips = all(not re.search(r"[*\[\]?^\\]", each.prefix) for each in patterns if each.exception)

    def matched(self, path: str, above: tuple[bool, ...] | None = None) -> tuple[bool, tuple[bool, ...]]:
        """Whether the patterns match `path`, and the results for its entries. `above` are those of its
        directory; None for what lies at the top."""
        result = False
        found: list[bool] = []
        for index, pattern in enumerate(self.patterns):
            hit = above[index] if above else False
            if not hit and pattern.exception == result:
                hit = pattern.matches(path)
            found.append(hit)
            if hit:
                result = not pattern.exception
        return result, tuple(found)

    def whole(self, directory: str) -> bool:
        """Whether a matched directory is left without a look inside: no exception can lead below it."""
        return self._skips and not any(
            f"{each.prefix}/".startswith(f"{directory}/") for each in self.patterns if each.exception
        )

    def covers(self, path: str) -> bool:
        """Whether a walk to this one path finds it matched."""
        above: tuple[bool, ...] | None = None
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            here = "/".join(parts[:depth])
            result, above = self.matched(here, above)
            if result and depth < len(parts) and self.whole(here):
                return True
        return result
