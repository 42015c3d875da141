"""Python's import system over made trees. Values are CPython's (`-X importtime`, `-v`, `site`)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import Closure, close
from analyzer.resolvers.python import Python
from analyzer.resolvers.python_source import read_bytecode, read_extension, read_shebang, read_source
from tests.imagefs import File, Link, Node, view_of

STDLIB = "/usr/lib/python3.11"
SITE = "/usr/local/lib/python3.11/dist-packages"
ABI = "cpython-311-x86_64-linux-gnu"

# The least that an interpreter is found by: its program and the landmark of its library.
BASE: dict[str, Node] = {
    "/usr/bin/python3.11": File(b"\x7fELF", 0o755),
    "/usr/bin/python3": Link("python3.11"),
    f"{STDLIB}/os.py": "",
    f"{STDLIB}/site.py": "",
    f"{STDLIB}/encodings/__init__.py": "",
    f"{STDLIB}/encodings/cp037.py": "",
    f"{STDLIB}/json/__init__.py": "from .decoder import JSONDecoder",
    f"{STDLIB}/json/decoder.py": "import re",
    f"{STDLIB}/json/tool.py": "",
    f"{STDLIB}/re.py": "",
    f"{STDLIB}/lib-dynload/_ssl.{ABI}.so": b"\x7fELF",
    f"{STDLIB}/test/__init__.py": "",
    f"{STDLIB}/test/support.py": "",
}


def installed(
    name: str, version: str, *files: str, requires: str = "", points: str = "", site: str = SITE
) -> dict[str, Node]:
    """A distribution's dist-info with a RECORD of the files."""
    info = f"{site}/{name}-{version}.dist-info"
    tree: dict[str, Node] = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\n{requires}\n\ntext",
        f"{info}/RECORD": "".join(f"{file},,\n" for file in files),
    }
    if points:
        tree[f"{info}/entry_points.txt"] = points
    return tree


# A library: one module starts a program and is imported by its `__init__`, another one by nothing.
WITH_STARTER: dict[str, Node] = {
    "lib/__init__.py": "from . import cores",
    "lib/cores.py": "import subprocess\nsubprocess.run('lscpu --parse=core'.split())",
    "lib/tool.py": "import subprocess\nsubprocess.run(['brew', 'install'])",
    **installed("lib", "1", "lib/__init__.py", "lib/cores.py", "lib/tool.py"),
    "/usr/bin/lscpu": File(b"\x7fELF", 0o755),
    "/usr/bin/brew": File(b"\x7fELF", 0o755),
}


PROGRAM_LINES: dict[str, tuple[str, list[str]]] = {
    "a list": ("run(['a', '-x'])", ["a"]),
    "a text that is split": ("run('a -x'.split())", ["a -x"]),
    "a list that a name holds": ("words = ['a']\nwords += ['-x']\nrun(words)", ["a"]),
    "a list with its type": ("words: list[str] = ['a']\nrun(words)", ["a"]),
    "either of two lists": ("words = ['a'] if x else ['b']\nrun(words)", ["a", "b"]),
    "a name that is bound twice": ("if x:\n    w = ['a']\nelse:\n    w = ['b']\nrun(w)", ["a", "b"]),
    "a list that is added to": ("run(['a'] + more)", ["a"]),
    "a list that begins with another one": ("base = ['a']\nrun([*base, '-x'])", ["a"]),
    "a list that is an attribute": ("class C:\n  def f(self):\n    self.w = ['a']\n    run(self.w)", ["a"]),
    "a split text that a name holds": ("words = 'a -x'.split()\nrun(words)", ["a -x"]),
    "a name of a program in a list": ("tool = 'a'\nrun([tool, '-x'])", ["a"]),
    "a function that starts what it is given": ("def go(w):\n    run(w)\ngo(['a', '-x'])", ["a"]),
    "a function of many words": ("def go(*w, check=True):\n    run(w)\ngo('a', '-x')", ["a"]),
    "a method that starts what it is given": (
        "class C:\n  def go(self, w):\n    run([*w])\n  def f(self):\n    self.go(['a'])",
        ["a"],
    ),
    "a function that only has such a name": (
        "def go(w):\n    print(w)\ndef f(w):\n    run(w)\ngo(['a'])",
        [],
    ),
    "a list that is made of itself": ("w = [*w]\nrun(w)", []),
    "another function's command": ("walk(['a'])", []),
}


@pytest.mark.parametrize("name", PROGRAM_LINES)
def test_the_programs_that_a_source_starts(name: str) -> None:
    text, programs = PROGRAM_LINES[name]
    assert read_source(f"from subprocess import run\n{text}\n".encode())["programs"] == programs


FOUND_LIBRARIES = {
    "ctypes.util's": ("from ctypes.util import find_library\nfind_library('m')", ["", "libm.so"]),
    "by its module": ("import ctypes.util\nctypes.util.find_library('m')", ["", "libm.so"]),
    "by another name": ("import ctypes.util as u\nu.find_library('m')", ["", "libm.so"]),
    "by its parent": ("from ctypes import util\nutil.find_library('m')", ["", "libm.so"]),
    "another function of that name": ("def find_library(x): ...\nfind_library('m')", []),
}


