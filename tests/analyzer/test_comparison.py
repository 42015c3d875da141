"""What of two answers is stable, and what another answer changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.comparison import VARIES, differences, stable
from analyzer.recording import Answer
from analyzer.redaction import mark

JSON = "application/json"


def page(body: str, content_type: str = "text/plain", status: int = 200) -> Answer:
    return Answer(True, status, content_type, body)


# Two answers of the original, how they compare, a third answer and what is said of it.
CASES: dict[str, tuple[Answer, Answer, str, Answer, tuple[str, ...]]] = {
    "the same thrice": (page("a\nb"), page("a\nb"), "all", page("a\nb"), ()),
    "a changed line": (
        page("a\nb\n"),
        page("a\nb\n"),
        "all",
        page("a\nc\n"),
        ("body: line 2 was 'b' and is 'c'",),
    ),
    "a missing last line": (page("a\nb"), page("a\nb"), "all", page("a"), ("body: the line 'b' is missing",)),
    "a new line": (page("a"), page("a"), "all", page("a\nb"), ("body: a new line: 'b'",)),
    "an empty body stays empty": (page(""), page(""), "all", page("x"), ("body: line 1 was '' and is 'x'",)),
    "a line that varies": (page("a\nt=1\nz"), page("a\nt=2\nz"), "stable part", page("a\nt=3\nz"), ()),
    "a line that varies in number": (
        page("a\nz"),
        page("a\n1\n2\nz"),
        "stable part",
        page("a\n1\n2\n3\nz"),
        (),
    ),
    "what is fixed around it still counts": (
        page("a\nt=1\nz"),
        page("a\nt=2\nz"),
        "stable part",
        page("a\nt=3\ny"),
        ("body: line 1 was 'z' and is 'y'",),
    ),
    "a fixed line between two that vary": (
        page("1\nmid\n2"),
        page("3\nmid\n4"),
        "stable part",
        page("5\n6"),
        ("body: the line 'mid' is missing",),
    ),
    "all lines vary": (page("1"), page("2"), "status alone", page("3"), ()),
    "only blank lines are fixed": (page("1\n"), page("2\n"), "status alone", page("3\n"), ()),
    "the status of what varies": (
        page("1"),
        page("2"),
        "status alone",
        page("3", status=404),
        ("status 200 became 404",),
    ),
    "another Content-Type": (
        page("a", "text/html"),
        page("a", "text/html"),
        "all",
        page("a", "text/plain"),
        ("Content-Type text/html became text/plain",),
    ),
    "a Content-Type that varies": (
        page("a", "multipart/mixed; boundary=1"),
        page("a", "multipart/mixed; boundary=2"),
        "stable part",
        page("a", "multipart/mixed; boundary=3"),
        (),
    ),
    "JSON by values": (
        page('{"a": 1, "b": [1.5, null]}', JSON),
        page('{"b":[1.5,null],"a":1}', JSON),
        "all",
        page('{ "b": [1.5, null], "a": 1 }', JSON),
        (),
    ),
    "JSON of a vendor's type": (
        page('{"a":1}', "application/problem+json; charset=utf-8"),
        page('{"a":1}', "application/problem+json; charset=utf-8"),
        "all",
        page('{"a":2}', "application/problem+json; charset=utf-8"),
        ("body: /a was 1 and is 2",),
    ),
    "a JSON value that varies": (
        page('{"id": 1, "n": "x"}', JSON),
        page('{"id": 2, "n": "x"}', JSON),
        "stable part",
        page('{"id": 3, "n": "y"}', JSON),
        ('body: /n was "x" and is "y"',),
    ),
    "a JSON key that comes and goes": (
        page('{"a": 1}', JSON),
        page('{"a": 1, "b": 2}', JSON),
        "stable part",
        page('{"a": 1, "b": 3}', JSON),
        (),
    ),
    "JSON keys that every run chooses anew": (
        page('{"a": 1, "/x?s=1": 2}', JSON),
        page('{"a": 1, "/x?s=2": 2}', JSON),
        "stable part",
        page('{"a": 1, "/x?s=3": 2, "b": 3, "c": 4}', JSON),
        ("body: / has a new 'c'",),
    ),
    "a JSON key that is gone": (
        page('{"a": 1, "b": 2}', JSON),
        page('{"a": 1, "b": 2}', JSON),
        "all",
        page('{"a": 1}', JSON),
        ("body: / has no 'b' any more",),
    ),
    "a JSON list of varying length": (
        page('{"l": [1], "k": 0}', JSON),
        page('{"l": [1, 2], "k": 0}', JSON),
        "stable part",
        page('{"l": [], "k": 0}', JSON),
        (),
    ),
    "true is no 1 in JSON": (
        page('{"a": true}', JSON),
        page('{"a": true}', JSON),
        "all",
        page('{"a": 1}', JSON),
        ("body: /a was true and is 1",),
    ),
    "no JSON any more": (
        page('{"a": 1}', JSON),
        page('{"a": 1}', JSON),
        "all",
        page("oops", JSON),
        ("body: no JSON any more: 'oops'",),
    ),
    "HTML is no JSON even where it reads as such": (
        page("[1,  2]", "text/html"),
        page("[1,  2]", "text/html"),
        "all",
        page("[1, 2]", "text/html"),
        ("body: line 1 was '[1,  2]' and is '[1, 2]'",),
    ),
    "a command's JSON": (
        Answer(True, 0, body='{"pid": 1, "v": 2}\n'),
        Answer(True, 0, body='{"pid": 7, "v": 2}\n'),
        "stable part",
        Answer(True, 0, body='{"v": 2, "pid": 9}\n'),
        (),
    ),
    "stderr apart": (
        Answer(True, 0, body="a", stderr="warn"),
        Answer(True, 0, body="a", stderr="warn"),
        "all",
        Answer(True, 0, body="a", stderr=""),
        ("stderr: line 1 was 'warn' and is ''",),
    ),
    "an exit code": (
        Answer(True, 0, body="a"),
        Answer(True, 0, body="a"),
        "all",
        Answer(False, 127, body="a"),
        ("status 0 became 127",),
    ),
    "a probe that could not be asked": (
        page("a"),
        page("a"),
        "all",
        Answer(False, -1, error="port 80 did not open"),
        ("port 80 did not open",),
    ),
}


@pytest.mark.parametrize(
    ("first", "second", "compared", "third", "reasons"), CASES.values(), ids=CASES.keys()
)
def test_cases(first: Answer, second: Answer, compared: str, third: Answer, reasons: tuple[str, ...]) -> None:
    expected = stable(first, second)
    assert expected.passed
    assert expected.compared == compared
    assert differences(expected, third) == reasons


UNSTABLE: dict[str, tuple[Answer, Answer, str]] = {
    "the first failed": (Answer(False, 1, error="no"), page("a"), "no"),
    "the second failed": (page("a"), Answer(False, 1, error="no"), "no"),
    "two statuses": (page("a"), page("a", status=201), "two runs gave two results: 200 and 201"),
}


@pytest.mark.parametrize(("first", "second", "error"), UNSTABLE.values(), ids=UNSTABLE.keys())
def test_no_stable_answer(first: Answer, second: Answer, error: str) -> None:
    assert not stable(first, second).passed
    assert stable(first, second).error == error


def test_secrets_of_a_recording_compare_with_the_real_ones() -> None:
    expected = page(f"key {mark('API_KEY')}!")
    assert differences(expected, page("key hunter22!"), {"hunter22": "API_KEY"}) == ()
    assert differences(expected, page("key other!"), {"hunter22": "API_KEY"}) != ()


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "1", "2"]), max_size=12).map("\n".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["x", "y\nz"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("kl"), inner, max_size=2),
    max_leaves=8,
)


@given(LINES, LINES)
def test_both_runs_of_the_original_agree_with_its_stable_text(first: str, second: str) -> None:
    expected = stable(page(first), page(second))
    assert differences(expected, page(first)) == ()
    assert differences(expected, page(second)) == ()


@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3))
def test_both_runs_of_the_original_agree_with_its_stable_values(first: object, second: object) -> None:
    left, right = page(json.dumps(first), JSON), page(json.dumps(second), JSON)
    expected = stable(left, right)
    assert differences(expected, left) == ()
    assert differences(expected, right) == ()


@given(LINES, LINES)
def test_without_variation_the_comparison_is_equality(first: str, second: str) -> None:
    expected = stable(page(first), page(first))
    assert VARIES not in expected.body
    assert (differences(expected, page(second)) == ()) == (first == second)
