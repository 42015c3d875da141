"""Structure tests: what each of them finds wrong with an image or a command's end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from analyzer.errors import ScratchifyError
from analyzer.filesystem import Entry
from analyzer.image import ImageConfig
from analyzer.structure import CommandTest, StructureTests, judge_command, judge_image, load, permissions
from tests.imagefs import Dir, File, Link, image_tree

TREE = image_tree(
    {
        "/etc/app.conf": File("port = 80\nhost = a\n", 0o640, uid=7, gid=8),
        "/bin/tool": File("", 0o755),
        "/lib": Link("usr/lib"),
        "/usr/lib/x": "",
        "/data": Dir(0o1777),
    }
)
CONFIG = ImageConfig(
    env=(("PATH", "/bin"), ("V", "1.2.3")),
    user="app",
    workdir="/app",
    entrypoint=("/bin/tool",),
    exposed=("53/udp", "80/tcp"),
    volumes=("/data",),
    labels=(("a", "b"),),
)

IMAGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a file that is there": ({"existence": [{"path": "/bin/tool"}]}, []),
    "a file through a link": ({"existence": [{"path": "/lib/x"}]}, []),
    "a link itself": ({"existence": [{"path": "/lib", "permissions": "Lrwxrwxrwx"}]}, []),
    "a file that is not there": (
        {"existence": [{"name": "n", "path": "/no", "shouldExist": True}]},
        ["n: /no is not there"],
    ),
    "a file that should not be there": (
        {"existence": [{"name": "n", "path": "/bin/tool", "shouldExist": False}]},
        ["n: /bin/tool is there"],
    ),
    "mode and owner": (
        {"existence": [{"path": "/etc/app.conf", "permissions": "-rw-r-----", "uid": 7, "gid": 8}]},
        [],
    ),
    "another mode and owner": (
        {"existence": [{"name": "n", "path": "/etc/app.conf", "permissions": "-rw-r--r--", "uid": 0}]},
        ["n: -rw-r-----, not -rw-r--r--", "n: uid 7, not 0"],
    ),
    "executable": ({"existence": [{"path": "/bin/tool", "isExecutableBy": "other"}]}, []),
    "not executable": (
        {"existence": [{"name": "n", "path": "/etc/app.conf", "isExecutableBy": "any"}]},
        ["n: not executable by any"],
    ),
    "contents": (
        {
            "contents": [
                {"path": "/etc/app.conf", "expectedContents": ["port = \\d+"], "excludedContents": ["tls"]}
            ]
        },
        [],
    ),
    "other contents": (
        {
            "contents": [
                {
                    "name": "n",
                    "path": "/etc/app.conf",
                    "expectedContents": ["tls"],
                    "excludedContents": ["host"],
                }
            ]
        },
        ["n: /etc/app.conf has no 'tls'", "n: /etc/app.conf has 'host'"],
    ),
    "contents of nothing": ({"contents": [{"name": "n", "path": "/no"}]}, ["n: there is no file /no"]),
    "metadata": (
        {
            "metadata": {
                "envVars": [
                    {"key": "V", "value": r"^1\.", "isRegex": True},
                    {"key": "PATH", "value": "/bin"},
                ],
                "labels": [{"key": "a", "value": "b"}],
                "exposedPorts": ["80", "53/udp"],
                "unexposedPorts": ["81"],
                "volumes": ["/data"],
                "unmountedVolumes": ["/x"],
                "entrypoint": ["/bin/tool"],
                "cmd": [],
                "workdir": "/app",
                "user": "app",
            }
        },
        [],
    ),
    "other metadata": (
        {
            "metadata": {
                "envVars": [{"key": "V", "value": "1"}, {"key": "W", "value": ""}],
                "exposedPorts": ["81"],
                "unmountedVolumes": ["/data"],
                "workdir": "/",
            }
        },
        [
            "variable V: '1.2.3', not '1'",
            "variable W: None, not ''",
            "exposedPorts: 81",
            "unmountedVolumes: /data",
            "workdir: '/app', not '/'",
        ],
    ),
}


@pytest.mark.parametrize(("tests", "wrong"), IMAGES.values(), ids=IMAGES.keys())
def test_images(tests: dict[str, Any], wrong: list[str]) -> None:
    read = StructureTests(
        existence=tuple(tests.get("existence", ())),
        contents=tuple(tests.get("contents", ())),
        metadata=tests.get("metadata", {}),
    )
    assert judge_image(read, TREE, CONFIG) == wrong


COMMANDS: dict[str, tuple[CommandTest, tuple[int, str, str], list[str]]] = {
    "as wanted": (
        CommandTest("n", ("x",), expected_output=("a.c",), excluded_error=("bad",)),
        (0, "abc", ""),
        [],
    ),
    "another exit code": (CommandTest("n", ("x",), exit_code=2), (0, "", ""), ["n: exit code 0, not 2"]),
    "no such output": (
        CommandTest("n", ("x",), expected_output=("q",)),
        (0, "a", ""),
        ["n: output has no 'q'"],
    ),
    "unwanted error output": (
        CommandTest("n", ("x",), excluded_error=("bad",)),
        (0, "", "so bad"),
        ["n: error output has 'bad'"],
    ),
    "what is no pattern here": (CommandTest("n", ("x",), expected_output=("a[",)), (0, "xa[y", ""), []),
}


@pytest.mark.parametrize(("test", "end", "wrong"), COMMANDS.values(), ids=COMMANDS.keys())
def test_commands(test: CommandTest, end: tuple[int, str, str], wrong: list[str]) -> None:
    assert judge_command(test, *end) == wrong


PERMISSIONS = {
    "a file": (Entry("/x", "file", 0o644), "-rw-r--r--"),
    "a directory": (Entry("/x", "dir", 0o755), "drwxr-xr-x"),
    "sticky": (Entry("/x", "dir", 0o1777), "dtrwxrwxrwx"),
    "setuid": (Entry("/x", "file", 0o4755), "urwxr-xr-x"),
    "a link": (Entry("/x", "link", 0o777), "Lrwxrwxrwx"),
}


@pytest.mark.parametrize(("entry", "text"), PERMISSIONS.values(), ids=PERMISSIONS.keys())
def test_permissions_as_go_writes_them(entry: Entry, text: str) -> None:
    assert permissions(entry) == text


def test_a_file_of_tests(tmp_path: Path) -> None:
    document = {
        "schemaVersion": "2.0.0",
        "globalEnvVars": [{"key": "A", "value": "1"}],
        "commandTests": [
            {
                "name": "n",
                "command": "app",
                "args": ["-x", 3],
                "envVars": [{"key": "B", "value": "2"}],
                "exitCode": 4,
                "expectedOutput": ["o"],
            }
        ],
        "fileExistenceTests": [{"path": "/a"}, {"path": "/b", "shouldExist": False}],
        "fileContentTests": [{"path": "/c"}],
    }
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(document))
    tests = load(tmp_path / "t.yaml")
    assert tests.commands == (
        CommandTest("n", ("app", "-x", "3"), (("A", "1"), ("B", "2")), 4, expected_output=("o",)),
    )
    assert tests.paths == ["/a", "/c"]


REFUSED = {
    "another schema": ("schemaVersion: 1.0.0\n", "no file of structure tests"),
    "no tests": ("- a\n", "no file of structure tests"),
    "no YAML": ("a: [\n", "cannot read"),
    "a section that is not run": ("schemaVersion: 2.0.0\nlicenseTests: []\n", "not run here: licenseTests"),
    "a setup": (
        "schemaVersion: 2.0.0\ncommandTests: [{name: n, command: x, setup: [[y]]}]\n",
        "setup and teardown",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(ScratchifyError, match=message):
        load(tmp_path / "t.yaml")
