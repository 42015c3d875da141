"""Where an interpreter looks for modules: prefixes, site directories and the finder over directories.

Follows Modules/getpath.py (landmark `lib/pythonX.Y/os.py`), Lib/site.py with Debian's patch to it
(dist-packages), PEP 405 (virtual environments), PEP 420 (namespace packages) and importlib's FileFinder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from analyzer.filesystem import Filesystem, join, name_of, parent_of
from analyzer.resolvers import python_metadata as metadata
from analyzer.resolvers.interface import View

_LIBRARY = re.compile(r"\A(?:python|pypy)(\d+\.\d+)(t?)\Z")
_INTERPRETER = re.compile(r"\A(?:python|pypy)(\d+(?:\.\d+)?)?t?d?\Z")
_SHARED = re.compile(r"\Alib(?:python|pypy)(\d+(?:\.\d+)?)t?d?(?:-c)?\.so(?:\.|\Z)")
_ABI = re.compile(r"\.(?:cpython-|pypy|graalpy)(\d+)[td]*-\w[\w.-]*\.so\Z")
PURE = (".py", ".pyc")


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter with its module search path. `path` is in the interpreter's order, existing entries
    only: zip, standard library, lib-dynload, site directories and what their .pth files add."""

    prefix: str
    version: str  # "3.11"
    stdlib: str
    path: tuple[str, ...]
    sites: tuple[str, ...]
    pth: tuple[str, ...] = ()
    startup: tuple[str, ...] = ()  # modules that .pth files import
    mapped: tuple[tuple[str, str], ...] = ()  # module → path, of editable installs
    venv: str = ""  # pyvenv.cfg
    interpreter: str = ""  # the base interpreter that a virtual environment names
    # Directories of another name that an installer filled. What no record names in them is an app's own.
    targets: tuple[str, ...] = ()
    # Where distributions may be.
    installs: tuple[str, ...] = field(init=False, repr=False, compare=False)
    # What `holds` asks about, millions of times.
    _below: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = [entry for entry in self.path if entry not in self.targets]
        object.__setattr__(self, "installs", tuple(dict.fromkeys((*self.path, *self.targets))))
        object.__setattr__(self, "_below", tuple(f"{entry}/" for entry in (*places, self.stdlib)))

    def holds(self, path: str) -> bool:
        return path.startswith(self._below)

    def is_standard(self, path: str) -> bool:
        """Is this below the standard library, site directories in it included? What a .pth file adds to the
        search path, as an editable install does, is an author's own."""
        return path.startswith(f"{self.stdlib}/")


def is_interpreter(path: str) -> bool:
    return bool(_INTERPRETER.match(name_of(path)) or _SHARED.match(name_of(path)))


@dataclass(frozen=True, slots=True)
class Found:
    """One module: its files (source, extension or sourceless), and its directory when it is a package."""

    files: tuple[str, ...]
    directory: str = ""


