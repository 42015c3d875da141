"""What runs of an image show: of the original, and of another image compared with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from analyzer.comparison import differences, stable
from analyzer.engines.interface import Engine
from analyzer.errors import ScratchifyError
from analyzer.probes import PortProbe, Probe, RunProbe, StartProbe, default_probes, ports_of, recorded
from analyzer.recording import Access, Answer, Outcome, Program
from analyzer.redaction import secrets_among
from analyzer.rounds import Round, RunSettings, Subject, ran_with_rights, run_rounds
from analyzer.tracers.interface import Tracer

__all__ = ["Difference", "Observation", "RunSettings", "Subject", "observe"]

# How often more is looked where an image's answers differ in their contents alone.
_MORE_LOOKS = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """A probe of the original that the run did not answer alike, in words."""

    probe: str
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Observation:
    """What one run showed. `probes` and `outcomes` go together, in the order in which they were asked for."""

    accesses: set[Access] = field(default_factory=set)
    programs: set[Program] = field(default_factory=set)
    ports: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    probes: list[Probe] = field(default_factory=list)  # as asked: the default ones spelled out
    outcomes: list[Outcome] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)  # only against `expected`
    lost: list[str] = field(default_factory=list)
    syscalls: set[str] = field(default_factory=set)
    keep_rights: bool = False  # the run had to be made in the slower way that keeps programs' rights
    exit_code: int | None = None  # of the main container; None when only `run` probes were asked
    log: str = ""  # the end of the main container's output
    waited: float = 0.0  # seconds, the longest that a probe took


def observe(
    engine: Engine,
    tracer: Tracer,
    subject: Subject,
    probes: Sequence[Probe],
    settings: RunSettings,
    *,
    expected: Sequence[Outcome] | None = None,
    original: Subject | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Observation:
    """Run an image watched and probe it. Containers are removed on every way out.

    Without `expected` this is the original: it is run twice, every probe asked once in each run; one that
    fails raises ScratchifyError, and with no probes the default ones are made.

    With `expected`, the outcomes on the original, the image is run once, asked these probes (none: those of
    the outcomes), and what differs is in `differences`; a container that does not get ready is a difference
    too, not an error. Where only contents differ it is run again, and so is the `original` when it is given:
    what seldom varies (a process number, the minute) may have been the same in both its runs.
    """
    run = _Runner(engine, tracer, settings, say)
    if expected is not None:
        return _compared(run, subject, list(probes) or recorded(expected), expected, original)
    chosen = list(probes) or default_probes(subject.config)
    rounds = run(subject, chosen, 2)
    if not probes and all(done.ended and done.exit_code == 0 for done in rounds):
        # A command that ends by itself is a tool: what it does is its answer.
        chosen = [RunProbe("run")]
        rounds = run(subject, chosen, 2)
    if not probes:
        _leave_out_closed(rounds, say)
        for probe, answer in rounds[0].answers:
            if answer.passed and answer.error:
                say(f"{probe.text}: {answer.error}; the slim image has to answer the same")
    seen = _observation(rounds, run.settings, _original_outcomes(rounds), [])
    if not probes and all(isinstance(probe, StartProbe) for probe in chosen):
        seen.lost.append(_idle(seen.ports))
    return seen


def _idle(ports: Collection[str]) -> str:
    """A run that nobody asks anything is no finished one: that is said, and where it could be asked."""
    where = f"; it listens on {', '.join(sorted(ports))}: ask it with --probe" if ports else ""
    return "nothing was asked of the running container: the trace shows its start alone" + where


def _leave_out_closed(rounds: Sequence[Round], say: Callable[[str], None]) -> None:
    """Ports that the image exposes and never opens are no probes of ours, where another answered."""
    if not all(any(answer.passed for _, answer in done.answers) for done in rounds):
        return
    for place, (probe, answer) in list(rounds[0].asked.items()):
        if isinstance(probe, PortProbe) and not answer.passed:
            others = [done.asked.get(place) for done in rounds[1:]]
            if all(other is not None and not other[1].passed for other in others):
                for done in rounds:
                    del done.asked[place]
                say(f"port {probe.port} is exposed and did not open: it is not probed")


@dataclass(slots=True)
class _Runner:
    """Runs rounds, and from the first program with rights of its own on in the way that keeps them."""

    engine: Engine
    tracer: Tracer
    settings: RunSettings
    say: Callable[[str], None]

    def __call__(self, subject: Subject, probes: Sequence[Probe], times: int) -> list[Round]:
        rounds = run_rounds(self.engine, self.tracer, subject, probes, self.settings, times)
        if self.settings.keep_rights or not ran_with_rights(rounds, subject.fs):
            return rounds
        self.say("the run used a program with rights of its own: once more, so that it keeps them")
        self.settings = replace(self.settings, keep_rights=True)
        return run_rounds(self.engine, self.tracer, subject, probes, self.settings, times)


def _compared(
    run: _Runner,
    subject: Subject,
    probes: Sequence[Probe],
    expected: Sequence[Outcome],
    original: Subject | None,
) -> Observation:
    """The image's answers against the original's."""
    secrets = secrets_among(subject.config.env)
    rounds = run(subject, probes, 1)
    differing = _differences(probes, rounds[0], expected, secrets)
    for _ in range(_MORE_LOOKS):
        if not differing or not _answered(rounds[-1], expected):
            break
        if original is not None:
            expected = _refined(expected, run(original, probes, 1)[0])
        rounds += run(subject, probes, 1)
        again = {each.probe for each in _differences(probes, rounds[-1], expected, secrets)}
        differing = [each for each in differing if each.probe in again]
    outcomes = [Outcome(probe.text, answer) for probe, answer in rounds[0].answers]
    return _observation(rounds, run.settings, outcomes, differing)


def _refined(expected: Sequence[Outcome], done: Round) -> list[Outcome]:
    """The outcomes without what a further run of the original answered differently."""
    refined = list(expected)
    for place, (_, answer) in done.asked.items():
        common = stable(expected[place].answer, answer)
        if common.passed:
            refined[place] = replace(expected[place], answer=common)
    return refined


def _original_outcomes(rounds: Sequence[Round]) -> list[Outcome]:
    """The stable part of the answers. Raises ScratchifyError where a probe failed, or all of a round did."""
    for done in rounds:
        for probe, answer in done.answers:
            if not answer.passed:
                raise _probe_failed(probe, answer, done)
        if done.failure:
            raise done.failure
    first, *others = (done.answers for done in rounds)
    outcomes = []
    for place, (probe, answer) in enumerate(first):
        for other in others:
            answer = stable(answer, other[place][1])
        if not answer.passed:
            raise _probe_failed(probe, answer, rounds[0])
        outcomes.append(Outcome(probe.text, answer))
    return outcomes


def _probe_failed(probe: Probe, answer: Answer, done: Round) -> ScratchifyError:
    got = answer.error or (f"exit code {answer.status}" if answer.status < 100 else f"status {answer.status}")
    hint = "nothing can be learnt from it: ask what the app answers, or give it what it needs (--run-opt)"
    if isinstance(probe, StartProbe | PortProbe):
        hint = "say what to ask with --probe: `http URL`, or for a tool `run ARGUMENTS…`"
    if answer.status < 0 and done.ended and done.exit_code == 0:
        hint = "a tool is asked with `run ARGUMENTS…`; a server has to stay in the foreground"
    elif answer.status < 0:
        hint = _where_it_listens(ports_of([probe]), done) or hint
    return ScratchifyError(
        f"the probe `{probe.text}` fails on the original image: {got}",
        hint=hint,
        detail="\n".join(part for part in (answer.stderr.rstrip(), done.log) if part),
    )


def _where_it_listens(ports: Sequence[int], done: Round) -> str:
    """What the trace tells of a port that did not open; "" where it tells nothing."""
    listening = sorted({each for traced in done.traced for each in traced.listening})
    on_it = [address for address, port in listening if port in ports]
    if not ports or not listening:
        return ""
    if not on_it:
        others = ", ".join(str(port) for port in sorted({port for _, port in listening}))
        return f"nothing listens on port {ports[0]}; the app listens on port {others}"
    if all(address == "::1" or address.startswith("127.") for address in on_it):
        return (
            f"the app listens on {on_it[0]} alone, where nobody outside of its container reaches it: let it"
            " listen on 0.0.0.0, or ask with `exec`"
        )
    return ""


def _differences(
    probes: Sequence[Probe], done: Round, expected: Sequence[Outcome], secrets: Mapping[str, str]
) -> list[Difference]:
    found = []
    for place, (probe, outcome) in enumerate(zip(probes, expected, strict=True)):
        if place in done.asked:
            reasons = differences(outcome.answer, done.asked[place][1], secrets)
        else:
            reasons = (done.failure.message if done.failure else "not asked: the probe before it never was",)
        if reasons:
            found.append(Difference(probe.text, reasons))
    return found


def _answered(done: Round, expected: Sequence[Outcome]) -> bool:
    """Whether every probe got an answer with the original's status: at most contents differ."""
    return all(
        place in done.asked
        and not done.asked[place][1].error
        and done.asked[place][1].status == outcome.answer.status
        for place, outcome in enumerate(expected)
    )


def _observation(
    rounds: Sequence[Round],
    settings: RunSettings,
    outcomes: list[Outcome],
    differing: list[Difference],
) -> Observation:
    result = Observation(outcomes=outcomes, differences=differing, keep_rights=settings.keep_rights)
    result.probes = [probe for probe, _ in rounds[0].answers]
    result.exit_code, result.log = rounds[0].exit_code, rounds[0].log
    for done in rounds:
        result.waited = max(result.waited, done.waited)
        for traced in done.traced:
            result.accesses |= traced.accesses
            result.programs |= traced.programs
            result.ports |= traced.ports
            result.written |= traced.written
            result.syscalls |= traced.syscalls
            result.lost += [loss for loss in traced.lost if loss not in result.lost]
    return result
