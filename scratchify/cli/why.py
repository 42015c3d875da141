"""`scratchify why`: the chain of reasons behind a kept path, or why a path went."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from analyzer.errors import EXIT_CLEAN, NegativeAnswerError, ScratchifyError
from analyzer.filesystem import normalise
from analyzer.keepset import KeepSet, why, why_not
from rewriters.pipeline import replan
from rewriters.remembered import recall
from rewriters.source import read_bytes, read_source
from scratchify.cli import options


def command(
    path: Annotated[str, typer.Argument(help="A path inside the image.", show_default=False)],
    left_out: Annotated[
        bool, typer.Option("--not", help="Say why the path is not in the slim image.")
    ] = False,
    dockerfile: Annotated[
        Path | None,
        typer.Option("--dockerfile", metavar="FILE", help="The rewritten file. [default: as found here]"),
    ] = None,
    recording: options.RecordingOption = None,
    format: Annotated[
        str, typer.Option("--format", metavar="text|json|dot", help="What is printed.")
    ] = "text",
) -> int:
    """Say why a path is in the slim image: the shortest chain from what starts it, a probe or the author.

    The evidence lies in your cache since `rewrite`; with --recording it is worked out again.

    Examples:

      scratchify why /usr/lib/x86_64-linux-gnu/libssl.so.3

      scratchify why --not /usr/bin/gcc --dockerfile app/Dockerfile.slim
    """
    options.check_choice("format", format, ("text", "json", "dot"))
    kept = evidence_for(dockerfile, recording)
    path = normalise(path)
    if left_out:
        return say_not(kept, path, format)
    chain = why(kept, path)
    if not chain:
        known = path in kept.fs
        raise NegativeAnswerError(
            f"{path} is not in the {'slim image' if known else 'image at all'}",
            hint=f"scratchify why --not {path}" if known else "",
        )
    if format == "json":
        json.dump(
            {"schema": 1, "path": path, "kept": True, "chain": [asdict(each) for each in chain]},
            sys.stdout,
            indent=2,
        )
        print()
    elif format == "dot":
        print("digraph why {")
        for each in chain:
            print(f"  {json.dumps(each.source)} -> {json.dumps(each.path)} [label={json.dumps(each.kind)}];")
        print("}")
    else:
        print(chain[0].source)
        for depth, each in enumerate(chain):
            print(f"{'  ' * depth}└─ {each.path}  {each.kind}: {each.reason}")
    return EXIT_CLEAN


def evidence_for(dockerfile: Path | None, recordings: list[Path] | None) -> KeepSet:
    """The evidence of a rewritten file: remembered, or worked out again from recordings."""
    if recordings:
        file = options.find_dockerfile(dockerfile)
        request = options.join_recorded(file, options.load_settings(file), recordings)
        return replan(request, read_source(file)).kept
    file = options.find_rewritten(dockerfile)
    return recall(file, read_bytes(file))


def say_not(kept: KeepSet, path: str, format: str) -> int:
    """Why a path went: no reason reached it."""
    found = why_not(kept, path)
    if not found.there:
        raise ScratchifyError(
            f"{path} is not in the image at all", hint="check the path; links count as themselves"
        )
    if found.kept:
        raise NegativeAnswerError(f"{path} is kept", hint=f"scratchify why {path}")
    reason = "no program, module or script that is kept needs it, and the run did not touch it"
    if format == "json":
        json.dump({"schema": 1, "reason": reason, **asdict(found)}, sys.stdout, indent=2)
        print()
        return EXIT_CLEAN
    what = f"{found.files} files, " if found.files > 1 else ""
    print(f"{path} ({what}{found.size:,} bytes) went: {reason}")
    if found.neighbours:
        print(f"what stays in {found.holder}: {', '.join(found.neighbours)}")
    print(f"hint: keep it with `scratchify rewrite --keep {path}`", file=sys.stderr)
    return EXIT_CLEAN