class Finder:
    """FileFinder over an image: directories are read once. Answers in the paths it was asked with."""

    def __init__(self, fs: Filesystem, targets: Iterable[str] = ()) -> None:
        self.fs = fs
        self.targets = tuple(targets)  # see python_targets
        self._stems: dict[str, dict[str, list[str]]] = {}
        self._tops: dict[tuple[str, ...], frozenset[str]] = {}
        self._walked: dict[tuple[tuple[str, ...], tuple[str, ...], str], tuple[list[Found], int]] = {}
        self._real: dict[str, str] = {}

    def real(self, directory: str) -> str:
        if directory not in self._real:
            found = self.fs.resolve(directory)
            self._real[directory] = "" if found.missing else found.path
        return self._real[directory]

    def names(self, directory: str) -> Sequence[str]:
        real = self.real(directory)
        return self.fs.names(real) if real else ()

    def stems(self, directory: str) -> dict[str, list[str]]:
        """Names in a directory by what stands before their first dot."""
        if directory not in self._stems:
            table: dict[str, list[str]] = {}
            for name in self.names(directory):
                table.setdefault(name.partition(".")[0], []).append(name)
            self._stems[directory] = table
        return self._stems[directory]

    def offers(self, path: tuple[str, ...], name: str) -> bool:
        """Whether any of these directories has something that begins with this name."""
        if path not in self._tops:
            self._tops[path] = frozenset(stem for directory in path for stem in self.stems(directory))
        return name in self._tops[path]

    def is_dir(self, path: str) -> bool:
        real = self.real(path)
        return bool(real) and self.fs.entries[real].kind == "dir"

    def child(self, directory: str, name: str, version: str) -> Found | None:
        """The module `name` in a directory; a namespace portion has a directory and no files."""
        names = self.stems(directory).get(name)
        if not names:
            return None
        below = f"{directory}/{name}"
        package = name in names and self.is_dir(below)
        if package:
            files = self._files(below, self.stems(below).get("__init__", ()), "__init__", version)
            if files:
                return Found(files, below)
        files = self._files(directory, names, name, version)
        if files:
            return Found(files, below if package else "")
        return Found((), below) if package else None

    def _files(self, directory: str, names: Iterable[str], stem: str, version: str) -> tuple[str, ...]:
        return tuple(f"{directory}/{name}" for name in names if is_module_file(name, stem, version))

    def walk(self, roots: Iterable[str], parts: Sequence[str], version: str) -> tuple[list[Found], int]:
        """Modules on the way of a dotted name over search directories, and how many parts were found."""
        # Many files import the same few names.
        key = (tuple(roots), tuple(parts), version)
        if key not in self._walked:
            self._walked[key] = self._walk(*key)
        return self._walked[key]

    def _walk(self, roots: Sequence[str], parts: Sequence[str], version: str) -> tuple[list[Found], int]:
        portions = list(roots)
        way: list[Found] = []
        for depth, part in enumerate(parts):
            hits = [hit for hit in (self.child(at, part, version) for at in portions) if hit is not None]
            regular = [hit for hit in hits if hit.files]
            if regular:
                way.append(regular[0])
            elif hits:
                way.extend(hits)
            else:
                return way, depth
            # A package may extend its __path__ over its namesakes (pkgutil, pkg_resources): they come after.
            portions = [
                hit.directory for hit in (*regular, *(h for h in hits if not h.files)) if hit.directory
            ]
        return way, len(parts)


def is_module_file(name: str, stem: str, version: str) -> bool:
    """Would the interpreter of this version load `name` as module `stem`? (importlib.machinery suffixes)"""
    suffix = name[len(stem) :]
    if suffix in PURE:
        return True
    if not suffix.endswith(".so"):
        return False
    tag = suffix[1:-2].rstrip(".")
    return not tag or tag.startswith("abi3") or ("-" in tag and fits(name, version))


def fits(name: str, version: str) -> bool:
    """Is this no extension module, or one for this version of the interpreter?"""
    match = _ABI.search(name)
    return match is None or not version or match[1] == version.replace(".", "")


def environments(view: View, interpreter: str, finder: Finder) -> Iterator[Environment]:
    """The environments that running this interpreter (a path as it is spelled) can mean."""
    for directory in (parent_of(interpreter), parent_of(parent_of(interpreter))):
        config = join(directory, "pyvenv.cfg")
        values = view.facts.get(metadata.VENV, config)
        if values and "home" in values:
            yield from _virtual(view, directory, config, values, interpreter, finder)
            return
    found = view.fs.resolve(interpreter)
    for start in dict.fromkeys((interpreter, found.path)):
        if found.missing:
            break
        for stdlib, prefix in _landmarks(finder, start, view):
            yield _environment(view, prefix, prefix, stdlib, finder)


def _virtual(
    view: View, prefix: str, config: str, values: dict[str, str], interpreter: str, finder: Finder
) -> Iterator[Environment]:
    version = ".".join((values.get("version") or values.get("version_info") or "").split(".")[:2])
    names = [name_of(interpreter), f"python{version}", "python3", "python"]
    base = next(
        (path for path in (join(values["home"], name) for name in names) if view.fs.lookup(path)), interpreter
    )
    starts = dict.fromkeys((base, view.fs.resolve(base).path))
    shared = values.get("include-system-site-packages", "").lower() == "true"
    for start in starts:
        for stdlib, base_prefix in _landmarks(finder, start, view):
            made = _environment(view, prefix, base_prefix, stdlib, finder, shared=shared)
            yield _with(made, venv=config, interpreter=base)


def _with(made: Environment, *, venv: str, interpreter: str) -> Environment:
    return Environment(
        made.prefix, made.version, made.stdlib, made.path, made.sites, made.pth, made.startup, made.mapped,
        venv, interpreter, made.targets,
    )  # fmt: skip


