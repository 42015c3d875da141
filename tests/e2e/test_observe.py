"""Watched runs on a real engine: what a run shows, that watching changes nothing, and that nothing stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analyzer.archive import open_image
from analyzer.engines.docker import DockerEngine
from analyzer.engines.interface import BuildRequest
from analyzer.errors import ScratchifyError
from analyzer.image import SESSION_LABEL, config_from_json
from analyzer.observe import Observation, RunSettings, Subject, observe
from analyzer.probes import parse
from analyzer.process import run
from analyzer.recording import Outcome
from analyzer.tracers.strace import find_strace

pytestmark = pytest.mark.engine

SERVER = """\
import http.server, json, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/who":
            body = json.dumps({"pid": os.getpid(), "ids": os.getresuid() + os.getresgid(), "cwd": os.getcwd(),
                "argv": sys.argv, "preload": os.environ.get("LD_PRELOAD"), "groups": os.getgroups(),
                "hostname": os.uname().nodename})
        elif self.path == "/work":
            child = os.fork()
            if not child:
                os.chdir("templates")
                open("page.html").read()
                os._exit(0)
            os.waitpid(child, 0)
            body = json.dumps(sorted(os.listdir("/srv/plugins")))
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())
def stop(number, frame):
    open("/tmp/stopped-by-%d" % number, "w").close()
    sys.exit(0)
signal.signal(signal.SIGQUIT, stop)
os.path.exists("/srv/local.conf")
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""
RIGHTS = """\
import os, subprocess
print(os.getresuid(), os.getpid(), os.environ["TMPDIR"], os.environ["odd.name"], flush=True)
for command in (["root-id", "-u"], ["able-cat", "/secret/file"]):
    subprocess.run(command)
for line in open("/proc/self/status"):
    if line.startswith(("NoNewPrivs", "CapEff", "CapPrm", "CapInh", "CapAmb")):
        print(line.split())
"""
TOOL = """\
#!/bin/sh
# Counts words.
case $1 in
    words) echo "$2" | wc -w ;;
    where) basename "$(pwd)" ;;
    *) echo "usage: tool words|where" ;;
esac
"""
DOCKERFILE = """\
FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends \\
    python3-minimal libpython3-stdlib libcap2-bin busybox-static && rm -rf /var/lib/apt/lists/*
WORKDIR /srv
COPY server.py rights.py tool.sh ./
RUN mkdir templates plugins && echo page > templates/page.html && touch plugins/a plugins/b \\
    && chmod 755 tool.sh && ln -s /srv/tool.sh /usr/local/bin/tool \\
    && cp /usr/bin/id /usr/local/bin/root-id && chmod 4755 /usr/local/bin/root-id \\
    && cp /usr/bin/cat /usr/local/bin/able-cat && setcap cap_dac_override=+ep /usr/local/bin/able-cat \\
    && mkdir /secret && echo hidden > /secret/file && chmod 700 /secret

FROM base AS server
ENV LD_PRELOAD=libm.so.6
USER 1234:4321
EXPOSE 8000
STOPSIGNAL SIGQUIT
HEALTHCHECK CMD test -e templates/page.html
CMD ["python3", "server.py"]

FROM base AS tool
ENTRYPOINT ["tool"]
CMD ["where"]

FROM base AS relative
ENTRYPOINT ["./tool.sh"]

FROM base AS rights
USER 1234
ENV TMPDIR=/srv/tmp odd.name=odd
CMD ["python3", "rights.py"]

FROM scratch AS static
COPY --from=base /bin/busybox /bin/busybox
COPY --from=base /srv/templates /www
USER 99
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]

FROM base AS dies
EXPOSE 8000
CMD ["sh", "-c", "echo no database >&2; exit 3"]

FROM base AS silent
EXPOSE 8000
CMD ["sleep", "600"]

FROM base AS missing
CMD ["no-such-program"]
"""


