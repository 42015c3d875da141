"""Distributions that an installer put outside of every site directory.

`pip install --target`, PEP 582 and build tools for serverless functions fill a directory of any name, which
PYTHONPATH or a program then adds to the module search path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.filesystem import Filesystem, join, name_of, parent_of
from analyzer.resolvers import python_metadata as metadata
from analyzer.resolvers.interface import Facts

_SITE = re.compile(r"/(?:site|dist)-packages/")
_RECORD = ".dist-info/RECORD"


def targets(fs: Filesystem, facts: Facts) -> dict[str, frozenset[str]]:
    """Directory → the files in it that an installer's records name, with their bytecode and commands.

    A distribution counts when all of its sources are there: a frozen program has the metadata alone, and
    needs it as it is.
    """
    records = [one.path for one in fs if one.path.endswith(_RECORD) and not _SITE.search(one.path)]
    listed = facts.get_many(metadata.RECORD, records)
    found: dict[str, set[str]] = {}
    for path in records:
        info = parent_of(path)
        directory = parent_of(info)
        files = [join(directory, item) for item in listed.get(path) or ()]
        sources = [item for item in files if item.endswith(".py")]
        if sources and all(item in fs for item in sources):
            inside = found.setdefault(directory, set())
            inside.update(item for item in files if item.startswith(f"{directory}/"))
            inside.update(child for child in fs.children(info))
            inside.update(_bytecode(fs, sources))
            points = facts.get(metadata.ENTRY_POINTS, f"{info}/entry_points.txt") or ()
            inside.update(f"{directory}/bin/{name}" for group, name, _ in points if group in _COMMANDS)
    return {directory: frozenset(inside) for directory, inside in found.items()}


_COMMANDS = ("console_scripts", "gui_scripts")


def _bytecode(fs: Filesystem, sources: list[str]) -> Iterator[str]:
    stems = {(parent_of(path), name_of(path).removesuffix(".py")) for path in sources}
    for directory in sorted({parent_of(path) for path in sources}):
        for path in fs.children(f"{directory}/__pycache__"):
            if (directory, name_of(path).partition(".")[0]) in stems:
                yield path
