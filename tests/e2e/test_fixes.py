"""Safe fixes on a real engine: the image of the fixed Dockerfile is the image of the original.

Only caches may be gone: that a package list or a download stays in a layer is what some findings say.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from analyzer.checks.session import Flags, Session
from analyzer.engines.docker import DockerEngine
from analyzer.engines.interface import BuildRequest
from rewriters.fixes import apply_fixes
from tests.e2e.wholefs import Row, saved

pytestmark = pytest.mark.engine

CACHES = ("/var/lib/apt/lists", "/var/cache/apt", "/root/.cache", "/root/.npm")
# Written by each run of the package tools, with the time in them.
TIMED = ("/var/log", "/var/cache/ldconfig", "/var/lib/dpkg", "/etc/ld.so.cache")

FROM = "FROM debian:bookworm-slim"
CASES = {
    "letter case everywhere": """\
from debian:bookworm-slim as Build
Run echo built > /made
ENV A=1
FROM debian:bookworm-slim AS final
COPY --from=Build /made /made
run cat /made
Cmd ["cat", "/made"]
""",
    "empty lines in continued instructions": f"""\
{FROM}
RUN echo one > /a \\

    # a comment

    && echo two >> /a
ENV X=1 \\

    Y=2
""",
    "old ENV and LABEL forms": f"""\
{FROM}
ENV PLAIN value
ENV SPACES  several   blanks here
ENV QUOTED "in quotes  kept"
ENV LATER $PLAIN and ${{SPACES}}
ENV TAIL one \\
    two \\
    three
LABEL org.example.note a note of some words
RUN env | grep -E '^(PLAIN|SPACES|QUOTED|LATER|TAIL)=' | sort > /env.txt
""",
    "another escape character": """\
# escape=`
FROM debian:bookworm-slim
ENV A several words `
    more
RUN echo "$A" > /a
""",
    "windows line ends": f"{FROM} as one\r\nENV K some value\r\nRUN echo $K > /k\r\n",
    "ports": f"{FROM}\nEXPOSE 127.0.0.1:8080:80 443/TCP 5353:53/UDP 9000-9002\n",
    "instructions without effect": f"""\
{FROM}
CMD ["echo", "first"]
HEALTHCHECK CMD true
ENTRYPOINT ["echo"]
HEALTHCHECK --interval=5s CMD test -e /
CMD ["last"]
""",
    "ADD of what is no archive": f"""\
{FROM}
ADD conf/ /etc/app/
ADD --chown=1000:1000 one.txt two.txt /srv/
ADD archive.tar /opt/
ADD text.tgz /opt/
""",
    "shell forms": f"""\
{FROM}
ENV NAME=world
ENTRYPOINT exec echo "hello $NAME"
""",
    "a user with a high number": f"{FROM}\nRUN useradd --no-create-home --uid 1234567 someone\n",
    "packages": f"""\
{FROM}
RUN apt-get update && apt-get install --no-install-recommends -y hello
RUN apt update && apt install -y --no-install-recommends sl
""",
    "stages built on stages": """\
FROM debian:bookworm-slim as BASE
ENV FROM_BASE a b
ONBUILD ENV TRIGGERED a b c
FROM base as child
LABEL child yes it is
RUN echo "$FROM_BASE / $TRIGGERED" > /both
""",
}


def _context(folder: Path) -> None:
    (folder / "conf").mkdir()
    for name in ("conf/a.conf", "one.txt", "two.txt", "text.tgz"):
        (folder / name).write_text(f"{name}\n")
    with tarfile.open(folder / "archive.tar", "w") as archive:
        member = tarfile.TarInfo("inside.txt")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))


def _files(rows: dict[str, Row]) -> dict[str, tuple[Any, ...]]:
    """Every path with all but its time; caches left out, and of logs what is in them."""
    found = {}
    for path, row in rows.items():
        if path.startswith(CACHES):
            continue
        kind, mode, uid, gid, size, content, capability, _, twins = row
        timed = path.startswith(TIMED)
        found[path] = (
            kind,
            mode,
            uid,
            gid,
            "" if timed else size,
            "" if timed else content,
            capability,
            twins,
        )
    return found


def _built(
    engine: DockerEngine, folder: Path, name: str, data: bytes
) -> tuple[dict[str, Any], dict[str, Any]]:
    (folder / name).write_bytes(data)
    request = BuildRequest(folder / name, folder, options=("--network", "host"))
    image = engine.build(request, lambda line: None)
    document = engine.inspect(image)
    assert document is not None
    config = {key: value for key, value in document["Config"].items() if key != "Image"}
    return _files(saved(engine, image, folder)), config


@pytest.mark.parametrize("case", CASES)
def test_a_fixed_dockerfile_builds_the_same_image(engine: DockerEngine, tmp_path: Path, case: str) -> None:
    _context(tmp_path)
    data = CASES[case].encode()
    (tmp_path / "Dockerfile").write_bytes(data)
    fixed = apply_fixes(data, Session(Flags()).finder(str(tmp_path / "Dockerfile")))
    assert fixed.mended, "the case has nothing to mend"
    before, config_before = _built(engine, tmp_path, "before.Dockerfile", data)
    after, config_after = _built(engine, tmp_path, "after.Dockerfile", fixed.data)
    assert config_after == config_before
    assert {path: row for path, row in after.items() if before.get(path) != row} == {}
    assert sorted(before.keys() - after.keys()) == []
