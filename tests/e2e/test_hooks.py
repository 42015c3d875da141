"""The hooks as pre-commit and prek run them: installed from a clone of this repository.

Needs a package index for what scratchify depends on, and no container engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.index

ROOT = Path(__file__).parents[2]
RUNNERS = ("pre-commit", "prek")
BAD = "FROM debian:12 as base\nRUN true\n"
GOOD = "FROM debian:12 AS base\nRUN true\n"


def _runner(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it was last committed."""
    folder = tmp_path_factory.mktemp("clone") / "scratchify"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the runners keep what they install, once for all hooks."""
    folder = tmp_path_factory.mktemp("home")
    return {
        **os.environ,
        "PRE_COMMIT_HOME": str(folder / "pre-commit"),
        "PREK_HOME": str(folder / "prek"),
        "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository: a Dockerfile with a finding, an ignore file beside it, a file of another kind."""
    (tmp_path / "Dockerfile").write_text(BAD)
    (tmp_path / "Dockerfile.dockerignore").write_text("*.md\n")
    (tmp_path / "notes.txt").write_text("FROM here as there\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    ("hook", "code", "said", "left"),
    [
        ("scratchify-lint", 1, "Dockerfile:1:16: warning FromAsCasing", BAD),
        ("scratchify-fix", 1, "1 finding fixed, none left in 1 file", GOOD),
        ("scratchify-check", 0, "Passed", BAD),
    ],
)
def test_hook(
    clone: Path,
    home: dict[str, str],
    repository: Path,
    runner: str,
    hook: str,
    code: int,
    said: str,
    left: str,
) -> None:
    done = subprocess.run(
        [_runner(runner), "try-repo", str(clone), hook, "--all-files"],
        cwd=repository,
        env=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout
    assert (repository / "Dockerfile").read_text() == left
    assert (repository / "Dockerfile.dockerignore").read_text() == "*.md\n"
