"""Rules about what RUN calls: what is a call, what only looks like one, and what fixes write."""

from __future__ import annotations

import pytest

from tests.analyzer.checks.linting import found, mended

FROM = "FROM debian:12\n"
BASH = 'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\n'

FINDINGS = [
    ("a program by its path", "RUN true; /usr/sbin/service a start", "DL3001", "DL3001:2"),
    ("a program as an argument", "RUN which ps && echo kill", "DL3001", ""),
    ("cd in a subshell", "RUN a && (cd /b && c)", "DL3003", "DL3003:2"),
    ("one finding however many cd", "RUN cd /a && cd /b", "DL3003", "DL3003:2"),
    ("cd as an argument", "RUN echo cd /a && pushd /b", "DL3003", ""),
    ("cd in a file that a heredoc writes", "RUN cat > /x <<E\ncd /a\nE", "DL3003", ""),
    ("sudo behind a wrapper", "RUN timeout 3 sudo a", "DL3004", "DL3004:2"),
    (
        "sudo as a package, a name, a text",
        "RUN apk add sudo && find / -name sudo && echo 'a sudo'",
        "DL3004",
        "",
    ),
    ("one finding however many sudo", "RUN sudo a && sudo b", "DL3004", "DL3004:2"),
    ("an id in the option's word", "RUN useradd -u123456 a", "DL3046", "DL3046:2"),
    ("l among other letters", "RUN useradd -lmu 123456 a", "DL3046", ""),
    ("an id of five digits", "RUN useradd -u 99999 a", "DL3046", ""),
    ("an id that is not known", "RUN useradd -u $ID a", "DL3046", ""),
    ("q behind a letter that takes a word", "RUN wget -Oq https://a.test", "DL3047", "DL3047:2"),
    ("q in a bundle", "RUN wget -qO- https://a.test", "DL3047", ""),
    ("a log file", "RUN wget -o /dev/null https://a.test", "DL3047", ""),
    ("options out of an argument", "ARG W=--progress=dot:giga\nRUN wget ${W} https://a.test", "DL3047", ""),
    ("an address out of an argument", "ARG U=https://a.test\nRUN wget $U", "DL3047", "DL3047:3"),
    ("errors thrown away", "RUN wget https://a.test 2>/dev/null", "DL3047", ""),
    ("nothing fetched", "RUN wget --version", "DL3047", ""),
    ("through a wrapper", "RUN timeout 9 wget https://a.test", "DL3047", "DL3047:2"),
    ("RUNs with other flags", "RUN a\nRUN --network=none b", "DL3059", ""),
    (
        "RUNs with the same mounts",
        "RUN --mount=type=cache,target=/x a\nRUN --mount=type=cache,target=/x b",
        "DL3059",
        "DL3059:3",
    ),
    ("a comment between", "RUN a\n# why\nRUN b", "DL3059", "DL3059:4"),
    ("a chain before", "RUN a && b\nRUN c", "DL3059", ""),
    ("a heredoc before", "RUN cat <<E > /f\nx\nE\nRUN b", "DL3059", ""),
    ("another stage", "RUN a\nFROM debian:12\nRUN b", "DL3059", ""),
    (
        "two clients in one RUN, then one more",
        "RUN curl a; wget -q b\nRUN curl c",
        "DL4001",
        "DL4001:2 DL4001:3",
    ),
    ("only asked for", "RUN command -v curl || wget -q b", "DL4001", ""),
    ("installed and used", "RUN apt-get install curl\nRUN wget -q b", "DL4001", ""),
    ("a link to the shell", "RUN ln -s /bin/sh /x", "DL4005", ""),
    ("a pipe in a condition", "RUN if a | b; then c; fi", "DL4006", "DL4006:2"),
    ("a case's patterns", 'RUN case "$A" in a|b) c ;; esac', "DL4006", ""),
    ("a quoted bar", "RUN echo 'a | b' || c", "DL4006", ""),
    ("the JSON form", 'RUN ["a", "|", "b"]', "DL4006", ""),
    ("switched on before the pipe", "RUN set -euxo pipefail; a | b", "DL4006", ""),
    ("switched on behind the pipe", "RUN a | b; set -o pipefail", "DL4006", "DL4006:2"),
    ("SHELL", f"{BASH}RUN a | b", "DL4006", ""),
    ("SHELL by another path", f"{BASH.replace('/bin', '/usr/bin')}RUN a | b", "DL4006", ""),
    ("SHELL without pipefail", 'SHELL ["/bin/bash", "-c"]\nRUN a | b', "DL4006", "DL4006:3"),
    ("SHELL of the parent stage", f"FROM debian:12 AS a\n{BASH}FROM a\nRUN b | c", "DL4006", ""),
    ("SHELL of another stage", f"FROM debian:12 AS a\n{BASH}FROM debian:12\nRUN b | c", "DL4006", "DL4006:4"),
    ("the base's shell in a comment", "# hadolint shell=powershell\nRUN a | b", "DL4006", ""),
    (
        "the base's shell in another stage",
        "# hadolint shell=pwsh\nFROM debian:12\nRUN a | b",
        "DL4006",
        "DL4006:4",
    ),
    ("a shell that has no pipefail", 'SHELL ["pwsh", "-c"]\nRUN a | b', "DL4006", ""),
]


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [row[1:] for row in FINDINGS],
    ids=[f"{row[2]} {row[0]}" for row in FINDINGS],
)
def test_finding(text: str, rule: str, expected: str) -> None:
    before = "" if text.startswith("FROM") else FROM
    assert found(f"{before}{text}\n", rule) == expected


