"""Typed instructions: a view over the nodes, with BuildKit's checks of what each instruction needs.

Values are unexpanded here; `scope` gives each instruction with its names replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from analyzer.dockerfile.commands import (
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
    Run,
    Shell,
    SourceContent,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from analyzer.dockerfile.flags import (
    UNCHECKED,
    InstructionError,
    check_flags,
    flag_bool,
    flag_list,
    flag_text,
)
from analyzer.dockerfile.goquote import quoted
from analyzer.dockerfile.heredocs import opener
from analyzer.dockerfile.mounts import BOOLEANS, MountError, parse_mount
from analyzer.dockerfile.nodes import Dockerfile, Flag, Instruction, Token
from analyzer.dockerfile.patterns import WordError
from analyzer.dockerfile.suggest import did_you_mean
from analyzer.dockerfile.syntax import parse
from analyzer.dockerfile.words import GO_SPACE
from analyzer.errors import InputError, Problem
from analyzer.garbage import uncollected

__all__ = [
    "PARSERS",
    "Add",
    "Arg",
    "Cmd",
    "Command",
    "Copy",
    "Entrypoint",
    "Env",
    "Expose",
    "From",
    "Healthcheck",
    "Label",
    "Maintainer",
    "Onbuild",
    "Pair",
    "Program",
    "Run",
    "Shell",
    "SourceContent",
    "StopSignal",
    "User",
    "Volume",
    "Workdir",
    "parse_duration",
    "read",
    "read_strict",
    "type_instruction",
    "type_instructions",
]

NETWORKS = ("default", "none", "host")
SECURITIES = ("sandbox", "insecure")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")
_ONBUILD = re.compile(r"[\t\n\f\r ]*onbuild[\t\n\f\r ]*", re.IGNORECASE)
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


@dataclass(frozen=True)
class Program:
    """A Dockerfile with its typed instructions, in order; those with a fault are left out.

    `problems` are all that BuildKit's parser would refuse, in the order of the lines.
    """

    dockerfile: Dockerfile
    commands: tuple[Command, ...]
    problems: tuple[Problem, ...]


@uncollected
def read(data: bytes, path: str = "Dockerfile") -> Program:
    """Parse and type a Dockerfile; faults are in the result. Raises InputError for what is no text."""
    return type_instructions(parse(data, path))


def read_strict(data: bytes, path: str = "Dockerfile") -> Program:
    """As `read`, but raises InputError with every problem where there is one."""
    program = read(data, path)
    if program.problems:
        raise InputError(list(program.problems))
    return program


def type_instructions(dockerfile: Dockerfile) -> Program:
    """Type every instruction of a parsed file; a fault is reported and the next instruction read."""
    commands: list[Command] = []
    problems = list(dockerfile.problems)
    in_stage = False
    for node in dockerfile.instructions:
        in_stage = in_stage or node.keyword == "FROM"
        if not node.valid:
            continue
        try:
            command = type_instruction(node)
            if not in_stage and not isinstance(command, Arg):
                raise InstructionError("no build stage in current context", node.name.start, _BEFORE_FROM)
        except InstructionError as error:
            problems.append(node.problem(error.offset, error.message, error.hint))
            continue
        commands.append(command)
    if dockerfile.instructions and not in_stage:
        last = dockerfile.instructions[-1]
        problems.append(last.problem(last.name.start, "dockerfile contains no stages to build", _BEFORE_FROM))
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return Program(dockerfile, tuple(commands), tuple(problems))


_BEFORE_FROM = "only ARG may stand before the first FROM"


def type_instruction(node: Instruction) -> Command:
    """One instruction. Raises InstructionError with BuildKit's message where BuildKit refuses it."""
    parser = PARSERS.get(node.keyword)
    if parser is None:
        written = node.name.text
        names = [name.lower() for name in PARSERS] if written.islower() else PARSERS
        wanted = node.keyword.lower() if written.islower() else node.keyword
        message = did_you_mean(f"unknown instruction: {written}", wanted, names)
        raise InstructionError(message, node.name.start, f"the instructions are {', '.join(PARSERS)}")
    return parser(node)


def _at_least_one(node: Instruction) -> None:
    if not node.words:
        raise InstructionError(f"{node.keyword} requires at least one argument", node.name.start)


def _exactly_one(node: Instruction) -> Token:
    if len(node.words) != 1:
        raise InstructionError(f"{node.keyword} requires exactly one argument", node.name.start)
    if node.keyword not in UNCHECKED:
        check_flags(node)
    return node.words[0]


def _from(node: Instruction) -> From:
    words = node.words
    alias = None
    if len(words) == 3 and words[1].text.lower() == "as":
        alias = words[2]
        if not _STAGE_NAME.fullmatch(alias.text.lower()):
            problem = "name can't start with a number or contain symbols"
            raise InstructionError(
                f"invalid name for build stage: {quoted(alias.text)}, {problem}", alias.start
            )
    elif len(words) != 1:
        raise InstructionError("FROM requires either one or three arguments", node.name.start)
    check_flags(node)
    name = alias.text.lower() if alias else None
    return From(node, words[0], name, alias, flag_text(node, "platform"))


