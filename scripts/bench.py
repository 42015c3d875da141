"""Time the Dockerfile front end: make bench CORPUS=DIR.

Prints how long one process takes to parse, type and expand every file of DIR/dockerfiles, a Dockerfile of 1
MB and one of 4 MB (linear: about four times), and `scratchify graph FILE --format json` from its start.
Exit code 1 where a limit is passed: 0.6 s, 2 s, six times, 0.4 s. Each figure is the best of three; in this
process it is the processor's time, so that a busy machine does not decide.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import evaluate

STAGE = """\
FROM debian:bookworm-slim AS build{n}
ARG VERSION=1.{n}
ENV APP_HOME=/srv/app{n} PATH=$PATH:/srv/app{n}/bin
# packages
RUN apt-get update && \\
    apt-get install -y --no-install-recommends ca-certificates curl && \\
    rm -rf /var/lib/apt/lists/*
WORKDIR ${{APP_HOME:-/srv}}
COPY --chown=1000:1000 requirements.txt package*.json ./
RUN <<EOF
pip install -r requirements.txt
echo "$VERSION" > version
EOF
LABEL org.example.version="${{VERSION}}" org.example.title='app {n}'
CMD ["python", "-m", "app"]
"""


def large(size: int) -> bytes:
    """A Dockerfile of many stages, of at least that many bytes."""
    one = len(STAGE)
    return "".join(STAGE.format(n=n) for n in range(size // one + 1)).encode()


def best(task: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        started = clock()
        task()
        times.append(clock() - started)
    return min(times)


def report(what: str, seconds: float, limit: float) -> bool:
    print(f"{what:<58} {seconds:6.2f} s  (limit {limit} s)")
    return seconds <= limit


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("corpus", type=Path, nargs="?")
    corpus: Path | None = options.parse_args().corpus
    good = []
    if corpus is not None:
        files = [path.read_bytes() for path in sorted((corpus / "dockerfiles").glob("*.Dockerfile"))]
        seconds = best(lambda: [evaluate(read(data)) for data in files])
        good.append(report(f"{len(files)} corpus files, parsed, typed and expanded", seconds, 0.6))
    one, four = large(1_000_000), large(4_000_000)
    first = best(lambda: evaluate(read(one)))
    good.append(report("a Dockerfile of 1 MB", first, 2))
    good.append(report("a Dockerfile of 4 MB", best(lambda: evaluate(read(four))), round(6 * first, 2)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Dockerfile"
        path.write_text(STAGE.format(n=0))
        words = [sys.executable, "-m", "scratchify", "graph", str(path), "--format", "json"]
        seconds = best(
            lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL), time.perf_counter
        )
        good.append(report("scratchify graph FILE --format json", seconds, 0.4))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
