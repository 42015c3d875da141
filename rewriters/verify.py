"""The invariants of a rewritten Dockerfile, held against the two images that come of it.

Pure comparisons: the pipeline builds, saves and runs, and hands both sides in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from analyzer.evidence import Answers
from analyzer.filesystem import Entry, Filesystem, hardlink_groups, is_volatile, join
from analyzer.image import DEFAULT_PATH, ImageConfig
from analyzer.observe import Difference
from analyzer.recording import Access

# Package databases computed in the assembly for scanners: the only paths that may be new.
SCANNER_METADATA = ("/var/lib/dpkg/status.d", "/lib/apk/db/installed")

_MISSING = ("ENOENT", "ENOTDIR", "ELOOP", "EACCES")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with the slim image, by invariant; nothing at all when it holds."""

    answers: tuple[Difference, ...] = ()
    subset: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    surprises: tuple[str, ...] = ()  # paths that the slim run missed
    unlisted: tuple[str, ...] = ()  # listed directories that lost an entry, and no resolver answers

    @property
    def holds(self) -> bool:
        return not (self.answers or self.subset or self.config or self.surprises or self.unlisted)

    def lines(self) -> list[str]:
        """Each fault in one line, for people."""
        return [
            *(
                f"{difference.probe}: {reason}"
                for difference in self.answers
                for reason in difference.reasons
            ),
            *self.subset,
            *self.config,
            *(f"{path}: looked up in vain, and the original has it" for path in self.surprises),
            *(f"{path}: listed by the run, and entries are missing" for path in self.unlisted),
        ]


def compare_trees(
    original: Filesystem, slim: Filesystem, same_bytes: Callable[[Entry, Entry], bool]
) -> list[str]:
    """Invariant 2, the subset: how entries of the slim image differ from the original's, sorted.

    Compares type, mode, owner, link target, capabilities, hard-link groups and, for files and links, time and
    bytes. Directories' times are not compared: whatever is left out of one changes it.
    """
    wrong = []
    for entry in sorted(slim, key=lambda entry: entry.path):
        if entry.path == "/" or is_metadata(entry.path, original):
            continue
        other = original.get(entry.path)
        if other is None:
            wrong.append(f"{entry.path}: the original has no such path")
            continue
        fields = _differing_fields(other, entry)
        if not fields and entry.kind == "file" and not same_bytes(other, entry):
            fields = ["contents"]
        wrong.extend(f"{entry.path}: another {name} than the original's" for name in fields)
    return wrong + _compare_hardlinks(original, slim)


def is_metadata(path: str, original: Filesystem) -> bool:
    """A path that scanner metadata may add: an entry below, or a directory that only leads there."""
    if any(path == root or path.startswith(f"{root}/") for root in SCANNER_METADATA):
        return True
    return path not in original and any(root.startswith(f"{path}/") for root in SCANNER_METADATA)


def _differing_fields(original: Entry, slim: Entry) -> list[str]:
    names = ["kind", "mode", "uid", "gid", "target", "xattrs"]
    if slim.kind in ("file", "link"):
        names += ["mtime", "size"]
    words = {"kind": "type", "uid": "owner", "gid": "group", "target": "link target", "mtime": "time"}
    if original.kind != slim.kind:
        return ["type"]
    if slim.kind == "link":
        names.remove("mode")  # the kernel has none for links, archives differ in what they say
    return [words.get(name, name) for name in names if getattr(original, name) != getattr(slim, name)]


def _compare_hardlinks(original: Filesystem, slim: Filesystem) -> list[str]:
    """Paths that were one file are one file still, as far as both are there; and the reverse."""
    expected = {
        tuple(paths)
        for group in hardlink_groups(original).values()
        if len(paths := [path for path in group if path in slim]) > 1
    }
    found = {tuple(paths) for paths in hardlink_groups(slim).values() if len(paths) > 1}
    return [f"{' '.join(paths)}: one file no longer" for paths in sorted(expected - found)] + [
        f"{' '.join(paths)}: one file now, and were not" for paths in sorted(found - expected)
    ]


