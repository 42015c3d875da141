"""Perl: the modules that kept programs use, along the @INC of the interpreter that is kept.

A module brings its XS library and split functions (`auto/…`), and its folder when it loads others by names
that only the run knows. Sources: perlfunc (use, require), DynaLoader, AutoLoader, perlunicode, DBI.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analyzer.evidence import Answers, Evidence, Unresolved
from analyzer.filesystem import join, name_of, parent_of
from analyzer.resolvers.interface import Extractor, Finding, View
from analyzer.resolvers.shebang import SHEBANG

_INTERPRETER = re.compile(r"\A(?:perl(?:5[\d.]*)?|libperl\.so[\d.]*)\Z")
# What perl's C code loads by name (perl 5.30 to 5.40: gv.c, perlio.c, pp_sys.c, regcomp.c, toke.c).
_FROM_C = (
    """strict warnings utf8 feature Carp Exporter XSLoader DynaLoader AutoLoader Config overload vars constant
    Tie::Hash::NamedCapture Errno PerlIO PerlIO::scalar PerlIO::encoding Encode attributes File::Glob mro re
    IO::File IO::Handle IO::Seekable version builtin lib integer bytes Symbol SelectSaver Scalar::Util
    List::Util POSIX Fcntl Tie::Handle Tie::Hash Tie::Array IO"""
).split()
# What modules load by names that no statement of theirs spells.
_BY_NAME: dict[str, tuple[str, ...]] = {
    "DBI": ("DBD::*", "DBI::*"),
    "Encode": ("Encode::*",),
    "PerlIO::encoding": ("Encode::*",),
    "Config": ("Config_heavy.pl", "Config_git.pl"),
    "charnames": ("unicore/*",),
    "_charnames": ("unicore/*", "Unicode::UCD"),
    "Unicode::UCD": ("unicore/*",),
    "utf8_heavy": ("unicore/*",),
    "Unicode::Collate": ("Unicode::Collate::*", "Unicode/Collate/*"),
    "Unicode::Normalize": ("unicore/*",),
    "Module::Pluggable": ("Module::Pluggable::*",),
    "LWP": ("LWP::*",),
    "LWP::UserAgent": ("LWP::Protocol::*", "LWP::Authen::*"),
    "HTTP::Message": ("HTTP::*",),
    "JSON": ("JSON::*", "Cpanel::JSON::XS"),
    "JSON::MaybeXS": ("Cpanel::JSON::XS", "JSON::XS", "JSON::PP"),
    "YAML::Any": ("YAML::*",),
    "IO::Socket": ("IO::Socket::*",),
    "Mojo::Base": ("Mojo::*", "Mojolicious::*", "Mojo/*", "Mojolicious/*"),
}
_LIBRARY = re.compile(r"(?:^|;|\{)\s*(?:use|no|require)\s+([A-Za-z_]\w*(?:(?:::|')\w+)*)", re.MULTILINE)
_FILE = re.compile(r"\b(?:require|do)\s*\(?\s*[\"']([^\"'$@\n]+)[\"']")
# A file whose last name alone is only known at run time: `require "File/Spec/$module.pm"`.
_FOLDER = re.compile(r"\b(?:require|do)\s*\(?\s*\"((?:[\w-]+/)+)[\w-]*\$\{?\w+\}?[\w.-]*\"")
_PARENTS = re.compile(r"\buse\s+(?:parent|base|aliased|autouse|if)\b([^;]*);")
_PATHS = re.compile(r"\b(?:use\s+lib|unshift\s*\(?\s*@INC\s*,|push\s*\(?\s*@INC\s*,)([^;]*);")
_NAMES = re.compile(r"[\"'( ]([A-Z]\w*(?:::\w+)+|[A-Z]\w+)(?=[\"')\s;])")
_OPAQUE = re.compile(
    r"\brequire\s*\(?\s*[$@]|\beval\s*[\"'(]+\s*(?:require|use)\s+\$|\bload_class\b|use_module|require_module"
    r"|\b(?:Module::(?:Load|Implementation|Find|Pluggable)|Class::Load|UNIVERSAL::require)\b"
)
# Data of a distribution or a module, by its name (File::ShareDir).
_SHARE = re.compile(r"\b(?:dist|module|class)_(?:dir|file)\s*\(?\s*[\"']([\w:-]+)[\"']")
_POD = re.compile(r"^=[A-Za-z].*?(?:^=cut\b[^\n]*\n|\Z)", re.MULTILINE | re.DOTALL)
_DIRECTORY = re.compile(rb"(?<=\0)/[\w./+-]*perl[\w./+-]*(?=\0)")


def read_perl(data: bytes) -> dict[str, Any]:
    """`modules`, `files` (of require and do), `paths` (added to @INC), `shares` (folders of data below
    `auto`), `folders` (the run chooses a file of it), `opaque`: see perlfunc."""
    text = data.decode("utf-8", "replace")
    code = _POD.sub("", re.split(r"^__(?:END|DATA)__$", text, maxsplit=1, flags=re.MULTILINE)[0])
    code = re.sub(r"^\s*#.*$", "", code, flags=re.MULTILINE)
    modules = {name.replace("'", "::") for name in _LIBRARY.findall(code)}
    for words in _PARENTS.findall(code):
        modules.update(_NAMES.findall(f" {words} "))
        modules.update(
            name for word in re.findall(r"qw\s*[(/\[{]([^)/\]}]*)", words) for name in word.split()
        )
    if r"\N{" in code:
        modules.add("_charnames")
    paths = [text for words in _PATHS.findall(code) for text in re.findall(r"[\"']([^\"'\n]+)[\"']", words)]
    drivers = re.findall(r"[\"']dbi:(\w+)", code, re.IGNORECASE)
    modules.update(f"DBD::{name}" for name in drivers)
    return {
        "modules": sorted(name for name in modules if re.fullmatch(r"\w+(?:::\w+)*", name)),
        "files": sorted(set(_FILE.findall(code))),
        "paths": sorted(set(paths)),
        "shares": sorted({name.replace("::", "-") for name in _SHARE.findall(code)}),
        "folders": sorted({name.rstrip("/") for name in _FOLDER.findall(code)}),
        "opaque": bool(_OPAQUE.search(code)),
    }


def read_inc(data: bytes) -> list[str]:
    """Directories with `perl` in their name that a program spells, in its order: the @INC built into it."""
    found = (match.decode("utf-8", "surrogateescape") for match in _DIRECTORY.findall(data))
    return list(dict.fromkeys(found))


SOURCE = Extractor("perl.source", 4, read_perl)
INC = Extractor("perl.inc", 1, read_inc)


class Perl:
    """State of one closure: @INC so far, and all that was looked up in it."""

    name = "perl"

    def __init__(self) -> None:
        self._inc: list[str] = []
        self._real: list[str] = []  # the same with links resolved, as sources come
        self._asked: dict[str, str] = {}
        self._waiting: list[str] = []

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterable[Finding]:
        return list(self._step(view, new))

    def _step(self, view: View, new: Sequence[str]) -> Iterator[Finding]:
        for path in new:
            if _INTERPRETER.match(name_of(path)):
                yield from self._interpreter(view, path)
        self._waiting.extend(new)
        if not self._inc:
            return
        batch, self._waiting = self._waiting, []
        yield from self._sources(view, batch)

    def _interpreter(self, view: View, path: str) -> Iterator[Finding]:
        places = view.config.variable("PERL5LIB").split(":") + list(view.facts.get(INC, path) or ())
        yield from self._add(view, [place for place in places if place.startswith("/")])
        for module in _FROM_C if self._inc else ():
            yield from self._module(view, module, path)

    def _add(self, view: View, places: Sequence[str]) -> Iterator[Finding]:
        """More directories to search: what was asked before is asked of them as well."""
        for place in places:
            entry = view.fs.lookup(place)
            if place in self._inc or entry is None or entry.kind != "dir" or place == "/":
                continue
            self._inc.append(place)
            self._real.append(entry.path)
            for name, origin in list(self._asked.items()):
                yield from self._in(view, place, name, origin)

    def _sources(self, view: View, paths: Sequence[str]) -> Iterator[Finding]:
        heads = [path for path in paths if _may_be_script(view, path)]
        shebangs = view.facts.get_many(SHEBANG, heads)
        scripts = {path for path in heads if "perl" in " ".join(shebangs.get(path) or ())}
        sources = [
            path for path in paths if path in scripts or path.endswith((".pm", ".pl", ".psgi", ".cgi"))
        ]
        for path, facts in view.facts.get_many(SOURCE, sources).items():
            if facts:
                yield from self._source(view, path, facts)

    def _source(self, view: View, path: str, facts: dict[str, Any]) -> Iterator[Finding]:
        here = parent_of(path)
        if not any(path.startswith(f"{place}/") for place in (*self._inc, *self._real)):
            added = [here, parent_of(here)] if name_of(here) in ("bin", "script", "t") else [here]
            places = [
                text.replace("$FindBin::Bin", here).replace("$RealBin", here) for text in facts["paths"]
            ]
            places = [join(here, text) for text in places if "$" not in text]
            near = [join(base, "lib") for base in added]
            yield from self._add(view, [*places, *near])
            if facts["opaque"]:
                yield Unresolved(path, self.name, "requires a module whose name is only known at run time")
        for place in dict.fromkeys((*self._inc, *self._real)):
            if path.startswith(f"{place}/") and path.endswith(".pm"):
                yield from self._ask(view, f"auto/{path[len(place) + 1 : -3]}", path)
        for module in facts["modules"]:
            yield from self._module(view, module, path)
        for name in facts["shares"]:
            yield from self._ask(view, f"auto/share/dist/{name}/*", path)
            yield from self._ask(view, f"auto/share/module/{name}/*", path)
        for name in facts["folders"]:
            yield from self._ask(view, f"{name}/*", path)
        for file in facts["files"]:
            beside = join(here, file)
            if view.fs.lookup(beside) is not None:
                yield Evidence(beside, "imported", path, f"requires {file}")
            yield from self._ask(view, file, path)
        if facts["opaque"]:
            folder = path.removesuffix(".pm")
            if folder != path and view.fs.lookup(folder) is not None:
                yield Evidence(folder, "imported", path, "loads modules by name", tree=True)

    def _module(self, view: View, module: str, origin: str) -> Iterator[Finding]:
        yield from self._ask(view, module.replace("::", "/") + ".pm", origin)
        yield from self._ask(view, "auto/" + module.replace("::", "/"), origin)
        for name in _BY_NAME.get(module, ()):
            place = name if "/" in name or name.endswith(".pl") else name.replace("::", "/")
            yield from self._ask(view, place if "." in place or "/*" in place else f"{place}.pm", origin)

    def _ask(self, view: View, name: str, origin: str) -> Iterator[Finding]:
        if name in self._asked:
            return
        self._asked[name] = origin
        for place in self._inc:
            yield from self._in(view, place, name, origin)

    def _in(self, view: View, place: str, name: str, origin: str) -> Iterator[Finding]:
        found = join(place, name.removesuffix("/*"))
        entry = view.fs.lookup(found)
        if entry is None:
            return
        reason = f"loads {name}"
        if name.endswith("/*") and entry.kind == "dir":
            yield Evidence(found, "imported", origin, reason, tree=True)
        elif name.startswith("auto/"):
            # What belongs to this module itself: not the folders of modules below it.
            for path in view.fs.children(entry.path):
                if view.fs.entries[path].kind != "dir":
                    yield Evidence(join(found, name_of(path)), "linked", origin, reason)
        elif entry.kind == "file":
            yield Evidence(found, "imported", origin, reason)
        if entry.kind == "dir":
            yield Answers(found, self.name, "perl opens modules by name")


def _may_be_script(view: View, path: str) -> bool:
    entry = view.fs.get(path)
    return entry is not None and entry.executable and entry.size < 1 << 22
