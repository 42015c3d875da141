"""What the author's instructions put into the image: the roots that are there on purpose."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from analyzer.evidence import Evidence
from analyzer.filesystem import Entry, Filesystem, ancestors, name_of, parent_of
from analyzer.resolvers.hierarchy import SHARED_DIRECTORIES

# What tools install, build in or keep for themselves inside a project: what is needed of it is for the
# language's resolver to say.
_INSTALLED = re.compile(
    r"/(node_modules|site-packages|dist-packages|\.venv|venv|\.tox|\.git|\.cache|\.npm|\.yarn"
    r"|\.gradle|\.m2|\.cargo|\.bundle|\.next/cache)(/|$)"
)

# What package managers of Node leave in a `node_modules` that they filled.
_NODE_RECORDS = frozenset((".package-lock.json", ".yarn-integrity", ".yarn-state.yml", ".modules.yaml"))

# Build directories, by the file beside them that says whose they are.
_BUILT = {"target": ("Cargo.toml", "pom.xml"), "obj": ("*.csproj",), ".build": ("Package.swift",)}

# A layer with one of these brings a system: a base that the author copied whole, nothing of the app.
_BASE_SYSTEM = ("/etc/os-release", "/usr/lib/os-release", "/var/lib/dpkg/status", "/lib/apk/db/installed")


@dataclass(frozen=True, slots=True)
class Brought:
    """The instruction behind a layer: its root's name ("author: line 12") and its keyword."""

    source: str
    keyword: str

    @property
    def copies(self) -> bool:
        return self.keyword in ("COPY", "ADD")


def author_roots(
    fs: Filesystem,
    layers: Mapping[int, Brought],
    *,
    workdir: str = "",
    owned: Container[str] = (),
    installed: Container[str] = (),
) -> list[Evidence]:
    """Evidence for what the author's instructions brought; `layers` are those of the author's own file.

    What COPY and ADD put there stays, but for what a package installer filled. What a RUN made inside a
    project (a directory that COPY put files in, or the working directory) stays as well: built assets, a
    downloaded model; but not what a tool installed there, nor what a package owns (`owned`). Nothing that an
    installer's record names (`installed`) is the author's, whichever stage it was copied from. A directory
    with nothing else in it is kept as a whole, so that a file which comes into it next week comes along.
    """
    bases = {fs.entries[path].layer for path in _BASE_SYSTEM if path in fs}
    walk = _Walk(
        fs, {layer: one for layer, one in layers.items() if layer not in bases}, workdir, owned, installed
    )
    return walk.below("/", False)[0]


class _Walk:
    def __init__(
        self,
        fs: Filesystem,
        layers: Mapping[int, Brought],
        workdir: str,
        owned: Container[str],
        installed: Container[str],
    ) -> None:
        self.fs = fs
        self.layers = layers
        self.workdir = workdir
        self.owned = owned
        self.installed = installed
        # Directories with something of the author's below: all others are passed over.
        self.touched: set[str] = {"/"}
        for entry in fs:
            if entry.layer in layers or entry.origin in layers:
                for above in ancestors(entry.path):
                    if above in self.touched:
                        break
                    self.touched.add(above)

    def below(self, directory: str, project: bool, installed: bool = False) -> tuple[list[Evidence], bool]:
        """Evidence for what is below a directory, and whether that is all there is."""
        installed = installed or self._marked(directory)
        project = directory not in SHARED_DIRECTORIES and (project or self._project(directory))
        found: list[Evidence] = []
        whole = True
        for path in self.fs.children(directory):
            entry = self.fs.entries[path]
            if entry.kind == "dir" and self.fs.names(path):
                if path not in self.touched:
                    whole = False
                    continue
                inner, all_of_it = self.below(path, project, installed)
                found += inner
                whole = whole and all_of_it
            elif not installed and self._stays(entry, project):
                brought = self._brought(entry)
                assert brought is not None
                found.append(self._evidence(path, brought))
            else:
                whole = False
        if whole and found and directory not in SHARED_DIRECTORIES:
            return [self._whole(directory, found)], True
        return found, whole

    def _project(self, directory: str) -> bool:
        return directory == self.workdir or any(
            brought.copies
            for entry in (self.fs.entries[path] for path in self.fs.children(directory))
            if entry.kind != "dir" and (brought := self._brought(entry)) is not None
        )

    def _marked(self, directory: str) -> bool:
        """Does an installer's own record say that it filled this directory? Then the language's resolver says
        what of it is needed, whichever stage it was copied from."""
        names = self.fs.names(directory)
        name = name_of(directory)
        if name in ("site-packages", "dist-packages"):
            return any(one.endswith((".dist-info", ".egg-info")) for one in names)
        if name == "node_modules":
            return not _NODE_RECORDS.isdisjoint(names)
        if name == "vendor":
            return "installed.json" in self.fs.names(f"{directory}/composer")
        return "pyvenv.cfg" in names or ("gems" in names and "specifications" in names)

    def _brought(self, entry: Entry) -> Brought | None:
        """What brought a file: a COPY, though a RUN has changed its mode or owner since."""
        last, first = self.layers.get(entry.layer), self.layers.get(entry.origin)
        return first if first is not None and first.copies and not (last and last.copies) else last

    def _stays(self, entry: Entry, project: bool) -> bool:
        brought = self._brought(entry)
        if brought is None or entry.path in self.installed:
            return False
        if brought.copies:
            return True
        return project and entry.path not in self.owned and not self._installed(entry.path)

    def _installed(self, path: str) -> bool:
        if _INSTALLED.search(path):
            return True
        return any(
            fnmatch.filter(self.fs.names(parent_of(above)), marker)
            for above in ancestors(path)
            for marker in _BUILT.get(name_of(above), ())
        )

    def _whole(self, directory: str, found: list[Evidence]) -> Evidence:
        """One reason for all: that of a COPY where there is one."""
        first = min(
            found, key=lambda one: (" COPY " not in one.reason and " ADD " not in one.reason, one.path)
        )
        return Evidence(directory, "author", first.source, first.reason, tree=True)

    def _evidence(self, path: str, brought: Brought) -> Evidence:
        verb = "put it there" if brought.copies else "made it inside the project"
        return Evidence(path, "author", brought.source, f"the author's {brought.keyword} {verb}")
