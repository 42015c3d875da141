"""hadolint's rules for yum, dnf, microdnf and zypper: prompts, caches, pinned versions, upgrades."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from analyzer.checks import hadolint
from analyzer.checks.body import Body
from analyzer.checks.interface import Check, Example, Finding, Rule
from analyzer.checks.packages import cached, calls_of, clause, removed, unpinned
from analyzer.checks.shell_edits import always_runs, append_command, fix, insert_after
from analyzer.checks.subject import Subject
from analyzer.shell import Word
from analyzer.shell.installs import ManagerCall, Package
from analyzer.values import frozen


@frozen
class _Manager:
    """How one family is told to answer yes and to clean up, and where it keeps what it fetched."""

    names: tuple[str, ...]
    asking: frozenset[str]  # subcommands that ask before they change anything
    filling: frozenset[str]  # subcommands that fill the cache
    yes: tuple[str, ...]
    clean: str  # what runs behind the program's name
    caches: tuple[str, ...]


_YES = ("-y", "--assumeyes")
_YUM = _Manager(
    ("yum",),
    frozenset({"install", "groupinstall", "localinstall", "group-install", "reinstall"}),
    frozenset({"install", "groupinstall", "localinstall", "group-install", "reinstall"}),
    _YES,
    "clean all",
    ("/var/cache/yum", "/var/cache/dnf"),
)
_DNF = _Manager(
    ("dnf", "microdnf"),
    _YUM.asking,
    _YUM.filling | {"upgrade", "update"},
    _YES,
    "clean all",
    ("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"),
)
_ZYPPER = _Manager(
    ("zypper",),
    frozenset({"install", "in", "remove", "rm", "source-install", "si", "patch"}),
    frozenset({"install", "in"}),
    ("-y", "--no-confirm", "-n", "--non-interactive"),
    "clean",
    ("/var/cache/zypp",),
)


def _called(manager: _Manager, body: Body, verbs: frozenset[str]) -> Iterator[tuple[ManagerCall, Word]]:
    """The calls with one of these subcommands, each with its word: the last of `group install`."""
    for call in body.managers:
        word = call.action_word
        if call.manager not in manager.names or word is None:
            continue
        if word.value in ("group", "groups", "module"):
            word = next((each for each in call.words if each.start > word.end and each.value in verbs), word)
        if word.value in verbs:
            yield call, word


def _answers(manager: _Manager, name: str) -> Check:
    def check(subject: Subject) -> Iterator[Finding]:
        for _, body in subject.runs:
            for call, word in _called(manager, body, manager.asking):
                if call.has(*manager.yes):
                    continue
                message = f"`{call.program} {word.text}` without `-y` waits for an answer that nobody gives"
                mended = fix("answer yes", insert_after(body, word, "-y"))
                yield Finding(name, message, body.span(call.start, word.end), mended)

    return check


def _cleans(manager: _Manager, name: str) -> Check:
    def check(subject: Subject) -> Iterator[Finding]:
        for run, body in subject.runs:
            call = next((call for call, _ in _called(manager, body, manager.filling)), None)
            if call is None or cached(run, *manager.caches):
                continue
            start = call.command.start
            cleaned = any(
                later.action == "clean" and later.manager in (*manager.names, "dnf", "yum", "microdnf")
                for later in body.managers
                if later.command.start >= start
            )
            if cleaned or removed(body, start, *manager.caches):
                continue
            command = f"{call.program} {manager.clean}"
            mended = None
            if not call.through and always_runs(call):
                edit = append_command(subject.dockerfile, body, command)
                mended = fix(f"run `{command}` in the same layer", edit)
            message = f"what `{call.program}` fetched stays in this layer: `{command}` is missing"
            yield Finding(name, message, body.span(call.start, call.end), mended)

    return check


def _pins(manager: _Manager, name: str, loose: Callable[[Package], bool], how: str) -> Check:
    def check(subject: Subject) -> Iterator[Finding]:
        for run, body in subject.runs:
            for each in manager.names:
                for call in calls_of(body, each, "install"):
                    if call.action_word is None or call.action_word.value not in ("install", "in"):
                        continue
                    packages = [package for package in unpinned(subject, run, call) if loose(package)]
                    if not packages:
                        continue
                    message = f"{each} packages without a version: {clause(packages)}; write `{how}`"
                    span = body.span(packages[0].word.start, packages[-1].word.end)
                    yield Finding(name, message, span)

    return check


def _unversioned_rpm(package: Package) -> bool:
    # A group (`@name`), an installed file (`/usr/bin/x`) and `name = 1.2` are no bare names.
    return not re.search(r"^[@/]|[<>=]|-\d", package.name)


def _any(_: Package) -> bool:
    return True


def _distribution_upgrades(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        for call, _ in _called(_ZYPPER, body, frozenset({"dist-upgrade", "dup"})):
            message = "a distribution upgrade in a layer: take a newer base image"
            yield Finding(DISTRIBUTION_UPGRADE.name, message, body.span(call.start, call.end))


def _rule(
    code: str,
    check: Check,
    texts: tuple[str, str, str],
    bad: tuple[str, ...],
    good: tuple[str, ...],
    mended: bool,
) -> Rule:
    summary, why, remedy = texts
    return Rule(
        name=code,
        severity="warning",
        summary=summary,
        why=why,
        remedy=remedy,
        url=hadolint.url(code),
        check=check,
        bad=tuple(Example(f"FROM fedora:40\nRUN {text}\n", lines=(2,)) for text in bad),
        good=tuple(Example(f"FROM fedora:40\nRUN {text}\n") for text in good),
        fix="safe" if mended else "none",
    )


_NO_TERMINAL = "A build has no terminal: where the program asks, the build ends."
_CACHE = "The layer keeps package files and indexes that no running container reads."
_AGAIN = "Two builds of the same Dockerfile install different versions, and a cached layer hides which."

DISTRIBUTION_UPGRADE = _rule(
    "DL3035",
    _distribution_upgrades,
    (
        "`zypper dist-upgrade` changes the release of the whole system.",
        "What comes out depends on the day of the build, and the base image's files stay below it.",
        "Take a newer base image.",
    ),
    ("zypper dist-upgrade", "zypper dup"),
    ("zypper install -y tool=1 && zypper clean",),
    False,
)

RULES: tuple[Rule, ...] = (
    _rule(
        "DL3030",
        _answers(_YUM, "DL3030"),
        ("`yum install` is not told to go on without asking.", _NO_TERMINAL, "Add `-y`."),
        ("yum install httpd-2.4.24 && yum clean all",),
        ("yum install -y httpd-2.4.24 && yum clean all", "yum -yq install httpd-2.4.24 && yum clean all"),
        True,
    ),
    _rule(
        "DL3032",
        _cleans(_YUM, "DL3032"),
        (
            "`yum clean all` is missing behind `yum install`.",
            _CACHE,
            "End the same RUN with `yum clean all`.",
        ),
        ("yum install -y httpd-2.4.24",),
        ("yum install -y httpd-2.4.24 && yum clean all", "yum install -y a-1 && rm -rf /var/cache/yum/*"),
        True,
    ),
    _rule(
        "DL3033",
        _pins(_YUM, "DL3033", _unversioned_rpm, "name-version"),
        ("`yum install` names packages without a version.", _AGAIN, "Write `name-version`."),
        ("yum install -y httpd && yum clean all",),
        ("yum install -y httpd-2.4.24 && yum clean all", "yum install -y ./own.rpm && yum clean all"),
        False,
    ),
    _rule(
        "DL3034",
        _answers(_ZYPPER, "DL3034"),
        (
            "`zypper` is not told to go on without asking.",
            _NO_TERMINAL,
            "Add `-y`, or `-n` before the command.",
        ),
        ("zypper install httpd=2.4.24 && zypper clean",),
        ("zypper install -y httpd=2.4.24 && zypper clean", "zypper -n in httpd=2.4.24 && zypper clean"),
        True,
    ),
    DISTRIBUTION_UPGRADE,
    _rule(
        "DL3036",
        _cleans(_ZYPPER, "DL3036"),
        (
            "`zypper clean` is missing behind `zypper install`.",
            _CACHE,
            "End the same RUN with `zypper clean`.",
        ),
        ("zypper install -y httpd=2.4.24",),
        ("zypper install -y httpd=2.4.24 && zypper clean", "zypper in -y httpd=2.4.24 && zypper cc"),
        True,
    ),
    _rule(
        "DL3037",
        _pins(_ZYPPER, "DL3037", _any, "name=version"),
        ("`zypper install` names packages without a version.", _AGAIN, "Write `name=version`."),
        ("zypper install -y httpd && zypper clean",),
        ("zypper install -y httpd=2.4.24 && zypper clean", 'zypper install -y "httpd>=2.4" && zypper clean'),
        False,
    ),
    _rule(
        "DL3038",
        _answers(_DNF, "DL3038"),
        ("`dnf install` is not told to go on without asking.", _NO_TERMINAL, "Add `-y`."),
        ("dnf install httpd-2.4.24 && dnf clean all", "microdnf install httpd-2.4.24 && microdnf clean all"),
        ("dnf install -y httpd-2.4.24 && dnf clean all",),
        True,
    ),
    _rule(
        "DL3040",
        _cleans(_DNF, "DL3040"),
        (
            "`dnf clean all` is missing behind `dnf install`.",
            _CACHE,
            "End the same RUN with `dnf clean all`.",
        ),
        ("dnf install -y httpd-2.4.24",),
        (
            "dnf install -y httpd-2.4.24 && dnf clean all",
            "--mount=type=cache,target=/var/cache/libdnf5 dnf install -y httpd-2.4.24",
        ),
        True,
    ),
    _rule(
        "DL3041",
        _pins(_DNF, "DL3041", _unversioned_rpm, "name-version"),
        ("`dnf install` names packages without a version.", _AGAIN, "Write `name-version`."),
        ("dnf install -y httpd && dnf clean all", "microdnf install -y httpd && microdnf clean all"),
        ("dnf install -y httpd-2.4.24 && dnf clean all",),
        False,
    ),
)
