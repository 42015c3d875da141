"""Why the kernel cannot start a program of an image: itself, its interpreter or its loader (execve(2)).

What starts and then fails says so itself; what never starts can only be told from the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.filesystem import Resolution, name_of, normalise
from analyzer.resolvers.commands import find_command, search_path
from analyzer.resolvers.elfreader import ELF
from analyzer.resolvers.interface import Extractor, View
from analyzer.resolvers.shebang import env_command

# The kernel gives up on interpreters of interpreters here (fs/exec.c).
_DEEPEST = 5
_HEAD = 256
# GOARCH, as images name architectures, to the values of e_machine that such a machine runs.
_MACHINES = {
    "386": (3,),
    "amd64": (62, 3),
    "arm": (40,),
    "arm64": (183, 40),
    "mips64le": (8,),
    "ppc64le": (21,),
    "s390x": (22,),
    "riscv64": (243,),
    "loong64": (258,),
}
_NAMES = {
    3: "32-bit x86",
    8: "MIPS",
    21: "PowerPC",
    22: "s390",
    40: "32-bit Arm",
    62: "x86-64",
    183: "64-bit Arm",
    243: "RISC-V",
    258: "LoongArch",
}


def read_head(data: bytes) -> str:
    """The first line of a script as the kernel reads it, without blanks around; "" for any other file."""
    if not data.startswith(b"#!"):
        return ""
    return data.split(b"\n", 1)[0].decode("utf-8", "surrogateescape").strip(" \t")


HEAD = Extractor("starting.head", 1, read_head, _HEAD)


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A program that cannot start: `reason` goes on from its name, `hint` says what to do."""

    program: str
    reason: str
    hint: str


def why_not_started(view: View, words: Sequence[str]) -> NotStarted | None:
    """What keeps a command from being started in this image; None for nothing that is known."""
    if not words:
        return None
    name, path = words[0], search_path(view.config)
    workdir = view.config.workdir or "/"
    found = find_command(view.fs, name, path, workdir)
    if found is None and "/" not in name:
        named = (f"{folder}/{name}" for folder in path)
        found = next(
            (place for place in named if (entry := view.fs.lookup(place)) and entry.kind == "file"), None
        )
        if found is None:
            hint = "install it in this stage, name it by its full path, or set PATH with ENV"
            return NotStarted(name, f"no directory of PATH has it ({':'.join(path)})", hint)
    return _why_not(view, found or (name if name.startswith("/") else f"{workdir}/{name}"), _DEEPEST)


def _why_not(view: View, path: str, depth: int) -> NotStarted | None:
    found = view.fs.resolve(path)
    if found.missing:
        hint = "copy it into this stage, or start from a base that has it"
        return NotStarted(path, f"it {_absence(path, found)}", hint)
    entry = view.fs.entries[found.path]
    if entry.kind != "file":
        return NotStarted(path, "it is no file", "name the program itself")
    if not entry.executable:
        return NotStarted(path, "nobody may execute it", "chmod it in a RUN, or COPY --chmod=0755")
    facts = view.facts.get(ELF, found.path)
    if facts is not None:
        return _why_not_elf(view, path, facts)
    line = view.facts.get(HEAD, found.path) or ""
    if line:
        return _why_not_script(view, path, line, depth)
    reason = "it is neither a program nor a script with a #! line" if entry.size else "it is empty"
    return NotStarted(path, reason, "begin a script with #!/bin/sh, or have a shell run it")


def _why_not_elf(view: View, path: str, facts: dict[str, Any]) -> NotStarted | None:
    runs = _MACHINES.get(view.config.architecture, ())
    machine = facts.get("machine", 0)
    if runs and machine not in runs:
        known = _NAMES.get(machine, f"a machine of another kind (e_machine {machine})")
        reason = f"it is a program for {known}, and the image is for {view.config.architecture}"
        return NotStarted(path, reason, "build it for the image's platform, or the image with --platform")
    loader = facts.get("interp", "")
    found = view.fs.resolve(loader)
    if not loader or not found.missing:
        return None
    hint = f"copy {found.path} as well, link the program statically, or start from a base with its C library"
    return NotStarted(path, f"its loader {loader} {_absence(loader, found)}", hint)


def _why_not_script(view: View, path: str, line: str, depth: int) -> NotStarted | None:
    if line.endswith("\r"):
        reason = (
            "its first line ends in a carriage return, which the kernel takes for a part of the interpreter"
        )
        return NotStarted(path, reason, "give the file Unix line ends (LF), in the repository as well")
    words = line[2:].strip(" \t").split(None, 1)
    if not words or not depth:
        return NotStarted(path, "its first line names no interpreter", "write it: #!/bin/sh")
    interpreter = words[0]
    found = view.fs.resolve(interpreter)
    hint = f"install it in this stage, or name one that the image has in the first line of {path}"
    if found.missing:
        return NotStarted(path, f"its interpreter {interpreter} {_absence(interpreter, found)}", hint)
    name = env_command(words[1]) if name_of(interpreter) == "env" and len(words) == 2 else ""
    folders = search_path(view.config)
    if name and find_command(view.fs, name, folders, view.config.workdir or "/") is None:
        return NotStarted(
            path, f"no directory of PATH has its interpreter {name} ({':'.join(folders)})", hint
        )
    cause = _why_not(view, interpreter, depth - 1)
    if cause is None:
        return None
    return NotStarted(path, f"its interpreter {cause.program} does not start: {cause.reason}", cause.hint)


def _absence(path: str, found: Resolution) -> str:
    if found.path == normalise(path):
        return "is not in the image"
    return f"leads to {found.path}, which is not in the image"
