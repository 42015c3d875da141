"""The stage table: what every FROM, COPY --from and RUN --mount=from names, and what BuildKit refuses.

The rules, each seen in builds: FROM looks its name up, as written, among the lower-cased names of the stages
above, and takes the nearest; COPY --from and --mount=from lower-case the name and take the last stage of the
file that has it, even a later one; a number is a stage for COPY --from alone. Errors come in BuildKit's
order: what cannot be expanded, a stage number out of range, circles among copies and mounts, names that are
no image reference; then, for what the target needs, stages that stand later in the file. An unused stage may
thus refer to a later one.

Plain dictionaries and tuples: a lint run loads this, and nothing of networkx.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from analyzer.dockerfile.instructions import Copy, Onbuild, Program, Run
from analyzer.dockerfile.nodes import Flag, Token
from analyzer.dockerfile.scope import BuildInputs, Evaluation, Expanded, Stage, evaluate
from analyzer.dockerfile.suggest import MAX_DISTANCE, nearest
from analyzer.errors import InputError, Problem, ScratchifyError
from analyzer.reference import ReferenceFormatError, parse
from analyzer.values import frozen

SCRATCH = "scratch"

UseKind = Literal["base", "copy", "mount"]

_NO_VARIABLES = (
    "variable expansion is not supported for --from, "
    "define a new stage with FROM using ARG from global scope as a workaround"
)

# strconv.Atoi: a sign is allowed, blanks and underscores are not.
_NUMBER = re.compile(r"[+-]?[0-9]+")


@frozen
class Source:
    """What a use names: a stage by its index, or an image by its expanded name ("scratch" is the empty
    one)."""

    stage: int | None = None
    image: str = ""

    @property
    def external(self) -> bool:
        """An image that has to be fetched."""
        return self.stage is None and self.image != SCRATCH


@frozen
class Use:
    """One place where a stage names another stage or an image.

    `instruction` is the FROM, COPY or RUN; `written` the name as it stands there, `target` where a mount
    appears. `trigger` says that the instruction is an ONBUILD of the base. `start` and `end` are offsets into
    the instruction's joined text.
    """

    kind: UseKind
    stage: int
    instruction: Expanded
    source: Source
    written: str
    start: int
    end: int
    target: str = ""
    trigger: bool = False

    @property
    def late(self) -> bool:
        """Names its own stage or one below it: a build that needs it fails."""
        return self.kind != "base" and self.source.stage is not None and self.source.stage >= self.stage


@frozen
class Unused:
    """Stages that a build of the target does not need. `certain` is false where the target stands on images
    whose configuration is not known: an ONBUILD there may name one of them."""

    stages: tuple[int, ...]
    certain: bool
    doubtful: tuple[str, ...] = ()  # the images that make it doubtful


@dataclass(frozen=True)
class StageTable:
    """All stages of a file with what they use. `problems` are those of a build of any target; what a target
    adds is `problems_of`."""

    program: Program
    evaluation: Evaluation
    uses: tuple[Use, ...]
    names: dict[str, int]  # lower-case name → the last stage that has it
    problems: tuple[Problem, ...]
    circular: bool = False  # copies and mounts go in a circle: the build stops there, before any order counts

    @cached_property
    def _by_stage(self) -> dict[int, tuple[Use, ...]]:
        found: dict[int, list[Use]] = {}
        for use in self.uses:
            found.setdefault(use.stage, []).append(use)
        return {stage: tuple(uses) for stage, uses in found.items()}

    @property
    def stages(self) -> tuple[Stage, ...]:
        return self.evaluation.stages

    def uses_of(self, stage: int) -> tuple[Use, ...]:
        return self._by_stage.get(stage, ())

    def find(self, target: str = "") -> int:
        """The stage of `--target`, case aside; the last one without. Raises ScratchifyError."""
        if not target:
            if not self.stages:
                raise ScratchifyError(f"{self.program.dockerfile.path} has no stage: it has no good FROM")
            return len(self.stages) - 1
        found = self.names.get(target.lower())
        if found is None:
            near = difflib.get_close_matches(target.lower(), self.names, n=1)
            known = ", ".join(self.names) or "none has a name"
            hint = f"did you mean {near[0]}?" if near else f"stages: {known}"
            raise ScratchifyError(f'target stage "{target}" could not be found', hint=hint)
        return found

    def chain(self, stage: int) -> tuple[int, ...]:
        """The stage and those that it is based on, nearest first."""
        found = [stage]
        while (parent := self.stages[found[-1]].parent) is not None:
            found.append(parent)
        return tuple(found)

    def base_image(self, stage: int) -> str:
        """The image at the bottom of a stage's chain, expanded; "scratch" for none."""
        return self.stages[self.chain(stage)[-1]].base

    def platform(self, stage: int, target: str = "") -> str:
        """What BuildKit builds a stage for: the FROM at the bottom of its chain says it, the target platform
        holds where that has no --platform and for scratch. A --platform over another stage does nothing.
        """
        bottom = self.stages[self.chain(stage)[-1]]
        return target if bottom.base == SCRATCH else bottom.platform or target

    def external_images(self) -> tuple[str, ...]:
        """Every image that the file fetches, in the order in which it names them."""
        return tuple(dict.fromkeys(use.source.image for use in self.uses if use.source.external))

    def base_images(self) -> tuple[str, ...]:
        """The external images that a FROM names, in order: what another stage of the file can stand on."""
        return tuple(
            dict.fromkeys(use.source.image for use in self.uses if use.kind == "base" and use.source.external)
        )

    def needed(self, stage: int) -> tuple[int, ...]:
        """The stages that a build of this one builds, itself included, in the order of the file."""
        found: set[int] = set()
        pending = [stage]
        while pending:
            index = pending.pop()
            if index in found:
                continue
            found.add(index)
            pending.extend(use.source.stage for use in self.uses_of(index) if use.source.stage is not None)
        return tuple(sorted(found))

    def unused(self, target: str = "") -> Unused:
        needed = frozenset(self.needed(self.find(target)))
        rest = tuple(stage.index for stage in self.stages if stage.index not in needed)
        doubtful = tuple(
            dict.fromkeys(
                self.base_image(index)
                for index in needed
                if not self.stages[self.chain(index)[-1]].known_base
            )
        )
        return Unused(rest, not doubtful, doubtful) if rest else Unused((), True)

    def problems_of(self, target: str = "") -> tuple[Problem, ...]:
        """What BuildKit refuses when it builds this target: first what holds for any, then what only shows
        in the stages that are needed."""
        late = () if self.circular else _late(self, self.needed(self.find(target)))
        return (*self.problems, *late)

    def check(self, target: str = "") -> None:
        """Raise InputError with all that a build of the target refuses."""
        found = self.problems_of(target)
        if found:
            raise InputError(list(found))

    def label(self, stage: int) -> str:
        """BuildKit's name for a stage: its own, else `stage-N`."""
        return self.stages[stage].name or f"stage-{stage}"

    def near_stage(self, use: Use) -> str:
        """The stage whose name an image's name is a slip or two away from, "" for none: it may be mistyped.

        FROM only finds the stages above it, the others any. Names of a letter or two are near to all."""
        if not use.source.external or len(use.source.image) <= MAX_DISTANCE:
            return ""
        last = use.stage if use.kind == "base" else len(self.stages)
        names = [stage.name for stage in self.stages[:last] if stage.name]
        return nearest(use.source.image.lower(), names) or ""

    def line_of(self, stage: int, instruction: Expanded, trigger: bool = False) -> int:
        """The line of the file that an instruction comes from: for a trigger its ONBUILD in the parent stage,
        or, where the base is an image, the FROM."""
        if not trigger:
            return instruction.node.start_line
        here = self.stages[stage]
        if here.parent is not None:
            text = instruction.node.joined.source.text
            for each in self.stages[here.parent].instructions:
                if isinstance(each.command, Onbuild) and each.command.expression == text:
                    return each.node.start_line
        return here.start.node.start_line

    def taken_names(self) -> frozenset[str]:
        """Every name, in lower case, that a new stage must not take: it would change what the file means."""
        found = {SCRATCH, *self.names}
        for use in self.uses:
            found.update((use.written.lower(), use.source.image.lower()))
        return frozenset(found - {""})

    def fresh_name(self, wanted: str) -> str:
        """A stage name that nothing in the file uses yet: `wanted`, or with a number behind it."""
        taken = self.taken_names()
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        return name


