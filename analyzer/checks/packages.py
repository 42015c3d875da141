"""What the rules about package managers share: packages without a version, caches mounted or removed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzer.checks.body import Body
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Run
from analyzer.shell.calls import Call
from analyzer.shell.installs import ManagerCall, Package

_SHOWN = 4


def clause(packages: Sequence[Package]) -> str:
    """Names for a message, the first few of many."""
    names = [each.word.text.strip("\"'") for each in packages]
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def calls_of(body: Body, manager: str, *actions: str) -> Iterator[ManagerCall]:
    """The calls of one manager with one of these actions."""
    for call in body.managers:
        if call.manager == manager and call.action in actions:
            yield call


def cached(run: Run, *folders: str) -> bool:
    """Does a cache or tmpfs mount hold one of these folders, so that nothing of it stays in the layer?"""
    for mount in run.mounts:
        if mount.type not in ("cache", "tmpfs"):
            continue
        target = mount.target.rstrip("/")
        if target and any(folder == target or folder.startswith(f"{target}/") for folder in folders):
            return True
    return False


def removed(body: Body, after: int, *folders: str) -> bool:
    """Does a command behind a place in the text take one of these folders, or all in it, away?"""
    for call in body.called("rm", "find"):
        in_function = any(block.kind == "function" for block in call.command.where)
        if (call.command.start >= after or in_function) and _removes(call, folders):
            return True
    return False


def _removes(call: Call, folders: tuple[str, ...]) -> bool:
    if call.name != "rm" and not (
        call.name == "find" and any(value in ("-delete", "rm") for value in call.values)
    ):
        return False
    for word in call.arguments:
        for path in _braces(word.value if word.value is not None else word.text.strip("\"'")):
            path = path.rstrip("/*").replace("$HOME", "/root").replace("${HOME}", "/root")
            path = f"/root{path[1:]}" if path.startswith("~") else path
            if path and any(
                folder == path or folder.startswith(f"{path}/") or path.startswith(f"{folder}/")
                for folder in folders
            ):
                return True
    return False


def _braces(path: str) -> list[str]:
    """`/var/{lib,cache}/x` as the paths that it stands for."""
    match = re.search(r"\{([^{}]*,[^{}]*)\}", path)
    if match is None:
        return [path]
    return [
        each
        for choice in match[1].split(",")
        for each in _braces(path[: match.start()] + choice + path[match.end() :])
    ]


def unpinned(subject: Subject, run: Run, call: ManagerCall) -> list[Package]:
    """The packages of a call that have no version; what a variable holds is looked up."""
    found = []
    for package in call.packages:
        if package.version:
            continue
        names = package.word.variables
        if len(names) == 1 and len(package.word.parts) == 1:
            held = _held(subject, run, names[0])
            if held and all(pinned_by(word) for word in held.split()):
                continue
        found.append(package)
    return found


def _held(subject: Subject, run: Run, name: str) -> str:
    """What a name holds: by an assignment of the same text, else in the build's environment; "" where nobody
    knows."""
    values = [
        word.value if word is not None else None
        for command in subject.body(run).script.commands
        for each in command.assignments
        if each.name == name
        for word in (each.elements or (each.value,))
    ]
    if values:
        return " ".join(value or "?" for value in values)
    return subject.expanded(run).environment.get(name) or ""


def pinned_by(word: str) -> bool:
    """Does a word out of a variable carry a version, in any manager's way of writing one?"""
    return word.startswith("-") or any(sign in word[1:] for sign in ("=", "@", "~", ":", "<", ">"))
