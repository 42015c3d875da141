"""What the author's COPY and ADD bring into an image: where from, where to, and which files of the context.

Source: COPY and ADD in the Dockerfile reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, normpath

from analyzer.context import Context, Taken, is_remote, taken
from analyzer.dockerfile.instructions import Add, Copy
from analyzer.dockerfile.scope import Expanded
from analyzer.globs import match
from analyzer.stages import Source, StageTable, ordered

# Files that say which packages are installed: a change in one of them makes a rewritten Dockerfile stale.
# Patterns of Go's filepath.Match over the file's name.
MANIFESTS: tuple[str, ...] = (
    # Python
    "requirements*.txt",
    "requirements*.in",
    "constraints*.txt",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "poetry.lock",
    "pdm.lock",
    "uv.lock",
    "pylock*.toml",
    "Pipfile",
    "Pipfile.lock",
    "environment*.yml",
    "environment*.yaml",
    "conda-lock.yml",
    # JavaScript
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    # Go, Rust
    "go.mod",
    "go.sum",
    "go.work",
    "go.work.sum",
    "Cargo.toml",
    "Cargo.lock",
    # Java and its kin
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "gradle.lockfile",
    "libs.versions.toml",
    "build.sbt",
    "deps.edn",
    "project.clj",
    # Ruby, PHP, Perl, Elixir, .NET, Swift, Dart, Haskell, C++
    "Gemfile",
    "Gemfile.lock",
    "gems.rb",
    "gems.locked",
    "*.gemspec",
    "composer.json",
    "composer.lock",
    "cpanfile",
    "cpanfile.snapshot",
    "Makefile.PL",
    "mix.exs",
    "mix.lock",
    "*.csproj",
    "*.fsproj",
    "packages.config",
    "packages.lock.json",
    "Directory.Packages.props",
    "global.json",
    "Package.swift",
    "Package.resolved",
    "pubspec.yaml",
    "pubspec.lock",
    "stack.yaml",
    "stack.yaml.lock",
    "cabal.project.freeze",
    "conanfile.txt",
    "conanfile.py",
    "vcpkg.json",
)


@dataclass(frozen=True, slots=True)
class AuthorCopy:
    """One COPY or ADD of a stage.

    `sources` are its expanded sources without heredocs, `remote` those that ADD fetches, `inline` the names
    of its heredocs. `destination` is absolute and clean; `directory` says that the instruction itself makes
    it a directory (it ends with `/`, or is `.`): a directory of that name may exist in the image otherwise.
    `source` is None for the build context.
    """

    stage: int
    instruction: Expanded
    sources: tuple[str, ...]
    remote: tuple[str, ...]
    inline: tuple[str, ...]
    destination: str
    directory: bool
    source: Source | None
    line: int  # of the file (see `StageTable.line_of`)
    trigger: bool = False

    def destinations(self) -> tuple[str, ...]:
        """The paths that its sources may get in the image: `destination` itself where it is no directory,
        or where a source may be one, whose contents then lie in it."""
        inside = [
            normpath(f"{self.destination}/{basename(name.rstrip('/'))}")
            for name in (*self.sources, *self.remote, *self.inline)
            if basename(name.rstrip("/")) not in ("", ".", "..")
        ]
        return tuple(dict.fromkeys([self.destination, *inside]))


def author_copies(table: StageTable, stage: int) -> tuple[AuthorCopy, ...]:
    """The COPY and ADD instructions of a stage and of those it is based on, in the order of their running."""
    found: list[AuthorCopy] = []
    for index in reversed(table.chain(stage)):
        found.extend(stage_copies(table, index))
    return tuple(found)


def stage_copies(table: StageTable, index: int) -> Iterator[AuthorCopy]:
    """The COPY and ADD instructions of one stage, in the order of their running."""
    origins = {id(use.instruction): use.source for use in table.uses_of(index) if use.kind == "copy"}
    for instruction, trigger in ordered(table.stages[index]):
        command = instruction.command
        if not isinstance(command, Copy | Add):
            continue
        heredocs = {content.path for content in command.contents}
        starts = {token.start for token in command.sources}
        words = [
            word
            for word, token in zip(instruction.words, instruction.node.words, strict=False)
            if token.start in starts
        ]
        written = instruction.words[-1]
        remote = [word for word in words if isinstance(command, Add) and is_remote(word)]
        yield AuthorCopy(
            index,
            instruction,
            tuple(word for word in words if word not in remote),
            tuple(remote),
            tuple(sorted(heredocs)),
            absolute(written, instruction.workdir),
            written in ("", ".") or written.endswith("/"),
            origins.get(id(instruction)),
            table.line_of(index, instruction, trigger),
            trigger,
        )


def absolute(path: str, workdir: str) -> str:
    """A destination as the builder sees it from the working directory."""
    joined = path if path.startswith("/") else f"{workdir}/{path}"
    return "/" + normpath(joined).lstrip("/")


def files_taken(copy: AuthorCopy, context: Context) -> tuple[Taken, ...]:
    """The entries of the build context that an instruction takes; none for a copy from a stage or image."""
    if copy.source is not None:
        return ()
    command = copy.instruction.command
    assert isinstance(command, Copy | Add)
    destination = copy.destination.rstrip("/") + "/" if copy.directory else copy.destination
    return taken(
        context,
        copy.sources,
        destination,
        exclude=command.exclude,
        parents=isinstance(command, Copy) and command.parents,
    )


def context_files(table: StageTable, stage: int, context: Context) -> tuple[str, ...]:
    """The files of the context that a build of a stage copies anywhere, sorted."""
    found: set[str] = set()
    for index in table.needed(stage):
        for copy in stage_copies(table, index):
            found.update(item.path for item in files_taken(copy, context) if item.kind != "dir")
    return tuple(sorted(found))


def mounted_files(table: StageTable, stage: int, context: Context) -> tuple[str, ...]:
    """The files of the context that a build of a stage sees through `RUN --mount=type=bind`, sorted."""
    found: set[str] = set()
    for index in table.needed(stage):
        for instruction, _ in ordered(table.stages[index]):
            for mount in instruction.mounts:
                path = context.resolve(mount.source) if mount.type == "bind" and not mount.from_ else None
                if path is not None:
                    found.update((path, *context.below(path)))
    return tuple(sorted(path for path in found if context.entries.get(path, "dir") != "dir"))


def manifests(table: StageTable, stage: int, context: Context) -> tuple[str, ...]:
    """The dependency manifests among the files of the context that a build of a stage copies or mounts,
    sorted."""
    found = {*context_files(table, stage, context), *mounted_files(table, stage, context)}
    return tuple(sorted(path for path in found if is_manifest(path)))


def is_manifest(path: str) -> bool:
    """Whether a file's name is that of a dependency manifest or lock file."""
    return any(match(pattern, basename(path)) for pattern in MANIFESTS)
