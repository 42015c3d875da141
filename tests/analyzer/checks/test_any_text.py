"""Whatever stands in a file: every rule runs to its end, and each finding lies in the text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.checks.runner import find
from analyzer.checks.selection import Selection
from analyzer.checks.table import RULES
from tests.analyzer.checks.linting import EVERYTHING, subject

_KEYWORDS = st.sampled_from(
    """FROM RUN COPY ADD ENV ARG LABEL USER WORKDIR EXPOSE VOLUME CMD ENTRYPOINT HEALTHCHECK SHELL ONBUILD
    STOPSIGNAL MAINTAINER""".split()
)
_WORDS = st.sampled_from(
    """debian:12¦scratch¦AS¦a¦--from=a¦--platform=$X¦--mount=type=cache,target=/x¦é¦#¦apt-get¦install¦-y¦update¦
apk¦add¦pip¦npm¦curl¦wget¦cd¦/a¦..¦*¦&&¦|¦;¦$X¦${Y:-b}¦A=1¦B=$A¦"c¦d'¦["e", "f"]¦[¦<<E¦E¦\\¦CMD¦NONE¦80/tcp¦
chown¦-R¦rm¦-rf¦sh¦-c¦'apt-get install a'¦find¦-exec¦{}""".replace("\n", "").split("¦")
)
_LINES = st.builds(
    lambda keyword, words: " ".join((keyword, *words)), _KEYWORDS, st.lists(_WORDS, max_size=9)
)


@settings(max_examples=150)
@given(lines=st.lists(_LINES | _WORDS, max_size=9))
def test_every_rule_runs_to_its_end(lines: list[str]) -> None:
    text = "\n".join(lines)
    findings, _ = find(subject(text), RULES, Selection(EVERYTHING))
    size = len(text.encode())
    for each in findings:
        assert 0 <= each.span.start <= each.span.end <= size
        for edit in each.fix.edits if each.fix else ():
            assert 0 <= edit.span.start <= edit.span.end <= size


NAMES = ["a" * 5000, "a\x01b", "[" * 300, "../../../../etc/passwd", "/", "$X", "é" * 200, "a/" * 2000]


@pytest.mark.parametrize("name", NAMES, ids=[name[:9] for name in NAMES])
def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    text = f'FROM a:1\nCOPY {name} {name}b /x/\nADD {name} /y/\nCOPY . .\nENTRYPOINT ["./{name}"]\n'
    find(subject(text, tmp_path), RULES, Selection(EVERYTHING))
    find(subject(text, tmp_path / "none"), RULES, Selection(EVERYTHING))


REFUSED = [
    (
        "all below a FROM that is refused",
        "FROM a b\nRUN apt-get install x\nCOPY --from=a . .\nENV A=1 B=$A\nUSER u\n",
    ),
    ("nothing but instructions of a stage", "RUN a\nEXPOSE 80\nCMD b\n"),
    ("no instruction", "# a\n"),
    ("no text", ""),
]


@pytest.mark.parametrize("text", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_text_is_checked_all_the_same(text: str) -> None:
    find(subject(text), RULES, Selection(EVERYTHING))
