"""What reads as a comment and is none: a Dockerfile's comments have lines of their own.

A `#` in the text of RUN is the shell's. The builder joins continued lines before the shell sees them, so such
a comment ends with the instruction, not with its line. Behind other instructions a `#` is one more word.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from analyzer.checks.body import Body
from analyzer.checks.final_image import url
from analyzer.checks.interface import Edit, Example, Finding, Fix, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import (
    PARSERS,
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Healthcheck,
    Label,
    Run,
    User,
    Volume,
    Workdir,
)
from analyzer.dockerfile.nodes import Dockerfile, Instruction
from analyzer.dockerfile.source import Span
from analyzer.shell import comments, read

_SHELLS = (Run, Cmd, Entrypoint, Healthcheck)
_SHOWN = 60
# Each is found by reading the text again: with more of them in one instruction there is no fix.
_MOST = 50


def _swallowed(subject: Subject) -> Iterator[Finding]:
    for command in subject.everywhere:
        if not isinstance(command, _SHELLS) or command.node.json:
            continue
        # Nearly every file has none, and the text is parsed for this question alone.
        if len(command.node.joined.pieces) < 2 or "#" not in command.node.arguments.text:
            continue
        body = subject.body(command)
        places = _hiding(body)
        if places:
            yield _finding(subject.dockerfile, body, places)


def _hiding(body: Body) -> list[tuple[int, int]]:
    """The comments behind which commands of later lines are lost: each from its `#` to the end of its line,
    in bytes of the script. Taking one away uncovers the next."""
    text = bytearray(body.script.source)
    starts = [offset for offset, _ in body.pieces]
    found: list[tuple[int, int]] = []
    while len(found) < _MOST and (first := comments(bytes(text), body.script.shell)[:1]):
        start, end = first[0].start, first[0].end
        following = bisect_right(starts, start)
        stop = min(end, starts[following] if following < len(starts) else len(text))
        if not text[stop:end].strip():
            break
        found.append((start, start + len(text[start:stop].rstrip())))
        text[start:stop] = b" " * (stop - start)
    return found


def _finding(dockerfile: Dockerfile, body: Body, places: list[tuple[int, int]]) -> Finding:
    start, stop = places[0]
    source = body.script.source
    lost = " ".join(source[stop:].split(b"\n")[0].decode("utf-8", "replace").split())
    shown = lost if len(lost) <= _SHOWN else f"{lost[: _SHOWN - 1]}…"
    message = f"the shell takes all that follows for a comment too: `{shown}` is lost"
    fix = None
    if lost.split()[0] in PARSERS:
        message += "; the `\\` makes it no instruction of its own"
    elif len(places) < _MOST:
        fix = _lines_of_their_own(dockerfile, body, places)
    return Finding(SWALLOWED.name, message, body.span(start, stop), fix)


def _lines_of_their_own(dockerfile: Dockerfile, body: Body, places: list[tuple[int, int]]) -> Fix | None:
    """Move the comments onto lines above those that they stand on."""
    text = bytearray(body.script.source)
    edits: list[Edit] = []
    for start, stop in places:
        text[start:stop] = b" " * (stop - start)
        span = body.span(start, stop)
        edits += _moved(dockerfile, body.node, span)
    if read(bytes(text), body.script.shell).fault is not None:
        return None
    return Fix(tuple(edits), "put the comment on a line of its own", safe=False)


def _moved(dockerfile: Dockerfile, node: Instruction, span: Span) -> tuple[Edit, Edit]:
    source = dockerfile.source
    line = source.byte_starts[source.line_number(source.char_offset(span.start)) - 1]
    before = source.data[line : span.start]
    indent = before[: len(before) - len(before.lstrip(b" \t"))].decode()
    comment = source.data[span.start : span.end].decode("utf-8", "surrogateescape")
    kept = max(line + len(before.rstrip(b" \t")), node.span.start)
    return (
        Edit(Span(line, line), f"{indent}{comment}{dockerfile.newline}"),
        Edit(Span(kept, span.end), ""),
    )


SWALLOWED = Rule(
    name="SLIM005",
    severity="error",
    summary="A shell comment stands on a continued line, and hides all that follows.",
    why="The builder joins the lines before the shell reads them: for the shell it is one line, and the "
    "comment ends where the instruction does.",
    remedy="Put the comment on a line of its own, which begins with `#`, or use a heredoc.",
    url=url("SLIM005"),
    check=_swallowed,
    bad=(
        Example("FROM debian:12\nRUN make \\\n  && make test # slow \\\n  && make install\n", lines=(2,)),
        Example("FROM debian:12\nRUN echo first # note \\\nRUN echo second\n", lines=(2,)),
    ),
    good=(
        Example("FROM debian:12\nRUN make \\\n  # slow\n  && make test \\\n  && make install # the end\n"),
        Example("FROM debian:12\nRUN <<EOF\nmake # slow\nmake install\nEOF\n"),
        Example("FROM debian:12\nRUN test $# = 0 \\\n  && echo '# none' a#b \\\n  && make\n"),
    ),
    fix="unsafe",
)


def _words(subject: Subject) -> Iterator[Finding]:
    for command in subject.everywhere:
        at = _comment_like(command)
        if at is None:
            continue
        node = command.node
        span = node.joined.span(at, node.arguments.end)
        message = f"a comment cannot stand here: {_meaning(command)}"
        yield Finding(WORDS.name, message, span, _above(subject.dockerfile, node, span))


_BEHIND = re.compile(r"(?<=[ \t])#(?=[ \t#!A-Za-z]|$)")
_BEHIND_JSON = re.compile(r"\[.*\][ \t]+(#)")


def _comment_like(command: Command) -> int | None:
    """Where in the joined text something begins that was meant as a comment; None for nothing."""
    node = command.node
    if not node.valid:
        return None
    text = node.arguments.text
    if isinstance(command, _SHELLS):
        found = _BEHIND_JSON.match(node.words[-1].text) if node.words and not node.json else None
        return node.words[-1].start + found.start(1) if found else None
    if isinstance(command, Add | Copy | Volume | Arg) and not node.json:
        return next((word.start for word in node.words if word.text.startswith("#")), None)
    if isinstance(command, Workdir | User) or (isinstance(command, Env | Label) and command.legacy):
        match = _BEHIND.search(text)
        return node.arguments.start + match.start() if match and not _quoted(text, match.start()) else None
    return None


def _quoted(text: str, at: int) -> bool:
    return any(text.count(quote, 0, at) % 2 for quote in "\"'")


def _meaning(command: Command) -> str:
    """What the builder takes it for."""
    if isinstance(command, _SHELLS):
        return "the array before it is no JSON form then, but text for a shell"
    if isinstance(command, Copy | Add):
        return "every word but the last is a source, and the last one the destination"
    if isinstance(command, Volume | Arg):
        return f"every word is one more {'volume' if isinstance(command, Volume) else 'argument'}"
    return "it becomes part of the value"


def _above(dockerfile: Dockerfile, node: Instruction, span: Span) -> Fix | None:
    source = dockerfile.source
    comment = source.data[span.start : span.end]
    if b"\n" in comment:
        return None
    edits = _moved(dockerfile, node, span)
    return Fix(edits, "put the comment on a line of its own", safe=False)


WORDS = Rule(
    name="SLIM006",
    severity="error",
    summary="Something that reads as a comment stands behind an instruction, and becomes part of it.",
    why="In a Dockerfile only a line that begins with `#` is a comment. Behind WORKDIR or USER it is part of "
    "the name, behind VOLUME or COPY it is more paths, and behind a JSON form it makes a shell form of it.",
    remedy="Put the comment on a line of its own above.",
    url=url("SLIM006"),
    check=_words,
    bad=(
        Example("FROM debian:12\nWORKDIR /app # where the code is\n", lines=(2,)),
        Example("FROM debian:12\nVOLUME /data # the database\n", lines=(2,)),
        Example('FROM debian:12\nCMD ["serve"] # for production\n', lines=(2,)),
    ),
    good=(
        Example("FROM debian:12\n# where the code is\nWORKDIR /app\n"),
        Example('FROM debian:12\nRUN make # quick\nCOPY a#b /c\nWORKDIR "/a #1"\n'),
    ),
    fix="unsafe",
)

RULES: tuple[Rule, ...] = (SWALLOWED, WORDS)
