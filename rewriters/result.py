"""What came of a rewrite."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.evidence import Evidence
from analyzer.keepset import KeepSet
from analyzer.recording import Recording
from rewriters.assemble import Assembly
from rewriters.source import Source
from rewriters.verify import Sizes


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What came of a rewrite. `text` is None where the image is as small as it gets."""

    source: Source
    text: bytes | None
    before: Sizes
    after: Sizes
    kept: KeepSet
    recording: Recording
    assembly: Assembly
    healed: tuple[Evidence, ...] = ()
    rounds: int = 0
    image: str = ""  # the tag under which the slim image stays; "" when none was built
