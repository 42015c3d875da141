"""Image names: what of `registry/path:tag@digest` is what.

Source: the grammar of distribution's `reference` package, by which Docker and BuildKit read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image name taken apart; `path` as written, `tag` and `digest` empty where there is none."""

    registry: str
    path: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """The path in its registry as Docker completes it: `library/` before a bare name of Docker Hub."""
        return f"library/{self.path}" if self.registry == DOCKER_HUB and "/" not in self.path else self.path

    @property
    def official(self) -> str:
        """The name of one of Docker's official images; an empty string for others."""
        path = self.repository.removeprefix("library/")
        return path if self.registry == DOCKER_HUB and "/" not in path else ""


def parse_reference(text: str) -> Reference | None:
    """Read an image name; None for what is none."""
    if _IDENTIFIER.fullmatch(text):
        return None
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return None
    first, slash, rest = name.partition("/")
    registry = DOCKER_HUB
    # A first part that is no host is a part of the path: `library/alpine`.
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        if not _REGISTRY.fullmatch(first):
            return None
        registry, name = ("docker.io" if first == "index.docker.io" else first), rest
    path, colon, tag = name.partition(":")
    if not _PATH.fullmatch(path) or (colon and not _TAG.fullmatch(tag)):
        return None
    return Reference(registry, path, tag, digest)
