"""Rounds of probes: containers under the tracer, started, asked, stopped, and their traces collected."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from analyzer import structure
from analyzer.asking import NeverReadyError, answer_of, ask
from analyzer.engines.interface import ContainerRequest, Engine
from analyzer.errors import ScratchifyError
from analyzer.filesystem import Filesystem, join
from analyzer.image import DEFAULT_PATH, ImageConfig
from analyzer.probes import PortProbe, Probe, RunProbe, StructureProbe, ports_of
from analyzer.process import Completed
from analyzer.recording import Access, Answer
from analyzer.signals import is_deaf
from analyzer.tracers.interface import Traced, Tracer

# The engine's own patience before it kills.
_STOP = 10.0
_LOG_LINES = 20
_FAILED = -1
_MAIN_LOG = "main"
# Seconds that a further exposed port is waited for, once something answered.
_FURTHER_PORT = 5.0
# Seconds between rounds that run side by side: what shows the time of day shall differ between them.
_APART = 1.1


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How containers are run. `options` go to the engine as they are; `timeout` in seconds, for what a probe
    waits for and for a `run` to end."""

    options: tuple[str, ...] = ()
    timeout: float = 60.0
    # With the tracer's filter, programs lose the rights of setuid bits and file capabilities.
    keep_rights: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """The image to run and what is known of it."""

    image: str
    config: ImageConfig
    fs: Filesystem


@dataclass(slots=True)
class Round:
    """Every probe asked once, in fresh containers. `failure` is why it was cut short."""

    asked: dict[int, tuple[Probe, Answer]] = field(default_factory=dict)  # by the probe's place
    traced: list[Traced] = field(default_factory=list)
    failure: ScratchifyError | None = None
    ended: bool = False  # the main container ended by itself
    exit_code: int | None = None
    log: str = ""
    waited: float = 0.0

    @property
    def answers(self) -> list[tuple[Probe, Answer]]:
        """Probes as asked with their answers, in order."""
        return [self.asked[place] for place in sorted(self.asked)]


@dataclass(slots=True)
class _Stage:
    """What all containers of an observation share."""

    engine: Engine
    tracer: Tracer
    subject: Subject
    settings: RunSettings
    payload: Path
    root: str  # where the payload is unpacked
    given_up: threading.Event = field(default_factory=threading.Event)
    containers: set[str] = field(default_factory=set)

    def watched(self, command: Sequence[str], label: str) -> list[str]:
        variables = dict(self.subject.config.env)
        program = _found(self.subject, command[0])
        return self.tracer.wrap(command, program, label, variables, keep_rights=self.settings.keep_rights)

    def give_up(self) -> None:
        """End every run of this observation: their containers end, and what waits for them sees it."""
        self.given_up.set()
        for container in list(self.containers):
            with suppress(ScratchifyError):  # its own run may be removing it at this moment
                self.engine.stop(container, 0)

    @contextmanager
    def container(
        self,
        command: Sequence[str],
        ports: Sequence[int] = (),
        environment: Sequence[tuple[str, str]] = (),
    ) -> Iterator[str]:
        """A container that will run a command watched, created and equipped; removed at the end."""
        watched = self.watched(command, _MAIN_LOG)
        request = ContainerRequest(
            image=self.subject.image,
            entrypoint=watched[:1],
            command=watched[1:],
            publish=tuple(f"127.0.0.1::{port}/tcp" for port in ports),
            capabilities=self.tracer.capabilities,
            environment={**self.tracer.environment(dict(self.subject.config.env)), **dict(environment)},
            healthcheck=False,
            options=self.settings.options,
        )
        if self.root != "/":
            request = replace(request, options=(*request.options, "--volume", self.root))
        name = self.engine.create(request)
        self.containers.add(name)
        try:
            self.engine.copy_in(name, self.payload, self.root)
            if self.given_up.is_set():
                raise ScratchifyError("the run was given up")
            yield name
        finally:
            self.containers.discard(name)
            self.engine.remove(name)


