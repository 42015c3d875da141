"""The loaders' search. For glibc the orders are those that LD_DEBUG=libs shows of 2.36 (RPATH and its
inheritance, RUNPATH, LD_LIBRARY_PATH, $LIB, $PLATFORM, hwcaps, NODEFLIB, the default directories); for musl
those of its ldso/dynlink.c."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.elf import Elf
from analyzer.resolvers.elfreader import read_elf
from analyzer.resolvers.loader import read_cache
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import Dir, File, Link, Node, view_of

LD = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"


def program(**facts: Any) -> File:
    facts.setdefault("interp", LD)
    return File(elf(**facts), mode=0o755)


def linked(
    tree: Mapping[str, Node], root: str = "/bin/app", env: tuple[tuple[str, str], ...] = ()
) -> set[str]:
    view = view_of(tree, config=ImageConfig(env=env))
    closure = close(view, [Evidence(root, "asked", "test", "the test's program")], [Elf()])
    return {
        path
        for path in closure.evidence
        if view.fs.entries[path].kind != "dir" and path not in (root, LD, MUSL)
    } | {f"missing: {one.reason.split()[1].rstrip(',')}" for one in closure.unresolved}


CASES: dict[str, tuple[dict[str, Node], set[str]]] = {
    "default directories, the triplet's first": (
        {
            "/bin/app": program(needed=["liba.so.1"]),
            "/lib/x86_64-linux-gnu/liba.so.1": elf(),
            "/usr/lib/liba.so.1": elf(),
        },
        {"/lib/x86_64-linux-gnu/liba.so.1"},
    ),
    "a link to the real file brings both": (
        {
            "/bin/app": program(needed=["liba.so.1"]),
            "/usr/lib/liba.so.1": Link("liba.so.1.2"),
            "/usr/lib/liba.so.1.2": elf(),
        },
        {"/usr/lib/liba.so.1", "/usr/lib/liba.so.1.2"},
    ),
    "a file of another machine is passed over": (
        {
            "/bin/app": program(needed=["liba.so.1"]),
            "/lib/x86_64-linux-gnu/liba.so.1": elf(machine=183),
            "/usr/lib/liba.so.1": elf(),
        },
        {"/usr/lib/liba.so.1"},
    ),
    "a file of another width is passed over": (
        {
            "/bin/app": program(needed=["liba.so.1"]),
            "/lib/liba.so.1": elf(bits=32, machine=3),
            "/usr/lib/liba.so.1": elf(),
        },
        {"/usr/lib/liba.so.1"},
    ),
    "RUNPATH with $ORIGIN": (
        {"/bin/app": program(needed=["liba.so"], runpath="$ORIGIN/../opt/lib"), "/opt/lib/liba.so": elf()},
        {"/opt/lib/liba.so"},
    ),
    "RUNPATH is not inherited": (
        {
            "/bin/app": program(needed=["liba.so"], runpath="/opt/lib"),
            "/opt/lib/liba.so": elf(needed=["libb.so"]),
            "/opt/lib/libb.so": elf(),
        },
        {"/opt/lib/liba.so", "missing: libb.so"},
    ),
    "RPATH is inherited": (
        {
            "/bin/app": program(needed=["liba.so"], rpath="/opt/lib"),
            "/opt/lib/liba.so": elf(needed=["libb.so"]),
            "/opt/lib/libb.so": elf(),
        },
        {"/opt/lib/liba.so", "/opt/lib/libb.so"},
    ),
    "an object with RUNPATH sees no RPATH, inherited or its own": (
        {
            "/bin/app": program(needed=["liba.so"], rpath="/opt/lib"),
            "/opt/lib/liba.so": elf(needed=["libb.so"], rpath="/opt/lib", runpath="/nowhere"),
            "/opt/lib/libb.so": elf(),
        },
        {"/opt/lib/liba.so", "missing: libb.so"},
    ),
    "libraries with RPATH that need each other": (
        {
            "/bin/app": program(needed=["liba.so"], rpath="/opt/a:/opt/b"),
            "/opt/a/liba.so": elf(needed=["libb.so"], rpath="$ORIGIN:$ORIGIN/../b"),
            "/opt/b/libb.so": elf(needed=["liba.so"], rpath="$ORIGIN:$ORIGIN/../a"),
        },
        {"/opt/a/liba.so", "/opt/b/libb.so"},
    ),
    "RPATH before the default directories": (
        {
            "/bin/app": program(needed=["liba.so"], rpath="/opt/lib"),
            "/opt/lib/liba.so": elf(),
            "/usr/lib/liba.so": elf(),
        },
        {"/opt/lib/liba.so"},
    ),
    "$LIB is the directory that exists": (
        {
            "/bin/app": program(needed=["liba.so"], runpath="/opt/$LIB"),
            "/opt/lib/x86_64-linux-gnu/liba.so": elf(),
        },
        {"/opt/lib/x86_64-linux-gnu/liba.so"},
    ),
    "${PLATFORM} is the machine's name": (
        {"/bin/app": program(needed=["liba.so"], runpath="/opt/${PLATFORM}"), "/opt/x86_64/liba.so": elf()},
        {"/opt/x86_64/liba.so"},
    ),
    "variants for better processors stay beside the plain one": (
        {
            "/bin/app": program(needed=["liba.so.1"]),
            "/usr/lib/liba.so.1": elf(),
            "/usr/lib/glibc-hwcaps/x86-64-v3/liba.so.1": elf(),
        },
        {"/usr/lib/liba.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3/liba.so.1"},
    ),
    "the older kind of such directories": (
        {
            "/bin/app": program(needed=["liba.so.1"]),
            "/usr/lib/liba.so.1": elf(),
            "/usr/lib/haswell/liba.so.1": elf(),
            "/usr/lib/tls/x86_64/liba.so.1": elf(),
        },
        {"/usr/lib/liba.so.1", "/usr/lib/haswell/liba.so.1", "/usr/lib/tls/x86_64/liba.so.1"},
    ),
    "NODEFLIB shuts the default directories": (
        {"/bin/app": program(needed=["liba.so"], nodeflib=True), "/usr/lib/liba.so": elf()},
        {"missing: liba.so"},
    ),
    "a needed name with a slash is a path": (
        {"/bin/app": program(needed=["/opt/liba.so"]), "/opt/liba.so": elf(), "/usr/lib/liba.so": elf()},
        {"/opt/liba.so"},
    ),
    "what dlopen may open, found as the loader would": (
        {
            "/bin/app": program(uses=["dlopen"], constants=["libplug.so.2", "libabsent.so.1"]),
            "/usr/lib/libplug.so.2": elf(needed=["libdeep.so"]),
            "/usr/lib/libdeep.so": elf(),
        },
        {"/usr/lib/libplug.so.2", "/usr/lib/libdeep.so"},
    ),
    "a library's name in a program that cannot open one": (
        {"/bin/app": program(constants=["libplug.so.2"]), "/usr/lib/libplug.so.2": elf()},
        set(),
    ),
    "of what the C library spells, only what it opens for every caller": (
        {
            "/bin/app": program(needed=["libc.so.6"]),
            "/lib/libc.so.6": elf(soname="libc.so.6", constants=["libgcc_s.so.1", "libidn2.so.0"]),
            "/lib/libgcc_s.so.1": elf(),
            "/lib/libidn2.so.0": elf(),
        },
        {"/lib/libc.so.6", "/lib/libgcc_s.so.1"},
    ),
    "an extension module without the executable bit": (
        {"/bin/app": File(elf(needed=["liba.so"])), "/usr/lib/liba.so": elf()},
        set(),
    ),
    "musl: RUNPATH is inherited": (
        {
            "/bin/app": program(interp=MUSL, needed=["liba.so", "libc.so"], runpath="/opt/lib"),
            "/opt/lib/liba.so": elf(needed=["libb.so"]),
            "/opt/lib/libb.so": elf(),
        },
        {"/opt/lib/liba.so", "/opt/lib/libb.so"},
    ),
    "musl: its own directories, no triplet": (
        {
            "/bin/app": program(interp=MUSL, needed=["liba.so", "libb.so"]),
            "/usr/local/lib/liba.so": elf(),
            "/usr/lib/x86_64-linux-gnu/libb.so": elf(),
        },
        {"/usr/local/lib/liba.so", "missing: libb.so"},
    ),
    "musl: the path file replaces the default": (
        {
            "/bin/app": program(interp=MUSL, needed=["liba.so", "libb.so"]),
            "/etc/ld-musl-x86_64.path": "/opt/lib\n/more:/yet\n",
            "/yet/liba.so": elf(),
            "/usr/lib/libb.so": elf(),
        },
        {"/etc/ld-musl-x86_64.path", "/yet/liba.so", "missing: libb.so"},
    ),
    "musl: no directories for better processors": (
        {
            "/bin/app": program(interp=MUSL, needed=["liba.so"]),
            "/lib/liba.so": elf(),
            "/lib/glibc-hwcaps/x86-64-v3/liba.so": elf(),
        },
        {"/lib/liba.so"},
    ),
    "musl: the C library's names are the loader's own": (
        {"/bin/app": program(interp=MUSL, needed=["libc.musl-x86_64.so.1", "libpthread.so.0"])},
        set(),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_libraries_are_found_as_the_loader_finds_them(case: str) -> None:
    tree, expected = CASES[case]
    root = "/bin/app"
    assert linked({LD: elf(), MUSL: elf(), **tree}, root) == expected


def test_ld_library_path_comes_before_runpath_and_after_rpath() -> None:
    tree: dict[str, Node] = {"/env/liba.so": elf(), "/own/liba.so": elf()}
    env = (("LD_LIBRARY_PATH", "/env"),)
    assert linked({**tree, "/bin/app": program(needed=["liba.so"], runpath="/own")}, env=env) == {
        "/env/liba.so"
    }
    assert linked({**tree, "/bin/app": program(needed=["liba.so"], rpath="/own")}, env=env) == {
        "/own/liba.so"
    }


def test_the_loader_and_the_links_to_it_stay() -> None:
    view = view_of(
        {
            "/usr/bin/app": program(),
            "/lib64": Link("usr/lib64"),
            "/usr/lib64/ld-linux-x86-64.so.2": Link("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
            "/lib": Link("usr/lib"),
            "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": elf(),
            "/usr/share": Dir(),
        }
    )
    closure = close(view, [Evidence("/usr/bin/app", "asked", "test", "")], [Elf()])
    assert set(closure.evidence) == set(view.fs.entries) - {"/usr/share"}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("sections", [True, False])
def test_what_a_file_says_is_read(bits: int, sections: bool) -> None:
    data = elf(
        needed=["liba.so", "libb.so.1"],
        soname="libme.so.3",
        runpath="$ORIGIN",
        interp=LD,
        uses=["dlopen", "getpwnam"],
        defines=["iconv_open"],
        constants=["libplug.so", "not.sober", "/usr/lib/x.so.1.2"],
        bits=bits,
        sections=sections,
    )
    facts = read_elf(data)
    assert facts is not None
    names = {name: facts.get(name) for name in ("needed", "soname", "runpath", "interp", "uses")}
    assert names == {
        "needed": ["liba.so", "libb.so.1"],
        "soname": "libme.so.3",
        "runpath": "$ORIGIN",
        "interp": LD,
        "uses": ["dlopen", "getpwnam"],
    }
    assert {"libplug.so", "/usr/lib/x.so.1.2"} <= set(facts["libraries"])
    assert "not.sober" not in facts["libraries"]


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF" + bytes(60)])
def test_what_is_no_elf_file_has_no_facts(data: bytes) -> None:
    assert read_elf(data) is None


@pytest.mark.parametrize("length", [70, 130, 4100, 4200])
def test_a_torn_file_does_not_raise(length: int) -> None:
    read_elf(elf(needed=["liba.so"], uses=["dlopen"])[:length])


def cache(*rows: tuple[str, str], old: bool = False) -> bytes:
    """An ld.so.cache in the new format, alone or behind an old one with one entry."""
    names = b"".join(f"{name}\0{path}\0".encode() for name, path in rows)
    at = 48 + 24 * len(rows)
    entries = b""
    for name, path in rows:
        entries += struct.pack("<iIIIQ", 0x0303, at, at + len(name) + 1, 0, 0)
        at += len(name) + len(path) + 2
    header = b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xI3I", len(rows), len(names), 2, 0, 0, 0, 0)
    new = header + entries + names
    if not old:
        return new
    before = b"ld.so-1.7.0\0" + struct.pack("<I", 1) + bytes(12)
    return before.ljust(-(-len(before) // 8) * 8, b"\0") + new


@pytest.mark.parametrize("old", [False, True])
def test_the_cache_is_read_in_its_order(old: bool) -> None:
    rows = [
        ("liba.so", "/x/glibc-hwcaps/x86-64-v3/liba.so"),
        ("liba.so", "/x/liba.so"),
        ("libb.so", "/y/libb.so"),
    ]
    assert read_cache(cache(*rows, old=old)) == {
        "liba.so": ["/x/glibc-hwcaps/x86-64-v3/liba.so", "/x/liba.so"],
        "libb.so": ["/y/libb.so"],
    }
    assert read_cache(b"something else") is None


def test_a_library_that_only_the_cache_knows() -> None:
    tree: dict[str, Node] = {
        "/bin/app": program(needed=["liba.so", "libb.so"]),
        "/etc/ld.so.cache": cache(
            ("liba.so", "/opt/i386/liba.so"), ("liba.so", "/opt/lib/liba.so"), ("libb.so", "/gone/libb.so")
        ),
        "/opt/i386/liba.so": elf(machine=3, bits=32),
        "/opt/lib/liba.so": elf(),
        "/usr/lib/liba.so": elf(),
        "/usr/lib/libb.so": elf(),
    }
    assert linked(tree) == {"/etc/ld.so.cache", "/opt/lib/liba.so", "/usr/lib/libb.so"}
