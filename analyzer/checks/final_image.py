"""What the rules about the built image share: the stages that it consists of, where its paths come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, join, normpath

from analyzer.checks.body import Body
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Add, Cmd, Copy, Entrypoint, Healthcheck, Run
from analyzer.dockerfile.scope import Expanded, Stage

RULES_URL = "https://github.com/scratchify/scratchify/blob/main/docs/rules"


def url(code: str) -> str:
    """The page of one of our own rules."""
    return f"{RULES_URL}/{code}.md"


def chain(subject: Subject) -> tuple[Stage, ...]:
    """The stages whose layers are the image's, the one on the base image first."""
    if subject.final is None:
        return ()
    return tuple(subject.stages[index] for index in reversed(subject.table.chain(subject.final.index)))


def steps(subject: Subject) -> Iterator[Expanded]:
    """The instructions that make the image, in order."""
    for stage in chain(subject):
        yield from stage.instructions


def runs(subject: Subject) -> Iterator[tuple[Run, Expanded, Body]]:
    """The RUNs among them."""
    for expanded in steps(subject):
        if isinstance(expanded.command, Run):
            yield expanded.command, expanded, subject.body(expanded.command)


def base(subject: Subject) -> str:
    """The image at the bottom, expanded; "scratch" for none, "" where there is no target."""
    found = chain(subject)
    return found[0].base if found else ""


def base_is_known(subject: Subject) -> bool:
    """Is the name of the base whole, with no argument in it that has no value?"""
    found = chain(subject)
    return bool(found) and all(each.defined for each in found[0].start.lookups)


def runs_a_program(subject: Subject) -> bool:
    """Does the file say what the image runs? What does not is most often a base for others."""
    final = subject.final
    return final is not None and bool(final.config.cmd or final.config.entrypoint)


def started(subject: Subject) -> Iterator[tuple[Cmd | Entrypoint | Healthcheck, Body]]:
    """What the container runs: the last CMD, ENTRYPOINT and HEALTHCHECK of the chain, each with its text."""
    last: dict[type, Cmd | Entrypoint | Healthcheck] = {}
    for expanded in steps(subject):
        if isinstance(expanded.command, Cmd | Entrypoint | Healthcheck):
            last[type(expanded.command)] = expanded.command
    for command in last.values():
        yield command, subject.body(command)


def called(subject: Subject) -> frozenset[str]:
    """The names of the programs that CMD, ENTRYPOINT and HEALTHCHECK call."""
    return frozenset(call.name for _, body in started(subject) for call in body.calls)


def scripts(subject: Subject) -> Iterator[str | None]:
    """The texts of the copied files that CMD, ENTRYPOINT and HEALTHCHECK call, as shell text or not; None for
    one that is not there to be read."""
    copied = [
        (command, expanded)
        for expanded in steps(subject)
        if isinstance(command := expanded.command, Copy | Add)
    ]
    final = subject.final
    workdir = final.config.workdir if final is not None else ""
    for _, body in started(subject):
        for call in body.calls:
            for word in call.words[:2]:
                name = word.value or ""
                if "/" in name or name.endswith(".sh") or (word is call.words[0] and "entrypoint" in name):
                    yield from _read(subject, absolute(name, workdir), copied)


def _read(subject: Subject, path: str, copied: list[tuple[Copy | Add, Expanded]]) -> Iterator[str | None]:
    context = subject.around.context
    for command, expanded in copied:
        for source, place in zip(expanded.words[:-1], destinations(expanded), strict=False):
            if place != path and not path.startswith(f"{place.rstrip('/')}/"):
                if basename(path) == basename(source):
                    yield None
                continue
            if context is None or getattr(command, "from_", None) is not None:
                yield None
                continue
            file = context / source.strip("/") / path[len(place) :].strip("/")
            try:
                yield file.read_text(encoding="utf-8", errors="replace")[:100_000] if file.is_file() else None
            except (OSError, ValueError):
                yield None


def absolute(path: str, workdir: str) -> str:
    """A path of the image, as it stands or below the working directory."""
    return normpath(join(workdir or "/", path))


def destinations(expanded: Expanded) -> Iterator[str]:
    """Where a COPY or ADD puts its sources: the file's or folder's path for each."""
    command = expanded.command
    if not isinstance(command, Copy | Add):
        return
    target = expanded.words[-1]
    folder = target.endswith(("/", "/.")) or target == "." or len(command.sources) + len(command.contents) > 1
    path = absolute(target, expanded.workdir)
    for source in expanded.words[:-1]:
        name = basename(source.rstrip("/"))
        # A folder gives its contents; a name with a dot or a pattern is taken for a file.
        yield join(path, name) if folder and re.search(r"[^.]\.", name) else path