def _landmarks(finder: Finder, program: str, view: View) -> Iterator[tuple[str, str]]:
    """(standard library, prefix) for a program: the first directory above it with a landmark."""
    match = _INTERPRETER.match(name_of(program)) or _SHARED.match(name_of(program))
    wanted = match[1] if match and match[1] and "." in match[1] else ""
    home = view.config.variable("PYTHONHOME")
    at = parent_of(program)
    starts = [home.partition(":")[0]] if home else []
    while at != "/":
        starts.append(at)
        at = parent_of(at)
    for prefix in (*starts, "/usr", "/"):
        found = []
        for library in ("lib", "lib64", "lib32"):
            directory = join(prefix, library)
            for name in finder.names(directory):
                version = _LIBRARY.match(name)
                if version and wanted in ("", version[1]) and _has_os(finder, f"{directory}/{name}"):
                    found.append((f"{directory}/{name}", prefix))
        if found:
            yield from found
            return


def _has_os(finder: Finder, stdlib: str) -> bool:
    names = finder.names(stdlib)
    return "os.py" in names or "os.pyc" in names


def _environment(
    view: View, prefix: str, base: str, stdlib: str, finder: Finder, *, shared: bool = False
) -> Environment:
    library = name_of(stdlib)
    version = re.sub(r"[^\d.]", "", library)
    sites = list(_sites(prefix, library, stdlib))
    if prefix != base and shared:
        sites += _sites(base, library, stdlib)
    sites += _user_sites(view, library, finder)
    path = [join(parent_of(stdlib), f"python{version.replace('.', '')}.zip"), stdlib, f"{stdlib}/lib-dynload"]
    scan = _PathFiles(view, finder)
    for site in dict.fromkeys(sites):
        if finder.is_dir(site):
            scan.site(site)
    existing = [entry for entry in path if finder.real(entry)]
    named = [
        join(view.config.workdir or "/", entry) for entry in view.config.variable("PYTHONPATH").split(":")
    ]
    first = [entry for entry in named if entry in finder.targets]
    return Environment(
        prefix, version, stdlib, tuple(dict.fromkeys((*first, *existing, *scan.path))),
        tuple(dict.fromkeys((*first, *scan.sites, *finder.targets))), tuple(scan.files),
        tuple(sorted(scan.names)), tuple(sorted(scan.mapped.items())), targets=finder.targets,
    )  # fmt: skip


def _sites(prefix: str, library: str, stdlib: str) -> Iterator[str]:
    for lib in ("lib", "lib64"):
        yield join(prefix, f"{lib}/{library}/site-packages")
    yield f"{stdlib}/site-packages" if prefix == "/" else join(prefix, f"lib/{library}/site-packages")
    yield join(prefix, f"local/lib/{library}/dist-packages")
    if prefix == "/usr":
        yield f"/usr/local/lib/{library}/site-packages"
        yield f"/usr/local/lib64/{library}/site-packages"
    yield join(prefix, "lib/python3/dist-packages")
    yield join(prefix, f"lib/{library}/dist-packages")


def _user_sites(view: View, library: str, finder: Finder) -> Iterator[str]:
    base = view.config.variable("PYTHONUSERBASE")
    if base:
        yield join(base, f"lib/{library}/site-packages")
    homes = [view.config.variable("HOME"), "/root", *(f"/home/{name}" for name in finder.names("/home"))]
    for home in homes:
        if home:
            yield join(home, f".local/lib/{library}/site-packages")


@dataclass(slots=True)
class _PathFiles:
    """Site directories and what their .pth files add (`site.addsitedir`)."""

    view: View
    finder: Finder
    path: list[str] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    mapped: dict[str, str] = field(default_factory=dict)

    def site(self, directory: str) -> None:
        self.path.append(directory)
        self.sites.append(directory)
        for name in self.finder.names(directory):
            if not name.endswith((".pth", ".egg-link")):
                continue
            facts = self.view.facts.get(metadata.PTH, f"{directory}/{name}")
            if facts is None:
                continue
            self.files.append(f"{directory}/{name}")
            self.names.update(facts["names"])
            for module in facts["names"]:
                if module.startswith("__editable__"):
                    source = f"{directory}/{module}.py"
                    self.mapped.update(self.view.facts.get(metadata.EDITABLE, source) or {})
            for added in facts["paths"]:
                place = join(directory, added)
                if self.finder.real(place) and place not in self.path:
                    self.path.append(place)
