"""Applies the fixes of findings to a Dockerfile, and takes back each that would change more than its finding.

Edits replace spans; every other byte stays. What came out is read again: instructions that no edit touched
must be what they were, no fault and no finding may be new, the finding itself must be gone, and after a safe
fix every stage's image is configured as before. A fix that fails this is dropped, and its finding stays.
Fixes that touch the same bytes wait for the next pass.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.checks.interface import Finding, Fix
from analyzer.dockerfile.imageconfig import ImageConfig
from analyzer.dockerfile.instructions import Program, read
from analyzer.dockerfile.nodes import Instruction
from analyzer.dockerfile.scope import evaluate
from analyzer.errors import ScratchifyError

MAX_PASSES = 10
"""A fix that brings another finding to be fixed needs a pass more; nothing sensible needs ten."""

Find = Callable[[bytes], list[Finding]]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A file after its fixes: its bytes, the findings that were mended, those whose fix had to be dropped."""

    data: bytes
    mended: tuple[Finding, ...]
    dropped: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    data: bytes


def apply_fixes(data: bytes, find: Find, *, unsafe: bool = False) -> Fixed:
    """Fix a Dockerfile to a fixpoint. `find` gives the findings of a text, those that nobody hid."""
    mended: list[Finding] = []
    refused: dict[tuple[str, bytes], Finding] = {}
    for _ in range(MAX_PASSES):
        findings = find(data)
        chosen = [each for each in findings if each.fix is not None and (each.fix.safe or unsafe)]
        chosen.sort(key=_start)
        waiting = [each for each in chosen if _name(each, data) not in refused]
        if not waiting:
            break
        batch = _without_overlap(waiting)
        good, after = _apply_batch(data, batch, findings, find)
        if good:
            # What did not fit before may do so in the new text.
            refused.clear()
        else:
            refused.update((_name(each, data), each) for each in batch)
        mended += good
        data = after
    return Fixed(data, tuple(mended), tuple(refused.values()))


def _start(finding: Finding) -> int:
    edits = finding.fix.edits if finding.fix else ()
    return min((edit.span.start for edit in edits), default=finding.span.start)


def _name(finding: Finding, data: bytes) -> tuple[str, bytes]:
    """A finding by its rule and the text at fault, which stays the same when the text before it moves."""
    return finding.rule, data[finding.span.start : finding.span.end]


def _without_overlap(findings: Sequence[Finding]) -> list[Finding]:
    """Findings whose fixes touch different bytes, the earlier ones first."""
    taken: list[_Edit] = []
    kept: list[Finding] = []
    for finding in findings:
        assert finding.fix is not None
        edits = _edits(finding.fix)
        if not any(_touch(edit, other) for edit in edits for other in taken):
            taken += edits
            kept.append(finding)
    return kept


def _touch(one: _Edit, other: _Edit) -> bool:
    if one.start == one.end or other.start == other.end:
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end


def _edits(fix: Fix) -> list[_Edit]:
    return [_Edit(edit.span.start, edit.span.end, edit.text.encode()) for edit in fix.edits]


def _apply_batch(
    data: bytes, batch: list[Finding], findings: list[Finding], find: Find
) -> tuple[list[Finding], bytes]:
    """Apply all, and where that is not right, one after the other; return what held and the new text."""
    after = _accepted(data, batch, findings, find)
    if after is not None:
        return batch, after
    if len(batch) == 1:
        return [], data
    good: list[Finding] = []
    for finding in batch:
        trial = _accepted(data, [*good, finding], findings, find)
        if trial is not None:
            good.append(finding)
            after = trial
    return good, data if after is None else after


def _accepted(data: bytes, batch: list[Finding], findings: list[Finding], find: Find) -> bytes | None:
    """The text with these fixes; None where more would change than these findings."""
    edits = sorted(
        (edit for finding in batch if finding.fix for edit in _edits(finding.fix)),
        key=lambda edit: (edit.start, edit.end),
    )
    after = _edited(data, edits)
    before_program, after_program = read(data), read(after)
    if len(after_program.problems) > len(before_program.problems):
        return None
    if _untouched(before_program, edits, new=False) != _untouched(after_program, edits, new=True):
        return None
    safe = all(each.fix is not None and each.fix.safe for each in batch)
    if safe and _configurations(before_program) != _configurations(after_program):
        return None
    # By rules, not messages: a message may quote what a fix of another rule has changed.
    left = Counter(each.rule for each in find(after))
    was = Counter(each.rule for each in findings)
    gone = Counter(each.rule for each in batch)
    if any(count > was[rule] - gone[rule] for rule, count in left.items()):
        return None
    return after


def _configurations(program: Program) -> list[tuple[str | None, str, ImageConfig]]:
    """What each stage's image says of how it runs; a safe fix leaves all of it."""
    return [(stage.name, stage.base, stage.config) for stage in evaluate(program).stages]


def _edited(data: bytes, edits: Sequence[_Edit]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for edit in edits:
        pieces += (data[at : edit.start], edit.data)
        at = edit.end
    return b"".join((*pieces, data[at:]))


def _untouched(program: Program, edits: Sequence[_Edit], *, new: bool) -> list[tuple[object, ...]]:
    """What BuildKit reads of the instructions that no edit touches. `new`: spans lie in the edited text."""
    places: list[tuple[int, int]] = []
    shift = 0
    for edit in edits:
        start = edit.start + (shift if new else 0)
        shift += len(edit.data) - (edit.end - edit.start)
        places.append((start, start + len(edit.data) if new else edit.end))
    return [
        _reading(node)
        for node in program.dockerfile.instructions
        if not any(start < node.span.end and end > node.span.start for start, end in places)
        and not any(start == end and node.span.start < start < node.span.end for start, end in places)
    ]


def _reading(node: Instruction) -> tuple[object, ...]:
    """An instruction as it is built: keyword, flags, words, form, heredocs. Its place does not count."""
    return (
        node.keyword,
        tuple(str(flag) for flag in node.flags),
        node.values,
        node.json,
        tuple((doc.name, doc.expand, doc.chomp, doc.content) for doc in node.heredocs),
        _reading(node.inner) if node.inner is not None else None,
    )


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file whole or not at all; mode and owner stay, and a link stays a link to the new text."""
    target = path.resolve()
    status = target.stat()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _keep_owner(temporary, status)
        temporary.chmod(stat.S_IMODE(status.st_mode))
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ScratchifyError(f"cannot write {path}: {error.strerror or error}") from error


def _keep_owner(file: Path, status: os.stat_result) -> None:
    if (file.stat().st_uid, file.stat().st_gid) != (status.st_uid, status.st_gid):
        os.chown(file, status.st_uid, status.st_gid)
