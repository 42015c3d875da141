"""Which OS package owns a path: the databases of dpkg, apk and rpm, as the image has them."""

from __future__ import annotations

import re
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from analyzer.filesystem import Filesystem, name_of
from analyzer.resolvers.interface import Extractor, Facts

Manager = Literal["dpkg", "apk", "rpm"]

_STATUS = "/var/lib/dpkg/status"
_STATUS_FOLDER = "/var/lib/dpkg/status.d"
_INFO = "/var/lib/dpkg/info"
_APK = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_RPM = ("/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite")

# What no program reads: not worth its place in a recording.
_DOCUMENTS = re.compile(r"/usr/share/(man|info|lintian|doc(?!/[^/]+/copyright$)|doc-base)/")

_RPM_NAME, _RPM_FLAGS, _RPM_INDEXES, _RPM_BASENAMES, _RPM_DIRNAMES = 1000, 1037, 1116, 1117, 1118
_RPM_CONFIG = 1


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package: its paths of the image (directories too, links in their directories resolved)
    without documentation, and which of them are its configuration."""

    name: str
    manager: Manager
    paths: tuple[str, ...]
    conffiles: tuple[str, ...] = ()
    essential: bool = False


@dataclass(frozen=True, slots=True)
class PackageDatabase:
    """All installed packages by name. `unread` says what database could not be read, "" when none."""

    packages: Mapping[str, Package] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)  # path of a file or link → name
    unread: str = ""

    def package_of(self, path: str) -> Package | None:
        name = self.owners.get(path)
        return None if name is None else self.packages[name]


def read_database(fs: Filesystem, facts: Facts) -> PackageDatabase:
    """Read whichever database the image has; an image without one has no packages."""
    unread = ""
    found = [*_dpkg(fs, facts), *_apk(fs, facts)]
    for path in _RPM:
        if path in fs:
            headers = facts.get(RPM_DATABASE, path)
            if headers is None:
                unread = path
            found += [(name, "rpm", paths, conffiles, False) for name, paths, conffiles in headers or ()]
    if not found and not unread:
        unread = next(
            (path for path in ("/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db") if path in fs), ""
        )
    places = _Places(fs)
    packages: dict[str, Package] = {}
    for name, manager, paths, conffiles, essential in found:
        packages[name] = Package(
            name, manager, tuple(places.of(paths)), tuple(places.of(conffiles)), essential
        )
    owners = {
        path: package.name
        for package in packages.values()
        for path in package.paths
        if fs.entries[path].kind != "dir"
    }
    return PackageDatabase(packages, owners, unread)


_Found = tuple[str, Manager, list[str], list[str], bool]


class _Places:
    """Turns listed paths into the image's: a database may name a path through a link of the merged /usr."""

    def __init__(self, fs: Filesystem) -> None:
        self._fs = fs
        self._folders: dict[str, str] = {}

    def of(self, paths: Iterable[str]) -> Iterator[str]:
        for path in paths:
            folder, _, name = path.rpartition("/")
            if folder not in self._folders:
                self._folders[folder] = self._fs.resolve(folder or "/").path.rstrip("/")
            place = f"{self._folders[folder]}/{name}"
            if place in self._fs:
                yield place


def _dpkg(fs: Filesystem, facts: Facts) -> Iterator[_Found]:
    for name, architecture, conffiles, essential in facts.get(DPKG_STATUS, _STATUS) or ():
        listing = next(
            (path for path in (f"{_INFO}/{name}:{architecture}.list", f"{_INFO}/{name}.list") if path in fs),
            "",
        )
        if listing:
            yield name, "dpkg", facts.get(DPKG_LIST, listing) or [], conffiles, essential
    # Distroless images have a file a package, and lists of digests beside them.
    for path in fs.children(_STATUS_FOLDER):
        if path.endswith(".md5sums"):
            continue
        for name, _, conffiles, essential in facts.get(DPKG_STATUS, path) or ():
            yield name, "dpkg", facts.get(DPKG_DIGESTS, f"{path}.md5sums") or [], conffiles, essential


def _apk(fs: Filesystem, facts: Facts) -> Iterator[_Found]:
    for path in _APK:
        if path in fs and fs.resolve(path).path == path:
            for name, paths in (facts.get(APK_DATABASE, path) or {}).items():
                yield name, "apk", paths, [one for one in paths if one.startswith("/etc/")], False


def read_dpkg_status(data: bytes) -> list[list[Any]]:
    """Name, architecture, configuration files and whether it is essential, for each installed package of a
    file in the format of dpkg's status (deb822(5)). A stanza without Status is installed (status.d)."""
    found = []
    for stanza in data.decode("utf-8", "surrogateescape").split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t"):
                fields[key] = fields.get(key, "") + "\n" + line.strip()
            else:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        status = fields.get("Status", "install ok installed").split()
        if "Package" in fields and status[-1:] == ["installed"]:
            conffiles = [line.split()[0] for line in fields.get("Conffiles", "").splitlines() if line.strip()]
            found.append(
                [
                    fields["Package"],
                    fields.get("Architecture", ""),
                    conffiles,
                    fields.get("Essential") == "yes",
                ]
            )
    return found


