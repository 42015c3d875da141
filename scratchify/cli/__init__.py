"""The root of the command line: which commands there are, and the one boundary that every error passes.

A command is a module with a function `command` whose typer-annotated parameters are its arguments; it
returns its exit code (None counts as clean). Only the module of the called command is imported, and
neither `--help` nor `--version` of the root imports any.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzer.errors import EXIT_BUG, EXIT_CANNOT, EXIT_CLEAN, EXIT_INTERRUPTED, ScratchifyError
from analyzer.values import frozen
from scratchify import __version__

if TYPE_CHECKING:
    from typer import TyperException

# What a shell reports for a program that SIGPIPE ended: whoever read our output has left.
EXIT_BROKEN_PIPE = 141
ISSUES_URL = "https://github.com/scratchify/scratchify/issues"


@frozen
class Command:
    """One command: its name, the module with its function, one line for the list of commands."""

    name: str
    module: str
    help: str


# In the order in which a newcomer meets them.
COMMANDS: tuple[Command, ...] = (
    Command("rewrite", "scratchify.cli.rewrite", "slim an image by rewriting its Dockerfile"),
    Command("trace", "scratchify.cli.trace", "watch an image run and keep the recording"),
    Command("why", "scratchify.cli.why", "say why a path is in the slim image, or is not"),
    Command("verify", "scratchify.cli.verify", "see whether a rewritten Dockerfile still does it all"),
    Command("check", "scratchify.cli.check", "see whether a rewritten Dockerfile drifted, without an engine"),
    Command("lint", "scratchify.cli.lint", "find what is wrong in Dockerfiles, and mend it"),
    Command("graph", "scratchify.cli.graph", "show what depends on what in a Dockerfile"),
    Command("strip", "scratchify.cli.strip", "take the block out of a rewritten Dockerfile"),
)

USAGE = "Usage: scratchify [--version] [--help] COMMAND [ARGUMENT]…"


class UsageError(ScratchifyError):
    """The command line itself is wrong."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; `argv` is without the program's name."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if threading.current_thread() is threading.main_thread():
        # Whoever ends us politely gets the same cleaning up as Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        # A file name that is not UTF-8 is still printed, as an escape.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except ScratchifyError as error:
        return _refuse(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more on its way out, and must find it writable.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the boundary: whatever arrives here is our fault
        return _own_up(error)


def _dispatch(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first in ("--help", "-h", "help"):
        print(_root_help())
        return EXIT_CLEAN
    if first == "--version":
        print(f"scratchify {__version__}")
        return EXIT_CLEAN
    if not arguments:
        print(_root_help(), file=sys.stderr)
        return EXIT_CANNOT
    for command in COMMANDS:
        if command.name == first:
            return _run(command, arguments[1:])
    kind, known = (
        ("option", ["--help", "--version"])
        if first.startswith("-")
        else ("command", [command.name for command in COMMANDS])
    )
    raise UsageError(f"scratchify: no such {kind}: {first}", hint=_nearest(first, known, "scratchify"))


def _run(command: Command, arguments: list[str]) -> int:
    """Import the command's module, let typer read the arguments, call it."""
    # Imports make many objects that stay; a collection between them finds nothing and takes its time.
    gc.disable()
    import typer

    module = importlib.import_module(command.module)
    gc.freeze()
    gc.enable()
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["-h", "--help"]}
    app.command(command.name, context_settings=settings)(module.command)
    parser = typer.main.get_command(app)
    prog = f"scratchify {command.name}"
    try:
        with parser.make_context(prog, arguments) as context:
            code = parser.invoke(context)
    except typer.Exit as ending:
        code = ending.exit_code
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    except typer.TyperException as error:
        raise _usage_error(prog, error) from error
    return EXIT_CLEAN if code is None else int(code)


def _usage_error(prog: str, error: TyperException) -> UsageError:
    # typer gives its unknown options the nearest known ones, in a form that reads as a list of all.
    near = getattr(error, "possibilities", None)
    if near is None:
        return UsageError(f"{prog}: {error.format_message()}", hint=f"see `{prog} --help`")
    return UsageError(
        f"{prog}: {error.message}", hint=_nearest(getattr(error, "option_name", ""), near, prog)
    )


def _nearest(word: str, known: Sequence[str], prog: str) -> str:
    """A hint for a mistyped word: the nearest known one, and where the list of all stands."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    listing = f"see `{prog} --help`"
    return f"did you mean {near[0]}? {listing}" if near else listing


def _root_help() -> str:
    width = max((len(command.name) for command in COMMANDS), default=0)
    lines = [f"  {command.name:<{width}}  {command.help}" for command in COMMANDS]
    return "\n".join(
        [
            USAGE,
            "",
            "Slims container images by rewriting their Dockerfile, and checks Dockerfiles.",
            "",
            "Commands:",
            *lines,
            "",
            "`scratchify COMMAND --help` lists a command's arguments.",
            "Exit codes: 0 clean, 1 the answer is no, 2 cannot answer, 3 our own fault, 130 interrupted.",
        ]
    )


def _refuse(error: ScratchifyError) -> int:
    """Say what an expected error says, on stderr: what it is and what to do last, where people look."""
    parts = [error.detail.rstrip("\n")] if error.detail else []
    parts.append(error.message)
    if error.hint:
        parts.append(f"hint: {error.hint}")
    print("\n".join(parts), file=sys.stderr)
    return error.exit_code


def _own_up(error: Exception) -> int:
    """Say that this is our bug and where to report it; the traceback only for who asks for it."""
    if os.environ.get("SCRATCHIFY_DEBUG") == "1":
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    print(
        f"scratchify {__version__} failed: {type(error).__name__}: {error}\n"
        f"This is a fault of scratchify's own. Please report it at {ISSUES_URL}\n"
        "hint: SCRATCHIFY_DEBUG=1 shows the traceback, which helps us most",
        file=sys.stderr,
    )
    return EXIT_BUG
