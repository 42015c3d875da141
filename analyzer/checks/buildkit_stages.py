"""BuildKit's checks of FROM: stage names, arguments in image names, platforms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.checks.buildkit_style import URL
from analyzer.checks.interface import Edit, Example, Finding, Fix, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.arguments import quoted
from analyzer.dockerfile.instructions import Arg, From, Pair
from analyzer.dockerfile.scope import BuildInputs, Expanded, Lookup, evaluate
from analyzer.dockerfile.source import Span
from analyzer.dockerfile.suggest import MAX_DISTANCE, nearest
from analyzer.dockerfile.words import WordError, expand
from analyzer.reference import ReferenceFormatError, parse

RESERVED = ("context", "scratch")


def _alias_span(stage: From) -> Span:
    return stage.node.span_of(stage.alias or stage.node.name)


def _duplicate_stage_name(subject: Subject) -> Iterator[Finding]:
    seen: set[str] = set()
    for stage in subject.of(From):
        if stage.name and stage.name in seen:
            message = f"Duplicate stage name {quoted(stage.name)}, stage names should be unique"
            yield Finding(DUPLICATE_STAGE_NAME.name, message, _alias_span(stage))
        seen.add(stage.name or "")


DUPLICATE_STAGE_NAME = Rule(
    name="DuplicateStageName",
    severity="warning",
    summary="Two stages have one name.",
    why="`FROM name` takes the nearest earlier one of that name, `COPY --from=name` the last of the file.",
    remedy="Give each stage a name of its own.",
    url=f"{URL}/duplicate-stage-name/",
    check=_duplicate_stage_name,
    bad=(
        Example("FROM debian:12 AS builder\nRUN true\n\nFROM golang:1.22 AS builder\nRUN true\n", lines=(4,)),
        Example("FROM debian:12 AS builder\nFROM golang:1.22 AS Builder\n", lines=(2,)),
    ),
    good=(Example("FROM debian:12 AS deb-builder\nRUN true\n\nFROM golang:1.22 AS go-builder\nRUN true\n"),),
)


def _reserved_stage_name(subject: Subject) -> Iterator[Finding]:
    for stage in subject.of(From):
        if stage.name in RESERVED:
            message = f"Stage name should not use the same name as reserved stage {quoted(stage.name)}"
            yield Finding(RESERVED_STAGE_NAME.name, message, _alias_span(stage))


RESERVED_STAGE_NAME = Rule(
    name="ReservedStageName",
    severity="warning",
    summary="A stage is named `scratch` or `context`.",
    why="`FROM scratch` means that stage from there on, and no longer the empty image.",
    remedy="Choose another name.",
    url=f"{URL}/reserved-stage-name/",
    check=_reserved_stage_name,
    bad=(
        Example("FROM alpine:3.20 AS scratch\nRUN true\n", lines=(1,)),
        Example("FROM alpine:3.20 AS context\n", lines=(1,)),
    ),
    good=(Example("FROM alpine:3.20 AS builder\nFROM scratch\n"),),
)


def _undefined_arg_in_from(subject: Subject) -> Iterator[Finding]:
    declared = {pair.key for each in subject.evaluation.globals for pair in _pairs(each)}
    for stage in subject.stages:
        start = stage.start
        known = declared | set(start.environment)
        seen: set[tuple[str, int | None]] = set()
        for lookup in start.lookups:
            if lookup.name in known or (lookup.name, lookup.start) in seen:
                continue
            seen.add((lookup.name, lookup.start))
            near = nearest(lookup.name, known)
            message = f"FROM argument '{lookup.name}' is not declared"
            message += f" (did you mean {near}?)" if near else ""
            fix = rename(start, lookup, near)
            yield Finding(UNDEFINED_ARG_IN_FROM.name, message, lookup_span(start, lookup), fix)


def _pairs(expanded: Expanded) -> Iterable[Pair]:
    return expanded.command.pairs if isinstance(expanded.command, Arg) else ()


def lookup_span(expanded: Expanded, lookup: Lookup) -> Span:
    """Where a name is asked for; the keyword where it stands in a heredoc's body."""
    joined = expanded.node.joined
    if lookup.start is None or lookup.end is None or lookup.end > len(joined.text):
        return expanded.node.span_of(expanded.node.name)
    return joined.span(lookup.start, lookup.end)


