"""What goes wrong, with the real command: its exit code, what it says, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from analyzer.engines.docker import DockerEngine

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
APP = 'FROM debian:bookworm-slim\nCMD ["sleep", "1000"]\n'
QUIET_PROBE = ("--probe", "exec true")


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")

# A seccomp profile under which nobody traces.
NO_PTRACE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO"}],
}


@dataclass(frozen=True)
class Bench:
    """A folder to work in, and a docker client that notes the sessions that it is called with."""

    engine: DockerEngine
    folder: Path
    environment: dict[str, str]

    @property
    def dockerfile(self) -> Path:
        return self.folder / "app" / "Dockerfile"

    def write(self, text: str | bytes) -> None:
        self.dockerfile.write_bytes(text.encode() if isinstance(text, str) else text)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "scratchify", *words]

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env={**self.environment, **environment},
            cwd=self.folder / "app",
            capture_output=True,
            text=True,
            timeout=300,
        )

    def left_behind(self) -> list[str]:
        """Containers and images of the command's sessions, temporary files, files beside the Dockerfile."""
        log = self.folder / "calls"
        calls = log.read_text() if log.exists() else ""
        found: list[str] = []
        for session in sorted(set(re.findall(r"scratchify\.session=(\w+)", calls))):
            mine = ("--quiet", "--filter", f"label=scratchify.session={session}")
            found += self._docker("container", "ls", "--all", *mine)
            found += self._docker("image", "ls", "--all", *mine)
            found += self._docker("image", "ls", "--quiet", f"scratchify-{session}")
        found += [str(path) for path in (self.folder / "tmp").iterdir()]
        found += [path.name for path in (self.folder / "app").iterdir() if path != self.dockerfile]
        return found

    def _docker(self, *words: str) -> list[str]:
        done = subprocess.run([self.engine.binary, *words], capture_output=True, text=True, check=True)
        return done.stdout.split()


@pytest.fixture
def bench(engine: DockerEngine, tmp_path: Path) -> Bench:
    for name in ("app", "tmp", "cache"):
        (tmp_path / name).mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "TMPDIR": str(tmp_path / "tmp"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "SCRATCHIFY_DOCKER": str(_client(tmp_path, engine)),
    }
    return Bench(engine, tmp_path, environment)


def _client(folder: Path, engine: DockerEngine) -> Path:
    """The engine's client, its words noted; what BROKEN_ON names fails, saying what BROKEN_SAYS, by default
    as a full disk makes it fail."""
    path = folder / "docker"
    path.write_text(
        f"""#!/bin/sh
echo "$@" >>{folder}/calls
case "$*" in
    "${{BROKEN_ON:-none}}"*)
        echo "${{BROKEN_SAYS:-write /var/lib/docker/tmp/x: no space left on device}}" >&2; exit 1 ;;
esac
exec {engine.binary} "$@"
"""
    )
    path.chmod(0o755)
    return path


@dataclass(frozen=True)
class Fault:
    name: str
    dockerfile: str | bytes
    said: tuple[str, ...]
    words: tuple[str, ...] = QUIET_PROBE
    environment: dict[str, str] = field(default_factory=dict)
    code: int = 2
    beside: dict[str, str] = field(default_factory=dict)


