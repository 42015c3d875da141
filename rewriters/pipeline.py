"""The main job, top to bottom: build, watch, close over the evidence, verify and heal, build for real."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from analyzer import recording as recordings
from analyzer.engines.interface import Engine
from analyzer.errors import ScratchifyError, WrongPlatformError
from analyzer.evidence import Evidence, Unresolved
from analyzer.observe import Observation
from analyzer.probes import commands_of
from analyzer.recording import Recording
from analyzer.resolvers.facts import LiveFacts, RecordedFacts
from analyzer.resolvers.interface import View
from analyzer.resolvers.starting import why_not_started
from analyzer.resolvers.table import LEVELS
from analyzer.tracers.strace import find_strace
from rewriters.assemble import Assembly, rewritten
from rewriters.build import build_request, find_tools, write_dockerfile
from rewriters.capture import Image, from_recording, live_facts
from rewriters.planning import Planner, keep
from rewriters.progress import Progress
from rewriters.render import Tools
from rewriters.request import Request
from rewriters.result import Rewritten
from rewriters.settling import Bench, Settled, compare_images, judge, refusal, settle
from rewriters.source import Source, read_source
from rewriters.verify import Verdict, measure

# The facts of a recording that say which base has which tools to assemble with.
ASSEMBLY = "assembly/1"
CHANGING = "does something write into the build context meanwhile, a log for one? Name it in .dockerignore"


def rewrite(
    request: Request,
    open_engine: Callable[[], Engine],
    progress: Progress,
    *,
    for_every_level: bool = False,
) -> Rewritten:
    """Rewrite one Dockerfile; `for_every_level` records enough to plan again at any coverage level.

    Raises ScratchifyError where it cannot and NegativeAnswerError where the slim image does not do what the
    original does; the engine and the disk are then as they were before.
    """
    source = read_source(request.dockerfile, request.target, request.build.args)
    if request.recordings:
        planned = replan(request, source)
        recordings.require_whole(planned.recording.image)
        for loss in planned.recording.lost:
            progress.note(loss)
        return planned
    with workspace() as work, closing(open_engine()) as engine:
        bench = Bench(engine, find_strace(), request, work, progress)
        original = build_original(bench, source)
        planner = plan_from(bench, source, original, watch(bench, original), live_facts(original))
        settled = settle(bench, planner)
        if for_every_level:
            record_plan(bench, planner)
        return finish(bench, planner, settled)


def replan(request: Request, source: Source) -> Rewritten:
    """The rewrite that recordings give, without an engine: planned, not verified."""
    recording = recordings.merge([recordings.read(path) for path in request.recordings])
    variables = source.table.stages[source.stage].config.env
    recording.image = recordings.restored(recording.image, variables)
    image = from_recording(recording)
    facts = RecordedFacts(image.fs, recording.facts)
    planner = Planner(
        source, request.keeping, image, recording, facts, lambda: recorded_tools(recording, source)
    )
    kept = planner.keep()
    require_current(facts, kept.evidence, source)
    if facts.unknown:
        lacking = Unresolved(
            min(facts.unknown),
            "recording",
            f"the recording lacks facts of {len(facts.unknown)} files, this the first: trace again",
        )
        kept = replace(kept, unresolved=(lacking, *kept.unresolved))
    assembly = planner.assemble(kept)
    after = measure(image.fs.entries[path] for path in kept.evidence)
    text = text_of(planner, request, assembly)
    return Rewritten(source, text, measure(image.fs), after, kept, recording, assembly)


def require_current(facts: RecordedFacts, kept: Collection[str], source: Source) -> None:
    """Raise ScratchifyError where a kept file was read by another version of an extractor only: what the file
    needs is then not known, and a plan without it could break the app."""
    outdated = sorted(facts.outdated.intersection(kept))
    if outdated:
        raise ScratchifyError(
            "the recording was made by another version of scratchify: it lacks what this one knows of"
            f" {len(outdated)} kept files, {outdated[0]} the first",
            hint=f"record again: scratchify trace {source.name}",
        )


def recorded_tools(recording: Recording, source: Source) -> Tools | None:
    """The stage to assemble with, as the recorded run found it; GNU's tools where it did not look."""
    known = recording.facts.get(ASSEMBLY, {})
    candidates = list(source.tools_candidates())
    for tools in candidates:
        if tools.base in known:
            return replace(tools, busybox=known[tools.base] == "busybox")
    return candidates[0] if candidates and not known else None


