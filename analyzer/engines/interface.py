"""The seam to a container engine: build, save, run. Implementations call the engine's own command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from analyzer.process import Completed


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build. `dockerfile` is a file on the host; `options` go to the engine as they are."""

    dockerfile: Path
    context: Path
    target: str = ""
    tag: str = ""
    build_args: tuple[str, ...] = ()  # "NAME=value" or "NAME"
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    platform: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerRequest:
    """One container, created and not yet started. None for entrypoint or command means the image's own."""

    image: str
    entrypoint: Sequence[str] | None = None
    command: Sequence[str] | None = None
    user: str | None = None
    publish: tuple[str, ...] = ()  # "127.0.0.1::8000/tcp": a free port of the loopback
    capabilities: tuple[str, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)  # None takes the image's own away
    healthcheck: bool = True
    options: tuple[str, ...] = ()


class Engine(Protocol):
    """A container engine that answers. Every object that it makes carries the label scratchify.session."""

    name: str

    def build(self, request: BuildRequest, on_line: Callable[[str], None]) -> str:
        """Build and return the image's id. Output goes to `on_line` as it comes.

        With a tag the image is the user's: it has no label and stays. Without one it is this session's.
        """
        ...

    def inspect(self, image: str) -> dict[str, Any] | None:
        """The engine's own document on an image; None where it has none of that name."""
        ...

    def save(self, image: str, archive: Path) -> None: ...

    def tag(self, image: str, name: str) -> None: ...

    def temporary_name(self, word: str) -> str:
        """A name for an image of this session: a FROM line needs one, image ids do not work there."""
        ...

    def remove_image(self, image: str) -> None:
        """Take a name away, or by its id an image of this session; never one that the user had."""
        ...

    def create(self, request: ContainerRequest) -> str:
        """Create a container and return its id."""
        ...

    def copy_in(self, container: str, tar: bytes | Path, directory: str = "/") -> None:
        """Unpack a tar archive in the container's filesystem, owners and modes kept."""
        ...

    def copy_out(self, container: str, path: str, archive: Path) -> None:
        """Write a tar archive of a path of the container."""
        ...

    def start(self, container: str) -> None: ...

    def state(self, container: str) -> dict[str, Any]:
        """The engine's State document: Running, ExitCode, OOMKilled, Pid and the like."""
        ...

    def ports(self, container: str) -> dict[str, int]:
        """Published ports: "8000/tcp" to the port of the host's loopback."""
        ...

    def logs(self, container: str) -> tuple[bytes, bytes]:
        """Standard output and standard error so far."""
        ...

    def exec(
        self, container: str, command: Sequence[str], *, user: str | None = None, timeout: float | None = None
    ) -> Completed: ...

    def stop(self, container: str, timeout: float = 10) -> None:
        """Stop with the image's own signal, then kill after `timeout` seconds."""
        ...

    def wait(self, container: str, timeout: float | None = None) -> int:
        """The exit code, when the container has ended."""
        ...

    def remove(self, container: str) -> None: ...

    def close(self) -> None:
        """Take away every container and image of this session that is left."""
        ...