def read_dpkg_list(data: bytes) -> list[str]:
    """Paths of a package's .list file."""
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    return [line for line in lines if line.startswith("/") and line != "/." and not _DOCUMENTS.match(line)]


def read_dpkg_digests(data: bytes) -> list[str]:
    """Paths of a package's md5sums file."""
    lines = (line.split(None, 1) for line in data.decode("utf-8", "surrogateescape").splitlines())
    paths = ["/" + words[1].removeprefix("./").lstrip("/") for words in lines if len(words) == 2]
    return [path for path in paths if not _DOCUMENTS.match(path)]


def read_apk_database(data: bytes) -> dict[str, list[str]]:
    """Paths by package of apk's installed database (apk-installed: P name, F directory, R file in it)."""
    found: dict[str, list[str]] = {}
    for record in data.decode("utf-8", "surrogateescape").split("\n\n"):
        name, folder, paths = "", "", []
        for line in record.splitlines():
            key, _, value = line.partition(":")
            if key == "P":
                name = value
            elif key == "F":
                folder = f"/{value}" if value else ""
                if value:
                    paths.append(folder)
            elif key == "R":
                paths.append(f"{folder}/{value}")
        if name:
            found[name] = [path for path in paths if not _DOCUMENTS.match(path)]
    return found


def read_rpm_database(data: bytes) -> list[list[Any]] | None:
    """Name, paths and configuration files of each package in rpm's SQLite database; None for another file."""
    if not data.startswith(b"SQLite format 3\0"):
        return None
    database = sqlite3.connect(":memory:")
    try:
        database.deserialize(data)
        rows = database.execute("SELECT blob FROM Packages ORDER BY hnum").fetchall()
        return [_rpm_header(blob) for (blob,) in rows]
    except (sqlite3.Error, struct.error, ValueError, IndexError):
        return None
    finally:
        database.close()


def _rpm_header(blob: bytes) -> list[Any]:
    """One header (RPM's file format, "Header Structure"): an index of tags over a store, big-endian."""
    count, _ = struct.unpack_from(">II", blob)
    store = 8 + 16 * count
    index = {
        tag: (offset, number)
        for tag, _, offset, number in struct.iter_unpack(">IIII", blob[8:store])
    }  # fmt: skip

    def strings(tag: int) -> list[str]:
        offset, number = index.get(tag, (0, 0))
        return [
            part.decode("utf-8", "surrogateescape")
            for part in blob[store + offset :].split(b"\0", number)[:number]
        ]

    def numbers(tag: int) -> tuple[int, ...]:
        offset, number = index.get(tag, (0, 0))
        return struct.unpack_from(f">{number}I", blob, store + offset)

    folders = strings(_RPM_DIRNAMES)
    paths = [
        folders[folder] + name
        for name, folder in zip(strings(_RPM_BASENAMES), numbers(_RPM_INDEXES), strict=True)
    ]
    flags = numbers(_RPM_FLAGS)
    conffiles = [path for path, flag in zip(paths, flags, strict=False) if flag & _RPM_CONFIG]
    return [strings(_RPM_NAME)[0], [path for path in paths if not _DOCUMENTS.match(path)], conffiles]


DPKG_STATUS = Extractor("dpkg-status", 1, read_dpkg_status)
DPKG_LIST = Extractor("dpkg-list", 1, read_dpkg_list)
DPKG_DIGESTS = Extractor("dpkg-md5sums", 1, read_dpkg_digests)
APK_DATABASE = Extractor("apk-installed", 1, read_apk_database)
RPM_DATABASE = Extractor("rpmdb", 1, read_rpm_database)


def works(package: Package, path: str) -> bool:
    """Whether a package's file does something: it is no licence, no documentation, and not configuration
    that something else may have asked for."""
    if path.startswith(("/usr/share/doc/", "/usr/share/licenses/", "/usr/share/lintian/")):
        return False
    return path not in package.conffiles and name_of(path) not in ("copyright", "COPYING", "LICENSE")


def working_packages(database: PackageDatabase, kept: Iterable[str]) -> dict[Manager, list[str]]:
    """Names of the packages with at least one kept file that does something, sorted, by manager: what a
    scanner should find in the slim image."""
    found: dict[Manager, set[str]] = {}
    for path in kept:
        package = database.package_of(path)
        if package is not None and works(package, path):
            found.setdefault(package.manager, set()).add(package.name)
    return {manager: sorted(names) for manager, names in found.items()}
