"""The Dockerfile that is rewritten: the author's text, the stage that is slimmed, the names that are free."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.dockerfile.instructions import From, Program, read_strict
from analyzer.dockerfile.scope import BuildInputs
from analyzer.errors import InputError, Problem, ScratchifyError
from analyzer.stages import StageTable, resolve
from rewriters import block
from rewriters.render import Naming, Tools
from rewriters.request import STDIN

TOOLS_NAME = "scratchify-files"


@dataclass(frozen=True, slots=True)
class Source:
    """One Dockerfile read for a rewrite. `named` is the author's text with the stage's name in it."""

    path: Path | None  # None for standard input
    data: bytes  # as read, an earlier block included
    author: bytes
    named: bytes
    table: StageTable
    stage: int  # index of the stage that is slimmed
    naming: Naming
    marker: block.Marker | None

    @property
    def name(self) -> str:
        return name_of_file(self.path)

    def tools_candidates(self) -> Iterator[Tools]:
        """Stages to assemble with: the external base of the slimmed stage first, then the file's others."""
        bottom = self.table.chain(self.stage)[-1]
        bases = [use for use in self.table.uses if use.kind == "base" and use.source.external]
        for use in sorted(bases, key=lambda use: (use.stage != bottom, use.stage)):
            command = use.instruction.command
            platform = command.platform if isinstance(command, From) else None
            written = use.written
            if written.lower() in self.table.names:
                # After the stages of the file the name alone would mean one of them.
                written = f"{written}:latest"
            yield Tools(written, use.source.image, platform or "", self.table.stages[use.stage].platform)


def name_of_file(path: Path | None) -> str:
    return str(path) if path else "<standard input>"


def read_source(dockerfile: Path, target: str = "", build_args: Sequence[str] = ()) -> Source:
    """Read a Dockerfile and choose the stage.

    Raises InputError for what BuildKit would refuse and for what cannot be rewritten.
    """
    path = None if dockerfile == STDIN else dockerfile
    data = read_bytes(dockerfile)
    name = name_of_file(path)
    parts = block.split(data, name)
    try:
        program = read_strict(parts.author, name)
    except InputError as error:
        hint = error.hint or f"mend these lines, or name another file; `scratchify lint {name}` says more"
        raise InputError(error.problems, hint=hint) from error
    _refuse_open_end(parts.author, name, program)
    arguments = {key: value for key, found, value in (item.partition("=") for item in build_args) if found}
    table = resolve(program, BuildInputs(args=arguments, target=target))
    table.check(target)
    stage = _find_stage(table, target, name)
    named, naming = _name_stage(parts.author, table, stage)
    return Source(path, data, parts.author, named, table, stage, naming, parts.marker)


def read_bytes(dockerfile: Path) -> bytes:
    """A Dockerfile's bytes, of standard input for STDIN."""
    try:
        return sys.stdin.buffer.read() if dockerfile == STDIN else dockerfile.read_bytes()
    except OSError as error:
        raise ScratchifyError(
            f"cannot read {dockerfile}: {error.strerror}", hint="check the path and its mode"
        ) from error


def _refuse_open_end(author: bytes, name: str, program: Program) -> None:
    """A file that ends in a continuation would take the block's first lines into its last instruction."""
    dockerfile = program.dockerfile
    last = dockerfile.instructions[-1]
    tail = author[last.span.start :].decode().rstrip("\n")
    lines = [line for line in tail.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    if not last.heredocs and lines and lines[-1].rstrip().endswith(dockerfile.escape):
        number = author.count(b"\n", 0, last.span.start) + tail.count("\n") + 1
        problem = Problem(name, number, len(lines[-1].rstrip()), "the file ends in a continuation", lines[-1])
        raise InputError([problem], hint=f"take the last {dockerfile.escape} away; nothing follows it")


def _find_stage(table: StageTable, target: str, name: str) -> int:
    """The last stage, or the one that `--target` names: by name in any case, or by number."""
    if target.isdigit() and target not in table.names:
        if int(target) < len(table.stages):
            return int(target)
        raise ScratchifyError(f"{name} has no stage {target}", hint=f"it has {len(table.stages)} stages")
    return table.find(target)


def _name_stage(author: bytes, table: StageTable, stage: int) -> tuple[bytes, Naming]:
    """Give the stage a name where it has none, free of every stage and image name in the file."""
    if "scratch" in table.names:
        raise ScratchifyError(
            "a stage of this file is named scratch, so FROM scratch would be that stage",
            hint="give the stage another name",
        )
    dockerfile = table.program.dockerfile
    lower = sum(item.name.text.islower() for item in dockerfile.instructions)
    tools = table.fresh_name(TOOLS_NAME)
    style = (dockerfile.escape, lower * 2 > len(dockerfile.instructions))
    name = table.stages[stage].name
    if name is not None and table.names[name] != stage:
        raise ScratchifyError(
            f"a later stage is named {name} too, and a name means the last stage that has it",
            hint="give each stage a name of its own",
        )
    if name is not None:
        return author, Naming(name, tools, *style)
    name = table.fresh_name(block.STAGE_NAME)
    node = table.stages[stage].start.node
    end = node.span_of(node.words[-1]).end
    keyword = "as" if node.name.text.islower() else "AS"
    return author[:end] + f" {keyword} {name}".encode() + author[end:], Naming(name, tools, *style)
