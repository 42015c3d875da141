"""What a rewrite shows: the difference, the table before and after, the document for programs."""

from __future__ import annotations

import difflib
import textwrap
from pathlib import Path
from typing import Any

from rewriters.request import Request
from rewriters.result import Rewritten
from rewriters.verify import Sizes

SCHEMA = 1
WIDTH = 96


def diff_text(result: Rewritten, target: Path | None, colour: bool) -> str:
    """A unified difference from the file as it was read to the rewritten one."""
    assert result.text is not None
    before = result.source.data if target == result.source.path else result.source.author
    lines = difflib.unified_diff(
        before.decode().splitlines(keepends=True),
        result.text.decode().splitlines(keepends=True),
        result.source.name,
        str(target or "<standard output>"),
    )
    shown = []
    for line in lines:
        text = line.rstrip("\r\n")
        code = {"+": "32", "-": "31", "@": "36"}.get(text[:1], "")
        if text.startswith(("+++", "---")):
            code = "1"
        shown.append(f"\x1b[{code}m{text}\x1b[0m" if colour and code else text)
        if not line.endswith("\n"):
            shown.append("\\ No newline at end of file")
    return "\n".join(shown)


def megabytes(count: int) -> str:
    """Decimal megabytes, as docker shows them."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def table_text(result: Rewritten, timings: dict[str, float]) -> str:
    """Sizes before and after, the probes, the time of each step."""
    before, after = result.before, result.after
    saved = 100 * (1 - after.bytes / before.bytes) if before.bytes else 0.0
    rows = [
        ("", "before", "after", ""),
        ("size", megabytes(before.bytes), megabytes(after.bytes), f"−{saved:.0f} %"),
        ("files", f"{before.files:,}", f"{after.files:,}", ""),
        ("shells", str(len(before.shells)), str(len(after.shells)), ", ".join(after.shells)),
        ("special permissions", str(len(before.special)), str(len(after.special)), ", ".join(after.special)),
    ]
    first = max(len(row[0]) for row in rows)
    lines = [f"{row[0]:<{first}}  {row[1]:>10}  {row[2]:>10}  {row[3]}".rstrip() for row in rows]
    if result.image:
        passed = sum(outcome.answer.passed for outcome in result.recording.outcomes)
        lines.append(f"{'probes passed':<{first}}  {passed:>10}  {passed:>10}")
        for outcome in result.recording.outcomes:
            lines.append(f"  {outcome.probe}")
        healing = f", {result.rounds} rounds of healing" if result.rounds else ""
        lines.append(f"verified on the slim image {result.image}{healing}")
    else:
        lines.append("planned from a recording; not verified (run `scratchify verify`)")
    if timings:
        spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in timings.items())
        lines += textwrap.wrap(f"time: {spent}", WIDTH, subsequent_indent="      ")
    return "\n".join(lines)


def as_json(
    result: Rewritten, request: Request, timings: dict[str, float], target: Path | None
) -> dict[str, Any]:
    """The document of docs/schema/rewrite.json. Bytes are uncompressed file bytes; times in seconds."""
    written = result.text is not None
    return {
        "schema": SCHEMA,
        "dockerfile": result.source.name,
        "output": str(target) if target and written else None,
        "tag": result.image or None,
        "verified": bool(result.image),
        "as_small_as_it_gets": not written,
        "coverage": request.keeping.coverage,
        "image": {"before": _sizes(result.before), "after": _sizes(result.after)},
        "probes": [
            {"probe": outcome.probe, "passed": outcome.answer.passed, "compared": outcome.answer.compared}
            for outcome in result.recording.outcomes
        ],
        "rounds": result.rounds,
        "healed": [evidence.path for evidence in result.healed],
        "unresolved": [
            {"path": each.path, "resolver": each.resolver, "reason": each.reason}
            for each in result.kept.unresolved
        ],
        "left_out": [entry.path for entry in result.assembly.keep_list.left_out],
        "lost": list(result.recording.lost),
        "timings": {name: round(seconds, 3) for name, seconds in timings.items()},
    }


def _sizes(sizes: Sizes) -> dict[str, Any]:
    return {
        "bytes": sizes.bytes,
        "files": sizes.files,
        "shells": sizes.shells,
        "special": sizes.special,
    }
