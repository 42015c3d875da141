"""hadolint's rules for apt: pinned versions, package lists, prompts, recommended packages, `apt` itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.checks import hadolint
from analyzer.checks.body import Body
from analyzer.checks.interface import Example, Finding, Fix, Rule
from analyzer.checks.packages import cached, clause, removed, unpinned
from analyzer.checks.shell_edits import append_command, fix, insert_after, replace
from analyzer.checks.subject import Subject
from analyzer.shell.installs import ManagerCall

LISTS = "/var/lib/apt/lists"
_NO = frozenset({"0", "false", "no", "off"})


def _apt(body: Body, *actions: str) -> Iterator[ManagerCall]:
    """The calls of apt-get and apt with one of these actions."""
    for call in body.managers:
        if call.manager == "apt-get" and call.program != "aptitude" and call.action in actions:
            yield call


def _installs(body: Body) -> Iterator[ManagerCall]:
    """The calls that install packages by name; `build-dep` takes whatever the source package asks for."""
    for call in _apt(body, "install"):
        if call.action_word is None or call.action_word.value != "build-dep":
            yield call


def _versions(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        for call in _installs(body):
            # `name-` takes a package away, `name/release` picks one.
            loose = [each for each in unpinned(subject, run, call) if not each.name.endswith("-")]
            if loose:
                message = f"apt packages without a version: {clause(loose)}; write `name=version`"
                yield Finding(VERSIONS.name, message, body.span(loose[0].word.start, loose[-1].word.end))


VERSIONS = Rule(
    name="DL3008",
    severity="warning",
    summary="`apt-get install` names packages without a version.",
    why="Two builds of the same Dockerfile install different versions, and a cached layer hides which.",
    remedy="Write `name=version` for each package; `1.2.*` takes the patches of a version.",
    url=hadolint.url("DL3008"),
    check=_versions,
    bad=(
        Example("FROM debian:12\nRUN apt-get install -y --no-install-recommends python3\n", lines=(2,)),
        Example("FROM debian:12\nRUN apt-get install -y --no-install-recommends git=1:2.39* vim\n"),
    ),
    good=(
        Example("FROM debian:12\nRUN apt-get install -y --no-install-recommends python3=3.11.2-1+b1\n"),
        Example("FROM debian:12\nRUN apt-get install -y --no-install-recommends ./own.deb tool/bookworm\n"),
    ),
)


def _prompts(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        for call in _installs(body):
            if call.action_word is None or call.has("-y", "--yes", "--assume-yes") or _quiet(call):
                continue
            mended = fix("answer yes", insert_after(body, call.action_word, "-y"))
            message = f"`{call.program} install` without `-y` waits for an answer that nobody gives"
            yield Finding(PROMPTS.name, message, body.span(call.start, call.action_word.end), mended)


def _quiet(call: ManagerCall) -> bool:
    """Level two of quietness answers yes (apt-get(8))."""
    letters = 0
    for word in call.flags:
        value = word.value or word.text
        if value in ("-q=2", "--quiet=2"):
            return True
        if value == "--quiet":
            letters += 1
        elif re.fullmatch(r"-[A-Za-z]+", value):
            letters += value.count("q")
    return letters >= 2


PROMPTS = Rule(
    name="DL3014",
    severity="warning",
    summary="`apt-get install` is not told to go on without asking.",
    why="A build has no terminal: where apt has a question, it gives up.",
    remedy="Add `-y`.",
    url=hadolint.url("DL3014"),
    check=_prompts,
    bad=(Example("FROM debian:12\nRUN apt-get install python=2.7\n", lines=(2,)),),
    good=(
        Example("FROM debian:12\nRUN apt-get install -y python=2.7\n"),
        Example("FROM debian:12\nRUN apt-get -qq install python=2.7\n"),
        Example("FROM debian:12\nRUN apt-get install -yq python=2.7 && apt-get --assume-yes install a=1\n"),
    ),
    fix="safe",
)


def _recommends(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        if _never_recommends(body):
            continue
        for call in _installs(body):
            if call.action_word is None or call.has("--no-install-recommends") or _option_off(call):
                continue
            edit = insert_after(body, call.action_word, "--no-install-recommends")
            mended = fix("install no recommended packages", edit, safe=False)
            message = "recommended packages are installed as well; add `--no-install-recommends`"
            yield Finding(RECOMMENDS.name, message, body.span(call.start, call.action_word.end), mended)


def _option_off(call: ManagerCall) -> bool:
    for name, word in call.options:
        if name in ("-o", "--option"):
            key, _, value = (word.value or "").partition("=")
            if key.lower() == "apt::install-recommends" and value.lower() in _NO:
                return True
    return False


def _never_recommends(body: Body) -> bool:
    """Does the same text write apt's setting for all calls?"""
    return b"APT::Install-Recommends" in body.script.source and any(
        call.name in ("echo", "printf") and "APT::Install-Recommends" in call.command.words[-1].text
        for call in body.calls
        if call.command.redirections
    )


