"""What one rewrite is asked to do, after flags and settings were joined."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from analyzer.probes import Probe

Coverage = Literal["traced", "balanced", "safe"]
STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What goes to the engine's build as it is."""

    args: tuple[str, ...] = ()  # "NAME=value" or "NAME"
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    platform: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeepSettings:
    """What the keep-set is made of beside the evidence."""

    coverage: Coverage = "balanced"
    keep: tuple[str, ...] = ()  # patterns as in .gitignore
    keep_packages: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    no_system: tuple[str, ...] = ()  # system needs switched off, by name
    scanners: bool = True  # entries of package databases, for vulnerability scanners


@dataclass(frozen=True, slots=True)
class Request:
    """One Dockerfile and how to exercise it. `dockerfile` may be STDIN."""

    dockerfile: Path
    context: Path
    target: str = ""
    probes: tuple[Probe, ...] = ()
    recordings: tuple[Path, ...] = ()
    keeping: KeepSettings = field(default_factory=KeepSettings)
    build: BuildSettings = field(default_factory=BuildSettings)
    run_options: tuple[str, ...] = ()
    timeout: float = 60.0
    tag: str = ""
    # Where the rewritten file will stand, from which the block names its source; None for standard output.
    output: Path | None = None