def compare_config(original: ImageConfig, slim: ImageConfig) -> list[str]:
    """Invariant 3: fields of the configuration that differ. Absent and empty are equal."""
    before, after = _comparable(original), _comparable(slim)
    return [
        f"{name} of the configuration: {after[name]!r}, the original has {before[name]!r}"
        for name in before
        if before[name] != after[name]
    ]


def _comparable(config: ImageConfig) -> dict[str, object]:
    check = config.healthcheck
    return {
        "Env": {"PATH": DEFAULT_PATH, **dict(config.env)},
        "User": config.user,
        "WorkingDir": config.workdir or "/",
        "Entrypoint": config.entrypoint or (),
        "Cmd": config.cmd or (),
        "ExposedPorts": config.exposed,
        "Volumes": config.volumes,
        "Labels": {name: value for name, value in config.labels if not name.startswith("scratchify.")},
        "Healthcheck": check if check and check.test else None,
        "StopSignal": config.stop_signal,
        "Shell": config.shell or (),
        "OnBuild": config.onbuild,
        "Architecture": config.architecture,
        "Os": config.os,
    }


@dataclass(frozen=True, slots=True)
class LookUps:
    """Paths that a run looked at, by how that ended."""

    found: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, accesses: Iterable[Access]) -> LookUps:
        found: set[str] = set()
        missed: set[str] = set()
        listed: set[str] = set()
        for access in accesses:
            if access.operation == "write":
                continue
            if not access.error:
                found.add(access.path)
                if access.operation == "list":
                    listed.add(access.path)
            elif access.error in _MISSING:
                missed.add(access.path)
        return cls(frozenset(found), frozenset(missed), frozenset(listed))


def surprises(original: Filesystem, slim: Filesystem, before: LookUps, after: LookUps) -> list[str]:
    """Invariant 5: paths that the slim run missed, that the original image has and its run never missed."""
    return sorted(
        path
        for path in after.missed - before.missed
        if not is_volatile(path) and not original.resolve(path).missing and slim.resolve(path).missing
    )


def lost_listings(
    original: Filesystem, kept: Collection[str], before: LookUps, answers: Iterable[Answers]
) -> list[str]:
    """Invariant 5: directories that the original's run listed, that lost an entry, and nobody answers for."""
    answered = {original.resolve(answer.directory).path for answer in answers}
    lost = []
    for path in before.listed:
        directory = original.resolve(path)
        if directory.missing or directory.path in answered or is_volatile(directory.path):
            continue
        names = original.names(directory.path)
        if any(
            join(directory.path, name) not in kept
            and original.entries[join(directory.path, name)].kind in ("file", "dir", "link")
            for name in names
        ):
            lost.append(directory.path)
    return sorted(set(lost))


@dataclass(slots=True)
class Sizes:
    """What the table shows of an image; bytes are those of its files, uncompressed."""

    bytes: int = 0
    files: int = 0
    shells: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)


SHELLS = ("sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "busybox", "tcsh", "csh")


def measure(entries: Iterable[Entry]) -> Sizes:
    """Bytes, files (links and directories not counted), shells, files with rights of their own.

    A hard-link group counts its bytes once.
    """
    sizes = Sizes()
    seen: set[str] = set()
    for entry in entries:
        if entry.kind != "file":
            continue
        sizes.files += 1
        if not entry.hardlink or entry.hardlink not in seen:
            sizes.bytes += entry.size
            seen.add(entry.hardlink)
        if entry.executable and entry.path.rpartition("/")[2] in SHELLS:
            sizes.shells.append(entry.path)
        if entry.special:
            sizes.special.append(entry.path)
    sizes.shells.sort()
    sizes.special.sort()
    return sizes
