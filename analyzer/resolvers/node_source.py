"""What a JavaScript or TypeScript source can load, read from its syntax tree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from analyzer.resolvers.interface import Extractor

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

WILD = "*"  # an unknown part of a value
FILE = "__file__"  # the source's own path, as the first component of a value

_PACKAGE = re.compile(r"\A(?:@[\w.-]+/)?[A-Za-z][\w.-]*\Z")
_LOADERS = frozenset(("require", "import", "require.resolve", "import.meta.resolve", "module.require"))
_FILES = frozenset(("fork", "Worker", "register", "pathToFileURL", "URL", "addWorker", "Piscina"))
_PROGRAMS = frozenset(("spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "execa"))
_SHELL = frozenset(("exec", "execSync"))

_parsers: dict[str, Parser] = {}


def _parser(grammar: str) -> Parser:
    """The parser of a grammar, made on first use: a run without Node loads none."""
    if grammar not in _parsers:
        from tree_sitter import Language, Parser

        if grammar == "javascript":
            import tree_sitter_javascript

            language = tree_sitter_javascript.language()
        else:
            import tree_sitter_typescript

            language = tree_sitter_typescript.language_tsx()
        _parsers[grammar] = Parser(Language(language))
    return _parsers[grammar]


class _Reader:
    def __init__(self) -> None:
        self.constants: dict[str, str] = {}
        self.loads: set[str] = set()
        self.paths: set[str] = set()
        self.words: set[str] = set()
        self.programs: set[str] = set()
        self.shell = False
        self.opaque = False

    def read(self, root: Node) -> dict[str, Any]:
        nodes = list(_walk(root))
        for node in nodes:
            if node.type == "variable_declarator":
                self._learn(node)
        for node in nodes:
            self._collect(node)
        return {
            "loads": sorted(self.loads),
            "paths": sorted(self.paths),
            "words": sorted(self.words),
            "programs": sorted(self.programs),
            "shell": self.shell,
            "opaque": self.opaque,
        }

    def _learn(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is not None and value is not None and name.type == "identifier":
            text = self.evaluate(value)
            if text is not None:
                self.constants[_text(name)] = text

    def _collect(self, node: Node) -> None:
        if node.type in ("import_statement", "export_statement"):
            source = node.child_by_field_name("source")
            if source is not None:
                self._load(self.evaluate(source))
        elif node.type in ("call_expression", "new_expression"):
            self._call(node)
        elif node.type == "string":
            text = self.evaluate(node) or ""
            if text.startswith(("./", "../")):
                self.paths.add(f"{FILE}/../{text}")
            elif len(text) < 80 and _PACKAGE.match(text):
                self.words.add(text)

    def _call(self, node: Node) -> None:
        callee = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        arguments = node.child_by_field_name("arguments")
        if callee is None or arguments is None or not arguments.named_children:
            return
        name = _text(callee)
        last = name.rpartition(".")[2]
        value = self.evaluate(arguments.named_children[0])
        if name in _LOADERS:
            self._load(value)
        elif last in _FILES:
            if value is not None and value.startswith(FILE):
                self.paths.add(value)
        elif last in _PROGRAMS and value and not value.startswith((WILD, FILE)):
            self.programs.add(value)
            self.shell = self.shell or last in _SHELL or b"shell: true" in (arguments.text or b"")
        else:
            whole = self.evaluate(node)
            if whole is not None and whole.startswith(FILE):
                self.paths.add(whole)

    def _load(self, value: str | None) -> None:
        if value is None or value.startswith(WILD):
            self.opaque = True
        else:
            self.loads.add(value)

    def evaluate(self, node: Node) -> str | None:
        """A text value; `*` stands for each part that is not constant; None where nothing is known."""
        if node.type == "string":
            return "".join(_text(child) for child in node.named_children)
        if node.type == "template_string":
            parts = (
                _text(child) if child.type == "string_fragment" else self._part(child.named_children[0])
                for child in node.named_children
                if child.type == "string_fragment" or child.named_children
            )
            return _collapse("".join(parts))
        if node.type == "identifier":
            name = _text(node)
            return {"__dirname": f"{FILE}/..", "__filename": FILE}.get(name, self.constants.get(name))
        if node.type == "member_expression":
            known = {
                "import.meta.url": FILE,
                "import.meta.filename": FILE,
                "import.meta.dirname": f"{FILE}/..",
            }
            return known.get(_text(node))
        if node.type == "parenthesized_expression" and node.named_children:
            return self.evaluate(node.named_children[0])
        if node.type == "binary_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None:
                return _collapse(self._part(left) + self._part(right))
        if node.type in ("call_expression", "new_expression"):
            return self._value_of_call(node)
        return None

    def _part(self, node: Node) -> str:
        value = self.evaluate(node)
        return WILD if value is None else value

    def _value_of_call(self, node: Node) -> str | None:
        callee = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        arguments = node.child_by_field_name("arguments")
        if callee is None or arguments is None:
            return None
        last = _text(callee).rpartition(".")[2]
        values = [self.evaluate(child) for child in arguments.named_children]
        if last in ("join", "resolve") and values and None not in values:
            return "/".join(value for value in values if value is not None)
        if last == "URL" and len(values) == 2 and values[1] == FILE and values[0] is not None:
            return f"{FILE}/../{values[0]}"
        if last == "dirname" and values and values[0]:
            return f"{values[0]}/.."
        if last in ("fileURLToPath", "normalize", "pathToFileURL", "String") and values:
            return values[0]
        return None


def _walk(root: Node) -> Iterator[Node]:
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(node.named_children)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _collapse(text: str) -> str | None:
    text = re.sub(r"\*+", WILD, text)
    return None if text in ("", WILD) else text


def read_javascript(data: bytes) -> dict[str, Any]:
    return _Reader().read(_parser("javascript").parse(data).root_node)


def read_typescript(data: bytes) -> dict[str, Any]:
    return _Reader().read(_parser("tsx").parse(data).root_node)


_BARE = re.compile(
    rb"""(?:\brequire(?:\.resolve)?\(|\bimport\(|\bfrom|\bimport)\s*["']((?:@[\w.-]+/)?[\w.-][\w.-]*)[/"']"""
)


# A file of the library's own in a folder whose name says that it holds tests.
_OF_TESTS = re.compile(
    rb"""\b(?:require(?:\.resolve)?\(|import\(|from|import)\s*["'](\.{1,2}/[\w./@-]*?\b(?:tests?|benchmarks?|coverage)/[^"'\n]+)"""
)


def read_bare_names(data: bytes) -> list[str]:
    """Packages that the text of a library's file loads, and files in folders for tests ("./" or "../" in
    front): quick, and right on all that is no comment."""
    found = {match.decode() for match in _BARE.findall(data)} - {".", ".."}
    return sorted(found | {match.decode("utf-8", "replace") for match in _OF_TESTS.findall(data)})


def read_package(data: bytes) -> dict[str, Any] | None:
    """What of a package.json matters: names, dependencies by kind, scripts, and texts that lead into it."""
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    facts: dict[str, Any] = {"name": document.get("name") if isinstance(document.get("name"), str) else ""}
    for key in ("dependencies", "optionalDependencies", "peerDependencies", "devDependencies"):
        value = document.get(key)
        facts[key] = sorted(value) if isinstance(value, dict) else []
    scripts = document.get("scripts")
    facts["scripts"] = (
        {name: text for name, text in sorted(scripts.items()) if isinstance(text, str)}
        if isinstance(scripts, dict)
        else {}
    )
    facts["main"] = document["main"] if isinstance(document.get("main"), str) else ""
    facts["targets"] = sorted(
        set(_texts([document.get(key) for key in ("main", "module", "bin", "exports")]))
    )
    facts["imports"] = {
        name: sorted(set(_texts([value]))) for name, value in sorted((document.get("imports") or {}).items())
    } if isinstance(document.get("imports") or {}, dict) else {}  # fmt: skip
    return facts


def _texts(values: list[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)
        elif isinstance(value, dict):
            yield from _texts(list(value.values()))


def read_lock(data: bytes) -> list[str]:
    """Places (relative to the lock file's project) that npm's lock file marks as for development only."""
    try:
        packages = json.loads(data).get("packages") or {}
    except (ValueError, AttributeError):
        return []
    if not isinstance(packages, dict):
        return []
    return sorted(
        place
        for place, item in packages.items()
        if isinstance(item, dict) and (item.get("dev") or item.get("devOptional"))
    )


def read_builtins(data: bytes) -> list[str]:
    """Files that a distribution's build of Node loads as parts of itself (`--shared-builtin-…-path`)."""
    return sorted({match.decode() for match in re.findall(rb"/usr/share/nodejs/[\w@./-]+\.js", data)})


_PNP_LOCATION = re.compile(rb'"packageLocation": *"([^"]+)"')
_PNP_VIRTUAL = re.compile(r"(.*/)?__virtual__/[^/]+/(\d+)/(.*)")


def read_pnp(data: bytes) -> list[str]:
    """Where a .pnp.cjs or .pnp.data.json of Yarn has its packages, relative to it: archives, and folders
    outside of its project's own."""
    found = set()
    for raw in _PNP_LOCATION.findall(data):
        place = raw.decode("utf-8", "replace")
        virtual = _PNP_VIRTUAL.match(place)
        if virtual:
            # A second instance of a package: the folder above `__virtual__`, that many levels up.
            place = f"{virtual[1] or './'}{'../' * int(virtual[2])}{virtual[3]}"
        head, archive, _ = place.partition(".zip/")
        if archive:
            found.add(f"{head}.zip")
        elif "/node_modules/" in place:
            found.add(place.rstrip("/"))
    return sorted(found)


def _extractor(name: str, function: Callable[[bytes], Any]) -> Extractor:
    return Extractor(f"node.{name}", 1, function)


JAVASCRIPT = _extractor("javascript", read_javascript)
TYPESCRIPT = _extractor("typescript", read_typescript)
BARE_NAMES = Extractor("node.bare_names", 2, read_bare_names)
PACKAGE = _extractor("package", read_package)
LOCK = _extractor("lock", read_lock)
PNP = _extractor("pnp", read_pnp)
BUILTINS = _extractor("builtins", read_builtins)
