"""What is brought into a container to trace it, and what is made of what comes back."""

from __future__ import annotations

import io
import platform
import tarfile
from pathlib import Path

import pytest

from analyzer.errors import ScratchifyError
from analyzer.recording import Access, Program
from analyzer.tracers.strace import Strace, find_strace, running_program
from tests.imagefs import File, Link, image_tree

HOME = "/.scratchify-trace"


@pytest.fixture
def strace(tmp_path: Path) -> Strace:
    for name in ("strace", "ld.so", "libc.so.6"):
        (tmp_path / name).write_bytes(name.encode())
    return Strace(tmp_path / "strace", tmp_path / "ld.so", (tmp_path / "libc.so.6",), b"launcher")


@pytest.mark.parametrize(("keep_rights", "loader_mode"), [(False, 0o755), (True, 0o4755)])
def test_payload(strace: Strace, tmp_path: Path, keep_rights: bool, loader_mode: int) -> None:
    with tarfile.open(strace.payload(tmp_path, "/", keep_rights=keep_rights)) as tar:
        members = {member.name: (member.mode, member.uid, member.gid) for member in tar}
        loader = tar.extractfile(f"{HOME[1:]}/ld.so")
        assert loader is not None
        assert loader.read() == b"ld.so"
    home = HOME[1:]
    assert members == {
        home: (0o755, 0, 0),
        f"{home}/log": (0o1777, 0, 0),
        f"{home}/ld.so": (loader_mode, 0, 0),
        f"{home}/strace": (0o755, 0, 0),
        f"{home}/libc.so.6": (0o755, 0, 0),
        f"{home}/launcher": (0o755, 0, 0),
    }


def test_payload_for_a_volume(strace: Strace, tmp_path: Path) -> None:
    with tarfile.open(strace.payload(tmp_path, HOME, keep_rights=False)) as tar:
        assert tar.getnames() == [".", "log", "ld.so", "strace", "libc.so.6", "launcher"]


def test_a_static_strace_is_its_own_start(strace: Strace, tmp_path: Path) -> None:
    static = Strace(strace.program, None, (), b"launcher")
    with tarfile.open(static.payload(tmp_path, "/", keep_rights=True)) as tar:
        assert tar.getmember(f"{HOME[1:]}/strace").mode == 0o4755
    assert static.wrap(["a"], "a", "main", {}, keep_rights=False)[0] == f"{HOME}/strace"


def test_rights_cannot_be_kept_without_a_launcher(strace: Strace, tmp_path: Path) -> None:
    other = Strace(strace.program, strace.loader, (), None)
    assert other.payload(tmp_path, "/", keep_rights=False).exists()
    with pytest.raises(ScratchifyError, match="setuid"):
        other.payload(tmp_path, "/", keep_rights=True)


def test_the_command_stands_last_as_it_is(strace: Strace) -> None:
    words = strace.wrap(["app", "-x", ""], "/bin/app", "main", {}, keep_rights=False)
    assert words[:4] == [f"{HOME}/ld.so", "--library-path", HOME, f"{HOME}/strace"]
    assert words[-6:] == ["-o", f"{HOME}/log/main", "--", "app", "-x", ""]
    assert "--seccomp-bpf" in words


def test_rights_are_kept_by_the_launcher_without_the_filter(strace: Strace) -> None:
    words = strace.wrap(["app", "-x"], "/bin/app", "exec-1", {}, keep_rights=True)
    assert words[-6:] == [f"{HOME}/log/exec-1", "--", f"{HOME}/launcher", "/bin/app", "app", "-x"]
    assert "--seccomp-bpf" not in words


def test_variables_that_a_loader_acts_on_reach_the_app_alone(strace: Strace) -> None:
    variables = {
        "LD_PRELOAD": "libx.so",
        "TMPDIR": "/t",
        "MALLOC_ARENA_MAX": "2",
        "PATH": "/bin",
        "LDAP": "x",
    }
    assert strace.environment(variables) == {"LD_PRELOAD": None, "TMPDIR": None, "MALLOC_ARENA_MAX": None}
    words = strace.wrap(["app"], "app", "main", variables, keep_rights=False)
    given = [words[at + 1] for at, word in enumerate(words) if word == "-E"]
    assert given == ["LD_PRELOAD=libx.so", "MALLOC_ARENA_MAX=2", "TMPDIR=/t"]


