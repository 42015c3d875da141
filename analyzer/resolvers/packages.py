"""What is kept for a package's sake: licence, configuration, its own directories; whole packages where the
main program or the coverage level asks for them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer.evidence import Evidence, EvidenceKind, Unresolved
from analyzer.filesystem import Filesystem
from analyzer.resolvers.commands import find_command, search_path
from analyzer.resolvers.hierarchy import INTERPRETERS, NOT_RUN, OPTIONAL, OTHERS, SHARED_DIRECTORIES
from analyzer.resolvers.interface import Finding, View
from analyzer.resolvers.packagedb import Package, PackageDatabase, read_database, works
from analyzer.resolvers.script import command_lines
from analyzer.shell import read
from analyzer.shell.calls import calls


class Packages:
    """Keeps, for each package with a kept file that does something, its licence, its configuration and the
    directories that it made for its data; the package of the main program whole."""

    name = "packages"

    def __init__(self) -> None:
        self._database: PackageDatabase | None = None
        self._reached: set[str] = set()

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        if self._database is None:
            self._database = read_database(view.fs, view.facts)
            if self._database.unread:
                yield Unresolved(self._database.unread, self.name, "a package database that cannot be read")
            for source, path in main_programs(view):
                package = self._database.package_of(path)
                if package is not None and not package.essential and not INTERPRETERS.search(path):
                    yield from _whole(package, source, f"all of {package.name}: the main program's")
        for package in _reached(self._database, new):
            if package.name not in self._reached:
                self._reached.add(package.name)
                yield from _beside(view.fs, package)


class WholePackages:
    """Keeps every package whole that has a kept file which does something."""

    name = "whole packages"

    def __init__(self) -> None:
        self._database: PackageDatabase | None = None
        self._reached: set[str] = set()

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Evidence]:
        self._database = self._database or read_database(view.fs, view.facts)
        for package in _reached(self._database, new):
            if package.name not in self._reached:
                self._reached.add(package.name)
                yield from _whole(package, f"package: {package.name}", f"all of {package.name}")


def package_roots(database: PackageDatabase, names: Iterable[str]) -> Iterator[Evidence]:
    """Roots for packages that the user names. Raises KeyError for one that is not installed."""
    for name in names:
        yield from _whole(database.packages[name], f"package: {name}", f"--keep-package {name}", "asked")


def main_programs(view: View) -> Iterator[tuple[str, str]]:
    """What the image's start calls: the root's name and the path, links in its directory resolved."""
    for source, words in command_lines(view.config):
        if source != "entrypoint":
            continue
        for call in calls(read(shlex.join(words))):
            found = find_command(
                view.fs, call.values[0] or "", search_path(view.config), view.config.workdir or "/"
            )
            if found is not None:
                # A link may be another package's than what it leads to: it is the link that was named.
                yield source, view.fs.resolve(found, follow=False).path


def _reached(database: PackageDatabase, new: Sequence[str]) -> Iterator[Package]:
    for path in new:
        package = database.package_of(path)
        if package is not None and works(package, path):
            yield package


def _beside(fs: Filesystem, package: Package) -> Iterator[Evidence]:
    source = f"package: {package.name}"
    reason = f"the licence of {package.name}"
    yield Evidence(f"/usr/share/doc/{package.name}/copyright", "package", source, reason)
    yield Evidence(f"/usr/share/licenses/{package.name}", "package", source, reason, tree=True)
    for path in package.conffiles:
        if not OTHERS.match(path):
            yield Evidence(path, "package", source, f"configuration of {package.name}")
    for path in package.paths:
        if (
            path.startswith(("/var/", "/srv/", "/run/"))
            and fs.entries[path].kind == "dir"
            and path not in SHARED_DIRECTORIES
        ):
            yield Evidence(path, "package", source, f"a directory that {package.name} made for its data")


def _whole(package: Package, source: str, reason: str, kind: EvidenceKind = "package") -> Iterator[Evidence]:
    for path in package.paths:
        if not NOT_RUN.search(path) and not OPTIONAL.search(path) and not OTHERS.match(path):
            yield Evidence(path, kind, source, reason)
