"""Rules about package managers: what is an install, a pinned package, a cache; and what their fixes write."""

from __future__ import annotations

import pytest

from tests.analyzer.checks.linting import found, mended

FROM = "FROM debian:12\n"

FINDINGS = [
    ("apt: a local package and a release", "RUN apt-get install -y ./a.deb /b.deb c/bookworm", "DL3008", ""),
    ("apt: a package to take away", "RUN apt-get install -y a=1 b-", "DL3008", ""),
    ("apt: an option's word is no package", "RUN apt-get install -y -t sid -o A::B=c a=1", "DL3008", ""),
    ("apt: through sudo and env", "RUN sudo -E env A=b apt-get install -y a", "DL3008", "DL3008:2"),
    ("apt: inside sh -c", "RUN sh -c 'apt-get install -y a'", "DL3008", "DL3008:2"),
    ("apt: the JSON form", 'RUN ["apt-get", "install", "-y", "a"]', "DL3008", "DL3008:2"),
    ("apt: quoted text", "RUN echo 'apt-get install -y a' > /hint", "DL3008", ""),
    ("apt: pinned in a variable", "ENV PKGS='a=1 b=2'\nRUN apt-get install -y $PKGS", "DL3008", ""),
    ("apt: unpinned in a variable", "ENV PKGS='a=1 b'\nRUN apt-get install -y $PKGS", "DL3008", "DL3008:3"),
    ("apt: pinned in the text", "RUN deps='a=1 b=2' && apt-get install -y $deps", "DL3008", ""),
    (
        "apt: pinned in an array",
        'SHELL ["bash", "-c"]\nRUN deps=(a=1 "b=2") && apt-get install -y "${deps[@]}"',
        "DL3008",
        "",
    ),
    (
        "apt: unpinned in an array",
        'SHELL ["bash", "-c"]\nRUN deps=(a=1 b) && apt-get install -y "${deps[@]}"',
        "DL3008",
        "DL3008:3",
    ),
    ("apt: unpinned in the text", "RUN deps='a=1 b'; apt-get install -y $deps", "DL3008", "DL3008:2"),
    (
        "apt: more is added on the way",
        "RUN d='a=1'; d=\"$d $E\"; apt-get install -y $d",
        "DL3008",
        "DL3008:2",
    ),
    ("apt: a file that a heredoc writes", "COPY <<E /x\napt-get install -y a\nE", "DL3008", ""),
    ("apt: on its line of a heredoc", "RUN <<E\nset -e\napt-get install -y a\nE", "DL3008", "DL3008:4"),
    ("apt: level two of quietness says yes", "RUN apt-get -q install -q a=1", "DL3014", ""),
    ("apt: one q does not", "RUN apt-get install -q a=1", "DL3014", "DL3014:2"),
    ("apt: the option off", 'RUN apt-get install -y -o APT::Install-Recommends="0" a=1', "DL3015", ""),
    (
        "apt: the setting written for all calls",
        "RUN echo 'APT::Install-Recommends 0;' > /etc/apt/apt.conf.d/x && apt-get install -y a=1",
        "DL3015",
        "",
    ),
    ("apt lists: braces", "RUN apt-get update && rm -rf /var/lib/{apt,cache}/periodic", "DL3009", "DL3009:2"),
    (
        "apt lists: braces that hold them",
        "RUN apt-get update && rm -rf /var/{lib/apt/lists,cache}",
        "DL3009",
        "",
    ),
    ("apt lists: dist-clean", "RUN apt-get update && apt-get dist-clean", "DL3009", ""),
    (
        "apt lists: find -delete",
        "RUN apt-get update && find /var/lib/apt/lists -type f -delete",
        "DL3009",
        "",
    ),
    ("apt lists: removed before", "RUN rm -rf /var/lib/apt/lists/* && apt-get update", "DL3009", "DL3009:2"),
    (
        "apt lists: a function that cleans",
        "RUN f() { rm -r /var/lib/apt/lists; }; apt-get update; f",
        "DL3009",
        "",
    ),
    (
        "apt lists: a mount on part of it",
        "RUN --mount=type=cache,target=/var/cache/apt apt-get update",
        "DL3009",
        "DL3009:2",
    ),
    ("apk: options with words", "RUN apk add -t .b -X https://a.test --root /r a=1 ./b.apk", "DL3018", ""),
    ("apk: comparisons", 'RUN apk add a~=1 "b>2" "c<3"', "DL3018", ""),
    ("apk: a repository tag is no version alone", "RUN apk add --no-cache a@edge=1", "DL3018", ""),
    (
        "apk: Alpine's own cache folder",
        "RUN --mount=type=cache,target=/etc/apk/cache apk add a=1",
        "DL3019",
        "",
    ),
    ("yum: a version of variables", "RUN yum install -y a-$V && yum clean all", "DL3033", ""),
    (
        "yum: an architecture is no version",
        "RUN yum install -y a.x86_64 && yum clean all",
        "DL3033",
        "DL3033:2",
    ),
    (
        "dnf: the cache mounted",
        "RUN --mount=type=cache,target=/var/cache/dnf dnf install -y a-1",
        "DL3040",
        "",
    ),
    ("dnf: cleaned before", "RUN dnf clean all && dnf install -y a-1", "DL3040", "DL3040:2"),
    ("yum: cleaned at the very end", "RUN yum install -y a-1; true; yum clean all", "DL3032", ""),
    ("zypper: a package file", "RUN zypper in -y ./a.rpm && zypper clean", "DL3037", ""),
    ("pip: a comparison", "RUN pip install 'a>=1' b~=2 'c[x]===3'", "DL3013", ""),
    ("pip: an extra alone", "RUN pip install 'c[x]'", "DL3013", "DL3013:2"),
    ("pip: option words", "RUN pip install --timeout 3 --retries 2 -i https://a.test a==1", "DL3013", ""),
    ("pip: under constraints", "RUN python3 -m pip install -c c.txt a", "DL3013", ""),
    ("pip: by its path", "RUN /venv/bin/pip install a", "DL3013", "DL3013:2"),
    ("pip cache: emptied after", "RUN pip install a==1 && pip cache purge", "DL3042", ""),
    (
        "pip cache: a parent folder mounted",
        "RUN --mount=type=cache,target=/root/.cache pip install a==1",
        "DL3042",
        "",
    ),
    ("pip cache: ARG is in the environment", "ARG PIP_NO_CACHE_DIR=1\nRUN pip install a==1", "DL3042", ""),
    ("pip cache: off is no on", "ENV PIP_NO_CACHE_DIR=0\nRUN pip install a==1", "DL3042", "DL3042:3"),
    ("pip cache: each call", "RUN pip install a==1 && \\\n pip install b==1", "DL3042", "DL3042:2 DL3042:3"),
    ("npm: files, folders, archives", "RUN npm install . ./a a.tgz && npm ci", "DL3016", ""),
    ("npm: scopes", "RUN npm i -g @a/b @c/d@1", "DL3016", "DL3016:2"),
    ("npm: a repository's revision", "RUN npm install a/b#v1 'git+https://a.test/b#v2'", "DL3016", ""),
    ("npm: the value of an option", "RUN npm install --omit dev --cache /c -C /d", "DL3016", ""),
    ("gem: a version for all", "RUN gem install -N a -v 1", "DL3028", ""),
    (
        "apt lists: another target",
        "FROM b:1 AS t\nRUN apt-get update\nFROM alpine:3.20",
        "DL3009",
        "DL3009:3",
    ),
    ("apt lists: a stage of no use", "RUN apt-get update\nFROM alpine:3.20", "DL3009", ""),
    (
        "apt lists: a stage that is mounted",
        "FROM b:1 AS t\nRUN apt-get update\nFROM a:1\nRUN --mount=from=t,target=/x b",
        "DL3009",
        "",
    ),
    ("pipx: options with words", 'RUN pipx install --python "$(which python)" "poetry==$V"', "DL3013", ""),
    (
        "dnf: words of options behind the packages",
        "RUN dnf --installroot /m install a-7.7 -y --releasever 9 --setopt b=c && dnf clean all",
        "DL3041",
        "",
    ),
    ("npm: a script of that name", "RUN npm run install", "DL3016", ""),
    ("pip: a version with a default", 'RUN pip install a=="${V:-1.2}"', "DL3013", ""),
    (
        "apk: words of options",
        "RUN apk add --no-cache --root /r -p /q --arch x --keys-dir k a=1",
        "DL3018",
        "",
    ),
    ("pip: a wheel of a pattern", "RUN pip install dist/*.whl file:///a", "DL3013", ""),
    ("yum: groups and files", "RUN yum install -y @a /usr/bin/b ./c.rpm && yum clean all", "DL3033", ""),
    ("yum: the word of an option", "RUN yum install -y --enablerepo a b-1 && yum clean all", "DL3033", ""),
    ("zypper: the cache removed", "RUN zypper in -y a=1 && rm -rf /var/cache/zypp", "DL3036", ""),
    (
        "apt lists: a mount on the folder above",
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update",
        "DL3009",
        "",
    ),
    ("go: sources of the context", "RUN go install ./... && go run main.go && go get", "DL3062", ""),
    ("go: latest is no version", "RUN go install example.org/a@latest", "DL3062", "DL3062:2"),
    ("go: the program's own arguments", "RUN go run example.org/a@v1 example.org", "DL3062", ""),
]


