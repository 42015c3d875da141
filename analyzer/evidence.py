"""Why a path is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EvidenceKind = Literal[
    "traced",  # the run touched it
    "linked",  # the loader needs it
    "imported",  # an import system of a language can reach it
    "script",  # a kept script calls it
    "package",  # its package is kept for it (licence, configuration, whole package at `safe`)
    "author",  # the author's COPY or ADD put it there
    "system",  # a need of the system with its condition (CA bundle, users, /tmp)
    "literal",  # its absolute path is spelled in a kept program
    "listed",  # a kept directory was listed, and nobody stands for the lister
    "healed",  # a verification run proved it missing
    "asked",  # --keep, or a probe's own need
    "link",  # a link on the way to a kept path, or what a kept link leads to
    "parent",  # a directory that holds a kept path, and has no reason of its own
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for one path.

    `source` is the path that needs it, or a root: "entrypoint", "probe: …", "author: line 12", "system: tmp".
    `tree` says that the reason holds for the directory as a whole: all below it is kept by it too.
    """

    path: str
    kind: EvidenceKind
    source: str
    reason: str
    tree: bool = False


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A need that could not be followed: said in the report, never guessed."""

    path: str  # the file that has the need
    resolver: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answers:
    """A resolver stands for whoever lists this directory: entries may go without surprising it."""

    directory: str
    resolver: str
    reason: str
