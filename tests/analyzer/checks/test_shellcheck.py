"""ShellCheck's findings: at their places in the Dockerfile, chosen and hidden like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.checks import shellcheck
from analyzer.checks.runner import check_bytes
from analyzer.checks.selection import Selection, select
from analyzer.checks.table import RULES
from analyzer.errors import ScratchifyError
from analyzer.settings import LintSettings

installed = pytest.mark.skipif(shellcheck.program() is None, reason="the extra scratchify[shellcheck]")


def _found(text: str, selection: Selection | None = None) -> list[str]:
    """Line, column, code and the text at fault."""
    chosen = selection or Selection(frozenset(), shellcheck=shellcheck.program())
    rows = []
    for each in check_bytes(text.encode(), "Dockerfile", RULES, chosen):
        focus = each.focus
        end = focus.end_column - 1 if focus.end_line == focus.line else None
        rows.append(f"{focus.line}:{focus.column} {each.rule} {each.source[focus.column - 1 : end]}")
    return rows


CASES = [
    ("one line", "FROM a\nRUN ls $x\n", ["2:8 SC2086 $x", "2:8 SC2154 $x"]),
    ("a continued line", "FROM a\nRUN true \\\n  && ls $(pwd)\n", ["3:9 SC2046 $(pwd)"]),
    ("behind letters of several bytes", "FROM a\nRUN echo ä; ls $(pwd)\n", ["2:16 SC2046 $(pwd)"]),
    ("a heredoc", "FROM a\nRUN <<EOF\ntrue\nls $(pwd)\nEOF\n", ["4:4 SC2046 $(pwd)"]),
    ("a heredoc with leading tabs", "FROM a\nRUN <<-EOF\n\tls $(pwd)\nEOF\n", ["3:5 SC2046 $(pwd)"]),
    ("names of ARG and ENV are set", 'FROM a\nARG X\nENV Y=1\nRUN echo "$X$Y"\n', []),
    ("bash by SHELL", 'FROM a\nSHELL ["/bin/bash", "-c"]\nRUN x=(1 2) && echo "${x[@]}"\n', []),
    (
        "sh has no arrays",
        'FROM a\nRUN x=(1 2) && echo "${x[0]}"\n',
        ["2:7 SC3030 (1 2)", "2:22 SC3054 ${x[0]}"],
    ),
    ("a shell of another kind", 'FROM a\nSHELL ["pwsh", "-c"]\nRUN ls $(pwd)\n', []),
    ("the JSON form has no shell", 'FROM a\nRUN ["ls", "$x"]\n', []),
    (
        "a script with its own first line",
        "FROM a\nRUN <<EOF\n#!/bin/bash\nx=(1)\nls $(pwd)\nEOF\n",
        ["4:1 SC2034 x", "5:4 SC2046 $(pwd)"],
    ),
    ("hidden by hadolint's comment", "FROM a\n# hadolint ignore=SC2046\nRUN ls $(pwd)\n", []),
    (
        "hidden by ShellCheck's comment",
        "FROM a\nRUN <<EOF\n# shellcheck disable=SC2046\nls $(pwd)\nEOF\n",
        [],
    ),
    ("inside ONBUILD", "FROM a\nONBUILD RUN ls $(pwd)\n", ["2:16 SC2046 $(pwd)"]),
]


@installed
@pytest.mark.parametrize(("case", "text", "found"), CASES, ids=[row[0] for row in CASES])
def test_findings(case: str, text: str, found: list[str]) -> None:
    assert _found(text) == found


CHOSEN = [
    ("by default", (), (), True),
    ("by name", ("SC2046",), (), True),
    ("by prefix", ("SC20",), (), True),
    ("by group", ("shellcheck",), (), True),
    ("another code", ("SC2086",), (), False),
    ("another group", ("buildkit",), (), False),
    ("left out by name", (), ("SC2046",), False),
    ("left out by prefix", (), ("SC",), False),
    ("left out by group", (), ("shellcheck",), False),
]


@installed
@pytest.mark.parametrize(("case", "chosen", "ignored", "on"), CHOSEN, ids=[row[0] for row in CHOSEN])
def test_selection(case: str, chosen: tuple[str, ...], ignored: tuple[str, ...], on: bool) -> None:
    settings = LintSettings(select=chosen, ignore=(*ignored, "DL", "SLIM"))
    selection = select(RULES, settings, shellcheck.program())
    assert any("SC2046" in row for row in _found("FROM a\nRUN ls $(pwd)\n", selection)) is on


@installed
def test_severity_is_shellchecks_unless_weighed_otherwise() -> None:
    program = shellcheck.program()
    text = b"FROM a\nRUN ls $(pwd)\n"
    (plain,) = check_bytes(text, "Dockerfile", RULES, Selection(frozenset(), shellcheck=program))
    heavy = Selection(frozenset(), severity={"SC2046": "error"}, shellcheck=program)
    (weighed,) = check_bytes(text, "Dockerfile", RULES, heavy)
    assert (plain.severity, weighed.severity) == ("warning", "error")
    assert plain.url == "https://www.shellcheck.net/wiki/SC2046"


def test_without_shellcheck_a_code_cannot_be_selected() -> None:
    with pytest.raises(ScratchifyError) as caught:
        select(RULES, LintSettings(select=("SC2046",)))
    assert "scratchify[shellcheck]" in caught.value.hint


def test_no_program_beside_this_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    shellcheck.program.cache_clear()
    assert shellcheck.program() is None
    shellcheck.program.cache_clear()
