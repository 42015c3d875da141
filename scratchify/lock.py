"""One scratchify at a time on one Dockerfile."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analyzer.errors import ScratchifyError
from rewriters.request import STDIN


@contextmanager
def alone_on(dockerfile: Path) -> Iterator[None]:
    """Hold the Dockerfile's advisory lock; nothing is written for it. Raises ScratchifyError where another
    scratchify holds it."""
    if dockerfile == STDIN:
        yield
        return
    with dockerfile.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ScratchifyError(
                f"another scratchify is at work on {dockerfile}", hint="wait for it to end, then run again"
            ) from error
        except OSError:
            pass  # a file system without locks: two runs at once are then the user's to avoid
        yield
