"""`scratchify lint`: what is wrong in Dockerfiles, printed or mended."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analyzer.checks import formats
from analyzer.checks.discovery import STANDARD_INPUT, discover
from analyzer.checks.session import Checked, Flags, Session
from analyzer.checks.table import RULES, rule_named
from analyzer.errors import EXIT_CLEAN, EXIT_NO, ScratchifyError
from analyzer.settings import SEVERITIES
from scratchify import __version__

MANY = 48
"""From so many files on, starting more processes pays."""


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"


class FailOn(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    STYLE = "style"
    NEVER = "never"


def command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]…", help="Files, folders, or - for standard input. Default: this folder."
        ),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write the safe fixes into the files.")] = False,
    unsafe_fixes: Annotated[
        bool, typer.Option("--unsafe-fixes", help="With --fix or --diff: the unsafe fixes too.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what --fix would change; write nothing.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = Format.TEXT,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", help="Run these alone: names, prefixes, all, default, buildkit, hadolint, slim."
        ),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Leave these out.")] = None,
    severity: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE=LEVEL", help="Weigh a rule: error, warning, info, style."),
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with 1 from this severity on. Default: info.")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="STAGE", help="Check what this stage needs.")] = None,
    context: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The build context. Default: the Dockerfile's folder.")
    ] = None,
    build_arg: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="A build argument, as for docker build.")
    ] = None,
    explain: Annotated[str | None, typer.Option(metavar="RULE", help="Say what a rule is about.")] = None,
) -> int:
    """Find what is wrong in Dockerfiles, and mend what can be mended."""
    if explain is not None:
        return _explain(explain)
    session = Session(
        Flags(
            select=_words(select),
            ignore=_words(ignore),
            severity=_severities(severity),
            fail_on=fail_on.value if fail_on else None,
            target=target,
            context=context,
            build_args=_build_args(build_arg),
        ),
        fingerprints=output not in (Format.TEXT, Format.GITHUB),
    )
    names = discover(paths or ["."], session.skips)
    if not names:
        print("no Dockerfile found", file=sys.stderr)
    if fix or diff:
        return _mend(session, names, output, unsafe=unsafe_fixes, write=not diff)
    tally = Tally()
    _print(output, tally.counted(_checked(session, names)))
    _say(tally.summary())
    return EXIT_NO if tally.failed else EXIT_CLEAN


@dataclass(slots=True)
class Tally:
    """What a run has seen so far."""

    files: int = 0
    found: Counter[str] = field(default_factory=Counter)
    fixable: int = 0
    fixed: int = 0
    failed: bool = False

    def counted(self, files: Iterable[Checked]) -> Iterator[Checked]:
        for file in files:
            self.files += 1
            self.failed = self.failed or file.failed
            for each in file.found:
                self.found[each.severity] += 1
                self.fixable += each.safe
            yield file

    def summary(self) -> str:
        return formats.summary(self.files, dict(self.found), self.fixable, self.fixed)


def _checked(session: Session, names: list[str]) -> Iterator[Checked]:
    """Check the files in order, many of them in several processes."""
    processes = min(os.cpu_count() or 1, len(names) // (MANY // 2))
    if len(names) < MANY or processes < 2:
        yield from map(session.check, names)
        return
    import multiprocessing

    # A fork has all that is imported; where there is none, each process imports it.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with multiprocessing.get_context(method).Pool(processes, initializer=_as_worker) as pool:
        yield from pool.imap(
            _Report(session), names, chunksize=max(1, min(32, len(names) // (processes * 8)))
        )


def _as_worker() -> None:
    """An interrupt is the parent's to handle, and its end of us is no interrupt."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@dataclass(frozen=True, slots=True)
class _Report:
    """A check that leaves out the bytes, which nobody prints and every process would have to send."""

    session: Session

    def __call__(self, name: str) -> Checked:
        checked = self.session.check(name)
        return Checked(checked.path, None, checked.found, checked.failed)


