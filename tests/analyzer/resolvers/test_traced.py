"""What the run touched, as evidence."""

from __future__ import annotations

import pytest

from analyzer.recording import Access, Operation, Program
from analyzer.resolvers.closure import close
from analyzer.resolvers.traced import Traced, listed_directories
from tests.imagefs import Dir, Link, Node, view_of

TREE: dict[str, Node] = {
    "/app/main": b"x",
    "/app/secret": b"x",
    "/app/link": Link("main"),
    "/app/list/a": b"x",
    "/app/list/sub/b": b"x",
    "/lib": Link("usr/lib"),
    "/usr/lib/x": b"x",
    "/var/data": Dir(),
    "/proc": Dir(),
    "/tmp/old": b"x",
    "/untouched": b"x",
}


# What every case with the program or through the linked directory brings as well.
PARTS = {"/app/main", "/usr/lib"}


def access(path: str, operation: Operation = "open", error: str = "", program: str = "/app/main") -> Access:
    return Access(path, operation, error, program)


CASES: dict[str, tuple[Access, set[str]]] = {
    "opened": (access("/usr/lib/x"), {"/usr/lib/x"}),
    "only looked up": (access("/usr/lib/x", "stat"), {"/usr/lib/x"}),
    "a link that was read stays, and what it leads to": (access("/app/link", "readlink"), {"/app/link"}),
    "through a linked directory": (access("/lib/x"), {"/lib", "/usr/lib/x"}),
    "there, but not to be read": (access("/app/secret", "open", "EACCES"), {"/app/secret"}),
    "there, but no link": (access("/usr", "readlink", "EINVAL"), {"/usr"}),
    "not there in the run": (access("/usr/lib/x", "open", "ENOENT"), set()),
    "below a file": (access("/app/secret/x", "open", "ENOTDIR"), set()),
    "made by the run: the directory that holds it": (access("/var/data/new/er", "write"), {"/var/data"}),
    "filled by the kernel: its mount point": (access("/proc/self/maps"), {"/proc"}),
    "in the root directory, made by the run": (access("/new", "write"), set()),
    "with dots": (access("/app/../usr/lib/./x"), {"/usr/lib/x"}),
    "a listed directory keeps its entries, one level": (
        access("/app/list", "list"),
        {"/app/list", "/app/list/a", "/app/list/sub"},
    ),
    "what everybody writes to is listed differently each time": (access("/tmp", "list"), {"/tmp"}),
    "a listing that failed": (access("/app/list", "list", "EACCES"), {"/app/list"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_look_up_keeps(case: str) -> None:
    one, expected = CASES[case]
    view = view_of(TREE, accesses=[one])
    evidence = close(view, [], [Traced()]).evidence
    assert {path for path, reasons in evidence.items() if reasons[0].kind != "parent"} - PARTS == expected


def test_programs_are_roots_and_what_they_touched_hangs_on_them() -> None:
    view = view_of(TREE, accesses=[access("/usr/lib/x")], programs=[Program("/app/main", ("main",))])
    evidence = close(view, [], [Traced()]).evidence
    assert [(one.source, one.reason) for one in evidence["/app/main"]] == [("run", "ran in the traced run")]
    assert [one.source for one in evidence["/usr/lib/x"]] == ["/app/main"]


def test_a_program_that_is_not_the_images_is_no_reason() -> None:
    view = view_of(TREE, accesses=[access("/usr/lib/x", program="/injected/tracer")])
    assert close(view, [], [Traced()]).evidence["/usr/lib/x"][0].source == "run"


def test_listed_directories_are_the_images_own() -> None:
    listed = [access(path, "list") for path in ("/lib", "/usr/lib", "/proc", "/nowhere", "/app/main")]
    assert listed_directories(view_of(TREE, accesses=listed)) == ["/usr/lib"]
