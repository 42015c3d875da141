"""The fixpoint: worded cases, and its laws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.recording import Access
from analyzer.resolvers.closure import Closure, close
from analyzer.resolvers.interface import Finding, View
from tests.imagefs import Dir, Link, Node, Special, view_of


class Rules:
    """Needs by path, as a table."""

    name = "rules"

    def __init__(self, table: Mapping[str, Sequence[Finding]]) -> None:
        self.table = table

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        for path in new:
            yield from self.table.get(path, ())


def asked(path: str, tree: bool = False) -> Evidence:
    return Evidence(path, "asked", "test", "asked by the test", tree)


def needs(path: str, source: str) -> Evidence:
    return Evidence(path, "script", source, f"{source} needs it")


TREE: dict[str, Node] = {
    "/bin": Link("usr/bin"),
    "/usr/bin/sh": Link("dash"),
    "/usr/bin/dash": b"x",
    "/usr/bin/awk": Link("/etc/alternatives/awk"),
    "/etc/alternatives/awk": Link("/usr/bin/mawk"),
    "/usr/bin/mawk": b"x",
    "/usr/bin/broken": Link("/nowhere/at/all"),
    "/usr/bin/loop": Link("loop"),
    "/app/main": b"x",
    "/app/deep/er/file": b"x",
    "/app/deep/pipe": Special("fifo"),
    "/app/out": Link("/srv/data"),
    "/srv/data/one": b"x",
    "/dev/null": Special("char"),
    "/srv/device": Special("char"),
    "/empty": Dir(),
}

CASES: dict[str, tuple[list[Evidence], set[str]]] = {
    "a file brings its directories": (
        [asked("/app/deep/er/file")],
        {"/app/deep/er/file", "/app/deep/er", "/app/deep", "/app", "/"},
    ),
    "a path through a linked directory": (
        [asked("/bin/dash")],
        {"/bin", "/usr/bin/dash", "/usr/bin", "/usr", "/"},
    ),
    "a link brings what it leads to": (
        [asked("/usr/bin/sh")],
        {"/usr/bin/sh", "/usr/bin/dash", "/usr/bin", "/usr", "/"},
    ),
    "a chain of links over directories": (
        [asked("/bin/awk")],
        {
            "/bin",
            "/usr/bin/awk",
            "/etc/alternatives/awk",
            "/etc/alternatives",
            "/etc",
            "/usr/bin/mawk",
            "/usr/bin",
            "/usr",
            "/",
        },
    ),
    "a link to nothing stays a link to nothing": (
        [asked("/usr/bin/broken")],
        {"/usr/bin/broken", "/usr/bin", "/usr", "/"},
    ),
    "a link to itself": ([asked("/usr/bin/loop")], {"/usr/bin/loop", "/usr/bin", "/usr", "/"}),
    "a path that the image lacks": ([asked("/bin/absent"), asked("/nowhere")], set()),
    "a path with dots through a link": (
        [asked("/bin/../bin/./dash")],
        {"/bin", "/usr", "/usr/bin", "/usr/bin/dash", "/"},
    ),
    "a tree brings all below, links' targets included": (
        [asked("/app", tree=True)],
        {
            "/",
            "/app",
            "/app/main",
            "/app/deep",
            "/app/deep/er",
            "/app/deep/er/file",
            "/app/out",
            "/srv",
            "/srv/data",
        },
    ),
    "a tree named by a link": (
        [asked("/app/out", tree=True)],
        {"/", "/app", "/app/out", "/srv", "/srv/data", "/srv/data/one"},
    ),
    "an empty directory": ([asked("/empty")], {"/", "/empty"}),
    "a device is never kept": ([asked("/dev/null")], set()),
    "nothing asked, nothing kept": ([], set()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_root_brings(case: str) -> None:
    roots, expected = CASES[case]
    assert set(close(view_of(TREE), roots, []).evidence) == expected


def test_special_files_are_reported() -> None:
    closure = close(view_of(TREE), [asked("/dev/null"), asked("/srv/device"), asked("/app/deep/pipe")], [])
    assert [(one.path, one.reason) for one in closure.unresolved] == [
        ("/app/deep/pipe", "a named pipe cannot be copied: left out"),
        ("/srv/device", "a character device cannot be copied: left out"),
    ]


def test_a_special_file_in_a_tree_is_reported_as_well() -> None:
    closure = close(view_of(TREE), [asked("/app", tree=True)], [])
    assert [one.path for one in closure.unresolved] == ["/app/deep/pipe"]


def test_every_step_on_the_way_has_its_reason() -> None:
    evidence = close(view_of(TREE), [asked("/bin/sh")], []).evidence
    assert evidence["/bin"] == (Evidence("/bin", "link", "test", "on the way to /bin/sh"),)
    assert evidence["/usr/bin/sh"] == (Evidence("/usr/bin/sh", "asked", "test", "asked by the test"),)
    assert evidence["/usr/bin/dash"] == (
        Evidence("/usr/bin/dash", "link", "/usr/bin/sh", "/usr/bin/sh leads there"),
    )
    assert evidence["/usr"] == (Evidence("/usr", "parent", "/usr/bin", "holds /usr/bin"),)
    assert evidence["/usr/bin"] == (Evidence("/usr/bin", "link", "/bin", "/bin leads there"),)


def test_resolvers_are_asked_until_nobody_has_anything_new() -> None:
    one = Rules({"/app/main": [needs("/usr/bin/awk", "/app/main")]})
    two = Rules(
        {"/usr/bin/mawk": [needs("/app/deep/er/file", "/usr/bin/mawk"), Unresolved("/a", "two", "odd")]}
    )
    closure = close(view_of(TREE), [asked("/app/main")], [two, one])
    assert "/app/deep/er/file" in closure.evidence
    assert closure.unresolved == (Unresolved("/a", "two", "odd"),)


def test_what_is_dropped_brings_nothing() -> None:
    rules = Rules({"/usr/bin/dash": [needs("/app/main", "/usr/bin/dash")]})
    closure = close(view_of(TREE), [asked("/usr/bin/sh")], [rules], dropped="/usr/bin/dash".__eq__)
    assert set(closure.evidence) == {"/", "/usr", "/usr/bin", "/usr/bin/sh"}


def listing(directory: str) -> Access:
    return Access(directory, "list", "", "/app/main")


def test_a_listed_directory_keeps_its_entries_one_level_deep() -> None:
    view = view_of(TREE, accesses=[listing("/app")])
    kept = close(view, [asked("/app/main")], []).evidence
    assert {"/app/deep", "/app/out"} <= set(kept)
    assert "/app/deep/er" not in kept


def test_no_entries_where_a_resolver_stands_for_the_lister() -> None:
    view = view_of(TREE, accesses=[listing("/app")])
    finder = Rules({"/app/main": [Answers("/app", "rules", "an import system's finder")]})
    assert "/app/deep" not in close(view, [asked("/app/main")], [finder]).evidence


def test_no_entries_where_the_kernel_decides_what_is_listed() -> None:
    view = view_of({"/tmp/left": b"x", "/app/main": b"x"}, accesses=[listing("/tmp")])
    assert "/tmp/left" not in close(view, [asked("/app/main"), asked("/tmp")], []).evidence


PATHS = sorted(path for path in TREE)
SOME = st.lists(st.builds(asked, st.sampled_from(PATHS), st.booleans()), max_size=4)
TABLE = st.dictionaries(
    st.sampled_from(PATHS),
    st.lists(
        st.builds(needs, st.sampled_from([*PATHS, "/bin/sh", "/gone"]), st.just("/app/main")), max_size=3
    ),
    max_size=6,
)


def closed(roots: Sequence[Evidence], *tables: Mapping[str, Sequence[Finding]]) -> Closure:
    return close(view_of(TREE), roots, [Rules(table) for table in tables])


@given(SOME, SOME, TABLE)
def test_more_roots_never_keep_less(
    some: list[Evidence], more: list[Evidence], table: dict[str, list[Finding]]
) -> None:
    less, all_of_it = closed(some, table).evidence, closed([*some, *more], table).evidence
    assert all(
        set(reasons) <= set(all_of_it[path]) or reasons[0].kind == "parent" for path, reasons in less.items()
    )


@given(SOME, TABLE, TABLE, st.randoms())
def test_the_order_of_roots_and_resolvers_is_nothing(
    roots: list[Evidence], one: dict[str, list[Finding]], two: dict[str, list[Finding]], random: object
) -> None:
    shuffled = list(roots)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert closed(roots, one, two) == closed(shuffled, two, one)


@given(SOME, TABLE)
def test_a_closure_closed_again_is_itself(roots: list[Evidence], table: dict[str, list[Finding]]) -> None:
    once = closed(roots, table)
    again = closed([asked(path) for path in once.evidence], table)
    assert set(again.evidence) == set(once.evidence)


@given(SOME, TABLE)
def test_all_of_it_is_in_the_image_with_its_directories(
    roots: list[Evidence], table: dict[str, list[Finding]]
) -> None:
    view = view_of(TREE)
    kept = closed(roots, table).evidence
    assert all(path in view.fs for path in kept)
    assert all(path == "/" or (path.rpartition("/")[0] or "/") in kept for path in kept)
    assert all(reasons for reasons in kept.values())
