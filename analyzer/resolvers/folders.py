"""Links to folders inside what is kept as a whole: packages keep their data elsewhere that way."""

from __future__ import annotations

from analyzer.filesystem import Filesystem


def links_to_folder(fs: Filesystem, path: str) -> bool:
    """Is this a link to a folder that is not above it? Such a folder belongs to the whole with all it has."""
    entry = fs.get(path)
    if entry is None or entry.kind != "link":
        return False
    found = fs.resolve(path)
    if found.missing or fs.entries[found.path].kind != "dir" or found.path.count("/") < 3:
        return False
    return not path.startswith(f"{found.path}/")
