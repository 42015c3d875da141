"""One image, one recording, one file: what is kept of it, and the block that says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.evidence import Evidence
from analyzer.keepset import KeepSet, compute
from analyzer.recording import Recording
from analyzer.resolvers.interface import Facts, View
from rewriters.assemble import Assembly, assemble
from rewriters.block import digest_inputs
from rewriters.capture import Image
from rewriters.plan import GROUPS
from rewriters.render import Scanners, Tools
from rewriters.request import KeepSettings
from rewriters.source import Source


@dataclass(slots=True)
class Planner:
    """Plans as often as healing asks; the tools are looked for once."""

    source: Source
    keeping: KeepSettings
    image: Image
    recording: Recording
    facts: Facts
    find_tools: Callable[[], Tools | None]
    _tools: list[Tools | None] = field(default_factory=list)

    def keep(self, healed: Sequence[Evidence] = ()) -> KeepSet:
        """The keep-set at the level that is asked for, with what healing has proved so far."""
        return keep(self.image, self.recording, self.facts, self.keeping, healed)

    def assemble(self, kept: KeepSet) -> Assembly:
        return assemble(
            self.image.fs,
            self.image.facts.config,
            kept.evidence,
            self.source.naming,
            self.group_of,
            Scanners(),
            self.tools,
        )

    def inputs(self, context: Path) -> str:
        """The digest of the dependency manifests that the file copies."""
        return digest_inputs(context, [])

    def group_of(self, layer: int) -> str:
        """What the author copied in comes last, and the base first."""
        made_by = self.image.facts.layers[layer].created_by if self.image.facts.layers else ""
        return GROUPS[-1] if made_by.startswith(("COPY ", "ADD ")) else GROUPS[0]

    def tools(self) -> Tools | None:
        if not self._tools:
            self._tools.append(self.find_tools())
        return self._tools[0]


def keep(
    image: Image, recording: Recording, facts: Facts, keeping: KeepSettings, roots: Sequence[Evidence]
) -> KeepSet:
    """The keep-set of an image, from these roots and from what its recording shows."""
    view = View(
        image.fs,
        image.facts.config,
        facts,
        sorted(recording.accesses),
        sorted(recording.programs),
        frozenset(keeping.no_system),
    )
    return compute(view, roots, coverage=keeping.coverage)
