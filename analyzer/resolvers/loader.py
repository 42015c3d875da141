"""Where the dynamic loaders search: glibc's rules (ld.so(8)) and musl's (its dynlink.c), in their order.

`/etc/ld.so.conf` is not among them: only ldconfig reads it, to write the cache that the loader reads.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from analyzer.filesystem import normalise, parent_of
from analyzer.resolvers.elfreader import ELF
from analyzer.resolvers.interface import Extractor, View

Flavour = Literal["glibc", "musl"]

# e_machine to the names that Debian's directories, glibc's $PLATFORM and musl's files carry.
_MACHINES = {
    3: ("i386-linux-gnu", "i686", "i386"),
    8: ("mips64el-linux-gnuabi64", "mips64el", "mips64el"),
    21: ("powerpc64le-linux-gnu", "power8", "powerpc64le"),
    22: ("s390x-linux-gnu", "z900", "s390x"),
    40: ("arm-linux-gnueabihf", "v7l", "armhf"),
    62: ("x86_64-linux-gnu", "x86_64", "x86_64"),
    183: ("aarch64-linux-gnu", "aarch64", "aarch64"),
    243: ("riscv64-linux-gnu", "riscv64", "riscv64"),
    258: ("loongarch64-linux-gnu", "loongarch64", "loongarch64"),
}

# Names that musl's loader answers itself, whatever follows the dot.
_MUSL_OWN = re.compile(r"lib(c|pthread|rt|m|dl|util|xnet)\.")

# Subdirectories that glibc before 2.37 tries as well, for x86-64.
_LEGACY = tuple(
    "/".join(parts)
    for tls in ("", "tls")
    for better in ("", "haswell", "haswell/avx512_1")
    for platform in ("", "x86_64")
    if (parts := [part for part in (tls, better, platform) if part])
)

_CACHE_OLD = b"ld.so-1.7.0\0"
_CACHE_NEW = b"glibc-ld.so.cache1.1"


def read_cache(data: bytes) -> dict[str, list[str]] | None:
    """Names to paths of an ld.so.cache in the loader's order (glibc, elf/cache.c): the new format, alone or
    behind the old one. None when it is neither."""
    start = 0
    if data.startswith(_CACHE_OLD):
        (count,) = struct.unpack_from("<I", data, len(_CACHE_OLD))
        # Behind the old entries, aligned for the new header.
        start = -(-(len(_CACHE_OLD) + 4 + 12 * count) // 8) * 8
    if data[start : start + len(_CACHE_NEW)] != _CACHE_NEW:
        return None
    view = data[start:]
    count, _, flags = struct.unpack_from("<IIB", view, len(_CACHE_NEW))
    order = ">" if flags & 3 == 3 else "<"
    (count,) = struct.unpack_from(f"{order}I", view, len(_CACHE_NEW))
    names: dict[str, list[str]] = {}
    for number in range(count):
        _, key, value = struct.unpack_from(f"{order}iII", view, 48 + 24 * number)
        names.setdefault(_string(view, key), []).append(_string(view, value))
    return names


def _string(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode("utf-8", "surrogateescape")


def _read_cache(data: bytes) -> Any:
    try:
        return read_cache(data)
    except (struct.error, ValueError):
        return None


def _read_lines(data: bytes) -> list[str]:
    return [word for word in re.split(r"[:\n]", data.decode("utf-8", "surrogateescape")) if word]


LD_CACHE = Extractor("ld.so.cache", 1, _read_cache)
MUSL_PATH = Extractor("ld-musl.path", 1, _read_lines)


@dataclass(frozen=True, slots=True)
class Needer:
    """A loaded object, as the loader sees it when it looks for what that object needs.

    `directory` is $ORIGIN; `inherited` are the RPATH directories of the objects that led to it, nearest
    first, expanded.
    """

    directory: str
    bits: int
    machine: int
    flavour: Flavour
    rpath: str = ""
    runpath: str = ""
    nodeflib: bool = False
    inherited: tuple[str, ...] = ()


@dataclass(slots=True)
class Search:
    """The loaders' search in one image; its environment's LD_LIBRARY_PATH counts for every program."""

    view: View
    _cache: dict[str, list[str]] | None = None
    _musl: dict[str, Sequence[str]] = field(default_factory=dict)
    _hwcaps: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, name: str, needer: Needer) -> list[str]:
        """Paths (as the loader spells them) that may serve a needed name: the one that a plain processor
        gets, after it the variants for better ones. Empty when the loader would fail."""
        if "/" in name:
            path = self.expand(name, needer)
            return [path] if self._fits(path, needer) else []
        for directory in self.directories(needer):
            found = list(self._in(directory, name, needer))
            if found:
                return found
        if needer.flavour == "glibc":
            found = self._cached(name, needer)
            if found:
                return found
            if not needer.nodeflib:
                for directory in self.defaults(needer):
                    found = list(self._in(directory, name, needer))
                    if found:
                        return found
        return []

    def directories(self, needer: Needer) -> Iterator[str]:
        """Directories searched in order, before glibc's cache and defaults; all of them for musl."""
        environment = self.view.config.variable("LD_LIBRARY_PATH")
        if needer.flavour == "musl":
            yield from self.split(environment, needer)
            yield from self.split(needer.runpath or needer.rpath, needer)
            yield from needer.inherited
            yield from self._musl_path(needer)
            return
        if not needer.runpath:
            yield from self.split(needer.rpath, needer)
            yield from needer.inherited
        yield from self.split(environment.replace(";", ":"), needer)
        yield from self.split(needer.runpath, needer)

    def handed_on(self, needer: Needer) -> tuple[str, ...]:
        """RPATH directories that what it loads inherits."""
        own = needer.rpath
        if needer.flavour == "musl":
            own = needer.runpath or needer.rpath
        elif needer.runpath:
            own = ""
        real = (self.view.fs.resolve(path).path for path in (*self.split(own, needer), *needer.inherited))
        return tuple(dict.fromkeys(real))

    def split(self, value: str, needer: Needer) -> list[str]:
        """Directories of a colon list that exist; an empty part is the working directory and is not followed,
        for it differs from run to run."""
        found = []
        for part in value.split(":"):
            for path in self._expansions(part, needer) if part else ():
                entry = self.view.fs.lookup(path)
                if entry is not None and entry.kind == "dir":
                    found.append(path)
        return found

    def expand(self, text: str, needer: Needer) -> str:
        """`text` with $ORIGIN, $LIB and $PLATFORM put in, as a path."""
        paths = self._expansions(text, needer)
        return next((path for path in paths if path in self.view.fs), paths[0])

    def _expansions(self, text: str, needer: Needer) -> list[str]:
        triplet, platform, _ = _MACHINES.get(needer.machine, ("", "", ""))
        text = re.sub(r"\$\{?ORIGIN\}?", lambda _: needer.directory, text)
        text = re.sub(r"\$\{?PLATFORM\}?", platform, text)
        if not text.startswith("/"):
            text = f"{self.view.config.workdir or '/'}/{text}"
        # Distributions build glibc with one of these as $LIB; only one of them exists in an image.
        words = (f"lib/{triplet}", "lib64", "lib") if "$LIB" in text or "${LIB}" in text else ("",)
        return [normalise(re.sub(r"\$\{?LIB\}?", word, text)) for word in words]

    def defaults(self, needer: Needer) -> list[str]:
        """glibc's built-in directories: Debian's by triplet, then those of other distributions."""
        triplet = _MACHINES.get(needer.machine, ("", "", ""))[0]
        names = [f"/lib/{triplet}", f"/usr/lib/{triplet}"] if triplet else []
        names += ["/lib64", "/usr/lib64"] if needer.bits == 64 else ["/lib32", "/usr/lib32"]
        return [*names, "/lib", "/usr/lib"]

    def _musl_path(self, needer: Needer) -> Sequence[str]:
        arch = _MACHINES.get(needer.machine, ("", "", "x86_64"))[2]
        if arch not in self._musl:
            # The file replaces the default wholly, also when it is empty.
            lines = self.view.facts.get(MUSL_PATH, f"/etc/ld-musl-{arch}.path")
            self._musl[arch] = ("/lib", "/usr/local/lib", "/usr/lib") if lines is None else lines
        return self._musl[arch]

    def _in(self, directory: str, name: str, needer: Needer) -> Iterator[str]:
        path = f"{directory}/{name}"
        if self._fits(path, needer):
            yield path
        if needer.flavour == "glibc":
            for level in self._levels(directory):
                if self._fits(f"{level}/{name}", needer):
                    yield f"{level}/{name}"

    def _levels(self, directory: str) -> tuple[str, ...]:
        """Subdirectories for better processors: which one serves is known only where the image runs."""
        if directory not in self._hwcaps:
            fs = self.view.fs
            found = fs.resolve(f"{directory}/glibc-hwcaps")
            levels = [f"{directory}/glibc-hwcaps/{name}" for name in fs.names(found.path)]
            levels += [
                f"{directory}/{name}" for name in _LEGACY if fs.lookup(f"{directory}/{name}") is not None
            ]
            self._hwcaps[directory] = tuple(levels)
        return self._hwcaps[directory]

    def _cached(self, name: str, needer: Needer) -> list[str]:
        if self._cache is None:
            self._cache = self.view.facts.get(LD_CACHE, "/etc/ld.so.cache") or {}
        fitting = [path for path in self._cache.get(name, ()) if self._fits(path, needer)]
        plain = [path for path in fitting if "/glibc-hwcaps/" not in path]
        better = [path for path in fitting if "/glibc-hwcaps/" in path]
        return plain[:1] + better

    def _fits(self, path: str, needer: Needer) -> bool:
        """A shared object of the needer's machine: the loader passes over any other."""
        entry = self.view.fs.lookup(path)
        if entry is None or entry.kind != "file":
            return False
        facts = self.view.facts.get(ELF, path)
        return facts is not None and (facts.get("bits"), facts.get("machine")) == (
            needer.bits,
            needer.machine,
        )


def loader_files(facts: dict[str, Any]) -> tuple[str, ...]:
    """Files that a program's loader reads itself."""
    if "ld-musl" in facts.get("interp", ""):
        arch = _MACHINES.get(facts.get("machine", 0), ("", "", "x86_64"))[2]
        return (f"/etc/ld-musl-{arch}.path",)
    return ("/etc/ld.so.cache", "/etc/ld.so.preload")


def answered_by_loader(name: str, flavour: Flavour) -> bool:
    """Names that are part of the loader itself."""
    return flavour == "musl" and _MUSL_OWN.match(name) is not None


def needer_of(path: str, facts: dict[str, Any], flavour: Flavour, inherited: tuple[str, ...] = ()) -> Needer:
    """An object found at `path` with the facts of its file."""
    return Needer(
        parent_of(path),
        facts.get("bits", 64),
        facts.get("machine", 0),
        flavour,
        facts.get("rpath", ""),
        facts.get("runpath", ""),
        bool(facts.get("nodeflib")),
        inherited,
    )
