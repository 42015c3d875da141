""".gitignore files as git reads them: which paths of a tree are left out.

Source: the manual page gitignore(5). The nearest file decides first, in each file the last pattern that
matches; nothing below a folder that is left out comes back.
"""

from __future__ import annotations

import re
from pathlib import Path

from analyzer.values import frozen


@frozen
class Pattern:
    """One line: does it match a path relative to its file's folder, and what does that mean."""

    regex: re.Pattern[str]
    keep: bool
    folders_only: bool


@frozen
class GitIgnore:
    """The patterns of one .gitignore and the folder that it stands in."""

    folder: Path
    patterns: tuple[Pattern, ...]

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """True: left out, False: kept, None: no pattern speaks of it. `path` lies below the folder."""
        relative = path.relative_to(self.folder).as_posix()
        for pattern in reversed(self.patterns):
            if (is_folder or not pattern.folders_only) and pattern.regex.fullmatch(relative):
                return not pattern.keep
        return None


def read(file: Path) -> GitIgnore | None:
    """Read a .gitignore; None where there is none or it cannot be read."""
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return None
    patterns = tuple(pattern for line in text.splitlines() if (pattern := _pattern(line)) is not None)
    return GitIgnore(file.parent, patterns) if patterns else None


def ignored(path: Path, files: list[GitIgnore], *, is_folder: bool) -> bool:
    """Is a path left out? `files` are those of its folder and the folders above, outermost first."""
    for each in reversed(files):
        verdict = each.verdict(path, is_folder=is_folder)
        if verdict is not None:
            return verdict
    return False


def above(folder: Path) -> list[GitIgnore]:
    """The files that hold for a folder, from the root of its git repository down to it, outermost first."""
    found: list[GitIgnore] = []
    for each in (folder, *folder.parents):
        read_here = read(each / ".gitignore")
        if read_here is not None:
            found.append(read_here)
        if (each / ".git").exists():
            return found[::-1]
    # No repository: only the folder's own file speaks for it.
    return [each for each in found if each.folder == folder]


def _pattern(line: str) -> Pattern | None:
    text = line.rstrip("\r")
    # A blank at the end counts only behind a backslash.
    while text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#"):
        return None
    keep = text.startswith("!")
    text = text[1:] if keep else text
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anchored = "/" in text
    text = text.removeprefix("/")
    body = _regex(text)
    return Pattern(re.compile(body if anchored else f"(?:.*/)?{body}", re.DOTALL), keep, folders_only)


def _regex(text: str) -> str:
    out: list[str] = []
    index = 0
    while index < len(text):
        if text.startswith("**/", index) and (index == 0 or text[index - 1] == "/"):
            out.append("(?:.*/)?")
            index += 3
        elif text.startswith("/**", index) and index + 3 == len(text):
            out.append("/.+")
            index += 3
        else:
            piece, index = _piece(text, index)
            out.append(piece)
    return "".join(out)


def _piece(text: str, index: int) -> tuple[str, int]:
    """The next character, wildcard or bracket of a pattern as a regular expression."""
    char = text[index]
    if char == "*":
        while text.startswith("*", index):
            index += 1
        return "[^/]*", index
    if char == "?":
        return "[^/]", index + 1
    if char == "[":
        end = text.find("]", index + 2)
        if end > 0:
            inside = text[index + 1 : end].replace("\\", "\\\\")
            inside = "^" + inside[1:] if inside.startswith("!") else inside
            return f"(?!/)[{inside}]", end + 1
    if char == "\\" and index + 1 < len(text):
        return re.escape(text[index + 1]), index + 2
    return re.escape(char), index + 1
