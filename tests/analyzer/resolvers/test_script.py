"""What scripts need: interpreters, commands in every branch, files that they name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from analyzer.evidence import Evidence, EvidenceKind
from analyzer.image import Healthcheck, ImageConfig
from analyzer.resolvers.closure import Closure, close
from analyzer.resolvers.script import Scripts
from analyzer.resolvers.shebang import Interpreters, env_command, read_shebang
from tests.imagefs import Dir, File, Link, Node, view_of

PATH = (("PATH", "/usr/local/bin:/usr/bin:/bin"),)


def tool() -> File:
    return File(b"\x7fELF", mode=0o755)


def script(text: str) -> File:
    return File(text, mode=0o755)


TOOLS: dict[str, Node] = {
    **{
        f"/usr/bin/{name}": tool()
        for name in (
            "env bash dash mkdir chmod echo cat sort find apt-get dpkg python3.11 gosu redis-server envsubst"
            " cp hostname rm date service"
        ).split()
    },
    "/bin": Link("usr/bin"),
    "/usr/bin/sh": Link("dash"),
    "/usr/bin/python3": Link("python3.11"),
    "/usr/bin/awk": Link("/etc/alternatives/awk"),
    "/etc/alternatives/awk": Link("/usr/bin/mawk"),
    "/usr/bin/mawk": tool(),
    "/usr/local/bin/wget": Link("/opt/busybox"),
    "/opt/busybox": tool(),
    "/docker-entrypoint.d/10-a.sh": script("#!/bin/sh\ndate\n"),
    "/docker-entrypoint.d/20-b.envsh": "x",
    "/lib/x86_64-linux-gnu/libz.so": "x",
    "/etc/app/main.conf": "x",
    "/etc/app/extra.conf": "x",
    "/opt/lib/common.sh": "hostname\n",
    "/opt/tool/bin/run": tool(),
    "/usr/src/site/index.php": "x",
    "/usr/src/site/css/a.css": "x",
    "/var/lib/app": Dir(),
    "/work/job.py": "x",
    "/work/bin/step": tool(),
}


def closed(
    tree: Mapping[str, Node],
    config: ImageConfig | None = None,
    kind: EvidenceKind = "traced",
    source: str = "package: test",
    reason: str = "executed in the traced run",
) -> Closure:
    view = view_of({**TOOLS, **tree}, config=config or ImageConfig(env=PATH, workdir="/work"))
    roots = [Evidence(path, kind, source, reason) for path in tree]
    return close(view, roots, [Interpreters(), Scripts()])


# Text of /run.sh; what it brings; what it does not bring.
CASES: dict[str, tuple[str, set[str], set[str]]] = {
    "its interpreter, a link": ("#!/bin/sh\n", {"/bin", "/usr/bin/sh", "/usr/bin/dash"}, {"/usr/bin/bash"}),
    "env finds the interpreter": ("#!/usr/bin/env bash\n", {"/usr/bin/env", "/usr/bin/bash"}, set()),
    "env -S with an option": (
        "#!/usr/bin/env -S python3 -u\nprint()\n",
        {"/usr/bin/python3", "/usr/bin/python3.11"},
        set(),
    ),
    "both branches of an if": (
        '#!/bin/sh\nif [ -n "$A" ]; then mkdir /x; else chmod 1 /x; fi\n',
        {"/usr/bin/mkdir", "/usr/bin/chmod"},
        set(),
    ),
    "an arm of a case and a function": (
        "#!/bin/sh\nf() { mkdir -p /x; }\ncase $1 in a) f;; b) cat /x;; esac\n",
        {"/usr/bin/mkdir", "/usr/bin/cat"},
        set(),
    ),
    "a built-in needs no file": ("#!/bin/sh\necho hello; test -f /x; [ a = b ]\n", set(), {"/usr/bin/echo"}),
    "a wrapper starts the file, not the built-in": ("#!/bin/sh\nenv echo hello\n", {"/usr/bin/echo"}, set()),
    "command keeps the built-in": ("#!/bin/sh\ncommand echo hello\n", set(), {"/usr/bin/echo"}),
    "a substitution in a here-document": (
        "#!/bin/sh\ncat <<EOF > /etc/app/new.conf\n$(hostname)\nEOF\n",
        {"/usr/bin/hostname", "/etc/app"},
        set(),
    ),
    "through a wrapper, after an option": (
        "#!/bin/sh\nexec gosu redis redis-server --port 1\n",
        {"/usr/bin/gosu", "/usr/bin/redis-server"},
        set(),
    ),
    "arguments put together with set": (
        '#!/bin/sh\nset -- gosu redis "$@"\nexec "$@"\n',
        {"/usr/bin/gosu"},
        set(),
    ),
    "an alternatives link": (
        "#!/bin/sh\nawk 1\n",
        {"/usr/bin/awk", "/etc/alternatives/awk", "/usr/bin/mawk"},
        set(),
    ),
    "an applet link": ("#!/bin/sh\nwget x\n", {"/usr/local/bin/wget", "/opt/busybox"}, set()),
    "an installer in a branch stays away, and what it is given": (
        '#!/bin/sh\nif [ -n "$DEV" ]; then apt-get install /etc/app/extra.conf; fi\n',
        set(),
        {"/usr/bin/apt-get", "/etc/app/extra.conf"},
    ),
    "an installer that is only looked for": (
        "#!/bin/sh\ncommand -v apt-get && [ -x /usr/bin/dpkg ]\n",
        set(),
        {"/usr/bin/apt-get", "/usr/bin/dpkg"},
    ),
    "a program that is looked for": (
        "#!/bin/sh\ncommand -v envsubst || exit 0\n",
        {"/usr/bin/envsubst"},
        set(),
    ),
    "a loop over a pattern": (
        '#!/bin/sh\nfor f in /docker-entrypoint.d/*.sh; do . "$f"; done\n',
        {"/docker-entrypoint.d/10-a.sh", "/usr/bin/date"},
        {"/docker-entrypoint.d/20-b.envsh"},
    ),
    "find takes the whole directory, and its scripts run": (
        '#!/bin/sh\nfind "/docker-entrypoint.d/" -type f | sort | while read -r f; do "$f"; done\n',
        {"/docker-entrypoint.d/20-b.envsh", "/usr/bin/date"},
        set(),
    ),
    "a file it sources, and what that calls": (
        "#!/bin/sh\n. /opt/lib/common.sh\n",
        {"/opt/lib/common.sh", "/usr/bin/hostname"},
        set(),
    ),
    "a variable with a constant value": (
        '#!/bin/sh\nT=/opt/tool\n"$T/bin/run" x\n',
        {"/opt/tool/bin/run"},
        set(),
    ),
    "a variable with a default": (
        "#!/bin/sh\n${TOOL:-/opt/tool/bin/run} x\n",
        {"/opt/tool/bin/run"},
        set(),
    ),
    "a command with its arguments in a variable": (
        "#!/bin/sh\nCMD='gosu redis'\n$CMD x\n",
        {"/usr/bin/gosu"},
        set(),
    ),
    "a name that only a run knows, below a directory": (
        '#!/bin/sh\ncat "/etc/app/$1.conf"\n',
        {"/etc/app/main.conf", "/etc/app/extra.conf"},
        set(),
    ),
    "a name that only a run knows, in a directory of the system": (
        '#!/bin/sh\ncat "/etc/$1"\n',
        set(),
        {"/etc/app/main.conf"},
    ),
    "a name that only a run knows, among the system's libraries": (
        '#!/bin/sh\ncp /lib/*/lib"$1"*.so* /lib/x86_64-linux-gnu/lib"$1".so /var/spool\n',
        set(),
        {"/lib/x86_64-linux-gnu/libz.so"},
    ),
    "the same, from a loop": (
        '#!/bin/sh\nfor f in /lib/*/lib"$1"*.so*; do [ -e "$f" ] && cp "$f" /var/spool; done\n',
        set(),
        {"/lib/x86_64-linux-gnu/libz.so"},
    ),
    "a pattern among the system's libraries": (
        "#!/bin/sh\ncp /lib/*/libz*.so* /var/spool\n",
        {"/lib/x86_64-linux-gnu/libz.so"},
        set(),
    ),
    "an author's script that starts a daemon as a host does": (
        "#!/bin/sh\nservice ssh start\n",
        {"/usr/bin/service"},
        set(),
    ),
    "what socat starts": (
        "#!/bin/sh\nsocat TCP-LISTEN:1,fork EXEC:/opt/tool/bin/run,pty\nsocat - SYSTEM:'cat x | sort'\n",
        {"/opt/tool/bin/run", "/usr/bin/cat", "/usr/bin/sort"},
        set(),
    ),
    "a command that is handed on as one word": (
        "#!/bin/sh\nwatch -n 1 'cat /etc/app/main.conf | sort'\n",
        {"/usr/bin/cat", "/usr/bin/sort", "/etc/app/main.conf"},
        set(),
    ),
    "a copied directory is copied as a whole": (
        "#!/bin/sh\ncp -r /usr/src/site/. /var/lib/app\n",
        {"/usr/src/site/index.php", "/usr/src/site/css/a.css", "/var/lib/app"},
        set(),
    ),
    "what is removed need not be there": (
        "#!/bin/sh\nrm -rf /etc/app/*\n",
        {"/usr/bin/rm"},
        {"/etc/app/main.conf"},
    ),
    "a path from the working directory": (
        "#!/bin/sh\npython3 job.py; bin/step\n",
        {"/work/job.py", "/work/bin/step"},
        set(),
    ),
    "a path from where it goes": ("#!/bin/sh\ncd /opt/tool\n./bin/run\n", {"/opt/tool/bin/run"}, set()),
    "a directory of PATH that it sets": (
        "#!/bin/sh\nPATH=/opt/tool/bin:$PATH\nrun x\n",
        {"/opt/tool/bin/run"},
        set(),
    ),
    "a trap": ("#!/bin/sh\ntrap 'date' EXIT\n", {"/usr/bin/date"}, set()),
    "where it makes a file": ("#!/bin/sh\nmkdir -p /var/lib/app/deep/er\n", {"/var/lib/app"}, set()),
    "where it writes": ("#!/bin/sh\n: > /var/lib/app/flag\n", {"/var/lib/app"}, set()),
    "a shell is told to read a file": (
        "#!/bin/sh\nsh /opt/lib/common.sh\n",
        {"/opt/lib/common.sh", "/usr/bin/hostname"},
        set(),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_script_needs(case: str) -> None:
    text, kept, gone = CASES[case]
    evidence = closed({"/run.sh": script(text)}).evidence
    assert kept <= set(evidence)
    assert not gone & set(evidence)


TABLES: dict[str, tuple[str, str, set[str], set[str]]] = {
    "a user's name before the command, several commands, no package manager": (
        "/etc/cron.d/job",
        "# x\n*/5 * * * * cat date +\\%Y > /var/lib/app/x; mkdir /y | sort%input rm\n@daily cat apt-get\n",
        {"/usr/bin/sh", "/usr/bin/date", "/usr/bin/mkdir", "/usr/bin/sort", "/var/lib/app"},
        {"/usr/bin/cat", "/usr/bin/rm", "/usr/bin/apt-get"},
    ),
    "a user's own table, a folder of scripts": (
        "/var/spool/cron/crontabs/root",
        "1 2 3 jan mon-fri cat /etc/app/main.conf\n@reboot cd / && find /docker-entrypoint.d\n",
        {"/usr/bin/cat", "/etc/app/main.conf", "/docker-entrypoint.d/10-a.sh"},
        set(),
    ),
    "its shell and its PATH": (
        "/app/crontab",
        "SHELL=/bin/bash\nPATH=/opt/tool/bin:/bin\n* * * * * run\n",
        {"/usr/bin/bash", "/opt/tool/bin/run"},
        {"/usr/bin/sh"},
    ),
    "no job": ("/etc/cron.d/none", "SHELL=/bin/sh\n# * * * * * root date\n", set(), {"/usr/bin/date"}),
}


@pytest.mark.parametrize("case", TABLES)
def test_what_a_table_of_cron_starts(case: str) -> None:
    path, text, kept, gone = TABLES[case]
    view = view_of({**TOOLS, "/usr/sbin/cron": tool(), path: text}, config=ImageConfig(env=PATH))
    roots = [
        Evidence(path, "imported", "cron", "configures cron"),
        Evidence("/usr/sbin/cron", "traced", "run", ""),
    ]
    evidence = close(view, roots, [Scripts()]).evidence
    assert kept <= set(evidence)
    assert not gone & set(evidence)


MAKEFILES: dict[str, tuple[str, set[str], set[str]]] = {
    "recipes in /bin/sh, their prefixes undone": (
        "all: one\n\t@mkdir -p /x\n\t-cat /etc/app/main.conf | sort\n",
        {"/usr/bin/sh", "/usr/bin/mkdir", "/usr/bin/cat", "/usr/bin/sort", "/etc/app/main.conf"},
        {"/usr/bin/bash", "/usr/bin/date"},
    ),
    "its variables, the shell that it names, a shell's own variables": (
        "SHELL := /bin/bash\nTOOL = /opt/tool\nall:\n\t$(TOOL)/bin/run $@\n\tfor i in date; do $$i; done\n",
        {"/usr/bin/bash", "/opt/tool/bin/run", "/usr/bin/date"},
        {"/usr/bin/sh"},
    ),
    "the function shell, a recipe on the rule's line": (
        "NOW := $(shell date | sort)\nall: ; mkdir $(dir $(X)) && cat \\\n  y\n",
        {"/usr/bin/date", "/usr/bin/sort", "/usr/bin/mkdir", "/usr/bin/cat"},
        set(),
    ),
    "an installer in a target": ("deps:\n\tapt-get install x\n", set(), {"/usr/bin/apt-get"}),
}


@pytest.mark.parametrize("case", MAKEFILES)
def test_what_a_makefile_starts(case: str) -> None:
    text, kept, gone = MAKEFILES[case]
    view = view_of({**TOOLS, "/usr/bin/make": tool(), "/work/Makefile": text}, config=ImageConfig(env=PATH))
    makefile = Evidence("/work/Makefile", "author", "COPY", "")
    evidence = close(view, [makefile, Evidence("/usr/bin/make", "script", "x", "")], [Scripts()]).evidence
    assert kept <= set(evidence)
    assert not gone & set(evidence)
    assert "/usr/bin/sh" not in close(view, [makefile], [Scripts()]).evidence


def test_callers_may_put_a_scripts_own_directory_on_path() -> None:
    tree = {"/opt/lib/run": script("#!/bin/sh\n. common.sh\nbeside x\n"), "/opt/lib/beside": tool()}
    view = view_of({**TOOLS, **tree}, config=ImageConfig(env=PATH))
    kept = close(view, [Evidence("/opt/lib/run", "asked", "test", "")], [Scripts()]).evidence
    assert {"/opt/lib/common.sh", "/usr/bin/hostname", "/opt/lib/beside"} <= set(kept)


def test_a_file_in_a_directory_that_a_script_works_out_in_a_way_of_its_own() -> None:
    text = "#!/bin/sh\nD=$(echo $0 | sed 's,/[^/]*$,,')\n. $D/common.sh\n$D/beside\n. $D/none.sh\n"
    tree = {"/opt/lib/run": script(text), "/opt/lib/beside": tool()}
    view = view_of({**TOOLS, **tree}, config=ImageConfig(env=PATH))
    kept = close(view, [Evidence("/opt/lib/run", "asked", "test", "")], [Scripts()]).evidence
    assert {"/opt/lib/common.sh", "/usr/bin/hostname", "/opt/lib/beside"} <= set(kept)


def test_a_file_beside_the_script() -> None:
    text = '#!/bin/bash\nDIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\n. "$DIR/common.sh"\n'
    text += '. "${0%/*}/x"\n'
    tree = {"/opt/lib/run": script(text), "/opt/lib/x": "awk 1\n"}
    view = view_of({**TOOLS, **tree}, config=ImageConfig(env=PATH))
    kept = close(view, [Evidence("/opt/lib/run", "asked", "test", "")], [Scripts()]).evidence
    assert {"/opt/lib/common.sh", "/usr/bin/hostname", "/opt/lib/x", "/usr/bin/mawk"} <= set(kept)


@pytest.mark.parametrize("kind", ["imported", "package", "listed", "linked"])
def test_a_script_that_nobody_runs_brings_nothing(kind: EvidenceKind) -> None:
    evidence = closed({"/lib/run.sh": script("#!/bin/bash\nmkdir /x\n")}, kind=kind).evidence
    assert not {"/usr/bin/bash", "/usr/bin/mkdir"} & set(evidence)


def test_a_programs_own_script_that_nothing_calls_brings_no_interpreter_and_no_hosts_services() -> None:
    text = "#!/bin/sh\nservice x restart; python3 -c 1; [ -x /usr/bin/service ] && mkdir /x\n"
    evidence = closed({"/lib/run.sh": script(text)}, kind="package", source="entrypoint").evidence
    assert "/usr/bin/mkdir" in evidence
    assert not {"/usr/bin/service", "/usr/bin/python3"} & set(evidence)


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("/usr/share/app/update-profile", False),
        ("/usr/share/app/bin/start", True),
        ("/usr/lib/app/start", True),
    ],
)
def test_a_programs_own_script_among_shared_data_is_not_run(path: str, runs: bool) -> None:
    evidence = closed({path: script("#!/bin/bash\nmkdir /x\n")}, kind="package", source="entrypoint").evidence
    assert ("/usr/bin/bash" in evidence) is runs
    assert ("/usr/bin/mkdir" in evidence) is runs


def test_a_script_that_the_run_only_read_brings_nothing_unless_a_shell_read_it() -> None:
    tree = {"/lib/run.sh": script("#!/bin/bash\nmkdir /x\n")}
    read = "opened in the traced run"
    assert "/usr/bin/bash" not in closed(tree, source="/usr/bin/cat", reason=read).evidence
    assert "/usr/bin/mkdir" in closed(tree, source="/usr/bin/dash", reason=read).evidence


def test_a_script_runs_as_the_link_to_it_does() -> None:
    tree = {**TOOLS, "/usr/bin/tool": Link("/opt/t.sh"), "/opt/t.sh": script("#!/bin/bash\nmkdir /x\n")}
    roots = [Evidence("/usr/bin/tool", "script", "test", "")]
    evidence = close(view_of(tree, config=ImageConfig(env=PATH)), roots, [Interpreters(), Scripts()]).evidence
    assert {"/usr/bin/bash", "/usr/bin/mkdir"} <= set(evidence)


def test_what_cannot_be_followed_is_said() -> None:
    closure = closed({"/run.sh": script("#!/no/such\n"), "/two.sh": script('#!/bin/sh\n"$TOOL" x\n"$@"\n')})
    assert [(one.path, one.reason) for one in closure.unresolved] == [
        ("/run.sh", "its interpreter /no/such is not in the image"),
        ("/two.sh", "calls a program whose name is known only at run time"),
    ]


LINES: dict[str, tuple[ImageConfig, set[str]]] = {
    "a shell-form CMD": (
        ImageConfig(env=PATH, cmd=("/bin/sh", "-c", "mkdir -p /x && exec python3 job.py"), workdir="/work"),
        {"/usr/bin/sh", "/usr/bin/mkdir", "/usr/bin/python3", "/work/job.py"},
    ),
    "an entrypoint's arguments": (
        ImageConfig(env=PATH, entrypoint=("/opt/tool/bin/run",), cmd=("redis-server", "/etc/app/main.conf")),
        {"/opt/tool/bin/run", "/usr/bin/redis-server", "/etc/app/main.conf"},
    ),
    "a health test in a shell": (
        ImageConfig(env=PATH, healthcheck=Healthcheck(("CMD-SHELL", "wget -q x || exit 1"))),
        {"/usr/bin/sh", "/usr/local/bin/wget", "/opt/busybox"},
    ),
    "a health test without one": (
        ImageConfig(env=PATH, healthcheck=Healthcheck(("CMD", "python3", "/work/job.py"))),
        {"/usr/bin/python3", "/work/job.py"},
    ),
    "HEALTHCHECK NONE": (ImageConfig(env=PATH, healthcheck=Healthcheck(("NONE",))), set()),
}


@pytest.mark.parametrize("case", LINES)
def test_what_the_images_command_lines_need(case: str) -> None:
    config, kept = LINES[case]
    assert kept <= set(closed({}, config).evidence)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"#!/bin/sh\n", ["/bin/sh"]),
        (b"#! /bin/sh -eu \n", ["/bin/sh", "-eu"]),
        (b"#!/usr/bin/env python3 -u\n", ["/usr/bin/env", "python3 -u"]),
        (b"#!/bin/sh", ["/bin/sh"]),
        (b"#!\n", None),
        (b"#/bin/sh\n", None),
        (b"", None),
    ],
)
def test_the_kernel_splits_the_first_line_once(data: bytes, words: list[str] | None) -> None:
    assert read_shebang(data) == words


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("python3", "python3"),
        ("python3 -u", "python3 -u"),
        ("-S python3 -u", "python3"),
        ("-S A=1 python3 -u", "python3"),
        ("-S -u HOME python3", "python3"),
        ("--split-string=node --no-warnings", "node"),
        ("-i python3", ""),
    ],
)
def test_the_command_that_env_starts(argument: str, name: str) -> None:
    assert env_command(argument) == name
