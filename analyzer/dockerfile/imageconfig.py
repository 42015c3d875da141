"""The configuration that a stage's instructions leave in its image, by BuildKit's rules.

It starts from the parent's: the stage or the image that FROM names. An image whose configuration is not known
counts as empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from posixpath import normpath
from typing import Any

from analyzer.dockerfile.goquote import quoted
from analyzer.values import frozen

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")

_PORTS = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
_SIGNALS = frozenset(
    {
        *("ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT"),
        *("IO", "IOT", "KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT"),
        *("STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2"),
        *("VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX"),
    }
)


@frozen
class Health:
    """HEALTHCHECK in the image; durations in nanoseconds, 0 for the default."""

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@frozen
class ImageConfig:
    """The run configuration of an image. None: never set. `env` keeps the order in which names were first
    set.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None
    exposed: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    healthcheck: Health | None = None
    stop_signal: str = ""
    onbuild: tuple[str, ...] = ()
    author: str = ""


def config_from_json(document: dict[str, Any]) -> ImageConfig:
    """The `config` object of an OCI image configuration, or the `Config` of `docker image inspect`."""
    env = dict(item.partition("=")[::2] for item in document.get("Env") or ())
    return ImageConfig(
        env=env,
        user=document.get("User") or "",
        workdir=document.get("WorkingDir") or "",
        entrypoint=_optional(document.get("Entrypoint")),
        cmd=_optional(document.get("Cmd")),
        shell=_optional(document.get("Shell")),
        exposed=tuple(sorted(document.get("ExposedPorts") or ())),
        volumes=tuple(sorted(document.get("Volumes") or ())),
        labels=dict(document.get("Labels") or {}),
        stop_signal=document.get("StopSignal") or "",
        onbuild=tuple(document.get("OnBuild") or ()),
    )


def _optional(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def join_workdir(current: str, path: str) -> str:
    """WORKDIR after WORKDIR: an absolute path stays as it is written, a relative one goes below the current
    one, and that is then clean."""
    return path if path.startswith("/") else clean_path(f"{current or '/'}/{path}")


def clean_path(path: str) -> str:
    """An absolute path without `.`, `..`, doubled and trailing slashes."""
    return "/" + normpath("/" + path).lstrip("/")


def parse_ports(word: str) -> tuple[str, ...]:
    """The ports of one EXPOSE word, `[[IP:]HOST:]PORT[/PROTOCOL]`, as the image keeps them: `80/tcp`, ranges
    spelled out. Raises ValueError with the engine's message.
    """
    *before, last = word.split(":")
    port, _, protocol = last.partition("/")
    protocol = protocol or "tcp"
    if not port:
        raise ValueError(f"invalid port: {quoted(word)}: no port specified")
    if protocol.lower() not in _PROTOCOLS:
        raise ValueError(f"invalid port: {quoted(word)}: invalid proto: {protocol}")
    address, host = ":".join(before[:-1]), before[-1] if before else ""
    if address and not _is_address(address.removeprefix("[").removesuffix("]")):
        raise ValueError(f"invalid IP address: {address}")
    ports = _range(port, "containerPort")
    if host and len(ports) > 1 and len(_range(host, "hostPort")) != len(ports):
        message = "invalid ranges specified for container and host Ports"
        raise ValueError(f"{message}: {port} and {host}")
    return tuple(f"{number}/{protocol.lower()}" for number in ports)


def _range(text: str, what: str) -> range:
    match = _PORTS.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid {what}: {text}")
    start, end = int(match[1]), int(match[2] or match[1])
    if start > end or end > 65535:
        raise ValueError(f"invalid {what}: {text}")
    return range(start, end + 1)


def _is_address(text: str) -> bool:
    # Only EXPOSE with an address needs this, and nobody writes that: not worth its time at every start.
    from ipaddress import ip_address

    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def known_signal(text: str) -> bool:
    """Does the engine know this STOPSIGNAL? Any number but 0, or a name with or without SIG."""
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text) != 0
    name = text.upper().removeprefix("SIG")
    return name in _SIGNALS or re.fullmatch(r"RT(MIN\+([1-9]|1[0-5])|MAX-([1-9]|1[0-4]))", name) is not None
