"""Paths and commands that kept programs, the author's files, configuration and ENV spell.

A spelled file stays. A spelled directory stays as such, with what is in it only where that is plainly meant:
what the program's own package put there, or data that no package owns and that the author names. Never a
reason to keep a shell, an interpreter, an installer or what programs are built with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer.evidence import Evidence, EvidenceKind
from analyzer.filesystem import Entry, Filesystem, is_volatile, join, name_of, parent_of
from analyzer.resolvers.commands import HOST_SERVICES, PACKAGE_MANAGERS, find_command, search_path
from analyzer.resolvers.elf import may_be_elf
from analyzer.resolvers.elfreader import ELF, constants
from analyzer.resolvers.hierarchy import INTERPRETERS, NOT_RUN, OPTIONAL, OTHERS, SHARED_DIRECTORIES
from analyzer.resolvers.interface import Extractor, View
from analyzer.resolvers.packagedb import PackageDatabase, read_database
from analyzer.resolvers.shebang import SHEBANG, may_be_read

# A text beyond this is data.
_TEXT_LIMIT = 1 << 20

_PATH = re.compile(rb"(?:/[\w.+@:,~%=-]+){2,}/?")
_IN_TEXT = re.compile(rb"(?<![\w./$}~%:*-])(?:/[\w.+@-]+){2,}")

_NEVER = (
    PACKAGE_MANAGERS
    | HOST_SERVICES
    | frozenset(
        "sh bash dash ash ksh mksh zsh fish csh tcsh rbash sash gdb vi vim nano emacs editor"
        " sensible-editor".split()
    )
)

# Interpreters and libraries record what they were built with: a GNU name may have the target's triplet before
# it, and the version behind it.
_BUILD_TOOL = re.compile(
    r"(?:\w+(?:-\w+)?-linux-\w+-)?"
    r"(?:gcc|g\+\+|cc|c\+\+|c89|c99|cpp|clang|clang\+\+|clang-cpp|gfortran|gnat|gdc|lto-dump|gcov"
    r"|(?:gcc|llvm)-(?:ar|nm|ranlib)|ld|ld\.\w+|as|ar|nm|ranlib|strip|objcopy|objdump|gmake|make|cmake|dwp)"
    r"(?:-[\d.]+)?"
)

# What relocatable programs look for from the directory above their own.
_RELATIVE = (b"share/", b"lib/", b"libexec/", b"etc/", b"../share/", b"../lib/", b"../libexec/", b"../etc/")

# What may stand before a path of another word: `../lib/x.c`, `--prefix=/usr/share/x`, `file:///etc/x`.
_END_OF_WORD = re.compile(rb"[\0\w.,:;=%/~}\"' +-]$")

# Go and Rust keep the length of a constant with its address, and one constant stands right behind another.
_COUNTED = (b"\xff Go buildinf:", b"RUST_BACKTRACE")
_RUN = re.compile(rb"(?=(/(?:etc|lib|opt|run|srv|usr|var)/[\w.+@-][\w.+@/-]{0,120}))")

_ROOTS = (b"/etc/", b"/lib/", b"/opt/", b"/run/", b"/srv/", b"/usr/", b"/var/")

# Commands that programs start by name, as far as the name is not an everyday word as well.
_STARTED = frozenset(
    (
        "awk bunzip2 bzip2 cpio curl diff3 egrep ffmpeg ffprobe fusermount gawk getconf getent gpg"
        " gpg-agent gpg2 gpgv grep gs gunzip gzip ifconfig iptables ldconfig less lz4 lzip lzma lzop"
        " magick mailx mawk mktemp modprobe nproc pager patch pbzip2 pdftocairo pdftoppm pdftotext pgrep"
        " pigz pkill qpdf rmt rsh rsync scp sed sendmail sftp sox ssh ssh-add ssh-agent ssh-askpass"
        " ssh-keygen stty tar tput tset uncompress unlzma unxz unzip wget wkhtmltoimage wkhtmltopdf xauth"
        " xdg-open xz zcat zip zstd"
    ).split()
)
_STARTERS = frozenset(
    "execl execle execlp execv execve execvp execvpe posix_spawn posix_spawnp popen system".split()
)

# Directories of libraries that programs link.
_OF_THE_LOADER = re.compile(r"/lib(32|64|x32)?(/[\w-]+-linux-(gnu|musl)\w*)?$")
_SHARED_OBJECT = re.compile(r"\.so(\.[\d.]+)?$")
_OPENERS = frozenset(("dlopen", "dlmopen"))

# Libraries in these are none that whoever spells the directory opens of his own accord: languages have their
# own resolvers, PAM's files name its modules.
_NO_PLUGINS = re.compile(
    r"/(python[\d.]*|perl[\d.]*|perl-base|ruby|php[\w.-]*|lua|node_modules|jvm|dotnet|guile|R|security)(/|$)"
)

# Their resolvers know what of the language's own library is reached.
_OF_INTERPRETERS = re.compile(r"/lib(python|perl|ruby|php|node|jvm|java)[\w.-]*$")

# Configuration outside of /etc, by its folder or by a part of its name.
_CONFIGURATION = re.compile(
    r"/(?:etc|conf|config)/[^/]+$|(?:^|[/._-])(?:conf|config|cfg|cnf|ini)(?:[._-][^/]*)?$"
)

# A directory with one of these is a program's, not data.
_CODE = re.compile(r"\.(so(\.[\d.]+)?|py|pyc|js|mjs|cjs|rb|pl|pm|php|jar|class|node|a|h|go|rs|exe|dll)$")


def read_literals(data: bytes) -> dict[str, list[str]] | None:
    """What an ELF file's constants or a text spell: `paths` (absolute, of two or more names), and of an ELF
    file `below` (from the directory above its own), `commands` (of those that programs start by name) and
    `runs` (paths with whatever constants stand behind them).
    None for neither."""
    if data[:4] != b"\x7fELF":
        if b"\0" in data[:8192]:
            return None
        return {"paths": _texts(path.rstrip(b".,:") for path in _IN_TEXT.findall(data[:_TEXT_LIMIT]))}
    paths: set[bytes] = set()
    below: set[bytes] = set()
    commands: set[str] = set()
    for part in constants(data):
        blob = b"\0" + part  # the first constant has none before it
        paths.update(_spelled(blob, b"/"))
        paths.update(_behind_numbers(part))
        for start in _RELATIVE:
            below.update(_spelled(blob, start))
        commands.update(name for name in _STARTED if b"\0" + name.encode() + b"\0" in blob)
    found = {"paths": _texts(paths), "below": _texts(below), "commands": sorted(commands)}
    if any(sign in data for sign in _COUNTED):
        found["runs"] = _texts(run for part in constants(data) for run in _RUN.findall(part))
    return {name: values for name, values in found.items() if values}


def _texts(found: Iterable[bytes]) -> list[str]:
    return sorted({path.decode("utf-8", "surrogateescape").rstrip("/") for path in found})


def _spelled(blob: bytes, start: bytes) -> Iterator[bytes]:
    """Whole constants that begin so and have the form of a path."""
    at = blob.find(b"\0" + start)
    while at >= 0:
        end = blob.find(b"\0", at + 1)
        end = len(blob) if end < 0 else end
        if 4 < end - at <= 4096:
            word = blob[at + 1 : end]
            if _PATH.fullmatch(word if start == b"/" else b"/" + word):
                yield word
        at = blob.find(b"\0" + start, end)


def _behind_numbers(part: bytes) -> Iterator[bytes]:
    """Constants with no zero byte before them: the linker put numbers there, and aligned their end."""
    for root in _ROOTS:
        at = part.find(root)
        while at >= 0:
            end = part.find(b"\0", at)
            behind = at % 8 == 0 and _END_OF_WORD.search(part[max(at - 1, 0) : at]) is None
            if behind and 0 < end - at <= 4096 and _PATH.fullmatch(part[at:end]):
                yield part[at:end]
            at = part.find(root, at + 1)


LITERALS = Extractor("literals", 6, read_literals)


class Literals:
    """Keeps what is spelled and there."""

    name = "literals"

    def __init__(self) -> None:
        self._database: PackageDatabase | None = None
        # Waits until somebody names it: a package's configuration is kept whether it is read or not.
        self._configuration: set[str] = set()
        self._folders: dict[str, list[str]] = {}  # directories in the folder of a library

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Evidence]:
        if self._database is None:
            self._database = read_database(view.fs, view.facts)
            for name, value in view.config.env:
                if value.startswith("/") and ":" not in value:
                    yield from self._spelled(view, f"ENV {name}", value, named_by_author=True)
        readers = [path for path in new if _is_read(view.fs.entries[path], kept[path])]
        self._configuration.update(path for path in new if _is_configuration(view.fs.entries[path]))
        used = sorted(path for path in self._configuration if _may_be_read(view, path, kept))
        self._configuration.difference_update(used)
        readers = sorted({*readers, *used})
        for path, literals in view.facts.get_many(LITERALS, readers).items():
            author = any(one.kind == "author" for one in kept[path])
            said = literals or {}
            prefix = parent_of(parent_of(path))
            spelled = [*said.get("paths", ()), *(join(prefix, name) for name in said.get("below", ()))]
            spelled += [found for run in said.get("runs", ()) if (found := _longest(view.fs, run))]
            for literal in (each for one in spelled for each in _listed(one)):
                # What a configuration that is read serves is the author's choice, whoever wrote it; which of
                # its further parts it includes is for its program's resolver to say.
                chosen = path in used and not literal.startswith("/etc/")
                yield from self._spelled(view, path, literal, named_by_author=author or chosen)
            if said.get("commands"):
                yield from self._started(view, path, said["commands"])
            yield from self._beside(view, path)

    def _beside(self, view: View, library: str) -> Iterator[Evidence]:
        """Data in a directory beside a library that bears its name: many put the two together at run time."""
        if ".so" not in name_of(library) or _OF_INTERPRETERS.search(library):
            return
        folder = parent_of(library)
        if folder not in self._folders:
            entries = [view.fs.entries[path] for path in view.fs.children(folder)]
            self._folders[folder] = [entry.path for entry in entries if entry.kind == "dir"]
        for path in self._folders[folder]:
            if _begins(library, name_of(path)):
                yield from _data_of(view, library, path, f"it stands beside {library}")

    def _started(self, view: View, source: str, commands: Sequence[str]) -> Iterator[Evidence]:
        """Commands by name, of a program that starts others; a shell's own words are no commands."""
        facts = view.facts.get(ELF, source) or {}
        if _kept_off(source) or _STARTERS.isdisjoint(facts.get("uses", ())):
            return
        for name in commands:
            found = find_command(view.fs, name, search_path(view.config))
            if found is not None and not _kept_off(view.fs.resolve(found).path):
                yield Evidence(found, "literal", source, f"{source} may start {name}")

    def _spelled(self, view: View, source: str, literal: str, *, named_by_author: bool) -> Iterator[Evidence]:
        if is_volatile(literal) or NOT_RUN.search(literal) or OTHERS.match(literal):
            return
        found = view.fs.resolve(literal)
        if found.missing or found.path == source or is_volatile(found.path):
            return
        target = view.fs.entries[found.path]
        if target.kind == "dir":
            yield from self._directory(view, source, literal, target, named_by_author)
        elif target.kind == "file" and not _kept_off(literal) and not _kept_off(found.path):
            # A script that the author names, or configuration that is read, is there to be started.
            script = (
                named_by_author and target.executable and view.facts.get(SHEBANG, target.path) is not None
            )
            kind: EvidenceKind = "script" if script else "literal"
            yield Evidence(literal, kind, source, f"{source} spells {literal}")

    def _directory(
        self, view: View, source: str, literal: str, directory: Entry, named_by_author: bool
    ) -> Iterator[Evidence]:
        assert self._database is not None
        if directory.path in SHARED_DIRECTORIES:
            return
        yield Evidence(literal, "literal", source, f"{source} spells {literal}")
        if named_by_author and self._is_data(view, directory.path):
            yield Evidence(literal, "literal", source, f"data that {source} names", tree=True)
        program = view.fs.get(source)
        facts = view.facts.get(ELF, source) if program is not None and may_be_elf(program) else None
        if not facts or INTERPRETERS.search(source):
            return
        named = directory.path.startswith("/usr/") and _bears_name(source, directory.path)
        if named and not _OF_INTERPRETERS.search(source):
            yield from _data_of(view, source, directory.path, f"{source} spells {literal}")
        if not _OPENERS.isdisjoint(facts.get("uses", ())):
            yield from _plugins(view, source, literal, directory.path)
        package = self._database.package_of(source)
        if package is None or facts.get("soname"):
            return
        for path in package.paths:
            if (
                path.startswith(f"{directory.path}/")
                and not NOT_RUN.search(path)
                and not OPTIONAL.search(path)
            ):
                yield Evidence(
                    path, "package", source, f"{source} spells {literal}, and {package.name} put this there"
                )

    def _is_data(self, view: View, directory: str) -> bool:
        """No package owns a file below, and none is a program, a library or a source. Scripts without an
        ending that says so are hooks and the like."""
        assert self._database is not None
        return not any(
            entry.kind != "dir"
            and (
                entry.path in self._database.owners
                or _CODE.search(entry.path)
                or (entry.executable and view.facts.get(SHEBANG, entry.path) is None)
            )
            for entry in view.fs.below(directory)
        )


