"""Comments about findings: BuildKit's directive, hadolint's comments, ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.checks.hadolint_config import load
from analyzer.checks.runner import check_bytes
from analyzer.checks.selection import Selection, select
from analyzer.checks.subject import Surroundings
from analyzer.checks.suppression import CheckDirective, DirectiveError, check_directive
from analyzer.checks.table import RULES
from analyzer.dockerfile.syntax import parse
from analyzer.errors import InputError, ScratchifyError
from analyzer.settings import LintSettings

CHOSEN = Selection(frozenset({"DL3007", "DL3006", "FromAsCasing", "SLIM003", "SLIM004"}))


def _found(text: str, around: Surroundings | None = None) -> list[str]:
    found = check_bytes(text.encode(), "Dockerfile", RULES, CHOSEN, around)
    return [f"{each.region.line} {each.rule}" for each in found]


TAGS = "FROM a:latest\n"
CASES = [
    ("nothing hidden", TAGS, ["1 DL3007"]),
    ("hadolint: on the line above", f"# hadolint ignore=DL3007\n{TAGS}", []),
    ("hadolint: among others", f"# hadolint ignore=DL3006,DL3007\n{TAGS}", ["1 SLIM003"]),
    ("hadolint: blanks", f"  #hadolint   ignore = DL3006 , DL3007\n{TAGS}", ["1 SLIM003"]),
    ("hadolint: with a reason", f"# hadolint ignore=DL3007 # the nightly one\n{TAGS}", []),
    (
        "hadolint: a reason without its sign is none",
        f"# hadolint ignore=DL3007 nightly\n{TAGS}",
        ["2 DL3007"],
    ),
    (
        "hadolint: another comment between",
        f"# hadolint ignore=DL3007\n# x\n{TAGS}",
        ["1 SLIM003", "3 DL3007"],
    ),
    ("hadolint: an empty line between", f"# hadolint ignore=DL3007\n\n{TAGS}", ["1 SLIM003", "3 DL3007"]),
    ("hadolint: another rule", f"# hadolint ignore=DL3006\n{TAGS}", ["1 SLIM003", "2 DL3007"]),
    ("hadolint: the instruction below only", f"# hadolint ignore=DL3007\n{TAGS}{TAGS}", ["3 DL3007"]),
    ("hadolint: the whole file", f"{TAGS}{TAGS}# hadolint global ignore=DL3007\n", []),
    (
        "hadolint: a stage, but its FROM",
        f"# hadolint stage ignore=DL3007\n{TAGS}",
        ["1 SLIM003", "2 DL3007"],
    ),
    ("hadolint: not inside an instruction", "FROM \\\n# hadolint ignore=DL3007\n  a:latest\n", ["1 DL3007"]),
    ("ours: on the line above", f"# scratchify ignore=DL3007: the nightly one\n{TAGS}", []),
    ("ours: another comment between", f"# scratchify ignore=DL3007: nightly\n# x\n{TAGS}", []),
    ("ours: an empty line between", f"# scratchify ignore=DL3007: x\n\n{TAGS}", ["1 SLIM003", "3 DL3007"]),
    ("ours: inside the instruction", "FROM \\\n# scratchify ignore=DL3007: nightly\n  a:latest\n", []),
    ("ours: the whole file", f"{TAGS}{TAGS}# scratchify ignore-file=DL3007: nightly\n", []),
    ("ours: without a reason", f"# scratchify ignore=DL3007\n{TAGS}", ["1 SLIM004"]),
    ("ours: BuildKit's rules too", "# scratchify ignore=FromAsCasing: habit\nFROM a:1 as b\n", []),
    ("a directive skips BuildKit's rules", "# check=skip=FromAsCasing\nFROM a:latest as b\n", ["2 DL3007"]),
    ("a directive that skips all means BuildKit's", "# check=skip=all\nFROM a:latest as b\n", ["2 DL3007"]),
    (
        "a directive below the first comment is none",
        "# x\n# check=skip=all\nARG A\nFROM a:1 as b\n",
        ["4 FromAsCasing"],
    ),
    ("a comment skips BuildKit's rules below it", "ARG A\n# check=skip=FromAsCasing\nFROM a:1 as b\n", []),
    ("a comment that skips all", "ARG A\n# check=skip=all\n# x\nFROM a:latest as b\n", ["4 DL3007"]),
    (
        "a comment skips nothing elsewhere",
        "ARG A\n# check=skip=all\nFROM a:1 as b\nFROM a:1 as c\n",
        ["4 FromAsCasing"],
    ),
    (
        "a comment that BuildKit cannot read",
        "ARG A\n# check=everything\nFROM a:1 as b\n",
        ["3 FromAsCasing"],
    ),
    (
        "an ignore in a heredoc is text",
        "FROM a:1\nRUN <<E\n# hadolint ignore=DL3007\nE\nFROM a:latest\n",
        ["5 DL3007"],
    ),
]


@pytest.mark.parametrize(("case", "text", "found"), CASES, ids=[row[0] for row in CASES])
def test_hidden(case: str, text: str, found: list[str]) -> None:
    assert _found(text) == found


def test_the_rest_of_a_stage() -> None:
    text = (
        "# hadolint stage ignore=DL3014\nFROM a:1\nRUN apt-get install x\nRUN apt-get install y\n"
        "FROM a:1\nRUN apt-get install x\n"
    )
    chosen = Selection(frozenset({"DL3014"}))
    found = check_bytes(text.encode(), "Dockerfile", RULES, chosen)
    assert [each.region.line for each in found] == [6]


def test_hadolints_comments_can_be_switched_off() -> None:
    around = Surroundings(hadolint_comments=False)
    assert _found(f"# hadolint ignore=DL3007\n{TAGS}", around) == ["2 DL3007"]


DIRECTIVES = [
    ("none", "", CheckDirective()),
    ("skip", "skip=A, B", CheckDirective(skip=frozenset("AB"))),
    ("skip all", "skip=all", CheckDirective(skip=frozenset({"all"}), skip_all=True)),
    ("error", "error=true", CheckDirective(error=True)),
    ("both", "skip=A;error=1", CheckDirective(skip=frozenset("A"), error=True)),
    ("experimental", "experimental=A;error=False", CheckDirective(experimental=frozenset("A"))),
]


@pytest.mark.parametrize(("case", "value", "expected"), DIRECTIVES, ids=[row[0] for row in DIRECTIVES])
def test_directive(case: str, value: str, expected: CheckDirective) -> None:
    text = f"# check={value}\nFROM a\n" if value else "FROM a\n"
    assert check_directive(parse(text.encode())) == expected


@pytest.mark.parametrize("value", ["skip", "skipp=A", "error=maybe"])
def test_directive_that_buildkit_refuses(value: str) -> None:
    with pytest.raises(DirectiveError, match="check option"):
        check_directive(parse(f"# check={value}\nFROM a\n".encode()))


SELECTED = [
    ("by default what is switched on", (), (), "DL3007", True),
    ("by default not what is off", (), (), "SLIM003", False),
    ("by name", ("SLIM003",), (), "SLIM003", True),
    ("by name, and nothing else", ("SLIM003",), (), "DL3007", False),
    ("default and more", ("default", "SLIM003"), (), "DL3007", True),
    ("by prefix", ("DL30",), (), "DL3007", True),
    ("by group", ("hadolint",), (), "DL3007", True),
    ("by group not what is off", ("slim",), (), "SLIM003", False),
    ("by prefix not what is off", ("SLIM00",), (), "SLIM003", False),
    ("a prefix leaves out what is off, too", ("SLIM003",), ("SLIM",), "SLIM003", False),
    ("everything with all", ("all",), (), "SLIM003", True),
    ("by another group", ("buildkit",), (), "DL3007", False),
    ("all", ("all",), (), "SLIM003", True),
    ("ignored", (), ("DL3007",), "DL3007", False),
    ("ignored by prefix", (), ("DL",), "DL3007", False),
    ("ignored goes before selected", ("DL3007",), ("DL3007",), "DL3007", False),
    ("a code that we do not have may be ignored", (), ("SC2086", "DL9999"), "DL3007", True),
]


@pytest.mark.parametrize(
    ("case", "chosen", "ignored", "rule", "on"), SELECTED, ids=[row[0] for row in SELECTED]
)
def test_selection(case: str, chosen: tuple[str, ...], ignored: tuple[str, ...], rule: str, on: bool) -> None:
    selection = select(RULES, LintSettings(select=chosen, ignore=ignored))
    assert (rule in selection.enabled) is on


@pytest.mark.parametrize("names", [("SC2086",), ("DL9",), ("FromAs",), ("nonsense",)])
def test_selecting_what_is_not_there(names: tuple[str, ...]) -> None:
    with pytest.raises(ScratchifyError, match="no rule is named"):
        select(RULES, LintSettings(select=names))


CONFIG = """
failure-threshold: warning
ignored: [DL3007, SC2086]
override:
  error: [DL3006]
  style: [DL3008]
