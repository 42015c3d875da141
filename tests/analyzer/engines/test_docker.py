"""Which docker client is taken, and what is said when none will do. The clients are small shell scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzer.engines.docker import DockerEngine, find_docker
from analyzer.engines.interface import BuildRequest
from analyzer.errors import ScratchifyError

BUILDX = "      --load   Shorthand for --output=type=docker"
CLASSIC = "      --iidfile string   Write the image ID to the file"


def client(
    folder: Path,
    *,
    version: str = "28.2.2",
    server: str | None = "linux",
    usage: str = BUILDX,
    stderr: str = "",
    build: str = "exit 1",
) -> Path:
    """A client that tells its version and its build command's usage."""
    document = {"Client": {"Version": version}, "Server": server and {"Os": server, "Arch": "amd64"}}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "docker"
    path.write_text(
        f"""#!/bin/sh
case "$1 $2" in
    version*) echo '{json.dumps(document)}'; echo '{stderr}' >&2; exit {0 if server else 1} ;;
    "build --help") echo '{usage}' ;;
    build*) {build} ;;
esac
"""
    )
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _no_client_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCRATCHIFY_DOCKER", raising=False)


def test_the_first_client_that_will_do_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path / "silent", server=None)
    client(tmp_path / "no-buildx", usage=CLASSIC)
    good = client(tmp_path / "classic", version="20.10.24+dfsg1", usage=CLASSIC)
    client(tmp_path / "later")
    folders = [str(tmp_path / name) for name in ("silent", "no-buildx", "classic", "later")]
    monkeypatch.setenv("PATH", ":".join([*folders, "/usr/bin", "/bin"]))
    engine = find_docker()
    assert (engine.binary, engine.loads, engine.architecture) == (str(good), False, "amd64")


def test_the_named_client_is_the_only_one_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = client(tmp_path / "named", server=None, stderr="Cannot connect to the Docker daemon at tcp://x")
    client(tmp_path / "good")
    monkeypatch.setenv("PATH", f"{tmp_path / 'good'}:/usr/bin:/bin")
    monkeypatch.setenv("SCRATCHIFY_DOCKER", str(named))
    with pytest.raises(ScratchifyError, match="no docker daemon answers"):
        find_docker()


REFUSALS = [
    (
        "no daemon",
        {"server": None, "stderr": "Cannot connect to the Docker daemon at unix:///x. Is it running?"},
        "no docker daemon answers",
        "start Docker",
    ),
    (
        "no permission",
        {"server": None, "stderr": "permission denied while trying to connect to the Docker daemon socket"},
        "no permission to talk to the docker daemon",
        "docker group",
    ),
    ("Windows containers", {"server": "windows"}, "runs windows containers", "Linux containers"),
    ("no buildx", {"usage": CLASSIC}, "cannot build with BuildKit", "docker-buildx"),
]


@pytest.mark.parametrize(("name", "about", "message", "hint"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_why_a_client_will_not_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    about: dict[str, str],
    message: str,
    hint: str,
) -> None:
    monkeypatch.setenv("SCRATCHIFY_DOCKER", str(client(tmp_path, **about)))
    with pytest.raises(ScratchifyError) as caught:
        find_docker()
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_no_client_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ScratchifyError, match="no `docker` on PATH"):
        find_docker()


BUILDS = [
    ("no space", "write /var/lib/docker/tmp: no space left on device", "no space left on the disk"),
    ("the legacy builder", "the --mount option requires BuildKit. Refer to", "cannot build with BuildKit"),
    (
        "the base image is not to be had",
        "ERROR: failed to solve: x: failed to resolve source metadata for docker.io/library/x",
        "could not be reached",
    ),
    ("another architecture", "exec /bin/sh: exec format error", "another architecture"),
    ("an instruction that fails", "process /bin/sh -c false did not complete: exit code: 1", "exit code 1"),
]


@pytest.mark.parametrize(("name", "output", "message"), BUILDS, ids=[row[0] for row in BUILDS])
def test_what_a_failed_build_says(tmp_path: Path, name: str, output: str, message: str) -> None:
    binary = client(tmp_path, build=f"echo first; echo '{output}' >&2; exit 1")
    engine = DockerEngine(str(binary), "amd64", loads=True)
    lines: list[str] = []
    with pytest.raises(ScratchifyError) as caught:
        engine.build(BuildRequest(tmp_path / "Dockerfile", tmp_path), lines.append)
    assert caught.value.message.startswith("the build failed")
    assert message in caught.value.message
    assert caught.value.detail == f"first\n{output}"
    assert lines == ["first", output]
    assert caught.value.hint
