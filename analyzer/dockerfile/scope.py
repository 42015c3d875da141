"""Evaluate a Dockerfile: which names hold where, every instruction expanded, the configuration of each
stage.

Source: "Understand how ARG and FROM interact", "Scope", "Predefined ARGs" and "Environment replacement" in
the Dockerfile reference, and what BuildKit does where that is silent: the later of ARG and ENV holds while
building, the image keeps the ENV; a child stage starts with the ENV values of its parent on top of the
parent's names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from analyzer.dockerfile.environment import Environment, History
from analyzer.dockerfile.flags import InstructionError
from analyzer.dockerfile.imageconfig import (
    DEFAULT_PATH,
    DEFAULT_SHELL,
    Health,
    ImageConfig,
    join_workdir,
    known_signal,
    parse_ports,
)
from analyzer.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Pair,
    Program,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
    type_instruction,
)
from analyzer.dockerfile.mounts import Mount, MountError, parse_mount
from analyzer.dockerfile.nodes import Flag, Instruction, Token
from analyzer.dockerfile.patterns import WordError
from analyzer.dockerfile.syntax import parse
from analyzer.dockerfile.words import Expansion, expand, expand_body
from analyzer.errors import Problem

_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@|[^/]+\.git(?:#|$)")
NO_ENVIRONMENT = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})
"""ARGs that BuildKit reads itself and never puts into the environment."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Lookup:
    """A name that an instruction asked for. Offsets into the instruction's joined text; None: in a heredoc
    body.
    """

    name: str
    defined: bool
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A whole file: the ARGs before the first FROM, the stages in order, what cannot be expanded.

    `problems` are those of all stages; BuildKit expands the stages that its target needs, and no other.
    """

    globals: tuple[Expanded, ...]
    stages: tuple[Stage, ...]
    problems: tuple[Problem, ...]


class _FaultError(Exception):
    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


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


class _Config:
    """An image configuration under construction; what the parent has is shared, not copied."""

    def __init__(self, parent: ImageConfig) -> None:
        self.user = parent.user
        self.workdir = parent.workdir
        self.entrypoint = parent.entrypoint
        self.cmd = parent.cmd
        self.cmd_set = False
        self.shell = parent.shell
        self.healthcheck = parent.healthcheck
        self.stop_signal = parent.stop_signal
        self.author = parent.author
        self.onbuild: list[str] = []
        self.env = History(parent.env)
        self.labels = History(parent.labels)
        self._parent = parent
        self._exposed: set[str] = set()
        self._volumes: set[str] = set()

    def expose(self, ports: list[str]) -> None:
        self._exposed.update(ports)

    def add_volumes(self, paths: tuple[str, ...]) -> None:
        self._volumes.update(paths)

    def command(self, command: Cmd | Entrypoint) -> tuple[str, ...]:
        """A command as the image keeps it: a shell form behind the shell."""
        if not command.shell_form:
            return command.command
        return (*(self.shell or DEFAULT_SHELL), " ".join(command.command))

    def finish(self) -> ImageConfig:
        return ImageConfig(
            env=self.env.now(),
            user=self.user,
            workdir=self.workdir,
            entrypoint=self.entrypoint,
            cmd=self.cmd,
            shell=self.shell,
            exposed=_joined(self._parent.exposed, self._exposed),
            volumes=_joined(self._parent.volumes, self._volumes),
            labels=self.labels.now(),
            healthcheck=self.healthcheck,
            stop_signal=self.stop_signal,
            onbuild=tuple(self.onbuild),
            author=self.author,
        )


def _joined(before: tuple[str, ...], added: set[str]) -> tuple[str, ...]:
    return tuple(sorted(added.union(before))) if added else before


class _Scope:
    """A stage, or the global scope, while its instructions are expanded."""

    def __init__(self, escape: str, parent: Mapping[str, str] | None, config: ImageConfig) -> None:
        self.escape = escape
        self.history = History(parent)
        self.config = _Config(config)
        self.declared: set[str] = set()
        # Names whose ARG holds while building though the image has an ENV of another value.
        self.shadowed: set[str] = set()
        self.lookups: list[Lookup] = []
        self.now = self.history.now()
        self.known_base = True

    def set(self, name: str, value: str) -> None:
        self.history.set(name, value)

    def word(self, token: Token, *, json: bool = False) -> str:
        return self.expansion(token, json=json).text

    def expansion(self, token: Token, *, json: bool = False) -> Expansion:
        start = token.start + (1 if json else 0)
        return self._expanded(lambda: expand(token.text, self.now, self.escape), token.start, start)

    def flag(self, flag: Flag) -> Flag:
        """A flag with its value expanded."""
        start = flag.start + len(flag.name) + 3
        found = self._expanded(lambda: expand(flag.value or "", self.now, self.escape), flag.start, start)
        return Flag(flag.name, found.text, flag.start, flag.end)

    def body(self, text: str, offset: int) -> str:
        return self._expanded(lambda: expand_body(text, self.now), offset, None).text

    def _expanded(self, run: Callable[[], Expansion], offset: int, start: int | None) -> Expansion:
        try:
            found = run()
        except WordError as error:
            raise _FaultError(str(error), offset) from None
        for each in found.references:
            place = (None, None) if start is None else (start + each.start, start + each.end)
            self.lookups.append(Lookup(each.name, each.defined, *place))
        return found

    def pairs(self, pairs: tuple[Pair, ...]) -> list[tuple[str, str]]:
        return [(self.word(pair.name), self.word(pair.value) if pair.value else "") for pair in pairs]


@dataclass(slots=True)
class _Result:
    """What expanding an instruction gives besides its effect on the scope."""

    words: tuple[str, ...]
    flags: tuple[Flag, ...]
    mounts: tuple[Mount, ...] = ()
    contents: tuple[str, ...] = ()


class _Evaluator:
    def __init__(self, program: Program, inputs: BuildInputs) -> None:
        self.program = program
        self.inputs = inputs
        self.escape = program.dockerfile.escape
        self.problems: list[Problem] = []
        self.stages: list[Stage] = []
        self._by_name: dict[str, int] = {}
        self._scopes: list[_Scope] = []

    def run(self) -> Evaluation:
        base = predefined_args(self.inputs)
        outer = _Scope(self.escape, base, ImageConfig())
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

    def _expand(self, scope: _Scope, command: Command, apply: Callable[[_Scope, Any], _Result]) -> Expanded:
        scope.now = before = scope.history.now()
        scope.lookups = []
        workdir, user = scope.config.workdir or "/", scope.config.user
        shell = scope.config.shell or DEFAULT_SHELL
        fault: Problem | None = None
        try:
            result = apply(scope, command)
        except _FaultError as error:
            fault = command.node.problem(error.offset, error.message)
            self.problems.append(fault)
            result = _Result(command.node.values, command.node.flags)
        missing = {each.name for each in scope.lookups if not each.defined}
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

    def _global_arg(self, scope: _Scope, command: Arg) -> _Result:
        words: list[str] = []
        for pair in command.pairs:
            scope.now = scope.history.now()
            value = self.inputs.args.get(pair.key)
            if value is None and pair.value is not None:
                value = scope.word(pair.value)
            if value is not None:
                scope.set(pair.key, value)
            words.append(pair.key if value is None else f"{pair.key}={value}")
        return _Result(tuple(words), command.node.flags)

    def _stage(self, command: From, commands: list[Command]) -> None:
        start = self._expand(self._global, command, _from)
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

    def _scope(self, base: str) -> tuple[_Scope, tuple[str, ...]]:
        """The start of a stage on an image or on scratch, and the triggers that the image brings."""
        known = self.inputs.bases.get(base)
        config = known or (ImageConfig(workdir="/") if base == "scratch" else ImageConfig())
        scope = _Scope(self.escape, config.env, config)
        scope.known_base = known is not None or base == "scratch"
        if "PATH" not in config.env:
            scope.config.env.set("PATH", DEFAULT_PATH)
            scope.set("PATH", DEFAULT_PATH)
        return scope, config.onbuild

    def _child_scope(self, parent: int) -> tuple[_Scope, tuple[str, ...]]:
        """The start of a stage on another: its names, with its ENV values on top, and its triggers."""
        config = self.stages[parent].config
        scope = _Scope(self.escape, self.stages[parent].environment, config)
        scope.declared |= self._scopes[parent].declared
        for name in sorted(self._scopes[parent].shadowed):
            scope.set(name, config.env[name])
        scope.known_base = self.stages[parent].known_base
        return scope, config.onbuild

    def _apply(self, scope: _Scope, command: Command) -> _Result:
        if isinstance(command, Arg):
            return self._arg(scope, command)
        return APPLY[type(command)](scope, command)

    def _arg(self, scope: _Scope, command: Arg) -> _Result:
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
        return _Result(tuple(words), command.node.flags)


def _trigger(text: str) -> Command:
    """The instruction of an ONBUILD trigger. Raises InstructionError as BuildKit does in the child stage."""
    dockerfile = parse(text.encode(), "ONBUILD")
    if dockerfile.problems:
        raise InstructionError(dockerfile.problems[0].message, 0)
    if len(dockerfile.instructions) != 1:
        raise InstructionError("onbuild trigger should be a single expression", 0)
    return type_instruction(dockerfile.instructions[0])


def _unexpanded(_scope: _Scope, command: Command) -> _Result:
    return _Result(command.node.values, command.node.flags)


def _from(scope: _Scope, command: From) -> _Result:
    base = scope.word(command.base)
    if not base:
        raise _FaultError(f"base name ({command.base.text}) should not be blank", command.base.start)
    flags = tuple(scope.flag(flag) for flag in command.node.flags)
    for flag, written in zip(flags, command.node.flags, strict=True):
        if not flag.value:
            raise _FaultError(f"empty platform value from expression {written.value}", flag.start)
    return _Result((base, *command.node.values[1:]), flags)


def _env(scope: _Scope, command: Env) -> _Result:
    pairs = scope.pairs(command.pairs)
    for name, value in pairs:
        scope.set(name, value)
        scope.shadowed.discard(name)
        scope.config.env.set(name, value)
    return _Result(tuple(word for pair in pairs for word in pair), command.node.flags)


def _label(scope: _Scope, command: Label) -> _Result:
    pairs = scope.pairs(command.pairs)
    for name, value in pairs:
        scope.config.labels.set(name, value)
    return _Result(tuple(word for pair in pairs for word in pair), command.node.flags)


def _run(scope: _Scope, command: Run) -> _Result:
    flags: list[Flag] = []
    mounts: list[Mount] = []
    for flag in command.node.flags:
        flags.append(flag)
        if flag.name != "mount":
            continue

        def replaced(value: str, flag: Flag = flag) -> str:
            at = (flag.value or "").find(value)
            return scope.word(Token(value, flag.start + len("--mount=") + max(at, 0), flag.end))

        try:
            mount = parse_mount(flag.value or "", replaced)
        except MountError as error:
            raise _FaultError(str(error), flag.start) from None
        place = join_workdir(scope.config.workdir, mount.target)
        # An image that is not known may have a working directory of its own.
        if mount.type not in ("secret", "ssh") and place == "/" and (mount.target or scope.known_base):
            raise _FaultError('invalid mount target "/"', flag.start)
        mounts.append(mount)
    return _Result(command.node.values, tuple(flags), tuple(mounts))


_EXPANDED_FLAGS = frozenset({"chown", "chmod", "checksum"})


def _check_checksum(command: Add, checksum: str, sources: list[str]) -> None:
    if not checksum:
        return
    start = command.sources[0].start if command.sources else command.node.name.start
    if len(sources) != 1:
        raise _FaultError("checksum can't be specified for multiple sources", start)
    if not _REMOTE.match(sources[0]):
        raise _FaultError("checksum requires HTTP(S) or Git sources", start)


def _copy(scope: _Scope, command: Copy | Add) -> _Result:
    node = command.node
    flags = tuple(scope.flag(flag) if flag.name in _EXPANDED_FLAGS else flag for flag in node.flags)
    sources = {token.start: scope.word(token, json=node.json) for token in command.sources}
    destination = scope.word(command.destination, json=node.json)
    if isinstance(command, Add):
        checksum = next((flag.value or "" for flag in flags if flag.name == "checksum"), "")
        _check_checksum(command, checksum, list(sources.values()))
    contents = tuple(
        scope.body(content.data, node.name.start) if content.expand else content.data
        for content in command.contents
    )
    words = tuple(sources.get(token.start, token.text) for token in node.words[:-1])
    return _Result((*words, destination), flags, contents=contents)


def _workdir(scope: _Scope, command: Workdir) -> _Result:
    path = scope.word(command.path)
    scope.config.workdir = join_workdir(scope.config.workdir, path)
    return _Result((path,), command.node.flags)


def _user(scope: _Scope, command: User) -> _Result:
    user = scope.config.user = scope.word(command.user)
    return _Result((user,), command.node.flags)


def _volume(scope: _Scope, command: Volume) -> _Result:
    paths = tuple(scope.word(path, json=command.node.json) for path in command.paths)
    if "" in paths:
        raise _FaultError("VOLUME specified can not be an empty string", command.paths[paths.index("")].start)
    scope.config.add_volumes(paths)
    return _Result(paths, command.node.flags)


def _expose(scope: _Scope, command: Expose) -> _Result:
    found: list[str] = []
    # BuildKit sorts them first, and so names the first of the sorted ones that is none.
    for token in sorted(command.ports, key=lambda port: port.text):
        for word in scope.expansion(token).words:
            try:
                found.extend(parse_ports(word))
            except ValueError as error:
                raise _FaultError(str(error), token.start) from None
    scope.config.expose(found)
    return _Result(tuple(dict.fromkeys(found)), command.node.flags)


def _stop_signal(scope: _Scope, command: StopSignal) -> _Result:
    signal = scope.word(command.signal)
    if not known_signal(signal):
        raise _FaultError(f"invalid signal: {signal}", command.signal.start)
    scope.config.stop_signal = signal
    return _Result((signal,), command.node.flags)


def _cmd(scope: _Scope, command: Cmd) -> _Result:
    scope.config.cmd = scope.config.command(command)
    scope.config.cmd_set = True
    return _unexpanded(scope, command)


def _entrypoint(scope: _Scope, command: Entrypoint) -> _Result:
    scope.config.entrypoint = scope.config.command(command)
    if not scope.config.cmd_set:
        scope.config.cmd = None
    return _unexpanded(scope, command)


def _healthcheck(scope: _Scope, command: Healthcheck) -> _Result:
    scope.config.healthcheck = Health(
        command.test,
        command.interval,
        command.timeout,
        command.start_period,
        command.start_interval,
        command.retries,
    )
    return _unexpanded(scope, command)


def _shell(scope: _Scope, command: Shell) -> _Result:
    scope.config.shell = command.command
    return _unexpanded(scope, command)


def _onbuild(scope: _Scope, command: Onbuild) -> _Result:
    scope.config.onbuild.append(command.expression)
    return _unexpanded(scope, command)


def _maintainer(scope: _Scope, command: Maintainer) -> _Result:
    scope.config.author = command.maintainer.text
    return _unexpanded(scope, command)


APPLY: dict[type[Any], Callable[[_Scope, Any], _Result]] = {
    Add: _copy,
    Cmd: _cmd,
    Copy: _copy,
    Entrypoint: _entrypoint,
    Env: _env,
    Expose: _expose,
    Healthcheck: _healthcheck,
    Label: _label,
    Maintainer: _maintainer,
    Onbuild: _onbuild,
    Run: _run,
    Shell: _shell,
    StopSignal: _stop_signal,
    User: _user,
    Volume: _volume,
    Workdir: _workdir,
}
"""What each instruction of a stage expands and changes; ARG needs the build's inputs and is the
evaluator's.
"""
