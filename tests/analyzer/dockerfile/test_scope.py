"""Scopes, environments, and the configuration that each stage leaves."""

from __future__ import annotations

import pytest

from analyzer.dockerfile.imageconfig import DEFAULT_PATH, ImageConfig, config_from_json, join_workdir
from analyzer.dockerfile.instructions import read
from analyzer.dockerfile.scope import BuildInputs, Evaluation, evaluate
from tests.analyzer.dockerfile.expansions import SCOPES, Scope


def evaluated(text: str, **inputs: object) -> Evaluation:
    return evaluate(read(text.encode()), BuildInputs(**inputs))  # type: ignore[arg-type]


def shown(config: ImageConfig) -> dict[str, object]:
    """What the table says of a configuration: the parts that are set, the default PATH left out."""
    health = config.healthcheck
    parts: dict[str, object] = {
        "env": {name: value for name, value in config.env.items() if (name, value) != ("PATH", DEFAULT_PATH)},
        "user": config.user,
        "workdir": "" if config.workdir == "/" else config.workdir,
        "entrypoint": config.entrypoint,
        "cmd": config.cmd,
        "shell": config.shell,
        "exposed": config.exposed,
        "volumes": config.volumes,
        "labels": dict(config.labels),
        "stop_signal": config.stop_signal,
        "onbuild": config.onbuild,
        "author": config.author,
        "healthcheck": health
        and (health.test, health.interval, health.timeout, health.start_period, health.retries),
    }
    return {name: value for name, value in parts.items() if value}


@pytest.mark.parametrize("row", SCOPES, ids=[row.rule for row in SCOPES])
def test_scopes(row: Scope) -> None:
    evaluation = evaluated(row.text, args=row.args)
    assert not evaluation.problems
    assert shown(evaluation.stages[-1].config) == row.image


UNDEFINED = (
    ("a name that is nowhere", "FROM scratch\nLABEL a=$X\n", {"X"}),
    ("a name with a default counts", "FROM scratch\nLABEL a=${X:-y}\n", {"X"}),
    ("a name in the default counts", "FROM scratch\nLABEL a=${X:-$Y}\n", {"X", "Y"}),
    ("a declared ARG without a value does not", "FROM scratch\nARG X\nLABEL a=$X\n", set()),
    ("an ARG of the parent stage does not", "FROM scratch AS a\nARG X\nFROM a\nLABEL a=$X\n", set()),
    ("an ARG before FROM counts in a stage", "ARG X=1\nFROM scratch\nLABEL a=$X\n", {"X"}),
    ("a quoted name does not", "FROM scratch\nLABEL a='$X'\n", set()),
    ("an escaped name does not", "FROM scratch\nLABEL a=\\$X\n", set()),
    ("a predefined ARG without declaration counts", "FROM scratch\nLABEL a=$TARGETARCH\n", {"TARGETARCH"}),
    ("PATH is always there", "FROM scratch\nLABEL a=$PATH\n", set()),
    ("what BuildKit reads itself", "FROM scratch\nLABEL a=$BUILDKIT_SBOM_SCAN_STAGE\n", set()),
    ("a name in a flag", "FROM scratch\nCOPY --chown=$X a b\n", {"X"}),
    ("a name in an exclude pattern is none", "FROM scratch\nCOPY --exclude=$X a b\n", set()),
    ("a name in a mount", "FROM scratch\nRUN --mount=target=/a$X true\n", {"X"}),
    ("a name in EXPOSE, where BuildKit does not look", "FROM scratch\nEXPOSE $X\n", set()),
    ("a name of the shell", "FROM scratch\nRUN echo $X\n", set()),
    ("a name in a heredoc body", "FROM scratch\nCOPY <<E /a\n$X\nE\n", {"X"}),
    ("a name in a quoted heredoc's body", "FROM scratch\nCOPY <<'E' /a\n$X\nE\n", set()),
    ("the default of an ARG that is given", "FROM scratch\nARG G=$X\n", set()),
    ("the default of an ARG", "FROM scratch\nARG H=$X\n", {"X"}),
)


