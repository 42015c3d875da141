"""The engine that the end-to-end tests run on; no engine is loud: a failure under CI=true, else a skip."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from analyzer.engines.docker import DockerEngine, find_docker
from analyzer.errors import ScratchifyError
from scripts.engine import NoEngineError, ensure_base_image

NOT_RUN = "THE END-TO-END TESTS DID NOT RUN: no container engine. `make test` brings one along."


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    """A docker engine that answers, with the fixtures' base image in it. What the session made is removed."""
    try:
        found = find_docker()
        ensure_base_image(found)
    except (ScratchifyError, NoEngineError) as error:
        message = f"{NOT_RUN}\n{error}"
        if os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    yield found
    found.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for name, value in report.user_properties
        if name == "fixture"
    ]
    if rows:
        terminalreporter.write_sep("=", "fixtures: megabytes and files before and after, behaviours, seconds")
    for row in sorted(rows):
        terminalreporter.write_line(row)
    if any(NOT_RUN in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_sep("!", NOT_RUN, red=True, bold=True)