def _bears_name(source: str, directory: str) -> bool:
    """Whether one of a directory's last two names begins with a program's or a library's own."""
    return any(_begins(source, part) for part in directory.split("/")[-2:])


def _begins(source: str, name: str) -> bool:
    own = _letters(re.sub(r"\A\.?lib|[-\d.]*(\.so[.\d]*)?\Z", "", name_of(source)))
    return len(own) >= 4 and _letters(name).startswith(own)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _data_of(view: View, source: str, directory: str, reason: str) -> Iterator[Evidence]:
    """Data of a program in the directory that bears its name, whichever package put it there."""
    found = view.fs.resolve(directory).path
    for entry in view.fs.below(found):
        code = entry.executable or _CODE.search(entry.path) or NOT_RUN.search(entry.path)
        if entry.kind == "file" and not code and not OTHERS.match(entry.path):
            yield Evidence(entry.path, "literal", source, f"{reason}, and bears its name")


def _plugins(view: View, source: str, literal: str, directory: str) -> Iterator[Evidence]:
    """Libraries in a directory that is spelled by who opens some, and in the folders in it."""
    if _NO_PLUGINS.search(directory) or _OF_THE_LOADER.search(directory):
        return
    for entry in view.fs.below(directory):
        path = entry.path
        if path[len(directory) + 1 :].count("/") > 1 or OPTIONAL.search(path) or _NO_PLUGINS.search(path):
            continue
        if entry.kind != "dir" and _SHARED_OBJECT.search(path):
            yield Evidence(
                path, "literal", source, f"it opens libraries and spells {literal}, where this one is"
            )


