"""What the traced run touched.

Whatever a look-up found in the original has to be found again: an opened file, one that was only asked for
with stat, a link that was read, a directory that was entered. A look-up that failed for another reason than
absence (a file that may not be read, readlink on what is no link) found its path too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer.evidence import Evidence
from analyzer.filesystem import Filesystem, is_volatile, parent_of
from analyzer.recording import Access
from analyzer.resolvers.interface import View

# The root of every chain that begins with the run itself.
RUN = "run"

# Nothing was there, or something on the way was no directory: what a smaller image may answer as well.
_ABSENT = frozenset({"ENOENT", "ENOTDIR"})

_RAN = "ran"

_DONE = {
    "open": "opened",
    "stat": "looked up",
    "access": "looked up",
    "readlink": "read as a link",
    "exec": "executed",
    "chdir": "entered",
    "list": "listed",
    "write": "written",
    "other": "used",
}


class Traced:
    """Keeps what the run found. Has all it needs at its first call."""

    name = "traced"

    def __init__(self) -> None:
        self._told = False

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Evidence]:
        if self._told:
            return
        self._told = True
        for path in sorted(
            {one.path for one in view.programs} | {one.program for one in view.accesses} - {""}
        ):
            yield Evidence(path, "traced", RUN, f"{_RAN} in the traced run")
        for access in view.accesses:
            yield from _evidence(view.fs, access)


def was_run(evidence: Evidence) -> bool:
    """Whether the run executed this path, and did not only look at it."""
    return evidence.kind == "traced" and evidence.reason.startswith((f"{_RAN} ", f"{_DONE['exec']} "))


def _evidence(fs: Filesystem, access: Access) -> Iterator[Evidence]:
    if access.error in _ABSENT:
        return
    path = access.path
    source = access.program if access.program in fs else RUN
    by = f" by {access.program}" if access.program else ""
    if fs.resolve(path, follow=False).missing:
        # The run made it, or the engine put it there: the image's part is the directory that holds it.
        holder = _nearest(fs, path)
        if holder != "/":
            yield Evidence(holder, "traced", source, f"{path} was {_DONE[access.operation]} in it{by}")
        return
    if source == path:
        source = RUN
    yield Evidence(path, "traced", source, f"{_DONE[access.operation]} in the traced run{by}")


def _nearest(fs: Filesystem, path: str) -> str:
    while path != "/":
        path = parent_of(path)
        if not fs.resolve(path).missing:
            break
    return path


def listed_directories(view: View) -> list[str]:
    """The image's directories that the run listed, links resolved, sorted; none where the kernel or the
    engine decides what a listing shows."""
    return sorted(set(_listed(view)))


def _listed(view: View) -> Iterable[str]:
    for access in view.accesses:
        if access.operation == "list" and not access.error:
            found = view.fs.resolve(access.path)
            if (
                not found.missing
                and view.fs.entries[found.path].kind == "dir"
                and not is_volatile(found.path)
            ):
                yield found.path
