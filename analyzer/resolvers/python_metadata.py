"""What installed distributions say of themselves: *.dist-info and *.egg-info, .pth files, pyvenv.cfg.

Sources: the packaging specifications (recording installed projects, entry points, core metadata), `site`'s
documentation for .pth files and PEP 405 for virtual environments.
"""

from __future__ import annotations

import configparser
import csv
import re
from typing import Any

from analyzer.resolvers.interface import Extractor


def normalised(name: str) -> str:
    """A project name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_record(data: bytes) -> list[str]:
    """Paths of a RECORD, relative to its site directory."""
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    return [row[0] for row in csv.reader(lines) if row and row[0]]


def read_lines(data: bytes) -> list[str]:
    """Lines of top_level.txt, installed-files.txt or namespace_packages.txt, blanks left out."""
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_requirements(data: bytes) -> list[list[str]]:
    """[name, marker] of each Requires-Dist of METADATA or PKG-INFO, or of each line of requires.txt."""
    text = data.decode("utf-8", "replace").partition("\n\n")[0] if b"\nName:" in data else ""
    rows: list[list[str]] = []
    for line in text.splitlines():
        match = re.match(r"Requires(?:-Dist)?:\s*([A-Za-z0-9][\w.-]*)[^;]*;?(.*)", line)
        if match:
            rows.append([normalised(match[1]), match[2].strip()])
    return rows


def read_egg_requirements(data: bytes) -> list[list[str]]:
    """The same of an egg's requires.txt: its sections are extras or markers (setuptools' format)."""
    rows: list[list[str]] = []
    marker = ""
    for line in read_lines(data):
        if line.startswith("["):
            extra, _, condition = line.strip("[]").partition(":")
            marker = f"extra == '{extra}'" if extra else condition
        elif match := re.match(r"([A-Za-z0-9][\w.-]*)", line):
            rows.append([normalised(match[1]), marker])
    return rows


def read_entry_points(data: bytes) -> list[list[str]]:
    """[group, name, module] of each entry point."""
    parser = configparser.ConfigParser(
        delimiters=("=",), interpolation=None, strict=False, allow_no_value=True
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(data.decode("utf-8", "replace"))
    except configparser.Error:
        return []
    rows = []
    for group in parser.sections():
        for name, value in parser.items(group):
            module = (value or "").partition(":")[0].partition("[")[0].strip()
            if module:
                rows.append([group.strip(), name.strip(), module])
    return rows


def read_pth(data: bytes) -> dict[str, Any]:
    """`paths` to add, and `names` that its import lines mention (module names, path components)."""
    paths: list[str] = []
    names: set[str] = set()
    for line in read_lines(data):
        if line.startswith("#"):
            continue
        if line.startswith(("import ", "import\t")):
            names.update(re.findall(r"\bimport\s+([A-Za-z_][\w.]*)", line))
            names.update(
                name.strip()
                for part in re.findall(r"\bimport\s+([\w., ]+)", line)
                for name in part.split(",")
            )
            names.update(re.findall(r"__import__\(['\"]([\w.]+)", line))
        else:
            paths.append(line)
    return {"paths": paths, "names": sorted(name for name in names if name)}


def read_editable(data: bytes) -> dict[str, str]:
    """Module name → path of a setuptools editable finder (`MAPPING` and `NAMESPACES` in it)."""
    found = re.findall(rb"['\"]([A-Za-z_][\w.]*)['\"]:\s*\[?['\"](/[^'\"\n]+)['\"]", data)
    return {name.decode(): path.decode("utf-8", "surrogateescape") for name, path in found}


def read_venv(data: bytes) -> dict[str, str]:
    """Keys of pyvenv.cfg in lower case."""
    rows = (line.partition("=") for line in data.decode("utf-8", "replace").splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in rows if equals}


RECORD = Extractor("python.record", 1, read_record)
LINES = Extractor("python.lines", 1, read_lines)
REQUIREMENTS = Extractor("python.requirements", 1, read_requirements)
EGG_REQUIREMENTS = Extractor("python.egg_requirements", 1, read_egg_requirements)
ENTRY_POINTS = Extractor("python.entry_points", 1, read_entry_points)
PTH = Extractor("python.pth", 1, read_pth)
EDITABLE = Extractor("python.editable", 1, read_editable)
VENV = Extractor("python.venv", 1, read_venv)
