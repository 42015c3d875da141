"""Services: what their configuration includes, loads, serves and starts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from analyzer.evidence import Evidence, EvidenceKind
from analyzer.filesystem import join, name_of, parent_of
from analyzer.resolvers.commands import PACKAGE_MANAGERS, find_command, search_path
from analyzer.resolvers.crontab import CRON
from analyzer.resolvers.folders import links_to_folder
from analyzer.resolvers.hierarchy import SHARED_DIRECTORIES
from analyzer.resolvers.interface import Extractor, Finding, View
from analyzer.resolvers.service_table import BY_PROGRAM, Service
from analyzer.resolvers.system import is_person
from analyzer.shell import read
from analyzer.shell.calls import calls

_LARGEST = 1 << 20  # bytes of a configuration that is read
_SCHEMES = re.compile(r"\A(?:unix|file|syslog|pipe|log|files):/*(?=/)")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def read_directives(data: bytes) -> list[list[str]]:
    """Lines of a configuration as words, in the syntaxes of nginx, Apache, Redis and ini files: comments,
    quotes, `;`, `=` and braces undone, the first word in lower case. A value on several lines counts to the
    key before it."""
    if b"\0" in data:
        return []
    rows: list[list[str]] = []
    for line in data.decode("utf-8", "replace").splitlines():
        text = line.split("#", 1)[0] if line.lstrip().startswith("#") else re.sub(r"\s[#;].*", "", line)
        text = text.strip().rstrip("{;} ").lstrip("}<").rstrip(">")
        if not text or text.startswith(("[", ";", "/")):
            continue
        key, equals, value = text.partition("=")
        words = _split(value) if equals and re.fullmatch(r"\s*[\w.!-]+\s*", key) else _split(text)
        if equals and re.fullmatch(r"\s*[\w.!-]+\s*", key):
            words = [key.strip(), *words]
        if words:
            for statement in _statements(words):
                rows.append([statement[0].lower(), *statement[1:]])
    return rows


def _statements(words: list[str]) -> Iterator[list[str]]:
    """`location / { root /srv; index a; }` on one line is several directives."""
    current: list[str] = []
    for word in words:
        if word in ("{", "}"):
            ends = True
        else:
            ends = word.endswith(";")
            current.append(word.rstrip(";"))
        if ends and current:
            yield current
            current = []
    if current:
        yield current


def read_built_in(data: bytes) -> dict[str, str]:
    """Paths that a server was built with: nginx's `--conf-path=…` and the like, Apache's HTTPD_ROOT."""
    found = {
        name.decode(): path.decode("utf-8", "replace")
        for name, path in re.findall(rb"--([a-z-]*(?:path|prefix))=(/[^\s'\"\0]*)", data)
    }
    root = re.search(rb'-D HTTPD_ROOT="([^"\0]+)"', data)
    if root:
        found["root"] = root[1].decode("utf-8", "replace")
    return found


def read_variables(data: bytes) -> dict[str, str]:
    """`export NAME=value` and `Define NAME value` lines with a constant value."""
    text = data.decode("utf-8", "replace")
    rows = re.findall(r"^\s*(?:export\s+|Define\s+)?(\w+)[= ][\"']?([^\s\"']+)", text, re.MULTILINE)
    return {name: re.sub(r"\$\w+", "", value) for name, value in rows}


def read_logins(data: bytes) -> list[list[str]]:
    """Name, user id, home and login shell of each account of a passwd(5) file; no shell is /bin/sh."""
    rows = (line.split(":") for line in data.decode("utf-8", "surrogateescape").splitlines())
    return [[row[0], row[2], row[5], row[6].strip() or "/bin/sh"] for row in rows if len(row) == 7]


DIRECTIVES = Extractor("services.directives", 1, read_directives)
BUILT_IN = Extractor("services.built_in", 1, read_built_in)
VARIABLES = Extractor("services.variables", 1, read_variables)
LOGINS = Extractor("services.logins", 1, read_logins)

# What a login reads in a home: keys, and the files that shells start with.
_OF_LOGINS = (
    ".ssh .profile .bash_profile .bash_login .bash_logout .bashrc .hushlogin .zshenv .zprofile .zshrc .zlogin"
    " .shrc .kshrc"
).split()
_NO_LOGIN = ("nologin", "false")


class Services:
    """State of one closure: services found, and the configurations read for each."""

    name = "services"

    def __init__(self) -> None:
        self._found: dict[str, Service] = {}
        self._read: set[tuple[str, str]] = set()
        self._pending: list[tuple[Service, str]] = []
        self._variables: dict[str, str] = {}
        self._prefix: dict[str, str] = {}

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        return list(self._step(view, new))

    def _step(self, view: View, new: Sequence[str]) -> Iterator[Finding]:
        for path in new:
            name = name_of(path)
            service = BY_PROGRAM.get(name)
            if service is not None and _is_program(view, path):
                yield from self._program(view, service, path)
            if name in ("postgres", "initdb") and _is_program(view, path):
                yield from _postgres(view, path)
        while self._pending:
            service, path = self._pending.pop()
            yield from self._configuration(view, service, path)

    # -- programs -----------------------------------------------------------------------------------------
    def _program(self, view: View, service: Service, path: str) -> Iterator[Finding]:
        if path in self._found:
            return
        self._found[path] = service
        built_in = view.facts.get(BUILT_IN, path) or {} if service.includes else {}
        self._prefix.setdefault(service.name, built_in.get("root") or built_in.get("prefix") or "")
        for place in (*service.places, *built_in.values()):
            yield from _present(view, place, path, f"{service.name} uses it")
            yield from _present(view, parent_of(place), path, f"{service.name} writes below it")
        for place in service.folders:
            yield from _tree(view, place, path, f"a part of {service.name}", service.without)
        for place in service.scripts:
            if view.fs.lookup(place) is not None:
                yield Evidence(place, "script", path, f"{service.name} starts it", tree=True)
        if service.logins:
            yield from _logins(view, path, service.logins)
        configs = [place for pattern in service.configs for place in _matching(view, pattern)]
        configs += [built_in[key] for key in ("conf-path",) if key in built_in]
        configs += _given(view, service)
        for place in configs:
            self._enqueue(service, place)

    def _enqueue(self, service: Service, path: str) -> None:
        if (service.name, path) not in self._read:
            self._read.add((service.name, path))
            self._pending.append((service, path))

    # -- configurations -----------------------------------------------------------------------------------
    def _configuration(self, view: View, service: Service, path: str) -> Iterator[Finding]:
        entry = view.fs.lookup(path)
        if entry is None or entry.kind != "file":
            return
        yield Evidence(path, "imported", service.name, f"configures {service.name}")
        if entry.size > _LARGEST:
            return
        if service.name == "Apache":
            for place in (join(parent_of(path), "envvars"), path):
                self._variables.update(view.facts.get(VARIABLES, place) or {})
        if service.name == CRON:  # its tables are the shell's: see script.py
            return
        for words in view.facts.get(DIRECTIVES, path) or ():
            yield from self._directive(view, service, path, words[0], words[1:])

    def _directive(
        self, view: View, service: Service, path: str, name: str, words: list[str]
    ) -> Iterator[Finding]:
        if name == "serverroot" and words:
            self._prefix[service.name] = words[0]
        values = [self._value(view, word) for word in words]
        if name in service.commands:
            yield from _command(view, path, words)
            return
        for value in values:
            for base in self._bases(service, path) if not value.startswith("/") else ("/",):
                place = join(base, value)
                if name in service.includes and value:
                    for found in _matching(view, place):
                        self._enqueue(service, found)
                elif name in service.started and place != "/":
                    yield Evidence(place, "script", path, f"{name} {value}", tree=True)
                elif name in service.trees and place != "/":
                    yield from _tree(view, place, path, f"{name} {value}", frozenset())
                elif (value.startswith("/") and len(value) > 1) or name in service.relative:
                    yield from _present(view, place, path, f"{name} {value}", _kind_of(view, place))
                    if value.startswith("/") and parent_of(value) != "/":
                        yield from _present(view, parent_of(place), path, f"{name} {value}")

    def _bases(self, service: Service, path: str) -> list[str]:
        first = next((parent_of(place) for name, place in sorted(self._read) if name == service.name), "/")
        bases = [service.base, self._prefix.get(service.name, ""), first, parent_of(path)]
        return [base for base in dict.fromkeys(bases) if base and base != "/"]

    def _value(self, view: View, word: str) -> str:
        known = {**self._variables, **dict(view.config.env)}
        return _SCHEMES.sub("", _VARIABLE.sub(lambda match: known.get(match[1], ""), word.strip("\"'")))


def _is_program(view: View, path: str) -> bool:
    entry = view.fs.lookup(path)
    return entry is not None and entry.executable


def _given(view: View, service: Service) -> Iterator[str]:
    """Configurations that a command line gives to the service's program."""
    workdir = view.config.workdir or "/"
    for words, cwd in (
        (view.config.command, workdir),
        *((one.argv, one.cwd or workdir) for one in view.programs),
    ):
        started = False
        for word in words:
            started = started or name_of(word) in service.programs
            place = join(cwd, word.partition("=")[2] if word.startswith("--") else word)
            entry = view.fs.lookup(place) if started and "/" in word + cwd else None
            if entry is not None and entry.kind == "file" and not entry.executable:
                yield place


