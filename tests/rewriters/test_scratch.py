"""The configuration comes back from its instructions as BuildKit's lexer reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.dockerfile.words import expand
from analyzer.errors import ScratchifyError
from analyzer.image import DEFAULT_PATH, Healthcheck, ImageConfig
from rewriters.scratch import instructions, word

CASES = [
    ("nothing set", ImageConfig(), []),
    ("the PATH that BuildKit adds anyway", ImageConfig(env=(("PATH", DEFAULT_PATH),)), []),
    ("another PATH", ImageConfig(env=(("PATH", "/x:/bin"),)), ["ENV PATH=/x:/bin"]),
    ("an empty variable", ImageConfig(env=(("E", ""),)), ['ENV E=""']),
    ("quotes, dollars, backslashes", ImageConfig(env=(("A", 'q"u$o\\'),)), ['ENV A="q\\"u\\$o\\\\"']),
    ("a label with blanks", ImageConfig(labels=(("a b", "c"),)), ['LABEL "a b"=c']),
    ("ports", ImageConfig(exposed=("53/udp", "80/tcp")), ["EXPOSE 53/udp 80"]),
    ("the root as working directory", ImageConfig(workdir="/"), []),
    ("a working directory with a blank", ImageConfig(workdir="/a b"), ['WORKDIR "/a b"']),
    ("volumes", ImageConfig(volumes=("/data",)), ['VOLUME ["/data"]']),
    ("an empty entrypoint", ImageConfig(entrypoint=(), cmd=("x",)), ['CMD ["x"]']),
    ("no health check", ImageConfig(healthcheck=Healthcheck(("NONE",))), ["HEALTHCHECK NONE"]),
    (
        "a shell-form health check with times",
        ImageConfig(
            healthcheck=Healthcheck(
                ("CMD-SHELL", "test -e /x || exit 1"), 90 * 10**9, 1500 * 10**6, retries=2
            )
        ),
        ["HEALTHCHECK --interval=90s --timeout=1500ms --retries=2 CMD test -e /x || exit 1"],
    ),
    (
        "an exec health check",
        ImageConfig(healthcheck=Healthcheck(("CMD", "/x", "-q"))),
        ['HEALTHCHECK CMD ["/x", "-q"]'],
    ),
    ("triggers", ImageConfig(onbuild=("RUN x $Y",)), ["ONBUILD RUN x $Y"]),
    (
        "the rest",
        ImageConfig(user="1:2", stop_signal="SIGQUIT", shell=("/bin/bash", "-c"), entrypoint=("/é",)),
        ["USER 1:2", "STOPSIGNAL SIGQUIT", 'SHELL ["/bin/bash", "-c"]', 'ENTRYPOINT ["/é"]'],
    ),
]


@pytest.mark.parametrize(("config", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_instructions(config: ImageConfig, lines: list[str]) -> None:
    assert instructions(config) == lines


def test_a_line_break_is_refused_with_its_variable() -> None:
    with pytest.raises(ScratchifyError, match="variable A"):
        instructions(ImageConfig(env=(("A", "1\n2"),)))


@pytest.mark.parametrize("escape", ["\\", "`"])
@given(value=st.text(st.characters(blacklist_categories=("Cs", "Cc"))))
def test_words_read_back_as_the_value(escape: str, value: str) -> None:
    assert expand(word(value, escape, "x"), {}, escape).text == value
