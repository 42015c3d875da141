"""Laws of the reader: nothing is lost, nothing crashes, spans point at what they name."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.syntax import parse
from analyzer.errors import InputError

FRAGMENTS = st.sampled_from(
    [
        *("FROM a", "RUN", "COPY", "ENV A=1", "ONBUILD", "ADD <<E /", "E", "<<-E", "<< E", "#", "# escape=`"),
        *(
            "\\",
            "`",
            "\n",
            "\r\n",
            "\r",
            " ",
            "\t",
            '"',
            "'",
            "[",
            "]",
            '"a"',
            ",",
            "$X",
            "${X:-",
            "}",
            "--from=a",
        ),
        *("\ufeff", "é", "\u00a0", "\x85", "\U0001f600", "--mount=type=bind", "=", "<<"),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=40).map("".join) | st.text()


@given(TEXTS)
def test_writing_back_is_the_identity(text: str) -> None:
    data = text.encode()
    if b"\0" in data:
        return
    dockerfile = parse(data)
    assert dockerfile.render() == data
    ends = [item.span for item in dockerfile.items]
    assert all(before.end == after.start for before, after in pairwise(ends))


@given(TEXTS)
def test_spans_hold_what_the_words_say(text: str) -> None:
    data = text.encode()
    if b"\0" in data:
        return
    for node in read(data).dockerfile.instructions:
        span = node.span_of(node.name)
        written = data[span.start : span.end].decode()
        if "\n" not in written:
            assert written == node.name.text


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_reason(data: bytes) -> None:
    try:
        assert read(data).dockerfile.render() == data
    except InputError as error:
        assert error.problems[0].message.startswith("not a text file")