REFUSALS = {
    "an app's own words": ("strace is not installed\n", ""),
    "ptrace refused": (
        "x\n/.scratchify-trace/strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n",
        "strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted",
    ),
    "ptrace refused in a test of its own": (
        "/.scratchify-trace/strace: test_ptrace_seize: PTRACE_SEIZE: Permission denied",
        "strace: test_ptrace_seize: PTRACE_SEIZE: Permission denied",
    ),
}


@pytest.mark.parametrize(("stderr", "refusal"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals(strace: Strace, stderr: str, refusal: str) -> None:
    assert strace.refusal(stderr) == refusal


TREE = image_tree(
    {
        "/usr/bin/python3.11": File(b"\x7fELF", 0o755),
        "/usr/bin/python3": Link("python3.11"),
        "/usr/bin/env": File(b"\x7fELF", 0o755),
        "/bin": Link("usr/bin"),
        "/app/run": File("#! /usr/bin/python3 -u\nprint()\n", 0o755),
        "/app/by-env": File("#!/usr/bin/env python3\n", 0o755),
        "/app/twice": File("#!/app/run\n", 0o755),
        "/app/itself": File("#!/app/itself\n", 0o755),
        "/app/bare": File("#!\n", 0o755),
        "/app/lost": File("#!/no/such\n", 0o755),
        "/app/plain": File("echo\n", 0o755),
    }
)
RUNNING = {
    "a program through links": ("/bin/python3", "/usr/bin/python3.11"),
    "a script's interpreter": ("/app/run", "/usr/bin/python3.11"),
    "env runs first": ("/app/by-env", "/usr/bin/env"),
    "an interpreter that is a script": ("/app/twice", "/usr/bin/python3.11"),
    "a circle ends": ("/app/itself", "/app/itself"),
    "a line that names nothing": ("/app/bare", "/app/bare"),
    "an interpreter that is not there": ("/app/lost", "/no/such"),
    "no interpreter line": ("/app/plain", "/app/plain"),
    "a program made at run time": ("/tmp/x", "/tmp/x"),
}


@pytest.mark.parametrize(("path", "program"), RUNNING.values(), ids=RUNNING.keys())
def test_which_program_runs(path: str, program: str) -> None:
    assert running_program(TREE)(path) == program


def logs(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_logs_are_read_together(strace: Strace, tmp_path: Path) -> None:
    archive = logs(
        tmp_path / "logs.tar",
        {
            "log/main": b'1     execve("/.scratchify-trace/launcher", ["x", "/app/run", "run"], 0x7f) = 0\n'
            b'1     execve("/app/run", ["run"], 0x7f) = 0\n1     stat("f", 0x7f) = 0\ntorn\n',
            "log/exec-1": b'9     execve("/bin/python3", ["python3"], 0x7f) = 0\n9     stat("g", 0x7f) = 0\n',
        },
    )
    traced = strace.collect(archive, "/srv", TREE)
    assert traced.programs == {
        Program("/app/run", ("run",), "/srv"),
        Program("/bin/python3", ("python3",), "/srv"),
    }
    assert traced.accesses == {
        Access("/app/run", "exec", "", ""),
        Access("/srv/f", "stat", "", "/usr/bin/python3.11"),
        Access("/bin/python3", "exec", "", ""),
        Access("/srv/g", "stat", "", "/usr/bin/python3.11"),
    }
    assert traced.lost == ["lines of the trace that could not be read: 1"]


@pytest.mark.parametrize("files", [{}, {"log/main": b""}, {"log/main": b'1     stat("f", 0x7f) = 0\n'}])
def test_a_run_without_a_program_was_not_watched(
    strace: Strace, tmp_path: Path, files: dict[str, bytes]
) -> None:
    with pytest.raises(ScratchifyError, match="no program start"):
        strace.collect(logs(tmp_path / "logs.tar", files), "/", TREE)


def test_this_machines_strace_is_found_with_all_that_it_needs() -> None:
    found = find_strace()
    assert found.program.is_file()
    assert all(path.is_file() for path in found.libraries)
    if found.loader:
        assert any(path.name.startswith(("libc.", "libc.musl", "ld-")) for path in found.libraries)


def test_an_image_of_another_architecture_is_refused() -> None:
    other = "s390x" if platform.machine() != "s390x" else "amd64"
    with pytest.raises(ScratchifyError, match=f"the image is for {other}"):
        find_strace(other)
