"""What a Python source can import, read from its text alone.

The grammar is that of the running interpreter; a source with newer syntax goes through libcst, whose parser
does not depend on it, and what neither reads (Python 2) is read line by line.
"""

from __future__ import annotations

import ast
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from analyzer.garbage import uncollected
from analyzer.resolvers.interface import Extractor

# Callables that import what their first argument names (importlib, pkgutil, runpy; the frameworks' own).
# fmt: off
IMPORTERS = frozenset((
    "import_module", "__import__", "import_string", "import_object", "import_from_string",
    "resolve_name", "run_module", "find_spec", "find_loader", "maybe_import", "symbol_by_name",
    "importorskip",
))
# fmt: on
# Readers of files inside a package (importlib.resources, pkgutil, pkg_resources), which they are given.
# fmt: off
ANCHORED = frozenset((
    "files", "open_text", "open_binary", "read_text", "read_binary", "path", "contents",
    "is_resource", "get_data", "resource_filename", "resource_string", "resource_stream",
    "resource_listdir", "resource_exists", "PackageLoader",
))
# fmt: on
GROUPS = frozenset(("entry_points", "iter_entry_points", "get_entry_map"))
# fmt: off
METADATA = frozenset((
    "version", "distribution", "metadata", "requires", "get_distribution", "load_entry_point",
))
# fmt: on
LIBRARIES = frozenset(["CDLL", "PyDLL", "LoadLibrary", "dlopen"])
FIND_LIBRARY = "ctypes.util.find_library"
# fmt: off
PROGRAMS = frozenset((
    "subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call",
    "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput", "os.system",
    "os.popen", "shutil.which", "os.execv", "os.execve", "os.execvp", "os.execvpe", "os.execl",
    "os.execlp", "os.spawnlp", "os.spawnvp", "os.posix_spawn", "os.posix_spawnp",
    "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "pexpect.spawn",
    "sh.Command",
))
# fmt: on
PATH_EDITS = frozenset(
    ["sys.path.insert", "sys.path.append", "sys.path.extend", "site.addsitedir", "__path__.append"]
)
_DOTTED = re.compile(r"\A[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+(?:\(\))?\Z")
_WORD = re.compile(r"\A[A-Za-z_]\w*\Z")
_GROUP = re.compile(r"\A[A-Za-z_][\w.-]*\Z")
_IMPORT_LINE = re.compile(
    rb"^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+\(?([\w, \t*]*)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_LARGEST = 16 << 20  # bytes of one member of an archive
WILD = "*"  # an unknown part of a value
FILE = "__file__"  # the source's own path, as the first component of a value


class _Reader:
    """Collects from the nodes of one tree, in any order."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.constants: dict[str, str | None] = {}
        self.values: dict[str, list[ast.expr]] = {}  # what is no constant text: lists of words, mostly
        self.imports: set[tuple[str, int, str]] = set()
        self.main: set[tuple[str, int, str]] = set()
        self.named: set[tuple[str, str]] = set()
        self.dotted: set[str] = set()
        self.words: set[str] = set()
        self.groups: set[str] = set()
        self.distributions: set[str] = set()
        self.paths: set[str] = set()
        self.libraries: set[str] = set()
        self.programs: set[str] = set()
        self.given: set[str] = set()  # names that hold the program which a call starts
        self.exports: set[str] = set()
        self.opaque = False
        self.any_group = False

    # -- statements ---------------------------------------------------------------------------------------
    def learn(self, node: ast.AST) -> None:
        """What later evaluation needs: import aliases, names with one constant value, and command lines."""
        if isinstance(node, ast.Import):
            self.aliases.update((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                for alias in node.names:
                    self.aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._bind(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._bind(node.target, node.value)

    def _bind(self, target: ast.expr, bound: ast.expr) -> None:
        if isinstance(target, ast.Name):
            value = self.evaluate(bound)
            if value is not None:
                other = target.id in self.constants and self.constants[target.id] != value
                self.constants[target.id] = None if other else value
        if isinstance(bound, _WORDS):
            self.values.setdefault(_dotted_name(target), []).append(bound)

    def imported(self, node: ast.AST) -> Iterator[tuple[str, int, str]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", node.level, alias.name) for alias in node.names)

    def collect(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and len(node.value) < 200 and _DOTTED.match(node.value):
                self.dotted.add(node.value.removesuffix("()"))
        elif isinstance(node, ast.Call):
            self.call(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.update(self.imported(node))
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            for item in node.elts:
                if isinstance(item, ast.Constant) and isinstance(item.value, str) and _WORD.match(item.value):
                    self.words.add(item.value)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                name = _dotted_name(target)
                if name == "__all__":
                    self.exports.update(_strings(node.value))
                elif name in ("sys.path", "__path__"):
                    self._add_paths([node.value])

    # -- calls --------------------------------------------------------------------------------------------
    def call(self, node: ast.Call) -> None:
        full = self.qualified(node.func)
        last = full.rpartition(".")[2]
        if last in IMPORTERS:
            self._named(node)
        elif last in ANCHORED and (node.args or node.keywords):
            self._anchored(node, full)
        elif last in GROUPS:
            self._groups(node)
        elif last in METADATA:
            self.distributions.update(_texts(self.evaluate(item) for item in node.args[:1]))
        elif last in LIBRARIES or full == FIND_LIBRARY:
            self._libraries(node, last)
        elif full in PROGRAMS:
            self.program(node)
        elif full in PATH_EDITS:
            self._add_paths(node.args[-1:])
        elif last == "append" and node.args and isinstance(node.args[0], ast.Constant):
            word = node.args[0].value
            if isinstance(word, str) and _WORD.match(word):
                self.words.add(word)

    def _named(self, node: ast.Call) -> None:
        """An import by name: the name, or what is constant in it, with the package that it is relative to."""
        first = node.args[0] if node.args else _keyword(node, "name")
        if first is None:
            return
        name = self.evaluate(first)
        anchor = node.args[1] if len(node.args) > 1 else _keyword(node, "package")
        package = (self.evaluate(anchor) if anchor is not None else None) or ""
        if name is None or name.startswith((WILD, FILE)):
            self.opaque = True
        else:
            self.named.add((name, "" if WILD in package or package.startswith("__") else package))

    def _anchored(self, node: ast.Call, full: str) -> None:
        if full.startswith(("os.", "self.", "shutil.", "pathlib.", "re.")):
            return
        value = self.evaluate(node.args[0]) if node.args else None
        if value and WILD not in value and FILE not in value and re.match(r"[A-Za-z_][\w.]*\Z", value):
            self.named.add((value, ""))

    def _groups(self, node: ast.Call) -> None:
        keyword = _keyword(node, "group")
        first = keyword if keyword is not None else (node.args[0] if node.args else None)
        name = None if first is None else self.evaluate(first)
        if name and WILD not in name:
            self.groups.add(name)
        else:
            self.any_group = True

    def _libraries(self, node: ast.Call, last: str) -> None:
        if last == "find_library":
            self.libraries.add("")
        for text in _texts(self.evaluate(item) for item in node.args[:1]):
            if WILD not in text and text != FILE:
                self.libraries.add(f"lib{text}.so" if last == "find_library" else text)

    def program(self, node: ast.Call) -> None:
        first: ast.expr | None = node.args[0] if node.args else _keyword(node, "args")
        for head in self._heads(first, set()) if first is not None else ():
            value = self.evaluate(head)
            if value and not value.startswith((WILD, FILE)):
                self.programs.add(value)
            elif value is None and isinstance(head, ast.Name):
                self.given.add(head.id)

    def _heads(self, node: ast.expr, seen: set[str]) -> Iterator[ast.expr]:
        """Where a command line begins: its first word, or the text that it is split from."""
        if isinstance(node, ast.List | ast.Tuple) and node.elts:
            yield from self._heads(node.elts[0], seen)
        elif isinstance(node, ast.Starred):
            yield from self._heads(node.value, seen)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and self.evaluate(node) is None:
            yield from self._heads(node.left, seen)
        elif isinstance(node, ast.IfExp):
            yield from self._heads(node.body, seen)
            yield from self._heads(node.orelse, seen)
        elif isinstance(node, ast.Call) and isinstance(callee := node.func, ast.Attribute):
            if self.qualified(callee) == "shlex.split":
                yield from node.args[:1]
            elif callee.attr in ("split", "copy"):
                yield from self._heads(callee.value, seen)
            else:
                yield node
        elif (name := _dotted_name(node)) in self.values and name not in seen:
            for value in self.values[name]:
                yield from self._heads(value, seen | {name})
            yield node
        else:
            yield node

    def passed_on(self, nodes: Iterable[ast.AST]) -> None:
        """Functions that start what they are given: a call of one names the program."""
        functions = {
            node.name
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and self.given.intersection(_parameters(node.args))
            and any(
                isinstance(call, ast.Call) and self.qualified(call.func) in PROGRAMS
                for call in ast.walk(node)
            )
        }
        for node in nodes:
            if isinstance(node, ast.Call) and _dotted_name(node.func).rpartition(".")[2] in functions:
                self.program(node)

    def _add_paths(self, nodes: Iterable[ast.expr]) -> None:
        for node in nodes:
            items = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and not self.evaluate(node):
                items = [*_elements(node.left), *_elements(node.right)]
            for value in _texts(self.evaluate(item) for item in items):
                if WILD not in value:
                    self.paths.add(value)

    # -- values -------------------------------------------------------------------------------------------
    def qualified(self, node: ast.expr) -> str:
        """The dotted name of a callee with import aliases undone; "" for what has none."""
        name = _dotted_name(node)
        head, dot, rest = name.partition(".")
        return self.aliases.get(head, head) + dot + rest

    def evaluate(self, node: ast.expr) -> str | None:
        """A text value; `*` stands for each part that is not constant; None where nothing is known."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            if node.id in (FILE, "__name__", "__package__"):
                return node.id
            return self.constants.get(node.id)
        if isinstance(node, ast.JoinedStr):
            return _collapse(self._part(part) for part in node.values)
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._parents(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        return None

    def _part(self, node: ast.expr) -> str:
        if isinstance(node, ast.FormattedValue):
            node = node.value
        value = self.evaluate(node)
        return WILD if value is None else value

    def _operation(self, node: ast.BinOp) -> str | None:
        if isinstance(node.op, ast.Add):
            return _collapse((self._part(node.left), self._part(node.right)))
        if isinstance(node.op, ast.Div):
            left, right = self.evaluate(node.left), self.evaluate(node.right)
            return None if left is None or right is None else f"{left}/{right}"
        if isinstance(node.op, ast.Mod):
            left = self.evaluate(node.left)
            return None if left is None else _collapse(re.split(r"%(?:\(\w+\))?[srd]", left), WILD)
        return None

    def _attribute(self, node: ast.Attribute) -> str | None:
        if node.attr != "parent":
            return None
        value = self.evaluate(node.value)
        return None if value is None else f"{value}/.."

    def _parents(self, node: ast.Subscript) -> str | None:
        if not (isinstance(node.value, ast.Attribute) and node.value.attr == "parents"):
            return None
        value = self.evaluate(node.value.value)
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        return None if value is None or not isinstance(index, int) else value + "/.." * (index + 1)

    def _call(self, node: ast.Call) -> str | None:
        full = self.qualified(node.func)
        last = full.rpartition(".")[2]
        values = [self.evaluate(item) for item in node.args]
        if (
            isinstance(node.func, ast.Attribute)
            and last in ("resolve", "absolute", "as_posix")
            and not node.args
        ):
            return self.evaluate(node.func.value)
        if isinstance(node.func, ast.Attribute) and last == "format":
            text = self.evaluate(node.func.value)
            return None if text is None else _collapse(re.split(r"\{[^{}]*\}", text), WILD)
        if last in ("join", "joinpath") and values and ("path" in full or last == "joinpath"):
            if last == "joinpath" and isinstance(node.func, ast.Attribute):
                values.insert(0, self.evaluate(node.func.value))
            return None if None in values else "/".join(value for value in values if value is not None)
        if not values or values[0] is None:
            return None
        if last == "dirname":
            return f"{values[0]}/.."
        if last in ("abspath", "realpath", "normpath", "expanduser", "Path", "PurePath", "str", "fspath"):
            return values[0]
        return None

    def result(self) -> dict[str, Any]:
        return {
            "imports": sorted([name, level, item] for name, level, item in self.imports),
            "main": sorted([name, level, item] for name, level, item in self.main - self.imports),
            "named": sorted([name, package] for name, package in self.named),
            "dotted": sorted(self.dotted),
            "words": sorted(self.words),
            "groups": sorted(group for group in self.groups if _GROUP.match(group)),
            "any_group": self.any_group,
            "distributions": sorted(self.distributions),
            "paths": sorted(self.paths),
            "libraries": sorted(self.libraries),
            "programs": sorted(self.programs),
            "exports": sorted(self.exports),
            "opaque": self.opaque,
        }


def _dotted_name(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Subscript):
        return _dotted_name(node.value)
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def _parameters(arguments: ast.arguments) -> set[str]:
    """Names under which a function is given the first of what it is called with, `self` left out."""
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args)]
    first = [name for name in names if name not in ("self", "cls")][:1]
    return {*first, *([arguments.vararg.arg] if arguments.vararg else ())}


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in node.keywords if item.arg == name), None)


