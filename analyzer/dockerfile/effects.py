"""What each instruction expands, and what it changes in its stage's names and configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from analyzer.dockerfile.commands import (
    Add,
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
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from analyzer.dockerfile.environment import History
from analyzer.dockerfile.imageconfig import (
    DEFAULT_SHELL,
    Health,
    ImageConfig,
    clean_path,
    join_workdir,
    known_signal,
    parse_ports,
)
from analyzer.dockerfile.mounts import Mount, MountError, parse_mount
from analyzer.dockerfile.nodes import Flag, Token
from analyzer.dockerfile.patterns import WordError
from analyzer.dockerfile.platforms import fault_of
from analyzer.dockerfile.words import Expansion, expand, expand_body
from analyzer.values import frozen

_DOWNLOAD = re.compile(r"https?://(?!.*\.git(?:#|$))")
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@|[^/]+\.git(?:#|$)")


@frozen
class Lookup:
    """A name that an instruction asked for. Offsets into the instruction's joined text; None: in a heredoc
    body.
    """

    name: str
    defined: bool
    start: int | None
    end: int | None


class ExpansionError(Exception):
    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class ConfigBuilder:
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


class Scope:
    """A stage, or the global scope, while its instructions are expanded."""

    def __init__(self, escape: str, parent: Mapping[str, str] | None, config: ImageConfig) -> None:
        self.escape = escape
        self.history = History(parent)
        self.config = ConfigBuilder(config)
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
            raise ExpansionError(str(error), offset) from None
        for each in found.references:
            place = (None, None) if start is None else (start + each.start, start + each.end)
            self.lookups.append(Lookup(each.name, each.defined, *place))
        return found

    def pairs(self, pairs: tuple[Pair, ...]) -> list[tuple[str, str]]:
        return [(self.word(pair.name), self.word(pair.value) if pair.value else "") for pair in pairs]


@dataclass(slots=True)
class Result:
    """What expanding an instruction gives besides its effect on the scope."""

    words: tuple[str, ...]
    flags: tuple[Flag, ...]
    mounts: tuple[Mount, ...] = ()
    contents: tuple[str, ...] = ()


def _unexpanded(_scope: Scope, command: Command) -> Result:
    return Result(command.node.values, command.node.flags)


def expand_from(scope: Scope, command: From) -> Result:
    base = scope.word(command.base)
    if not base:
        raise ExpansionError(f"base name ({command.base.text}) should not be blank", command.base.start)
    flags = tuple(scope.flag(flag) for flag in command.node.flags)
    for flag, written in zip(flags, command.node.flags, strict=True):
        if not flag.value and written.value:
            raise ExpansionError(f"empty platform value from expression {written.value}", flag.start)
        if flag.name == "platform" and flag.value and (fault := fault_of(flag.value)):
            raise ExpansionError(f"failed to parse platform {written.value}: {fault}", flag.start)
    return Result((base, *command.node.values[1:]), flags)


def _env(scope: Scope, command: Env) -> Result:
    pairs = scope.pairs(command.pairs)
    for name, value in pairs:
        scope.set(name, value)
        scope.shadowed.discard(name)
        scope.config.env.set(name, value)
    return Result(tuple(word for pair in pairs for word in pair), command.node.flags)


def _label(scope: Scope, command: Label) -> Result:
    pairs = scope.pairs(command.pairs)
    for name, value in pairs:
        scope.config.labels.set(name, value)
    return Result(tuple(word for pair in pairs for word in pair), command.node.flags)


def _run(scope: Scope, command: Run) -> Result:
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
            raise ExpansionError(str(error), flag.start) from None
        place = clean_path(join_workdir(scope.config.workdir, mount.target))
        # An image that is not known may have a working directory of its own.
        if mount.type not in ("secret", "ssh") and place == "/" and (mount.target or scope.known_base):
            raise ExpansionError('invalid mount target "/"', flag.start)
        mounts.append(mount)
    return Result(command.node.values, tuple(flags), tuple(mounts))


_EXPANDED_FLAGS = frozenset({"chown", "chmod", "checksum"})


def _check_checksum(command: Add, checksum: str, sources: list[str]) -> None:
    if not checksum:
        return
    start = command.sources[0].start if command.sources else command.node.name.start
    if len(sources) != 1:
        raise ExpansionError("checksum can't be specified for multiple sources", start)
    if not _REMOTE.match(sources[0]):
        raise ExpansionError("checksum requires HTTP(S) or Git sources", start)
    if _DOWNLOAD.match(sources[0]):
        algorithm, colon, digest = checksum.partition(":")
        if not colon or not re.fullmatch(r"[0-9a-zA-Z=_-]+", digest):
            raise ExpansionError("invalid checksum digest format", start)
        if algorithm not in _DIGEST_LENGTHS:
            raise ExpansionError("unsupported digest algorithm", start)
        if len(digest) != _DIGEST_LENGTHS[algorithm]:
            raise ExpansionError("invalid checksum digest length", start)


def _copy(scope: Scope, command: Copy | Add) -> Result:
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
    return Result((*words, destination), flags, contents=contents)


def _workdir(scope: Scope, command: Workdir) -> Result:
    path = scope.word(command.path)
    scope.config.workdir = join_workdir(scope.config.workdir, path)
    return Result((path,), command.node.flags)


def _user(scope: Scope, command: User) -> Result:
    user = scope.config.user = scope.word(command.user)
    return Result((user,), command.node.flags)


def _volume(scope: Scope, command: Volume) -> Result:
    paths = tuple(scope.word(path, json=command.node.json) for path in command.paths)
    if "" in paths:
        raise ExpansionError(
            "VOLUME specified can not be an empty string", command.paths[paths.index("")].start
        )
    scope.config.add_volumes(paths)
    return Result(paths, command.node.flags)


def _expose(scope: Scope, command: Expose) -> Result:
    found: list[str] = []
    # BuildKit sorts them first, and so names the first of the sorted ones that is none.
    for token in sorted(command.ports, key=lambda port: port.text):
        for word in scope.expansion(token).words:
            try:
                found.extend(parse_ports(word))
            except ValueError as error:
                raise ExpansionError(str(error), token.start) from None
    scope.config.expose(found)
    return Result(tuple(dict.fromkeys(found)), command.node.flags)


def _stop_signal(scope: Scope, command: StopSignal) -> Result:
    signal = scope.word(command.signal)
    if not known_signal(signal):
        raise ExpansionError(f"invalid signal: {signal}", command.signal.start)
    scope.config.stop_signal = signal
    return Result((signal,), command.node.flags)


def _cmd(scope: Scope, command: Cmd) -> Result:
    scope.config.cmd = scope.config.command(command)
    scope.config.cmd_set = True
    return _unexpanded(scope, command)


def _entrypoint(scope: Scope, command: Entrypoint) -> Result:
    scope.config.entrypoint = scope.config.command(command)
    if not scope.config.cmd_set:
        scope.config.cmd = None
    return _unexpanded(scope, command)


def _healthcheck(scope: Scope, command: Healthcheck) -> Result:
    scope.config.healthcheck = Health(
        command.test,
        command.interval,
        command.timeout,
        command.start_period,
        command.start_interval,
        command.retries,
    )
    return _unexpanded(scope, command)


def _shell(scope: Scope, command: Shell) -> Result:
    scope.config.shell = command.command
    return _unexpanded(scope, command)


def _onbuild(scope: Scope, command: Onbuild) -> Result:
    scope.config.onbuild.append(command.expression)
    return _unexpanded(scope, command)


def _maintainer(scope: Scope, command: Maintainer) -> Result:
    scope.config.author = command.maintainer.text
    return _unexpanded(scope, command)


APPLY: dict[type[Any], Callable[[Scope, Any], Result]] = {
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
