"""Words of the keep-list: patterns of versioned names, and modules with their bytecode."""

from __future__ import annotations

import pytest

from rewriters.words import bytecode, matches, versionless
from tests.imagefs import File, image_tree


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("libssl.so.3", None),
        ("libz.so.1.2.13", "libz.so.1*"),
        ("flask-3.1.2.dist-info", "flask-*.dist-info"),
        ("rack-2.2.7", "rack-2.*"),
        ("rack-2.2.7.gemspec", "rack-2.*.gemspec"),
        ("python3.11", None),
        ("odd*name.so.1.2", None),
    ],
)
def test_versioned_names(name: str, pattern: str | None) -> None:
    assert versionless(name) == pattern
    assert pattern is None or matches(pattern, name)


FILES = image_tree(
    {
        "/lib/m.py": File(),
        "/lib/n.py": File(),
        "/lib/m.txt": File(),
        "/lib/__pycache__/m.cpython-311.pyc": File(),
        "/lib/__pycache__/m.cpython-311.opt-1.pyc": File(),
        "/lib/__pycache__/mm.cpython-311.pyc": File(),
        "/lib/__pycache__/m.pyc": File(),
        "/lib/__pycache__/m.cpython-311.py": File(),
        "/m.py": File(),
        "/__pycache__/m.cpython-311.pyc": File(),
    }
)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/lib/m.py", ["m.cpython-311.opt-1.pyc", "m.cpython-311.pyc"]),
        ("/lib/n.py", []),
        ("/lib/m.txt", []),
        ("/m.py", []),  # the shell's `${path%/*}` has no directory there
    ],
)
def test_bytecode_of_a_module(path: str, names: list[str]) -> None:
    assert bytecode(FILES, path) == [f"/lib/__pycache__/{name}" for name in names]
