"""Word expansion as BuildKit's shell lexer does it: quotes, escapes, `$X`, `${X:-word}` and the rest.

Source: "Environment replacement" in the Dockerfile reference, and the behaviour of BuildKit's lexer, which
has rules of its own: an undefined name is the empty string, `$$` names the (never set) special parameter
`$`, a backslash inside double quotes escapes only `"`, `$` and itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from analyzer.dockerfile.goquote import quoted
from analyzer.dockerfile.patterns import WordError, cut_prefix, cut_suffix, replace
from analyzer.values import frozen

__all__ = [
    "GO_SPACE",
    "Expansion",
    "Lexing",
    "Reference",
    "WordError",
    "expand",
    "expand_body",
    "lex",
]

# What Go's unicode.IsSpace takes for a blank; str.isspace() also takes the separators U+001C to U+001F.
GO_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
# Go recurses as deep as it likes; nobody nests this deep.
MAX_NESTING = 50
SPECIAL_PARAMETERS = frozenset("@*#?-$!0")

_NO_SPECIALS = re.compile(r"[$'\"\\`]")


@frozen
class Reference:
    """A name that a word asks for; offsets into the word, from the dollar sign to the reference's end."""

    name: str
    start: int
    end: int
    defined: bool


@frozen
class Expansion:
    """A word after expansion: as one string, as the words that it splits into, and what it asked for.

    As in BuildKit, a name with a default (`${X:-word}`) counts as undefined too where it is not set.
    """

    text: str
    words: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def used(self) -> frozenset[str]:
        return frozenset(each.name for each in self.references if each.defined)

    @property
    def undefined(self) -> frozenset[str]:
        return frozenset(each.name for each in self.references if not each.defined)


@frozen
class Lexing:
    """How to read a word. The defaults are those of an ordinary instruction.

    escape: the file's escape character. raw_quotes, raw_escapes: leave quotes or escapes in the result.
    skip_quotes: quotes are ordinary characters (heredoc bodies). keep_undefined: an unknown name stays.
    """

    escape: str = "\\"
    raw_quotes: bool = False
    raw_escapes: bool = False
    skip_quotes: bool = False
    keep_undefined: bool = False


def expand(word: str, env: Mapping[str, str], escape: str = "\\") -> Expansion:
    """Expand one word of an instruction (BuildKit: ProcessWord, ProcessWords). Raises WordError."""
    if not _NO_SPECIALS.search(word):
        return Expansion(word, tuple(_split(word)))
    return lex(word, env, Lexing(escape))


def expand_body(body: str, env: Mapping[str, str]) -> Expansion:
    """Expand the body of an unquoted COPY or ADD heredoc: quotes stay, a backslash escapes."""
    return lex(body, env, Lexing(skip_quotes=True))


def lex(word: str, env: Mapping[str, str], lexing: Lexing) -> Expansion:
    """Run the lexer with any of its settings. Raises WordError."""
    run = _Run(word, env, lexing)
    try:
        text, words = run.until("", lexing.raw_escapes)
    except WordError as error:
        raise WordError(f"failed to process {quoted(word)}: {error}") from None
    return Expansion(text, tuple(words), tuple(run.references))


def _split(text: str) -> list[str]:
    splitter = _Splitter()
    splitter.add(text)
    return splitter.finish()


class _Splitter:
    """Collects the words of ProcessWords: blanks split only where they are not quoted or escaped."""

    __slots__ = ("_inside", "_parts", "_words")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._words: list[str] = []
        self._inside = False

    def add(self, text: str) -> None:
        for char in text:
            if char not in GO_SPACE:
                self._parts.append(char)
                self._inside = True
            elif self._inside and any(self._parts):
                self._words.append("".join(self._parts))
                self._parts.clear()
                self._inside = False

    def add_raw(self, text: str) -> None:
        self._parts.append(text)
        self._inside = True

    def finish(self) -> list[str]:
        if any(self._parts):
            self._words.append("".join(self._parts))
        return self._words


