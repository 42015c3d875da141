"""Image references as Docker reads them: `[domain/]path[:tag][@digest]`.

Source: the grammar of the distribution project's reference package, and Docker's normalisation on top of it
(a missing domain is docker.io, a path of one component lies below library/).
"""

from __future__ import annotations

import re

from analyzer.values import frozen

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_MAX_NAME = 255


class ReferenceFormatError(Exception):
    """A name that is no image reference; the message is Docker's."""


@frozen
class Reference:
    """A reference, taken apart. `tag` and `digest` are "" where the text has none."""

    text: str
    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The name as people write it: without docker.io and library/."""
        if self.domain != "docker.io":
            return f"{self.domain}/{self.path}"
        return self.path.removeprefix("library/")

    @property
    def canonical(self) -> str:
        """The full name that the builder pulls: with domain and tag."""
        tag = self.tag or ("" if self.digest else "latest")
        return (
            f"{self.domain}/{self.path}"
            + (f":{tag}" if tag else "")
            + (f"@{self.digest}" if self.digest else "")
        )


def parse(text: str) -> Reference:
    """Read a reference. Raises ReferenceFormatError."""
    if _IDENTIFIER.fullmatch(text):
        raise ReferenceFormatError(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        )
    domain, remainder = _split_domain(text)
    before, at, digest = remainder.partition("@")
    path, colon, tag = before.rpartition(":")
    if not colon:
        path, tag = before, ""
    if path.lower() != path:
        raise ReferenceFormatError(f"invalid reference format: repository name ({path}) must be lowercase")
    good = (
        _DOMAIN.fullmatch(domain)
        and _PATH.fullmatch(path)
        and (not colon or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
    )
    if not good:
        raise ReferenceFormatError("invalid reference format")
    if len(path) > _MAX_NAME:
        raise ReferenceFormatError(f"repository name must not be more than {_MAX_NAME} characters")
    return Reference(text, domain, path, tag, digest)


def _split_domain(text: str) -> tuple[str, str]:
    """The first component is a domain when it has a dot or a port, is localhost, or has capitals."""
    first, slash, rest = text.partition("/")
    if not slash or not (re.search("[.:]", first) or first == "localhost" or first.lower() != first):
        domain, rest = "docker.io", text
    else:
        domain = "docker.io" if first == "index.docker.io" else first
    if domain == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return domain, rest
