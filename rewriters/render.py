"""The block's text: the stage that assembles the keep-list, `FROM scratch`, the copies, the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import groupby

from jinja2 import BaseLoader, Environment, StrictUndefined

from analyzer.filesystem import Entry, Filesystem
from rewriters.plan import KeepList, Section, expand
from rewriters.words import Word

# The kernel gives one argument of a command 128 KB; the text of a RUN is one argument.
LARGEST_RUN = 90_000
# So many lines of plain COPY are easier to review than a stage that assembles.
MOST_COPIES = 12
LONGEST_LINE = 96


@dataclass(frozen=True, slots=True)
class Tools:
    """The stage that assembles: an external base of the file, as its FROM line names it.

    What is `resolved` has its variables replaced, for a file that has no ARG of the author's.
    """

    base: str
    resolved: str
    platform: str = ""
    resolved_platform: str = ""
    busybox: bool = False  # its tar has no extended attributes and reads no NUL-separated list


@dataclass(frozen=True, slots=True)
class Naming:
    """Names and style that the block takes from the author's file."""

    stage: str  # the stage that is rewritten
    tools: str  # a free name for the stage that assembles
    escape: str = "\\"
    lower: bool = False  # the author writes instructions in lower case


@dataclass(frozen=True, slots=True)
class Scanners:
    """Names of packages whose database entries the slim image keeps, sorted."""

    debs: tuple[str, ...] = ()
    apks: tuple[str, ...] = ()


_Spoken = tuple[str, tuple[str, ...]]  # a verb, and words as the shell reads them


@dataclass(frozen=True, slots=True)
class _Lines:
    kind: str
    reason: str
    lines: tuple[_Spoken, ...]

    @property
    def size(self) -> int:
        return 40 + len(self.reason) + sum(len(word) + 8 for _, words in self.lines for word in words)


@dataclass(slots=True)
class _Piece:
    name: str
    sections: list[_Lines] = field(default_factory=list)


@dataclass(slots=True)
class _Part:
    """One RUN of the assembly."""

    triplet: str = ""
    pieces: list[_Piece] = field(default_factory=list)
    packs: list[str] = field(default_factory=list)
    drops: list[tuple[str, list[_Spoken]]] = field(default_factory=list)
    debs: tuple[str, ...] = ()
    apks: tuple[str, ...] = ()
    metadata_group: str = ""
    licences: bool = False  # those of the packages are said by their names
    size: int = 0

    @property
    def verbs(self) -> set[str]:
        kept = {verb for piece in self.pieces for section in piece.sections for verb, _ in section.lines}
        return kept | {verb for _, lines in self.drops for verb, _ in lines}


def render(
    fs: Filesystem,
    keep_list: KeepList,
    naming: Naming,
    tools: Tools | None,
    configuration: Sequence[str],
    scanners: Scanners = Scanners(),
) -> str:
    """The block's lines between its markers. `tools` None asks for plain COPY lines (see `plain_copies`)."""
    copies = None if tools else plain_copies(fs, keep_list, naming.stage)
    parts: list[_Part] = []
    if copies is None:
        assert tools is not None
        licences = _licences(fs, keep_list, scanners.debs)
        parts = _parts(_without(keep_list, licences), triplet_directory(fs), scanners, bool(licences))
        copies = [f"{naming.tools} /out/{group.name}/ /" for group in keep_list.groups]
        if tools.busybox:
            copies += [
                f"{naming.stage} {_copy_words(path, path)}" for path in capability_files(fs, keep_list)
            ]
    environment = _environment(naming)
    return environment.from_string(_template("scratch.dockerfile.j2")).render(
        parts=parts,
        stage=naming.stage,
        tools=naming.tools,
        escape=naming.escape,
        base=tools.base if tools else "",
        platform=tools.platform if tools else "",
        busybox=bool(tools and tools.busybox),
        copies=copies,
        instructions=configuration,
    )


@cache
def _template(name: str) -> str:
    return (files("templates") / name).read_text(encoding="utf-8")


