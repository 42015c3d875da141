"""Reads shell text with shfmt's parser (mvdan.cc/sh), for what tree-sitter's grammar cannot read.

The tree is what `shfmt --to-json` prints: `Pos` and `End` hold byte offsets, `Type` names nodes of more than
one kind (package mvdan.cc/sh/v3/syntax).
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from analyzer.process import run
from analyzer.shell.collector import (
    Collector,
    fallback_of,
    unescape_ansi,
    unescape_bare,
    unescape_quoted,
    word_of,
)
from analyzer.shell.dialect import Shell
from analyzer.shell.model import (
    Assignment,
    BlockKind,
    Command,
    Fault,
    Part,
    PartKind,
    Redirection,
    Script,
    Word,
)

Json = dict[str, Any]

# Seconds. A parse takes milliseconds; this only ends one that hangs.
_TIMEOUT = 20.0
_FAULT = re.compile(r"(\d+):(\d+): (.*)")
_PART_KINDS: dict[str, PartKind] = {
    "ParamExp": "variable",
    "CmdSubst": "command",
    "ArithmExp": "arithmetic",
    "ProcSubst": "process",
}


def read(source: bytes, shell: Shell) -> Script | Fault:
    """The text's commands, or what shfmt says is wrong with it."""
    program = _program()
    if program is None:
        return Fault(0, "shfmt is not installed")
    # Its bash dialect reads what sh and bash read; mksh's is the nearest to ksh.
    dialect = "mksh" if shell.dialect == "ksh" else "bash"
    done = run([program, "--language-dialect", dialect, "--to-json"], stdin=source, timeout=_TIMEOUT)
    if done.code != 0:
        return _fault(source, done.stderr.decode("utf-8", "replace"))
    reader = _Reader(source, shell)
    reader.statements(json.loads(done.stdout).get("Stmts", ()))
    return reader.out.finish("shfmt", None)


def _program() -> str | None:
    """shfmt beside the interpreter that runs us (its wheel puts it there), else on PATH."""
    beside = Path(sys.executable).with_name("shfmt")
    return str(beside) if beside.exists() else shutil.which("shfmt")


def _fault(source: bytes, text: str) -> Fault:
    match = _FAULT.search(text)
    if not match:
        return Fault(0, text.strip() or "shfmt gave no answer")
    lines = source.split(b"\n")
    at = sum(len(line) + 1 for line in lines[: int(match[1]) - 1]) + int(match[2]) - 1
    return Fault(min(at, len(source)), match[3])


def _without_end(body: str, delimiter: str) -> str:
    """shfmt's span of a body may take in the line that ends it."""
    lines = body.splitlines(keepends=True)
    if lines and lines[-1].strip("\t") in (delimiter, ""):
        lines.pop()
    return "".join(lines)


def _start(node: Json) -> int:
    return int(node["Pos"].get("Offset", 0))


def _end(node: Json) -> int:
    # An empty arm of a case has no end of its own.
    place: Json = node.get("End") or node["Pos"]
    return int(place.get("Offset", 0))


