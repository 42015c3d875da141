"""The keep-list: kept paths folded into the fewest words that take in exactly them.

A word is a path without its leading slash; a directory kept whole is one word (`tree`), a directory kept but
for a few things is one word with those taken away again (`drop`), versioned names become patterns, so that a
security update or another architecture rebuilds without a new trace. Parents of a word are implied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.evidence import Evidence, EvidenceKind
from analyzer.filesystem import UNCOPIED, Entry, Filesystem, hardlink_groups, join, name_of, parent_of
from rewriters.words import AWAY, LOADERS, Verb, Word, expand_word, matches, versionless, with_bytecode

# Lowest layer first: what changes most often is copied last.
GROUPS = ("os", "packages", "deps", "app")

# Which kind explains a path best when several do; the section of the keep-list that it stands in.
PREFERENCE: tuple[EvidenceKind, ...] = (
    "author",
    "imported",
    "linked",
    "script",
    "system",
    "package",
    "literal",
    "listed",
    "healed",
    "asked",
    "traced",
)

# A directory is said as "all but" when that saves words and most of its bytes stay.
FEWEST_SAVED = 8
LARGEST_SHARE_DROPPED = 0.75

LOADER_DIRECTORIES = ("/lib64", "/usr/lib64")


Placed = tuple[Word, str, str]  # the word, its group, the path whose evidence explains it


@dataclass(frozen=True, slots=True)
class Section:
    """Words with one reason. `kind` is what the build names when a word is no longer there."""

    kind: EvidenceKind
    reason: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One COPY of the slim stage."""

    name: str
    sections: tuple[Section, ...]
    drops: tuple[Word, ...] = ()

    @property
    def words(self) -> list[Word]:
        return [word for section in self.sections for word in section.words]


@dataclass(frozen=True, slots=True)
class KeepList:
    """The whole list, in the order of its groups, and what could not be listed."""

    groups: tuple[Group, ...]
    left_out: tuple[Entry, ...] = ()  # FIFOs, sockets and devices among the kept paths


def fold(
    fs: Filesystem,
    kept: Mapping[str, Sequence[Evidence]],
    group_of_layer: Callable[[int], str],
) -> KeepList:
    """Fold kept paths into groups of words. The words take in exactly `kept`, less special files."""
    left_out = tuple(
        entry for path in sorted(kept) if (entry := fs.get(path)) is not None and entry.kind in UNCOPIED
    )
    folder = _Folder(fs, kept, _groups_of_paths(fs, kept, group_of_layer))
    words = folder.directory("/")
    words += _other_machines(fs, words)
    groups = []
    for name in GROUPS:
        owners = {word: owner for word, group, owner in words if group == name}
        listed = with_bytecode(fs, owners)
        drops = sorted(word for word in listed if word.verb in AWAY)
        mine = [(word, owners.get(word, word.path)) for word in listed if word.verb not in AWAY]
        if mine:
            groups.append(Group(name, _sections(kept, mine), tuple(drops)))
    return KeepList(tuple(groups), left_out)


def _other_machines(fs: Filesystem, words: Sequence[Placed]) -> list[Placed]:
    """Where other machines of the distribution have their loader: words that take in nothing here."""
    loader = next((each for each in words if name_of(each[0].path) == LOADERS), None)
    if loader is None:
        return []
    places = [
        Word("/lib64", "maybe"),
        *(Word(f"/usr/{name}/{LOADERS}", "maybe", True) for name in ("lib", "lib64")),
    ]
    return [(word, loader[1], loader[2]) for word in places if not expand_word(fs, word)]


def _groups_of_paths(
    fs: Filesystem, kept: Mapping[str, Sequence[Evidence]], group_of_layer: Callable[[int], str]
) -> dict[str, str]:
    """The group of every kept path. A hard-link group is never split: it goes with its highest member."""
    groups = {path: group_of_layer(entry.layer) for path in kept if (entry := fs.get(path)) is not None}
    for paths in hardlink_groups(entry for path in kept if (entry := fs.get(path)) is not None).values():
        highest = max((groups[path] for path in paths), key=GROUPS.index)
        groups.update(dict.fromkeys(paths, highest))
    return groups


@dataclass(slots=True)
class _Count:
    """What lies below a directory: entries in all and kept, bytes kept (by group) and not."""

    total: int = 0
    kept: int = 0
    kept_bytes: int = 0
    lost_bytes: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    linked: bool = False  # a hard-link group has a member below

    @property
    def group(self) -> str | None:
        """The group that the directory can go to as a whole: its only one, or that of most of its bytes.

        Not where the app's own files would drag others along, nor where a hard-link group might be split.
        """
        if len(self.groups) <= 1 or (not self.linked and GROUPS[-1] not in self.groups):
            return max(self.groups, key=lambda name: (self.groups[name], name), default=GROUPS[0])
        return None


