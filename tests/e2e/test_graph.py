"""What a changed build argument makes run again: the cache of a real build beside the graph's answer."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

import pytest

from analyzer.engines.docker import DockerEngine
from analyzer.process import run
from tests.analyzer.test_graph import ARGS, graph_of

pytestmark = pytest.mark.engine

_STEP = re.compile(r"^#(\d+) \[(?!internal)[^\]]*\] (?!FROM)(.*)$", re.MULTILINE)
_CACHED = re.compile(r"^#(\d+) CACHED", re.MULTILINE)
ROWS = [row for row in ARGS if "golang" not in row[1]]


@pytest.mark.parametrize(("text", "name"), [row[1:3] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_runs_again(engine: DockerEngine, text: str, name: str, tmp_path: Path) -> None:
    salt = secrets.token_hex(6)
    text = re.sub(r"(?m)^FROM [xy](?= AS|$)", "FROM debian:bookworm-slim", text)
    text = re.sub(r"(?m)^RUN (.*)$", rf"RUN : \g<1> {salt}", text)
    text = re.sub(r"(?m)^WORKDIR (.*)$", rf"WORKDIR \g<1>{salt}", text)
    (tmp_path / "Dockerfile").write_text(text)
    for file in ("a", "b", "c", "1", "2"):
        (tmp_path / file).write_text(salt + file)
    environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    for value in ("1", "2"):
        words = [engine.binary, "build", "--network", "host", "--progress", "plain"]
        done = run([*words, "--build-arg", f"{name}={value}", str(tmp_path)], env=environment)
        assert done.code == 0, done.stderr.decode()
    log = done.stderr.decode()
    cached = set(_CACHED.findall(log))
    ran = sorted(step.split()[0] for number, step in _STEP.findall(log) if number not in cached)
    graph = graph_of(text)
    built = graph.table.needed(graph.table.find())
    again = [item for item in graph.invalidated_by_arg(name) if item.stage in built]
    assert ran == sorted(item.instruction.node.keyword for item in again)
