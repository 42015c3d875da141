"""What is kept, and the chain that says why."""

from __future__ import annotations

import pytest

from analyzer.errors import ScratchifyError
from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.keepset import Wishes, compute, why, why_not
from analyzer.recording import Access
from analyzer.resolvers.table import LEVELS, Coverage
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import File, Link, Node, view_of

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


STATUS = "Package: tool\nStatus: install ok installed\nArchitecture: amd64\n"
TREE: dict[str, Node] = {
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/tool.list": "/usr/bin/tool\n/usr/share/tool/data\n",
    "/usr/bin/tool": File(elf(interp=LD, needed=["liba.so.1"]), mode=0o755),
    "/usr/bin/other": File(elf(interp=LD, needed=["libb.so.1"]), mode=0o755),
    "/usr/share/tool/data": "x",
    "/usr/share/tool/more": "y",
    "/usr/lib/liba.so.1": elf(),
    "/usr/lib/libb.so.1": elf(),
    "/srv/big/one": "12345",
    "/srv/big/two": "123",
    LD: elf(),
}
CONFIG = ImageConfig(cmd=("tool",))


def kept_with(coverage: Coverage = "balanced", **wishes: tuple[str, ...]) -> set[str]:
    return set(compute(view_of(TREE, config=CONFIG), coverage=coverage, wishes=Wishes(**wishes)).evidence)


def test_who_answers_for_a_lister_does_so_at_every_level() -> None:
    packages = "/usr/lib/python3/dist-packages"
    view = view_of(
        {
            "/usr/bin/python3": File(elf(), mode=0o755),
            "/usr/lib/python3.11/os.py": "",
            f"{packages}/shop.py": "",
            f"{packages}/unused.py": "",
            "/srv/app.py": File("#!/usr/bin/python3\nimport shop\n", mode=0o755),
            "/srv/seen/picture": "x",
        },
        config=ImageConfig(cmd=("/srv/app.py",)),
        accesses=[
            Access("/srv/app.py", "open", "", "/usr/bin/python3"),
            Access(f"{packages}/shop.py", "open", "", "/usr/bin/python3"),
            Access(packages, "list", "", "/usr/bin/python3"),
            Access("/srv/seen", "list", "", "/usr/bin/python3"),
        ],
    )
    levels = [set(compute(view, coverage=coverage).evidence) for coverage in LEVELS]
    assert levels[0] <= levels[1] <= levels[2]
    assert {"/srv/seen/picture", f"{packages}/shop.py"} <= levels[0]
    assert f"{packages}/unused.py" not in levels[0]


def test_what_the_user_asks_for_stays_with_all_that_it_needs() -> None:
    assert not {"/usr/bin/other", "/usr/lib/libb.so.1", "/srv/big/one"} & kept_with()
    assert {"/usr/bin/other", "/usr/lib/libb.so.1"} <= kept_with(keep=("/usr/bin/oth*",))
    assert {"/srv/big/one", "/srv/big/two"} <= kept_with(keep=("big/",))


def test_what_the_user_drops_goes_with_what_only_it_needs() -> None:
    assert "/usr/lib/liba.so.1" in kept_with()
    dropped = kept_with(drop=("tool",))
    assert not {"/usr/bin/tool", "/usr/share/tool/data", "/usr/lib/liba.so.1"} & dropped


def test_a_package_by_name() -> None:
    assert {"/usr/share/tool/data"} <= kept_with("traced", keep_packages=("tool",))
    with pytest.raises(ScratchifyError) as caught:
        kept_with(keep_packages=("tol",))
    assert caught.value.hint == "did you mean tool?"


def test_a_pattern_that_matches_nothing_is_said() -> None:
    kept = compute(view_of(TREE), wishes=Wishes(keep=("/nowhere",), drop=("gone",)))
    assert [(one.path, one.resolver) for one in kept.unresolved] == [
        ("/nowhere", "--keep"),
        ("gone", "--drop"),
    ]


def test_each_level_keeps_all_of_the_one_before() -> None:
    traced, balanced, safe = (kept_with(level) for level in LEVELS)
    assert traced < balanced <= safe


def test_why_a_path_went() -> None:
    kept = compute(view_of(TREE, config=CONFIG))
    gone = why_not(kept, "/srv/big")
    assert (gone.there, gone.kept, gone.size, gone.files, gone.holder) == (True, False, 8, 2, "/")
    assert why_not(kept, "/usr/bin/other", "others").neighbours == ("/usr/bin/tool",)
    assert why_not(kept, "/nowhere").there is False
    assert why_not(kept, "/usr/bin/tool").kept is True


def test_a_chain_through_a_linked_directory() -> None:
    tree: dict[str, Node] = {"/bin": Link("usr/bin"), "/usr/bin/app": APP}
    kept = compute(view_of(tree, config=ImageConfig(cmd=("/bin/app",))))
    assert [one.path for one in why(kept, "/bin/app")] == ["/usr/bin/app"]
