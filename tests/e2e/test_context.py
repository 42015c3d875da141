"""Ignore files and COPY sources, built: what the engine's own build sends and takes, beside our answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.engines.docker import DockerEngine
from analyzer.process import Completed, run
from tests.analyzer.test_context import COPIES, LINKS, lay_links
from tests.analyzer.test_ignorefile import lay
from tests.ignorecases import CASES, REFUSED, Case

pytestmark = pytest.mark.engine


def build(engine: DockerEngine, context: Path, output: Path) -> Completed:
    environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    words = [engine.binary, "build", "--quiet", "--output", f"type=local,dest={output}", str(context)]
    return run(words, env=environment)


def listing(root: Path) -> tuple[str, ...]:
    found = []
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if not path.is_dir():
            found.append(name)
        elif not any(path.iterdir()):
            found.append(f"{name}/")
    return tuple(sorted(name for name in found if name not in ("Dockerfile", ".dockerignore")))


@pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])
def test_files_sent(engine: DockerEngine, case: Case, tmp_path: Path) -> None:
    context, output = tmp_path / "context", tmp_path / "output"
    context.mkdir()
    lay(context, case)
    done = build(engine, context, output)
    # Without buildx the client is that of Docker 20.10, whose matching was another.
    expected = case.sent if engine.loads or case.old is None else case.old
    if expected == "error":
        assert done.code != 0
    else:
        assert (done.code, listing(output)) == (0, expected)


@pytest.mark.parametrize("text", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_a_build_refuses(engine: DockerEngine, text: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    lay(context, Case("", text, ("a", "b/c"), ()))
    assert build(engine, context, tmp_path / "output").code != 0


@pytest.mark.parametrize(
    ("words", "tree", "expected"), [row[1:] for row in COPIES], ids=[row[0] for row in COPIES]
)
def test_copy(engine: DockerEngine, words: str, tree: str, expected: list[str], tmp_path: Path) -> None:
    context, output = tmp_path / "context", tmp_path / "output"
    context.mkdir()
    # The Dockerfile and the ignore file must not be among what a pattern finds.
    lay(context, Case("", "Dockerfile\n.dockerignore\n", tuple(tree.split()), ()))
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY {words}\n")
    done = build(engine, context, output)
    assert (done.code, [f"/{name}" for name in listing(output)]) == (0, expected)


@pytest.mark.parametrize(
    ("links", "words", "expected"), [row[1:] for row in LINKS], ids=[row[0] for row in LINKS]
)
def test_links(
    engine: DockerEngine,
    links: dict[str, str],
    words: str,
    expected: list[tuple[str, str]],
    tmp_path: Path,
) -> None:
    context, output = tmp_path / "context", tmp_path / "output"
    context.mkdir()
    lay_links(context, links)
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY {words}\n")
    done = build(engine, context, output)
    # What leads nowhere fails the build.
    assert (done.code == 0) is bool(expected)
    if expected:
        assert [f"/{name}" for name in listing(output)] == [destination for _, destination in expected]


@pytest.mark.parametrize(
    ("own", "sent"),
    [(None, ("b", "c")), ("b\n", ("a", "c")), ("", ("a", "b", "c"))],
    ids=["none", "the Dockerfile's own", "an empty one"],
)
def test_which_ignore_file_counts(
    engine: DockerEngine, own: str | None, sent: tuple[str, ...], tmp_path: Path
) -> None:
    context, output = tmp_path / "context", tmp_path / "output"
    context.mkdir()
    lay(context, Case("", "a\n", ("a", "b", "c"), ()))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY a* b* c* /\n")
    if own is not None:
        (context / "Dockerfile.dockerignore").write_text(own)
    assert (build(engine, context, output).code, listing(output)) == (0, sent)
