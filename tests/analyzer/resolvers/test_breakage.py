"""Why slimmed images break: each kind of failure by its name, held by the whole table of resolvers at the
level `balanced`. What a language's own modules need stands in the tests of its resolver."""

from __future__ import annotations

import pytest

from analyzer.evidence import Evidence
from analyzer.image import Healthcheck, ImageConfig
from analyzer.keepset import compute
from analyzer.recording import Access, Operation
from analyzer.resolvers.author import Brought, author_roots
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import Dir, File, Link, Node, view_of

LD = "/lib64/ld-linux-x86-64.so.2"
LIB = "/usr/lib/x86_64-linux-gnu"
PATH = (("PATH", "/usr/local/bin:/usr/bin:/bin"),)


def program(*needed: str, uses: tuple[str, ...] = (), constants: tuple[str, ...] = ()) -> File:
    return File(elf(interp=LD, needed=("libc.so.6", *needed), uses=uses, constants=constants), mode=0o755)


SYSTEM: dict[str, Node] = {
    "/bin": Link("usr/bin"),
    "/lib": Link("usr/lib"),
    "/lib64": Link("usr/lib64"),
    "/usr/lib64/ld-linux-x86-64.so.2": Link(f"{LIB}/ld-linux-x86-64.so.2"),
    f"{LIB}/ld-linux-x86-64.so.2": elf(),
    f"{LIB}/libc.so.6": elf(soname="libc.so.6"),
    f"{LIB}/libssl.so.3": elf(),
    f"{LIB}/libnss_sss.so.2": elf(),
    f"{LIB}/gconv/SJIS.so": elf(),
    "/etc/ld.so.cache": b"",
    "/usr/bin/sh": Link("dash"),
    "/usr/bin/env": program(),
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
    "/etc/group": "root:x:0:\n",
    "/etc/nsswitch.conf": "passwd: files sss\nhosts: files dns\n",
    "/etc/services": "x",
    "/etc/protocols": "x",
    "/etc/localtime": Link("/usr/share/zoneinfo/Etc/UTC"),
    "/usr/share/zoneinfo/Etc/UTC": "x",
    "/usr/share/zoneinfo/Asia/Tokyo": "x",
    "/usr/lib/locale/C.utf8/LC_CTYPE": "x",
    "/etc/ssl/certs/ca-certificates.crt": "x",
    "/etc/mime.types": "x",
    "/tmp": Dir(0o1777),
    "/home/app": Dir(0o755, uid=1000),
    "/srv/uploads": Dir(0o775, uid=1000),
    "/proc": Dir(),
    **{
        f"/usr/bin/{name}": program()
        for name in ("bash", "dash", "mkdir", "mktemp", "chmod", "sleep", "date")
    },
    "/usr/bin/curl": program("libssl.so.3"),
    "/app/serve": program(uses=("getaddrinfo", "getpwnam", "setlocale", "localtime", "iconv_open")),
}


def script(text: str) -> File:
    return File(text, mode=0o755)


def access(path: str, operation: Operation = "open") -> Access:
    return Access(path, operation, "", "/app/serve")


SERVE = ImageConfig(env=PATH, cmd=("/app/serve",), workdir="/app")

