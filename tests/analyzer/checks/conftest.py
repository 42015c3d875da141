"""Counts the examples of rules that held, and prints them by rule below the test report."""

from __future__ import annotations

import textwrap
from collections import Counter

import pytest

_HELD: dict[str, Counter[str]] = {"bad": Counter(), "good": Counter()}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test, _, name = report.nodeid.rpartition("::")[2].partition("[")
    for kind, counts in _HELD.items():
        if report.when == "call" and report.passed and test.startswith(f"test_{kind}_example"):
            counts[name.rpartition(" ")[0]] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from analyzer.checks.selection import group_of

    names = sorted({*_HELD["bad"], *_HELD["good"]})
    if not names:
        return
    terminalreporter.section("examples that held, by rule: bad + good")
    for group in ("buildkit", "hadolint", "slim"):
        rows = [
            f"{name} {_HELD['bad'][name]}+{_HELD['good'][name]}" for name in names if group_of(name) == group
        ]
        terminalreporter.write_line(f"{group}: {len(rows)} rules")
        text = textwrap.fill(", ".join(rows), 108, initial_indent="  ", subsequent_indent="  ")
        terminalreporter.write_line(text)
