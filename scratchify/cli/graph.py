"""`scratchify graph`: what depends on what in a Dockerfile, as a text tree, a picture or JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analyzer.context import Context, sent
from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import BuildInputs
from analyzer.edges import dependencies
from analyzer.errors import EXIT_CANNOT, EXIT_CLEAN, InputError, ScratchifyError
from analyzer.ignorefile import load
from analyzer.stages import resolve

DEFAULT_NAMES = ("Dockerfile", "Containerfile")
STANDARD_INPUT = Path("-")


class Format(StrEnum):
    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"
    JSON = "json"
    SVG = "svg"


def command(
    dockerfile: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DOCKERFILE]",
            help="The Dockerfile; by default ./Dockerfile, then ./Containerfile. `-` reads standard input.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How the graph is printed.")] = Format.TEXT,
    target: Annotated[
        str, typer.Option("--target", metavar="STAGE", help="The stage that is built. [default: the last]")
    ] = "",
    context: Annotated[
        Path | None,
        typer.Option(
            "--context", metavar="DIR", help="Show the files that COPY takes of this build context."
        ),
    ] = None,
    build_arg: Annotated[
        list[str] | None, typer.Option("--build-arg", metavar="K=V", help="As docker build's.")
    ] = None,
    platform: Annotated[str, typer.Option("--platform", metavar="OS/ARCH", help="As docker build's.")] = "",
) -> int:
    """Show the build graph of a Dockerfile: stages, images, the context, and what each takes from where."""
    path = dockerfile or default_dockerfile()
    name = "<standard input>" if path == STANDARD_INPUT else str(path)
    program = read(_read_bytes(path), name)
    inputs = _inputs(build_arg or (), platform, target)
    table = resolve(program, inputs)
    if not table.stages:
        raise InputError(list(table.problems))
    table.find(target)
    parts = dependencies(table, _context(context, path))
    if output is Format.JSON:
        from scratchify.drawing.document import document

        print(json.dumps(document(table, parts, target, platform), indent=2, ensure_ascii=False))
    elif output is Format.TEXT:
        from scratchify.drawing.tree import tree

        print(tree(table, parts, target), end="")
    else:
        from scratchify.drawing import dot, mermaid
        from scratchify.drawing.picture import picture

        draw = {Format.DOT: dot.dot, Format.SVG: dot.svg, Format.MERMAID: mermaid.mermaid}[output]
        print(draw(picture(table, parts, target)), end="")
    problems = table.problems_of(target)
    for problem in problems:
        print(problem, file=sys.stderr)
    return EXIT_CANNOT if problems else EXIT_CLEAN


def default_dockerfile() -> Path:
    """`./Dockerfile`, else `./Containerfile`. Raises ScratchifyError where neither is there."""
    for name in DEFAULT_NAMES:
        if Path(name).is_file():
            return Path(name)
    raise ScratchifyError(
        f"there is no {' and no '.join(DEFAULT_NAMES)} in {Path.cwd()}",
        hint="name the Dockerfile: scratchify graph path/to/Dockerfile",
    )


def _read_bytes(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise ScratchifyError(
            f"cannot read {path}: {error.strerror}", hint="check the path and its mode"
        ) from error


def _inputs(build_args: Sequence[str], platform: str, target: str) -> BuildInputs:
    """Build arguments as docker takes them: `NAME` alone takes its value from the environment."""
    values: dict[str, str] = {}
    for text in build_args:
        name, equals, value = text.partition("=")
        if equals:
            values[name] = value
        elif name in os.environ:
            values[name] = os.environ[name]
    if platform:
        return BuildInputs(values, target_platform=platform, target=target)
    return BuildInputs(values, target=target)


def _context(directory: Path | None, dockerfile: Path) -> Context | None:
    if directory is None:
        return None
    if not directory.is_dir():
        raise ScratchifyError(f"the build context {directory} is no directory")
    own = None if dockerfile == STANDARD_INPUT else dockerfile
    return sent(directory, load(directory, own))
