"""The language of probes: each line with what it means, each fault with where it is."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.image import Healthcheck, ImageConfig
from analyzer.probes import (
    CrawlProbe,
    ExecProbe,
    HostProbe,
    HttpProbe,
    OpenapiProbe,
    PortProbe,
    Probe,
    RunProbe,
    StartProbe,
    StructureProbe,
    TcpProbe,
    commands_of,
    default_probes,
    parse,
    port_of,
    ports_of,
    recorded,
    split_words,
)
from analyzer.recording import Answer, Outcome

URL = "http://localhost:8000/"

READ: dict[str, tuple[str, list[Probe]]] = {
    "nothing at all": ("", []),
    "blank lines and comments": ("\n  \n# http nothing\n\t# more\n", []),
    "a plain request": (f"http {URL}", [HttpProbe(f"http {URL}", "GET", URL)]),
    "a method": (f"http DELETE {URL}", [HttpProbe(f"http DELETE {URL}", "DELETE", URL)]),
    "a comment behind a probe is no part of it": (
        f"http {URL}  # the front page",
        [HttpProbe(f"http {URL}", "GET", URL)],
    ),
    "a fragment is no comment": (
        "http http://a/#top",
        [HttpProbe("http http://a/#top", "GET", "http://a/#top")],
    ),
    "headers, in order, values trimmed": (
        f"http {URL} -H 'Accept: text/html' -H X-A:1",
        [
            HttpProbe(
                f"http {URL} -H 'Accept: text/html' -H X-A:1",
                "GET",
                URL,
                (("Accept", "text/html"), ("X-A", "1")),
            )
        ],
    ),
    "data makes it a POST": (
        f"http {URL} -d 'a=1&b=2'",
        [HttpProbe(f"http {URL} -d 'a=1&b=2'", "POST", URL, data=b"a=1&b=2")],
    ),
    "data with a method of its own": (
        f"http PUT {URL} -d x",
        [HttpProbe(f"http PUT {URL} -d x", "PUT", URL, data=b"x")],
    ),
    "data that begins with a dash": (
        f"http {URL} -d -1",
        [HttpProbe(f"http {URL} -d -1", "POST", URL, data=b"-1")],
    ),
    "options before the URL": (
        f"http --status 404 GET {URL}",
        [HttpProbe(f"http --status 404 GET {URL}", "GET", URL, status=404)],
    ),
    "an option with an equals sign": (
        f"http {URL} --status=401",
        [HttpProbe(f"http {URL} --status=401", "GET", URL, status=401)],
    ),
    "a port": ("tcp localhost:5432", [TcpProbe("tcp localhost:5432", 5432)]),
    "a port of an IPv6 address": ("tcp [::1]:53", [TcpProbe("tcp [::1]:53", 53)]),
    "a command in words": (
        """exec sh -c 'echo "$HOME"' a\\ b "c\\"d" ''""",
        [
            ExecProbe(
                """exec sh -c 'echo "$HOME"' a\\ b "c\\"d" ''""",
                ("sh", "-c", 'echo "$HOME"', "a b", 'c"d', ""),
            )
        ],
    ),
    "nothing is expanded": (
        "exec echo $HOME * ~",
        [ExecProbe("exec echo $HOME * ~", ("echo", "$HOME", "*", "~"))],
    ),
    "quotes inside a word": ("exec a'b c'd", [ExecProbe("exec a'b c'd", ("ab cd",))]),
    "a backslash stays in double quotes": (r'exec "a\nb"', [ExecProbe(r'exec "a\nb"', (r"a\nb",))]),
    "a hash inside a word": ("exec a#b '#c'", [ExecProbe("exec a#b '#c'", ("a#b", "#c"))]),
    "no-break spaces belong to words": ("exec a\u00a0b", [ExecProbe("exec a\u00a0b", ("a\u00a0b",))]),
    "options of a command are its own": (
        "exec ls --status -H",
        [ExecProbe("exec ls --status -H", ("ls", "--status", "-H"))],
    ),
    "a run without arguments": ("run", [RunProbe("run")]),
    "a run with arguments": ("run --version", [RunProbe("run --version", ("--version",))]),
    "host text is the shell's": (
        'host cd tests && pytest -k "a b" $X  # all',
        [HostProbe('host cd tests && pytest -k "a b" $X', 'cd tests && pytest -k "a b" $X')],
    ),
    "a crawl": (f"crawl {URL}", [CrawlProbe(f"crawl {URL}", URL, 2)]),
    "a crawl's depth": (f"crawl {URL} --depth 0", [CrawlProbe(f"crawl {URL} --depth 0", URL, 0)]),
    "an OpenAPI address": (f"openapi {URL}o.json", [OpenapiProbe(f"openapi {URL}o.json", f"{URL}o.json")]),
    "Windows line ends": ("run a\r\nrun b\r\n", [RunProbe("run a", ("a",)), RunProbe("run b", ("b",))]),
    "a line separator of Unicode ends no line": ("run a\u2028b", [RunProbe("run a\u2028b", ("a\u2028b",))]),
}


