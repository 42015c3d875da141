"""Needs of the system: each with its condition."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.evidence import Evidence
from analyzer.image import Healthcheck, ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.elfreader import TELLING, TELLING_PATHS
from analyzer.resolvers.system import NAMES, NEEDS, System
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import Dir, File, Link, Node, view_of

SYSTEM: dict[str, Node] = {
    "/bin": Link("usr/bin"),
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\napp:x:990:990::/home/app:/bin/sh\n"
    "joe:x:1000:1000::/home/joe:/bin/sh\nnobody:x:65534:65534::/var/lib/full:/bin/sh\n",
    "/etc/group": "root:x:0:\n",
    "/etc/shadow": "root:*:1::\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
    "/etc/services": "http 80/tcp\n",
    "/etc/ssl/certs/ca-certificates.crt": "PEM",
    "/etc/ssl/certs/1234abcd.0": Link("Root.pem"),
    "/etc/ssl/certs/Root.pem": Link("/usr/share/ca-certificates/Root.crt"),
    "/usr/share/ca-certificates/Root.crt": "PEM",
    "/usr/share/ca-certificates/Unused.crt": "PEM",
    "/etc/localtime": Link("/usr/share/zoneinfo/Etc/UTC"),
    "/usr/share/zoneinfo/Etc/UTC": "TZif",
    "/usr/share/zoneinfo/Europe/Berlin": "TZif",
    "/usr/share/zoneinfo/right/Europe/Berlin": "TZif",
    "/usr/share/zoneinfo/posix/Europe/Berlin": "TZif",
    "/usr/lib/locale/C.utf8/LC_CTYPE": "x",
    "/usr/lib/locale/de_DE/LC_CTYPE": "x",
    "/etc/os-release": "ID=debian\n",
    "/etc/mime.types": "text/html html\n",
    "/lib/terminfo/x/xterm": "x",
    "/usr/share/terminfo/x/xterm-256color": "x",
    "/usr/share/terminfo/z/zx81": "x",
    "/tmp": Dir(0o1777),
    "/var/lib/app/data": Dir(0o755, uid=990),
    "/var/lib/shared": Dir(0o775),
    "/var/lib/roots": Dir(),
    "/var/lib/full": Dir(0o777),
    "/var/lib/full/file": "x",
    "/root": Dir(0o700),
    "/home/app": Dir(0o755, uid=990),
    "/home/joe/.profile": "x",
    "/srv/data/old": "x",
    "/usr/bin/sh": File(b"", mode=0o755),
    "/app": Dir(),
}


def program(**facts: Any) -> File:
    return File(elf(**facts), mode=0o755)


TREE_OF: dict[str, tuple[Node, ImageConfig, set[str], set[str]]] = {
    "no program at all: users, local time, writable directories": (
        "",
        ImageConfig(),
        {
            "/bin",
            "/etc/passwd",
            "/etc/group",
            "/etc/localtime",
            "/usr/share/zoneinfo/Etc/UTC",
            "/tmp",
            "/root",
            "/var/lib/app/data",
            "/var/lib/shared",
        },
        {
            "/etc/shadow",
            "/etc/nsswitch.conf",
            "/usr/share/zoneinfo/Europe/Berlin",
            "/var/lib/roots",
            "/var/lib/full",
            "/etc/mime.types",
            "/usr/bin/sh",
        },
    ),
    "a TLS library: roots by bundle and by hash": (
        "",
        ImageConfig(),
        {"/etc/ssl/certs/1234abcd.0", "/usr/share/ca-certificates/Root.crt"},
        {"/usr/share/ca-certificates/Unused.crt"},
    ),
    "a static program that names the bundle": (
        program(static=True, constants=["x/etc/ssl/certs/ca-certificates.crt"]),
        ImageConfig(),
        {"/etc/ssl/certs/ca-certificates.crt"},
        {"/etc/nsswitch.conf"},
    ),
    "a program that asks for local time: every zone, once": (
        program(uses=["localtime_r"]),
        ImageConfig(),
        {"/usr/share/zoneinfo/Europe/Berlin"},
        {"/usr/share/zoneinfo/right", "/usr/share/zoneinfo/posix", "/etc/ssl/certs/ca-certificates.crt"},
    ),
    "a program that looks up hosts": (
        program(uses=["getaddrinfo"]),
        ImageConfig(),
        {"/etc/nsswitch.conf", "/etc/services"},
        {"/etc/shadow"},
    ),
    "a program that checks passwords": (program(uses=["getspnam"]), ImageConfig(), {"/etc/shadow"}, set()),
    "a program that asks for a locale: each that the image has": (
        program(uses=["setlocale"]),
        ImageConfig(),
        {"/usr/lib/locale/C.utf8/LC_CTYPE", "/usr/lib/locale/de_DE/LC_CTYPE"},
        set(),
    ),
    "a program that draws: common terminals alone": (
        program(uses=["tgetent"]),
        ImageConfig(),
        {"/lib/terminfo/x/xterm", "/usr/share/terminfo/x/xterm-256color"},
        {"/usr/share/terminfo/z/zx81"},
    ),
    "a function that it defines itself is no need": (
        program(defines=["getaddrinfo"]),
        ImageConfig(),
        set(),
        {"/etc/nsswitch.conf"},
    ),
    "the user's home, the working directory, a volume with what is in it": (
        "",
        ImageConfig(user="app", workdir="/app", volumes=("/srv/data",)),
        {"/home/app", "/app", "/srv/data/old"},
        {"/root"},
    ),
    "a user by number": ("", ImageConfig(user="990:0"), {"/home/app"}, {"/root"}),
    "the home of an account that was added, without what is in it": (
        "",
        ImageConfig(),
        {"/home/joe"},
        {"/home/joe/.profile", "/var/lib/full"},
    ),
}


@pytest.mark.parametrize("case", TREE_OF)
def test_needs_and_their_conditions(case: str) -> None:
    node, config, kept, gone = TREE_OF[case]
    tree = dict(SYSTEM)
    path = "/usr/lib/libssl.so.3" if "TLS" in case else "/opt/app"
    tree[path] = elf() if "TLS" in case else node
    closure = close(view_of(tree, config=config), [Evidence(path, "asked", "test", "")], [System()])
    assert kept <= set(closure.evidence)
    assert not gone & set(closure.evidence)


def test_a_shell_for_the_health_test() -> None:
    config = ImageConfig(healthcheck=Healthcheck(("CMD-SHELL", "true")))
    closure = close(view_of(SYSTEM, config=config), [], [System()])
    assert closure.evidence["/usr/bin/sh"][0].reason == "HEALTHCHECK is run by it"


@pytest.mark.parametrize("name", NAMES)
def test_each_need_has_an_off_switch(name: str) -> None:
    config = ImageConfig(
        user="app", workdir="/app", volumes=("/srv",), healthcheck=Healthcheck(("CMD-SHELL", "true"))
    )
    tree = {**SYSTEM, "/opt/lib/libssl.so.3": program(uses=TELLING, constants=TELLING_PATHS)}
    roots = [Evidence("/opt/lib/libssl.so.3", "asked", "test", "")]
    everything = close(view_of(tree, config=config), roots, [System()]).evidence
    without = close(view_of(tree, config=config, off=[name]), roots, [System()]).evidence
    assert sum(map(len, without.values())) < sum(map(len, everything.values()))


def test_every_function_and_path_that_a_need_asks_about_is_read() -> None:
    assert {name for need in NEEDS for name in need.uses} <= set(TELLING)
    assert {path for need in NEEDS for path in need.spells} <= set(TELLING_PATHS)


def test_the_reason_names_what_made_the_need() -> None:
    tree = {**SYSTEM, "/opt/app": program(uses=["tzset"])}
    closure = close(view_of(tree), [Evidence("/opt/app", "asked", "test", "")], [System()])
    reasons = {one.reason for one in closure.evidence["/usr/share/zoneinfo/Europe"]}
    assert "it can ask for a time zone by name: TZ, or its own choice (calls tzset)" in reasons
