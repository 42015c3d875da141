"""Image references: Docker's grammar and its normalisation."""

from __future__ import annotations

import pytest

from analyzer.reference import ReferenceFormatError, parse

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "canonical", "name", "tag"),
    [
        ("debian", "docker.io/library/debian:latest", "debian", ""),
        ("debian:12", "docker.io/library/debian:12", "debian", "12"),
        ("a/b", "docker.io/a/b:latest", "a/b", ""),
        ("h.test/a", "h.test/a:latest", "h.test/a", ""),
        ("h:5000/a:1", "h:5000/a:1", "h:5000/a", "1"),
        ("localhost/a", "localhost/a:latest", "localhost/a", ""),
        ("UP/low", "UP/low:latest", "UP/low", ""),
        ("index.docker.io/a", "docker.io/library/a:latest", "a", ""),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a", ""),
        (f"a@{DIGEST}", f"docker.io/library/a@{DIGEST}", "a", ""),
        (f"a:1@{DIGEST}", f"docker.io/library/a:1@{DIGEST}", "a", "1"),
        ("e--f/a__b.c-d", "docker.io/e--f/a__b.c-d:latest", "e--f/a__b.c-d", ""),
    ],
)
def test_good(text: str, canonical: str, name: str, tag: str) -> None:
    found = parse(text)
    assert (found.canonical, found.name, found.tag) == (canonical, name, tag)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Debian", "repository name \\(library/Debian\\) must be lowercase"),
        ("h.test/Up", "repository name \\(Up\\) must be lowercase"),
        ("a:b:c", "invalid reference format$"),
        ("a@sha256:zz", "invalid reference format$"),
        ("a:", "invalid reference format$"),
        ("-a", "invalid reference format$"),
        ("a..b", "invalid reference format$"),
        ("", "invalid reference format$"),
        ("a b", "invalid reference format$"),
        ("f" * 64, "cannot specify 64-byte hexadecimal strings"),
        ("a/" * 200 + "a", "must not be more than 255 characters"),
    ],
)
def test_bad(text: str, message: str) -> None:
    with pytest.raises(ReferenceFormatError, match=message):
        parse(text)
