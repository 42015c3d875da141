"""What a build context holds once the ignore file has spoken, and what of it a COPY or ADD takes.

Sources: "Build context" and ".dockerignore files" in the Docker docs, COPY and ADD in the Dockerfile
reference, and BuildKit's walk and copy where these are silent. Paths are relative to the context, with `/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename
from posixpath import join as joined
from typing import Literal

from analyzer.globs import BadPatternError, Matching, clean, has_wildcard, match, pattern_of
from analyzer.ignorefile import IgnoreFile

Kind = Literal["file", "dir", "link"]

# A COPY source that is no path of the context (ADD): a URL, a Git repository.
_REMOTE = re.compile(r"^(?:https?|git|ssh)://|^git@|^github\.com/")
# As many links as BuildKit's resolver follows on one way.
_MAX_LINKS = 255


@dataclass(frozen=True, slots=True)
class Context:
    """The entries that are sent: path to kind, sorted. `targets` says where links lead, as written."""

    entries: Mapping[str, Kind]
    targets: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """Files and links."""
        return tuple(path for path, kind in self.entries.items() if kind != "dir")

    def below(self, directory: str) -> Iterator[str]:
        """Every entry below a directory; the root is ""."""
        prefix = f"{directory}/" if directory else ""
        return (path for path in self.entries if path.startswith(prefix))

    def resolve(self, path: str) -> str | None:
        """The path that a source leads to, links followed inside the context; None where nothing is."""
        pending = [part for part in reversed(clean("/" + path)[1:].split("/")) if part]
        at: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del at[-1:]
                continue
            here = "/".join([*at, part])
            kind = self.entries.get(here)
            if kind is None or (pending and kind == "file"):
                return None
            if kind != "link":
                at.append(part)
                continue
            links += 1
            target = self.targets.get(here, "")
            if links > _MAX_LINKS:
                return None
            if target.startswith("/"):
                at = []
            pending.extend(piece for piece in reversed(target.split("/")) if piece not in ("", "."))
        return "/".join(at)


@dataclass(frozen=True, slots=True)
class Taken:
    """One entry that a COPY takes: its path in the context, and the path that it gets in the image."""

    path: str
    destination: str
    kind: Kind


def sent(context: Path, ignore: IgnoreFile | None = None) -> Context:
    """Walk a context as a build does. A directory that is kept back is sent all the same once something
    below it is not."""
    entries: dict[str, Kind] = {}
    targets: dict[str, str] = {}
    matching = ignore.matching if ignore and ignore.patterns else None
    _walk(context, "", matching, None, entries, targets)
    return Context(dict(sorted(entries.items())), targets)


def files_sent(context: Path, ignore: IgnoreFile | None = None) -> tuple[str, ...]:
    """The files and links of a context that a build gets, sorted."""
    return sent(context, ignore).files


def _walk(
    root: Path,
    directory: str,
    matching: Matching | None,
    above: tuple[bool, ...] | None,
    entries: dict[str, Kind],
    targets: dict[str, str],
) -> None:
    with os.scandir(root / directory) as found:
        for item in sorted(found, key=lambda entry: entry.name):
            path = f"{directory}/{item.name}" if directory else item.name
            kept, results = matching.matched(path, above) if matching else (False, None)
            kind: Kind = "link" if item.is_symlink() else "dir" if item.is_dir() else "file"
            if not kept:
                _add(path, kind, entries)
                if kind == "link":
                    targets[path] = str((root / path).readlink())
            if kind == "dir" and not (kept and matching and matching.whole(path)):
                _walk(root, path, matching, results, entries, targets)


def _add(path: str, kind: Kind, entries: dict[str, Kind]) -> None:
    parts = path.split("/")
    for depth in range(1, len(parts)):
        entries.setdefault("/".join(parts[:depth]), "dir")
    entries[path] = kind


def is_remote(source: str) -> bool:
    """Whether a source of ADD is fetched instead of taken from the context."""
    return bool(_REMOTE.match(source))


def matching_sources(context: Context, source: str) -> tuple[str, ...]:
    """The entries that one source names: itself, or what its pattern matches (Go's filepath.Match); none
    where there is nothing. The root is ""."""
    path = clean("/" + source)[1:]
    if not has_wildcard(path):
        return (path,) if not path or context.resolve(path) is not None else ()
    parts = path.split("/")
    fixed = next(index for index, part in enumerate(parts) if has_wildcard(part))
    base = context.resolve("/".join(parts[:fixed]))
    if base is None:
        return ()
    prefix = f"{base}/" if base else ""
    pattern = "/".join(parts[fixed:])
    found: list[str] = []
    try:
        for entry in context.below(base):
            inside = any(entry.startswith(f"{path}/") for path in found)
            if not inside and match(pattern, entry[len(prefix) :]):
                found.append(entry)
    except BadPatternError:
        return ()
    return tuple(found)


def taken(
    context: Context,
    sources: Sequence[str],
    destination: str,
    *,
    exclude: Iterable[str] = (),
    parents: bool = False,
) -> tuple[Taken, ...]:
    """What a COPY with these sources takes, in order, and where it goes. Words are already expanded.

    `destination` is absolute. A file goes into it where it ends with `/`, and takes its place otherwise
    (with a pattern as well: the last file stays); a directory of that name in the image is not known here.
    """
    patterns = Matching(tuple(pattern_of(text) for text in exclude))
    found: list[Taken] = []
    for source in sources:
        if is_remote(source):
            continue
        if parents:
            found.extend(_with_parents(context, source, destination, patterns))
            continue
        for path in matching_sources(context, source):
            found.extend(_copied(context, path, destination, patterns))
    return tuple(found)


def _copied(context: Context, path: str, destination: str, patterns: Matching) -> Iterator[Taken]:
    """A directory gives its contents, a file itself; a source that is a link gives what it leads to."""
    real = context.resolve(path)
    if real is None:
        return
    kind = context.entries.get(real, "dir")
    if kind != "dir":
        # `--exclude` is matched against the paths below a source, and there is none below a file.
        # (moby/buildkit#5489).
        target = joined(destination, basename(path)) if destination.endswith("/") else destination
        yield Taken(real, clean(target), kind)
        return
    yield from _tree(context, real, destination, patterns)


def _tree(context: Context, directory: str, destination: str, patterns: Matching) -> Iterator[Taken]:
    results: dict[str, tuple[bool, ...]] = {}
    start = len(directory) + 1 if directory else 0
    for path in context.below(directory):
        inside = path[start:]
        hit, found = patterns.matched(inside, results.get(inside.rpartition("/")[0]))
        results[inside] = found
        if not hit:
            yield Taken(path, clean(joined(destination, inside)), context.entries[path])


def _with_parents(context: Context, source: str, destination: str, patterns: Matching) -> Iterator[Taken]:
    """`--parents`: the source is a pattern with `**`, its directories are kept below the destination; a
    `/./` in it cuts off what stands before."""
    before, cut, pattern = source.partition("/./")
    root = context.resolve(before) if cut else ""
    if root is None:
        return
    wanted = pattern_of(clean("/" + (pattern if cut else source))[1:])
    start = len(root) + 1 if root else 0
    held: dict[str, bool] = {}
    for found in _tree(context, root, destination, patterns):
        inside = found.path[start:]
        held[inside] = held.get(inside.rpartition("/")[0], False) or wanted.matches(inside)
        if held[inside] and (found.kind != "dir" or wanted.matches(inside)):
            yield found
