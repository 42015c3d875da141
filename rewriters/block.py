"""The marked block in a rewritten Dockerfile: where it stands, what its first line says, how it comes out.

    # >>> scratchify 1 source=Dockerfile sha256=… inputs=sha256:…
    …
    # <<< scratchify

The author's text around it keeps every byte, but for the name that the rewritten stage may have been given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from analyzer.errors import InputError, Problem

FORMAT = 1
BEGIN = "# >>> scratchify"
END = "# <<< scratchify"
# The name that a nameless stage is given; followed by -2, -3, … where the file has that name already.
STAGE_NAME = "scratchify-original"

_BEGIN_LINE = re.compile(
    rb"^[ \t]*# >>> scratchify (?P<format>\d+) source=(?P<source>\S+) sha256=(?P<sha256>\S+)"
    rb" inputs=sha256:(?P<inputs>\S+)[ \t]*\r?$",
    re.MULTILINE,
)
_END_LINE = re.compile(rb"^[ \t]*# <<< scratchify[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
# The name that the rewritten stage was given, as the block takes its files from it.
_TAKES_FROM = re.compile(rb"\bfrom=(scratchify-original(?:-\d+)?)\b(?!-)")


@dataclass(frozen=True, slots=True)
class Marker:
    """What the first line of a block says. Digests are lower-case hexadecimal."""

    source: str  # the file that was rewritten, relative to the rewritten file's folder
    sha256: str  # of the source's bytes
    inputs: str  # of the dependency manifests that the graph says are copied
    format: int = FORMAT

    def __str__(self) -> str:
        digests = f"sha256={self.sha256} inputs=sha256:{self.inputs}"
        return f"{BEGIN} {self.format} source={quote(self.source)} {digests}"


@dataclass(frozen=True, slots=True)
class Split:
    """A Dockerfile taken apart: the author's bytes (as they were before the rewrite) and the block."""

    author: bytes
    marker: Marker | None = None
    block: bytes = b""


def split(data: bytes, path: str) -> Split:
    """Take the block out of a Dockerfile; without one, all of it is the author's.

    Raises InputError for a marker without its end, for two blocks, and for a format that is newer than ours.
    """
    begins = list(_BEGIN_LINE.finditer(data))
    if not begins:
        return Split(data)
    begin = begins[0]
    end = _END_LINE.search(data, begin.end())
    if len(begins) > 1 or end is None:
        what = "a second block begins here" if len(begins) > 1 else f"the block has no end line ({END})"
        raise _bad(data, path, begins[-1].start(), what)
    marker = Marker(
        unquote(begin["source"].decode()),
        begin["sha256"].decode(),
        begin["inputs"].decode(),
        int(begin["format"]),
    )
    if marker.format > FORMAT:
        raise _bad(
            data, path, begin.start(), f"block format {marker.format} is newer than this scratchify reads"
        )
    author = _without_gap(data[: begin.start()]) + data[end.end() :]
    block = data[begin.start() : end.end()]
    return Split(_as_before(author, _nameless(author, block), marker.sha256), marker, block)


def _bad(data: bytes, path: str, offset: int, message: str) -> InputError:
    line = data.count(b"\n", 0, offset) + 1
    source_line = data.splitlines()[line - 1].decode("utf-8", "replace")
    hint = "take the marked lines out by hand, then run `scratchify rewrite` again"
    return InputError([Problem(path, line, 1, message, source_line)], hint=hint)


def _without_gap(text: bytes) -> bytes:
    """The text without the one empty line that `insert` puts before the block."""
    for newline in (b"\r\n", b"\n"):
        if text.endswith(newline + newline):
            return text[: -len(newline)]
    return text


def _nameless(author: bytes, block: bytes) -> bytes:
    """The text without the name of the stage that the block takes its files from, where it is one of ours.

    An author's own stage may have such a name too: then ours is numbered.
    """
    given = _TAKES_FROM.search(block)
    if given is None:
        return author
    name = rb"[ \t]+AS[ \t]+" + re.escape(given[1]) + rb"(?=[ \t]*\r?$)"
    return re.sub(name, b"", author, flags=re.MULTILINE | re.IGNORECASE)


def _as_before(author: bytes, nameless: bytes, sha256: str) -> bytes:
    """Undo what `insert` added around the block; the source's digest says which of it was added.

    Where the author has edited the file since, no candidate has that digest: then only the name goes, which
    nobody but us gives.
    """
    for candidate in (author, nameless):
        for text in (
            candidate,
            candidate.removesuffix(b"\n"),
            candidate.removesuffix(b"\n").removesuffix(b"\r"),
        ):
            if digest(text) == sha256:
                return text
    return nameless


def insert(author: bytes, block: str, marker: Marker) -> bytes:
    """The author's bytes, an empty line, the block between its markers; in the file's own line ends."""
    newline = newline_of(author)
    gap = newline if author.endswith(b"\n") or not author else newline * 2
    lines = [str(marker), *block.strip("\n").split("\n"), END]
    return author + gap + newline.join(line.encode() for line in lines) + newline


def newline_of(data: bytes) -> bytes:
    """CRLF where the first line ends so, else LF."""
    first = data.find(b"\n")
    return b"\r\n" if first > 0 and data[first - 1 : first] == b"\r" else b"\n"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_inputs(context: Path, names: Iterable[str]) -> str:
    """One digest over the dependency manifests of a context: their names and bytes, in sorted order."""
    total = hashlib.sha256()
    for name in sorted(set(names)):
        file = context / name
        if file.is_file():
            total.update(f"{name}\0{digest(file.read_bytes())}\n".encode())
    return total.hexdigest()


def is_rewritten(file: Path) -> bool:
    """A file of ours: it carries a marker, so it may be written over and is no author evidence."""
    try:
        with file.open("rb") as handle:
            return any(line.startswith(BEGIN.encode()) for line in handle)
    except OSError:
        return False
