"""What all of hadolint's rules share: where they are documented."""

from __future__ import annotations


def url(code: str) -> str:
    """The page of hadolint's documentation that describes a rule."""
    return f"https://github.com/hadolint/hadolint/wiki/{code}"
