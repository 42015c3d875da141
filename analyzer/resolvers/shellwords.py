"""What the words of a script come to in an image: values, paths that are there, places where it writes."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analyzer.filesystem import normalise, parent_of
from analyzer.resolvers.commands import search_path
from analyzer.resolvers.hierarchy import SHARED_DIRECTORIES
from analyzer.resolvers.interface import View
from analyzer.resolvers.needs import TRIPLETS

# Expansions of one word that are followed, and matches of one pattern.
_VALUES = 16
_MATCHES = 200

# Stands for text that only a run knows; no path of an image has it.
_UNKNOWN = "\0"

_ARGUMENTS = re.compile(r"[@*#\d]+$")


class Words:
    """Expands the words of one script (see shellfacts.py) with what it sets and what the image's
    configuration sets. Relative names are seen from the working directory, from where the script goes, and
    from its own directory."""

    def __init__(self, view: View, facts: Mapping[str, Any], directory: str) -> None:
        self._view = view
        self._set: Mapping[str, Any] = facts.get("set", {})
        self._directory = directory
        self._environment = dict(view.config.env)
        self.directories = [view.config.workdir or "/"]
        for call, _ in facts.get("calls", ()):
            if call[0] == ["cd"] and len(call) > 1:
                for value in self.values(call[1]):
                    if value.startswith("/") and value not in self.directories:
                        self.directories.append(normalise(value))
        self.search = search_path(view.config)
        for template in self._set.get("PATH", ()):
            for value in self._expand(template, 0):
                for folder in value.split(":"):
                    if folder.startswith("/") and _UNKNOWN not in folder and folder not in self.search:
                        self.search.append(folder)

    def is_argument(self, template: Sequence[Any]) -> bool:
        """Whether a word is made of what the script is called with: its callers name that."""
        names = [part[1] for part in template if not isinstance(part, str) and part[0] == "v"]
        return bool(names) and all(_ARGUMENTS.match(name) for name in names)

    def values(self, template: Sequence[Any]) -> list[str]:
        """What a word may be, as far as the text says it wholly."""
        return [value for value in self._expand(template, 0) if value and _UNKNOWN not in value]

    def paths(self, template: Sequence[Any]) -> list[str]:
        """Paths of the image that a word may mean. What is unknown in it stands for any part of a name, but
        only below a directory that somebody owns."""
        found: list[str] = []
        pattern = ["*"] in template
        for value in self._expand(template, 0):
            if value.startswith("/"):
                found += self._absolute(value, pattern)
            elif value and _UNKNOWN not in value and not pattern and not value.startswith("-"):
                for directory in self.directories:
                    entry = self._view.fs.lookup(f"{directory}/{value}")
                    if entry is not None and entry.kind == "file":
                        found.append(f"{directory}/{value}")
        return found

    def beside(self, template: Sequence[Any]) -> list[str]:
        """Files beside the script, for words whose directory only a run knows: scripts work out their own in
        many ways."""
        if self._directory == "/":
            return []
        tails = (value.lstrip(_UNKNOWN) for value in self._expand(template, 0) if value.startswith(_UNKNOWN))
        found = (self._directory + tail for tail in tails if tail.startswith("/") and _UNKNOWN not in tail)
        entries = ((path, self._view.fs.lookup(path)) for path in found)
        return [path for path, entry in entries if entry is not None and entry.kind == "file"]

    def places(self, template: Sequence[Any]) -> list[str]:
        """For absolute paths that the image lacks, the nearest directory above that it has."""
        found = []
        for value in self._expand(template, 0):
            path = normalise(value.partition(_UNKNOWN)[0] + ("x" if _UNKNOWN in value else ""))
            if not value.startswith("/") or not self._view.fs.resolve(path).missing:
                continue
            while path != "/" and self._view.fs.resolve(path).missing:
                path = parent_of(path)
            if path != "/":
                found.append(path)
        return found

    def _absolute(self, value: str, pattern: bool) -> Iterator[str]:
        path = normalise(value)
        if _UNKNOWN in path:
            constant = re.split(rf"[{_UNKNOWN}*?\[]", path)[0]
            if self._is_shared(parent_of(constant + "x")):
                return
            path, pattern = re.sub(f"{_UNKNOWN}+", "*", path), True
        if pattern and re.search(r"[*?\[]", path):
            for number, match in enumerate(self._glob("", path.split("/")[1:])):
                if number < _MATCHES:
                    yield match
        elif path != "/" and not self._view.fs.resolve(path, follow=False).missing:
            yield path

    def _is_shared(self, directory: str) -> bool:
        """Whether many packages put their files there; the C library's directories are such as well."""
        real = self._view.fs.resolve(directory).path
        return not SHARED_DIRECTORIES.isdisjoint((directory, real)) or real.endswith(TRIPLETS)

    def _glob(self, base: str, names: Sequence[str]) -> Iterator[str]:
        """Matches of a pattern, one name at a time, links followed on the way; dotfiles only where named."""
        if not names:
            if base and not self._view.fs.resolve(base, follow=False).missing:
                yield base
            return
        name, *rest = names
        if not re.search(r"[*?\[]", name):
            yield from self._glob(f"{base}/{name}", rest)
            return
        for child in self._view.fs.names(self._view.fs.resolve(base or "/").path):
            if fnmatch.fnmatchcase(child, name) and (name.startswith(".") or not child.startswith(".")):
                yield from self._glob(f"{base}/{child}", rest)

    def _expand(self, template: Sequence[Any], depth: int) -> list[str]:
        values = [""]
        for part in template:
            if isinstance(part, str):
                choices = [part]
            elif part[0] == "d":
                choices = [self._directory]
            elif part[0] == "v":
                choices = self._variable(part[1], part[2], depth)
            elif part[0] == "*":
                continue
            else:
                choices = [_UNKNOWN]
            values = [value + choice for value in values for choice in choices][:_VALUES]
        return values

    def _variable(self, name: str, default: str, depth: int) -> list[str]:
        found = [self._environment[name]] if name in self._environment else []
        if depth < 4:
            for template in self._set.get(name, ()):
                found += self._expand(template, depth + 1)
        if default:
            found.append(default)
        return list(dict.fromkeys(found)) or [_UNKNOWN]