class _Folder:
    def __init__(
        self, fs: Filesystem, kept: Mapping[str, Sequence[Evidence]], groups: Mapping[str, str]
    ) -> None:
        self.fs = fs
        self.kept = kept
        self.groups = groups
        self.counts: dict[str, _Count] = {}
        self._count("/")

    def _count(self, directory: str) -> _Count:
        count = _Count()
        for path in self.fs.children(directory):
            entry = self.fs.entries[path]
            if entry.kind in UNCOPIED:
                continue
            count.total += 1
            if path in self.kept:
                count.kept += 1
                count.kept_bytes += entry.size
                # A directory's own metadata comes along with whatever lies in it.
                if entry.kind != "dir" or not self.fs.names(path):
                    count.groups[self.groups[path]] += entry.size + 1
                count.linked = count.linked or bool(entry.hardlink)
            else:
                count.lost_bytes += entry.size
            if entry.kind == "dir":
                below = self._count(path)
                count.total += below.total
                count.kept += below.kept
                count.kept_bytes += below.kept_bytes
                count.lost_bytes += below.lost_bytes
                count.groups += below.groups
                count.linked = count.linked or below.linked
        self.counts[directory] = count
        return count

    def directory(self, directory: str) -> list[Placed]:
        """Words for all that is kept below a directory (its own entry is implied or placed by the caller)."""
        placed: list[Placed] = []
        names: list[tuple[str, Verb]] = []
        for path in self.fs.children(directory):
            if path not in self.kept:
                continue
            entry = self.fs.entries[path]
            if entry.kind in UNCOPIED:
                continue
            if entry.kind != "dir" or not self.counts[path].kept:
                names.append((path, "keep"))
                continue
            if self._whole(path) and path not in LOADER_DIRECTORIES:
                names.append((path, "tree"))
                continue
            inner = self.directory(path)
            dropped = self._all_but(path, inner)
            if dropped is None:
                placed.extend(inner)
            else:
                names.append((path, "tree"))
                placed.extend(dropped)
        return self._names(directory, names) + placed

    def _whole(self, path: str) -> bool:
        count = self.counts[path]
        if count.kept != count.total or path == "/":
            return False
        by_author = any(evidence.tree for evidence in self.kept[path])
        # A single name says more than its directory, and a later base may put others beside it.
        return by_author or (count.group is not None and count.total > 1)

    def _all_but(self, path: str, inner: list[Placed]) -> list[Placed] | None:
        """The words to take away again, where naming the directory whole says more with less."""
        count = self.counts[path]
        group = count.group
        if group is None or path.count("/") < 3:
            return None
        if count.lost_bytes > LARGEST_SHARE_DROPPED * (count.kept_bytes + count.lost_bytes):
            return None
        away = sorted({self._away(gone) for gone in self._missing(path)})
        shorter = len(with_bytecode(self.fs, away))
        longer = len(with_bytecode(self.fs, [word for word, _, _ in inner]))
        if shorter + FEWEST_SAVED > longer or shorter * 3 > longer * 2:
            return None
        return [(word, group, word.path) for word in away]

    def _away(self, path: str) -> Word:
        """The word for a path to take away: `*` in a directory that stays empty, a pattern for a versioned
        name, where nothing kept matches it."""
        directory = parent_of(path)
        names = self.fs.names(directory)
        if len(names) > 1 and not self.counts[directory].kept and not any(name[0] == "." for name in names):
            return Word(join(directory, "*"), "drop", pattern=True)
        pattern = versionless(name_of(path))
        if pattern is not None and not any(
            matches(pattern, name_of(other)) for other in self.fs.children(directory) if other in self.kept
        ):
            return Word(join(directory, pattern), "drop", pattern=True)
        return Word(path, "drop")

    def _missing(self, directory: str) -> list[str]:
        """The highest paths below a directory that are not kept."""
        gone: list[str] = []
        for path in self.fs.children(directory):
            entry = self.fs.entries[path]
            if path not in self.kept:
                if entry.kind not in UNCOPIED:
                    gone.append(path)
            elif entry.kind == "dir":
                gone.extend(self._missing(path))
        return gone

    def _group_of(self, path: str, verb: Verb) -> str:
        count = self.counts.get(path)
        if verb != "tree" or count is None or not count.groups:
            return self.groups[path]
        return count.group or max(count.groups, key=GROUPS.index)

    def _names(self, directory: str, names: list[tuple[str, Verb]]) -> list[Placed]:
        """Words for kept names of one directory; versioned names that a pattern says exactly become it."""
        kinds = {
            name_of(path): (verb, self._group_of(path, verb), section_kind(self.kept, path))
            for path, verb in names
        }
        covered: dict[str, str] = {}
        for name in kinds:
            pattern = None if name in covered else versionless(name)
            if pattern is not None:
                matching = [other for other in self.fs.names(directory) if matches(pattern, other)]
                if all(kinds.get(other) == kinds[name] for other in matching):
                    covered.update(dict.fromkeys(matching, pattern))
        placed: list[Placed] = []
        for path, verb in names:
            name = name_of(path)
            pattern = covered.get(name)
            if path in LOADER_DIRECTORIES:
                placed.append((Word(path, "maybe"), kinds[name][1], path))
            elif pattern is None:
                placed.append((Word(path, verb), kinds[name][1], path))
            elif name == next(other for other in covered if covered[other] == pattern):
                loader = pattern == LOADERS and directory in (*LOADER_DIRECTORIES, "/lib", "/usr/lib")
                word = Word(join(directory, pattern), "maybe" if loader else verb, pattern=True)
                placed.append((word, kinds[name][1], path))
        return placed


