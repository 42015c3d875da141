"""Package databases, as dpkg, apk and rpm write them."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from analyzer.resolvers.packagedb import (
    Package,
    read_apk_database,
    read_database,
    read_dpkg_status,
    read_rpm_database,
    working_packages,
)
from tests.imagefs import File, Link, Node, view_of

STATUS = """Package: bash
Essential: yes
Status: install ok installed
Architecture: amd64
Conffiles:
 /etc/bash.bashrc 89269e1298235f1b12b4c16e4065ad0d
 /etc/skel/.bashrc 22bfb8c1dd94b5f3813a2b25da67463f
Description: a shell
 with a long: description

Package: gone
Status: deinstall ok config-files
Architecture: amd64

Package: libtinfo6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
"""

DPKG: dict[str, Node] = {
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/bash.list": "/.\n/bin\n/bin/bash\n/etc/bash.bashrc\n/usr/share/man/bash.1.gz\n",
    "/var/lib/dpkg/info/libtinfo6:amd64.list": (
        "/.\n/lib\n/lib/libtinfo.so.6\n/usr/share/doc/libtinfo6/copyright\n"
    ),
    "/bin": Link("usr/bin"),
    "/lib": Link("usr/lib"),
    "/usr/bin/bash": File(b"", mode=0o755),
    "/usr/lib/libtinfo.so.6": Link("libtinfo.so.6.4"),
    "/usr/share/doc/libtinfo6/copyright": "x",
    "/etc/bash.bashrc": "x",
}


def owners(tree: dict[str, Node]) -> dict[str, str]:
    view = view_of(tree)
    return dict(read_database(view.fs, view.facts).owners)


def test_dpkg_paths_through_the_links_of_a_merged_usr() -> None:
    assert owners(DPKG) == {
        "/usr/bin/bash": "bash",
        "/bin": "bash",
        "/etc/bash.bashrc": "bash",
        "/lib": "libtinfo6",
        "/usr/lib/libtinfo.so.6": "libtinfo6",
        "/usr/share/doc/libtinfo6/copyright": "libtinfo6",
    }


def test_dpkg_status_is_read_by_stanza() -> None:
    assert read_dpkg_status(STATUS.encode()) == [
        ["bash", "amd64", ["/etc/bash.bashrc", "/etc/skel/.bashrc"], True],
        ["libtinfo6", "amd64", [], False],
    ]


def test_distroless_has_a_stanza_and_digests_a_package() -> None:
    tree: dict[str, Node] = {
        "/var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12\n",
        "/var/lib/dpkg/status.d/base.md5sums": "0123  etc/os-release\n4567  usr/share/man/x\n",
        "/etc/os-release": "x",
    }
    assert owners(tree) == {"/etc/os-release": "base-files"}


def test_apk_records() -> None:
    text = b"C:Q1\nP:musl\nV:1.2\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nR:libc.so\nF:\nF:etc\nR:x\n\n"
    text += b"P:zlib\nF:lib\nR:libz.so.1\n"
    assert read_apk_database(text) == {
        "musl": ["/lib", "/lib/ld-musl-x86_64.so.1", "/lib/libc.so", "/etc", "/etc/x"],
        "zlib": ["/lib", "/lib/libz.so.1"],
    }


def header(name: str, folders: Sequence[str], files: Sequence[tuple[int, str, int]]) -> bytes:
    """An RPM header with the tags that we read."""
    store = b""
    index = b""

    def add(tag: int, kind: int, data: bytes, count: int) -> None:
        nonlocal store, index
        store += bytes(-len(store) % 4)
        index += struct.pack(">IIII", tag, kind, len(store), count)
        store += data

    add(1000, 6, name.encode() + b"\0", 1)
    add(1037, 4, b"".join(struct.pack(">I", flag) for _, _, flag in files), len(files))
    add(1116, 4, b"".join(struct.pack(">I", folder) for folder, _, _ in files), len(files))
    add(1117, 8, b"".join(base.encode() + b"\0" for _, base, _ in files), len(files))
    add(1118, 8, b"".join(folder.encode() + b"\0" for folder in folders), len(folders))
    return struct.pack(">II", len(index) // 16, len(store)) + index + store


def test_rpm_headers(tmp_path: Path) -> None:
    path = tmp_path / "rpmdb.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    blob = header("bash", ["/etc/", "/usr/bin/"], [(1, "bash", 0), (0, "bashrc", 17)])
    database.execute("INSERT INTO Packages VALUES (1, ?)", (blob,))
    database.commit()
    database.close()
    assert read_rpm_database(path.read_bytes()) == [
        ["bash", ["/usr/bin/bash", "/etc/bashrc"], ["/etc/bashrc"]]
    ]


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\0torn"])
def test_what_is_no_rpm_database(data: bytes) -> None:
    assert read_rpm_database(data) is None


def test_an_rpm_database_of_an_older_kind_is_said() -> None:
    view = view_of({"/var/lib/rpm/Packages": b"\0"})
    assert read_database(view.fs, view.facts).unread == "/var/lib/rpm/Packages"


def test_a_package_works_only_with_a_file_that_does_something() -> None:
    view = view_of(DPKG)
    database = read_database(view.fs, view.facts)
    assert working_packages(database, ["/etc/bash.bashrc"]) == {}
    kept = ["/usr/bin/bash", "/usr/share/doc/libtinfo6/copyright"]
    assert working_packages(database, kept) == {"dpkg": ["bash"]}
    assert working_packages(database, [*kept, "/usr/lib/libtinfo.so.6"]) == {"dpkg": ["bash", "libtinfo6"]}


def test_the_package_of_a_path() -> None:
    view = view_of(DPKG)
    database = read_database(view.fs, view.facts)
    assert database.package_of("/usr/bin/bash") == Package(
        "bash",
        "dpkg",
        ("/bin", "/usr/bin/bash", "/etc/bash.bashrc"),
        ("/etc/bash.bashrc",),
        True,
    )
    assert database.package_of("/etc/passwd") is None