@pytest.mark.parametrize("name", FOUND_LIBRARIES)
def test_the_libraries_that_a_source_looks_for(name: str) -> None:
    text, libraries = FOUND_LIBRARIES[name]
    assert read_source(text.encode())["libraries"] == libraries


DECIMAL = "try:\n    from _decimal import *\nexcept ImportError:\n    from _pydecimal import *\n"


def archive(members: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in members.items():
            made.writestr(name, text)
    return b"#!/usr/bin/env python3\n" + buffer.getvalue()


@dataclass(frozen=True)
class Case:
    tree: Mapping[str, Node]
    kept: tuple[str, ...] = ()  # below SITE or absolute
    gone: tuple[str, ...] = ()
    roots: tuple[str, ...] = ("/app/main.py",)
    config: ImageConfig = field(default_factory=ImageConfig)


def absolute(path: str) -> str:
    return path if path.startswith("/") else f"{SITE}/{path}"


def closed(case: Case, roots: tuple[str, ...] | None = None) -> Closure:
    tree = {**BASE, **{absolute(path): node for path, node in case.tree.items()}}
    places = ("/usr/bin/python3", *case.roots) if roots is None else roots
    evidence = [Evidence(path, "traced", "run", "opened") for path in places]
    return close(view_of(tree, config=case.config), evidence, [Python()])


CASES: dict[str, Case] = {
    "a script of mod_wsgi": Case(
        {"/app/app.wsgi": "def f():\n    import json\n"},
        kept=(f"{STDLIB}/json/__init__.py", f"{STDLIB}/json/decoder.py", f"{STDLIB}/re.py"),
        gone=(f"{STDLIB}/json/tool.py",),
        roots=("/app/app.wsgi",),
    ),
    "an import inside a function": Case(
        {"/app/main.py": "def f():\n    import json\n"},
        kept=(f"{STDLIB}/json/__init__.py", f"{STDLIB}/json/decoder.py", f"{STDLIB}/re.py"),
        gone=(f"{STDLIB}/json/tool.py",),
    ),
    "both branches of a try": Case(
        {"/app/main.py": "try:\n    import a\nexcept ImportError:\n    import b\n", "a.py": "", "b.py": ""},
        kept=("a.py", "b.py"),
    ),
    "from a package takes a submodule": Case(
        {"/app/main.py": "from json import tool, loads\n"}, kept=(f"{STDLIB}/json/tool.py",)
    ),
    "relative import two levels up": Case(
        {
            "/app/main.py": "import pkg.sub.leaf",
            "/app/pkg/__init__.py": "",
            "/app/pkg/other.py": "",
            "/app/pkg/sub/__init__.py": "",
            "/app/pkg/sub/leaf.py": "from ..other import x",
        },
        kept=("/app/pkg/other.py", "/app/pkg/sub/__init__.py"),
    ),
    "every encoding, for a codec is looked up by name": Case(
        {"/app/main.py": ""}, kept=(f"{STDLIB}/encodings/cp037.py",)
    ),
    "the test package is not brought in by a word": Case(
        {"/app/main.py": "x = 'test.support'"}, gone=(f"{STDLIB}/test/__init__.py",)
    ),
    "the test package is when it is imported": Case(
        {"/app/main.py": "from test import support"}, kept=(f"{STDLIB}/test/support.py",)
    ),
    "an extension module of this version, none of another": Case(
        {
            "/app/main.py": "import fast, _ssl",
            f"fast.{ABI}.so": b"\x7fELF",
            "fast.cpython-312-x86_64-linux-gnu.so": b"\x7fELF",
        },
        kept=(f"fast.{ABI}.so", f"{STDLIB}/lib-dynload/_ssl.{ABI}.so"),
        gone=("fast.cpython-312-x86_64-linux-gnu.so",),
    ),
    "an extension module imports by a C string": Case(
        {"/app/main.py": "import fast", "fast.abi3.so": b"\x7fELF\0PyImport_ImportModule\0json.tool\0"},
        kept=(f"{STDLIB}/json/tool.py",),
    ),
    "bytecode goes with its source": Case(
        {
            "/app/main.py": "import a",
            "a.py": "",
            "__pycache__/a.cpython-311.pyc": b"",
            "__pycache__/b.cpython-311.pyc": b"",
        },
        kept=("__pycache__/a.cpython-311.pyc",),
        gone=("__pycache__/b.cpython-311.pyc",),
    ),
    "the standard library's fallback for a module in C that is there": Case(
        {
            "/app/main.py": "import decimal",
            f"{STDLIB}/decimal.py": DECIMAL,
            f"{STDLIB}/_pydecimal.py": "",
            f"{STDLIB}/lib-dynload/_decimal.{ABI}.so": b"\x7fELF",
        },
        kept=(f"{STDLIB}/lib-dynload/_decimal.{ABI}.so",),
        gone=(f"{STDLIB}/_pydecimal.py",),
    ),
    "its fallback where no file is that module": Case(
        {"/app/main.py": "import decimal", f"{STDLIB}/decimal.py": DECIMAL, f"{STDLIB}/_pydecimal.py": ""},
        kept=(f"{STDLIB}/_pydecimal.py",),
    ),
    "its fallback when a program imports it": Case(
        {
            "/app/main.py": "import _pydecimal",
            f"{STDLIB}/_pydecimal.py": "",
            f"{STDLIB}/lib-dynload/_decimal.{ABI}.so": b"\x7fELF",
        },
        kept=(f"{STDLIB}/_pydecimal.py",),
    ),
    "the standard library's tests of its own examples": Case(
        {
            "/app/main.py": "import difflib",
            f"{STDLIB}/difflib.py": "def _test():\n    import doctest, difflib\n",
            f"{STDLIB}/doctest.py": "",
        },
        kept=(f"{STDLIB}/difflib.py",),
        gone=(f"{STDLIB}/doctest.py",),
    ),
    "a sourceless module": Case(
        {"/app/main.py": "import a", "a.pyc": b"\xda\x04json", "json.pyc": b""},
        kept=("a.pyc", f"{STDLIB}/json/__init__.py"),
    ),
    "a namespace package over two directories": Case(
        {
            "/app/main.py": "import ns.one, ns.two",
            "ns/one.py": "",
            "/usr/lib/python3/dist-packages/ns/two.py": "",
        },
        kept=("ns/one.py", "/usr/lib/python3/dist-packages/ns/two.py"),
    ),
    "import_module with a constant": Case(
        {"/app/main.py": "import importlib as il\nil.import_module('json.tool')\n"},
        kept=(f"{STDLIB}/json/tool.py",),
    ),
    "import_module with a constant part": Case(
        {
            "/app/main.py": "from importlib import import_module\nimport_module(f'plug.{n}_backend')\n",
            "plug/__init__.py": "",
            "plug/sql_backend.py": "import json",
        },
        kept=("plug/sql_backend.py", f"{STDLIB}/json/__init__.py"),
    ),
    "import_module relative to a named package": Case(
        {
            "/app/main.py": "import importlib\nimportlib.import_module('.x', package='pkg')",
            "/app/pkg/__init__.py": "",
            "/app/pkg/x.py": "import json",
        },
        kept=("/app/pkg/x.py", f"{STDLIB}/json/__init__.py"),
    ),
    "__import__ with a format": Case(
        {"/app/main.py": "__import__('json.%s' % name)"}, kept=(f"{STDLIB}/json/tool.py",)
    ),
    "a distribution whole, its test suite left out": Case(
        {
            "/app/main.py": "import dist",
            "dist/__init__.py": "",
            "dist/data/bundle.pem": "",
            "dist/lazy.py": "",
            "dist/tests/test_it.py": "",
            "/usr/local/bin/dist": "",
            **installed(
                "dist", "1.0", "dist/__init__.py", "dist/lazy.py", "dist/data/bundle.pem",
                "dist/tests/test_it.py", "../../../bin/dist", "dist-1.0.dist-info/METADATA",
            ),
        },
        kept=("dist/lazy.py", "dist/data/bundle.pem", "dist-1.0.dist-info/METADATA"),
        gone=("dist/tests/test_it.py", "/usr/local/bin/dist"),
    ),
    "no sources of what is there compiled": Case(
        {
            "/app/main.py": "import dist",
            "dist/__init__.py": "",
            f"dist/fast.{ABI}.so": b"\x7fELF",
            "dist/fast.c": "",
            "dist/fast.pyx": "",
            "dist/kernel.c": "",
            "dist/locale/de/django.mo": b"",
            "dist/locale/de/django.po": "",
            **installed(
                "dist", "1.0", "dist/__init__.py", f"dist/fast.{ABI}.so", "dist/fast.c", "dist/fast.pyx",
                "dist/kernel.c", "dist/locale/de/django.mo", "dist/locale/de/django.po",
            ),
        },
        kept=("dist/kernel.c", "dist/locale/de/django.mo"),
        gone=("dist/fast.c", "dist/fast.pyx", "dist/locale/de/django.po"),
    ),
    "an interpreter by its other names": Case(
        {"/app/main.py": "", "/usr/bin/python": Link("python3"), "/usr/bin/python3.12": File(b"x", 0o755)},
        kept=("/usr/bin/python",),
        gone=("/usr/bin/python3.12",),
    ),
    "a distribution that the reached one requires": Case(
        {
            "/app/main.py": "import dist",
            "dist.py": "",
            "zones/Europe": "",
            "extra.py": "",
            **installed(
                "dist", "1.0", "dist.py",
                requires="Requires-Dist: Zone.Data (>=1)\nRequires-Dist: extra; extra == 'x'",
            ),
            **installed("zone_data", "1", "zones/Europe"),
            **installed("extra", "1", "extra.py"),
        },
        kept=("zones/Europe",),
        gone=("extra.py",),
    ),
    "a passive module of a distribution does not reach another": Case(
        {
            "/app/main.py": "import dist",
            "dist/__init__.py": "",
            "dist/build.py": "import other",
            "other.py": "",
            **installed("dist", "1.0", "dist/__init__.py", "dist/build.py"),
            **installed("other", "1.0", "other.py"),
        },
        kept=("dist/build.py",),
        gone=("other.py",),
    ),
    "it does when the distribution imports by computed names": Case(
        {
            "/app/main.py": "import dist",
            "dist/__init__.py": "from importlib import import_module\nimport_module(name)",
            "dist/build.py": "import other",
            "other.py": "",
            **installed("dist", "1.0", "dist/__init__.py", "dist/build.py"),
            **installed("other", "1.0", "other.py"),
        },
        kept=("other.py",),
    ),
    "entry points by group": Case(
        {
            "/app/main.py": "from importlib.metadata import entry_points\nentry_points(group='app.plugins')",
            "plug.py": "import json",
            "tool.py": "",
            **installed("plug", "1.0", "plug.py", points="[app.plugins]\none = plug:main\n"),
            **installed("tool", "1.0", "tool.py", points="[console_scripts]\ntool = tool:main\n"),
        },
        kept=("plug.py", f"{STDLIB}/json/__init__.py", "plug-1.0.dist-info/entry_points.txt"),
        gone=("tool.py",),
    ),
    "metadata asked for by name": Case(
        {
            "/app/main.py": "from importlib.metadata import version\nversion('Some_Name')",
            **installed("some.name", "1.0", "some.py", "some.name-1.0.dist-info/METADATA"),
        },
        kept=("some.name-1.0.dist-info/METADATA",),
    ),
    "a directory of another name that pip filled, on PYTHONPATH": Case(
        {
            "/app/main.py": "import dist",
            "/opt/deps/dist/__init__.py": "from . import fast",
            "/opt/deps/dist/lazy.py": "",
            "/opt/deps/dist/data.csv": "",
            f"/opt/deps/dist/fast.{ABI}.so": b"\x7fELF\0PyImport_ImportModule\0json.tool\0",
            "/opt/deps/dist/tests/test_it.py": "",
            "/opt/deps/need/data.csv": "",
            "/opt/deps/need.py": "",
            "/opt/deps/plug.py": "",
            "/opt/deps/idle.py": "",
            **installed(
                "dist", "1.0", "dist/__init__.py", "dist/lazy.py", "dist/data.csv", f"dist/fast.{ABI}.so",
                "dist/tests/test_it.py", requires="Requires-Dist: need", site="/opt/deps",
            ),
            **installed("need", "1", "need.py", "need/data.csv", site="/opt/deps"),
            **installed("idle", "1", "idle.py", site="/opt/deps"),
        },
        kept=(
            "/opt/deps/dist/lazy.py", "/opt/deps/dist/data.csv", "/opt/deps/need/data.csv",
            f"{STDLIB}/json/tool.py",
        ),
        gone=("/opt/deps/dist/tests/test_it.py", "/opt/deps/idle.py"),
        config=ImageConfig(env=(("PYTHONPATH", "/opt/deps"),)),
    ),
    "what an interpreter's own package imports of PYTHONPATH": Case(
        {
            "/app/main.py": "import server",
            "server.py": "import worker",
            "/opt/deps/worker/__init__.py": "",
            "/opt/deps/worker/data.csv": "",
            **installed("server", "1", "server.py"),
            **installed("worker", "1", "worker/__init__.py", "worker/data.csv", site="/opt/deps"),
        },
        kept=("/opt/deps/worker/__init__.py", "/opt/deps/worker/data.csv"),
        config=ImageConfig(env=(("PYTHONPATH", "/opt/deps"),)),
    ),
    "a directory that pip filled, and nobody knows how the program finds it": Case(
        {
            "/app/main.py": "add_to_path('deps')\nimport dist",
            "dist.py": "",
            "/srv/deps/dist.py": "import json",
            "/srv/deps/data.csv": "",
            **installed("dist", "1", "dist.py", "data.csv", site="/srv/deps"),
        },
        kept=("dist.py", "/srv/deps/dist.py", "/srv/deps/data.csv", f"{STDLIB}/json/__init__.py"),
    ),
    "entry points and metadata of what stands there": Case(
        {
            "/app/main.py": "from importlib.metadata import entry_points, version\n"
            "entry_points(group='app.plugins')\nversion('some')",
            "/srv/deps/plug.py": "",
            "/srv/deps/some.py": "",
            **installed(
                "plug", "1", "plug.py", points="[app.plugins]\none = plug:main\n", site="/srv/deps"
            ),
            **installed("some", "1", "some.py", site="/srv/deps"),
        },
        kept=("/srv/deps/plug.py", "/srv/deps/some-1.dist-info/METADATA"),
        gone=("/srv/deps/some.py",),
    ),
    "an app's own modules among what pip put beside them": Case(
        {
            "/fn/handler.py": "x = ['helper']\nimport dist",
            "/fn/other.py": "",
            "/fn/dist.py": "",
            "/fn/settings.yaml": "backend: json.tool.main\n",
            "helper/__init__.py": "",
            **installed("dist", "1", "dist.py", site="/fn"),
        },
        kept=("/fn/dist.py", "helper/__init__.py", f"{STDLIB}/json/tool.py"),
        gone=("/fn/other.py",),
        roots=("/fn/handler.py", "/fn/settings.yaml"),
    ),
    "an egg's top level": Case(
        {
            "/app/main.py": "import old",
            "old/__init__.py": "",
            "old/data.txt": "",
            "Old-1.0.egg-info/top_level.txt": "old\n",
            "Old-1.0.egg-info/PKG-INFO": "Name: Old\n",
        },
        kept=("old/data.txt", "Old-1.0.egg-info/PKG-INFO"),
    ),
    "an egg's data behind a link to a folder elsewhere": Case(
        {
            "/app/main.py": "import old",
            "old/__init__.py": "",
            "old/data": Link("/usr/share/old-data/locales"),
            "/usr/share/old-data/locales/de.dat": "",
            "old/self": Link(".."),
            "other.py": "",
            "Old-1.0.egg-info/top_level.txt": "old\n",
        },
        kept=("old/data", "/usr/share/old-data/locales/de.dat"),
        gone=("other.py",),
    ),
    "a .pth file adds a directory and imports a module": Case(
        {
            "/app/main.py": "import far",
            "far.pth": "/opt/far\nimport hook; hook.install()\n",
            "hook.py": "import json",
            "/opt/far/far.py": "",
        },
        kept=("far.pth", "hook.py", "/opt/far/far.py", f"{STDLIB}/json/__init__.py"),
    ),
    "a module that pip no longer has brings no pip": Case(
        {
            "/app/main.py": "try:\n    import pip.commands.freeze\nexcept ImportError:\n    pass\n",
            "pip/__init__.py": "",
            "pip/_internal/__init__.py": "",
            **installed("pip", "23.0", "pip/__init__.py", "pip/_internal/__init__.py"),
        },
        gone=("pip/__init__.py", "pip/_internal/__init__.py"),
    ),
    "pip that a program asks for is there": Case(
        {
            "/app/main.py": "import pip._internal.cli.main\nimport pip._vendor.extern.six",
            "pip/__init__.py": "",
            "pip/_internal/__init__.py": "",
            **installed("pip", "23.0", "pip/__init__.py", "pip/_internal/__init__.py"),
        },
        kept=("pip/__init__.py", "pip/_internal/__init__.py"),
    ),
    "setuptools stays away when only its start-up hook runs": Case(
        {
            "/app/main.py": "",
            "distutils-precedence.pth": "import os; enabled and __import__('_distutils_hack')",
            "_distutils_hack/__init__.py": "def f():\n    import_module('setuptools._distutils')",
            "setuptools/__init__.py": "",
            "setuptools/_distutils/__init__.py": "",
            **installed(
                "setuptools", "65.0", "_distutils_hack/__init__.py", "setuptools/__init__.py",
                "setuptools/_distutils/__init__.py",
            ),
        },
        kept=("_distutils_hack/__init__.py",),
        gone=("setuptools/__init__.py",),
    ),
    "nor for a build part of a library that nothing reaches, though the library requires it": Case(
        {
            "/app/main.py": "import dist",
            "dist/__init__.py": "",
            "dist/build.py": "import setuptools",
            "setuptools/__init__.py": "",
            **installed(
                "dist", "1.0", "dist/__init__.py", "dist/build.py", requires="Requires-Dist: setuptools"
            ),
            **installed("setuptools", "65.0", "setuptools/__init__.py"),
        },
        kept=("dist/build.py",),
        gone=("setuptools/__init__.py",),
    ),
    "setuptools comes with distutils, which it replaces": Case(
        {
            "/app/main.py": "import distutils.version",
            "setuptools/__init__.py": "",
            "setuptools/_distutils/__init__.py": "",
            **installed("setuptools", "65.0", "setuptools/__init__.py", "setuptools/_distutils/__init__.py"),
        },
        kept=("setuptools/__init__.py", "setuptools/_distutils/__init__.py"),
    ),
    "an editable install's finder": Case(
        {
            "/app/main.py": "import mine",
            "__editable__.mine-1.pth": "import __editable___mine_finder; __editable___mine_finder.install()",
            "__editable___mine_finder.py": "MAPPING = {'mine': '/src/mine'}",
            "/src/mine/__init__.py": "import json",
        },
        kept=("/src/mine/__init__.py", f"{STDLIB}/json/__init__.py", "__editable___mine_finder.py"),
    ),
    "a virtual environment and its base": Case(
        {
            "/venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.2\ninclude-system-site-packages = false\n"
            "command = /usr/bin/python3 -m venv /venv\n",
            f"{STDLIB}/venv/__init__.py": "",
            "/venv/bin/python": Link("/usr/bin/python3"),
            "/venv/lib/python3.11/site-packages/a.py": "import json",
            "a.py": "",
            "/app/main.py": "import a",
        },
        roots=("/app/main.py", "/venv/bin/python"),
        kept=("/venv/pyvenv.cfg", "/venv/lib/python3.11/site-packages/a.py", f"{STDLIB}/json/__init__.py"),
        gone=("a.py", f"{STDLIB}/venv/__init__.py"),
    ),
    "the base's own packages when a script names it": Case(
        {
            "/venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.2\n",
            "/venv/bin/python": Link("/usr/bin/python3"),
            "/app/main.py": "#!/usr/bin/python3\nimport a",
            "a.py": "",
        },
        roots=("/app/main.py", "/venv/bin/python"),
        kept=("a.py",),
    ),
    "module:attribute of a command": Case(
        {"/srv/shop/wsgi.py": "import json", "/srv/shop/__init__.py": ""},
        config=ImageConfig(workdir="/srv", cmd=("gunicorn", "-b", ":80", "shop.wsgi:app")),
        roots=(),
        kept=("/srv/shop/wsgi.py", f"{STDLIB}/json/__init__.py"),
    ),
    "-m in a shell-form command": Case(
        {"/srv/tool/__main__.py": "import json", "/srv/tool/__init__.py": ""},
        config=ImageConfig(workdir="/srv", cmd=("/bin/sh", "-c", "exec python3 -m tool --fast")),
        roots=(),
        kept=("/srv/tool/__main__.py", f"{STDLIB}/json/__init__.py"),
    ),
    "-m in a kept shell script": Case(
        {"/srv/run.sh": "#!/bin/sh\nexec python3 -m json.tool\n"},
        roots=("/srv/run.sh",),
        kept=(f"{STDLIB}/json/tool.py",),
    ),
    "PYTHONPATH": Case(
        {"/deps/x.py": "", "/app/main.py": "import x"},
        config=ImageConfig(env=(("PYTHONPATH", "/deps"),)),
        kept=("/deps/x.py",),
    ),
    "a path that the source adds beside itself": Case(
        {
            "/app/bin/main.py": (
                "import os, sys\nhere = os.path.dirname(__file__)\n"
                "sys.path.insert(0, os.path.join(here, '..', 'lib'))\nimport x"
            ),
            "/app/lib/x.py": "",
        },
        roots=("/app/bin/main.py",),
        kept=("/app/lib/x.py",),
    ),
    "a path that the source adds with pathlib": Case(
        {
            "/app/bin/main.py": (
                "import sys\nfrom pathlib import Path\n"
                "sys.path.append(str(Path(__file__).resolve().parent.parent / 'lib'))\nimport x"
            ),
            "/app/lib/x.py": "",
        },
        roots=("/app/bin/main.py",),
        kept=("/app/lib/x.py",),
    ),
    "settings by dotted name and by word": Case(
        {
            "/app/main.py": "INSTALLED_APPS = ['cors', 'big.contrib.auth']\nX = 'log.json.Formatter'",
            "cors/__init__.py": "",
            "cors/apps.py": "",
            "big/__init__.py": "",
            "big/contrib/__init__.py": "",
            "big/contrib/auth/__init__.py": "",
            "log/__init__.py": "",
            "log/json.py": "",
        },
        kept=("cors/__init__.py", "cors/apps.py", "big/contrib/auth/__init__.py", "log/json.py"),
    ),
    "a class that a logging configuration names": Case(
        {"/app/logging.yaml": "class: log.json.Formatter\n", "log/__init__.py": "", "log/json.py": ""},
        roots=("/app/logging.yaml",),
        kept=("log/json.py",),
    ),
    "an application in a zip": Case(
        {
            "/app/tool.pyz": archive({"__main__.py": "from pkg import a", "pkg/a.py": "import far, json"}),
            "far.py": "",
        },
        roots=("/app/tool.pyz",),
        kept=("far.py", f"{STDLIB}/json/__init__.py"),
    ),
    "a console script": Case(
        {
            "/usr/local/bin/serve": File("#!/usr/bin/python3\nfrom srv.cli import main\n", 0o755),
            "srv/__init__.py": "",
            "srv/cli.py": "",
        },
        roots=("/usr/local/bin/serve",),
        kept=("srv/cli.py",),
    ),
    "a library opened by name": Case(
        {"/app/main.py": "import ctypes\nctypes.CDLL('libm.so.6')", "/usr/lib/libm.so.6": b"\x7fELF"},
        kept=("/usr/lib/libm.so.6",),
    ),
    "a program that the source starts": Case(
        {
            "/app/main.py": "import subprocess\nsubprocess.run(['convert', 'a', 'b'])",
            "/usr/bin/convert": File(b"\x7fELF", 0o755),
        },
        config=ImageConfig(env=(("PATH", "/usr/bin"),)),
        kept=("/usr/bin/convert",),
    ),
    "every program of a shell's line": Case(
        {
            "/app/main.py": "import subprocess\nsubprocess.run('cat x | sort', shell=True)",
            "/usr/bin/cat": File(b"\x7fELF", 0o755),
            "/usr/bin/sort": File(b"\x7fELF", 0o755),
        },
        config=ImageConfig(env=(("PATH", "/usr/bin"),)),
        kept=("/usr/bin/cat", "/usr/bin/sort"),
    ),
    "a program that a module of a library starts, when an import leads there": Case(
        {"/app/main.py": "import lib", **WITH_STARTER},
        config=ImageConfig(env=(("PATH", "/usr/bin"),)),
        kept=("lib/cores.py", "/usr/bin/lscpu", "lib/tool.py"),
        gone=("/usr/bin/brew",),
    ),
    "a program that a module of a library starts, when the run loaded it": Case(
        {"/app/main.py": "import lib", **WITH_STARTER},
        config=ImageConfig(env=(("PATH", "/usr/bin"),)),
        roots=("/app/main.py", f"{SITE}/lib/tool.py"),
        kept=("/usr/bin/lscpu", "/usr/bin/brew"),
    ),
    "a group that a module of a library asks for": Case(
        {
            "/app/main.py": "import host",
            "host/__init__.py": "from . import load",
            "host/load.py": "import importlib.metadata as m\nm.entry_points(group='host.more')",
            "more.py": "",
            **installed("host", "1", "host/__init__.py", "host/load.py"),
            **installed("more", "1", "more.py", points="[host.more]\nx = more\n"),
        },
        kept=("more.py",),
    ),
    "syntax newer than the running interpreter's": Case(
        {"/app/main.py": "type X = int\ndef f[T](a: T): return f'{', '.join(['a'])}'\nimport json\n"},
        kept=(f"{STDLIB}/json/__init__.py",),
    ),
    "a source of Python 2": Case(
        {"/app/main.py": "print 'x'\nimport json, re\n"}, kept=(f"{STDLIB}/json/__init__.py",)
    ),
    "the build's variables, which sysconfig imports by a computed name": Case(
        {
            "/app/main.py": "import sysconfig",
            f"{STDLIB}/sysconfig.py": "__import__(name)",
            f"{STDLIB}/_sysconfigdata__x86_64-linux-gnu.py": "",
        },
        kept=(f"{STDLIB}/_sysconfigdata__x86_64-linux-gnu.py",),
    ),
    "a group of entry points that an editable install asks for": Case(
        {
            "__editable__.tool-1.0.pth": "/src/tool\n",
            "/src/tool/tool.py": "import importlib.metadata as m\nm.entry_points(group='tool.more')",
            "/app/main.py": "import tool",
            "more.py": "",
            **installed("more", "1.0", "more.py", points="[tool.more]\nx = more\n"),
        },
        kept=("more.py", "more-1.0.dist-info/METADATA"),
    ),
    "a command line that is split as it is started": Case(
        {
            "/app/main.py": "import os, shlex\nos.execvp('cores -p'.split())\nos.execvp(shlex.split('a b'))",
            "/usr/bin/cores": File(b"\x7fELF", 0o755),
            "/usr/bin/a": File(b"\x7fELF", 0o755),
        },
        kept=("/usr/bin/cores", "/usr/bin/a"),
    ),
    "zones that the system lacks": Case(
        {
            "/app/main.py": "from zoneinfo import ZoneInfo",
            f"{STDLIB}/zoneinfo/__init__.py": "",
            "tzdata/__init__.py": "",
            "tzdata/zoneinfo/UTC": b"TZif",
        },
        kept=("tzdata/zoneinfo/UTC",),
    ),
    "a standard package's data": Case(
        {
            "/app/main.py": "import lib2to3.pygram",
            f"{STDLIB}/lib2to3/__init__.py": "",
            f"{STDLIB}/lib2to3/pygram.py": "",
            f"{STDLIB}/lib2to3/Grammar.txt": "",
        },
        kept=(f"{STDLIB}/lib2to3/Grammar.txt",),
    ),
    "help() is for people": Case(
        {
            "/app/main.py": "",
            f"{STDLIB}/_sitebuiltins.py": "def f():\n    import pydoc",
            f"{STDLIB}/pydoc.py": "",
        },
        kept=(f"{STDLIB}/_sitebuiltins.py",),
        gone=(f"{STDLIB}/pydoc.py",),
    ),
    "the main part of a standard module that -m runs": Case(
        {f"{STDLIB}/serve.py": "if __name__ == '__main__':\n    import json\n"},
        config=ImageConfig(cmd=("python3", "-m", "serve")),
        roots=(),
        kept=(f"{STDLIB}/json/__init__.py",),
    ),
    "and not when it is only imported": Case(
        {
            "/app/main.py": "import serve",
            f"{STDLIB}/serve.py": "if __name__ == '__main__':\n    import json\n",
        },
        kept=(f"{STDLIB}/serve.py",),
        gone=(f"{STDLIB}/json/__init__.py",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    kept = closed(case).evidence.keys()
    assert [path for path in case.kept if absolute(path) not in kept] == []
    assert [path for path in case.gone if absolute(path) in kept] == []


# Where interpreters of other makers have their modules: program, then a module that it has to find.
LAYOUTS: dict[str, tuple[str, str]] = {
    "official images": ("/usr/local/bin/python3.12", "/usr/local/lib/python3.12/site-packages/a.py"),
    "a library embedded in a server": (
        "/usr/local/lib/libpython3.12.so.1.0",
        "/usr/local/lib/python3.12/site-packages/a.py",
    ),
    "Fedora's platform directory": ("/usr/bin/python3.12", "/usr/lib/python3.12/site-packages/a.py"),
    "conda": ("/opt/conda/envs/app/bin/python3.12", "/opt/conda/envs/app/lib/python3.12/site-packages/a.py"),
    "free-threaded": ("/usr/local/bin/python3.13t", "/usr/local/lib/python3.13t/site-packages/a.py"),
    "PyPy": ("/opt/pypy/bin/pypy3.10", "/opt/pypy/lib/pypy3.10/site-packages/a.py"),
    "a name without a version": ("/opt/py/bin/python3", "/opt/py/lib/python3.12/site-packages/a.py"),
    "the user's own packages": (
        "/usr/local/bin/python3.12",
        "/root/.local/lib/python3.12/site-packages/a.py",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_finds_site_directories(name: str) -> None:
    program, module = LAYOUTS[name]
    library = module.removesuffix("/site-packages/a.py").rpartition("/")[2]
    home = program.partition("/bin/")[0].partition("/lib/")[0]
    folder = "lib64" if name.startswith("Fedora") else "lib"
    tree: dict[str, Node] = {
        program: File(b"\x7fELF", 0o755),
        f"{home}/{folder}/{library}/os.py": "",
        module: "",
        "/app/main.py": "import a",
    }
    roots = [Evidence(path, "traced", "run", "opened") for path in (program, "/app/main.py")]
    assert module in close(view_of(tree), roots, [Python()]).evidence


def test_answers_for_the_directories_that_its_finder_lists() -> None:
    answers = {item.directory for item in closed(CASES["an import inside a function"]).answers}
    assert {STDLIB, f"{STDLIB}/json", f"{STDLIB}/lib-dynload"} <= answers
    assert "/app" not in answers


def test_says_what_it_cannot_follow() -> None:
    case = Case({"/app/main.py": "import importlib\nimportlib.import_module(name)"})
    assert [item.path for item in closed(case).unresolved] == ["/app/main.py"]


TREE = {
    "/app/main.py": "import dist, json\nfrom importlib import import_module\nimport_module('plug.' + x)",
    "/app/other.py": "import re, tool",
    "dist/__init__.py": "from . import a",
    "dist/a.py": "",
    "dist/b.py": "import tool",
    "tool.py": "",
    "plug/__init__.py": "",
    "plug/x.py": "__import__(name)",
    "/venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.2\n",
    "/venv/bin/python": Link("/usr/bin/python3"),
    "/venv/lib/python3.11/site-packages/tool.py": "",
    **installed("dist", "1.0", "dist/__init__.py", "dist/a.py", "dist/b.py"),
    **installed("tool", "1.0", "tool.py"),
}
ROOTS = ("/usr/bin/python3", "/venv/bin/python", "/app/main.py", "/app/other.py", f"{SITE}/plug/x.py")


@given(st.sets(st.sampled_from(ROOTS)), st.sets(st.sampled_from(ROOTS)))
@settings(max_examples=40)
def test_more_roots_never_keep_less(some: set[str], more: set[str]) -> None:
    case = Case(TREE)
    less = closed(case, tuple(sorted(some))).evidence.keys()
    assert less <= closed(case, tuple(sorted(some | more))).evidence.keys()


def test_the_order_of_arrival_makes_no_difference() -> None:
    tree = {**BASE, **{absolute(path): node for path, node in TREE.items()}}
    results = []
    for order in permutations(ROOTS[:4]):
        resolver, view = Python(), view_of(tree)
        kept: dict[str, list[Evidence]] = {}
        pending = list(order)
        while pending:
            path = pending.pop(0)
            if path in kept:
                continue
            kept[path] = []
            if path in ROOTS:
                kept[path].append(Evidence(path, "traced", "run", "opened"))
            for item in resolver.resolve(view, [path], kept):
                if isinstance(item, Evidence) and view.fs.get(item.path) is not None:
                    pending.append(item.path)
                    pending.extend(view.fs.resolve(item.path).via)
        results.append(frozenset(kept))
    assert len(set(results)) == 1


@pytest.mark.parametrize("data", [b"\xff\xfe\0", b"(" * 5000, b"\0", b"def", b"# coding: klingon\n", b""])
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_source(data)["opaque"] is False
    assert read_bytecode(data)["named"] == []
    assert read_extension(data) == []
    assert read_shebang(data) is None


@pytest.mark.parametrize(
    ("line", "interpreter"),
    [
        ("#!/usr/bin/env python3\n", "python3"),
        ("#!/usr/bin/env -S python3 -u\n", "python3"),
        ("#! /opt/venv/bin/python\n", "/opt/venv/bin/python"),
        (
            "#!/bin/sh\n'''exec' \"/opt/my venv/bin/python3\" \"$0\" \"$@\"\n' '''\n",
            "/opt/my venv/bin/python3",
        ),
        ("#!/bin/sh\necho python\n", None),
    ],
)
def test_shebang(line: str, interpreter: str | None) -> None:
    assert read_shebang(line.encode()) == interpreter
