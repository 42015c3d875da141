"""Writing a user's file: whole or not at all, its mode and owner kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from analyzer.errors import ScratchifyError


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step. A link is followed, so that it stays a link."""
    target = path.resolve()
    part = ""
    try:
        descriptor, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        if target.exists():
            before = target.stat()
            os.chown(part, before.st_uid, before.st_gid)
            Path(part).chmod(before.st_mode & 0o7777)
        else:
            mask = os.umask(0)
            os.umask(mask)
            Path(part).chmod(0o666 & ~mask)
        Path(part).replace(target)
    except OSError as error:
        if part:
            Path(part).unlink(missing_ok=True)
        raise ScratchifyError(f"cannot write {path}: {error.strerror}", hint="nothing was changed") from error