def _run(node: Instruction) -> Run:
    check_flags(node)
    network = flag_text(node, "network") or ("default" if node.flag("network") is None else "")
    security = flag_text(node, "security") or ("sandbox" if node.flag("security") is None else "")
    if network not in NETWORKS:
        raise InstructionError(f"invalid network mode {quoted(network)}", _flag_start(node, "network"))
    if security not in SECURITIES:
        raise InstructionError(f"security {quoted(security)} is not valid", _flag_start(node, "security"))
    mounts = []
    for flag in node.flags:
        if flag.name == "mount":
            try:
                mounts.append(parse_mount(flag.value or ""))
            except MountError as error:
                raise InstructionError(str(error), flag.start) from None
    for flag in node.flags:
        if flag.name == "device":
            _check_device(flag)
    return Run(node, node.values, tuple(mounts), network, security, flag_list(node, "device"))


def _check_device(flag: Flag) -> None:
    """A device name, bare or as `name=`, and `required`."""
    named = False
    for field in (flag.value or "").split(","):
        key, equals, value = field.partition("=")
        if key.lower() == "required":
            if equals and value not in BOOLEANS:
                raise InstructionError(f"invalid value for required: {value}", flag.start)
        elif not named:
            named = True
        elif not equals:
            raise InstructionError(f"invalid field '{field}' must be a key=value pair", flag.start)
        elif key.lower() == "name":
            raise InstructionError("device name already set", flag.start)
        else:
            message = did_you_mean(f"unexpected key '{key.lower()}' in '{field}'", key, ("name", "required"))
            raise InstructionError(message, flag.start)


def _flag_start(node: Instruction, name: str) -> int:
    flag = node.flag(name)
    return flag.start if flag else node.name.start


def _copy(node: Instruction) -> Copy:
    sources, contents, destination = _sources(node)
    return Copy(
        node,
        sources,
        contents,
        destination,
        from_=flag_text(node, "from"),
        chown=flag_text(node, "chown"),
        chmod=flag_text(node, "chmod"),
        link=flag_bool(node, "link") or False,
        parents=flag_bool(node, "parents") or False,
        exclude=flag_list(node, "exclude"),
    )


def _add(node: Instruction) -> Add:
    sources, contents, destination = _sources(node)
    return Add(
        node,
        sources,
        contents,
        destination,
        chown=flag_text(node, "chown"),
        chmod=flag_text(node, "chmod"),
        link=flag_bool(node, "link") or False,
        keep_git_dir=flag_bool(node, "keep-git-dir") or False,
        checksum=flag_text(node, "checksum"),
        unpack=flag_bool(node, "unpack"),
        exclude=flag_list(node, "exclude"),
    )


def _sources(node: Instruction) -> tuple[tuple[Token, ...], tuple[SourceContent, ...], Token]:
    if len(node.words) < 2:
        raise InstructionError(
            f"{node.keyword} requires at least two arguments, but only one was provided. "
            "Destination could not be determined",
            node.name.start,
        )
    check_flags(node)
    *words, destination = node.words
    if _opens(destination.text):
        raise InstructionError(f"{node.keyword} cannot accept a heredoc as a destination", destination.start)
    bodies = {heredoc.name: heredoc for heredoc in node.heredocs}
    sources: list[Token] = []
    contents: list[SourceContent] = []
    for word in words:
        opened = opener(word.text) if "<<" in word.text and _opens(word.text) else None
        if opened is None:
            sources.append(word)
            continue
        body = bodies.get(opened.name)
        contents.append(SourceContent(opened.name, body.body if body else "", opened.expand))
    return tuple(sources), tuple(contents), destination


def _opens(word: str) -> bool:
    try:
        return opener(word) is not None
    except WordError:
        return False


def _pairs(node: Instruction) -> tuple[tuple[Pair, ...], bool]:
    check_flags(node)
    _at_least_one(node)
    pairs = tuple(map(Pair, node.words[::2], node.words[1::2]))
    for pair in pairs:
        if not pair.key:
            raise InstructionError(f"{node.keyword} names can not be blank", pair.name.start)
    first = pairs[0]
    assert first.value is not None
    return pairs, node.joined.text[first.name.end : first.name.end + 1] != "="


def _env(node: Instruction) -> Env:
    return Env(node, *_pairs(node))


def _label(node: Instruction) -> Label:
    return Label(node, *_pairs(node))


def _arg(node: Instruction) -> Arg:
    _at_least_one(node)
    pairs: list[Pair] = []
    for word in node.words:
        name, equals, value = word.text.partition("=")
        if equals and not name:
            raise InstructionError("ARG names can not be blank", word.start)
        middle = word.start + len(name)
        text = Token(value, middle + 1, word.end) if equals else None
        pairs.append(Pair(Token(name, word.start, middle), text))
    return Arg(node, tuple(pairs))