@pytest.mark.parametrize(("text", "names"), [row[1:] for row in UNDEFINED], ids=[row[0] for row in UNDEFINED])
def test_undefined_names(text: str, names: set[str]) -> None:
    stage = evaluated(text, args={"G": "given"}).stages[-1]
    assert set().union(*(each.undefined for each in stage.instructions)) == names


def test_lookups_point_into_the_joined_text() -> None:
    text = 'FROM scratch\nARG A=1\nLABEL x="$A" \\\n  y=z${NOPE}\nCOPY --chown=$A ["$A", "$NOPE"]\n'
    label, copy = evaluated(text).stages[0].instructions[1:]
    for each in (label, copy):
        for lookup in each.lookups:
            assert lookup.start is not None and lookup.end is not None
            written = each.node.text[lookup.start : lookup.end]
            assert written.strip("${}") == lookup.name
            span = each.node.joined.span(lookup.start, lookup.end)
            assert text.encode()[span.start : span.end].decode() == written


EXPANDED = (
    ("sources and destination of COPY", "COPY $F/a b $D/\n", ("src/a", "b", "/d/")),
    ("COPY in JSON form", 'COPY ["$F/a b", "$D"]\n', ("src/a b", "/d")),
    ("ADD", "ADD $F $D\n", ("src", "/d")),
    ("RUN stays as it is", "RUN echo $F\n", ("echo $F",)),
    ("ENTRYPOINT stays as it is", 'ENTRYPOINT ["$F"]\n', ("$F",)),
    ("ARG with its value", "ARG F A=$F-x B\n", ("F", "A=src-x", "B")),
    ("EXPOSE as ports", "EXPOSE $P\n", ("80/tcp", "81/tcp")),
    ("ENV in turn", "ENV A=$F B=$D\n", ("A", "src", "B", "/d")),
)


@pytest.mark.parametrize(("line", "words"), [row[1:] for row in EXPANDED], ids=[row[0] for row in EXPANDED])
def test_expanded_words(line: str, words: tuple[str, ...]) -> None:
    setup = "FROM scratch\nENV F=src D=/d P=80-81\n"
    assert evaluated(setup + line).stages[0].instructions[-1].words == words


def test_flags_and_bodies_are_expanded() -> None:
    text = "FROM scratch\nARG O=1:2\nCOPY --chown=$O --chmod=6$O --from=a <<E <<'F' /x/\n$O\nE\n$O\nF\n"
    copy = evaluated(text).stages[0].instructions[-1]
    assert (copy.flag("chown"), copy.flag("chmod"), copy.flag("from")) == ("1:2", "61:2", "a")
    assert copy.contents == ("1:2\n", "$O\n")


def test_mounts_are_expanded() -> None:
    text = "FROM scratch\nARG D=/in\nRUN --mount=type=bind,from=src,source=/etc,target=${D} ls ${D}\n"
    run = evaluated(text).stages[0].instructions[-1]
    (mount,) = run.mounts
    assert (mount.from_, mount.source, mount.target) == ("src", "/etc", "/in")
    assert run.words == ("ls ${D}",)
    assert run.environment["D"] == "/in"


def test_each_instruction_knows_where_it_runs() -> None:
    text = 'FROM scratch\nRUN a\nWORKDIR /w\nUSER u\nSHELL ["/b", "-c"]\nENV E=1\nRUN b\n'
    first, *_, last = evaluated(text).stages[0].instructions
    assert (first.workdir, first.user, first.shell, "E" in first.environment) == (
        "/",
        "",
        ("/bin/sh", "-c"),
        False,
    )
    assert (last.workdir, last.user, last.shell, last.environment["E"]) == ("/w", "u", ("/b", "-c"), "1")


BASE = config_from_json(
    {
        "Env": ["B=base", "PATH=/only"],
        "WorkingDir": "/app",
        "User": "app",
        "OnBuild": ["ENV T=$B", "COPY --from=build /a /a"],
    }
)


def test_a_known_base_gives_names_place_and_triggers() -> None:
    stage = evaluated("FROM img:1\nLABEL v=$B t=$T p=$PATH\nWORKDIR x\n", bases={"img:1": BASE}).stages[0]
    assert stage.known_base
    assert dict(stage.config.labels) == {"v": "base", "t": "base", "p": "/only"}
    assert (stage.config.workdir, stage.config.user, stage.config.onbuild) == ("/app/x", "app", ())
    assert [each.node.keyword for each in stage.triggers] == ["ENV", "COPY"]


