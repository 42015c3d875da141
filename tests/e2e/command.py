"""The real command, and images built beside it, for end-to-end tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from analyzer.engines.docker import DockerEngine

ROOT = Path(__file__).parents[2]
FIELDS = "Env User WorkingDir Entrypoint Cmd ExposedPorts Volumes Labels Healthcheck StopSignal Shell OnBuild"


def scratchify(*argv: object, engine: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does. Without `engine` there is none to be found."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT), NO_COLOR="1", **options.pop("env", {}))
    if not engine:
        environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    words = [sys.executable, "-m", "scratchify", *(str(word) for word in argv)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, **options)


def build(
    engine: DockerEngine, context: Path, tag: str, *options: str, dockerfile: Path | None = None
) -> None:
    subprocess.run(
        [
            *(engine.binary, "build", "--tag", tag, *options),
            *("--file", str(dockerfile or context / "Dockerfile"), str(context)),
        ],
        env=dict(os.environ, DOCKER_BUILDKIT="1"),
        capture_output=True,
        check=True,
    )


def configuration(engine: DockerEngine, image: str) -> dict[str, Any]:
    """What `docker inspect` shows of the configuration; absent and empty are equal."""
    document = engine.inspect(image)
    assert document is not None, image
    absent = (None, "", "/", [], {})
    return {name: value for name in FIELDS.split() if (value := document["Config"].get(name)) not in absent}


def remove_images(engine: DockerEngine, *names: str) -> None:
    subprocess.run([engine.binary, "rmi", "--force", *names], capture_output=True)
