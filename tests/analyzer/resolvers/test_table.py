"""Laws of the closure over every resolver together, on one image with a bit of everything."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.evidence import Evidence
from analyzer.image import Healthcheck, ImageConfig
from analyzer.recording import Access, Program
from analyzer.resolvers.closure import Closure, close
from analyzer.resolvers.facts import LiveFacts
from analyzer.resolvers.interface import View
from analyzer.resolvers.table import LEVELS, RESOLVERS, Coverage, resolvers_for
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import Dir, File, Link, Node, image_tree

LD = "/lib64/ld-linux-x86-64.so.2"
LIB = "/usr/lib/x86_64-linux-gnu"


def program(*needed: str, uses: Sequence[str] = (), constants: Sequence[str] = ()) -> File:
    return File(elf(interp=LD, needed=needed, uses=uses, constants=constants), mode=0o755)


IMAGE: dict[str, Node] = {
    "/bin": Link("usr/bin"),
    "/lib": Link("usr/lib"),
    "/lib64": Link("usr/lib64"),
    "/usr/lib64/ld-linux-x86-64.so.2": Link(f"{LIB}/ld-linux-x86-64.so.2"),
    f"{LIB}/ld-linux-x86-64.so.2": elf(),
    f"{LIB}/libc.so.6": elf(soname="libc.so.6"),
    f"{LIB}/libssl.so.3": elf(needed=["libcrypto.so.3"]),
    f"{LIB}/libcrypto.so.3": elf(needed=["libc.so.6"]),
    f"{LIB}/ossl-modules/legacy.so": elf(needed=["libcrypto.so.3"]),
    f"{LIB}/gconv/SJIS.so": elf(),
    "/usr/bin/sh": Link("dash"),
    "/usr/bin/dash": program("libc.so.6"),
    "/usr/bin/env": program("libc.so.6"),
    "/usr/bin/python3": Link("python3.11"),
    "/usr/bin/python3.11": program("libc.so.6", "libssl.so.3", uses=["dlopen", "localtime", "getpwnam"]),
    "/usr/lib/python3.11/os.py": "import stat\n",
    "/usr/lib/python3.11/stat.py": "",
    "/usr/lib/python3.11/encodings/__init__.py": "",
    "/usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so": elf(needed=["libssl.so.3"]),
    "/usr/bin/curl": program("libssl.so.3", uses=["getaddrinfo"]),
    "/usr/bin/tar": program("libc.so.6", uses=["execvp"], constants=["gzip"]),
    "/usr/bin/gzip": program("libc.so.6"),
    "/usr/bin/mkdir": program("libc.so.6"),
    "/usr/bin/iconv": program("libc.so.6", uses=["__gconv_open"]),
    "/usr/sbin/daemon": program("libc.so.6", uses=["getpwnam"], constants=["/etc/daemon/daemon.conf"]),
    "/etc/daemon/daemon.conf": "data /srv/data/file\n",
    "/srv/data/file": "x",
    "/usr/local/bin/entry.sh": File("#!/bin/sh\nmkdir /run/x\ntar xzf a | iconv\nexec \"$@\"\n", mode=0o755),
    "/app/main.py": "import helper\n",
    "/app/helper.py": "DATA = '/srv/data'\n",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "/etc/nsswitch.conf": "passwd: files\n",
    "/etc/ssl/certs/ca-certificates.crt": "PEM",
    "/usr/share/zoneinfo/UTC": "TZif",
    "/usr/share/zoneinfo/Europe/Berlin": "TZif",
    "/etc/localtime": Link("/usr/share/zoneinfo/UTC"),
    "/tmp": Dir(0o1777),
    "/var/lib/dpkg/status": "Package: daemon\nStatus: install ok installed\nArchitecture: amd64\n",
    "/var/lib/dpkg/info/daemon.list": "/usr/sbin/daemon\n/etc/daemon/daemon.conf\n/usr/share/daemon/more\n",
    "/usr/share/daemon/more": "x",
    "/usr/share/doc/daemon/copyright": "x",
    "/usr/share/unused": "x",
}  # fmt: skip

CONFIG = ImageConfig(
    env=(("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/bin"),),
    entrypoint=("entry.sh",),
    workdir="/app",
    healthcheck=Healthcheck(("CMD-SHELL", "curl -f http://localhost/ || exit 1")),
)

FS = image_tree(IMAGE)
ROOTS = st.lists(
    st.builds(
        Evidence,
        st.sampled_from(sorted(IMAGE)),
        st.sampled_from(["traced", "author", "asked"]),
        st.just("test"),
        st.just("a root"),
        st.booleans(),
    ),
    max_size=4,
)
ACCESSES = st.lists(
    st.builds(
        Access,
        st.sampled_from([*sorted(IMAGE), "/bin/sh", "/nowhere", "/proc/self"]),
        st.sampled_from(["open", "stat", "exec", "readlink"]),
        st.sampled_from(["", "ENOENT", "EACCES"]),
        st.sampled_from(["/usr/bin/python3.11", "/usr/sbin/daemon", ""]),
    ),
    max_size=4,
)


def closed(
    roots: Sequence[Evidence],
    accesses: Sequence[Access] = (),
    coverage: Coverage = "safe",
    shuffle: random.Random | None = None,
) -> Closure:
    programs = (Program("/usr/local/bin/entry.sh", ("entry.sh",)),)
    view = View(FS, CONFIG, FACTS, tuple(sorted(accesses)), programs)
    resolvers = resolvers_for(coverage)
    if shuffle is not None:
        shuffle.shuffle(resolvers)
    return close(view, roots, resolvers)


FACTS = LiveFacts(FS, workers=1)


@settings(max_examples=40)
@given(ROOTS, ROOTS, ACCESSES)
def test_more_roots_never_keep_less(
    some: list[Evidence], more: list[Evidence], accesses: list[Access]
) -> None:
    assert set(closed(some, accesses).evidence) <= set(closed([*some, *more], accesses).evidence)


@settings(max_examples=40)
@given(ROOTS, ACCESSES, st.randoms())
def test_what_is_kept_does_not_depend_on_who_speaks_first(
    roots: list[Evidence], accesses: list[Access], shuffle: random.Random
) -> None:
    assert set(closed(roots, accesses, shuffle=shuffle).evidence) == set(closed(roots, accesses).evidence)


@settings(max_examples=40)
@given(ROOTS, ACCESSES)
def test_each_level_keeps_all_of_the_one_before(roots: list[Evidence], accesses: list[Access]) -> None:
    traced, balanced, safe = (set(closed(roots, accesses, level).evidence) for level in LEVELS)
    assert traced <= balanced <= safe


@settings(max_examples=40)
@given(ROOTS, ACCESSES)
def test_everything_kept_has_a_chain_to_a_root(roots: list[Evidence], accesses: list[Access]) -> None:
    kept = closed(roots, accesses).evidence
    rooted = {path for path, reasons in kept.items() if any(one.source not in kept for one in reasons)}
    while True:
        more = {
            path for path, reasons in kept.items() if any(one.source in rooted for one in reasons)
        } - rooted
        if not more:
            break
        rooted |= more
    assert rooted == set(kept)
    assert all(path in FS for path in kept)


@settings(max_examples=40)
@given(ROOTS, ACCESSES)
def test_two_closures_are_one_value(roots: list[Evidence], accesses: list[Access]) -> None:
    assert closed(roots, accesses) == closed(list(reversed(roots)), accesses)


def test_every_resolver_has_a_name_of_its_own() -> None:
    names = [make().name for make, _ in RESOLVERS]
    assert len(set(names)) == len(names)
