"""Reads shell text with tree-sitter's bash grammar: quick, and most text is read right.

`read` gives None where the tree has an error, or a shape that the grammar is known to get wrong without
one; shfmt is then asked. tree_sitter is imported on the first call: a lint run without RUN never loads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

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
    Comment,
    Fault,
    Part,
    PartKind,
    Redirection,
    Script,
    Word,
)
from analyzer.values import frozen

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# A name that no command has: the grammar lost its way.
_RESERVED = frozenset(
    {
        *("!", "{", "}", "((", "[[", "]]"),
        *("if", "then", "elif", "else", "fi", "case", "in", "esac"),
        *("for", "while", "until", "select", "do", "done", "function", "coproc"),
    }
)
_SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})
_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_CHAINS = frozenset({"list", "pipeline"})
_DYNAMIC = frozenset(
    {"simple_expansion", "expansion", "arithmetic_expansion", "command_substitution", "process_substitution"}
)
# `\` before a line's end, inside a word: the grammar splits the word there, the shell joins it.
# Blanks and expansions that the grammar took for plain text.
_IMPOSSIBLE = re.compile(r"\s|`|\$[A-Za-z0-9_{(@*#?$!-]")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_AROUND_BAR = re.compile(r"(?:\s|\\\n)*\|(?:\s|\\\n)*")
# Comments behind words between backticks are rare, and each costs another reading.
_REREADINGS = 20
_BACKTICK = re.compile(rb"(?<!\\)`")
_LINE_JOIN = re.compile(rb"(?:\\\r?\n)+")


class _LostError(Exception):
    """The tree has no error, but a shape that means another reading."""


@cache
def _parser() -> Parser:
    import tree_sitter

    return tree_sitter.Parser(tree_sitter.Language(_grammar()))


def _grammar() -> object:
    """The grammar's pointer, out of the package's extension module alone: its `__init__` loads
    importlib.resources for queries that nobody here asks for, a third of a small file's reading time."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    package = PathFinder.find_spec("tree_sitter_bash")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("tree_sitter_bash._binding", places)
    if spec is None or spec.loader is None:
        import tree_sitter_bash

        return tree_sitter_bash.language()
    binding = module_from_spec(spec)
    spec.loader.exec_module(binding)
    return binding.language()


# The grammar's scanner looks characters up in C's table of 256: one far beyond it ends the process. What is
# not ASCII is a word's character to the shell, and none of a name, as `%` is; text is taken from the source.
_PLAIN = bytes(range(0x80)) + b"%" * 0x80


# A comment that is not to take the rest of its line along, `# like this`: the grammar lets it.
_ASIDE = re.compile(rb"`[ \t]*#[^`\n]*`")


def _tree(source: bytes) -> Node:
    text = source.translate(_PLAIN)
    return _parser().parse(_ASIDE.sub(_blank, text) if b"#" in text else text).root_node


def _blank(match: re.Match[bytes]) -> bytes:
    return b"`" + b" " * (len(match[0]) - 2) + b"`"


def read(source: bytes, shell: Shell) -> Script | None:
    """The text's commands; None where the grammar cannot be trusted with it."""
    root = _tree(source)
    if root.has_error:
        return None
    reader = _Reader(source, shell, strict=True)
    try:
        reader.statements(root.children)
    except _LostError:
        return None
    return reader.out.finish("tree-sitter", None)


def read_partly(source: bytes, shell: Shell, fault: Fault) -> Script:
    """What can be read of text that is no shell text as a whole."""
    reader = _Reader(source, shell, strict=False)
    reader.statements(_tree(source).children)
    return reader.out.finish("partial", fault)


def comments(source: bytes) -> tuple[Comment, ...]:
    """The comments of a text in order, those inside backticks left out: they end with the backticks, which
    the grammar does not know. In text with another error it still tells comments from words."""
    text = source
    found: list[Comment] = []
    for _ in range(_REREADINGS):
        found = _comments(text)
        inside = next((each for each in found if _in_backticks(text, each)), None)
        if inside is None:
            break
        closing = text.find(b"`", inside.start)
        text = text[: inside.start] + b" " * (closing - inside.start) + text[closing:]
    return tuple(found)


