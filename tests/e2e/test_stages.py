"""The stage table beside real builds: what it refuses the engine refuses, and what it needs is built."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from analyzer.engines.docker import DockerEngine
from analyzer.process import Completed, run
from tests.analyzer.test_stages import REFUSED, SCOPES

pytestmark = pytest.mark.engine

# Images of the tables: nothing is fetched, so the empty one takes their place.
_IMAGE = re.compile(r"^FROM [xyz](?= AS|$)", re.MULTILINE)
_COPIED = re.compile(r"^(COPY --from=\S*) .*$", re.MULTILINE)


def build(engine: DockerEngine, context: Path, text: str) -> Completed:
    context.mkdir()
    (context / "Dockerfile").write_text(_IMAGE.sub("FROM scratch", text))
    (context / "own").write_text("x")
    environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    words = [engine.binary, "build", "--no-cache", "--progress", "plain", str(context)]
    return run(words, env=environment)


# A file without FROM is left out: it makes the daemons of Docker 20.10 and 26.1 panic.
@pytest.mark.parametrize(
    ("text", "message"),
    [(row[1], "" if "Docker 28.5" in row[0] else row[3]) for row in REFUSED if "FROM" in row[1]],
    ids=[row[0] for row in REFUSED if "FROM" in row[1]],
)
def test_what_is_refused(engine: DockerEngine, text: str, message: str, tmp_path: Path) -> None:
    done = build(engine, tmp_path / "context", text)
    assert done.code != 0
    # The builder of Docker 20.10 refuses some of these in other words.
    if engine.loads:
        assert message in done.stderr.decode()


def buildable(text: str, edges: list[str]) -> bool:
    """Nothing but the images that are replaced, no command that needs a shell, no ONBUILD across stages
    (builders up to Docker 26 refuse that)."""
    names = {edge.rpartition(" ")[2] for edge in edges} - {"x", "y", "z", "scratch"}
    return all(name.isdigit() for name in names) and not re.search("RUN|ONBUILD|=scratch|FROM [0-9]", text)


BUILT = [row for row in SCOPES if buildable(row[1], row[2])]


@pytest.mark.parametrize(
    ("text", "needed"), [(row[1], row[3]) for row in BUILT], ids=[row[0] for row in BUILT]
)
def test_what_is_built(engine: DockerEngine, text: str, needed: list[int], tmp_path: Path) -> None:
    """Every stage copies a file under a name of its own: the steps tell which stages were built."""
    lines, number = [], 0
    for line in _COPIED.sub(r"\1 /own /", text).splitlines():
        lines.append(line)
        if line.startswith("FROM"):
            lines += ["COPY own /own", f"COPY own /stage{number}"]
            number += 1
    done = build(engine, tmp_path / "context", "\n".join(lines))
    assert done.code == 0, done.stderr.decode()
    steps = {int(found) for found in re.findall(r"\] COPY own /stage(\d+)", done.stderr.decode())}
    assert sorted(steps) == needed
