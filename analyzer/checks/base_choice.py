"""The choice of the base image: tags that move, digests, slimmer siblings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.checks.base_images import official_name, reference_of
from analyzer.checks.final_image import base, base_is_known, chain, runs_a_program, url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import From
from analyzer.dockerfile.nodes import Token
from analyzer.dockerfile.scope import Stage
from analyzer.reference import Reference

# Tags that name a channel, not a release, whatever the image.
_CHANNEL = (
    "stable|testing|unstable|sid|oldstable|rolling|edge|nightly|lts|current|mainline|main|master|canary"
)
_VARIANTS = r"(?:-(?:slim|alpine[\d.]*|perl|cli|fpm|apache|bullseye|bookworm|trixie|buster|jammy|noble))*"
_CHANNELS = re.compile(rf"(?:{_CHANNEL}){_VARIANTS}")
# Of an official image, a variant alone is the newest release of it; of a distribution, a code name is one.
_VARIANT = re.compile(rf"(?:alpine|slim|bullseye|bookworm|trixie|buster|jammy|noble){_VARIANTS}")
_DISTRIBUTIONS = frozenset({"debian", "ubuntu", "buildpack-deps"})


def _external(subject: Subject) -> Iterator[tuple[Stage, Token, Reference]]:
    for stage in subject.stages:
        command = stage.start.command
        if stage.parent is not None or stage.base == "scratch" or not isinstance(command, From):
            continue
        reference = reference_of(stage.base)
        if reference is not None and all(each.defined for each in stage.start.lookups):
            yield stage, command.base, reference


def _floating(subject: Subject) -> Iterator[Finding]:
    for stage, token, reference in _external(subject):
        tag, name = reference.tag, official_name(stage.base)
        # A tag out of an argument is the choice of whoever gives the argument.
        if reference.digest or not token.text.endswith(f":{tag}"):
            continue
        variant = name != "" and name not in _DISTRIBUTIONS and _VARIANT.fullmatch(tag)
        if not variant and not _CHANNELS.fullmatch(tag):
            continue
        message = f"the tag {tag} of {reference.name} names no release: it moves to the next one by itself"
        yield Finding(FLOATING.name, message, stage.start.node.span_of(token))


FLOATING = Rule(
    name="SLIM107",
    severity="warning",
    summary="FROM takes a tag that names a channel, such as `stable`, `lts` or `alpine`.",
    why="It moves from one release to the next without a change in this file, as `latest` does.",
    remedy="Write the tag of a release, such as `20.11-alpine`.",
    url=url("SLIM107"),
    check=_floating,
    bad=(
        Example("FROM node:lts-alpine\n", lines=(1,)),
        Example("FROM nginx:mainline\n", lines=(1,)),
        Example("FROM ubuntu:rolling\n", lines=(1,)),
    ),
    good=(
        Example("FROM node:20.11-alpine\nFROM debian:bookworm-slim\nFROM nginx:1.27\n"),
        Example(f"FROM node:lts@sha256:{'0' * 64}\n"),
    ),
)


def _no_digest(subject: Subject) -> Iterator[Finding]:
    for stage, token, reference in _external(subject):
        if not reference.digest:
            message = f"{stage.base} has no digest: the tag can be given to another image"
            yield Finding(NO_DIGEST.name, message, stage.start.node.span_of(token))


NO_DIGEST = Rule(
    name="SLIM108",
    severity="info",
    summary="FROM names an image without a digest.",
    why="A tag can be given to another image at any time; a digest cannot.",
    remedy="Write `image:tag@sha256:…`, and let a bot keep it current.",
    url=url("SLIM108"),
    check=_no_digest,
    bad=(Example("FROM debian:12.5-slim\n", lines=(1,)),),
    good=(Example(f"FROM debian:12.5-slim@sha256:{'0' * 64} AS a\nFROM a\nFROM scratch\n"),),
    default=False,
)

# Official images that have, for each of these tags, one with `-slim` and far fewer packages.
_SLIM = frozenset({"python", "node", "ruby", "perl", "debian", "pypy"})
_TAG = re.compile(r"(?:\d[\w.]*|lts|current|bullseye|bookworm|trixie)(?:-(?:bullseye|bookworm|trixie))?")


def _slim_sibling(subject: Subject) -> Iterator[Finding]:
    if not runs_a_program(subject) or not base_is_known(subject):
        return
    reference, name = reference_of(base(subject)), official_name(base(subject))
    if reference is None or name not in _SLIM or not _TAG.fullmatch(reference.tag):
        return
    stage = chain(subject)[0]
    command = stage.start.command
    if isinstance(command, From) and command.base.text.endswith(reference.tag):
        message = f"{name}:{reference.tag} has a smaller sibling: {name}:{reference.tag}-slim"
        yield Finding(SLIM_SIBLING.name, message, stage.start.node.span_of(command.base))


SLIM_SIBLING = Rule(
    name="SLIM109",
    severity="info",
    summary="The image stands on the full variant of a base that has a slim one.",
    why="The full variant brings what no program needs: of languages, compilers and headers too.",
    remedy="Take the `-slim` tag for the image; build in a stage on the full one.",
    url=url("SLIM109"),
    check=_slim_sibling,
    bad=(
        Example('FROM python:3.12\nCMD ["python", "app.py"]\n', lines=(1,)),
        Example('FROM node:20-bookworm\nCMD ["node", "app.js"]\n', lines=(1,)),
    ),
    good=(
        Example('FROM python:3.12-slim\nCMD ["python", "app.py"]\n'),
        Example('FROM node:20 AS build\nRUN npm ci\nFROM node:20-alpine\nCMD ["node", "app.js"]\n'),
        Example("FROM python:3.12\nRUN make\n", note="A base for others: it runs nothing."),
    ),
)

RULES: tuple[Rule, ...] = (FLOATING, NO_DIGEST, SLIM_SIBLING)
