"""The portable record of a run: what was touched, and by whom, and how the probes ended."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry
from analyzer.image import ImageFacts
from analyzer.redaction import is_redacted, redact, redact_pairs, redact_words, secrets_among

SCHEMA = 1

Operation = Literal["open", "stat", "access", "readlink", "exec", "chdir", "list", "write", "other"]


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """One look at one path by one program, however often. `path` is absolute, as the kernel saw it (no link
    resolved); `error` is "" or the errno's name; `program` the executable, resolved where known."""

    path: str
    operation: Operation
    error: str
    program: str


@dataclass(frozen=True, slots=True, order=True)
class Program:
    """One execve that succeeded."""

    path: str
    argv: tuple[str, ...]
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe got. Text is what the comparison uses, volatile lines already left out."""

    passed: bool
    status: int  # HTTP status or exit code
    content_type: str = ""
    body: str = ""  # HTTP body or stdout
    stderr: str = ""
    error: str = ""  # why it could not be asked
    compared: str = "all"  # "all", "stable part" or "status alone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A probe's text (as written) and its answer on the original."""

    probe: str
    answer: Answer


@dataclass(slots=True)
class Recording:
    """One traced run of one image, or several merged. Sets, sorted when written."""

    image: ImageFacts
    manifest: list[Entry] = field(default_factory=list)
    # extractor name → path → facts (JSON values): enough to plan again without the image
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    accesses: set[Access] = field(default_factory=set)
    programs: set[Program] = field(default_factory=set)
    ports: set[str] = field(default_factory=set)  # "8000/tcp"
    written: set[str] = field(default_factory=set)  # paths created or written
    outcomes: list[Outcome] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # what the tracer could not see or read, in words
    syscalls: set[str] = field(default_factory=set)


def merge(recordings: Sequence[Recording]) -> Recording:
    """Several runs of one image as one. Raises ScratchifyError for runs of different images.

    An outcome that two of them have is the first one's.
    """
    first = recordings[0]
    merged = Recording(first.image)
    probes: set[str] = set()
    for recording in recordings:
        if recording.image.digest != first.image.digest:
            raise ScratchifyError(
                f"recordings of two images do not merge: {first.image.digest} and {recording.image.digest}",
                hint="trace the same image for each of them, or pass one recording only",
            )
        merged.manifest = merged.manifest or list(recording.manifest)
        for name, facts in recording.facts.items():
            merged.facts.setdefault(name, {}).update(facts)
        merged.accesses |= recording.accesses
        merged.programs |= recording.programs
        merged.ports |= recording.ports
        merged.written |= recording.written
        merged.syscalls |= recording.syscalls
        merged.lost += [loss for loss in recording.lost if loss not in merged.lost]
        merged.outcomes += [outcome for outcome in recording.outcomes if outcome.probe not in probes]
        probes |= {outcome.probe for outcome in merged.outcomes}
    return merged


def write(recording: Recording, path: Path) -> None:
    """Write a recording as gzip'd JSON (docs/schema/recording.json), secrets replaced by their names.

    The same recording gives the same bytes. The file appears whole or not at all.
    """
    text = json.dumps(to_json(recording), sort_keys=True, separators=(",", ":"))
    data = gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise ScratchifyError(f"cannot write the recording {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def read(path: Path) -> Recording:
    """Read what `write` wrote, compressed or not. Raises ScratchifyError for anything else."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScratchifyError(f"cannot read the recording {path}: {error.strerror}") from error
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        document = json.loads(data)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ScratchifyError(
            f"{path} is no recording: {error}", hint="`scratchify trace --output FILE` makes one"
        ) from error
    try:
        return from_json(document)
    except ScratchifyError as error:
        raise ScratchifyError(f"{path}: {error.message}", hint=error.hint) from error


def restored(image: ImageFacts, variables: Mapping[str, str]) -> ImageFacts:
    """Facts of a read recording with the variables that `write` took the values of set again.

    `variables` are those of the stage as the Dockerfile sets them; one that it does not know stays hidden.
    """
    env = tuple(
        (name, variables.get(name, value) if is_redacted(value) else value)
        for name, value in image.config.env
    )
    return replace(image, config=replace(image.config, env=env))


def require_whole(image: ImageFacts) -> None:
    """Raise ScratchifyError where a variable's value is still hidden: no configuration can be written."""
    hidden = [name for name, value in image.config.env if is_redacted(value)]
    if hidden:
        raise ScratchifyError(
            "the recording keeps back what looks like a secret, and the Dockerfile does not set it:"
            f" {', '.join(hidden)}",
            hint="give it with --build-arg, or rewrite with an engine, without --recording",
        )


def to_json(recording: Recording) -> dict[str, Any]:
    """The document: lists sorted, fields that have their default left out of the manifest's entries."""
    secrets = secrets_among(recording.image.config.env)
    config = replace(recording.image.config, env=redact_pairs(recording.image.config.env))
    return {
        "schema": SCHEMA,
        "image": _plain(replace(recording.image, config=config)),
        "manifest": [_plain(entry) for entry in sorted(recording.manifest, key=lambda entry: entry.path)],
        "facts": recording.facts,
        "accesses": [_sparse(access) for access in sorted(recording.accesses)],
        "programs": [
            {"path": program.path, "argv": list(redact_words(program.argv, secrets)), "cwd": program.cwd}
            for program in sorted(recording.programs)
        ],
        "ports": sorted(recording.ports),
        "written": sorted(recording.written),
        "outcomes": [_outcome(outcome, secrets) for outcome in recording.outcomes],
        "lost": list(recording.lost),
        "syscalls": sorted(recording.syscalls),
    }


def from_json(document: Any) -> Recording:
    """A recording from its document. Raises ScratchifyError naming the field that is wrong."""
    if not isinstance(document, dict) or not {"schema", "image"} <= document.keys():
        raise ScratchifyError("this is no recording", hint="`scratchify trace --output FILE` makes one")
    if document["schema"] != SCHEMA:
        raise ScratchifyError(
            f"a recording of schema {document['schema']!r}, and this scratchify reads schema {SCHEMA}",
            hint="trace again, or use the scratchify that wrote it",
        )
    content = {name: value for name, value in document.items() if name != "schema"}
    try:
        return msgspec.convert(content, Recording)
    except msgspec.ValidationError as error:
        raise ScratchifyError(f"a recording with a fault: {error}", hint="trace again") from error


def _outcome(outcome: Outcome, secrets: dict[str, str]) -> dict[str, Any]:
    answer = outcome.answer
    hidden = replace(
        answer,
        body=redact(answer.body, secrets),
        stderr=redact(answer.stderr, secrets),
        error=redact(answer.error, secrets),
    )
    return {"probe": redact(outcome.probe, secrets), "answer": _plain(hidden)}


def _plain(value: Any) -> Any:
    """JSON values of a dataclass, bytes as base64."""
    return msgspec.to_builtins(value)


def _sparse(value: Access) -> dict[str, Any]:
    """The fields that are not as by default: a recording has thousands of accesses."""
    return {
        item.name: _plain(here)
        for item in fields(value)
        if (here := getattr(value, item.name)) != item.default
    }