# The failure → what the image has more, its configuration, what the run touched; what has to be there.
FAILURES: dict[str, tuple[dict[str, Node], ImageConfig, list[Access], set[str]]] = {
    "the loader is gone": (
        {},
        SERVE,
        [],
        {"/lib64", "/usr/lib64/ld-linux-x86-64.so.2", f"{LIB}/ld-linux-x86-64.so.2"},
    ),
    "a script's interpreter is gone": (
        {"/app/run": script("#!/usr/bin/env bash\n")},
        ImageConfig(env=PATH, cmd=("/app/run",)),
        [],
        {"/usr/bin/env", "/usr/bin/bash", f"{LIB}/libc.so.6"},
    ),
    "the entrypoint's helpers are gone": (
        {"/app/run": script('#!/bin/sh\nd=$(mktemp)\nmkdir -p /run/x && chmod 700 /run/x\nexec "$@"\n')},
        ImageConfig(env=PATH, entrypoint=("/app/run",), cmd=("/app/serve",)),
        [],
        {"/usr/bin/mktemp", "/usr/bin/mkdir", "/usr/bin/chmod", "/app/serve"},
    ),
    "the entrypoint's other branch": (
        {"/app/run": script("#!/bin/sh\ncase $1 in now) date;; *) sleep 1;; esac\n")},
        ImageConfig(env=PATH, entrypoint=("/app/run",)),
        [],
        {"/usr/bin/date", "/usr/bin/sleep"},
    ),
    "a shell-form CMD": (
        {},
        ImageConfig(env=PATH, cmd=("/bin/sh", "-c", "date && /app/serve")),
        [],
        {"/bin", "/usr/bin/sh", "/usr/bin/dash", "/usr/bin/date", "/app/serve"},
    ),
    "HEALTHCHECK's curl": (
        {},
        ImageConfig(env=PATH, healthcheck=Healthcheck(("CMD-SHELL", "curl -f localhost || exit 1"))),
        [],
        {"/usr/bin/sh", "/usr/bin/dash", "/usr/bin/curl", f"{LIB}/libssl.so.3"},
    ),
    "/tmp is missing": ({}, SERVE, [], {"/tmp"}),
    "a directory to write to is missing": ({}, SERVE, [], {"/srv/uploads"}),
    "a VOLUME's directory is missing, or what was in it": (
        {"/data/seed": "x"},
        ImageConfig(env=PATH, volumes=("/data",)),
        [],
        {"/data", "/data/seed"},
    ),
    "a mount point is missing": ({}, SERVE, [], {"/proc"}),
    "the directory that the run wrote in is missing": (
        {"/var/lib/app": Dir()},
        SERVE,
        [access("/var/lib/app/new.db", "write")],
        {"/var/lib/app"},
    ),
    "a directory that a program lists but never opens file by file": (
        {"/app/plugins/one.so": elf(), "/app/plugins/two.so": elf(needed=["libssl.so.3"])},
        SERVE,
        [access("/app/plugins", "list")],
        {"/app/plugins/one.so", "/app/plugins/two.so", f"{LIB}/libssl.so.3"},
    ),
    "a directory where a link was": (
        {"/app/current": Link("releases/2"), "/app/releases/2/x": "x"},
        SERVE,
        [access("/app/current/x")],
        {"/app/current", "/app/releases/2/x"},
    ),
    "a file name with brackets": ({"/app/[id].js": "x"}, SERVE, [access("/app/[id].js")], {"/app/[id].js"}),
    "USER is not in passwd": (
        {},
        ImageConfig(env=PATH, user="app"),
        [],
        {"/etc/passwd", "/etc/group", "/home/app"},
    ),
    "nsswitch.conf is missing": ({}, SERVE, [], {"/etc/nsswitch.conf"}),
    "a name service module is missing": ({}, SERVE, [], {f"{LIB}/libnss_sss.so.2"}),
    "services and protocols are missing": ({}, SERVE, [], {"/etc/services", "/etc/protocols"}),
    "ld.so.cache is missing": ({}, SERVE, [], {"/etc/ld.so.cache"}),
    "a time zone that only a later request names": ({}, SERVE, [], {"/usr/share/zoneinfo/Asia/Tokyo"}),
    "C.UTF-8 is missing": ({}, SERVE, [], {"/usr/lib/locale/C.utf8/LC_CTYPE"}),
    "a character set that only a later request names": ({}, SERVE, [], {f"{LIB}/gconv/SJIS.so"}),
    "a CA bundle needed only on a later call": (
        {"/app/fetch": program("libssl.so.3")},
        ImageConfig(env=PATH, cmd=("/app/fetch",)),
        [],
        {"/etc/ssl/certs/ca-certificates.crt"},
    ),
    "a static binary's own list of CA bundles": (
        {"/app/go": File(elf(static=True, constants=["/etc/ssl/certs/ca-certificates.crt"]), mode=0o755)},
        ImageConfig(env=PATH, cmd=("/app/go",)),
        [],
        {"/etc/ssl/certs/ca-certificates.crt"},
    ),
    "a native engine that is opened by name": (
        {"/app/engine": program(uses=("dlopen",), constants=("libssl.so.3",))},
        ImageConfig(env=PATH, cmd=("/app/engine",)),
        [],
        {f"{LIB}/libssl.so.3"},
    ),
    "a template that no probe asked for": (
        {"/app/templates/rare.html": File("x", layer=1)},
        SERVE,
        [],
        {"/app/templates/rare.html"},
    ),
    "a library that a driver puts in at run time is not the image's": (
        {},
        SERVE,
        [access("/usr/lib/driver/libcuda.so.1")],
        {"/app/serve"},
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_breaks_slimmed_images_is_kept(failure: str) -> None:
    more, config, accesses, needed = FAILURES[failure]
    view = view_of({**SYSTEM, **more}, config=config, accesses=accesses)
    roots: list[Evidence] = author_roots(view.fs, {1: Brought("author: line 3", "COPY")})
    assert needed <= set(compute(view, roots).evidence)


def test_nothing_of_it_is_kept_without_a_need() -> None:
    view = view_of(
        {**SYSTEM, "/app/lone": File(elf(static=True), mode=0o755)}, config=ImageConfig(cmd=("/app/lone",))
    )
    kept = set(compute(view).evidence)
    optional = {
        "/etc/services",
        "/usr/share/zoneinfo/Asia/Tokyo",
        f"{LIB}/gconv",
        "/usr/bin/dash",
        "/usr/bin/curl",
    }
    assert not kept & {*optional, f"{LIB}/libc.so.6", "/etc/ssl/certs", "/usr/lib/locale"}
