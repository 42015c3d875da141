"""What shell text says, as values: commands with their words, and where in the text each stands.

Every `start` and `end` is a byte offset into `Script.source`, end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from analyzer.shell.dialect import POSIX, Shell
from analyzer.values import frozen

PartKind = Literal["text", "variable", "command", "arithmetic", "process"]

BlockKind = Literal[
    "subshell",
    "group",
    "condition",  # what if, elif, while and until test
    "then",
    "else",
    "arm",  # of a case; the label is its patterns
    "loop",
    "function",  # the label is its name
    "command",  # $(…) and `…`
    "process",  # <(…) and >(…)
    "heredoc",  # a substitution in the body of a heredoc stands in "heredoc", then "command"
    "coprocess",
]

# What runs in a process of its own: `cd` and assignments in there do not reach the text after it.
ISOLATED: frozenset[BlockKind] = frozenset({"subshell", "command", "process", "coprocess"})
# What may be left out of a run, or be run many times.
CONDITIONAL: frozenset[BlockKind] = frozenset({"then", "else", "arm", "loop", "function"})


@frozen
class Part:
    """A piece of a word: constant text with its quoting taken off, or something the shell puts in.

    The span of quoted text leaves the quotes out.
    `text` is the text, the variable's name, or the source of what is substituted. `default` is the constant
    text that `${X:-…}` and its relatives fall back to, "" where there is none.
    """

    kind: PartKind
    text: str
    start: int
    end: int
    quoted: bool = False
    default: str = ""


@frozen
class Word:
    """One word as the shell splits the text, before expansion."""

    text: str  # as written
    parts: tuple[Part, ...]
    start: int
    end: int
    pattern: bool = False  # has an unquoted `*`, `?`, `[…]`, `{a,b}` or leading `~`: the shell may expand it

    @property
    def value(self) -> str | None:
        """The text with its quoting taken off; None when a part is known only at run time.

        A pattern is given as it stands."""
        parts = self.parts
        # Nearly every word is one piece of text, and checks ask often.
        if len(parts) == 1:
            return parts[0].text if parts[0].kind == "text" else None
        if any(part.kind != "text" for part in parts):
            return None
        return "".join(part.text for part in parts)

    @property
    def dynamic(self) -> bool:
        return any(part.kind != "text" for part in self.parts)

    @property
    def quoted(self) -> bool:
        return any(part.quoted for part in self.parts)

    @property
    def prefix(self) -> str:
        """The constant text that the word begins with."""
        text = ""
        for part in self.parts:
            if part.kind != "text":
                break
            text += part.text
        return text

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(part.text for part in self.parts if part.kind == "variable")


@frozen
class Assignment:
    """`NAME=value`. `value` is None for an array, whose words are in `elements`."""

    name: str
    value: Word | None
    start: int
    end: int
    append: bool = False
    elements: tuple[Word, ...] = ()


@frozen
class Redirection:
    """`2>&1`, `> file`, `<<EOF`. `descriptor` is the number as written, "" where none is. `expansions` are
    the parts of a heredoc's body that the shell puts in: none where the delimiter is quoted."""

    operator: str
    descriptor: str
    target: Word | None
    start: int
    end: int
    body: str = ""  # of a heredoc, as written
    body_start: int = 0
    expansions: tuple[Part, ...] = ()


@frozen
class Block:
    """A construct around commands. Two arms of one `case` are two blocks."""

    kind: BlockKind
    start: int
    end: int
    label: str = ""


@frozen
class Command:
    """One simple command. `words` is empty for assignments or redirections that stand alone.

    `[ … ]` and `[[ … ]]` are commands of these names; `export`, `local` and their like have what they assign
    in `words` and, taken apart, in `assignments`. `joined` is the operator before it in its list: "" for the
    first, ";" (also for a line's end), "&", "&&", "||", "|" or "|&".
    """

    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...]
    redirections: tuple[Redirection, ...]
    start: int
    end: int
    where: tuple[Block, ...] = ()  # outermost first
    joined: str = ""
    negated: bool = False  # `! command`; for a pipeline its first command says so
    background: bool = False  # `&` stands behind it, or behind what is around it
    optional: bool = False  # stands, itself or with what is around it, behind `&&` or `||`

    @property
    def name(self) -> str:
        """The constant name of what is called; "" when there is none or it is known only at run time."""
        return (self.words[0].value or "") if self.words else ""

    @property
    def arguments(self) -> tuple[Word, ...]:
        return self.words[1:]

    @property
    def values(self) -> tuple[str | None, ...]:
        """The constant value of each word, None for those known only at run time."""
        return tuple(word.value for word in self.words)

    @property
    def conditional(self) -> bool:
        """Whether a run may leave it out: by a branch, a loop, a function, or `&&` and `||`."""
        return self.optional or any(block.kind in CONDITIONAL for block in self.where)

    @property
    def isolated(self) -> bool:
        return any(block.kind in ISOLATED for block in self.where)


@frozen
class Pipeline:
    """`a | b`: for each of its stages the positions in `Script.commands` of what runs in it, without what
    stands in a substitution there."""

    stages: tuple[tuple[int, ...], ...]
    start: int
    end: int


@frozen
class Comment:
    """From its `#` to the end of its line."""

    start: int
    end: int


@frozen
class Function:
    name: str
    start: int
    end: int


@frozen
class Fault:
    """Why the text is no shell text: the byte where reading stopped, and the reader's words."""

    at: int
    message: str


@frozen
class Script:
    """Shell text, read. `fault` is set when no reader could read all of it; `commands` then holds what could
    be. A shell that is left alone (PowerShell, cmd, another program) has no commands and no fault."""

    source: bytes
    shell: Shell = POSIX
    commands: tuple[Command, ...] = ()  # in the order of their starts
    pipelines: tuple[Pipeline, ...] = ()
    functions: tuple[Function, ...] = ()
    fault: Fault | None = None
    reader: Literal["", "tree-sitter", "shfmt", "partial"] = ""

    def named(self, *names: str) -> tuple[Command, ...]:
        """The commands with one of these constant names, in the order of the text."""
        return tuple(command for command in self.commands if command.name in names)

    def defines(self, name: str) -> bool:
        return any(function.name == name for function in self.functions)

    def words(self) -> Iterator[Word]:
        """Every word of every command, what it assigns and redirects to included."""
        for command in self.commands:
            yield from command.words
            for assignment in command.assignments:
                if assignment.value is not None:
                    yield assignment.value
                yield from assignment.elements
            for redirection in command.redirections:
                if redirection.target is not None:
                    yield redirection.target

    def variables(self) -> Iterator[str]:
        """The name of every variable that the text expands, in words and in the bodies of heredocs; a name
        comes as often as it stands there."""
        for word in self.words():
            yield from word.variables
        for command in self.commands:
            for redirection in command.redirections:
                yield from (part.text for part in redirection.expansions if part.kind == "variable")
