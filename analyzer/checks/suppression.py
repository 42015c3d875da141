"""What a file says about its own findings, in the comments of BuildKit, of hadolint and of ours.

BuildKit: a directive, `# check=skip=A,B;error=true;experimental=C`; it names BuildKit's checks. The same in
the comments above an instruction, `# check=skip=A`, is for that instruction.
hadolint: `# hadolint ignore=DL3008,DL3009` on the line above an instruction, `# hadolint stage ignore=` for
the rest of a stage, `# hadolint global ignore=` for the file; what follows a second `#` is the reason.
Ours: `# scratchify ignore=RULE,RULE: reason` in the comments right above an instruction or between its lines,
`# scratchify ignore-file=RULE: reason` anywhere.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from analyzer.dockerfile.nodes import Comment, Dockerfile, Instruction
from analyzer.dockerfile.source import Span
from analyzer.values import frozen

_HADOLINT = re.compile(
    r"hadolint[ \t]+(?:(global|stage)[ \t]+)?ignore[ \t]*=[ \t]*"
    r"([DLSC0-9]+(?:[ \t]*,[ \t]*[DLSC0-9]+)*)[ \t]*(?:#(.*))?"
)
_OURS = re.compile(
    r"scratchify[ \t]+(ignore|ignore-file)[ \t]*=[ \t]*([\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)[ \t]*(?::(.*))?"
)
_CHECK = re.compile(r"check[ \t]*=[ \t]*(.+)", re.IGNORECASE)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@frozen
class Ignore:
    """One rule that a comment hides, in the instructions that start on lines `first` to `last`."""

    rule: str
    span: Span
    first: int
    last: int
    reason: str
    ours: bool = False

    def hides(self, rule: str, line: int) -> bool:
        return self.rule == rule and self.first <= line <= self.last


@frozen
class CheckDirective:
    """`# check=`: what BuildKit is to skip, to try, and whether a finding is to fail the build."""

    skip: frozenset[str] = frozenset()
    skip_all: bool = False
    experimental: frozenset[str] = frozenset()
    experimental_all: bool = False
    error: bool = False


class DirectiveError(ValueError):
    """A value of `# check=` that BuildKit refuses; its words."""


def check_directive(dockerfile: Dockerfile) -> CheckDirective:
    """Read `# check=`. Raises DirectiveError."""
    return _parsed(dockerfile.directive("check") or "")


def check_comments(dockerfile: Dockerfile) -> dict[int, CheckDirective]:
    """What the comments above instructions tell BuildKit, by the first line of the instruction. What BuildKit
    cannot read is a plain comment."""
    if b"check" not in dockerfile.source.data:
        return {}
    found: dict[int, CheckDirective] = {}
    for node in dockerfile.instructions:
        for text in node.description:
            if match := _CHECK.fullmatch(text):
                with suppress(DirectiveError):
                    found[node.start_line] = _both(found.get(node.start_line), _parsed(match[1]))
    return found


def _both(first: CheckDirective | None, second: CheckDirective) -> CheckDirective:
    if first is None:
        return second
    return replace(second, skip=first.skip | second.skip, skip_all=first.skip_all or second.skip_all)


def _parsed(text: str) -> CheckDirective:
    text = text.strip()
    if not text:
        return CheckDirective()
    values: dict[str, str] = {}
    for part in text.split(";", 2):
        key, equals, value = part.partition("=")
        key, value = key.strip(), value.strip()
        if not equals:
            raise DirectiveError(f'invalid check option "{part}"')
        if key not in ("skip", "experimental", "error"):
            raise DirectiveError(f'invalid check option "{key}"')
        if key == "error" and value not in _TRUE | _FALSE:
            raise DirectiveError(
                f'failed to parse check option "{part}": "{value}" is neither true nor false'
            )
        values[key] = value
    skip, experimental = values.get("skip", ""), values.get("experimental", "")
    return CheckDirective(
        skip=_names(skip),
        skip_all=skip == "all",
        experimental=_names(experimental),
        experimental_all=experimental == "all",
        error=values.get("error") in _TRUE,
    )


def _names(text: str) -> frozenset[str]:
    return frozenset(name for part in text.split(",") if (name := part.strip()))


@dataclass(frozen=True)
class Ignores:
    """Every ignore of a file."""

    entries: tuple[Ignore, ...]
    used: set[Ignore] = field(default_factory=set)

    @cached_property
    def _by_rule(self) -> dict[str, list[Ignore]]:
        found: dict[str, list[Ignore]] = {}
        for entry in self.entries:
            found.setdefault(entry.rule, []).append(entry)
        return found

    def hides(self, rule: str, line: int) -> bool:
        """Is a finding of this rule in the instruction that starts on this line hidden? Notes what hid it."""
        hidden = False
        for entry in self._by_rule.get(rule, ()):
            if entry.hides(rule, line):
                self.used.add(entry)
                hidden = True
        return hidden


def ignores(dockerfile: Dockerfile, *, hadolint: bool = True) -> Ignores:
    """Read the comments of a file. `hadolint` false leaves hadolint's out (its disable-ignore-pragma)."""
    if b"ignore" not in dockerfile.source.data:
        return Ignores(())
    places = _Places(dockerfile)
    found: list[Ignore] = []
    for comment, owner in places.comments():
        if hadolint and owner is None and (match := _HADOLINT.fullmatch(comment.text)):
            first, last = places.hadolint(match[1], comment.line)
            reason = (match[3] or "").strip()
            found += [Ignore(rule, comment.span, first, last, reason) for rule in _listed(match[2])]
        elif match := _OURS.fullmatch(comment.text):
            first, last = places.ours(match[1], comment, owner)
            reason = (match[3] or "").strip()
            found += [
                Ignore(rule, comment.span, first, last, reason, ours=True) for rule in _listed(match[2])
            ]
    return Ignores(tuple(found))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


class _Places:
    """Which instructions a comment speaks of."""

    def __init__(self, dockerfile: Dockerfile) -> None:
        self.dockerfile = dockerfile
        self.end = dockerfile.source.line_number(len(dockerfile.source.text)) + 1

    def comments(self) -> Iterator[tuple[Comment, Instruction | None]]:
        """Every comment, with the instruction between whose lines it stands."""
        for item in self.dockerfile.items:
            if isinstance(item, Comment):
                yield item, None
            elif isinstance(item, Instruction):
                for comment in item.comments:
                    yield comment, item

    def hadolint(self, scope: str | None, line: int) -> tuple[int, int]:
        if scope == "global":
            return 1, self.end
        if scope is None:
            return line + 1, line + 1
        # The rest of the stage, without the line right below, which is its FROM as a rule.
        froms = [each.start_line for each in self.dockerfile.instructions if each.keyword == "FROM"]
        following = bisect_left(froms, line + 2)
        return line + 2, froms[following] if following < len(froms) else self.end

    def ours(self, scope: str, comment: Comment, owner: Instruction | None) -> tuple[int, int]:
        if scope == "ignore-file":
            return 1, self.end
        if owner is not None:
            return owner.start_line, owner.start_line
        line = comment.line
        for item in self.dockerfile.items:
            if isinstance(item, Comment) and item.line == line + 1:
                line = item.line
            elif isinstance(item, Instruction) and item.start_line > line:
                return (item.start_line, item.start_line) if item.start_line == line + 1 else (0, -1)
        return 0, -1