def rename(expanded: Expanded, lookup: Lookup, near: str | None) -> Fix | None:
    """Write the nearest name instead: a guess, so never unasked. A name of a letter or two is near to all."""
    if near is None or len(lookup.name) <= MAX_DISTANCE or lookup.start is None or lookup.end is None:
        return None
    text = expanded.node.joined.text[lookup.start : lookup.end]
    if text.count(lookup.name) != 1:
        return None
    edit = Edit(lookup_span(expanded, lookup), text.replace(lookup.name, near))
    return Fix((edit,), f"write `{near}`", safe=False)


UNDEFINED_ARG_IN_FROM = Rule(
    name="UndefinedArgInFrom",
    severity="warning",
    summary="FROM uses an argument that no ARG before the first FROM declares.",
    why="It is always empty there, whatever `--build-arg` says.",
    remedy="Declare it with ARG before the first FROM, or correct its name.",
    url=f"{URL}/undefined-arg-in-from/",
    check=_undefined_arg_in_from,
    bad=(
        Example("FROM node:22${VARIANT} AS jsbuilder\n", lines=(1,)),
        Example("FROM --platform=$BULIDPLATFORM alpine:3.20\n", lines=(1,)),
    ),
    good=(
        Example('ARG VARIANT="-alpine3.20"\nFROM node:22${VARIANT} AS jsbuilder\n'),
        Example("ARG VARIANT\nFROM node:22${VARIANT} AS jsbuilder\n", note="Declared is enough."),
        Example("FROM --platform=$BUILDPLATFORM alpine:3.20\n"),
    ),
    fix="unsafe",
)


def _invalid_default_arg_in_from(subject: Subject) -> Iterator[Finding]:
    stages = subject.stages
    if subject.around.build_args:
        stages = evaluate(subject.program, BuildInputs(target=subject.around.target or "")).stages
    for stage in stages:
        command = stage.start.command
        if not isinstance(command, From):
            continue
        try:
            name = expand(command.base.text, stage.start.environment, subject.dockerfile.escape).text
        except WordError:
            continue
        if not _is_reference(name):
            message = f"Default value for ARG {command.base.text} results in empty or invalid base image name"
            yield Finding(INVALID_DEFAULT_ARG_IN_FROM.name, message, command.node.span_of(command.base))


def _is_reference(name: str) -> bool:
    try:
        parse(name)
    except ReferenceFormatError:
        return False
    return True


INVALID_DEFAULT_ARG_IN_FROM = Rule(
    name="InvalidDefaultArgInFrom",
    severity="warning",
    summary="Without build arguments, the image name in FROM is empty or none.",
    why="`docker build .` fails unless everybody knows which `--build-arg` to give.",
    remedy="Give the argument a default, in ARG or as `${NAME:-default}`.",
    url=f"{URL}/invalid-default-arg-in-from/",
    check=_invalid_default_arg_in_from,
    bad=(
        Example("ARG TAG\nFROM busybox:${TAG}\n", lines=(2,)),
        Example("ARG IMAGE=Busybox\nFROM ${IMAGE}\n", lines=(2,)),
    ),
    good=(
        Example("ARG TAG=latest\nFROM busybox:${TAG}\n"),
        Example("ARG VARIANT\nFROM busybox:stable${VARIANT}\n"),
        Example("ARG TAG\nFROM alpine:${TAG:-3.14}\n"),
    ),
)


def _platforms(subject: Subject) -> Iterator[tuple[From, Expanded, str, list[Lookup]]]:
    """Each FROM with a platform: its value expanded, and the names that it asks for."""
    for stage in subject.stages:
        command, flag = stage.start.command, stage.start.flag("platform")
        written = stage.start.node.flag("platform")
        if isinstance(command, From) and written is not None and flag is not None:
            inside = [
                each
                for each in stage.start.lookups
                if each.start is not None and written.start <= each.start < written.end
            ]
            yield command, stage.start, flag, inside


def _redundant_target_platform(subject: Subject) -> Iterator[Finding]:
    for command, start, value, lookups in _platforms(subject):
        if {each.name for each in lookups} != {"TARGETPLATFORM"}:
            continue
        if value != start.environment.get("TARGETPLATFORM"):
            continue
        node = command.node
        flag = node.flag("platform")
        if flag is None or flag.value is None:
            continue
        message = (
            f"Setting platform to predefined {flag.value} in FROM is redundant as this is the default "
            "behavior"
        )
        following = next((f.start for f in node.flags if f.start > flag.start), node.arguments.start)
        fix = Fix((Edit(node.joined.span(flag.start, following), ""),), "take the flag out")
        yield Finding(REDUNDANT_TARGET_PLATFORM.name, message, node.span_of(flag), fix)


