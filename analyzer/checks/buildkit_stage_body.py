"""BuildKit's checks of what stands in a stage: names, commands, directories, secrets, the context."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.checks.base_images import environment_names
from analyzer.checks.body import meant_as_array
from analyzer.checks.buildkit_stages import lookup_span, rename
from analyzer.checks.buildkit_style import URL
from analyzer.checks.interface import Edit, Example, Finding, Fix, Rule, Severity
from analyzer.checks.subject import Subject
from analyzer.dockerfile.arguments import quoted
from analyzer.dockerfile.imageconfig import DEFAULT_SHELL
from analyzer.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Shell,
    Workdir,
)
from analyzer.dockerfile.scope import Expanded, Stage
from analyzer.dockerfile.suggest import nearest
from analyzer.globs import clean
from analyzer.shell import Script


def _in_built(subject: Subject) -> Iterator[tuple[Stage, Expanded]]:
    """The instructions that BuildKit evaluates: those of the target and what it needs, or all of them."""
    for stage in subject.built:
        for expanded in stage.instructions:
            yield stage, expanded


def _json_args_recommended(subject: Subject) -> Iterator[Finding]:
    for stage, expanded in _in_built(subject):
        command = expanded.command
        if not isinstance(command, Cmd | Entrypoint) or not command.shell_form:
            continue
        # SHELL says that a shell is wanted; with the default one that is only assumed.
        if expanded.shell != DEFAULT_SHELL or _sets_shell(subject, stage, expanded):
            continue
        node = command.node
        message = (
            f"JSON arguments recommended for {node.name.text} to prevent unintended behavior related to "
            "OS signals"
        )
        fix = _exec_fix(subject, stage, command)
        yield Finding(JSON_ARGS_RECOMMENDED.name, message, node.span_of(node.arguments), fix)


def _sets_shell(subject: Subject, stage: Stage, before: Expanded) -> bool:
    """Did a SHELL instruction before this one ask for what is the default anyway?"""
    parent = subject.stages[stage.parent] if stage.parent is not None else None
    return any(
        (subject.stage_of(each) is stage and each.node.start_line < before.node.start_line)
        or (parent is not None and subject.stage_of(each) is parent)
        for each in subject.of(Shell)
    )


# What only a shell knows, and so no program of that name need exist.
_BUILTINS = frozenset(
    [
        ".",
        ":",
        "[",
        "alias",
        "bg",
        "break",
        "cd",
        "command",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fg",
        "getopts",
        "hash",
        "jobs",
        "kill",
        "pwd",
        "read",
        "readonly",
        "return",
        "set",
        "shift",
        "source",
        "test",
        "times",
        "trap",
        "true",
        "type",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "wait",
    ]
)


def _exec_fix(subject: Subject, stage: Stage, command: Cmd | Entrypoint) -> Fix | None:
    """The same words without a shell, where the shell has nothing to do but to split them."""
    script = subject.body(command).script
    words = _plain_words(script)
    node = command.node
    if words is None or node.comments or node.heredocs or meant_as_array(node):
        return None
    if isinstance(command, Cmd) and stage.config.entrypoint:
        # With an ENTRYPOINT, CMD's words are its arguments, and the shell is one of them.
        return None
    text = "[" + ", ".join(quoted(word) for word in words) + "]"
    title = "run the program without a shell: it gets the signals, and is the image's command"
    return Fix((Edit(node.span_of(node.arguments), text),), title, safe=False)


def _plain_words(script: Script) -> list[str] | None:
    if script.fault is not None or len(script.commands) != 1:
        return None
    command = script.commands[0]
    if command.redirections or command.assignments or command.background or command.negated or command.where:
        return None
    if any(word.pattern or word.value is None for word in command.words):
        return None
    words = [word.value or "" for word in command.words]
    return words if words and words[0] not in _BUILTINS else None


JSON_ARGS_RECOMMENDED = Rule(
    name="JSONArgsRecommended",
    severity="warning",
    summary="CMD or ENTRYPOINT is in shell form, and no SHELL says that this is wanted.",
    why="The shell is process 1 and does not pass signals on: `docker stop` waits, then kills the program.",
    remedy='Write a JSON array: `CMD ["program", "argument"]`. Where a shell is wanted, say so with SHELL.',
    url=f"{URL}/json-args-recommended/",
    check=_json_args_recommended,
    bad=(
        Example("FROM alpine:3.20\nENTRYPOINT my-program start\n", lines=(2,)),
        Example("FROM alpine:3.20\nCMD my-program start && true\n", lines=(2,)),
    ),
    good=(
        Example('FROM alpine:3.20\nENTRYPOINT ["my-program", "start"]\n'),
        Example('FROM alpine:3.20\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT echo "hello world"\n'),
        Example(
            'FROM alpine:3.20 AS base\nSHELL ["/bin/sh", "-c"]\nFROM base\nCMD my-program\n',
            note="SHELL holds for the stages built on it.",
        ),
        Example("FROM alpine:3.20\nHEALTHCHECK CMD wget -qO- localhost || exit 1\n"),
    ),
    fix="unsafe",
)


def _multiple_instructions(subject: Subject) -> Iterator[Finding]:
    for stage in subject.built:
        last: dict[type, Expanded] = {}
        for expanded in stage.instructions:
            command = expanded.command
            if not isinstance(command, Cmd | Entrypoint | Healthcheck):
                continue
            before = last.get(type(command))
            last[type(command)] = expanded
            if before is None:
                continue
            node = before.node
            message = (
                f"Multiple {command.node.name.text} instructions should not be used in the same stage "
                "because only the last one will be used"
            )
            fix = Fix((Edit(node.span, ""),), "take the instruction out that has no effect")
            yield Finding(MULTIPLE_INSTRUCTIONS.name, message, node.span_of(node.name), fix)


MULTIPLE_INSTRUCTIONS = Rule(
    name="MultipleInstructionsDisallowed",
    severity="warning",
    summary="A stage has more than one CMD, ENTRYPOINT or HEALTHCHECK.",
    why="Only the last one counts; the others read as if they did something.",
    remedy="Keep the last one.",
    url=f"{URL}/multiple-instructions-disallowed/",
    check=_multiple_instructions,
    bad=(
        Example('FROM alpine:3.20\nCMD ["a"]\nRUN true\nCMD ["b"]\n', lines=(2,)),
        Example('FROM alpine:3.20\nENTRYPOINT ["a"]\nENTRYPOINT ["b"]\nENTRYPOINT ["c"]\n', lines=(2, 3)),
        Example("FROM alpine:3.20\nHEALTHCHECK NONE\nHEALTHCHECK CMD true\n", lines=(2,)),
    ),
    good=(
        Example('FROM alpine:3.20\nHEALTHCHECK CMD true\nENTRYPOINT ["a"]\nCMD ["b"]\n'),
        Example('FROM alpine:3.20 AS one\nCMD ["a"]\nFROM one\nCMD ["b"]\n'),
    ),
    fix="safe",
)


def _undefined_var(subject: Subject) -> Iterator[Finding]:
    for stage, expanded in _in_built(subject):
        # EXPOSE is expanded without a word about names that are missing.
        if not expanded.undefined or isinstance(expanded.command, Expose):
            continue
        inherited = _inherited(subject, stage)
        seen: set[str] = set()
        for lookup in expanded.lookups:
            name = lookup.name
            if name not in expanded.undefined or name in seen:
                continue
            seen.add(name)
            near = nearest(name, expanded.environment)
            if not _surely_undefined(name, near, inherited):
                continue
            message = f"Usage of undefined variable '${name}'"
            message += f" (did you mean ${near}?)" if near else ""
            fix = rename(expanded, lookup, near)
            yield Finding(UNDEFINED_VAR.name, message, lookup_span(expanded, lookup), fix)


def _inherited(subject: Subject, stage: Stage) -> frozenset[str] | None:
    """The names that the image under a stage brings; None where they are not known."""
    while stage.parent is not None:
        stage = subject.stages[stage.parent]
    return frozenset() if stage.known_base else environment_names(stage.base)


def _surely_undefined(name: str, near: str | None, inherited: frozenset[str] | None) -> bool:
    if inherited is not None:
        return name not in inherited
    # An image that we know nothing of sets names in upper case, if any.
    return near is not None or name != name.upper()


UNDEFINED_VAR = Rule(
    name="UndefinedVar",
    severity="warning",
    summary="An instruction uses a name that no ARG or ENV defines.",
    why="It is the empty string there, which most often makes another path or value of it than was meant.",
    remedy="Declare it with ARG or ENV in this stage, or correct its name.",
    url=f"{URL}/undefined-var/",
    check=_undefined_var,
    bad=(
        Example("FROM alpine:3.20 AS base\nCOPY $foo .\n", lines=(2,)),
        Example("FROM alpine:3.20\nENV PATH=$PAHT:/app/bin\n", lines=(2,)),
        Example("FROM alpine:3.20 AS base\nARG VERSION=$foo\n", lines=(2,)),
        Example("ARG DIR=/srv\nFROM alpine:3.20\nWORKDIR ${DIR}\n", lines=(3,), note="ARG ends at FROM."),
    ),
    good=(
        Example("FROM alpine:3.20 AS base\nARG foo\nCOPY $foo .\n"),
        Example("FROM alpine:3.20\nENV PATH=$PATH:/app/bin\n"),
        Example("FROM python:3.12 AS base\nARG VERSION=$PYTHON_VERSION\n", note="The base image sets it."),
        Example("FROM alpine:3.20\nRUN echo $foo\nCMD echo $bar\n", note="The shell's names are its own."),
        Example("FROM registry.example.org/base:1\nWORKDIR $APP_HOME\n", note="That image may set it."),
        Example("ARG DIR=/srv\nFROM alpine:3.20\nARG DIR\nWORKDIR ${DIR}\n"),
    ),
    fix="unsafe",
)


def _workdir_relative_path(subject: Subject) -> Iterator[Finding]:
    chosen: set[int] = set()
    for stage in subject.stages:
        if stage.parent in chosen:
            chosen.add(stage.index)
        for expanded in stage.instructions:
            if not isinstance(expanded.command, Workdir):
                continue
            path = expanded.words[0]
            known = not expanded.undefined or _inherited(subject, stage) is not None
            if stage.index not in chosen and known and not _absolute(path) and stage in subject.built:
                message = (
                    f"Relative workdir {quoted(path)} can have unexpected results if the base image changes"
                )
                span = expanded.node.span_of(expanded.command.path)
                yield Finding(WORKDIR_RELATIVE_PATH.name, message, span)
            chosen.add(stage.index)


def _absolute(path: str) -> bool:
    return path.startswith("/") or re.match(r"[A-Za-z]:[\\/]|\\", path) is not None


WORKDIR_RELATIVE_PATH = Rule(
    name="WorkdirRelativePath",
    severity="warning",
    summary="The first WORKDIR of a stage is relative.",
    why="It depends on the working directory of the base image, which may change under you.",
    remedy="Write an absolute path; later ones may be relative to it.",
    url=f"{URL}/workdir-relative-path/",
    check=_workdir_relative_path,
    bad=(
        Example("FROM nginx:1.27 AS web\nWORKDIR usr/share/nginx/html\nCOPY public .\n", lines=(2,)),
        Example("FROM nginx:1.27\nENV REL=data\nWORKDIR ${REL}\n", lines=(3,)),
    ),
    good=(
        Example("FROM nginx:1.27 AS web\nWORKDIR /usr/share/nginx/html\nCOPY public .\n"),
        Example("FROM nginx:1.27 AS web\nWORKDIR /srv\nWORKDIR app\nFROM web\nWORKDIR logs\n"),
        Example('FROM nginx:1.27\nENV ROOT=/srv\nWORKDIR $ROOT/app\nWORKDIR "/opt/x y"\n'),
        Example("FROM registry.example.org/base:1\nWORKDIR $APP_HOME\n", note="That image may set it."),
    ),
)

_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"(?:_|^)(?:public|file|version)(?:_|$)", re.IGNORECASE)
_ENDS_SECRET = re.compile(_SECRET.pattern.removesuffix("(?:_|$)") + "$", re.IGNORECASE)


def _secrets_used(subject: Subject) -> Iterator[Finding]:
    for _, expanded in _in_built(subject):
        command = expanded.command
        if not isinstance(command, Arg | Env):
            continue
        for pair in command.pairs:
            if not _SECRET.search(pair.key) or _NO_SECRET.search(pair.key):
                continue
            message = (
                "Do not use ARG or ENV instructions for sensitive data "
                f"({command.node.keyword} {quoted(pair.key)})"
            )
            # `AUTH_MODE` only sounds like a secret; what ends so (`API_TOKEN`) most often is one.
            weak: Severity | None = None if _ENDS_SECRET.search(pair.key) else "info"
            yield Finding(SECRETS_USED.name, message, command.node.span_of(pair.name), severity=weak)


SECRETS_USED = Rule(
    name="SecretsUsedInArgOrEnv",
    severity="warning",
    summary="The name of an ARG or ENV sounds like a secret.",
    why="ENV stays in the image and ARG in its history: whoever can pull the image can read both.",
    remedy="Use `RUN --mount=type=secret` while building, and give secrets to the container when it starts.",
    url=f"{URL}/secrets-used-in-arg-or-env/",
    check=_secrets_used,
    bad=(
        Example("FROM scratch\nARG AWS_SECRET_ACCESS_KEY\n", lines=(2,)),
        Example("FROM scratch\nENV API_TOKEN=x TZ=UTC\n", lines=(2,)),
        Example("FROM scratch\nARG auth_mode=none\n", lines=(2,), note="By its name only: weighs less."),
    ),
    good=(
        Example("FROM scratch\nENV PUBLIC_KEY=/etc/k.pub PASSWORD_FILE=/run/secrets/pw\n"),
        Example("FROM scratch\nENV MONKEY=1 TOKENIZER=bpe\n"),
        Example("FROM scratch\nARG KEY_VERSION=3\n"),
    ),
)


def _copy_ignored_file(subject: Subject) -> Iterator[Finding]:
    ignore = subject.ignore_file
    # BuildKit does not look where an exception may bring a file back.
    if ignore is None or not ignore.patterns or any(pattern.exception for pattern in ignore.patterns):
        return
    for _, expanded in _in_built(subject):
        command = expanded.command
        if not isinstance(command, Add | Copy) or (isinstance(command, Copy) and command.from_):
            continue
        for token, written in zip(command.node.words[:-1], expanded.words[:-1], strict=False):
            if token not in command.sources or "://" in written or written.startswith("git@"):
                continue
            path = clean(written)
            if ignore.excludes(path):
                verb = "Copy" if isinstance(command, Copy) else "Add"
                message = f"Attempting to {verb} file {quoted(path)} that is excluded by .dockerignore"
                yield Finding(COPY_IGNORED_FILE.name, message, command.node.span_of(token))


COPY_IGNORED_FILE = Rule(
    name="CopyIgnoredFile",
    severity="warning",
    summary="COPY or ADD takes a path that the ignore file keeps out of the build context.",
    why="The builder does not get the file: the build fails, or copies less than it reads.",
    remedy="Take the pattern out of the ignore file, or the path out of the instruction.",
    url=f"{URL}/copy-ignored-file/",
    check=_copy_ignored_file,
    bad=(
        Example("FROM scratch\nCOPY ./tmp/hello.txt /\n", {".dockerignore": "tmp/*\n"}, lines=(2,)),
        Example("FROM scratch\nADD node_modules /app\n", {".dockerignore": "**/node_modules\n"}, lines=(2,)),
    ),
    good=(
        Example("FROM scratch\nCOPY ./src/hello.txt /\n", {".dockerignore": "tmp/*\n"}),
        Example("FROM scratch\nCOPY ./tmp/hello.txt /\n", {".dockerignore": "tmp\n!tmp/hello.txt\n"}),
        Example("FROM alpine:3.20 AS a\nFROM a\nCOPY --from=a /tmp/x /\n", {".dockerignore": "tmp\n"}),
    ),
    default=False,
)

RULES: tuple[Rule, ...] = (
    JSON_ARGS_RECOMMENDED,
    UNDEFINED_VAR,
    WORKDIR_RELATIVE_PATH,
    MULTIPLE_INSTRUCTIONS,
    SECRETS_USED,
    COPY_IGNORED_FILE,
)
