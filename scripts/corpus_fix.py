"""Apply safe fixes to many Dockerfiles, and see that they do no more than they say.

Usage: python scripts/corpus_fix.py DIR, where DIR holds dockerfiles/*.Dockerfile. For each file: after the
fixes nothing that can be fixed is left, fixing again changes nothing, and moby's parser (the `dockerfile`
package) reads every instruction without a finding as before. Prints what breaks this and a count by rule;
exit code 1 where something does.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import dockerfile

from analyzer.checks.diagnostics import instruction_at
from analyzer.checks.interface import Finding
from analyzer.checks.session import Flags, Session
from analyzer.dockerfile.syntax import parse
from rewriters.fixes import Fixed, apply_fixes


def moby(data: bytes) -> list[tuple[Any, ...]]:
    """moby's reading: keyword, flags, values, form, heredocs; the line comes last."""
    with tempfile.NamedTemporaryFile(suffix=".Dockerfile") as file:
        file.write(data)
        file.flush()
        return [
            (each.cmd, each.sub_cmd, each.json, each.flags, each.value, _heredocs(each), each.start_line)
            for each in dockerfile.parse_file(file.name)
        ]


def _heredocs(command: Any) -> tuple[Any, ...]:
    return tuple((each.name, each.content) for each in getattr(command, "heredocs", None) or ())


def untouched(data: bytes, findings: list[Finding]) -> list[tuple[Any, ...]]:
    """moby's reading of the instructions that had no finding to be fixed, without their places."""
    nodes = parse(data)
    lines: set[int] = set()
    for finding in findings:
        for edit in finding.fix.edits if finding.fix else ():
            for offset in (edit.span.start, max(edit.span.start, edit.span.end - 1)):
                node = instruction_at(nodes, offset)
                if node is not None:
                    lines.add(node.start_line)
    return [row[:-1] for row in moby(data) if row[-1] not in lines]


def faults(path: Path, session: Session, counts: Counter[str]) -> list[str]:
    """What is wrong with the fixes of one file."""
    data = path.read_bytes()
    find = session.finder(str(path))
    fixed: Fixed = apply_fixes(data, find)
    counts.update(each.rule for each in fixed.mended)
    found = [f"{path.name}: the fix of {each.rule} was dropped: {each.message}" for each in fixed.dropped]
    left = [each for each in find(fixed.data) if each.fix is not None and each.fix.safe]
    found += [f"{path.name}: {each.rule} could still be fixed" for each in left if each not in fixed.dropped]
    if apply_fixes(fixed.data, find).data != fixed.data:
        found.append(f"{path.name}: fixing again changes the file")
    try:
        before = untouched(data, [each for each in find(data) if each.fix is not None and each.fix.safe])
        after = Counter(map(repr, (row[:-1] for row in moby(fixed.data))))
    except dockerfile.GoParseError as error:
        return [*found, f"{path.name}: moby cannot read it: {error}"] if fixed.mended else found
    lost = Counter(map(repr, before)) - after
    return found + [f"{path.name}: changed beyond a finding: {row}" for row in lost]


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    files = sorted((Path(sys.argv[1]) / "dockerfiles").glob("*.Dockerfile"))
    session = Session(Flags())
    counts: Counter[str] = Counter()
    wrong = [line for path in files for line in faults(path, session, counts)]
    for line in wrong:
        print(line)
    for rule, count in counts.most_common():
        print(f"{count:6} {rule}")
    print(f"{sum(counts.values())} findings fixed in {len(files)} files, {len(wrong)} faults")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
