"""The invariants tell a slim image that is right from one that is not, fault by fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from analyzer.evidence import Answers
from analyzer.filesystem import Entry, Filesystem
from analyzer.image import DEFAULT_PATH, Healthcheck, ImageConfig
from analyzer.recording import Access
from rewriters.verify import (
    LookUps,
    compare_config,
    compare_trees,
    lost_listings,
    measure,
    surprises,
)
from tests.imagefs import Dir, File, Link, Node, image_tree

ORIGINAL: Mapping[str, Node] = {
    "/bin": Link("usr/bin"),
    "/usr/bin/sh": File(b"sh", mode=0o755, mtime=5),
    "/usr/bin/su": File(b"su", mode=0o4755),
    "/data/one": File(b"1", hardlink="/data/one"),
    "/data/two": File(b"1", hardlink="/data/one"),
    "/data/own": File(b"o", uid=7),
    "/tmp": Dir(0o1777),
    "/var/lib/dpkg/status": File(b"Package: x"),
}


def slim(**changes: Node | None) -> Filesystem:
    """The original's tree with entries changed; None takes one out. Names have `__` for a slash."""
    tree = dict(ORIGINAL)
    for name, node in changes.items():
        path = "/" + name.replace("__", "/")
        tree.pop(path, None)
        if node is not None:
            tree[path] = node
    return image_tree(tree)


def faults(tree: Filesystem) -> list[str]:
    original = image_tree(ORIGINAL)

    def same(one: Entry, other: Entry) -> bool:
        return original.contents.read(one) == tree.contents.read(other)

    return compare_trees(original, tree, same)


TREES = [
    ("the same", slim(), ""),
    ("a part of it", slim(usr__bin__su=None, data__own=None), ""),
    ("a new file", slim(extra=File()), "/extra: the original has no such path"),
    ("another mode", slim(usr__bin__su=File(b"su", mode=0o755)), "/usr/bin/su: another mode"),
    ("another owner", slim(data__own=File(b"o")), "/data/own: another owner"),
    ("other bytes", slim(usr__bin__sh=File(b"SH", mode=0o755, mtime=5)), "/usr/bin/sh: another contents"),
    ("another time", slim(usr__bin__sh=File(b"sh", mode=0o755, mtime=6)), "/usr/bin/sh: another time"),
    ("another target", slim(bin=Link("/usr/bin")), "/bin: another link target"),
    ("a directory for a link", slim(bin=Dir()), "/bin: another type"),
    ("another mode of a directory", slim(tmp=Dir(0o755)), "/tmp: another mode"),
    ("a hard link split", slim(data__two=File(b"1")), "one file no longer"),
    (
        "a hard link made",
        slim(data__own=File(b"o", uid=7, hardlink="/data/own"), x=File(b"o", uid=7, hardlink="/data/own")),
        "one file now",
    ),
    ("capabilities lost", slim(usr__bin__sh=File(b"sh", 0o755, mtime=5, xattrs=(("a", b"b"),))), "xattrs"),
    ("scanners' entries", slim(var__lib__dpkg__status=None, **{"var__lib__dpkg__status.d__x": File()}), ""),
]


@pytest.mark.parametrize(("tree", "fault"), [case[1:] for case in TREES], ids=[case[0] for case in TREES])
def test_trees(tree: Filesystem, fault: str) -> None:
    found = faults(tree)
    assert any(fault in line for line in found) if fault else found == []


CONFIG = ImageConfig(
    env=(("PATH", DEFAULT_PATH), ("A", "1")),
    user="app",
    workdir="/srv",
    entrypoint=("/x",),
    cmd=(),
    exposed=("80/tcp",),
    labels=(("l", "1"),),
    healthcheck=Healthcheck(("NONE",)),
)
CONFIGS = [
    ("the same", CONFIG, ""),
    ("the default PATH left out", replace(CONFIG, env=(("A", "1"),)), ""),
    ("absent for empty", replace(CONFIG, cmd=None), ""),
    ("variables in another order", replace(CONFIG, env=(("A", "1"), ("PATH", DEFAULT_PATH))), ""),
    ("another variable", replace(CONFIG, env=(("A", "2"),)), "Env"),
    ("no user", replace(CONFIG, user=""), "User"),
    ("the root for a directory", replace(CONFIG, workdir="/"), "WorkingDir"),
    ("no entrypoint", replace(CONFIG, entrypoint=None), "Entrypoint"),
    ("a command", replace(CONFIG, cmd=("y",)), "Cmd"),
    ("no health check", replace(CONFIG, healthcheck=None), "Healthcheck"),
    ("a label more", replace(CONFIG, labels=(("l", "1"), ("m", ""))), "Labels"),
    ("another architecture", replace(CONFIG, architecture="arm64"), "Architecture"),
]


@pytest.mark.parametrize(
    ("config", "fault"), [case[1:] for case in CONFIGS], ids=[case[0] for case in CONFIGS]
)
def test_configurations(config: ImageConfig, fault: str) -> None:
    found = compare_config(CONFIG, config)
    assert [line.split(" ")[0] for line in found] == ([fault] if fault else [])


def looked(*accesses: tuple[str, str, str]) -> LookUps:
    return LookUps.of(Access(path, operation, error, "") for path, operation, error in accesses)  # type: ignore[arg-type]


SURPRISES = [
    (
        "a look-up that succeeded",
        [("/usr/bin/sh", "open", "")],
        [("/usr/bin/sh", "open", "ENOENT")],
        ["/usr/bin/sh"],
    ),
    ("one that was never made", [], [("/usr/bin/sh", "exec", "ENOENT")], ["/usr/bin/sh"]),
    (
        "one that failed before too",
        [("/usr/bin/sh", "stat", "ENOENT")],
        [("/usr/bin/sh", "stat", "ENOENT")],
        [],
    ),
    ("a path that the image never had", [], [("/usr/local/sh", "stat", "ENOENT")], []),
    ("a path through a link", [], [("/bin/sh", "exec", "ENOENT")], ["/bin/sh"]),
    ("what comes and goes", [("/tmp/x", "open", "")], [("/tmp/x", "open", "ENOENT")], []),
    ("a file that is written", [], [("/data/own", "write", "ENOENT")], []),
]


@pytest.mark.parametrize(
    ("before", "after", "missed"), [case[1:] for case in SURPRISES], ids=[case[0] for case in SURPRISES]
)
def test_surprises(
    before: list[tuple[str, str, str]], after: list[tuple[str, str, str]], missed: list[str]
) -> None:
    tree = slim(usr__bin__sh=None, data__own=None)
    assert surprises(image_tree(ORIGINAL), tree, looked(*before), looked(*after)) == missed


@pytest.mark.parametrize(
    ("kept", "answers", "lost"),
    [
        ({"/data", "/data/one", "/data/two", "/data/own"}, (), []),
        ({"/data", "/data/one"}, (), ["/data"]),
        ({"/data", "/data/one"}, (Answers("/data", "python", ""),), []),
    ],
    ids=["all there", "one gone", "a resolver answers"],
)
def test_listed_directories(kept: set[str], answers: tuple[Answers, ...], lost: list[str]) -> None:
    before = looked(("/data", "list", ""), ("/tmp", "list", ""))
    assert lost_listings(image_tree(ORIGINAL), kept, before, answers) == lost


def test_sizes() -> None:
    sizes = measure(image_tree(ORIGINAL))
    assert (sizes.files, sizes.bytes) == (6, 2 + 2 + 1 + 1 + 10)
    assert sizes.shells == ["/usr/bin/sh"]
    assert sizes.special == ["/usr/bin/su"]
