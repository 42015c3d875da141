"""What will fail in an image without a distribution: no shell, no users, no tools, no folders.

Only where the base is `scratch` or a distroless image is it known what is there; and a COPY into the root or
a folder of programs may bring anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from analyzer.checks.archives import is_there
from analyzer.checks.base_images import official_name, reference_of
from analyzer.checks.body import Body
from analyzer.checks.final_image import absolute, base, chain, destinations, started, steps, url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.imageconfig import clean_path
from analyzer.dockerfile.instructions import Add, Copy, Run, User, Volume
from analyzer.dockerfile.nodes import Token
from analyzer.dockerfile.scope import Expanded

_DISTROLESS = re.compile(r"gcr\.io/distroless/[\w.-]+(?::(?!.*debug)[\w.-]+)?(?:@.*)?")
_DISTROLESS_USERS = frozenset({"root", "nobody", "nonroot"})
_PROGRAMS = ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin", "/usr")


def _bare(subject: Subject) -> bool:
    """Is it known that the base has no shell?"""
    image = base(subject)
    return image == "scratch" or _DISTROLESS.fullmatch(image) is not None


def _brought(subject: Subject, *names: str) -> bool:
    """May a COPY or ADD have brought one of these files, or a folder that they may be in?"""
    for expanded in steps(subject):
        command = expanded.command
        if not isinstance(command, Copy | Add):
            continue
        if isinstance(command, Add):
            folder = absolute(expanded.words[-1], expanded.workdir).rstrip("/")
            # It may be an archive, with anything in it.
            if any(name.startswith(f"{folder}/") for name in names):
                return True
        for place in destinations(expanded):
            if place == "/":
                return True
            if place in names or any(
                name.startswith(f"{place}/") and (place in _PROGRAMS or place == "/etc") for name in names
            ):
                return True
    return False


_SHELLS = ("/bin/sh", "/bin/bash", "/bin/busybox", "/bin/ash", "/busybox/sh", "/usr/bin/sh", "/usr/bin/bash")


def _no_shell(subject: Subject) -> Iterator[Finding]:
    if not _bare(subject) or _brought(subject, *_SHELLS):
        return
    for expanded in steps(subject):
        if isinstance(expanded.command, Run) and expanded.command.shell_form and not expanded.command.mounts:
            message = "RUN needs a shell, and this image has none"
            yield Finding(NO_SHELL.name, message, expanded.node.span_of(expanded.node.name))
    for command, _ in started(subject):
        node = command.node
        if not node.json and node.words and node.words[0].text.upper() != "NONE":
            message = f"{node.keyword} in shell form needs a shell, and this image has none"
            yield Finding(NO_SHELL.name, message, node.span_of(node.arguments))


NO_SHELL = Rule(
    name="SLIM401",
    severity="error",
    summary="A shell form stands in an image that has no shell.",
    why='The container does not start: `exec: "/bin/sh": no such file or directory`.',
    remedy="Write the JSON form.",
    url=url("SLIM401"),
    check=_no_shell,
    bad=(
        Example(
            "FROM golang:1.22 AS build\nFROM scratch\nCOPY --from=build /app /app\nCMD /app --port 80\n",
            lines=(4,),
        ),
        Example(
            "FROM gcr.io/distroless/static-debian12\nCOPY app /app\nHEALTHCHECK CMD /app check\n", lines=(3,)
        ),
    ),
    good=(
        Example('FROM scratch\nCOPY app /app\nCMD ["/app", "--port", "80"]\n'),
        Example("FROM scratch\nCOPY --from=busybox:1.36 /bin/busybox /bin/sh\nCMD app\n"),
        Example("FROM scratch\nADD root.tar.gz /\nCMD app\n"),
        Example("FROM gcr.io/distroless/static-debian12:debug\nCMD app\n"),
    ),
)


def _no_user(subject: Subject) -> Iterator[Finding]:
    image = base(subject)
    if not _bare(subject) or _brought(subject, "/etc/passwd"):
        return
    known = frozenset() if image == "scratch" else _DISTROLESS_USERS
    for expanded in steps(subject):
        if isinstance(expanded.command, User) and not expanded.undefined:
            user = expanded.words[0].partition(":")[0]
            if user and not user.isdecimal() and user not in known:
                message = f"no /etc/passwd of this image has a user {user}"
                yield Finding(UNKNOWN_USER.name, message, expanded.node.span_of(expanded.command.user))


UNKNOWN_USER = Rule(
    name="SLIM402",
    severity="error",
    summary="USER names a user that the image cannot know.",
    why="The container does not start: `unable to find user`.",
    remedy="Write the number, or copy an /etc/passwd that has the user.",
    url=url("SLIM402"),
    check=_no_user,
    bad=(Example('FROM scratch\nCOPY app /app\nUSER app\nCMD ["/app"]\n', lines=(3,)),),
    good=(
        Example('FROM scratch\nCOPY app /app\nUSER 65532:65532\nCMD ["/app"]\n'),
        Example(
            'FROM debian:12 AS a\nFROM scratch\nCOPY --from=a /etc/passwd /etc/\nUSER app\nCMD ["/app"]\n'
        ),
        Example('FROM gcr.io/distroless/static-debian12\nUSER nonroot\nCMD ["/app"]\n'),
    ),
)

# Which of the two clients official images have, by tag; None: neither, and nothing else brings one.
_SLIM = re.compile(r".*-?slim.*")
_ALPINE = re.compile(r".*-?alpine.*")
_CLIENTS: Mapping[str, tuple[str, ...]] = {
    "debian": (),
    "ubuntu": (),
    "alpine": ("wget",),
    "busybox": ("wget",),
}
_LANGUAGES = frozenset({"python", "node", "ruby", "perl", "php", "golang", "rust", "openjdk"})


def _clients(image: str) -> tuple[str, ...] | None:
    """The download clients that a base image has, None where that is not known."""
    if image == "scratch" or _DISTROLESS.fullmatch(image):
        return ()
    name, reference = official_name(image), reference_of(image)
    if name in _CLIENTS:
        return _CLIENTS[name]
    if reference is None or name not in _LANGUAGES:
        return None
    if _ALPINE.fullmatch(reference.tag):
        return None if name == "php" else ("wget",)
    return () if _SLIM.fullmatch(reference.tag) and name in ("python", "node", "ruby", "perl") else None


def _no_tool(subject: Subject) -> Iterator[Finding]:
    clients = _clients(base(subject))
    if clients is None:
        return
    for command, body in started(subject):
        if command.node.keyword != "HEALTHCHECK" or (_bare(subject) and not command.node.json):
            continue
        for call in body.calls:
            name = call.name
            if name in ("curl", "wget") and name not in clients and not _mentioned(subject, name, body):
                message = f"{base(subject)} has no {name}, and nothing here brings it: the check always fails"
                yield Finding(NO_TOOL.name, message, body.span_of(call.words[0]))


def _mentioned(subject: Subject, name: str, check: Body) -> bool:
    """Does anything else of the chain name the tool, or may a copy or a script have brought it?"""
    word = re.compile(rf"\b{name}\b")
    data = subject.dockerfile.source
    for stage in chain(subject):
        for expanded in stage.instructions:
            if expanded.node is check.node:
                continue
            text = data.data[expanded.node.span.start : expanded.node.span.end].decode("utf-8", "replace")
            if word.search(text) or _runs_unknown(subject, expanded):
                return True
    return _brought(subject, f"/usr/bin/{name}", f"/bin/{name}", f"/usr/local/bin/{name}")


def _runs_unknown(subject: Subject, expanded: Expanded) -> bool:
    """Does a RUN call a script or install packages whose names are not all written there?"""
    if not isinstance(expanded.command, Run):
        return False
    body = subject.body(expanded.command)
    if any(call.words[0].value is None or re.search(r"/|\.sh$", call.words[0].value) for call in body.calls):
        return True
    return any(call.name in ("xargs", "sh", "bash", "source", ".", "eval") for call in body.calls) or any(
        package.dynamic for call in body.managers for package in call.packages
    )


NO_TOOL = Rule(
    name="SLIM403",
    severity="error",
    summary="HEALTHCHECK calls a tool that the image does not have.",
    why="The check fails each time, and an orchestrator kills a container that works.",
    remedy="Let the program check itself, or install the tool in this stage.",
    url=url("SLIM403"),
    check=_no_tool,
    bad=(
        Example(
            "FROM python:3.12-slim\nRUN pip install app==1\nHEALTHCHECK CMD curl -f http://localhost/\n"
            'CMD ["app"]\n',
            lines=(3,),
        ),
        Example(
            'FROM scratch\nCOPY app /app\nHEALTHCHECK CMD ["/usr/bin/curl", "localhost"]\nCMD ["/app"]\n'
        ),
        Example('FROM alpine:3.20\nHEALTHCHECK CMD curl -f http://localhost/\nCMD ["app"]\n', lines=(2,)),
    ),
    good=(
        Example(
            "FROM python:3.12-slim\nRUN apt-get install -y curl\nHEALTHCHECK CMD curl -f http://localhost/\n"
        ),
        Example('FROM alpine:3.20\nHEALTHCHECK CMD wget -qO- http://localhost/\nCMD ["app"]\n'),
        Example("FROM python:3.12\nHEALTHCHECK CMD curl -f http://localhost/\n"),
        Example("FROM debian:12\nRUN ./setup.sh\nHEALTHCHECK CMD curl -f http://localhost/\n"),
    ),
)


def _no_folder(subject: Subject) -> Iterator[Finding]:
    if base(subject) != "scratch":
        return
    if any(isinstance(each.command, Run) for each in steps(subject)):
        return
    places = [place for each in steps(subject) for place in destinations(each)]
    workdirs = {each.workdir for each in steps(subject)} | {clean_path(chain(subject)[-1].config.workdir)}
    user = (chain(subject)[-1].config.user or "").partition(":")[0]
    if user in ("", "0", "root"):
        return
    for expanded in steps(subject):
        if not isinstance(expanded.command, Volume):
            continue
        for token, word in zip(expanded.node.words, expanded.words, strict=False):
            path = word.rstrip("/") or "/"
            made = path in workdirs or any(
                place == path or place.startswith(f"{path}/") or path.startswith(f"{place.rstrip('/')}/")
                for place in places
            )
            if not made:
                message = f"nothing makes {path}: the volume is root's, and user {user} cannot write to it"
                yield Finding(NO_FOLDER.name, message, expanded.node.span_of(token))


NO_FOLDER = Rule(
    name="SLIM404",
    severity="warning",
    summary="VOLUME names a folder that nothing makes, in an image that does not run as root.",
    why="The engine makes it when the container starts, as root: the program cannot write there.",
    remedy="Copy an empty folder with `--chown` to that place.",
    url=url("SLIM404"),
    check=_no_folder,
    bad=(Example('FROM scratch\nCOPY app /app\nVOLUME /data\nUSER 1000\nCMD ["/app"]\n', lines=(3,)),),
    good=(
        Example('FROM scratch\nCOPY --chown=1000 data /data\nVOLUME /data\nUSER 1000\nCMD ["/app"]\n'),
        Example(
            'FROM scratch\nCOPY app /app\nVOLUME /data\nCMD ["/app"]\n', note="Root may write everywhere."
        ),
    ),
)


def _named_files(subject: Subject) -> Iterator[tuple[Copy, Token, Path]]:
    """The sources of COPY that stand in the context, as they are written."""
    context = subject.around.context
    if context is None:
        return
    for command in subject.of(Copy):
        if command.from_ is not None:
            continue
        words = dict(zip(command.node.words, subject.expanded(command).words, strict=False))
        for token in command.sources:
            path = words.get(token, token.text).strip("/")
            if path and ".." not in Path(path).parts and is_there(context / path):
                yield command, token, context / path


def _patterns(subject: Subject) -> Iterator[Finding]:
    for command, token, _ in _named_files(subject):
        if "[" in token.text and "\\" not in token.text:
            message = f"COPY reads [ ] as a pattern: {token.text} does not name the file of that name"
            yield Finding(PATTERN.name, message, command.node.span_of(token))


PATTERN = Rule(
    name="SLIM405",
    severity="error",
    summary="COPY names a file whose name has brackets.",
    why="Brackets are a pattern: another file is copied, or the build finds none.",
    remedy="Write `[[]` for the opening bracket, or copy the folder.",
    url=url("SLIM405"),
    check=_patterns,
    bad=(Example("FROM scratch\nCOPY pages/[id].js /pages/\n", files={"pages/[id].js": ""}, lines=(2,)),),
    good=(
        Example("FROM scratch\nCOPY pages/[[]id].js /pages/\n", files={"pages/[id].js": ""}),
        Example("FROM scratch\nCOPY file[12].js /\n", files={"file1.js": ""}),
    ),
)


def _links(subject: Subject) -> Iterator[Finding]:
    context = subject.around.context
    for command, token, file in _named_files(subject):
        if context is None or not file.is_symlink():
            continue
        target = str(file.readlink())
        # Absolute targets are those of the context's root, not of the host's.
        real = context / target.lstrip("/") if target.startswith("/") else file.parent / target
        span = command.node.span_of(token)
        if not real.exists() or context.resolve() not in (real.resolve(), *real.resolve().parents):
            message = f"{token.text} is a link to {target}, which is not in the context: the build stops here"
            yield Finding(LINK.name, message, span, severity="error")
        elif real.is_file():
            message = f"{token.text} is a link to {target}: the image gets a file in its place"
            yield Finding(LINK.name, message, span)


LINK = Rule(
    name="SLIM406",
    severity="info",
    summary="COPY names a symbolic link.",
    why="COPY follows a link that is its source: the image gets a copy of the file, or the build finds none.",
    remedy="Name the file that it leads to, or copy the folder that holds the link and the file.",
    url=url("SLIM406"),
    check=_links,
    bad=(
        Example(
            "FROM debian:12\nCOPY app.conf /etc/\n",
            files={"app-1.conf": "a=1\n"},
            links={"app.conf": "app-1.conf"},
            lines=(2,),
        ),
        Example(
            "FROM debian:12\nCOPY app.conf /etc/\n",
            links={"app.conf": "/etc/app/app.conf"},
            lines=(2,),
            note="It leads out of the context.",
        ),
    ),
    good=(
        Example(
            "FROM debian:12\nCOPY conf /etc/app\n",
            files={"conf/app-1.conf": "a=1\n"},
            links={"conf/app.conf": "app-1.conf"},
            note="Links inside a folder stay links.",
        ),
    ),
)

RULES: tuple[Rule, ...] = (NO_SHELL, UNKNOWN_USER, NO_TOOL, NO_FOLDER, PATTERN, LINK)
