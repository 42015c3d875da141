"""`scratchify graph`: every format, the target, the context, faults."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import pytest

from scratchify.cli import main

FILE = """\
ARG GO=1.22
FROM --platform=linux/amd64 golang:${GO} AS build
ARG VERSION=dev
COPY go.mod go.sum ./
COPY . .
RUN --mount=type=cache,target=/c go build -ldflags "-X v=$VERSION" -o /out/app
FROM build AS test
RUN go test ./...
FROM debian:12
COPY --from=build /out/app /usr/bin/app
COPY --from=nginx:1 /etc/nginx/mime.types /etc/
RUN --mount=from=build,target=/b <<EOF
cp /b/out/app /x
EOF
CMD ["app"]
"""
TREE = """\
Dockerfile
└─ stage stage-2 (line 9)
   ├─ based on image debian:12
   ├─ line 10: copies /out/app from stage build (line 2) for linux/amd64
   │  ├─ based on image golang:1.22
   │  ├─ line 4: copies go.mod, go.sum from the context
   │  └─ line 5: copies . from the context
   ├─ line 11: copies /etc/nginx/mime.types from image nginx:1
   └─ line 12: mounts at /b, from stage build (line 2) for linux/amd64, see above
not needed: test (line 7), unless an ONBUILD of golang:1.22, debian:12 needs it
"""
DOT = """\
digraph "Dockerfile" {
  rankdir=LR;
  node [fontname="Helvetica", fontsize=11];
  edge [fontname="Helvetica", fontsize=9];
  source0 [label="x", shape=cylinder, style=filled, fillcolor="#f7f1e1"];
  source1 [label="build context", shape=folder, style=filled, fillcolor="#f3e7f3"];
  stage0 [label="a\\nline 1", shape=box, style="rounded,filled", fillcolor="#e8eef7"];
  stage1 [label="stage-1\\nline 3", shape=box, style="rounded,filled,bold", fillcolor="#d7ecd9"];
  source0 -> stage0 [style=bold];
  source1 -> stage0 [label="a&b.txt", style=solid];
  stage0 -> stage1 [style=bold];
}
"""
MERMAID = """\
flowchart LR
  stage0("a<br/>line 1")
  stage1("stage-1<br/>line 3")
  class stage1 target
  source0[("x")]
  class source0 image
  source1[/"build context"/]
  class source1 context
  source0 ==> stage0
  source1 -->|"a#amp;b.txt"| stage0
  stage0 ==> stage1
"""


MISTYPED = """\
Dockerfile
└─ stage stage-1 (line 2)
   ├─ based on image y
   └─ line 3: copies /a from image dep (no stage has this name; did you mean deps?)
not needed: deps (line 1), unless an ONBUILD of y needs it
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text(FILE)
    return tmp_path


def test_the_text_tree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph"]) == 0
    assert capsys.readouterr().out == TREE


def test_a_mistyped_stage_is_pointed_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "Dockerfile").write_text("FROM x AS deps\nFROM y\nCOPY --from=dep /a /\n")
    assert main(["graph"]) == 0
    assert capsys.readouterr().out == MISTYPED


SMALL = "FROM x AS a\nCOPY a&b.txt /\nFROM a\n"


@pytest.mark.parametrize(("format", "expected"), [("dot", DOT), ("mermaid", MERMAID)])
def test_pictures_in_words(
    format: str, expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "Dockerfile").write_text(SMALL)
    assert main(["graph", "--format", format]) == 0
    assert capsys.readouterr().out.startswith(expected)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz draws the SVG")
