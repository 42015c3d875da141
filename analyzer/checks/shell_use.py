"""hadolint's rules for what RUN calls: programs out of place, directories, downloads, pipes, shells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import join, normpath

from analyzer.checks import hadolint
from analyzer.checks.body import Body
from analyzer.checks.interface import Edit, Example, Finding, Fix, Rule
from analyzer.checks.shell_edits import fix, insert_after
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Run, Workdir
from analyzer.dockerfile.source import Span
from analyzer.shell import Command
from analyzer.shell.calls import Call

_OUT_OF_PLACE = frozenset(
    {"ssh", "vim", "shutdown", "service", "ps", "free", "top", "kill", "mount", "ifconfig"}
)


def _out_of_place(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        for call in body.called(*_OUT_OF_PLACE):
            name = call.name
            if name == "ssh" and any(mount.type in ("ssh", "secret") for mount in run.mounts):
                # The builder lends it a key for this very use.
                continue
            message = f"`{name}` is of no use in a build step"
            yield Finding(OUT_OF_PLACE.name, message, body.span_of(call.words[0]))


OUT_OF_PLACE = Rule(
    name="DL3001",
    severity="info",
    summary="RUN calls a program that is of no use in a build: ssh, vim, service, mount, ps and the like.",
    why="A build step has no user, no services and no processes of others; what it starts ends with it.",
    remedy="Leave it out; start a service with CMD or ENTRYPOINT.",
    url=hadolint.url("DL3001"),
    check=_out_of_place,
    bad=(Example("FROM debian:12\nRUN service nginx start\n", lines=(2,)),),
    good=(
        Example("FROM debian:12\nRUN nginx -t\n"),
        Example("FROM debian:12\nRUN --mount=type=ssh ssh -T git@example.org\n"),
    ),
)


def _changes_directory(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        for command in body.script.named("cd")[:1]:
            message = "`cd` lasts until the end of this RUN; WORKDIR says it for all that follows"
            yield Finding(
                CHANGES_DIRECTORY.name, message, body.span_of(command), _workdir_fix(subject, run, body)
            )


def _workdir_fix(subject: Subject, run: Run, body: Body) -> Fix | None:
    """WORKDIR above, and the former one below, where `cd` comes first and all else depends on it.

    Unsafe: WORKDIR makes a directory that is not there, and `cd` stops the build.
    """
    commands = body.script.commands
    expanded = subject.expanded(run)
    if len(commands) < 2 or len(body.script.named("cd")) != 1 or expanded.command is not run:
        return None
    first, second = commands[:2]
    path = first.values[1] if len(first.words) == 2 else None
    plain = first.name == "cd" and not (first.where or first.redirections or first.assignments)
    if not plain or second.joined != "&&" or path is None or not re.fullmatch(r"[\w./][\w./-]*", path):
        return None
    stage = subject.stage_of(run)
    here = (
        [each for each in stage.instructions if each.node.start_line < run.node.start_line] if stage else []
    )
    known = any(isinstance(each.command, Workdir) and not each.undefined for each in here)
    if not (known and expanded.workdir.startswith("/")) or run.node.heredocs:
        # What the directory was before is the base image's business.
        return None
    gone = body.span(first.start, second.start)
    source = subject.dockerfile.source
    if b"#" in source.data[gone.start : gone.end]:
        return None
    target, before = normpath(join(expanded.workdir, path)), expanded.workdir
    keyword = "workdir" if run.node.name.text.islower() else "WORKDIR"
    start = run.node.span.start
    end = body.span(len(body.script.source.rstrip()) - 1, len(body.script.source.rstrip())).end
    newline = subject.dockerfile.newline
    edits = (
        Edit(Span(start, start), f"{keyword} {target}{newline}"),
        Edit(gone, ""),
        Edit(Span(end, end), f"{newline}{keyword} {before}"),
    )
    return Fix(edits, "set the directory with WORKDIR, and the former one again", safe=False)


CHANGES_DIRECTORY = Rule(
    name="DL3003",
    severity="warning",
    summary="RUN changes the directory with `cd`.",
    why="Each RUN begins in the working directory again, so the next reader has to keep two in mind.",
    remedy="Use WORKDIR, or an option of the program such as `tar -C`, `make -C`, `git -C`.",
    url=hadolint.url("DL3003"),
    check=_changes_directory,
    bad=(
        Example("FROM debian:12\nRUN cd /usr/src/app && git clone https://example.org/a.git\n", lines=(2,)),
    ),
    good=(Example("FROM debian:12\nWORKDIR /usr/src/app\nRUN git clone https://example.org/a.git\n"),),
    fix="unsafe",
)


def _sudo(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        for call in body.called("sudo")[:1]:
            message = "sudo in a build step: RUN is root already, or `USER root` makes it so"
            yield Finding(SUDO.name, message, body.span_of(call.words[0]))


SUDO = Rule(
    name="DL3004",
    severity="error",
    summary="RUN calls sudo.",
    why="It has no terminal and its own environment; signals and exit codes get lost on the way.",
    remedy="Use USER around the step, and gosu or setpriv in an entrypoint.",
    url=hadolint.url("DL3004"),
    check=_sudo,
    bad=(
        Example("FROM debian:12\nRUN sudo apt-get update\n", lines=(2,)),
        Example("FROM debian:12\nRUN true && /usr/bin/sudo -n true\n", lines=(2,)),
    ),
    good=(
        Example("FROM debian:12\nRUN apt-get install -y --no-install-recommends sudo=1.9.13p3-1\n"),
        Example("FROM debian:12\nRUN find / -name sudo -print && echo 'no sudo here'\n"),
    ),
)

_HIGH = 100_000


def _high_uid(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        for call in body.called("useradd"):
            if _no_log_init(call):
                continue
            uid = _uid(call)
            if uid is not None and uid >= _HIGH:
                message = f"useradd writes a login record for each of the {uid} ids below; add `-l`"
                mended = fix("write no login record", insert_after(body, call.words[0], "-l"))
                yield Finding(HIGH_UID.name, message, body.span_of_call(call), mended)


def _no_log_init(call: Call) -> bool:
    return any(
        value == "--no-log-init" or re.match(r"-[A-Za-z]*l", value or "")
        for value in call.values[1:]
        if value
    )


def _uid(call: Call) -> int | None:
    values = [value or "" for value in call.values]
    for index, value in enumerate(values):
        match = re.fullmatch(r"(?:-[A-Za-z]*u|--uid=?)(\d*)", value)
        if match:
            text = match[1] or (values[index + 1] if index + 1 < len(values) else "")
            return int(text) if text.isdecimal() else None
    return None


HIGH_UID = Rule(
    name="DL3046",
    severity="warning",
    summary="`useradd` with a high user id and without `-l`.",
    why="It writes a sparse file with a record for every id below; a layer stores that file in full.",
    remedy="Add `-l` (`--no-log-init`).",
    url=hadolint.url("DL3046"),
    check=_high_uid,
    bad=(
        Example("FROM debian:12\nRUN useradd -u 123456 app\n", lines=(2,)),
        Example("FROM debian:12\nRUN useradd --uid=123456 app\n", lines=(2,)),
    ),
    good=(
        Example("FROM debian:12\nRUN useradd -l -u 123456 app\n"),
        Example("FROM debian:12\nRUN useradd -lmu 123456 app && useradd -u 1000 own\n"),
    ),
    fix="safe",
)

# One-letter options of wget with a word of their own.
_WGET_TAKES = frozenset("OPoaitTwUeARDlBQ")


def _progress(subject: Subject) -> Iterator[Finding]:
    installing = {
        id(subject.stage_of(run))
        for run, body in subject.runs
        for manager in body.managers
        if any(package.name == "wget" for package in manager.packages)
    }
    for run, body in subject.runs:
        for call in body.called("wget"):
            if not _shows_progress(subject, run, call):
                continue
            mended = _progress_fix(subject, run, body, call, id(subject.stage_of(run)) in installing)
            message = "wget draws its progress into the build log, a line for every few kilobytes"
            yield Finding(PROGRESS.name, message, body.span_of_call(call), mended)


def _shows_progress(subject: Subject, run: Run, call: Call) -> bool:
    for redirection in call.command.redirections:
        if redirection.descriptor == "2" or redirection.operator in ("&>", "&>>", ">&"):
            return False
    fetches = False
    for value in _values(subject, run, call):
        if value.startswith("--"):
            name = value.partition("=")[0]
            if name in ("--quiet", "--no-verbose", "--progress", "--output-file", "--append-output"):
                return False
            if name in ("--version", "--help", "--spider"):
                return False
        elif value.startswith("-") and value != "-":
            if _quiet_letters(value[1:]):
                return False
            fetches = fetches or value.startswith("-i")
        else:
            fetches = True
    return fetches


def _values(subject: Subject, run: Run, call: Call) -> Iterator[str]:
    """The words of a call; one that is a variable of the build gives the words that it holds."""
    environment = subject.expanded(run).environment
    for word in call.arguments:
        names = word.variables
        held = environment.get(names[0]) if len(names) == 1 and len(word.parts) == 1 else None
        if held is not None and not word.quoted:
            yield from held.split()
        else:
            yield word.value if word.value is not None else word.prefix


def _quiet_letters(letters: str) -> bool:
    index = 0
    while index < len(letters):
        letter = letters[index]
        if letter in "qVhoa" or letters[index : index + 2] == "nv":
            return True
        if letter in _WGET_TAKES:
            return False
        index += 2 if letter == "n" else 1
    return False


def _progress_fix(subject: Subject, run: Run, body: Body, call: Call, installed: bool) -> Fix | None:
    stage = subject.stage_of(run)
    image = subject.table.base_image(stage.index) if stage is not None else ""
    if not installed and ("busybox" in image or "alpine" in image):
        # BusyBox's wget knows no --progress.
        return None
    edit = insert_after(body, call.words[0], "--progress=dot:giga")
    return fix("draw a dot for each few megabytes", edit, safe=installed)


PROGRESS = Rule(
    name="DL3047",
    severity="info",
    summary="`wget` shows its progress bar.",
    why="Without a terminal the bar is a line for every few kilobytes: the log of the build drowns in it.",
    remedy="Add `--progress=dot:giga`, or `-q` or `-nv`.",
    url=hadolint.url("DL3047"),
    check=_progress,
    bad=(Example("FROM debian:12\nRUN wget https://example.org/big.tar\n", lines=(2,)),),
    good=(
        Example("FROM debian:12\nRUN wget --progress=dot:giga https://example.org/big.tar\n"),
        Example("FROM debian:12\nRUN wget -qO- https://example.org/a && wget -nv https://example.org/b\n"),
        Example("FROM debian:12\nRUN wget --version && wget -o /tmp/log https://example.org/a\n"),
    ),
    fix="sometimes",
)


def _consecutive(subject: Subject) -> Iterator[Finding]:
    previous: Run | None = None
    for command in subject.commands:
        run = command if isinstance(command, Run) else None
        alike = run is not None and previous is not None and _alike(previous, run)
        if alike and run is not None and all(_single(subject.body(each)) for each in (previous, run) if each):
            message = "RUN follows RUN, each with one command: they could be one layer"
            yield Finding(CONSECUTIVE.name, message, run.node.span_of(run.node.name))
        previous = run


def _alike(one: Run, other: Run) -> bool:
    return sorted(map(str, one.node.flags)) == sorted(map(str, other.node.flags))


def _single(body: Body) -> bool:
    """One command, in text that could stand on one line with another; who chains some did choose."""
    if body.node.json:
        return True
    commands = [command for command in body.script.commands if command.words]
    return not body.node.heredocs and body.script.fault is None and len(commands) == 1


CONSECUTIVE = Rule(
    name="DL3059",
    severity="info",
    summary="Several RUN instructions with one command each follow each other.",
    why="Each is a layer: what one deletes, the layers below it still hold.",
    remedy="Join them with `&&`, or keep them where the cache is worth it.",
    url=hadolint.url("DL3059"),
    check=_consecutive,
    bad=(Example("FROM debian:12\nRUN mkdir /a\nRUN chmod 700 /a\n", lines=(3,)),),
    good=(
        Example("FROM debian:12\nRUN mkdir /a && chmod 700 /a\nRUN make\n"),
        Example("FROM debian:12\nRUN mkdir /a\nUSER nobody\nRUN make\n"),
        Example("FROM debian:12\nRUN mkdir /a\nRUN --network=none make\n"),
    ),
)


def _two_clients(subject: Subject) -> Iterator[Finding]:
    seen: set[str] = set()
    stage = None
    for run, body in subject.runs:
        if subject.stage_of(run) is not stage:
            stage, seen = subject.stage_of(run), set()
        clients = body.called("curl", "wget")
        seen |= {call.name for call in clients}
        if clients and len(seen) == 2:
            message = "this stage downloads with both curl and wget; one of them is enough"
            yield Finding(TWO_CLIENTS.name, message, body.span_of(clients[-1].words[0]))


TWO_CLIENTS = Rule(
    name="DL4001",
    severity="warning",
    summary="A stage downloads with curl and with wget.",
    why="Both have to be installed, with the libraries of both.",
    remedy="Use one of them.",
    url=hadolint.url("DL4001"),
    check=_two_clients,
    bad=(
        Example(
            "FROM debian:12\nRUN wget -q https://example.org/a\nRUN curl -O https://example.org/b\n",
            lines=(3,),
        ),
    ),
    good=(
        Example("FROM debian:12\nRUN curl -O https://example.org/a\nRUN curl -O https://example.org/b\n"),
        Example(
            "FROM a:1 AS b\nRUN curl -O https://example.org/a\nFROM c:1\nRUN wget -q https://example.org/b\n"
        ),
    ),
)


def _replaces_shell(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        for call in body.called("ln"):
            operands = [value for value in call.values[1:] if value is None or not value.startswith("-")]
            if len(operands) > 1 and operands[-1] in ("/bin/sh", "/usr/bin/sh"):
                message = "this replaces the shell of every program in the image; SHELL sets that of RUN"
                yield Finding(REPLACES_SHELL.name, message, body.span_of_call(call))


REPLACES_SHELL = Rule(
    name="DL4005",
    severity="warning",
    summary="RUN puts another shell in the place of /bin/sh.",
    why="All scripts of the image then run under it, and the next upgrade may put the old one back.",
    remedy='Write `SHELL ["/bin/bash", "-c"]`.',
    url=hadolint.url("DL4005"),
    check=_replaces_shell,
    bad=(Example("FROM debian:12\nRUN ln -sfv /bin/bash /bin/sh\n", lines=(2,)),),
    good=(
        Example('FROM debian:12\nSHELL ["/bin/bash", "-c"]\nRUN true\n'),
        Example("FROM debian:12\nRUN ln -s /bin/sh /usr/local/bin/shell\n"),
    ),
)


def _pipes(subject: Subject) -> Iterator[Finding]:
    for run in subject.of(Run):
        if run.node.json:
            continue
        body = subject.body(run)
        script = body.script
        if not script.pipelines or not script.shell.readable or "pipefail" in script.shell.options:
            continue
        switched = next((each for each in script.commands if _sets_pipefail(each)), None)
        pipe = script.pipelines[0]
        if switched is not None and switched.start < pipe.start:
            continue
        message = (
            "only the last program of a pipe counts: without `pipefail` the failure of another goes unseen"
        )
        yield Finding(PIPES.name, message, body.span(pipe.start, pipe.end))


def _sets_pipefail(command: Command) -> bool:
    return (
        command.name == "set"
        and not command.conditional
        and any(word.value == "pipefail" for word in command.arguments)
    )


PIPES = Rule(
    name="DL4006",
    severity="warning",
    summary="RUN has a pipe, and its shell is not told to fail with any part of it.",
    why="A download that fails in front of `| tar x` gives a build that succeeds.",
    remedy='Write `SHELL ["/bin/bash", "-o", "pipefail", "-c"]` above (/bin/ash on Alpine), or avoid pipes.',
    url=hadolint.url("DL4006"),
    check=_pipes,
    bad=(Example("FROM debian:12\nRUN wget -O - https://example.org/a | wc -l > /number\n", lines=(2,)),),
    good=(
        Example(
            'FROM debian:12\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN cat /a | wc -l > /number\n'
        ),
        Example("FROM alpine:3.20\nRUN set -eo pipefail; cat /a | wc -l > /number\n"),
        Example('FROM debian:12\nRUN case "$A" in arm64|arm) true ;; esac || true\n'),
    ),
)

RULES: tuple[Rule, ...] = (
    OUT_OF_PLACE,
    CHANGES_DIRECTORY,
    SUDO,
    HIGH_UID,
    PROGRESS,
    CONSECUTIVE,
    TWO_CLIENTS,
    REPLACES_SHELL,
    PIPES,
)
