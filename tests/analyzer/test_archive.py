"""Saved images: the layouts, the merged tree, contents and digests, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analyzer.archive import open_image
from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry
from analyzer.image import SESSION_LABEL
from tests.analyzer.imagetar import (
    configuration,
    folder,
    hardlink,
    layer,
    member,
    oci_layout,
    old_layout,
    symlink,
)

Members = list[tuple[tarfile.TarInfo, bytes]]

CAPABILITY = b"\x01\x00\x00\x02\x00\x04\x00\x00\xff\x00\n\x00 5=a\n"

# Name, layers, and the tree: a directory as "/", a file as its bytes, a link as "-> target".
TREES: list[tuple[str, list[Members], dict[str, bytes | str]]] = [
    (
        "a missing parent is made",
        [[member("a/b/c", b"1")]],
        {"/": "/", "/a": "/", "/a/b": "/", "/a/b/c": b"1"},
    ),
    (
        "names with ./ and /, and doubled slashes, are one path",
        [[folder("./d/"), member("/d//x", b"1"), member("d/./y", b"2")]],
        {"/": "/", "/d": "/", "/d/x": b"1", "/d/y": b"2"},
    ),
    (
        "a later layer replaces a file",
        [[member("f", b"old")], [member("f", b"new")]],
        {"/": "/", "/f": b"new"},
    ),
    (
        "a later entry of one layer replaces an earlier one",
        [[member("f", b"old"), member("f", b"new")]],
        {"/": "/", "/f": b"new"},
    ),
    (
        "a whiteout takes a file away",
        [[member("d/f", b"1"), member("d/g", b"2")], [member("d/.wh.f")]],
        {"/": "/", "/d": "/", "/d/g": b"2"},
    ),
    (
        "a whiteout takes a directory away with all below it, and no name that only begins alike",
        [[member("d/e/f", b"1"), member("dd/f", b"2")], [member(".wh.d")]],
        {"/": "/", "/dd": "/", "/dd/f": b"2"},
    ),
    (
        "a whiteout hides the layers below, not its own, even after the entry",
        [[member("d/f", b"1")], [member("d/f", b"2"), member("d/.wh.f")]],
        {"/": "/", "/d": "/", "/d/f": b"2"},
    ),
    (
        "an opaque directory loses what the layers below put there, not what its own does",
        [
            [member("d/f", b"1"), member("d/sub/g", b"2")],
            [folder("d"), member("d/n", b"3"), member("d/.wh..wh..opq")],
        ],
        {"/": "/", "/d": "/", "/d/n": b"3"},
    ),
    (
        "a removed directory that comes again is empty",
        [[member("d/f", b"1")], [member(".wh.d")], [folder("d")]],
        {"/": "/", "/d": "/"},
    ),
    (
        "a link in a directory's place takes the directory's files away",
        [[member("d/f", b"1")], [symlink("d", "e")]],
        {"/": "/", "/d": "-> e"},
    ),
    (
        "a directory in a link's place",
        [[folder("e"), symlink("d", "e")], [folder("d"), member("d/f", b"1")]],
        {"/": "/", "/d": "/", "/e": "/", "/d/f": b"1"},
    ),
    (
        "a path through a link of a layer below goes where the link leads",
        [[folder("usr/lib"), symlink("lib", "usr/lib")], [member("lib/x", b"1")]],
        {"/": "/", "/usr": "/", "/usr/lib": "/", "/lib": "-> usr/lib", "/usr/lib/x": b"1"},
    ),
    (
        "a whiteout through a link of a layer below",
        [[member("usr/lib/x", b"1"), symlink("lib", "/usr/lib")], [member("lib/.wh.x")]],
        {"/": "/", "/usr": "/", "/usr/lib": "/", "/lib": "-> /usr/lib"},
    ),
    (
        "a directory in a link's place hides nothing of what the link led to",
        [
            [member("t/x", b"1"), member("t/y/z", b"2"), symlink("l", "t")],
            [
                folder("l"),
                member("l/.wh..wh..opq"),
                member("l/.wh.x"),
                folder("l/y"),
                member("l/y/.wh..wh..opq"),
            ],
        ],
        {"/": "/", "/t": "/", "/t/x": b"1", "/t/y": "/", "/t/y/z": b"2", "/l": "/", "/l/y": "/"},
    ),
    (
        "what aufs left in a layer is no file",
        [[folder(".wh..wh.plnk"), member(".wh..wh.aufs")]],
        {"/": "/"},
    ),
    (
        "a name that is not UTF-8, a long one, and one with a line break",
        [[member("d\udcff\udce9", b"1"), member("x" * 300, b"2"), member("a\nb", b"3")]],
        {"/": "/", "/d\udcff\udce9": b"1", "/" + "x" * 300: b"2", "/a\nb": b"3"},
    ),
    ("an empty layer", [[], [member("f", b"1")]], {"/": "/", "/f": b"1"}),
]


@pytest.mark.parametrize("compress", [False, True], ids=["docker's layout", "OCI layout"])
@pytest.mark.parametrize(("name", "layers", "tree"), TREES, ids=[row[0] for row in TREES])
def test_the_merged_tree(
    tmp_path: Path, name: str, layers: list[Members], tree: dict[str, bytes | str], compress: bool
) -> None:
    blobs = [layer(members) for members in layers]
    (oci_layout if compress else old_layout)(tmp_path / "image.tar", blobs, configuration(blobs))
    with open_image(tmp_path / "image.tar", tmp_path) as image:
        assert {entry.path: _shown(image, entry) for entry in image.filesystem} == tree


def _shown(image: Any, entry: Entry) -> bytes | str:
    if entry.kind == "dir":
        return "/"
    if entry.kind == "link":
        return f"-> {entry.target}"
    data: bytes = image.contents.read(entry)
    assert image.contents.digest(entry) == hashlib.sha256(data).hexdigest()
    assert image.contents.read(entry, 1) == data[:1]
    return data


METADATA = [
    ("set-user-ID and sticky bits", member("f", mode=0o4755), {"mode": 0o4755}),
    ("the file type in the mode, as Go writes it", member("f", mode=0o100644), {"mode": 0o644}),
    ("owners beyond what octal holds", member("f", owner=(3_000_000, 4_000_000_000)), {"gid": 4_000_000_000}),
    ("a time with a fraction", member("f", mtime=1234.9), {"mtime": 1234}),
    ("a time before the epoch", member("f", mtime=-1.5), {"mtime": -2}),
    (
        "capabilities are bytes, whatever they hold",
        member("f", xattrs={"security.capability": CAPABILITY}),
        {"xattrs": (("security.capability", CAPABILITY),), "special": True},
    ),
    (
        "a character device",
        member("f", kind=tarfile.CHRTYPE, device=(1, 3)),
        {"kind": "char", "device": (1, 3)},
    ),
    (
        "a block device",
        member("f", kind=tarfile.BLKTYPE, device=(8, 0)),
        {"kind": "block", "device": (8, 0)},
    ),
    ("a fifo", member("f", kind=tarfile.FIFOTYPE), {"kind": "fifo", "offset": -1}),
    ("a long link target", symlink("f", "t" * 200), {"target": "t" * 200, "size": 0}),
]


@pytest.mark.parametrize(("name", "item", "expected"), METADATA, ids=[row[0] for row in METADATA])
def test_metadata(
    tmp_path: Path, name: str, item: tuple[tarfile.TarInfo, bytes], expected: dict[str, object]
) -> None:
    blobs = [layer([item])]
    old_layout(tmp_path / "image.tar", blobs, configuration(blobs))
    with open_image(tmp_path / "image.tar", tmp_path) as image:
        entry = image.filesystem.entries["/f"]
    assert {key: getattr(entry, key) for key in expected} == expected


HARD_LINKS: list[tuple[str, list[Members], dict[str, tuple[bytes, str]]]] = [
    (
        "a pair is named by the first path",
        [[member("z", b"1"), hardlink("a", "z")]],
        {"/a": (b"1", "/a"), "/z": (b"1", "/a")},
    ),
    (
        "across layers",
        [[member("a", b"1")], [hardlink("b", "a")]],
        {"/a": (b"1", "/a"), "/b": (b"1", "/a")},
    ),
    (
        "one name removed: the rest stay together, a single one is alone",
        [
            [
                member("a", b"1"),
                hardlink("b", "a"),
                hardlink("c", "a"),
                member("x", b"2"),
                hardlink("y", "x"),
            ],
            [member(".wh.a"), member(".wh.x")],
        ],
        {"/b": (b"1", "/b"), "/c": (b"1", "/b"), "/y": (b"2", "")},
    ),
    (
        "one name replaced leaves the group",
        [[member("a", b"1"), hardlink("b", "a"), hardlink("c", "b")], [member("a", b"2")]],
        {"/a": (b"2", ""), "/b": (b"1", "/b"), "/c": (b"1", "/b")},
    ),
    (
        "the group written anew by a later layer",
        [[member("a", b"1"), hardlink("b", "a")], [member("a", b"2"), hardlink("b", "a")]],
        {"/a": (b"2", "/a"), "/b": (b"2", "/a")},
    ),
    (
        "to the same path is no link",
        [[member("a", b"1"), hardlink("a", "a")]],
        {"/a": (b"1", "")},
    ),
]


@pytest.mark.parametrize(("name", "layers", "expected"), HARD_LINKS, ids=[row[0] for row in HARD_LINKS])
def test_hard_links(
    tmp_path: Path, name: str, layers: list[Members], expected: dict[str, tuple[bytes, str]]
) -> None:
    blobs = [layer(members) for members in layers]
    old_layout(tmp_path / "image.tar", blobs, configuration(blobs))
    with open_image(tmp_path / "image.tar", tmp_path) as image:
        found = {
            entry.path: (image.contents.read(entry), entry.hardlink)
            for entry in image.filesystem
            if entry.path != "/"
        }
    assert found == expected


def test_a_sparse_file_is_read_with_its_holes(tmp_path: Path) -> None:
    # One stretch of four bytes at 1024, in a file of 2048 bytes (GNU tar's old sparse format).
    info = tarfile.TarInfo("sparse")
    info.size = 4
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = b"S"
    header[386:398] = b"00000002000\0"
    header[398:410] = b"00000000004\0"
    header[483:495] = b"00000004000\0"
    header[148:156] = b"        "
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    blob = bytes(header) + b"data".ljust(512, b"\0") + layer([member("after", b"x")])
    old_layout(tmp_path / "image.tar", [blob], configuration([blob]))
    with open_image(tmp_path / "image.tar", tmp_path) as image:
        assert image.filesystem.read("/sparse") == bytes(1024) + b"data" + bytes(1020)
        assert image.filesystem.read("/after") == b"x"


def test_layers_carry_their_instruction_and_paths_their_layer(tmp_path: Path) -> None:
    twice = layer([member("b", b"1")])
    blobs = [layer([member("a", b"1")]), twice, twice]
    old_layout(tmp_path / "image.tar", blobs, configuration(blobs))
    with open_image(tmp_path / "image.tar", tmp_path) as image:
        assert [item.created_by for item in image.facts.layers] == ["step 0", "step 1", "step 2"]
        assert [image.filesystem.entries[path].layer for path in ("/a", "/b")] == [0, 2]


def test_a_file_with_another_mode_names_the_layer_that_first_had_it(tmp_path: Path) -> None:
    blobs = [
        layer([member("mode", b"1", mtime=5), member("bytes", b"1", mtime=5), member("base", b"1")]),
        layer([member("mode", b"1", mtime=5, mode=0o755), member("bytes", b"1", mtime=6)]),
        layer([member("mode", b"1", mtime=5, owner=(7, 7))]),
    ]
    old_layout(tmp_path / "image.tar", blobs, configuration(blobs))
    with open_image(tmp_path / "image.tar", tmp_path) as image:
        entries = image.filesystem.entries
        assert [(entries[path].layer, entries[path].origin) for path in ("/mode", "/bytes", "/base")] == [
            (2, 0),
            (1, -1),
            (0, -1),
        ]


def test_the_identity_does_not_depend_on_our_label_or_the_layout(tmp_path: Path) -> None:
    blobs = [layer([member("a", b"1")])]
    labels = {"kept": "yes"}
    old_layout(tmp_path / "one.tar", blobs, configuration(blobs, Labels=labels))
    oci_layout(tmp_path / "two.tar", blobs, configuration(blobs, Labels={**labels, SESSION_LABEL: "x"}))
    old_layout(tmp_path / "other.tar", blobs, configuration(blobs, Labels={}))
    digests = []
    for name in ("one", "two", "other"):
        with open_image(tmp_path / f"{name}.tar", tmp_path) as image:
            digests.append(image.facts.digest)
    assert digests[0] == digests[1] != digests[2]


def _save_old(path: Path, blobs: Sequence[bytes], config: bytes | None = None) -> None:
    old_layout(path, blobs, config or configuration(blobs))


def _cut(data: bytes) -> bytes:
    return data[:1024] + b"garbage".ljust(512, b"!") + bytes(1024)


ONE = layer([member("a", b"1"), member("b", b"2")])
WINDOWS = json.dumps({"os": "windows", "rootfs": {"diff_ids": ["sha256:0"]}}).encode()
REFUSED = [
    ("not a tar", lambda path: path.write_bytes(b"no archive"), "is no saved image"),
    ("an empty file", lambda path: path.write_bytes(b""), "is no saved image"),
    ("a tar without a manifest", lambda path: path.write_bytes(ONE), "its manifest does not read"),
    ("a layer that breaks off", lambda path: _save_old(path, [_cut(ONE)]), "breaks off at byte"),
    ("a layer that is no tar", lambda path: _save_old(path, [b"x" * 2048]), "breaks off at byte"),
    ("a zstd layer", lambda path: _save_old(path, [b"\x28\xb5\x2f\xfd" + bytes(600)]), "zstd"),
    ("half a gzip layer", lambda path: _save_old(path, [gzip.compress(ONE)[:60]]), "does not unpack"),
    ("a Windows image", lambda path: _save_old(path, [ONE], WINDOWS), "is for windows"),
    (
        "a hard link to nothing",
        lambda path: _save_old(path, [layer([hardlink("a", "gone")])]),
        "hard link /a to /gone",
    ),
    (
        "fewer digests than layers",
        lambda path: _save_old(path, [ONE, ONE], configuration([ONE])),
        "2 layers, its configuration names 1",
    ),
]


@pytest.mark.parametrize(("name", "write", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused(tmp_path: Path, name: str, write: Any, message: str) -> None:
    write(tmp_path / "image.tar")
    with pytest.raises(ScratchifyError, match=message):
        open_image(tmp_path / "image.tar", tmp_path)
