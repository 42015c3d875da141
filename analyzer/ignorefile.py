"""`.dockerignore` and `<name>.dockerignore`: which file counts, its lines, and what they keep back.

Source: ".dockerignore files" in the Docker docs and moby's reader of them. Every pattern is anchored at the
context's root; the last one that matches decides.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from analyzer.errors import InputError, Problem
from analyzer.globs import BadPatternError, Matching, Pattern, clean, pattern_of
from analyzer.values import frozen

NAME = ".dockerignore"

_BOM = b"\xef\xbb\xbf"
# The reader's line buffer: a longer line fails the build.
_LONGEST_LINE = 64 * 1024
# What Go's strings.TrimSpace takes off.
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@frozen
class IgnoreFile:
    """The patterns of an ignore file in order, and what a build would refuse in it."""

    path: str = NAME
    patterns: tuple[Pattern, ...] = ()
    problems: tuple[Problem, ...] = ()
    _matching: list[Matching] = field(default_factory=list, repr=False, compare=False)

    @property
    def matching(self) -> Matching:
        if not self._matching:
            self._matching.append(Matching(self.patterns))
        return self._matching[0]

    def excludes(self, path: str) -> bool:
        """Whether a path of the context, relative and with `/`, is kept back. A directory that is may still
        be sent for what is in it."""
        return bool(self.patterns) and self.matching.covers(path)


def parse(data: bytes, path: str = NAME) -> IgnoreFile:
    """Read an ignore file. A pattern that a build refuses is left out and becomes a problem."""
    patterns: list[Pattern] = []
    problems: list[Problem] = []
    for number, raw in enumerate(_lines(data), 1):
        line = raw.decode("utf-8", "surrogateescape")
        if len(raw) >= _LONGEST_LINE:
            problems.append(
                Problem(path, number, 1, "the line is too long: a build reads at most 64 KiB", "")
            )
            break
        # A comment is told before blanks are taken off: `  #x` is a pattern.
        if line.startswith("#"):
            continue
        text = line.strip(_BLANKS)
        if not text:
            continue
        try:
            patterns.append(pattern_of(_normal(text), number))
        except BadPatternError as error:
            problems.append(Problem(path, number, 1, str(error), line))
    return IgnoreFile(path, tuple(patterns), tuple(problems))


def _lines(data: bytes) -> list[bytes]:
    lines = data.removeprefix(_BOM).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def _normal(text: str) -> str:
    """A pattern cleaned and, where it begins with `/`, made relative; its `!` stays in front."""
    exception = text.startswith("!")
    body = text[1:].strip(_BLANKS) if exception else text
    if body:
        body = clean(body)
        if len(body) > 1 and body.startswith("/"):
            body = body[1:]
    return ("!" if exception else "") + body


def find(context: Path, dockerfile: Path | None) -> Path | None:
    """The ignore file of a build: `<Dockerfile>.dockerignore` beside the Dockerfile, even an empty one, else
    the context's."""
    if dockerfile is not None:
        own = dockerfile.with_name(dockerfile.name + NAME)
        if own.is_file():
            return own
    shared = context / NAME
    return shared if shared.is_file() else None


def load(context: Path, dockerfile: Path | None) -> IgnoreFile:
    """The ignore file of a build, read; one without patterns where there is none.

    Raises InputError with every pattern that a build refuses.
    """
    path = find(context, dockerfile)
    if path is None:
        return IgnoreFile()
    found = parse(path.read_bytes(), str(path))
    if found.problems:
        raise InputError(list(found.problems), hint="see the Docker docs on .dockerignore files")
    return found
