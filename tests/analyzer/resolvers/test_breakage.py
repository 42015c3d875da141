"""Why slimmed images break: each kind of failure by its name, held by the whole table of resolvers at the
level `balanced`. More of a language's own rules stands in the tests of its resolver."""

from __future__ import annotations

import json

import pytest

from analyzer.evidence import Evidence
from analyzer.image import Healthcheck, ImageConfig
from analyzer.keepset import Wishes, compute
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
    "the link that stood where a program writes": (
        {"/var/lib/app/data": Link("/data"), "/data": Dir()},
        SERVE,
        [access("/var/lib/app/data/new.db", "write")],
        {"/var/lib/app/data", "/data"},
    ),
    "the other name of a hard link": (
        {
            "/app/one": File("x", hardlink="/app/one"),
            "/app/two": File("x", hardlink="/app/one"),
        },
        SERVE,
        [access("/app/one"), access("/app/two", "stat")],
        {"/app/one", "/app/two"},
    ),
}

PYTHON = "/usr/lib/python3.11"
SITE = "/usr/local/lib/python3.11/dist-packages"
JAVA = "/usr/lib/jvm/java-17"
MODULES = "/app/node_modules"


def manifest(name: str, **fields: object) -> str:
    return json.dumps({"name": name, **fields})


LANGUAGES: dict[str, Node] = {
    "/usr/bin/python3": program(),
    f"{PYTHON}/os.py": "",
    f"{PYTHON}/site.py": "",
    f"{PYTHON}/types.py": "",
    f"{PYTHON}/importlib/__init__.py": "",
    f"{PYTHON}/importlib/metadata/__init__.py": "",
    f"{PYTHON}/encodings/__init__.py": "",
    f"{PYTHON}/json/__init__.py": "",
    f"{PYTHON}/dist.py": "",
    "/usr/bin/java": Link(f"{JAVA}/bin/java"),
    f"{JAVA}/bin/java": program(),
    f"{JAVA}/lib/modules": b"",
    f"{JAVA}/lib/server/libjvm.so": elf(),
    f"{JAVA}/lib/libjava.so": elf(),
    f"{JAVA}/lib/libzip.so": elf(),
    f"{JAVA}/lib/libawt_headless.so": elf(uses=["dlopen"], constants=["libfontconfig.so.1"]),
    f"{JAVA}/lib/libfontmanager.so": elf(needed=["libfreetype.so.6"]),
    f"{JAVA}/lib/security/cacerts": Link("/etc/ssl/certs/java/cacerts"),
    "/etc/ssl/certs/java/cacerts": b"",
    f"{JAVA}/conf/security": Link("/etc/java-17/security"),
    "/etc/java-17/security/java.security": "",
    f"{LIB}/libfreetype.so.6": elf(),
    f"{LIB}/libfontconfig.so.1": elf(),
    "/etc/fonts/fonts.conf": "",
    "/usr/share/fonts/truetype/one.ttf": b"",
    "/usr/bin/node": program(),
    "/usr/bin/npm": Link("../lib/node_modules/npm/bin/npm-cli.js"),
    "/usr/lib/node_modules/npm/bin/npm-cli.js": script("#!/usr/bin/env node\n"),
    "/usr/lib/node_modules/npm/package.json": manifest("npm"),
    "/usr/bin/dotnet": program(),
    f"{LIB}/libicuuc.so.72": elf(),
    f"{LIB}/libicui18n.so.72": elf(),
}


def started(*command: str) -> ImageConfig:
    return ImageConfig(env=PATH, cmd=command, workdir="/app")


RUNS_PYTHON = started("python3", "/app/main.py")
RUNS_NODE = started("node", "/app/main.js")
NEXT: dict[str, Node] = {
    "/app/package.json": manifest("app", dependencies={"next": "14"}),
    f"{MODULES}/next/package.json": manifest("next", main="index.js"),
    f"{MODULES}/next/index.js": "",
    "/app/main.js": "require('next')",
}

