"""What is taken for a secret, and what is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.redaction import is_secret, mark, redact, redact_pairs, redact_words, secrets_among

NAMES: dict[str, tuple[str, str, bool]] = {
    "a password": ("DB_PASSWORD", "hunter22", True),
    "a password of a product": ("POSTGRES_PASSWORD", "hunter22", True),
    "a token": ("GITHUB_TOKEN", "abcd1234", True),
    "an API key": ("STRIPE_API_KEY", "abcd1234", True),
    "a key in camel case": ("clientSecret", "abcd1234", True),
    "Django's key": ("SECRET_KEY", "abcd1234", True),
    "Rails' key": ("SECRET_KEY_BASE", "abcd1234", True),
    "AWS's key": ("AWS_SECRET_ACCESS_KEY", "abcd1234", True),
    "a header": ("Authorization", "Bearer abc", True),
    "a cookie": ("Set-Cookie", "sid=abc", True),
    "a public key's fingerprint": ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", False),
    "a path": ("PATH", "/usr/bin:/bin", False),
    "a file that holds the secret": ("DB_PASSWORD_FILE", "/run/secrets/db", False),
    "a secret's place": ("DB_PASSWORD", "/run/secrets/db", False),
    "a switch": ("USE_AUTH", "true", False),
    "a small number": ("MAX_TOKENS", "100", False),
    "nothing": ("DB_PASSWORD", "", False),
    "an author": ("AUTHOR", "somebody", False),
    "a name that only contains the word": ("PASSENGER_APP_ENV", "production", False),
    "a version": ("PYTHON_VERSION", "3.11.2", False),
    "a mark": ("DB_PASSWORD", mark("DB_PASSWORD"), False),
}


@pytest.mark.parametrize(("name", "value", "secret"), NAMES.values(), ids=NAMES.keys())
def test_names(name: str, value: str, secret: bool) -> None:
    assert is_secret(name, value) is secret


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP"
TEXTS: dict[str, tuple[str, str]] = {
    "plain text": ("The page has 3 items: a=1, b=2.", "The page has 3 items: a=1, b=2."),
    "a known value": ("it is hunter22!", f"it is {mark('DB_PASSWORD')}!"),
    "a JSON key": (
        '{"access_token": "abcd1234", "n": 1}',
        f'{{"access_token": "{mark("access_token")}", "n": 1}}',
    ),
    "a JSON number": ('{"token": 12345678}', f'{{"token": "{mark("token")}"}}'),
    "a form": ("user=a&password=abcd1234&x=1", f"user=a&password={mark('password')}&x=1"),
    "an option": ("--api-key=abcd1234 run", f"--api-key={mark('api-key')} run"),
    "a password in an address": ("postgres://app:pw123@db/x", f"postgres://app:{mark('password')}@db/x"),
    "an address without one": ("http://localhost:8000/a@b", "http://localhost:8000/a@b"),
    "a JWT": (f"jwt is {JWT}", f"jwt is {mark('JWT')}"),
    "a header in a probe": (
        "http http://a/ -H 'Authorization: Bearer abcd'",
        f"http http://a/ -H 'Authorization: {mark('Authorization')}'",
    ),
    "a private key": (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n",
        mark("private key") + "\n",
    ),
}


@pytest.mark.parametrize(("text", "redacted"), TEXTS.values(), ids=TEXTS.keys())
def test_texts(text: str, redacted: str) -> None:
    assert redact(text, {"hunter22": "DB_PASSWORD"}) == redacted


def test_the_longer_secret_goes_first() -> None:
    assert (
        redact("abcd1234 abcd", {"abcd": "A_KEY", "abcd1234": "B_KEY"}) == f"{mark('B_KEY')} {mark('A_KEY')}"
    )


def test_words_after_an_option() -> None:
    words = ("mysql", "--password", "hunter22", "-u", "root", "--token=abcd1234", "--password", "--version")
    assert redact_words(words, {}) == (
        "mysql",
        "--password",
        mark("password"),
        "-u",
        "root",
        f"--token={mark('token')}",
        "--password",
        "--version",
    )


def test_pairs_keep_their_order() -> None:
    pairs = (("PATH", "/bin"), ("DB_PASSWORD", "hunter22"), ("URL", "redis://:pw@h/0"))
    assert redact_pairs(pairs) == (
        ("PATH", "/bin"),
        ("DB_PASSWORD", mark("DB_PASSWORD")),
        ("URL", f"redis://:{mark('password')}@h/0"),
    )
    assert secrets_among(pairs) == {"hunter22": "DB_PASSWORD"}


PARTS = st.lists(
    st.sampled_from(
        [
            "token",
            "password",
            "=",
            ":",
            " ",
            '"',
            "'",
            "abcd1234",
            "{",
            "}",
            "\n",
            "Cookie: ",
            "://",
            "@",
            JWT,
        ]
    ),
    max_size=14,
)


@given(PARTS.map("".join))
def test_redacting_twice_changes_nothing(text: str) -> None:
    secrets = {"abcd1234": "API_KEY"}
    once = redact(text, secrets)
    assert redact(once, secrets) == once
    assert "abcd1234" not in once


@given(
    st.dictionaries(
        st.sampled_from(["token", "password", "name", "apiKey"]), st.text("ab12", min_size=1) | st.integers()
    )
)
def test_json_stays_json(document: dict[str, object]) -> None:
    assert json.loads(redact(json.dumps(document), {})).keys() == document.keys()


LONG = 400_000


@pytest.mark.parametrize(
    "text",
    ["a" * LONG, "a." * LONG, "x-" * LONG, 'a="' * LONG, "a " * LONG, "a--" * LONG, "token" + " " * LONG],
)
def test_long_texts_take_no_longer_than_their_length(text: str) -> None:
    # No time is asserted: with a quadratic pattern this would not end.
    assert redact(text, {}) == text
