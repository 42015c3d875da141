"""The root of the command line: the boundary, the exit codes, what is imported."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Annotated

import pytest
import typer

import scratchify
from analyzer.errors import NegativeAnswerError, ScratchifyError
from scratchify import cli


def _good(
    word: Annotated[str, typer.Argument()] = "nothing", count: Annotated[int, typer.Option("--count")] = 1
) -> int:
    """Say a word."""
    print(word * count)
    return 0


def _refusing() -> int:
    raise ScratchifyError(
        "no engine answers at unix:///x", detail="dial unix: no such file\n", hint="start it"
    )


def _denying() -> int:
    raise NegativeAnswerError("the file has drifted")


def _broken() -> int:
    raise RuntimeError("left\nright")


def _interrupted() -> int:
    raise KeyboardInterrupt


FUNCTIONS = {
    "good": _good,
    "refusing": _refusing,
    "denying": _denying,
    "broken": _broken,
    "interrupted": _interrupted,
}


@pytest.fixture(autouse=True)
def _commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of commands made for these tests, their modules as lazy as the real ones."""
    for name, function in FUNCTIONS.items():
        module = ModuleType(f"made_{name}")
        module.command = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"made_{name}", module)
    table = tuple(cli.Command(name, f"made_{name}", f"The {name} one.") for name in FUNCTIONS)
    absent = cli.Command("absent", "no_such_module_anywhere", "Its module does not exist.")
    monkeypatch.setattr(cli, "COMMANDS", (*table, absent))
    monkeypatch.delenv("SCRATCHIFY_DEBUG", raising=False)


CASES = [
    ("a command's result", ["good", "hi", "--count", "2"], 0, ["hihi\n"], []),
    ("version", ["--version"], 0, [f"scratchify {scratchify.__version__}\n"], []),
    ("help lists commands without importing them", ["--help"], 0, ["absent", "Its module does not"], []),
    ("a command's own help", ["good", "--help"], 0, ["Say a word.", "--count"], []),
    ("no command", [], 2, [], ["Usage: scratchify"]),
    ("mistyped command", ["goood"], 2, [], ["no such command: goood", "did you mean good?"]),
    (
        "mistyped root option",
        ["--versoin"],
        2,
        [],
        ["no such option: --versoin", "did you mean --version?"],
    ),
    (
        "mistyped option",
        ["good", "--cuont", "2"],
        2,
        [],
        ["No such option: --cuont", "did you mean --count?"],
    ),
    (
        "a value of the wrong type",
        ["good", "--count", "two"],
        2,
        [],
        ["--count", "see `scratchify good --help`"],
    ),
    (
        "an expected error ends with its message and the hint",
        ["refusing"],
        2,
        [],
        ["dial unix: no such file\nno engine answers at unix:///x\nhint: start it\n"],
    ),
    ("the answer is no", ["denying"], 1, [], ["the file has drifted\n"]),
    ("our own bug", ["broken"], 3, [], ["RuntimeError: left", cli.ISSUES_URL]),
    ("a module that cannot be imported is our bug", ["absent"], 3, [], ["ModuleNotFoundError"]),
    ("interrupted", ["interrupted"], 130, [], []),
]


@pytest.mark.parametrize(("case", "argv", "code", "stdout", "stderr"), CASES, ids=[row[0] for row in CASES])
def test_boundary(
    capsys: pytest.CaptureFixture[str],
    case: str,
    argv: list[str],
    code: int,
    stdout: list[str],
    stderr: list[str],
) -> None:
    assert cli.main(argv) == code
    out, err = capsys.readouterr()
    assert all(part in out for part in stdout), out
    assert all(part in err for part in stderr), err
    assert bool(out) == bool(stdout)
    assert bool(err) == bool(stderr)
    assert "Traceback" not in err


def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRATCHIFY_DEBUG", "1")
    assert cli.main(["broken"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_ends_us_quietly() -> None:
    script = (
        "import sys, types; from scratchify import cli\n"
        "made = types.ModuleType('made')\n"
        "def command() -> int:\n"
        "    for _ in range(100000): print('x' * 80)\n"
        "made.command = command; sys.modules['made'] = made\n"
        "cli.COMMANDS = (cli.Command('many', 'made', 'Many lines.'),)\n"
        "sys.exit(cli.main(['many']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == cli.EXIT_BROKEN_PIPE


def test_the_root_imports_no_command_line_library() -> None:
    script = "import sys; from scratchify import cli; cli.main(['--help']); print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    loaded = {name.partition(".")[0] for name in out.splitlines()[-1].split()}
    assert not loaded & {"typer", "click", "rich", "networkx", "libcst", "jinja2", "pydantic", "msgspec"}