def resolve(program: Program, inputs: BuildInputs | None = None) -> StageTable:
    """The stage table of a file. `inputs` may carry build arguments and the configurations of base images,
    whose ONBUILD instructions then count."""
    return table_of(program, evaluate(program, inputs))


def table_of(program: Program, evaluation: Evaluation) -> StageTable:
    """The stage table of a file that is evaluated already."""
    names = {stage.name: stage.index for stage in evaluation.stages if stage.name}
    problems = [*program.problems, *evaluation.problems]
    uses: list[Use] = []
    for stage in evaluation.stages:
        start = stage.start
        token = start.node.words[0]
        source = Source(stage.parent) if stage.parent is not None else Source(None, stage.base)
        uses.append(Use("base", stage.index, start, source, token.text, token.start, token.end))
        for instruction, trigger in ordered(stage):
            uses.extend(_uses(evaluation, names, problems, stage.index, instruction, trigger))
    circles = list(_circles(evaluation, uses))
    problems.extend(circles)
    problems.extend(_bad_references(uses))
    return StageTable(program, evaluation, tuple(uses), names, tuple(problems), bool(circles))


def ordered(stage: Stage) -> Iterator[tuple[Expanded, bool]]:
    """The instructions of a stage as they run, each with whether it is an ONBUILD of the base."""
    for trigger in stage.triggers:
        yield trigger, True
    for instruction in stage.instructions:
        yield instruction, False


