"""Time `scratchify rewrite` and its memory on the Flask fixture's image and on one four times the size.

Usage: python scripts/engine.py python scripts/bench_rewrite.py. Counted is the time outside the engine's
builds, the app's start and the waits of the probes: saving and indexing the image, closing over the evidence,
comparing the two images. Memory is the largest process that scratchify was or ran. Each image is built once
before. Prints each figure with its limit; exit code 1 where one is above it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FLASK = ROOT / "fixtures" / "flask"

# Steps that are the engine's builds, or that run the app and wait for its answers.
ENGINES = ("build", "slim build", "final build", "trace", "verify")
SECONDS, MEGABYTES, LARGER = 15, 300, 4
# The manifest holds some 120 bytes a path: what else grows with the image is a fault.
SAME = 1.1


@dataclass(frozen=True)
class Figures:
    image: float  # MB of files
    seconds: float
    memory: float  # MB
    rounds: int


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = measure(context(folder / "once", copies=0))
        large = measure(context(folder / "larger", copies=LARGER - 1))
    print(f"{'':24}{'image':>10}{'time':>10}{'memory':>10}   rounds")
    for title, figures in (("the Flask fixture", small), (f"about {LARGER} times the size", large)):
        print(
            f"{title:24}{figures.image:>7.0f} MB{figures.seconds:>8.1f} s{figures.memory:>7.0f} MB"
            f"{figures.rounds:>9}"
        )
    print(
        f"limits: {SECONDS} s and {MEGABYTES} MB; then {LARGER} times the time, and {SAME} times the memory"
    )
    held = (
        small.seconds <= SECONDS
        and small.memory <= MEGABYTES
        and large.seconds <= LARGER * small.seconds
        and large.memory <= SAME * small.memory
    )
    return 0 if held else 1


def context(folder: Path, copies: int) -> Path:
    """The fixture in a folder of its own; each copy adds the files of /usr and of the app's environment."""
    shutil.copytree(FLASK, folder)
    more = "".join(f"\nRUN mkdir /opt/more-{n} && cp -a /usr /opt/venv /opt/more-{n}/" for n in range(copies))
    dockerfile = folder / "Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace("\nUSER ", f"{more}\nUSER ", 1))
    return folder


def measure(folder: Path) -> Figures:
    """The second of two rewrites: the first one leaves the builds in the engine's cache."""
    rewrite(folder)
    report, memory = rewrite(folder)
    seconds = sum(took for step, took in report["timings"].items() if step not in ENGINES)
    return Figures(report["image"]["before"]["bytes"] / 1e6, seconds, memory, report["rounds"])


def rewrite(folder: Path) -> tuple[dict[str, Any], float]:
    """The report, and the peak memory in MB."""
    argv = [sys.executable, "-m", "scratchify", "rewrite", folder / "Dockerfile", "--format", "json"]
    argv += [
        "--probes",
        folder / "probes.txt",
        "--build-opt=--network=host",
        "--tag",
        "scratchify-bench:slim",
    ]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(argv, stdout=out, stderr=err, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        err.seek(0)
        out.seek(0)
        if status:
            sys.exit(err.read().decode(errors="replace"))
        return json.load(out), usage.ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
