"""Running programs: one place for time limits, streamed output and interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# BuildKit repeats the whole text of a RUN, which may be tens of thousands of characters.
LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended. `code` is the exit code, negative for a signal, None when its time was over."""

    argv: tuple[str, ...]
    code: int | None
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "surrogateescape")


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    stdout: Path | None = None,
) -> Completed:
    """Run a program to its end and return what it said; `stdout` writes that to a file instead.

    An interrupt ends the program's whole process group before it goes on upwards.
    """
    source = stdin.open("rb") if isinstance(stdin, Path) else None
    sink = stdout.open("wb") if stdout else None
    try:
        with subprocess.Popen(
            list(argv),
            stdin=source or (subprocess.PIPE if isinstance(stdin, bytes) else subprocess.DEVNULL),
            stdout=sink or subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
        ) as child:
            try:
                out, err = child.communicate(stdin if isinstance(stdin, bytes) else None, timeout=timeout)
            except subprocess.TimeoutExpired:
                _end(child)
                out, err = child.communicate()
                return Completed(tuple(argv), None, out or b"", err or b"")
            except BaseException:
                _end(child)
                raise
            return Completed(tuple(argv), child.returncode, out or b"", err or b"")
    finally:
        for handle in (source, sink):
            if handle is not None:
                handle.close()


def stream(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    keep: int = 40,
) -> tuple[int, list[str]]:
    """Run a program, hand each line of its output (both streams, joined) on as it comes.

    Returns the exit code and the last `keep` lines. A line over `LONGEST_LINE` characters loses its middle.
    """
    last: deque[str] = deque(maxlen=keep)
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        try:
            for raw in child.stdout:
                line = shortened(raw.decode("utf-8", "replace").rstrip("\n"))
                last.append(line)
                on_line(line)
            return child.wait(), list(last)
        except BaseException:
            _end(child)
            raise


def shortened(line: str, longest: int = LONGEST_LINE) -> str:
    """The line with its two ends, where it is longer than `longest` characters."""
    if len(line) <= longest:
        return line
    tail = longest // 4
    return f"{line[: longest - tail - 3]} … {line[-tail:]}"


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and its process group: politely first, for two seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return
        waiter = threading.Thread(target=child.wait, daemon=True)
        waiter.start()
        waiter.join(2)
        if not waiter.is_alive():
            return
