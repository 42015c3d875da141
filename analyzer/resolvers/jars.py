"""What jars and classes hold that matters outside of them (JAR file specification; ZIP by zipfile)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from analyzer.resolvers.elfreader import read_elf
from analyzer.resolvers.interface import Extractor

# Packages of java.desktop that draw, lay out text or read images: they need the JVM's graphics libraries.
_DRAWING = re.compile(rb"java/awt/(?!event/|datatransfer/|geom/)|javax/swing/|javax/imageio/|javax/print/")
_NESTED = (".jar", ".war", ".ear", ".rar", ".zip")
_DEEPEST = 3
_LARGEST = 256 << 20  # bytes of one member


def read_jar(data: bytes) -> dict[str, Any] | None:
    """`class_path` (relative URLs of the manifest), `draws`, and `needs`: [library, bits, machine] of what
    native code inside it is linked with (such code unpacks itself to a temporary directory)."""
    facts: dict[str, Any] = {"class_path": [], "draws": False, "needs": []}
    try:
        needs = [list(need) for need in sorted(set(_members(data, facts, 0)))]
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return None
    facts["needs"] = needs
    return facts


def _members(data: bytes, facts: dict[str, Any], depth: int) -> Iterator[tuple[str, int, int]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for item in archive.infolist():
            name = item.filename
            if item.file_size > _LARGEST:
                continue
            if name == "META-INF/MANIFEST.MF" and depth == 0:
                facts["class_path"] = _class_path(archive.read(item))
            elif name.endswith(".class"):
                facts["draws"] = facts["draws"] or _DRAWING.search(archive.read(item)) is not None
            elif name.endswith(_NESTED) and depth < _DEEPEST:
                yield from _members(archive.read(item), facts, depth + 1)
            elif re.search(r"\.so(?:\.\d+)*\Z", name):
                elf = read_elf(archive.read(item)) or {}
                for need in elf.get("needed", ()):
                    yield need, elf.get("bits", 64), elf.get("machine", 0)


def _class_path(manifest: bytes) -> list[str]:
    text = manifest.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    match = re.search(r"^Class-Path:\s*(.*)$", text, re.MULTILINE)
    return match[1].split() if match else []


def read_class(data: bytes) -> bool:
    """Does a class draw?"""
    return data.startswith(b"\xca\xfe\xba\xbe") and _DRAWING.search(data) is not None


_JAR_WORD = re.compile(rb"[\w./${}@:+-]*[\w.+-]+\.(?:jar|war)\b|[\w./${}-]*/\*(?=[\s\"':;]|\Z)")


def read_class_paths(data: bytes) -> list[str]:
    """Words of a start script, an @argfile or a configuration that look like jars or class path wildcards."""
    if b"\0" in data:
        return []
    words = {match.decode("utf-8", "replace") for match in _JAR_WORD.findall(data)}
    return sorted(
        {part for word in words for part in word.split(":") if part.endswith((".jar", ".war", "/*"))}
    )


JAR = Extractor("java.jar", 1, read_jar)
CLASS = Extractor("java.class", 1, read_class)
CLASS_PATHS = Extractor("java.class_paths", 1, read_class_paths, 1 << 18)