def _print(output: Format, files: Iterable[Checked]) -> None:
    if output is Format.TEXT:
        pieces = formats.text(files, color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    elif output is Format.SARIF:
        pieces = formats.sarif(files, RULES, __version__)
    else:
        table = {Format.JSON: formats.as_json, Format.GITHUB: formats.github, Format.GITLAB: formats.gitlab}
        pieces = table[output](files)
    for piece in pieces:
        sys.stdout.write(piece)


def _mend(session: Session, names: list[str], output: Format, *, unsafe: bool, write: bool) -> int:
    """Fix files, or show the difference; what is left is printed as without --fix."""
    from rewriters.fixes import write_whole

    tally = Tally()
    changed = False

    def mended() -> Iterator[Checked]:
        nonlocal changed
        for name in names:
            checked = session.check(name)
            if checked.data is None or not any(each.edits for each in checked.found):
                yield checked
                continue
            data, fixed, left = _fixed(session, checked, unsafe=unsafe)
            tally.fixed += fixed
            if data != checked.data:
                changed = True
                if not write:
                    sys.stdout.write(_difference(name, checked.data, data))
                elif name != STANDARD_INPUT:
                    write_whole(Path(name), data)
            if write and name == STANDARD_INPUT:
                sys.stdout.buffer.write(data)
            yield left

    if not write or names == [STANDARD_INPUT]:
        # Standard output holds the difference or the fixed text, and nothing else.
        for _ in tally.counted(mended()):
            pass
    else:
        _print(output, tally.counted(mended()))
    _say(tally.summary())
    return EXIT_NO if tally.failed or (changed and not write) else EXIT_CLEAN


def _fixed(session: Session, checked: Checked, *, unsafe: bool) -> tuple[bytes, int, Checked]:
    """The fixed text, how many findings that took away, and what is left to report."""
    from rewriters.fixes import apply_fixes

    assert checked.data is not None
    result = apply_fixes(checked.data, session.finder(checked.path), unsafe=unsafe)
    return result.data, len(result.mended), session.check_data(checked.path, result.data)


def _difference(name: str, before: bytes, after: bytes) -> str:
    import difflib

    old, new = (text.decode("utf-8", "surrogateescape").splitlines(keepends=True) for text in (before, after))
    lines = difflib.unified_diff(old, new, name, name)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _explain(name: str) -> int:
    rule = rule_named(name)
    if rule is None and (code := re.fullmatch(r"SC[0-9]{4}", name.upper())):
        print(f"{code[0]} is ShellCheck's: https://www.shellcheck.net/wiki/{code[0]}")
        return EXIT_CLEAN
    if rule is None:
        from analyzer.checks.selection import unknown_rule

        raise unknown_rule(RULES, name)
    from analyzer.checks.pages import page

    print(page(rule), end="")
    return EXIT_CLEAN


def _say(line: str) -> None:
    if line:
        sys.stdout.flush()
        print(line, file=sys.stderr)


def _words(values: list[str] | None) -> tuple[str, ...]:
    """`--select A,B --select C`."""
    return tuple(word for value in values or () for part in value.split(",") if (word := part.strip()))


def _severities(values: list[str] | None) -> tuple[tuple[str, str], ...]:
    found = []
    for value in _words(values):
        rule, equals, level = value.partition("=")
        if not equals or level not in SEVERITIES:
            raise ScratchifyError(
                f"--severity {value}: not RULE=LEVEL", hint=f"LEVEL is one of {', '.join(SEVERITIES)}"
            )
        found.append((rule, level))
    return tuple(found)


def _build_args(values: list[str] | None) -> dict[str, str]:
    """`K=V`, or `K` for the value that the environment has, as `docker build` takes them."""
    found: dict[str, str] = {}
    for value in values or ():
        name, equals, text = value.partition("=")
        if equals:
            found[name] = text
        elif name in os.environ:
            found[name] = os.environ[name]
    return found