def _in_backticks(text: bytes, comment: Comment) -> bool:
    closed = text.find(b"`", comment.start, comment.end) >= 0
    return closed and len(_BACKTICK.findall(text, 0, comment.start)) % 2 == 1


def _comments(text: bytes) -> list[Comment]:
    """Every comment node, in order."""
    found = []
    waiting = [_tree(text)]
    while waiting:
        node = waiting.pop()
        if node.type == "comment":
            found.append(Comment(node.start_byte, node.end_byte))
        elif b"#" in text[node.start_byte : node.end_byte]:
            waiting += node.children
    return sorted(found, key=lambda each: each.start)


@frozen
class _Link:
    """One command of a chain; no node for redirections alone."""

    node: Node | None
    operator: str
    redirects: Sequence[Node] = ()
    negated: bool = False

    @property
    def start(self) -> int:
        nodes = [*([self.node] if self.node else []), *self.redirects]
        return min(node.start_byte for node in nodes)

    @property
    def end(self) -> int:
        ends = [redirect.end_byte for redirect in self.redirects if redirect.type != "heredoc_redirect"]
        return max([*ends, *([self.node.end_byte] if self.node else [])], default=0)


class _Reader:
    def __init__(self, source: bytes, shell: Shell, *, strict: bool) -> None:
        self.source = source
        self.out = Collector(source, shell)
        self.strict = strict
        self.table: dict[str, Callable[[Node, str], None]] = {
            "command": self.command,
            "declaration_command": self.command,
            "unset_command": self.command,
            "test_command": self.test,
            "variable_assignment": self.command,
            "variable_assignments": self.command,
            "redirected_statement": self.chain,
            "negated_command": self.chain,
            "pipeline": self.chain,
            "list": self.chain,
            "subshell": self.subshell,
            "compound_statement": self.group,
            "if_statement": self.branch,
            "elif_clause": self.branch,
            "else_clause": self.branch,
            "while_statement": self.loop,
            "for_statement": self.loop,
            "c_style_for_statement": self.loop,
            "case_statement": self.case,
            "function_definition": self.function,
        }

    def statements(self, nodes: Iterable[Node]) -> None:
        """A sequence of statements and the separators between them."""
        found = [node for node in nodes if node.type not in ("comment", "heredoc_body", "heredoc_end")]
        joined = ""
        for node, following in zip_longest(found, found[1:]):
            if not node.is_named:
                joined = "&" if node.type == "&" else joined
                continue
            with self.out.aside(following is not None and following.type == "&"):
                self.statement(node, joined)
            joined = ";"

    def statement(self, node: Node, joined: str) -> None:
        reader = self.table.get(node.type)
        if reader is not None:
            reader(node, joined)
        elif node.type == "ERROR":
            self.statements(node.children)
        else:
            self.substitutions(node)

    def command(self, node: Node, joined: str, extra: Sequence[Node] = (), negated: bool = False) -> None:
        self.out.command(lambda: self._command(node, joined, extra, negated))

    def _command(self, node: Node, joined: str, extra: Sequence[Node], negated: bool) -> Command:
        self._check(node)
        assignments: list[Assignment] = []
        redirections: list[Redirection] = []
        groups: list[list[Node] | Assignment] = []
        declares = node.type == "declaration_command"
        if node.type == "variable_assignment":
            assignments.append(self.assignment(node))
        for child in node.children if node.type != "variable_assignment" else ():
            if child.type == "variable_assignment":
                assignments.append(self.assignment(child))
                if declares:
                    groups.append(assignments[-1])
            elif child.type in _REDIRECTS:
                redirections.append(self.redirection(child))
                groups.extend([word] for word in child.children_by_field_name("destination")[1:])
            elif child.type == "comment":
                continue
            elif groups and isinstance(groups[-1], list) and self._continues(groups[-1][-1], child):
                groups[-1].append(child)
            else:
                groups.append([child])
        for child in extra:
            redirections.append(self.redirection(child))
            groups.extend([word] for word in child.children_by_field_name("destination")[1:])
        words = [self.word(item) if isinstance(item, list) else self.out.declared(item) for item in groups]
        if self.strict and words and words[0].text in _RESERVED:
            raise _LostError
        end = max([node.end_byte, *(item.end for item in redirections), *(item.end for item in words)])
        return Command(
            tuple(words),
            tuple(assignments),
            tuple(redirections),
            node.start_byte,
            end,
            joined=joined,
            negated=negated,
        )

    def _check(self, node: Node) -> None:
        """Shapes that the grammar gets wrong without an error: a simple command runs on over the end of its
        line, an assignment is cut in two, or text belongs to no node."""
        if not self.strict:
            return
        for left, right in pairwise(node.children):
            gap = self.source[left.end_byte : right.start_byte]
            if b"\n" in _LINE_JOIN.sub(b"", gap) and "heredoc" not in left.type:
                raise _LostError
            if _LINE_JOIN.sub(b"", gap).strip() or (not gap and left.type == "variable_assignment"):
                raise _LostError

    def _continues(self, left: Node, right: Node) -> bool:
        gap = self.source[left.end_byte : right.start_byte]
        if self.strict and not gap:
            raise _LostError  # two words with nothing between them: the grammar cut one in two
        return not gap or bool(_LINE_JOIN.fullmatch(gap))

    def test(self, node: Node, joined: str, extra: Sequence[Node] = (), negated: bool = False) -> None:
        def build() -> Command:
            words = [self.word([leaf]) for leaf in self._operands(node)]
            redirections = [self.redirection(child) for child in extra]
            end = max([node.end_byte, *(item.end for item in redirections)])
            return Command(
                tuple(words), (), tuple(redirections), node.start_byte, end, joined=joined, negated=negated
            )

        if node.children and node.children[0].type == "((":
            self.substitutions(node)
        else:
            self.out.command(build)

    def _operands(self, node: Node) -> list[Node]:
        found: list[Node] = []
        for child in node.children:
            if child.type.endswith("_expression") and child.type != "brace_expression":
                found += self._operands(child)
            elif self.strict and found and found[-1].end_byte == child.start_byte:
                raise _LostError
            else:
                found.append(child)
        return found

    def chain(self, node: Node, joined: str) -> None:
        """Commands joined by `&&`, `||` and `|`, with redirections around them. How the grammar nests these
        is not how the shell binds them, so they are laid out flat and grouped again: `|` binds closest."""
        links = _links(node, joined)
        pipelines: list[list[_Link]] = []
        for link in links:
            if pipelines and link.operator in ("|", "|&"):
                pipelines[-1].append(link)
            else:
                pipelines.append([link])
        for index, stages in enumerate(pipelines):
            with self.out.behind(stages[0].operator if index else ""):
                if len(stages) == 1:
                    self.link(stages[0])
                    continue
                readers = [partial(self.link, stage) for stage in stages]
                self.out.pipeline(stages[0].start, stages[-1].end, readers)

    def link(self, link: _Link) -> None:
        node, joined, redirects = link.node, link.operator, link.redirects
        if node is not None and redirects and self.strict:
            gap = self.source[node.end_byte : redirects[0].start_byte]
            if _LINE_JOIN.sub(b"", gap).strip():
                raise _LostError
        if node is None:
            self.out.command(lambda: self._bare(redirects, joined))
        elif self.table.get(node.type) == self.command:
            self.command(node, joined, redirects, link.negated)
        elif node.type == "test_command":
            self.test(node, joined, redirects, link.negated)
        else:
            self.statement(node, joined)
            if redirects:
                self.out.command(lambda: self._bare(redirects, ""))
        for redirect in redirects:
            if redirect.type == "heredoc_redirect":
                self._after_heredoc(redirect)

    def _bare(self, redirects: Sequence[Node], joined: str) -> Command:
        redirections = tuple(self.redirection(child) for child in redirects)
        return Command((), (), redirections, redirections[0].start, redirections[-1].end, joined=joined)

    def _after_heredoc(self, node: Node) -> None:
        """`cat <<EOF && next`: the grammar keeps the rest of that line inside the redirection."""
        for child in node.children:
            if child.type in self.table or child.type in ("file_redirect", "argument"):
                if self.strict:
                    raise _LostError
                self.statement(child, ";")

    def subshell(self, node: Node, _joined: str) -> None:
        with self.out.inside("subshell", node.start_byte, node.end_byte):
            self.statements(node.children)

    def group(self, node: Node, _joined: str) -> None:
        if node.children and node.children[0].type == "((":
            self.substitutions(node)
            return
        with self.out.inside("group", node.start_byte, node.end_byte):
            self.statements(node.children)

    def branch(self, node: Node, _joined: str) -> None:
        """`if … then …` and `elif … then …`: the test, then what hangs on it."""
        children = node.children
        split = next((index for index, child in enumerate(children) if child.type == "then"), len(children))
        test, rest = children[:split], children[split + 1 :]
        if test:
            with self.out.inside("condition", test[0].start_byte, test[-1].end_byte):
                self.statements(test)
        own = [child for child in rest if child.type not in ("elif_clause", "else_clause")]
        if own:
            with self.out.inside("then", own[0].start_byte, own[-1].end_byte):
                self.statements(own)
        for child in rest:
            if child.type in ("elif_clause", "else_clause"):
                with self.out.inside("else", child.start_byte, child.end_byte):
                    if child.type == "elif_clause":
                        self.branch(child, "")
                    else:
                        self.statements(child.children)

    def loop(self, node: Node, _joined: str) -> None:
        body = node.child_by_field_name("body")
        tests = [child for child in node.children if child != body and child.type not in ("comment",)]
        if node.type == "while_statement":
            with self.out.inside("condition", tests[0].start_byte, tests[-1].end_byte):
                self.statements(tests)
        else:
            for child in tests:
                self.substitutions(child)
        if body is not None:
            with self.out.inside("loop", body.start_byte, body.end_byte):
                self.statements(body.children)

    def case(self, node: Node, _joined: str) -> None:
        for child in node.children:
            if child.type != "case_item":
                self.substitutions(child)
                continue
            values = child.children_by_field_name("value")
            for value in values:
                self.substitutions(value)
            closing = next((item for item in child.children if item.type == ")"), child)
            patterns = self.out.text(values[0].start_byte, closing.start_byte).rstrip() if values else ""
            label = _AROUND_BAR.sub("|", patterns)
            start = closing.end_byte
            with self.out.inside("arm", child.start_byte, child.end_byte, label):
                self.statements(item for item in child.children if item.start_byte >= start)

    def function(self, node: Node, _joined: str) -> None:
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        label = self.out.text(name.start_byte, name.end_byte) if name else ""
        self.out.function(label, node.start_byte, node.end_byte)
        if body is not None:
            with self.out.inside("function", node.start_byte, node.end_byte, label):
                self.statement(body, "")

    def substitutions(self, node: Node) -> None:
        """The commands in every substitution below a node that is no statement."""
        if node.type in _SUBSTITUTIONS:
            if self.strict and b"\\`" in self.source[node.start_byte : node.end_byte]:
                raise _LostError  # backquotes inside backquotes
            kind: BlockKind = "command" if node.type == "command_substitution" else "process"
            with self.out.inside(kind, node.start_byte, node.end_byte):
                self.statements(node.children)
            return
        for child in node.children:
            self.substitutions(child)

    def assignment(self, node: Node) -> Assignment:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        append = any(child.type == "+=" for child in node.children)
        label = self.out.text(name.start_byte, name.end_byte) if name else ""
        if value is not None and value.type == "array":
            elements = tuple(self.word([child]) for child in value.children if child.is_named)
            return Assignment(label, None, node.start_byte, node.end_byte, append, elements)
        if value is None:
            empty = Word("", (), node.end_byte, node.end_byte)
            return Assignment(label, empty, node.start_byte, node.end_byte, append)
        return Assignment(label, self.word([value]), node.start_byte, node.end_byte, append)

    def redirection(self, node: Node) -> Redirection:
        descriptor = node.child_by_field_name("descriptor")
        number = self.out.text(descriptor.start_byte, descriptor.end_byte) if descriptor else ""
        operator = next((child for child in node.children if not child.is_named), node)
        sign = self.out.text(operator.start_byte, operator.end_byte)
        if node.type == "heredoc_redirect":
            return self._heredoc(node, sign, number)
        if sign.endswith("-") and sign != "<<-":  # `>&-` closes the descriptor
            at = operator.end_byte - 1
            closed = Word("-", (Part("text", "-", at, at + 1),), at, at + 1)
            return Redirection(sign[:-1], number, closed, node.start_byte, operator.end_byte)
        targets = node.children_by_field_name("destination") or [
            child for child in node.children if child.is_named and child.type != "file_descriptor"
        ]
        target = self.word([targets[0]]) if targets else None
        end = targets[0].end_byte if targets else node.end_byte
        return Redirection(sign, number, target, node.start_byte, end)

    def _heredoc(self, node: Node, sign: str, number: str) -> Redirection:
        start = next((child for child in node.children if child.type == "heredoc_start"), node)
        body = next((child for child in node.children if child.type == "heredoc_body"), None)
        parts = _delimiter(self.out.text(start.start_byte, start.end_byte), start.start_byte, start.end_byte)
        target = word_of(
            self.out.text(start.start_byte, start.end_byte), parts, start.start_byte, start.end_byte, ""
        )
        if body is None:
            return Redirection(sign, number, target, node.start_byte, start.end_byte)
        # The grammar leaves empty lines at its beginning out of the body.
        at = self.source.find(b"\n", start.end_byte) + 1
        text = self.out.text(at, body.end_byte).rstrip("\t")
        if self.strict and not parts[0].quoted and re.search(r"`|\$\(", text):
            raise _LostError  # substitutions in a body are not always seen
        with self.out.inside("heredoc", body.start_byte, body.end_byte):
            expansions = tuple(
                self.dynamic(child, False) for child in body.children if child.type in _DYNAMIC
            )
        return Redirection(sign, number, target, node.start_byte, start.end_byte, text, at, expansions)

    def word(self, nodes: Sequence[Node]) -> Word:
        start, end = nodes[0].start_byte, nodes[-1].end_byte
        parts: list[Part] = []
        bare: list[str] = []
        for node in nodes:
            self.parts(node, parts, bare)
        return word_of(self.out.text(start, end), parts, start, end, "".join(bare))

    def parts(self, node: Node, parts: list[Part], bare: list[str]) -> None:
        start, end = node.start_byte, node.end_byte
        text = self.out.text(start, end)
        if node.type in _DYNAMIC:
            parts.append(self.dynamic(node, False))
            bare.append("x")
        elif node.type == "raw_string":
            parts.append(Part("text", text[1:-1], start + 1, end - 1, True))
            bare.append("x")
        elif node.type == "ansi_c_string":
            parts.append(Part("text", unescape_ansi(text[2:-1]), start + 2, end - 1, True))
            bare.append("x")
        elif node.type in ("string", "translated_string"):
            self._quoted(node, parts)
            bare.append("x")
        elif node.type in ("concatenation", "command_name", "variable_assignment", "array"):
            self._gapped(node, parts, bare)
        else:
            self._leaf(node, text, parts, bare)

    def _leaf(self, node: Node, text: str, parts: list[Part], bare: list[str]) -> None:
        inner = [child for child in _below(node) if child.type in _DYNAMIC]
        if inner:
            self._gapped(node, parts, bare)
            return
        if node.type == "regex":
            parts.append(Part("text", text, node.start_byte, node.end_byte, False))
            bare.append(text)
        else:
            self._bare_text(node.start_byte, node.end_byte, parts, bare)

    def _gapped(self, node: Node, parts: list[Part], bare: list[str]) -> None:
        """A node made of pieces; text that the grammar gives no node is text all the same."""
        at = node.start_byte
        for child in node.children:
            if child.start_byte > at:
                self._bare_text(at, child.start_byte, parts, bare)
            self.parts(child, parts, bare)
            at = child.end_byte
        if at < node.end_byte:
            self._bare_text(at, node.end_byte, parts, bare)

    def _bare_text(self, start: int, end: int, parts: list[Part], bare: list[str]) -> None:
        text = self.out.text(start, end)
        if self.strict and _IMPOSSIBLE.search(_ESCAPED.sub("", text)):
            raise _LostError
        parts.append(Part("text", unescape_bare(text), start, end, False))
        bare.append(text)

    def _quoted(self, node: Node, parts: list[Part]) -> None:
        string = node if node.type == "string" else node.children[-1]
        inner = [child for child in string.children if child.type in _DYNAMIC]
        at, end = string.start_byte + 1, string.end_byte - 1
        empty = not inner and at == end
        for child in inner:
            start = child.start_byte
            # The grammar takes blanks before `$` into the expansion.
            while self.source[start : start + 1] not in (b"$", b"`", b"<", b">") and start < child.end_byte:
                start += 1
            if start > at:
                parts.append(Part("text", unescape_quoted(self.out.text(at, start)), at, start, True))
            parts.append(self.dynamic(child, True))
            at = child.end_byte
        if at < end or empty:
            parts.append(Part("text", unescape_quoted(self.out.text(at, end)), at, end, True))

    def dynamic(self, node: Node, quoted: bool) -> Part:
        text = self.out.text(node.start_byte, node.end_byte)
        start = node.end_byte - len(text.lstrip().encode("utf-8", "surrogateescape"))
        text = text.lstrip()
        self.substitutions(node)
        if node.type in ("simple_expansion", "expansion"):
            names = [
                child for child in _below(node) if child.type in ("variable_name", "special_variable_name")
            ]
            name = self.out.text(names[0].start_byte, names[0].end_byte) if names else text.strip("${}")
            return Part("variable", name, start, node.end_byte, quoted, fallback_of(text))
        if node.type == "arithmetic_expansion":
            return Part("arithmetic", text, start, node.end_byte, quoted)
        kind: PartKind = "command" if node.type == "command_substitution" else "process"
        return Part(kind, text, start, node.end_byte, quoted)


