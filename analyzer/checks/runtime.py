"""How the container will run: its user, debug ports, development servers, files that lend root's rights."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.checks.base_images import official_name
from analyzer.checks.final_image import base, chain, runs, runs_a_program, started, steps, url
from analyzer.checks.interface import Example, Finding, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.instructions import Env, Expose, User
from analyzer.shell.calls import Call

# Official images whose entrypoint gives root's rights up by itself, or that have a USER.
_OWN_USER = frozenset(
    (
        "postgres redis valkey mysql mariadb mongo memcached rabbitmq cassandra elasticsearch kibana "
        "logstash nginx httpd haproxy traefik varnish sonarqube solr neo4j jetty zookeeper consul vault "
        "ghost wordpress nextcloud couchbase couchdb influxdb telegraf kong rocket.chat docker registry"
    ).split(" ")
)
_STEPS_DOWN = re.compile(rb"\b(?:gosu|su-exec|setpriv|chpst|runuser|s6-setuidgid)\b")


def _no_user(subject: Subject) -> Iterator[Finding]:
    image = base(subject)
    name = official_name(image)
    if not runs_a_program(subject) or not (image == "scratch" or name) or name in _OWN_USER:
        # Another's image may have a USER of its own.
        return
    if any(isinstance(each.command, User) for each in steps(subject)):
        return
    if any(
        _STEPS_DOWN.search(subject.dockerfile.source.data[each.node.span.start : each.node.span.end])
        for each in steps(subject)
    ):
        return
    stage = chain(subject)[-1]
    message = "no USER: the container runs as root"
    yield Finding(NO_USER.name, message, stage.start.node.span_of(stage.start.node.name))


NO_USER = Rule(
    name="SLIM203",
    severity="info",
    summary="The image sets no USER, and so runs as root.",
    why="Whoever breaks into the program is root in the container, and on mounted volumes.",
    remedy="End with a USER by number, such as `USER 65532:65532`; give it the files that it writes.",
    url=url("SLIM203"),
    check=_no_user,
    bad=(Example('FROM debian:12\nCMD ["/app"]\n', lines=(1,)),),
    good=(
        Example('FROM debian:12\nUSER 65532\nCMD ["/app"]\n'),
        Example('FROM debian:12 AS base\nUSER app\nFROM base\nCMD ["/app"]\n'),
        Example('FROM example.org/own/base:1\nCMD ["/app"]\n', note="It may have a USER of its own."),
        Example('FROM debian:12\nENTRYPOINT ["gosu", "app", "/app"]\n'),
        Example("FROM debian:12\nRUN make\n", note="A base for others: it runs nothing."),
    ),
)

_MODE = re.compile(r"(?:[ugoa]*[+=][rwxX]*s[rwxXst]*(?:,.*)?|[0-7]?[2-7][0-7]{3})")
_DIRECTORY_MODE = re.compile(r"0?[2][0-7]{3}|g\+s|g=.*s.*")


def _setuid(subject: Subject) -> Iterator[Finding]:
    for _, _, body in runs(subject):
        for call in body.called("chmod", "install"):
            if _lends(call):
                message = (
                    f"`{call.name}` makes a program that runs with its owner's rights, whoever starts it"
                )
                yield Finding(SETUID.name, message, body.span_of_call(call))


def _lends(call: Call) -> bool:
    values = [value or "" for value in call.values[1:]]
    if call.name == "chmod":
        mode = next((value for value in values if not value.startswith("-")), "")
        # On folders the group's bit only says who owns new files.
        return _MODE.fullmatch(mode) is not None and not _DIRECTORY_MODE.fullmatch(mode)
    if call.name == "install":
        modes = [
            value.removeprefix("--mode=").removeprefix("-m") or following
            for value, following in zip(values, [*values[1:], ""], strict=True)
            if re.match(r"-m|--mode=", value)
        ]
        return any(re.fullmatch(r"0?[4-7][0-7]{3}|.*[ug][+=][rwx]*s.*", mode) for mode in modes)
    return False


SETUID = Rule(
    name="SLIM204",
    severity="warning",
    summary="RUN gives a program the setuid or setgid bit.",
    why="A fault in that program gives root to everybody who can start it.",
    remedy="Give the one capability that it needs with setcap, or run the container as the user it needs.",
    url=url("SLIM204"),
    check=_setuid,
    bad=(
        Example("FROM debian:12\nRUN chmod u+s /usr/local/bin/tool\n", lines=(2,)),
        Example("FROM debian:12\nRUN chmod 4755 /usr/local/bin/tool\n", lines=(2,)),
    ),
    good=(
        Example(
            "FROM debian:12\nRUN chmod u-s /bin/su && chmod 1777 /tmp && chmod 2775 /srv && chmod +x /a\n"
        ),
    ),
)

_DEBUG_PORTS = {
    "22": "SSH",
    "5005": "the Java debugger",
    "5678": "debugpy",
    "9229": "the Node.js inspector",
    "2345": "the Delve debugger",
    "40000": "the Delve debugger",
}
_DEBUGGERS = re.compile(r"--inspect(?:-brk)?(?:=|$)|-agentlib:jdwp|-Xrunjdwp|^debugpy$|^pydevd|^dlv$")


def _debug(subject: Subject) -> Iterator[Finding]:
    for expanded in steps(subject):
        if isinstance(expanded.command, Expose):
            for token, ports in subject.ports(expanded.command):
                number = ports[0].partition("/")[0] if ports else ""
                if number in _DEBUG_PORTS and not ports[0].endswith("/udp"):
                    message = f"port {number} is that of {_DEBUG_PORTS[number]}"
                    yield Finding(DEBUG.name, message, expanded.node.span_of(token))
    for _, body in started(subject):
        for call in body.calls:
            for word in call.words:
                if _DEBUGGERS.search(word.value or word.prefix):
                    yield Finding(DEBUG.name, "the program is started under a debugger", body.span_of(word))


DEBUG = Rule(
    name="SLIM205",
    severity="warning",
    summary="The image offers a debugger or SSH.",
    why="Who reaches that port runs what he likes in the container.",
    remedy="Keep debugging in a stage or a command of its own; use `docker exec` instead of SSH.",
    url=url("SLIM205"),
    check=_debug,
    bad=(
        Example('FROM node:20-slim\nCMD ["node", "--inspect=0.0.0.0:9229", "app.js"]\n', lines=(2,)),
        Example('FROM debian:12\nEXPOSE 22\nCMD ["/usr/sbin/sshd", "-D"]\n', lines=(2,)),
    ),
    good=(
        Example('FROM node:20-slim\nEXPOSE 8080\nCMD ["node", "app.js"]\n'),
        Example('FROM node:20-slim AS debug\nEXPOSE 9229\nFROM node:20-slim\nCMD ["node", "app.js"]\n'),
    ),
)

# What starts a development server, as the words of a command in order; `*` stands for any words between.
_DEVELOPMENT = tuple(
    tuple(line.split(" "))
    for line in (
        "flask run",
        "flask * --debug",
        "manage.py runserver",
        "uvicorn * --reload",
        "gunicorn * --reload",
        "fastapi dev",
        "npm run dev",
        "npm run start:dev",
        "npm run watch",
        "npm run serve:dev",
        "yarn dev",
        "yarn run dev",
        "yarn start:dev",
        "pnpm dev",
        "pnpm run dev",
        "bun dev",
        "bun run dev",
        "nodemon",
        "ts-node-dev",
        "next dev",
        "nuxt dev",
        "ng serve",
        "vue-cli-service serve",
        "react-scripts start",
        "webpack serve",
        "webpack-dev-server",
        "php artisan serve",
        "php -S",
        "hugo server",
        "mkdocs serve",
        "jekyll serve",
        "go run",
        "cargo run",
        "cargo watch",
        "dotnet run",
        "dotnet watch",
        "mvn spring-boot:run",
        "gradle bootRun",
    )
)


def _development(subject: Subject) -> Iterator[Finding]:
    for _, body in started(subject):
        for call in body.calls:
            row = _development_row(call)
            if row:
                message = f"`{' '.join(row).replace(' * ', ' ')}` is made for development"
                yield Finding(DEVELOPMENT.name, message, body.span_of_call(call))
                break
    for expanded in steps(subject):
        if isinstance(expanded.command, Env):
            for pair in expanded.command.pairs:
                text = pair.text.strip("\"'").lower()
                if (pair.key, text) in (
                    ("FLASK_DEBUG", "1"),
                    ("FLASK_DEBUG", "true"),
                    ("FLASK_ENV", "development"),
                ):
                    message = f"{pair.key}={text} switches the debugger on, which runs what a visitor types"
                    yield Finding(DEVELOPMENT.name, message, expanded.node.span_of(pair.name))


def _development_row(call: Call) -> tuple[str, ...]:
    words = [
        (value or "").rpartition("/")[2] if index < 2 else value or ""
        for index, value in enumerate(call.values)
    ]
    if words and re.fullmatch(r"python[\d.]*", words[0]):
        words = words[2:] if words[1:2] == ["-m"] else words[1:]
    elif words and words[0] in ("npx", "bunx"):
        words = words[1:]
    for row in _DEVELOPMENT:
        if "*" in row:
            if words[:1] == [row[0]] and row[-1] in words:
                return row
        elif tuple(words[: len(row)]) == row:
            return row
    return ()


DEVELOPMENT = Rule(
    name="SLIM206",
    severity="warning",
    summary="The image starts a development server, or switches a framework's debugger on.",
    why="It watches files, compiles on start, serves one visitor at a time, and shows errors with the code.",
    remedy="Build in the image and start a production server.",
    url=url("SLIM206"),
    check=_development,
    bad=(
        Example('FROM python:3.12-slim\nCMD ["flask", "run", "--host=0.0.0.0"]\n', lines=(2,)),
        Example("FROM node:20-slim\nCMD npm run dev\n", lines=(2,)),
        Example(
            'FROM python:3.12-slim\nCMD ["python", "manage.py", "runserver", "0.0.0.0:8000"]\n', lines=(2,)
        ),
    ),
    good=(
        Example('FROM python:3.12-slim\nCMD ["gunicorn", "app:app"]\n'),
        Example(
            'FROM node:20-slim AS dev\nCMD ["npm", "run", "dev"]\nFROM node:20-slim\nCMD ["node", "app.js"]\n'
        ),
    ),
)

RULES: tuple[Rule, ...] = (NO_USER, SETUID, DEBUG, DEVELOPMENT)
