"""How options of several commands become a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.errors import ScratchifyError
from analyzer.settings import Settings
from rewriters.request import Request
from scratchify.cli.options import join_request


def joined(run_opt: list[str]) -> Request:
    return join_request(
        Path("Dockerfile"),
        Settings(),
        context=Path(),
        target=None,
        probe=None,
        probes=None,
        build_arg=None,
        secret=None,
        ssh=None,
        platform=None,
        build_opt=run_opt,
        run_opt=run_opt,
        timeout=None,
    )


WORDS: dict[str, tuple[list[str], list[str]]] = {
    "words of their own": (["-e", "A=b c", "--read-only"], ["-e", "A=b c", "--read-only"]),
    "a value behind its option": (["-v /a:/b", "--network host"], ["-v", "/a:/b", "--network", "host"]),
    "a value in quotes": (["-e 'A=b c' -e D=1"], ["-e", "A=b c", "-e", "D=1"]),
    "a blank of the value's own": (["--env=A=b c", "-eA=b c"], ["--env=A=b c", "-eA=b c"]),
}


@pytest.mark.parametrize(("given", "words"), WORDS.values(), ids=WORDS.keys())
def test_options_of_the_engine(given: list[str], words: list[str]) -> None:
    request = joined(given)
    assert list(request.run_options) == list(request.build.options) == words


def test_what_every_container_is_run_with_anyway_is_left_out() -> None:
    assert joined(["--rm", "-d", "--detach=true", "--rm -e A=d"]).run_options == ("-e", "A=d")


def test_a_quotation_that_does_not_end() -> None:
    with pytest.raises(ScratchifyError, match="cannot read the option -e 'A=b"):
        joined(["-e 'A=b"])