REDUNDANT_TARGET_PLATFORM = Rule(
    name="RedundantTargetPlatform",
    severity="warning",
    summary="FROM asks for the platform that it would take anyway.",
    why="The target platform is the default; the flag only makes the reader look for a reason.",
    remedy="Take `--platform=$TARGETPLATFORM` out.",
    url=f"{URL}/redundant-target-platform/",
    check=_redundant_target_platform,
    bad=(
        Example("FROM --platform=$TARGETPLATFORM alpine:3.20 AS builder\n", lines=(1,)),
        Example("FROM --platform=${TARGETPLATFORM} alpine:3.20 AS builder\n", lines=(1,)),
    ),
    good=(
        Example("FROM alpine:3.20 AS builder\n"),
        Example("FROM --platform=$BUILDPLATFORM alpine:3.20 AS builder\n"),
        Example("FROM --platform=${TARGETPLATFORM:-linux/arm64}/v8 alpine:3.20 AS builder\n"),
    ),
    fix="safe",
)

# containerd's platform names: what may stand for an architecture, and the name that it is known by.
_ARCHITECTURES = {
    "i386": "386",
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
}
_SYSTEMS = {"macos": "darwin"}
_KNOWN_SYSTEMS = frozenset(
    [
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "hurd",
        "illumos",
        "ios",
        "js",
        "linux",
        "nacl",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "windows",
        "zos",
    ]
)
_KNOWN_ARCHITECTURES = frozenset(
    [
        "386",
        "amd64",
        "amd64p32",
        "arm",
        "armbe",
        "arm64",
        "arm64be",
        "loong64",
        "mips",
        "mipsle",
        "mips64",
        "mips64le",
        "mips64p32",
        "mips64p32le",
        "ppc",
        "ppc64",
        "ppc64le",
        "riscv",
        "riscv64",
        "s390",
        "s390x",
        "sparc",
        "sparc64",
        "wasm",
    ]
)


def _platform_parts(text: str) -> tuple[str, str] | None:
    """System and architecture of a platform; what is left out is this builder's. None for no platform."""
    first, *rest = text.lower().split("/")
    if not first:
        return None
    system = _SYSTEMS.get(first, first)
    if rest:
        return system, _ARCHITECTURES.get(rest[0], rest[0])
    if system in _KNOWN_SYSTEMS:
        return system, "amd64"
    architecture = _ARCHITECTURES.get(first, first)
    return ("linux", architecture) if architecture in _KNOWN_ARCHITECTURES else None


def _from_platform_flag_const(subject: Subject) -> Iterator[Finding]:
    for command, _, value, lookups in _platforms(subject):
        parts = _platform_parts(value)
        if lookups or parts is None:
            continue
        # A stage named after its platform is meant for that platform alone.
        if any(part in (command.name or "") for part in parts):
            continue
        flag = command.node.flag("platform")
        assert flag is not None
        message = f"FROM --platform flag should not use constant value {quoted(value)}"
        yield Finding(FROM_PLATFORM_FLAG_CONST.name, message, command.node.span_of(flag))


FROM_PLATFORM_FLAG_CONST = Rule(
    name="FromPlatformFlagConstDisallowed",
    severity="warning",
    summary="FROM fixes the platform to a constant.",
    why="The file cannot be built for any other platform, and is emulated where it is not the builder's own.",
    remedy="Leave the flag out and use `docker build --platform`, or name the stage after its platform.",
    url=f"{URL}/from-platform-flag-const-disallowed/",
    check=_from_platform_flag_const,
    bad=(
        Example("FROM --platform=linux/amd64 alpine:3.20 AS base\n", lines=(1,)),
        Example("FROM --platform=arm64 alpine:3.20\n", lines=(1,)),
    ),
    good=(
        Example("FROM alpine:3.20 AS base\n"),
        Example("FROM --platform=${BUILDPLATFORM} alpine:3.20 AS base\n"),
        Example(
            "FROM --platform=linux/amd64 alpine:3.20 AS build_amd64\n"
            "FROM --platform=linux/arm64 alpine:3.20 AS build_arm64\n"
            "FROM build_${TARGETARCH} AS build\n"
        ),
    ),
)

RULES: tuple[Rule, ...] = (
    DUPLICATE_STAGE_NAME,
    RESERVED_STAGE_NAME,
    UNDEFINED_ARG_IN_FROM,
    INVALID_DEFAULT_ARG_IN_FROM,
    REDUNDANT_TARGET_PLATFORM,
    FROM_PLATFORM_FLAG_CONST,
)