FAULTS = [
    Fault("not a Dockerfile", b"\x7fELF\x02\x01\x01\x00\x00", ("Dockerfile:1:8: not a text file",)),
    Fault("an empty file", "", ("Dockerfile",)),
    Fault("comments and no stage", "# nothing yet\nARG A=1\n", ("Dockerfile:2:1", "no stages")),
    Fault("an unknown instruction", "FROM scratch\nRUM true\n", ("Dockerfile:2:1", "RUM true", "^")),
    Fault("a file that ends in a continuation", "FROM scratch\nRUN true \\\n", ("Dockerfile:2",)),
    Fault("no engine", APP, ("no docker daemon answers",), environment={"DOCKER_HOST": "unix:///no/where"}),
    Fault("no such client", APP, ("no container engine",), environment={"SCRATCHIFY_DOCKER": "/no/docker"}),
    Fault(
        "a client without BuildKit",
        APP,
        ("cannot build with BuildKit", "docker-buildx"),
        environment={"BROKEN_ON": "build --progress", "BROKEN_SAYS": "unknown flag: --progress"},
    ),
    Fault(
        "the build fails",
        "FROM debian:bookworm-slim\nRUN echo the reason is $((6*7)); exit 9\n",
        ("the build failed", "the reason is 42"),
    ),
    Fault(
        "no space for the build",
        APP,
        ("no space left on the disk",),
        environment={"BROKEN_ON": "build --progress"},
    ),
    Fault(
        "no space for the saved image",
        APP,
        ("no space left on the disk",),
        environment={"BROKEN_ON": "image save"},
    ),
    Fault(
        "the container exits before it is ready",
        'FROM debian:bookworm-slim\nEXPOSE 8000\nCMD ["sh", "-c", "echo no database here >&2; exit 3"]\n',
        ("no database here", "3"),
        words=("--probe", "http http://localhost:8000/"),
    ),
    Fault(
        "a port that never opens",
        APP,
        ("8000",),
        words=("--probe", "http http://localhost:8000/", "--timeout", "2"),
    ),
    Fault(
        "a probe that fails on the original",
        APP,
        ("exec false", "fails on the original"),
        words=("--probe", "exec false"),
    ),
    Fault("a probe that cannot be read", APP, ("exes true",), words=("--probe", "exes true")),
    Fault(
        "no permission to trace",
        APP,
        ("may not be traced", "--run-opt=--security-opt=seccomp=unconfined"),
        words=(*QUIET_PROBE, "--run-opt=--security-opt=seccomp=../no-ptrace.json"),
    ),
    Fault(
        "an image of another architecture",
        'FROM scratch\nCOPY Dockerfile /\nCMD ["/Dockerfile"]\n',
        ("is for linux/s390x",),
        words=(*QUIET_PROBE, "--platform", "linux/s390x"),
    ),
    Fault(
        "a Windows image",
        'FROM scratch\nCOPY Dockerfile /\nCMD ["/Dockerfile"]\n',
        ("another operating system", "Linux images", "--platform linux/"),
        words=(*QUIET_PROBE, "--platform", "windows/amd64"),
    ),
    Fault(
        "an output that exists and is not ours",
        APP,
        ("exists", "Dockerfile.slim"),
        beside={"Dockerfile.slim": "FROM elsewhere\n"},
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_explained_and_leaves_nothing(bench: Bench, fault: Fault) -> None:
    bench.write(fault.dockerfile)
    for name, text in fault.beside.items():
        (bench.folder / "app" / name).write_text(text)
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO"}],
    }
    (bench.folder / "no-ptrace.json").write_text(json.dumps(profile))
    done = bench.run("rewrite", *fault.words, **fault.environment)
    assert (done.returncode, done.stdout) == (fault.code, ""), done.stderr
    assert [text for text in fault.said if text not in done.stderr] == [], done.stderr
    assert bench.left_behind() == list(fault.beside)
    assert {name: (bench.folder / "app" / name).read_text() for name in fault.beside} == fault.beside


@contextmanager
def _small_disk(place: Path, free: int) -> Iterator[None]:
    """A real disk of 5 MB at `place`, filled up to so many free bytes."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(place)], check=True)
    try:
        filler = place / "filler"
        filler.write_bytes(bytes(5 * 1024 * 1024 - free))
        yield
        filler.unlink(missing_ok=True)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@needs_root
def test_a_disk_too_small_for_the_saved_image(bench: Bench) -> None:
    bench.write(APP)
    temporary = bench.folder / "tmp"
    with _small_disk(temporary, free=4 * 1024 * 1024):
        done = bench.run("rewrite", *QUIET_PROBE)
        (temporary / "filler").unlink()
        left = bench.left_behind()
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "no space left on" in done.stderr
    assert "Traceback" not in done.stderr
    assert left == []
    assert bench.dockerfile.read_text() == APP


@needs_root
def test_no_room_for_the_rewritten_file(bench: Bench) -> None:
    bench.write(APP)
    output = bench.folder / "out"
    output.mkdir()
    with _small_disk(output, free=0):
        done = bench.run("rewrite", *QUIET_PROBE, "--output", str(output / "Dockerfile.slim"))
        left = sorted(path.name for path in output.iterdir())
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "No space left on device" in done.stderr
    assert (left, bench.left_behind()) == (["filler"], [])
    assert bench.dockerfile.read_text() == APP


@needs_root
def test_a_full_cache_does_not_fail_the_run(bench: Bench) -> None:
    bench.write(APP)
    with _small_disk(bench.folder / "cache", free=0):
        done = bench.run("rewrite", *QUIET_PROBE)
    assert done.returncode == 0, done.stderr
    assert bench.left_behind() == ["Dockerfile.slim"]


STEPS = [
    "Building",
    "Reading the image",
    "Running it under the tracer",
    "Closing over the evidence",
    "Building the slim image",
    "Comparing the two images",
    "Running the slim image",
    "Building the rewritten Dockerfile",
    "Reading the final image",
]


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupt_in_a_step(bench: Bench, step: str) -> None:
    bench.write(f"FROM debian:bookworm-slim\nRUN sleep 2 && echo {uuid.uuid4()}\n" + APP.partition("\n")[2])
    code = _interrupted_at(bench, step)
    assert code == 130
    assert bench.left_behind() == []


def _interrupted_at(bench: Bench, step: str) -> int:
    """Send the command's process group SIGINT, as a terminal does, when it says that it begins a step."""
    child = subprocess.Popen(
        bench.command("rewrite", *QUIET_PROBE),
        env=bench.environment,
        cwd=bench.folder / "app",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stderr is not None
    seen = []
    with child:
        for line in child.stderr:
            seen.append(line)
            if line.startswith(step):
                os.killpg(child.pid, signal.SIGINT)
        code = child.wait(timeout=120)
    assert any(line.startswith(step) for line in seen), "".join(seen)
    return code


def test_a_second_run_on_the_same_file_gives_way(bench: Bench) -> None:
    bench.write(f"FROM debian:bookworm-slim\nRUN sleep 3 && echo {uuid.uuid4()}\n" + APP.partition("\n")[2])
    second: list[subprocess.CompletedProcess[str]] = []
    code = _meanwhile(bench, "Building", lambda: second.append(bench.run("rewrite", *QUIET_PROBE)))
    assert second[0].returncode == 2
    assert "another scratchify" in second[0].stderr
    assert code == 0
    bench.engine.remove_image("app:slim")
    assert bench.left_behind() == ["Dockerfile.slim"]


def _meanwhile(bench: Bench, step: str, what: Callable[[], None]) -> int:
    """Do something while the command is at a step; returns its exit code."""
    child = subprocess.Popen(
        bench.command("rewrite", *QUIET_PROBE),
        env=bench.environment,
        cwd=bench.folder / "app",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    with child:
        for line in child.stderr:
            if line.startswith(step):
                what()
        return child.wait(timeout=120)
