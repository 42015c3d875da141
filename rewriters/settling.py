"""Plan, build the slim image, verify, heal what is proven missing: round after round until it holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.engines.interface import Engine
from analyzer.errors import NegativeAnswerError
from analyzer.evidence import Evidence
from analyzer.filesystem import UNCOPIED, Filesystem
from analyzer.keepset import KeepSet
from analyzer.observe import Observation, RunSettings, Subject, observe
from analyzer.recording import Outcome, Recording
from analyzer.tracers.interface import Tracer
from rewriters import heal
from rewriters.assemble import Assembly, for_verification
from rewriters.build import build_alone
from rewriters.capture import Image, save
from rewriters.planning import Planner
from rewriters.progress import Progress
from rewriters.request import Request
from rewriters.verify import (
    LookUps,
    Sizes,
    Verdict,
    compare_config,
    compare_trees,
    lost_listings,
    measure,
    surprises,
)

# Under this share of its bytes saved, a slim image is not worth its block.
LEAST_SAVED = 0.01


@dataclass(frozen=True, slots=True)
class Settled:
    """A plan whose slim image was seen to hold. `slim` is None where there is nothing to gain."""

    kept: KeepSet
    assembly: Assembly
    before: Sizes
    after: Sizes
    slim: Image | None = None
    healed: tuple[Evidence, ...] = ()
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Bench:
    """What every build and run of one rewrite shares."""

    engine: Engine
    tracer: Tracer
    request: Request
    work: Path
    progress: Progress

    def save(self, image: str, title: str) -> Image:
        return save(self.engine, image, self.work, self.progress, title)

    def observe(
        self,
        image: Image,
        expected: Sequence[Outcome] | None = None,
        original: Image | None = None,
    ) -> Observation:
        """Run an image watched and probe it; the original once more where only contents differ from its."""
        return observe(
            self.engine,
            self.tracer,
            _subject(image),
            self.request.probes,
            RunSettings(self.request.run_options, self.request.timeout),
            expected=expected,
            original=_subject(original) if original else None,
            say=self.progress.say,
        )


def _subject(image: Image) -> Subject:
    return Subject(image.id, image.facts.config, image.fs)


def settle(bench: Bench, planner: Planner) -> Settled:
    """Plan and verify until the slim image holds, at most five rounds of healing.

    Raises NegativeAnswerError when it does not hold and nothing that is proven missing is left.
    """
    original = planner.image
    name = bench.engine.temporary_name("original")
    bench.engine.tag(original.id, name)
    healed: list[Evidence] = []
    before = measure(original.fs)
    for number in range(heal.MOST_ROUNDS + 1):
        with bench.progress.step("plan", "Closing over the evidence"):
            kept = planner.keep(healed)
            assembly = planner.assemble(kept)
        after = measure(original.fs.entries[path] for path in kept.evidence)
        if saves_nothing(before, after):
            return Settled(kept, assembly, before, after)
        slim = build_slim(bench, for_verification(original.fs, assembly, name))
        verdict = judge(bench, original, planner.recording, kept, slim)
        if verdict.holds:
            return Settled(kept, assembly, before, measure(slim.fs), slim, tuple(healed), number)
        slim.close()
        proven = heal.evidence_of(verdict, number + 1, {each.path for each in healed})
        if not proven or number == heal.MOST_ROUNDS:
            raise refusal(verdict, number, uncopied(original.fs, verdict.surprises))
        bench.progress.say(f"Round {number + 1}: {len(proven)} paths were missed; the next round keeps them")
        healed += proven
    raise AssertionError("the last round returns or raises")


def saves_nothing(before: Sizes, after: Sizes) -> bool:
    """The image is as small as it gets: next to no bytes would go."""
    return before.bytes - after.bytes <= LEAST_SAVED * before.bytes


def compare_images(first: Image, second: Image) -> list[str]:
    """How two images differ, in words: every path, its metadata and bytes, and the configuration."""
    gone = [f"{path}: no longer there" for path in first.fs.entries if path not in second.fs.entries]
    config = compare_config(first.facts.config, second.facts.config)
    return gone + differences_in_tree(first, second) + config


def differences_in_tree(original: Image, part: Image) -> list[str]:
    """What of an image is not exactly the original's, bytes compared by their digests."""
    return compare_trees(original.fs, part.fs, lambda one, other: original.digest(one) == part.digest(other))


def build_slim(bench: Bench, text: str) -> Image:
    with bench.progress.step("slim build", "Building the slim image from the built one"):
        # A builder's cache knows what COPY takes by its bytes and modes: of an earlier rewrite it may have
        # the same files with other times.
        image = build_alone(bench.engine, bench.request, text, bench.work, bench.progress.line, anew=True)
    return bench.save(image, "Reading the slim image")


def judge(bench: Bench, original: Image, recording: Recording, kept: KeepSet, slim: Image) -> Verdict:
    """Hold every invariant against a slim image."""
    before = LookUps.of(recording.accesses)
    with bench.progress.step("compare", "Comparing the two images"):
        subset = differences_in_tree(original, slim)
        config = compare_config(original.facts.config, slim.facts.config)
        unlisted = lost_listings(original.fs, kept.evidence, before, kept.answers)
    with bench.progress.step("verify", "Running the slim image under the same probes"):
        seen = bench.observe(slim, recording.outcomes, original)
    missed = surprises(original.fs, slim.fs, before, LookUps.of(seen.accesses))
    return Verdict(tuple(seen.differences), tuple(subset), tuple(config), tuple(missed), tuple(unlisted))


def uncopied(fs: Filesystem, missed: Iterable[str]) -> str:
    """What to do where the run misses a path of a type that no build copies; "" where there is none."""
    special = [entry for path in missed if (entry := fs.get(path)) is not None and entry.kind in UNCOPIED]
    if not special:
        return ""
    what = UNCOPIED[special[0].kind]
    return f"{special[0].path} is a {what}, which no build copies: let the app or its entrypoint make it"


def refusal(verdict: Verdict, rounds: int, hint: str = "") -> NegativeAnswerError:
    """The slim image does not hold: what is wrong, and what a person can do."""
    lines = verdict.lines()
    shown = "\n".join(f"  {line}" for line in lines[:40])
    more = f"\n  … and {len(lines) - 40} more" if len(lines) > 40 else ""
    after = f" after {rounds} round{'s' * (rounds > 1)} of healing" if rounds else ""
    return NegativeAnswerError(
        f"the slim image is not as the original{after}; nothing was written",
        detail=shown + more,
        hint=hint or "keep what it needs with --keep PATTERN or --keep-package NAME, or take --coverage safe",
    )
