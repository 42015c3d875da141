"""Makefiles (GNU make's manual) as the shell text that their rules come to."""

from __future__ import annotations

import re
from typing import Any

from analyzer.resolvers.interface import Extractor
from analyzer.resolvers.shellfacts import facts_of
from analyzer.shell import read

MAKES = frozenset(("make", "gmake", "bmake"))
_NAME = re.compile(r"/(?:GNUm|[Mm])akefile(?:\.[\w.-]+)?$|\.mk$")

_SETTING = re.compile(r"\s*(?:export\s+|override\s+)*([\w.]+)\s*(?:::?:?|[?+!])?=\s*(.*)")
_SHELL_CALL = re.compile(r"\$[({]shell\s+((?:[^()]|\([^()]*\))*)[)}]")
_REFERENCE = re.compile(r"\$[({]([^(){}]*)[)}]")  # the innermost: a variable, or a function
_AUTOMATIC = re.compile(r"\$[@<^+?*%|]")


def is_makefile(path: str) -> bool:
    """Whether make reads a file of this name by itself, or by custom."""
    return _NAME.search(path) is not None


def read_makefile(data: bytes) -> dict[str, Any]:
    """Facts as shellfacts.py has them: of recipes, of what `shell` is given, and of the variables. What a
    function or an automatic variable gives is known at run time only."""
    text: list[str] = []
    joined = data.decode("utf-8", "replace").replace("\\\n", " ")
    shell = "/bin/sh"
    for line in joined.splitlines():
        text += (_expanded(called) for called in _SHELL_CALL.findall(line))
        setting = _SETTING.match(line)
        if line.startswith("\t"):
            text.append(_expanded(line.lstrip("\t @+-")))
        elif setting and setting[1] == "SHELL":
            shell = setting[2].strip()
        elif setting and setting[1].isidentifier():
            text.append(f'{setting[1]}="{_expanded(setting[2])}"')
        elif ";" in line and not line.startswith("#"):
            text.append(_expanded(line.partition(";")[2]))
    if text:
        text.append(shell)
    return facts_of(read("\n".join(text)))


def _expanded(text: str) -> str:
    """Make's own signs as a shell's: `$(X)` is the variable, `$$` the sign itself."""
    return "$".join(_substituted(part) for part in _SHELL_CALL.sub(r"$$(\1)", text).split("$$"))


def _substituted(text: str) -> str:
    changed = True
    while changed:
        new = _REFERENCE.sub(lambda match: f"\1{match[1]}\2" if match[1].isidentifier() else "\3", text)
        changed, text = new != text, new
    text = _AUTOMATIC.sub("\3", text)
    return text.replace("\1", "${").replace("\2", "}").replace("\3", '"$_"')


MAKEFILE = Extractor("makefile", 1, read_makefile, 1 << 20)
