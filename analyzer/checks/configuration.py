"""hadolint's rules for what the image's configuration says: directories, users, ports, commands, names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from analyzer.checks import hadolint
from analyzer.checks.base_images import official_name
from analyzer.checks.body import meant_as_array
from analyzer.checks.interface import Edit, Example, Finding, Fix, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import (
    Arg,
    Cmd,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Shell,
    User,
    Workdir,
)
from analyzer.dockerfile.scope import Stage

_ABSOLUTE = re.compile(r"/|\\|[A-Za-z]:")


def _workdir(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Workdir):
        text = command.path.text.strip("\"'")
        # What a variable holds is the business of whoever sets it.
        if text and not text.startswith("$") and not _ABSOLUTE.match(text):
            message = f"WORKDIR {command.path.text} is relative to the one above, or to the base image's"
            yield Finding(WORKDIR.name, message, command.node.span_of(command.path))


WORKDIR = Rule(
    name="DL3000",
    severity="error",
    summary="WORKDIR is relative.",
    why="Where it is depends on all that stands above, the base image included.",
    remedy="Write the absolute path.",
    url=hadolint.url("DL3000"),
    check=_workdir,
    bad=(Example("FROM debian:12\nWORKDIR usr/src/app\n", lines=(2,)),),
    good=(Example("FROM debian:12\nENV ROOT=/srv\nWORKDIR $ROOT/app\nWORKDIR \"/opt/x y\"\nWORKDIR '/a'\n"),),
)


def _is_root(text: str) -> bool:
    return text.partition(":")[0] in ("root", "0")


def _root(subject: Subject) -> Iterator[Finding]:
    used = {use.source.stage for use in subject.table.uses}
    seen: set[int] = set()
    for leaf in subject.stages:
        # What another stage uses is no image; what has no name and no use, neither.
        if leaf is not subject.final and (leaf.index in used or leaf.name is None):
            continue
        command = _last_user(subject, leaf)
        if command is None or id(command) in seen:
            continue
        seen.add(id(command))
        if _is_root(subject.expanded(command).words[0]):
            message = "the image runs as root unless it is started otherwise"
            yield Finding(ROOT.name, message, command.node.span_of(command.user))


def _last_user(subject: Subject, stage: Stage | None) -> User | None:
    while stage is not None:
        for each in reversed(stage.instructions):
            if isinstance(each.command, User):
                return each.command
        stage = subject.stages[stage.parent] if stage.parent is not None else None
    return None


ROOT = Rule(
    name="DL3002",
    severity="warning",
    summary="The last USER is root.",
    why="Whoever breaks into the program is root in the container.",
    remedy="Switch back to a user without privileges behind the steps that need root.",
    url=hadolint.url("DL3002"),
    check=_root,
    bad=(Example("FROM debian:12\nUSER app\nUSER root\n", lines=(3,)),),
    good=(
        Example("FROM debian:12\nUSER root\nRUN true\nUSER 1000\n"),
        Example("FROM debian:12 AS build\nUSER root\nFROM debian:12\nUSER 1000\nCOPY --from=build /a /a\n"),
    ),
)


def _named_user(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(User):
        expanded = subject.expanded(command)
        user = expanded.words[0].partition(":")[0]
        if user and not user.isdecimal():
            message = f"the user {user} has a name: an orchestrator cannot tell whether that is root"
            yield Finding(NAMED_USER.name, message, command.node.span_of(command.user))


NAMED_USER = Rule(
    name="DL3066",
    severity="info",
    summary="USER has a name, not a number.",
    why="Kubernetes' `runAsNonRoot` and mounted volumes know numbers only.",
    remedy="Write the number.",
    url=hadolint.url("DL3066"),
    check=_named_user,
    bad=(
        Example("FROM debian:12\nUSER app\n", lines=(2,)),
        Example(
            "FROM debian:12 AS build\nUSER app\nFROM debian:12\nUSER root\nRUN true\nUSER 1000\n",
            lines=(2, 4),
        ),
    ),
    good=(Example('FROM debian:12\nARG ID=1000\nUSER 1000:app\nUSER "1000"\nUSER ${ID}\n'),),
)


def _ports(subject: Subject) -> Iterator[Finding]:
    for command in subject.all_of(Expose):
        for token, ports in subject.ports(command):
            numbers = [int(number) for port in ports for number in re.findall(r"\d+", port.partition("/")[0])]
            if any(number > 65535 for number in numbers):
                message = f"{token.text} is no port: they end at 65535"
                yield Finding(PORTS.name, message, command.node.span_of(token))


PORTS = Rule(
    name="DL3011",
    severity="error",
    summary="EXPOSE names a port above 65535.",
    why="There is none.",
    remedy="Correct the number.",
    url=hadolint.url("DL3011"),
    check=_ports,
    bad=(Example("FROM debian:12\nEXPOSE 80000\n", lines=(2,)),),
    good=(Example("FROM debian:12\nEXPOSE 65535 8000-8080/tcp\n"),),
)


def _shell_form(subject: Subject) -> Iterator[Finding]:
    commands: tuple[Cmd | Entrypoint, ...] = (*subject.of(Cmd), *subject.of(Entrypoint))
    for command in commands:
        if command.shell_form:
            node = command.node
            message = f"{node.keyword} runs through a shell, which gets the signals instead of the program"
            yield Finding(
                SHELL_FORM.name, message, node.span_of(node.arguments), _same_in_json(subject, command)
            )
    for check in subject.of(Healthcheck):
        if check.test[0] == "CMD-SHELL":
            message = "HEALTHCHECK runs through a shell, which the image needs for this alone"
            yield Finding(SHELL_FORM.name, message, check.node.span_of(check.node.words[-1]))


def _same_in_json(subject: Subject, command: Cmd | Entrypoint) -> Fix | None:
    """The array that the image keeps for the shell form: the same command, written out."""
    node = command.node
    if node.comments or node.heredocs or not command.command or not command.command[0]:
        return None
    if meant_as_array(node):
        # What runs now is not what was meant: writing that out would only hide it.
        return None
    array = [*subject.expanded(command).shell, command.command[0]]
    text = json.dumps(array, ensure_ascii=False)
    title = "write out the command that the image keeps"
    return Fix((Edit(node.span_of(node.arguments), text),), title, safe=_shell_is_known(subject, command))


def _shell_is_known(subject: Subject, command: Cmd | Entrypoint) -> bool:
    """A SHELL here, or a base that has none of its own: scratch, and Docker's official images of Linux.

    Of a shell of Windows the image keeps another mark beside the array.
    """
    if not subject.body(command).script.shell.readable:
        return False
    stage = subject.stage_of(command)
    if stage is None:
        return False
    stages = {id(subject.stages[index]) for index in subject.table.chain(stage.index)}
    line = command.node.start_line
    if any(
        id(subject.stage_of(each)) in stages and each.node.start_line < line for each in subject.of(Shell)
    ):
        return True
    image = subject.table.base_image(stage.index)
    return official_name(image) != "" or image == "scratch"


SHELL_FORM = Rule(
    name="DL3025",
    severity="warning",
    summary="CMD, ENTRYPOINT or HEALTHCHECK is in shell form.",
    why="A shell is process 1: `docker stop` waits in vain, and a slim image needs a shell for it.",
    remedy='Write a JSON array: `CMD ["program", "argument"]`.',
    url=hadolint.url("DL3025"),
    check=_shell_form,
    bad=(
        Example("FROM debian:12\nCMD my-program argument\n", lines=(2,)),
        Example("FROM debian:12\nCMD ['my-program']\n", lines=(2,), note="Single quotes make no JSON."),
    ),
    good=(Example('FROM debian:12\nENTRYPOINT ["my-program"]\nCMD ["argument"]\n'),),
    fix="sometimes",
)


def _own_value(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Env):
        used = subject.expanded(command).undefined & {pair.key for pair in command.pairs}
        for pair in command.pairs:
            # `ENV PATH=$PATH:/x` refers to the value from above, which the base image may have.
            if pair.value is None or not any(_plainly(name, pair.text) for name in used - {pair.key}):
                continue
            message = f"{pair.key} uses a name that this same ENV sets: it still has the value from above"
            yield Finding(OWN_VALUE.name, message, command.node.span_of(pair.value))


def _plainly(name: str, text: str) -> bool:
    """`$NAME` or `${NAME}`; who gives a default has thought of that."""
    return re.search(rf"\$(?:\{{{re.escape(name)}\}}|{re.escape(name)}\b)", text) is not None


OWN_VALUE = Rule(
    name="DL3044",
    severity="error",
    summary="ENV uses a name that the same instruction sets.",
    why="All values are expanded before any of them holds: this one is empty.",
    remedy="Set it with an ENV of its own, above.",
    url=hadolint.url("DL3044"),
    check=_own_value,
    bad=(Example('FROM debian:12\nENV ROOT=/srv DATA="${ROOT}/data"\n', lines=(2,)),),
    good=(
        Example("FROM debian:12\nENV ROOT=/srv\nENV DATA=$ROOT/data\n"),
        Example("FROM debian:12\nENV ROOT=/srv DATA='$ROOT' MORE=\\$ROOT PATH=/x:$PATH\n"),
    ),
)

# Words between `_` that a secret's name ends with, and what shows that the value only points to one.
_SECRET = re.compile(
    r"(?:^|_)(?:secrets?|tokens?|passwords?|passwd|passphrase|credentials?|api_?keys?|(?:access|private|secret|"
    r"ssh|encryption|signing)_key(?:_base|_id)?)$",
    re.IGNORECASE,
)
_POINTER = re.compile(r"(?:^|_)(?:public|file|path|dir|url|name|id)(?:_|$)", re.IGNORECASE)


def _sensitive(subject: Subject) -> Iterator[Finding]:
    commands: tuple[Arg | Env, ...] = (*subject.all_of(Arg), *subject.all_of(Env))
    for command in commands:
        for pair in command.pairs:
            if not _SECRET.search(pair.key) or _POINTER.search(pair.key):
                continue
            if isinstance(command, Env) and pair.text.strip("\"'") == "":
                continue
            message = f"{pair.key} sounds like a secret, and {command.node.keyword} writes it into the image"
            yield Finding(SENSITIVE.name, message, command.node.span_of(pair.name))


SENSITIVE = Rule(
    name="DL3064",
    severity="warning",
    summary="The name of an ARG or ENV sounds like a secret.",
    why="The image's history and configuration show both to whoever has the image.",
    remedy="Use `RUN --mount=type=secret`, and give secrets to the container when it starts.",
    url=hadolint.url("DL3064"),
    check=_sensitive,
    bad=(
        Example("FROM debian:12\nARG API_TOKEN\n", lines=(2,)),
        Example("FROM debian:12\nENV AWS_SECRET_ACCESS_KEY=abc\n", lines=(2,)),
    ),
    good=(
        Example("FROM debian:12\nENV PUBLIC_KEY=/k PASSWORD_FILE=/run/secrets/p MONKEY=1 TOKENIZER=bpe\n"),
    ),
)

RULES: tuple[Rule, ...] = (WORKDIR, ROOT, PORTS, SHELL_FORM, OWN_VALUE, SENSITIVE, NAMED_USER)