@pytest.mark.parametrize(("text", "probes"), READ.values(), ids=READ.keys())
def test_reads(text: str, probes: list[Probe]) -> None:
    assert parse(text) == probes


def test_files_are_sought_beside_the_probes(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_bytes(b"\xff{}")
    (tmp_path / "tests.yaml").touch()
    (tmp_path / "api.yaml").touch()
    request, structure, api = parse(
        f"http {URL} -d @body.json\nstructure-test tests.yaml\nopenapi api.yaml", folder=tmp_path
    )
    assert isinstance(request, HttpProbe)
    assert request.data == b"\xff{}"
    assert structure == StructureProbe("structure-test tests.yaml", tmp_path / "tests.yaml")
    assert api == OpenapiProbe("openapi api.yaml", str(tmp_path / "api.yaml"))


FAULTS: dict[str, tuple[str, int, str]] = {
    "an unknown probe": ("htpp http://a/", 1, "no probe is called `htpp`"),
    "an unclosed single quote": ("exec 'a", 6, "single quote"),
    "an unclosed double quote": ('exec a"b', 7, "double quote"),
    "a backslash at the end": ("exec a\\", 7, "one line"),
    "no URL": ("http", 5, "needs a URL"),
    "no URL behind a method": ("http GET", 6, "http://HOST"),
    "two URLs": (f"http {URL} {URL}", 7 + len(URL), "nothing after"),
    "no scheme": ("http localhost:8000", 6, "http://HOST"),
    "another scheme": ("crawl ftp://a/", 7, "http://HOST"),
    "a port that is none": ("http http://a:99999/", 6, "no URL"),
    "port 0": ("http http://a:0/", 6, "http://HOST"),
    "a header without a colon": (f"http {URL} -H Accept", 7 + len(URL) + 3, "Name: value"),
    "a header without a value": (f"http {URL} -H", 7 + len(URL), "needs a value"),
    "an unknown option": (f"http {URL} --data x", 7 + len(URL), "no such option"),
    "a status that is none": (f"http {URL} --status 2000", 7 + len(URL) + 9, "whole number"),
    "a status in words": (f"http {URL} --status=ok", 7 + len(URL) + 9, "whole number"),
    "a file that is not there": (f"http {URL} -d @nowhere", 7 + len(URL) + 3, "no file"),
    "tcp without a port": ("tcp localhost", 5, "HOST:PORT"),
    "tcp with a word for a port": ("tcp localhost:http", 15, "whole number"),
    "tcp with a digit of another script": ("tcp localhost:٣", 15, "whole number"),
    "exec without a command": ("exec  # nothing", 5, "needs a command"),
    "host without a command": ("host", 5, "needs a command"),
    "a depth below zero": (f"crawl {URL} --depth -1", 8 + len(URL) + 8, "whole number"),
    "openapi without a source": ("openapi", 8, "needs a URL or a file"),
    "a structure test that is not there": ("structure-test nowhere.yaml", 16, "no file"),
}


@pytest.mark.parametrize(("text", "column", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(text: str, column: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(f"# first\n{text}\n", source="probes.txt")
    [problem] = caught.value.problems
    assert (problem.path, problem.line, problem.column) == ("probes.txt", 2, column)
    assert message in problem.message
    assert problem.source_line == text


def test_every_fault_is_told_with_the_nearest_name() -> None:
    with pytest.raises(InputError) as caught:
        parse("htp http://a/\nrun ok\ntcp x")
    assert [problem.line for problem in caught.value.problems] == [1, 3]
    assert caught.value.hint == "did you mean `http`?"


@given(
    st.lists(
        st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), min_size=0),
        min_size=1,
    )
)
def test_words_come_back_from_shell_quoting(words: list[str]) -> None:
    assert [word.text for word in split_words(shlex.join(words))] == words


DEFAULTS: dict[str, tuple[ImageConfig, list[Probe]]] = {
    "nothing to ask": (ImageConfig(), [StartProbe()]),
    "each exposed TCP port": (
        ImageConfig(exposed=("53/udp", "80/tcp", "443/tcp")),
        [PortProbe("port 80", 80), PortProbe("port 443", 443)],
    ),
    "the health test in words": (
        ImageConfig(healthcheck=Healthcheck(("CMD", "curl", "-f", "a b"))),
        [ExecProbe("exec curl -f 'a b'", ("curl", "-f", "a b"))],
    ),
    "the health test in the default shell": (
        ImageConfig(healthcheck=Healthcheck(("CMD-SHELL", "curl x || exit 1"))),
        [ExecProbe("exec /bin/sh -c 'curl x || exit 1'", ("/bin/sh", "-c", "curl x || exit 1"))],
    ),
    "the health test in the image's own shell": (
        ImageConfig(healthcheck=Healthcheck(("CMD-SHELL", "true")), shell=("/bin/bash", "-ec")),
        [ExecProbe("exec /bin/bash -ec true", ("/bin/bash", "-ec", "true"))],
    ),
    "a health test switched off": (ImageConfig(healthcheck=Healthcheck(("NONE",))), [StartProbe()]),
}


@pytest.mark.parametrize(("config", "probes"), DEFAULTS.values(), ids=DEFAULTS.keys())
def test_defaults(config: ImageConfig, probes: list[Probe]) -> None:
    assert default_probes(config) == probes


def test_ports_to_publish() -> None:
    probes = parse(
        "http http://a/\nhttp https://a/\ntcp h:5\nrun x\ncrawl http://a:8080/\nopenapi http://a:81/o\nexec a"
    )
    assert ports_of([*probes, PortProbe("port 9", 9)]) == [5, 9, 80, 81, 443, 8080]
    assert port_of("https://a") == 443


def test_recorded_probes_are_asked_again() -> None:
    health = default_probes(ImageConfig(healthcheck=Healthcheck(("CMD-SHELL", "a\n# b\nc 'd'"))))
    probes = [StartProbe(), TcpProbe("tcp localhost:80", 80), RunProbe("run a", ("a",)), *health]
    assert recorded(Outcome(probe.text, Answer(True, 0)) for probe in probes) == probes


def test_a_recorded_probe_that_cannot_be_read() -> None:
    with pytest.raises(InputError, match="recording:1:6"):
        recorded([Outcome("exec 'a", Answer(True, 0))])


# (what, probes, the commands that they start in an image of entrypoint `e` and command `c`)
COMMANDS = [
    ("none", "", [("e", "c")]),
    ("of the running container", "http http://localhost/", [("e", "c")]),
    ("only of their own", "run -v\nrun", [("e", "-v"), ("e", "c")]),
    ("both, and inside", "exec ls -l\nrun -v", [("e", "c"), ("e", "-v"), ("ls", "-l")]),
]


@pytest.mark.parametrize(("text", "commands"), [pytest.param(*case, id=what) for what, *case in COMMANDS])
def test_commands_that_probes_start(text: str, commands: list[tuple[str, ...]]) -> None:
    config = ImageConfig(entrypoint=("e",), cmd=("c",))
    assert commands_of(parse(text), config) == commands
