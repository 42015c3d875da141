"""What is kept, and the chain that says why."""

from __future__ import annotations

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.keepset import compute, why
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import File, Link, view_of

LD = "/lib64/ld-linux-x86-64.so.2"
APP = File(elf(interp=LD, needed=["liba.so.1"]), mode=0o755)


def test_the_shortest_chain_from_a_root() -> None:
    view = view_of(
        {
            "/usr/local/bin/app": APP,
            "/usr/lib/liba.so.1": Link("liba.so.1.4"),
            "/usr/lib/liba.so.1.4": elf(),
            LD: elf(),
        },
        config=ImageConfig(entrypoint=("app",)),
    )
    kept = compute(view)
    chain = [(one.source, one.kind, one.path) for one in why(kept, "/usr/lib/liba.so.1.4")]
    assert chain == [
        ("entrypoint", "asked", "/usr/local/bin/app"),
        ("/usr/local/bin/app", "linked", "/usr/lib/liba.so.1"),
        ("/usr/lib/liba.so.1", "link", "/usr/lib/liba.so.1.4"),
    ]
    assert why(kept, "/etc/absent") == []


def test_a_hard_linked_file_counts_once() -> None:
    tree = {"/a": File(b"12345", hardlink="/a"), "/b": File(b"12345", hardlink="/a"), "/c": File(b"123")}
    roots = [Evidence(path, "asked", "test", "") for path in tree]
    assert compute(view_of(tree), roots).size == 8
