"""Which instruction made which layer: the lines of history are those of builds on Docker 26.1 and 20.10."""

from __future__ import annotations

import pytest

from analyzer.dockerfile.instructions import read
from analyzer.history import origins
from analyzer.image import Layer
from analyzer.stages import resolve

FILE = """\
FROM base AS one
ARG X=5
WORKDIR /
WORKDIR /app
COPY f ./
ONBUILD COPY f /onb
ADD --chown=0:0 f /g/
ENV A=b
FROM one AS two
WORKDIR /app
WORKDIR sub
RUN echo hi > /hi && \\
   echo ho
RUN ["/bin/echo", "x y"]
COPY --from=one /app/f /q
RUN true
"""
BUILDKIT = (
    "WORKDIR /app",
    "COPY f ./ # buildkit",
    "ADD --chown=0:0 f /g/ # buildkit",
    "COPY f /onb # buildkit",
    "WORKDIR /app",
    "WORKDIR /app/sub",
    "RUN /bin/sh -c echo hi > /hi &&    echo ho # buildkit",
    "RUN /bin/echo x y # buildkit",
    "COPY /app/f /q # buildkit",
    "RUN |1 X=5 /bin/sh -c true # buildkit",
)
LINES = [4, 5, 7, 6, 10, 11, 12, 14, 15, 16]

# rule, Dockerfile, history, lines (None: the base)
CASES: tuple[tuple[str, str, tuple[str, ...], list[int | None]], ...] = (
    ("BuildKit, over two stages and a trigger", FILE, ("", *BUILDKIT), [None, *LINES]),
    ("a base of three layers", FILE, ("a", "b", "c", *BUILDKIT), [None, None, None, *LINES]),
    ("a working directory that left no layer", FILE, BUILDKIT[:5] + BUILDKIT[6:], LINES[:5] + LINES[6:]),
    (
        "the base was made by the same instructions",
        "FROM b\nRUN true\n",
        ("RUN /bin/sh -c true # buildkit",) * 2,
        [None, 2],
    ),
    (
        "the builder before BuildKit",
        "FROM b\nCOPY f /x\nRUN echo a\nADD g /\n",
        (
            "/bin/sh -c #(nop) ADD file:1 in / ",
            "/bin/sh -c #(nop) COPY file:2 in /x ",
            "/bin/sh -c echo a",
            "/bin/sh -c #(nop) ADD file:3 in / ",
        ),
        [None, 2, 3, 4],
    ),
    (
        "two commands of which one left no layer",
        "FROM b\nRUN one\nRUN two\n",
        ("RUN /bin/sh -c one # buildkit",),
        [2],
    ),
    ("a heredoc", "FROM b\nRUN <<E\necho one\nE\n", ("RUN /bin/sh -c echo one\n # buildkit",), [2]),
    ("an image of something else", "FROM b\nCOPY f /x\n", ("RUN /bin/sh -c x # buildkit",), [None]),
    ("no layers", "FROM b\n", (), []),
)


@pytest.mark.parametrize(
    ("text", "history", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_origins(text: str, history: tuple[str, ...], expected: list[int | None]) -> None:
    table = resolve(read(text.encode()))
    layers = [Layer(f"sha256:{index}", line) for index, line in enumerate(history)]
    found = origins(table, table.find(), layers)
    assert [origin.line if origin else None for origin in found] == expected
