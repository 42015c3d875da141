"""Commands that an author's own sources start: of Perl, Ruby, PHP, Java, and languages without a resolver.

A constant command is looked up along PATH as execvp(3) does. Perl and Ruby hand a command to a shell where it
has one of a shell's signs (perlfunc exec, Kernel#exec), PHP always (its program execution functions), and so
do the languages of `_SHELLED`, whose functions are system(3) and popen(3) or do the same. What
libraries start is theirs to say: their languages' resolvers follow them. A compiled module of Erlang says it
alone, whoever wrote it.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence

from analyzer.evidence import Evidence
from analyzer.filesystem import Entry, name_of
from analyzer.resolvers.beam import read_commands
from analyzer.resolvers.commands import PACKAGE_MANAGERS, find_command, search_path
from analyzer.resolvers.elf import may_be_elf
from analyzer.resolvers.elfreader import ELF, constants
from analyzer.resolvers.hierarchy import INTERPRETERS
from analyzer.resolvers.interface import Extractor, View
from analyzer.resolvers.jars import literals
from analyzer.resolvers.packagedb import PackageDatabase, read_database
from analyzer.resolvers.shebang import SHEBANG, SHELLS
from analyzer.shell import read
from analyzer.shell.calls import calls

_CALL = re.compile(
    r"(?<![\"'])\b(?:system|exec|spawn|popen|popen2e?|popen3|capture2e?|capture3|pipeline|shell_exec|passthru"
    r"|proc_open|open|system2|cmd|execute|open-input-pipe|open-output-pipe|run-program"
    r"|find_executable)\s*\(?\s*(?:\[\s*)?(?:(?:my\s+)?\$\w+\s*,\s*[\"'](?:-\||\|-)[\"']\s*,\s*)?"
    r"(?:\"((?:[^\"\\\n]|\\.)+)\"|'((?:[^'\\\n]|\\.)+)')"
)
# Backticks stand where a value does: in a string they quote names, as SQL in PHP has them.
_QUOTED_FORMS = r"\s*(?:`([^`\n]+)`|(?:qx|%x)\s*(?:\{([^}\n]+)\}|\(([^)\n]+)\)|\[([^\]\n]+)\]|/([^/\n]+)/))"
_QUOTED = re.compile(r"(?:^|[=(,{;]|\b(?:return|print|puts|chomp|split)\b)" + _QUOTED_FORMS, re.MULTILINE)
_QUOTED_IN_PHP = re.compile(r"(?:=|\b(?:return|echo|print)\b)" + _QUOTED_FORMS)
_SHELL_SIGN = re.compile(r"[*?{}\[\]<>()~&|\\$;'\"`\n]")
_PART = re.compile(r"[|;&()`\n]+")
_NO_COMMAND = re.compile(r"\w+=|(?:if|then|else|elif|fi|while|until|do|done|for|case|esac|in|!|\{|\}|\$)\Z")
_INTERPOLATED = re.compile(r"#\{[^}]*\}|\$\{?\w+\}?|@\{?\w+\}?")

_LANGUAGES = ("perl", "ruby", "php")

# os.execute and io.popen of Lua, system of R and Octave, os:cmd of Erlang, Sys.command of OCaml, …
_SHELLED = (".lua", ".R", ".r", ".m", ".erl", ".escript", ".exs", ".scm", ".lisp", ".jl", ".awk")
_ENDINGS = {".pl": "perl", ".pm": "perl", ".rb": "ruby", ".ru": "ruby", ".php": "php", ".phtml": "php"}
_OF_BARE = (".tcl", ".exp", ".awk", ".pl", ".pro", ".prolog")
_BARE = re.compile(
    r"\b(?:exec|spawn)\s+(?:-\w+\s+)*(?:--\s+)?([\w./+-]+)"
    r"|\bopen\s+[\"{]\|\s*([^\"{}\n]+)"
    r"|\bshell\(\s*[\"']([^\"'\n]+)"
    r"|\"([^\"\n]+)\"\s*\|&?\s*getline|\bprintf?\b[^\n|]*\|&?\s*\"([^\"\n]+)\""
)
_ENDINGS |= dict.fromkeys(_SHELLED, "shelled")

_NAME = re.compile(r"(?:/[\w.+@-]+){2,}|[a-z][\w.+-]*")
# What says that a class starts processes: alone, or one of these with the method's name.
_STARTERS = (b"java/lang/ProcessBuilder", b"scala/sys/process/")
_RUNTIME = (b"java/lang/Runtime", b"\x01\x00\x04exec")
_LIMIT = 16 << 20  # bytes of classes in a jar: beyond it they are mostly libraries'

# A constant that a shell is given: a program and its arguments, an option or a shell's sign among them where
# only a name stands first, as words begin a sentence as well.
_LINE = re.compile(
    rb"(?:(?:/[\w.+-]+){2,}(?= )|[a-z][\w.+-]*(?=[ |;&])(?=.*(?:[|<>;&+]| -|%s)))[ -~]{2,1000}"
)
_STARTING = frozenset("system popen execl execle execlp execv execve execvp posix_spawn posix_spawnp".split())


def programs_of(command: str) -> list[str]:
    """The programs that a command line starts: the first word of each of its simple commands."""
    found = []
    for part in _PART.split(command):
        words = (word.strip("\"'") for word in part.split())
        name = next((word for word in words if not _NO_COMMAND.match(word)), "")
        if name and name not in found:
            found.append(name)
    return found


def read_started(data: bytes) -> list[str]:
    """Constant commands that a source starts, with what is put in at run time left out; sorted."""
    text = data.decode("utf-8", "replace")
    quoted = _QUOTED_IN_PHP if "<?" in text[:256] else _QUOTED
    found = {next(filter(None, groups)) for groups in (*_CALL.findall(text), *quoted.findall(text))}
    return sorted(_INTERPOLATED.sub("", command).strip() for command in found)


def read_lines(data: bytes) -> list[str]:
    """Constants of an ELF file that may be command lines; sorted."""
    words = (word for part in constants(data) for word in part.split(b"\0") if b" " in word)
    return sorted({word.decode() for word in words if _LINE.fullmatch(word)})


def read_classes(data: bytes) -> list[str]:
    """Words that may be programs, in classes that start processes: of a class file, or a jar's own ones."""
    if data[:4] == b"\xca\xfe\xba\xbe":
        return sorted(_in_class(data))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as jar:
            classes = [entry for entry in jar.infolist() if entry.filename.endswith(".class")]
            own = [entry for entry in classes if entry.filename.startswith(("BOOT-INF/", "WEB-INF/"))]
            chosen = own or classes
            if sum(entry.file_size for entry in chosen) > _LIMIT:
                return []
            return sorted({word for entry in chosen for word in _in_class(jar.read(entry))})
    except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, ValueError, EOFError):
        return []