@dataclass(slots=True)
class _Main:
    """The image's own command at work, as probes see it (asking.Container)."""

    stage: _Stage
    name: str
    wanted: Sequence[int]
    _ports: dict[int, int] = field(default_factory=dict)
    _commands: int = 0

    def published(self) -> Mapping[int, int]:
        """Ports of the container to the host's. On the host's network they are the same ones."""
        if _on_host_network(self.stage.settings.options):
            return {port: port for port in self.wanted}
        if not self._ports:
            ports = self.stage.engine.ports(self.name)
            self._ports = {int(port.partition("/")[0]): host for port, host in ports.items()}
        return self._ports

    def port(self, number: int) -> int:
        """0, where nobody can listen, for a port that is not published: the container has just ended."""
        return self.published().get(number, 0)

    def execute(self, command: Sequence[str], timeout: float) -> Completed:
        self._commands += 1
        watched = self.stage.watched(command, f"exec-{self._commands}")
        return self.stage.engine.exec(self.name, watched, timeout=timeout)

    def ended(self) -> str:
        if self.stage.given_up.is_set():
            raise ScratchifyError("the run was given up")
        state = self.stage.engine.state(self.name)
        if state.get("Running") or state.get("Status") in ("created", "restarting"):
            return ""
        memory = ", out of memory," if state.get("OOMKilled") else ""
        return f"the container ended with exit code {state.get('ExitCode')}{memory}"


def run_rounds(
    engine: Engine,
    tracer: Tracer,
    subject: Subject,
    probes: Sequence[Probe],
    settings: RunSettings,
    times: int,
) -> list[Round]:
    """The rounds, side by side unless options of the user's may tie them to one place (a port, a volume)."""
    with tempfile.TemporaryDirectory(prefix="scratchify-") as folder:
        # Nothing can be put into a read-only container but into a volume.
        root = tracer.home if _is_read_only(settings.options) else "/"
        payload = tracer.payload(Path(folder), root, keep_rights=settings.keep_rights)
        stage = _Stage(engine, tracer, subject, settings, payload, root)
        if times == 1 or settings.options:
            return [_round(stage, probes) for _ in range(times)]
        with ThreadPoolExecutor(times) as pool:
            waiting = [pool.submit(_round, stage, probes, number * _APART) for number in range(times)]
            try:
                return [future.result() for future in waiting]
            except BaseException:
                stage.give_up()
                raise


def _round(stage: _Stage, probes: Sequence[Probe], later: float = 0) -> Round:
    """One round, begun some seconds later; what goes wrong in it is kept as its failure."""
    done = Round()
    stage.given_up.wait(later)
    try:
        alone = (RunProbe, StructureProbe)
        inside = {place: probe for place, probe in enumerate(probes) if not isinstance(probe, alone)}
        if inside:
            _ask_inside(stage, inside, done)
        for place, probe in enumerate(probes):
            begun = time.monotonic()
            if isinstance(probe, RunProbe):
                done.asked[place] = (probe, _ask_run(stage, probe, done))
            elif isinstance(probe, StructureProbe):
                done.asked[place] = (probe, _ask_structure(stage, probe, done))
            done.waited = max(done.waited, time.monotonic() - begun)
    except ScratchifyError as error:
        done.failure = error
    return done


def _ask_inside(stage: _Stage, probes: Mapping[int, Probe], done: Round) -> None:
    """Start the image's own command and ask the probes that want it running."""
    engine = stage.engine
    exposed = {int(port.partition("/")[0]) for port in stage.subject.config.exposed if "/udp" not in port}
    ports = sorted(exposed | set(ports_of(probes.values())))
    with stage.container(_command(stage.subject.config, ()), ports) as name:
        main = _Main(stage, name, ports)
        engine.start(name)
        for place, probe in probes.items():
            begun = time.monotonic()
            patience = stage.settings.timeout
            if isinstance(probe, PortProbe) and any(answer.passed for _, answer in done.asked.values()):
                # The app is up: a port that is only exposed does not open later.
                patience = min(patience, _FURTHER_PORT)
            try:
                done.asked[place] = ask(probe, main, patience)
            except NeverReadyError as error:
                done.asked[place] = (probe, Answer(passed=False, status=_FAILED, error=error.message))
                if not isinstance(probe, PortProbe) or main.ended():
                    break
            finally:
                done.waited = max(done.waited, time.monotonic() - begun)
        done.ended = bool(main.ended())
        engine.stop(name, _patience(engine.state(name), name, stage.subject.config.stop_signal))
        done.exit_code = engine.state(name).get("ExitCode")
        done.log = _end_of_log(*engine.logs(name))
        done.traced.append(_collect(stage, name, done.log))


def _on_host_network(options: Sequence[str]) -> bool:
    """Whether the user's options put the container on the host's network (docker run: --network, --net)."""
    words = [word for option in options for word in option.replace("=", " ").split()]
    return any(pair in (("--network", "host"), ("--net", "host")) for pair in pairwise(words))


