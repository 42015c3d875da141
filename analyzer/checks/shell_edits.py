"""Edits of the shell text of an instruction: option words put in, words replaced, a command added at the end.

Each function answers None where the text is not there as it reads (split over lines, quoted inside a nested
script), or where an addition could change what the script does.
"""

from __future__ import annotations

import json
import re

from analyzer.checks.body import Body
from analyzer.checks.interface import Edit, Fix
from analyzer.dockerfile.nodes import Dockerfile
from analyzer.dockerfile.source import Span
from analyzer.shell import Word
from analyzer.shell.calls import Call
from analyzer.shell.installs import ManagerCall
from analyzer.shell.model import CONDITIONAL

_CLOSERS = re.compile(rb"(?:[\s;)}]|\b(?:fi|done|esac)\b)*")


def written(body: Body, word: Word) -> Span | None:
    """Where a word stands, if the Dockerfile's text there is the word itself."""
    span = body.span_of(word)
    text = body.node.joined.source.data[span.start : span.end]
    return span if text == word.text.encode("utf-8", "surrogateescape") else None


def replace(body: Body, word: Word, text: str) -> Edit | None:
    """Put other text in place of a word."""
    span = written(body, word)
    return Edit(span, text) if span else None


def insert_after(body: Body, word: Word, *options: str) -> Edit | None:
    """Put words behind a word; in the JSON form each becomes a string of its own."""
    span = written(body, word)
    if span is None:
        return None
    if body.node.json:
        # Inside the quotes of the string before it: that one's closing quote closes the last new string.
        text = "".join(f'", "{json.dumps(option)[1:-1]}' for option in options)
    else:
        text = "".join(f" {option}" for option in options)
    return Edit(Span(span.end, span.end), text)


def fix(title: str, *edits: Edit | None, safe: bool = True) -> Fix | None:
    """A fix of edits, None where one of them cannot be made."""
    made = tuple(edit for edit in edits if edit is not None)
    return Fix(made, title, safe) if len(made) == len(edits) else None


def append_command(dockerfile: Dockerfile, body: Body, command: str) -> Edit | None:
    """Run a command behind all others of a RUN, in the same layer, only where those succeeded."""
    node, script = body.node, body.script
    if node.json or script.fault is not None or not script.commands:
        return None
    text = script.source.rstrip()
    last = max(script.commands, key=lambda each: each.end)
    if not _CLOSERS.fullmatch(script.source[last.end :]) or last.background:
        return None
    if last.name in ("exec", "exit", "return") and last.joined != "||":
        return None
    if node.heredocs:
        heredoc = node.heredocs[0]
        whole = len(node.heredocs) == 1 and body.pieces[0][1] >= heredoc.span.start
        if not whole or not _stops_at_failure(body):
            return None
        written_line = heredoc.content.rstrip().rpartition("\n")[2]
        indent = written_line[: len(written_line) - len(written_line.lstrip())]
        return Edit(Span(heredoc.span.end, heredoc.span.end), f"{indent}{command}{dockerfile.newline}")
    joiner = "&& "
    if text.endswith(b";"):
        if not _stops_at_failure(body):
            return None
        joiner = ""
    end = body.span(len(text) - 1, len(text)).end
    source = dockerfile.source
    first, final = source.position(source.char_offset(node.span.start)), source.char_offset(end)
    line = source.line_number(final)
    if line == first.line:
        return Edit(Span(end, end), f" {joiner}{command}")
    written_line = source.line(line)
    indent = written_line[: len(written_line) - len(written_line.lstrip())]
    return Edit(Span(end, end), f" {dockerfile.escape}{dockerfile.newline}{indent}{joiner}{command}")


def always_runs(call: Call | ManagerCall) -> bool:
    """Is a command on no branch, in no loop and no function: does its program surely exist?"""
    return not any(block.kind in CONDITIONAL for block in call.command.where)


def _stops_at_failure(body: Body) -> bool:
    """Does the script end at the first command that fails?"""
    if "errexit" in body.script.shell.options:
        return True
    for command in body.script.commands:
        if command.name == "set" and any(
            re.fullmatch(r"-[a-z]*e[a-z]*", word.value or "") or word.value == "errexit"
            for word in command.arguments
        ):
            return not command.conditional
    return False