def _expose(node: Instruction) -> Expose:
    _at_least_one(node)
    check_flags(node)
    return Expose(node, node.words)


def _volume(node: Instruction) -> Volume:
    _at_least_one(node)
    check_flags(node)
    paths = []
    for word in node.words:
        text = word.text.strip(GO_SPACE)
        if not text:
            raise InstructionError("VOLUME specified can not be an empty string", word.start)
        paths.append(Token(text, word.start, word.end))
    return Volume(node, tuple(paths))


def _cmd(node: Instruction) -> Cmd:
    check_flags(node)
    return Cmd(node, node.values)


def _entrypoint(node: Instruction) -> Entrypoint:
    check_flags(node)
    return Entrypoint(node, node.values)


def _shell(node: Instruction) -> Shell:
    check_flags(node)
    _at_least_one(node)
    if not node.json:
        raise InstructionError("SHELL requires the arguments to be in JSON form", node.words[0].start)
    return Shell(node, node.values)


def _healthcheck(node: Instruction) -> Healthcheck:
    _at_least_one(node)
    kind, *command = node.words
    if kind.text.upper() == "NONE":
        if command:
            raise InstructionError("HEALTHCHECK NONE takes no arguments", command[0].start)
        return Healthcheck(node, ("NONE",))
    check_flags(node)
    if kind.text.upper() != "CMD":
        message = f"Unknown type {quoted(kind.text.upper())} in HEALTHCHECK (try CMD)"
        raise InstructionError(message, kind.start)
    if not command:
        raise InstructionError("Missing command after HEALTHCHECK CMD", kind.start)
    first = "CMD" if node.json else "CMD-SHELL"
    return Healthcheck(
        node,
        (first, *(word.text for word in command)),
        interval=_interval(node, "interval"),
        timeout=_interval(node, "timeout"),
        start_period=_interval(node, "start-period"),
        start_interval=_interval(node, "start-interval"),
        retries=_retries(node),
    )


def _interval(node: Instruction, name: str) -> int:
    text = flag_text(node, name)
    if not text:
        return 0
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise InstructionError(str(error), _flag_start(node, name)) from None
    if duration != 0 and duration < 10**6:
        raise InstructionError(f"Interval {quoted(name)} cannot be less than 1ms", _flag_start(node, name))
    return duration


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1m30s` or `1.5h`. Raises ValueError with Go's message."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, pos = 0, 0
    while pos < len(rest):
        part = _DURATION_PART.match(rest, pos)
        if part is None or not (part[1] or part[2]):
            raise ValueError(f"time: invalid duration {quoted(text)}")
        if not part[3]:
            raise ValueError(f"time: missing unit in duration {quoted(text)}")
        if part[3] not in _NANOSECONDS:
            raise ValueError(f"time: unknown unit {quoted(part[3])} in duration {quoted(text)}")
        unit = _NANOSECONDS[part[3]]
        fraction = part[2] or ""
        total += int(part[1] or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        pos = part.end()
    if not rest or total >= 1 << 63:
        raise ValueError(f"time: invalid duration {quoted(text)}")
    return sign * total


def _retries(node: Instruction) -> int:
    text = flag_text(node, "retries")
    if not text:
        return 0
    start = _flag_start(node, "retries")
    if not re.fullmatch(r"[+-]?[0-9]+", text) or not -(1 << 31) <= int(text) < 1 << 31:
        raise InstructionError(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax", start)
    if int(text) < 0:
        raise InstructionError(f"--retries cannot be negative ({int(text)})", start)
    return int(text)


def _onbuild(node: Instruction) -> Onbuild:
    if node.inner is None:
        raise InstructionError("ONBUILD requires at least one argument", node.name.start)
    check_flags(node)
    trigger = node.inner.keyword
    if trigger == "ONBUILD":
        message = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"
        raise InstructionError(message, node.inner.name.start)
    if trigger in ("MAINTAINER", "FROM"):
        message = f"{trigger} isn't allowed as an ONBUILD trigger"
        raise InstructionError(message, node.inner.name.start)
    expression = _ONBUILD.sub("", node.joined.text, count=1)
    for heredoc in node.heredocs:
        expression += "\n" + heredoc.content + heredoc.name
    try:
        inner = type_instruction(node.inner) if node.inner.valid else None
    except InstructionError:
        # BuildKit keeps the trigger as text; the fault shows in the build that uses this image.
        inner = None
    return Onbuild(node, expression, inner)


PARSERS: dict[str, Callable[[Instruction], Command]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": lambda node: Maintainer(node, _exactly_one(node)),
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": lambda node: StopSignal(node, _exactly_one(node)),
    "USER": lambda node: User(node, _exactly_one(node)),
    "VOLUME": _volume,
    "WORKDIR": lambda node: Workdir(node, _exactly_one(node)),
}
