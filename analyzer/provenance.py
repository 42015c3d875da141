"""Which instruction of the file made a layer of the image.

An image's history has a line for each instruction of the slimmed stage and of those below it, as BuildKit
writes them; what comes before is the external base. An instruction that changed no file has no layer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.dockerfile.instructions import Add, Command, Copy, From, Program, Run, Workdir
from analyzer.image import Layer

_BLANKS = re.compile(r"\s+")
_RUN_HEAD = re.compile(r"^RUN (?:\|\d+ .*?)?(?:/bin/sh -c )?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Made:
    """A layer's instruction. `from_stage` is set for a COPY out of another stage or image."""

    keyword: str
    line: int
    from_stage: bool = False

    @property
    def source(self) -> str:
        """The name of the root in the evidence graph."""
        return f"author: line {self.line}"


def makers(program: Program, stage: int, layers: Sequence[Layer]) -> dict[int, Made]:
    """Layer index to the instruction that made it; layers of the external base are not in it."""
    waiting = _layer_instructions(program, stage)
    made: dict[int, Made] = {}
    for index in range(len(layers) - 1, -1, -1):
        found = _last_match(waiting, layers[index].created_by)
        if found is None:
            break
        command = waiting[found]
        node = command.node
        from_stage = isinstance(command, Copy) and command.from_ is not None
        made[index] = Made(node.keyword, node.start_line, from_stage)
        del waiting[found:]
    return made


def base_chain(program: Program, stage: int) -> list[int]:
    """The stages that a stage stands on, itself last: FROM takes the nearest earlier stage of its name."""
    froms = [command for command in program.commands if isinstance(command, From)]
    chain = [stage]
    while True:
        at = chain[0]
        earlier = [index for index in range(at) if froms[index].name == froms[at].base.text]
        if not earlier:
            return chain
        chain.insert(0, earlier[-1])


def _layer_instructions(program: Program, stage: int) -> list[Run | Copy | Add | Workdir]:
    """Instructions of a stage and of those below it that may make a layer, in their order."""
    stages: list[list[Command]] = []
    for command in program.commands:
        if isinstance(command, From):
            stages.append([])
        elif stages:
            stages[-1].append(command)
    return [
        command
        for index in base_chain(program, stage)
        for command in stages[index]
        if isinstance(command, Run | Copy | Add | Workdir)
    ]


def _last_match(waiting: Sequence[Run | Copy | Add | Workdir], created_by: str) -> int | None:
    """The latest instruction that a line of history can be: RUN by its text, the others by their keyword."""
    keyword = created_by.split(" ", 1)[0].upper()
    same = [index for index, command in enumerate(waiting) if command.node.keyword == keyword]
    if keyword == "RUN":
        text = _plain(created_by)
        exact = [index for index in same if _plain(waiting[index].node.arguments.text) in text]
        same = exact or same
    return same[-1] if same else None


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", _RUN_HEAD.sub("", text)).removesuffix(" # buildkit").strip()
