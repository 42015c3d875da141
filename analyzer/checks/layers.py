"""Layers that hold what the image does not show, or hold it twice; and the order that the cache wants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import basename

from analyzer.checks.archives import named_like_tar
from analyzer.checks.body import Body
from analyzer.checks.final_image import absolute, destinations, steps, url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.leftovers import SYSTEM, installed
from analyzer.checks.packages import clause
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Add, Copy, Run
from analyzer.dockerfile.scope import Expanded
from analyzer.shell.calls import Call
from analyzer.shell.installs import ManagerCall


def _removed_later(subject: Subject) -> Iterator[Finding]:
    made: dict[str, Expanded] = {}
    packages: dict[str, Run] = {}
    for expanded in steps(subject):
        command = expanded.command
        if isinstance(command, Copy | Add):
            for path in destinations(expanded):
                made[path] = expanded
        elif isinstance(command, Run):
            body = subject.body(command)
            yield from _deleted(expanded, body, made)
            yield from _uninstalled(command, body, packages)
            packages |= {package.name: command for _, package in installed(body)}
            for download in body.downloads:
                if download.output and download.output.startswith("/"):
                    made[download.output] = expanded


def _deleted(expanded: Expanded, body: Body, made: dict[str, Expanded]) -> Iterator[Finding]:
    for call in body.called("rm"):
        if call.command.conditional and not call.command.optional:
            continue
        for word in call.arguments:
            if word.value is None or word.value.startswith("-") or word.pattern:
                continue
            path = absolute(word.value, _directory(body, call, expanded.workdir))
            origin = made.get(path)
            if origin is None or origin is expanded:
                continue
            if isinstance(origin.command, Copy) and named_like_tar(path) and origin.command.from_ is None:
                # An archive of the context: ADD is the answer, and DL3010 gives it.
                continue
            keyword, line = origin.node.keyword, origin.node.start_line
            message = f"{path} stays in the layer of {keyword} on line {line}; deleting it here frees nothing"
            yield Finding(REMOVED_LATER.name, message, body.span_of(word))


def _directory(body: Body, call: Call, workdir: str) -> str:
    """Where a command runs: behind the last plain `cd` before it."""
    where = workdir
    for command in body.script.named("cd"):
        if command.start < call.command.start and len(command.words) == 2 and command.words[1].value:
            where = absolute(command.words[1].value, where)
    return where


def _uninstalled(run: Run, body: Body, packages: dict[str, Run]) -> Iterator[Finding]:
    for call in body.managers:
        if call.manager not in SYSTEM or call.action != "remove":
            continue
        late = [each for each in call.packages if each.name in packages and packages[each.name] is not run]
        if late:
            line = packages[late[0].name].node.start_line
            message = f"the layer of line {line} keeps {clause(late)}; removing packages here frees nothing"
            yield Finding(REMOVED_LATER.name, message, body.span(call.start, call.end))


REMOVED_LATER = Rule(
    name="SLIM104",
    severity="warning",
    summary="Files or packages are removed in a later layer than the one that brought them.",
    why="A layer only hides what lies below it: the image is as large as before, and has the files.",
    remedy="Remove them in the RUN that brought them, mount them with `RUN --mount`, or use a stage.",
    url=url("SLIM104"),
    check=_removed_later,
    bad=(
        Example(
            "FROM debian:12\nCOPY setup.deb /tmp/\nRUN dpkg -i /tmp/setup.deb && rm /tmp/setup.deb\n",
            lines=(3,),
        ),
        Example(
            "FROM debian:12\nRUN apt-get install -y gcc\nRUN make\nRUN apt-get purge -y gcc\n", lines=(4,)
        ),
    ),
    good=(
        Example(
            "FROM debian:12\nRUN --mount=type=bind,source=own.deb,target=/tmp/own.deb dpkg -i /tmp/own.deb\n"
        ),
        Example("FROM debian:12\nRUN apt-get install -y gcc && make && apt-get purge -y gcc\n"),
    ),
)


def _changed_whole(subject: Subject) -> Iterator[Finding]:
    # The copied paths and every folder above them.
    copied: dict[str, Expanded] = {}
    for expanded in steps(subject):
        command = expanded.command
        if isinstance(command, Copy | Add):
            if not command.node.flag("chown"):
                for place in destinations(expanded):
                    for folder in (PurePosixPath(place), *PurePosixPath(place).parents):
                        copied.setdefault(str(folder), expanded)
        elif isinstance(command, Run):
            body = subject.body(command)
            for call in body.called("chown", "chmod", "chgrp"):
                if _recursive(call):
                    yield from _doubled(call, expanded, body, copied)


def _recursive(call: Call) -> bool:
    return any(
        value == "--recursive" or re.fullmatch(r"-[A-Za-z]*R[A-Za-z]*", value)
        for value in call.values[1:]
        if value
    )


def _doubled(call: Call, expanded: Expanded, body: Body, copied: dict[str, Expanded]) -> Iterator[Finding]:
    operands = [word for word in call.arguments if not word.text.startswith("-")]
    for word in operands[1:]:
        if word.value is None or word.pattern:
            continue
        path = absolute(word.value, expanded.workdir)
        origin = copied.get(path)
        if origin is not None:
            line = origin.node.start_line
            flag = "--chmod" if call.name == "chmod" else "--chown"
            keyword = origin.node.keyword
            message = f"{call.name} -R stores the files of line {line} again; give that {keyword} {flag}"
            yield Finding(CHANGED_WHOLE.name, message, body.span_of_call(call))
            return


CHANGED_WHOLE = Rule(
    name="SLIM105",
    severity="warning",
    summary="`chown -R` or `chmod -R` changes files that an earlier layer copied.",
    why="A layer holds every changed file in full: what was copied lies in the image twice.",
    remedy="Give COPY the flag `--chown=user:group` or `--chmod=mode`.",
    url=url("SLIM105"),
    check=_changed_whole,
    bad=(
        Example("FROM node:20-slim\nWORKDIR /app\nCOPY . .\nRUN chown -R node:node /app\n", lines=(4,)),
        Example("FROM debian:12\nCOPY site /srv/site\nRUN chmod -R a+rX /srv\n", lines=(3,)),
    ),
    good=(
        Example("FROM node:20-slim\nWORKDIR /app\nCOPY --chown=node:node . .\n"),
        Example("FROM debian:12\nRUN mkdir /data && chown -R 1000 /data\nCOPY a /app/a\n"),
    ),
)

# What installs from a manifest, and needs nothing else of the sources.
_MANIFESTS = {
    "npm": ("install", "ci"),
    "yarn": ("install",),
    "pnpm": ("install",),
    "bundle": ("install",),
    "composer": ("install",),
    "pip": ("install",),
    "uv": ("install",),
    "poetry": ("install",),
    "go": ("mod",),
}


def _whole_context(expanded: Expanded) -> bool:
    command = expanded.command
    return (
        isinstance(command, Copy | Add)
        and getattr(command, "from_", None) is None
        and any(source.rstrip("/") in (".", "./.", "") for source in expanded.words[:-1])
    )


def _sources_first(subject: Subject) -> Iterator[Finding]:
    for stage in subject.built:
        earlier: list[str] = []
        whole: Expanded | None = None
        for expanded in stage.instructions:
            command = expanded.command
            if whole is None and _whole_context(expanded):
                whole = expanded
            elif whole is None and isinstance(command, Copy | Add):
                earlier += [basename(source) for source in expanded.words[:-1]]
            elif whole is not None and isinstance(command, Run):
                call = _manifest_install(subject.body(command), command)
                if call is not None and not earlier:
                    line = whole.node.start_line
                    message = (
                        f"`{call.program} {call.action_word.text if call.action_word else ''}".rstrip()
                        + f"` runs again whenever any file changes, for line {line} copies all of them"
                    )
                    yield Finding(SOURCES_FIRST.name, message, whole.node.span_of(whole.node.arguments))
                    break


def _manifest_install(body: Body, run: Run) -> ManagerCall | None:
    for call in body.managers:
        if call.action not in _MANIFESTS.get(call.manager, ()) or call.packages:
            continue
        if call.manager in ("pip", "uv") and not call.option("-r", "--requirement", "--requirements"):
            continue
        if call.manager == "go" and not any(word.value == "download" for word in call.words):
            continue
        if any(word.value in (".", "-e", "--editable") for word in call.words):
            continue
        if any(mount.type == "cache" for mount in run.mounts):
            continue
        return call
    return None


SOURCES_FIRST = Rule(
    name="SLIM106",
    severity="info",
    summary="The whole context is copied before the dependencies are installed.",
    why="Any changed file makes the install run again, and gives each image a new layer of dependencies.",
    remedy="Copy the manifest and lock file, install, and copy the rest behind that.",
    url=url("SLIM106"),
    check=_sources_first,
    bad=(
        Example("FROM node:20-slim\nWORKDIR /app\nCOPY . .\nRUN npm ci\n", lines=(3,)),
        Example(
            "FROM python:3.12-slim\nCOPY ./ /app/\nRUN pip install -r /app/requirements.txt\n", lines=(2,)
        ),
    ),
    good=(
        Example("FROM node:20-slim\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\n"),
        Example("FROM python:3.12-slim\nCOPY . /app\nRUN pip install /app\n"),
    ),
)

RULES: tuple[Rule, ...] = (REMOVED_LATER, CHANGED_WHOLE, SOURCES_FIRST)
