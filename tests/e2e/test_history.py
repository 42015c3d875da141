"""Which instruction brought which path: a built image beside the Dockerfile that it was built from."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.archive import open_image
from analyzer.dockerfile.imageconfig import ImageConfig
from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import BuildInputs
from analyzer.engines.docker import DockerEngine
from analyzer.engines.interface import BuildRequest
from analyzer.graph import BuildGraph
from analyzer.stages import resolve

pytestmark = pytest.mark.engine

DOCKERFILE = """\
FROM debian:bookworm-slim AS build
RUN echo built > /built
FROM debian:bookworm-slim AS base
ARG X=5
ENV Y=$X
WORKDIR /
WORKDIR /app
COPY one ./
ONBUILD COPY two /triggered
RUN echo "$X" > /from-arg && rm -f /app/none
CMD ["true"]
FROM base
WORKDIR /app
WORKDIR sub
ADD two /added/
COPY --from=build /built /taken
RUN ["/bin/sh", "-c", "echo exec > /exec"]
RUN echo again > /app/one
LABEL a=b
"""

# path → the line that brought it as it is in the image; None for the base image
BROUGHT = {
    "/bin/ls": None,
    "/usr/bin/env": None,
    "/from-arg": 10,
    "/triggered": 9,
    "/app/sub": 14,
    "/added/two": 15,
    "/taken": 16,
    "/exec": 17,
    "/app/one": 18,
}


def test_brought(engine: DockerEngine, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    for name in ("one", "two"):
        (context / name).write_text(name)
    image = engine.build(BuildRequest(context / "Dockerfile", context), lambda line: None)
    engine.save(image, tmp_path / "image.tar")
    inputs = BuildInputs(bases={"debian:bookworm-slim": ImageConfig()})
    graph = BuildGraph(resolve(read(DOCKERFILE.encode()), inputs))
    with open_image(tmp_path / "image.tar", tmp_path) as saved:
        layers = saved.facts.layers
        found = {}
        for path in BROUGHT:
            entry = saved.filesystem.lookup(path)
            assert entry is not None, path
            origin = graph.brought(entry, layers)
            found[path] = origin and origin.line
    assert found == BROUGHT
