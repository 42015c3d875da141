"""Names to files: what a request to import reaches, in every environment and root it can mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from analyzer.evidence import Evidence
from analyzer.filesystem import name_of, parent_of
from analyzer.resolvers.folders import links_to_folder
from analyzer.resolvers.interface import View
from analyzer.resolvers.python_distributions import Distribution, Distributions
from analyzer.resolvers.python_path import Environment, Finder, Found, fits
from analyzer.resolvers.python_standard import BY_IMPORT_ONLY, NOT_FOLLOWED, WITHOUT

# import: an import statement, or a call with the same effect · module: run with -m · name: a dotted text that
# may end in attributes · word: one word that may be a package of a site directory · startup: a .pth's import
Mode = Literal["import", "module", "name", "word", "startup"]


_REASONS: dict[Mode, str] = {
    "import": "import ",
    "module": "runs module ",
    "name": "names ",
    "word": "names ",
    "startup": "a .pth file imports ",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A name to look up. Leading dots make it relative to the importer's directory; `items` are what `from`
    takes of it; `importer` is a path, or a root such as "entrypoint"."""

    importer: str
    name: str
    mode: Mode = "import"
    items: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        return _REASONS[self.mode] + self.name


@dataclass(slots=True)
class Lookup:
    """All requests so far, answered against all environments and roots so far: each pair once, so that the
    order in which they come makes no difference."""

    view: View
    finder: Finder
    distributions: Distributions
    environments: list[Environment] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    requests: dict[Request, None] = field(default_factory=dict)
    # Files that an import reaches, and files that are kept only because their distribution is.
    reached: set[str] = field(default_factory=set)
    passive: set[str] = field(default_factory=set)
    startup: set[str] = field(default_factory=set)
    # Environments of interpreters that are known only as the base of a virtual one: their own site
    # directories serve nobody, unless a command or a shebang names the interpreter itself.
    secondary: set[Environment] = field(default_factory=set)
    # Files that `-m` runs: their `if __name__ == "__main__"` counts.
    mains: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    # First names that anything searched so far has: most words in a source are nothing that can be imported.
    _offered: set[str] = field(default_factory=set)
    _blocked: dict[str, list[tuple[Request, Found, Environment | None]]] = field(default_factory=dict)
    _activated: list[str] = field(default_factory=list)
    _whole: set[tuple[str, str]] = field(default_factory=set)

    # -- what may be searched -----------------------------------------------------------------------------
    def add_environment(self, environment: Environment) -> Iterator[Evidence]:
        if environment in self.environments:
            return
        self.environments.append(environment)
        self._offer((*environment.path, *environment.sites))
        self._offered.update(module.partition(".")[0] for module, _ in environment.mapped)
        for site in environment.sites:
            self.distributions.add_site(site, shared=site in environment.targets)
        for request in list(self.requests):
            yield from self._in_environment(request, environment)
            for root in self.roots:
                yield from self._in_root(request, root, environment)

    def promote(self, environment: Environment) -> Iterator[Evidence]:
        if environment in self.secondary:
            self.secondary.discard(environment)
            for request in list(self.requests):
                yield from self._in_environment(request, environment)

    def add_root(self, root: str) -> Iterator[Evidence]:
        """A directory that an app's own modules are looked up in: its script's, the working directory, …"""
        if root in self.roots or not self.finder.is_dir(root):
            return
        self.roots.append(root)
        self._offer([root])
        if any(name.endswith((".dist-info", ".egg-info")) for name in self.finder.names(root)):
            self.distributions.add_site(root, shared=True)
        for request in list(self.requests):
            for environment in self.environments:
                yield from self._in_root(request, root, environment)

    def ask(self, request: Request) -> Iterator[Evidence]:
        if request in self.requests:
            return
        self.requests[request] = None
        if request.name.startswith("."):
            yield from self._relative(request)
            return
        first = request.name.partition(".")[0]
        if first and first not in self._offered and "*" not in first:
            return
        for environment in self.environments:
            yield from self._in_environment(request, environment)
            for root in self.roots:
                yield from self._in_root(request, root, environment)

    def _offer(self, directories: Sequence[str]) -> None:
        for directory in directories:
            self._offered.update(self.finder.stems(directory))

    # -- searches -----------------------------------------------------------------------------------------
    def _relative(self, request: Request) -> Iterator[Evidence]:
        rest = request.name.lstrip(".")
        base = parent_of(request.importer)
        for _ in range(len(request.name) - len(rest) - 1):
            base = parent_of(base)
        for environment in self.environments:
            yield from self._search(request, [base], rest, environment)

    def _in_environment(self, request: Request, environment: Environment) -> Iterator[Evidence]:
        if request.name.startswith("."):
            yield from self._relative(request)
            return
        holders = [item for item in self.environments if item.holds(request.importer)]
        if holders and environment not in holders:
            return
        if not holders and environment in self.secondary:
            return
        path = environment.path
        if self._is_standard(request.importer, environment):
            path = tuple(at for at in path if at not in environment.sites)
        elif request.mode == "word" or self._too_large(request):
            path = environment.sites
        yield from self._search(request, path, request.name, environment)
        if not self._is_standard(request.importer, environment):
            # How a program comes by these is not known, nor before or behind what it searches them.
            for target in environment.targets:
                if target not in path:
                    yield from self._search(request, [target], request.name, environment)
        for module, place in environment.mapped:
            if request.name == module or request.name.startswith(f"{module}."):
                yield from self._search(request, [parent_of(place)], request.name, environment)

    def _in_root(self, request: Request, root: str, environment: Environment) -> Iterator[Evidence]:
        if not request.name.startswith(".") and not environment.holds(request.importer):
            yield from self._search(request, [root], request.name, environment)

    def _too_large(self, request: Request) -> bool:
        return request.mode == "name" and request.name.partition(".")[0] in BY_IMPORT_ONLY

    def _is_standard(self, importer: str, environment: Environment) -> bool:
        return importer.startswith(f"{environment.stdlib}/") and self.distributions.owner(importer) is None

    def _search(
        self, request: Request, path: Sequence[str], name: str, environment: Environment
    ) -> Iterator[Evidence]:
        parts = [part for part in name.split(".") if part]
        if parts and not self.finder.offers(tuple(path), parts[0]) and "*" not in parts[0]:
            return
        if "*" in name:
            yield from self._pattern(request, list(path), parts, environment)
            return
        portions = list(path)
        way, depth = self.finder.walk(portions, parts, environment.version)
        if request.mode == "word" and not (way and way[-1].directory):
            return
        if depth == 1 < len(parts) and request.mode == "import" and self._is_tooling(request, way[0]):
            # It fails as an import of nothing does, and nobody ships a build tool for that.
            return
        for found in way:
            yield from self._reach(request, found, environment)
        if depth < len(parts):
            return
        if request.mode == "module" and way:
            self.mains.update(way[-1].files)
        directories = [found.directory for found in way if found.directory][-1:] if parts else portions
        items = (*request.items, *(("__main__",) if request.mode == "module" else ()))
        for directory in directories if not way or way[-1].directory else ():
            for item in items:
                child = self.finder.child(directory, item, environment.version)
                if child is not None:
                    yield from self._reach(request, child, environment)

    def _is_tooling(self, request: Request, found: Found) -> bool:
        theirs = self.distributions.owner(found.files[0]) if found.files else None
        return (
            theirs is not None and theirs.tooling and theirs is not self.distributions.owner(request.importer)
        )

    def _pattern(
        self, request: Request, path: list[str], parts: list[str], environment: Environment
    ) -> Iterator[Evidence]:
        """Modules whose name fits where a part of it is only known at run time."""
        first = next(index for index, part in enumerate(parts) if "*" in part)
        portions = path
        if first:
            way, depth = self.finder.walk(path, parts[:first], environment.version)
            for found in way:
                yield from self._reach(request, found, environment)
            portions = [way[-1].directory] if depth == first and way[-1].directory else []
        for directory in portions:
            for stem in self.finder.stems(directory):
                if stem and fnmatchcase(stem, parts[first]):
                    child = self.finder.child(directory, stem, environment.version)
                    if child is None:
                        continue
                    yield from self._reach(request, child, environment)
                    if child.directory and parts[first + 1 :]:
                        deeper, _ = self.finder.walk(
                            [child.directory], parts[first + 1 :], environment.version
                        )
                        for found in deeper:
                            yield from self._reach(request, found, environment)

    # -- what a hit means ---------------------------------------------------------------------------------
    def _reach(self, request: Request, found: Found, environment: Environment | None) -> Iterator[Evidence]:
        if not found.files:
            yield Evidence(found.directory, "imported", request.importer, request.reason)
            return
        path = found.files[0]
        ours, theirs = self.distributions.owner(request.importer), self.distributions.owner(path)
        verdict = self._crossing(request, ours, theirs)
        if verdict == "no":
            return
        if verdict != "yes":
            # To be asked again when something turns out to run the importer.
            self._blocked.setdefault(request.importer, []).append((request, found, environment))
        if verdict == "later":
            return
        for item in found.files:
            yield Evidence(item, "imported", request.importer, request.reason)
            if verdict == "passive":
                self.passive.add(item)
            elif item not in self.reached:
                self.reached.add(item)
                yield from self.activate(item)
        if request.mode == "startup":
            self.startup.update(found.files)
        elif theirs is not None and environment is not None:
            if request.mode in ("name", "word") and theirs is not ours:
                theirs.open = True
            yield from self.keep_whole(theirs, path, environment)

    def _crossing(
        self, request: Request, ours: Distribution | None, theirs: Distribution | None
    ) -> Literal["yes", "no", "later", "passive"]:
        """May a name in one place bring in a file of another?"""
        importer = request.importer
        if theirs is None and ours is None and self._spared(importer, request.name):
            return "no"
        if importer in self.startup and ours is not None and ours.tooling:
            return "yes" if theirs is None and request.name.partition(".")[0] not in BY_IMPORT_ONLY else "no"
        active = self.runs(importer)
        if theirs is None or ours is None:
            return "yes"
        if ours is theirs:
            return "yes" if active else "passive"
        if theirs.name in ours.required and (active or not theirs.tooling):
            return "yes"
        if request.mode in ("name", "word"):
            return "yes" if theirs.name in ours.optional else "no"
        if active or (ours.open and not theirs.tooling):
            return "yes"
        return "later"

    def _spared(self, importer: str, name: str) -> bool:
        """Is this an import of the standard library that no program at work gets to?"""
        taken = self.standard_module(importer), name.partition(".")[0]
        better = WITHOUT.get(taken)
        return taken in NOT_FOLLOWED or (better is not None and self._has_extension(importer, better))

    def _has_extension(self, importer: str, name: str) -> bool:
        """Does the library that a standard module belongs to have this module, compiled?"""
        library = parent_of(importer)
        names = self.finder.stems(f"{library}/lib-dynload").get(name, ())
        return any(one.endswith(".so") for one in names)

    def standard_module(self, path: str) -> str:
        """The dotted name of a file of a standard library; "" for any other file."""
        for environment in self.environments:
            for base in (environment.stdlib, f"{environment.stdlib}/lib-dynload"):
                if path.startswith(f"{base}/") and self.distributions.owner(path) is None:
                    parts = path[len(base) + 1 :].split("/")
                    parts[-1] = parts[-1].partition(".")[0]
                    return ".".join(parts).removesuffix(".__init__")
        return ""

    def activate(self, path: str) -> Iterator[Evidence]:
        """A file that was kept only with its distribution turns out to be reached, or the first of it is."""
        # In a queue and not one within the other: chains of imports are long.
        self._activated.append(path)
        if len(self._activated) > 1:
            return
        for at in self._activated:
            owner = self.distributions.owner(at)
            if owner is not None and at in self.opaque and not owner.open:
                yield from self.open(owner)
            for request, found, environment in self._blocked.pop(at, ()):
                yield from self._reach(request, found, environment)
        self._activated.clear()

    def open(self, distribution: Distribution) -> Iterator[Evidence]:
        """Its modules load others by names that only the run knows: any of their imports can be needed."""
        distribution.open = True
        for importer in sorted(self._blocked):
            if self.distributions.owner(importer) is distribution:
                for request, found, environment in self._blocked.pop(importer):
                    yield from self._reach(request, found, environment)

    def keep_whole(
        self, distribution: Distribution, source: str, environment: Environment
    ) -> Iterator[Evidence]:
        if self.is_whole(distribution):
            return
        self._whole.add((distribution.site, distribution.name))
        for path in distribution.run_time():
            if not fits(name_of(path), environment.version):
                continue
            if path not in self.reached:
                self.passive.add(path)
            reason = f"part of the distribution {distribution.name}"
            yield Evidence(path, "imported", source, reason, tree=links_to_folder(self.view.fs, path))
        for need in sorted(distribution.required):
            wanted = self.distributions.named(need, environment.sites)
            if wanted is not None and not wanted.tooling:
                yield from self.keep_whole(wanted, distribution.info or source, environment)

    def runs(self, path: str) -> bool:
        """Can anything import this source, as against one that is only part of a kept distribution?"""
        return path in self.reached or path not in self.passive

    def installed(self, path: str) -> bool:
        """Is this part of an interpreter's library or of a distribution, as against an app's own?"""
        return any(item.holds(path) for item in self.environments) or self.owner(path) is not None

    def is_whole(self, distribution: Distribution) -> bool:
        return (distribution.site, distribution.name) in self._whole

    def owner(self, path: str) -> Distribution | None:
        return self.distributions.owner(path)
