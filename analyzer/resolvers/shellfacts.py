"""What a shell script says, as facts: its calls, assignments and the paths it names, ready to be expanded.

A word is a list of parts: a string is constant text, `["v", NAME, DEFAULT]` a variable, `["d"]` the directory
of the script itself, `["?"]` what is known only at run time. A word with a wildcard ends in `["*"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from analyzer.resolvers.interface import Extractor
from analyzer.shell import Shell, Word, read, shebang_of
from analyzer.shell.calls import Call, calls
from analyzer.shell.model import Script

# Scripts beyond this are data with a shell in front (self-extracting archives): the start says enough.
_LIMIT = 1 << 20

# Words of a call that are looked at, and values of a variable that are followed.
_WORDS = 40
_VALUES = 16

_LOOP = re.compile(rb"(?:^|[;&|\s])(?:for|select)\s+([A-Za-z_]\w*)\s+in\s+([^;\n]+)")
_OWN_DIRECTORY = re.compile(r"dirname\s.*(\$0|BASH_SOURCE|\$\{0)|readlink\s.*(\$0|BASH_SOURCE)")
_OWN_PREFIX = re.compile(r"\$\{(0|BASH_SOURCE(\[0\])?)%/\*\}")


def read_script(data: bytes) -> dict[str, Any] | None:
    """Facts of a shell script, None for what no shell runs: `calls` (each a list of words,
    and the names of the wrappers that it is called through), `set` (variables to their words), `reads` and
    `writes` (words of redirections), `functions`, and `fault` when not all of it could be read."""
    if b"\0" in data[:1024]:
        return None
    shell = shebang_of(data) or Shell("bash", "/bin/bash")
    if not shell.readable:
        return None
    return facts_of(read(data, shell))


def facts_of(script: Script) -> dict[str, Any]:
    """The same of a text that is read already."""
    facts: dict[str, Any] = {"calls": [], "set": {}, "reads": [], "writes": [], "functions": []}
    _collect(script, facts, depth=2)
    for name, words in _LOOP.findall(script.source):
        for command in read(b": " + words.strip(), script.shell).commands:
            for word in command.arguments:
                _assign(facts, name.decode(), _template(word))
    facts["functions"] = sorted({function.name for function in script.functions})
    if script.fault is not None:
        facts["fault"] = script.fault.message
    return {name: value for name, value in facts.items() if value}


def _collect(script: Script, facts: dict[str, Any], depth: int) -> None:
    for call in calls(script):
        words = [_template(word) for word in call.words[:_WORDS]]
        facts["calls"].append([words, list(call.through)])
        if depth:
            for text in _nested(call):
                _collect(read(text, script.shell), facts, depth - 1)
    for command in script.commands:
        for assignment in command.assignments:
            values = [assignment.value] if assignment.value is not None else list(assignment.elements)
            for value in values:
                _assign(facts, assignment.name, _template(value))
        for redirection in command.redirections:
            if redirection.target is not None and not redirection.operator.startswith("<<"):
                kind = "reads" if redirection.operator == "<" else "writes"
                facts[kind].append(_template(redirection.target))


def _nested(call: Call) -> Iterator[str]:
    """Shell text that a command takes and runs later: what `trap` is given, what `set --` puts into "$@"."""
    if call.name == "trap" and len(call.words) > 1 and call.values[1] not in ("-", "", None):
        yield call.values[1] or ""
    if call.name == "set" and "--" in call.values:
        yield " ".join(word.text for word in call.words[call.values.index("--") + 1 :])


def _assign(facts: dict[str, Any], name: str, template: list[Any]) -> None:
    values = facts["set"].setdefault(name, [])
    if template not in values and len(values) < _VALUES:
        values.append(template)


def _template(word: Word) -> list[Any]:
    parts: list[Any] = []
    for part in word.parts:
        if part.kind == "text":
            parts.append(part.text)
        elif part.kind == "variable":
            own = _OWN_PREFIX.search(word.text)
            if own is not None and part.text in ("0", "BASH_SOURCE"):
                parts.append(["d"])
            else:
                parts.append(["v", part.text, part.default])
        elif part.kind == "command" and _OWN_DIRECTORY.search(part.text):
            parts.append(["d"])
        else:
            parts.append(["?"])
    if word.pattern:
        parts.append(["*"])
    return parts


SCRIPT = Extractor("shell-script", 1, read_script, _LIMIT)
