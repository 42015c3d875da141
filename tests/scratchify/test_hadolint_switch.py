"""A user of hadolint switches: the same file, settings and comments select the same DL findings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scratchify.cli import main

DOCKERFILE = """\
# hadolint global ignore=DL3059
FROM debian:latest AS build
LABEL author="somebody"
RUN apt-get update && apt-get install curl && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3008,DL3015
RUN apt-get update && apt-get install curl && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3008 # pinned by the snapshot mirror
RUN apt-get install -y curl
RUN cd /srv && pip install flask
# hadolint stage ignore=DL3018,DL3019
FROM alpine:3.20
RUN apk add git
WORKDIR srv
ADD conf.yml /etc/
MAINTAINER somebody
CMD run it
"""

SETTINGS = {
    "no settings": "",
    "ignored": "ignored: [DL3007, DL3014, DL4000]\n",
    "severities": "override:\n  error: [DL3008]\n  info: [DL3020]\n  style: [DL3000]\n",
    "registries": "trustedRegistries: [registry.example.org]\n",
    "labels": "label-schema:\n  author: text\nstrict-labels: true\n",
    "comments not obeyed": "disable-ignore-pragma: true\n",
    "threshold": "failure-threshold: error\nignored: [DL3000, DL3020, DL4000]\n",
}


def _hadolint() -> str:
    beside = Path(sys.executable).parent / "hadolint"
    found = str(beside) if beside.exists() else shutil.which("hadolint")
    if found is None:
        pytest.skip("hadolint is not installed")
    return found


@pytest.mark.parametrize("case", SETTINGS)
def test_the_same_selection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    if SETTINGS[case]:
        (tmp_path / ".hadolint.yaml").write_text(SETTINGS[case])
    done = subprocess.run(
        [_hadolint(), "-f", "json", "Dockerfile"], capture_output=True, text=True, check=False
    )
    theirs = {(row["line"], row["code"], row["level"]) for row in json.loads(done.stdout)}
    code = main(["lint", "--format", "json", "--select", "hadolint", "Dockerfile"])
    ours = {(row["line"], row["rule"], row["severity"]) for row in json.loads(capsys.readouterr().out)}
    codes = {row[1] for row in ours}
    assert ours == {row for row in theirs if not row[1].startswith("SC")}
    assert code == done.returncode
    assert len(codes) > 3