def _in_class(data: bytes) -> Iterator[str]:
    """Literals of a class that starts processes, as far as they may be a program; of a command line its first
    word."""
    if any(starter in data for starter in _STARTERS) or all(part in data for part in _RUNTIME):
        for literal in literals(data):
            word = literal.partition(" ")[0]
            if _NAME.fullmatch(word):
                yield word


def read_bare(data: bytes) -> list[str]:
    """The same of Tcl and Expect, whose commands are words, of awk's pipes and Prolog's shell; sorted."""
    found = {next(filter(None, groups)) for groups in _BARE.findall(data.decode("utf-8", "replace"))}
    return sorted(found)


STARTED = Extractor("started", 5, read_started, 1 << 20)
CLASSES = Extractor("started.classes", 2, read_classes)
BEAM = Extractor("started.beam", 1, read_commands)
BARE = Extractor("started.bare", 2, read_bare, 1 << 20)
LINES = Extractor("started.lines", 1, read_lines)


class Started:
    """Keeps the commands that the author's own sources start, Erlang's compiled modules, and programs by
    command lines among their constants."""

    name = "started"

    def __init__(self) -> None:
        self._database: PackageDatabase | None = None

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Evidence]:
        own = [
            path
            for path in new
            if view.fs.entries[path].kind == "file"
            and any(one.kind in ("author", "asked") for one in kept[path])
        ]
        languages = {path: language for path in own if (language := _language(view, path))}
        for path, commands in view.facts.get_many(STARTED, sorted(languages)).items():
            for command in commands or ():
                yield from _started(view, path, command, shell=languages[path] in ("php", "shelled"))
        bare = [path for path in own if path.endswith(_OF_BARE)]
        for path, commands in view.facts.get_many(BARE, bare).items():
            for command in commands or ():
                yield from _started(view, path, command, shell=not path.endswith((".tcl", ".exp")))
        classes = [path for path in own if path.endswith((".jar", ".war", ".class"))]
        for path, words in view.facts.get_many(CLASSES, classes).items():
            for word in words or ():
                yield from _program(view, path, word)
        beams = [path for path in new if path.endswith(".beam") and view.fs.entries[path].kind == "file"]
        for path, commands in view.facts.get_many(BEAM, beams).items():
            shell = "/bin/sh" in (commands or ())
            for command in commands or ():
                if name_of(command) not in SHELLS:
                    yield from _started(view, path, command, shell=shell)
        yield from self._lines(view, new, own)

    def _lines(self, view: View, new: Sequence[str], own: Sequence[str]) -> Iterator[Evidence]:
        """Of the author's programs, whoever built them; of the others what names a program by its path."""
        self._database = self._database or read_database(view.fs, view.facts)
        programs = [path for path in new if may_be_elf(view.fs.entries[path])]
        starters: dict[str, bool] = {}
        for path, facts in view.facts.get_many(ELF, programs).items():
            authors = path in own or self._may_be_authors(view.fs.entries[path])
            if not _STARTING.isdisjoint((facts or {}).get("uses", ())):
                starters[path] = authors
        for path, lines in view.facts.get_many(LINES, sorted(starters)).items():
            for line in lines or ():
                if starters[path]:
                    yield from _started(view, path, line, shell=True)
                elif line.startswith("/"):
                    yield from _called(view, path, line)

    def _may_be_authors(self, entry: Entry) -> bool:
        """A program that no package brought, as a RUN builds it."""
        assert self._database is not None
        return entry.executable and entry.path not in self._database.owners and ".so" not in entry.path


