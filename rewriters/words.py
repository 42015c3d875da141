"""The words of a keep-list: what one takes in on an image, and the patterns that versioned names become."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Literal

from analyzer.filesystem import Filesystem, join, name_of, parent_of

# keep: this one entry; module: a Python module with its cached bytecode; tree: this directory with all below
# it; maybe: this entry, which may be absent; drop and drop_module: take this away again.
Verb = Literal["keep", "module", "tree", "maybe", "drop", "drop_module"]

AWAY: tuple[Verb, ...] = ("drop", "drop_module")

# Where machines differ: amd64 looks for its loader in lib64, others have it beside the libraries.
LOADERS = "ld-linux*.so.*"


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """One word of the list: with `pattern`, its last component is one, in `*` and `?`."""

    path: str
    verb: Verb
    pattern: bool = False


def versionless(name: str) -> str | None:
    """A pattern for a name that carries a version, or None. Never begins with `*`; the ABI part stays."""
    if "*" in name or "?" in name:
        return None
    if re.fullmatch(r"ld-linux[\w-]*\.so\.\d", name):
        return LOADERS
    if found := re.fullmatch(r"(.+\.so\.\d+)((?:\.[\w.]+)?)", name):
        return f"{found[1]}*" if found[2] else None
    if found := re.fullmatch(r"([A-Za-z0-9_.]+)-\d[\w.+!]*((?:-py\d\.\d+)?\.(?:dist-info|egg-info))", name):
        return f"{found[1]}-*{found[2]}"
    if found := re.fullmatch(r"([A-Za-z][\w-]*)-(\d+)(?:\.\d+)+((?:\.gemspec|\.jar)?)", name):
        return f"{found[1]}-{found[2]}.*{found[3]}"
    return None


def matches(pattern: str, name: str) -> bool:
    """As the shell matches a word in which only `*` and `?` are special: a leading dot needs a dot."""
    if name.startswith(".") and not pattern.startswith("."):
        return False
    regex = "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern)
    return re.fullmatch(regex, name, re.DOTALL) is not None


def expand_word(fs: Filesystem, word: Word) -> list[str]:
    """The entries that a word names on an image, without what lies below them."""
    if word.pattern:
        directory, pattern = parent_of(word.path), name_of(word.path)
        return [path for path in fs.children(directory) if matches(pattern, name_of(path))]
    if word.path not in fs:
        return []
    return [word.path, *(bytecode(fs, word.path) if word.verb in ("module", "drop_module") else ())]


def bytecode(fs: Filesystem, path: str) -> list[str]:
    """The cached bytecode of a Python module: `__pycache__/NAME.*.pyc` beside `NAME.py`."""
    directory, name = parent_of(path), name_of(path)
    if not name.endswith(".py") or directory == "/" or not re.fullmatch(r"\w+", name[:-3]):
        return []
    cache, begin = join(directory, "__pycache__"), name[:-2]
    names = fs.names(cache)
    # They are sorted: a large library has a thousand of them, and is asked for each of its modules.
    first = bisect_left(names, begin)
    mine = takewhile(lambda other: other.startswith(begin), islice(names, first, None))
    return [join(cache, other) for other in mine if other.endswith(".pyc") and other != f"{begin}pyc"]


def with_bytecode(fs: Filesystem, words: Iterable[Word]) -> list[Word]:
    """The same words, a module and all of its bytecode as one. The order stays."""
    listed = list(words)
    known = set(listed)
    said: dict[str, Word] = {}
    spared: set[Word] = set()
    for word in listed:
        if word.verb not in ("keep", "drop") or word.pattern:
            continue
        cached = {Word(path, word.verb) for path in bytecode(fs, word.path)}
        if cached and cached <= known:
            said[word.path] = Word(word.path, "module" if word.verb == "keep" else "drop_module")
            spared |= cached
    return [said.get(word.path, word) for word in listed if word not in spared]