RECOMMENDS = Rule(
    name="DL3015",
    severity="info",
    summary="`apt-get install` takes recommended packages along.",
    why="They are often most of what is installed, and the image has no use for them.",
    remedy="Add `--no-install-recommends`, and name those that you do need.",
    url=hadolint.url("DL3015"),
    check=_recommends,
    bad=(Example("FROM debian:12\nRUN apt-get install -y python=2.7\n", lines=(2,)),),
    good=(
        Example("FROM debian:12\nRUN apt-get install -y --no-install-recommends python=2.7\n"),
        Example("FROM debian:12\nRUN apt-get install -y -o APT::Install-Recommends=false python=2.7\n"),
    ),
    fix="unsafe",
)


def _lists(subject: Subject) -> Iterator[Finding]:
    later = _later(subject)
    for index, (run, body) in enumerate(subject.runs):
        # What stays in a stage that is only copied from reaches no image.
        if not subject.reaches_image(run) or cached(run, LISTS):
            continue
        update = next(_apt(body, "update"), None)
        if update is None or _removed(body, update):
            continue
        mended = _lists_fix(subject, body, update, *later[index])
        message = f"the package lists in {LISTS} stay in this layer"
        yield Finding(PACKAGE_LISTS.name, message, body.span(update.start, update.end), mended)


def _removed(body: Body, update: ManagerCall) -> bool:
    """Does a later command of the same text take the lists away?"""
    cleaned = any(
        call.action_word is not None and call.action_word.value in ("distclean", "dist-clean")
        for call in _apt(body, "clean", "dist-clean")
    )
    return cleaned or removed(body, update.command.start, LISTS)


def _later(subject: Subject) -> list[tuple[bool, bool]]:
    """For each RUN: does a later one install and fetch no lists of its own? Does a later one call scripts?"""
    found: list[tuple[bool, bool]] = []
    lives, calls = False, False
    for _, body in reversed(subject.runs):
        found.append((lives, calls))
        lives = lives or (any(_apt(body, "install")) and not any(_apt(body, "update")))
        calls = calls or _runs_script(body)
    return found[::-1]


def _lists_fix(
    subject: Subject, body: Body, update: ManagerCall, lives_on_them: bool, scripts: bool
) -> Fix | None:
    if lives_on_them or update.through or any(block.kind == "function" for block in update.command.where):
        return None
    edit = append_command(subject.dockerfile, body, f"rm -rf {LISTS}/*")
    return fix("remove the package lists in the same layer", edit, safe=not scripts)


def _runs_script(body: Body) -> bool:
    """Does a RUN call what is not written here, and so may install packages?"""
    return body.script.fault is not None or any(
        call.words[0].value is None
        or "/" in (call.words[0].value or "")
        or call.name in ("sh", "bash", "source", ".", "eval", "make")
        for call in body.calls
    )


PACKAGE_LISTS = Rule(
    name="DL3009",
    severity="info",
    summary="The package lists of `apt-get update` stay in the layer.",
    why="They are tens of megabytes that no running container reads, and they are stale by tomorrow.",
    remedy="End the same RUN with `rm -rf /var/lib/apt/lists/*`, or mount a cache there.",
    url=hadolint.url("DL3009"),
    check=_lists,
    bad=(
        Example(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends a=1\n",
            lines=(2,),
        ),
        Example(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends a=1\n"
            "RUN rm -rf /var/lib/apt/lists/*\n",
            lines=(2,),
            note="The layer above keeps them.",
        ),
    ),
    good=(
        Example(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends a=1 \\\n"
            "    && rm -rf /var/lib/apt/lists/*\n"
        ),
        Example(
            "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt,sharing=locked \\\n"
            "    apt-get update && apt-get install -y --no-install-recommends a=1\n"
        ),
        Example(
            "FROM debian:12 AS build\nRUN apt-get update && apt-get install -y make=4\n"
            "FROM debian:12\nCOPY --from=build /a /a\n",
            note="Only copied from: nothing of it reaches the image.",
        ),
    ),
    fix="sometimes",
)

# Subcommands that do the same under both names.
_SAME = frozenset({"install", "reinstall", "remove", "purge", "autoremove", "autopurge", "update", "clean"})


def _front_end(subject: Subject) -> Iterator[Finding]:
    for _, body in subject.runs:
        for call in body.called("apt"):
            word = call.words[0]
            verb = next((value for value in call.values[1:] if value and not value.startswith("-")), "")
            mended = None
            if verb in _SAME:
                mended = fix("call apt-get", replace(body, word, word.text.removesuffix("apt") + "apt-get"))
            message = "`apt` is made for people at a terminal; scripts call `apt-get` or `apt-cache`"
            yield Finding(FRONT_END.name, message, body.span_of(word), mended)


FRONT_END = Rule(
    name="DL3027",
    severity="warning",
    summary="`apt` is called in a script.",
    why="Its options and output may change between versions; those of apt-get and apt-cache do not.",
    remedy="Call `apt-get`, or `apt-cache` to search.",
    url=hadolint.url("DL3027"),
    check=_front_end,
    bad=(Example("FROM debian:12\nRUN apt install -y --no-install-recommends curl=1.1.0\n", lines=(2,)),),
    good=(
        Example("FROM debian:12\nRUN apt-get install -y --no-install-recommends curl=1.1.0\n"),
        Example("FROM debian:12\nRUN echo apt install curl > /hint\n"),
    ),
    fix="sometimes",
)

RULES: tuple[Rule, ...] = (VERSIONS, PACKAGE_LISTS, PROMPTS, RECOMMENDS, FRONT_END)
