"""A PID 1 that cannot hear its stop signal, as /proc shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.signals import is_deaf

CONTAINER = "0123456789abcdef"
TERM, QUIT = 1 << 14, 1 << 2


def proc(
    folder: Path, *, caught: int = 0, blocked: tuple[int, ...] = (0,), ns: str = "4242\t1", cgroup: str = ""
) -> Path:
    process = folder / "4242"
    for number, mask in enumerate(blocked):
        task = process / "task" / str(4242 + number)
        task.mkdir(parents=True)
        (task / "status").write_text(
            f"Name:\tx\nNSpid:\t{ns}\nSigBlk:\t{mask:016x}\nSigCgt:\t{caught:016x}\n"
        )
    (process / "cgroup").write_text(cgroup or f"0::/system.slice/docker-{CONTAINER}.scope\n")
    return folder


CASES: dict[str, tuple[dict[str, object], str, bool]] = {
    "no handler": ({}, "SIGTERM", True),
    "a handler": ({"caught": TERM}, "SIGTERM", False),
    "a handler for another signal": ({"caught": QUIT}, "SIGTERM", True),
    "the signal by its short name": ({"caught": QUIT}, "QUIT", False),
    "the signal in lower case": ({"caught": QUIT}, "sigquit", False),
    "the signal by its number": ({"caught": QUIT}, "3", False),
    "a signal that is none": ({}, "SIGNOTHING", False),
    "a thread waits for it": ({"blocked": (0, TERM)}, "SIGTERM", False),
    "another container's process": ({"cgroup": "0::/docker/fedcba"}, "SIGTERM", False),
    "a process of this machine itself": ({"ns": "4242"}, "SIGTERM", False),
}


@pytest.mark.parametrize(("process", "name", "deaf"), CASES.values(), ids=CASES.keys())
def test_cases(tmp_path: Path, process: dict[str, object], name: str, deaf: bool) -> None:
    assert is_deaf(4242, name, CONTAINER, proc(tmp_path, **process)) is deaf  # type: ignore[arg-type]


def test_a_process_of_another_machine(tmp_path: Path) -> None:
    assert not is_deaf(4242, "SIGTERM", CONTAINER, tmp_path)
    assert not is_deaf(0, "SIGTERM", CONTAINER, tmp_path)
