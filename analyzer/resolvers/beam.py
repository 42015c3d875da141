"""Compiled modules of Erlang and Elixir: which commands they may start.

The file's chunks follow beam_lib(3) and the loader's own reader (beam_file.c): `AtU8` has the atoms, `ImpT`
the functions that are called in other modules, `LitT` the constants in the external term format.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Iterator

# Functions that start a program, or look for one; the first of each language hands the text to a shell.
_IN_SHELL = {("os", "cmd"), ("Elixir.System", "shell")}
_STARTERS = {
    *_IN_SHELL,
    ("erlang", "open_port"),
    ("os", "find_executable"),
    ("Elixir.System", "cmd"),
    ("Elixir.System", "find_executable"),
    ("Elixir.Port", "open"),
}
_LARGEST = 1 << 24
_TEXT = re.compile(rb"k(..)|m\0\0(..)", re.DOTALL)
_COMMAND = re.compile(rb"[a-z/][\w.+/ |=@-]+")


def read_commands(data: bytes) -> list[str]:
    """Constant texts that may be commands, in a module that starts some; sorted. With "/bin/sh" where a shell
    takes them. Nothing for any other file."""
    try:
        chunks = dict(_chunks(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data))
        called = _calls(_atoms(chunks.get(b"AtU8", b"")), chunks.get(b"ImpT", b""))
        if _STARTERS.isdisjoint(called):
            return []
        found = set(_texts(_literals(chunks.get(b"LitT", b""))))
    except (struct.error, zlib.error, OSError, EOFError, IndexError):
        return []
    if not _IN_SHELL.isdisjoint(called):
        found.add("/bin/sh")
    return sorted(found)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if data[:4] != b"FOR1" or data[8:12] != b"BEAM":
        return
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at + 4)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + (size + 3) // 4 * 4


def _atoms(chunk: bytes) -> list[str]:
    """The atoms in their order. A negative count (from OTP 28 on) has their lengths as compact terms."""
    if not chunk:
        return []
    (count,) = struct.unpack_from(">i", chunk)
    at, found = 4, []
    for _ in range(abs(count)):
        size = chunk[at]
        at += 1
        if count < 0 and size & 0x08:
            size = (size & 0xE0) << 3 | chunk[at]
            at += 1
        elif count < 0:
            size >>= 4
        found.append(chunk[at : at + size].decode("utf-8", "replace"))
        at += size
    return found


def _calls(atoms: list[str], chunk: bytes) -> set[tuple[str, str]]:
    numbers = struct.unpack_from(f">{struct.unpack_from('>I', chunk)[0] * 3}I", chunk, 4) if chunk else ()
    return {(atoms[numbers[at] - 1], atoms[numbers[at + 1] - 1]) for at in range(0, len(numbers), 3)}


def _literals(chunk: bytes) -> bytes:
    """The constants' terms; OTP 28 no longer packs them, and says so with a size of zero."""
    if chunk[:4] == b"\0\0\0\0" or not chunk:
        return chunk[4:]
    return zlib.decompressobj().decompress(chunk[4:], _LARGEST)


def _texts(terms: bytes) -> Iterator[str]:
    """Strings (STRING_EXT) and binaries (BINARY_EXT), wherever they stand in a term."""
    at = 0
    while sign := _TEXT.search(terms, at):
        (size,) = struct.unpack(">H", sign[1] or sign[2])
        text = terms[sign.end() : sign.end() + size]
        whole = len(text) == size and _COMMAND.fullmatch(text) is not None
        at = sign.end() + size if whole else sign.start() + 1
        if whole:
            yield text.decode()