FIXES = [
    ("DL3046", "an option", "RUN useradd -u 123456 a", "RUN useradd -l -u 123456 a"),
    (
        "DL3047",
        "GNU's wget, known",
        "RUN apt-get install wget\nRUN wget https://a.test",
        "RUN apt-get install wget\nRUN wget --progress=dot:giga https://a.test",
    ),
    ("DL3047", "any wget", "RUN wget https://a.test", "RUN wget https://a.test"),
]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [(row[0], *row[2:]) for row in FIXES],
    ids=[f"{row[0]} {row[1]}" for row in FIXES],
)
def test_fix(rule: str, text: str, expected: str) -> None:
    assert mended(f"{FROM}{text}\n", rule) == f"{FROM}{expected}\n"


DIRECTORIES = [
    ("a path, and back", "RUN cd /b && c", "WORKDIR /b\nRUN c\nWORKDIR /a"),
    ("a relative path", "RUN cd b/../d && c && \\\n  e", "WORKDIR /a/d\nRUN c && \\\n  e\nWORKDIR /a"),
    (
        "flags, and a line break behind cd",
        "RUN --network=none cd /b \\\n  && c",
        "WORKDIR /b\nRUN --network=none c\nWORKDIR /a",
    ),
    ("a comment between", "RUN cd /b && \\\n# why\n  c", "RUN cd /b && \\\n# why\n  c"),
    ("a failure that does not count", "RUN cd /b; c", "RUN cd /b; c"),
    ("back again", "RUN cd /b && c && cd -", "RUN cd /b && c && cd -"),
    ("in a subshell", "RUN (cd /b && c)", "RUN (cd /b && c)"),
    ("not first", "RUN c && cd /b && d", "RUN c && cd /b && d"),
    ("a path that is not known", "RUN cd $B && c", "RUN cd $B && c"),
]


@pytest.mark.parametrize(
    ("text", "expected"), [row[1:] for row in DIRECTORIES], ids=[row[0] for row in DIRECTORIES]
)
def test_workdir(text: str, expected: str) -> None:
    before = f"{FROM}WORKDIR /a\n{text}\nCMD x\n"
    assert mended(before, "DL3003", unsafe=True) == f"{FROM}WORKDIR /a\n{expected}\nCMD x\n"
    assert mended(before, "DL3003") == before


def test_the_base_images_directory_is_not_known() -> None:
    text = f"{FROM}RUN cd /b && c\n"
    assert mended(text, "DL3003", unsafe=True) == text


def test_busybox_wget_knows_no_progress() -> None:
    text = "FROM alpine:3.20\nRUN wget https://a.test\n"
    assert mended(text, "DL3047", unsafe=True) == text
