"""Evaluate a Dockerfile: which names hold where, every instruction expanded, the configuration of each
stage.

Source: "Understand how ARG and FROM interact", "Scope", "Predefined ARGs" and "Environment replacement" in
the Dockerfile reference, and what BuildKit does where that is silent: the later of ARG and ENV holds while
building, the image keeps the ENV; a child stage starts with the ENV values of its parent on top of the
parent's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from analyzer.dockerfile.effects import (
    APPLY,
    ExpansionError,
    Lookup,
    Result,
    Scope,
    expand_from,
)
from analyzer.dockerfile.environment import Environment
from analyzer.dockerfile.flags import InstructionError
from analyzer.dockerfile.imageconfig import (
    DEFAULT_PATH,
    DEFAULT_SHELL,
    ImageConfig,
    clean_path,
)
from analyzer.dockerfile.instructions import (
    Arg,
    Command,
    Expose,
    From,
    Program,
    type_instruction,
)
from analyzer.dockerfile.mounts import Mount
from analyzer.dockerfile.nodes import Flag, Instruction
from analyzer.dockerfile.syntax import parse
from analyzer.errors import Problem
from analyzer.garbage import uncollected
from analyzer.values import frozen

__all__ = [
    "NO_ENVIRONMENT",
    "BuildInputs",
    "Evaluation",
    "Expanded",
    "Lookup",
    "Stage",
    "evaluate",
    "predefined_args",
]

NO_ENVIRONMENT = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})
"""ARGs that BuildKit reads itself and never puts into the environment."""


@frozen
class BuildInputs:
    """What a build is given from outside.

    `bases` are the configurations of external images by the name that FROM has after expansion. Platforms are
    `os/arch` or `os/arch/variant`. `target` is the name of the stage that is built.
    """

    args: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, ImageConfig] = field(default_factory=dict)
    target_platform: str = "linux/amd64"
    build_platform: str = "linux/amd64"
    target: str = ""


@frozen
class Expanded:
    """One instruction as the builder sees it.

    `words` stand for the node's words: expanded where the instruction expands; `NAME=value` with the value
    that holds for ARG; the single ports of EXPOSE. `flags` have expanded values, `mounts` and `contents`
    (the bodies of COPY and ADD heredocs) too. environment, workdir, shell and user hold before the
    instruction. `undefined` are names that BuildKit warns about: not set, and not declared by an ARG of the
    stage.
    """

    command: Command
    words: tuple[str, ...]
    flags: tuple[Flag, ...]
    mounts: tuple[Mount, ...]
    contents: tuple[str, ...]
    environment: Environment
    workdir: str
    shell: tuple[str, ...]
    user: str
    lookups: tuple[Lookup, ...]
    undefined: frozenset[str]
    fault: Problem | None = None

    @property
    def node(self) -> Instruction:
        return self.command.node

    @property
    def used(self) -> frozenset[str]:
        return frozenset(lookup.name for lookup in self.lookups if lookup.defined)

    def flag(self, name: str) -> str | None:
        """The expanded value of a flag."""
        return next((flag.value for flag in self.flags if flag.name == name), None)


@frozen
class Stage:
    """One stage. `parent` is the index of the stage that it is based on, None for an image or scratch.

    `known_base` is false where it stands on an image whose configuration was not given: names may come from
    it, and so may ONBUILD triggers. `triggers` are the parent's ONBUILD instructions, run first.
    `environment` and `config` are those at its end. `platform` is empty where FROM gives none and the
    parent stage has none.
    """

    index: int
    name: str | None
    base: str
    parent: int | None
    known_base: bool
    platform: str
    start: Expanded
    triggers: tuple[Expanded, ...]
    instructions: tuple[Expanded, ...]
    environment: Environment
    config: ImageConfig


@frozen
class Evaluation:
    """A whole file: the ARGs before the first FROM, the stages in order, what cannot be expanded.

    `problems` are those of all stages; BuildKit expands the stages that its target needs, and no other.
    """

    globals: tuple[Expanded, ...]
    stages: tuple[Stage, ...]
    problems: tuple[Problem, ...]


@uncollected
def evaluate(program: Program, inputs: BuildInputs | None = None) -> Evaluation:
    """Expand every instruction in its scope. An instruction that cannot be expanded is reported and keeps
    its words.
    """
    return _Evaluator(program, inputs or BuildInputs()).run()


def predefined_args(inputs: BuildInputs) -> dict[str, str]:
    """The ARGs that are there without declaration in the global scope; a stage has to declare them."""
    values: dict[str, str] = {}
    for prefix, platform in (("BUILD", inputs.build_platform), ("TARGET", inputs.target_platform)):
        system, _, rest = platform.partition("/")
        architecture, _, variant = rest.partition("/")
        values[f"{prefix}PLATFORM"] = platform
        values[f"{prefix}OS"] = system
        values[f"{prefix}ARCH"] = architecture
        values[f"{prefix}VARIANT"] = variant
    values["TARGETSTAGE"] = inputs.target or "default"
    return {name: inputs.args.get(name, value) for name, value in values.items()}


class _Evaluator:
    def __init__(self, program: Program, inputs: BuildInputs) -> None:
        self.program = program
        self.inputs = inputs
        self.escape = program.dockerfile.escape
        self.problems: list[Problem] = []
        self.stages: list[Stage] = []
        self._by_name: dict[str, int] = {}
        self._scopes: list[Scope] = []

    def run(self) -> Evaluation:
        base = predefined_args(self.inputs)
        outer = Scope(self.escape, base, ImageConfig())
        globals_: list[Expanded] = []
        commands = list(self.program.commands)
        first = next((i for i, each in enumerate(commands) if isinstance(each, From)), len(commands))
        for command in commands[:first]:
            # Other instructions only stand here where the FROM above them was refused.
            if isinstance(command, Arg):
                globals_.append(self._expand(outer, command, self._global_arg))
        self._global = outer
        at = first
        while at < len(commands):
            start = commands[at]
            after = at + 1
            while after < len(commands) and not isinstance(commands[after], From):
                after += 1
            assert isinstance(start, From)
            self._stage(start, commands[at + 1 : after])
            at = after
        return Evaluation(tuple(globals_), tuple(self.stages), tuple(self.problems))

    def _expand(self, scope: Scope, command: Command, apply: Callable[[Scope, Any], Result]) -> Expanded:
        scope.now = before = scope.history.now()
        scope.lookups = []
        workdir, user = clean_path(scope.config.workdir), scope.config.user
        shell = scope.config.shell or DEFAULT_SHELL
        fault: Problem | None = None
        try:
            result = apply(scope, command)
        except ExpansionError as error:
            fault = command.node.problem(error.offset, error.message)
            self.problems.append(fault)
            result = Result(command.node.values, command.node.flags)
        # BuildKit does not look at the names of EXPOSE.
        looked_at = () if isinstance(command, Expose) else scope.lookups
        missing = {each.name for each in looked_at if not each.defined}
        return Expanded(
            command=command,
            words=result.words,
            flags=result.flags,
            mounts=result.mounts,
            contents=result.contents,
            environment=before,
            workdir=workdir,
            shell=shell,
            user=user,
            lookups=tuple(scope.lookups),
            undefined=frozenset(missing - scope.declared - NO_ENVIRONMENT),
            fault=fault,
        )

    def _global_arg(self, scope: Scope, command: Arg) -> Result:
        words: list[str] = []
        for pair in command.pairs:
            scope.now = scope.history.now()
            value = self.inputs.args.get(pair.key)
            if value is None and pair.value is not None:
                value = scope.word(pair.value)
            if value is not None:
                scope.set(pair.key, value)
            words.append(pair.key if value is None else f"{pair.key}={value}")
        return Result(tuple(words), command.node.flags)

    def _stage(self, command: From, commands: list[Command]) -> None:
        start = self._expand(self._global, command, expand_from)
        base = start.words[0]
        parent = self._by_name.get(base)
        scope, onbuild = self._scope(base) if parent is None else self._child_scope(parent)
        platform = start.flag("platform") or (self.stages[parent].platform if parent is not None else "")
        triggers: list[Expanded] = []
        for text in onbuild:
            try:
                triggers.append(self._expand(scope, _trigger(text), self._apply))
            except InstructionError as error:
                fault = command.node.problem(
                    command.base.start, error.message, f"from its base: ONBUILD {text}"
                )
                self.problems.append(fault)
                start = replace(start, fault=start.fault or fault)
        instructions = tuple(self._expand(scope, each, self._apply) for each in commands)
        index = len(self.stages)
        self.stages.append(
            Stage(
                index=index,
                name=command.name,
                base=base,
                parent=parent,
                known_base=scope.known_base,
                platform=platform,
                start=start,
                triggers=tuple(triggers),
                instructions=instructions,
                environment=scope.history.now(),
                config=scope.config.finish(),
            )
        )
        self._scopes.append(scope)
        if command.name:
            self._by_name[command.name] = index

    def _scope(self, base: str) -> tuple[Scope, tuple[str, ...]]:
        """The start of a stage on an image or on scratch, and the triggers that the image brings."""
        known = self.inputs.bases.get(base)
        config = known or (ImageConfig(workdir="/") if base == "scratch" else ImageConfig())
        scope = Scope(self.escape, config.env, config)
        scope.known_base = known is not None or base == "scratch"
        if "PATH" not in config.env:
            scope.config.env.set("PATH", DEFAULT_PATH)
            scope.set("PATH", DEFAULT_PATH)
        return scope, config.onbuild

    def _child_scope(self, parent: int) -> tuple[Scope, tuple[str, ...]]:
        """The start of a stage on another: its names, with its ENV values on top, and its triggers."""
        config = self.stages[parent].config
        scope = Scope(self.escape, self.stages[parent].environment, config)
        scope.declared |= self._scopes[parent].declared
        for name in sorted(self._scopes[parent].shadowed):
            scope.set(name, config.env[name])
        scope.known_base = self.stages[parent].known_base
        return scope, config.onbuild

    def _apply(self, scope: Scope, command: Command) -> Result:
        if isinstance(command, Arg):
            return self._arg(scope, command)
        return APPLY[type(command)](scope, command)

    def _arg(self, scope: Scope, command: Arg) -> Result:
        words: list[str] = []
        for pair in command.pairs:
            scope.now = scope.history.now()
            value = self.inputs.args.get(pair.key)
            if value is None and pair.value is not None:
                value = scope.word(pair.value)
            elif value is None:
                value = self._global.history.now().get(pair.key)
            scope.declared.add(pair.key)
            if value is not None and pair.key not in NO_ENVIRONMENT:
                scope.set(pair.key, value)
                if scope.config.env.now().get(pair.key, value) != value:
                    scope.shadowed.add(pair.key)
                else:
                    scope.shadowed.discard(pair.key)
            words.append(pair.key if value is None else f"{pair.key}={value}")
        return Result(tuple(words), command.node.flags)


def _trigger(text: str) -> Command:
    """The instruction of an ONBUILD trigger. Raises InstructionError as BuildKit does in the child stage."""
    dockerfile = parse(text.encode(), "ONBUILD")
    if dockerfile.problems:
        raise InstructionError(dockerfile.problems[0].message, 0)
    if len(dockerfile.instructions) != 1:
        raise InstructionError("onbuild trigger should be a single expression", 0)
    return type_instruction(dockerfile.instructions[0])
