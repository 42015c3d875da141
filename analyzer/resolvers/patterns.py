"""Patterns over an image's paths, as .gitignore writes them (gitignore(5)), rooted at the image's root."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.filesystem import Filesystem, parent_of


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern. `negated` takes back what an earlier one took in; `directories` matches only those."""

    text: str
    shape: re.Pattern[str]
    negated: bool = False
    directories: bool = False

    def matches(self, path: str, *, directory: bool) -> bool:
        return (directory or not self.directories) and self.shape.fullmatch(path) is not None


def compile_pattern(text: str) -> Pattern:
    """A slash at the start or inside anchors it at the root; without one it matches a name at any depth. `*`
    and `?` stay within a name, `**` does not; `[…]` is a class, `!` in front negates, a backslash escapes."""
    rest = text
    negated = rest.startswith("!")
    if negated:
        rest = rest[1:]
    directories = rest.endswith("/") and not rest.endswith("\\/")
    rest = rest.rstrip("/")
    anchored = "/" in rest
    body = _translate(rest.removeprefix("/"))
    return Pattern(
        text, re.compile(f"/{body}" if anchored else f"(?:/.*)?/{body}", re.DOTALL), negated, directories
    )


def _translate(text: str) -> str:
    result = ""
    at = 0
    while at < len(text):
        if text.startswith("**/", at) and (at == 0 or text[at - 1] == "/"):
            result += "(?:.*/)?"
            at += 3
        elif text.startswith("**", at) and at + 2 == len(text) and (at == 0 or text[at - 1] == "/"):
            result += ".*"
            at += 2
        elif text[at] == "*":
            result += "[^/]*"
            at += 1
        elif text[at] == "?":
            result += "[^/]"
            at += 1
        elif text[at] == "[" and (end := text.find("]", at + 2)) > 0:
            inner = text[at + 1 : end].replace("\\", "\\\\")
            result += f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
            at = end + 1
        else:
            if text[at] == "\\" and at + 1 < len(text):
                at += 1
            result += re.escape(text[at])
            at += 1
    return result


class Matcher:
    """A list of patterns; the last that matches decides, and what is in a matched directory is matched."""

    def __init__(self, fs: Filesystem, patterns: Sequence[str]) -> None:
        self._fs = fs
        self._patterns = [compile_pattern(text) for text in patterns]
        self._known: dict[str, bool] = {"/": False}

    def __call__(self, path: str) -> bool:
        if not self._patterns:
            return False
        if path not in self._known:
            self._known[path] = self(parent_of(path)) or self._decide(path)
        return self._known[path]

    def _decide(self, path: str) -> bool:
        entry = self._fs.get(path)
        directory = entry is not None and entry.kind == "dir"
        decided = False
        for pattern in self._patterns:
            if pattern.matches(path, directory=directory):
                decided = not pattern.negated
        return decided


def unmatched(fs: Filesystem, patterns: Sequence[str]) -> list[str]:
    """Patterns that match no path of the image."""
    return [
        text
        for text, pattern in ((text, compile_pattern(text)) for text in patterns)
        if not any(pattern.matches(entry.path, directory=entry.kind == "dir") for entry in fs)
    ]
