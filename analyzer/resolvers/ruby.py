"""Ruby: what kept sources require, along the load path and RubyGems' homes.

The standard library is kept by file, a gem as a whole (without its tests) with the gems that its
specification names; what a Gemfile.lock lists is kept, for Bundler wants all of it. Sources: Kernel#require,
Module#autoload, RubyGems' guides, Bundler's documentation; `ruby -e 'puts $:, Gem.path'`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import join, name_of, parent_of
from analyzer.resolvers.folders import links_to_folder
from analyzer.resolvers.interface import Extractor, Finding, View
from analyzer.resolvers.shebang import SHEBANG

_INTERPRETER = re.compile(r"\A(?:ruby(?:\d[\d.]*)?|libruby(?:-[\d.]+)?\.so[\d.]*|j?ruby)\Z")
_DIRECTORY = re.compile(rb"(?<=\0)/[\w./+-]*ruby[\w./+-]*(?=\0)")
# What the interpreter requires by itself: gem_prelude.rb, and C code that does so by name.
_PRELUDE = (
    """rubygems monitor did_you_mean error_highlight syntax_suggest/core_ext rbconfig enc/encdb
    enc/trans/transdb unicode_normalize/normalize set pp ripper socket io/console etc timeout warning
    delegate forwardable random/formatter"""
).split()
# Looked up by name: every encoding and converter; RubyGems' and Bundler's own parts, by autoload of paths.
_TREES = ("enc", "rubygems", "unicode_normalize", "did_you_mean", "error_highlight")
_REQUIRE = re.compile(
    rb"^[^#\n]*?\b(require|require_relative|load|require_dependency)[ (]+[\"']([^\"'#\n]+)[\"']", re.MULTILINE
)
_AUTOLOAD = re.compile(rb"\bautoload\??[ (]+:\w+,\s*[\"']([^\"'#\n]+)[\"']")
_COMPUTED = re.compile(rb"\b(require|require_relative)[ (]+(?:\"([^\"\n]*)#\{|(?![\"'])[a-z_]\w*|File\.)")
_LOAD_PATH = re.compile(rb"(?:\$:|\$LOAD_PATH|\$-I)\s*(?:\.unshift|<<|\.push)[ (]*([^\n]+)")
_DEPENDENCY = re.compile(rb"add_(?:runtime_)?dependency[ (]+(?:%q<|[\"'])([\w.-]+)")
_EXECUTABLES = re.compile(rb"executables\s*=\s*\[([^\]]*)\]")
_REQUIRE_PATHS = re.compile(rb"require_paths\s*=\s*\[([^\]]*)\]")
_TESTS = frozenset(
    ("test", "tests", "spec", "specs", "features", "doc", "docs", "benchmark", "benchmarks", ".github")
)


def read_ruby(data: bytes) -> dict[str, Any]:
    """`loads` ([how, name]), `stems` (constant heads of computed names), `paths` (added), `opaque`."""
    loads = {(how.decode(), name.decode("utf-8", "replace")) for how, name in _REQUIRE.findall(data)}
    loads |= {("require", name.decode("utf-8", "replace")) for name in _AUTOLOAD.findall(data)}
    computed = [(how.decode(), head.decode("utf-8", "replace")) for how, head in _COMPUTED.findall(data)]
    paths = {
        text.decode("utf-8", "replace")
        for words in _LOAD_PATH.findall(data)
        for text in re.findall(rb"[\"']([^\"'#\n]+)[\"']", words)
    }
    return {
        "loads": sorted([how, name] for how, name in loads),
        "stems": sorted([how, head] for how, head in set(computed) if head),
        "paths": sorted(paths),
        "opaque": any(not head for _, head in computed),
    }


def read_specification(data: bytes) -> dict[str, list[str]]:
    """`needs`, `paths` and `commands` of a .gemspec as RubyGems installs it."""
    paths, commands = _REQUIRE_PATHS.search(data), _EXECUTABLES.search(data)
    return {
        "needs": sorted({name.decode() for name in _DEPENDENCY.findall(data)}),
        "paths": _quoted(paths[1]) if paths else ["lib"],
        "commands": _quoted(commands[1]) if commands else [],
    }


def _quoted(data: bytes) -> list[str]:
    return re.findall(r"[\"']([^\"']+)[\"']", data.decode("utf-8", "replace"))


def read_lock(data: bytes) -> list[str]:
    """Names of gems in a Gemfile.lock."""
    return sorted({name.decode() for name in re.findall(rb"^    ([\w.-]+) \(", data, re.MULTILINE)})


def read_directories(data: bytes) -> list[str]:
    """Directories with `ruby` in their name that a program spells: the load path built into it."""
    return list(dict.fromkeys(match.decode("utf-8", "surrogateescape") for match in _DIRECTORY.findall(data)))


_C_NAME = re.compile(rb"(?<=\0)[a-z][\w/]{2,60}(?=\0)")


def read_extension(data: bytes) -> list[str]:
    """Names that an extension library may require: C strings of one that calls rb_require or the method."""
    calls = b"\0rb_funcall" in data and b"\0require\0" in data
    if b"rb_require" not in data and not calls:
        return []
    return sorted({match.decode() for match in _C_NAME.findall(data)})


EXTENSION = Extractor("ruby.extension", 2, read_extension)
SOURCE = Extractor("ruby.source", 1, read_ruby)
SPECIFICATION = Extractor("ruby.specification", 2, read_specification)
LOCK = Extractor("ruby.lock", 1, read_lock)
DIRECTORIES = Extractor("ruby.directories", 1, read_directories)


@dataclass(frozen=True, slots=True)
class Gem:
    name: str
    specification: str
    directory: str
    extension: str  # where its compiled parts are; "" when it has none
    paths: tuple[str, ...]  # searched for what is required
    needs: tuple[str, ...]
    commands: tuple[str, ...]  # where RubyGems may have put programs that start its own


class Ruby:
    """State of one closure: the load path, the gems of the image, what was required so far."""

    name = "ruby"

    def __init__(self) -> None:
        self._path: list[str] = []
        self._gems: dict[str, list[Gem]] = {}
        self._asked: dict[str, str] = {}
        self._kept: set[str] = set()
        self._waiting: list[str] = []
        self._active = False

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        return list(self._step(view, new))

    def _step(self, view: View, new: Sequence[str]) -> Iterator[Finding]:
        for path in new:
            if _INTERPRETER.match(name_of(path)) and view.fs.lookup(path) is not None:
                yield from self._interpreter(view, path)
        self._waiting.extend(new)
        if self._active:
            batch, self._waiting = self._waiting, []
            yield from self._files(view, batch)

    # -- the interpreter ----------------------------------------------------------------------------------
    def _interpreter(self, view: View, path: str) -> Iterator[Finding]:
        first = not self._active
        places = [*view.config.variable("RUBYLIB").split(":"), *(view.facts.get(DIRECTORIES, path) or ())]
        places += _layout(view, path)
        for place in places:
            if place.startswith("/"):
                yield from self._add(view, place)
        if not self._path:
            return
        self._active = True
        if first:
            self._find_gems(view)
            for home in sorted(
                {parent_of(gem.specification) for gems in self._gems.values() for gem in gems}
            ):
                yield Answers(home, self.name, "RubyGems reads the specifications that are there")
                for name in view.fs.names(join(home, "default")):
                    yield Evidence(
                        join(home, f"default/{name}"), "imported", path, "a gem of the standard library"
                    )
        for name in _PRELUDE:
            yield from self._ask(view, name, path)
        for place in self._path:
            for name in _TREES:
                if view.fs.lookup(join(place, name)) is not None:
                    yield Evidence(join(place, name), "imported", path, "loaded by name", tree=True)

    def _add(self, view: View, place: str) -> Iterator[Finding]:
        entry = view.fs.lookup(place)
        if place in self._path or place == "/" or entry is None or entry.kind != "dir":
            return
        self._path.append(place)
        for name, origin in list(self._asked.items()):
            yield from self._in(view, place, name, origin)

    def _find_gems(self, view: View) -> None:
        """Every gem whose specification is in the image: homes are many (GEM_HOME, vendor/bundle)."""
        places = [
            entry.path
            for entry in view.fs
            if entry.path.endswith(".gemspec")
            and name_of(parent_of(entry.path)) in ("specifications", "default")
        ]
        for place, facts in view.facts.get_many(SPECIFICATION, sorted(places)).items():
            home = parent_of(place)
            home = parent_of(parent_of(home) if name_of(home) == "default" else home)
            full = name_of(place).removesuffix(".gemspec")
            match = re.match(r"(.+?)-(\d[\w.]*?)(?:-[\w-]+)?\Z", full)
            name = match[1] if match else full
            directory = join(home, f"gems/{full}")
            extension = next(
                (
                    join(home, f"extensions/{platform}/{version}/{full}")
                    for platform in view.fs.names(join(home, "extensions"))
                    for version in view.fs.names(join(home, f"extensions/{platform}"))
                    if view.fs.lookup(join(home, f"extensions/{platform}/{version}/{full}")) is not None
                ),
                "",
            )
            roots = [join(directory, path) for path in facts["paths"]] + ([extension] if extension else [])
            # Of a home lib/ruby/gems/X.Y.Z the programs are in its prefix; a distribution may choose another.
            folders = [join(home, "bin"), join(home, "../../../../bin"), "/usr/local/bin"]
            # The standard library's own come with the interpreter, and only when something calls them.
            commands = [] if name_of(parent_of(place)) == "default" else facts["commands"]
            made = Gem(
                name,
                place,
                directory,
                extension,
                tuple(roots),
                tuple(facts["needs"]),
                tuple(join(folder, command) for folder in folders for command in commands),
            )
            self._gems.setdefault(name, []).append(made)

    # -- sources ------------------------------------------------------------------------------------------
    def _files(self, view: View, paths: Sequence[str]) -> Iterator[Finding]:
        heads = [path for path in paths if _may_be_script(view, path)]
        shebangs = view.facts.get_many(SHEBANG, heads)
        sources = [
            path
            for path in paths
            if path.endswith((".rb", ".ru", ".rake", ".gemspec"))
            or name_of(path) in ("Gemfile", "Rakefile", "config.ru")
            or "ruby" in " ".join(shebangs.get(path) or ())
        ]
        for path in paths:
            if name_of(path) in ("Gemfile.lock", "gems.locked"):
                for name in view.facts.get(LOCK, path) or ():
                    yield from self._gem_named(view, name, path)
            for gem in self._owners(path):
                yield from self._gem(view, gem, path)
        for path, facts in view.facts.get_many(SOURCE, sources).items():
            if facts:
                yield from self._source(view, path, facts)
        libraries = [
            path for path in paths if path.endswith(".so") and ("/ruby/" in path or "/gems/" in path)
        ]
        for path, names in view.facts.get_many(EXTENSION, libraries).items():
            for name in names or ():
                yield from self._ask(view, name, path)

    def _source(self, view: View, path: str, facts: dict[str, Any]) -> Iterator[Finding]:
        here = parent_of(path)
        library = any(path.startswith(f"{place}/") for place in self._path) or bool(list(self._owners(path)))
        if not library:
            for text in facts["paths"]:
                yield from self._add(view, join(here, text))
            if name_of(here) in ("bin", "exe", "script"):
                yield from self._add(view, join(parent_of(here), "lib"))
            if facts["opaque"]:
                yield Unresolved(path, self.name, "requires a file whose name is only known at run time")
            lock = join(here, "Gemfile.lock")
            if view.fs.lookup(lock) is not None:
                yield Evidence(lock, "imported", path, "Bundler reads it")
        for how, name in facts["loads"]:
            if how in ("require_relative", "load") or name.startswith((".", "/")):
                yield from self._file(view, join(here, name), path, name)
            if how != "require_relative":
                yield from self._ask(view, name, path)
        for how, head in facts["stems"]:
            for base in (here,) if how == "require_relative" else self._path:
                yield from self._beginning(view, join(base, head + "x"), head, path)

    def _file(self, view: View, place: str, origin: str, name: str) -> Iterator[Finding]:
        for suffix in ("", ".rb", ".so"):
            entry = view.fs.lookup(place + suffix)
            if entry is not None and entry.kind == "file":
                yield Evidence(place + suffix, "imported", origin, f"requires {name}")

    def _beginning(self, view: View, place: str, head: str, origin: str) -> Iterator[Finding]:
        """Files whose name begins as a computed name does."""
        start = name_of(place)[:-1]
        directory = view.fs.resolve(parent_of(place))
        if directory.missing or "/" not in head:
            return
        for path in view.fs.children(directory.path):
            if name_of(path).startswith(start) and path.endswith((".rb", ".so")):
                yield Evidence(path, "imported", origin, f"requires {head}…")

    def _ask(self, view: View, name: str, origin: str) -> Iterator[Finding]:
        """`require NAME`: the load path, then the gems that have such a file."""
        if name in self._asked:
            return
        self._asked[name] = origin
        for place in self._path:
            yield from self._in(view, place, name, origin)
        for gems in list(self._gems.values()):
            for gem in gems:
                if any(self._has(view, join(root, name)) for root in gem.paths):
                    yield from self._gem(view, gem, origin)

    def _has(self, view: View, place: str) -> bool:
        return any(view.fs.lookup(place + suffix) is not None for suffix in (".rb", ".so", ""))

    def _in(self, view: View, place: str, name: str, origin: str) -> Iterator[Finding]:
        found = list(self._file(view, join(place, name), origin, name))
        yield from found
        if found and ("/vendor_ruby" in place or "/site_ruby" in place):
            # A library that a distribution's package put there: its folder, and its gem's specification.
            top = name.partition("/")[0].removesuffix(".rb")
            if view.fs.lookup(join(place, top)) is not None:
                yield Evidence(join(place, top), "imported", origin, f"part of the library {top}", tree=True)
            for gem in (*self._gems.get(top, ()), *self._gems.get(top.replace("_", "-"), ())):
                yield from self._gem(view, gem, origin)

    # -- gems ---------------------------------------------------------------------------------------------
    def _owners(self, path: str) -> Iterator[Gem]:
        if "/gems/" in path:
            for gems in self._gems.values():
                yield from (gem for gem in gems if path.startswith(f"{gem.directory}/"))

    def _gem_named(self, view: View, name: str, origin: str) -> Iterator[Finding]:
        for gem in self._gems.get(name, ()):
            yield from self._gem(view, gem, origin)

    def _gem(self, view: View, gem: Gem, origin: str) -> Iterator[Finding]:
        if gem.specification in self._kept:
            return
        self._kept.add(gem.specification)
        reason = f"part of the gem {gem.name}"
        yield Evidence(gem.specification, "imported", origin, reason)
        if gem.extension:
            yield Evidence(gem.extension, "linked", origin, reason, tree=True)
        real = view.fs.resolve(gem.directory)
        pending = [] if real.missing else [real.path]
        while pending:
            at = pending.pop()
            for path in view.fs.children(at):
                if view.fs.entries[path].kind != "dir":
                    if not path.endswith((".o", ".gem")):
                        tree = links_to_folder(view.fs, path)
                        yield Evidence(path, "imported", origin, reason, tree=tree)
                elif not (at == real.path and name_of(path) in _TESTS):
                    pending.append(path)
        for command in gem.commands:
            if view.fs.lookup(command) is not None and not command.startswith("/usr/bin/"):
                yield Evidence(command, "imported", gem.specification, f"a command of the gem {gem.name}")
        for name in gem.needs:
            yield from self._gem_named(view, name, gem.specification)


def _layout(view: View, path: str) -> Iterator[str]:
    """lib/ruby/X.Y.Z beside the program's folder, its architecture's folder, vendor_ruby and site_ruby."""
    real = view.fs.resolve(path).path
    prefix = parent_of(parent_of(real))
    for base in dict.fromkeys((join(prefix, "lib/ruby"), join(parent_of(real), "ruby"), "/usr/lib/ruby")):
        for group in ("", "/site_ruby", "/vendor_ruby"):
            for version in view.fs.names(base + group):
                if re.fullmatch(r"\d+\.\d+\.\d+", version):
                    yield f"{base}{group}/{version}"
                    for name in view.fs.names(f"{base}{group}/{version}"):
                        if re.fullmatch(r"[\w]+-linux(?:-\w+)?", name):
                            yield f"{base}{group}/{version}/{name}"


def _may_be_script(view: View, path: str) -> bool:
    entry = view.fs.get(path)
    return entry is not None and entry.executable and entry.size < 1 << 20
