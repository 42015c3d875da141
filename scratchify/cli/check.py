"""`scratchify check`: has a rewritten Dockerfile drifted from its sources? For hooks: no engine is asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from analyzer.checks.discovery import discover
from analyzer.errors import EXIT_CLEAN, EXIT_NO
from rewriters.drift import Drift, check
from scratchify.cli import options


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]…", help="Files and folders. [default: the folder here]", show_default=False
        ),
    ] = None,
    context: options.ContextOption = None,
    format: options.FormatOption = "text",
) -> int:
    """Say whether rewritten Dockerfiles still match the file and the dependency manifests they were made of.

    Reads those files and nothing else. Files without a block are passed over. Exit code 1 when one drifted.

    Examples:

      scratchify check

      scratchify check Dockerfile.slim services/
    """
    options.check_choice("format", format, ("text", "json"))
    found = [
        drift for file in rewritten_files(paths or [Path()]) if (drift := _check(file, context)) is not None
    ]
    drifted = [drift for drift in found if drift.changes]
    if format == "json":
        files = [{"path": str(drift.dockerfile), "changes": list(drift.changes)} for drift in found]
        json.dump({"schema": 1, "files": files}, sys.stdout, indent=2)
        print()
    else:
        for drift in drifted:
            print("\n".join(f"{drift.dockerfile}: {change}" for change in drift.changes))
            print("hint: run `scratchify rewrite` on its source again", file=sys.stderr)
        if not found:
            print("no rewritten Dockerfile was found", file=sys.stderr)
    return EXIT_NO if drifted else EXIT_CLEAN


def rewritten_files(paths: list[Path]) -> list[Path]:
    """Files as they are named, and the Dockerfiles below folders."""
    found: list[Path] = []
    for path in paths:
        found += [Path(name) for name in discover([str(path)])] if path.is_dir() else [path]
    return found


def _check(file: Path, context: Path | None) -> Drift | None:
    settings = options.load_settings(file)
    return check(file, context or settings.context, settings.target or "")
