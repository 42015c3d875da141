"""The seam to a tracer: how a container must be started to be watched, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from analyzer.recording import Access, Program


class Traced(Protocol):
    """What a tracer saw, before it becomes part of a recording."""

    accesses: set[Access]
    programs: set[Program]
    ports: set[str]
    written: set[str]
    lost: list[str]
    syscalls: set[str]


class Tracer(Protocol):
    """Wraps commands so that they run watched inside the container, and reads the logs that they leave."""

    name: str
    capabilities: tuple[str, ...]

    def payload(self, work: Path) -> Path:
        """A tar archive (made in `work`) to unpack at the container's root before it starts."""
        ...

    def wrap(self, command: Sequence[str], label: str) -> list[str]:
        """The command line that runs `command` watched; `label` names its log."""
        ...

    def collect(self, logs: Path, workdir: str) -> Traced:
        """Read the logs that were copied out of the container."""
        ...
