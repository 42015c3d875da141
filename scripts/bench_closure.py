"""Time the closure on two images of about 30,000 files each, with nothing known of them and with all their
facts remembered.

Usage: python scripts/engine.py python scripts/bench_closure.py [FOLDER]. The first image is the Express
fixture's, the largest of them: the limits are for it. The second, shown beside it, is the pandas fixture's
with more of the same field, five times as many kept files. Both are built, traced and saved once, and stay
in FOLDER where one is given. Timed are the keep-set's roots and the closure of every resolver at
`balanced`, in a process that has read the image's index and the recording before: cold with an empty cache
of facts, warm with what the run before left. Figures are medians; memory is the highest of the process and
its workers together, the index counted too. Prints each beside a Python that does nothing; exit code 1
where a limit is passed.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analyzer import recording as recordings  # noqa: E402
from analyzer.archive import open_image  # noqa: E402
from analyzer.engines.docker import find_docker  # noqa: E402
from analyzer.resolvers.facts import Cache, LiveFacts  # noqa: E402
from rewriters.capture import Image  # noqa: E402
from rewriters.planning import Planner  # noqa: E402
from rewriters.request import KeepSettings  # noqa: E402
from rewriters.source import read_source  # noqa: E402
from scripts.memory import watched  # noqa: E402

FIXTURES = ROOT / "fixtures"
TAG = "scratchify-bench-closure:original"
# What a person who works with data installs beside pandas, and a step of the job that imports it.
MORE = """\
matplotlib==3.9.2
scikit-image==0.24.0
scikit-learn==1.5.2
scipy==1.14.1
seaborn==0.13.2
statsmodels==0.14.4
sympy==1.13.3
"""
STEP = """\
import matplotlib.pyplot as plt
import scipy.stats
import seaborn
import skimage.filters
import sklearn.linear_model
import statsmodels.api
import sympy


def run(boats):
    seaborn.lineplot(boats, x="day", y="catch")
    plt.savefig("/out/catch.png")
    line = sklearn.linear_model.LinearRegression().fit(boats[["catch"]], boats["price"])
    fitted = statsmodels.api.OLS(boats["price"], boats["catch"]).fit()
    edges = skimage.filters.sobel(boats[["catch", "price"]].to_numpy())
    return line.coef_, fitted.params, edges, scipy.stats.zscore(boats["catch"]), sympy.sqrt(8)
"""
RUNS = 5
COLD, WARM, MEGABYTES = 6, 1.5, 400


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["close"]:
        close(*map(Path, arguments[1:]))
        return 0
    nothing = [seconds_of_nothing() for _ in range(RUNS)]
    print(f"{os.cpu_count()} processors, medians of {RUNS}, load {os.getloadavg()[0]:.1f}")
    print(f"{'':34}{'time':>8}{'processor':>12}{'memory':>10}")
    print(f"{'python -c pass':34}{statistics.median(nothing):>6.2f} s")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments[0] if arguments else temporary).resolve()
        held = timed(folder / "express", "Express", express)
        timed(folder / "pandas", "pandas and more", pandas)
    print(f"limits for Express: {COLD} s cold, {WARM} s warm, {MEGABYTES} MB")
    return 0 if held else 1


def timed(folder: Path, title: str, context: Callable[[Path], None]) -> bool:
    """Print an image's figures; whether they are within the limits."""
    if not (folder / "image.tar").exists():
        prepare(folder, context)
    cold, warm = measure(folder, warm=False), measure(folder, warm=True)
    print(f"{title}: {cold['kept']:.0f} of {cold['files']:.0f} files kept")
    for name, figures in (("cold", cold), ("warm", warm)):
        print(
            f"  {name:32}{figures['seconds']:>6.2f} s{figures['processor']:>10.2f} s"
            f"{figures['memory']:>7.0f} MB",
            flush=True,
        )
    small = max(cold["memory"], warm["memory"]) <= MEGABYTES
    return cold["seconds"] <= COLD and warm["seconds"] <= WARM and small


def express(context: Path) -> None:
    shutil.copytree(FIXTURES / "express", context, dirs_exist_ok=True)


def pandas(context: Path) -> None:
    shutil.copytree(FIXTURES / "pandas", context, dirs_exist_ok=True)
    with (context / "requirements.txt").open("a") as file:
        file.write(MORE)
    (context / "job" / "steps" / "science.py").write_text(STEP)


def prepare(folder: Path, context: Callable[[Path], None]) -> None:
    """The image, saved; a recording of its run without what only planning without the image needs."""
    place = folder / "context"
    context(place)
    engine = find_docker()
    build = [engine.binary, "build", "--network=host", "--tag", TAG, place]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    run = folder / "run.json.gz"
    trace = [sys.executable, "-m", "scratchify", "trace", place / "Dockerfile", "--output", run]
    trace += ["--probes", place / "probes.txt", "--build-opt=--network=host"]
    subprocess.run(trace, check=True, cwd=ROOT)
    recordings.write(replace(recordings.read(run), manifest=[], facts={}), run)
    engine.save(TAG, folder / "image.tar")


def measure(folder: Path, *, warm: bool) -> dict[str, float]:
    """Medians of runs in processes of their own; before the warm ones, one fills the cache."""
    results: list[dict[str, float]] = []
    cache = folder / "cache"
    for number in range(RUNS + warm):
        if not warm or number == 0:
            shutil.rmtree(cache, ignore_errors=True)
        result = folder / "result.json"
        command = [sys.executable, __file__, "close", *map(str, (folder, cache, result))]
        peak = watched(command, Path.cwd())
        results.append({**json.loads(result.read_text()), "memory": peak})
    results = results[warm:]
    return {name: statistics.median(one[name] for one in results) for name in results[0]}


def close(folder: Path, cache: Path, result: Path) -> None:
    """One closure, its figures written to `result`."""
    context = folder / "context" / "Dockerfile"
    with tempfile.TemporaryDirectory() as work:
        saved = open_image(folder / "image.tar", Path(work))
        recording = recordings.read(folder / "run.json.gz")
        image = Image("", saved.facts, saved.filesystem, saved.contents)
        source = read_source(context)
        began, spent = time.perf_counter(), processor()
        facts = LiveFacts(image.fs, image.facts.layers, Cache(cache / "facts.sqlite"))
        kept = Planner(source, KeepSettings(), image, recording, facts, lambda: None).keep()
        figures: dict[str, Any] = {
            "seconds": time.perf_counter() - began,
            "processor": processor() - spent,
            "files": len(image.fs),
            "kept": len(kept.evidence),
        }
        result.write_text(json.dumps(figures))


def processor() -> float:
    """Processor seconds of this process and of its workers that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def seconds_of_nothing() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
