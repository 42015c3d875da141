"""Languages that no resolver reads."""

from __future__ import annotations

import pytest

from analyzer.evidence import Evidence
from analyzer.resolvers.closure import close
from analyzer.resolvers.elf import Elf
from analyzer.resolvers.languages import Languages
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import File, Link, Node, view_of

T = "/usr/lib/x86_64-linux-gnu"
PROGRAM = File(elf(), mode=0o755)

CASES: dict[str, tuple[str, dict[str, Node], set[str], set[str]]] = {
    "Lua: modules in its language and in C": (
        "/usr/bin/lua5.4",
        {
            "/usr/bin/lua5.4": PROGRAM,
            "/usr/share/lua/5.4/socket/http.lua": "x",
            f"{T}/lua/5.4/cjson.so": Link(f"{T}/liblua5.4-cjson.so.0"),
            f"{T}/liblua5.4-cjson.so.0": elf(),
        },
        {"/usr/share/lua/5.4/socket/http.lua", f"{T}/liblua5.4-cjson.so.0"},
        set(),
    ),
    "what embeds Lua": (
        "/usr/sbin/proxy",
        {
            "/usr/sbin/proxy": File(elf(needed=["liblua5.3.so.0"]), mode=0o755),
            f"{T}/liblua5.3.so.0": elf(soname="liblua5.3.so.0"),
            "/usr/share/lua/5.3/json.lua": "x",
        },
        {"/usr/share/lua/5.3/json.lua"},
        set(),
    ),
    "R: packages of the distribution and of the site": (
        "/usr/lib/R/bin/exec/R",
        {
            "/usr/lib/R/bin/exec/R": PROGRAM,
            "/usr/lib/R/library/splines/R/splines.rdb": "x",
            "/usr/local/lib/R/site-library/jsonlite/R/jsonlite.rdb": "x",
        },
        {
            "/usr/lib/R/library/splines/R/splines.rdb",
            "/usr/local/lib/R/site-library/jsonlite/R/jsonlite.rdb",
        },
        set(),
    ),
    "Guile's modules, and nothing of another language": (
        "/usr/bin/guile",
        {
            "/usr/bin/guile": PROGRAM,
            "/usr/share/guile/3.0/srfi/srfi-1.scm": "x",
            f"{T}/guile/3.0/ccache/srfi/srfi-1.go": "x",
            "/usr/share/lua/5.4/a.lua": "x",
        },
        {"/usr/share/guile/3.0/srfi/srfi-1.scm", f"{T}/guile/3.0/ccache/srfi/srfi-1.go"},
        {"/usr/share/lua/5.4/a.lua"},
    ),
    "a folder of the name is no interpreter": (
        "/opt/lua/a",
        {"/opt/lua/a": "x", "/usr/share/lua/5.4/a.lua": "x"},
        set(),
        {"/usr/share/lua/5.4/a.lua"},
    ),
}


@pytest.mark.parametrize("root, tree, kept, gone", CASES.values(), ids=CASES)
def test_keeps_the_search_path(root: str, tree: dict[str, Node], kept: set[str], gone: set[str]) -> None:
    view = view_of(tree)
    found = close(view, [Evidence(root, "traced", "probe 1", "ran")], [Elf(), Languages()]).evidence
    assert kept <= set(found)
    assert gone.isdisjoint(found)


def test_says_so_once_for_a_language_that_has_modules() -> None:
    tree: dict[str, Node] = {
        "/usr/bin/lua5.4": PROGRAM,
        "/usr/bin/lua5.3": PROGRAM,
        "/usr/bin/jq": PROGRAM,
        "/usr/share/lua/5.4/a.lua": "x",
    }
    roots = [Evidence(path, "traced", "probe 1", "ran") for path in tree if path.startswith("/usr/bin/")]
    unresolved = close(view_of(tree), roots, [Languages()]).unresolved
    assert [one.reason for one in unresolved] == ["no resolver reads Lua: its modules are kept whole"]
