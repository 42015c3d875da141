"""From kept paths to the text of a rewritten Dockerfile: the real one, and the one that is verified."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.errors import ScratchifyError
from analyzer.evidence import Evidence
from analyzer.filesystem import Filesystem
from analyzer.image import ImageConfig
from rewriters import block
from rewriters.plan import KeepList, fold
from rewriters.render import Naming, Scanners, Tools, plain_copies, render
from rewriters.scratch import instructions
from rewriters.source import Source


@dataclass(frozen=True, slots=True)
class Assembly:
    """The decided content of a block. `tools` is None where plain COPY lines say it all."""

    keep_list: KeepList
    naming: Naming
    tools: Tools | None
    configuration: tuple[str, ...]
    scanners: Scanners


def assemble(
    fs: Filesystem,
    config: ImageConfig,
    kept: Mapping[str, Sequence[Evidence]],
    naming: Naming,
    group_of_layer: Callable[[int], str],
    scanners: Scanners,
    find_tools: Callable[[], Tools | None],
) -> Assembly:
    """Fold the kept paths and choose how the block says them. Raises ScratchifyError where it cannot."""
    keep_list = fold(fs, kept, group_of_layer)
    configuration = tuple(instructions(config, naming.escape))
    plain = not scanners.debs and not scanners.apks and plain_copies(fs, keep_list, naming.stage) is not None
    tools = None if plain else find_tools()
    if not plain and tools is None:
        raise ScratchifyError(
            "no stage of this file has a shell, tar and find to assemble the slim image with,"
            " and plain COPY lines cannot say what is kept",
            hint="add a stage such as `FROM busybox AS tools` to the file, or slim a stage that has them",
        )
    return Assembly(keep_list, naming, tools, configuration, scanners)


def block_text(fs: Filesystem, assembly: Assembly) -> str:
    return render(
        fs,
        assembly.keep_list,
        assembly.naming,
        assembly.tools,
        assembly.configuration,
        assembly.scanners,
    )


def rewritten(fs: Filesystem, assembly: Assembly, source: Source, output: Path | None, inputs: str) -> bytes:
    """The author's text with the stage's name, and the block."""
    marker = block.Marker(_source_name(source, output), block.digest(source.author), inputs)
    return block.insert(source.named, block_text(fs, assembly), marker)


def _source_name(source: Source, output: Path | None) -> str:
    """The source as seen from the rewritten file's folder."""
    if source.path is None:
        return "-"
    if output is None:
        return source.path.name
    return Path(os.path.relpath(source.path.resolve(), output.resolve().parent)).as_posix()


def as_resolved(tools: Tools) -> Tools:
    """The same stage for a file without the author's ARGs."""
    return replace(tools, base=tools.resolved, platform=tools.resolved_platform)


def for_verification(fs: Filesystem, assembly: Assembly, image: str) -> str:
    """A Dockerfile that takes everything from the built image, by a name that a mount takes.

    What was built is not built again, so nothing can differ from what was traced; and the image is no stage,
    so that an ONBUILD of its own does not fire.
    """
    tools = as_resolved(assembly.tools) if assembly.tools else None
    naming = replace(assembly.naming, stage=image)
    text = block_text(fs, replace(assembly, tools=tools, naming=naming))
    escape = f"# escape={naming.escape}\n" if naming.escape != "\\" else ""
    return f"{escape}{text}"
