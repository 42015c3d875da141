"""Compare our reading of many Dockerfiles with moby's: keyword, flags, values, form, lines, heredocs.

Usage: python scripts/corpus.py DIR, where DIR holds dockerfiles/NAME.Dockerfile and oracle/NAME.json (the
reading of moby's parser). Without oracle/, moby's parser itself is asked (the `dockerfile` package). Prints
every difference and the count; exit code 1 where there is one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from analyzer.dockerfile.syntax import Instruction, parse

Row = dict[str, Any]


def ours(instruction: Instruction) -> Row:
    """An instruction in the oracle's terms; of ONBUILD it shows the values of what is inside."""
    shown = instruction.inner or instruction
    return {
        "cmd": instruction.keyword,
        "flags": [str(flag) for flag in instruction.flags],
        "value": list(shown.values),
        "json": shown.json,
        "start": instruction.start_line,
        "end": instruction.end_line,
        "heredocs": [[doc.name, doc.descriptor, doc.content] for doc in instruction.heredocs],
    }


def moby(data: bytes) -> list[Row]:
    """The reading of moby's parser, for a directory without recorded ones."""
    import dockerfile

    return [
        {
            "cmd": row.cmd.upper(),
            "flags": list(row.flags),
            "value": list(row.value),
            "json": row.json,
            "start": row.start_line,
            "end": row.end_line,
            "heredocs": [[doc.name, doc.file_descriptor, doc.content] for doc in row.heredocs],
        }
        for row in dockerfile.parse_string(data.decode())
    ]


def differences(path: Path, oracle: Path) -> list[str]:
    data = path.read_bytes()
    read = parse(data, str(path))
    found = [f"{path.name}: {problem}" for problem in read.problems]
    if read.render() != data:
        found.append(f"{path.name}: written back, it is another file")
    expected = json.loads(oracle.read_text()) if oracle.exists() else moby(data)
    rows = [ours(instruction) for instruction in read.instructions]
    if len(rows) != len(expected):
        found.append(f"{path.name}: {len(rows)} instructions, moby has {len(expected)}")
    for mine, theirs in zip(rows, expected, strict=False):
        for key, value in mine.items():
            if value != theirs[key]:
                found.append(f"{path.name}:{mine['start']}: {key} is {value!r}, moby has {theirs[key]!r}")
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("directory", type=Path)
    directory: Path = options.parse_args().directory
    files = sorted((directory / "dockerfiles").glob("*.Dockerfile"))
    if not files:
        print(f"no *.Dockerfile in {directory / 'dockerfiles'}", file=sys.stderr)
        return 2
    started = time.perf_counter()
    found = [
        difference
        for path in files
        for difference in differences(path, directory / "oracle" / f"{path.stem}.json")
    ]
    for difference in found:
        print(difference)
    seconds = time.perf_counter() - started
    print(f"{len(files)} files, {len(found)} differences, {seconds:.2f} s with reading and comparing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
