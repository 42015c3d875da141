"""Builds for the rewrite: the author's stage, the slim image, and who has the tools to assemble it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from analyzer.engines.interface import BuildRequest, Engine
from analyzer.errors import ScratchifyError
from rewriters.render import Tools
from rewriters.request import Request

# What the assembly calls; `sort -z` and extended attributes tell GNU's tools from busybox's.
_TEST_GNU = (
    "cd /; PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; command -v find; command -v sed;"
    " command -v touch; tar --help | grep -q xattrs-include; printf 'a\\0' | sort -zu"
)
_TEST_BUSYBOX = (
    "cd /; PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; find / -maxdepth 0 -print0; command -v tr;"
    " echo bin >/list; tar --no-recursion --numeric-owner -T /list -cf /tar; tar --numeric-owner -tf /tar;"
    " sort -u /list"
)


def write_dockerfile(folder: Path, data: bytes, original: Path | None) -> Path:
    """A Dockerfile of our own, with the ignore file that the original has by its name."""
    name = original.name if original else "Dockerfile"
    file = folder / name
    file.write_bytes(data)
    if original is not None:
        ignore = original.with_name(f"{original.name}.dockerignore")
        if ignore.is_file():
            shutil.copyfile(ignore, folder / ignore.name)
    return file


def build_request(
    request: Request, dockerfile: Path, *, target: str = "", tag: str = "", again: bool = False
) -> BuildRequest:
    """The author's build, with everything that the user gave for it; `again` takes what is cached."""
    build = request.build
    options = _cached(build.options) if again else build.options
    return BuildRequest(
        dockerfile=dockerfile,
        context=request.context,
        target=target,
        tag=tag,
        build_args=build.args,
        secrets=build.secrets,
        ssh=build.ssh,
        platform=build.platform,
        options=options,
    )


def build_alone(
    engine: Engine,
    request: Request,
    text: str,
    work: Path,
    on_line: Callable[[str], None],
    *,
    anew: bool = False,
) -> str:
    """Build a Dockerfile that takes nothing from a context; `anew` takes nothing that is cached."""
    empty = work / "empty"
    empty.mkdir(exist_ok=True)
    file = work / "alone.Dockerfile"
    file.write_text(text, encoding="utf-8")
    build = request.build
    options = (*_cached(build.options), *(("--no-cache",) if anew else ()))
    return engine.build(BuildRequest(file, empty, platform=build.platform, options=options), on_line)


def _cached(options: Iterable[str]) -> tuple[str, ...]:
    """The user's build options for a build of what was built before: its steps are not run again."""
    return tuple(option for option in options if not option.startswith("--no-cache"))


def find_tools(engine: Engine, request: Request, candidates: Iterable[Tools], work: Path) -> Tools | None:
    """The first candidate stage that has a shell, tar, find and sort."""
    for tools in candidates:
        flag = f"--platform={tools.resolved_platform} " if tools.resolved_platform else ""
        head = f'FROM {flag}{tools.resolved}\nUSER 0:0\nSHELL ["/bin/sh", "-euc"]\n'
        for test, busybox in ((_TEST_GNU, False), (_TEST_BUSYBOX, True)):
            try:
                image = build_alone(engine, request, f"{head}RUN {test}\n", work, lambda _: None)
            except ScratchifyError:
                continue
            engine.remove_image(image)
            return replace(tools, busybox=busybox)
    return None
