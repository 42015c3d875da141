"""Answers compared: what of an original's answer is stable, and where another answer departs from it.

The original is asked twice. Text is compared by lines, JSON by values; what differs between those two answers
is replaced by a mark, and the mark stands for anything (for any number of lines, for any value or none).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analyzer.recording import Answer
from analyzer.redaction import is_redacted, redact

VARIES = "\x00varies"

# Past this many pairs of lines a minimal difference costs more than it tells: all between equal ends varies.
_MOST_PAIRS = 4_000_000
_SHOWN = 120


def stable(first: Answer, second: Answer) -> Answer:
    """The part of two answers of the original on which a comparison can rest, as one answer.

    A probe whose status differs, or that failed once, has not passed.
    """
    if not first.passed or not second.passed:
        return first if not first.passed else second
    if first.status != second.status:
        return replace(
            first, passed=False, error=f"two runs gave two results: {first.status} and {second.status}"
        )
    content_type = first.content_type if first.content_type == second.content_type else VARIES
    body = _stable_text(first.body, second.body, first.content_type)
    stderr = _stable_text(first.stderr, second.stderr, "")
    answer = replace(first, content_type=content_type, body=body, stderr=stderr)
    if (content_type, body, stderr) == (first.content_type, first.body, first.stderr):
        return answer
    fixed = _has_fixed(body) or _has_fixed(stderr)
    return replace(answer, compared="stable part" if fixed else "status alone")


def differences(
    expected: Answer, actual: Answer, secrets: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Where an answer departs from the original's, in words; empty when it is the same answer.

    `secrets` are values that a recording replaced by their names.
    """
    if is_redacted(expected.body + expected.stderr):
        known = secrets or {}
        actual = replace(actual, body=redact(actual.body, known), stderr=redact(actual.stderr, known))
    # What the original says of itself as well is no difference.
    error = actual.error if actual.error != expected.error else ""
    found: list[str] = []
    if error:
        found.append(error)
    elif actual.status != expected.status:
        found.append(f"status {expected.status} became {actual.status}")
    if expected.content_type not in (VARIES, actual.content_type) and not error:
        found.append(
            f"Content-Type {expected.content_type or '(none)'} became {actual.content_type or '(none)'}"
        )
    if not error:
        found += _text_differences("body", expected.body, actual.body, expected.content_type)
        found += _text_differences("stderr", expected.stderr, actual.stderr, "")
    elif actual.stderr:
        found += [f"stderr: {_short(line)}" for line in actual.stderr.splitlines()[-3:]]
    return tuple(found)


def _stable_text(first: str, second: str, content_type: str) -> str:
    if first == second:
        return first
    documents = _as_json(first, content_type), _as_json(second, content_type)
    if documents[0] is not None and documents[1] is not None:
        common = _stable_value(*documents)
        if common == documents[0]:
            return first
        return VARIES if common == VARIES else json.dumps(common, sort_keys=True, ensure_ascii=False)
    return "\n".join(_stable_lines(first.split("\n"), second.split("\n")))


def _stable_lines(first: list[str], second: list[str]) -> list[str]:
    """The lines that both have, a mark where they differ."""
    head = 0
    while head < min(len(first), len(second)) and first[head] == second[head]:
        head += 1
    tail = 0
    while tail < min(len(first), len(second)) - head and first[-1 - tail] == second[-1 - tail]:
        tail += 1
    left, right = first[head : len(first) - tail], second[head : len(second) - tail]
    middle: list[str] = [VARIES]
    if left and right and len(left) * len(right) <= _MOST_PAIRS:
        middle = []
        for block in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            middle += left[block[1] : block[2]] if block[0] == "equal" else [VARIES]
    return [*first[:head], *middle, *first[len(first) - tail :]]


