"""Settings: where they are found, how tables overlay, what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.errors import InputError
from analyzer.settings import Settings, load


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


FOUND = [
    ("beside the Dockerfile", {"a/b/scratchify.toml": 'target = "x"'}, "x"),
    ("further up", {"scratchify.toml": 'target = "x"'}, "x"),
    (
        "the nearest counts, alone",
        {"scratchify.toml": 'target = "x"', "a/scratchify.toml": "keep = []"},
        None,
    ),
    ("in pyproject.toml", {"a/pyproject.toml": '[tool.scratchify]\ntarget = "x"'}, "x"),
    (
        "a pyproject.toml that does not name us is passed over",
        {"a/b/pyproject.toml": '[project]\nname = "scratchify-app"', "scratchify.toml": 'target = "x"'},
        "x",
    ),
    (
        "scratchify.toml before pyproject.toml of one folder",
        {"pyproject.toml": '[tool.scratchify]\ntarget = "y"', "scratchify.toml": 'target = "x"'},
        "x",
    ),
    (
        "the Dockerfile's own table replaces",
        {"scratchify.toml": 'target = "y"\n[dockerfile."a/b/Dockerfile"]\ntarget = "x"'},
        "x",
    ),
    (
        "another Dockerfile's table is not ours",
        {"scratchify.toml": 'target = "x"\n[dockerfile."a/Dockerfile"]\ntarget = "y"'},
        "x",
    ),
    ("a path with ./ in a table", {"a/scratchify.toml": '[dockerfile."./b/Dockerfile"]\ntarget = "x"'}, "x"),
    ("no file at all", {}, None),
]


@pytest.mark.parametrize(("case", "files", "target"), FOUND, ids=[row[0] for row in FOUND])
def test_found(tmp_path: Path, case: str, files: dict[str, str], target: str | None) -> None:
    _write(tmp_path, files)
    assert load(tmp_path / "a/b/Dockerfile").target == target


def test_every_key(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "scratchify.toml": """
context = "src"
probes = ["tcp localhost:80"]
probe-files = ["probes.txt"]
timeout = 5
[build-args]
VERSION = "1"
[lint]
ignore = ["DL3008"]
fail-on = "error"
[lint.severity]
DL3007 = "error"
[dockerfile.Dockerfile.lint]
ignore = ["DL3009"]
"""
        },
    )
    settings = load(tmp_path / "Dockerfile")
    assert settings.source == tmp_path / "scratchify.toml"
    assert settings.context == tmp_path / "src"
    assert settings.probes == ("tcp localhost:80",)
    assert settings.probe_files == (tmp_path / "probes.txt",)
    assert settings.timeout == 5.0
    assert settings.build_args == {"VERSION": "1"}
    assert settings.lint.ignore == ("DL3009",)
    assert settings.lint.severity == {"DL3007": "error"}
    assert settings.lint.fail_on == "error"


REFUSED = [
    ("unknown key", 'target = "x"\nprobs = []', "2:1: unknown key `probs`; did you mean `probes`?"),
    (
        "underscore for dash",
        "keep_packages = []",
        "1:1: unknown key `keep_packages`; did you mean `keep-packages`?",
    ),
    ("unknown key in lint", '[lint]\nselct = ["DL"]', "2:1: unknown key `selct`; did you mean `select`?"),
    (
        "unknown key in a Dockerfile's table",
        '[dockerfile."a/Dockerfile"]\ncoverag = "safe"',
        "2:1: unknown key `coverag`; did you mean `coverage`?",
    ),
    ("wrong type", 'keep = "x"', "1:1: `keep` must be a list of strings"),
    ("not one of the choices", 'coverage = "all"', "1:1: `coverage` must be one of traced, balanced, safe"),
    (
        "wrong severity",
        '[lint.severity]\nDL3006 = "fatal"',
        "must give DL3006 one of error, warning, info, style",
    ),
    ("time that is none", "timeout = 0", "1:1: `timeout` must be a number of seconds above 0"),
    ("not TOML", 'target = "x"\nkeep =', "2:7: not valid TOML: Invalid value"),
    ("not TOML, inside", "keep = x\n", "1:8: not valid TOML: Invalid value"),
    ("both faults are told", 'keep = "x"\nprobs = 1', "2:1: unknown key `probs`"),
]


@pytest.mark.parametrize(("case", "text", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(tmp_path: Path, case: str, text: str, message: str) -> None:
    _write(tmp_path, {"scratchify.toml": text})
    with pytest.raises(InputError) as caught:
        load(tmp_path / "Dockerfile")
    assert message in str(caught.value)
    assert str(tmp_path / "scratchify.toml") in str(caught.value)


def test_nothing_set_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path / "Dockerfile") == Settings()


def test_no_settings_file_loads_no_toml_reader(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from analyzer.settings import load\n"
        f"load(Path({str(tmp_path / 'Dockerfile')!r}))\n"
        "sys.exit('tomllib' in sys.modules or 'msgspec' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
