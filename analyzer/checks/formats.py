"""The forms in which findings are printed: text, JSON, SARIF, GitHub annotations, GitLab code quality.

Each takes files with their findings as they come and yields pieces of text, so that a run over many files
holds one at a time. Paths are printed as they were given, with `/`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from analyzer.checks.diagnostics import Diagnostic, Region
from analyzer.checks.interface import SEVERITIES, Rule
from analyzer.checks.session import Checked

Formatter = Callable[[Iterable[Checked]], Iterator[str]]

_COLORS = {"error": "31;1", "warning": "33;1", "info": "36", "style": "35"}


def text(files: Iterable[Checked], *, color: bool = False) -> Iterator[str]:
    """For people: place, rule and message, the line at fault with a caret, the fix that there is."""

    def paint(code: str, piece: str) -> str:
        return f"\x1b[{code}m{piece}\x1b[0m" if color else piece

    for file in files:
        for each in file.found:
            place = paint("1", f"{_path(each)}:{each.region.line}:{each.region.column}:")
            severity = paint(_COLORS[each.severity], each.severity)
            yield f"{place} {severity} {paint('1', each.rule)}: {each.message}\n"
            if each.source.strip():
                yield from _excerpt(each, paint)
            if each.fix:
                kind = "safe" if each.safe else "unsafe"
                yield f"     = fix ({kind}): {each.fix}\n"


def _excerpt(each: Diagnostic, paint: Callable[[str, str], str]) -> Iterator[str]:
    """The line on which the fault begins and carets below it, tabs shown as one blank each."""
    focus = each.focus
    line = "".join(" " if char == "\t" else char if char.isprintable() else "\ufffd" for char in each.source)
    end = focus.end_column if focus.end_line == focus.line else len(line) + 1
    carets = "^" * max(1, min(end, len(line) + 1) - focus.column)
    yield f"{focus.line:>4} | {line}\n"
    yield f"     | {' ' * (focus.column - 1)}{paint(_COLORS[each.severity], carets)}\n"


def summary(files: int, found: dict[str, int], fixable: int, fixed: int) -> str:
    """One line on how a run went, by severity; empty where there is nothing to say."""
    total = sum(found.values())
    if not total and not fixed:
        return ""
    head = f"{_count(fixed, 'finding')} fixed, " if fixed else ""
    if not total:
        return f"{head}none left in {_count(files, 'file')}"
    parts = ", ".join(f"{found[name]} {name}" for name in SEVERITIES if found.get(name))
    left = f"{total} left" if fixed else _count(total, "finding")
    said = f"{head}{left} in {_count(files, 'file')} ({parts})"
    return said + (f"; --fix mends {fixable} of them" if fixable and not fixed else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def as_json(files: Iterable[Checked]) -> Iterator[str]:
    """A JSON array of findings, as docs/schema/lint.json describes it."""
    yield from _array(_json_row(each) for file in files for each in file.found)


def _json_row(each: Diagnostic) -> dict[str, Any]:
    return {
        "rule": each.rule,
        "severity": each.severity,
        "message": each.message,
        "path": _path(each),
        **_region(each.region),
        "focus": _region(each.focus),
        "url": each.url,
        "fingerprint": each.fingerprint,
        "fix": {"title": each.fix, "safe": each.safe} if each.fix else None,
        "edits": [{**_region(edit.region), "text": edit.text, "safe": each.safe} for edit in each.edits],
    }


def _region(region: Region) -> dict[str, int]:
    return {
        "line": region.line,
        "column": region.column,
        "end_line": region.end_line,
        "end_column": region.end_column,
    }


def github(files: Iterable[Checked]) -> Iterator[str]:
    """Workflow commands that GitHub Actions turns into annotations of the changed lines."""
    kinds = {"error": "error", "warning": "warning", "info": "notice", "style": "notice"}
    for file in files:
        for each in file.found:
            focus = each.focus
            fields = (
                f"file={_property(_path(each))},line={focus.line},endLine={max(focus.line, focus.end_line)}"
            )
            if focus.line == focus.end_line:
                fields += f",col={focus.column},endColumn={focus.end_column}"
            message = _data(f"{each.message} ({each.url})")
            yield f"::{kinds[each.severity]} {fields},title={_property(each.rule)}::{message}\n"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def gitlab(files: Iterable[Checked]) -> Iterator[str]:
    """A code quality report of GitLab: an array of issues with fingerprints that are unique in it."""
    grades = {"error": "critical", "warning": "major", "info": "minor", "style": "info"}

    def rows() -> Iterator[dict[str, Any]]:
        for file in files:
            for each, fingerprint in _unique(file.found):
                yield {
                    "description": f"{each.rule}: {each.message}",
                    "check_name": each.rule,
                    "fingerprint": fingerprint,
                    "severity": grades[each.severity],
                    "location": {
                        "path": _path(each),
                        "lines": {"begin": each.focus.line, "end": max(each.focus.line, each.focus.end_line)},
                    },
                }

    yield from _array(rows())


def _unique(found: Sequence[Diagnostic]) -> Iterator[tuple[Diagnostic, str]]:
    """Findings with a fingerprint of their own: of equal ones in one file the second and later count on."""
    seen: dict[str, int] = {}
    for each in found:
        count = seen[each.fingerprint] = seen.get(each.fingerprint, 0) + 1
        path = _path(each)
        yield each, f"{path}:{each.fingerprint}" + (f":{count}" if count > 1 else "")


def sarif(files: Iterable[Checked], rules: Sequence[Rule], version: str) -> Iterator[str]:
    """A SARIF 2.1.0 log with one run, fixes and fingerprints."""
    index = {rule.name: number for number, rule in enumerate(rules)}
    driver = {
        "name": "scratchify",
        "version": version,
        "informationUri": "https://github.com/scratchify/scratchify",
        "rules": [_sarif_rule(rule) for rule in rules],
    }
    yield '{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [{'
    yield f'"tool": {json.dumps({"driver": driver})}, "columnKind": "unicodeCodePoints", "results": '
    yield from _array(
        _sarif_result(each, fingerprint, index.get(each.rule, -1))
        for file in files
        for each, fingerprint in _unique(file.found)
    )
    yield "}]}\n"


_LEVELS = {"error": "error", "warning": "warning", "info": "note", "style": "note"}


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.remedy},
        "helpUri": rule.url,
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": rule.default},
    }


def _sarif_result(each: Diagnostic, fingerprint: str, index: int) -> dict[str, Any]:
    artifact = {"uri": _uri(_path(each))}
    result: dict[str, Any] = {
        "ruleId": each.rule,
        # -1: a code of ShellCheck, which has no row in the table.
        "ruleIndex": index,
        "level": _LEVELS[each.severity],
        "message": {"text": each.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": artifact,
                    "region": _sarif_region(each.focus),
                    "contextRegion": _sarif_region(each.region),
                }
            }
        ],
        "partialFingerprints": {"scratchify/v1": fingerprint},
    }
    # Nobody may apply an unsafe fix unasked, and a SARIF viewer has no such question.
    if each.edits and each.safe:
        replacements = [
            {"deletedRegion": _sarif_region(edit.region), "insertedContent": {"text": edit.text}}
            for edit in each.edits
        ]
        changes = [{"artifactLocation": artifact, "replacements": replacements}]
        result["fixes"] = [{"description": {"text": each.fix}, "artifactChanges": changes}]
    return result


def _sarif_region(region: Region) -> dict[str, int]:
    return {
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path.removeprefix("./"))


def _path(each: Diagnostic) -> str:
    return each.path.replace("\\", "/") if "\\" in each.path and ":" in each.path[:3] else each.path


def _array(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A JSON array, one row at a time."""
    separator = "["
    for row in rows:
        yield f"{separator}\n  {json.dumps(row, ensure_ascii=False)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"
