"""The docker engine against a real daemon: build, run, copy, stop, and nothing left behind."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.engines.docker import DockerEngine
from analyzer.engines.interface import BuildRequest, ContainerRequest
from analyzer.errors import ScratchifyError
from analyzer.image import config_from_json
from analyzer.process import run

pytestmark = pytest.mark.engine

DOCKERFILE = """\
FROM debian:bookworm-slim
ARG WORD=none
RUN echo "$WORD" > /word
ENTRYPOINT ["/bin/echo", "in the entrypoint:"]
CMD ["the command"]
EXPOSE 8000
"""


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "the condition was not met within a minute"
        time.sleep(0.05)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


@pytest.fixture
def image(engine: DockerEngine, context: Path) -> str:
    return engine.build(
        BuildRequest(context / "Dockerfile", context, build_args=("WORD=said",)), lambda line: None
    )


def test_an_untagged_build_is_labelled_and_the_label_is_no_part_of_its_configuration(
    engine: DockerEngine, image: str
) -> None:
    document = engine.inspect(image)
    assert document is not None
    assert document["Config"]["Labels"] == {"scratchify.session": engine.session}
    config = config_from_json(document)
    assert (config.labels, config.exposed, config.command) == (
        (),
        ("8000/tcp",),
        ("/bin/echo", "in the entrypoint:", "the command"),
    )


def test_removing_by_id_takes_ours_and_leaves_the_users(engine: DockerEngine, context: Path) -> None:
    lines: list[str] = []
    request = BuildRequest(context / "Dockerfile", context, tag="scratchify-e2e-users:own")
    users = engine.build(request, lines.append)
    ours = engine.build(BuildRequest(context / "Dockerfile", context), lines.append)
    try:
        assert users != ours
        for image in (users, ours, ours):
            engine.remove_image(image)
        assert engine.inspect(users) is not None
        assert engine.inspect(ours) is None
    finally:
        engine.remove_image("scratchify-e2e-users:own")
    assert engine.inspect(users) is None


def test_a_temporary_name_can_stand_in_a_from_line(engine: DockerEngine, image: str, tmp_path: Path) -> None:
    name = engine.temporary_name("built")
    engine.tag(image, name)
    (tmp_path / "Again").write_text(f"FROM {name}\nCOPY Dockerfile /copied\n")
    again = engine.build(BuildRequest(tmp_path / "Again", tmp_path), lambda line: None)
    assert engine.inspect(again) is not None


WORDS = [
    ("the image's own words", None, None, b"in the entrypoint: the command\n"),
    ("another command after the image's entrypoint", None, ["x y"], b"in the entrypoint: x y\n"),
    ("no command after the image's entrypoint", None, [], b"in the entrypoint:\n"),
    (
        "an entrypoint of several words before the image's command",
        ["/bin/echo", "-n"],
        None,
        b"the command",
    ),
    ("both replaced", ["/bin/cat"], ["/word"], b"said\n"),
    ("no entrypoint", [], ["/bin/echo", "alone"], b"alone\n"),
]


@pytest.mark.parametrize(("name", "entrypoint", "command", "printed"), WORDS, ids=[row[0] for row in WORDS])
def test_the_words_of_a_container(
    engine: DockerEngine,
    image: str,
    name: str,
    entrypoint: list[str] | None,
    command: list[str] | None,
    printed: bytes,
) -> None:
    container = engine.create(ContainerRequest(image, entrypoint=entrypoint, command=command))
    try:
        engine.start(container)
        assert engine.wait(container, timeout=60) == 0
        assert engine.logs(container) == (printed, b"")
    finally:
        engine.remove(container)


def test_a_container_from_birth_to_end(engine: DockerEngine, image: str, tmp_path: Path) -> None:
    script = "trap 'echo bye >&2; exit 3' TERM; echo up; while :; do sleep 0.1; done"
    container = engine.create(
        ContainerRequest(
            image,
            entrypoint=["/bin/sh", "-c"],
            command=[script],
            user="1000:1000",
            publish=("127.0.0.1::8000/tcp",),
            environment={"GREETING": "hello = world"},
        )
    )
    try:
        engine.copy_in(container, _tar_of("opt/tool", b"set on root\n", mode=0o4755, uid=0))
        engine.start(container)
        wait_for(lambda: engine.logs(container)[0] == b"up\n")
        assert engine.state(container)["Running"] is True
        assert 0 < engine.ports(container)["8000/tcp"] < 65536
        seen = engine.exec(container, ["sh", "-c", "id -u; echo $GREETING; stat -c %a:%u /opt/tool; exit 7"])
        assert (seen.code, seen.stdout) == (7, b"1000\nhello = world\n4755:0\n")
        assert engine.exec(container, ["id", "-u"], user="0").stdout == b"0\n"
        assert engine.exec(container, ["sleep", "60"], timeout=0.5).code is None
        engine.copy_out(container, "/opt/tool", tmp_path / "out.tar")
        engine.stop(container, timeout=20)
        assert engine.wait(container, timeout=20) == 3
        assert engine.logs(container) == (b"up\n", b"bye\n")
    finally:
        engine.remove(container)
    with tarfile.open(tmp_path / "out.tar") as archive:
        member = archive.getmember("tool")
        assert (member.mode & 0o7777, member.uid) == (0o4755, 0)
    engine.remove(container)  # once more: what is gone is fine


def test_a_failed_build_says_its_last_lines_and_leaves_nothing(engine: DockerEngine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM debian:bookworm-slim\nRUN echo the reason is $((6*7)) && exit 5\n"
    )
    before = images(engine)
    lines: list[str] = []
    with pytest.raises(ScratchifyError) as caught:
        engine.build(BuildRequest(tmp_path / "Dockerfile", tmp_path), lines.append)
    assert "the build failed" in caught.value.message
    assert "the reason is 42" in caught.value.detail
    assert any("the reason is 42" in line for line in lines)
    assert images(engine) == before


def test_close_takes_away_what_a_session_left(engine: DockerEngine, context: Path) -> None:
    other = DockerEngine(engine.binary, engine.architecture, engine.loads)
    image = other.build(BuildRequest(context / "Dockerfile", context), lambda line: None)
    other.tag(image, other.temporary_name("left"))
    container = other.create(ContainerRequest(image))
    other.close()
    assert other.inspect(image) is None
    with pytest.raises(ScratchifyError, match="No such container"):
        other.state(container)


def test_an_image_of_another_architecture_is_refused(engine: DockerEngine, tmp_path: Path) -> None:
    foreign = "arm64" if engine.architecture == "amd64" else "amd64"
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY Dockerfile /\nCMD ["/x"]\n')
    image = engine.build(
        BuildRequest(tmp_path / "Dockerfile", tmp_path, platform=f"linux/{foreign}"), lambda line: None
    )
    with pytest.raises(ScratchifyError, match=f"for linux/{foreign}"):
        engine.create(ContainerRequest(image))


def images(engine: DockerEngine) -> set[str]:
    argv = [engine.binary, "image", "ls", "--all", "--quiet", "--no-trunc"]
    mine = f"label=scratchify.session={engine.session}"
    return set(run([*argv, "--filter", mine]).text.split())


def _tar_of(name: str, data: bytes, *, mode: int, uid: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.uid, member.gid = len(data), mode, uid, uid
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
