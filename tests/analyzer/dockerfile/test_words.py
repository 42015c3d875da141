"""Expansion of words: the table of built values, what cannot be expanded, and where the names stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import evaluate
from analyzer.dockerfile.words import Lexing, WordError, expand, expand_body, lex
from tests.analyzer.dockerfile.expansions import SETUP, WORDS, Word

ENV = {"X": "value", "EMPTY": ""}


@pytest.mark.parametrize("row", WORDS, ids=[row.rule for row in WORDS])
def test_words(row: Word) -> None:
    evaluation = evaluate(read(f"FROM scratch\n{SETUP}LABEL x={row.word}\n".encode()))
    assert not evaluation.problems
    assert evaluation.stages[0].config.labels["x"] == row.value


FAULTS = (
    ("a brace that is not closed", "${X", "unsupported modifier (\ufffd) in substitution"),
    ("a default that is not closed", "${X:-a", "syntax error: missing '}'"),
    ("braces with nothing in them", "${}", "syntax error: bad substitution"),
    ("braces in braces", "${{X}}", "syntax error: bad substitution"),
    ("braces that begin with a colon", "${:X}", "syntax error: bad substitution"),
    ("a dollar and a brace at the end", "a${", "syntax error: missing '}'"),
    ("an operator that does not exist", "${X^}", "unsupported modifier (^) in substitution"),
    ("an operator after a colon that does not exist", "${X:=a}", "unsupported modifier (:=) in substitution"),
    ("a colon alone", "${X:}", "syntax error: missing '}'"),
    (":? of an undefined name", "${NOPE:?}", "NOPE: is not allowed to be unset"),
    (":? of an empty name", "${EMPTY:?}", "EMPTY: is not allowed to be empty"),
    ("? of an undefined name with a message", "${NOPE?told you}", "NOPE: told you"),
    (
        "a single quote that is not closed",
        "'a",
        "unexpected end of statement while looking for matching single-quote",
    ),
    (
        "a double quote that is not closed",
        '"a',
        "unexpected end of statement while looking for matching double-quote",
    ),
    ("a replacement without its second slash", "${X/a}", "syntax error: missing '/' in ${}"),
    (
        "an escape that a pattern does not know",
        "${X#\\a}",
        "invalid pattern (\\a) in substitution: invalid escape '\\a'",
    ),
    (
        "more nesting than anybody writes",
        "${A:-" * 60 + "}" * 60,
        "more than 50 substitutions inside each other",
    ),
)


@pytest.mark.parametrize(("word", "message"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_words_that_cannot_be_expanded(word: str, message: str) -> None:
    with pytest.raises(WordError) as caught:
        expand(word, ENV)
    assert str(caught.value).endswith(f": {message}")
    assert str(caught.value).startswith("failed to process ")


GRAVE = (
    ("a grave accent escapes the dollar", "`$X", "$X"),
    ("a backslash is ordinary", "C:\\dir", "C:\\dir"),
    ("a grave accent escapes itself", "a``b", "a`b"),
    ("a grave accent in double quotes escapes a quote", '"`""', '"'),
    ("a grave accent in double quotes stays before another character", '"`a"', "`a"),
    ("a backslash in a pattern still escapes", "${X#v\\*}", "value"),
)


@pytest.mark.parametrize(("word", "value"), [row[1:] for row in GRAVE], ids=[row[0] for row in GRAVE])
def test_the_other_escape_character(word: str, value: str) -> None:
    assert expand(word, ENV, "`").text == value


SPLITS = (
    ("blanks split", "a b", ("a", "b")),
    ("a name's blanks split", "$L c", ("a", "b", "c")),
    ("quoted blanks do not", '"$L" c', ("a b", "c")),
    ("an escaped blank does not", "a\\ b", ("a b",)),
    ("an empty name leaves no word", "$EMPTY a", ("a",)),
    ("empty quotes leave no word", '"" a', ("a",)),
    ("a no-break space splits", "a\u00a0b", ("a", "b")),
    ("a unit separator does not", "a\x1fb", ("a\x1fb",)),
)


@pytest.mark.parametrize(("word", "words"), [row[1:] for row in SPLITS], ids=[row[0] for row in SPLITS])
def test_splitting_into_words(word: str, words: tuple[str, ...]) -> None:
    assert expand(word, {"L": "a b", "EMPTY": ""}).words == words


BODIES = (
    ("names are replaced", "a $X\n", "a value\n"),
    ("quotes stay and stop nothing", "'$X' \"$X\"\n", "'value' \"value\"\n"),
    ("a backslash escapes the dollar and goes", "\\$X \\\\ \\n\n", "$X \\ n\n"),
    ("an undefined name is empty", "[$NOPE]\n", "[]\n"),
)


@pytest.mark.parametrize(("body", "value"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_heredoc_bodies(body: str, value: str) -> None:
    assert expand_body(body, ENV).text == value


def test_references_say_what_and_where() -> None:
    word = 'a$X"${NOPE:-$Y}"'
    found = [(each.name, word[each.start : each.end], each.defined) for each in expand(word, ENV).references]
    assert found == [("X", "$X", True), ("Y", "$Y", False), ("NOPE", "${NOPE:-$Y}", False)]
    assert expand(word, ENV).used == {"X"}
    assert expand(word, ENV).undefined == {"NOPE", "Y"}


@given(st.text(alphabet="ab$X{}:-+#%/?*'\"\\ <\n", max_size=30))
def test_nothing_but_a_word_error(word: str) -> None:
    for lexing in (Lexing(), Lexing(raw_quotes=True, raw_escapes=True, keep_undefined=True)):
        try:
            lex(word, ENV, lexing)
        except WordError:
            pass


@given(st.text(alphabet="ab$X '\"\\", max_size=20))
def test_quoting_protects_any_text(text: str) -> None:
    protected = '"' + "".join("\\" + char if char in '"$\\' else char for char in text) + '"'
    assert expand(protected, ENV).text == text
