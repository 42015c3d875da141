"""What an ELF file says about other files: one pass over its bytes (System V gABI, elf(5)).

Program headers lead, as for the loader; section headers are used only to tell constants from code, and their
absence (a stripped table, a packed program) costs precision, never an answer.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

from analyzer.resolvers.interface import Extractor

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ = 1, 5, 6, 10
_DT_SONAME, _DT_RPATH, _DT_RUNPATH, _DT_FLAGS_1 = 14, 15, 29, 0x6FFFFFFB
_DF_1_NODEFLIB = 0x800
_SHT_PROGBITS, _SHT_DYNSYM = 1, 11
_SHF_ALLOC, _SHF_EXECINSTR = 2, 4

# Functions whose use says that files are needed which nothing links (see libraries.py and system.py).
TELLING = (
    "iconv_open",
    "__gconv_open",
    "nl_langinfo",
    "g_charset_converter_new",
    "g_convert",
    "g_convert_with_fallback",
    "g_iconv_open",
    "u8_conv_from_encoding",
    "u8_conv_to_encoding",
    "u8_strconv_from_encoding",
    "u8_strconv_to_encoding",
    "dlopen",
    "dlmopen",
    "getpwnam",
    "getpwnam_r",
    "getpwuid",
    "getpwuid_r",
    "getpwent",
    "getgrnam",
    "getgrnam_r",
    "getgrgid",
    "getgrgid_r",
    "getgrent",
    "getgrouplist",
    "initgroups",
    "getaddrinfo",
    "getnameinfo",
    "gethostbyname",
    "gethostbyname_r",
    "gethostbyname2",
    "gethostbyname2_r",
    "gethostbyaddr",
    "gethostbyaddr_r",
    "getservbyname",
    "getservbyname_r",
    "getservbyport",
    "getservbyport_r",
    "getprotobyname",
    "getprotobyname_r",
    "getprotobynumber",
    "getprotobynumber_r",
    "getspnam",
    "getspnam_r",
    "setlocale",
    "newlocale",
    "tzset",
    "localtime",
    "localtime_r",
    "pam_start",
    "system",
    "popen",
    "setupterm",
    "initscr",
    "tgetent",
    "tgetnum",
    "magic_load",
    "execl",
    "execle",
    "execlp",
    "execv",
    "execve",
    "execvp",
    "execvpe",
    "posix_spawn",
    "posix_spawnp",
)

# Paths whose spelling says as much. The C library spells them for its callers, who are told by TELLING.
TELLING_PATHS = (
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/usr/share/zoneinfo",
)
_LIBC = re.compile(r"(libc|ld-linux[\w-]*|ld-musl-\w+|ld64|ld)\.so")

# Character sets that the C library converts only with a module: any but ASCII, UTF-8 and UCS-2 or UCS-4.
_CHARSET = re.compile(
    rb"\0(?:ISO[-_]?8859[-_]?\d+|ISO-?2022-\w+|UTF-?(?:7|16|32)(?:LE|BE)?|EUC[-_]?(?:JP|KR|TW|CN)|LATIN-?\d"
    rb"|S(?:HIFT)?[-_]?JIS|KOI8-?\w*|WINDOWS-?125\d|CP-?(?:125\d|9\d\d|437|850|866)|BIG-?5\w*"
    rb"|GBK|GB18030|GB2312|TIS-?620|JOHAB)(?=\0)",
    re.IGNORECASE,
)

_LIBRARY = re.compile(rb"[\w+./$-]*\.so(?:\.[\w.]+)*")
_LONGEST = 4096  # PATH_MAX


def read_elf(data: bytes) -> dict[str, Any] | None:
    """Facts of an ELF file, None for any other: `bits`, `machine`, `interp`, `needed`, `soname`, `rpath`,
    `runpath`, `nodeflib`, `uses` (of TELLING), `spells` (of TELLING_PATHS), `libraries` (names of shared
    objects among its constants), `charsets` (it names one that takes a module to convert), `go`, `rust`,
    `static`. Absent means empty or false."""
    if data[:4] != b"\x7fELF" or len(data) < 52 or data[4] not in (1, 2) or data[5] not in (1, 2):
        return None
    try:
        return _Reader(data).facts()
    except (struct.error, IndexError, ValueError):
        return {"broken": True}


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.wide = data[4] == 2
        self.order = "<" if data[5] == 1 else ">"
        self.type, self.machine = struct.unpack_from(f"{self.order}HH", data, 16)
        if self.wide:
            self.phoff, self.shoff = struct.unpack_from(f"{self.order}QQ", data, 32)
            numbers = struct.unpack_from(f"{self.order}6H", data, 52)
        else:
            self.phoff, self.shoff = struct.unpack_from(f"{self.order}II", data, 28)
            numbers = struct.unpack_from(f"{self.order}6H", data, 40)
        _, self.phentsize, self.phnum, self.shentsize, self.shnum, self.shstrndx = numbers
        self.segments = list(self._segments())

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"bits": 64 if self.wide else 32, "machine": self.machine, "type": self.type}
        dynamic: dict[int, list[int]] = {}
        for kind, _, offset, _, size in self.segments:
            if kind == _PT_INTERP:
                facts["interp"] = _text(self.data[offset : offset + size].rstrip(b"\0"))
            elif kind == _PT_DYNAMIC:
                dynamic = self._dynamic(offset, size)
        if dynamic:
            facts.update(self._linked(dynamic))
        else:
            facts["static"] = True
        facts.update(self._constants(facts.get("needed", []), "iconv_open" in facts.get("uses", ())))
        if not _LIBC.match(facts.get("soname", "")):
            facts["spells"] = [path for path in TELLING_PATHS if path.encode() in self.data]
        return {name: value for name, value in facts.items() if value not in (None, [], "", False)}

    def _segments(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Type, flags, file offset, virtual address, file size."""
        for number in range(self.phnum):
            at = self.phoff + number * self.phentsize
            if self.wide:
                kind, flags, offset, address, _, size = struct.unpack_from(
                    f"{self.order}IIQQQQ", self.data, at
                )
            else:
                kind, offset, address, _, size, _, flags = struct.unpack_from(
                    f"{self.order}7I", self.data, at
                )
            yield kind, flags, offset, address, size

    def _dynamic(self, offset: int, size: int) -> dict[int, list[int]]:
        table: dict[int, list[int]] = {}
        code = f"{self.order}{'qQ' if self.wide else 'iI'}"
        step = struct.calcsize(code)
        whole = self.data[offset : offset + size - size % step]
        for tag, value in struct.iter_unpack(code, whole):
            if tag == 0:
                break
            table.setdefault(tag, []).append(value)
        return table

    def _offset(self, address: int) -> int:
        for kind, _, offset, start, size in self.segments:
            if kind == _PT_LOAD and start <= address < start + size:
                return offset + address - start
        raise ValueError(address)

    def _linked(self, dynamic: dict[int, list[int]]) -> dict[str, Any]:
        if _DT_STRTAB not in dynamic:
            return {}
        start = self._offset(dynamic[_DT_STRTAB][0])
        strings = self.data[start : start + dynamic.get(_DT_STRSZ, [0])[0]]

        def named(tag: int) -> list[str]:
            return [_text(strings[at : strings.index(b"\0", at)]) for at in dynamic.get(tag, ())]

        return {
            "needed": named(_DT_NEEDED),
            "soname": "".join(named(_DT_SONAME)),
            "rpath": ":".join(named(_DT_RPATH)),
            "runpath": ":".join(named(_DT_RUNPATH)),
            "nodeflib": bool(dynamic.get(_DT_FLAGS_1, [0])[0] & _DF_1_NODEFLIB),
            "uses": self._uses(dynamic, strings),
        }

    def _uses(self, dynamic: dict[int, list[int]], strings: bytes) -> list[str]:
        """Functions of TELLING that this file takes from elsewhere: undefined in its symbol table."""
        places: dict[int, str] = {}
        for name in TELLING:
            # Linkers let a name be the tail of a longer one, so every place that ends so may be meant.
            raw = name.encode() + b"\0"
            at = strings.find(raw)
            while at >= 0:
                places[at] = name
                at = strings.find(raw, at + 1)
        if not places or _DT_SYMTAB not in dynamic:
            return []
        start = self._offset(dynamic[_DT_SYMTAB][0])
        # The symbol table has no length of its own; linkers put the string table right behind it, and a name
        # offset beyond the strings ends it otherwise.
        end = self._offset(dynamic[_DT_STRTAB][0])
        if end <= start:
            end = len(self.data)
        code = f"{self.order}{'IBBHQQ' if self.wide else 'IIIBBH'}"
        step = struct.calcsize(code)
        used = set()
        for symbol in struct.iter_unpack(code, self.data[start : end - (end - start) % step]):
            name, section = symbol[0], symbol[3 if self.wide else 5]
            if name >= len(strings):
                break
            if section == 0 and name in places:
                used.add(places[name])
        return sorted(used)

    def _constants(self, needed: list[str], converts: bool) -> dict[str, Any]:
        names: set[str] = set()
        facts: dict[str, Any] = {}
        sections = dict(self._sections())
        for blob in self._data(sections):
            names.update(_library_names(blob))
            if converts and not facts.get("charsets"):
                facts["charsets"] = _CHARSET.search(blob) is not None
        facts["libraries"] = sorted(names - set(needed))
        facts["go"] = any(name in sections for name in (".go.buildinfo", ".gopclntab", ".note.go.buildid"))
        facts["rust"] = not facts["go"] and (b"/rustc/" in self.data or b"RUST_BACKTRACE" in self.data)
        return facts

    def _sections(self) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
        """Name to type, flags, offset, size; nothing when the table is gone."""
        if not self.shoff or not self.shnum or self.shoff + self.shnum * self.shentsize > len(self.data):
            return
        code = f"{self.order}{'IIQQQQ' if self.wide else '6I'}"
        rows = [
            struct.unpack_from(code, self.data, self.shoff + number * self.shentsize)
            for number in range(self.shnum)
        ]
        if self.shstrndx >= len(rows):
            return
        _, _, _, _, at, size = rows[self.shstrndx]
        names = self.data[at : at + size]
        for name, kind, flags, _, offset, length in rows:
            end = names.find(b"\0", name)
            yield _text(names[name:end]), (kind, flags, offset, length)

    def _data(self, sections: dict[str, tuple[int, int, int, int]]) -> Iterator[bytes]:
        """Where constants lie: sections that hold data and are no code, else whole segments."""
        found = False
        for kind, flags, offset, size in sections.values():
            if kind == _SHT_PROGBITS and flags & _SHF_ALLOC and not flags & _SHF_EXECINSTR:
                found = True
                yield self.data[offset : offset + size]
        if not found:
            for kind, _, offset, _, size in self.segments:
                if kind == _PT_LOAD:
                    yield self.data[offset : offset + size]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def constants(data: bytes) -> Iterator[bytes]:
    """The parts of an ELF file that hold constants; nothing for any other file."""
    if data[:4] == b"\x7fELF":
        try:
            reader = _Reader(data)
            yield from reader._data(dict(reader._sections()))
        except (struct.error, IndexError, ValueError):
            yield data


def _library_names(blob: bytes) -> Iterator[str]:
    at = blob.find(b".so")
    while at >= 0:
        start = blob.rfind(b"\0", max(0, at - _LONGEST), at) + 1
        end = blob.find(b"\0", at)
        end = len(blob) if end < 0 else end
        word = blob[start:end]
        if len(word) <= _LONGEST and _LIBRARY.fullmatch(word) and not word.startswith(b".so"):
            yield _text(word)
        at = blob.find(b".so", end)


ELF = Extractor("elf", 4, read_elf)
