"""Paths and commands that kept files spell."""

from __future__ import annotations

import pytest

from analyzer.evidence import Evidence, EvidenceKind
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.literals import Literals, read_literals
from analyzer.resolvers.script import Scripts
from analyzer.resolvers.shebang import Interpreters
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import Dir, File, Link, Node, view_of

STATUS = "Package: git\nStatus: install ok installed\nArchitecture: amd64\n"

TREE: dict[str, Node] = {
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/git.list": "/usr/bin/git\n/usr/lib/git-core/git-x\n/usr/share/man/git\n",
    "/usr/lib/git-core/git-x": File(b"", mode=0o755),
    "/usr/lib/git-core/of-nobody": "x",
    "/usr/share/man/git": "x",
    "/bin": Link("usr/bin"),
    "/usr/bin/sh": Link("dash"),
    "/usr/bin/dash": File(b"", mode=0o755),
    "/usr/bin/apt-get": File(b"", mode=0o755),
    "/usr/bin/perl": File(b"", mode=0o755),
    "/usr/sbin/service": File(b"", mode=0o755),
    "/usr/bin/x86_64-linux-gnu-gcc": Link("x86_64-linux-gnu-gcc-12"),
    "/usr/bin/x86_64-linux-gnu-gcc-12": File(b"", mode=0o755),
    "/usr/bin/ld.bfd": File(b"", mode=0o755),
    "/usr/sbin/sendmail": Link("/usr/sbin/exim"),
    "/usr/sbin/exim": File(b"", mode=0o755),
    "/etc/app/app.conf": "data /srv/media/logo.png # /usr/sbin/sendmail\n",
    "/srv/media/logo.png": "x",
    "/opt/model/weights.bin": "x",
    "/opt/model/deep/vocabulary.txt": "x",
    "/opt/tool/lib/code.py": "x",
    "/tmp/left": "x",
    "/usr/lib/image/loaders/one.so": elf(),
    "/usr/lib/image/loaders/deep/two.so": elf(),
    "/usr/lib/image/loaders/README": "x",
    "/usr/lib/x86_64-linux-gnu/libother.so": elf(),
    "/usr/lib/perl5/auto/X/X.so": elf(),
    "/var/data": Dir(),
}


def spelling(*paths: str) -> File:
    return File(elf(interp="/lib/ld.so", constants=paths), mode=0o755)


