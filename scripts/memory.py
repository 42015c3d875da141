"""Run a command and watch the memory of all its processes (Linux: /proc)."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO


def watched(command: Sequence[str], folder: Path, out: IO[bytes] | int = subprocess.DEVNULL) -> float:
    """Run a command in a folder, its output to `out`, whatever it answers; the highest memory of it and its
    children in MB, pages that they share counted once."""
    child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, sum(proportional(pid) for pid in tree(child.pid)) / 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    child.wait()
    done.set()
    watcher.join()
    return peak


def tree(pid: int) -> list[int]:
    """A process and what it started."""
    found = [pid]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            continue
        found += map(int, children)
    return found


def proportional(pid: int) -> int:
    """The proportional set size in KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
