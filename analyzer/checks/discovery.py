"""Which files are Dockerfiles: the paths that a user names, folders walked."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.checks.gitignore import GitIgnore

STANDARD_INPUT = "-"


def is_dockerfile_name(name: str) -> bool:
    """Dockerfile, Dockerfile.*, *.Dockerfile and the same with Containerfile; never an ignore file."""
    name = name.lower()
    if name.endswith((".dockerignore", ".containerignore")):
        return False
    return any(
        name == base or name.startswith(f"{base}.") or name.endswith(f".{base}")
        for base in ("dockerfile", "containerfile")
    )


def discover(paths: Iterable[str], skip: Callable[[Path], bool] = lambda _: False) -> list[str]:
    """The files to check, sorted, each once: files as named, folders walked, `-` as itself.

    `skip` says which files of a walk to leave out. Ignore files (`Dockerfile.dockerignore`), which file-type
    filters take for Dockerfiles, are left out even when they are named.
    """
    found: dict[str, None] = {}
    for name in paths:
        path = Path(name)
        if name == STANDARD_INPUT:
            found[name] = None
        elif path.is_dir():
            found.update(dict.fromkeys(str(each) for each in _walk(path) if not skip(each)))
        elif not name.lower().endswith((".dockerignore", ".containerignore")):
            found[str(path)] = None
    return sorted(found)


def matches_any(path: Path, root: Path, patterns: Iterable[str]) -> bool:
    """Does a path, seen from a root, match one of these patterns, itself or by a folder above it?"""
    try:
        relative = path.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return False
    parts = relative.split("/")
    heads = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(head, pattern.rstrip("/")) for pattern in patterns for head in heads)


def _walk(top: Path) -> Iterator[Path]:
    """The Dockerfiles below a folder, those left out that .gitignore files name; links are not followed."""
    # Most runs of a hook name their files.
    from analyzer.checks import gitignore

    root = top.absolute()
    yield from _walk_folder(top, root, gitignore.above(root))


def _walk_folder(folder: Path, absolute: Path, files: list[GitIgnore]) -> Iterator[Path]:
    from analyzer.checks import gitignore

    try:
        entries = sorted(os.scandir(absolute), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder and entry.name == ".git":
            continue
        if not is_folder and not (is_dockerfile_name(entry.name) and entry.is_file()):
            continue
        here = absolute / entry.name
        if gitignore.ignored(here, files, is_folder=is_folder):
            continue
        if is_folder:
            own = gitignore.read(here / ".gitignore")
            yield from _walk_folder(folder / entry.name, here, [*files, own] if own else files)
        else:
            yield folder / entry.name
