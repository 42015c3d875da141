"""The block says what the plan says, in words that a real shell and BuildKit's parser read back."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.dockerfile.instructions import Copy, From, Run, read
from analyzer.evidence import Evidence
from analyzer.filesystem import Filesystem, ancestors
from rewriters.plan import expand, fold
from rewriters.render import LARGEST_RUN, Naming, Scanners, Tools, plain_copies, quote, render, shell_word
from rewriters.words import Word
from tests.imagefs import Dir, File, Link, Node, image_tree

NAMES = Naming("app", "scratchify-files")
TOOLS = Tools("debian:12", "debian:12")


def kept(fs: Filesystem, *paths: str) -> dict[str, list[Evidence]]:
    found: dict[str, list[Evidence]] = {}
    for path in paths:
        for each in (path, *ancestors(path)):
            found.setdefault(each, []).append(Evidence(each, "traced", "run", "touched"))
    return found


def block(
    fs: Filesystem, *paths: str, naming: Naming = NAMES, tools: Tools | None = TOOLS, **more: object
) -> str:
    keep_list = fold(fs, kept(fs, *paths), lambda _: "os")
    return render(fs, keep_list, naming, tools, ["USER app"], **more)  # type: ignore[arg-type]


def echoed(words: str, directory: str = "/") -> list[str]:
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {words}"], capture_output=True, cwd=directory, check=True
    )
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


names = st.text(
    st.characters(blacklist_characters="\0/", blacklist_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda name: not name.endswith("\n") and name not in (".", ".."))


@settings(max_examples=60, deadline=None)
@given(names)
def test_a_quoted_name_is_read_back_by_the_shell(name: str) -> None:
    assert "\n" not in quote(name)
    assert echoed(quote(name)) == [name]


@pytest.mark.parametrize(
    ("word", "triplet", "text"),
    [
        (Word("/etc/passwd", "keep"), None, "etc/passwd"),
        (Word("/a b", "keep"), None, "'a b'"),
        (Word("/[id]/it's", "keep"), None, "'[id]/it'\\''s'"),
        (Word("/lib/x-y-linux-gnu/a.so", "keep"), "x-y-linux-gnu", 'lib/"$T"/a.so'),
        (Word("/lib/libz.so.1*", "keep", True), None, "lib/libz.so.1*"),
        (Word("/a b/lib*.so.*", "keep", True), None, "'a b'/lib*.so.*"),
        (Word("/-rf", "keep"), None, "./-rf"),
        (Word(os.fsdecode(b"/lat\xe9"), "keep"), None, "\"$(printf '\\154\\141\\164\\351')\""),
    ],
)
def test_words_of_the_list(word: Word, triplet: str | None, text: str) -> None:
    assert shell_word(word, triplet) == text


TREE = image_tree(
    {
        "/bin": Link("usr/bin"),
        "/usr/bin/a": File(b"a", 0o755),
        "/usr/bin/b": File(b"b", 0o755),
        "/opt/all/one": File(),
        "/opt/all/two": File(),
        "/own/file": File(),
        "/own": Dir(0o700, 7, 7),
        "/$odd/[x]": File(),
    }
)


def test_the_block_is_read_as_stages_by_the_parser() -> None:
    program = read(block(TREE, "/bin", "/usr/bin/a", "/opt/all/one", "/opt/all/two").encode())
    assert program.problems == ()
    kinds = [type(command) for command in program.commands]
    assert kinds.count(From) == 2
    assert kinds.count(Run) == 1
    run = next(command for command in program.commands if isinstance(command, Run))
    assert [(mount.from_, mount.source, mount.target) for mount in run.mounts] == [("app", "/", "/src")]
    assert "tree opt" in run.command[0]
    assert "keep bin usr/bin/a" in run.command[0]


def test_the_escape_character_and_the_case_are_the_file_s() -> None:
    naming = Naming("app", "scratchify-files", "`", lower=True)
    text = block(TREE, "/usr/bin/a", naming=naming)
    assert text.startswith("from debian:12 as scratchify-files\nuser 0:0\n")
    program = read(f"# escape=`\n{text}".encode())
    assert program.problems == ()
    assert [command.node.name.text for command in program.commands][-1] == "user"


def test_a_list_too_long_for_one_run_is_spread() -> None:
    fs = image_tree(
        {f"/data/{'x' * 60}{number:05}": File() for number in range(4000)} | {"/data/not": File()}
    )
    text = block(fs, *(path for path in fs.entries if path not in ("/data/not", "/data", "/")))
    runs = [command for command in read(text.encode()).commands if isinstance(command, Run)]
    assert len(runs) > 1
    assert all(len(command.command[0].encode()) < LARGEST_RUN + 10_000 for command in runs)
    assert sum(command.command[0].count("pack os") for command in runs) == 1


def test_scanners_entries_come_by_package_name() -> None:
    text = block(TREE, "/usr/bin/a", scanners=Scanners(debs=("base-files", "libc6"), apks=("musl",)))
    assert "debs base-files libc6;" in text
    assert "apks musl;" in text


DOCUMENTED = image_tree(
    {
        "/usr/bin/a": File(b"a", 0o755),
        "/usr/share/doc/one/copyright": File(b"1"),
        "/usr/share/doc/one/changelog": File(b"1"),
        "/usr/share/doc/two": Link("one"),
        "/usr/share/doc/three/README": File(b"3"),
    }
)
LICENCES = ("/usr/bin/a", "/usr/share/doc/one/copyright", "/usr/share/doc/two")


@pytest.mark.parametrize(
    ("paths", "listed"),
    [
        pytest.param(LICENCES, [], id="the names of the packages say their licences"),
        pytest.param(LICENCES[:2], ["usr/share/doc/one/copyright"], id="one that was dropped: each by name"),
    ],
)
def test_licences_of_packages(paths: tuple[str, ...], listed: list[str]) -> None:
    text = block(DOCUMENTED, *paths, scanners=Scanners(debs=("no-such", "one", "three", "two")))
    assert ("copyright" in text.split("debs() {")[0]) == bool(listed)
    assert all(word in text for word in listed)
    assert ('keep "usr/share/doc/$n"' in text) != bool(listed)


LIBRARY = image_tree(
    {f"/opt/std/m{number}.py": File(b"x") for number in range(30)}
    | {f"/opt/std/__pycache__/m{number}.cpython-311.pyc": File(b"x") for number in range(30)}
    | {"/opt/std/empty/a": File(), "/opt/std/empty/b": File()}
    | {"/usr/lib/libz.so.1": Link("libz.so.1.2"), "/usr/lib/libz.so.1.2": File(b"z")}
    | {"/srv/m.py": File(b"m"), "/srv/n.py": File(b"n"), "/srv/__pycache__/m.cpython-311.pyc": File(b"c")}
    | {"/usr/share/doc/one/copyright": File(b"1"), "/usr/share/doc/two": Link("one"), "/srv/odd *[x]": File()}
    | {"/var/lib/dpkg/status": File(b"Package: one\nVersion: 1\n\nPackage: two\nVersion: 2\n\n")}
)
ASSEMBLED = [
    ("a module with its bytecode", lambda path: path.startswith("/srv/") and "/n.py" not in path),
    ("versioned names", lambda path: path.startswith("/usr/lib")),
    ("all but two modules", lambda path: path.startswith("/opt/") and "/m7." not in path),
    ("a directory left empty", lambda path: path.startswith("/opt/") and "/empty/" not in path),
    ("licences by package", lambda path: "/doc/" in path),
    ("everything", lambda path: True),
]


@pytest.mark.parametrize("stays", [case[1] for case in ASSEMBLED], ids=[case[0] for case in ASSEMBLED])
def test_a_shell_takes_in_what_the_list_says(stays: Callable[[str], bool], tmp_path: Path) -> None:
    """The assembly's own shell text, run on the tree: the same paths that the plan expands to."""
    keep_list = fold(LIBRARY, kept(LIBRARY, *filter(stays, LIBRARY.entries)), lambda _: "os")
    text = render(LIBRARY, keep_list, NAMES, TOOLS, [], Scanners(debs=("one", "two")))
    made = assembled(text, LIBRARY, tmp_path)
    metadata = {path for path in made if path.startswith("/var")} - expand(LIBRARY, keep_list)
    assert made - metadata == expand(LIBRARY, keep_list) - {"/"}
    assert {"/var/lib/dpkg/status.d/one", "/var/lib/dpkg/status.d/two"} <= metadata


