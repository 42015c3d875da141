"""hadolint's rules for COPY and ADD: which of the two, destinations, archives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import basename

from analyzer.checks import hadolint
from analyzer.checks.archives import is_there, named_like_one, named_like_tar, unpacked
from analyzer.checks.interface import Edit, Example, Finding, Fix, Rule
from analyzer.checks.subject import Subject
from analyzer.context import is_remote
from analyzer.dockerfile.instructions import Add, Copy, Workdir
from analyzer.dockerfile.nodes import Token
from analyzer.globs import has_wildcard
from analyzer.shell.calls import Call

_REMOTE = re.compile(r"^(?:ftp|git)://|^git@", re.IGNORECASE)


def _expanded(subject: Subject, command: Add | Copy) -> list[tuple[Token, str]]:
    """Each source with what its text comes to; heredocs are not among them."""
    words = dict(zip(command.node.words, subject.expanded(command).words, strict=False))
    return [(token, words.get(token, token.text)) for token in command.sources]


def _add_for_copy(subject: Subject) -> Iterator[Finding]:
    for command in subject.all_of(Add):
        plain = []
        kinds: list[bool | None] = []
        unknown = bool(subject.expanded(command).undefined)
        for token, source in _expanded(subject, command):
            if is_remote(source) or _REMOTE.match(source) or (unknown and "$" in token.text):
                kinds.append(True)
                continue
            known = _known(subject, source)
            # Another build argument may name an archive.
            kinds.append(None if "$" in token.text else known)
            # Where there is no file to look at, the name has to do; what a variable hides may be anything.
            if known is False or (known is None and not named_like_one(token.text)):
                plain.append(token)
        if plain:
            names = ", ".join(token.text for token in plain)
            message = f"ADD does nothing more than COPY for {names}"
            fix = _copy_fix(command, kinds, len(plain) == len(command.sources))
            yield Finding(ADD_FOR_COPY.name, message, command.node.span_of(command.node.name), fix)


def _known(subject: Subject, source: str) -> bool | None:
    """Is a source of the context unpacked? None where there is no context, or nothing of that name in it."""
    context = subject.around.context
    path = source.strip("/")
    if context is None or has_wildcard(path) or ".." in Path(path).parts:
        return None
    return unpacked(context / path) if is_there(context / path) else None


def _copy_fix(command: Add, kinds: list[bool | None], all_plain: bool) -> Fix | None:
    node = command.node
    if not all_plain or any(node.flag(name) for name in ("checksum", "keep-git-dir", "unpack")):
        return None
    keyword = "copy" if node.name.text.islower() else "COPY"
    safe = all(kind is False for kind in kinds)
    return Fix((Edit(node.span_of(node.name), keyword),), "write COPY", safe=safe)


ADD_FOR_COPY = Rule(
    name="DL3020",
    severity="error",
    summary="ADD is used where COPY does.",
    why="ADD also unpacks archives and fetches addresses: the reader cannot tell which one is meant.",
    remedy="Use COPY for files and folders of the context.",
    url=hadolint.url("DL3020"),
    check=_add_for_copy,
    bad=(
        Example("FROM debian:12\nADD requirements.txt /usr/src/app/\n", lines=(2,)),
        Example("FROM debian:12\nADD page.tgz /srv/\n", files={"page.tgz": "no archive\n"}, lines=(2,)),
    ),
    good=(
        Example("FROM debian:12\nCOPY requirements.txt /usr/src/app/\n"),
        Example("FROM debian:12\nADD app.tar.gz /\nADD https://example.org/a.conf /etc/\n"),
    ),
    fix="sometimes",
)


def _archives(subject: Subject) -> Iterator[Finding]:
    extracted = _extracted(subject)
    for command in subject.of(Copy):
        if command.from_ is not None:
            # ADD takes nothing from a stage.
            continue
        stage = id(subject.stage_of(command))
        for token, source in _expanded(subject, command):
            if not named_like_tar(source) or has_wildcard(source):
                continue
            target = command.destination.text
            name = basename(source) if target.endswith(("/", ".")) else basename(target)
            if extracted.get((stage, name), 0) > command.node.start_line:
                message = f"ADD unpacks {token.text} by itself, and the archive takes no room in the image"
                yield Finding(ARCHIVES.name, message, command.node.span_of(token))
                break


def _extracted(subject: Subject) -> dict[tuple[int, str], int]:
    """The names of the archives that a stage unpacks with tar, and the last line where it does."""
    found: dict[tuple[int, str], int] = {}
    for run, body in subject.runs:
        stage = id(subject.stage_of(run))
        for call in body.called("tar", "bsdtar"):
            if _extracts(call):
                for word in call.arguments:
                    text = word.value if word.value is not None else word.text
                    found[stage, basename(text.partition("=")[2] or text)] = run.node.start_line
    return found


def _extracts(call: Call) -> bool:
    first = (call.values[1] if len(call.values) > 1 else "") or ""
    return bool(re.fullmatch(r"[A-Za-z]*x[A-Za-z]*", first)) or any(
        value in ("--extract", "--get") or re.match(r"-[A-Za-z]*x", value)
        for value in call.values[1:]
        if value is not None
    )


ARCHIVES = Rule(
    name="DL3010",
    severity="info",
    summary="An archive is copied and then unpacked.",
    why="The image holds it twice: packed in one layer and unpacked in the next.",
    remedy="Use ADD, which unpacks a local tar archive.",
    url=hadolint.url("DL3010"),
    check=_archives,
    bad=(
        Example("FROM debian:12\nCOPY app.tar.gz /tmp/\nRUN tar -xzf /tmp/app.tar.gz -C /opt\n", lines=(2,)),
        Example("FROM debian:12\nCOPY app.tgz /tmp/a.tgz\nRUN tar xf /tmp/a.tgz\n", lines=(2,)),
    ),
    good=(
        Example("FROM debian:12\nADD app.tar.gz /opt/\n"),
        Example("FROM debian:12\nCOPY app.tar.gz /seed/\n"),
        Example("FROM debian:12\nCOPY dump.sql.bz2 /data/\nRUN bunzip2 /data/dump.sql.bz2\n"),
        Example(
            "FROM debian:12 AS a\nFROM debian:12\nCOPY --from=a /a.tgz /tmp/\nRUN tar xf /tmp/a.tgz\n",
            note="ADD takes nothing from a stage.",
        ),
    ),
)


def _no_folder(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Copy):
        target = command.destination
        expanded = subject.expanded(command)
        if len(command.sources) + len(command.contents) < 2 or expanded.words[-1].endswith("/"):
            continue
        if "$" in target.text and expanded.undefined:
            continue
        message = f"several sources need a folder: write `{target.text}/`"
        span = command.node.span_of(target)
        yield Finding(NO_FOLDER.name, message, span, _slash(command, target))


def _slash(command: Copy, target: Token) -> Fix | None:
    node = command.node
    span = node.span_of(target)
    written = node.joined.source.data[span.start : span.end]
    if node.json or written != target.text.encode() or not re.fullmatch(r"[\w./-]+", target.text):
        return None
    return Fix((Edit(span, f"{target.text}/"),), "write the folder with its slash", safe=False)


NO_FOLDER = Rule(
    name="DL3021",
    severity="error",
    summary="COPY has several sources and a destination that does not end with `/`.",
    why="Where there is no such folder, BuildKit writes a file, and only the last source is left.",
    remedy="End the destination with `/`.",
    url=hadolint.url("DL3021"),
    check=_no_folder,
    bad=(Example("FROM debian:12\nCOPY package.json yarn.lock /srv/app\n", lines=(2,)),),
    good=(
        Example("FROM debian:12\nCOPY package.json yarn.lock /srv/app/\n"),
        Example("FROM debian:12\nENV APP=/srv/app/\nCOPY package.json yarn.lock $APP\n"),
    ),
    fix="unsafe",
)


def _relative(subject: Subject) -> Iterator[Finding]:
    with_workdir: set[int] = set()
    for stage in subject.stages:
        if stage.parent in with_workdir:
            with_workdir.add(stage.index)
        for expanded in stage.instructions:
            command = expanded.command
            if isinstance(command, Workdir):
                with_workdir.add(stage.index)
            if not isinstance(command, Copy) or stage.index in with_workdir:
                continue
            target = command.destination.text.strip("\"'")
            if re.match(r"[/\\$]|[A-Za-z]:[/\\]", target) or expanded.words[-1].startswith("/"):
                continue
            message = f"{target} is relative, and no WORKDIR says to what"
            yield Finding(RELATIVE.name, message, command.node.span_of(command.destination))


RELATIVE = Rule(
    name="DL3045",
    severity="warning",
    summary="COPY has a relative destination, and the file sets no WORKDIR above.",
    why="Where the files go depends on the base image.",
    remedy="Set WORKDIR, or write an absolute destination.",
    url=hadolint.url("DL3045"),
    check=_relative,
    bad=(Example("FROM debian:12\nCOPY app.py app.py\n", lines=(2,)),),
    good=(
        Example("FROM debian:12\nCOPY app.py /srv/app.py\n"),
        Example("FROM debian:12 AS base\nWORKDIR /srv\nFROM base\nCOPY app.py .\n"),
    ),
)


def _whole_image(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Copy):
        whole = [token for token in command.sources if re.fullmatch(r"/+(\./*|\*)?", token.text)]
        if command.from_ is None or not whole or command.destination.text != "/":
            continue
        stage = subject.stage_of(command)
        if stage is not None and stage.base == "scratch":
            # The one way to flatten an image, and asked for.
            continue
        message = f"this copies all of {command.from_} over the image"
        yield Finding(WHOLE_IMAGE.name, message, command.node.span_of(whole[0]))


WHOLE_IMAGE = Rule(
    name="DL3067",
    severity="warning",
    summary="COPY takes the whole file system of another stage.",
    why="What the stage needed to build comes along, and files of the base image are replaced.",
    remedy="Copy the paths that are needed.",
    url=hadolint.url("DL3067"),
    check=_whole_image,
    bad=(Example("FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build / /\n", lines=(3,)),),
    good=(
        Example("FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /opt/app /opt/app\n"),
        Example("FROM debian:12 AS build\nFROM scratch\nCOPY --from=build / /\n"),
    ),
)

RULES: tuple[Rule, ...] = (ARCHIVES, ADD_FOR_COPY, NO_FOLDER, RELATIVE, WHOLE_IMAGE)
