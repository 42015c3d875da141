"""The smallest ELF files that say what a test wants them to say."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_BASE = 0


def elf(
    *,
    needed: Sequence[str] = (),
    soname: str = "",
    rpath: str = "",
    runpath: str = "",
    interp: str = "",
    uses: Sequence[str] = (),
    defines: Sequence[str] = (),
    constants: Sequence[str] = (),
    nodeflib: bool = False,
    machine: int = 62,
    bits: int = 64,
    static: bool = False,
    sections: bool = True,
) -> bytes:
    """A little-endian shared object: dynamic section, symbols, and a constants section."""
    wide = bits == 64
    strings = b"\0"
    places: dict[str, int] = {}
    for text in (*needed, soname, rpath, runpath, *uses, *defines):
        if text and text not in places:
            places[text] = len(strings)
            strings += text.encode() + b"\0"
    symbols = struct.pack("<IBBHQQ" if wide else "<IIIBBH", *([0] * 6))
    for name, section in (*((name, 0) for name in uses), *((name, 1) for name in defines)):
        fields = (places[name], 0x12, 0, section, 0, 0) if wide else (places[name], 0, 0, 0x12, 0, section)
        symbols += struct.pack("<IBBHQQ" if wide else "<IIIBBH", *fields)
    rodata = b"\0" + b"".join(text.encode() + b"\0" for text in constants)
    start = 4096
    interp_at = start
    symbols_at = interp_at + len(interp) + 1
    strings_at = symbols_at + len(symbols)
    rodata_at = strings_at + len(strings)
    dynamic_at = rodata_at + len(rodata)
    tags = [(1, places[name]) for name in needed]
    tags += [(tag, places[text]) for tag, text in ((14, soname), (15, rpath), (29, runpath)) if text]
    if nodeflib:
        tags.append((0x6FFFFFFB, 0x800))
    tags += [(5, strings_at), (10, len(strings)), (6, symbols_at), (0, 0)]
    dynamic = b"" if static else b"".join(struct.pack("<qQ" if wide else "<iI", *tag) for tag in tags)
    end = dynamic_at + len(dynamic)
    names = b"\0.rodata\0.shstrtab\0"
    headers = [(1, 5, 0, _BASE, end)]
    if not static:
        headers.append((2, 6, dynamic_at, dynamic_at, len(dynamic)))
    if interp:
        headers.append((3, 4, interp_at, interp_at, len(interp) + 1))
    table = b"".join(_segment(wide, *header) for header in headers)
    section_table = b"".join(
        _section(wide, *row)
        for row in ((0, 0, 0, 0, 0), (1, 1, 2, rodata_at, len(rodata)), (9, 3, 0, end, len(names)))
    )
    header = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    header += struct.pack(
        "<HHIQQQI6H" if wide else "<HHIIIII6H",
        3,
        machine,
        1,
        0,
        64 if wide else 52,
        end + len(names) if sections else 0,
        0,
        64 if wide else 52,
        56 if wide else 32,
        len(headers),
        64 if wide else 40,
        3 if sections else 0,
        2 if sections else 0,
    )
    body = interp.encode() + b"\0" + symbols + strings + rodata + dynamic
    return (header + table).ljust(start, b"\0") + body + names + section_table


def _segment(wide: bool, kind: int, flags: int, offset: int, address: int, size: int) -> bytes:
    if wide:
        return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, size, size, 1)
    return struct.pack("<8I", kind, offset, address, address, size, size, flags, 1)


def _section(wide: bool, name: int, kind: int, flags: int, offset: int, size: int) -> bytes:
    code = "<IIQQQQIIQQ" if wide else "<10I"
    return struct.pack(code, name, kind, flags, offset, offset, size, 0, 0, 1, 0)
