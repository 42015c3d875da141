"""Which instruction made a layer of an image, by the history that the builder wrote.

BuildKit writes a line for each instruction of the built stage and of those below it (`RUN /bin/sh -c … #
buildkit`, `COPY src dst # buildkit`, `WORKDIR /path`); the builder before it wrote the bare command and
`#(nop)` lines. What lies below the first of these comes from the external base.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.dockerfile.instructions import Add, Copy, Run, Workdir
from analyzer.dockerfile.scope import Expanded
from analyzer.image import Layer
from analyzer.stages import StageTable, ordered

_BLANKS = re.compile(r"\s+")
_NOP = re.compile(r"^/bin/sh -c #\(nop\)\s+")
_MARK = " # buildkit"


@dataclass(frozen=True, slots=True)
class Origin:
    """The instruction that made a layer, the stage that it runs in, the line of the file that it comes from
    (see `StageTable.line_of`), and whether it is an ONBUILD of the base."""

    stage: int
    instruction: Expanded
    line: int
    trigger: bool = False


def origins(table: StageTable, stage: int, layers: Sequence[Layer]) -> tuple[Origin | None, ...]:
    """For each layer, the lowest first, the instruction that made it; None for those of the external base,
    and for what stands below a layer that no instruction of the file explains."""
    waiting = [
        Origin(index, instruction, table.line_of(index, instruction, trigger), trigger)
        for index in reversed(table.chain(stage))
        for instruction, trigger in ordered(table.stages[index])
        if _makes_layer(instruction)
    ]
    found: list[Origin | None] = [None] * len(layers)
    for index in range(len(layers) - 1, -1, -1):
        place = _latest(waiting, layers[index].created_by)
        if place is None:
            break
        found[index] = waiting[place]
        del waiting[place:]
    return tuple(found)


def _makes_layer(instruction: Expanded) -> bool:
    command = instruction.command
    if isinstance(command, Workdir):
        return instruction.words[0] != "/"
    return isinstance(command, Run | Copy | Add)


def _latest(waiting: Sequence[Origin], created_by: str) -> int | None:
    """The latest of the instructions that a line of history can be. An instruction is passed over only for
    one that the line fits better, as where an ARG changed or a builder left an empty layer out."""
    keyword, text = _line(created_by)
    if not keyword:
        # A line that says nothing is an imported base's: no builder writes one for an instruction.
        return None
    same = [index for index, item in enumerate(waiting) if item.instruction.node.keyword == keyword]
    exact = [index for index in same if _says(waiting[index].instruction, text)]
    found = exact or same
    return found[-1] if found else None


def _line(created_by: str) -> tuple[str, str]:
    """The keyword and the text of a line of history; no keyword for a line that says nothing."""
    text = _BLANKS.sub(" ", created_by.removesuffix(_MARK)).strip()
    legacy = _NOP.match(created_by)
    if legacy:
        text = _BLANKS.sub(" ", created_by[legacy.end() :]).strip()
    keyword, _, rest = text.partition(" ")
    if keyword in ("RUN", "COPY", "ADD", "WORKDIR"):
        return keyword, rest
    return ("RUN", text) if text else ("", "")


def _says(instruction: Expanded, text: str) -> bool:
    command = instruction.command
    if isinstance(command, Run):
        bodies = instruction.node.heredocs
        wanted = " ".join(instruction.node.values) if not bodies else bodies[0].body
    elif isinstance(command, Workdir):
        wanted = instruction.words[0].rstrip("/").rpartition("/")[2]
    else:
        wanted = " ".join(instruction.words)
    return _BLANKS.sub(" ", wanted).strip() in text
