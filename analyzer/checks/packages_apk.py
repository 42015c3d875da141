"""hadolint's rules for Alpine's apk: pinned versions, no package index left behind."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.checks import hadolint
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.packages import cached, calls_of, clause, unpinned
from analyzer.checks.shell_edits import fix, insert_after
from analyzer.checks.subject import Subject

CACHES = ("/var/cache/apk", "/etc/apk/cache")


def _versions(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        for call in calls_of(body, "apk", "install"):
            if call.action_word is None or call.action_word.value != "add":
                continue
            # `!name` forbids a package.
            loose = [each for each in unpinned(subject, run, call) if not each.name.startswith("!")]
            if loose:
                message = f"apk packages without a version: {clause(loose)}; write `name=version`"
                yield Finding(VERSIONS.name, message, body.span(loose[0].word.start, loose[-1].word.end))


VERSIONS = Rule(
    name="DL3018",
    severity="warning",
    summary="`apk add` names packages without a version.",
    why="Two builds of the same Dockerfile install different versions, and a cached layer hides which.",
    remedy="Write `name=version`, or `name~=version` to take the patches of a version.",
    url=hadolint.url("DL3018"),
    check=_versions,
    bad=(
        Example("FROM alpine:3.20\nRUN apk --no-cache add foo\n", lines=(2,)),
        Example("FROM alpine:3.20\nRUN apk add --no-cache -t build-tools git\n", lines=(2,)),
    ),
    good=(
        Example("FROM alpine:3.20\nRUN apk --no-cache add foo=1.0\n"),
        Example(
            'FROM alpine:3.20\nRUN apk add --no-cache --virtual .build make~=4.4 "musl-dev>1.2" ./own.apk\n'
        ),
    ),
)


def _index(subject: Subject) -> Iterator[Finding]:
    for run, body in subject.runs:
        if cached(run, *CACHES):
            continue
        for call in calls_of(body, "apk", "install"):
            word = call.action_word
            if word is None or word.value != "add" or call.has("--no-cache", "--cache-dir"):
                continue
            mended = fix("keep no package index", insert_after(body, word, "--no-cache"))
            message = (
                "`apk add` without `--no-cache` leaves the package index in the layer, or uses an old one"
            )
            yield Finding(INDEX.name, message, body.span(call.start, word.end), mended)


INDEX = Rule(
    name="DL3019",
    severity="info",
    summary="`apk add` is called without `--no-cache`.",
    why="The index that it needs stays in the layer; with the option it is fetched and dropped.",
    remedy="Write `apk add --no-cache`; `apk update` and removing /var/cache/apk become needless.",
    url=hadolint.url("DL3019"),
    check=_index,
    bad=(
        Example(
            "FROM alpine:3.20\nRUN apk update && apk add foo=1.0 && rm -rf /var/cache/apk/*\n", lines=(2,)
        ),
    ),
    good=(
        Example("FROM alpine:3.20\nRUN apk --no-cache add foo=1.0\n"),
        Example("FROM alpine:3.20\nRUN --mount=type=cache,target=/var/cache/apk apk add foo=1.0\n"),
    ),
    fix="safe",
)

RULES: tuple[Rule, ...] = (VERSIONS, INDEX)
