"""What a context sends that belongs to no image: taken along by a COPY of the whole, or taken by none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analyzer import ignorefile
from analyzer.checks.final_image import url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.copies import stage_copies
from analyzer.dockerfile.instructions import Add, Copy, Run
from analyzer.globs import clean, match
from analyzer.ignorefile import IgnoreFile

# Entries at the top of a context that no image needs; folders end with `/`.
_STRANGERS = (
    ".git/",
    ".hg/",
    ".svn/",
    "node_modules/",
    ".venv/",
    "venv/",
    "__pycache__/",
    ".tox/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".terraform/",
    ".idea/",
    ".vscode/",
    ".aws/",
    ".ssh/",
    ".env",
    ".netrc",
    "id_rsa",
)


def _strangers(subject: Subject) -> Iterator[Finding]:
    context, ignore = subject.around.context, subject.ignore_file
    if context is None or ignore is None:
        return
    all_commands: tuple[Copy | Add, ...] = (*subject.of(Copy), *subject.of(Add))
    commands = [command for command in all_commands if _whole(subject, command)]
    if not commands:
        return
    found = _present(subject)
    if not found:
        return
    command = min(commands, key=lambda each: each.node.start_line)
    message = f"this copies {_shown(found)} as well: {_let_through(subject, context)}"
    yield Finding(STRANGERS.name, message, command.node.span_of(command.node.arguments))


def _unneeded(subject: Subject) -> Iterator[Finding]:
    context, ignore = subject.around.context, subject.ignore_file
    uses = list(_uses(subject))
    if context is None or ignore is None or not uses:
        return
    wanted = [source for _, sources in uses for source in sources]
    if "" in wanted or any("$" in source for source in wanted):
        return
    found = [name for name in _sent(subject, context, ignore) if not any(match(top, name) for top in wanted)]
    if not found:
        return
    command = min((command for command, _ in uses), key=lambda each: each.node.start_line)
    message = f"no instruction takes {_shown(found)} of the context: {_let_through(subject, context)}"
    yield Finding(UNNEEDED.name, message, command.node.span_of(command.node.arguments))


def _uses(subject: Subject) -> Iterator[tuple[Copy | Add | Run, list[str]]]:
    """The instructions that take something of the context, each with the first parts of its sources; "" is
    all of it."""
    for stage in subject.stages:
        for copy in stage_copies(subject.table, stage.index):
            command = copy.instruction.command
            if copy.source is None and copy.sources and isinstance(command, Copy | Add) and not copy.trigger:
                yield command, [_top(source) for source in copy.sources]
    for run in subject.of(Run):
        bound = [_top(mount.source) for mount in run.mounts if mount.type == "bind" and not mount.from_]
        if bound:
            yield run, bound


def _top(source: str) -> str:
    return clean(f"/{source}").split("/")[1]


def _sent(subject: Subject, context: Path, ignore: IgnoreFile) -> list[str]:
    """The entries at the top of the context that are sent, but for the build's own files. What an ignore
    file lets in from below a folder that it keeps back is somebody's choice."""
    own = {ignorefile.NAME, subject.around.dockerfile.name if subject.around.dockerfile else ""}
    try:
        names = sorted(entry.name for entry in context.iterdir())
    except OSError:
        return []
    return [name for name in names if name not in own and not ignore.excludes(name)]


def _let_through(subject: Subject, context: Path) -> str:
    none = ignorefile.find(context, subject.around.dockerfile) is None
    return "there is no .dockerignore" if none else "the ignore file lets them through"


def _shown(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _whole(subject: Subject, command: Copy | Add) -> bool:
    if isinstance(command, Copy) and command.from_ is not None:
        return False
    words = subject.expanded(command).words[:-1]
    return any(word.rstrip("/") in (".", "./.", "") for word in words) and not command.exclude


def _present(subject: Subject) -> list[str]:
    """The strangers that lie at the top of the context and are sent."""
    context, ignore = subject.around.context, subject.ignore_file
    found: list[str] = []
    if context is None or ignore is None:
        return found
    # Asked for by name: a context may have more entries than anybody wants to list.
    for name in _STRANGERS:
        entry = context / name.rstrip("/")
        try:
            there = entry.is_dir() if name.endswith("/") else entry.is_file()
        except OSError:
            # What cannot be looked at cannot be sent; the build says so.
            continue
        if there and not ignore.excludes(entry.name):
            found.append(name)
    return found


STRANGERS = Rule(
    name="SLIM301",
    severity="warning",
    summary="The whole context is copied, with version control, caches or secrets in it.",
    why="They make the image large, tell its history, and change the layer with every commit.",
    remedy="Name them in .dockerignore, or copy the paths that are needed.",
    url=url("SLIM301"),
    check=_strangers,
    bad=(
        Example(
            "FROM node:20-slim\nCOPY . /app\n",
            files={".git/config": "", "node_modules/a/a.js": ""},
            lines=(2,),
        ),
        Example(
            "FROM node:20-slim\nCOPY . .\n", files={".env": "A=1\n", ".dockerignore": "*.md\n"}, lines=(2,)
        ),
    ),
    good=(
        Example("FROM node:20-slim\nCOPY . /app\n", files={".git/config": "", ".dockerignore": ".git\n"}),
        Example("FROM node:20-slim\nCOPY src /app/src\n", files={".git/config": "", "src/a.js": ""}),
        Example("FROM node:20-slim\nCOPY . /app\n", files={"app.js": ""}),
    ),
)

UNNEEDED = Rule(
    name="SLIM302",
    severity="info",
    summary="Entries of the context are sent that no COPY, ADD or bind mount takes.",
    why="BuildKit fetches only what an instruction names; other builders, and engines elsewhere, first get "
    "the whole context.",
    remedy="Name them in .dockerignore.",
    url=url("SLIM302"),
    check=_unneeded,
    bad=(
        Example("FROM node:20-slim\nCOPY src /app\n", files={"src/a.js": "", "docs/a.md": ""}, lines=(2,)),
        Example(
            "FROM node:20-slim\nRUN --mount=type=bind,source=src,target=/s make\n",
            files={"src/a.js": "", "movie.mp4": "", ".dockerignore": "docs\n"},
            lines=(2,),
        ),
    ),
    good=(
        Example("FROM node:20-slim\nCOPY . /app\n", files={"src/a.js": "", "docs/a.md": ""}),
        Example(
            "FROM node:20-slim\nCOPY pack*.json src/ /app/\n",
            files={"src/a.js": "", "package.json": "", "docs/a.md": "", ".dockerignore": "docs\n"},
        ),
        Example("FROM node:20-slim\nCOPY --from=a:1 /a /a\n", files={"docs/a.md": ""}),
    ),
    default=False,
)

RULES: tuple[Rule, ...] = (STRANGERS, UNNEEDED)