def _elements(node: ast.expr) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, ast.List | ast.Tuple) else []


def _strings(node: ast.expr) -> Iterator[str]:
    for item in ast.walk(node):
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item.value


def _texts(values: Iterable[str | None]) -> list[str]:
    return [value for value in values if value]


def _collapse(parts: Iterable[str], between: str = "") -> str | None:
    text = re.sub(r"\*+", WILD, between.join(parts))
    return None if text in ("", WILD) else text


# Fields that never hold what `_nodes` looks for: names, contexts and operators.
_PLAIN = frozenset(
    "ctx op ops id attr arg kind type_comment level module asname is_async simple conversion rest".split()
)
_BARE = (ast.Name, ast.alias, ast.Pass, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
# Every kind of node → its fields that may hold nodes. Names are left out, a third of a tree: nothing is below
# them, and nothing is collected from them.
_BRANCHES: dict[type, tuple[str, ...]] = {
    kind: () if kind is ast.Constant else tuple(name for name in kind._fields if name not in _PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST) and not issubclass(kind, _BARE)
}


def _nodes(roots: Iterable[ast.AST]) -> list[ast.AST]:
    """The roots and all below them, names, contexts and operators left out: a quick `ast.walk`."""
    nodes = list(roots)
    branches = _BRANCHES
    for node in nodes:
        for name in branches.get(node.__class__, ()):
            value: Any = getattr(node, name, None)
            kind = type(value)
            if kind is list:
                nodes.extend(child for child in value if type(child) in branches)
            elif kind in branches:
                nodes.append(value)
    return nodes


def _is_main(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
    )


def _scan(tree: ast.Module) -> dict[str, Any]:
    reader = _Reader()
    body: list[ast.AST] = []
    guarded: list[ast.AST] = []  # runs only when the source is the program
    for statement in tree.body:
        if isinstance(statement, ast.If) and _is_main(statement.test):
            guarded.extend(statement.body)
            body.extend(statement.orelse)
        else:
            body.append(statement)
    nodes, main = _nodes(body), _nodes(guarded)
    for node in nodes:
        if node.__class__ in _LEARNT:
            reader.learn(node)
    for node in main:
        reader.learn(node)
    for node in nodes:
        if node.__class__ in _COLLECTED:
            reader.collect(node)
    for node in main:
        if isinstance(node, ast.Import | ast.ImportFrom):
            reader.main.update(reader.imported(node))
        else:
            reader.collect(node)
    if reader.given:
        reader.passed_on([*nodes, *main])
    return reader.result()


_LEARNT = frozenset((ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign))
_WORDS = (ast.List, ast.Tuple, ast.BinOp, ast.IfExp, ast.Call)
_COLLECTED = frozenset(
    (
        ast.Constant,
        ast.Call,
        ast.Import,
        ast.ImportFrom,
        ast.List,
        ast.Tuple,
        ast.Set,
        ast.Assign,
        ast.AugAssign,
    )
)


# CPython's own limit of nested brackets. libcst's parser has none, and overflows the stack.
_NESTING = 200


def _too_deep(data: bytes) -> bool:
    depth = deepest = 0
    for byte in data:
        if byte in b"([{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b")]}":
            depth -= 1
    return deepest > _NESTING or any(len(line) > 10_000 for line in data.splitlines())


