"""What the author's COPY, ADD and RUN brought."""

from __future__ import annotations

import pytest

from analyzer.resolvers.author import Brought, author_roots
from tests.imagefs import Dir, File, Link, Node, image_tree

BASE, COPY, RUN, COPY_STAGE = 0, 1, 2, 3
LAYERS = {
    COPY: Brought("author: line 3", "COPY"),
    RUN: Brought("author: line 4", "RUN"),
    COPY_STAGE: Brought("author: line 5", "COPY"),
}


def base(text: str = "") -> File:
    return File(text, layer=BASE)


def copied(text: str = "") -> File:
    return File(text, layer=COPY)


def made(text: str = "") -> File:
    return File(text, layer=RUN)


# Expected: paths, with a slash behind those that are kept as a whole.
CASES: dict[str, tuple[dict[str, Node], set[str]]] = {
    "a directory that COPY filled": (
        {"/app/main.py": copied(), "/app/templates/a.html": copied()},
        {"/app/"},
    ),
    "a directory filled by two instructions": (
        {"/app/main.py": copied(), "/app/static/a.js": File(layer=COPY_STAGE)},
        {"/app/"},
    ),
    "a file in a directory of the system": ({"/usr/local/bin/run.sh": copied()}, {"/usr/local/bin/run.sh"}),
    "what COPY brought and a RUN made executable, in a package's folder": (
        {"/usr/lib/cgi-bin/a.sh": File(layer=RUN, origin=COPY), "/usr/lib/cgi-bin/of-the-base": base()},
        {"/usr/lib/cgi-bin/a.sh"},
    ),
    "what a RUN gave another owner, outside of the project": (
        {"/usr/lib/tool/a.sh": File(layer=RUN, origin=BASE)},
        set(),
    ),
    "a file beside the base's": (
        {"/etc/nginx/nginx.conf": copied(), "/etc/nginx/mime.types": base()},
        {"/etc/nginx/nginx.conf"},
    ),
    "a copied folder beside the base's files": (
        {"/etc/nginx/sites/a.conf": copied(), "/etc/nginx/mime.types": base()},
        {"/etc/nginx/sites/"},
    ),
    "a copied link": ({"/usr/local/bin/tool": Link("/opt/tool", layer=COPY)}, {"/usr/local/bin/tool"}),
    "an empty directory": (
        {"/app/data": Dir(layer=COPY), "/app/main": copied(), "/app/old": base()},
        {"/app/data", "/app/main"},
    ),
    "what a RUN built inside the project": (
        {"/app/src/main.ts": copied(), "/app/package.json": copied(), "/app/dist/main.js": made()},
        {"/app/"},
    ),
    "what a tool installed inside the project is not the author's": (
        {"/app/main.js": copied(), "/app/node_modules/express/index.js": made()},
        {"/app/main.js"},
    ),
    "what the author copied stays, whatever its name": (
        {"/app/main.js": copied(), "/app/node_modules/mine/index.js": copied()},
        {"/app/"},
    ),
    "an environment that another stage's installer filled": (
        {
            "/opt/venv/pyvenv.cfg": copied(),
            "/opt/venv/bin/pip": copied(),
            "/opt/venv/lib/python3.11/site-packages/pip/__init__.py": copied(),
            "/app/main.py": copied(),
        },
        {"/app/"},
    ),
    "packages that another stage's installer filled in": (
        {
            "/app/main.js": copied(),
            "/app/node_modules/.package-lock.json": copied(),
            "/app/node_modules/express/index.js": copied(),
            "/usr/local/lib/python3.11/site-packages/a-1.dist-info/RECORD": copied(),
            "/usr/local/lib/python3.11/site-packages/a.py": copied(),
            "/app/vendor/composer/installed.json": copied(),
            "/app/vendor/x/y.php": copied(),
        },
        {"/app/main.js"},
    ),
    "a build directory of Cargo": (
        {"/app/Cargo.toml": copied(), "/app/target/release/app": made()},
        {"/app/Cargo.toml"},
    ),
    "a folder called target of nobody's": ({"/app/main": copied(), "/app/target/x": made()}, {"/app/"}),
    "what a RUN made elsewhere": ({"/opt/tool/bin/x": made(), "/app/main": copied()}, {"/app/"}),
    "what a RUN made in the working directory": ({"/work/model.bin": made()}, {"/work/"}),
    "a package's file in a directory of the author's": (
        {"/etc/nginx/nginx.conf": copied(), "/etc/nginx/owned.conf": made()},
        {"/etc/nginx/nginx.conf"},
    ),
    "a system that was copied whole is a base": (
        {
            "/etc/os-release": File(layer=COPY_STAGE),
            "/usr/bin/x": File(layer=COPY_STAGE),
            "/app/main": copied(),
        },
        {"/app/"},
    ),
    "what an installer's record names, in a directory of any name": (
        {"/opt/packages/installed.py": copied(), "/opt/packages/own.py": copied()},
        {"/opt/packages/own.py"},
    ),
    "nothing of the author's": ({"/usr/bin/x": base()}, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_author_brought(case: str) -> None:
    tree, expected = CASES[case]
    roots = author_roots(
        image_tree(tree),
        LAYERS,
        workdir="/work",
        owned={"/etc/nginx/owned.conf"},
        installed={"/opt/packages/installed.py"},
    )
    assert {one.path + "/" * one.tree for one in roots} == expected


def test_the_root_is_the_line_of_the_instruction() -> None:
    (root,) = author_roots(image_tree({"/app/main": copied(), "/app/built": made()}), LAYERS)
    assert (root.kind, root.source) == ("author", "author: line 3")
    assert root.reason == "the author's COPY put it there"
