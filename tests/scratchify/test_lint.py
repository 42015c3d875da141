"""`scratchify lint` from its arguments to its output and exit code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scratchify.cli import EXIT_BROKEN_PIPE, main

ROOT = Path(__file__).parents[2]
BAD = "FROM debian:12 as base\nRUN true\n"
GOOD = "FROM debian:12 AS base\nRUN true\n"
ONLY = ["--select", "buildkit,SLIM001,SLIM002,SLIM003,SLIM004"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, without colours and without settings of the machine's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code = main(["lint", "--format", "json", *arguments])
    return code, json.loads(capsys.readouterr().out)


RUNS = [
    ("a finding makes the answer no", {"Dockerfile": BAD}, ["Dockerfile"], 1, ["Dockerfile:1 FromAsCasing"]),
    ("nothing found", {"Dockerfile": GOOD}, ["Dockerfile"], 0, []),
    ("without a path this folder is walked", {"a/Dockerfile": BAD}, [], 1, ["a/Dockerfile:1 FromAsCasing"]),
    (
        "names of Dockerfiles in a walk",
        dict.fromkeys(
            (
                "Dockerfile",
                "Dockerfile.dev",
                "api.Dockerfile",
                "Containerfile",
                "web.dockerfile",
                "Dockerfile.dockerignore",
                "Makefile",
                "MyDockerfile",
                "x/.git/Dockerfile",
            ),
            BAD,
        ),
        ["."],
        1,
        [
            f"{name}:1 FromAsCasing"
            for name in ("Containerfile", "Dockerfile", "Dockerfile.dev", "api.Dockerfile", "web.dockerfile")
        ],
    ),
    (
        "an ignore file is never a Dockerfile, not even by name",
        {"Dockerfile.dockerignore": BAD},
        ["Dockerfile.dockerignore"],
        0,
        [],
    ),
    (
        ".gitignore is respected",
        {".gitignore": "out/\n", "out/Dockerfile": BAD, "b/Dockerfile": GOOD},
        ["."],
        0,
        [],
    ),
    (
        "a named file is checked, whatever .gitignore says",
        {".gitignore": "out/\n", "out/Dockerfile": BAD},
        ["out/Dockerfile"],
        1,
        ["out/Dockerfile:1 FromAsCasing"],
    ),
    (
        "excluded by the settings",
        {"scratchify.toml": '[lint]\nexclude = ["third/*"]', "third/x/Dockerfile": BAD},
        ["."],
        0,
        [],
    ),
    (
        "a file twice is checked once",
        {"a/Dockerfile": BAD},
        ["a", "a/Dockerfile"],
        1,
        ["a/Dockerfile:1 FromAsCasing"],
    ),
    (
        "a missing file is a finding and does not end the run",
        {"b.Dockerfile": BAD},
        ["a.Dockerfile", "b.Dockerfile"],
        1,
        ["a.Dockerfile:1 SLIM001", "b.Dockerfile:1 FromAsCasing"],
    ),
    (
        "what is no text is a finding and does not end the run",
        {"a.Dockerfile": "FROM a\n\x00", "b.Dockerfile": BAD},
        ["."],
        1,
        ["a.Dockerfile:2 SLIM001", "b.Dockerfile:1 FromAsCasing"],
    ),
    (
        "what BuildKit refuses",
        {"Dockerfile": "FROM a\nRUNN x\nENV y\n"},
        ["."],
        1,
        ["Dockerfile:2 SLIM002", "Dockerfile:3 SLIM002"],
    ),
    ("selected by name", {"Dockerfile": BAD}, ["--select", "StageNameCasing"], 0, []),
    ("ignored by flag", {"Dockerfile": BAD}, ["--ignore", "FromAsCasing"], 0, []),
    (
        "ignored for one Dockerfile by settings",
        {
            "scratchify.toml": '[dockerfile."a/Dockerfile".lint]\nignore = ["FromAsCasing"]',
            "a/Dockerfile": BAD,
            "b/Dockerfile": BAD,
        },
        ["."],
        1,
        ["b/Dockerfile:1 FromAsCasing"],
    ),
    ("below the threshold", {"Dockerfile": BAD}, ["--fail-on", "error"], 0, ["Dockerfile:1 FromAsCasing"]),
    (
        "weighed otherwise",
        {"Dockerfile": BAD},
        ["--fail-on", "error", "--severity", "FromAsCasing=error"],
        1,
        ["Dockerfile:1 FromAsCasing"],
    ),
    (
        "BuildKit's own words: an error whatever the threshold",
        {"Dockerfile": "# check=error=true\n" + BAD},
        ["--fail-on", "error"],
        1,
        ["Dockerfile:2 FromAsCasing"],
    ),
    ("BuildKit's own words: skipped", {"Dockerfile": "# check=skip=FromAsCasing\n" + BAD}, ["."], 0, []),
    ("BuildKit's own words: all skipped", {"Dockerfile": "# check=skip=all\n" + BAD}, ["."], 0, []),
    (
        "BuildKit's own words: an experimental check",
        {"Dockerfile": "# check=experimental=InvalidDefinitionDescription\n\n# other\nFROM scratch AS b\n"},
        ["--select", "default"],
        1,
        ["Dockerfile:3 InvalidDefinitionDescription"],
    ),
    (
        "a target leaves out the stages that it does not need",
        {"Dockerfile": "FROM a AS one\nWORKDIR x\nFROM a AS two\nWORKDIR y\n"},
        ["--target", "two"],
        1,
        ["Dockerfile:4 WorkdirRelativePath"],
    ),
    (
        "a build argument makes a name whole",
        {"Dockerfile": "FROM a\nARG D\nWORKDIR $D\n"},
        ["--build-arg", "D=/x", "."],
        0,
        [],
    ),
]


@pytest.mark.parametrize(("case", "files", "arguments", "code", "found"), RUNS, ids=[row[0] for row in RUNS])
def test_run(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    case: str,
    files: dict[str, str],
    arguments: list[str],
    code: int,
    found: list[str],
) -> None:
    _write(folder, files)
    chosen = [] if "--select" in arguments else ONLY
    got, rows = _json(capsys, *chosen, *arguments)
    assert [f"{row['path']}:{row['line']} {row['rule']}" for row in rows] == found
    assert got == code


REFUSED = [
    ("no such rule", ["--select", "FromAsCassing"], "did you mean FromAsCasing?"),
    ("no such rule to ignore", ["--ignore", "StageNameCaseing"], "did you mean StageNameCasing?"),
    ("no such severity", ["--severity", "FromAsCasing=fatal"], "LEVEL is one of error, warning, info, style"),
    ("no such rule to explain", ["--explain", "fromascasin"], "did you mean FromAsCasing?"),
    ("no such format", ["--format", "xml"], "xml"),
]


@pytest.mark.parametrize(("case", "arguments", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], case: str, arguments: list[str], message: str
) -> None:
    _write(folder, {"Dockerfile": GOOD})
    assert main(["lint", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_bad_settings_are_an_error_of_the_whole_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": GOOD, "scratchify.toml": "[lint]\nselct = []"})
    assert main(["lint"]) == 2
    assert "scratchify.toml:2:1: unknown key `selct`; did you mean `select`?" in capsys.readouterr().err


def test_text_shows_the_line_and_a_caret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": "FROM debian:12\nENV A=1 \\\n\tAPI_TOKEN=x\n"})
    assert main(["lint", *ONLY]) == 1
    out, err = capsys.readouterr()
    assert out == (
        "Dockerfile:2:1: warning SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive "
        'data (ENV "API_TOKEN")\n'
        "   3 |  API_TOKEN=x\n"
        "     |  ^^^^^^^^^\n"
    )
    assert err == "1 finding in 1 file (1 warning)\n"


def test_nothing_to_say_is_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": GOOD})
    assert main(["lint", *ONLY]) == 0
    assert capsys.readouterr() == ("", "")


def test_json_is_what_the_schema_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": BAD + "CMD x y\nMAINTAINER ä\n", "b.Dockerfile": "\x00"})
    _, rows = _json(capsys, *ONLY)
    schema = json.loads((ROOT / "docs/schema/lint.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(rows, schema)
    assert rows[0] == {
        "rule": "FromAsCasing",
        "severity": "warning",
        "message": "'as' and 'FROM' keywords' casing do not match",
        "path": "Dockerfile",
        "line": 1,
        "column": 16,
        "end_line": 1,
        "end_column": 18,
        "focus": {"line": 1, "column": 16, "end_line": 1, "end_column": 18},
        "url": "https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
        "fingerprint": rows[0]["fingerprint"],
        "fix": {"title": "write `AS`", "safe": True},
        "edits": [{"line": 1, "column": 16, "end_line": 1, "end_column": 18, "text": "AS", "safe": True}],
    }


def test_sarif_is_valid_and_carries_safe_fixes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"my Dockerfile": "", "Dockerfile": BAD + "CMD x y\nWORKDIR w\nWORKDIR w\nCMD x y\n"})
    main(["lint", "--format", "sarif", *ONLY, "my Dockerfile", "Dockerfile", "missing"])
    log = json.loads(capsys.readouterr().out)
    schema = json.loads((ROOT / "fixtures/sarif/sarif-2.1.0.json").read_text())
    jsonschema.validate(log, schema)
    run = log["runs"][0]
    results = run["results"]
    assert {result["ruleId"] for result in results} >= {
        "FromAsCasing",
        "JSONArgsRecommended",
        "SLIM001",
        "SLIM002",
    }
    assert all(run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"] for each in results)
    prints = [(each["ruleId"], each["partialFingerprints"]["scratchify/v1"]) for each in results]
    assert len(set(prints)) == len(prints)
    fixed = {result["ruleId"] for result in results if "fixes" in result}
    assert "FromAsCasing" in fixed
    assert "JSONArgsRecommended" not in fixed


def test_fingerprints_stay_when_the_text_above_moves(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, {"Dockerfile": BAD})
    before = _json(capsys, *ONLY)[1][0]["fingerprint"]
    _write(folder, {"Dockerfile": f"# more\n\n{BAD}"})
    assert _json(capsys, *ONLY)[1][0]["fingerprint"] == before


def test_github_annotations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"a,b:Dockerfile": BAD})
    main(["lint", "--format", "github", *ONLY, "a,b:Dockerfile"])
    assert capsys.readouterr().out == (
        "::warning file=a%2Cb%3ADockerfile,line=1,endLine=1,col=16,endColumn=18,title=FromAsCasing::"
        "'as' and 'FROM' keywords' casing do not match "
        "(https://docs.docker.com/go/dockerfile/rule/from-as-casing/)\n"
    )


def test_gitlab_code_quality(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": BAD})
    main(["lint", "--format", "gitlab", *ONLY])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["severity"] == "major"
    assert row["check_name"] == "FromAsCasing"
    assert row["location"] == {"path": "Dockerfile", "lines": {"begin": 1, "end": 1}}


@pytest.mark.parametrize("form", ["json", "gitlab"])
def test_no_finding_is_an_empty_array(folder: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    _write(folder, {"Dockerfile": GOOD})
    assert main(["lint", "--format", form, *ONLY]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    code, rows = _json(capsys, *ONLY, "-")
    assert (code, rows[0]["path"], rows[0]["line"]) == (1, "-", 1)


def test_fix_writes_and_reports_what_is_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": BAD + "CMD x y\n"})
    (folder / "Dockerfile").chmod(0o604)
    assert main(["lint", "--fix", *ONLY]) == 1
    out, err = capsys.readouterr()
    assert (folder / "Dockerfile").read_text() == GOOD + "CMD x y\n"
    assert (folder / "Dockerfile").stat().st_mode & 0o777 == 0o604
    assert "JSONArgsRecommended" in out
    assert "FromAsCasing" not in out
    assert err == "1 finding fixed, 1 left in 1 file (1 warning)\n"


def test_fix_that_leaves_nothing_is_clean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": BAD})
    assert main(["lint", "--fix", *ONLY]) == 0
    assert (folder / "Dockerfile").read_text() == GOOD


def test_unsafe_fixes_are_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": GOOD + "CMD x y\n"})
    assert main(["lint", "--fix", "--unsafe-fixes", *ONLY]) == 0
    assert (folder / "Dockerfile").read_text() == GOOD + 'CMD ["x", "y"]\n'


def test_diff_shows_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, {"Dockerfile": BAD.rstrip("\n")})
    assert main(["lint", "--diff", *ONLY]) == 1
    assert (folder / "Dockerfile").read_text() == BAD.rstrip("\n")
    out = capsys.readouterr().out
    assert out.startswith("--- Dockerfile\n+++ Dockerfile\n@@ -1,2 +1,2 @@\n-FROM debian:12 as base\n")
    patch = subprocess.run(
        ["patch", "-p0"], input=out, text=True, capture_output=True, cwd=folder, check=False
    )
    assert patch.returncode == 0, patch.stderr
    assert (folder / "Dockerfile").read_text() == GOOD.rstrip("\n")


def test_fix_of_standard_input_prints_the_text(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    assert main(["lint", "--fix", *ONLY, "-"]) == 0
    assert capfdbinary.readouterr().out == GOOD.encode()


def test_explain_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--explain", "FromAsCasing"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# FromAsCasing\n")
    assert "## Bad" in out and "## Good" in out


def test_explain_points_to_shellchecks_wiki(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--explain", "SC2086"]) == 0
    assert "https://www.shellcheck.net/wiki/SC2086" in capsys.readouterr().out


def test_many_files_in_several_processes_give_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(120):
        _write(folder, {f"d{number:03}/Dockerfile": BAD if number % 3 else GOOD})
    code, rows = _json(capsys, *ONLY)
    assert code == 1
    assert [row["path"] for row in rows] == [
        f"d{number:03}/Dockerfile" for number in range(120) if number % 3
    ]


def test_a_reader_that_leaves_ends_all_processes_quietly(folder: Path) -> None:
    for number in range(200):
        _write(folder, {f"d{number:03}/Dockerfile": BAD * 20})
    with subprocess.Popen(
        [sys.executable, "-m", "scratchify", "lint"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == EXIT_BROKEN_PIPE


def test_a_lint_run_loads_nothing_heavy(folder: Path) -> None:
    """The start of a hook: no graph library, no templates, no tables, no YAML, no engines."""
    _write(folder, {"Dockerfile": "FROM debian:12 as b\nRUN apt-get install curl && wget x | sh\nCMD x\n"})
    script = (
        "import sys; from scratchify.cli import main; main(['lint', 'Dockerfile']); "
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {"networkx", "libcst", "jinja2", "rich", "pydantic", "msgspec", "yaml", "tomllib"}
    assert not {name for name in loaded if name.startswith(("analyzer.engines", "analyzer.tracers"))}
    assert "rewriters.fixes" not in loaded
    assert "hashlib" not in tops and "multiprocessing" not in tops
