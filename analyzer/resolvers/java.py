"""Java: the virtual machine's home, and the class path that commands and scripts give it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer.evidence import Evidence
from analyzer.filesystem import ancestors, join, name_of, parent_of
from analyzer.resolvers.folders import links_to_folder
from analyzer.resolvers.interface import Finding, View
from analyzer.resolvers.jars import CLASS, CLASS_PATHS, JAR
from analyzer.resolvers.loader import Flavour, Needer, Search
from analyzer.resolvers.needs import library_directories

# What of a JVM's home is there to build, document or debug programs.
_NOT_RUN_TIME = frozenset(
    """bin jmods man demo sample docs doc include legal src.zip ct.sym DISCLAIMER README
    THIRDPARTYLICENSEREADME classes_nocoops.jsa classes_coh.jsa classes_nocoops_coh.jsa
    libsaproc.so""".split()
)
# Libraries for drawing, which nothing loads unless a class asks for java.awt and its like.
_DRAWING = re.compile(
    r"\Alib(?:awt|awt_headless|fontmanager|freetype|lcms|javajpeg|mlib_image)\.so\Z"
    r"|\Apsfont|\Afontconfig\.|\Afonts\Z"
)
# … and those that need a display as well.
_DISPLAY = re.compile(r"\Alib(?:awt_xawt|jawt|splashscreen|atk-wrapper)\.so\Z")
_OPTIONS = (
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JAVA_OPTS",
    "JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "CATALINA_OPTS",
)
_NOT_HEADLESS = "-Djava.awt.headless=false"
_CLASS_PATH = frozenset(("-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path"))
# Folders of an application server's home that it lists to find what it loads.
_SERVER = ("lib", "libs", "modules", "plugins", "conf", "config", "etc", "webapps", "bin")
_ABSOLUTE = re.compile(r"(?:=|:|\A)(?:file:)?(/[^:,=;\s]+)")


class Java:
    """State of one closure: homes and jars seen, and whether any class draws."""

    name = "java"

    def __init__(self) -> None:
        self._search: Search | None = None
        self._homes: dict[str, str] = {}
        self._draws = ""
        self._folders: set[str] = set()
        self._listed: set[str] = set()
        self._native: list[str] = []  # java.library.path
        self._waiting: list[str] = []

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        return list(self._step(view, new))

    def _step(self, view: View, new: Sequence[str]) -> Iterator[Finding]:
        if self._search is None:
            self._search = Search(view)
        idle = not self._homes
        for path in new:
            if name_of(path) in ("java", "libjvm.so", "libjli.so"):
                yield from self._home(view, path)
        self._waiting.extend(new)
        if not self._homes:
            return
        if idle:
            yield from self._commands(view)
        batch, self._waiting = self._waiting, []
        yield from self._files(view, batch)

    # -- the virtual machine ------------------------------------------------------------------------------
    def _home(self, view: View, path: str) -> Iterator[Finding]:
        """The directory above a program or a library of the JVM that has its classes."""
        for above in ancestors(view.fs.resolve(path).path):
            for home in (above, join(above, "jre")):
                library = join(home, "lib")
                if not {"modules", "rt.jar"}.intersection(view.fs.names(library)):
                    continue
                if home not in self._homes:
                    self._homes[home] = path
                    yield from self._machine(view, home, path)
                    if self._draws:
                        yield from self._graphics(view, home)
                return

    def _machine(self, view: View, home: str, source: str) -> Iterator[Finding]:
        for path in self._parts(view, home):
            name = name_of(path)
            if not _DRAWING.match(name) and (not _DISPLAY.match(name) or _has_display(view)):
                yield Evidence(
                    path,
                    "imported",
                    source,
                    "the Java virtual machine reads it when it needs it",
                    tree=links_to_folder(view.fs, path),
                )
        for variable, value in view.config.env:
            if variable.endswith("_HOME") and view.fs.resolve(value).path == home:
                yield Evidence(value, "imported", source, f"{variable} names it")

    def _parts(self, view: View, directory: str) -> Iterator[str]:
        for path in view.fs.children(directory):
            if name_of(path) in _NOT_RUN_TIME:
                continue
            if view.fs.entries[path].kind == "dir":
                yield from self._parts(view, path)
            else:
                yield path

    def _graphics(self, view: View, home: str) -> Iterator[Finding]:
        for path in self._parts(view, home):
            parts = path[len(home) + 1 :].split("/")
            if any(_DRAWING.match(part) for part in parts):
                yield Evidence(path, "imported", self._draws, "a class draws")

    # -- class paths --------------------------------------------------------------------------------------
    def _commands(self, view: View) -> Iterator[Finding]:
        workdir = view.config.workdir or "/"
        commands = [("entrypoint", view.config.command, workdir)]
        commands += [(program.path, program.argv, program.cwd or workdir) for program in view.programs]
        for origin, words, cwd in commands:
            split: list[str] = []
            for word in words:
                split.extend(_split(word) if re.search(r"\s", word) else [word])
            yield from self._arguments(view, origin, split, cwd)
        for variable in _OPTIONS:
            yield from self._arguments(
                view, f"env: {variable}", _split(view.config.variable(variable)), workdir
            )
        for variable, value in view.config.env:
            if variable.endswith(("_HOME", "_BASE")):
                yield from self._container(view, f"env: {variable}", value)
        for part in view.config.variable("CLASSPATH").split(":"):
            yield from self._entry(view, "env: CLASSPATH", part, workdir)

    def _arguments(self, view: View, origin: str, words: list[str], cwd: str) -> Iterator[Finding]:
        java = any(name_of(word) == "java" for word in words)
        given = False
        for before, word in zip(["", *words], words, strict=False):
            option, _, value = word.partition("=")
            if before in _CLASS_PATH or option in _CLASS_PATH:
                given = True
                for part in (value if option in _CLASS_PATH else word).split(":"):
                    yield from self._entry(view, origin, part, cwd)
            elif before == "-jar" or word.endswith((".jar", ".war")):
                given = True
                yield from self._entry(view, origin, word, cwd)
            elif word.startswith("@") and java:
                yield from self._argument_file(view, origin, word[1:], cwd)
            elif word.startswith("-javaagent:"):
                yield from self._entry(view, origin, word.partition(":")[2].partition("=")[0], cwd)
            elif word.startswith("-"):
                yield from self._option(view, origin, word)
        if java and not given and not view.config.variable("CLASSPATH") and cwd != "/":
            yield from self._entry(view, origin, ".", cwd)

    def _option(self, view: View, origin: str, word: str) -> Iterator[Finding]:
        """`-Dkey=/file`, `-agentpath:/lib.so`, an archive: an option that names a file that is there."""
        if word.startswith(("-Djava.library.path=", "-Djna.library.path=")):
            self._native.extend(word.partition("=")[2].split(":"))
        for match in _ABSOLUTE.findall(word.partition(":")[2] if word.startswith("-X") else word[2:]):
            entry = view.fs.lookup(match)
            if entry is not None and entry.kind == "file":
                yield Evidence(match, "imported", origin, f"the option {word.partition('=')[0]} names it")
            yield from self._container(view, origin, match)

    def _argument_file(self, view: View, origin: str, name: str, cwd: str) -> Iterator[Finding]:
        place = join(cwd, name)
        if view.fs.lookup(place) is not None:
            yield Evidence(place, "imported", origin, "an argument file of java")
            for word in view.facts.get(CLASS_PATHS, place) or ():
                yield from self._entry(view, place, word, cwd)

    def _entry(self, view: View, origin: str, word: str, cwd: str) -> Iterator[Finding]:
        """One entry of a class path: a jar, a folder of classes, or `folder/*` for its jars."""
        place = join(cwd, word.rstrip("*") or ".")
        entry = view.fs.lookup(place)
        if entry is None or not word or place == "/":
            return
        if word.endswith("*"):
            for path in view.fs.children(entry.path):
                if path.lower().endswith(".jar"):
                    yield Evidence(
                        join(place, name_of(path)), "imported", origin, f"on the class path {word}"
                    )
        elif entry.kind == "dir":
            if entry.path in self._folders or not _holds_classes(view, entry.path):
                return
            self._folders.add(entry.path)
            yield Evidence(place, "imported", origin, "a folder on the class path", tree=True)
        else:
            yield Evidence(place, "imported", origin, "on the class path")

    # -- files --------------------------------------------------------------------------------------------
    def _files(self, view: View, paths: Sequence[str]) -> Iterator[Finding]:
        jars = [path for path in paths if path.endswith((".jar", ".war", ".ear")) and not self._inside(path)]
        classes = [path for path in paths if path.endswith(".class")]
        facts = view.facts.get_many(JAR, jars)
        for path in jars:
            yield from self._jar(view, path, facts.get(path) or {})
        for path, read in view.facts.get_many(CLASS, classes).items():
            found = read or {}
            if found.get("draws"):
                yield from self._drawing(view, path)
            yield from self._natives(view, path, found.get("libraries", ()))
        texts = [path for path in paths if _may_start_java(view, path)]
        words = view.facts.get_many(CLASS_PATHS, texts)
        for path in texts:
            for word in words.get(path) or ():
                yield from self._word(view, path, word)

    def _inside(self, path: str) -> bool:
        return any(path.startswith(f"{home}/") for home in self._homes)

    def _jar(self, view: View, path: str, facts: Mapping[str, object]) -> Iterator[Finding]:
        folder = parent_of(path)
        class_path = facts.get("class_path")
        for url in class_path if isinstance(class_path, list) else ():
            place = join(folder, url.removeprefix("file:"))
            if view.fs.lookup(place) is not None and place != "/":
                yield Evidence(place, "imported", path, "its manifest's Class-Path", tree=url.endswith("/"))
        if facts.get("draws"):
            yield from self._drawing(view, path)
        libraries = facts.get("libraries")
        yield from self._natives(view, path, libraries if isinstance(libraries, list) else ())
        needs = facts.get("needs")
        for name, bits, machine in needs if isinstance(needs, list) else ():
            assert self._search is not None
            needer = Needer(folder, bits, machine, _flavour(view))
            for hit in self._search.find(name, needer):
                yield Evidence(hit, "linked", path, f"native code inside it needs {name}")
        if folder not in self._listed and not folder.startswith("/usr/share/java"):
            self._listed.add(folder)
            for beside in view.fs.children(folder):
                if beside.endswith(".jar"):
                    yield Evidence(beside, "imported", path, "beside it: class paths are made of folders")
        yield from self._server(view, path)

    def _server(self, view: View, path: str) -> Iterator[Finding]:
        """An application server's home, which an environment variable names and a kept jar is in."""
        for variable, value in view.config.env:
            home = (
                view.fs.resolve(value).path
                if value.startswith("/") and variable.endswith(("_HOME", "_BASE"))
                else ""
            )
            if not home or home in self._homes or home in self._folders or not path.startswith(f"{home}/"):
                continue
            self._folders.add(home)
            for folder in _SERVER:
                if view.fs.lookup(join(home, folder)) is not None:
                    yield Evidence(
                        join(value, folder), "imported", path, f"{variable} names its home", tree=True
                    )

    def _container(self, view: View, origin: str, place: str) -> Iterator[Finding]:
        """The base of a servlet container: it deploys what stands in its `webapps`."""
        real = view.fs.resolve(place) if place.startswith("/") else None
        if real is None or real.missing or "webapps" not in view.fs.names(real.path):
            return
        for folder in _SERVER:
            if view.fs.lookup(join(real.path, folder)) is not None:
                yield Evidence(
                    join(place, folder), "imported", origin, "a servlet container's base", tree=True
                )

    def _natives(self, view: View, path: str, names: Sequence[str]) -> Iterator[Finding]:
        """Libraries that a class loads by name, along java.library.path and where the loader looks."""
        if not names:
            return
        folders = [
            *self._native,
            *view.config.variable("LD_LIBRARY_PATH").split(":"),
            "/usr/java/packages/lib",
        ]
        for directory in library_directories(view, path):
            folders += [directory, f"{directory}/jni"]
        for folder in dict.fromkeys(filter(None, folders)):
            present = view.fs.names(view.fs.resolve(folder).path)
            for name in names:
                known = re.compile(rf"(?:lib)?{re.escape(name)}(?:\.so[.\d]*)?")
                for file in present:
                    if ".so" in file and known.fullmatch(file):
                        yield Evidence(join(folder, file), "linked", path, f"a class loads {name}")

    def _drawing(self, view: View, path: str) -> Iterator[Finding]:
        if not self._draws:
            self._draws = path
            for home in sorted(self._homes):
                yield from self._graphics(view, home)

    def _word(self, view: View, path: str, word: str) -> Iterator[Finding]:
        """`$APP_HOME/lib/a.jar` of a start script: mostly, that is the script's folder or the one above."""
        rest = re.sub(r"\A.*(?:\$\{?\w+\}?|\))", "", word) if "$" in word else word
        here = parent_of(path)
        bases = [here, parent_of(here), view.config.workdir or "/"]
        bases += [
            value for name, value in view.config.env if name.endswith("_HOME") and value.startswith("/")
        ]
        for base in dict.fromkeys(bases):
            place = rest if rest.startswith("/") and "$" not in word else join(base, rest.lstrip("/") or ".")
            yield from self._entry(view, path, place if not word.endswith("/*") else f"{place}/*", "/")


def _has_display(view: View) -> bool:
    """Without DISPLAY the machine takes itself for headless, unless an option says that it is not."""
    given = [*view.config.command, *(view.config.variable(name) for name in _OPTIONS)]
    given += [word for program in view.programs for word in program.argv]
    return bool(view.config.variable("DISPLAY")) or any(_NOT_HEADLESS in text for text in given)


def _flavour(view: View) -> Flavour:
    musl = any(name.startswith("ld-musl-") for name in view.fs.names("/lib"))
    return "musl" if musl else "glibc"


def _holds_classes(view: View, directory: str) -> bool:
    """Is this a folder of classes, or an unpacked archive?"""
    if {"META-INF", "BOOT-INF", "WEB-INF"}.intersection(view.fs.names(directory)):
        return True
    return any(entry.path.endswith(".class") for entry in view.fs.below(directory))


def _may_start_java(view: View, path: str) -> bool:
    entry = view.fs.get(path)
    if entry is None or entry.kind != "file" or entry.size > 1 << 18:
        return False
    return path.endswith((".sh", ".conf", ".properties", ".xml", ".argfile")) or (
        entry.executable and "." not in name_of(path)
    )


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