def _links(node: Node, joined: str) -> list[_Link]:
    """The commands of a chain, each with the operator before it and the redirections that are its own:
    what stands around several belongs to the last."""
    children = [child for child in node.children if child.type != "comment"]
    if node.type == "redirected_statement":
        body = node.child_by_field_name("body")
        redirects = [child for child in children if child.type in _REDIRECTS]
        links = _links(body, joined) if body else [_Link(None, joined)]
        links[-1] = replace(links[-1], redirects=[*links[-1].redirects, *redirects])
        return links
    if node.type == "negated_command":
        inner = next((child for child in children if child.is_named), None)
        links = _links(inner, joined) if inner else []
        return [replace(link, negated=not link.negated) if link is links[0] else link for link in links]
    if node.type not in _CHAINS:
        return [_Link(node, joined)]
    # A long chain nests to the left, once for each of its commands: go down there without recursion.
    rests: list[list[Node]] = []
    while node.type in _CHAINS:
        first, *rest = [child for child in node.children if child.type != "comment"]
        rests.append(rest)
        node = first
    found = _links(node, joined)
    for rest in reversed(rests):
        operator = ""
        for child in rest:
            if child.is_named:
                found += _links(child, operator)
            else:
                operator = child.type
    return found


def _below(node: Node) -> Iterable[Node]:
    for child in node.children:
        yield child
        yield from _below(child)


def _delimiter(text: str, start: int, end: int) -> list[Part]:
    """The delimiter of a heredoc: quoting anywhere in it, a backslash too, makes the body literal."""
    plain = text.replace("\\", "").replace("'", "").replace('"', "")
    return [Part("text", plain, start, end, plain != text)]
