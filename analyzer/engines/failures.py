"""What an engine's failure means: its own words to a message and the next step."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from analyzer.errors import ScratchifyError
from analyzer.process import Completed

# What the engines print, what it means, what to do. The first pattern found in the output's end counts.
# The meaning may name the pattern's groups.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"scratchify: (\S.*) is not in this build \((\w+)\)",
        r"\1 is not in this build, and the keep-list names it (\2)",
        "the image has changed since the block was written: `scratchify rewrite` makes it anew",
    ),
    (
        r"no space left on device",
        "no space left on the disk",
        "free some space (docker system df shows what docker holds) and run it again",
    ),
    (
        r"permission denied while trying to connect|dial unix \S+: connect: permission denied",
        "no permission to talk to the docker daemon",
        "run as a member of the docker group or as root, or point DOCKER_HOST at a daemon of your own",
    ),
    (
        r"Cannot connect to the Docker daemon|error during connect|dial unix",
        "no docker daemon answers",
        "start Docker, or point DOCKER_HOST at a daemon that runs",
    ),
    (
        r"buildx component is missing|the --\w+ option requires BuildKit|unknown flag: --progress",
        "this docker cannot build with BuildKit",
        "install the package docker-buildx, or use Docker 20.10 or later",
    ),
    (
        r"exec format error|no match for platform",
        "the image is for another architecture than the engine's machine",
        "build for the engine's own platform (--platform), or use an engine on the image's architecture",
    ),
    (
        r"operating system is not supported|image operating system .* cannot be used on this platform",
        "the image is for another operating system than the engine's, and scratchify rewrites Linux images",
        "choose a base for Linux, or --platform linux/ARCHITECTURE",
    ),
    (
        r"pull access denied|no such host|failed to resolve source metadata|failed to authorize|i/o timeout",
        "an image or a download could not be reached",
        "check the name, `docker login` and the network; packages behind a proxy may need"
        " --build-opt=--network=host",
    ),
)


def build_failure(argv: Sequence[str], code: int, last: Sequence[str]) -> ScratchifyError:
    """The error for a build that ended with `code`; `last` are the last lines it printed."""
    text = "\n".join(last)
    meaning, hint = _explain(text)
    said = f": {meaning}" if meaning else ""
    return ScratchifyError(
        f"the build failed{said} (exit code {code} from `{shlex.join(argv)}`)",
        hint=hint or "the last lines tell the instruction that failed; mend it and run again",
        detail=text,
    )


def daemon_failure(tried: str, done: Completed) -> ScratchifyError:
    """The error for any other command; `tried` is a sentence's beginning: "docker could not …"."""
    said = done.stderr.decode("utf-8", "replace").strip()
    meaning, hint = _explain(said)
    if done.code is None:
        meaning = meaning or "no answer in time"
    first = said.splitlines()[0] if said else f"exit code {done.code}"
    return ScratchifyError(f"{tried}: {meaning or first}", hint=hint, detail=said)


def _explain(text: str) -> tuple[str, str]:
    for pattern, meaning, hint in _KNOWN:
        if found := re.search(pattern, text, re.IGNORECASE):
            return found.expand(meaning), hint
    return "", ""
