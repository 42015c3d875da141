"""Time lint: a corpus beside hadolint, one start beside `import typer`, ten thousand files.

Usage: python scripts/bench_lint.py DIR, where DIR holds dockerfiles/*.Dockerfile; `hadolint` is on PATH or
beside this Python. ShellCheck is not used on our side. Prints each figure with its limit; exit code 1 where
one is above it.
"""

from __future__ import annotations

import compileall
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.memory import watched  # noqa: E402

LINT = [sys.executable, "-m", "scratchify", "lint", "--ignore", "SC"]
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def seconds(command: Sequence[str]) -> float:
    """Wall time of one run, whatever it answers."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=False, **QUIET)  # type: ignore[call-overload]
    return time.perf_counter() - start


def corpus(files: list[Path]) -> bool:
    """All files, ours and hadolint's in turn: the best of three each."""
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.exists() else shutil.which("hadolint") or "hadolint"
    names = [str(file) for file in files]
    ours, theirs = 1e9, 1e9
    for _ in range(3):
        ours = min(ours, seconds([*LINT, *names]))
        theirs = min(theirs, seconds([program, "--no-fail", *names]))
    return told(f"{len(files)} files: {ours:.2f} s, hadolint {theirs:.2f} s", ours / theirs, 0.5)


def start(file: Path) -> bool:
    """One file from start to end, beside the import of typer alone; medians of ten, taken in turn."""
    commands = ([sys.executable, "-c", "import typer"], [*LINT, str(file)])
    times = [[seconds(command) for command in commands] for _ in range(11)][1:]
    typer, lint = (statistics.median(column) for column in zip(*times, strict=True))
    return told(f"one start: {lint * 1000:.0f} ms, import typer {typer * 1000:.0f} ms", lint / typer, 2.5)


def many(files: list[Path]) -> bool:
    """2,500 and 10,000 files: time in proportion, memory of all processes together."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        times, peak = [], 0.0
        for count in (2_500, 10_000):
            for number in range(count):
                place = root / f"{count}" / f"{number % 100:02}" / f"d{number}"
                place.mkdir(parents=True)
                shutil.copyfile(files[number % len(files)], place / "Dockerfile")
            begin = spent()
            peak = watched([*LINT, str(root / f"{count}")], ROOT)
            times.append(spent() - begin)
    growth = times[1] / times[0] / 4
    said = f"10,000 files: {times[1]:.1f} s of the processors, four times 2,500: {times[0] * 4:.1f} s"
    linear = told(said, growth, 1.25)
    return told(f"memory of all processes: {peak:.0f} MB", peak, 150) and linear


def spent() -> float:
    """Processor seconds of all that was started and has ended: what else runs here does not count."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def told(what: str, value: float, limit: float) -> bool:
    good = value <= limit
    print(f"{'ok  ' if good else 'OVER'} {what} ({value:.2f}, limit {limit:g})", flush=True)
    return good


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    files = sorted((Path(sys.argv[1]).resolve() / "dockerfiles").glob("*.Dockerfile"))
    if not files:
        print(f"no *.Dockerfile in {sys.argv[1]}/dockerfiles", file=sys.stderr)
        return 2
    # As pip leaves an installed package, also where PYTHONDONTWRITEBYTECODE is set.
    for package in ("analyzer", "rewriters", "scratchify", "templates"):
        compileall.compile_dir(ROOT / package, quiet=2)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    middle = sorted(files, key=lambda file: file.stat().st_size)[len(files) // 2]
    results = [start(middle), corpus(files), many(files)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
