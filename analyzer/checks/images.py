"""hadolint's rules for the names of images and stages: FROM, its platform, COPY --from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from analyzer.checks import hadolint
from analyzer.checks.base_images import reference_of
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Copy, From
from analyzer.dockerfile.scope import Stage
from analyzer.reference import Reference
from analyzer.settings import LintSettings


def _external(subject: Subject) -> Iterator[tuple[From, Stage, Reference]]:
    """The FROMs that name an image, not a stage or scratch, as far as the name is known."""
    for stage in subject.stages:
        command = stage.start.command
        if stage.parent is not None or stage.base == "scratch" or not isinstance(command, From):
            continue
        if any(not each.defined for each in stage.start.lookups):
            continue
        reference = reference_of(stage.base)
        if reference is not None:
            yield command, stage, reference


def _no_tag(subject: Subject) -> Iterator[Finding]:
    for command, _, reference in _external(subject):
        # A name that is an argument as a whole is pinned, or not, where the argument is given.
        if reference.tag or reference.digest or command.base.text.startswith("$"):
            continue
        message = f"the image {command.base.text} has no tag: what it is changes with every release"
        yield Finding(NO_TAG.name, message, command.node.span_of(command.base))


NO_TAG = Rule(
    name="DL3006",
    severity="warning",
    summary="FROM names an image without a tag.",
    why="That means `latest`: the next build may stand on another major version.",
    remedy="Write a tag, or a digest for the very same image each time.",
    url=hadolint.url("DL3006"),
    check=_no_tag,
    bad=(Example("FROM debian\n", lines=(1,)), Example("FROM registry.example.org/own/tool\n", lines=(1,))),
    good=(
        Example("FROM debian:12 AS build\nFROM build\nFROM scratch\n"),
        Example("ARG BASE=debian\nFROM $BASE\n"),
        Example("ARG TAG=:12\nFROM debian${TAG}\n"),
    ),
)


def _latest(subject: Subject) -> Iterator[Finding]:
    for stage in subject.stages:
        command = stage.start.command
        if stage.parent is not None or not isinstance(command, From):
            continue
        if stage.base.endswith(":latest") or command.base.text.endswith(":latest"):
            message = f"the tag `latest` of {stage.base.removesuffix(':latest')} moves with every release"
            yield Finding(LATEST.name, message, command.node.span_of(command.base))


LATEST = Rule(
    name="DL3007",
    severity="warning",
    summary="FROM takes the tag `latest`.",
    why="The next build may stand on another major version, and nobody sees which one this was.",
    remedy="Write the tag of a release.",
    url=hadolint.url("DL3007"),
    check=_latest,
    bad=(Example("FROM debian:latest\n", lines=(1,)),),
    good=(Example("FROM debian:12\n"), Example(f"FROM debian:latest@sha256:{'0' * 64}\n")),
)


def _unknown_stage(subject: Subject) -> Iterator[Finding]:
    for command, stage in _copies(subject):
        name = (command.from_ or "").lower()
        if not name or ":" in name or "@" in name or name == stage.name:
            continue
        earlier = subject.stages[: stage.index]
        if name.isdecimal() and int(name) < max(1, stage.index):
            continue
        if any(each.name == name for each in earlier):
            continue
        near = _near_stage(subject, command)
        meant = f"; did you mean {near}?" if near else ""
        message = f"`--from={command.from_}` is no stage above this one{meant}"
        flag = command.node.flag("from")
        if flag is not None:
            yield Finding(UNKNOWN_STAGE.name, message, command.node.span_of(flag))


def _near_stage(subject: Subject, command: Copy) -> str:
    uses = (use for use in subject.table.uses if use.instruction.command is command)
    return next((near for use in uses if (near := subject.table.near_stage(use))), "")


def _copies(subject: Subject) -> Iterator[tuple[Copy, Stage]]:
    for command in subject.of(Copy):
        stage = subject.stage_of(command)
        if stage is not None:
            yield command, stage


UNKNOWN_STAGE = Rule(
    name="DL3022",
    severity="warning",
    summary="`COPY --from` names no stage that was defined above.",
    why="The builder then pulls an image of that name, if there is one.",
    remedy="Name a stage above, or write an image with its tag.",
    url=hadolint.url("DL3022"),
    check=_unknown_stage,
    bad=(Example("FROM debian:12\nCOPY --from=build /a /a\n", lines=(2,)),),
    good=(
        Example("FROM debian:12 AS build\nFROM debian:12\nCOPY --from=BUILD /a /a\nCOPY --from=0 /b /b\n"),
        Example("FROM debian:12\nCOPY --from=busybox:1.36 /bin/busybox /bin/\n"),
    ),
)


def _own_stage(subject: Subject) -> Iterator[Finding]:
    for command, stage in _copies(subject):
        flag = command.node.flag("from")
        if flag is not None and stage.name is not None and (command.from_ or "").lower() == stage.name:
            message = f"`--from={command.from_}` is the stage that this instruction stands in"
            yield Finding(OWN_STAGE.name, message, command.node.span_of(flag))


OWN_STAGE = Rule(
    name="DL3023",
    severity="error",
    summary="`COPY --from` names its own stage.",
    why="A stage cannot be a source before it is finished; the build stops here.",
    remedy="Name another stage, or use `RUN cp`.",
    url=hadolint.url("DL3023"),
    check=_own_stage,
    bad=(Example("FROM debian:12 AS build\nCOPY --from=build /a /b\n", lines=(2,)),),
    good=(Example("FROM debian:12 AS build\nFROM debian:12 AS run\nCOPY --from=build /a /b\n"),),
)


def _same_name(subject: Subject) -> Iterator[Finding]:
    seen: set[str] = set()
    for command in subject.of(From):
        if command.name is None or command.alias is None:
            continue
        if command.name in seen:
            message = f"a stage above has the name {command.name} already"
            yield Finding(SAME_NAME.name, message, command.node.span_of(command.alias))
        seen.add(command.name)


SAME_NAME = Rule(
    name="DL3024",
    severity="error",
    summary="Two stages have one name.",
    why="`COPY --from` and `FROM` find the last one, not the one that the reader thinks of.",
    remedy="Give each stage a name of its own.",
    url=hadolint.url("DL3024"),
    check=_same_name,
    bad=(Example("FROM debian:12 AS build\nFROM node:20 AS build\n", lines=(2,)),),
    good=(Example("FROM debian:12 AS build\nFROM node:20 AS pages\n"),),
)


def _registries(subject: Subject) -> Iterator[Finding]:
    trusted = subject.lint.trusted_registries
    if not trusted:
        return
    for use in subject.table.uses:
        reference = reference_of(use.source.image) if use.source.external else None
        if reference is None or any(not each.defined for each in use.instruction.lookups):
            continue
        if not any(_trusts(pattern, reference) for pattern in trusted):
            message = f"{reference.domain} is not among the registries that are trusted"
            yield Finding(REGISTRIES.name, message, use.instruction.node.joined.span(use.start, use.end))


def _trusts(pattern: str, reference: Reference) -> bool:
    if reference.domain == "docker.io" and pattern in ("docker.io", "hub.docker.com"):
        return True
    return fnmatchcase(reference.domain, pattern) or pattern == reference.domain


REGISTRIES = Rule(
    name="DL3026",
    severity="error",
    summary="FROM, COPY or a mount takes an image of a registry that is not trusted.",
    why="Whoever writes to that registry writes into this image.",
    remedy="Take the image of a registry in `trusted-registries`, or add this one there.",
    url=hadolint.url("DL3026"),
    check=_registries,
    bad=(
        Example(
            "FROM other.example.org/tool:1\n",
            lines=(1,),
            settings=LintSettings(trusted_registries=("docker.io", "*.own.example.org")),
        ),
    ),
    good=(
        Example(
            "FROM debian:12 AS build\nFROM eu.own.example.org/tool:1\nFROM build\n",
            settings=LintSettings(trusted_registries=("docker.io", "*.own.example.org")),
        ),
    ),
)


def _platform(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(From):
        flag = command.node.flag("platform")
        if flag is None or re.search(r"\$\{?(BUILD|TARGET)PLATFORM\b", flag.value or ""):
            continue
        message = f"`{flag}` builds for that platform, whatever `docker build --platform` asks for"
        yield Finding(PLATFORM.name, message, command.node.span_of(flag))


PLATFORM = Rule(
    name="DL3029",
    severity="warning",
    summary="FROM has a `--platform` of its own.",
    why="The image is built for that platform alone, whoever asks for another one.",
    remedy="Leave it to `docker build --platform`; for a stage that compiles, write `$BUILDPLATFORM`.",
    url=hadolint.url("DL3029"),
    check=_platform,
    bad=(Example("FROM --platform=linux/amd64 debian:12\n", lines=(1,)),),
    good=(Example("FROM --platform=$BUILDPLATFORM golang:1.22 AS build\nFROM debian:12\n"),),
)


def _target_platform(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(From):
        flag = command.node.flag("platform")
        if flag is not None and flag.value in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
            message = "the target platform is what FROM takes anyway"
            yield Finding(TARGET_PLATFORM.name, message, command.node.span_of(flag))


TARGET_PLATFORM = Rule(
    name="DL3065",
    severity="warning",
    summary="FROM says `--platform=$TARGETPLATFORM`.",
    why="It is the default, and says nothing.",
    remedy="Leave the flag out.",
    url=hadolint.url("DL3065"),
    check=_target_platform,
    bad=(Example("FROM --platform=$TARGETPLATFORM debian:12\n", lines=(1,)),),
    good=(Example("FROM --platform=$BUILDPLATFORM debian:12\n"),),
)


def _reserved_name(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(From):
        if command.name in ("scratch", "context") and command.alias is not None:
            message = f"the stage name {command.alias.text} means something else to the builder"
            yield Finding(RESERVED_NAME.name, message, command.node.span_of(command.alias))


RESERVED_NAME = Rule(
    name="DL3063",
    severity="warning",
    summary="A stage has a name that the builder reserves.",
    why="`FROM scratch` below it would be that stage.",
    remedy="Take another name than `scratch` and `context`.",
    url=hadolint.url("DL3063"),
    check=_reserved_name,
    bad=(Example("FROM debian:12 AS scratch\n", lines=(1,)),),
    good=(Example("FROM debian:12 AS build\nFROM scratch\n"),),
)

RULES: tuple[Rule, ...] = (
    NO_TAG,
    LATEST,
    UNKNOWN_STAGE,
    OWN_STAGE,
    SAME_NAME,
    REGISTRIES,
    PLATFORM,
    RESERVED_NAME,
    TARGET_PLATFORM,
)
