"""`scratchify strip`: takes the block out of a rewritten Dockerfile again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from analyzer.errors import EXIT_CLEAN
from rewriters.block import split
from rewriters.request import STDIN
from rewriters.source import read_bytes
from scratchify.cli import options
from scratchify.files import write_whole


def command(
    dockerfile: options.DockerfileArgument = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Where to write; `-` for standard output. [default: the file itself]"),
    ] = None,
) -> int:
    """Take the block out of a rewritten Dockerfile, and give back the file as it was.

    Examples:

      scratchify strip Dockerfile

      scratchify strip Dockerfile.slim --output -
    """
    file = options.find_dockerfile(dockerfile)
    to_stdout = output == STDIN or (output is None and file == STDIN)
    parts = split(read_bytes(file), str(file))
    if parts.marker is None:
        print(f"{file}: no block of scratchify's is in it; nothing to take out", file=sys.stderr)
    if to_stdout:
        sys.stdout.buffer.write(parts.author)
    elif parts.marker is not None or output is not None:
        write_whole(output or file, parts.author)
    return EXIT_CLEAN