# The failure → what the image has beside the languages, its configuration, what has to be there.
OF_LANGUAGES: dict[str, tuple[dict[str, Node], ImageConfig, set[str]]] = {
    "Python: an import inside a function": (
        {"/app/main.py": "def handle():\n    import late\n", f"{SITE}/late.py": ""},
        RUNS_PYTHON,
        {f"{SITE}/late.py"},
    ),
    "Python: an import by name": (
        {
            "/app/main.py": "import importlib\nimportlib.import_module('plugins.mail')\n",
            f"{SITE}/plugins/__init__.py": "",
            f"{SITE}/plugins/mail.py": "",
        },
        RUNS_PYTHON,
        {f"{SITE}/plugins/mail.py"},
    ),
    "Python: a namespace package that an -nspkg.pth makes": (
        {
            "/app/main.py": "def handle():\n    import zope.event\n",
            f"{SITE}/zope.event-5.0-py3.11-nspkg.pth": "import sys, types, os; m = 1\n",
            f"{SITE}/zope/event/__init__.py": "",
        },
        RUNS_PYTHON,
        {f"{SITE}/zope.event-5.0-py3.11-nspkg.pth", f"{SITE}/zope/event/__init__.py", f"{PYTHON}/types.py"},
    ),
    "Python: a console script that asks for its own dist-info": (
        {
            "/usr/local/bin/tool": script(
                "#!/usr/bin/python3\nfrom importlib.metadata import distribution\n"
                "distribution('tool').entry_points\n"
            ),
            f"{SITE}/tool/__init__.py": "",
            f"{SITE}/tool-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tool\n",
            f"{SITE}/tool-1.0.dist-info/RECORD": "tool/__init__.py,,\n",
            f"{SITE}/tool-1.0.dist-info/entry_points.txt": "[console_scripts]\ntool = tool:main\n",
        },
        started("tool"),
        {
            f"{SITE}/tool-1.0.dist-info/METADATA",
            f"{SITE}/tool-1.0.dist-info/entry_points.txt",
            f"{SITE}/tool/__init__.py",
        },
    ),
    "Python: entry points of a plug-in that nothing imports": (
        {
            "/app/main.py": "from importlib import metadata\nmetadata.entry_points(group='app.plugins')\n",
            f"{SITE}/plug/__init__.py": "",
            f"{SITE}/plug-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: plug\n",
            f"{SITE}/plug-1.0.dist-info/RECORD": "plug/__init__.py,,\n",
            f"{SITE}/plug-1.0.dist-info/entry_points.txt": "[app.plugins]\none = plug:One\n",
        },
        RUNS_PYTHON,
        {f"{SITE}/plug/__init__.py", f"{SITE}/plug-1.0.dist-info/entry_points.txt"},
    ),
    "Python: package data, certifi's bundle": (
        {
            "/app/main.py": "def call():\n    import certifi\n",
            f"{SITE}/certifi/__init__.py": "from .core import where\n",
            f"{SITE}/certifi/core.py": "from importlib.resources import files\n",
            f"{SITE}/certifi/cacert.pem": "PEM",
            f"{SITE}/certifi-2024.dist-info/METADATA": "Metadata-Version: 2.1\nName: certifi\n",
            f"{SITE}/certifi-2024.dist-info/RECORD": "".join(
                f"certifi/{name},,\n" for name in ("__init__.py", "core.py", "cacert.pem")
            ),
        },
        RUNS_PYTHON,
        {f"{SITE}/certifi/cacert.pem"},
    ),
    "Java: its cacerts is a link out of its home": (
        {},
        started("java", "-version"),
        {f"{JAVA}/lib/security/cacerts", "/etc/ssl/certs/java/cacerts"},
    ),
    "Java: libraries that the machine loads late": (
        {},
        started("java", "-version"),
        {f"{JAVA}/lib/libjava.so", f"{JAVA}/lib/libzip.so", f"{JAVA}/lib/server/libjvm.so"},
    ),
    "Java: conf/security": (
        {},
        started("java", "-version"),
        {f"{JAVA}/conf/security", "/etc/java-17/security/java.security"},
    ),
    "Java: fonts and fontconfig for AWT": (
        {"/app/Main.class": b"\xca\xfe\xba\xbe\0java/awt/Graphics2D\0"},
        started("java", "Main"),
        {
            f"{JAVA}/lib/libfontmanager.so",
            f"{LIB}/libfreetype.so.6",
            "/etc/fonts/fonts.conf",
            "/usr/share/fonts/truetype/one.ttf",
        },
    ),
    "Node: a lazy require": (
        {
            "/app/main.js": "module.exports = () => require('late')",
            f"{MODULES}/late/package.json": manifest("late", main="index.js"),
            f"{MODULES}/late/index.js": "",
        },
        RUNS_NODE,
        {f"{MODULES}/late/index.js", f"{MODULES}/late/package.json"},
    ),
    "Node: Next.js's .next and public, and names with [ ]": (
        {**NEXT, "/app/.next/server/pages/[slug].js": "", "/app/public/logo.svg": ""},
        RUNS_NODE,
        {"/app/.next/server/pages/[slug].js", "/app/public/logo.svg"},
    ),
    "Node: a native engine that probes fixed paths for libssl": (
        {
            "/app/main.js": "require('client')",
            f"{MODULES}/client/package.json": manifest("client", main="index.js"),
            f"{MODULES}/client/index.js": "require('./engine.node')",
            f"{MODULES}/client/engine.node": elf(needed=["libssl.so.3"]),
            f"{MODULES}/client/runtime.js": f"const places = ['{LIB}/libssl.so.3', '/lib64/libssl.so.3']",
        },
        RUNS_NODE,
        {f"{MODULES}/client/engine.node", f"{LIB}/libssl.so.3"},
    ),
    "Node: npm start needs a shell": (
        {"/app/package.json": manifest("app", scripts={"start": "node main.js && date"}), "/app/main.js": ""},
        started("npm", "start"),
        {"/usr/bin/sh", "/usr/bin/dash", "/usr/bin/node", "/usr/bin/date"},
    ),
    ".NET: ICU, which it opens by the version that is there": (
        {
            "/app/app": program(uses=("dlopen",), constants=("libssl.so.3", "libssl.so.1.0.2", "libicuuc")),
        },
        started("/app/app"),
        {f"{LIB}/libicuuc.so.72", f"{LIB}/libicui18n.so.72"},
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_breaks_slimmed_images_is_kept(failure: str) -> None:
    more, config, accesses, needed = FAILURES[failure]
    view = view_of({**SYSTEM, **more}, config=config, accesses=accesses)
    roots: list[Evidence] = author_roots(view.fs, {1: Brought("author: line 3", "COPY")})
    assert needed <= set(compute(view, roots).evidence)


@pytest.mark.parametrize("failure", OF_LANGUAGES)
def test_what_breaks_a_languages_programs_is_kept(failure: str) -> None:
    more, config, needed = OF_LANGUAGES[failure]
    view = view_of({**SYSTEM, **LANGUAGES, **more}, config=config)
    assert needed <= set(compute(view).evidence)


def test_a_library_that_a_driver_puts_in_at_run_time_is_not_the_images() -> None:
    driver = "/usr/lib/driver/libcuda.so.1"
    without = compute(view_of(SYSTEM, config=SERVE))
    traced = compute(view_of(SYSTEM, config=SERVE, accesses=[access(driver)]))
    assert set(traced.evidence) == set(without.evidence)


@pytest.mark.parametrize("asked", ["the run of an exec probe", "--keep"])
def test_the_shell_of_an_orchestrators_pre_stop_hook(asked: str) -> None:
    # Nothing in the image names it: a probe that does as the orchestrator will, or a wish, has to.
    accesses = [access("/bin/sh", "exec")] if asked != "--keep" else []
    wishes = Wishes(keep=("/usr/bin/sh",) if asked == "--keep" else ())
    kept = compute(view_of(SYSTEM, config=SERVE, accesses=accesses), wishes=wishes).evidence
    assert {"/usr/bin/sh", "/usr/bin/dash", f"{LIB}/libc.so.6"} <= set(kept)
    assert "/usr/bin/dash" not in compute(view_of(SYSTEM, config=SERVE)).evidence


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