@pytest.fixture(scope="module")
def images(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Subject]:
    """A stage of the Dockerfile, built and indexed."""
    context = tmp_path_factory.mktemp("observe")
    for name, text in (
        ("Dockerfile", DOCKERFILE),
        ("server.py", SERVER),
        ("rights.py", RIGHTS),
        ("tool.sh", TOOL),
    ):
        (context / name).write_text(text)
    known: dict[str, Subject] = {}

    def image(target: str) -> Subject:
        if target not in known:
            folder = tmp_path_factory.mktemp(target)
            options = ("--network", "host")
            request = BuildRequest(context / "Dockerfile", context, target=target, options=options)
            built = engine.build(request, lambda line: None)
            document = engine.inspect(built)
            assert document is not None
            engine.save(built, folder / "image.tar")
            saved = open_image(folder / "image.tar", folder)
            known[target] = Subject(built, config_from_json(document), saved.filesystem)
        return known[target]

    return image


@contextmanager
def nothing_left(engine: DockerEngine) -> Iterator[None]:
    """Neither a container of this session nor a temporary folder may outlive a run."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        yield
        label = f"label={SESSION_LABEL}={engine.session}"
        assert not run([engine.binary, "ps", "--all", "--quiet", "--filter", label]).stdout
        assert list(Path(folder).iterdir()) == []


def watch(
    engine: DockerEngine,
    subject: Subject,
    probes: str = "",
    *,
    settings: RunSettings | None = None,
    expected: list[Outcome] | None = None,
) -> Observation:
    with nothing_left(engine):
        return observe(
            engine, find_strace(), subject, parse(probes), settings or RunSettings(), expected=expected
        )


def looked_at(observation: Observation) -> set[tuple[str, str, str]]:
    return {(access.path, access.operation, access.error) for access in observation.accesses}


def test_a_server(engine: DockerEngine, images: Callable[[str], Subject]) -> None:
    probes = (
        "http http://localhost:8000/who\nhttp http://localhost:8000/work\nexec sh -c 'ls plugins >&2; pwd'"
    )
    seen = watch(engine, images("server"), probes)
    who, work, inside = (outcome.answer for outcome in seen.outcomes)
    said = json.loads(who.body)
    # The app is PID 1 under its own numbers, in its own directory, with its own variables.
    assert said | {"hostname": "", "groups": []} == {
        "pid": 1,
        "ids": [1234, 1234, 1234, 4321, 4321, 4321],
        "cwd": "/srv",
        "argv": ["server.py"],
        "preload": "libm.so.6",
        "groups": [],
        "hostname": "",
    }
    assert who.compared == "stable part"
    assert (json.loads(work.body), work.compared) == (["a", "b"], "all")
    assert (inside.body, inside.stderr, inside.status) == ("/srv\n", "a\nb\n", 0)
    assert looked_at(seen) >= {
        ("/srv/server.py", "open", ""),
        ("/srv/templates/page.html", "open", ""),
        ("/srv/templates", "chdir", ""),
        ("/srv/plugins", "list", ""),
        ("/srv/local.conf", "stat", "ENOENT"),
        ("/tmp/stopped-by-3", "write", ""),
    }
    assert ("/srv/plugins", "list", "", "/usr/bin/ls") in {
        (access.path, access.operation, access.error, access.program) for access in seen.accesses
    }
    assert seen.ports == {"8000/tcp"}
    assert "/tmp/stopped-by-3" in seen.written
    assert seen.exit_code == 0
    assert {"/usr/bin/python3", "/usr/bin/sh", "/usr/bin/ls"} <= {program.path for program in seen.programs}
    assert seen.lost == []
    assert not seen.keep_rights
    again = watch(engine, images("server"), probes, expected=seen.outcomes)
    assert again.differences == []


def test_a_server_without_probes_is_asked_what_it_offers(
    engine: DockerEngine, images: Callable[[str], Subject]
) -> None:
    seen = watch(engine, images("server"))
    assert [outcome.probe for outcome in seen.outcomes] == [
        "exec /bin/sh -c 'test -e templates/page.html'",
        "http http://localhost:8000/ --status 404",
    ]


def test_another_answer_is_a_difference(engine: DockerEngine, images: Callable[[str], Subject]) -> None:
    probes = "run words 'a b'\nrun where"
    seen = watch(engine, images("tool"), probes)
    assert [outcome.answer.body for outcome in seen.outcomes] == ["2\n", "srv\n"]
    seen.outcomes[1] = Outcome("run where", seen.outcomes[0].answer)
    other = watch(engine, images("tool"), probes, expected=seen.outcomes)
    assert [(found.probe, found.reasons) for found in other.differences] == [
        ("run where", ("body: line 1 was '2' and is 'srv'",))
    ]


TOOLS = {
    "a script by its name on PATH, its own command": ("tool", "", ["srv\n"]),
    "a script by a relative path": ("relative", "run words 'a b c'", ["3\n"]),
}


@pytest.mark.parametrize(("target", "probes", "bodies"), TOOLS.values(), ids=TOOLS.keys())
def test_a_tool(
    engine: DockerEngine,
    images: Callable[[str], Subject],
    target: str,
    probes: str,
    bodies: list[str],
) -> None:
    seen = watch(engine, images(target), probes)
    assert [outcome.answer.body for outcome in seen.outcomes] == bodies
    assert seen.exit_code is None or seen.exit_code == 0
    assert {access.program for access in seen.accesses} >= {"/usr/bin/dash"}


def test_programs_keep_their_rights(engine: DockerEngine, images: Callable[[str], Subject]) -> None:
    seen = watch(engine, images("rights"), "run")
    assert seen.keep_rights
    untraced = run([engine.binary, "run", "--rm", images("rights").image]).text
    assert untraced.startswith("(1234, 1234, 1234) 1 /srv/tmp odd\n0\nhidden\n")
    assert seen.outcomes[0].answer.body == untraced
    assert not any("scratchify" in access.path for access in seen.accesses)
    assert "/usr/local/bin/root-id" in {program.path for program in seen.programs}
    again = watch(
        engine, images("rights"), "run", settings=RunSettings(keep_rights=True), expected=seen.outcomes
    )
    assert again.differences == []


def test_a_static_program_in_an_empty_image(engine: DockerEngine, images: Callable[[str], Subject]) -> None:
    seen = watch(engine, images("static"), "http http://localhost:8080/page.html\ntcp localhost:8080")
    assert seen.outcomes[0].answer.body == "page\n"
    assert seen.ports == {"8080/tcp"}
    assert ("/www", "chdir", "") in looked_at(seen)


FAILURES: dict[str, tuple[str, str, str, str]] = {
    "a container that ends": ("dies", "", "ended with exit code 3", "no database"),
    "a port that never opens": ("silent", "", "port 8000 of the container did not open within 3 s", ""),
    "a probe that fails": ("server", "http http://localhost:8000/no", "status 404", ""),
    "a command that fails": ("tool", "run --bad\nexec true", "`exec true` fails", ""),
    "a program that is not there": ("missing", "", "no-such-program", "No such file"),
    "a tool that does not end": ("silent", "run", "did not end within 3 s", ""),
}


@pytest.mark.parametrize(("target", "probes", "message", "detail"), FAILURES.values(), ids=FAILURES.keys())
def test_failures(
    engine: DockerEngine,
    images: Callable[[str], Subject],
    target: str,
    probes: str,
    message: str,
    detail: str,
) -> None:
    with nothing_left(engine), pytest.raises(ScratchifyError) as caught:
        observe(engine, find_strace(), images(target), parse(probes), RunSettings(timeout=3))
    assert message in caught.value.message + caught.value.detail
    assert detail in caught.value.detail
    assert caught.value.hint


def test_a_container_that_may_not_be_traced(
    engine: DockerEngine, images: Callable[[str], Subject], tmp_path: Path
) -> None:
    profile = tmp_path / "seccomp.json"
    refused = {"names": ["ptrace"], "action": "SCMP_ACT_ERRNO"}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [refused]}))
    settings = RunSettings(options=("--security-opt", f"seccomp={profile}"), timeout=5)
    with nothing_left(engine), pytest.raises(ScratchifyError, match="may not be traced") as caught:
        observe(engine, find_strace(), images("tool"), parse("run"), settings)
    assert "seccomp=unconfined" in caught.value.hint


def test_options_of_the_users_reach_the_container(
    engine: DockerEngine, images: Callable[[str], Subject]
) -> None:
    settings = RunSettings(options=("--workdir", "/secret"))
    seen = watch(engine, images("tool"), "run where", settings=settings)
    assert seen.outcomes[0].answer.body == "secret\n"


def test_a_read_only_container(engine: DockerEngine, images: Callable[[str], Subject]) -> None:
    settings = RunSettings(options=("--read-only", "--tmpfs", "/tmp"))
    seen = watch(engine, images("rights"), "run", settings=settings)
    assert seen.outcomes[0].answer.body.startswith("(1234, 1234, 1234) 1 /srv/tmp odd\n0\nhidden\n")


INTERRUPTED = """\
import pickle, sys
from analyzer.engines.docker import find_docker
from analyzer.filesystem import Filesystem, Manifest
from analyzer.image import config_from_json
from analyzer.observe import RunSettings, Subject, observe
from analyzer.probes import parse
from analyzer.tracers.strace import find_strace
engine = find_docker()
print(engine.session, flush=True)
subject = Subject(sys.argv[1], config_from_json(engine.inspect(sys.argv[1])), Filesystem(Manifest(), None))
observe(engine, find_strace(), subject, parse("tcp localhost:8000"), RunSettings())
"""


def test_an_interrupt_leaves_nothing(
    engine: DockerEngine, images: Callable[[str], Subject], tmp_path: Path
) -> None:
    image = images("silent").image
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, image],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)},
    )
    assert child.stdout is not None
    session = child.stdout.readline().decode().strip()
    listing = [engine.binary, "ps", "--quiet", "--filter", f"label={SESSION_LABEL}={session}"]
    limit = time.monotonic() + 60
    while len(run(listing).text.split()) < 2:
        assert time.monotonic() < limit
        assert child.poll() is None, child.communicate()
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    assert stderr.decode().endswith("KeyboardInterrupt\n")
    assert not run([*listing, "--all"]).stdout
    assert list(tmp_path.iterdir()) == []


STRUCTURE = """\
schemaVersion: 2.0.0
commandTests:
- {name: counts, command: tool, args: [words, a b c], expectedOutput: ["^3$"]}
fileExistenceTests:
- {path: /usr/local/bin/root-id, permissions: urwxr-xr-x}
- {path: /srv/plugins/a}
metadataTest: {workdir: /srv, entrypoint: [tool], cmd: [where]}
"""


def test_structure_tests(engine: DockerEngine, images: Callable[[str], Subject], tmp_path: Path) -> None:
    (tmp_path / "tests.yaml").write_text(STRUCTURE)
    probe = f"structure-test {tmp_path}/tests.yaml"
    seen = watch(engine, images("tool"), probe)
    assert json.loads(seen.outcomes[0].answer.body)["counts"]["stdout"] == ["3", ""]
    assert ("/srv/plugins/a", "open", "") in looked_at(seen)
    assert ("/usr/local/bin/tool", "exec", "") in looked_at(seen)
    other = watch(engine, images("relative"), probe, expected=seen.outcomes)
    assert other.differences[0].reasons == (
        "entrypoint: ['./tool.sh'], not ['tool']; cmd: [], not ['where']",
    )