def _newer_syntax(data: bytes) -> dict[str, Any] | None:
    """Imports and dotted strings of a source whose grammar is newer than the running interpreter's."""
    if _too_deep(data):
        return None
    import libcst
    from libcst import matchers
    from libcst.helpers import get_full_name_for_node

    try:
        module = libcst.parse_module(data)
    except (libcst.ParserSyntaxError, SyntaxError, ValueError, LookupError, RecursionError):
        return None
    reader = _Reader()
    for found in matchers.findall(
        module, matchers.Import() | matchers.ImportFrom() | matchers.SimpleString()
    ):
        if isinstance(found, libcst.SimpleString):
            text = found.evaluated_value
            if isinstance(text, str) and _DOTTED.match(text):
                reader.dotted.add(text)
        elif isinstance(found, libcst.Import):
            reader.imports.update((get_full_name_for_node(item.name) or "", 0, "") for item in found.names)
        elif isinstance(found, libcst.ImportFrom):
            name = "" if found.module is None else get_full_name_for_node(found.module) or ""
            names = (
                ["*"]
                if isinstance(found.names, libcst.ImportStar)
                else [get_full_name_for_node(item.name) or "" for item in found.names]
            )
            reader.imports.update((name, len(found.relative), item) for item in names)
    reader.opaque = any(name in data for name in (b"import_module(", b"__import__(", b"import_string("))
    return reader.result()