def test_svg(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--format", "svg"]) == 0
    root = ElementTree.fromstring(capsys.readouterr().out)
    titles = {element.text for element in root.iter("{http://www.w3.org/2000/svg}title")}
    assert {"stage0", "stage1", "stage2", "stage0->stage2"} <= titles


def test_svg_without_graphviz_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert main(["graph", "--format", "svg"]) == 2
    assert "install the package graphviz" in capsys.readouterr().err


def document(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict:
    assert main(["graph", "--format", "json", *arguments]) == code
    found = json.loads(capsys.readouterr().out)
    schema = json.loads(Path(__file__).parents[2].joinpath("docs/schema/graph.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys)
    assert [item["arguments"] for item in found["global_instructions"]] == [["GO=1.22"]]
    assert [
        (
            stage["name"],
            stage["base"],
            stage["base_stage"],
            stage["platform"],
            stage["needed"],
            stage["needs"],
        )
        for stage in found["stages"]
    ] == [
        ("build", "golang:1.22", None, "linux/amd64", True, []),
        ("test", "build", 0, "linux/amd64", False, [0]),
        (None, "debian:12", None, None, True, [0]),
    ]
    assert found["stages"][2]["instructions"][3] == {
        "keyword": "RUN",
        "start_line": 12,
        "end_line": 14,
        "flags": ["--mount=from=build,target=/b"],
        "arguments": ["<<EOF"],
        "form": "shell",
        "heredocs": [
            {"name": "EOF", "expand": True, "chomp": False, "descriptor": 0, "content": "cp /b/out/app /x\n"}
        ],
        "expanded": ["<<EOF"],
        "expanded_flags": ["--mount=from=build,target=/b"],
    }
    assert found["stages"][2]["instructions"][4]["form"] == "json"
    assert found["stages"][0]["instructions"][0]["arguments"] == ["golang:${GO}", "AS", "build"]
    assert found["stages"][0]["instructions"][0]["expanded"] == ["golang:1.22", "AS", "build"]
    assert found["images"] == ["golang:1.22", "debian:12", "nginx:1"]
    assert {
        "kind": "mounts from",
        "from": "line:12",
        "to": "stage:0",
        "stage": 2,
        "line": 12,
        "label": "/b",
    } in found["edges"]


PLATFORMS: list[tuple[str, str, list[str], list[str | None]]] = [
    (
        "a stage has the target platform, one with $BUILDPLATFORM that of the build",
        "FROM --platform=$BUILDPLATFORM a:1 AS build\nFROM b:1\n",
        ["--platform", "linux/arm64"],
        ["linux/amd64", "linux/arm64"],
    ),
    (
        "a stage on another is built for what that one is, whatever it says itself",
        "FROM --platform=linux/s390x a:1 AS build\nFROM build\nFROM --platform=linux/arm64 build\n",
        ["--platform", "linux/arm64"],
        ["linux/s390x", "linux/s390x", "linux/s390x"],
    ),
    (
        "scratch has the target platform, whatever FROM says",
        "FROM --platform=linux/s390x scratch\nCOPY a /\n",
        ["--platform", "linux/arm64/v8"],
        ["linux/arm64/v8"],
    ),
    ("nothing is known where nobody says it", "FROM a:1\nFROM scratch\n", [], [None, None]),
]


@pytest.mark.parametrize(("text", "arguments", "right"), [pytest.param(*c[1:], id=c[0]) for c in PLATFORMS])
def test_the_platform_of_a_stage(
    text: str,
    arguments: list[str],
    right: list[str | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    monkeypatch.chdir(tmp_path)
    found = document(capsys, *arguments)
    assert [stage["platform"] for stage in found["stages"]] == right


def test_a_target_and_build_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--target", "TEST", "--build-arg", "GO=1.23")
    assert (found["target"], [stage["needed"] for stage in found["stages"]]) == (1, [True, True, False])
    assert found["stages"][0]["base"] == "golang:1.23"


def test_a_context_gives_the_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "go.mod").write_text("x")
    (folder / "main.go").write_text("x")
    (folder / ".dockerignore").write_text("main.go\n")
    found = document(capsys, "--context", ".")
    paths = [node["label"] for node in found["nodes"] if node["kind"] == "path"]
    assert paths == ["go.mod", ".dockerignore", "Dockerfile"]


@pytest.mark.parametrize(
    ("rule", "text", "arguments", "code", "message"),
    [
        (
            "what BuildKit refuses",
            "FROM x AS a\nCOPY --from=a /b /\n",
            [],
            2,
            "Dockerfile:2:13: circular dependency",
        ),
        ("no stage", "ARG A\n", [], 2, "dockerfile contains no stages to build"),
        ("an unknown target", "FROM x AS build\n", ["--target", "biuld"], 2, "did you mean build?"),
        ("an unknown file", "FROM x\n", ["nope/Dockerfile"], 2, "cannot read nope/Dockerfile"),
        ("an unknown context", "FROM x\n", ["--context", "nope"], 2, "nope is no directory"),
        ("an unknown format", "FROM x\n", ["--format", "png"], 2, "png"),
    ],
)
def test_faults(
    rule: str,
    text: str,
    arguments: list[str],
    code: int,
    message: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "Dockerfile").write_text(text)
    assert main(["graph", *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_refused_file_is_still_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "Dockerfile").write_text("FROM x\nCOPY --from=9 /b /\nRUN a\n")
    found = document(capsys, code=2)
    assert [problem["message"] for problem in found["problems"]] == ["invalid stage index 9"]
    assert [item["keyword"] for item in found["stages"][0]["instructions"]] == ["FROM", "COPY", "RUN"]


def test_no_dockerfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["graph"]) == 2
    assert "there is no Dockerfile and no Containerfile" in capsys.readouterr().err


def test_printing_a_graph_loads_neither_networkx_nor_the_rewriters(folder: Path) -> None:
    code = (
        "import sys\nfrom scratchify.cli import main\nmain(['graph', '--format', 'json'])\n"
        "heavy = {'networkx', 'libcst', 'jinja2', 'rich', 'msgspec'} & set(sys.modules)\n"
        "heavy |= {name for name in sys.modules if name.startswith(('rewriters', 'analyzer.engines'))}\n"
        "sys.exit(','.join(sorted(heavy)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_the_documentation_shows_the_graph_of_its_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    assert main(["graph", "docs/graph.Dockerfile"]) == 0
    assert capsys.readouterr().out in (root / "docs/graph.md").read_text()
    assert main(["graph", "docs/graph.Dockerfile", "--format", "json"]) == 0
    names = {
        stage["name"] or f"stage-{stage['index']}" for stage in json.loads(capsys.readouterr().out)["stages"]
    }
    drawing = ElementTree.parse(root / "docs/graph.svg")
    assert names <= {element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")}
