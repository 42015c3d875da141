"""The launcher, run: it becomes what it is told, with the same arguments and variables."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.tracers.launcher import launcher

HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")


@pytest.fixture
def program() -> Iterator[str]:
    data = launcher(HERE)
    if data is None:
        pytest.skip(f"no launcher for {platform.machine()}")
    with tempfile.TemporaryDirectory() as folder:
        # Everybody may come in, unlike in pytest's own folders.
        Path(folder).chmod(0o755)
        path = Path(folder) / "launcher"
        path.write_bytes(data)
        path.chmod(0o755)
        yield str(path)


def test_it_becomes_the_program(program: str) -> None:
    script = 'echo "$0|$1|$2|$PATH|$$"; exit 7'
    with subprocess.Popen(
        [program, "/bin/sh", "named", "-c", script, "zero", "a b", ""],
        stdout=subprocess.PIPE,
        env={"PATH": "/bin", "odd.name": "x"},
    ) as child:
        out, _ = child.communicate()
    assert out.decode() == f"zero|a b||/bin|{child.pid}\n"
    assert child.returncode == 7


def test_what_is_not_there(program: str) -> None:
    assert subprocess.run([program, "/nowhere", "x"]).returncode == 126


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a setuid program")
def test_it_gives_a_set_user_id_up(program: str) -> None:
    os.chown(program, 0, 0)
    Path(program).chmod(0o6755)
    shown = subprocess.run(
        [program, "/bin/sh", "sh", "-c", "grep -E '^(Uid|Gid|CapEff|CapPrm)' /proc/self/status"],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    assert [line.split()[1:] for line in shown if line] == [["65534"] * 4] * 2 + [["0000000000000000"]] * 2


def test_other_architectures_have_none() -> None:
    assert launcher("riscv64") is None
    assert (launcher("arm64") or b"")[:4] == b"\x7fELF"
