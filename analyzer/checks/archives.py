"""Which local files ADD unpacks: by their content where it is there to be read, else by their names.

Source: "ADD", "Adding local tar archives" in the Dockerfile reference: a file counts as an archive by what
it holds, compressed with gzip, bzip2, xz or zstd, or not at all.
"""

from __future__ import annotations

import re
from pathlib import Path

_NAMED = re.compile(
    r"\.(?:tar|tar\.(?:gz|bz2|xz|zst|lzma|Z)|tgz|tb2|tbz2?|txz|tzst|tlz|tpz|taz|gz|bz2|lz|lzma|xz|Z|zst)$",
    re.IGNORECASE,
)
_TAR = re.compile(
    r"\.(?:tar|tar\.(?:gz|bz2|xz|zst|lzma|Z)|tgz|tb2|tbz2?|txz|tzst|tlz|tpz|taz)$", re.IGNORECASE
)
_ZSTD = b"\x28\xb5\x2f\xfd"


def named_like_one(path: str) -> bool:
    """May a file of this name hold an archive? A `.gz` alone may."""
    return _NAMED.search(path) is not None


def named_like_tar(path: str) -> bool:
    """Is this the name of a tar archive, compressed or not?"""
    return _TAR.search(path) is not None


def is_there(file: Path) -> bool:
    """Does a file or link of this name exist? One that the system cannot even name does not."""
    try:
        return file.exists() or file.is_symlink()
    except (OSError, ValueError):
        return False


def unpacked(file: Path) -> bool | None:
    """Does ADD unpack this file or anything in this folder? None where that cannot be read."""
    if file.is_dir():
        # A folder is copied as it is, with the archives in it.
        return False
    if not file.is_file():
        return None
    import tarfile

    try:
        with file.open("rb") as stream:
            if stream.read(4) == _ZSTD:
                return None
        with tarfile.open(file) as archive:
            return archive.next() is not None
    except tarfile.TarError:
        return False
    except (OSError, EOFError):
        return None
