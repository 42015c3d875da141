"""The index of a saved image against a second reader and against what the kernel shows of a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.archive import SavedImage, open_image
from analyzer.engines.docker import DockerEngine
from analyzer.engines.interface import BuildRequest
from tests.e2e.wholefs import Row, exported, saved, without_containers

pytestmark = pytest.mark.engine

TYPES = {"file": b"0", "link": b"2", "char": b"3", "block": b"4", "dir": b"5", "fifo": b"6"}

# An image in which every rule of the layer format has a say.
DOCKERFILE = """\
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libcap2-bin && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /odd/dir/deep /odd/gone/deep && cd /odd \\
    && echo one > a && ln a b && ln a dir/c && ln -s a symbolic && ln symbolic symbolic-twin \\
    && cp /bin/true capable && setcap cap_net_bind_service=+ep capable && chmod 4755 /odd/a \\
    && mkfifo fifo && touch 'with space' "$(printf 'not-\\351-utf8')" "$(printf 'line\\nbreak')" \\
    && truncate -s 5M sparse && echo end >> sparse && echo x > gone/deep/x && echo x > dir/deep/x \\
    && touch -d @1000000000.7 dated && chown 1234:4321 dated && mkdir -m 1777 sticky \\
    && L="$(printf 'long%.0s' $(seq 60))" && mkdir "$L" && echo long > "$L/$(printf 'n%.0s' $(seq 200))"
RUN cd /odd && rm -rf gone dir && mkdir dir && echo again > dir/again && rm b && echo two > a
RUN cd /odd && rm -rf dir && ln -s / dir && chmod 0700 sticky && ln capable capable-twin
USER 1000
WORKDIR /odd/made/by/workdir
COPY Dockerfile .
"""


@pytest.fixture(scope="module")
def image(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    context = tmp_path_factory.mktemp("odd")
    (context / "Dockerfile").write_text(DOCKERFILE)
    request = BuildRequest(context / "Dockerfile", context, options=("--network", "host"))
    return engine.build(request, lambda line: None)


def indexed(engine: DockerEngine, name: str, folder: Path) -> dict[str, Row]:
    engine.save(name, folder / "image.tar")
    with open_image(folder / "image.tar", folder) as image:
        return {entry.path: _row(image, entry.path) for entry in image.filesystem}


def _row(image: SavedImage, path: str) -> Row:
    entry = image.filesystem.entries[path]
    content = image.contents.digest(entry) if entry.kind == "file" else entry.target
    group = [twin.path for twin in image.filesystem if twin.hardlink == entry.hardlink != ""] or [path]
    return (
        TYPES[entry.kind],
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        content,
        dict(entry.xattrs).get("security.capability", b""),
        entry.mtime,
        tuple(sorted(group)),
    )


def test_the_index_is_what_a_second_reader_finds(engine: DockerEngine, image: str, tmp_path: Path) -> None:
    ours = indexed(engine, image, tmp_path)
    theirs = saved(engine, image, tmp_path)
    # The root is an entry of ours also where no layer names it.
    theirs.setdefault("/", ours["/"])
    assert _differences(ours, theirs) == []
    assert any(row[6] for row in ours.values()), "the image should hold a file with capabilities"


def test_the_index_is_what_the_kernel_shows(engine: DockerEngine, image: str, tmp_path: Path) -> None:
    ours = without_containers(indexed(engine, image, tmp_path))
    theirs = exported(engine, image, tmp_path)
    # The container's own /etc and / are newer: the engine wrote into them.
    theirs.update({path: ours[path] for path in ("/", "/etc")})
    assert _differences(ours, theirs) == []


def _differences(ours: dict[str, Row], theirs: dict[str, Row]) -> list[tuple[str, Row | None, Row | None]]:
    return [
        (path, ours.get(path), theirs.get(path))
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]
