"""hadolint's rules for pip, npm, gem, go and yarn: pinned versions, no caches left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from analyzer.checks import hadolint
from analyzer.checks.body import Body
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.packages import cached, calls_of, clause, removed, unpinned
from analyzer.checks.shell_edits import always_runs, append_command, fix, insert_after
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Run
from analyzer.shell import Word
from analyzer.shell.installs import ManagerCall, unquoted

_AGAIN = "Two builds of the same Dockerfile install different versions, and a cached layer hides which."
_ON = frozenset({"1", "true", "yes", "on", "y", "t"})


def _pip_versions(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        for call in chain(calls_of(body, "pip", "install"), calls_of(body, "pipx", "install")):
            if call.option("-r", "--requirement", "-c", "--constraint") is not None or _bundled(call):
                continue
            words = [each.word for each in unpinned(subject, run, call)]
            words += [word for word in call.files if _moving_source(unquoted(word))]
            if words:
                words.sort(key=lambda word: word.start)
                shown = ", ".join(word.text.strip("\"'") for word in words[:4])
                message = f"Python packages without a version: {shown}; write `name==version`"
                yield Finding(PIP_VERSIONS.name, message, body.span(words[0].start, words[-1].end))


def _bundled(call: ManagerCall) -> bool:
    """`-rfile`, `-cfile`: option and value in one word."""
    return any(re.match(r"-[rc].", word.text) for word in call.flags)


def _moving_source(address: str) -> bool:
    """A repository whose address names no revision: `git+https://host/name`."""
    scheme, plus, rest = address.partition("+")
    return bool(plus) and scheme in ("git", "hg", "svn", "bzr") and "@" not in rest.rpartition("/")[2]


PIP_VERSIONS = Rule(
    name="DL3013",
    severity="warning",
    summary="`pip install` names packages without a version.",
    why=_AGAIN,
    remedy="Write `name==version`, or install from a requirements file or under a constraints file.",
    url=hadolint.url("DL3013"),
    check=_pip_versions,
    bad=(
        Example("FROM python:3.12\nRUN pip install --no-cache-dir django\n", lines=(2,)),
        Example("FROM python:3.12\nRUN pip install --no-cache-dir git+https://example.org/own.git\n"),
    ),
    good=(
        Example("FROM python:3.12\nRUN pip install --no-cache-dir django==5.0\n"),
        Example("FROM python:3.12\nRUN pip install --no-cache-dir -r requirements.txt\n"),
        Example("FROM python:3.12\nRUN pip install --no-cache-dir 'django>=5,<6' . ./own dist/*.whl\n"),
        Example("FROM python:3.12\nRUN pip install --no-cache-dir git+https://example.org/own.git@v1\n"),
    ),
)


def _pip_cache(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        if _pip_cache_is_off(subject, run, body):
            continue
        for call in calls_of(body, "pip", "install"):
            word = call.action_word
            if word is None or call.has("--no-cache-dir", "--no-cache") or _switched_off(call):
                continue
            if removed(body, call.command.start, *_pip_folders(subject, run)):
                continue
            if any(
                each.action == "clean" and each.command.start > call.command.start
                for each in calls_of(body, "pip", "clean")
            ):
                continue
            mended = fix("keep no cache", insert_after(body, word, "--no-cache-dir"))
            message = f"`{call.program} install` leaves its cache in the layer; add `--no-cache-dir`"
            yield Finding(PIP_CACHE.name, message, body.span(call.start, word.end), mended)


def _pip_folders(subject: Subject, run: Run) -> tuple[str, ...]:
    expanded = subject.expanded(run)
    user = expanded.user.partition(":")[0]
    home = f"/home/{user}" if user not in ("", "0", "root") else "/root"
    own = expanded.environment.get("PIP_CACHE_DIR") or ""
    shared = expanded.environment.get("XDG_CACHE_HOME")
    return tuple(filter(None, (f"{home}/.cache/pip", own, f"{shared}/pip" if shared else "")))


def _pip_cache_is_off(subject: Subject, run: Run, body: Body) -> bool:
    """By the environment, by an `export` in the text, or because a mount holds the cache."""
    if (subject.expanded(run).environment.get("PIP_NO_CACHE_DIR") or "").lower() in _ON:
        return True
    for command in body.script.named("export"):
        for each in command.assignments:
            if each.name == "PIP_NO_CACHE_DIR" and each.value and (each.value.value or "").lower() in _ON:
                return True
    if any(re.search(r"/\.cache(/pip)?/?$", mount.target) for mount in run.mounts if mount.type == "cache"):
        return True
    return cached(run, *_pip_folders(subject, run))


def _switched_off(call: ManagerCall) -> bool:
    return any(
        each.name == "PIP_NO_CACHE_DIR" and each.value is not None and (each.value.value or "").lower() in _ON
        for each in call.command.assignments
    )


PIP_CACHE = Rule(
    name="DL3042",
    severity="warning",
    summary="`pip install` leaves its cache in the layer.",
    why="Every package lies in the image twice, as installed and as downloaded.",
    remedy="Add `--no-cache-dir`, set `PIP_NO_CACHE_DIR=1`, or mount a cache at pip's folder.",
    url=hadolint.url("DL3042"),
    check=_pip_cache,
    bad=(Example("FROM python:3.12\nRUN pip install django==5.0\n", lines=(2,)),),
    good=(
        Example("FROM python:3.12\nRUN pip3 install --no-cache-dir django==5.0\n"),
        Example("FROM python:3.12\nENV PIP_NO_CACHE_DIR=1\nRUN python3 -m pip install django==5.0\n"),
        Example("FROM python:3.12\nRUN --mount=type=cache,target=/root/.cache pip install django==5.0\n"),
        Example("FROM python:3.12\nRUN pip install django==5.0 && rm -rf ~/.cache/pip\n"),
    ),
    fix="safe",
)


def _npm_versions(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        for call in calls_of(body, "npm", "install"):
            loose = [each for each in unpinned(subject, run, call) if "#" not in each.name]
            words = [each.word for each in loose]
            words += [word for word in call.files if re.match(r"git(\+|://)(?!.*#)", unquoted(word))]
            if words:
                words.sort(key=lambda word: word.start)
                shown = ", ".join(word.text.strip("\"'") for word in words[:4])
                message = f"npm packages without a version: {shown}; write `name@version`"
                yield Finding(NPM_VERSIONS.name, message, body.span(words[0].start, words[-1].end))


NPM_VERSIONS = Rule(
    name="DL3016",
    severity="warning",
    summary="`npm install` names packages without a version.",
    why=_AGAIN,
    remedy="Write `name@version`, or put them into package.json and use `npm ci`.",
    url=hadolint.url("DL3016"),
    check=_npm_versions,
    bad=(
        Example("FROM node:20\nRUN npm install express\n", lines=(2,)),
        Example("FROM node:20\nRUN npm install -g @angular/cli sax@0.1.1\n", lines=(2,)),
    ),
    good=(
        Example("FROM node:20\nRUN npm install express@4.1.1 @angular/cli@17\n"),
        Example("FROM node:20\nRUN npm install && npm install ./own . own.tgz\n"),
    ),
)


def _gem_versions(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        for call in calls_of(body, "gem", "install"):
            if call.option("-v", "--version") is not None:
                continue
            loose = [each for each in unpinned(subject, run, call) if not each.name.startswith("-")]
            if loose:
                message = f"gems without a version: {clause(loose)}; write `name:version`"
                yield Finding(GEM_VERSIONS.name, message, body.span(loose[0].word.start, loose[-1].word.end))


GEM_VERSIONS = Rule(
    name="DL3028",
    severity="warning",
    summary="`gem install` names gems without a version.",
    why=_AGAIN,
    remedy="Write `name:version`, or give `--version`.",
    url=hadolint.url("DL3028"),
    check=_gem_versions,
    bad=(Example("FROM ruby:3.3\nRUN gem install bundler\n", lines=(2,)),),
    good=(
        Example("FROM ruby:3.3\nRUN gem install bundler:2.5.6\n"),
        Example("FROM ruby:3.3\nRUN gem install bundler -v 2.5.6\n"),
    ),
)


def _operands(call: ManagerCall) -> list[Word]:
    """The words behind the action that are neither options nor their values."""
    taken = {word.start for word in call.flags} | {word.start for _, word in call.options}
    after = call.action_word.start if call.action_word else call.start
    return [
        word
        for word in call.words
        if word.start > after and word.start not in taken and not word.text.startswith("-")
    ]


def _remote_module(path: str) -> bool:
    """Does a Go package path name something to be fetched? Only a first part with a dot is a host."""
    return path.startswith("$") or ("." in path.partition("/")[0].strip(".") and not path.endswith(".go"))


def _go_versions(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        for call in calls_of(body, "go", "install", "run"):
            words = _operands(call)
            # What follows the package of `go run` are the program's own arguments.
            for word in words[:1] if call.action == "run" else words:
                path, _, version = unquoted(word).partition("@")
                if version not in ("", "latest", "upgrade", "patch") or not _remote_module(path):
                    continue
                message = f"Go package without a version: {word.text}; write `{path}@version`"
                yield Finding(GO_VERSIONS.name, message, body.span_of(word))


GO_VERSIONS = Rule(
    name="DL3062",
    severity="warning",
    summary="`go install`, `go get` or `go run` fetches a package without a version.",
    why=_AGAIN,
    remedy="Write `path@version`.",
    url=hadolint.url("DL3062"),
    check=_go_versions,
    bad=(
        Example("FROM golang:1.22\nRUN go install example.org/tools/lint\n", lines=(2,)),
        Example("FROM golang:1.22\nRUN go install example.org/tools/lint@latest\n", lines=(2,)),
    ),
    good=(
        Example("FROM golang:1.22\nRUN go install example.org/tools/lint@v1.2.3\n"),
        Example("FROM golang:1.22\nRUN go install ./... && go run main.go && go run ./cmd/tool\n"),
    ),
)


def _yarn_cache(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        if not subject.reaches_image(run):
            continue
        call = next(_yarn_installs(body), None)
        if call is None or _yarn_cache_mounted(subject, run, call):
            continue
        if any(
            each.command.start > call.command.start for each in calls_of(body, "yarn", "clean")
        ) or removed(body, call.command.start, "/usr/local/share/.cache/yarn", "/root/.cache/yarn"):
            continue
        mended = None
        if not call.through and always_runs(call):
            edit = append_command(subject.dockerfile, body, "yarn cache clean")
            mended = fix("empty yarn's cache in the same layer", edit)
        message = "`yarn install` leaves its cache in the layer; end the RUN with `yarn cache clean`"
        yield Finding(YARN_CACHE.name, message, body.span(call.start, call.end), mended)


def _yarn_installs(body: Body) -> Iterator[ManagerCall]:
    for call in calls_of(body, "yarn", "install"):
        if call.action_word is not None and call.action_word.value == "install":
            yield call


def _yarn_cache_mounted(subject: Subject, run: Run, call: ManagerCall) -> bool:
    folder = call.option("--cache-folder") or subject.expanded(run).environment.get("YARN_CACHE_FOLDER")
    mounts = [mount.target for mount in run.mounts if mount.type in ("cache", "tmpfs")]
    if any("yarn" in target or target.rstrip("/").endswith("/.cache") for target in mounts):
        return True
    return folder is not None and cached(run, folder)


YARN_CACHE = Rule(
    name="DL3060",
    severity="info",
    summary="`yarn install` leaves its cache in the layer.",
    why="Every package lies in the image twice, as installed and as downloaded.",
    remedy="End the same RUN with `yarn cache clean`, or mount a cache at yarn's folder.",
    url=hadolint.url("DL3060"),
    check=_yarn_cache,
    bad=(Example("FROM node:20\nRUN yarn install --frozen-lockfile\n", lines=(2,)),),
    good=(
        Example("FROM node:20\nRUN yarn install --frozen-lockfile && yarn cache clean\n"),
        Example("FROM node:20\nRUN --mount=type=cache,target=/root/.yarn yarn install\n"),
        Example(
            "FROM node:20 AS build\nRUN yarn install\nFROM node:20-slim\nCOPY --from=build /app /app\n",
            note="Only copied from: nothing of it reaches the image.",
        ),
    ),
    fix="safe",
)

RULES: tuple[Rule, ...] = (PIP_VERSIONS, NPM_VERSIONS, GEM_VERSIONS, PIP_CACHE, YARN_CACHE, GO_VERSIONS)
