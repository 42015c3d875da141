"""Reasons of execve(2), as Linux 6.1 and glibc's and musl's loaders gave them for files of these kinds."""

from __future__ import annotations

import pytest

from analyzer.image import ImageConfig
from analyzer.resolvers.starting import why_not_started
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import Dir, File, Link, Node, view_of

LOADER = "/lib64/ld-linux-x86-64.so.2"
PROGRAM = File(elf(interp=LOADER), 0o755)
SHELL = {"/bin/sh": PROGRAM, LOADER: File(elf(), 0o755)}
CONFIG = ImageConfig(env=(("PATH", "/usr/bin:/bin"),), workdir="/srv")

# (what, tree, command, the program at fault, the reason)
FAULTS: list[tuple[str, dict[str, Node], tuple[str, ...], str, str]] = [
    ("no such path", {}, ("/bin/app",), "/bin/app", "it is not in the image"),
    ("seen from the working directory", {}, ("./app",), "/srv/./app", "it is not in the image"),
    ("not along PATH", {}, ("app",), "app", "no directory of PATH has it (/usr/bin:/bin)"),
    (
        "a link to nothing",
        {"/bin/app": Link("/opt/app/run")},
        ("/bin/app",),
        "/bin/app",
        "it leads to /opt/app/run, which is not in the image",
    ),
    ("a directory", {"/bin/app": Dir()}, ("/bin/app",), "/bin/app", "it is no file"),
    ("no execute bit", {"/srv/app": "#!/bin/sh"}, ("./app",), "/srv/./app", "nobody may execute it"),
    ("no execute bit along PATH", {"/bin/app": "#!/bin/sh"}, ("app",), "/bin/app", "nobody may execute it"),
    (
        "another machine",
        {"/bin/app": File(elf(machine=183), 0o755)},
        ("app",),
        "/bin/app",
        "it is a program for 64-bit Arm, and the image is for amd64",
    ),
    (
        "no loader",
        {"/bin/app": PROGRAM},
        ("app",),
        "/bin/app",
        f"its loader {LOADER} is not in the image",
    ),
    (
        "a loader that is a link to nothing",
        {"/bin/app": PROGRAM, LOADER: Link("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")},
        ("app",),
        "/bin/app",
        f"its loader {LOADER} leads to /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2, which is not in the image",
    ),
    (
        "a program for musl on glibc",
        {**SHELL, "/bin/app": File(elf(interp="/lib/ld-musl-x86_64.so.1"), 0o755)},
        ("app",),
        "/bin/app",
        "its loader /lib/ld-musl-x86_64.so.1 is not in the image",
    ),
    (
        "no interpreter",
        {"/app.sh": File("#!/bin/bash -e\n", 0o755)},
        ("/app.sh",),
        "/app.sh",
        "its interpreter /bin/bash is not in the image",
    ),
    (
        "an interpreter without its loader",
        {"/app.sh": File("#! /bin/sh\n", 0o755), "/bin/sh": PROGRAM},
        ("/app.sh",),
        "/app.sh",
        f"its interpreter /bin/sh does not start: its loader {LOADER} is not in the image",
    ),
    (
        "what env looks for",
        {**SHELL, "/app": File("#!/usr/bin/env python3\n", 0o755), "/usr/bin/env": PROGRAM},
        ("/app",),
        "/app",
        "no directory of PATH has its interpreter python3 (/usr/bin:/bin)",
    ),
    *(
        (
            f"carriage return, {line!r}",
            {**SHELL, "/usr/bin/env": PROGRAM, "/app": File(f"{line}\r\necho\r\n", 0o755)},
            ("/app",),
            "/app",
            "its first line ends in a carriage return, which the kernel takes for a part of the interpreter",
        )
        for line in ("#!/bin/sh", "#!/usr/bin/env sh", "#!/bin/sh -e")
    ),
    ("an empty file", {"/app": File("", 0o755)}, ("/app",), "/app", "it is empty"),
    (
        "no first line",
        {"/app": File("echo\n", 0o755)},
        ("/app",),
        "/app",
        "it is neither a program nor a script with a #! line",
    ),
    (
        "shell form without a shell",
        {"/app": PROGRAM},
        ("/bin/sh", "-c", "/app"),
        "/bin/sh",
        "it is not in the image",
    ),
]

STARTS: list[tuple[str, dict[str, Node], tuple[str, ...]]] = [
    ("nothing to start", {}, ()),
    ("a program with its loader", SHELL, ("sh",)),
    ("a static program", {"/bin/app": File(elf(static=True), 0o755)}, ("app",)),
    ("32-bit x86 on amd64", {"/bin/app": File(elf(static=True, machine=3, bits=32), 0o755)}, ("app",)),
    ("a script", {**SHELL, "/app": File("#!/bin/sh -e\n", 0o755)}, ("/app",)),
    ("an option of env", {**SHELL, "/app": File("#!/bin/sh\n", 0o755)}, ("/app", "--missing")),
    (
        "the loader behind a linked directory",
        {"/lib64": Link("usr/lib64"), f"/usr{LOADER}": File(elf(), 0o755), "/bin/app": PROGRAM},
        ("app",),
    ),
]


@pytest.mark.parametrize(
    ("tree", "command", "program", "reason"),
    [pytest.param(*case, id=what) for what, *case in FAULTS],
)
def test_the_file_at_fault_is_named(
    tree: dict[str, Node], command: tuple[str, ...], program: str, reason: str
) -> None:
    fault = why_not_started(view_of(tree, config=CONFIG), command)
    assert fault is not None
    assert (fault.program, fault.reason) == (program, reason)
    assert fault.hint


@pytest.mark.parametrize(
    ("tree", "command"), [pytest.param(tree, command, id=what) for what, tree, command in STARTS]
)
def test_what_starts_has_no_fault(tree: dict[str, Node], command: tuple[str, ...]) -> None:
    assert why_not_started(view_of(tree, config=CONFIG), command) is None
