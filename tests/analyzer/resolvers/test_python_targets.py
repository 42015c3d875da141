"""Directories that an installer filled outside of the interpreter's own: what is in them, and what is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from analyzer.resolvers.python_targets import targets
from tests.imagefs import DirectFacts, Node, image_tree

CASES: dict[str, tuple[Mapping[str, Node], dict[str, set[str]]]] = {
    "modules with their bytecode, data, metadata and commands": (
        {
            "/deps/a/__init__.py": "",
            "/deps/a/__pycache__/__init__.cpython-311.pyc": "",
            "/deps/a/__pycache__/own.cpython-311.pyc": "",
            "/deps/a/own.py": "",
            "/deps/a/table.csv": "",
            "/deps/bin/a-tool": "",
            "/deps/bin/own": "",
            "/deps/a-1.dist-info/RECORD": "a/__init__.py,,\na/table.csv,,\n../bin/x,,\n",
            "/deps/a-1.dist-info/entry_points.txt": "[console_scripts]\na-tool = a:main\n",
            "/deps/a-1.dist-info/REQUESTED": "",
            "/bin/x": "",
        },
        {
            "/deps": {
                "/deps/a/__init__.py",
                "/deps/a/__pycache__/__init__.cpython-311.pyc",
                "/deps/a/table.csv",
                "/deps/bin/a-tool",
                "/deps/a-1.dist-info/RECORD",
                "/deps/a-1.dist-info/entry_points.txt",
                "/deps/a-1.dist-info/REQUESTED",
            }
        },
    ),
    "the metadata of a frozen program": (
        {
            "/opt/tool/a-1.dist-info/RECORD": "a/__init__.py,,\na/fast.so,,\n",
            "/opt/tool/a/fast.so": "",
        },
        {},
    ),
    "a distribution without sources": (
        {"/deps/a-1.dist-info/RECORD": "a.so,,\n", "/deps/a.so": ""},
        {},
    ),
    "one that somebody took files out of": (
        {"/deps/a-1.dist-info/RECORD": "a.py,,\ntests/b.py,,\n", "/deps/a.py": ""},
        {},
    ),
    "a site directory, and what a distribution carries in it": (
        {
            "/v/lib/python3.11/site-packages/a-1.dist-info/RECORD": "a.py,,\n",
            "/v/lib/python3.11/site-packages/a.py": "",
            "/v/lib/python3.11/site-packages/setuptools/_vendor/b-1.dist-info/RECORD": "b.py,,\n",
            "/v/lib/python3.11/site-packages/setuptools/_vendor/b.py": "",
        },
        {},
    ),
    "metadata without a record": ({"/deps/a-1.dist-info/METADATA": "", "/deps/a.py": ""}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_an_installer_put_elsewhere(case: str) -> None:
    tree, expected = CASES[case]
    fs = image_tree(tree)
    assert targets(fs, DirectFacts(fs)) == expected
