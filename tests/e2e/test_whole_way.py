"""Dockerfiles that are hard to rewrite, each the whole way: built, rewritten, and the two images compared."""

from __future__ import annotations

import os
import platform
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from analyzer.engines.docker import DockerEngine
from tests.e2e import wholefs
from tests.e2e.command import build, configuration, remove_images, scratchify

pytestmark = pytest.mark.engine

BASE = f"scratchify-e2e-base:{os.getpid()}"
BARE = f"scratchify-e2e-bare:{os.getpid()}"


@dataclass(frozen=True)
class Case:
    """A Dockerfile, the files of its context, probes, and `docker run` words to compare both images by."""

    dockerfile: str
    files: dict[str, str] = field(default_factory=dict)
    probes: tuple[str, ...] = ("run",)
    runs: tuple[tuple[str, ...], ...] = ((),)
    options: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()


DEBIAN = "FROM debian:bookworm-slim\n"

CASES = {
    "COPY . . before a RUN that reads what was copied": Case(
        DEBIAN
        + "WORKDIR /app\nCOPY . .\nRUN sed s/x/y/ input.txt >output.txt\nCMD cat output.txt input.txt\n",
        {"input.txt": "xx\n", "unused/later.txt": "kept all the same\n"},
        runs=((), ("cat", "/app/unused/later.txt")),
    ),
    "an ONBUILD that must not fire": Case(
        DEBIAN + 'RUN echo hi >/hi\nONBUILD RUN exit 7\nONBUILD COPY nothing /x\nCMD ["cat", "/hi"]\n',
        contains=("ONBUILD RUN exit 7",),
    ),
    "a USER that cannot read a root-only file": Case(
        DEBIAN
        + "COPY key /key\nRUN chmod 600 /key && useradd -u 1234 worker && echo s >/made && chmod 600 /made\n"
        + 'USER worker\nCMD ["sh", "-c", "id -un; cat /key; cat /made; id -u"]\n',
        {"key": "secret\n"},
    ),
    "an ENTRYPOINT of the base": Case(
        f'FROM {BASE}\nCMD ["words"]\n', contains=('ENTRYPOINT ["echo", "from the base"]',)
    ),
    "an empty ENTRYPOINT over the base's": Case(
        f'FROM {BASE}\nENTRYPOINT []\nCMD ["cat", "/etc/debian_version"]\n',
    ),
    "HEALTHCHECK NONE over the base's": Case(
        f'FROM {BASE}\nHEALTHCHECK NONE\nCMD ["words"]\n', contains=("HEALTHCHECK NONE",)
    ),
    "a health check with a shell": Case(
        DEBIAN + 'HEALTHCHECK --interval=2s CMD test -e /etc/passwd || exit 1\nCMD ["sleep", "0"]\n',
        runs=((), ("sh", "-c", "test -e /etc/passwd || exit 1")),
    ),
    "another escape character": Case(
        "# escape=`\n"
        + DEBIAN
        + 'ENV WHERE="C:\\dir\\" `\n    TICK="a``b"\nCMD ["printenv", "WHERE", "TICK"]\n',
        contains=("# escape=`", "source=/,target=/src `"),
    ),
    "instructions in lower case, and Windows line ends": Case(
        'from debian:bookworm-slim\r\nrun echo hi >/hi\r\ncmd ["cat", "/hi"]\r\n', contains=("from scratch",)
    ),
    "a stage in the middle of the file": Case(
        f'{DEBIAN.strip()} AS app\nRUN echo app >/who\nCMD ["cat", "/who"]\n'
        f'{DEBIAN.strip()} AS test\nRUN echo test >/who\nCMD ["cat", "/who"]\n',
        options=("--target", "app"),
    ),
    "a shell-form CMD that reads its environment at run time": Case(
        DEBIAN + 'CMD echo "hello ${NAME:-world}"\n', runs=((), ("-e", "NAME=x"))
    ),
    "names that COPY and shells take for patterns": Case(
        DEBIAN + 'COPY pages /srv/\nCMD ["find", "/srv", "-type", "f"]\n',
        {
            "pages/[id]/page.txt": "p",
            "pages/a b.txt": "",
            "pages/star*.txt": "",
            "pages/it's": "",
            "pages/größe.txt": "",
        },
    ),
    "hard links, setuid, sticky directories, a link for a directory": Case(
        DEBIAN
        + "RUN mkdir -p /data/real && echo 1 >/data/one && ln /data/one /data/two && ln -s real /data/link"
        + " && echo x >/data/real/x && cp /bin/true /data/su && chmod 4755 /data/su && chmod 1777 /data"
        + ' && chown -R 7:8 /data/real\nCMD ["sh", "-c", "cat /data/one /data/two /data/link/x; /data/su"]\n',
    ),
    "directories that WORKDIR made for a USER": Case(
        DEBIAN
        + "RUN mkdir /pre\nUSER 1234:1234\nWORKDIR /made/deep\nWORKDIR /pre\n"
        + 'CMD ["stat", "-c", "%u:%g %a", "/made", "/made/deep", "/pre"]\n',
        contains=("USER 1234:1234", "WORKDIR /pre"),
    ),
    "an entrypoint script: env finds its interpreter, a linked /bin its command": Case(
        DEBIAN
        + "COPY entry.sh /entry.sh\nRUN chmod 755 /entry.sh\n"
        + 'ENTRYPOINT ["/entry.sh"]\nCMD ["serve"]\n',
        {"entry.sh": '#!/usr/bin/env bash\nset -euo pipefail\n/bin/echo "$1" | tee /tmp/said\n'},
        runs=((), ("other words",)),
    ),
    "a static binary on a base without tools: COPY lines alone": Case(
        f'FROM {BARE}\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n',
        {"hello": ""},
        contains=("COPY --from=scratchify-original /hello /hello",),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def base(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("base")
    (folder / "Dockerfile").write_text(
        DEBIAN + 'HEALTHCHECK CMD ["false"]\nENV OF_BASE="a b"\nENTRYPOINT ["echo", "from the base"]\n'
    )
    build(engine, folder, BASE)
    bare = folder / "bare.Dockerfile"
    bare.write_text("FROM scratch\nCOPY . /unused/\n")
    (folder / "large").write_bytes(b"0" * 3_000_000)
    build(engine, folder, BARE, dockerfile=bare)
    yield
    remove_images(engine, BASE, BARE)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_whole_way(
    case: Case, engine: DockerEngine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    context = tmp_path / "app"
    context.mkdir()
    (context / "Dockerfile").write_bytes(case.dockerfile.encode())
    for name, text in case.files.items():
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(text)
        if name == "hello":
            make_static_program(context / name)
    slim, original = (f"scratchify-e2e-way:{kind}-{os.getpid()}" for kind in ("slim", "original"))
    request.addfinalizer(lambda: remove_images(engine, slim, original))
    probes = [word for probe in case.probes for word in ("--probe", probe)]
    output = tmp_path / "Dockerfile.slim"
    done = scratchify(
        "rewrite", context / "Dockerfile", *probes, *case.options, "--tag", slim, "--output", output
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = output.read_bytes()
    for text in case.contains:
        assert text in written.decode()
    build(engine, context, original, *case.options)
    assert configuration(engine, slim) == configuration(engine, original)
    small, whole = wholefs.saved(engine, slim, tmp_path), wholefs.saved(engine, original, tmp_path)
    assert wholefs.not_of(small, whole) == []
    assert len(small) < len(whole)
    for words in case.runs:
        assert run(engine, slim, words) == run(engine, original, words)
    assert scratchify("strip", output).returncode == 0
    assert output.read_bytes() == case.dockerfile.encode()


def test_a_path_that_a_later_build_lacks_stops_it(engine: DockerEngine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(DEBIAN + 'RUN echo hi >/hi\nCMD ["cat", "/hi"]\n')
    output = tmp_path / "Dockerfile.slim"
    tag = f"scratchify-e2e-later:{os.getpid()}"
    done = scratchify("rewrite", tmp_path / "Dockerfile", "--probe", "run", "--tag", tag)
    remove_images(engine, tag)
    assert done.returncode == 0, done.stderr
    output.write_text(output.read_text().replace("echo hi >/hi", "true"))
    failed = subprocess.run(
        [engine.binary, "build", "--file", str(output), str(tmp_path)],
        env=dict(os.environ, DOCKER_BUILDKIT="1"),
        capture_output=True,
        text=True,
    )
    assert failed.returncode != 0
    assert "scratchify: hi is not in this build (" in failed.stderr


def test_a_build_that_made_the_same_bytes_at_another_time(engine: DockerEngine, tmp_path: Path) -> None:
    # A builder's cache knows what COPY takes by its bytes and modes, not by its times.
    (tmp_path / "Dockerfile").write_text(DEBIAN + 'RUN echo hi >/same-bytes\nCMD ["cat", "/same-bytes"]\n')
    tag = f"scratchify-e2e-same:{os.getpid()}"
    for _ in range(2):
        done = scratchify(
            "rewrite", tmp_path / "Dockerfile", "--probe", "run", "--tag", tag, "--build-opt=--no-cache"
        )
        remove_images(engine, tag)
        assert done.returncode == 0, done.stderr


def run(engine: DockerEngine, image: str, words: tuple[str, ...]) -> tuple[int, bytes, bytes]:
    options = words if words[:1] == ("-e",) else ()
    arguments = () if options else words
    done = subprocess.run(
        [engine.binary, "run", "--rm", *options, image, *arguments], capture_output=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


# Writes "hello" and a line break to its standard output, ends with 0.
CODE = {
    "x86_64": (
        62,
        "b801000000 bf01000000 488d3510000000 ba06000000 0f05 b83c000000 31ff 0f05",
    ),
    "aarch64": (
        183,
        "200080d2 e1000010 c20080d2 080880d2 010000d4 000080d2 a80b80d2 010000d4",
    ),
}


def make_static_program(place: Path) -> None:
    """A static ELF program with one loadable segment, so that no compiler is needed (elf(5))."""
    machine, text = CODE[platform.machine()]
    code = bytes.fromhex(text) + b"hello\n"
    start, head = 0x400000, 64 + 56
    size = head + len(code)
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\x02\x01\x01", 2, machine, 1, start + head, 64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, size, size, 0x1000)
    place.write_bytes(elf + segment + code)
    place.chmod(0o755)
