"""The language of probes: one a line, what to ask of a running container. Pure: asking.py does the asking.

    http [METHOD] URL [-H 'Name: value']… [-d TEXT|@FILE] [--status N]
    tcp HOST:PORT
    exec COMMAND…
    run [ARGS…]
    host COMMAND…
    crawl URL [--depth N]
    openapi URL|FILE
    structure-test FILE

Words split as in a POSIX shell (XCU 2.2, 2.3) without expansion; `#` at the start of a word begins a comment.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from analyzer.errors import InputError, Problem
from analyzer.image import ImageConfig
from analyzer.recording import Outcome

CRAWL_DEPTH = 2
_DEFAULT_PORTS = {"http": 80, "https": 443}
_METHOD = re.compile(r"[A-Z]+")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:")
# What separates words: the blanks of the POSIX locale. Python's isspace() knows many more.
_BLANKS = " \t"
_DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """One request. `status` None: any status under 400 passes."""

    text: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    data: bytes | None = None
    status: int | None = None

    @property
    def port(self) -> int:
        return port_of(self.url)


@dataclass(frozen=True, slots=True)
class TcpProbe:
    text: str
    port: int


@dataclass(frozen=True, slots=True)
class ExecProbe:
    """A command in the running container, without a shell."""

    text: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunProbe:
    """A container of its own. Without arguments the image's own command runs."""

    text: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostProbe:
    """Shell text for the host's `sh -c`, as written."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class CrawlProbe:
    """Every page of the same origin that links lead to, `depth` links away from the first."""

    text: str
    url: str
    depth: int = CRAWL_DEPTH

    @property
    def port(self) -> int:
        return port_of(self.url)


@dataclass(frozen=True, slots=True)
class OpenapiProbe:
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class StructureProbe:
    text: str
    path: Path


@dataclass(frozen=True, slots=True)
class PortProbe:
    """Not of the language: an exposed port of which nobody said what it speaks. The first asking finds out
    and answers as `http` or `tcp`."""

    text: str
    port: int


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Not of the language: the container starts and keeps running; all that can be asked of a worker."""

    text: str = "start"


