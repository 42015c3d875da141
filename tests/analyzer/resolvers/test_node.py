"""Node's resolution over made trees. Values are Node 20's (`require.resolve`, `--trace-module-loading`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.recording import Access
from analyzer.resolvers.closure import Closure, close
from analyzer.resolvers.node import Node
from analyzer.resolvers.node_source import read_bare_names, read_javascript, read_package, read_typescript
from analyzer.resolvers.traced import Traced
from tests.imagefs import File, Link, view_of
from tests.imagefs import Node as Entry

BASE: dict[str, Entry] = {
    "/usr/bin/node": File(b"\x7fELF", 0o755),
    "/bin/sh": File(b"\x7fELF", 0o755),
}


def manifest(name: str = "", **fields: Any) -> str:
    return json.dumps({"name": name, **fields})


def pnp(*locations: str) -> str:
    """The map that Yarn writes, as far as it is read."""
    rows = "".join(f'\\\n  "packageLocation": "./{place}",' for place in locations)
    return f"const RAW_RUNTIME_STATE =\n'{{{rows}}}'"


def library(place: str, files: str = "index.js", **fields: Any) -> dict[str, Entry]:
    name = place.rpartition("node_modules/")[2]
    tree: dict[str, Entry] = {f"{place}/{file}": "" for file in files.split()}
    tree[f"{place}/package.json"] = manifest(name, **fields)
    return tree


@dataclass(frozen=True)
class Case:
    tree: Mapping[str, Entry]
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    roots: tuple[str, ...] = ("/app/main.js",)
    config: ImageConfig = field(default_factory=ImageConfig)


def closed(case: Case, roots: tuple[str, ...] | None = None) -> Closure:
    places = ("/usr/bin/node", *case.roots) if roots is None else roots
    evidence = [Evidence(path, "traced", "run", "opened") for path in places]
    return close(view_of({**BASE, **case.tree}, config=case.config), evidence, [Node()])


APP = "/app/node_modules"

CASES: dict[str, Case] = {
    "a lazy require of a file without suffix": Case(
        {"/app/main.js": "function f() { return require('./lib/x') }", "/app/lib/x.js": ""},
        kept=("/app/lib/x.js",),
    ),
    "a folder's index and a folder's main": Case(
        {
            "/app/main.js": "require('./a'); require('./b')",
            "/app/a/index.js": "",
            "/app/b/package.json": '{"main": "lib/start"}',
            "/app/b/lib/start.js": "",
        },
        kept=("/app/a/index.js", "/app/b/lib/start.js"),
    ),
    "every program of a shell's line": Case(
        {
            "/app/main.js": "require('child_process').execSync('cat x | sort')",
            "/usr/bin/cat": File(b"\x7fELF", 0o755),
            "/usr/bin/sort": File(b"\x7fELF", 0o755),
        },
        kept=("/usr/bin/cat", "/usr/bin/sort"),
    ),
    "a program by its path from the working directory": Case(
        {
            "/app/src/main.js": "require('child_process').execFileSync('node_modules/.bin/tool', ['x'])",
            f"{APP}/.bin/tool": Link("../tool/cli.js"),
            f"{APP}/tool/cli.js": File("#!/usr/bin/env node\n", 0o755),
            f"{APP}/tool/package.json": manifest("tool"),
            f"{APP}/tool/more.js": "",
        },
        config=ImageConfig(workdir="/app"),
        roots=("/app/src/main.js",),
        kept=(f"{APP}/.bin/tool", f"{APP}/tool/more.js"),
    ),
    "import, export from and import()": Case(
        {
            "/app/main.mjs": "import a from './a.mjs'; export * from './b.mjs'; await import('./c.mjs')",
            "/app/a.mjs": "",
            "/app/b.mjs": "",
            "/app/c.mjs": "",
        },
        roots=("/app/main.mjs",),
        kept=("/app/a.mjs", "/app/b.mjs", "/app/c.mjs"),
    ),
    "a package whole, but for its test suite and the packages inside it": Case(
        {
            "/app/main.js": "require('lib')",
            **library(f"{APP}/lib", "index.js data/x.json lazy.js .dot test/t.js"),
            **library(f"{APP}/lib/node_modules/inner"),
        },
        kept=(f"{APP}/lib/data/x.json", f"{APP}/lib/lazy.js", f"{APP}/lib/.dot"),
        gone=(f"{APP}/lib/test/t.js", f"{APP}/lib/node_modules/inner/index.js"),
    ),
    "a test folder that an export leads into": Case(
        {
            "/app/main.js": "require('lib')",
            **library(f"{APP}/lib", "test/t.js", exports={".": "./test/t.js"}),
        },
        kept=(f"{APP}/lib/test/t.js",),
    ),
    "a test folder that a library loads from": Case(
        {
            "/app/main.js": "require('lib')",
            **library(f"{APP}/lib", "index.js test/tool/index.js test/tool/more.js"),
            f"{APP}/lib/lib/a.js": "exports.t = () => require('../test/tool')",
            **library(f"{APP}/other", "index.js test/t.js"),
            f"{APP}/other/spec.js": "require('./test/t')",
        },
        roots=("/app/main.js", f"{APP}/other/index.js"),
        kept=(f"{APP}/lib/test/tool/more.js",),
        gone=(f"{APP}/other/test/t.js",),
    ),
    "what a package depends on, nested before hoisted": Case(
        {
            "/app/main.js": "require('lib')",
            **library(f"{APP}/lib", dependencies={"inner": "1", "outer": "1"}),
            **library(f"{APP}/lib/node_modules/inner"),
            **library(f"{APP}/inner"),
            **library(f"{APP}/outer"),
        },
        kept=(f"{APP}/lib/node_modules/inner/index.js", f"{APP}/outer/index.js"),
        gone=(f"{APP}/inner/index.js",),
    ),
    "the app's dependencies, not those for development": Case(
        {
            "/app/main.js": "",
            "/app/package.json": manifest("app", dependencies={"lib": "1"}, devDependencies={"jest": "1"}),
            **library(f"{APP}/lib"),
            **library(f"{APP}/jest"),
        },
        kept=(f"{APP}/lib/index.js",),
        gone=(f"{APP}/jest/index.js",),
    ),
    "a dependency for development that the app loads all the same": Case(
        {
            "/app/main.js": "require('jest')",
            "/app/package.json": manifest("app", devDependencies={"jest": "1"}),
            **library(f"{APP}/jest"),
        },
        kept=(f"{APP}/jest/index.js",),
    ),
    "a package that a library loads without declaring it": Case(
        {
            "/app/main.js": "require('lib')",
            **library(f"{APP}/lib"),
            f"{APP}/lib/index.js": "const c = require('.generated/client')",
            f"{APP}/.generated/client/index.js": "",
        },
        kept=(f"{APP}/.generated/client/index.js",),
    ),
    "but not one that is for development only": Case(
        {
            "/app/main.js": "require('lib')",
            "/app/package.json": manifest("app", devDependencies={"typescript": "5"}),
            **library(f"{APP}/lib"),
            f"{APP}/lib/index.js": "require('typescript')",
            **library(f"{APP}/typescript"),
        },
        gone=(f"{APP}/typescript/index.js",),
    ),
    "nor one that only its authors' tests load": Case(
        {
            "/app/main.js": "require('lib')",
            **library(f"{APP}/lib", "index.js"),
            f"{APP}/lib/test.js": "require('tape')",
            f"{APP}/lib/lib/a.spec.js": "require('tape')",
            **library(f"{APP}/tape"),
        },
        kept=(f"{APP}/lib/test.js",),
        gone=(f"{APP}/tape/index.js",),
    ),
    "nor one that the library names as for its own development": Case(
        {
            "/app/main.js": "require('lib')",
            **library(f"{APP}/lib", "index.js", devDependencies={"register": "1"}),
            f"{APP}/lib/runtime.js": "require('register')",
            **library(f"{APP}/register"),
        },
        kept=(f"{APP}/lib/runtime.js",),
        gone=(f"{APP}/register/index.js",),
    ),
    "a distribution's module without its source maps and types; an installed one with them": Case(
        {
            "/app/main.js": "require('far'); require('near')",
            **library("/usr/share/nodejs/far", "index.js index.js.map index.d.ts table.map"),
            **library(f"{APP}/near", "index.js index.js.map index.d.ts"),
        },
        kept=("/usr/share/nodejs/far/index.js", "/usr/share/nodejs/far/table.map",
              f"{APP}/near/index.js.map", f"{APP}/near/index.d.ts"),
        gone=("/usr/share/nodejs/far/index.js.map", "/usr/share/nodejs/far/index.d.ts"),
    ),
    "the compiler at run time with every package of types": Case(
        {
            "/app/main.js": "require('ts-node/register')",
            **library(f"{APP}/ts-node", "register.js", peerDependencies={"typescript": "5"}),
            **library(f"{APP}/typescript"),
            **library(f"{APP}/@types/express", "index.d.ts"),
        },
        kept=(f"{APP}/@types/express/index.d.ts",),
    ),
    "a view engine by its name": Case(
        {"/app/main.js": "app.set('view engine', 'ejs')", **library(f"{APP}/ejs")},
        kept=(f"{APP}/ejs/index.js",),
    ),
    "a symlinked store": Case(
        {
            "/app/main.js": "require('lib')",
            f"{APP}/lib": Link(".pnpm/lib@1/node_modules/lib"),
            **library(f"{APP}/.pnpm/lib@1/node_modules/lib", dependencies={"dep": "1"}),
            **library(f"{APP}/.pnpm/lib@1/node_modules/dep"),
        },
        kept=(f"{APP}/lib", f"{APP}/.pnpm/lib@1/node_modules/lib/index.js",
              f"{APP}/.pnpm/lib@1/node_modules/dep/index.js"),
    ),
    "a workspace's package and its hoisted dependency": Case(
        {
            "/app/api/main.js": "require('@w/shared')",
            "/app/api/package.json": manifest("api", dependencies={"@w/shared": "*"}),
            f"{APP}/@w/shared": Link("../../shared"),
            "/app/shared/package.json": manifest("@w/shared", main="lib.js", dependencies={"dep": "1"}),
            "/app/shared/lib.js": "",
            **library(f"{APP}/dep"),
        },
        roots=("/app/api/main.js",),
        kept=(f"{APP}/@w/shared", "/app/shared/package.json", f"{APP}/dep/index.js"),
    ),
    "Plug'n'Play: archives, a second instance of one, what was unpacked, not what no map names": Case(
        {
            "/app/.pnp.cjs": pnp(
                ".yarn/cache/lib-npm-1.zip/node_modules/lib/",
                ".yarn/__virtual__/p-virtual-1/0/cache/p-npm-2.zip/node_modules/p/",
                ".yarn/__virtual__/g-virtual-2/2/root/.yarn/cache/g.zip/node_modules/g/",
                ".yarn/unplugged/native-npm-3/node_modules/native/",
                "",
            ),
            "/app/.pnp.loader.mjs": "",
            "/app/.yarn/cache/lib-npm-1.zip": b"PK",
            "/app/.yarn/cache/p-npm-2.zip": b"PK",
            "/root/.yarn/cache/g.zip": b"PK",
            "/app/.yarn/unplugged/native-npm-3/node_modules/native/build/native.node": b"\x7fELF",
            "/app/.yarn/cache/old.zip": b"PK",
            "/app/other.txt": "",
        },
        config=ImageConfig(workdir="/app", cmd=("node", "-r", "./.pnp.cjs", "main.js")),
        roots=(),
        kept=("/app/.yarn/cache/lib-npm-1.zip", "/app/.yarn/cache/p-npm-2.zip",
              "/root/.yarn/cache/g.zip",
              "/app/.yarn/unplugged/native-npm-3/node_modules/native/build/native.node",
              "/app/.pnp.loader.mjs"),
        gone=("/app/.yarn/cache/old.zip", "/app/other.txt"),
    ),
    "a template in a require": Case(
        {
            "/app/main.js": "require(`./handlers/${name}.js`)",
            "/app/handlers/a.js": "require('./deep/b')",
            "/app/handlers/deep/b.js": "",
            "/app/other.js": "",
        },
        kept=("/app/handlers/a.js", "/app/handlers/deep/b.js"),
        gone=("/app/other.js",),
    ),
    "a concatenation in a require": Case(
        {"/app/main.js": "require('./h/' + n)", "/app/h/a.js": "", "/app/h/b/index.js": ""},
        kept=("/app/h/a.js", "/app/h/b/index.js"),
    ),
    "workers and forks": Case(
        {
            "/app/main.mjs": (
                "new Worker(new URL('./w.mjs', import.meta.url)); fork(path.join(__dirname, 'f.js'))"
            ),
            "/app/w.mjs": "",
            "/app/f.js": "",
        },
        roots=("/app/main.mjs",),
        kept=("/app/w.mjs", "/app/f.js"),
    ),
    "a folder beside the source": Case(
        {"/app/main.js": "app.set('views', path.join(__dirname, 'views'))", "/app/views/a/b.ejs": ""},
        kept=("/app/views/a/b.ejs",),
    ),
    "subpath imports": Case(
        {
            "/app/main.mjs": "import '#db/sql.js'",
            "/app/package.json": manifest("app", imports={"#db/*": {"node": "./src/db/*"}}),
            "/app/src/db/sql.js": "",
        },
        roots=("/app/main.mjs",),
        kept=("/app/src/db/sql.js",),
    ),
    "npm start": Case(
        {
            "/app/package.json": manifest("app", scripts={"start": "serve -p 80 && node after.js"}),
            f"{APP}/.bin/serve": Link("../serve/bin.js"),
            **library(f"{APP}/serve", "bin.js"),
            "/app/after.js": "require('./dep')",
            "/app/dep.js": "",
        },
        config=ImageConfig(workdir="/app", cmd=("npm", "start")),
        roots=(),
        kept=("/bin/sh", f"{APP}/.bin/serve", f"{APP}/serve/bin.js", "/app/dep.js"),
    ),
    "a framework's output folder without its cache": Case(
        {
            "/app/package.json": manifest("app", dependencies={"next": "14"}),
            "/app/main.js": "",
            "/app/.next/server/pages/[slug].js": "",
            "/app/.next/cache/x": "",
            "/app/public/logo.svg": "",
            **library(f"{APP}/next"),
        },
        kept=("/app/.next/server/pages/[slug].js", "/app/public/logo.svg"),
        gone=("/app/.next/cache/x",),
    ),
    "a framework without the compiler that it builds with": Case(
        {
            "/app/main.js": "require('next')",
            **library(f"{APP}/next", optionalDependencies={"@next/swc-linux-x64-gnu": "14", "sharp": "*"}),
            **library(f"{APP}/@next/swc-linux-x64-gnu", "next-swc.node"),
            **library(f"{APP}/sharp"),
        },
        kept=(f"{APP}/sharp/index.js",),
        gone=(f"{APP}/@next/swc-linux-x64-gnu/next-swc.node",),
    ),
    "the same compiler where the run had it": Case(
        {
            "/app/main.js": "require('next')",
            **library(f"{APP}/next", optionalDependencies={"@next/swc-linux-x64-gnu": "14"}),
            **library(f"{APP}/@next/swc-linux-x64-gnu", "next-swc.node more.js"),
        },
        roots=("/app/main.js", f"{APP}/@next/swc-linux-x64-gnu/next-swc.node"),
        kept=(f"{APP}/@next/swc-linux-x64-gnu/more.js",),
    ),
    "NODE_OPTIONS and -r": Case(
        {"/app/pre.js": "", "/app/m.js": "", **library(f"{APP}/hook")},
        config=ImageConfig(
            workdir="/app", env=(("NODE_OPTIONS", "--require ./pre.js"),), cmd=("node", "-r", "hook", "m")
        ),
        roots=(),
        kept=("/app/pre.js", "/app/m.js", f"{APP}/hook/index.js"),
    ),
    "NODE_PATH": Case(
        {"/app/main.js": "require('far')", "/deps/far/index.js": ""},
        config=ImageConfig(env=(("NODE_PATH", "/deps"),)),
        kept=("/deps/far",),
    ),
    "parts of Node that a distribution keeps outside of it": Case(
        {
            "/app/main.js": "",
            "/usr/bin/node": File(b"\x7fELF\0/usr/share/nodejs/undici/undici-fetch.js\0", 0o755),
            "/usr/share/nodejs/undici/undici-fetch.js": "",
        },
        kept=("/usr/share/nodejs/undici/undici-fetch.js",),
    ),
    "a built-in module is no package": Case(
        {"/app/main.js": "require('fs'); require('node:path')", **library(f"{APP}/fs")},
        gone=(f"{APP}/fs/index.js",),
    ),
    "TypeScript": Case(
        {"/app/main.ts": "import { a } from './a.js'; import type { B } from './b'", "/app/a.ts": ""},
        roots=("/app/main.ts",),
        kept=("/app/a.ts",),
    ),
    "nothing without an interpreter": Case(
        {"/usr/bin/node": Link("gone"), "/app/main.js": "require('./x')", "/app/x.js": ""},
        gone=("/app/x.js",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    kept = closed(case).evidence.keys()
    assert [path for path in case.kept if path not in kept] == []
    assert [path for path in case.gone if path in kept] == []


def test_npm_s_logs_of_a_build_are_not_kept_for_being_listed() -> None:
    logs = "/root/.npm/_logs"
    view = view_of(
        {**BASE, f"{logs}/2024-01-02T03_04_05_678Z-debug-0.log": ""},
        accesses=[Access(logs, "list", "", "/usr/bin/node")],
    )
    found = close(view, [Evidence("/usr/bin/node", "traced", "run", "opened")], [Traced(), Node()])
    assert logs in found.evidence
    assert [path for path in found.evidence if path.startswith(f"{logs}/")] == []


def test_says_what_it_cannot_follow() -> None:
    assert [item.path for item in closed(Case({"/app/main.js": "require(name)"})).unresolved] == [
        "/app/main.js"
    ]


TREE: dict[str, Entry] = {
    "/app/main.js": "require('lib'); require('./sub/' + x)",
    "/app/package.json": manifest("app", dependencies={"lib": "1"}, devDependencies={"dev": "1"}),
    "/app/sub/a.js": "require('dev')",
    **library(f"{APP}/lib", dependencies={"dep": "1"}),
    f"{APP}/lib/index.js": "require('dev'); require('free')",
    **library(f"{APP}/dep"),
    **library(f"{APP}/dev"),
    **library(f"{APP}/free"),
}
ROOTS = ("/usr/bin/node", "/app/main.js", "/app/sub/a.js", f"{APP}/free/index.js", f"{APP}/lib/index.js")


@given(st.sets(st.sampled_from(ROOTS)), st.sets(st.sampled_from(ROOTS)))
@settings(max_examples=30)
def test_more_roots_never_keep_less(some: set[str], more: set[str]) -> None:
    less = closed(Case(TREE), tuple(sorted(some))).evidence.keys()
    assert less <= closed(Case(TREE), tuple(sorted(some | more))).evidence.keys()


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\0", b"((((", b"require(", b"import {", b"[1]", b'"x"', b"{"]
)
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_javascript(data)["loads"] == []
    assert read_typescript(data)["loads"] == []
    assert read_bare_names(data) == []
    assert read_package(data) in (None, read_package(b"{}"))