def section_kind(kept: Mapping[str, Sequence[Evidence]], path: str) -> EvidenceKind:
    """The kind that explains a kept path best."""
    return next(iter(_explanation(kept, path)), Evidence(path, "traced", "run", "")).kind


def _explanation(kept: Mapping[str, Sequence[Evidence]], path: str) -> list[Evidence]:
    """The reasons of the kind that explains a path best. What is kept for a link's sake goes with the link, a
    directory that only holds something with that."""
    seen = set()
    while path not in seen and (reasons := kept.get(path)):
        seen.add(path)
        for kind in PREFERENCE:
            if found := [item for item in reasons if item.kind == kind]:
                return found
        path = min(item.source for item in reasons)
    # A root says its kind, as in "package: libc6".
    return [Evidence(path, kind, path, "") for kind in PREFERENCE if path.startswith(f"{kind}: ")]


TITLES: dict[EvidenceKind, str] = {
    "author": "what the author copied in",
    "imported": "modules and libraries that kept code can import",
    "linked": "shared libraries, and the loader that finds them",
    "script": "what kept scripts call",
    "system": "what programs expect of a system",
    "package": "files of the packages that are kept",
    "literal": "paths spelled in kept programs",
    "listed": "directories that the run listed",
    "healed": "what a verification run proved missing",
    "asked": "what is asked for: the entrypoint, --keep",
    "traced": "what the run touched",
}


def _sections(
    kept: Mapping[str, Sequence[Evidence]], words: Sequence[tuple[Word, str]]
) -> tuple[Section, ...]:
    by_kind: dict[EvidenceKind, list[tuple[Word, str]]] = {}
    for word, owner in words:
        by_kind.setdefault(section_kind(kept, owner), []).append((word, owner))
    return tuple(
        Section(kind, _reason(kind, kept, by_kind[kind]), tuple(sorted(word for word, _ in by_kind[kind])))
        for kind in PREFERENCE
        if kind in by_kind
    )


def _reason(
    kind: EvidenceKind, kept: Mapping[str, Sequence[Evidence]], words: Sequence[tuple[Word, str]]
) -> str:
    """The section's title with the sources that explain most of its words."""
    sources: Counter[str] = Counter()
    for _, owner in words:
        sources.update({item.source for item in _explanation(kept, owner)})
    leading = sorted(sources, key=lambda source: (-sources[source], source))[:3]
    shown = [
        name_of(source) if source.startswith("/") else source.removeprefix(f"{kind}: ") for source in leading
    ]
    if len(sources) > len(leading):
        shown.append("…")
    return f"{TITLES[kind]} ({kind}: {', '.join(shown)})" if shown else TITLES[kind]


def expand(fs: Filesystem, keep_list: KeepList) -> set[str]:
    """The paths that a keep-list takes in on an image, parents included: the inverse of `fold`."""
    taken: set[str] = set()
    for group in keep_list.groups:
        mine: set[str] = set()
        for word in group.words:
            for path in expand_word(fs, word):
                mine.add(path)
                if word.verb == "tree":
                    mine.update(entry.path for entry in fs.below(path) if entry.kind not in UNCOPIED)
        for word in group.drops:
            gone = set(expand_word(fs, word))
            gone |= {entry.path for path in gone for entry in fs.below(path)}
            mine -= gone
        taken |= mine
    for path in list(taken):
        while path != "/":
            path = parent_of(path)
            taken.add(path)
    return taken
