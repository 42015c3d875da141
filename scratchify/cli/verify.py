"""`scratchify verify`: does a rewritten Dockerfile still do what the original does?"""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from analyzer.engines.choose import choose_engine
from analyzer.errors import EXIT_CLEAN, EXIT_NO
from rewriters.pipeline import verify
from scratchify.cli import options
from scratchify.console import Console


def command(
    dockerfile: options.DockerfileArgument = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="IMAGE", help="Compare with this image, not with the author's stage."
        ),
    ] = None,
    context: options.ContextOption = None,
    probe: options.ProbeOption = None,
    probes: options.ProbesOption = None,
    engine: options.EngineOption = None,
    build_arg: options.BuildArgOption = None,
    secret: options.SecretOption = None,
    ssh: options.SshOption = None,
    platform: options.PlatformOption = None,
    build_opt: options.BuildOptOption = None,
    run_opt: options.RunOptOption = None,
    timeout: options.TimeoutOption = None,
    format: options.FormatOption = "text",
) -> int:
    """Build a rewritten Dockerfile and its author's stage, and hold every invariant against the two.

    Same answers to the probes, a subset of the original's files with their metadata, the same configuration,
    no look-up that fails and succeeded before. Exit code 1 when something differs.

    Examples:

      scratchify verify Dockerfile.slim --probes probes.txt

      scratchify verify --against shop:latest
    """
    options.check_choice("format", format, ("text", "json"))
    file = options.find_rewritten(dockerfile)
    found = options.load_settings(file)
    request = options.join_request(
        file,
        found,
        context=context,
        target=None,
        probe=probe,
        probes=probes,
        build_arg=build_arg,
        secret=secret,
        ssh=ssh,
        platform=platform,
        build_opt=build_opt,
        run_opt=run_opt,
        timeout=timeout,
    )
    verdict = verify(request, against, lambda: choose_engine(engine or found.engine or "auto"), Console())
    lines = verdict.lines()
    if format == "json":
        json.dump(
            {"schema": 1, "dockerfile": str(file), "holds": verdict.holds, "faults": lines},
            sys.stdout,
            indent=2,
        )
        print()
    elif verdict.holds:
        print(f"{file}: the slim image does all that the original does")
    else:
        print("\n".join([f"{file}: the slim image is not as the original", *(f"  {line}" for line in lines)]))
    return EXIT_CLEAN if verdict.holds else EXIT_NO