@pytest.mark.parametrize(
    ("text", "rule", "expected"), [row[1:] for row in FINDINGS], ids=[row[0] for row in FINDINGS]
)
def test_finding(text: str, rule: str, expected: str) -> None:
    assert found(f"{FROM}{text}\n", rule) == expected


FIXES = [
    ("DL3014", "an option put in", "RUN apt-get install a=1", "RUN apt-get install -y a=1"),
    (
        "DL3014",
        "the JSON form",
        'RUN ["apt-get", "install", "a=1"]',
        'RUN ["apt-get", "install", "-y", "a=1"]',
    ),
    (
        "DL3015",
        "every call, nothing else",
        "RUN apt-get install -y \\\n  # why\n\ta=1 \\\n && apt-get install -y b=1",
        "RUN apt-get install --no-install-recommends -y \\\n  # why\n\ta=1 \\\n && apt-get install "
        "--no-install-recommends -y b=1",
    ),
    (
        "DL3015",
        "only the script's own call",
        "RUN <<E\napt-get install -y a\ncat > /f <<'S'\napt-get install -y b\nS\nE",
        "RUN <<E\napt-get install --no-install-recommends -y a\ncat > /f <<'S'\napt-get install -y b\nS\nE",
    ),
    ("DL3027", "the same subcommand", "RUN sudo apt install a=1", "RUN sudo apt-get install a=1"),
    ("DL3027", "another meaning under the other name", "RUN apt upgrade", "RUN apt upgrade"),
    ("DL3027", "a word over two lines", "RUN a\\\npt install a=1", "RUN a\\\npt install a=1"),
    (
        "DL3009",
        "at the end of a line",
        "RUN apt-get update && apt-get install -y a=1",
        "RUN apt-get update && apt-get install -y a=1 && rm -rf /var/lib/apt/lists/*",
    ),
    (
        "DL3009",
        "on a line of its own",
        "RUN apt-get update \\\n    && apt-get install -y a=1  ",
        "RUN apt-get update \\\n    && apt-get install -y a=1 \\\n    && rm -rf /var/lib/apt/lists/*  ",
    ),
    (
        "DL3009",
        "behind a closing word",
        "RUN if a; then apt-get update; fi",
        "RUN if a; then apt-get update; fi && rm -rf /var/lib/apt/lists/*",
    ),
    (
        "DL3009",
        "not behind what replaces the shell",
        "RUN apt-get update; exec a",
        "RUN apt-get update; exec a",
    ),
    ("DL3009", "not behind a comment", "RUN apt-get update # now", "RUN apt-get update # now"),
    ("DL3009", "a failure stays one", "RUN apt-get update; a;", "RUN apt-get update; a;"),
    (
        "DL3009",
        "where a failure ends the script",
        "RUN set -eux; \\\n\tapt-get update; \\\n\ta;",
        "RUN set -eux; \\\n\tapt-get update; \\\n\ta; \\\n\trm -rf /var/lib/apt/lists/*",
    ),
    (
        "DL3009",
        "a heredoc",
        "RUN <<E\nset -e\napt-get update\nE",
        "RUN <<E\nset -e\napt-get update\nrm -rf /var/lib/apt/lists/*\nE",
    ),
    (
        "DL3009",
        "a later install lives on the lists",
        "RUN apt-get update\nRUN apt-get install -y a=1",
        "RUN apt-get update\nRUN apt-get install -y a=1",
    ),
    ("DL3019", "no index", "RUN apk add --update a=1", "RUN apk add --no-cache --update a=1"),
    ("DL3030", "yum", "RUN yum install a-1", "RUN yum install -y a-1"),
    ("DL3032", "yum's cache", "RUN yum install -y a-1", "RUN yum install -y a-1 && yum clean all"),
    (
        "DL3040",
        "the program that was called",
        "RUN microdnf install -y a-1",
        "RUN microdnf install -y a-1 && microdnf clean all",
    ),
    ("DL3034", "zypper", "RUN zypper rm a", "RUN zypper rm -y a"),
    ("DL3036", "zypper's cache", "RUN zypper in -y a=1", "RUN zypper in -y a=1 && zypper clean"),
    (
        "DL3042",
        "each call",
        "RUN pip install a==1 && python -m pip install b==1",
        "RUN pip install --no-cache-dir a==1 && python -m pip install --no-cache-dir b==1",
    ),
    (
        "DL3042",
        "quoted inside sh -c",
        "RUN sh -c 'pip install a==1'",
        "RUN sh -c 'pip install --no-cache-dir a==1'",
    ),
    (
        "DL3009",
        "a heredoc with tabs",
        "RUN <<-E\n\tset -e\n\tapt-get update\n\tE",
        "RUN <<-E\n\tset -e\n\tapt-get update\n\trm -rf /var/lib/apt/lists/*\n\tE",
    ),
    (
        "DL3009",
        "Windows line ends",
        "RUN apt-get update \\\r\n  && a",
        "RUN apt-get update \\\r\n  && a \\\n  && rm -rf /var/lib/apt/lists/*",
    ),
    ("DL3009", "in the background", "RUN apt-get update &", "RUN apt-get update &"),
    (
        "DL3009",
        "a script may live on the lists",
        "RUN apt-get update\nRUN /setup",
        "RUN apt-get update\nRUN /setup",
    ),
    ("DL3060", "yarn", "RUN yarn install", "RUN yarn install && yarn cache clean"),
    (
        "DL3060",
        "on a branch: there may be no yarn",
        "RUN if [ -f yarn.lock ]; then yarn install; fi",
        "RUN if [ -f yarn.lock ]; then yarn install; fi",
    ),
]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [(row[0], *row[2:]) for row in FIXES],
    ids=[f"{row[0]} {row[1]}" for row in FIXES],
)
def test_fix(rule: str, text: str, expected: str) -> None:
    before = f"{FROM}{text}\nRUN true\n"
    after = mended(before, rule, unsafe=rule == "DL3015")
    assert after == f"{FROM}{expected}\nRUN true\n"
    if after != before:
        assert found(after, rule) == ""
        assert set(found(after).split()) <= set(found(before).split())
