"""hadolint's rules for the shape of the file: order, ONBUILD, old and repeated instructions."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.checks import hadolint
from analyzer.checks.interface import Check, Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.checks.suppression import ignores
from analyzer.dockerfile.instructions import Cmd, Command, Entrypoint, Healthcheck, Maintainer


def _order(subject: Subject) -> Iterator[Finding]:
    for node in subject.dockerfile.instructions:
        if node.keyword == "FROM":
            return
        if node.keyword != "ARG":
            message = f"{node.keyword} stands above the first FROM"
            yield Finding(ORDER.name, message, node.span_of(node.name))


ORDER = Rule(
    name="DL3061",
    severity="error",
    summary="An instruction other than ARG stands above the first FROM.",
    why="There is no image yet that it could change; the build stops here.",
    remedy="Begin with FROM, or with the ARGs that it needs.",
    url=hadolint.url("DL3061"),
    check=_order,
    bad=(Example("RUN true\nFROM debian:12\n", lines=(1,)),),
    good=(Example("# the release\nARG TAG=12\nFROM debian:${TAG}\n"),),
)


def _triggers(subject: Subject) -> Iterator[Finding]:
    for node in subject.dockerfile.instructions:
        inner = node.inner
        if (
            node.keyword == "ONBUILD"
            and inner is not None
            and inner.keyword in ("FROM", "MAINTAINER", "ONBUILD")
        ):
            yield Finding(
                TRIGGERS.name, f"ONBUILD cannot trigger {inner.keyword}", node.span_of(node.arguments)
            )


TRIGGERS = Rule(
    name="DL3043",
    severity="error",
    summary="ONBUILD triggers FROM, MAINTAINER or ONBUILD.",
    why="The builder refuses it.",
    remedy="Take it out.",
    url=hadolint.url("DL3043"),
    check=_triggers,
    bad=(Example("FROM debian:12\nONBUILD FROM debian:12\n", lines=(2,)),),
    good=(Example("FROM debian:12\nONBUILD RUN true\n"),),
)


def _maintainer(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Maintainer):
        message = "MAINTAINER is deprecated; a label says the same to every tool"
        yield Finding(MAINTAINER.name, message, command.node.span_of(command.node.name))


MAINTAINER = Rule(
    name="DL4000",
    severity="error",
    summary="MAINTAINER is deprecated.",
    why="It sets a field that hardly any tool shows.",
    remedy="Use `LABEL org.opencontainers.image.authors=…`.",
    url=hadolint.url("DL4000"),
    check=_maintainer,
    bad=(Example("FROM debian:12\nMAINTAINER somebody@example.org\n", lines=(2,)),),
    good=(Example("FROM debian:12\nLABEL maintainer=somebody@example.org\n"),),
)


def _repeated(kind: type[Command], name: str) -> Check:
    def check(subject: Subject) -> Iterator[Finding]:
        for stage in subject.stages:
            commands = [each.command for each in stage.instructions if isinstance(each.command, kind)]
            for command in commands[1:]:
                keyword = command.node.keyword
                message = f"another {keyword} in the same stage: only the last one counts"
                yield Finding(name, message, command.node.span_of(command.node.name))

    return check


HEALTHCHECKS = Rule(
    name="DL3012",
    severity="error",
    summary="A stage has more than one HEALTHCHECK.",
    why="Only the last one counts.",
    remedy="Take the others out.",
    url=hadolint.url("DL3012"),
    check=_repeated(Healthcheck, "DL3012"),
    bad=(Example('FROM debian:12\nHEALTHCHECK CMD ["/a"]\nHEALTHCHECK CMD ["/b"]\n', lines=(3,)),),
    good=(Example('FROM debian:12 AS a\nHEALTHCHECK CMD ["/a"]\nFROM debian:12\nHEALTHCHECK CMD ["/b"]\n'),),
)

COMMANDS = Rule(
    name="DL4003",
    severity="warning",
    summary="A stage has more than one CMD.",
    why="Only the last one counts.",
    remedy="Take the others out.",
    url=hadolint.url("DL4003"),
    check=_repeated(Cmd, "DL4003"),
    bad=(Example('FROM debian:12\nCMD ["/a"]\nCMD ["/b"]\n', lines=(3,)),),
    good=(Example('FROM debian:12 AS a\nCMD ["/a"]\nFROM a\nCMD ["/b"]\n'),),
)

ENTRYPOINTS = Rule(
    name="DL4004",
    severity="error",
    summary="A stage has more than one ENTRYPOINT.",
    why="Only the last one counts.",
    remedy="Take the others out.",
    url=hadolint.url("DL4004"),
    check=_repeated(Entrypoint, "DL4004"),
    bad=(Example('FROM debian:12\nENTRYPOINT ["/a"]\nENTRYPOINT ["/b"]\n', lines=(3,)),),
    good=(Example('FROM debian:12 AS a\nENTRYPOINT ["/a"]\nFROM a\nENTRYPOINT ["/b"]\n'),),
)


def _no_healthcheck(subject: Subject) -> Iterator[Finding]:
    stage = subject.final
    if stage is not None and stage.config.healthcheck is None:
        node = stage.start.node
        yield Finding(NO_HEALTHCHECK.name, "the image has no HEALTHCHECK", node.span_of(node.name))


NO_HEALTHCHECK = Rule(
    name="DL3057",
    severity="info",
    summary="The image has no HEALTHCHECK.",
    why="The engine then knows only that the process lives, not that it answers.",
    remedy="Add HEALTHCHECK, or HEALTHCHECK NONE to say that another does it.",
    url=hadolint.url("DL3057"),
    check=_no_healthcheck,
    bad=(Example("FROM debian:12\n", lines=(1,)),),
    good=(Example("FROM debian:12 AS base\nHEALTHCHECK NONE\nFROM base\n"),),
    default=False,
)


def _pragmas(subject: Subject) -> Iterator[Finding]:
    seen = set()
    for entry in ignores(subject.dockerfile).entries:
        if not entry.ours and entry.span not in seen:
            seen.add(entry.span)
            yield Finding(PRAGMAS.name, "a comment ignores rules", entry.span)


PRAGMAS = Rule(
    name="DL1001",
    severity="info",
    summary="A comment of hadolint's kind ignores rules.",
    why="Where exceptions are decided in one place, one in the file escapes it.",
    remedy="Put it into the settings.",
    url=hadolint.url("DL1001"),
    check=_pragmas,
    bad=(Example("# hadolint ignore=DL3006\nFROM debian\n", lines=(1,)),),
    good=(Example("# the release of this year\nFROM debian:12\n"),),
    default=False,
)

RULES: tuple[Rule, ...] = (
    PRAGMAS,
    HEALTHCHECKS,
    TRIGGERS,
    NO_HEALTHCHECK,
    ORDER,
    MAINTAINER,
    COMMANDS,
    ENTRYPOINTS,
)
