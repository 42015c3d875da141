"""What a build leaves in the image that no program of it needs: compilers, headers, tools, caches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from analyzer.checks.base_images import official_name
from analyzer.checks.body import Body
from analyzer.checks.final_image import base, called, chain, runs, runs_a_program, scripts, url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.packages import cached, clause, removed
from analyzer.checks.shell_edits import always_runs, append_command, fix
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Run
from analyzer.shell.installs import ManagerCall, Package
from analyzer.values import frozen

SYSTEM = frozenset({"apt-get", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper", "pacman"})

_COMPILERS = re.compile(
    r"(?:gcc|g\+\+|gcc-c\+\+|clang|cpp|gfortran|rustc|cargo|golang|nasm|yasm|build-essential|build-base|"
    r"alpine-sdk|base-devel|make|cmake|ninja-build|ninja|autoconf|automake|libtool|bison|flex|pkg-config|"
    r"pkgconf|meson|binutils|default-jdk|default-jdk-headless|openjdk-\d+-jdk|openjdk-\d+-jdk-headless|"
    r"openjdk\d+-jdk|maven|gradle)(?:-\d+(?:\.\d+)*)?"
)
_HEADERS = re.compile(r".+-(?:dev|devel|headers)|(?:linux|kernel)-headers.*")
_FETCHERS = frozenset({"git", "git-core", "mercurial", "subversion", "curl", "wget", "aria2"})
_TOOL_IMAGES = frozenset({"golang", "rust", "gcc", "maven", "gradle", "buildpack-deps", "haskell", "swift"})


def installed(body: Body) -> Iterator[tuple[ManagerCall, Package]]:
    """The system packages that a RUN installs and does not take away again."""
    for call in body.managers:
        if call.manager in SYSTEM and call.action == "install":
            for package in call.packages:
                if not _taken_away(body, call, package):
                    yield call, package


def _taken_away(body: Body, install: ManagerCall, package: Package) -> bool:
    virtual = install.option("-t", "--virtual")
    for call in body.managers:
        if call.action != "remove" or call.start < install.start:
            continue
        # `autoremove`, and names out of variables: whatever they are, somebody cleans up.
        if not call.packages or any(each.dynamic for each in call.packages):
            return True
        names = [each.name for each in call.packages]
        if virtual in names or any(fnmatchcase(package.name, name) for name in names):
            return True
    return False


def removed_later(subject: Subject) -> dict[str, Run]:
    """The system packages that a RUN takes away, by name, with that RUN."""
    found: dict[str, Run] = {}
    for run, _, body in runs(subject):
        for call in body.managers:
            if call.manager in SYSTEM and call.action == "remove":
                found.update({package.name: run for package in call.packages})
    return found


def _of_kind(subject: Subject, wanted: str) -> Iterator[tuple[Body, list[Package]]]:
    """For each RUN of the image the packages of one kind that stay."""
    if not runs_a_program(subject):
        return
    gone = removed_later(subject)
    used = called(subject) | (_script_words(subject) if wanted == "fetch" else frozenset())
    for _, _, body in runs(subject):
        packages = [
            package
            for _, package in installed(body)
            if _kind(package.name) == wanted and package.name not in gone and package.name not in used
        ]
        if packages:
            yield body, packages


def _script_words(subject: Subject) -> frozenset[str]:
    """The fetchers that a script of the container names; all of them where one cannot be read."""
    found: set[str] = set()
    for text in scripts(subject):
        if text is None:
            return _FETCHERS
        found |= {name for name in _FETCHERS if re.search(rf"\b{name}\b", text)}
    return frozenset(found)


def _kind(package: str) -> str:
    if _COMPILERS.fullmatch(package) or _HEADERS.fullmatch(package):
        return "build"
    return "fetch" if package in _FETCHERS else ""


def _build_tools(subject: Subject) -> Iterator[Finding]:
    for body, packages in _of_kind(subject, "build"):
        message = f"the image keeps what only a build needs: {clause(packages)}"
        yield Finding(BUILD_TOOLS.name, message, body.span(packages[0].word.start, packages[-1].word.end))
    name = official_name(base(subject))
    if name in _TOOL_IMAGES and runs_a_program(subject):
        node = chain(subject)[0].start.node
        message = f"the image stands on {name}, with its compilers: copy the result elsewhere"
        yield Finding(BUILD_TOOLS.name, message, node.span_of(node.words[0]))


BUILD_TOOLS = Rule(
    name="SLIM101",
    severity="info",
    summary="A compiler, headers or other build tools end in the image.",
    why="They are hundreds of megabytes that the program never touches, and what an intruder wants first.",
    remedy="Build in a stage of its own and copy the result, or remove them in the RUN that installs them.",
    url=url("SLIM101"),
    check=_build_tools,
    bad=(
        Example(
            "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y gcc libpq-dev libpq5 \\\n"
            '    && pip install psycopg2==2.9.9\nCMD ["python", "app.py"]\n',
            lines=(2,),
        ),
        Example('FROM golang:1.22\nRUN go build -o /app .\nCMD ["/app"]\n', lines=(1,)),
    ),
    good=(
        Example(
            "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y gcc libpq5 \\\n"
            "    && pip install psycopg2==2.9.9 && apt-get purge -y --auto-remove gcc\n"
            'CMD ["python", "app.py"]\n'
        ),
        Example(
            "FROM alpine:3.20\nRUN apk add --no-cache -t .build gcc musl-dev && make && apk del .build\n"
            'CMD ["/app"]\n'
        ),
        Example(
            "FROM golang:1.22 AS build\nRUN go build -o /app .\n"
            'FROM scratch\nCOPY --from=build /app /app\nCMD ["/app"]\n'
        ),
        Example(
            "FROM debian:12\nRUN apt-get install -y gcc make\n", note="A base for others: it runs nothing."
        ),
    ),
)


def _fetch_tools(subject: Subject) -> Iterator[Finding]:
    for body, packages in _of_kind(subject, "fetch"):
        message = f"the image keeps tools that fetch sources and files: {clause(packages)}"
        yield Finding(FETCH_TOOLS.name, message, body.span(packages[0].word.start, packages[-1].word.end))


FETCH_TOOLS = Rule(
    name="SLIM102",
    severity="info",
    summary="A version control or download tool ends in the image.",
    why="The program does not call it; an intruder would, to load the rest of his tools.",
    remedy="Fetch in a stage of its own, or use ADD; remove the tool in the RUN that installs it.",
    url=url("SLIM102"),
    check=_fetch_tools,
    bad=(
        Example(
            "FROM debian:12\nRUN apt-get update && apt-get install -y ca-certificates git \\\n"
            '    && git clone https://example.org/app.git /app\nCMD ["/app/run"]\n',
            lines=(2,),
        ),
    ),
    good=(
        Example(
            "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n"
            'HEALTHCHECK CMD curl -f http://localhost/\nCMD ["/app/run"]\n',
            note="The health check calls it.",
        ),
        Example(
            "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nCOPY start.sh /\n"
            'ENTRYPOINT ["/start.sh"]\n',
            files={"start.sh": "#!/bin/sh\ncurl -f http://other/ && exec /app/run\n"},
            note="The entrypoint calls it.",
        ),
        Example(
            "FROM debian:12 AS source\nRUN apt-get install -y git && git clone https://example.org/a.git /a\n"
            'FROM debian:12\nCOPY --from=source /a /a\nCMD ["/a/run"]\n'
        ),
    ),
)


@frozen
class _Cache:
    """Where a manager keeps what it fetched, and what keeps it from doing so."""

    actions: tuple[str, ...]
    folders: tuple[str, ...]
    clean: str = ""  # the command that empties it
    off: tuple[str, ...] = ()  # options
    variables: tuple[str, ...] = ()  # names whose being set switches it off or moves it


_CACHES = {
    "npm": _Cache(("install", "ci"), ("/root/.npm",), "npm cache clean --force", ("--cache",)),
    "composer": _Cache(
        ("install", "upgrade"),
        ("/root/.composer/cache", "/root/.cache/composer", "/tmp/cache"),
        "composer clear-cache",
        ("--no-cache",),
        ("COMPOSER_CACHE_DIR",),
    ),
    "conda": _Cache(("install", "upgrade"), ("/opt/conda/pkgs",), "", (), ("CONDA_PKGS_DIRS",)),
    "poetry": _Cache(("install",), ("/root/.cache/pypoetry",), "", ("--no-cache",), ("POETRY_CACHE_DIR",)),
    "uv": _Cache(
        ("install",), ("/root/.cache/uv",), "", ("--no-cache", "-n"), ("UV_NO_CACHE", "UV_CACHE_DIR")
    ),
    "cargo": _Cache(
        ("install",), ("/usr/local/cargo/registry", "/root/.cargo/registry"), "", (), ("CARGO_HOME",)
    ),
}


def _caches(subject: Subject) -> Iterator[Finding]:
    for run, expanded, body in runs(subject):
        for manager, cache in _CACHES.items():
            call = next(
                (each for each in body.managers if each.manager == manager and each.action in cache.actions),
                None,
            )
            if (
                call is None
                or call.has(*cache.off)
                or any(name in expanded.environment for name in cache.variables)
            ):
                continue
            if cached(run, *cache.folders) or removed(body, call.command.start, *cache.folders):
                continue
            if any(each.manager == manager and each.action == "clean" for each in body.managers):
                continue
            if any(mount.type == "cache" and manager in mount.target for mount in run.mounts):
                continue
            message = f"`{call.program}` leaves its cache in the layer ({cache.folders[0]})"
            mended = None
            if cache.clean and not call.through and always_runs(call):
                edit = append_command(subject.dockerfile, body, cache.clean)
                mended = fix(f"run `{cache.clean}` in the same layer", edit)
            yield Finding(CACHES.name, message, body.span(call.start, call.end), mended)


CACHES = Rule(
    name="SLIM103",
    severity="info",
    summary="A package manager's cache stays in the layer.",
    why="Every package lies in the image twice, as installed and as downloaded.",
    remedy="Empty the cache in the same RUN, or mount one there with `--mount=type=cache`.",
    url=url("SLIM103"),
    check=_caches,
    bad=(
        Example("FROM node:20-slim\nCOPY package*.json ./\nRUN npm ci\n", lines=(3,)),
        Example("FROM condaforge/miniforge3:24.3.0-0\nRUN conda install -y numpy=1.26\n", lines=(2,)),
    ),
    good=(
        Example("FROM node:20-slim\nRUN npm ci && npm cache clean --force\n"),
        Example("FROM node:20-slim\nRUN --mount=type=cache,target=/root/.npm npm ci\n"),
        Example(
            "FROM node:20 AS build\nRUN npm ci\nFROM node:20-slim\nCOPY --from=build /app /app\n",
            note="Only copied from: nothing of it reaches the image.",
        ),
    ),
    fix="sometimes",
)

RULES: tuple[Rule, ...] = (BUILD_TOOLS, FETCH_TOOLS, CACHES)
