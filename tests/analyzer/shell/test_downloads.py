"""What a script fetches by itself."""

from __future__ import annotations

import pytest

from analyzer.shell import read
from analyzer.shell.downloads import downloads

# program, address, where it goes
DOWNLOADS: tuple[tuple[str, str, list[tuple[str, str, str | None]]], ...] = (
    ("curl to standard output", "curl -fsSL https://h/x | sh", [("curl", "https://h/x", "-")]),
    ("curl to a file", "curl -o /t/x https://h/x", [("curl", "https://h/x", "/t/x")]),
    ("letters bundled before -o", "curl -sSLo /t/x https://h/x", [("curl", "https://h/x", "/t/x")]),
    ("curl with the remote name", "curl -LO https://h/x", [("curl", "https://h/x", "")]),
    ("a header is no address", "curl -H 'A: b' -X POST https://h", [("curl", "https://h", "-")]),
    ("the address first", "curl https://h/x -o y", [("curl", "https://h/x", "y")]),
    ("a variable in the address", 'curl "https://h/$V.tgz"', [("curl", "https://h/$V.tgz", "-")]),
    ("a variable in the output", 'curl -o "$f" https://h', [("curl", "https://h", None)]),
    ("--url", "curl --url https://h", [("curl", "https://h", "-")]),
    (
        "two addresses",
        "curl -O https://h/a -O https://h/b",
        [("curl", "https://h/a", ""), ("curl", "https://h/b", "")],
    ),
    ("wget", "wget https://h/x.tgz", [("wget", "https://h/x.tgz", "")]),
    ("wget to standard output", "wget -qO- https://h", [("wget", "https://h", "-")]),
    ("wget with a long option", "wget --output-document=f https://h", [("wget", "https://h", "f")]),
    ("wget into a directory", "wget -P /t https://h/x", [("wget", "https://h/x", "")]),
    ("git clone", "git clone --depth 1 -b v1 https://h/x.git /src", [("git", "https://h/x.git", "/src")]),
    ("git with options before", "git -C /a -c b=c clone https://h/x", [("git", "https://h/x", "")]),
    ("git without an address", "git fetch --tags; git status", []),
    ("nothing else", "echo curl https://h", []),
)


@pytest.mark.parametrize(
    ("text", "expected"), [row[1:] for row in DOWNLOADS], ids=[row[0] for row in DOWNLOADS]
)
def test_downloads(text: str, expected: list[tuple[str, str, str | None]]) -> None:
    assert [(found.program, found.url, found.output) for found in downloads(read(text))] == expected