def _matching(view: View, pattern: str) -> list[str]:
    """Paths that fit a pattern; a folder stands for the files in it."""
    parts = pattern.split("/")
    found = ["/"]
    for part in parts:
        if not part:
            continue
        deeper: list[str] = []
        for base in found:
            real = view.fs.resolve(base)
            if any(sign in part for sign in "*?["):
                names = [name for name in view.fs.names(real.path) if fnmatchcase(name, part)]
                deeper.extend(join(base, name) for name in names if not name.startswith("."))
            elif part in view.fs.names(real.path):
                deeper.append(join(base, part))
        found = deeper
    files: list[str] = []
    for place in found:
        entry = view.fs.lookup(place)
        if entry is not None and entry.kind == "dir" and place != "/":
            files.extend(join(place, name) for name in view.fs.names(entry.path))
        elif entry is not None:
            files.append(place)
    return files


def _present(
    view: View, place: str, origin: str, reason: str, kind: EvidenceKind = "imported"
) -> Iterator[Evidence]:
    if place != "/" and view.fs.lookup(place) is not None:
        yield Evidence(place, kind, origin, reason)


def _kind_of(view: View, place: str) -> EvidenceKind:
    """A program that a configuration names is there to be started."""
    entry = view.fs.lookup(place)
    runs = entry is not None and entry.kind == "file" and entry.executable
    return "script" if runs and name_of(place) not in PACKAGE_MANAGERS else "imported"


