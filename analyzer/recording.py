"""The portable record of a run: what was touched, and by whom, and how the probes ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from analyzer.filesystem import Entry
from analyzer.image import ImageFacts

SCHEMA = 1

Operation = Literal["open", "stat", "access", "readlink", "exec", "chdir", "list", "write", "other"]


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """One look at one path by one program, however often. `path` is absolute, as the kernel saw it (no link
    resolved); `error` is "" or the errno's name; `program` the executable, resolved where known."""

    path: str
    operation: Operation
    error: str
    program: str


@dataclass(frozen=True, slots=True, order=True)
class Program:
    """One execve that succeeded."""

    path: str
    argv: tuple[str, ...]
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe got. Text is what the comparison uses, volatile lines already left out."""

    passed: bool
    status: int  # HTTP status or exit code
    content_type: str = ""
    body: str = ""  # HTTP body or stdout
    stderr: str = ""
    error: str = ""  # why it could not be asked
    compared: str = "all"  # "all", "stable part" or "status alone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A probe's text (as written) and its answer on the original."""

    probe: str
    answer: Answer


@dataclass(slots=True)
class Recording:
    """One traced run of one image, or several merged. Sets, sorted when written."""

    image: ImageFacts
    manifest: list[Entry] = field(default_factory=list)
    # extractor name → path → facts (JSON values): enough to plan again without the image
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    accesses: set[Access] = field(default_factory=set)
    programs: set[Program] = field(default_factory=set)
    ports: set[str] = field(default_factory=set)  # "8000/tcp"
    written: set[str] = field(default_factory=set)  # paths created or written
    outcomes: list[Outcome] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # what the tracer could not see or read, in words
    syscalls: set[str] = field(default_factory=set)
