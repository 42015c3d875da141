"""What files of .NET say: runtimeconfig.json, deps.json, names in an assembly; versions of frameworks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.resolvers.interface import Extractor

_DEFAULT_POLICY = "Minor"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([\w.-]+))?(?:\+.*)?\Z")


def read_runtime_config(data: bytes) -> dict[str, Any] | None:
    """`frameworks` ([{name, version, roll_forward}]), `included` (it brings its own), `probing` (paths),
    `invariant` (no cultures)."""
    document = _object(data)
    options = document.get("runtimeOptions")
    if not isinstance(options, dict):
        return None
    policy = _text(options.get("rollForward")) or _DEFAULT_POLICY
    references = options.get("frameworks") or [options.get("framework")]
    properties = options.get("configProperties")
    invariant = properties.get("System.Globalization.Invariant") if isinstance(properties, dict) else None
    probing = options.get("additionalProbingPaths")
    return {
        "frameworks": [
            {
                "name": _text(item.get("name")),
                "version": _text(item.get("version")),
                "roll_forward": _text(item.get("rollForward")) or policy,
            }
            for item in (references if isinstance(references, list) else [])
            if isinstance(item, dict) and _text(item.get("name"))
        ],
        "included": bool(options.get("includedFrameworks")),
        # A path of the SDK's development file may have its machine and framework left open.
        "probing": [
            path for path in (probing if isinstance(probing, list) else []) if _text(path) and "|" not in path
        ],
        "invariant": str(invariant).lower() == "true",
    }


def read_dependencies(data: bytes) -> list[list[str]]:
    """[folder of its library, asset] for each asset of a deps.json, whatever its kind."""
    document = _object(data)
    targets, libraries = document.get("targets"), document.get("libraries")
    found: set[tuple[str, str]] = set()
    for target in targets.values() if isinstance(targets, dict) else ():
        for key, library in target.items() if isinstance(target, dict) else ():
            row = libraries.get(key) if isinstance(libraries, dict) else None
            folder = (_text(row.get("path")) if isinstance(row, dict) else "") or key.lower()
            for kind in ("runtime", "native", "resources", "runtimeTargets"):
                assets = library.get(kind) if isinstance(library, dict) else None
                found.update((folder, asset) for asset in (assets if isinstance(assets, dict) else ()))
    return sorted([folder, asset] for folder, asset in found)


def read_assembly(data: bytes) -> dict[str, list[str]]:
    """Of an assembly (ECMA-335 II.24.2): `imports`, names in its string heap that may be those of native
    libraries, and `starts`, the first words of its literals where it starts processes."""
    names = [word.decode("utf-8", "replace") for word in _heap(data, b"#Strings\0").split(b"\0")]
    starts = "ProcessStartInfo" in names or {"Process", "Start"}.issubset(names)
    words = (text.partition(" ")[0] for text in _literals(_heap(data, b"#US\0"))) if starts else ()
    found = {
        "imports": sorted({name for name in names if _NATIVE.fullmatch(name)}),
        "starts": sorted({word for word in words if _PROGRAM.fullmatch(word)}),
    }
    return {key: value for key, value in found.items() if value}


def _heap(data: bytes, name: bytes) -> bytes:
    """A stream of the metadata root: its header says where it lies and how long it is, before its name."""
    root = data.find(b"BSJB\x01\x00\x01\x00")
    at = data.find(name, root) if root >= 0 else -1
    if at < 8:
        return b""
    offset, size = (int.from_bytes(data[at - back : at - back + 4], "little") for back in (8, 4))
    return data[root + offset : root + offset + size]


def _literals(heap: bytes) -> Iterator[str]:
    """String literals: each its length in one, two or four bytes, UTF-16, and a last byte of flags."""
    at = 1
    while at < len(heap):
        first = heap[at]
        width = 1 if first < 0x80 else 2 if first < 0xC0 else 4
        size = int.from_bytes(heap[at : at + width]) & (0x7F, 0x3FFF, 0, 0x1FFFFFFF)[width - 1]
        at += width
        yield heap[at : at + max(size - 1, 0)].decode("utf-16-le", "replace")
        at += size


_PROGRAM = re.compile(r"(?:/[\w.+@-]+){2,}|[a-z][\w.+-]*")
# A module reference is written as the library's file, with or without what its system adds.
_NATIVE = re.compile(r"lib[\w.+-]{2,60}|[\w+-]{2,60}\.so(?:\.[\d.]+)?")


def read_cultures(data: bytes) -> bool:
    """Does a program of a single file take cultures from ICU, and no configuration inside says otherwise?"""
    invariant = re.search(rb'"System\.Globalization\.Invariant"\s*:\s*(?:true|"true")', data)
    return b"\0libicuuc" in data and invariant is None


def read_installed(data: bytes) -> str:
    """The directory in /etc/dotnet/install_location."""
    lines = data.decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines else ""


def ordered(versions: Iterable[str]) -> list[str]:
    """Versions from old to new (semantic versioning); what is none comes first."""
    return sorted(versions, key=_rank)


def chosen(installed: Iterable[str], wanted: str, policy: str) -> str:
    """The version of a framework that the host takes; "" where none will do.

    A release is served by a release where there is one; the newest patch is taken but for `Disable`.
    """
    known = [version for version in ordered(installed) if _VERSION.match(version)]
    match = _VERSION.match(wanted)
    if match is None:
        return ""
    policy = policy.lower()
    if policy == "disable":
        return wanted if wanted in known else ""
    major, minor = int(match[1]), int(match[2])
    fitting = [version for version in known if _rank(version) >= _rank(wanted)]
    if policy != "major" and policy != "latestmajor":
        fitting = [version for version in fitting if _rank(version)[1] == major]
    if policy == "latestpatch":
        fitting = [version for version in fitting if _rank(version)[2] == minor]
    if not match[4]:
        fitting = [version for version in fitting if "-" not in version] or fitting
    if not fitting:
        return ""
    if policy in ("latestminor", "latestmajor"):
        return fitting[-1]
    nearest = _rank(fitting[0])[1:3]
    return [version for version in fitting if _rank(version)[1:3] == nearest][-1]


def _rank(version: str) -> tuple[int, int, int, int, int, tuple[tuple[int, int, str], ...]]:
    match = _VERSION.match(version)
    if match is None:
        return (0, 0, 0, 0, 0, ())
    parts = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in (match[4] or "").split(".")
    )
    return (1, int(match[1]), int(match[2]), int(match[3]), 0 if match[4] else 1, parts)


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


RUNTIME_CONFIG = Extractor("dotnet.runtime_config", 1, read_runtime_config)
DEPENDENCIES = Extractor("dotnet.dependencies", 1, read_dependencies)
ASSEMBLY = Extractor("dotnet.assembly", 2, read_assembly)
CULTURES = Extractor("dotnet.cultures", 1, read_cultures)
INSTALLED = Extractor("dotnet.installed", 1, read_installed)
