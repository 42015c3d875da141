"""What the long work tells whoever waits for it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """Told of each step; the console shows it, a bot logs it."""

    timings: dict[str, float]  # seconds by the step's name

    def step(self, name: str, title: str) -> AbstractContextManager[None]: ...

    def line(self, text: str) -> None:
        """A line of a tool's output."""
        ...

    def say(self, text: str) -> None: ...

    def note(self, text: str) -> None:
        """Something that a person should know, however quiet the run."""
        ...
