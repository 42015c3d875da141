"""PHP over made trees. Values are PHP 8.2's (`php --ini`, `php -i`, Composer 2's installed.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from analyzer.evidence import Evidence
from analyzer.resolvers.closure import close
from analyzer.resolvers.php import Php, read_includes, read_ini, read_installed, read_places
from tests.imagefs import File, Link, Node, view_of

EXTENSIONS = "/usr/lib/php/20220829"
PLACES = "/etc/php/8.2/fpm\0/etc/php/8.2/fpm/conf.d\0" + EXTENSIONS
BASE: dict[str, Node] = {
    "/usr/sbin/php-fpm8.2": File(b"\x7fELF\0" + PLACES.encode() + b"\0", 0o755),
    "/etc/php/8.2/fpm/php.ini": "[PHP]\nerror_log = /var/log/php.log\n;extension=off\n",
    "/etc/php/8.2/fpm/php-fpm.conf": "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
    "/etc/php/8.2/fpm/pool.d/www.conf": "[www]\nphp_admin_value[curl.cainfo] = /etc/ca.pem\n",
    "/etc/php/8.2/fpm/conf.d/20-mb.ini": Link("/etc/php/8.2/mods-available/mb.ini"),
    "/etc/php/8.2/mods-available/mb.ini": "extension=mbstring.so\nzend_extension=opcache\n",
    "/etc/ca.pem": "",
    f"{EXTENSIONS}/mbstring.so": b"",
    f"{EXTENSIONS}/opcache.so": b"",
    f"{EXTENSIONS}/off.so": b"",
}


@dataclass(frozen=True)
class Case:
    tree: Mapping[str, Node]
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    roots: tuple[str, ...] = ("/usr/sbin/php-fpm8.2", "/app/index.php")


INSTALLED = {
    "packages": [
        {"name": "a/run", "install-path": "../a/run", "bin": ["bin/run", "more"]},
        {"name": "a/dev", "install-path": "../a/dev", "bin": ["dev"]},
        {"name": "a/start", "install-path": "../a/start", "autoload": {"files": ["f.php"]}},
    ],
    "dev-package-names": ["a/dev", "a/start"],
}

CASES: dict[str, Case] = {
    "ini files, extensions that they load, pools": Case(
        {},
        kept=("/etc/php/8.2/fpm/php.ini", "/etc/php/8.2/mods-available/mb.ini", f"{EXTENSIONS}/mbstring.so",
              f"{EXTENSIONS}/opcache.so", "/etc/php/8.2/fpm/pool.d/www.conf", "/etc/ca.pem"),
        gone=(f"{EXTENSIONS}/off.so",),
    ),
    "Composer's packages, without those for development": Case(
        {
            "/app/index.php": "<?php require __DIR__ . '/vendor/autoload.php';",
            "/app/vendor/autoload.php": "<?php require_once __DIR__ . '/composer/autoload_real.php';",
            "/app/vendor/composer/autoload_real.php": "",
            "/app/vendor/composer/autoload_psr4.php": "",
            "/app/vendor/composer/installed.json": json.dumps(INSTALLED),
            "/app/vendor/a/run/src/Deep/X.php": "",
            "/app/vendor/a/run/tests/T.php": "",
            "/app/vendor/a/dev/src/Y.php": "",
            "/app/vendor/a/start/f.php": "",
            "/app/vendor/bin/run": File("#!/usr/bin/env php\n", 0o755),
            "/app/vendor/a/run/more": "",
            "/app/vendor/bin/more": Link("../a/run/more"),
            "/app/vendor/bin/dev": File("#!/usr/bin/env php\n", 0o755),
        },
        kept=("/app/vendor/bin/run", "/app/vendor/bin/more",
              "/app/vendor/a/run/src/Deep/X.php", "/app/vendor/composer/autoload_psr4.php",
              "/app/vendor/a/start/f.php"),
        gone=("/app/vendor/a/run/tests/T.php", "/app/vendor/a/dev/src/Y.php", "/app/vendor/bin/dev"),
    ),
    "a constant include, beside the source and along the include path": Case(
        {
            "/app/index.php": "<?php include 'inc/a.php'; require_once('Mail/x.php');",
            "/app/inc/a.php": "",
            "/usr/share/php/Mail/x.php": "",
        },
        kept=("/app/inc/a.php", "/usr/share/php/Mail/x.php"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    roots = [Evidence(path, "traced", "run", "opened") for path in case.roots]
    kept = close(view_of({**BASE, **case.tree}), roots, [Php()]).evidence.keys()
    assert [path for path in case.kept if path not in kept] == []
    assert [path for path in case.gone if path in kept] == []


@pytest.mark.parametrize("data", [b"", b"\xff\0", b"{", b"[1]", b"\0\0"])
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_places(data) == []
    assert read_ini(data) == []
    assert read_includes(data) == []
    assert read_installed(data) == []