def _uses(
    evaluation: Evaluation,
    names: dict[str, int],
    problems: list[Problem],
    stage: int,
    instruction: Expanded,
    trigger: bool,
) -> Iterator[Use]:
    command = instruction.command
    if isinstance(command, Copy) and command.from_:
        flag = instruction.node.flag("from")
        assert flag is not None
        written = command.from_
        if _NUMBER.fullmatch(written):
            if not 0 <= int(written) < len(evaluation.stages):
                problems.append(_problem(instruction, flag, f"invalid stage index {int(written)}"))
                return
            source = Source(int(written))
        else:
            source = _named(names, written)
        yield Use("copy", stage, instruction, source, written, *_place(flag, written), trigger=trigger)
    elif isinstance(command, Run):
        # The type does not matter: BuildKit fetches what a tmpfs mount names, too.
        flags = [flag for flag in instruction.node.flags if flag.name == "mount"]
        for flag, mount in zip(flags, instruction.mounts or command.mounts, strict=False):
            if mount.from_:
                source = _named(names, mount.from_)
                place = _place(flag, mount.from_)
                yield Use("mount", stage, instruction, source, mount.from_, *place, mount.target, trigger)


def _named(names: dict[str, int], written: str) -> Source:
    index = names.get(written.lower())
    return Source(index) if index is not None else Source(None, written)


def _place(flag: Flag, written: str) -> tuple[int, int]:
    """Where the name stands in a flag; the whole flag where quotes or escapes hide it."""
    text = flag.value or ""
    at = re.search(rf"(?:^|from=){re.escape(written)}(?=,|$)", text)
    if at is None or flag.end - flag.start != len(f"--{flag.name}={text}"):
        return flag.start, flag.end
    end = flag.end - (len(text) - at.end())
    return end - len(written), end


def _problem(instruction: Expanded, part: Flag | Token, message: str, hint: str = "") -> Problem:
    return instruction.node.problem(part.start, message, hint)


def _circles(evaluation: Evaluation, uses: list[Use]) -> Iterator[Problem]:
    """The first circle of copies and mounts, as BuildKit finds it: FROM has no part in it."""
    edges: dict[int, list[Use]] = {}
    for use in uses:
        if use.kind != "base" and use.source.stage is not None and not use.trigger:
            edges.setdefault(use.stage, []).append(use)
    done: set[int] = set()
    for stage in evaluation.stages:
        if stage.index in done:
            continue
        found = _circle(stage.index, edges, done)
        if found is not None:
            state, use = found
            name = evaluation.stages[state].name or f"stage-{state}"
            node = use.instruction.node
            yield node.problem(use.start, f"circular dependency detected on stage: {name}")
            return


def _circle(start: int, edges: dict[int, list[Use]], done: set[int]) -> tuple[int, Use] | None:
    """Depth first without recursion: a stage that is met again on the way to itself, and the use that leads
    back to it."""
    stack = [(start, iter(edges.get(start, ())))]
    path = {start}
    while stack:
        index, pending = stack[-1]
        use = next(pending, None)
        if use is None:
            stack.pop()
            path.remove(index)
            done.add(index)
            continue
        source = use.source.stage
        assert source is not None
        if source in path:
            return source, use
        if source not in done:
            path.add(source)
            stack.append((source, iter(edges.get(source, ()))))
    return None


def _bad_references(uses: list[Use]) -> Iterator[Problem]:
    for use in uses:
        if not use.source.external or not use.source.image:
            continue
        if use.kind == "copy" and "$" in use.written:
            yield use.instruction.node.problem(use.start, _NO_VARIABLES)
            continue
        try:
            parse(use.source.image)
        except ReferenceFormatError as error:
            message = f'failed to parse stage name "{use.source.image}": {error}'
            yield use.instruction.node.problem(use.start, message, _case_hint(use))


def _case_hint(use: Use) -> str:
    if use.kind == "base" and use.source.image.lower() != use.source.image:
        return "stage names are kept in lower case, and FROM looks a name up as it is written"
    return ""


def _late(table: StageTable, needed: tuple[int, ...]) -> Iterator[Problem]:
    """Uses of a stage that stands later in the file, in the stages that are built."""
    built = frozenset(needed)
    for use in table.uses:
        if use.stage not in built or not use.late or use.source.stage == use.stage:
            continue
        here = table.label(use.stage)
        if use.kind == "copy":
            order = f'it needs to be defined before current stage "{here}"'
            message = f'cannot copy from stage "{use.written}", {order}'
        else:
            message = (
                f'cannot mount from stage "{use.written}" to "{use.target}", '
                "stage needs to be defined before current command"
            )
        yield use.instruction.node.problem(use.start, message)
