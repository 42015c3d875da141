"""`scratchify trace`: watch an image and keep the recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from analyzer import recording as recordings
from analyzer.engines.choose import choose_engine
from analyzer.errors import EXIT_CLEAN, ScratchifyError
from rewriters.pipeline import trace
from scratchify.cli import options
from scratchify.console import Console


def command(
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the recording goes.")],
    dockerfile: options.DockerfileArgument = None,
    image: Annotated[str | None, typer.Option("--image", help="Trace this image; nothing is built.")] = None,
    context: options.ContextOption = None,
    target: options.TargetOption = None,
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
) -> int:
    """Run an image under the tracer while probes exercise it, and write the recording.

    The recording holds the image's facts, so that `rewrite --recording FILE` needs no engine. Values that
    look like secrets are replaced by their names.

    Examples:

      scratchify trace --output app.recording.gz --probe 'http http://localhost:8000/'

      scratchify trace --image shop:latest --output shop.recording.gz
    """
    if image is not None and dockerfile is not None:
        raise ScratchifyError("trace takes a Dockerfile or --image, not both", hint="leave one of them out")
    file = Path("Dockerfile") if image is not None else options.find_dockerfile(dockerfile)
    found = options.load_settings(file)
    request = options.join_request(
        file,
        found,
        context=context,
        target=target,
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
    if not output.parent.is_dir():
        raise ScratchifyError(f"there is no folder {output.parent} to write {output.name} into")
    recording = trace(request, image, lambda: choose_engine(engine or found.engine or "auto"), Console())
    recordings.write(recording, output)
    touched = len({access.path for access in recording.accesses if not access.error})
    print(f"{output}: {touched} paths touched by {len(recording.programs)} programs", file=sys.stderr)
    return EXIT_CLEAN
