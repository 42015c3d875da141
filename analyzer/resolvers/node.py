"""Node: what kept sources load, and the packages that those declare.

An app's own files are read for what they load; a package is kept whole, without its test suite, with all
that its package.json depends on. Dependencies for development go, unless something that is kept loads them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import ancestors, join, name_of, parent_of
from analyzer.resolvers import node_source as source
from analyzer.resolvers.folders import links_to_folder
from analyzer.resolvers.interface import Finding, View
from analyzer.resolvers.node_modules import BUILTIN, SUFFIXES, Modules, split_name
from analyzer.resolvers.shebang import SHEBANG
from analyzer.resolvers.started import programs_of

_INTERPRETERS = frozenset(("node", "nodejs", "bun"))
_SCRIPT = (".js", ".mjs", ".cjs", ".jsx")
_TYPED = (".ts", ".tsx", ".mts", ".cts")
_SIZE = 4 << 20  # bytes: bundles beyond it have their modules inside
# Folders that a framework's build writes and its server reads, by the package that is the framework.
_OUTPUTS: dict[str, tuple[str, ...]] = {
    "next": (".next", "public"),
    "nuxt": (".output", ".nuxt"),
    "@nestjs/core": ("dist",),
    "@sveltejs/kit": ("build",),
    "@remix-run/node": ("build", "public"),
    "@remix-run/serve": ("build", "public"),
    "@react-router/serve": ("build", "public"),
    "astro": ("dist",),
    "gatsby": ("public",),
    "@adonisjs/core": ("build",),
    "@strapi/strapi": ("build", "dist", "public", ".strapi"),
    "nitropack": (".output",),
}
# Optional dependencies with which a framework only builds, by the start of their names: what it built runs
# without them, and a build at the start of the container is seen in the run.
_COMPILERS: dict[str, tuple[str, ...]] = {"next": ("@next/swc-",)}
_CACHES = frozenset(("cache", "trace"))
# Files of a package that only its authors run.
_FOR_AUTHORS = re.compile(
    r"(?:^|/)(?:tests?|specs?|__tests__|bench\w*|examples?|scripts|tasks|[Gg](?:runt|ulp)file)(?:/|[.-][^/]*$)"
    r"|\.(?:test|spec|config|stories)\.[cm]?jsx?$|\.eslintrc"
)
_PNP = frozenset((".pnp.cjs", ".pnp.js", ".pnp.data.json"))
_RUNNERS = frozenset(("npm", "npm-cli.js", "yarn", "yarnpkg", "pnpm", "bun"))
_EXECUTORS = frozenset(("npx", "bunx", "pnpx", "dlx", "exec"))
_PRELOAD = re.compile(r"(?:--require|-r|--import|--loader|--experimental-loader)[= ]\s*(\S+)")


class Node:
    """State of one closure: sources read, packages kept."""

    name = "node"

    def __init__(self) -> None:
        self._modules: Modules | None = None
        self._active = False
        self._waiting: list[str] = []
        self._packages: set[str] = set()
        self._apps: set[str] = set()
        self._scripts: set[tuple[str, str]] = set()
        self._loaded: set[tuple[str, str]] = set()
        self._development: dict[str, frozenset[str]] = {}

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        return list(self._step(view, new))

    def _step(self, view: View, new: Sequence[str]) -> Iterator[Finding]:
        if self._modules is None:
            folders = view.config.variable("NODE_PATH").split(":")
            home = view.config.variable("HOME", "/root")
            extra = (f"{home}/.node_modules", f"{home}/.node_libraries")
            self._modules = Modules(view, (*(folder for folder in folders if folder), *extra))
        started = False
        for path in new:
            name = name_of(path)
            if name in _INTERPRETERS or name.startswith("libnode.so"):
                entry = view.fs.lookup(path)
                if entry is not None and (entry.executable or ".so" in name):
                    yield from self._interpreter(view, path)
                    started = started or not self._active
                    self._active = True
        self._waiting.extend(new)
        if not self._active:
            return
        if started:
            yield from self._commands(view, self._modules)
            yield from self._logs(view)
        batch, self._waiting = self._waiting, []
        yield from self._files(view, self._modules, batch)

    def _interpreter(self, view: View, path: str) -> Iterator[Finding]:
        for place in view.facts.get(source.BUILTINS, path) or ():
            if view.fs.lookup(place) is not None:
                yield Evidence(place, "imported", path, "a part of Node that is kept outside of it")

    def _logs(self, view: View) -> Iterator[Finding]:
        """npm lists its logs to remove old ones: their names are the times of a build, and no other build has
        them."""
        for access in view.accesses:
            if access.operation == "list" and access.path.endswith("/.npm/_logs"):
                yield Answers(access.path, self.name, "npm removes its old logs")

    # -- commands -----------------------------------------------------------------------------------------
    def _commands(self, view: View, modules: Modules) -> Iterator[Finding]:
        workdir = view.config.workdir or "/"
        health = view.config.healthcheck.test[1:] if view.config.healthcheck else ()
        for origin, words, cwd in (
            ("entrypoint", view.config.command, workdir),
            ("healthcheck", health, workdir),
            *((program.path, program.argv, program.cwd or workdir) for program in view.programs),
        ):
            yield from self._command(view, modules, origin, list(words), cwd)
        for match in _PRELOAD.finditer(view.config.variable("NODE_OPTIONS")):
            yield from self._load(view, modules, "env: NODE_OPTIONS", match[1], workdir)

    def _command(
        self, view: View, modules: Modules, origin: str, words: list[str], cwd: str
    ) -> Iterator[Finding]:
        """A command line: what `npm start` and `npx` come down to, and the file that node runs."""
        if len(words) > 2 and words[1] == "-c":
            words = _split(words[2])
        names = [name_of(word) for word in words]
        for place, name in enumerate(names):
            rest = [word for word in words[place + 1 :] if not word.startswith("-")]
            if name in _RUNNERS and rest:
                wanted = rest[1] if rest[0] in ("run", "run-script") and len(rest) > 1 else rest[0]
                yield from self._run_script(view, modules, wanted, cwd)
            if name in _EXECUTORS and rest:
                yield from self._binary(view, modules, origin, rest[0], cwd)
            if name in _INTERPRETERS:
                for match in _PRELOAD.finditer(" ".join(words[place + 1 :])):
                    yield from self._load(view, modules, origin, match[1], cwd)
                program = _program(words[place + 1 :])
                file = modules.file(join(cwd, program)) if program else None
                if file is not None:
                    yield Evidence(file, "script", origin, f"node runs {program}")

    def _run_script(self, view: View, modules: Modules, name: str, cwd: str) -> Iterator[Finding]:
        """`npm run NAME`: npm hands the text to a shell, with `node_modules/.bin` first on PATH."""
        if (cwd, name) in self._scripts:
            return
        self._scripts.add((cwd, name))
        place = join(cwd, "package.json")
        scripts = modules.package(cwd).get("scripts") or {}
        for stage in (f"pre{name}", name, f"post{name}"):
            text = scripts.get(stage)
            if text is None:
                if stage == "start" and modules.is_file(join(cwd, "server.js")):
                    yield Evidence(join(cwd, "server.js"), "script", place, "npm start runs it by default")
                continue
            yield Evidence("/bin/sh", "script", place, f"npm runs the script {stage} in it")
            words: list[str] = []
            for word in (*_split(text), ";"):
                if word and not set(word) <= set(";&|()"):
                    words.append(word)
                    continue
                yield from self._command(view, modules, place, words, cwd)
                if words:
                    command = next((one for one in words if "=" not in one), words[0])
                    yield from self._binary(view, modules, place, command, cwd)
                words = []

    def _binary(self, view: View, modules: Modules, origin: str, name: str, cwd: str) -> Iterator[Finding]:
        if "/" in name:
            # A path is seen from the directory that the process is in.
            for base in dict.fromkeys((view.config.workdir or "/", cwd)):
                entry = view.fs.lookup(join(base, name))
                if entry is not None and entry.executable:
                    yield Evidence(join(base, name), "script", origin, f"runs {name}")
            return
        for above in (cwd, *ancestors(cwd)):
            place = join(above, f"node_modules/.bin/{name}")
            if view.fs.lookup(place) is not None:
                yield Evidence(place, "script", origin, f"runs {name}")
                return
        for directory in view.config.variable("PATH", "/usr/local/bin:/usr/bin:/bin").split(":"):
            entry = view.fs.lookup(join(directory or "/", name))
            if entry is not None and entry.executable:
                yield Evidence(join(directory or "/", name), "script", origin, f"runs {name}")
                return

    # -- files --------------------------------------------------------------------------------------------
    def _files(self, view: View, modules: Modules, paths: Sequence[str]) -> Iterator[Finding]:
        scripts: list[str] = []
        typed: list[str] = []
        programs = _programs(view, paths)
        for path in paths:
            entry = view.fs.get(path)
            if entry is None or entry.kind != "file":
                continue
            name = name_of(path)
            if name in _PNP:
                yield from self._plugged(view, path)
                continue
            ours = path.endswith((*_SCRIPT, *_TYPED, ".node")) or name == "package.json"
            if not ours and path not in programs:
                continue
            owner = modules.owner(path)
            if owner is not None and ours:
                yield from self._package(view, modules, owner, path)
            if owner is not None and modules.library(owner):
                continue
            if entry.size <= _SIZE and path.endswith(_TYPED):
                typed.append(path)
            elif entry.size <= _SIZE and (path.endswith(_SCRIPT) or not ours):
                scripts.append(path)
        for extractor, group in ((source.JAVASCRIPT, scripts), (source.TYPESCRIPT, typed)):
            facts = view.facts.get_many(extractor, group)
            for path in group:
                if facts.get(path):
                    yield from self._source(view, modules, path, facts[path])

    def _plugged(self, view: View, path: str) -> Iterator[Finding]:
        """Yarn's Plug'n'Play: every package that the map names, in archives or unpacked."""
        for location in view.facts.get(source.PNP, path) or ():
            place = join(parent_of(path), location)
            if view.fs.lookup(place) is not None:
                yield Evidence(place, "imported", path, "a package of Plug'n'Play", tree=True)
        for beside in (".pnp.data.json", ".pnp.loader.mjs", ".yarnrc.yml"):
            if view.fs.lookup(join(parent_of(path), beside)) is not None:
                yield Evidence(join(parent_of(path), beside), "imported", path, "a part of Plug'n'Play")

    def _source(self, view: View, modules: Modules, path: str, facts: dict[str, Any]) -> Iterator[Finding]:
        directory = parent_of(view.fs.resolve(path).path)
        for specifier in facts["loads"]:
            yield from self._load(view, modules, path, specifier, directory)
        owner = modules.owner(path) or directory
        for text in facts["paths"]:
            for place in (
                join(directory, _textual(text.replace(source.FILE, name_of(path)))),
                join(owner, text.partition("/../")[2]),
            ):
                yield from self._place(view, modules, path, place, owner)
        for word in facts["words"]:
            if word not in BUILTIN and modules.find(word, directory):
                yield from self._load(view, modules, path, word, directory)
        if facts["opaque"] and modules.owner(path) is None:
            yield Unresolved(path, self.name, "loads a module whose name is only known at run time")
        for program in dict.fromkeys(name for line in facts["programs"] for name in programs_of(line)):
            yield from self._binary(view, modules, path, program, directory)
        if facts["shell"]:
            yield Evidence("/bin/sh", "script", path, "starts a command in a shell")

    def _place(self, view: View, modules: Modules, origin: str, place: str, owner: str) -> Iterator[Finding]:
        if "*" in place:
            yield from self._matching(view, modules, origin, place)
            return
        if modules.is_dir(place):
            if (
                place != owner
                and place.startswith(f"{owner}/")
                and "node_modules" not in view.fs.names(place)
            ):
                yield Evidence(place, "imported", origin, "names this folder", tree=True)
        else:
            file = modules.file(place)
            if file is not None:
                yield Evidence(file, "imported", origin, "names this file")

    def _load(
        self, view: View, modules: Modules, origin: str, specifier: str, directory: str
    ) -> Iterator[Finding]:
        """One `require` or `import`, seen from a directory."""
        specifier = specifier.removeprefix("file://")
        if (directory, specifier) in self._loaded or specifier.startswith(
            ("node:", "data:", "http:", "https:")
        ):
            return
        self._loaded.add((directory, specifier))
        if specifier.startswith(source.FILE):
            specifier = join(directory, _textual(specifier.replace(source.FILE, "x")))
        if specifier.startswith("#"):
            yield from self._subpath_import(view, modules, origin, specifier, directory)
        elif specifier.startswith((".", "/")) and split_name(specifier) is None:
            place = join(directory, specifier)
            if "*" in place:
                yield from self._matching(view, modules, origin, place)
                return
            file = modules.file(place)
            if file is not None:
                yield Evidence(file, "imported", origin, f"loads {specifier}")
        else:
            parts = split_name(specifier)
            if parts is None or (parts[0] in BUILTIN and not parts[1]):
                return
            found = modules.find(parts[0], directory) if "*" not in parts[0] else None
            if found is not None:
                yield from self._package(view, modules, found, origin)

    def _subpath_import(
        self, view: View, modules: Modules, origin: str, specifier: str, directory: str
    ) -> Iterator[Finding]:
        """`#name`: the package's own `imports`, every condition of them."""
        owner = modules.owner(join(directory, "x"))
        for pattern, targets in (modules.package(owner).get("imports") or {}).items() if owner else ():
            if fnmatchcase(specifier, pattern):
                head = pattern.partition("*")[0]
                for target in targets:
                    filled = target.replace("*", specifier[len(head) :])
                    if target.startswith("."):
                        yield from self._load(view, modules, origin, filled, owner or directory)
                    else:
                        yield from self._load(view, modules, origin, filled, directory)

    def _matching(self, view: View, modules: Modules, origin: str, place: str) -> Iterator[Finding]:
        """Files that fit a path with parts that only the run knows."""
        parts = place.split("/")
        first = next(index for index, part in enumerate(parts) if "*" in part)
        base = "/".join(parts[:first]) or "/"
        real = view.fs.resolve(base)
        if real.missing or base == "/":
            return
        pattern = "/".join(parts[first:])
        for entry in view.fs.below(real.path):
            rest = entry.path[len(real.path) + 1 :]
            if entry.kind != "file" or "node_modules" in rest:
                continue
            names = [rest, *(rest.removesuffix(suffix) for suffix in SUFFIXES)]
            if any(fnmatchcase(name, pattern) for name in (*names, parent_of(f"/{rest}")[1:])):
                yield Evidence(f"{base}/{rest}", "imported", origin, f"loads {place}")

    # -- packages -----------------------------------------------------------------------------------------
    def _package(self, view: View, modules: Modules, place: str, origin: str) -> Iterator[Finding]:
        """Keep a package with all that it declares and loads, and so on."""
        pending = [(place, origin)]
        while pending:
            place, origin = pending.pop()
            real = view.fs.resolve(place).path
            yield Evidence(place, "imported", origin, f"the package {name_of(place)}")
            if real in self._packages or not modules.is_dir(real):
                continue
            self._packages.add(real)
            facts = modules.package(real)
            manifest = join(real, "package.json")
            if modules.library(place):
                files = list(modules.contents(real))
                reason = f"part of the package {facts.get('name') or name_of(place)}"
                for path in files:
                    yield Evidence(path, "imported", origin, reason, tree=links_to_folder(view.fs, path))
                loads = view.facts.get_many(source.BARE_NAMES, self._run_time_sources(view, real, files))
                pending.extend(self._undeclared(view, modules, real, facts, loads))
                yield from self._own_tests(view, modules, real, loads)
                if name_of(place) == "typescript":
                    # The compiler takes in every package below @types that it sees (its option `types`).
                    types = join(parent_of(place), "@types")
                    pending.extend((join(types, name), place) for name in view.fs.names(types))
            else:
                # An app's own package: its files have reasons of their own.
                yield Evidence(manifest, "imported", origin, "the app's package.json")
                yield from self._outputs(view, real, facts)
            pending.extend((found, manifest) for found in self._declared(view, modules, real, facts))

    def _declared(self, view: View, modules: Modules, directory: str, facts: dict[str, Any]) -> Iterator[str]:
        compilers = _COMPILERS.get(facts.get("name") or "", ())
        for kind in ("dependencies", "optionalDependencies", "peerDependencies"):
            for name in facts.get(kind) or ():
                if name.startswith(compilers):
                    continue
                found = modules.find(name, directory)
                if found is not None and not (
                    kind == "peerDependencies" and self._for_development(view, found)
                ):
                    yield found

    def _outputs(self, view: View, directory: str, facts: dict[str, Any]) -> Iterator[Finding]:
        for framework, folders in _OUTPUTS.items():
            if framework not in (*(facts.get("dependencies") or ()), *(facts.get("devDependencies") or ())):
                continue
            for folder in folders:
                for path in view.fs.children(join(directory, folder)):
                    if name_of(path) not in _CACHES:
                        yield Evidence(
                            path,
                            "imported",
                            join(directory, "package.json"),
                            f"what {framework} built",
                            tree=True,
                        )

    def _undeclared(
        self,
        view: View,
        modules: Modules,
        directory: str,
        facts: dict[str, Any],
        loads: Mapping[str, list[str] | None],
    ) -> Iterator[tuple[str, str]]:
        """Packages that a library loads without saying so (generated clients, optional drivers)."""
        # What it names as for its own development, only files for its development load.
        kinds = ("dependencies", "optionalDependencies", "devDependencies")
        declared = {name for key in kinds for name in facts.get(key) or ()}
        names: dict[str, str] = {}
        for path, found in loads.items():
            for name in found or ():
                names.setdefault(name, path)
        for name in sorted(names.keys() - declared - BUILTIN):
            if name.startswith(("./", "../")):
                continue
            place = modules.find(name, directory)
            if place is None or view.fs.resolve(place).path == directory or "/node_modules/" not in place:
                continue
            if not self._for_development(view, place):
                yield place, names[name]

    def _run_time_sources(self, view: View, directory: str, files: Sequence[str]) -> list[str]:
        return [
            path
            for path in files
            if path.endswith(_SCRIPT)
            and view.fs.entries[path].size <= 1 << 20
            and not _FOR_AUTHORS.search(path[len(directory) :])
        ]

    def _own_tests(
        self, view: View, modules: Modules, directory: str, loads: Mapping[str, list[str] | None]
    ) -> Iterator[Finding]:
        """A folder that is called after tests, and that the library itself loads from."""
        for path, found in loads.items():
            for name in found or ():
                place = join(parent_of(path), name) if name.startswith(("./", "../")) else ""
                if place.startswith(f"{directory}/") and modules.file(place) is not None:
                    folder = join(directory, place[len(directory) + 1 :].partition("/")[0])
                    yield Evidence(folder, "imported", path, f"loads {name}", tree=True)

    def _for_development(self, view: View, place: str) -> bool:
        """Is this package in the image only for building and testing the app?"""
        project = place.partition("/node_modules/")[0]
        if project not in self._development:
            marked: set[str] = set()
            for lock in (f"{project}/node_modules/.package-lock.json", f"{project}/package-lock.json"):
                marked.update(view.facts.get(source.LOCK, lock) or ())
            facts = view.facts.get(source.PACKAGE, f"{project}/package.json") or {}
            wanted = {*(facts.get("dependencies") or ()), *(facts.get("optionalDependencies") or ())}
            marked.update(
                f"node_modules/{name}" for name in facts.get("devDependencies") or () if name not in wanted
            )
            self._development[project] = frozenset(marked)
        return place[len(project) + 1 :] in self._development[project]


def _programs(view: View, paths: Sequence[str]) -> set[str]:
    """Commands whose `#!` line has Node run them, whatever their name."""
    heads = []
    for path in paths:
        entry = view.fs.get(path)
        if entry is not None and entry.executable and entry.size <= _SIZE and "." not in name_of(path):
            heads.append(path)
    found = view.facts.get_many(SHEBANG, heads)
    return {
        path
        for path in heads
        if any(name_of(word) in _INTERPRETERS for word in " ".join(found[path] or ()).split())
    }


_WITH_VALUE = frozenset("-r --require --import --loader --experimental-loader -C --conditions".split())


def _program(words: list[str]) -> str:
    """The script among the words after `node`; "" for -e and the like."""
    pending = iter(words)
    for word in pending:
        if word in ("-e", "--eval", "-p", "--print", "--test"):
            return ""
        if word in _WITH_VALUE:
            next(pending, "")
        elif not word.startswith("-") and word != "run":
            return word
    return ""


def _split(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return text.split()


def _textual(path: str) -> str:
    """`a/b.js/..` means the directory of `b.js`: drop a component for each `..`."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] not in ("", ".."):
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or "."