def trace(
    request: Request, image: str | None, open_engine: Callable[[], Engine], progress: Progress
) -> Recording:
    """Watch an image, built from a Dockerfile or there already, and record enough to plan at every level."""
    source = None if image else read_source(request.dockerfile, request.target, request.build.args)
    with workspace() as work, closing(open_engine()) as engine:
        bench = Bench(engine, find_strace(), request, work, progress)
        original = build_original(bench, source) if source else take_image(bench, image or "")
        recording = watch(bench, original)
        facts = live_facts(original)
        if source is None:
            record_facts(bench, original, recording, facts, ())
        else:
            record_plan(bench, plan_from(bench, source, original, recording, facts))
        return recording


def verify(
    request: Request, against: str | None, open_engine: Callable[[], Engine], progress: Progress
) -> Verdict:
    """Build a rewritten file, and hold every invariant against the author's stage or another image."""
    source = read_source(request.dockerfile, request.target, request.build.args)
    if source.marker is None:
        raise ScratchifyError(
            f"{source.name} has no block of scratchify's", hint=f"scratchify rewrite {source.name}"
        )
    with workspace() as work, closing(open_engine()) as engine:
        bench = Bench(engine, find_strace(), request, work, progress)
        original = take_image(bench, against) if against else build_original(bench, source)
        recording = watch(bench, original)
        planner = plan_from(bench, source, original, recording, live_facts(original))
        slim = build_file(bench, source.data, source.path, "Building the rewritten Dockerfile")
        return judge(bench, original, recording, planner.keep(), slim)


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for one rewrite; gone on every way out.

    All that is temporary meanwhile is made in there: an interrupt may come between the making of a folder
    and the statement that would take it away.
    """
    folder = Path(tempfile.mkdtemp(prefix="scratchify-"))
    outer = tempfile.tempdir
    try:
        tempfile.tempdir = str(folder)
        yield folder
    finally:
        tempfile.tempdir = outer
        shutil.rmtree(folder, ignore_errors=True)


def plan_from(
    bench: Bench, source: Source, original: Image, recording: Recording, facts: LiveFacts
) -> Planner:
    """A planner for an image of the engine's, which says who can assemble when it is asked."""
    return Planner(
        source,
        bench.request.keeping,
        original,
        recording,
        facts,
        lambda: find_tools(bench.engine, bench.request, source.tools_candidates(), bench.work),
    )


def build_original(bench: Bench, source: Source, *, again: bool = False) -> Image:
    """Build the author's stage, save it to disk, index it; `again` takes what is cached of it."""
    file = write_dockerfile(bench.work, source.named, source.path)
    with bench.progress.step("build", f"Building {source.name}{' once more' if again else ''}"):
        request = build_request(bench.request, file, target=source.naming.stage, again=again)
        image = bench.engine.build(request, bench.progress.line)
    return bench.save(image, "Reading the image")


def watch(bench: Bench, original: Image) -> Recording:
    """Run the original under the tracer, twice probed, and record what it touched."""
    with bench.progress.step("trace", "Running it under the tracer"):
        seen = observe_original(bench, original)
    for loss in seen.lost:
        bench.progress.note(loss)
    return Recording(
        original.facts,
        accesses=seen.accesses,
        programs=seen.programs,
        ports=seen.ports,
        written=seen.written,
        outcomes=seen.outcomes,
        lost=seen.lost,
        syscalls=seen.syscalls,
    )


