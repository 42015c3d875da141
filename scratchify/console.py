"""What people see while work goes on, on stderr: steps with their time, output as it comes, notes."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Console:
    """A terminal gets colour and a line that moves; a file gets plain lines."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.terminal = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.colour = self.terminal and "NO_COLOR" not in os.environ
        self.timings: dict[str, float] = {}
        self._lock = threading.RLock()
        self._title = ""
        self._began = 0.0

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """One step of the work: said when it begins, with its seconds when it ends. `name` keys `timings`."""
        began = time.monotonic()
        stop = threading.Event()
        mover = None
        self._title, self._began = title, began
        if self.terminal and not self.quiet:
            mover = threading.Thread(target=self._move, args=(stop,), daemon=True)
            mover.start()
        elif not self.quiet:
            self._write(f"{title} …\n")
        done = False
        try:
            yield
            done = True
        finally:
            stop.set()
            if mover is not None:
                mover.join()
            seconds = time.monotonic() - began
            self.timings[name] = self.timings.get(name, 0.0) + seconds
            self._title = ""
            if self.terminal and not self.quiet:
                mark = self.paint("✓", "32") if done else self.paint("✗", "31")
                self._write(f"\r\x1b[K{mark} {title} {self.paint(f'{seconds:.1f} s', '2')}\n")
            elif not self.quiet and done:
                self._write(f"  {seconds:.1f} s\n")

    def line(self, text: str) -> None:
        """A line of a tool's output, as it comes."""
        if not self.quiet:
            self._above(self.paint(f"  {text}", "2"))

    def note(self, text: str) -> None:
        """Something that a person should know; shown even when quiet."""
        self._above(f"{self.paint('note:', '33')} {text}")

    def say(self, text: str) -> None:
        if not self.quiet:
            self._above(text)

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def _above(self, text: str) -> None:
        with self._lock:
            self._write(f"\r\x1b[K{text}\n" if self.terminal else f"{text}\n")

    def _move(self, stop: threading.Event) -> None:
        number = 0
        while not stop.wait(0.1):
            number += 1
            seconds = time.monotonic() - self._began
            with self._lock:
                frame = self.paint(_FRAMES[number % len(_FRAMES)], "36")
                self._write(f"\r\x1b[K{frame} {self._title} {self.paint(f'{seconds:.0f} s', '2')}")

    def _write(self, text: str) -> None:
        with self._lock:
            self.stream.write(text)
            self.stream.flush()
