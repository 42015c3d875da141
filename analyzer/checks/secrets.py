"""Secrets that end in the image or its history: values, files, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from posixpath import basename

from analyzer.checks.final_image import url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Add, Copy
from analyzer.redaction import credentials_in


def _values(subject: Subject) -> Iterator[Finding]:
    source = subject.dockerfile.source
    text = source.text
    comments = {comment.line for comment in subject.dockerfile.comments}
    for kind, start, end in credentials_in(text):
        if source.line_number(start) not in comments:
            yield Finding(VALUES.name, f"this looks like a {kind}", source.span(start, end))


# No credential, and written so that no scanner takes it for one.
_EXAMPLE_KEY = "AKIA" + "ABCDEFGHIJKLMNOP"

VALUES = Rule(
    name="SLIM201",
    severity="error",
    summary="A value looks like a credential: a key, a token, a password in an address.",
    why="It is in the file, in the image's history and in each layer with it; deleting it is no help.",
    remedy="Revoke it. Give secrets with `RUN --mount=type=secret`, or to the container when it starts.",
    url=url("SLIM201"),
    check=_values,
    bad=(
        Example(f"FROM debian:12\nENV KEY={_EXAMPLE_KEY}\n", lines=(2,)),
        Example(
            "FROM debian:12\nRUN pip install -i https://user:word@example.org/simple own==1\n", lines=(2,)
        ),
    ),
    good=(
        Example("FROM debian:12\nRUN --mount=type=secret,id=key KEY=$(cat /run/secrets/key) fetch\n"),
        Example("FROM debian:12\nRUN git clone https://user:${WORD}@example.org/own.git\n"),
    ),
)

_KEY_FILES = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.ppk", "*.p12", "*.pfx", "*.keystore")
_LOGIN_FILES = (".netrc", "_netrc", ".pgpass", ".git-credentials", ".pypirc", ".htpasswd", ".dockercfg")
_ENVIRONMENT = re.compile(r"\.env(?:\.(?!example|sample|template|dist|defaults?)[\w-]+)?")
_FOLDERS = (".ssh", ".aws", ".gnupg", ".kube", ".azure")


def _files(subject: Subject) -> Iterator[Finding]:
    commands: tuple[Copy | Add, ...] = (*subject.all_of(Copy), *subject.all_of(Add))
    for command in commands:
        for token in command.sources:
            name = basename(token.text.rstrip("/"))
            what = _secret_file(name)
            if what:
                message = f"{token.text} is {what}, and lies in a layer from here on"
                yield Finding(FILES.name, message, command.node.span_of(token))


def _secret_file(name: str) -> str:
    if any(fnmatchcase(name, pattern) for pattern in _KEY_FILES):
        return "a private key by its name"
    if name in _LOGIN_FILES:
        return "a file of logins by its name"
    if _ENVIRONMENT.fullmatch(name):
        return "a file of settings that holds secrets as a rule"
    return "a folder of credentials by its name" if name in _FOLDERS else ""


FILES = Rule(
    name="SLIM202",
    severity="warning",
    summary="COPY or ADD takes a file that holds secrets by its name.",
    why="Every layer can be taken out of an image and read, whatever a later one deletes.",
    remedy="Mount it with `RUN --mount=type=secret`, or give it to the container when it starts.",
    url=url("SLIM202"),
    check=_files,
    bad=(
        Example("FROM debian:12\nCOPY id_rsa /root/.ssh/\n", lines=(2,)),
        Example("FROM node:20-slim\nCOPY package.json .env ./\n", lines=(2,)),
    ),
    good=(Example("FROM node:20-slim\nCOPY package.json .env.example id_rsa.pub ./\n"),),
)

RULES: tuple[Rule, ...] = (VALUES, FILES)
