"""Secrets leave no trace in what we keep: their values are replaced by their names.

What counts as a secret is its name (a variable, a header, a key of JSON, of a form or of an option), or a
shape that only credentials have. A mark stands for the value: `<redacted:NAME>`. Redacting twice changes
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_NAME = re.compile(
    r"""(?ix)
    (?: ^ | [_.-] ) (?: (?: my | db | pg | redis | user | root | admin ) )?
    (?: pass(?:wd|word|phrase)? | pwd | secrets? | tokens? | credentials? | auth(?:orization)?
      | api[_.-]?keys? | access[_.-]?keys? | secret[_.-]?keys? | private[_.-]?keys? | signing[_.-]?keys?
      | encryption[_.-]?keys? | client[_.-]?secret | cookie | set-cookie | sessionid | csrf(?:token)?
      | x-api-key | jwt )
    (?: [_.-]? (?: base | id | value | string | hash ) )? $"""
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A value that says nothing: empty, switches, numbers, and where to find the secret instead of the secret.
_HARMLESS = re.compile(
    r"(?is)\s*(?:true|false|yes|no|on|off|null|none|[0-9]{1,3}|/[^\s]*|<redacted:[^<>]*>)?\s*"
)
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
    ),
    ("JWT", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("GitHub token", re.compile(r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{50,})")),
    ("GitLab token", re.compile(r"\bglpat-[\w-]{20,}")),
    ("Slack token", re.compile(r"\bxox[abeoprs]-[\w-]{10,}")),
    ("Stripe key", re.compile(r"\b[rs]k_(?:live|test)_\w{16,}")),
)
# A page may hold a megabyte without a break: a match begins where a word does, and gives back nothing of it.
_URL_PASSWORD = re.compile(
    r"(?P<head>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*+://[^\s/:@'\"]*:)(?P<value>[^\s/@'\"]+)(?=@)", re.IGNORECASE
)
_HEADER = re.compile(
    r"""(?ix) (?P<head> (?<! [\w-] )
    (?P<name> (?:proxy-)?authorization | (?:set-)?cookie | x-[a-z-]*(?:key|token|secret|auth) )
    \s* : \s* ) (?P<value> [^\r\n'"]+ )"""
)
_ASSIGNMENT = re.compile(
    r"""(?x) (?<! [\w.] ) (?<! [\w.]- ) (?<! [\w.]-- )
    (?P<head> (?P<quote>["']?) (?P<name> [A-Za-z][\w.-]*+ ) (?P=quote) \s*+ [=:] \s*+ )
    (?: "(?P<double> (?: [^"\\] | \\. )+ )" | '(?P<single> [^']+ )' | (?P<value> [^\s"'&;,<>{}\[\]]+ ) )"""
)


def is_secret(name: str, value: str) -> bool:
    """Whether a value under this name is to be replaced."""
    return bool(_NAME.search(_CAMEL.sub("_", name))) and not _HARMLESS.fullmatch(value)


def credentials_in(text: str) -> Iterator[tuple[str, int, int]]:
    """Where a text holds what only credentials look like: kind, start, end. A password that a variable puts
    into an address is none."""
    for kind, shape in _SHAPES:
        for match in shape.finditer(text):
            yield kind, match.start(), match.end()
    if "://" not in text or "@" not in text:
        return
    for match in _URL_PASSWORD.finditer(text):
        # `docker://name:tag@sha256:…` is an image.
        if not set(match["value"]) & set("$<{*") and not text.startswith("@sha256:", match.end()):
            yield "password in an address", match.start(), match.end()


def mark(name: str) -> str:
    return f"<redacted:{name}>"


def is_redacted(text: str) -> bool:
    """Whether some of it was replaced."""
    return "<redacted:" in text


def redact_pairs(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Variables or headers, in their order, secrets replaced."""
    return tuple((name, mark(name) if is_secret(name, value) else redact(value, {})) for name, value in pairs)


def secrets_among(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Secret values to their names. Values under four characters are left: they would match anywhere."""
    return {value: name for name, value in pairs if is_secret(name, value) and len(value) >= 4}


def redact(text: str, secrets: Mapping[str, str]) -> str:
    """Text with the known secret values, and all that looks like one, replaced."""
    for value in sorted(secrets, key=lambda known: (-len(known), known)):
        text = text.replace(value, mark(secrets[value]))
    for name, shape in _SHAPES:
        text = shape.sub(mark(name), text)
    text = _URL_PASSWORD.sub(lambda found: _keep_head(found, "password"), text)
    text = _HEADER.sub(lambda found: _keep_head(found, found["name"]), text)
    return _ASSIGNMENT.sub(_assignment, text)


def redact_words(words: Iterable[str], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """A command line; the word after an option with a secret's name is one."""
    result: list[str] = []
    before = ""
    for word in words:
        option = before.lstrip("-") if before.startswith("-") and "=" not in before else ""
        if option and not word.startswith("-") and is_secret(option, word):
            result.append(mark(option))
        else:
            result.append(redact(word, secrets))
        before = word
    return tuple(result)


def _keep_head(found: re.Match[str], name: str) -> str:
    if _HARMLESS.fullmatch(found["value"]):
        return found[0]
    return found["head"] + mark(name)


def _assignment(found: re.Match[str]) -> str:
    for group, quote in (("double", '"'), ("single", "'"), ("value", "")):
        value = found[group]
        if value is not None and is_secret(found["name"], value):
            # A bare value under a quoted name is a number of JSON: a mark needs quotes there.
            quote = quote or found["quote"]
            return f"{found['head']}{quote}{mark(found['name'])}{quote}"
    return found[0]
