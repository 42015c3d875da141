"""An image's configuration and layers, as the engine's archive has them (OCI image spec, config.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# What BuildKit writes for a stage that sets no PATH, `FROM scratch` included, and what engines give a process
# of an image without one (moby's system.DefaultPathEnvUnix).
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The label on what scratchify has an engine make for itself; it is no part of an image's own configuration.
SESSION_LABEL = "scratchify.session"


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """HEALTHCHECK as the image has it. Times in nanoseconds, 0 where the file set none."""

    test: tuple[str, ...]  # ("NONE",), ("CMD", …) or ("CMD-SHELL", text)
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What `docker inspect` shows of an image. None and empty are kept apart where engines do."""

    env: tuple[tuple[str, str], ...] = ()
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    exposed: tuple[str, ...] = ()  # "8000/tcp", sorted
    volumes: tuple[str, ...] = ()  # sorted
    labels: tuple[tuple[str, str], ...] = ()  # sorted
    healthcheck: Healthcheck | None = None
    stop_signal: str = ""
    shell: tuple[str, ...] | None = None
    onbuild: tuple[str, ...] = ()
    architecture: str = "amd64"
    os: str = "linux"
    variant: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """The words that PID 1 is started with."""
        return (self.entrypoint or ()) + (self.cmd or ())

    def variable(self, name: str, default: str = "") -> str:
        return dict(self.env).get(name, default)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its uncompressed digest and the instruction text that the history gives it."""

    digest: str
    created_by: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The identity of an image: digest of its configuration, configuration, layers bottom first."""

    digest: str
    config: ImageConfig
    layers: tuple[Layer, ...] = ()


def config_from_json(document: dict[str, Any]) -> ImageConfig:
    """Read an OCI image configuration (the file in the archive) or one item of `docker image inspect`."""
    config = document.get("config") or document.get("Config") or {}
    health = config.get("Healthcheck")
    return ImageConfig(
        env=tuple(
            (name, value) for name, _, value in (item.partition("=") for item in config.get("Env") or ())
        ),
        user=config.get("User") or "",
        workdir=config.get("WorkingDir") or "",
        entrypoint=_words(config.get("Entrypoint")),
        cmd=_words(config.get("Cmd")),
        exposed=tuple(sorted(config.get("ExposedPorts") or {})),
        volumes=tuple(sorted(config.get("Volumes") or {})),
        labels=tuple(
            sorted(item for item in (config.get("Labels") or {}).items() if item[0] != SESSION_LABEL)
        ),
        healthcheck=_healthcheck(health) if health else None,
        stop_signal=config.get("StopSignal") or "",
        shell=_words(config.get("Shell")),
        onbuild=tuple(config.get("OnBuild") or ()),
        architecture=document.get("architecture") or document.get("Architecture") or "",
        os=document.get("os") or document.get("Os") or "linux",
        variant=document.get("variant") or document.get("Variant") or "",
    )


def _words(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _healthcheck(value: dict[str, Any]) -> Healthcheck:
    return Healthcheck(
        test=tuple(value.get("Test") or ()),
        interval=value.get("Interval") or 0,
        timeout=value.get("Timeout") or 0,
        start_period=value.get("StartPeriod") or 0,
        start_interval=value.get("StartInterval") or 0,
        retries=value.get("Retries") or 0,
    )
