"""The seam to a tracer: how a container must be started to be watched, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from analyzer.filesystem import Filesystem
from analyzer.recording import Access, Program


@dataclass(slots=True)
class Traced:
    """What a tracer saw, before it becomes part of a recording. `lost` says what it could not see."""

    accesses: set[Access] = field(default_factory=set)
    programs: set[Program] = field(default_factory=set)
    ports: set[str] = field(default_factory=set)  # "8000/tcp"
    written: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    syscalls: set[str] = field(default_factory=set)
    listening: set[tuple[str, int]] = field(default_factory=set)  # TCP: address and port


class Tracer(Protocol):
    """Wraps commands so that they run watched inside the container, and reads the logs that they leave.

    With `keep_rights` setuid, setgid and file-capability programs keep their rights under the tracer, at the
    price of a slower run.
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the container needs to be given."""
        ...

    @property
    def home(self) -> str:
        """The tracer's own directory inside the container."""
        ...

    @property
    def logs(self) -> str:
        """The directory below it where logs are written."""
        ...

    def payload(self, work: Path, root: str, *, keep_rights: bool) -> Path:
        """A tar archive (made in `work`) of `home`, to unpack at `root` ("/" or `home`) before a start."""
        ...

    def environment(self, variables: Mapping[str, str]) -> dict[str, str | None]:
        """Changes to the container's variables (None: taken away), so that they do not reach the tracer."""
        ...

    def wrap(
        self,
        command: Sequence[str],
        program: str,
        label: str,
        variables: Mapping[str, str],
        *,
        keep_rights: bool,
    ) -> list[str]:
        """The command line that runs `command` watched with these variables; `label` names its log.

        `program` is the file that the command's first word leads to.
        """
        ...

    def refusal(self, stderr: str) -> str:
        """What the tracer said when it was not allowed to trace; "" where it said no such thing."""
        ...

    def collect(self, logs: Path, workdir: str, fs: Filesystem) -> Traced:
        """Read the logs: a tar archive of the log directory."""
        ...