def _is_read_only(options: Sequence[str]) -> bool:
    return any(word in ("--read-only", "--read-only=true") for option in options for word in option.split())


def _patience(state: Mapping[str, Any], container: str, stop_signal: str) -> float:
    """Seconds to wait for the stop signal to work: none where it is sure to have no effect."""
    return 0 if is_deaf(int(state.get("Pid") or 0), stop_signal or "SIGTERM", container) else _STOP


def _ask_run(stage: _Stage, probe: RunProbe, done: Round) -> Answer:
    return _to_its_end(stage, _command(stage.subject.config, probe.arguments), done)


def _ask_structure(stage: _Stage, probe: StructureProbe, done: Round) -> Answer:
    """Commands in containers of their own, files and metadata on the image; what is lacking is the error."""
    subject = stage.subject
    tests = structure.load(probe.path)
    wrong = structure.judge_image(tests, subject.fs, subject.config)
    # A path that has to be there is a need of the probe's, as if the run had looked at it.
    done.traced.append(Traced({Access(path, "open", "", "") for path in tests.paths}))
    ends: dict[str, object] = {}
    for test in tests.commands:
        answer = _to_its_end(stage, test.command, done, test.environment)
        if answer.error:
            return answer
        wrong += structure.judge_command(test, answer.status, answer.body, answer.stderr)
        ends[test.name] = {
            "exit code": answer.status,
            "stdout": answer.body.split("\n"),
            "stderr": answer.stderr.split("\n"),
        }
    return Answer(not wrong, int(bool(wrong)), body=json.dumps(ends, sort_keys=True), error="; ".join(wrong))


def _to_its_end(
    stage: _Stage, command: Sequence[str], done: Round, environment: Sequence[tuple[str, str]] = ()
) -> Answer:
    """A container of its own that runs a command until it ends."""
    engine = stage.engine
    with stage.container(command, environment=environment) as name:
        engine.start(name)
        try:
            code = engine.wait(name, stage.settings.timeout)
        except ScratchifyError as error:
            return Answer(passed=False, status=_FAILED, error=error.message)
        stdout, stderr = engine.logs(name)
        done.traced.append(_collect(stage, name, _end_of_log(stdout, stderr)))
        return answer_of(Completed((), code, stdout, stderr))


def _command(config: ImageConfig, arguments: Sequence[str]) -> list[str]:
    """Entrypoint and arguments, the image's own command in their place where there are none."""
    words = [*(config.entrypoint or ()), *(arguments or config.cmd or ())]
    if not words:
        raise ScratchifyError(
            "the image has neither entrypoint nor command: there is nothing to run",
            hint="give it a CMD, or probe it with `run COMMAND…`",
        )
    return words


def _found(subject: Subject, name: str) -> str:
    """Where the engine finds a program: by its path, or in the first directory of PATH that has it.

    As runc does with Go's exec.LookPath; the name itself where the image has no such program.
    """
    if "/" in name:
        return name
    workdir = subject.config.workdir or "/"
    for directory in subject.config.variable("PATH", DEFAULT_PATH).split(":"):
        path = join(join(workdir, directory or "."), name)
        entry = subject.fs.lookup(path)
        if entry is not None and entry.executable:
            return path
    return name


def _collect(stage: _Stage, container: str, log: str) -> Traced:
    """What the tracer saw in a container that has ended."""
    refused = stage.tracer.refusal(log)
    if refused:
        raise ScratchifyError(
            f"the container may not be traced: {refused}",
            hint="allow it with --run-opt=--security-opt=seccomp=unconfined; on the engine's machine"
            " kernel.yama.ptrace_scope must be under 3",
        )
    with tempfile.TemporaryDirectory(prefix="scratchify-") as folder:
        archive = Path(folder) / "logs.tar"
        stage.engine.copy_out(container, stage.tracer.logs, archive)
        workdir = stage.subject.config.workdir or "/"
        try:
            return stage.tracer.collect(archive, workdir, stage.subject.fs)
        except ScratchifyError as error:
            raise ScratchifyError(error.message, hint=error.hint, detail=log) from error


def _end_of_log(stdout: bytes, stderr: bytes) -> str:
    lines = (stdout + stderr).decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:])


def ran_with_rights(rounds: Sequence[Round], fs: Filesystem) -> bool:
    """Whether a setuid, setgid or file-capability program of the image was run."""
    paths = {program.path for done in rounds for traced in done.traced for program in traced.programs}
    entries = (fs.lookup(path) for path in paths)
    return any(entry is not None and entry.special for entry in entries)
