"""Which distribution owns a file of a site directory, what it needs, and what of it is run time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from analyzer.filesystem import join, name_of, parent_of
from analyzer.resolvers import python_metadata as metadata
from analyzer.resolvers.interface import View
from analyzer.resolvers.python_path import Finder

# Installers and builders of distributions: other code names them in try branches, so that only an import
# that a program itself makes brings them in.
TOOLING = frozenset(("pip", "setuptools", "wheel", "virtualenv", "pipenv", "poetry"))
_INFO = re.compile(r"\A([A-Za-z0-9].*?)(?:-\d.*|-py\d.*)?\.(?:dist-info|egg-info)\Z")
_APART = frozenset(("tests", "test"))
# Cython's and C's sources of an extension module, and the text of a message catalogue.
_SOURCES = (".c", ".cpp", ".cxx", ".pyx", ".po")
_OUTSIDE = re.compile(r"/(?:s?bin|include|Scripts)/|/share/(?:man|doc|info)/")


@dataclass(slots=True)
class Distribution:
    """An installed distribution, or a bare top-level package that no metadata claims (`info` is "")."""

    name: str  # normalised
    site: str
    info: str = ""
    files: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()  # distributions that it declares without an extra
    optional: frozenset[str] = frozenset()
    entry_points: tuple[tuple[str, str, str], ...] = ()
    # Set while resolving: its modules load others by computed names, or a framework drives it by name.
    open: bool = False

    @property
    def tooling(self) -> bool:
        return self.name in TOOLING

    def run_time(self) -> Iterator[str]:
        """Its files but for test suites, commands, manuals, headers and sources of compiled files."""
        compiled = {
            path.rpartition("/")[0] + "/" + path.rpartition("/")[2].partition(".")[0]
            for path in self.files
            if path.endswith((".so", ".mo"))
        }
        for path in self.files:
            if path.endswith(_SOURCES) and path.rpartition(".")[0] in compiled:
                continue
            inside = path.startswith(f"{self.site}/")
            parts = path[len(self.site) + 1 :].split("/")[:-1] if inside else []
            if path.endswith(".pyc") or _APART.intersection(parts):
                continue
            if not inside and _OUTSIDE.search(path):
                continue
            yield path


@dataclass(slots=True)
class Distributions:
    """The distributions of all site directories seen so far."""

    view: View
    finder: Finder
    sites: set[str] = field(default_factory=set)
    # Directories among them that may hold an app's own modules as well: what no metadata claims is no part of
    # a distribution there.
    shared: set[str] = field(default_factory=set)
    _owners: dict[str, Distribution] = field(default_factory=dict)
    _tops: dict[str, Distribution] = field(default_factory=dict)
    _names: dict[tuple[str, str], Distribution] = field(default_factory=dict)

    def add_site(self, site: str, *, shared: bool = False) -> None:
        if site in self.sites:
            return
        self.sites.add(site)
        if shared:
            self.shared.add(site)
        infos = [name for name in self.finder.names(site) if _INFO.match(name)]
        records = self.view.facts.get_many(metadata.RECORD, [f"{site}/{name}/RECORD" for name in infos])
        for name in infos:
            made = self._read(site, name, records.get(f"{site}/{name}/RECORD"))
            self._names[(site, made.name)] = made
            for path in made.files:
                self._owners.setdefault(path, made)

    def _read(self, site: str, name: str, record: list[str] | None) -> Distribution:
        info = f"{site}/{name}"
        match = _INFO.match(name)
        project = metadata.normalised(match[1] if match else name)
        facts = self.view.facts
        if self.finder.is_dir(info):
            needs = facts.get(metadata.REQUIREMENTS, f"{info}/METADATA") or []
            needs += facts.get(metadata.REQUIREMENTS, f"{info}/PKG-INFO") or []
            needs += facts.get(metadata.EGG_REQUIREMENTS, f"{info}/requires.txt") or []
            points = facts.get(metadata.ENTRY_POINTS, f"{info}/entry_points.txt") or []
        else:
            needs, points = facts.get(metadata.REQUIREMENTS, info) or [], []
        required = frozenset(need for need, marker in needs if "extra" not in marker)
        return Distribution(
            project,
            site,
            info,
            tuple(sorted(self._files(site, info, project, record))),
            required,
            frozenset(need for need, _ in needs) - required,
            tuple((group, point, module) for group, point, module in points),
        )

    def _files(self, site: str, info: str, project: str, record: list[str] | None) -> set[str]:
        files = set(self._below(info))
        if record is not None:
            return files | {path for path in (join(site, item) for item in record) if path in self.view.fs}
        for item in self.view.facts.get(metadata.LINES, f"{info}/installed-files.txt") or ():
            files.add(join(info, item))
        tops = self.view.facts.get(metadata.LINES, f"{info}/top_level.txt")
        for top in tops or (project.replace("-", "_"),):
            files.update(self._top_level(site, top))
        return {path for path in files if path in self.view.fs}

    def _top_level(self, site: str, top: str) -> Iterator[str]:
        for name in self.finder.stems(site).get(top, ()):
            if not _INFO.match(name):
                yield from self._below(f"{site}/{name}")

    def _below(self, path: str) -> Iterator[str]:
        if not self.finder.is_dir(path):
            if path in self.view.fs:
                yield path
            return
        real = self.finder.real(path)
        for entry in self.view.fs.below(real):
            if entry.kind != "dir":
                yield path + entry.path[len(real) :]

    def owner(self, path: str) -> Distribution | None:
        """The distribution of a file; None for a file in no site directory, or an app's own in one."""
        found = self._owners.get(path)
        if found is not None:
            return found
        site = next((at for at in _parents(path) if at in self.sites), None)
        if site is None or site in self.shared:
            return None
        top = path[len(site) + 1 :].partition("/")[0]
        stem = top.partition(".")[0]
        key = f"{site}/{stem}"
        if key not in self._tops:
            files = [item for item in self._top_level(site, stem) if item not in self._owners]
            self._tops[key] = Distribution(metadata.normalised(stem), site, files=tuple(sorted(files)))
        return self._tops[key]

    def named(self, name: str, sites: Iterable[str]) -> Distribution | None:
        """The first distribution of this name in an order of site directories."""
        project = metadata.normalised(name)
        return next((self._names[(site, project)] for site in sites if (site, project) in self._names), None)

    def all_in(self, sites: Iterable[str]) -> Iterator[Distribution]:
        wanted = set(sites)
        for (site, _), made in sorted(self._names.items()):
            if site in wanted:
                yield made


def _parents(path: str) -> Iterator[str]:
    at = parent_of(path)
    while at != "/":
        yield at
        at = parent_of(at)


def is_info(path: str) -> bool:
    return bool(_INFO.match(name_of(path)))