def _environment(naming: Naming) -> Environment:
    environment = Environment(
        loader=BaseLoader(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["cased"] = str.lower if naming.lower else str
    environment.filters["cased_line"] = lambda line: _cased_line(line, naming.lower)
    environment.filters["words"] = _words
    environment.filters["continued"] = lambda text: _continued(text, naming.escape)
    return environment


def _words(items: Sequence[str], verb: str) -> str:
    """A verb and its words: on one line where that is short, else one word a line."""
    line = f"{verb} {' '.join(items)};"
    return line if len(line) <= LONGEST_LINE else "\n    ".join([verb, *items]) + ";"


def _cased_line(line: str, lower: bool) -> str:
    keyword, _, rest = line.partition(" ")
    return f"{keyword.lower() if lower else keyword} {rest}"


def _continued(text: str, escape: str) -> str:
    """Shell lines as the continued lines of one instruction; comment lines need no continuation."""
    lines = [line for line in text.split("\n") if line.strip()]
    last = max(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(
        f"    {line}" + ("" if line.startswith("#") or number == last else f" {escape}")
        for number, line in enumerate(lines[: last + 1])
    )


def _licences(fs: Filesystem, keep_list: KeepList, debs: Sequence[str]) -> frozenset[Word]:
    """The words that the names of the packages say as well: each one's copyright file, or the link that its
    documentation is. None at all where a package's is not kept."""
    words = {word for group in keep_list.groups for word in group.words}
    said = set()
    for name in debs:
        documentation = fs.get(f"/usr/share/doc/{name}")
        if documentation is None:
            continue
        link = documentation.kind == "link"
        word = Word(documentation.path if link else f"{documentation.path}/copyright", "keep")
        if word in words:
            said.add(word)
        elif word.path in fs:
            return frozenset()
    return frozenset(said)


def _without(keep_list: KeepList, words: frozenset[Word]) -> KeepList:
    groups = []
    for group in keep_list.groups:
        rest = (
            replace(section, words=tuple(word for word in section.words if word not in words))
            for section in group.sections
        )
        groups.append(replace(group, sections=tuple(section for section in rest if section.words)))
    return replace(keep_list, groups=tuple(groups))


def _parts(
    keep_list: KeepList, triplet: tuple[str, str] | None, scanners: Scanners, licences: bool
) -> list[_Part]:
    """Spread the list over as few RUNs as its size allows; a group is packed by the RUN that ends it."""
    parts = [_Part(triplet=triplet[0] if triplet else "")]
    for group in keep_list.groups:
        for section in group.sections:
            for lines in _section_lines(section, triplet):
                part = parts[-1]
                if part.pieces and part.size + lines.size > LARGEST_RUN:
                    part = _Part(triplet=part.triplet)
                    parts.append(part)
                if not part.pieces or part.pieces[-1].name != group.name:
                    part.pieces.append(_Piece(group.name))
                part.pieces[-1].sections.append(lines)
                part.size += lines.size
        parts[-1].packs.append(group.name)
        if group.drops:
            parts[-1].drops.append((group.name, _spoken(group.drops, triplet[1] if triplet else None)))
    parts[-1].debs = tuple(quote(name) for name in scanners.debs)
    parts[-1].apks = tuple(quote(name) for name in scanners.apks)
    parts[-1].licences = licences
    parts[-1].metadata_group = keep_list.groups[0].name if keep_list.groups else ""
    return parts


def _spoken(words: Sequence[Word], triplet: str | None) -> list[_Spoken]:
    ordered = sorted(words, key=lambda word: (word.verb, word.path))
    return [
        (verb, tuple(shell_word(word, triplet) for word in group))
        for verb, group in groupby(ordered, key=lambda word: word.verb)
    ]


def _section_lines(section: Section, triplet: tuple[str, str] | None) -> list[_Lines]:
    """The section's words by verb; a section too large for one RUN in several."""
    chunks: list[_Lines] = []
    for verb, words in _spoken(section.words, triplet[1] if triplet else None):
        pending: list[str] = []
        size = 0
        for text in words:
            if size + len(text) > LARGEST_RUN // 2:
                chunks.append(_Lines(section.kind, section.reason, ((verb, tuple(pending)),)))
                pending, size = [], 0
            pending.append(text)
            size += len(text) + 8
        chunks.append(_Lines(section.kind, section.reason, ((verb, tuple(pending)),)))
    if sum(chunk.size for chunk in chunks) <= LARGEST_RUN // 2:
        return [_Lines(section.kind, section.reason, tuple(line for chunk in chunks for line in chunk.lines))]
    return chunks


def triplet_directory(fs: Filesystem) -> tuple[str, str] | None:
    """Where the machine's triplet can be read in a build: (directory, triplet), when there is just one."""
    for directory in ("/usr/lib", "/lib"):
        found = [
            name
            for name in fs.names(directory)
            if re.fullmatch(r"[a-z0-9_]+-linux-gnu\w*", name)
            and fs.entries[f"{directory}/{name}"].kind == "dir"
        ]
        if len(found) == 1:
            return directory[1:], found[0]
    return None


_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")


def quote(text: str) -> str:
    """Text as one POSIX shell word, for an instruction that is one line of UTF-8."""
    if _SAFE.fullmatch(text) and text:
        return text
    if text.endswith("\n"):
        # A command substitution would lose it: any one character in its place.
        return f"{quote(text[:-1])}?"
    if any(char < " " or "\ud800" <= char <= "\udfff" or char == "\x7f" for char in text):
        octal = "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape"))
        return f"\"$(printf '{octal}')\""
    return "'" + text.replace("'", "'\\''") + "'"


def shell_word(word: Word, triplet: str | None) -> str:
    """A word of the list as the shell reads it: only `*` and `?` of a pattern stand outside quotes."""
    path = word.path[1:] if word.path != "/" else "."
    if path.startswith("-"):
        path = f"./{path}"
    if not word.pattern:
        return _with_triplet(path, triplet)
    directory, slash, name = path.rpartition("/")
    pieces = re.split(r"([*?])", name)
    return (
        (_with_triplet(directory, triplet) if directory else "")
        + slash
        + "".join(
            piece if piece in ("*", "?") else _with_triplet(piece, triplet) for piece in pieces if piece
        )
    )


def _with_triplet(text: str, triplet: str | None) -> str:
    if triplet is None or triplet not in text:
        return quote(text)
    return '"$T"'.join(quote(piece) if piece else "" for piece in text.split(triplet))


def capability_files(fs: Filesystem, keep_list: KeepList) -> list[str]:
    """Kept files with extended attributes, sorted."""
    return sorted(path for path in expand(fs, keep_list) if fs.entries[path].xattrs)


def plain_copies(fs: Filesystem, keep_list: KeepList, stage: str) -> list[str] | None:
    """COPY lines that say the set exactly, without a stage that assembles; None where they cannot.

    COPY follows a link named as its source, makes parents that are root's and 0755, and splits hard links.
    """
    words = [word for group in keep_list.groups for word in group.words]
    if not words or len(words) > MOST_COPIES or any(group.drops for group in keep_list.groups):
        return None
    lines = []
    for word in sorted(words):
        entry = fs.get(word.path)
        if word.pattern or entry is None or not _copyable(fs, entry, word.verb):
            return None
        lines.append(f"{stage} {_copy_words(word.path, word.path)}")
    return lines


def _copyable(fs: Filesystem, entry: Entry, verb: str) -> bool:
    def ordinary(directory: Entry) -> bool:
        return (directory.kind, directory.mode, directory.uid, directory.gid) == ("dir", 0o755, 0, 0)

    parents = entry.path.split("/")[1:-1]
    above = ["/" + "/".join(parents[: depth + 1]) for depth in range(len(parents))]
    if not all(ordinary(fs.entries[path]) for path in above) or "\n" in entry.path:
        return False
    if verb == "tree":
        return ordinary(entry) and all(
            below.kind in ("file", "dir", "link") for below in fs.below(entry.path)
        )
    return entry.kind == "file" and not entry.hardlink


def _copy_words(source: str, target: str) -> str:
    """Source and target of a COPY: wildcards of the source taken literally, JSON form where words need it."""
    literal = re.sub(r"[*?\[\\]", lambda found: "[[]" if found[0] == "[" else f"\\{found[0]}", source)
    if _SAFE.fullmatch(source):
        return f"{literal} {target}"
    return json.dumps([literal.replace("$", "\\$"), target.replace("$", "\\$")], ensure_ascii=False)
