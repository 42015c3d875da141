"""The tables of expansion, scopes and refusals, built: the engine's own answers beside what the tables say.

On an engine whose builder is older than Docker 23 the newer rows are left out; scripts/newest-engine.sh
brings one that has them.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from analyzer.dockerfile.imageconfig import DEFAULT_PATH
from analyzer.engines.docker import DockerEngine
from analyzer.process import Completed, run
from tests.analyzer.dockerfile.expansions import SCOPES, SETUP, WORDS
from tests.analyzer.dockerfile.refusals import REFUSALS

pytestmark = pytest.mark.engine


def build(engine: DockerEngine, text: str, args: dict[str, str] | None = None) -> Completed:
    environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    given = [word for name, value in (args or {}).items() for word in ("--build-arg", f"{name}={value}")]
    return run([engine.binary, "build", "--quiet", *given, "-"], stdin=text.encode(), env=environment)


def inspected(engine: DockerEngine, text: str, args: dict[str, str] | None = None) -> dict[str, Any]:
    done = build(engine, text, args)
    assert done.code == 0, done.stderr.decode()
    found = engine.inspect(done.text.strip())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def newer(engine: DockerEngine) -> bool:
    done = run([engine.binary, "version", "--format", "{{json .Server.Version}}"])
    return int(json.loads(done.text).split(".")[0]) >= 23


def test_words(engine: DockerEngine, newer: bool) -> None:
    rows = [row for row in WORDS if newer or not row.newer]
    text = f"FROM scratch\n{SETUP}" + "".join(f"LABEL r{n}={row.word}\n" for n, row in enumerate(rows))
    labels = inspected(engine, text)["Config"]["Labels"]
    assert {row.rule: labels[f"r{n}"] for n, row in enumerate(rows)} == {row.rule: row.value for row in rows}


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """What the table says of an image: the parts that are set, the default PATH left out."""
    config = document["Config"]
    health = config.get("Healthcheck") or {}
    env = dict(item.split("=", 1) for item in config["Env"] or ())
    times = [health.get(name, 0) for name in ("Interval", "Timeout", "StartPeriod", "Retries")]
    parts = {
        "env": {name: value for name, value in env.items() if (name, value) != ("PATH", DEFAULT_PATH)},
        "user": config["User"],
        "workdir": "" if config["WorkingDir"] == "/" else config["WorkingDir"],
        "entrypoint": tuple(config["Entrypoint"] or ()),
        "cmd": tuple(config["Cmd"] or ()),
        "shell": tuple(config.get("Shell") or ()),
        "exposed": tuple(sorted(config.get("ExposedPorts") or ())),
        "volumes": tuple(sorted(config.get("Volumes") or ())),
        "labels": config["Labels"] or {},
        "stop_signal": config.get("StopSignal") or "",
        "onbuild": tuple(config.get("OnBuild") or ()),
        "author": document.get("Author") or "",
        "healthcheck": (tuple(health["Test"]), *times) if health else None,
    }
    return {name: value for name, value in parts.items() if value}


def test_scopes(engine: DockerEngine, newer: bool) -> None:
    rows = [row for row in SCOPES if newer or not row.newer]
    found = {row.rule: shown(inspected(engine, row.text, row.args)) for row in rows}
    assert found == {row.rule: row.image for row in rows}


def test_refusals(engine: DockerEngine, newer: bool) -> None:
    """Every builder refuses them; the words are those of the newer ones. A file without a stage ends the
    daemon of Docker 20.10, so that only a newer one is asked."""
    rows = [(name, text, message) for name, text, _, _, message in REFUSALS if newer or "FROM" in text]
    answers = {name: build(engine, text) for name, text, _ in rows}
    assert [name for name, done in answers.items() if done.code == 0] == []
    if newer:
        said = {name: done.stderr.decode() for name, done in answers.items()}
        assert [name for name, _, message in rows if message not in said[name]] == []
