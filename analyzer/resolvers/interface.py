"""The seam that every resolver fills.

A resolver looks at what is kept and says what else that needs. `closure.py` runs all of them to a joint
fixpoint, so a resolver only ever takes one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import Entry, Filesystem
from analyzer.image import ImageConfig
from analyzer.recording import Access, Program

Finding = Evidence | Unresolved | Answers


@dataclass(frozen=True, slots=True)
class Extractor:
    """Facts from the bytes of one file: pure, so its result is cached by content digest.

    `function` is a module-level function (it may run in another process) from bytes to a JSON value (None,
    bool, int, str, list, dict with str keys); it never raises on bad input but returns None. Raise `version`
    when the meaning of its result changes. `limit` reads only the first bytes of the file.
    """

    name: str
    version: int
    function: Callable[[bytes], Any]
    limit: int | None = None


class Facts(Protocol):
    """Facts of files by extractor: from the cache, the image, or a recording."""

    def get(self, extractor: Extractor, path: str) -> Any:
        """Facts of the regular file that `path` leads to; None where there is none or it cannot be read."""
        ...

    def get_many(self, extractor: Extractor, paths: Iterable[str]) -> dict[str, Any]:
        """The same for many files: side by side in processes where that pays."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What resolvers may look at: all of it immutable during a closure."""

    fs: Filesystem
    config: ImageConfig
    facts: Facts
    accesses: Sequence[Access] = ()
    programs: Sequence[Program] = ()
    off: frozenset[str] = frozenset()  # system needs switched off by the user

    def entry(self, path: str) -> Entry | None:
        return self.fs.lookup(path)


class Resolver(Protocol):
    """`resolve` is called once a round with the paths that became kept since its last call (`new`, sorted)
    and all that is kept so far (`kept`, a mapping from path to its evidence). It returns what those need:
    paths as the needer spells them (links included: the closure adds every link on the way, the target and
    all parents). It must be monotone: more kept paths never give less evidence. State between calls lives in
    the resolver's instance; a fresh instance is made for each closure."""

    name: str

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]: ...


@runtime_checkable
class Leftover(Protocol):
    """A resolver that can say only at the end what it could not follow: a library that no search found may
    still be found for a program that is kept later."""

    def leftovers(self, view: View, kept: Mapping[str, Sequence[Evidence]]) -> Iterable[Unresolved]:
        """Called once, when the closure stands."""
        ...
