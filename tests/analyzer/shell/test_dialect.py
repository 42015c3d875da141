"""Which shell runs a text, and with which options."""

from __future__ import annotations

import pytest

from analyzer.shell import Shell, shebang_of, shell_of


@pytest.mark.parametrize(
    ("words", "dialect", "options"),
    [
        ([], "sh", set()),
        (["/bin/sh", "-c"], "sh", set()),
        (["/bin/bash", "-o", "pipefail", "-c"], "bash", {"pipefail"}),
        (["/bin/bash", "-euxo", "pipefail", "-c"], "bash", {"errexit", "nounset", "xtrace", "pipefail"}),
        (["bash", "-c", "-o", "errexit"], "bash", {"errexit"}),
        (["/bin/ash", "-eo", "pipefail", "-c"], "sh", {"errexit", "pipefail"}),
        (["/busybox/sh", "-c"], "sh", set()),
        (["busybox", "sh", "-e", "-c"], "sh", {"errexit"}),
        (["/usr/bin/env", "bash", "-c"], "bash", set()),
        (["/usr/bin/env", "-i", "A=1", "bash", "-o", "pipefail", "-c"], "bash", {"pipefail"}),
        (["zsh", "-c"], "zsh", set()),
        (["cmd", "/S", "/C"], "cmd", set()),
        (["C:\\Windows\\System32\\cmd.exe", "/S"], "cmd", set()),
        (["powershell", "-Command", "$ErrorActionPreference = 'Stop';"], "powershell", set()),
        (["pwsh", "-c"], "powershell", set()),
        (["/usr/bin/perl", "-e"], "other", set()),
    ],
)
def test_shell_of(words: list[str], dialect: str, options: set[str]) -> None:
    shell = shell_of(words)
    assert (shell.dialect, shell.options) == (dialect, frozenset(options))


@pytest.mark.parametrize(
    ("text", "dialect", "program"),
    [
        (b"#!/bin/sh\nx", "sh", "/bin/sh"),
        (b"#! /bin/bash -e\r\n", "bash", "/bin/bash"),
        (b"#!/usr/bin/env bash\n", "bash", "bash"),
        (b"#!/usr/bin/env -S bash -e\n", "bash", "bash"),
        (b"#!/usr/bin/env python3\n", "other", "python3"),
    ],
)
def test_shebang(text: bytes, dialect: str, program: str) -> None:
    shell = shebang_of(text)
    assert shell is not None
    assert (shell.dialect, shell.program) == (dialect, program)


def test_no_shebang() -> None:
    assert shebang_of(b"echo a\n") is None


def test_the_default_is_sh() -> None:
    assert Shell() == shell_of([])
