"""Plain lines for a file, a moving line and colour for a terminal; nothing of it on standard output."""

from __future__ import annotations

import io

import pytest

from scratchify.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_plain_lines() -> None:
    out = io.StringIO()
    console = Console(out)
    with console.step("build", "Building"):
        console.line("#1 DONE")
    console.note("look here")
    assert out.getvalue().splitlines() == ["Building …", "  #1 DONE", "  0.0 s", "note: look here"]
    assert set(console.timings) == {"build"}


def test_a_terminal_gets_a_mark_when_a_step_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    console = Console(out)
    with console.step("build", "Building"):
        pass
    with pytest.raises(KeyError), console.step("trace", "Running"):
        raise KeyError
    assert "\x1b[32m✓\x1b[0m Building" in out.getvalue()
    assert "\x1b[31m✗\x1b[0m Running" in out.getvalue()


def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    Console(out).note("look")
    assert out.getvalue() == "\r\x1b[Knote: look\n"


def test_a_step_taken_twice_adds_up() -> None:
    console = Console(io.StringIO(), quiet=True)
    for _ in range(2):
        with console.step("save", "Reading"):
            pass
    assert list(console.timings) == ["save"]
