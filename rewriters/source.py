"""The Dockerfile that is rewritten: the author's text, the stage that is slimmed, the names that are free."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from analyzer.dockerfile.instructions import Copy, From, Program, Run, read_strict
from analyzer.dockerfile.nodes import Instruction
from analyzer.errors import InputError, Problem, ScratchifyError
from analyzer.provenance import base_chain
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
    program: Program
    stage: int  # index of the stage that is slimmed
    naming: Naming
    marker: block.Marker | None

    @property
    def name(self) -> str:
        return str(self.path) if self.path else "<standard input>"

    def tools_candidates(self) -> Iterator[tuple[Tools, str]]:
        """Stages to assemble with: the external base of the slimmed stage first, then the file's others.

        Each with the text of a build that ends in it.
        """
        froms = self.froms
        at = base_chain(self.program, self.stage)[0]
        heads = [at, *(index for index in range(len(froms)) if index != at)]
        head = b"".join(
            self.author[item.span.start : item.span.end]
            for item in self.program.dockerfile.items
            if isinstance(item, Instruction) and item.end_line < froms[0].node.start_line
        ).decode()
        for index in heads:
            image = froms[index].base.text
            if base_chain(self.program, index) != [index] or image == "scratch":
                continue
            platform = froms[index].platform or ""
            flag = f"--platform={platform} " if platform else ""
            yield Tools(image, image, platform), f"{head}FROM {flag}{image}"

    @property
    def froms(self) -> list[From]:
        return stages_of(self.program)


def read_source(dockerfile: Path, target: str = "") -> Source:
    """Read a Dockerfile and choose the stage. Raises InputError for what cannot be read or rewritten."""
    path = None if dockerfile == STDIN else dockerfile
    data = read_bytes(dockerfile)
    name = str(path) if path else "<standard input>"
    parts = block.split(data, name)
    program = read_strict(parts.author, name)
    _refuse_open_end(parts.author, name, program)
    froms = stages_of(program)
    stage = _find_stage(froms, target, name)
    named, naming = _name_stage(parts.author, program, froms, stage)
    return Source(path, data, parts.author, named, program, stage, naming, parts.marker)


def stages_of(program: Program) -> list[From]:
    return [command for command in program.commands if isinstance(command, From)]


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


def _find_stage(froms: list[From], target: str, name: str) -> int:
    """The last stage, or the one that `--target` names: by name in any case, or by number."""
    if not target:
        return len(froms) - 1
    for index, each in enumerate(froms):
        if each.name == target.lower():
            return index
    if target.isdigit() and int(target) < len(froms):
        return int(target)
    known = ", ".join(each.name or str(index) for index, each in enumerate(froms))
    raise ScratchifyError(f"{name} has no stage {target}", hint=f"its stages: {known}")


def _name_stage(author: bytes, program: Program, froms: list[From], stage: int) -> tuple[bytes, Naming]:
    """Give the stage a name where it has none, free of every stage and image name in the file."""
    names = [each.name for each in froms]
    taken = _names_in_use(program)
    if "scratch" in names:
        raise ScratchifyError(
            "a stage of this file is named scratch, so FROM scratch would be that stage",
            hint="give the stage another name",
        )
    node = froms[stage].node
    escape = program.dockerfile.escape
    lower = sum(item.name.text.islower() for item in program.dockerfile.instructions) * 2 > len(
        program.dockerfile.instructions
    )
    tools = free_name(TOOLS_NAME, taken)
    name = froms[stage].name
    if name is not None and name in names[stage + 1 :]:
        raise ScratchifyError(
            f"a later stage is named {name} too, and a name means the last stage that has it",
            hint="give each stage a name of its own",
        )
    if name is not None:
        return author, Naming(name, tools, escape, lower)
    name = free_name(block.STAGE_NAME, taken)
    end = node.span_of(node.words[-1]).end
    keyword = "as" if node.name.text.islower() else "AS"
    return author[:end] + f" {keyword} {name}".encode() + author[end:], Naming(name, tools, escape, lower)


def _names_in_use(program: Program) -> set[str]:
    """Stage and image names of the file, in lower case."""
    names: set[str] = set()
    for command in program.commands:
        if isinstance(command, From):
            names |= {command.base.text.lower(), command.name or ""}
        elif isinstance(command, Copy) and command.from_:
            names.add(command.from_.lower())
        elif isinstance(command, Run):
            names |= {mount.from_.lower() for mount in command.mounts if mount.from_}
    return names


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The wanted name, or with -2, -3, … behind it."""
    number = 1
    name = wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
