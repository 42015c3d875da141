"""One image, one recording, one file: what is kept of it, and the block that says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.dockerfile.instructions import Add, Command, Copy
from analyzer.evidence import Evidence
from analyzer.history import Origin, origins
from analyzer.keepset import KeepSet, Wishes, compute
from analyzer.recording import Recording
from analyzer.resolvers.author import Brought, author_roots
from analyzer.resolvers.interface import Facts, View
from analyzer.resolvers.packagedb import PackageDatabase, read_database, working_packages
from analyzer.resolvers.python_targets import targets
from rewriters.assemble import Assembly, assemble
from rewriters.block import digest_inputs
from rewriters.capture import Image
from rewriters.drift import copied_manifests
from rewriters.plan import GROUPS
from rewriters.render import Scanners, Tools
from rewriters.request import KeepSettings
from rewriters.source import Source


@dataclass(slots=True)
class Planner:
    """Plans as often as healing asks; the tools are looked for once."""

    source: Source
    keeping: KeepSettings
    image: Image
    recording: Recording
    facts: Facts
    find_tools: Callable[[], Tools | None]
    packages: PackageDatabase = field(init=False)
    roots: list[Evidence] = field(init=False)
    groups: list[str] = field(init=False)  # by layer, the lowest first
    _tools: list[Tools | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        made = origins(self.source.table, self.source.stage, self.image.facts.layers)
        self.packages = read_database(self.image.fs, self.facts)
        self.roots = _author_evidence(self.image, made, self.packages, self.facts)
        self.groups = _groups(made)

    def keep(self, healed: Sequence[Evidence] = ()) -> KeepSet:
        """The keep-set at the level that is asked for, with what healing has proved so far."""
        return keep(self.image, self.recording, self.facts, self.keeping, [*self.roots, *healed])

    def assemble(self, kept: KeepSet) -> Assembly:
        return assemble(
            self.image.fs,
            self.image.facts.config,
            kept.evidence,
            self.source.naming,
            self.group_of,
            self.scanners(kept),
            self.tools,
        )

    def scanners(self, kept: KeepSet) -> Scanners:
        """Packages with a working file left, for the scanners' databases; rpm's is whole or not there."""
        if not self.keeping.scanners:
            return Scanners()
        names = working_packages(self.packages, kept.evidence)
        return Scanners(tuple(names.get("dpkg", ())), tuple(names.get("apk", ())))

    def inputs(self, context: Path) -> str:
        """The digest of the dependency manifests that the file copies."""
        source = self.source
        return digest_inputs(context, copied_manifests(source.table, source.stage, context, source.path))

    def group_of(self, layer: int) -> str:
        return self.groups[layer] if layer < len(self.groups) else GROUPS[0]

    def tools(self) -> Tools | None:
        if not self._tools:
            self._tools.append(self.find_tools())
        return self._tools[0]


def keep(
    image: Image, recording: Recording, facts: Facts, keeping: KeepSettings, roots: Sequence[Evidence]
) -> KeepSet:
    """The keep-set of an image, from these roots and from what its recording shows."""
    view = View(
        image.fs,
        image.facts.config,
        facts,
        sorted(recording.accesses),
        sorted(recording.programs),
        frozenset(keeping.no_system),
    )
    wishes = Wishes(keeping.keep, keeping.keep_packages, keeping.drop)
    return compute(view, roots, coverage=keeping.coverage, wishes=wishes)


def _groups(made: Sequence[Origin | None]) -> list[str]:
    """The group of each layer: the base first; packages before anything was copied; then what was installed;
    the app last."""
    commands = [origin.instruction.command if origin else None for origin in made]
    copied = [index for index, command in enumerate(commands) if isinstance(command, Copy | Add)]
    from_context = [index for index in copied if _copies_from_context(commands[index])]
    groups = []
    for layer, command in enumerate(commands):
        if command is None:
            groups.append("os")
        elif layer in from_context:
            groups.append("app")
        elif not isinstance(command, Copy) and (not copied or layer < copied[0]):
            groups.append("packages")
        else:
            groups.append("app" if from_context and layer > from_context[-1] else "deps")
    return groups


def _copies_from_context(command: Command | None) -> bool:
    return isinstance(command, Add) or (isinstance(command, Copy) and command.from_ is None)


def _author_evidence(
    image: Image, made: Sequence[Origin | None], packages: PackageDatabase, facts: Facts
) -> list[Evidence]:
    """What the author's own instructions put into the image."""
    brought = {
        layer: Brought(f"author: line {each.line}", each.instruction.node.keyword)
        for layer, each in enumerate(made)
        if each is not None
    }
    return author_roots(
        image.fs,
        brought,
        workdir=image.facts.config.workdir,
        owned=packages.owners,
        installed=frozenset().union(*targets(image.fs, facts).values()),
    )