class _Reader:
    def __init__(self, source: bytes, shell: Shell) -> None:
        self.out = Collector(source, shell)
        self.table: dict[str, Callable[[Json, Json, str], None]] = {
            "CallExpr": self.simple,
            "DeclClause": self.simple,
            "TestClause": self.simple,
            "LetClause": self.simple,
            "BinaryCmd": self.binary,
            "Subshell": self.block,
            "Block": self.block,
            "IfClause": self.branch,
            "WhileClause": self.loop,
            "ForClause": self.loop,
            "CaseClause": self.case,
            "FuncDecl": self.function,
            "TimeClause": self.prefixed,
            "CoprocClause": self.prefixed,
            "ArithmCmd": self.arithmetic,
        }

    def statements(self, statements: Iterable[Json]) -> None:
        joined = ""
        for statement in statements:
            background = bool(statement.get("Background"))
            with self.out.aside(background):
                self.statement(statement, joined)
            joined = "&" if background else ";"

    def statement(self, statement: Json, joined: str) -> None:
        node = statement.get("Cmd")
        if node is None:
            self.redirections_alone(statement, joined)
            return
        reader = self.table.get(node["Type"])
        if reader is None:
            self.substitutions(node)
            return
        reader(statement, node, joined)
        if statement.get("Redirs") and reader != self.simple:
            self.redirections_alone(statement, "")

    def redirections_alone(self, statement: Json, joined: str) -> None:
        def build() -> Command:
            found = self.redirections(statement)
            return Command((), (), found, found[0].start, found[-1].end, joined=joined)

        if statement.get("Redirs"):
            self.out.command(build)

    def simple(self, statement: Json, node: Json, joined: str) -> None:
        def build() -> Command:
            assignments, words = self._contents(node)
            redirections = self.redirections(statement)
            end = max([_end(node), *(item.end for item in redirections)])
            return Command(
                words,
                assignments,
                redirections,
                _start(node),
                end,
                joined=joined,
                negated=bool(statement.get("Negated")),
            )

        self.out.command(build)

    def _contents(self, node: Json) -> tuple[tuple[Assignment, ...], tuple[Word, ...]]:
        if node["Type"] == "CallExpr":
            assignments = tuple(self.assignment(item) for item in node.get("Assigns", ()))
            return assignments, tuple(self.word(item) for item in node.get("Args", ()))
        if node["Type"] == "DeclClause":
            return self._declared(node)
        if node["Type"] == "TestClause":
            inner = self._test_words(node["X"])
            start, end = _start(node), _end(node)
            return (), (self.literal(start, start + 2), *inner, self.literal(end - 2, end))
        self.substitutions(node)
        start = _start(node)
        expressions = tuple(self.literal(_start(item), _end(item)) for item in node.get("Exprs", ()))
        return (), (self.literal(start, start + 3), *expressions)

    def _declared(self, node: Json) -> tuple[tuple[Assignment, ...], tuple[Word, ...]]:
        variant = node["Variant"]
        words = [self.literal(_start(variant), _end(variant))]
        assignments = []
        for item in node.get("Args", ()):
            if item.get("Naked"):
                named = item.get("Name")
                words.append(self.literal(_start(named), _end(named)) if named else self.word(item["Value"]))
                continue
            assignment = self.assignment(item)
            assignments.append(assignment)
            words.append(self.out.declared(assignment))
        return tuple(assignments), tuple(words)

    def _test_words(self, node: Json) -> tuple[Word, ...]:
        kind = node.get("Type")
        if kind == "Word":
            return (self.word(node),)
        if kind == "ParenTest":
            start, end = _start(node), _end(node)
            return (self.literal(start, start + 1), *self._test_words(node["X"]), self.literal(end - 1, end))
        at = node["OpPos"].get("Offset", 0)
        operator = self.literal(at, at + len(str(node.get("Op", ""))))
        if kind == "UnaryTest":
            return (operator, *self._test_words(node["X"]))
        return (*self._test_words(node["X"]), operator, *self._test_words(node["Y"]))

    def binary(self, statement: Json, node: Json, joined: str) -> None:
        operator = str(node["Op"])
        if operator in ("|", "|&"):
            self._pipeline(node, joined, bool(statement.get("Negated")))
            return
        self.statement(node["X"], joined)
        with self.out.behind(operator):
            self.statement(node["Y"], operator)

    def _pipeline(self, node: Json, joined: str, negated: bool) -> None:
        stages: list[tuple[Json, str]] = []
        at = node
        while True:
            stages.append((at["Y"], str(at["Op"])))
            left = at["X"]
            inner = left.get("Cmd") or {}
            if inner.get("Type") != "BinaryCmd" or inner.get("Op") not in ("|", "|&"):
                stages.append(({**left, "Negated": True} if negated else left, joined))
                break
            at = inner
        readers = [partial(self.statement, stage, operator) for stage, operator in reversed(stages)]
        self.out.pipeline(_start(node), _end(node), readers)

    def block(self, _statement: Json, node: Json, _joined: str) -> None:
        kind: BlockKind = "subshell" if node["Type"] == "Subshell" else "group"
        with self.out.inside(kind, _start(node), _end(node)):
            self.statements(node.get("Stmts", ()))

    def branch(self, _statement: Json, node: Json, _joined: str) -> None:
        self._part("condition", node.get("Cond", ()))
        self._part("then", node.get("Then", ()))
        following = node.get("Else")
        while following:
            if "Cond" in following:
                with self.out.inside("else", _start(following), _end(following)):
                    self._part("condition", following["Cond"])
                    self._part("then", following.get("Then", ()))
            else:
                self._part("else", following.get("Then", ()))
            following = following.get("Else")

    def loop(self, _statement: Json, node: Json, _joined: str) -> None:
        self._part("condition", node.get("Cond", ()))
        self.substitutions(node.get("Loop"))
        self._part("loop", node.get("Do", ()))

    def _part(self, kind: BlockKind, statements: Sequence[Json]) -> None:
        if statements:
            with self.out.inside(kind, _start(statements[0]), _end(statements[-1])):
                self.statements(statements)

    def case(self, _statement: Json, node: Json, _joined: str) -> None:
        self.substitutions(node["Word"])
        for item in node.get("Items", ()):
            patterns = item.get("Patterns", ())
            self.substitutions(patterns)
            label = "|".join(self.out.text(_start(word), _end(word)) for word in patterns)
            with self.out.inside("arm", _start(item), _end(item), label):
                self.statements(item.get("Stmts", ()))

    def function(self, _statement: Json, node: Json, _joined: str) -> None:
        name = str((node.get("Name") or {}).get("Value", ""))
        self.out.function(name, _start(node), _end(node))
        with self.out.inside("function", _start(node), _end(node), name):
            self.statement(node["Body"], "")

    def prefixed(self, _statement: Json, node: Json, joined: str) -> None:
        inner = node.get("Stmt")
        if not inner:
            return
        if node["Type"] == "TimeClause":
            self.statement(inner, joined)
            return
        with self.out.inside("coprocess", _start(node), _end(node)):
            self.statement(inner, joined)

    def arithmetic(self, _statement: Json, node: Json, _joined: str) -> None:
        self.substitutions(node)

    def substitutions(self, node: Any) -> None:
        """The commands in every substitution below a node that is no statement."""
        if isinstance(node, list):
            for item in node:
                self.substitutions(item)
        elif isinstance(node, dict):
            if node.get("Type") in ("CmdSubst", "ProcSubst"):
                kind: BlockKind = "command" if node["Type"] == "CmdSubst" else "process"
                with self.out.inside(kind, _start(node), _end(node)):
                    self.statements(node.get("Stmts", ()))
                return
            for item in node.values():
                self.substitutions(item)

    def assignment(self, item: Json) -> Assignment:
        name = str((item.get("Name") or {}).get("Value", ""))
        append = bool(item.get("Append"))
        start, end = _start(item), _end(item)
        self.substitutions(item.get("Index"))
        if "Array" in item:
            elements = tuple(
                self.word(one["Value"]) for one in item["Array"].get("Elems", ()) if one.get("Value")
            )
            return Assignment(name, None, start, end, append, elements)
        value = self.word(item["Value"]) if item.get("Value") else Word("", (), end, end)
        return Assignment(name, value, start, end, append)

    def redirections(self, statement: Json) -> tuple[Redirection, ...]:
        return tuple(self._redirection(item) for item in statement.get("Redirs", ()))

    def _redirection(self, item: Json) -> Redirection:
        start = _start(item)
        number = str((item.get("N") or {}).get("Value", ""))
        word = item.get("Word")
        target = self.word(word) if word else None
        end = target.end if target else start
        if "Hdoc" not in item:
            return Redirection(str(item["Op"]), number, target, start, end)
        at, last = _start(item["Hdoc"]), _end(item["Hdoc"])
        body = _without_end(self.out.text(at, last), (target.value or "") if target else "")
        with self.out.inside("heredoc", at, last):
            expansions = tuple(
                self._dynamic(part, False)
                for part in item["Hdoc"].get("Parts", ())
                if part["Type"] in _PART_KINDS
            )
        return Redirection(str(item["Op"]), number, target, start, end, body, at, expansions)

    def literal(self, start: int, end: int) -> Word:
        text = self.out.text(start, end)
        return Word(text, (Part("text", text, start, end),), start, end)

    def word(self, node: Json) -> Word:
        parts: list[Part] = []
        bare: list[str] = []
        for item in node.get("Parts", ()):
            self._part_of_word(item, parts, bare)
        start, end = _start(node), _end(node)
        while self.out.source[start:end].endswith(b"\\\n"):
            end -= 2
        return word_of(self.out.text(start, end), parts, start, end, "".join(bare))

    def _part_of_word(self, item: Json, parts: list[Part], bare: list[str]) -> None:
        kind = item["Type"]
        start, end = _start(item), _end(item)
        text = self.out.text(start, end)
        if kind in _PART_KINDS:
            parts.append(self._dynamic(item, False))
            bare.append("x")
        elif kind == "SglQuoted":
            opening = 2 if item.get("Dollar") else 1
            inside = text[opening:-1]
            value = unescape_ansi(inside) if item.get("Dollar") else inside
            parts.append(Part("text", value, start + opening, end - 1, True))
            bare.append("x")
        elif kind == "DblQuoted":
            self._double(item, parts)
            bare.append("x")
        else:
            parts.append(Part("text", unescape_bare(text), start, end))
            bare.append(text)

    def _double(self, item: Json, parts: list[Part]) -> None:
        """Text in double quotes: what lies between the expansions. shfmt's own pieces leave the end of a
        continued line out."""
        at = _start(item) + (2 if item.get("Dollar") else 1)
        end = _end(item) - 1
        inner = [piece for piece in item.get("Parts", ()) if piece["Type"] in _PART_KINDS]
        if not inner and at == end:
            parts.append(Part("text", "", at, end, True))
        for piece in inner:
            if _start(piece) > at:
                text = self.out.text(at, _start(piece))
                parts.append(Part("text", unescape_quoted(text), at, _start(piece), True))
            parts.append(self._dynamic(piece, True))
            at = _end(piece)
        if at < end:
            parts.append(Part("text", unescape_quoted(self.out.text(at, end)), at, end, True))

    def _dynamic(self, item: Json, quoted: bool) -> Part:
        start, end = _start(item), _end(item)
        text = self.out.text(start, end)
        self.substitutions(item)
        if item["Type"] == "ParamExp":
            name = str((item.get("Param") or {}).get("Value", ""))
            return Part("variable", name, start, end, quoted, fallback_of(text))
        return Part(_PART_KINDS[item["Type"]], text, start, end, quoted)