def test_an_unknown_base_is_said() -> None:
    stages = evaluated("FROM img:1 AS a\nFROM a\nFROM scratch\n").stages
    assert [stage.known_base for stage in stages] == [False, False, True]


STAGES = (
    ("a stage is found by its name in lower case", "FROM scratch AS Base\nFROM base\n", [None, 0]),
    (
        "FROM does not find a name that it writes in upper case",
        "FROM scratch AS Base\nFROM Base\n",
        [None, None],
    ),
    ("FROM takes the nearest stage above", "FROM x AS a\nFROM y AS a\nFROM a\n", [None, None, 1]),
    ("FROM does not look below", "FROM a\nFROM x AS a\n", [None, None]),
    ("a number is an image", "FROM x\nFROM 0\n", [None, None]),
    ("a stage called scratch", "FROM x AS scratch\nFROM scratch\n", [None, 0]),
    ("a tag makes it an image", "FROM x AS debian\nFROM debian:latest\n", [None, None]),
)


@pytest.mark.parametrize(("text", "parents"), [row[1:] for row in STAGES], ids=[row[0] for row in STAGES])
def test_parents(text: str, parents: list[int | None]) -> None:
    assert [stage.parent for stage in evaluated(text).stages] == parents


def test_platforms() -> None:
    text = (
        "FROM --platform=$BUILDPLATFORM scratch AS a\nARG TARGETARCH TARGETVARIANT BUILDOS\n"
        "LABEL v=$TARGETARCH-$TARGETVARIANT-$BUILDOS\nFROM a\nFROM scratch\n"
    )
    inputs = {"target_platform": "linux/arm/v7", "build_platform": "linux/amd64"}
    stages = evaluated(text, **inputs).stages
    assert [stage.platform for stage in stages] == ["linux/amd64", "linux/amd64", ""]
    assert stages[0].config.labels["v"] == "arm-v7-linux"


REFUSED = (
    ("a FROM that is empty", "FROM $X\n", "base name ($X) should not be blank"),
    ("a platform that is empty", "FROM --platform=$X a\n", "empty platform value from expression $X"),
    ("a port that is none", "FROM a\nEXPOSE http\n", "invalid containerPort: http"),
    ("a protocol that is none", "FROM a\nEXPOSE 80/foo\n", 'invalid port: "80/foo": invalid proto: foo'),
    ("a signal that is none", "FROM a\nSTOPSIGNAL FOO\n", "invalid signal: FOO"),
    ("a volume that is empty", "FROM a\nVOLUME $X\n", "VOLUME specified can not be an empty string"),
    ("a mount on the root", "FROM scratch\nRUN --mount=target=$X a\n", 'invalid mount target "/"'),
    (
        "a mount type from a name",
        "FROM a\nARG T=foo\nRUN --mount=type=$T,target=/a a\n",
        'unsupported mount type "foo"',
    ),
    ("an address that is none", "FROM a\nEXPOSE 1:2:3\n", "invalid IP address: 1"),
    ("no port", "FROM a\nEXPOSE /tcp\n", 'invalid port: "/tcp": no port specified'),
    (
        "ranges of two lengths",
        "FROM a\nEXPOSE 80:90-91\n",
        "invalid ranges specified for container and host Ports: 90-91 and 80",
    ),
    ("a port too large", "FROM a\nEXPOSE 70000\n", "invalid containerPort: 70000"),
    ("a range the wrong way round", "FROM a\nEXPOSE 90-80\n", "invalid containerPort: 90-80"),
    (
        "a checksum too short",
        "FROM a\nADD --checksum=sha256:aa https://x.example/a /b\n",
        "invalid checksum digest length",
    ),
    (
        "a checksum of a local file",
        "FROM a\nADD --checksum=x a b\n",
        "checksum requires HTTP(S) or Git sources",
    ),
    (
        "a platform with an empty part",
        "FROM --platform=linux/ a\n",
        'failed to parse platform linux/: "" is an invalid component of "linux/": platform specifier '
        'component must match "^[A-Za-z0-9_.-]+$": invalid argument',
    ),
    (
        "a platform with a dash for a slash",
        "ARG P=linux-amd64\nFROM --platform=$P a\n",
        'failed to parse platform $P: "linux-amd64": unknown operating system or architecture: '
        "invalid argument",
    ),
    (
        "a platform of four parts",
        "FROM --platform=linux/arm/v7/x a\n",
        'failed to parse platform linux/arm/v7/x: "linux/arm/v7/x": cannot parse platform specifier: '
        "invalid argument",
    ),
    (
        "two platforms",
        "FROM --platform=linux/amd64,linux/arm64 a\n",
        'failed to parse platform linux/amd64,linux/arm64: "amd64,linux" is an invalid component of '
        '"linux/amd64,linux/arm64": platform specifier component must match "^[A-Za-z0-9_.-]+$": '
        "invalid argument",
    ),
    (
        "a platform with a wildcard",
        "FROM --platform=linux/* a\n",
        'failed to parse platform linux/*: "linux/*": wildcards not yet supported: invalid argument',
    ),
    (
        "a word",
        "FROM a\nLABEL a=${X^}\n",
        'failed to process "${X^}": unsupported modifier (^) in substitution',
    ),
)


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_built(text: str, message: str) -> None:
    assert [problem.message for problem in evaluated(text).problems] == [message]


