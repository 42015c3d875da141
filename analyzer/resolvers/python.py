"""Python: what kept interpreters, scripts and modules can import.

Every kept source is read for its imports, those in functions and `try` branches included, and each name is
looked up as its interpreter would. A distribution is kept as a whole, without its test suite, once any
module of it is reached; the standard library is kept by module.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import join, name_of, parent_of
from analyzer.recording import Program
from analyzer.resolvers import python_metadata as metadata
from analyzer.resolvers import python_source as source
from analyzer.resolvers.interface import Finding, View
from analyzer.resolvers.python_distributions import Distributions
from analyzer.resolvers.python_lookup import Lookup, Request
from analyzer.resolvers.python_path import Environment, Finder, environments, is_interpreter
from analyzer.resolvers.python_standard import BY_NAME, FROM_SITES, STARTUP, WITH_DATA
from analyzer.resolvers.python_targets import targets
from analyzer.resolvers.started import programs_of

CONFIG_SUFFIXES = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".json", ".sh", ".env")
# What servers (mod_wsgi) and desktops run as a script, whatever its mode.
SCRIPTS = (".py", ".wsgi", ".pyw")
ARCHIVES = (".pyz", ".egg", ".zip")
VENV = "pyvenv.cfg"
CONFIG_SIZE = 1 << 18  # bytes
SCRIPT_SIZE = 1 << 20
_NAME = re.compile(r"\A[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)*(?:\(.*\))?\Z")
_COMMANDS = re.compile(r"/(?:s?bin|libexec)\Z")
# Programs that a library's source names and nobody calls at run time: shells, compilers, package managers.
_NO_PROGRAM = re.compile(
    r"(?:\A|/)(?:(?:ba|da|z|k|c|a)?sh|pip[\d.]*|[gc]?cc|[gc]\+\+|clang|ld|make|cmake|hg|svn|apt\S*|dpkg\S*|conda)\Z"
)


class Python:
    """State of one closure: the lookups made, and the groups of entry points asked for."""

    name = "python"

    def __init__(self) -> None:
        self._lookup: Lookup | None = None
        self._groups: dict[str, str] = {}
        self._any_group: dict[str, None] = {}
        self._loaded: set[tuple[str, str]] = set()
        self._asked: set[tuple[str, str]] = set()  # a source asks for the metadata of a distribution
        self._told: set[tuple[str, str, Environment]] = set()
        self._answered: set[str] = set()
        self._bases: frozenset[str] = frozenset()
        self._named: set[Environment] = set()
        self._commands: dict[str, list[str]] = {}
        self._waiting: list[str] = []
        self._mains: dict[str, list[list[Any]]] = {}
        self._idle: dict[str, dict[str, Any]] = {}  # facts of sources that nothing is known to run

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        found: list[Finding] = []
        if self._lookup is None:
            finder = Finder(view.fs, targets(view.fs, view.facts))
            self._lookup = Lookup(view, finder, Distributions(view, finder))
            found.extend(self._begin(view, self._lookup))
        found.extend(self._step(view, self._lookup, new, kept))
        found.extend(self._set_going(view, self._lookup))
        found.extend(self._entry_points(self._lookup))
        found.extend(self._metadata(self._lookup))
        found.extend(self._console_scripts(self._lookup))
        found.extend(self._run_modules(self._lookup))
        return found

    # -- the start: commands and variables ----------------------------------------------------------------
    def _begin(self, view: View, lookup: Lookup) -> Iterator[Finding]:
        config = view.config
        self._bases = frozenset(_bases(view))
        for root in (config.workdir or "/", *config.variable("PYTHONPATH").split(":")):
            if root:
                yield from lookup.add_root(join(config.workdir or "/", root))
        health = config.healthcheck.test[1:] if config.healthcheck else ()
        commands = [("entrypoint", config.command), ("healthcheck", health)]
        for program in view.programs:
            if is_interpreter(program.path) and program.cwd:
                yield from lookup.add_root(program.cwd)
            commands.append((program.path, program.argv))
        for origin, words in commands:
            yield from self._command(lookup, origin, words)
        for name, value in config.env:
            if _NAME.match(value) and name not in ("PATH", "HOME", "LANG"):
                yield from self._name(lookup, f"env: {name}", value)

    def _command(self, lookup: Lookup, origin: str, words: Sequence[str]) -> Iterator[Finding]:
        split: list[str] = []
        for word in words:
            try:
                split.extend(shlex.split(word) if re.search(r"\s", word) else [word])
            except ValueError:
                split.extend(word.split())
        for word in split:
            if is_interpreter(word):
                yield from self._runs(lookup, word)
        for before, word in zip(["", *split], split, strict=False):
            if before in ("--chdir", "--app-dir", "--pythonpath", "--workdir"):
                yield from lookup.add_root(join(lookup.view.config.workdir or "/", word))
            elif before == "-m" or (before == "" and word.startswith("-m") and len(word) > 2):
                yield from lookup.ask(Request(origin, word.removeprefix("-m"), "module"))
            else:
                value = word.partition("=")[2] if word.startswith("-") else word
                if _NAME.match(value):
                    yield from self._name(lookup, origin, value)

    def _name(self, lookup: Lookup, origin: str, value: str) -> Iterator[Finding]:
        """`package.module:attribute` of a command, a variable or a setting."""
        name = value.partition("(")[0].replace(":", ".")
        for root in list(lookup.roots) if "." not in name else ():
            child = lookup.finder.child(root, name, "")
            if child is not None:
                yield from lookup.ask(Request(origin, name, "name"))
        if "." in name:
            yield from lookup.ask(Request(origin, name, "name"))

    # -- a round ------------------------------------------------------------------------------------------
    def _step(
        self, view: View, lookup: Lookup, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        for path in new:
            entry = view.fs.lookup(path) if is_interpreter(path) else None
            if entry is not None and entry.kind == "file":
                yield from self._interpreter(view, lookup, path)
        self._waiting.extend(new)
        if not lookup.environments:
            return
        batch, self._waiting = self._waiting, []
        yield from self._files(view, lookup, batch, kept)

    def _files(
        self, view: View, lookup: Lookup, paths: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        sources: list[str] = []
        extensions: list[str] = []
        texts: list[str] = []
        scripts = self._scripts(view, paths)
        for path in paths:
            entry = view.fs.get(path)
            if entry is None or entry.kind != "file":
                continue
            if path.endswith((*SCRIPTS, *ARCHIVES)):
                sources.append(path)
            elif path.endswith(".pyc"):
                yield from self._bytecode(view, path, sources)
            elif path.endswith(".so"):
                if not name_of(path).startswith("lib"):
                    extensions.append(path)
            elif path in scripts:
                sources.append(path)
            elif name_of(path) == VENV:
                continue  # it tells the command that made the environment
            elif entry.size <= CONFIG_SIZE and (path.endswith(CONFIG_SUFFIXES) or entry.executable):
                texts.append(path)
        yield from self._sources(view, lookup, sources, kept)
        yield from self._extensions(view, lookup, extensions)
        yield from self._configurations(view, lookup, texts)
        yield from self._answers(lookup, paths)

    def _scripts(self, view: View, new: Sequence[str]) -> set[str]:
        """Programs among the new paths that a Python interpreter runs."""
        heads = []
        for path in new:
            entry = view.fs.get(path)
            if entry is not None and entry.executable and 8 <= entry.size <= SCRIPT_SIZE:
                heads.append(path)
        facts = view.facts.get_many(source.SHEBANG, heads)
        return {path for path in heads if facts.get(path) is not None}

    def _interpreter(self, view: View, lookup: Lookup, path: str) -> Iterator[Finding]:
        for environment in environments(view, path, lookup.finder):
            if environment in lookup.environments:
                continue
            base = not environment.venv and view.fs.resolve(path).path in self._bases
            if base and environment not in self._named:
                lookup.secondary.add(environment)
            yield from lookup.add_environment(environment)
            if environment.venv:
                yield Evidence(
                    environment.venv, "imported", path, "says which interpreter the environment has"
                )
                yield Evidence(environment.interpreter, "imported", environment.venv, "base interpreter")
            yield from self._start(lookup, environment, path)

    def _start(self, lookup: Lookup, environment: Environment, path: str) -> Iterator[Finding]:
        """What the interpreter itself reads and imports before any program runs."""
        for name in STARTUP:
            yield from lookup.ask(Request(path, name))
            yield from lookup.ask(Request(f"{environment.stdlib}/site.py", name))
        secondary = environment in lookup.secondary
        for directory in environment.path:
            if not secondary or directory not in environment.sites:
                yield Evidence(directory, "imported", path, "on the module search path")
            yield from self._answer(directory)
        if secondary:
            return
        folder, real = parent_of(path), lookup.view.fs.resolve(path).path
        for name in lookup.finder.names(folder):
            place = join(folder, name)
            if is_interpreter(place) and lookup.view.fs.resolve(place).path == real:
                yield Evidence(place, "imported", path, "the same interpreter by another name")
        for file in environment.pth:
            yield Evidence(file, "imported", path, "site reads it at start-up")
        for name in environment.startup:
            yield from lookup.ask(Request(path, name, "startup"))

    def _runs(self, lookup: Lookup, interpreter: str) -> Iterator[Finding]:
        """A command or a shebang names this interpreter: a path, or a name to look up along PATH."""
        view = lookup.view
        places = [interpreter] if interpreter.startswith("/") else _along_path(view, interpreter)
        for place in places:
            for environment in environments(view, place, lookup.finder):
                self._named.add(environment)
                if environment in lookup.secondary:
                    yield from lookup.promote(environment)
                    yield from self._start(lookup, environment, place)

    def _bytecode(self, view: View, path: str, sources: list[str]) -> Iterator[Finding]:
        directory = parent_of(path)
        if name_of(directory) != "__pycache__":
            sources.append(path)
            return
        origin = f"{parent_of(directory)}/{name_of(path).partition('.')[0]}.py"
        if origin in view.fs:
            yield Evidence(origin, "imported", path, "the source of kept bytecode")

    def _sources(
        self, view: View, lookup: Lookup, paths: list[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        for path in paths:
            yield from self._compiled(view, path)
        for extractor, group in (
            (source.SOURCE, [path for path in paths if not path.endswith((".pyc", *ARCHIVES))]),
            (source.BYTECODE, [path for path in paths if path.endswith(".pyc")]),
            (source.ARCHIVE, [path for path in paths if path.endswith(ARCHIVES)]),
        ):
            facts = view.facts.get_many(extractor, group)
            for path in group:
                if facts.get(path):
                    yield from self._source(view, lookup, path, facts[path], kept)

    def _compiled(self, view: View, path: str) -> Iterator[Finding]:
        if not path.endswith(".py"):
            return
        cache = f"{parent_of(path)}/__pycache__"
        stem = name_of(path)[:-3]
        for name in view.fs.names(cache):
            if name.startswith(f"{stem}.") and name.endswith(".pyc"):
                yield Evidence(f"{cache}/{name}", "imported", path, "its bytecode")

    def _source(
        self,
        view: View,
        lookup: Lookup,
        path: str,
        facts: dict[str, Any],
        kept: Mapping[str, Sequence[Evidence]],
    ) -> Iterator[Finding]:
        owner = lookup.owner(path)
        standard = owner is None and any(item.is_standard(path) for item in lookup.environments)
        part = path in lookup.passive
        if owner is not None and path not in lookup.reached and _touched(kept.get(path, ()), part=part):
            lookup.reached.add(path)
            if not owner.tooling:
                for environment in lookup.environments:
                    if environment.holds(path) or owner.site in environment.targets:
                        yield from lookup.keep_whole(owner, path, environment)
        if owner is None and not standard:
            shebang = lookup.view.facts.get(source.SHEBANG, path)
            if shebang:
                yield from self._runs(lookup, shebang)
            yield from self._roots(lookup, path, facts)
            if _COMMANDS.search(parent_of(path)):
                self._commands.setdefault(name_of(path), []).append(path)
            if facts["opaque"]:
                yield Unresolved(path, self.name, "imports a module whose name is only known at run time")
        elif facts["opaque"] and owner is not None:
            lookup.opaque.add(path)
            if path in lookup.reached:
                yield from lookup.activate(path)
        yield from self._requests(lookup, path, facts, app=owner is None and not standard, standard=standard)
        if standard:
            yield from self._standard(lookup, path)
        else:
            self._idle[path] = facts

    def _set_going(self, view: View, lookup: Lookup) -> Iterator[Finding]:
        """What sources ask of the world outside of the import system, once something can run them."""
        for path in [path for path in self._idle if lookup.runs(path)]:
            facts = self._idle.pop(path)
            self._groups.update((group, path) for group in facts["groups"] if group not in self._groups)
            if facts["any_group"]:
                self._any_group[path] = None
            self._asked.update((path, name) for name in facts["distributions"])
            yield from self._programs(view, path, facts["programs"], app=lookup.owner(path) is None)
            yield from self._libraries(view, path, facts["libraries"])

    def _standard(self, lookup: Lookup, path: str) -> Iterator[Finding]:
        """What a standard module needs that no statement in it says."""
        module = lookup.standard_module(path)
        for name in BY_NAME.get(module, ()):
            yield from lookup.ask(Request(path, name))
        for name in FROM_SITES.get(module, ()):
            yield from lookup.ask(Request(module, name))
        if module in WITH_DATA:
            for entry in lookup.view.fs.below(parent_of(path)):
                if entry.kind == "file" and not entry.path.endswith((".py", ".pyc")):
                    yield Evidence(entry.path, "imported", path, f"data of {module}")

    def _roots(self, lookup: Lookup, path: str, facts: dict[str, Any]) -> Iterator[Finding]:
        """An app's own source: the directory that its package stands in is searched, and what it adds."""
        root = parent_of(path)
        yield from lookup.add_root(root)
        if _COMMANDS.search(root):
            yield from self._answer(root)
        while (
            root != "/"
            and lookup.finder.child(parent_of(root), name_of(root), "")
            and _is_package(lookup, root)
        ):
            root = parent_of(root)
        yield from lookup.add_root(root)
        for added in facts["paths"]:
            relative = added.replace("__file__", name_of(path))
            yield from lookup.add_root(join(parent_of(path), _textual(relative)))

    def _requests(
        self, lookup: Lookup, path: str, facts: dict[str, Any], *, app: bool, standard: bool
    ) -> Iterator[Finding]:
        imports = facts["imports"]
        if standard and path not in lookup.mains:
            self._mains[path] = facts["main"]
        else:
            imports = imports + facts["main"]
        for request in _statements(path, imports):
            yield from lookup.ask(request)
            name = request.name
            if name.partition(".")[0] == "distutils" and not standard:
                # setuptools takes the place of distutils when it is installed (its distutils-precedence.pth).
                yield from lookup.ask(Request(path, "setuptools._distutils"))
        for name, package in facts["named"]:
            absolute = package + name if package and name.startswith(".") else name
            yield from lookup.ask(Request(path, absolute.rstrip(".") or name))
        if facts["exports"] and name_of(path).startswith("__init__."):
            yield from lookup.ask(Request(path, ".", "import", tuple(facts["exports"])))
        if standard:
            return
        for name in facts["dotted"]:
            yield from lookup.ask(Request(path, name.replace(":", "."), "name"))
        if app:
            for word in facts["words"]:
                yield from lookup.ask(Request(path, word, "word"))

    def _run_modules(self, lookup: Lookup) -> Iterator[Finding]:
        for path in sorted(lookup.mains & self._mains.keys()):
            for request in _statements(path, self._mains.pop(path)):
                yield from lookup.ask(request)

    def _extensions(self, view: View, lookup: Lookup, paths: list[str]) -> Iterator[Finding]:
        ours = [path for path in paths if lookup.installed(path)]
        facts = view.facts.get_many(source.EXTENSION, ours)
        for path in ours:
            for name in facts.get(path) or ():
                yield from lookup.ask(Request(path, name, "name"))

    def _configurations(self, view: View, lookup: Lookup, paths: list[str]) -> Iterator[Finding]:
        outside = [path for path in paths if not lookup.installed(path)]
        facts = view.facts.get_many(source.CONFIG_WORDS, outside)
        for path in outside:
            words = facts.get(path) or {"modules": [], "dotted": []}
            for name in words["modules"]:
                yield from lookup.ask(Request(path, name, "module"))
            for name in words["dotted"]:
                yield from self._name(lookup, path, name)

    # -- distributions by name ----------------------------------------------------------------------------
    def _entry_points(self, lookup: Lookup) -> Iterator[Finding]:
        for environment in lookup.environments:
            for made in lookup.distributions.all_in(environment.installs):
                for group, name, module in made.entry_points:
                    asker = self._groups.get(group)
                    if asker is None and self._any_group and group not in ("console_scripts", "gui_scripts"):
                        asker = next(iter(self._any_group)) if lookup.is_whole(made) else None
                    if asker is None or (made.info, f"{group}/{name}") in self._loaded:
                        continue
                    self._loaded.add((made.info, f"{group}/{name}"))
                    if lookup.owner(asker) is None and not environment.holds(asker) and made.tooling:
                        continue
                    made.open = True
                    yield Evidence(
                        f"{made.info}/entry_points.txt", "imported", asker, f"entry points {group}"
                    )
                    yield from lookup.ask(Request(asker, module, "module"))
                    yield from lookup.keep_whole(made, asker, environment)

    def _console_scripts(self, lookup: Lookup) -> Iterator[Finding]:
        """Commands that distributions installed: older ones load their entry point by its name."""
        for environment in lookup.environments:
            for made in lookup.distributions.all_in(environment.installs):
                for group, name, module in made.entry_points:
                    for path in self._commands.get(name, ()) if group == "console_scripts" else ():
                        yield from lookup.ask(Request(path, module, "module"))

    def _metadata(self, lookup: Lookup) -> Iterator[Finding]:
        for path, name in sorted(self._asked):
            for environment in lookup.environments:
                if (path, name, environment) in self._told:
                    continue
                self._told.add((path, name, environment))
                made = lookup.distributions.named(re.split(r"[=<>!~\s\[]", name)[0], environment.installs)
                if made is None or not made.info:
                    continue
                for file in made.files:
                    if file.startswith(f"{made.info}/") or file == made.info:
                        yield Evidence(file, "imported", path, f"asks for the metadata of {made.name}")

    # -- the world outside --------------------------------------------------------------------------------
    def _programs(self, view: View, path: str, commands: Iterable[str], *, app: bool) -> Iterator[Finding]:
        """Programs that a source starts, along PATH as execvp looks: a library's first, all of an app's."""
        for command in commands:
            words = command.split()
            if not words or "*" in words[0] or (not app and _NO_PROGRAM.search(words[0])):
                continue
            others = [*programs_of(command), "/bin/sh"] if app and len(words) > 1 else []
            for program in dict.fromkeys((words[0], *others)):
                for place in _along_path(view, program):
                    yield Evidence(place, "script", path, f"starts {program}")

    def _libraries(self, view: View, path: str, names: Iterable[str]) -> Iterator[Finding]:
        """Shared libraries that a source opens by name (ctypes, cffi). `find_library` asks ldconfig."""
        for name in names:
            if not name:
                for place in ("/sbin/ldconfig", "/sbin/ldconfig.real", "/etc/ld.so.cache"):
                    if view.fs.lookup(place) is not None:
                        yield Evidence(place, "linked", path, "ctypes.util.find_library asks it")
                continue
            if "/" in name:
                place = join(parent_of(path), _textual(name.replace("__file__", name_of(path))))
                if view.fs.lookup(place) is not None:
                    yield Evidence(place, "linked", path, f"opens {name}")
                continue
            for directory in _library_directories(view):
                for item in view.fs.names(directory):
                    if item == name or (item.startswith(f"{name}.") and name.endswith(".so")):
                        yield Evidence(f"{directory}/{item}", "linked", path, f"opens {name}")

    # -- directories listed -------------------------------------------------------------------------------
    def _answers(self, lookup: Lookup, new: Sequence[str]) -> Iterator[Finding]:
        for path in new:
            if path.endswith((".py", ".so")) and lookup.installed(path):
                yield from self._answer(parent_of(path))
        for program in lookup.view.programs:
            script = _script(lookup.view, program)
            if script is not None:
                yield from self._answer(parent_of(script))

    def _answer(self, directory: str) -> Iterator[Finding]:
        if directory not in self._answered:
            self._answered.add(directory)
            yield Answers(directory, self.name, "the import system lists it to find modules")


