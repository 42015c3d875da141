"""One watched run of one image: started under the tracer, probed, stopped, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from analyzer.engines.interface import Engine
from analyzer.filesystem import Filesystem
from analyzer.image import ImageConfig
from analyzer.probes import Probe
from analyzer.recording import Access, Outcome, Program
from analyzer.tracers.interface import Tracer


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


@dataclass(frozen=True, slots=True)
class Difference:
    """A probe of the original that the run did not answer alike, in words."""

    probe: str
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Observation:
    """What one run showed. `outcomes` are in the probes' order."""

    accesses: set[Access] = field(default_factory=set)
    programs: set[Program] = field(default_factory=set)
    ports: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)  # only against `expected`
    lost: list[str] = field(default_factory=list)
    syscalls: set[str] = field(default_factory=set)
    keep_rights: bool = False  # the run had to be made in the slower way that keeps programs' rights
    exit_code: int | None = None  # of the main container; None when only `run` probes were asked
    log: str = ""  # the end of the main container's output


def observe(
    engine: Engine,
    tracer: Tracer,
    subject: Subject,
    probes: Sequence[Probe],
    settings: RunSettings,
    *,
    expected: Sequence[Outcome] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Observation:
    """Run an image watched and probe it.

    Without `expected` this is the original: every probe is asked twice, one that fails raises
    ScratchifyError, and with no probes the default ones are made. With `expected`, the outcomes on the
    original, the probes are asked once and what differs is in `differences`; a container that does not get
    ready is a difference too, not an error. Containers are removed on every way out.
    """
    raise NotImplementedError