def _stable_value(first: Any, second: Any) -> Any:
    """The values that both have, a mark where they differ; a key that one lacks is marked as well."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {
            key: _stable_value(first[key], second[key]) if key in first and key in second else VARIES
            for key in sorted(first.keys() | second.keys())
        }
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [_stable_value(left, right) for left, right in zip(first, second, strict=True)]
    return first if _same(first, second) else VARIES


def _same(first: Any, second: Any) -> bool:
    """JSON equality: true is no 1, and the order of keys means nothing."""
    return type(first) is type(second) and bool(first == second)


def _as_json(text: str, content_type: str) -> Any:
    """An object or array, where the text is to be read as JSON; else None."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind and not (kind.endswith(("/json", "+json"))):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _has_fixed(text: str) -> bool:
    """Whether anything is left to compare."""
    value = _as_json(text, "")
    if value is not None:
        return _has_fixed_value(value)
    return any(line.strip() and line != VARIES for line in text.split("\n"))


def _has_fixed_value(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_fixed_value(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_fixed_value(item) for item in value)
    return bool(value != VARIES)


def _text_differences(what: str, expected: str, actual: str, content_type: str) -> list[str]:
    if expected == actual:
        return []
    wanted = _as_json(expected, content_type)
    if wanted is not None:
        value = _as_json(actual, content_type)
        if value is None:
            return [f"{what}: no JSON any more: {_short(actual)}"]
        found = _value_differences("", wanted, value)
    else:
        found = _line_differences(expected.split("\n"), actual.split("\n"))
    return [f"{what}: {difference}" for difference in found[:5]]


def _value_differences(where: str, expected: Any, actual: Any) -> list[str]:
    if isinstance(expected, str) and expected == VARIES:
        return []
    if isinstance(expected, dict) and isinstance(actual, dict):
        found = [
            f"{where or '/'} has no {key!r} any more" for key in expected if _lost(key, expected, actual)
        ]
        new = [key for key in actual if key not in expected]
        # A key that only one run of the original had, and this one has not: another may come in its place.
        marks = sum(key not in actual and expected[key] == VARIES for key in expected)
        found += [f"{where or '/'} has a new {key!r}" for key in new[marks:]]
        for key in expected.keys() & actual.keys():
            found += _value_differences(f"{where}/{key}", expected[key], actual[key])
        return sorted(found)
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        found = []
        for index, (left, right) in enumerate(zip(expected, actual, strict=True)):
            found += _value_differences(f"{where}/{index}", left, right)
        return found
    if _same(expected, actual):
        return []
    return [f"{where or '/'} was {_clipped(json.dumps(expected))} and is {_clipped(json.dumps(actual))}"]


def _lost(key: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    return key not in actual and expected[key] != VARIES


def _line_differences(expected: list[str], actual: list[str]) -> list[str]:
    """Lines matched in order; a mark stands for any number of lines."""
    blocks: list[list[str]] = [[]]
    for line in expected:
        if line == VARIES:
            blocks.append([])
        else:
            blocks[-1].append(line)
    if len(blocks) == 1:
        return _plain_differences(expected, actual)
    first, *between, last = blocks
    at = len(first)
    if actual[:at] != first:
        return _plain_differences(first, actual[:at])
    for block in between:
        found = _find_block(actual, block, at)
        if found is None:
            return [f"the line {_short(line)} is missing" for line in block if line not in actual[at:]] or [
                f"the lines from {_short(block[0])} on are not together any more"
            ]
        at = found + len(block)
    end = max(at, len(actual) - len(last))
    return [] if actual[end:] == last else _plain_differences(last, actual[end:])


def _find_block(lines: list[str], block: list[str], start: int) -> int | None:
    for at in range(start, len(lines) - len(block) + 1):
        if lines[at : at + len(block)] == block:
            return at
    return None


def _plain_differences(expected: list[str], actual: list[str]) -> list[str]:
    for number, (left, right) in enumerate(zip(expected, actual, strict=False), start=1):
        if left != right:
            return [f"line {number} was {_short(left)} and is {_short(right)}"]
    if len(actual) < len(expected):
        return [f"the line {_short(expected[len(actual)])} is missing"]
    return [f"a new line: {_short(actual[len(expected)])}"]


def _short(text: str) -> str:
    return repr(_clipped(text))


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
