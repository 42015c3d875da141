"""Tables of cron (crontab(5)) as the shell text that they come to."""

from __future__ import annotations

import re
import shlex
from typing import Any

from analyzer.resolvers.interface import Extractor
from analyzer.resolvers.service_table import BY_PROGRAM
from analyzer.resolvers.shellfacts import facts_of
from analyzer.shell import read

# The service's name in service_table.py, as a source of evidence: it reads the tables.
CRON = "cron"

_TIME = re.compile(r"\s*(?:@\w+|(?:[\d*,/~a-zA-Z-]+\s+){4}[\d*,/~a-zA-Z-]+)\s+")
_SETTING = re.compile(r"\s*[\"']?(\w+)[\"']?\s*=\s*(.*?)\s*\Z")
_INPUT = re.compile(r"(?<!\\)%.*")  # what stands behind it is the command's input


def read_crontab(data: bytes) -> dict[str, Any]:
    """Facts of a user's table, as shellfacts.py has them."""
    return _facts(data, users=False)


def read_system_crontab(data: bytes) -> dict[str, Any]:
    """The same of a table that has a user's name before the command."""
    return _facts(data, users=True)


USER_TABLE = Extractor("crontab.user", 1, read_crontab, 1 << 20)
SYSTEM_TABLE = Extractor("crontab.system", 1, read_system_crontab, 1 << 20)


def is_cron(program: str) -> bool:
    """Whether a program of this name reads such tables."""
    return program in BY_PROGRAM and BY_PROGRAM[program].name == CRON


def table_of(path: str) -> Extractor:
    """How a table is read, by its path."""
    return SYSTEM_TABLE if path == "/etc/crontab" or path.startswith("/etc/cron.d/") else USER_TABLE


def _facts(data: bytes, *, users: bool) -> dict[str, Any]:
    text: list[str] = []
    shell = "/bin/sh"
    for line in data.decode("utf-8", "replace").splitlines():
        time = _TIME.match(line)
        setting = _SETTING.match(line)
        if line.lstrip().startswith("#"):
            continue
        if setting:
            value = setting[2].strip("\"'")
            shell = value if setting[1] == "SHELL" else shell
            text.append(f"{setting[1]}={shlex.quote(value)}")
        elif time:
            command = _INPUT.sub("", line[time.end() :]).replace("\\%", "%")
            text.append(re.sub(r"\A\S+\s+", "", command) if users else command)
    if any(not _SETTING.match(line) for line in text):
        text.append(shell)
    return facts_of(read("\n".join(text)))