def _line_by_line(data: bytes) -> dict[str, Any]:
    reader = _Reader()
    for dots, module, names, plain in _IMPORT_LINE.findall(data):
        for item in plain.decode("ascii", "ignore").split(","):
            if item.split():
                reader.imports.add((item.split()[0], 0, ""))
        for item in names.decode("ascii", "ignore").split(","):
            if item.split():
                reader.imports.add((module.decode("ascii", "ignore"), len(dots), item.split()[0]))
    return reader.result()


@uncollected
def read_source(data: bytes) -> dict[str, Any]:
    """Facts of one source: see `_Reader.result`. Never raises: what cannot be parsed is read by lines."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _scan(ast.parse(data))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _newer_syntax(data) or _line_by_line(data)


_BYTECODE_NAME = re.compile(rb"[\x5a\x7a\xda\xfa]([\x01-\x7f])")


def read_bytecode(data: bytes) -> dict[str, Any]:
    """Names in a compiled module without its source: every short ASCII text of its marshalled constants.

    Which of them are imports cannot be told without running that version's unmarshaller, so all of them are
    candidates (Python/marshal.c: type codes `z`, `Z`, with or without FLAG_REF, then one byte of length).
    """
    reader = _Reader()
    for match in _BYTECODE_NAME.finditer(data):
        text = data[match.end() : match.end() + match[1][0]]
        if len(text) == match[1][0] and re.fullmatch(rb"[A-Za-z_][\w.]*", text):
            reader.imports.add((text.decode(), 0, ""))
            reader.imports.add((text.decode(), 1, ""))
    return reader.result()


_KINDS = ("imports", "named", "dotted", "words", "groups", "distributions", "libraries", "programs")


def read_archive(data: bytes) -> dict[str, Any] | None:
    """Facts of all sources in a zip that is imported from or run (zipimport, zipapp), as of one source: its
    relative imports stay inside. None for what is no zip."""
    merged: dict[str, set[Any]] = {kind: set() for kind in _KINDS}
    opaque = False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist():
                if not item.filename.endswith(".py") or item.file_size > _LARGEST:
                    continue
                facts = read_source(archive.read(item))
                opaque = opaque or facts["opaque"]
                for kind in _KINDS:
                    merged[kind].update(
                        tuple(row) if isinstance(row, list) else row
                        for row in (*facts[kind], *_main(kind, facts))
                    )
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return None
    merged["imports"] = {row for row in merged["imports"] if not row[1]}
    rows = {
        kind: sorted(list(row) if isinstance(row, tuple) else row for row in merged[kind]) for kind in _KINDS
    }
    return {**_Reader().result(), **rows, "opaque": opaque}


def _main(kind: str, facts: dict[str, Any]) -> list[Any]:
    return list(facts["main"]) if kind == "imports" else []


_C_STRING = re.compile(rb"\0([A-Za-z_][A-Za-z0-9_.]{1,78})(?=\0)")
_C_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


def read_extension(data: bytes) -> list[str]:
    """Names that an extension module may import: the C strings of one that calls PyImport_Import…"""
    if b"PyImport_Import" not in data and b"PyImport_GetModule" not in data:
        return []
    names = set(_C_STRING.findall(data))
    return sorted(text.decode() for text in names if _C_NAME.fullmatch(text))


_SHEBANG = re.compile(rb"\A#!\s*(?:\S*/env\s+(?:-\S+\s+)*)?(\S*(?:python|pypy)[\d.]*t?)(?:\s|\Z)")
_TRAMPOLINE = re.compile(rb"\A#!/bin/sh\n'''exec' \"?([^\n\"]*?(?:python|pypy)[\d.]*t?)\"? ")


def read_shebang(data: bytes) -> str | None:
    """The interpreter in the head of a Python script: a path, or a name for `env` to find; None for any other
    file. `/bin/sh` over an `exec` of it counts as well (pip writes that where the path is long)."""
    match = _SHEBANG.match(data) or _TRAMPOLINE.match(data)
    return match[1].decode("utf-8", "surrogateescape") if match else None


_MODULE_OPTION = re.compile(rb"(?:\A|\s)-m[ \t]*([A-Za-z_][\w.]*)")
_CONFIG_NAME = re.compile(rb"(?<![\w./@-])[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+(?![\w/@-])")


def read_config_words(data: bytes) -> dict[str, list[str]]:
    """Names in a text that configures or starts a program (logging, Celery, Gunicorn, supervisor, a shell
    script): `modules` of `-m` options, `dotted` candidates for imports."""
    if b"\0" in data:
        return {"modules": [], "dotted": []}
    return {
        "modules": sorted({match.decode() for match in _MODULE_OPTION.findall(data)}),
        "dotted": sorted({match.decode() for match in _CONFIG_NAME.findall(data) if len(match) < 200}),
    }


def _extractor(
    name: str, function: Callable[[bytes], Any], limit: int | None = None, version: int = 1
) -> Extractor:
    return Extractor(f"python.{name}", version, function, limit)


SOURCE = _extractor("source", read_source, version=3)
ARCHIVE = _extractor("archive", read_archive, version=3)
BYTECODE = _extractor("bytecode", read_bytecode)
EXTENSION = _extractor("extension", read_extension)
SHEBANG = _extractor("shebang", read_shebang, 256)
CONFIG_WORDS = _extractor("config_words", read_config_words, 1 << 18)
