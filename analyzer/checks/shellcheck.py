"""ShellCheck's findings on the text of RUN, at their places in the Dockerfile.

ShellCheck is a program of its own and comes with the extra `scratchify[shellcheck]`; where that is not
installed, nothing of this runs. As in hadolint, the names that ARG and ENV define count as set, and what
ShellCheck says of the file itself (its interpreter, files that it sources) is left out.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from analyzer.checks.body import Body
from analyzer.checks.interface import Example, Finding, Rule, Severity, nothing
from analyzer.checks.subject import Subject
from analyzer.dockerfile.commands import Arg, Run
from analyzer.values import frozen

# The interpreter of the file, and files that are sourced: both are the image's affair.
_LEFT_OUT = ("1090", "1091", "2187")
_DIALECTS = {"sh": "sh", "bash": "bash", "ksh": "ksh"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LEVELS: dict[str, Severity] = {"error": "error", "warning": "warning", "info": "info", "style": "style"}


@frozen
class _Script:
    """A RUN's text in a file of its own, below `lines` lines that were put in front."""

    body: Body
    text: bytes
    lines: int


@cache
def program() -> Path | None:
    """The ShellCheck that was installed beside this Python; None without the extra."""
    beside = Path(sys.executable).parent / ("shellcheck.exe" if sys.platform == "win32" else "shellcheck")
    return beside if beside.exists() else None


def row(code: str) -> Rule:
    """A code of ShellCheck as a rule; its wiki explains it."""
    return Rule(
        name=code,
        severity="warning",
        summary="ShellCheck's rule of that code.",
        why="ShellCheck's wiki says why.",
        remedy="ShellCheck's wiki says what to do.",
        url=f"https://www.shellcheck.net/wiki/{code}",
        check=nothing,
        bad=(Example(""),),
        good=(Example(""),),
    )


def findings(subject: Subject, shellcheck: Path) -> list[Finding]:
    """What ShellCheck finds in every RUN in shell form; one process for the whole file."""
    scripts = [
        script
        for run, body in subject.runs
        if not run.node.json and (script := _script(subject, run, body)) is not None
    ]
    if not scripts:
        return []
    return [
        _finding(scripts[number], comment)
        for number, comment in _comments(shellcheck, [script.text for script in scripts])
        if comment["line"] > scripts[number].lines
    ]


def _script(subject: Subject, run: Run, body: Body) -> _Script | None:
    """The text with its interpreter and the names that are set; None for a shell of another kind."""
    dialect = _DIALECTS.get(body.script.shell.dialect)
    if dialect is None:
        return None
    stage = subject.stage_of(run)
    names = set(subject.expanded(run).environment)
    for each in stage.instructions if stage else ():
        if isinstance(each.command, Arg):
            names |= {pair.key for pair in each.command.pairs}
    head = [f"#!/bin/{dialect}", *(f"export {name}=1" for name in sorted(names) if _NAME.fullmatch(name))]
    source = body.script.source
    if source.startswith(b"#!"):
        # Its own first line becomes a comment, so that lines stay where they are.
        source = b"# " + source[2:]
    return _Script(body, "\n".join(head).encode() + b"\n" + source + b"\n", len(head))


def _comments(shellcheck: Path, texts: list[bytes]) -> list[tuple[int, dict[str, Any]]]:
    """ShellCheck's remarks on some texts, each with the number of its text."""
    import tempfile

    from analyzer.process import run

    with tempfile.TemporaryDirectory(prefix="scratchify-") as folder:
        files = []
        for number, text in enumerate(texts):
            file = Path(folder) / str(number)
            file.write_bytes(text)
            files.append(str(file))
        done = run([str(shellcheck), "--norc", "--format=json1", f"--exclude={','.join(_LEFT_OUT)}", *files])
    document = json.loads(done.stdout or b'{"comments": []}')
    return [(int(Path(each["file"]).name), each) for each in document["comments"]]


def _finding(script: _Script, comment: dict[str, Any]) -> Finding:
    source = script.body.script.source
    lines = source.split(b"\n")
    start = _offset(lines, comment["line"] - script.lines, comment["column"])
    end = _offset(lines, comment["endLine"] - script.lines, comment["endColumn"])
    return Finding(
        rule=f"SC{comment['code']}",
        message=comment["message"],
        span=script.body.span(start, max(start, end)),
        severity=_LEVELS[comment["level"]],
    )


def _offset(lines: list[bytes], line: int, column: int) -> int:
    """A line and a column in characters, both from 1, as a byte offset."""
    line = min(max(line, 1), len(lines))
    before = sum(len(each) + 1 for each in lines[: line - 1])
    text = lines[line - 1].decode("utf-8", "surrogateescape")
    return before + len(text[: column - 1].encode("utf-8", "surrogateescape"))
