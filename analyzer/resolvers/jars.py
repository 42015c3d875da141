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
# Bytes behind the tag of a class file's constants (JVM specification 4.4); 1 is text, 8 a string literal, and
# 5 and 6 take two places.
_CONSTANTS = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
# What says that a class loads native libraries: System.loadLibrary, JNA, the foreign function interface.
_LOADERS = (b"loadLibrary", b"com/sun/jna/Native", b"java/lang/foreign/SymbolLookup")
_LIBRARY = re.compile(r"[\w.+-]{1,60}")
_NESTED = (".jar", ".war", ".ear", ".rar", ".zip")
_DEEPEST = 3
_LARGEST = 256 << 20  # bytes of one member


def read_jar(data: bytes) -> dict[str, Any] | None:
    """`class_path` (relative URLs of the manifest), `draws`, `libraries` (names that classes may load), and
    `needs`: [library, bits, machine] of what native code inside it is linked with (such code unpacks itself
    to a temporary directory)."""
    facts: dict[str, Any] = {"class_path": [], "draws": False, "needs": [], "libraries": []}
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
                content = archive.read(item)
                facts["draws"] = facts["draws"] or _DRAWING.search(content) is not None
                facts["libraries"] = sorted({*facts["libraries"], *_libraries(content)})
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


def read_class(data: bytes) -> dict[str, Any]:
    """`draws` and `libraries` of a class."""
    if not data.startswith(b"\xca\xfe\xba\xbe"):
        return {}
    found = {"draws": _DRAWING.search(data) is not None, "libraries": _libraries(data)}
    return {name: value for name, value in found.items() if value}


def _libraries(data: bytes) -> list[str]:
    """Literals of a class that loads native libraries, as far as they may be the name of one."""
    if not any(loader in data for loader in _LOADERS):
        return []
    return sorted({text for text in literals(data) if _LIBRARY.fullmatch(text)})


def literals(data: bytes) -> list[str]:
    """String literals of a class file (JVM specification 4.4.3)."""
    texts: dict[int, str] = {}
    strings: list[int] = []
    at, index = 10, 1
    while index < int.from_bytes(data[8:10]) and at < len(data):
        tag = data[at]
        if tag == 1:
            size = 2 + int.from_bytes(data[at + 1 : at + 3])
            texts[index] = data[at + 3 : at + 1 + size].decode("utf-8", "replace")
        elif tag in _CONSTANTS:
            size = _CONSTANTS[tag]
            if tag == 8:
                strings.append(int.from_bytes(data[at + 1 : at + 3]))
        else:
            break
        index += 2 if tag in (5, 6) else 1
        at += 1 + size
    return [texts[place] for place in strings if place in texts]


_JAR_WORD = re.compile(rb"[\w./${}@:+-]*[\w.+-]+\.(?:jar|war)\b|[\w./${}-]*/\*(?=[\s\"':;]|\Z)")


def read_class_paths(data: bytes) -> list[str]:
    """Words of a start script, an @argfile or a configuration that look like jars or class path wildcards."""
    if b"\0" in data:
        return []
    words = {match.decode("utf-8", "replace") for match in _JAR_WORD.findall(data)}
    return sorted(
        {part for word in words for part in word.split(":") if part.endswith((".jar", ".war", "/*"))}
    )


JAR = Extractor("java.jar", 2, read_jar)
CLASS = Extractor("java.class", 2, read_class)
CLASS_PATHS = Extractor("java.class_paths", 1, read_class_paths, 1 << 18)
