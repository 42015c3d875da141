"""Applications of .NET: the host, the shared frameworks that a runtimeconfig.json asks for, where the host
looks for assemblies and native libraries, ICU.

Sources: the host's documents on default probing, framework version resolution and locating its installation;
`COREHOST_TRACE=1 dotnet …` says what the real one does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analyzer.evidence import Evidence, Unresolved
from analyzer.filesystem import join, name_of, parent_of
from analyzer.resolvers.commands import PACKAGE_MANAGERS, find_command, search_path
from analyzer.resolvers.dotnet_files import (
    ASSEMBLY,
    CULTURES,
    DEPENDENCIES,
    INSTALLED,
    RUNTIME_CONFIG,
    chosen,
    ordered,
)
from analyzer.resolvers.elf import may_be_elf
from analyzer.resolvers.elfreader import ELF
from analyzer.resolvers.interface import Finding, View
from analyzer.resolvers.needs import library_directories

_CONFIG = ".runtimeconfig.json"
# Where an application host looks for an installation that no variable and no file names.
_INSTALLATIONS = ("/usr/share/dotnet", "/usr/lib/dotnet", "/usr/lib64/dotnet", "/usr/local/share/dotnet")
_FRAMEWORK = "/shared/Microsoft."  # in the path of what is no application's own
# With `lib` in front since .NET 5.
_SHIMS = frozenset(("libSystem.Globalization.Native.so", "System.Globalization.Native.so"))
# A name that no other program opens: the OpenSSL shim of .NET, built into programs of a single file.
_SINGLE_FILE = "libssl.so.1.0.2"
_TRUE = frozenset(("1", "true"))
# Options of `dotnet` with a value: the first other word is the application, or a command of the SDK.
_WITH_VALUE = frozenset(
    "--additionalprobingpath --additional-deps --depsfile --runtimeconfig --fx-version --roll-forward"
    " --roll-forward-on-no-candidate-fx".split()
)
_ICU = re.compile(r"libicu(?:uc|i18n)\.so\.[\d.]+")


class Dotnet:
    """State of one closure: installations of the host, applications, and who wants ICU."""

    name = "dotnet"

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._installations: dict[str, str] = {}  # an installation's directory → what led there
        self._configs: dict[str, dict[str, Any]] = {}
        self._shims: list[str] = []
        self._cultures = ""  # a configuration that wants cultures
        self._folders: set[str] = set()

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        return list(self._step(view, new))

    def leftovers(self, view: View, kept: Mapping[str, Sequence[Evidence]]) -> Iterator[Unresolved]:
        for config, facts in self._configs.items():
            for reference in [] if facts["included"] else facts["frameworks"]:
                if not any(self._framework(view, root, reference) for root in self._installations):
                    yield Unresolved(config, self.name, f"wants {reference['name']}, which is not installed")

    def _step(self, view: View, new: Sequence[str]) -> Iterator[Finding]:
        for path in new:
            name = name_of(path)
            if name == "dotnet" or name.startswith("libhostfxr.so"):
                yield from self._host(view, path)
            if name.endswith(_CONFIG):
                yield from self._config(view, path)
        assemblies = [path for path in new if path.endswith((".dll", ".exe"))]
        for path in (*assemblies, *(path for path in new if view.fs.entries[path].executable)):
            yield from self._application(view, path, path)
        yield from self._imports(view, assemblies)
        yield from self._globalization(view, [path for path in new if may_be_elf(view.fs.entries[path])])

    # -- the host -----------------------------------------------------------------------------------------
    def _host(self, view: View, path: str) -> Iterator[Finding]:
        """The installation that a host belongs to, and what its command line starts."""
        real = view.fs.resolve(path).path
        root = parent_of(real)
        if name_of(path).startswith("libhostfxr"):
            root = parent_of(parent_of(parent_of(root)))
        yield from self._installation(view, root, path)
        if root not in self._installations or root in self._told:
            return
        self._told.add(root)
        workdir = view.config.workdir or "/"
        commands = [("entrypoint", view.config.command, workdir)]
        commands += [(program.path, program.argv, program.cwd or workdir) for program in view.programs]
        for origin, words, cwd in commands:
            yield from self._command(view, origin, list(words), cwd, root)
        for variable in ("DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "DOTNET_SHARED_STORE"):
            for place in view.config.variable(variable).split(":"):
                entry = view.fs.lookup(place) if place.startswith("/") else None
                if entry is not None:
                    holder = place if entry.kind == "dir" else parent_of(place)
                    yield Evidence(holder, "imported", path, f"{variable} names it", tree=holder != "/")

    def _installation(self, view: View, root: str, origin: str) -> Iterator[Finding]:
        versions = view.fs.names(join(root, "host/fxr"))
        if root in self._installations or not versions:
            return
        self._installations[root] = origin
        newest = ordered(versions)[-1]
        yield Evidence(
            join(root, f"host/fxr/{newest}"), "linked", origin, "the host loads its newest hostfxr", tree=True
        )
        for config in list(self._configs):
            yield from self._frameworks(view, config)

    def _command(self, view: View, origin: str, words: list[str], cwd: str, root: str) -> Iterator[Finding]:
        places = [place for place, word in enumerate(words) if name_of(word) == "dotnet"]
        pending = iter(words[places[0] + 1 :]) if places else iter(())
        for word in pending:
            if word in _WITH_VALUE:
                value = join(cwd, next(pending, ""))
                entry = view.fs.lookup(value)
                if entry is not None and value != "/":
                    yield Evidence(value, "imported", origin, f"{word} names it", tree=entry.kind == "dir")
            elif word.endswith((".dll", ".exe")):
                place = join(cwd, word)
                if view.fs.lookup(place) is not None:
                    yield Evidence(place, "imported", origin, "the host runs it")
                return
            elif word != "exec" and not word.startswith("-"):
                yield from self._sdk(view, origin, word, cwd, root)
                return

    def _sdk(self, view: View, origin: str, command: str, cwd: str, root: str) -> Iterator[Finding]:
        """`dotnet run` and its like build first: the SDK, the packages and the project, all of them."""
        home = view.config.variable("HOME", "/root")
        packages = view.config.variable("NUGET_PACKAGES", join(home, ".nuget"))
        for place in (root, packages, join(home, ".dotnet"), cwd):
            if place != "/" and view.fs.lookup(place) is not None and view.fs.names(join(root, "sdk")):
                yield Evidence(place, "imported", origin, f"dotnet {command} is the SDK's", tree=True)

    # -- applications -------------------------------------------------------------------------------------
    def _application(self, view: View, path: str, origin: str) -> Iterator[Finding]:
        """`App.dll`, or the program `App` beside it: a published folder, kept whole as it is read by name."""
        stem = path.removesuffix(".dll").removesuffix(".exe")
        config = f"{stem}{_CONFIG}"
        folder = parent_of(path)
        if folder in self._folders or view.fs.lookup(config) is None:
            return
        if view.fs.lookup(f"{stem}.dll") is None:
            return
        self._folders.add(folder)
        yield Evidence(config, "imported", origin, "the host reads it")
        for beside in view.fs.children(folder):
            yield Evidence(beside, "imported", origin, "a part of the application's folder", tree=True)

    def _config(self, view: View, path: str) -> Iterator[Finding]:
        facts = view.facts.get(RUNTIME_CONFIG, path)
        if not facts:
            return
        self._configs[path] = facts
        stem = path.removesuffix(_CONFIG)
        for suffix in (".dll", ".deps.json", ".runtimeconfig.dev.json"):
            if view.fs.lookup(stem + suffix) is not None:
                yield Evidence(stem + suffix, "imported", path, "the host reads it")
        if not self._cultures and not facts["invariant"] and _FRAMEWORK not in path:
            self._cultures = path
            yield from self._cultured(view)
        if not facts["included"]:
            yield from self._installed(view, path)
            yield from self._frameworks(view, path)
        yield from self._probed(view, path, facts)

    def _installed(self, view: View, config: str) -> Iterator[Finding]:
        """Where an application host finds the installation: a variable, a file in /etc, the usual places."""
        named = [value for name, value in view.config.env if name.startswith("DOTNET_ROOT")]
        for file in view.fs.names("/etc/dotnet"):
            if file.startswith("install_location"):
                place = f"/etc/dotnet/{file}"
                yield Evidence(place, "imported", config, "it says where .NET is installed")
                named += [view.facts.get(INSTALLED, place) or ""]
        for place in (*named, *_INSTALLATIONS):
            real = view.fs.resolve(place) if place.startswith("/") else None
            if real is not None and not real.missing and view.fs.names(join(real.path, "host/fxr")):
                yield Evidence(place, "linked", config, "the installation of .NET")
                yield from self._installation(view, real.path, config)
                return

    def _frameworks(self, view: View, config: str) -> Iterator[Finding]:
        facts = self._configs[config]
        for reference in [] if facts["included"] else facts["frameworks"]:
            for root in self._installations:
                place = self._framework(view, root, reference)
                if place:
                    reason = f"it wants {reference['name']} {reference['version']}"
                    yield Evidence(place, "linked", config, reason, tree=True)

    def _framework(self, view: View, root: str, reference: Mapping[str, str]) -> str:
        folder = join(root, f"shared/{reference['name']}")
        policy = view.config.variable("DOTNET_ROLL_FORWARD") or reference["roll_forward"]
        version = chosen(view.fs.names(folder), reference["version"], policy)
        return join(folder, version) if version else ""

    def _probed(self, view: View, config: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
        """Assets of the deps.json that are not in the application's folder, in the other probing paths."""
        stem = config.removesuffix(_CONFIG)
        more = view.facts.get(RUNTIME_CONFIG, f"{stem}.runtimeconfig.dev.json") or {}
        stores = [*facts["probing"], *more.get("probing", ()), *self._stores(view)]
        for library, asset in view.facts.get(DEPENDENCIES, f"{stem}.deps.json") or ():
            for store in stores:
                place = join(join(parent_of(config), store), f"{library}/{asset}")
                if view.fs.lookup(place) is not None:
                    yield Evidence(place, "imported", config, "named in its deps.json, in a probing path")

    def _stores(self, view: View) -> Iterator[str]:
        """The package store: DOTNET_SHARED_STORE, then that of the installation, by machine and framework."""
        roots = view.config.variable("DOTNET_SHARED_STORE").split(":")
        roots += [join(root, "store") for root in self._installations]
        for root in filter(None, roots):
            for machine in view.fs.names(root):
                yield from (f"{root}/{machine}/{tfm}" for tfm in view.fs.names(f"{root}/{machine}"))

    # -- libraries of the system --------------------------------------------------------------------------
    def _imports(self, view: View, assemblies: Sequence[str]) -> Iterator[Finding]:
        """Native libraries that assemblies import by name, with `lib` before and `.so` behind as the runtime
        tries them, and programs that they start."""
        own = [path for path in assemblies if _FRAMEWORK not in path]
        for path, read in view.facts.get_many(ASSEMBLY, own).items():
            facts = read or {}
            for name in facts.get("starts", ()):
                found = find_command(view.fs, name, search_path(view.config))
                if found is not None and name_of(name) not in PACKAGE_MANAGERS:
                    yield Evidence(found, "script", path, f"starts {name}")
            for name in facts.get("imports", ()):
                for directory in library_directories(view, path):
                    for file in (name, f"{name}.so", f"lib{name}.so", f"lib{name}"):
                        place = f"{directory}/{file}"
                        if ".so" in file and view.fs.lookup(place) is not None:
                            yield Evidence(place, "linked", path, f"imports functions of {name}")

    def _globalization(self, view: View, paths: Sequence[str]) -> Iterator[Finding]:
        """What opens ICU by a name with a version: the framework's shim, or a program of a single file."""
        facts = view.facts.get_many(ELF, paths)
        programs = [path for path in paths if _SINGLE_FILE in (facts[path] or {}).get("libraries", ())]
        cultured = view.facts.get_many(CULTURES, programs)
        for path in paths:
            if name_of(path) in _SHIMS or cultured.get(path):
                self._shims.append(path)
                yield from self._icu(view, path)

    def _cultured(self, view: View) -> Iterator[Finding]:
        for shim in self._shims:
            yield from self._icu(view, shim)

    def _icu(self, view: View, shim: str) -> Iterator[Finding]:
        if view.config.variable("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT").lower() in _TRUE:
            return
        if name_of(shim) in _SHIMS and not self._cultures:
            return
        for directory in library_directories(view, shim):
            for name in view.fs.names(directory):
                if _ICU.fullmatch(name):
                    yield Evidence(f"{directory}/{name}", "linked", shim, "cultures come from ICU")