trustedRegistries: [docker.io]
label-schema:
  author: text
strict-labels: true
"""


def test_hadolints_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / ".hadolint.yaml").write_text(CONFIG)
    (tmp_path / "a").mkdir()
    config = load(tmp_path / "a" / "Dockerfile")
    assert config.comments is True
    assert config.lint == LintSettings(
        ignore=("DL3007", "SC2086"),
        severity={"DL3006": "error", "DL3008": "style"},
        fail_on="warning",
        trusted_registries=("docker.io",),
        label_schema={"author": "text"},
        strict_labels=True,
    )


PLACES = [
    ("beside the Dockerfile", "a/.hadolint.yml"),
    ("above it", ".hadolint.yaml"),
    ("in the working directory", "here/.hadolint.yaml"),
    ("in the user's configuration", "config/hadolint.yaml"),
    ("in the user's home", "home/.hadolint.yaml"),
]


@pytest.mark.parametrize(("case", "name"), PLACES, ids=[row[0] for row in PLACES])
def test_where_hadolints_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, name: str
) -> None:
    for folder in ("a", "here", "home", "config"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / name).write_text("ignored: [DL3007]")
    assert load(tmp_path / "a" / "Dockerfile").lint.ignore == ("DL3007",)


BROKEN = [
    ("not YAML", "ignored: [", "cannot be read"),
    ("not a mapping", "- x", "must hold a mapping"),
    ("wrong type", "ignored: DL3007", "`ignored` must be a list"),
    ("wrong threshold", "failure-threshold: high", "`failure-threshold` must be one of"),
]


@pytest.mark.parametrize(("case", "text", "message"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_file_of_hadolint(tmp_path: Path, case: str, text: str, message: str) -> None:
    (tmp_path / ".hadolint.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "Dockerfile")


def test_never_failing(tmp_path: Path) -> None:
    (tmp_path / ".hadolint.yaml").write_text("no-fail: true")
    assert load(tmp_path / "Dockerfile").lint.fail_on == "never"