def of_machine(triplet: str, loader: str, links: dict[str, Node]) -> Filesystem:
    """A small Debian of one machine: its own directory of libraries, its loader, a module built for it."""
    return image_tree(
        {
            "/lib": Link("usr/lib"),
            f"/usr/lib/{triplet}/libc.so.6": File(b"c"),
            f"/usr/lib/{triplet}/libz.so.1": Link("libz.so.1.2"),
            f"/usr/lib/{triplet}/libz.so.1.2": File(b"z"),
            f"/usr/lib/{triplet}/libm.so.6": File(b"m"),
            f"/usr/lib/{triplet}/{loader}": File(b"ld"),
            f"/opt/py/_x.cpython-311-{triplet}.so": File(b"x"),
            "/usr/bin/a": File(b"a"),
            **links,
        }
    )


def test_traced_on_amd64_and_built_on_arm64(tmp_path: Path) -> None:
    traced = of_machine(
        "x86_64-linux-gnu",
        "ld-linux-x86-64.so.2",
        {
            "/lib64": Link("usr/lib64"),
            "/usr/lib64/ld-linux-x86-64.so.2": Link("../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        },
    )
    built = of_machine(
        "aarch64-linux-gnu",
        "ld-linux-aarch64.so.1",
        {"/usr/lib/ld-linux-aarch64.so.1": Link("aarch64-linux-gnu/ld-linux-aarch64.so.1")},
    )
    stays = [path for path in traced.entries if not path.endswith(("/libm.so.6", "/a"))]
    made = assembled(block(traced, *stays), built, tmp_path)
    assert made == {path for path in built.entries if not path.endswith(("/libm.so.6", "/a"))} - {"/"}


def assembled(text: str, fs: Filesystem, folder: Path) -> set[str]:
    """The paths that the block's own shell text puts together from a tree."""
    write_tree(fs, folder / "src")
    for run in [command for command in read(text.encode()).commands if isinstance(command, Run)]:
        script = re.sub(r"(?<![\w}])/(src|out|list|tar)\b", rf"{folder}/\1", run.command[0])
        subprocess.run(["sh", "-euc", script.replace("PATH=/usr/sbin", "PATH=/usr/local/sbin")], check=True)
    out = folder / "out" / "os"
    return {f"/{path.relative_to(out)}" for path in out.rglob("*")}


def write_tree(fs: Filesystem, root: Path) -> None:
    for entry in sorted(fs.entries.values(), key=lambda entry: entry.path):
        place = root / entry.path[1:]
        if entry.kind == "dir":
            place.mkdir(parents=True, exist_ok=True)
        elif entry.kind == "link":
            place.symlink_to(entry.target)
        else:
            place.write_bytes(fs.read(entry.path) or b"")


COPIES = [
    ("one file", ["/usr/bin/a"], ["app /usr/bin/a /usr/bin/a"]),
    ("a directory kept whole", ["/opt/all/one", "/opt/all/two"], ["app /opt /opt"]),
    ("a link, which COPY would follow", ["/bin", "/usr/bin/a"], None),
    ("a parent that is another's", ["/own/file"], None),
    ("names that COPY takes for patterns", ["/$odd/[x]"], ['app ["/\\\\$odd/[[]x]", "/\\\\$odd/[x]"]']),
]


@pytest.mark.parametrize(("paths", "lines"), [case[1:] for case in COPIES], ids=[case[0] for case in COPIES])
def test_plain_copies(paths: list[str], lines: list[str] | None) -> None:
    keep_list = fold(TREE, kept(TREE, *paths), lambda _: "os")
    assert plain_copies(TREE, keep_list, "app") == lines


def test_plain_copies_need_no_stage_with_tools() -> None:
    program = read(block(TREE, "/usr/bin/a", tools=None).encode())
    assert [type(command).__name__ for command in program.commands] == ["From", "Copy", "User"]
    copy = program.commands[1]
    assert isinstance(copy, Copy)
    assert copy.from_ == "app"
