"""PHP: ini files and the extensions that they load, Composer's packages, FPM's pools, include paths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from analyzer.evidence import Evidence
from analyzer.filesystem import join, name_of, parent_of
from analyzer.resolvers.folders import links_to_folder
from analyzer.resolvers.interface import Extractor, Finding, View

_RUNTIME = re.compile(r"\A(?:php(?:\d[\d.]*)?|php-fpm[\d.]*|php-cgi[\d.]*|libphp[\d.]*\.so.*|frankenphp)\Z")
_DIRECTORY = re.compile(rb"(?<=[\0:])/[\w./+-]*php[\w./+-]*(?=[\0:])")
_SETTING = re.compile(r"^\s*(?:php_(?:admin_)?value\[)?([\w.]+)\]?\s*=\s*\"?([^\";\n]*)", re.MULTILINE)
_INCLUDE = re.compile(
    rb"\b(?:require|include)(?:_once)?\s*\(?\s*(__DIR__\s*\.\s*|dirname\(__FILE__\)\s*\.\s*)?[\"']([^\"'$\n]+)[\"']"
)
_TESTS = frozenset(("tests", "test", "Tests", "Test", "docs", ".github"))


def read_places(data: bytes) -> list[str]:
    """Paths with `php` in them that the program spells: its ini folder, scan folder, extension folder."""
    return sorted({match.decode("utf-8", "surrogateescape") for match in _DIRECTORY.findall(data)})


def read_ini(data: bytes) -> list[list[str]]:
    """[setting, value] of an ini file or an FPM pool, comments left out."""
    lines = (
        line for line in data.decode("utf-8", "replace").splitlines() if not line.lstrip().startswith(";")
    )
    return [[name, value.strip()] for name, value in _SETTING.findall("\n".join(lines))]


def read_includes(data: bytes) -> list[list[str]]:
    """[prefix, file] of each include whose name is constant; the prefix is "here" after __DIR__."""
    found = {
        ("here" if prefix else "", name.decode("utf-8", "replace")) for prefix, name in _INCLUDE.findall(data)
    }
    return sorted([prefix, name] for prefix, name in found)


def read_installed(data: bytes) -> list[dict[str, Any]]:
    """Packages of Composer's installed.json: `path` (relative to vendor/composer), `dev`, `files` (it is
    loaded at every start), `commands` (names in vendor/bin)."""
    try:
        document = json.loads(data)
    except ValueError:
        return []
    packages = document.get("packages", []) if isinstance(document, dict) else document
    development = set(document.get("dev-package-names", [])) if isinstance(document, dict) else set()
    rows = []
    for item in packages if isinstance(packages, list) else []:
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            rows.append(
                {
                    "path": item.get("install-path") or f"../{item['name']}",
                    "dev": item["name"] in development,
                    "files": bool((item.get("autoload") or {}).get("files")),
                    "commands": [name_of(place) for place in _texts(item.get("bin"))],
                }
            )
    return rows


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


PLACES = Extractor("php.places", 1, read_places)
INI = Extractor("php.ini", 1, read_ini)
INCLUDES = Extractor("php.includes", 1, read_includes)
INSTALLED = Extractor("php.installed", 2, read_installed)


class Php:
    """State of one closure: folders of extensions and include paths."""

    name = "php"

    def __init__(self) -> None:
        self._extensions: list[str] = []
        self._wanted: dict[str, str] = {}
        self._include_path: list[str] = ["/usr/share/php", "/usr/local/lib/php"]
        self._vendors: set[str] = set()
        self._waiting: list[str] = []
        self._active = False

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        return list(self._step(view, new))

    def _step(self, view: View, new: Sequence[str]) -> Iterator[Finding]:
        for path in new:
            if _RUNTIME.match(name_of(path)) and view.fs.lookup(path) is not None:
                yield from self._runtime(view, path)
        self._waiting.extend(new)
        if self._active:
            batch, self._waiting = self._waiting, []
            yield from self._inis(view, [path for path in batch if path.endswith((".ini", ".conf"))])
            yield from self._sources(
                view, [path for path in batch if path.endswith((".php", ".phtml", ".inc"))]
            )

    def _runtime(self, view: View, path: str) -> Iterator[Finding]:
        places = view.facts.get(PLACES, path) or ()
        self._active = self._active or bool(places) or name_of(path).startswith("libphp")
        scan = view.config.variable("PHP_INI_SCAN_DIR")
        for place in dict.fromkeys((*places, *scan.split(":"))):
            entry = view.fs.lookup(place) if place.startswith("/") else None
            if entry is None or entry.kind != "dir":
                continue
            names = view.fs.names(entry.path)
            for name in names:
                if name == "php.ini" or name.startswith("php-") or name.endswith(".ini"):
                    yield Evidence(join(place, name), "imported", path, "php reads it at its start")
                elif name in ("php-fpm.conf", "php-fpm.d", "pool.d") and "fpm" in name_of(path):
                    yield Evidence(join(place, name), "imported", path, "FPM reads its pools", tree=True)
            if any(name.endswith(".so") for name in names):
                yield from self._add_extensions(view, place)

    def _add_extensions(self, view: View, place: str) -> Iterator[Finding]:
        if place not in self._extensions:
            self._extensions.append(place)
            for name, origin in list(self._wanted.items()):
                yield from self._extension(view, place, name, origin)

    def _extension(self, view: View, place: str, name: str, origin: str) -> Iterator[Finding]:
        file = name if name.startswith("/") else join(place, name if name.endswith(".so") else f"{name}.so")
        if view.fs.lookup(file) is not None:
            yield Evidence(file, "imported", origin, f"extension={name}")

    def _inis(self, view: View, paths: Sequence[str]) -> Iterator[Finding]:
        for path, settings in view.facts.get_many(INI, paths).items():
            for name, value in settings or ():
                if name in ("extension", "zend_extension") and value:
                    if value not in self._wanted:
                        self._wanted[value] = path
                        for place in self._extensions:
                            yield from self._extension(view, place, value, path)
                elif name == "extension_dir" and value.startswith("/"):
                    yield from self._add_extensions(view, value)
                elif name == "include_path":
                    self._include_path.extend(part for part in value.split(":") if part.startswith("/"))
                elif name == "include":
                    yield from _globbed(view, path, join(parent_of(path), value))
                elif name in ("chdir", "doc_root"):
                    continue
                elif value.startswith("/") and value != "/" and view.fs.lookup(value) is not None:
                    yield Evidence(value, "imported", path, f"{name} names it")

    def _sources(self, view: View, paths: Sequence[str]) -> Iterator[Finding]:
        for path, includes in view.facts.get_many(INCLUDES, paths).items():
            here = parent_of(path)
            for prefix, name in includes or ():
                bases = [here] if prefix or name.startswith("./") else [here, *self._include_path]
                for base in bases:
                    place = join(base, name.lstrip("/") if prefix else name)
                    entry = view.fs.lookup(place)
                    if entry is not None and entry.kind == "file":
                        yield Evidence(place, "imported", path, f"includes {name}")
                        break
            if name_of(here) == "vendor" or name_of(path) == "autoload.php":
                yield from self._composer(view, here, path)

    def _composer(self, view: View, vendor: str, origin: str) -> Iterator[Finding]:
        """Composer's packages: each class of them may be loaded by its name."""
        manifest = join(vendor, "composer/installed.json")
        packages = view.facts.get(INSTALLED, manifest)
        if packages is None or vendor in self._vendors:
            return
        self._vendors.add(vendor)
        for entry in view.fs.children(view.fs.resolve(join(vendor, "composer")).path):
            if view.fs.entries[entry].kind == "file":
                yield Evidence(
                    join(vendor, f"composer/{name_of(entry)}"), "imported", origin, "Composer's autoloader"
                )
        for package in packages:
            # A package for development goes, unless the autoloader opens files of it at every start.
            if package["dev"] and not package["files"]:
                continue
            yield from _package(view, join(vendor, f"composer/{package['path']}"), manifest)
            for command in package["commands"]:
                if view.fs.lookup(join(vendor, f"bin/{command}")) is not None:
                    yield Evidence(
                        join(vendor, f"bin/{command}"), "imported", manifest, "a command of a package"
                    )


def _package(view: View, place: str, origin: str) -> Iterator[Finding]:
    real = view.fs.resolve(place)
    pending = [] if real.missing else [real.path]
    while pending:
        at = pending.pop()
        for path in view.fs.children(at):
            if view.fs.entries[path].kind != "dir":
                reason = f"part of the package {name_of(place)}"
                yield Evidence(path, "imported", origin, reason, tree=links_to_folder(view.fs, path))
            elif not (at == real.path and name_of(path) in _TESTS):
                pending.append(path)


def _globbed(view: View, origin: str, pattern: str) -> Iterator[Evidence]:
    directory = view.fs.resolve(parent_of(pattern)).path
    for name in view.fs.names(directory):
        if fnmatchcase(name, name_of(pattern)):
            yield Evidence(join(parent_of(pattern), name), "imported", origin, f"include={pattern}")
