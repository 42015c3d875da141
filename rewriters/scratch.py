"""The slim stage's configuration: the instructions that give an image the original's configuration.

Values are escaped as BuildKit's shell lexer reads them back, under the file's own escape character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from analyzer.errors import ScratchifyError
from analyzer.image import DEFAULT_PATH, Healthcheck, ImageConfig

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_UNITS = ((3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1, "ns"))


def instructions(config: ImageConfig, escape: str = "\\") -> list[str]:
    """Instructions, one a line, for `FROM scratch` to end with this configuration.

    Raises ScratchifyError for a value that no Dockerfile can say (a line break in a variable or label).
    """
    return list(_instructions(config, escape))


def _instructions(config: ImageConfig, escape: str) -> Iterator[str]:
    for name, value in config.env:
        if (name, value) != ("PATH", DEFAULT_PATH):
            yield f"ENV {name}={word(value, escape, f'the variable {name}')}"
    for name, value in config.labels:
        what = f"the label {name}"
        yield f"LABEL {word(name, escape, what)}={word(value, escape, what)}"
    if config.exposed:
        yield "EXPOSE " + " ".join(port.removesuffix("/tcp") for port in config.exposed)
    if config.workdir and config.workdir != "/":
        yield f"WORKDIR {word(config.workdir, escape, 'the working directory')}"
    if config.volumes:
        yield f"VOLUME {_json([_dollars(volume, escape) for volume in config.volumes])}"
    if config.user:
        yield f"USER {word(config.user, escape, 'the user')}"
    if config.stop_signal:
        yield f"STOPSIGNAL {word(config.stop_signal, escape, 'the stop signal')}"
    if config.shell:
        yield f"SHELL {_json(config.shell)}"
    if config.healthcheck and config.healthcheck.test:
        yield _healthcheck(config.healthcheck)
    if config.entrypoint:
        yield f"ENTRYPOINT {_json(config.entrypoint)}"
    if config.cmd:
        yield f"CMD {_json(config.cmd)}"
    for trigger in config.onbuild:
        yield f"ONBUILD {trigger}"


def word(value: str, escape: str, what: str) -> str:
    """One word that the lexer reads back as `value`: plain where it may be, else in double quotes."""
    if "\n" in value or "\r" in value:
        raise ScratchifyError(
            f"{what} of the image holds a line break, which no Dockerfile instruction can say",
            hint="set it without the line break, or at run time",
        )
    if _PLAIN.fullmatch(value):
        return value
    return '"' + re.sub(r'["$' + re.escape(escape) + "]", lambda found: escape + found[0], value) + '"'


def _dollars(value: str, escape: str) -> str:
    return re.sub(r"[\"'$" + re.escape(escape) + "]", lambda found: escape + found[0], value)


def _json(words: Sequence[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False)


def _healthcheck(check: Healthcheck) -> str:
    if check.test[0] == "NONE":
        return "HEALTHCHECK NONE"
    options = "".join(
        f" --{name}={_duration(value)}"
        for name, value in (
            ("interval", check.interval),
            ("timeout", check.timeout),
            ("start-period", check.start_period),
            ("start-interval", check.start_interval),
        )
        if value
    )
    if check.retries:
        options += f" --retries={check.retries}"
    command = _json(check.test[1:]) if check.test[0] == "CMD" else " ".join(check.test[1:])
    return f"HEALTHCHECK{options} CMD {command}"


def _duration(nanoseconds: int) -> str:
    """A Go duration in the largest unit that says it in whole numbers."""
    unit, name = next((unit, name) for unit, name in _UNITS if nanoseconds % unit == 0)
    return f"{nanoseconds // unit}{name}"
