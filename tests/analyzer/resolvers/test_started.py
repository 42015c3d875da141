"""Commands that an author's own sources start."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

import pytest

from analyzer.evidence import Evidence, EvidenceKind
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.started import Started, programs_of
from tests.analyzer.resolvers.classfile import class_file
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import File, Link, Node, view_of

TOOLS: dict[str, Node] = {
    **{
        f"/usr/bin/{name}": File(b"\x7fELF", mode=0o755)
        for name in "dash echo convert sort id apt-get".split()
    },
    "/usr/bin/sh": Link("dash"),
    "/bin": Link("usr/bin"),
}


def jar(**classes: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in classes.items():
            archive.writestr(f"app/{name}.class", data)
    return made.getvalue()


def beam(*calls: str, literals: bytes = b"", long_counts: bool = False) -> bytes:
    """A module that calls `module:function` each; of OTP 28 with `long_counts`, packed constants else."""
    atoms = [name for call in calls for name in call.split(":")]
    if long_counts:
        sizes = [bytes([len(name) << 4]) if len(name) < 16 else bytes([8, len(name)]) for name in atoms]
    else:
        sizes = [bytes([len(name)]) for name in atoms]
    table = b"".join(size + name.encode() for size, name in zip(sizes, atoms, strict=True))
    numbers = [struct.pack(">3I", at, at + 1, 1) for at in range(1, len(atoms), 2)]
    packed = struct.pack(">I", len(literals)) + zlib.compress(literals)
    chunks = {
        b"AtU8": struct.pack(">i", -len(atoms) if long_counts else len(atoms)) + table,
        b"ImpT": struct.pack(">I", len(numbers)) + b"".join(numbers),
        b"LitT": b"\0\0\0\0" + literals if long_counts else packed,
    }
    body = b"".join(
        name + struct.pack(">I", len(data)) + data + bytes(-len(data) % 4) for name, data in chunks.items()
    )
    return b"FOR1" + struct.pack(">I", len(body) + 4) + b"BEAM" + body


# Constants as `term_to_binary` writes them: ["sort", "convert"] and <<"echo">>.
STRINGS = b"\0\0\0\2\0\0\0\x17\x83l\0\0\0\2k\0\4sortk\0\7convertj\0\0\0\x0a\x83m\0\0\0\4echo"

BUILDER = "java/lang/ProcessBuilder"

# A file of the author's, its text, and the commands that it brings.
CASES: dict[str, tuple[str, str | bytes, set[str]]] = {
    "Perl's backticks": ("/a.pl", "print `echo hello`;\n", {"echo"}),
    "Perl's qx": ("/a.pl", "my $x = qx{convert a b};\n", {"convert"}),
    "Perl's list, without a shell": ("/a.pl", "system('convert', $file);\n", {"convert"}),
    "Perl's pipe": ("/a.pl", "open(my $out, '-|', 'sort', $file);\n", {"sort"}),
    "a shell's signs bring a shell": (
        "/a.pl",
        'system("convert $in - | sort");\n',
        {"convert", "sort", "dash"},
    ),
    "Ruby's Open3": ("/a.rb", 'out, _ = Open3.capture2("convert", name)\n', {"convert"}),
    "Ruby's backticks with a value put in": ("/a.rb", "x = `echo #{name}`\n", {"echo"}),
    "Ruby's backticks as the value of a block": ("/a.rb", "get('/') { `echo x` }\n", {"echo"}),
    "a program without a suffix": ("/a", "#!/usr/bin/env ruby\nsystem('echo')\n", {"echo"}),
    "PHP always has a shell": ("/a.php", "<?php exec('convert a b');\n", {"convert", "dash"}),
    "Lua has a shell": ("/a.lua", "local p = io.popen('convert a b')\n", {"convert", "dash"}),
    "R has a shell": ("/a.R", 'x <- system("sort a", intern=TRUE)\n', {"sort", "dash"}),
    "Guile's pipe has a shell": ("/a.scm", '(open-input-pipe "echo hi")\n', {"echo", "dash"}),
    "names that SQL quotes": ("/a.php", '<?php $q = "SELECT `id` FROM t";\n', set()),
    "names of columns that SQL quotes": ("/a.php", "<?php $q = 'INSERT INTO t (`id`, `sort`)';\n", set()),
    "PHP's backticks": ("/a.php", "<?php $x = `id -u`;\n", {"id", "dash"}),
    "never an installer": ("/a.rb", "system('apt-get update')\n", set()),
    "what is not there": ("/a.rb", "system('nothing | nobody')\n", set()),
    "a class that starts processes": ("/a.class", class_file(BUILDER, literals="/bin/echo"), {"echo"}),
    "a class that starts none": ("/a.class", class_file(literals="/bin/echo"), set()),
    "a program by its name, and not a method of that name": (
        "/a.class",
        class_file(BUILDER, "sort", literals="convert"),
        {"convert"},
    ),
    "a command line that Java's Runtime runs": (
        "/a.jar",
        jar(A=class_file("java/lang/Runtime", "exec", literals="id -u;sh")),
        {"id", "dash"},
    ),
    "a class that asks the Runtime for something else": (
        "/a.class",
        class_file("java/lang/Runtime", "totalMemory", literals="id"),
        set(),
    ),
    "half a class": ("/a.class", class_file(BUILDER, literals="echo;sort")[:-30], set()),
    "a program with a command line for a shell": (
        "/a",
        elf(uses=("system",), constants=("date; sort -u", "echo the end", "convert %s %s")),
        {"sort", "convert", "dash"},
    ),
    "a program that starts others itself": (
        "/a",
        elf(uses=("execv",), constants=("sort -u",)),
        {"sort", "dash"},
    ),
    "a program that starts nothing": ("/a", elf(uses=("fopen",), constants=("sort -u",)), set()),
    "Erlang looks for a program": ("/a.escript", 'P = os:find_executable("echo"),\n', {"echo", "dash"}),
    "a function's name in a string before it": (
        "/a.escript",
        'main(["cmd"]) -> os:cmd("echo x").\n',
        {"echo", "dash"},
    ),
    "Tcl's exec and pipe, without a shell": (
        "/a.tcl",
        'set x [exec -ignorestderr echo a]; set f [open "|sort -u" w]\n',
        {"echo", "sort"},
    ),
    "Expect's spawn": ("/a.exp", "spawn -noecho id -u\nexpect eof\n", {"id"}),
    "Prolog's shell": ("/a.pl", 'main :- shell("id -u | sort").\n', {"id", "sort", "dash"}),
    "awk's pipes": (
        "/a.awk",
        'BEGIN { "id -u" | getline x; print x | "sort -n"; system("echo a") }',
        {"id", "sort", "echo", "dash"},
    ),
    "a jar that is none": ("/a.jar", b"PK", set()),
    "an Erlang module with a port": (
        "/a.beam",
        beam("lists:map", "erlang:open_port", literals=STRINGS),
        {"sort", "convert", "echo"},
    ),
    "an Erlang module's os:cmd, which has a shell": (
        "/a.beam",
        beam("os:cmd", literals=b"\0\0\0\1\0\0\0\x0c\x83k\0\x09id -u|sor"),
        {"id", "dash"},
    ),
    "an Elixir module of OTP 28, compressed": (
        "/a.beam",
        gzip.compress(beam("Elixir.System:cmd", literals=STRINGS, long_counts=True)),
        {"sort", "convert", "echo"},
    ),
    "an Erlang module that starts nothing": ("/a.beam", beam("lists:map", literals=STRINGS), set()),
    "half an Erlang module": ("/a.beam", beam("os:cmd", literals=STRINGS)[:40], set()),
}


def brought(path: str, text: str | bytes, kind: EvidenceKind) -> set[str]:
    view = view_of({**TOOLS, path: File(text, mode=0o755)}, config=ImageConfig())
    kept = close(view, [Evidence(path, kind, "test", "")], [Started()]).evidence
    return {name for name in "dash echo convert sort id apt-get".split() if f"/usr/bin/{name}" in kept}


@pytest.mark.parametrize("case", CASES)
def test_what_a_source_starts(case: str) -> None:
    path, text, names = CASES[case]
    assert brought(path, text, "author") == names


def test_a_librarys_sources_are_its_languages() -> None:
    assert brought("/a.rb", "system('echo')\n", "imported") == set()


def test_a_program_of_a_package_only_starts_what_it_names_by_a_path() -> None:
    data = elf(
        uses=("system",), constants=("/usr/bin/sort -u", "echo -n x", "/bin/sh -c 'id; run-parts /etc/x'")
    )
    database = {
        "/var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n",
        "/var/lib/dpkg/info/a.list": "/usr/lib/a\n",
    }
    view = view_of(
        {**TOOLS, **database, "/usr/lib/a": File(data, mode=0o755), "/etc/x/run": ""}, config=ImageConfig()
    )
    kept = close(view, [Evidence("/usr/lib/a", "linked", "test", "")], [Started()]).evidence
    assert {path for path in kept if path.startswith("/usr/bin/")} == {
        "/usr/bin/sort",
        "/usr/bin/id",
    }
    assert [one.kind for one in kept["/etc/x/run"]] == ["script"]


def test_what_a_kept_erlang_module_starts() -> None:
    module = beam("os:find_executable", literals=STRINGS)
    assert brought("/lib/a.beam", module, "imported") == {"sort", "convert", "echo"}


@pytest.mark.parametrize(
    ("line", "programs"),
    [
        ("convert a b", ["convert"]),
        ("echo $HOME | tr a-z A-Z", ["echo", "tr"]),
        ("A=1 B=2 env x && (cat y; sort z) &", ["env", "cat", "sort"]),
        ("if test -f x; then date; fi", ["test", "date"]),
        ("x=$(hostname) ; echo `id -u`", ["hostname", "echo", "id"]),
        ("'/opt/my' x", ["/opt/my"]),
        ("", []),
    ],
)
def test_the_programs_of_a_command_line(line: str, programs: list[str]) -> None:
    assert programs_of(line) == programs
