"""What a COPY of the whole context takes along that belongs to no image."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer import ignorefile
from analyzer.checks.final_image import url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Add, Copy

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
    shown = ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
    none = ignorefile.find(context, subject.around.dockerfile) is None
    hint = "there is no .dockerignore" if none else "the ignore file lets them through"
    command = min(commands, key=lambda each: each.node.start_line)
    message = f"this copies {shown} as well: {hint}"
    yield Finding(STRANGERS.name, message, command.node.span_of(command.node.arguments))


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

RULES: tuple[Rule, ...] = (STRANGERS,)
