"""`scratchify rewrite`: the main job."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from analyzer import recording as recordings
from analyzer.engines.choose import choose_engine
from analyzer.errors import EXIT_CLEAN, ScratchifyError
from rewriters.block import is_rewritten
from rewriters.pipeline import rewrite
from rewriters.remembered import remember
from rewriters.report import as_json, diff_text, table_text
from rewriters.request import STDIN, Request
from rewriters.result import Rewritten
from scratchify.cli import options
from scratchify.console import Console
from scratchify.files import write_whole
from scratchify.lock import alone_on


def command(
    dockerfile: options.DockerfileArgument = None,
    context: options.ContextOption = None,
    target: options.TargetOption = None,
    probe: options.ProbeOption = None,
    probes: options.ProbesOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Where to write. [default: the Dockerfile's path with .slim added]"),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Write over the Dockerfile itself.")] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Show the difference; write only where --output or --in-place says."),
    ] = False,
    tag: Annotated[
        str | None,
        typer.Option("-t", "--tag", metavar="NAME", help="Name of the slim image. [default: FOLDER:slim]"),
    ] = None,
    coverage: options.CoverageOption = None,
    keep: options.KeepOption = None,
    keep_package: options.KeepPackageOption = None,
    drop: options.DropOption = None,
    no_system: options.NoSystemOption = None,
    scanners: options.ScannersOption = True,
    recording: options.RecordingOption = None,
    save_recording: Annotated[
        Path | None,
        typer.Option(
            "--save-recording", metavar="FILE", help="Keep the recording of the run, for --recording."
        ),
    ] = None,
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
    """Rewrite a Dockerfile into a FROM scratch build that copies only what the app needs.

    Builds the image, runs it under a tracer while your probes exercise it, keeps what the run and the code
    can reach, and writes the Dockerfile once the slim image has passed the same probes.

    Examples:

      scratchify rewrite

      scratchify rewrite app/Dockerfile --probe 'http http://localhost:8000/health'

      scratchify rewrite --probes probes.txt --in-place --tag shop:slim
    """
    options.check_choice("format", format, ("text", "json"))
    file = options.find_dockerfile(dockerfile)
    found = options.load_settings(file)
    target_file = output_of(file, output or found.output, in_place)
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
        coverage=coverage,
        keep=keep,
        keep_package=keep_package,
        drop=drop,
        no_system=no_system,
        scanners=scanners,
        recording=recording,
        tag=tag,
        output=target_file,
    )
    console = Console()
    with alone_on(file):
        result = rewrite(
            request,
            lambda: choose_engine(engine or found.engine or "auto"),
            console,
            for_every_level=save_recording is not None,
        )
        if save_recording is not None:
            recordings.write(result.recording, save_recording)
        writes = not diff or in_place or output is not None
        if result.text is not None and writes and target_file is not None:
            write_whole(target_file, result.text)
    if result.text is not None:
        remember(result.text, result.kept)
    show(result, request, console, format, target_file, writes)
    return EXIT_CLEAN


def output_of(dockerfile: Path, output: Path | None, in_place: bool) -> Path | None:
    """Where the rewritten file goes; None is standard output. Raises ScratchifyError for another's file."""
    if in_place:
        if dockerfile == STDIN or output is not None:
            raise ScratchifyError(
                "--in-place needs a Dockerfile that is a file, and no --output", hint="use one of the two"
            )
        return dockerfile
    if output is None and dockerfile == STDIN:
        return None
    target = output or dockerfile.with_name(f"{dockerfile.name}.slim")
    if target == STDIN:
        return None
    if target.exists() and not is_rewritten(target):
        raise ScratchifyError(
            f"{target} exists and is no file of scratchify's; it stays as it is",
            hint="name another with --output FILE, or use --in-place for the Dockerfile itself",
        )
    if not target.parent.is_dir():
        raise ScratchifyError(f"there is no folder {target.parent} to write {target.name} into")
    return target


def show(
    result: Rewritten, request: Request, console: Console, format: str, target: Path | None, writes: bool
) -> None:
    """Results on standard output: JSON, or the difference and the table."""
    if format == "json":
        json.dump(as_json(result, request, console.timings, target if writes else None), sys.stdout, indent=2)
        print()
        return
    if result.text is None:
        print(f"{result.source.name}: the image is as small as it gets; nothing was written")
        return
    to_stdout = target is None and writes
    if to_stdout:
        sys.stdout.buffer.write(result.text)
        sys.stdout.flush()
    stream = sys.stderr if to_stdout else sys.stdout
    colour = stream.isatty() and console.colour
    if not to_stdout:
        print(diff_text(result, target, colour), file=stream)
    print(table_text(result, console.timings), file=stream)
    stream.flush()  # what follows goes to stderr, which may be the same file
    if target is not None and writes:
        console.say(f"Wrote {target}. Build it: docker build -f {target} {request.context}")
    for unresolved in result.kept.unresolved:
        console.note(f"{unresolved.path}: {unresolved.reason} ({unresolved.resolver})")