def _touched(reasons: Sequence[Evidence], *, part: bool) -> bool:
    """Was this file of a distribution used, as against copied or kept along with its package? `part`: that
    its distribution is kept is an import's reason for it."""
    unused = ("author", "package", "listed", *(("imported",) if part else ()))
    return any(item.kind not in unused for item in reasons)


def _along_path(view: View, program: str) -> list[str]:
    """Where execvp finds a program: itself when it has a slash, else the first along PATH."""
    for directory in view.config.variable("PATH", "/usr/local/bin:/usr/bin:/bin").split(":"):
        place = join(directory or "/", program)
        entry = view.fs.lookup(place)
        if entry is not None and entry.executable:
            return [place]
    return []


def _bases(view: View) -> Iterator[str]:
    """Interpreters that virtual environments of the image stand on."""
    for entry in view.fs:
        if entry.path.endswith(f"/{VENV}"):
            home = (view.facts.get(metadata.VENV, entry.path) or {}).get("home", "")
            for name in view.fs.names(view.fs.resolve(home).path) if home else ():
                if is_interpreter(name):
                    yield view.fs.resolve(join(home, name)).path


def _statements(path: str, imports: Iterable[Sequence[Any]]) -> list[Request]:
    items: dict[str, list[str]] = {}
    for name, level, item in imports:
        items.setdefault("." * level + name, []).append(item)
    return [
        Request(path, name, "import", tuple(item for item in taken if item)) for name, taken in items.items()
    ]


def _is_package(lookup: Lookup, directory: str) -> bool:
    return "__init__.py" in lookup.finder.stems(directory).get("__init__", ())


def _textual(path: str) -> str:
    """`a/b.py/..` means the directory of `b.py`: drop a component for each `..`."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] not in ("", ".."):
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


def _library_directories(view: View) -> list[str]:
    places = ["/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64"]
    for base in ("/lib", "/usr/lib"):
        for name in view.fs.names(view.fs.resolve(base).path):
            if re.fullmatch(r"\w+-linux-\w+", name):
                places.append(f"{base}/{name}")
    real = (view.fs.resolve(place) for place in places)
    return list(dict.fromkeys(found.path for found in real if not found.missing))


def _script(view: View, program: Program) -> str | None:
    """The script that a Python process runs: the first entry of its sys.path is the script's directory."""
    if view.facts.get(source.SHEBANG, program.path):
        return program.path
    if is_interpreter(program.path):
        words = [word for word in program.argv[1:] if not word.startswith("-")]
        if words and view.fs.lookup(join(program.cwd or "/", words[0])) is not None:
            return join(program.cwd or "/", words[0])
    return None
