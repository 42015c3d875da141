"""hadolint's rules for labels: keys, and values against the schema of the settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from analyzer.checks import hadolint
from analyzer.checks.interface import Check, Example, Finding, Rule, Severity
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Label
from analyzer.dockerfile.nodes import Instruction, Token
from analyzer.settings import LintSettings

_KEY = re.compile(r"[a-z](?:[a-z0-9_/]|[.-](?=[a-z0-9]))*(?<![_/])")
_RESERVED = ("com.docker.", "io.docker.", "org.dockerproject.")


def _labels(subject: Subject) -> Iterator[tuple[Instruction, Token, str, str | None]]:
    """Each label: its instruction, where its key stands, the key, the value where it is known."""
    for command in subject.of(Label):
        expanded = subject.expanded(command)
        for index, pair in enumerate(command.pairs):
            key, value = expanded.words[2 * index : 2 * index + 2]
            known = not any(name in pair.text for name in expanded.undefined)
            yield command.node, pair.name, key, value if known else None


def _keys(subject: Subject) -> Iterator[Finding]:
    for node, name, key, _ in _labels(subject):
        if "$" not in name.text and (not _KEY.fullmatch(key) or key.startswith(_RESERVED)):
            yield Finding(KEYS.name, f"{key} is no good label key", node.span_of(name))


KEYS = Rule(
    name="DL3048",
    severity="style",
    summary="A label's key breaks Docker's rules for keys.",
    why="A key begins with a lower case letter, ends with a letter or digit, joins words by one `.` or `-`; "
    "com.docker, io.docker and org.dockerproject are Docker's own.",
    remedy="Write `org.example.some-key`.",
    url=hadolint.url("DL3048"),
    check=_keys,
    bad=(
        Example("FROM debian:12\nLABEL +?not..valid--key=value\n", lines=(2,)),
        Example("FROM debian:12\nLABEL com.docker.key=value Upper=value\n"),
    ),
    good=(Example("FROM debian:12\nLABEL org.example.some-key=value vendor=Example own/name=a\n"),),
)


def _missing(subject: Subject) -> Iterator[Finding]:
    stage = subject.final
    if stage is None:
        return
    for key in sorted(subject.lint.label_schema):
        if key not in stage.config.labels:
            yield Finding(
                MISSING.name, f"the label {key} is missing", stage.start.node.span_of(stage.start.node.name)
            )


def _with(**schema: str) -> LintSettings:
    return LintSettings(label_schema=schema)


MISSING = Rule(
    name="DL3049",
    severity="info",
    summary="The image lacks a label that the settings ask for.",
    why="Whoever looks for images by that label does not find this one.",
    remedy="Add the label.",
    url=hadolint.url("DL3049"),
    check=_missing,
    bad=(Example("FROM debian:12\nLABEL vendor=Example\n", lines=(1,), settings=_with(author="text")),),
    good=(
        Example("FROM debian:12 AS base\nLABEL author=somebody\nFROM base\n", settings=_with(author="text")),
    ),
)


def _superfluous(subject: Subject) -> Iterator[Finding]:
    if not subject.lint.strict_labels:
        return
    for node, name, key, _ in _labels(subject):
        if key not in subject.lint.label_schema:
            yield Finding(SUPERFLUOUS.name, f"the label {key} is none of the schema's", node.span_of(name))


SUPERFLUOUS = Rule(
    name="DL3050",
    severity="info",
    summary="The image has a label that the settings do not know, and they are strict.",
    why="Labels that nobody agreed on are labels that nobody reads.",
    remedy="Take it out, or add it to `label-schema`.",
    url=hadolint.url("DL3050"),
    check=_superfluous,
    bad=(
        Example(
            "FROM debian:12\nLABEL author=somebody other=1\n",
            lines=(2,),
            settings=LintSettings(label_schema={"author": "text"}, strict_labels=True),
        ),
    ),
    good=(Example("FROM debian:12\nLABEL author=somebody other=1\n", settings=_with(author="text")),),
)


def _empty(subject: Subject) -> Iterator[Finding]:
    for node, name, key, value in _labels(subject):
        if key in subject.lint.label_schema and value == "":
            yield Finding(EMPTY.name, f"the label {key} is empty", node.span_of(name))


EMPTY = Rule(
    name="DL3051",
    severity="warning",
    summary="A label of the schema has no value.",
    why="It is there and says nothing.",
    remedy="Give it a value.",
    url=hadolint.url("DL3051"),
    check=_empty,
    bad=(Example('FROM debian:12\nLABEL author=""\n', lines=(2,), settings=_with(author="text")),),
    good=(Example("FROM debian:12\nLABEL author=somebody\n", settings=_with(author="text")),),
)

_TIME = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ]"
    r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)
_VERSION = re.compile(
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
_HASH = re.compile(r"[0-9a-f]{7}|[0-9a-f]{40}")
_EMAIL = re.compile(r"[^@\s<>\"]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def _licence(text: str) -> bool:
    """An identifier or expression of SPDX."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return False
    return True


def _values(name: str, kind: str, good: Callable[[str], object], what: str) -> Check:
    def check(subject: Subject) -> Iterator[Finding]:
        schema = subject.lint.label_schema
        if kind not in schema.values():
            return
        for node, token, key, value in _labels(subject):
            if schema.get(key) == kind and value and not good(value):
                yield Finding(name, f"the label {key} is no {what}: {value}", node.span_of(token))

    return check


def _value_rule(
    code: str, kind: str, good: Callable[[str], object], what: str, valid: str, invalid: str
) -> Rule:
    severity: Severity = "warning"
    return Rule(
        name=code,
        severity=severity,
        summary=f"A label that the schema calls `{kind}` is no {what}.",
        why="Programs that read the label cannot make sense of it.",
        remedy=f"Write it like `{valid}`.",
        url=hadolint.url(code),
        check=_values(code, kind, good, what),
        bad=(Example(f'FROM debian:12\nLABEL own="{invalid}"\n', lines=(2,), settings=_with(own=kind)),),
        good=(Example(f'FROM debian:12\nLABEL own="{valid}" other="{invalid}"\n', settings=_with(own=kind)),),
    )


RULES: tuple[Rule, ...] = (
    KEYS,
    MISSING,
    SUPERFLUOUS,
    EMPTY,
    _value_rule("DL3052", "url", _URL.fullmatch, "URL", "https://example.org/a", "not-a-url"),
    _value_rule(
        "DL3053", "rfc3339", _TIME.fullmatch, "time of RFC 3339", "2026-03-01T12:00:00Z", "yesterday"
    ),
    _value_rule("DL3054", "spdx", _licence, "SPDX licence", "MIT OR Apache-2.0", "my own"),
    _value_rule("DL3055", "hash", _HASH.fullmatch, "Git hash", "48a2be8", "not-a-hash"),
    _value_rule("DL3056", "semver", _VERSION.fullmatch, "semantic version", "1.2.3-rc.1", "1.2"),
    _value_rule(
        "DL3058", "email", _EMAIL.fullmatch, "address of RFC 5322", "somebody@example.org", "somebody"
    ),
)
