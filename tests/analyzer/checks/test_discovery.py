"""Which files a lint run takes: names, folders, .gitignore as git reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from analyzer.checks import gitignore
from analyzer.checks.discovery import discover, is_dockerfile_name

NAMES = [
    ("Dockerfile", True),
    ("dockerfile", True),
    ("Dockerfile.alpine", True),
    ("api.Dockerfile", True),
    ("api.dockerfile", True),
    ("Containerfile", True),
    ("Containerfile.dev", True),
    ("Dockerfile.dockerignore", False),
    ("api.Dockerfile.dockerignore", False),
    (".dockerignore", False),
    ("Containerfile.containerignore", False),
    ("NotADockerfile", False),
    ("Dockerfiles", False),
    ("Dockerfile_old", False),
]


@pytest.mark.parametrize(("name", "is_one"), NAMES, ids=[row[0] for row in NAMES])
def test_names(name: str, is_one: bool) -> None:
    assert is_dockerfile_name(name) is is_one


TREE = (
    "Dockerfile",
    "a/Dockerfile",
    "a/b/Dockerfile",
    "a/b/c/Dockerfile",
    "out/Dockerfile",
    "x y/Dockerfile",
)

IGNORES = [
    ("nothing", {".gitignore": "# comment\n\n"}, TREE),
    (
        "a name at any depth",
        {".gitignore": "b\n"},
        ("Dockerfile", "a/Dockerfile", "out/Dockerfile", "x y/Dockerfile"),
    ),
    ("folders alone", {".gitignore": "Dockerfile/\n"}, TREE),
    ("anchored by a slash in front", {".gitignore": "/Dockerfile\n"}, TREE[1:]),
    ("anchored by a slash inside", {".gitignore": "b/c\n"}, TREE),
    ("a path", {".gitignore": "a/b\n"}, ("Dockerfile", "a/Dockerfile", "out/Dockerfile", "x y/Dockerfile")),
    (
        "one component's star",
        {".gitignore": "a/*/Dockerfile\n"},
        tuple(p for p in TREE if p != "a/b/Dockerfile"),
    ),
    ("two stars in front", {".gitignore": "**/c\n"}, tuple(p for p in TREE if "/c/" not in p)),
    (
        "two stars between",
        {".gitignore": "a/**/Dockerfile\n"},
        ("Dockerfile", "out/Dockerfile", "x y/Dockerfile"),
    ),
    ("two stars behind", {".gitignore": "a/**\n"}, ("Dockerfile", "out/Dockerfile", "x y/Dockerfile")),
    ("a set", {".gitignore": "[a-c]\n"}, ("Dockerfile", "out/Dockerfile", "x y/Dockerfile")),
    ("not in a set", {".gitignore": "[!a-c]\n"}, TREE),
    ("a question mark", {".gitignore": "ou?\n"}, tuple(p for p in TREE if not p.startswith("out"))),
    ("taken back", {".gitignore": "Dockerfile\n!/Dockerfile\n"}, ("Dockerfile",)),
    (
        "not taken back below a folder that is out",
        {".gitignore": "a\n!a/Dockerfile\n"},
        ("Dockerfile", "out/Dockerfile", "x y/Dockerfile"),
    ),
    (
        "the nearer file decides",
        {".gitignore": "Dockerfile\n", "a/b/.gitignore": "!Dockerfile\n"},
        ("a/b/Dockerfile", "a/b/c/Dockerfile"),
    ),
    (
        "a nearer file is anchored at its folder",
        {"a/.gitignore": "/b\n"},
        ("Dockerfile", "a/Dockerfile", "out/Dockerfile", "x y/Dockerfile"),
    ),
    ("an escaped sign", {".gitignore": "\\!x\n\\#y\nout\\\n"}, TREE),
    ("blanks at the end", {".gitignore": "out   \nx\\ y\n"}, TREE[:4]),
]


def _tree(root: Path, files: dict[str, str]) -> None:
    for name in (*TREE, *files):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, "FROM scratch\n"))
    subprocess.run(["git", "init", "-q", str(root)], check=True)


@pytest.mark.parametrize(("case", "files", "kept"), IGNORES, ids=[row[0] for row in IGNORES])
def test_gitignore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, files: dict[str, str], kept: tuple[str, ...]
) -> None:
    _tree(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    assert discover(["."]) == sorted(kept)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z", "*Dockerfile"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert sorted(filter(None, listed.split("\0"))) == sorted(kept), "git itself says otherwise"


def test_a_folder_below_the_root_of_the_repository(tmp_path: Path) -> None:
    _tree(tmp_path, {".gitignore": "/a/b\n"})
    assert discover([str(tmp_path / "a")]) == [str(tmp_path / "a/Dockerfile")]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    _tree(tmp_path, {})
    (tmp_path / "loop").symlink_to(tmp_path)
    assert len(discover([str(tmp_path)])) == len(TREE)


def test_an_unreadable_ignore_file_is_none(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").mkdir()
    assert gitignore.read(tmp_path / ".gitignore") is None
