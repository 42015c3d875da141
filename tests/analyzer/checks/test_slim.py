"""Our own rules: what ends in the image, and what only looks so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analyzer.checks.linting import found, mended

RUN = 'FROM debian:12\n{}\nUSER 1\nCMD ["/a"]\n'

IMAGE = [
    (
        "a compiler removed through a pattern",
        "RUN apt-get install -y g++-12 && apt-get purge -y 'g++*'",
        "SLIM101",
        "",
    ),
    ("a virtual package removed", "RUN apk add -t .b gcc musl-dev && make && apk del .b", "SLIM101", ""),
    ("a virtual package kept", "RUN apk add -t .b gcc musl-dev && make", "SLIM101", "SLIM101:2"),
    (
        "removed by names that a variable holds",
        "RUN apt-get install -y gcc && apt-get purge -y $DEPS",
        "SLIM101",
        "",
    ),
    ("whatever is not needed removed", "RUN apt-get install -y gcc && apt-get autoremove -y", "SLIM101", ""),
    ("libraries are no headers", "RUN apt-get install -y libpq5 gcc-12-base libgcc-s1", "SLIM101", ""),
    (
        "versions and architectures",
        "RUN apt-get install -y gcc-12=12.2 libssl-dev:arm64",
        "SLIM101",
        "SLIM101:2",
    ),
    (
        "what the command calls",
        'RUN apt-get install -y make git\nENTRYPOINT ["make"]',
        "SLIM101 SLIM102",
        "SLIM102:2",
    ),
    ("a stage that is only copied from", "FROM a:1 AS b\nRUN apk add gcc\nFROM debian:12", "SLIM101", ""),
    ("a stage that the image stands on", "FROM a:1 AS b\nRUN apk add gcc\nFROM b", "SLIM101", "SLIM101:2"),
    (
        "removed in a later layer is another fault",
        "RUN apt-get install -y gcc\nRUN apt-get purge -y gcc",
        "SLIM101 SLIM104",
        "SLIM104:3",
    ),
    (
        "an archive of the context is another rule's",
        "COPY a.tgz /t/\nRUN tar xf /t/a.tgz && rm /t/a.tgz",
        "SLIM104",
        "",
    ),
    ("behind cd", "COPY a.deb /t/\nRUN cd /t && dpkg -i a.deb && rm a.deb", "SLIM104", "SLIM104:3"),
    (
        "a download of an earlier step",
        "RUN curl -o /a.zip https://b.test\nRUN rm /a.zip",
        "SLIM104",
        "SLIM104:3",
    ),
    ("a download of the same step", "RUN curl -o /a.zip https://b.test && rm /a.zip", "SLIM104", ""),
    ("only on one branch", "COPY a /a\nRUN if b; then rm /a; fi", "SLIM104", ""),
    ("owners given by COPY", "COPY --chown=1 . /a\nRUN chown -R 1 /a", "SLIM105", ""),
    ("another folder", "COPY . /a\nRUN chown -R 1 /b", "SLIM105", ""),
    ("the folder above", "WORKDIR /a/b\nCOPY . .\nRUN chmod --recursive go-w /a", "SLIM105", "SLIM105:4"),
    ("one file", "COPY a /a\nRUN chown 1 /a", "SLIM105", ""),
    (
        "the manifest before",
        "COPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go mod download",
        "SLIM106",
        "",
    ),
    ("a package by name", "COPY . .\nRUN pip install a==1", "SLIM106", ""),
    ("the project itself", "COPY . .\nRUN pip install -r r.txt .", "SLIM106", ""),
    ("a cache mounted", "COPY . .\nRUN --mount=type=cache,target=/root/.npm npm ci", "SLIM106", ""),
    ("npm's cache removed", "RUN npm ci && rm -rf ~/.npm", "SLIM103", ""),
    ("composer's cache elsewhere", "ENV COMPOSER_CACHE_DIR=/x\nRUN composer install", "SLIM103", ""),
    (
        "a group's bit on folders",
        "RUN chmod g+s /srv && chmod 2775 /srv && chmod -R 1777 /tmp",
        "SLIM204",
        "",
    ),
    ("install's mode", "RUN install -m 4755 a /a", "SLIM204", "SLIM204:2"),
    ("bits taken away", "RUN chmod a-s /bin/su && find / -perm -4000 -exec chmod u-s {} +", "SLIM204", ""),
    ("a command that a later one replaces", "CMD npm run dev", "SLIM206", ""),
]


@pytest.mark.parametrize(
    ("text", "rules", "expected"), [row[1:] for row in IMAGE], ids=[f"{row[2]} {row[0]}" for row in IMAGE]
)
def test_image(text: str, rules: str, expected: str) -> None:
    file = RUN.format(text)
    if text.startswith("FROM"):
        file = file.removeprefix("FROM debian:12\n")
    assert found(file, *rules.split()) == expected


STARTED = [
    ("a module of Python", 'CMD ["python3", "-m", "flask", "run"]', "SLIM206:2"),
    ("through npx", "CMD npx next dev", "SLIM206:2"),
    ("a reload option anywhere", "CMD uvicorn app:app --host 0.0.0.0 --reload", "SLIM206:2"),
    ("behind a wrapper", 'ENTRYPOINT ["tini", "--", "nodemon", "a.js"]', "SLIM206:2"),
    ("a path to the program", "CMD node_modules/.bin/ng serve", "SLIM206:2"),
    ("other scripts", "CMD npm run start", ""),
    ("a name among arguments", "CMD serve flask run", ""),
    ("PHP's own server", "CMD php -S 0.0.0.0:80", "SLIM206:2"),
    ("the debugger by its variable", "ENV FLASK_DEBUG=1\nCMD a", "SLIM206:2"),
    ("Node's inspector", "CMD node --inspect a.js", "SLIM205:2"),
    ("Java's debugger", 'CMD ["java", "-agentlib:jdwp=server=y", "-jar", "a.jar"]', "SLIM205:2"),
    ("a word that begins alike", "CMD node --inspector a.js", ""),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in STARTED], ids=[row[0] for row in STARTED])
def test_started(text: str, expected: str) -> None:
    assert found(f"FROM a:1\n{text}\n", "SLIM205", "SLIM206") == expected


TAGS = [
    ("a channel of any image", "FROM a.test/b:nightly", "SLIM107:1"),
    ("a variant of an official image", "FROM node:alpine", "SLIM107:1"),
    ("a variant of another's image, which may be a release", "FROM a/b:slim", ""),
    ("a distribution's code name", "FROM debian:bookworm-slim", ""),
    ("a distribution's channel", "FROM debian:stable-slim", "SLIM107:1"),
    ("a release with its variant", "FROM python:3.12-slim-bookworm", ""),
    ("an argument", "ARG A=node:lts\nFROM $A", ""),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in TAGS], ids=[row[0] for row in TAGS])
def test_tag(text: str, expected: str) -> None:
    assert found(f"{text}\n", "SLIM107") == expected


USERS = [
    ("an official image", "FROM node:20-slim\nCMD a", "SLIM203:1"),
    ("an image that steps down by itself", "FROM postgres:16\nCMD a", ""),
    ("somebody's image", "FROM a/b:1\nCMD a", ""),
    ("distroless", "FROM gcr.io/distroless/static-debian12:nonroot\nCMD a", ""),
    ("an entrypoint that steps down", "FROM debian:12\nENTRYPOINT exec su-exec app /a", ""),
    ("the target's stage", "FROM debian:12 AS a\nCMD a\nFROM debian:12\nUSER 1\nCMD b", ""),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in USERS], ids=[row[0] for row in USERS])
def test_user(text: str, expected: str) -> None:
    assert found(f"{text}\n", "SLIM203") == expected


GITHUB = "ghp_" + "a1" * 20
SECRETS = [
    ("a token", f"FROM a:1\nRUN fetch {GITHUB}", "SLIM201:2"),
    ("a token in a heredoc", f"FROM a:1\nCOPY <<E /x\nt={GITHUB}\nE", "SLIM201:3"),
    ("a token that a variable holds", "FROM a:1\nRUN fetch ghp_$TOKEN", ""),
    ("a password in an address", "FROM a:1\nADD https://me:word@a.test/b /b", "SLIM201:2"),
    ("a user without a password", "FROM a:1\nRUN git clone ssh://git@a.test/b", ""),
    ("an image with its digest", "FROM a:1\nRUN skopeo copy docker://b:1@sha256:0a oci:b", ""),
    ("a port", "FROM a:1\nRUN curl http://a.test:80/b@c", ""),
    ("a key beside its public half", "FROM a:1\nCOPY keys/id_ed25519 keys/id_ed25519.pub /k/", "SLIM202:2"),
    ("environments", "FROM a:1\nCOPY .env.production .env.example .env.sample env /a/", "SLIM202:2"),
    ("from a stage as well", "FROM a:1 AS b\nFROM a:1\nCOPY --from=b /root/.netrc /root/", "SLIM202:3"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in SECRETS], ids=[row[0] for row in SECRETS])
def test_secret(text: str, expected: str) -> None:
    assert found(f"{text}\n", "SLIM201", "SLIM202") == expected


CONTEXT = [
    ("the history", "COPY . .", {".git/HEAD": ""}, "SLIM301:2"),
    ("kept back", "COPY . .", {".git/HEAD": "", ".dockerignore": "**\n!src\n"}, ""),
    ("not the whole", "COPY src .", {".git/HEAD": "", "src/a": ""}, ""),
    ("a file where a folder would matter", "COPY . .", {"venv": ""}, ""),
    ("an exception lets it in", "COPY ./ .", {".env": "", ".dockerignore": ".e*\n!.env\n"}, "SLIM301:2"),
    ("from a stage", "COPY --from=a:1 . .", {".git/HEAD": ""}, ""),
]


UNNEEDED = [
    ("a folder that nobody takes", "COPY src /a", {"src/a": "", "docs/b": ""}, "SLIM302:2"),
    ("all that is sent is taken", "COPY src b* /a/", {"src/a": "", "bb": ""}, ""),
    ("kept back", "COPY src /a", {"src/a": "", "docs/b": "", ".dockerignore": "docs\n"}, ""),
    ("taken by another stage", "COPY src /a\nFROM b:1\nCOPY docs /d", {"src/a": "", "docs/b": ""}, ""),
    ("a mount of the whole", "COPY src /a\nRUN --mount=type=bind,target=/s x", {"src/a": "", "c": ""}, ""),
    ("a source that only the build knows", "ARG D\nCOPY $D src /a/", {"src/a": "", "docs/b": ""}, ""),
    ("nothing is taken at all", "RUN make", {"src/a": ""}, ""),
    ("a path below", "COPY ./src/a /a", {"src/a": "", "src/b": ""}, ""),
]


@pytest.mark.parametrize(
    ("rule", "text", "files", "expected"),
    [(rule, *row[1:]) for rule, rows in (("SLIM301", CONTEXT), ("SLIM302", UNNEEDED)) for row in rows],
    ids=[row[0] for row in (*CONTEXT, *UNNEEDED)],
)
def test_context(rule: str, text: str, files: dict[str, str], expected: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert found(f"FROM a:1\n{text}\n", rule, context=tmp_path) == expected


SCRATCH = [
    ("RUN", "FROM scratch\nRUN a", "SLIM401:2"),
    ("a JSON RUN", 'FROM scratch\nRUN ["/a"]', ""),
    ("a shell in a folder of programs", "FROM scratch\nCOPY --from=b:1 /bin /bin\nCMD a", ""),
    ("the whole of another stage", "FROM a:1 AS b\nFROM scratch\nCOPY --from=b / /\nCMD a", ""),
    ("a health check", "FROM scratch\nCOPY a /a\nHEALTHCHECK CMD a", "SLIM401:3"),
    ("no health check", "FROM scratch\nCOPY a /a\nHEALTHCHECK NONE", ""),
    ("a command that another replaces", 'FROM scratch\nCMD a\nCMD ["/a"]', ""),
    ("distroless with a shell", "FROM gcr.io/distroless/base-debian12:debug-nonroot\nCMD a", ""),
    ("distroless by digest", f"FROM gcr.io/distroless/cc-debian12@sha256:{'0' * 64}\nCMD a", "SLIM401:2"),
    ("the parent stage's command", "FROM scratch AS b\nCMD a\nFROM b\nCOPY a /a", "SLIM401:2"),
    ("a user of nobody", "FROM scratch\nUSER app", "SLIM402:2"),
    ("a passwd of a folder", "FROM scratch\nCOPY --from=b:1 /etc /etc\nUSER app", ""),
    ("a user of distroless", "FROM gcr.io/distroless/static\nUSER nonroot:nonroot", ""),
    ("a user that a variable names", "FROM scratch\nUSER $NAME", ""),
    ("a client out of a slim image", "FROM node:20-slim\nHEALTHCHECK CMD wget localhost", "SLIM403:2"),
    ("BusyBox's client", "FROM node:20-alpine\nHEALTHCHECK CMD wget localhost", ""),
    ("a script that may install it", "FROM debian:12\nRUN /setup\nHEALTHCHECK CMD curl localhost", ""),
    ("copied by its name", "FROM debian:12\nCOPY --from=c:1 /curl /usr/bin/curl\nHEALTHCHECK CMD curl a", ""),
    ("an image that nobody knows", "FROM a/b:1\nHEALTHCHECK CMD curl localhost", ""),
    ("a volume below a copied folder", "FROM scratch\nCOPY a /srv\nVOLUME /srv/data\nUSER 1", ""),
    ("a volume that is the working directory", "FROM scratch\nWORKDIR /data\nVOLUME /data\nUSER 1", ""),
    ("two volumes", 'FROM scratch\nCOPY a /a/b\nVOLUME ["/a", "/c"]\nUSER 1', "SLIM404:3"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in SCRATCH], ids=[row[0] for row in SCRATCH])
def test_scratch(text: str, expected: str) -> None:
    assert found(f"{text}\n", "SLIM401", "SLIM402", "SLIM403", "SLIM404") == expected


SCRIPTS = [
    ("a script that calls it", 'COPY start.sh /\nENTRYPOINT ["/start.sh"]', "curl -f a", ""),
    ("a script that does not", 'COPY start.sh /\nENTRYPOINT ["/start.sh"]', "exec a", "SLIM102:2"),
    ("a script of a copied folder", "WORKDIR /app\nCOPY . .\nCMD sh ./start.sh", "curl -f a", ""),
    ("a script that nobody can read", 'COPY --from=b:1 /go.sh /\nCMD ["/go.sh"]', "exec a", ""),
    ("a program of the image", 'COPY start.sh /\nCMD ["/usr/bin/python3"]', "curl -f a", "SLIM102:2"),
]


@pytest.mark.parametrize(
    ("text", "script", "expected"), [row[1:] for row in SCRIPTS], ids=[row[0] for row in SCRIPTS]
)
def test_script(text: str, script: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "start.sh").write_text(f"#!/bin/sh\n{script}\n")
    file = f"FROM debian:12\nRUN apt-get install -y curl\n{text}\n"
    assert found(file, "SLIM102", context=tmp_path) == expected


def test_caches_are_emptied_in_their_layer() -> None:
    text = "FROM node:20-slim\nRUN npm ci \\\n  --omit=dev\n"
    after = "FROM node:20-slim\nRUN npm ci \\\n  --omit=dev \\\n  && npm cache clean --force\n"
    assert mended(text, "SLIM103") == after