def observe_original(bench: Bench, original: Image) -> Observation:
    """Watch the original. Where a command of it cannot start at all, the error names the file at fault."""
    try:
        return bench.observe(original)
    except WrongPlatformError:
        raise
    except ScratchifyError as error:
        view = View(original.fs, original.facts.config, live_facts(original))
        for words in commands_of(bench.request.probes, original.facts.config):
            fault = why_not_started(view, words)
            if fault is not None:
                message = f"the image cannot start {fault.program}: {fault.reason}"
                raise ScratchifyError(message, hint=fault.hint) from error
        raise


def text_of(planner: Planner, request: Request, assembly: Assembly) -> bytes:
    return rewritten(
        planner.image.fs, assembly, planner.source, request.output, planner.inputs(request.context)
    )


def finish(bench: Bench, planner: Planner, settled: Settled) -> Rewritten:
    """Build the rewritten file itself, in the real context.

    Where the same image comes of it as was verified, that is enough; where a step or the context gives
    something else now, every invariant is held against the author's stage of this very build.
    """
    result = Rewritten(
        planner.source,
        None,
        settled.before,
        settled.after,
        settled.kept,
        planner.recording,
        settled.assembly,
        settled.healed,
        settled.rounds,
    )
    if settled.slim is None:
        return result
    text = text_of(planner, bench.request, settled.assembly)
    final = build_file(bench, text, planner.source.path, "Building the rewritten Dockerfile")
    if changed := compare_images(settled.slim, final):
        bench.progress.note(
            f"the build gives another image than the one that was traced ({len(changed)} differences,"
            f" the first: {changed[0]}): it is verified anew"
        )
        again = build_original(bench, planner.source, again=True)
        verdict = judge(bench, again, planner.recording, settled.kept, final)
        if not verdict.holds:
            raise refusal(verdict, settled.rounds, CHANGING if verdict.subset else "")
        result = replace(result, before=measure(again.fs), after=measure(final.fs))
    bench.engine.tag(final.id, bench.request.tag)
    return replace(result, text=text, image=bench.request.tag)


def build_file(bench: Bench, text: bytes, path: Path | None, title: str) -> Image:
    """Build a whole rewritten file in the real context; what is cached of it is not run again."""
    folder = bench.work / "final"
    folder.mkdir()
    file = write_dockerfile(folder, text, path)
    request = build_request(bench.request, file, tag=bench.engine.temporary_name("final"), again=True)
    with bench.progress.step("final build", title):
        image = bench.engine.build(request, bench.progress.line)
    return bench.save(image, "Reading the final image")


def take_image(bench: Bench, name: str) -> Image:
    """An image that is there already."""
    document = bench.engine.inspect(name)
    if document is None:
        raise ScratchifyError(
            f"the engine has no image {name}", hint=f"pull or build it first: docker pull {name}"
        )
    return bench.save(str(document["Id"]), f"Reading {name}")


def record_plan(bench: Bench, planner: Planner) -> None:
    """Put into the recording all that planning from it will ask for: facts, and who can assemble."""
    assert isinstance(planner.facts, LiveFacts)
    record_facts(bench, planner.image, planner.recording, planner.facts, planner.roots)
    if tools := planner.tools():
        planner.recording.facts[ASSEMBLY] = {tools.base: "busybox" if tools.busybox else "gnu"}


def record_facts(
    bench: Bench, original: Image, recording: Recording, facts: LiveFacts, roots: Sequence[Evidence]
) -> None:
    """Put into the recording the image's manifest and what each coverage level asks of its files."""
    with bench.progress.step("facts", "Collecting facts for the recording"):
        for coverage in LEVELS:
            keep(original, recording, facts, replace(bench.request.keeping, coverage=coverage), roots)
    recording.facts.update(facts.asked)
    recording.manifest = list(original.fs)