def _tree(view: View, place: str, origin: str, reason: str, without: frozenset[str]) -> Iterator[Evidence]:
    entry = view.fs.lookup(place)
    if entry is None or place == "/":
        return
    if entry.kind != "dir" or not without:
        yield Evidence(place, "imported", origin, reason, tree=True)
        for one in view.fs.below(entry.path) if entry.kind == "dir" else ():
            if links_to_folder(view.fs, one.path):
                yield Evidence(one.path, "imported", origin, reason, tree=True)
        return
    pending = [entry.path]
    yield Evidence(place, "imported", origin, reason)
    while pending:
        for path in view.fs.children(pending.pop()):
            if name_of(path) in without:
                continue
            if view.fs.entries[path].kind == "dir":
                pending.append(path)
            yield Evidence(path, "imported", origin, reason)


def _command(view: View, origin: str, words: Sequence[str]) -> Iterator[Evidence]:
    """A command line of a configuration: its program along PATH, and files that it names. What stands before
    the program is a name, a number or a user."""
    while words and find_command(view.fs, words[0], search_path(view.config)) is None and len(words) > 1:
        yield from _given_to(view, origin, words[0])
        words = words[1:]
    for word in words[1:]:
        yield from _given_to(view, origin, word)
    # Through wrappers and the text that a shell is given, as one word or as it stands.
    for call in (*calls(read(shlex.join(words))), *calls(read(" ".join(words)))):
        place = find_command(view.fs, call.values[0] or "", search_path(view.config))
        if place is not None and name_of(place) not in PACKAGE_MANAGERS:
            yield Evidence(place, "script", origin, f"starts {call.values[0]}")


def _given_to(view: View, origin: str, word: str) -> Iterator[Evidence]:
    """A file that a command line names."""
    named = word.startswith("/") and word != "/" and view.fs.lookup(word) is not None
    if named and name_of(word) not in PACKAGE_MANAGERS:
        yield Evidence(word, "script", origin, f"starts {word}")


def _logins(view: View, origin: str, kind: str) -> Iterator[Evidence]:
    """What an account needs to log in: its shell (one that lets nobody in is asked for as well), its home. A
    person's home may be served without a shell."""
    for name, user, home, shell in view.facts.get(LOGINS, "/etc/passwd") or ():
        if user == "0" and kind != "all":
            continue
        if kind != "homes":
            yield from _present(view, shell, origin, f"the login shell of {name}", "script")
        no_login = kind == "homes" or name_of(shell) in _NO_LOGIN
        if not home.startswith("/") or (no_login and not is_person(user)):
            continue
        yield from _present(view, home, origin, f"the home of {name}")
        if home not in SHARED_DIRECTORIES:
            yield from _tree(view, home, origin, f"the home of {name}", frozenset())
        for one in () if no_login else _OF_LOGINS:
            yield from _tree(view, join(home, one), origin, f"{name} logs in", frozenset())


def _postgres(view: View, path: str) -> Iterator[Evidence]:
    """The server's share and library folders beside its programs: catalogs, time zone sets, extensions.

    The just-in-time compiler stays away: PostgreSQL runs without its provider (jit.c), which links all LLVM.
    """
    binaries = parent_of(view.fs.resolve(path).path)
    prefix = parent_of(binaries)
    version = name_of(prefix)
    folders = [join(prefix, "lib"), f"/usr/share/postgresql/{version}"]
    if version == "local":
        folders = [join(prefix, "lib/postgresql"), join(prefix, "share/postgresql")]
    elif prefix == "/usr":
        folders = ["/usr/lib/postgresql", "/usr/share/postgresql", "/usr/lib64/pgsql", "/usr/share/pgsql"]
    without = frozenset(
        ("bitcode", "pgxs", "llvmjit.so", "llvmjit_types.bc", "man", "doc", "pkgconfig", "contrib")
    )
    for folder in folders:
        yield from _tree(view, folder, path, "the server reads it by name", without)
    if name_of(path) == "initdb":
        yield Evidence(join(binaries, "postgres"), "script", path, "initdb starts it")
    for place in ("/etc/postgresql", "/etc/postgresql-common"):
        yield from _tree(view, place, path, "configures PostgreSQL", frozenset())
    for place in ("/var/lib/postgresql", "/var/run/postgresql", "/run/postgresql", "/var/log/postgresql"):
        yield from _present(view, place, path, "PostgreSQL writes there")


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
