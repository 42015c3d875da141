"""The packed manifest: a mapping of paths like any other, links followed as the kernel does, and small."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.manifest import MAX_LINKS, Entry, EntryKind, Manifest, Resolution

NAMES = st.sampled_from(["a", "b", "c", "lib"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))


def manifest(**links: str) -> Manifest:
    """/d/e/f, and links in the root by name and target."""
    built = Manifest(
        [Entry("/d", "dir"), Entry("/d/e", "dir"), Entry("/d/e/f", "file"), Entry("/d/empty", "dir")]
    )
    for name, target in links.items():
        built[f"/{name}"] = Entry(f"/{name}", "link", target=target)
    return built


RESOLVED: list[tuple[str, str, dict[str, str], bool, Resolution]] = [
    ("the root", "/", {}, True, Resolution("/")),
    ("no path at all is the root", "", {}, True, Resolution("/")),
    ("a file", "/d/e/f", {}, True, Resolution("/d/e/f")),
    ("a slash at the end", "/d/e/", {}, True, Resolution("/d/e")),
    ("doubled slashes and dots", "//d/./e//f", {}, True, Resolution("/d/e/f")),
    ("a dot at the end", "/d/.", {}, True, Resolution("/d")),
    ("up", "/d/e/../e/f", {}, True, Resolution("/d/e/f")),
    ("up at the end", "/d/e/..", {}, True, Resolution("/d")),
    ("up from the root", "/../../d", {}, True, Resolution("/d")),
    ("a missing name", "/d/x", {}, True, Resolution("/d/x", missing=True)),
    ("a missing directory", "/x/y/z", {}, True, Resolution("/x/y/z", missing=True)),
    ("a missing name in an empty directory", "/d/empty/x", {}, True, Resolution("/d/empty/x", missing=True)),
    ("a name below a file", "/d/e/f/g", {}, True, Resolution("/d/e/f/g", missing=True)),
    ("a link to a directory", "/l/f", {"l": "/d/e"}, True, Resolution("/d/e/f", ("/l",))),
    ("a link beside its target", "/l/e", {"l": "d"}, True, Resolution("/d/e", ("/l",))),
    ("the last link is followed", "/l", {"l": "d/e/f"}, True, Resolution("/d/e/f", ("/l",))),
    ("the last link is not followed", "/l", {"l": "d/e/f"}, False, Resolution("/l")),
    ("one on the way always is", "/l/f", {"l": "d/e"}, False, Resolution("/d/e/f", ("/l",))),
    ("two links", "/m/f", {"l": "d", "m": "l/e"}, True, Resolution("/d/e/f", ("/m", "/l"))),
    ("a link that leads nowhere", "/l/f", {"l": "gone"}, True, Resolution("/gone/f", ("/l",), missing=True)),
    (
        "a link to itself",
        "/l",
        {"l": "l"},
        True,
        Resolution("/l", ("/l",) * (MAX_LINKS + 1), missing=True),
    ),
]


@pytest.mark.parametrize(("path", "links", "follow", "right"), [row[1:] for row in RESOLVED], ids=[
    row[0] for row in RESOLVED
])  # fmt: skip
def test_links_are_followed_as_the_kernel_does(
    path: str, links: dict[str, str], follow: bool, right: Resolution
) -> None:
    assert manifest(**links).resolve(path, follow=follow) == right


def test_a_directory_that_became_a_link_is_followed() -> None:
    built = manifest()
    for path in ("/d/e/f", "/d/e", "/d/empty"):
        del built[path]
    built["/other"] = Entry("/other", "dir")
    built["/other/f"] = Entry("/other/f", "file")
    built["/d"] = Entry("/d", "link", target="other")
    assert built.resolve("/d/f") == Resolution("/other/f", ("/d",))


@pytest.mark.parametrize("path", ["", "d", "/d/", "//d", "/d/e/..", "/x"])
def test_only_the_path_itself_is_a_key(path: str) -> None:
    assert path not in manifest() and manifest().get(path) is None


@given(st.lists(st.tuples(st.booleans(), PATHS, st.integers(0, 9)), max_size=30))
def test_it_is_a_mapping_like_any_other(steps: list[tuple[bool, str, int]]) -> None:
    packed, plain = Manifest(), {"/": Entry("/", "dir", 0o755)}
    for put, path, size in steps:
        assert packed.get(path) == plain.get(path)
        if put:
            packed[path] = plain[path] = Entry(path, "file", size=size, mtime=-size, xattrs=(("n", b"v"),))
        elif path in plain:
            del packed[path], plain[path]
        assert packed.get(path) == plain.get(path)
    packed.sort()
    assert dict(packed) == plain and len(packed) == len(plain)
    assert sorted(entry.path for entry in packed.each()) == sorted(plain)
    assert packed.names("/") == sorted(path[1:] for path in plain if path.count("/") == 1 and path != "/")


@settings(max_examples=200)
@given(
    st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["dir", "file", "link"])), max_size=12),
    st.lists(st.sampled_from(["a", "b", "c", "lib", "..", "."]), min_size=1, max_size=5),
    st.booleans(),
)
def test_the_short_way_leads_where_the_steps_lead(
    made: list[tuple[str, str, EntryKind]], parts: list[str], follow: bool
) -> None:
    built = Manifest([Entry("/lib", "dir"), Entry("/lib/lib", "dir"), Entry("/lib/lib/a", "file")])
    for name, target, kind in made:
        if name != "lib":
            built[f"/{name}"] = Entry(f"/{name}", kind, target=f"/lib/{target}")
    stepwise = "/" + "/./".join(parts)  # a dot on the way: never the short one
    assert built.resolve("/" + "/".join(parts), follow=follow) == built.resolve(stepwise, follow=follow)


def test_memory_hardly_grows_with_the_number_of_paths() -> None:
    def filled(folders: int) -> Manifest:
        return Manifest(
            Entry(f"/tree{folder}/file{number}", "file", size=number, mtime=folder, offset=512 * number)
            for folder in range(folders)
            for number in range(200)
        )

    few = filled(2)
    tracemalloc.start()
    try:
        many = filled(200)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown / (len(many) - len(few)) < 120  # bytes a path; an object each takes three times as much