def _longest(fs: Filesystem, run: str) -> str:
    """The longest path of the image that a run of constants begins with; "" for none of two names."""
    at, *names = run.split("/")
    for name in names:
        if name and f"{at}/{name}" in fs:
            at = f"{at}/{name}"
            continue
        fitting = [one for one in fs.names(fs.resolve(at or "/").path) if name.startswith(one)]
        at = f"{at}/{max(fitting, key=len)}" if fitting else at
        break
    return at if at.count("/") > 1 else ""


def _listed(literal: str) -> list[str]:
    """A path, and where it has colons the paths of the search list that it is then."""
    parts = [part for part in literal.split(":") if part.startswith("/")]
    return [literal, *parts] if ":" in literal else [literal]


def _kept_off(path: str) -> bool:
    name = name_of(path)
    return name in _NEVER or bool(_BUILD_TOOL.fullmatch(name)) or INTERPRETERS.search(path) is not None


def _is_read(entry: Entry, reasons: Iterable[Evidence]) -> bool:
    """Programs and libraries, and the author's own texts."""
    if entry.executable or may_be_elf(entry):
        return True
    return entry.kind == "file" and entry.size <= _TEXT_LIMIT and any(one.kind == "author" for one in reasons)


def _may_be_read(view: View, path: str, kept: Mapping[str, Sequence[Evidence]]) -> bool:
    """Whether something kept opens this configuration: a program that spells its path does, a shell only when
    somebody logs in."""
    return may_be_read(path, kept) or any(
        one.kind == "literal"
        and one.source in view.fs
        and view.fs.entries[one.source].executable
        and not _kept_off(one.source)
        for one in kept[path]
    )


def _is_configuration(entry: Entry) -> bool:
    if entry.kind != "file" or entry.size > _TEXT_LIMIT or _CODE.search(entry.path):
        return False
    return entry.path.startswith("/etc/") or _CONFIGURATION.search(entry.path) is not None