CASES: dict[str, tuple[str, Node, EvidenceKind, set[str], set[str]]] = {
    "a file that a program spells": (
        "/usr/bin/app",
        spelling("/srv/media/logo.png"),
        "traced",
        {"/srv/media/logo.png"},
        set(),
    ),
    "a program, with the link to it": (
        "/usr/bin/app",
        spelling("/usr/sbin/sendmail"),
        "traced",
        {"/usr/sbin/sendmail", "/usr/sbin/exim"},
        set(),
    ),
    "never a shell, an installer, an interpreter or a host's services": (
        "/usr/bin/app",
        spelling("/bin/sh", "/usr/bin/apt-get", "/usr/bin/perl", "/usr/sbin/service"),
        "traced",
        set(),
        {"/usr/bin/sh", "/usr/bin/dash", "/usr/bin/apt-get", "/usr/bin/perl", "/usr/sbin/service"},
    ),
    "never what it was built with: a compiler's name may have a triplet and a version": (
        "/usr/bin/app",
        spelling("/usr/bin/x86_64-linux-gnu-gcc", "/usr/bin/ld.bfd"),
        "traced",
        set(),
        {"/usr/bin/x86_64-linux-gnu-gcc", "/usr/bin/x86_64-linux-gnu-gcc-12", "/usr/bin/ld.bfd"},
    ),
    "constants right behind one another, as Rust and Go have them": (
        "/usr/bin/app",
        spelling("RUST_BACKTRACE", "no/opt/model/weights.bin/srv/media/logo.pngsuffix/etc/app/app"),
        "traced",
        {"/opt/model/weights.bin", "/srv/media/logo.png"},
        {"/opt/model/deep/vocabulary.txt", "/etc/app/app.conf"},
    ),
    "each directory of a search list": (
        "/usr/bin/app",
        spelling("/opt/model/deep:/opt/tool/lib"),
        "traced",
        {"/opt/model/deep", "/opt/tool/lib"},
        {"/opt/model/weights.bin"},
    ),
    "a directory as such": (
        "/usr/bin/app",
        spelling("/opt/model"),
        "traced",
        {"/opt/model"},
        {"/opt/model/weights.bin"},
    ),
    "a directory of the system is nobody's": (
        "/usr/bin/app",
        spelling("/var/lib", "/usr/bin"),
        "traced",
        set(),
        set(),
    ),
    "a program's own directory, with what its package put there": (
        "/usr/bin/git",
        spelling("/usr/lib/git-core", "/usr/share/man"),
        "traced",
        {"/usr/lib/git-core/git-x"},
        {"/usr/lib/git-core/of-nobody", "/usr/share/man/git"},
    ),
    "a library's directories are for its callers": (
        "/usr/bin/git",
        File(elf(soname="libgit.so", constants=["/usr/lib/git-core"]), mode=0o755),
        "traced",
        {"/usr/lib/git-core"},
        {"/usr/lib/git-core/git-x"},
    ),
    "plugins in a directory that a library spells, when it opens libraries": (
        "/usr/lib/libpicture.so.1",
        File(
            elf(
                soname="libimage.so.1",
                uses=["dlopen"],
                constants=["/usr/lib/image/loaders", "/usr/lib/x86_64-linux-gnu", "/usr/lib/perl5"],
            )
        ),
        "linked",
        {"/usr/lib/image/loaders/one.so", "/usr/lib/image/loaders/deep/two.so"},
        {
            "/usr/lib/image/loaders/README",
            "/usr/lib/x86_64-linux-gnu/libother.so",
            "/usr/lib/perl5/auto/X/X.so",
        },
    ),
    "none of them for a library that opens no others": (
        "/usr/lib/libpicture.so.1",
        File(elf(soname="libimage.so.1", constants=["/usr/lib/image/loaders"])),
        "linked",
        {"/usr/lib/image/loaders"},
        {"/usr/lib/image/loaders/one.so"},
    ),
    "where the kernel and everybody writes": (
        "/usr/bin/app",
        spelling("/tmp/left"),
        "traced",
        set(),
        {"/tmp/left"},
    ),
    "configuration": (
        "/etc/app/app.conf",
        TREE["/etc/app/app.conf"],
        "traced",
        {"/srv/media/logo.png"},
        set(),
    ),
    "the author's own text names data": (
        "/app/run.py",
        "MODEL = '/opt/model'\nTOOL = '/opt/tool'\n",
        "author",
        {"/opt/model/weights.bin", "/opt/model/deep/vocabulary.txt", "/opt/tool"},
        {"/opt/tool/lib"},
    ),
    "a library's text is not read": (
        "/lib/python/x.py",
        "MODEL = '/opt/model'\n",
        "imported",
        set(),
        {"/opt/model"},
    ),
    "a part of an address is no path": (
        "/app/run.py",
        "URL = 'https://example.org/opt/model'\n",
        "author",
        set(),
        {"/opt/model"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_spelled(case: str) -> None:
    path, node, kind, kept, gone = CASES[case]
    view = view_of({**TREE, path: node})
    evidence = close(view, [Evidence(path, kind, "test", "")], [Literals()]).evidence
    assert kept <= set(evidence)
    assert not gone & set(evidence)


def test_configuration_that_nobody_reads_names_nothing() -> None:
    root = Evidence("/etc/app/app.conf", "package", "package: app", "")
    assert "/srv/media/logo.png" not in close(view_of(TREE), [root], [Literals()]).evidence


def test_data_that_a_read_configuration_names() -> None:
    tree: dict[str, Node] = {
        "/etc/app/app.conf": "root /srv/pages\ninclude /etc/app/parts\n",
        "/etc/app/parts/other.conf": "x",
        "/srv/pages/deep/a.css": "x",
    }
    root = Evidence("/etc/app/app.conf", "traced", "probe 1", "opened")
    evidence = close(view_of(tree), [root], [Literals()]).evidence
    assert "/srv/pages/deep/a.css" in evidence
    assert "/etc/app/parts/other.conf" not in evidence


# A program or library, the directory that it spells, and whether the data in it stays.
NAMED: dict[str, tuple[str, str, bool]] = {
    "a library's data of another package": ("/usr/lib/libvoice-ng.so.1", "/usr/lib/voice-ng-data", True),
    "a program's own": ("/usr/bin/plotter", "/usr/share/plotter/5.4", True),
    "a version in the library's name": ("/usr/lib/libplotter-2.0.so.0.7", "/usr/share/plotter", True),
    "of another name": ("/usr/bin/plotter", "/usr/share/other", False),
    "a name of few letters": ("/usr/bin/plo", "/usr/share/plotter", False),
    "an interpreter's library": ("/usr/lib/libperl.so.5.36", "/usr/share/perl/5.36", False),
}


@pytest.mark.parametrize("case", NAMED)
def test_data_in_a_directory_that_bears_the_name_of_who_spells_it(case: str) -> None:
    source, directory, stays = NAMED[case]
    tree: dict[str, Node] = {
        source: spelling(directory),
        f"{directory}/deep/table": "x",
        f"{directory}/extra.py": "x",
        f"{directory}/run": File("#!/usr/bin/perl\n", mode=0o755),
    }
    kept = close(view_of(tree), [Evidence(source, "linked", "test", "")], [Literals()]).evidence
    assert (f"{directory}/deep/table" in kept) is stays
    assert not {f"{directory}/extra.py", f"{directory}/run"} & set(kept)


def test_data_beside_a_library_that_bears_its_name() -> None:
    tree: dict[str, Node] = {
        "/usr/lib/libvoice-ng.so.1.1": elf(soname="libvoice-ng.so.1"),
        "/usr/lib/voice-ng-data/phones": "x",
        "/usr/lib/voice/phones": "x",
        "/usr/lib/libperl.so.5": elf(soname="libperl.so.5"),
        "/usr/lib/perl5/x.pod": "x",
    }
    roots = [Evidence(path, "linked", "test", "") for path in tree if ".so" in path]
    kept = close(view_of(tree), roots, [Literals()]).evidence
    assert "/usr/lib/voice-ng-data/phones" in kept
    assert not {"/usr/lib/voice/phones", "/usr/lib/perl5/x.pod"} & set(kept)


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/var/lib/app/config.autogenerated", True),
        ("/opt/app/conf/server", True),
        ("/opt/app/my.cnf", True),
        ("/opt/app/app-config.yaml", True),
        ("/opt/app/config.py", False),
        ("/opt/app/confetti", False),
        ("/opt/app/data.txt", False),
    ],
)
def test_configuration_has_a_folder_or_a_name_that_says_so(path: str, read: bool) -> None:
    tree: dict[str, Node] = {path: "{/etc/app/list}", "/etc/app/list": "x"}
    evidence = close(view_of(tree), [Evidence(path, "traced", "app", "opened")], [Literals()]).evidence
    assert ("/etc/app/list" in evidence) is read


def test_data_with_hooks_that_a_spelled_configuration_names() -> None:
    tree: dict[str, Node] = {
        "/usr/lib/cgi/web": spelling("/etc/webrc"),
        "/etc/webrc": "scan=/srv/git\nbuild=/opt/tool\n",
        "/srv/git/a.git/HEAD": "x",
        "/srv/git/a.git/hooks/update.sample": File("#!/bin/sh\n", mode=0o755),
        "/opt/tool/bin/made": File(elf(), mode=0o755),
    }
    root = Evidence("/usr/lib/cgi/web", "literal", "/app/site.conf", "")
    evidence = close(view_of(tree), [root], [Literals()]).evidence
    assert "/srv/git/a.git/HEAD" in evidence
    assert "/opt/tool/bin/made" not in evidence


@pytest.mark.parametrize(("program", "read"), [("/usr/bin/app", True), ("/usr/bin/dash", False)])
def test_who_spells_a_configuration_reads_it_but_a_shell_only_at_a_login(program: str, read: bool) -> None:
    tree = {**TREE, program: spelling("/etc/profile"), "/etc/profile": ". /etc/more/rc", "/etc/more/rc": "x"}
    kept = close(view_of(tree), [Evidence(program, "traced", "test", "")], [Literals()]).evidence
    assert "/etc/profile" in kept
    assert ("/etc/more/rc" in kept) is read


def test_a_program_that_a_read_configuration_names_is_started() -> None:
    tree: dict[str, Node] = {
        **TREE,
        "/etc/app/app.conf": "preexec = /usr/local/bin/pre %u\n",
        "/usr/local/bin/pre": File("#!/bin/sh\n", mode=0o755),
    }
    root = Evidence("/etc/app/app.conf", "traced", "probe 1", "opened")
    assert "/usr/bin/dash" in close(view_of(tree), [root], [Literals(), Interpreters()]).evidence


def test_paths_in_env() -> None:
    config = ImageConfig(env=(("MODEL", "/opt/model"), ("TOOL_HOME", "/opt/tool"), ("PATH", "/usr/bin:/bin")))
    evidence = close(view_of(TREE, config=config), [], [Literals()]).evidence
    assert {"/opt/model/weights.bin", "/opt/tool"} <= set(evidence)
    assert "/opt/tool/lib" not in evidence


def test_a_relocatable_program_and_what_it_starts() -> None:
    tree: dict[str, Node] = {
        **TREE,
        "/usr/bin/gzip": File(b"", mode=0o755),
        "/usr/share/tool/templates": "x",
        "/usr/bin/app": File(
            elf(uses=["execvp"], constants=["share/tool/templates", "gzip", "dash", "apt-get"]), mode=0o755
        ),
        "/usr/bin/quiet": File(elf(constants=["gzip"]), mode=0o755),
    }

    def kept(root: str) -> set[str]:
        return set(close(view_of(tree), [Evidence(root, "traced", "test", "")], [Literals()]).evidence)

    assert {"/usr/share/tool/templates", "/usr/bin/gzip"} <= kept("/usr/bin/app")
    assert not {"/usr/bin/dash", "/usr/bin/apt-get"} & kept("/usr/bin/app")
    assert "/usr/bin/gzip" not in kept("/usr/bin/quiet")


def test_a_programs_own_scripts_run_in_a_shell_and_in_nothing_else() -> None:
    tree: dict[str, Node] = {
        **TREE,
        "/usr/bin/git": spelling("/usr/lib/git-core"),
        "/var/lib/dpkg/info/git.list": "/usr/bin/git\n/usr/lib/git-core/git-x\n/usr/lib/git-core/git-y\n",
        "/usr/lib/git-core/git-x": File("#!/bin/sh\nperl x\nsed y\n", mode=0o755),
        "/usr/bin/sed": File(b"", mode=0o755),
        "/usr/lib/git-core/git-y": File("#!/usr/bin/perl\n", mode=0o755),
    }
    roots = [Evidence("/usr/bin/git", "traced", "test", "")]
    kept = close(view_of(tree), roots, [Literals(), Interpreters(), Scripts()]).evidence
    assert {"/usr/bin/dash", "/usr/bin/sed"} <= set(kept)
    assert "/usr/bin/perl" not in kept


def test_what_is_read() -> None:
    assert read_literals(b"a /etc/x/y, (/usr/z) /one ../etc/no ${D}/etc/no https://h/etc/no\n") == {
        "paths": ["/etc/x/y", "/usr/z"]
    }
    assert read_literals(b"\x89PNG\0/etc/passwd\0") is None
    spelled = ["/etc/app/x", "/one", "/not a/path", "/a/b:/c/d", "share/app/y", "shared", "tar", "xz/"]
    assert read_literals(elf(constants=spelled)) == {
        "paths": ["/a/b:/c/d", "/etc/app/x"],
        "below": ["share/app/y"],
        "commands": ["tar"],
    }
    # A section may begin with a constant.
    first = elf(constants=["/etc/app/x"]).replace(b"\0/etc/app/x\0", b"/etc/app/xy\0")
    assert read_literals(first) == {"paths": ["/etc/app/xy"]}
    # Numbers may stand before it, as in libpaper; then it is aligned, which the end of a word is not.
    for before, found in (("234567@", {"paths": ["/etc/paper"]}), ("2345678@", {})):
        assert read_literals(elf(constants=[f"{before}/etc/paper"])) == found
    # A relative path is none, though aligned.
    assert read_literals(elf(constants=["45678../lib/own/x.c"])) == {}