def _language(view: View, path: str) -> str:
    known = next((language for ending, language in _ENDINGS.items() if path.endswith(ending)), "")
    if known or not view.fs.entries[path].executable:
        return known
    words = " ".join(view.facts.get(SHEBANG, path) or ())
    return next((language for language in _LANGUAGES if language in words), "")


def _started(view: View, path: str, command: str, *, shell: bool) -> Iterator[Evidence]:
    if shell or _SHELL_SIGN.search(command):
        programs = ["/bin/sh", *programs_of(command)]
    else:
        programs = command.split()[:1]
    found = [name for name in programs if find_command(view.fs, name, search_path(view.config)) is not None]
    if found and found != ["/bin/sh"]:
        for name in found:
            yield from _program(view, path, name)


def _called(view: View, path: str, line: str) -> Iterator[Evidence]:
    """The programs of a command line, through wrappers; a program of the system is no reason for a shell."""
    for call in calls(read(line)):
        name = call.values[0] or ""
        if name_of(name) not in SHELLS and not INTERPRETERS.search(f"/{name}"):
            yield from _program(view, path, name)
        for value in call.values[1:] if name_of(name) == "run-parts" else ():
            if value and value.startswith("/"):
                yield Evidence(value, "script", path, "run-parts starts what is in it", tree=True)


def _program(view: View, path: str, name: str) -> Iterator[Evidence]:
    place = find_command(view.fs, name, search_path(view.config))
    if place is None and name in SHELLS:
        place = find_command(view.fs, f"/bin/{name}", ())
    if place is not None and name_of(name) not in PACKAGE_MANAGERS:
        yield Evidence(place, "script", path, f"starts {name}")