Probe = (
    HttpProbe
    | TcpProbe
    | ExecProbe
    | RunProbe
    | HostProbe
    | CrawlProbe
    | OpenapiProbe
    | StructureProbe
    | PortProbe
    | StartProbe
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its quotes taken off; columns of the text count from 1."""

    text: str
    column: int
    end: int


@dataclass(frozen=True, slots=True)
class _Line:
    """One line in words: the kind of probe, what follows it, and where files are sought."""

    text: str
    kind: Word
    words: list[Word]
    folder: Path

    @property
    def probe(self) -> str:
        """The probe as written, without the comment behind it."""
        return self.text[self.kind.column - 1 : (self.words[-1] if self.words else self.kind).end]


class _FaultError(Exception):
    def __init__(self, column: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.column = column
        self.message = message
        self.hint = hint


def port_of(url: str) -> int:
    """The port that a URL of http or https speaks to."""
    parts = urlsplit(url)
    return parts.port or _DEFAULT_PORTS[parts.scheme]


def parse(text: str, source: str = "--probe", folder: Path | None = None) -> list[Probe]:
    """Read probes. `source` names the text in errors; `-d @FILE` and other files are sought in `folder`.

    Raises InputError with every fault: line, column, the line and a caret.
    """
    probes: list[Probe] = []
    problems: list[Problem] = []
    hint = ""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        try:
            words = split_words(line)
            if words:
                probes.append(_probe(line, words, folder or Path()))
        except _FaultError as fault:
            problems.append(Problem(source, number, fault.column, fault.message, line, fault.hint))
            hint = hint or fault.hint
    if problems:
        raise InputError(problems, hint=hint)
    return probes


def split_words(line: str) -> list[Word]:
    """The words of one line, quotes and escapes resolved, nothing expanded."""
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at] in _BLANKS:
            at += 1
        elif line[at] == "#":
            break
        else:
            text, end = _one_word(line, at)
            words.append(Word(text, at + 1, end))
            at = end
    return words


def _one_word(line: str, start: int) -> tuple[str, int]:
    """One word from `start`: its text and where it ends."""
    text: list[str] = []
    at = start
    while at < len(line) and line[at] not in _BLANKS:
        char = line[at]
        if char == "'":
            end = line.find("'", at + 1)
            if end < 0:
                raise _FaultError(at + 1, "this single quote is never closed")
            text.append(line[at + 1 : end])
            at = end + 1
        elif char == '"':
            part, at = _double_quoted(line, at)
            text.append(part)
        elif char == "\\":
            if at + 1 == len(line):
                raise _FaultError(at + 1, "a probe stands on one line: nothing follows this backslash")
            text.append(line[at + 1])
            at += 2
        else:
            text.append(char)
            at += 1
    return "".join(text), at


def _double_quoted(line: str, start: int) -> tuple[str, int]:
    text: list[str] = []
    at = start + 1
    while at < len(line) and line[at] != '"':
        if line[at] == "\\" and at + 1 < len(line) and line[at + 1] in '$`"\\':
            at += 1
        text.append(line[at])
        at += 1
    if at >= len(line):
        raise _FaultError(start + 1, "this double quote is never closed")
    return "".join(text), at + 1


def _probe(line: str, words: list[Word], folder: Path) -> Probe:
    kind, rest = words[0], words[1:]
    reader = _READERS.get(kind.text)
    if reader is None:
        near = difflib.get_close_matches(kind.text, _READERS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else ""
        raise _FaultError(
            kind.column, f"no probe is called `{kind.text}`: it is one of {', '.join(_READERS)}", hint
        )
    return reader(_Line(line, kind, rest, folder))


def _http(line: _Line) -> Probe:
    plain, options = _options(line.words, ("-H", "-d", "--status"))
    method = plain.pop(0) if len(plain) > 1 and _METHOD.fullmatch(plain[0].text) else None
    url = _only(line.kind, plain, "a URL")
    _url(url)
    headers: list[tuple[str, str]] = []
    data: bytes | None = None
    status: int | None = None
    for name, word in options:
        if name == "-H":
            if not _HEADER.match(word.text):
                raise _FaultError(word.column, "a header is written as 'Name: value'")
            key, _, value = word.text.partition(":")
            headers.append((key, value.strip()))
        elif name == "-d":
            data = _data(word, line.folder)
        else:
            status = _number(word, 100, 599)
    default = "GET" if data is None else "POST"
    return HttpProbe(line.probe, method.text if method else default, url.text, tuple(headers), data, status)


def _tcp(line: _Line) -> Probe:
    address = _only(line.kind, line.words, "HOST:PORT")
    host, colon, port = address.text.rpartition(":")
    if not colon or not host:
        raise _FaultError(address.column, "an address is written as HOST:PORT")
    return TcpProbe(line.probe, _number(Word(port, address.column + len(host) + 1, 0), 1, 65535))


def _exec(line: _Line) -> Probe:
    if not line.words:
        raise _FaultError(line.kind.end + 1, "`exec` needs a command")
    return ExecProbe(line.probe, tuple(word.text for word in line.words))


def _run(line: _Line) -> Probe:
    return RunProbe(line.probe, tuple(word.text for word in line.words))


def _host(line: _Line) -> Probe:
    if not line.words:
        raise _FaultError(line.kind.end + 1, "`host` needs a command")
    return HostProbe(line.probe, line.text[line.words[0].column - 1 : line.words[-1].end])


def _crawl(line: _Line) -> Probe:
    plain, options = _options(line.words, ("--depth",))
    url = _only(line.kind, plain, "a URL")
    _url(url)
    depth = CRAWL_DEPTH
    for _, word in options:
        depth = _number(word, 0, 100)
    return CrawlProbe(line.probe, url.text, depth)


def _openapi(line: _Line) -> Probe:
    source = _only(line.kind, line.words, "a URL or a file")
    if source.text.startswith(("http://", "https://")):
        _url(source)
        return OpenapiProbe(line.probe, source.text)
    return OpenapiProbe(line.probe, str(_file(source, source.text, line.folder)))


def _structure(line: _Line) -> Probe:
    source = _only(line.kind, line.words, "a file")
    return StructureProbe(line.probe, _file(source, source.text, line.folder))


_READERS: dict[str, Callable[[_Line], Probe]] = {
    "http": _http,
    "tcp": _tcp,
    "exec": _exec,
    "run": _run,
    "host": _host,
    "crawl": _crawl,
    "openapi": _openapi,
    "structure-test": _structure,
}


def _options(words: list[Word], known: tuple[str, ...]) -> tuple[list[Word], list[tuple[str, Word]]]:
    """Split words into plain ones and (option, value) pairs."""
    plain: list[Word] = []
    options: list[tuple[str, Word]] = []
    queue = iter(words)
    for word in queue:
        name, equals, value = word.text.partition("=")
        if not word.text.startswith("-"):
            plain.append(word)
        elif word.text in known:
            following = next(queue, None)
            if following is None:
                raise _FaultError(word.column, f"`{word.text}` needs a value")
            options.append((word.text, following))
        elif equals and name in known and name.startswith("--"):
            options.append((name, Word(value, word.column + len(name) + 1, word.end)))
        else:
            raise _FaultError(word.column, f"no such option: {word.text} (there are {', '.join(known)})")
    return plain, options


def _only(kind: Word, words: list[Word], what: str) -> Word:
    if not words:
        raise _FaultError(kind.end + 1, f"`{kind.text}` needs {what}")
    if len(words) > 1:
        raise _FaultError(words[1].column, f"`{kind.text}` takes {what} and nothing after it")
    return words[0]


def _url(word: Word) -> SplitResult:
    try:
        parts = urlsplit(word.text)
        port = parts.port
    except ValueError as error:
        raise _FaultError(word.column, f"this is no URL: {error}") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0:
        raise _FaultError(
            word.column, "a URL is written as http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH"
        )
    return parts


def _number(word: Word, low: int, high: int) -> int:
    if not (word.text.isascii() and word.text.isdecimal() and low <= int(word.text) <= high):
        raise _FaultError(word.column, f"`{word.text}` is no whole number from {low} to {high}")
    return int(word.text)


def _data(word: Word, folder: Path) -> bytes:
    if not word.text.startswith("@"):
        return word.text.encode("utf-8", "surrogateescape")
    path = _file(word, word.text[1:], folder)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _FaultError(word.column, f"cannot read {path}: {error.strerror}") from None


def _file(word: Word, name: str, folder: Path) -> Path:
    path = folder / name
    if not path.is_file():
        raise _FaultError(word.column, f"there is no file {path}")
    return path


def default_probes(config: ImageConfig) -> list[Probe]:
    """What to ask when the user says nothing: the health test and each exposed TCP port, else a start."""
    probes: list[Probe] = []
    command = health_command(config)
    if command:
        probes.append(ExecProbe(shlex.join(("exec", *command)), command))
    for exposed in config.exposed:
        number, _, protocol = exposed.partition("/")
        if protocol in ("", "tcp"):
            probes.append(PortProbe(f"port {number}", int(number)))
    return probes or [StartProbe()]


def recorded(outcomes: Iterable[Outcome]) -> list[Probe]:
    """The probes that a recording's outcomes answer. Raises InputError for one that cannot be asked again.

    A health test of several lines is one probe: what is recorded is not split into lines.
    """
    return [_recorded(outcome.probe) for outcome in outcomes]


def _recorded(text: str) -> Probe:
    start = StartProbe()
    if text == start.text:
        return start
    try:
        return _probe(text, split_words(text), Path())
    except _FaultError as fault:
        raise InputError([Problem("recording", 1, fault.column, fault.message, text, fault.hint)]) from None


def health_command(config: ImageConfig) -> tuple[str, ...]:
    """The words that the engine would run as health test; empty where there is none.

    CMD-SHELL takes the image's SHELL, as moby's daemon/health.go does.
    """
    test = config.healthcheck.test if config.healthcheck else ()
    if len(test) > 1 and test[0] == "CMD":
        return test[1:]
    if len(test) > 1 and test[0] == "CMD-SHELL":
        return (*(config.shell or _DEFAULT_SHELL), test[1])
    return ()


def commands_of(probes: Iterable[Probe], config: ImageConfig) -> list[tuple[str, ...]]:
    """The commands that asking starts in containers of the image: its own, unless all probes have theirs."""
    asked = list(probes)
    runs = [
        (config.entrypoint or ()) + (probe.arguments or config.cmd or ())
        for probe in asked
        if isinstance(probe, RunProbe)
    ]
    own = [config.command] if len(runs) < len(asked) or not asked else []
    return own + runs + [probe.command for probe in asked if isinstance(probe, ExecProbe)]


def ports_of(probes: Iterable[Probe]) -> list[int]:
    """The container's TCP ports that these probes speak to, sorted."""
    found: set[int] = set()
    for probe in probes:
        if isinstance(probe, HttpProbe | CrawlProbe | TcpProbe | PortProbe):
            found.add(probe.port)
        elif isinstance(probe, OpenapiProbe) and probe.source.startswith("http"):
            found.add(port_of(probe.source))
    return sorted(found)
