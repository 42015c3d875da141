"""The keep-list takes in exactly the kept paths, in few words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.evidence import Evidence
from analyzer.filesystem import Filesystem, ancestors
from rewriters.plan import GROUPS, KeepList, expand, fold
from tests.imagefs import Dir, File, Link, Special, image_tree


def keep(fs: Filesystem, *paths: str, kind: str = "traced", tree: bool = False) -> dict[str, list[Evidence]]:
    kept: dict[str, list[Evidence]] = {}
    for path in paths:
        for each in (path, *ancestors(path)):
            kept.setdefault(each, []).append(Evidence(each, kind, "entrypoint", "", tree and each == path))  # type: ignore[arg-type]
        if tree:
            for entry in fs.below(path):
                kept.setdefault(entry.path, []).append(Evidence(entry.path, kind, path, ""))  # type: ignore[arg-type]
    return kept


def said(keep_list: KeepList) -> dict[str, list[str]]:
    """Group name to its words, as people read them."""
    return {
        group.name: [f"{word.verb} {word.path}" for word in [*group.words, *group.drops]]
        for group in keep_list.groups
    }


def by_layer(layer: int) -> str:
    return GROUPS[layer]


TREE = image_tree(
    {
        "/usr/bin/a": File(layer=0),
        "/usr/bin/c": File(layer=0),
        "/usr/lib/libz.so.1": Link("libz.so.1.2.13"),
        "/usr/lib/libz.so.1.2.13": File(b"z"),
        "/usr/lib/libx.so.6": File(),
        "/usr/lib/libx.so.6.1": File(),
        "/app/main.py": File(layer=3),
        "/app/static/x.css": File(layer=3),
        "/app/cache.db": File(layer=2),
        "/usr/share/zone/a": File(b"much", layer=0),
        "/usr/share/zone/b": File(b"x", layer=1),
        "/tmp": Dir(0o1777),
        "/run/pipe": Special("fifo"),
        "/run/pid": File(),
    }
)

CASES = [
    ("a file alone", keep(TREE, "/usr/bin/a"), {"os": ["keep /usr/bin/a"]}),
    (
        "a link and its versioned target become one pattern",
        keep(TREE, "/usr/lib/libz.so.1", "/usr/lib/libz.so.1.2.13"),
        {"os": ["keep /usr/lib/libz.so.1*"]},
    ),
    (
        "no pattern where it would take in more than is kept",
        keep(TREE, "/usr/lib/libx.so.6.1"),
        {"os": ["keep /usr/lib/libx.so.6.1"]},
    ),
    ("an empty directory is one entry", keep(TREE, "/tmp"), {"os": ["keep /tmp"]}),
    (
        "a name alone in its directory stays a name, in its own group",
        keep(TREE, "/app/static/x.css"),
        {"app": ["keep /app/static/x.css"]},
    ),
    (
        "a directory of files from two layers is split between their groups",
        keep(TREE, "/app/static/x.css", "/app/main.py", "/app/cache.db"),
        {"deps": ["keep /app/cache.db"], "app": ["keep /app/main.py", "keep /app/static/x.css"]},
    ),
    (
        "a directory kept whole is one word",
        keep(TREE, "/usr/bin/a", "/usr/bin/c"),
        {"os": ["tree /usr/bin"]},
    ),
    (
        "a directory of the base with a file that a package changed goes with most of its bytes",
        keep(TREE, "/usr/share/zone/a", "/usr/share/zone/b"),
        {"os": ["tree /usr/share"]},
    ),
    (
        "what the author copied stays one word whatever layer a file in it came from",
        keep(TREE, "/app", kind="author", tree=True),
        {"app": ["tree /app"]},
    ),
    (
        "special files are no part of the list",
        keep(TREE, "/run/pipe", "/run/pid"),
        {"os": ["keep /run/pid"]},
    ),
]


@pytest.mark.parametrize(("kept", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_words(kept: dict[str, list[Evidence]], words: dict[str, list[str]]) -> None:
    assert said(fold(TREE, kept, by_layer)) == words


def test_special_files_are_left_out_and_said() -> None:
    assert [entry.path for entry in fold(TREE, keep(TREE, "/run/pipe"), by_layer).left_out] == ["/run/pipe"]


def test_a_directory_kept_but_for_little_is_said_so() -> None:
    tree = {f"/opt/lib/pkg/m{number}.py": File(b"x" * 10) for number in range(30)}
    tree |= {f"/opt/lib/pkg/tests/t{number}.py": File(b"x") for number in range(3)}
    fs = image_tree(tree)
    kept = keep(fs, *(path for path in tree if "/tests/" not in path))
    assert said(fold(fs, kept, by_layer)) == {"os": ["tree /opt/lib/pkg", "drop /opt/lib/pkg/tests"]}


def module(path: str, *, cached: bool = True) -> dict[str, File]:
    folder, name = path.rsplit("/", 1)
    return {path: File(b"x")} | (
        {f"{folder}/__pycache__/{name[:-3]}.cpython-311.pyc": File(b"x")} if cached else {}
    )


LIBRARY = image_tree(
    {path: file for number in range(20) for path, file in module(f"/opt/lib/std/m{number}.py").items()}
    | module("/opt/lib/std/email/__init__.py", cached=False)
    | {f"/opt/lib/std/config/{name}": File(b"x") for name in ("Makefile", "Setup", "config.c")}
)
SEVERAL_MODULES = [
    (
        "a module and its bytecode are taken away by one word",
        lambda path: "/m1." not in path,
        ["tree /opt/lib/std", "drop_module /opt/lib/std/m1.py"],
    ),
    (
        "bytecode of which the module stays is named by itself",
        lambda path: not path.endswith("m1.cpython-311.pyc"),
        ["tree /opt/lib/std", "drop /opt/lib/std/__pycache__/m1.cpython-311.pyc"],
    ),
    (
        "a directory that stays empty",
        lambda path: "/config/" not in path,
        ["tree /opt/lib/std", "drop /opt/lib/std/config/*"],
    ),
    (
        "few modules are kept one by one, each with its bytecode",
        lambda path: (
            "/m1." in path or path in ("/opt", "/opt/lib", "/opt/lib/std", "/opt/lib/std/__pycache__")
        ),
        ["module /opt/lib/std/m1.py"],
    ),
]


@pytest.mark.parametrize(
    ("stays", "words"), [case[1:] for case in SEVERAL_MODULES], ids=[case[0] for case in SEVERAL_MODULES]
)
def test_modules_with_their_bytecode(stays: Callable[[str], bool], words: list[str]) -> None:
    kept = keep(LIBRARY, *(path for path in LIBRARY.entries if stays(path)))
    folded = fold(LIBRARY, kept, by_layer)
    assert said(folded) == {"os": words}
    assert expand(LIBRARY, folded) == set(kept)


@pytest.mark.parametrize(
    ("source", "section"),
    [
        ("package: libgcc-s1", "files of the packages that are kept (package: libgcc-s1)"),
        ("system: tmp", "what programs expect of a system (system: tmp)"),
        ("entrypoint", "what the run touched"),
    ],
)
def test_a_link_stands_with_what_it_leads_to(source: str, section: str) -> None:
    kept = keep(TREE, "/usr/bin/a", kind="link")
    kept = {path: [Evidence(path, "link", source, "on the way")] for path in kept}
    assert [each.reason for group in fold(TREE, kept, by_layer).groups for each in group.sections] == [
        section
    ]


def test_a_hard_link_group_is_never_split_over_groups() -> None:
    fs = image_tree(
        {"/a/one": File(b"x", layer=0, hardlink="/a/one"), "/b/two": File(b"x", layer=2, hardlink="/a/one")}
    )
    assert list(said(fold(fs, keep(fs, "/a/one", "/b/two"), by_layer))) == ["deps"]


names = st.sampled_from(
    [
        "a",
        "b",
        "libq.so.1",
        "libq.so.1.2",
        "libq.so.10",
        "p-1.0.dist-info",
        "p-2.0.dist-info",
        ".x",
        "s*",
        "[k]",
        "m.py",
        "__pycache__",
        "m.cpython-311.pyc",
        "m.cpython-311.opt-1.pyc",
    ]
)
paths = st.lists(names, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


@given(st.dictionaries(paths, st.integers(0, 3), min_size=1, max_size=40), st.data())
def test_the_words_take_in_exactly_what_is_kept(layers: dict[str, int], data: st.DataObject) -> None:
    files = {
        path: layer for path, layer in layers.items() if not any(o.startswith(f"{path}/") for o in layers)
    }
    fs = image_tree({path: File(b"x", layer=layer) for path, layer in files.items()})
    kept = keep(fs, *data.draw(st.sets(st.sampled_from(sorted(fs.entries)), min_size=1)))
    assert expand(fs, fold(fs, kept, by_layer)) | {"/"} == set(kept)