class _Run:
    """One pass over one word."""

    __slots__ = ("env", "lexing", "nesting", "pos", "raw_escapes", "references", "source")

    def __init__(self, source: str, env: Mapping[str, str], lexing: Lexing) -> None:
        self.source = source
        self.pos = 0
        self.nesting = 0
        self.env = env
        self.lexing = lexing
        self.raw_escapes = lexing.raw_escapes
        self.references: list[Reference] = []

    def peek(self) -> str:
        """The next character, or an empty string at the end."""
        return self.source[self.pos : self.pos + 1]

    def next(self) -> str:
        char = self.source[self.pos : self.pos + 1]
        self.pos += 1 if char else 0
        return char

    def until(self, stop: str, raw_escapes: bool) -> tuple[str, list[str]]:
        """Read up to `stop` (taken, not returned) or, when `stop` is empty, to the end."""
        before, self.raw_escapes = self.raw_escapes, raw_escapes
        try:
            return self._until(stop)
        finally:
            self.raw_escapes = before

    def _until(self, stop: str) -> tuple[str, list[str]]:
        out: list[str] = []
        words = _Splitter()
        while char := self.peek():
            if char == stop:
                self.pos += 1
                return "".join(out), words.finish()
            if char == "$":
                part = self._dollar()
                words.add(part)
            elif char == "<":
                part = self._possible_heredoc()
                words.add_raw(part)
            elif char in "'\"" and not self.lexing.skip_quotes:
                part = self._single() if char == "'" else self._double()
                words.add_raw(part)
            else:
                self.pos += 1
                part = char
                if char == self.lexing.escape:
                    kept = char if self.raw_escapes else ""
                    part = kept + self.next()
                    words.add_raw(part)
                else:
                    words.add(char)
            out.append(part)
        if stop:
            raise WordError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(out), words.finish()

    def _possible_heredoc(self) -> str:
        # Blanks between `<<` and its delimiter do not split the word.
        self.pos += 1
        if self.peek() != "<":
            return "<"
        start = self.pos - 1
        self.pos += 1
        while self.peek() and self.peek() in GO_SPACE:
            self.pos += 1
        return self.source[start : self.pos]

    def _single(self) -> str:
        start = self.pos
        end = self.source.find("'", start + 1)
        if end < 0:
            self.pos = len(self.source)
            raise WordError("unexpected end of statement while looking for matching single-quote")
        self.pos = end + 1
        return self.source[start : end + 1] if self.lexing.raw_quotes else self.source[start + 1 : end]

    def _double(self) -> str:
        quote = '"' if self.lexing.raw_quotes else ""
        out = [quote]
        self.pos += 1
        while char := self.peek():
            if char == '"':
                self.pos += 1
                out.append(quote)
                return "".join(out)
            if char == "$":
                out.append(self._dollar())
                continue
            self.pos += 1
            if char == self.lexing.escape:
                if self.raw_escapes:
                    out.append(char)
                following = self.peek()
                if not following:
                    continue
                if following in ('"', "$", self.lexing.escape):
                    self.pos += 1
                    char = following
            out.append(char)
        raise WordError("unexpected end of statement while looking for matching double-quote")

    def _dollar(self) -> str:
        start = self.pos
        self.pos += 1
        if self.peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._lookup(name, start)
            return f"${name}" if value is None and self.lexing.keep_undefined else value or ""
        self.pos += 1
        following = self.peek()
        if not following:
            raise WordError("syntax error: missing '}'")
        if following in "{}:":
            raise WordError("syntax error: bad substitution")
        return self._braces(self._name(), start)

    def _braces(self, name: str, start: int) -> str:
        operator = self.next()
        if operator == "}":
            value = self._lookup(name, start)
            return f"${{{name}}}" if value is None and self.lexing.keep_undefined else value or ""
        if operator == "/":
            return self._replace(name, start)
        # Go shows the end of the text as the replacement character.
        written = operator or "\ufffd"
        if operator == ":":
            operator = self.next()
            written += operator
        elif not operator or operator not in "+-?#%":
            raise WordError(f"unsupported modifier ({written}) in substitution")
        word = self._operand("}", raw_escapes=operator in ("#", "%"), missing="syntax error: missing '}'")
        value = self._lookup(name, start)
        if value is None and self.lexing.keep_undefined:
            return f"${{{name}{written}{word}}}"
        return _modify(name, value, written, word)

    def _replace(self, name: str, start: int) -> str:
        every = self.peek() == "/"
        self.pos += 1 if every else 0
        pattern = self._operand("/", raw_escapes=True, missing="syntax error: missing '/' in ${}")
        replacement = self._operand("}", raw_escapes=True, missing="syntax error: missing '}'")
        value = self._lookup(name, start)
        if value is None and self.lexing.keep_undefined:
            return f"${{{name}/{pattern}/{replacement}}}"
        return replace(value or "", pattern, replacement, every=every)

    def _operand(self, stop: str, *, raw_escapes: bool, missing: str) -> str:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise WordError(f"more than {MAX_NESTING} substitutions inside each other")
        try:
            return self.until(stop, raw_escapes)[0]
        except WordError:
            if not self.peek():
                raise WordError(missing) from None
            raise
        finally:
            self.nesting -= 1

    def _name(self) -> str:
        source, start = self.source, self.pos
        first = self.peek()
        end = start
        if first.isdecimal():
            while source[end : end + 1].isdecimal():
                end += 1
        elif first in SPECIAL_PARAMETERS and first:
            end += 1
        else:
            while (char := source[end : end + 1]) and (char.isalpha() or char.isdecimal() or char == "_"):
                end += 1
        self.pos = end
        return source[start:end]

    def _lookup(self, name: str, start: int) -> str | None:
        value = self.env.get(name)
        self.references.append(Reference(name, start, self.pos, value is not None))
        return value


def _modify(name: str, value: str | None, written: str, word: str) -> str:
    """Apply `${name<written>word}`; `written` is the operator, with the colon if there is one."""
    operator = written[-1:]
    missing = value is None or (written[0] == ":" and value == "")
    if operator == "-":
        return word if missing else value or ""
    if operator == "+":
        return "" if missing else word
    if operator == "?":
        if missing:
            state = "unset" if value is None else "empty"
            raise WordError(f"{name}: {word or f'is not allowed to be {state}'}")
        return value or ""
    if operator not in ("#", "%"):
        raise WordError(f"unsupported modifier ({written}) in substitution")
    greedy = word.startswith(operator)
    pattern = word[1:] if greedy else word
    cut = cut_prefix if operator == "#" else cut_suffix
    return cut(value or "", pattern, greedy=greedy)