WORKDIRS = (
    ("absolute", "/a", "/b", "/b"),
    ("relative", "/a", "b/", "/a/b"),
    ("from nothing", "", "b", "/b"),
    ("empty", "/a", "", "/a"),
    ("an absolute one stays as written", "/a", "//b/../c/", "//b/../c/"),
    ("one below it is clean", "//b/../c/", "./d//", "/c/d"),
    ("above the root", "/a", "../..", "/"),
)


@pytest.mark.parametrize(
    ("current", "path", "result"), [row[1:] for row in WORKDIRS], ids=[row[0] for row in WORKDIRS]
)
def test_workdirs(current: str, path: str, result: str) -> None:
    assert join_workdir(current, path) == result


def test_a_long_chain_of_stages() -> None:
    text = "FROM scratch AS s0\nENV E0=0\n" + "".join(
        f"FROM s{i - 1} AS s{i}\nENV E{i}={i}\n" for i in range(1, 300)
    )
    last = evaluated(text).stages[-1]
    assert (last.environment["E0"], last.environment["E150"], len(last.config.env)) == ("0", "150", 301)


PORTS = (
    ("a port", "80", ("80/tcp",)),
    ("a protocol in upper case", "53/UDP", ("53/udp",)),
    ("a slash and nothing", "80/", ("80/tcp",)),
    ("a range", "80-82/sctp", ("80/sctp", "81/sctp", "82/sctp")),
    ("with the host's port", "8080:80", ("80/tcp",)),
    ("with an address", "127.0.0.1:8080:80", ("80/tcp",)),
    ("with an address of version 6", "[::1]:8080:80", ("80/tcp",)),
    ("with a host's range for one port", "8080-8090:80", ("80/tcp",)),
)


@pytest.mark.parametrize(("word", "ports"), [row[1:] for row in PORTS], ids=[row[0] for row in PORTS])
def test_ports(word: str, ports: tuple[str, ...]) -> None:
    assert evaluated(f"FROM scratch\nEXPOSE {word}\n").stages[0].config.exposed == ports


SIGNALS = ("9", "-1", "65", "SIGTERM", "term", "RTMIN+3", "sigrtmax-1", "SIGWINCH")


@pytest.mark.parametrize("signal", SIGNALS)
def test_signals(signal: str) -> None:
    evaluation = evaluated(f"FROM scratch\nSTOPSIGNAL {signal}\n")
    assert (evaluation.problems, evaluation.stages[0].config.stop_signal) == ((), signal)


def test_an_empty_platform_that_is_written_is_none() -> None:
    evaluation = evaluated("FROM --platform= scratch\n")
    assert (evaluation.problems, evaluation.stages[0].platform) == ((), "")
