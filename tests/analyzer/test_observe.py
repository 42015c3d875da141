"""How runs are put together, with an engine and a tracer in memory; tests/e2e has the real ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from analyzer.engines.interface import ContainerRequest, Engine
from analyzer.errors import ScratchifyError
from analyzer.filesystem import Filesystem
from analyzer.image import Healthcheck, ImageConfig
from analyzer.observe import RunSettings, Subject, observe
from analyzer.probes import parse
from analyzer.process import Completed
from analyzer.recording import Access, Answer, Outcome, Program
from analyzer.tracers.interface import Traced
from tests.imagefs import File, Link, image_tree

TREE = image_tree(
    {
        "/usr/bin/app": File("", 0o755),
        "/usr/bin/plain": "",
        "/bin": Link("usr/bin"),
        "/opt/rights": File("", 0o4755),
        "/srv/local": File("", 0o755),
    }
)


@dataclass
class MemoryTracer:
    """Marks what it wraps; says that the programs in `programs` were run."""

    programs: set[Program] = field(default_factory=set)
    refused: str = ""
    name: str = "memory"
    capabilities: tuple[str, ...] = ("CAP",)
    home: str = "/home-of-tracer"
    logs: str = "/logs"
    listening: set[tuple[str, int]] = field(default_factory=set)
    wrapped: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def payload(self, work: Path, root: str, *, keep_rights: bool) -> Path:
        return work / "payload"

    def environment(self, variables: Mapping[str, str]) -> dict[str, str | None]:
        return {"TAKEN": None}

    def wrap(
        self,
        command: Sequence[str],
        program: str,
        label: str,
        variables: Mapping[str, str],
        *,
        keep_rights: bool,
    ) -> list[str]:
        self.wrapped.append((command[0], program, label, keep_rights))
        return ["watch", *command]

    def refusal(self, stderr: str) -> str:
        return self.refused

    def collect(self, logs: Path, workdir: str, fs: Filesystem) -> Traced:
        return Traced(
            {Access(workdir, "chdir", "", "")},
            set(self.programs),
            {"80/tcp"},
            lost=["a line"],
            listening=self.listening,
        )


@dataclass
class MemoryEngine:
    """Containers that say `stdout` and end with `code`; None goes on until it is stopped."""

    code: int | None = 0
    stdout: list[bytes] = field(default_factory=lambda: [b"out\n"])
    published: dict[str, int] = field(default_factory=dict)
    created: list[ContainerRequest] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    executed: list[tuple[str, ...]] = field(default_factory=list)
    fails: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, request: ContainerRequest) -> str:
        with self.lock:
            self.created.append(request)
            return f"c{len(self.created)}"

    def copy_in(self, container: str, tar: bytes | Path, directory: str = "/") -> None:
        pass

    def copy_out(self, container: str, path: str, archive: Path) -> None:
        assert path == "/logs"

    def start(self, container: str) -> None:
        if self.fails:
            raise ScratchifyError(self.fails)

    def state(self, container: str) -> dict[str, Any]:
        return {"Running": self.code is None, "ExitCode": self.code or 0}

    def ports(self, container: str) -> dict[str, int]:
        return self.published

    def logs(self, container: str) -> tuple[bytes, bytes]:
        return self.stdout[int(container[1:]) % len(self.stdout)], b"err\n"

    def exec(
        self, container: str, command: Sequence[str], *, user: str | None = None, timeout: float | None = None
    ) -> Completed:
        self.executed.append(tuple(command))
        return Completed((), 0, b"inside", b"")

    def stop(self, container: str, timeout: float = 10) -> None:
        pass

    def wait(self, container: str, timeout: float | None = None) -> int:
        if self.code is None:
            raise ScratchifyError(f"did not end within {timeout} s")
        return self.code

    def remove(self, container: str) -> None:
        self.removed.append(container)


CONFIG = ImageConfig(entrypoint=("app",), cmd=("serve",), workdir="/srv", exposed=("80/tcp", "53/udp"))
# With options of the user's the two runs come one after the other.
ONE_BY_ONE = RunSettings(options=("--memory", "1g"), timeout=0.3)


def seen(
    engine: MemoryEngine,
    probes: str = "",
    *,
    config: ImageConfig = CONFIG,
    tracer: MemoryTracer | None = None,
    settings: RunSettings = ONE_BY_ONE,
    expected: Sequence[Outcome] | None = None,
    original: Subject | None = None,
) -> Any:
    subject = Subject("sha256:1", config, TREE)
    try:
        return observe(
            cast(Engine, engine),
            tracer or MemoryTracer(),
            subject,
            parse(probes),
            settings,
            expected=expected,
            original=original,
        )
    finally:
        assert sorted(engine.removed) == sorted(f"c{number + 1}" for number in range(len(engine.created)))


@pytest.fixture
def listening() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_run_gets_its_arguments_after_the_entrypoint_and_no_ports() -> None:
    engine = MemoryEngine()
    observation = seen(engine, "run one two\nrun")
    assert [(request.entrypoint, request.command) for request in engine.created] == [
        (["watch"], ["app", "one", "two"]),
        (["watch"], ["app", "serve"]),
    ] * 2
    request = engine.created[0]
    assert (request.publish, request.capabilities, request.healthcheck) == ((), ("CAP",), False)
    assert (request.environment, request.options) == ({"TAKEN": None}, ("--memory", "1g"))
    assert [outcome.answer for outcome in observation.outcomes] == [
        Answer(True, 0, body="out\n", stderr="err\n")
    ] * 2
    assert observation.exit_code is None
    assert observation.lost == ["a line"]


def test_arguments_are_the_command_where_there_is_no_entrypoint() -> None:
    engine = MemoryEngine()
    seen(engine, "run ls -l", config=ImageConfig(cmd=("serve",)))
    assert engine.created[0].command == ["ls", "-l"]


def test_nothing_to_run() -> None:
    with pytest.raises(ScratchifyError, match="nothing to run"):
        seen(MemoryEngine(), "run", config=ImageConfig())


def test_two_runs_side_by_side_are_compared() -> None:
    engine = MemoryEngine(stdout=[b"same\n1\n", b"same\n2\n"])
    observation = seen(engine, "run", settings=RunSettings())
    assert observation.outcomes[0].answer.compared == "stable part"
    assert len(engine.created) == 2


def test_a_tool_without_probes_is_run() -> None:
    engine = MemoryEngine(code=0)
    observation = seen(engine, config=ImageConfig(cmd=("app",)))
    assert [outcome.probe for outcome in observation.outcomes] == ["run"]
    assert [probe.text for probe in observation.probes] == ["run"]


def test_an_idle_trace_is_not_taken_for_a_finished_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.asking._SETTLED", 0.0)
    observation = seen(MemoryEngine(code=None), config=ImageConfig(cmd=("app",)))
    assert [outcome.probe for outcome in observation.outcomes] == ["start"]
    assert observation.lost[1:] == [
        "nothing was asked of the running container: the trace shows its start alone;"
        " it listens on 80/tcp: ask it with --probe"
    ]


def test_a_service_is_asked_inside_and_its_exposed_ports_are_published(listening: int) -> None:
    engine = MemoryEngine(code=None, published={"80/tcp": listening})
    config = ImageConfig(
        cmd=("app",), exposed=("80/tcp", "53/udp"), healthcheck=Healthcheck(("CMD", "/bin/app", "-c"))
    )
    observation = seen(engine, "tcp localhost:80\nexec /bin/app -c", config=config)
    assert engine.created[0].publish == ("127.0.0.1::80/tcp",)
    assert engine.executed == [("watch", "/bin/app", "-c")] * 2
    assert [outcome.answer.body for outcome in observation.outcomes] == ["", "inside"]


def test_an_exposed_port_that_never_opens_is_no_default_probe(listening: int) -> None:
    engine = MemoryEngine(code=None, published={"80/tcp": listening})
    observation = seen(engine, config=ImageConfig(cmd=("app",), exposed=("80/tcp", "443/tcp")))
    assert [outcome.probe for outcome in observation.outcomes] == ["tcp localhost:80"]


def test_where_no_exposed_port_opens_that_is_an_error() -> None:
    with pytest.raises(ScratchifyError, match="did not open"):
        seen(MemoryEngine(code=None), config=ImageConfig(cmd=("app",), exposed=("80/tcp",)))


def test_on_the_hosts_network_the_ports_are_the_hosts(listening: int) -> None:
    engine = MemoryEngine(code=None)
    settings = RunSettings(options=("--net=host",), timeout=0.3)
    observation = seen(engine, f"tcp localhost:{listening}", settings=settings)
    assert observation.outcomes[0].answer.passed


def test_a_port_that_is_not_published_is_never_sought_on_the_host(listening: int) -> None:
    with pytest.raises(ScratchifyError, match="did not open"):
        seen(MemoryEngine(code=None), f"tcp localhost:{listening}")


def test_structure_tests_run_their_commands_and_need_their_paths(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        """\
schemaVersion: 2.0.0
globalEnvVars: [{key: A, value: b}]
commandTests:
- {name: says out, command: app, args: [-v], expectedOutput: ['^out$'], expectedError: [err]}
fileExistenceTests:
- {name: app is there, path: /usr/bin/app, permissions: '-rwxr-xr-x'}
- {path: /no, shouldExist: false}
"""
    )
    engine = MemoryEngine()
    observation = seen(engine, f"structure-test {tmp_path}/t.yaml")
    assert [(request.entrypoint, request.command) for request in engine.created] == [
        (["watch"], ["app", "-v"])
    ] * 2
    assert engine.created[0].environment == {"TAKEN": None, "A": "b"}
    assert Access("/usr/bin/app", "open", "", "") in observation.accesses
    assert not any(access.path == "/no" for access in observation.accesses)
    with pytest.raises(ScratchifyError, match="says out: exit code 1, not 0"):
        seen(MemoryEngine(code=1), f"structure-test {tmp_path}/t.yaml")


FOUND = {
    "on PATH, past what cannot be executed": (("PATH", "/nowhere:/usr/bin"), "app", "/usr/bin/app"),
    "on PATH through a link": (("PATH", "/bin"), "app", "/bin/app"),
    "on the engine's own PATH": (("X", ""), "app", "/usr/bin/app"),
    "in the working directory by an empty part": (("PATH", "/nowhere:"), "local", "/srv/local"),
    "not at all": (("PATH", "/usr/bin"), "plain", "plain"),
    "by a path": (("PATH", "/usr/bin"), "./app", "./app"),
}


@pytest.mark.parametrize(("variable", "name", "path"), FOUND.values(), ids=FOUND.keys())
def test_where_a_program_is_found(variable: tuple[str, str], name: str, path: str) -> None:
    tracer = MemoryTracer()
    seen(
        MemoryEngine(), "run", config=ImageConfig(cmd=(name,), env=(variable,), workdir="/srv"), tracer=tracer
    )
    assert tracer.wrapped[0][1] == path


def test_a_program_with_rights_makes_a_second_run() -> None:
    tracer = MemoryTracer(programs={Program("/opt/rights", ("rights",))})
    observation = seen(MemoryEngine(), "run", tracer=tracer)
    assert observation.keep_rights
    assert [keeps for _, _, _, keeps in tracer.wrapped] == [False, False, True, True]


def test_no_second_run_when_the_first_kept_rights() -> None:
    tracer = MemoryTracer(programs={Program("/opt/rights", ("rights",))})
    seen(MemoryEngine(), "run", tracer=tracer, settings=RunSettings(("-q",), 1, keep_rights=True))
    assert [keeps for _, _, _, keeps in tracer.wrapped] == [True, True]


ERRORS: dict[str, tuple[MemoryEngine, str, str]] = {
    "the container ends too soon": (MemoryEngine(code=3), "tcp h:80", "ended with exit code 3"),
    "a command that fails": (
        MemoryEngine(code=3),
        "run",
        "the probe `run` fails on the original image: exit code 3",
    ),
    "a command that does not end": (MemoryEngine(code=None), "run", "did not end within"),
    "a container that does not start": (MemoryEngine(fails="no space left"), "run", "no space left"),
    "a port that never opens": (MemoryEngine(code=None), "tcp h:80", "did not open"),
}


@pytest.mark.parametrize(("engine", "probes", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_errors_on_the_original(engine: MemoryEngine, probes: str, message: str) -> None:
    with pytest.raises(ScratchifyError) as caught:
        seen(engine, probes)
    assert message in caught.value.message


HINTS: dict[str, tuple[int | None, set[tuple[str, int]], str]] = {
    "on the loopback alone": (None, {("127.0.0.1", 80)}, "listens on 127.0.0.1 alone"),
    "on another port": (
        None,
        {("0.0.0.0", 8080), ("::", 8080)},
        "nothing listens on port 80; the app listens on port 8080",
    ),
    "on it, in vain": (None, {("127.0.0.1", 80), ("::", 80)}, "ask what the app answers"),
    "nowhere": (None, set(), "ask what the app answers"),
    "an end without a fault": (0, set(), "a server has to stay in the foreground"),
}


@pytest.mark.parametrize(("code", "listening", "hint"), HINTS.values(), ids=HINTS.keys())
def test_hints_for_a_port_that_does_not_open(
    code: int | None, listening: set[tuple[str, int]], hint: str
) -> None:
    with pytest.raises(ScratchifyError) as caught:
        seen(MemoryEngine(code=code), "tcp h:80", tracer=MemoryTracer(listening=listening))
    assert hint in caught.value.hint


EXPECTED = [
    Outcome("tcp h:80", Answer(True, 0)),
    Outcome("run x", Answer(True, 0, body="out\n", stderr="err\n")),
]
DIFFERENCES: dict[str, tuple[MemoryEngine, list[str]]] = {
    "a container that ends too soon": (
        MemoryEngine(code=127),
        [
            "tcp h:80: the container ended with exit code 127 before it could be asked",
            "run x: status 0 became 127",
        ],
    ),
    "a container that does not start": (
        MemoryEngine(fails="no such program"),
        ["tcp h:80: no such program", "run x: no such program"],
    ),
}


@pytest.mark.parametrize(("engine", "reasons"), DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_what_fails_on_a_slim_image_is_a_difference(engine: MemoryEngine, reasons: list[str]) -> None:
    observation = seen(engine, expected=EXPECTED)
    assert [f"{each.probe}: {each.reasons[0]}" for each in observation.differences] == reasons


LOOKS: dict[str, tuple[list[bytes], int, bool]] = {
    "the same at once": ([b"out\n"], 1, False),
    "the same at the third look": ([b"out\n", b"no\n", b"no\n"], 3, False),
    "never the same": ([b"no\n"], 3, True),
}


@pytest.mark.parametrize(("stdout", "runs", "differs"), LOOKS.values(), ids=LOOKS.keys())
def test_contents_that_differ_are_looked_at_again(stdout: list[bytes], runs: int, differs: bool) -> None:
    engine = MemoryEngine(stdout=stdout)
    observation = seen(engine, "run x", expected=EXPECTED[1:])
    assert len(engine.created) == runs
    assert bool(observation.differences) is differs


def test_what_the_original_answers_differently_now_is_left_out() -> None:
    engine = MemoryEngine(stdout=[b"12:01\n"])
    original = Subject("sha256:0", CONFIG, TREE)
    observation = seen(engine, "run x", expected=EXPECTED[1:], original=original)
    assert [request.image for request in engine.created] == ["sha256:1", "sha256:0", "sha256:1"]
    assert not observation.differences


def test_another_end_is_not_looked_at_again() -> None:
    engine = MemoryEngine(code=1)
    assert seen(engine, "run x", expected=EXPECTED[1:]).differences
    assert len(engine.created) == 1


def test_no_permission_to_trace_is_told_with_the_way_out() -> None:
    with pytest.raises(ScratchifyError, match="may not be traced: strace: ptrace") as caught:
        seen(MemoryEngine(), "run", tracer=MemoryTracer(refused="strace: ptrace(…): Operation not permitted"))
    assert "--security-opt=seccomp=unconfined" in caught.value.hint
