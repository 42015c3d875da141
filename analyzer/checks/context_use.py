"""What a COPY of the whole context takes along that belongs to no image."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from analyzer import ignorefile
from analyzer.checks.final_image import url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Add, Copy

# Entries at the top of a context: what they are. Folders end with `/`.
_STRANGERS = (
    (".git/", "the history of the sources"),
    (".hg/", "the history of the sources"),
    (".svn/", "the history of the sources"),
    ("node_modules/", "modules of the host"),
    (".venv/", "a virtual environment of the host"),
    ("venv/", "a virtual environment of the host"),
    ("__pycache__/", "compiled files of the host"),
    (".tox/", "test environments"),
    (".mypy_cache/", "a cache"),
    (".pytest_cache/", "a cache"),
    (".terraform/", "a cache"),
    (".idea/", "settings of an editor"),
    (".vscode/", "settings of an editor"),
    (".aws/", "credentials"),
    (".ssh/", "keys"),
    (".env", "settings with secrets"),
    (".netrc", "logins"),
    ("id_rsa", "a private key"),
    ("*.pem", "keys or certificates"),
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
    try:
        entries = sorted(context.iterdir(), key=lambda each: each.name)
    except OSError:
        # What cannot be read cannot be sent; the build says so.
        return found
    for entry in entries:
        for pattern, _ in _STRANGERS:
            folder = pattern.endswith("/")
            if fnmatchcase(entry.name, pattern.rstrip("/")) and entry.is_dir() is folder:
                if not ignore.excludes(entry.name):
                    found.append(f"{entry.name}{'/' if folder else ''}")
                break
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
