"""The build as nodes and edges: stages, instructions, images, the build context and its paths, values.

An edge leads from what depends to what it depends on. Plain tuples, so that printing a graph needs no
networkx; `graph` asks questions of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from analyzer.context import Context
from analyzer.copies import AuthorCopy, files_taken, stage_copies
from analyzer.dockerfile.instructions import Add, Arg, Cmd, Copy, Entrypoint, Env, Run, User, Workdir
from analyzer.dockerfile.scope import Expanded, Stage
from analyzer.shell import Shell, read, shebang_of, shell_of
from analyzer.stages import Source, StageTable, Use, ordered

NodeKind = Literal["stage", "instruction", "image", "context", "path", "remote", "value", "environment"]
EdgeKind = Literal[
    "based on",
    "copies from",
    "mounts from",
    "uses value",
    "onbuild",  # an instruction that the base's ONBUILD brought, to the stage or image that has it
    "fetches",  # ADD of an address
    "path of",  # a path, to the context that it lies in
    "follows",  # an instruction that makes a layer, to the one before it
    "has",  # a stage, to each of its instructions
    "result",  # a stage, to the last instruction that makes a layer
    "set by",  # a value, to its ARG or ENV
    # RUN, to the environment that it gets and to the USER that it runs as; an environment, to the value that
    # the last ARG or ENV put in and to the environment before it
    "environment",
]

CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Node:
    """`id` is unique: `stage:0`, `line:4` (an instruction by its first line), `onbuild:2:0` (the first
    trigger in stage 2), `image:debian:12`, `context`, `path:src`, `remote:https://…`, `arg:NAME:LINE`,
    `env:NAME:LINE`, `predefined:NAME`, `environment:0:4` (of stage 0, after the ARG or ENV of line 4)."""

    id: str
    kind: NodeKind
    label: str
    stage: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """`stage` and `line` say where the file says so; `label` what is copied, or where a mount appears."""

    kind: EdgeKind
    source: str
    target: str
    stage: int | None = None
    line: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Dependencies:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def dependencies(table: StageTable, context: Context | None = None) -> Dependencies:
    """All nodes and edges of a file. Context paths are the sources as written; with a context, the files
    that these take."""
    builder = _Builder(table, context)
    builder.globals()
    for stage in table.stages:
        builder.stage(stage)
    return Dependencies(tuple(builder.nodes.values()), tuple(dict.fromkeys(builder.edges)))


def makes_layer(instruction: Expanded) -> bool:
    """Whether the builder runs something for it; all others only change the configuration. A working
    directory that only is `/` by the values of now counts."""
    command = instruction.command
    if isinstance(command, Workdir):
        return instruction.node.values[0] != "/"
    return isinstance(command, Run | Copy | Add)


class _Builder:
    def __init__(self, table: StageTable, context: Context | None) -> None:
        self.table = table
        self.context = context
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.lines: dict[int, int] = {}  # identity of an instruction → its line of the file
        self.global_values: dict[str, str] = {}
        # For each stage what holds at its end: name → value node, and the environment's node.
        self.values: list[dict[str, str]] = []
        self.environments: list[str] = []

    def node(self, node: Node) -> str:
        self.nodes.setdefault(node.id, node)
        return node.id

    def globals(self) -> None:
        for instruction in self.table.evaluation.globals:
            here = self.instruction(instruction, None, f"line:{instruction.node.start_line}")
            self.use_values(instruction, None, here, self.global_values)
            self.define(instruction, None, here, self.global_values)

    def stage(self, stage: Stage) -> None:
        name = self.table.label(stage.index)
        line = stage.start.node.start_line
        here = self.node(Node(f"stage:{stage.index}", "stage", name, stage.index, line))
        scope = dict(self.values[stage.parent]) if stage.parent is not None else {}
        self.values.append(scope)
        self.environments.append(self.environments[stage.parent] if stage.parent is not None else "")
        start = self.instruction(stage.start, stage.index, f"line:{line}")
        self.use_values(stage.start, stage.index, start, self.global_values)
        uses = self.table.uses_of(stage.index)
        self.edge("has", here, start, stage.start, stage.index)
        self.based(here, start, next(use for use in uses if use.kind == "base"))
        copies = {id(copy.instruction): copy for copy in stage_copies(self.table, stage.index)}
        last, user = start, ""
        for number, (instruction, trigger) in enumerate(ordered(stage)):
            id_ = f"onbuild:{stage.index}:{number}" if trigger else f"line:{instruction.node.start_line}"
            node = self.instruction(instruction, stage.index, id_)
            self.edge("has", here, node, instruction, stage.index)
            if trigger:
                self.edge("onbuild", node, self.origin(stage), instruction, stage.index)
            self.use_values(instruction, stage.index, node, scope)
            self.sources(instruction, stage.index, node, uses, copies.get(id(instruction)))
            if isinstance(instruction.command, Run):
                for implied in filter(None, (self.environments[stage.index], user)):
                    self.edge("environment", node, implied, instruction, stage.index)
            self.define(instruction, stage.index, node, scope)
            if isinstance(instruction.command, User):
                user = node
            if makes_layer(instruction):
                self.edge("follows", node, last, instruction, stage.index)
                last = node
        self.edges.append(Edge("result", here, last, stage.index))

    def instruction(self, instruction: Expanded, stage: int | None, id_: str) -> str:
        node = instruction.node
        text = " ".join(node.text.split())
        trigger = id_.startswith("onbuild")
        line = node.start_line if stage is None else self.table.line_of(stage, instruction, trigger)
        self.lines[id(instruction)] = line
        return self.node(Node(id_, "instruction", text, stage, line))

    def edge(
        self,
        kind: EdgeKind,
        source: str,
        target: str,
        instruction: Expanded,
        stage: int | None,
        label: str = "",
    ) -> None:
        self.edges.append(Edge(kind, source, target, stage, self.lines[id(instruction)], label))

    def based(self, stage: str, start: str, use: Use) -> None:
        base = self.named(use.source)
        self.edge("based on", start, base, use.instruction, use.stage)
        self.edge("based on", stage, base, use.instruction, use.stage)

    def origin(self, stage: Stage) -> str:
        if stage.parent is not None:
            return f"stage:{stage.parent}"
        return self.named(Source(None, stage.base))

    def named(self, source: Source) -> str:
        if source.stage is not None:
            return f"stage:{source.stage}"
        return self.node(Node(f"image:{source.image}", "image", source.image))

    def sources(
        self, instruction: Expanded, stage: int, node: str, uses: tuple[Use, ...], copy: AuthorCopy | None
    ) -> None:
        own = [use for use in uses if use.instruction is instruction]
        for use in own:
            if use.late:
                continue  # a fault, told by the stage table
            kind: EdgeKind = "copies from" if use.kind == "copy" else "mounts from"
            label = use.target if use.kind == "mount" else " ".join(instruction.words)
            self.edge(kind, node, self.named(use.source), instruction, stage, label)
        if copy is not None and not own:
            self.context_paths(copy, node)
        for mount in instruction.mounts:
            if mount.type == "bind" and not mount.from_:
                path = self.path((mount.source or "/").strip("/") or ".")
                self.edge("mounts from", node, path, instruction, stage, mount.target)

    def context_paths(self, copy: AuthorCopy, node: str) -> None:
        instruction, stage = copy.instruction, copy.stage
        for address in copy.remote:
            remote = self.node(Node(f"remote:{address}", "remote", address))
            self.edge("fetches", node, remote, instruction, stage, copy.destination)
        if self.context is not None:
            paths = [item.path for item in files_taken(copy, self.context) if item.kind != "dir"]
        else:
            paths = [source.removeprefix("./").strip("/") or "." for source in copy.sources]
        for path in dict.fromkeys(paths):
            self.edge("copies from", node, self.path(path), instruction, stage, copy.destination)

    def path(self, path: str) -> str:
        self.node(Node(CONTEXT, "context", "build context"))
        node = self.node(Node(f"path:{path}", "path", path))
        self.edges.append(Edge("path of", node, CONTEXT))
        return node

    def use_values(self, instruction: Expanded, stage: int | None, node: str, scope: dict[str, str]) -> None:
        for name in dict.fromkeys(_names(instruction)):
            value = scope.get(name) or self.predefined(name, instruction)
            if value:
                self.edge("uses value", node, value, instruction, stage, name)

    def predefined(self, name: str, instruction: Expanded) -> str:
        """A name that holds though no instruction sets it: a predefined ARG, or the base's ENV."""
        if name not in instruction.environment:
            return ""
        return self.node(Node(f"predefined:{name}", "value", name))

    def define(self, instruction: Expanded, stage: int | None, node: str, scope: dict[str, str]) -> None:
        command = instruction.command
        if not isinstance(command, Arg | Env):
            return
        kind = "arg" if isinstance(command, Arg) else "env"
        line = instruction.node.start_line
        place = node.removeprefix("line:")
        for pair in command.pairs:
            value = f"{kind}:{pair.key}:{place}"
            self.node(Node(value, "value", pair.key, stage, line))
            self.edge("set by", value, node, instruction, stage)
            inherited = self.global_values.get(pair.key)
            if kind == "arg" and pair.value is None and stage is not None and inherited:
                self.edge("uses value", value, inherited, instruction, stage, pair.key)
            scope[pair.key] = value
        if stage is not None:
            values = [f"{kind}:{pair.key}:{place}" for pair in command.pairs]
            self.environment(instruction, stage, place, values)

    def environment(self, instruction: Expanded, stage: int, place: str, values: list[str]) -> None:
        """What RUN gets after an ARG or ENV: linked to what it got before, so that the graph stays small."""
        line = instruction.node.start_line
        here = self.node(Node(f"environment:{stage}:{place}", "environment", "environment", stage, line))
        before = self.environments[stage]
        for target in (*values, before):
            if target and target != here:
                self.edge("environment", here, target, instruction, stage)
        self.environments[stage] = here


def _names(instruction: Expanded) -> Iterator[str]:
    """The names whose values an instruction uses: what the builder expands, and what a shell form names."""
    for lookup in instruction.lookups:
        yield lookup.name
    command = instruction.command
    if isinstance(command, Run | Cmd | Entrypoint) and command.shell_form:
        for text, shell in _shell_texts(instruction):
            yield from read(text, shell).variables()


def _shell_texts(instruction: Expanded) -> Iterator[tuple[str, Shell]]:
    """The shell text of a shell form: with its heredocs behind it, or, where it is nothing but one, the
    body, which its first line may give to another program."""
    node, shell = instruction.node, shell_of(instruction.shell)
    text = " ".join(node.values)
    if not node.heredocs:
        yield text, shell
    elif re.fullmatch(r"<<\S+", text.strip()):
        for heredoc in node.heredocs:
            yield heredoc.body, shebang_of(heredoc.body.encode("utf-8", "surrogateescape")) or shell
    else:
        bodies = "".join(f"{heredoc.content}{heredoc.name}\n" for heredoc in node.heredocs)
        yield f"{text}\n{bodies}", shell
