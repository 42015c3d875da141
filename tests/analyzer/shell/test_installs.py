"""What package managers are told to do."""

from __future__ import annotations

import pytest

from analyzer.shell import read
from analyzer.shell.installs import ManagerCall, manager_calls

# "manager action: packages with their versions | files"
ACTIONS: tuple[tuple[str, str, list[str]], ...] = (
    (
        "apt-get, flags among the names",
        "apt-get install -y curl --no-install-recommends git",
        ["apt-get install: curl git"],
    ),
    (
        "apt with a version and a file",
        "apt install nginx=1.2-3 ./x.deb",
        ["apt-get install: nginx=1.2-3 | ./x.deb"],
    ),
    ("an option before the action", "apt-get -y -o A::B=c install x", ["apt-get install: x"]),
    ("a target release takes a word", "apt-get install -t stable x", ["apt-get install: x"]),
    ("a release after a slash", "apt-get install x/stable", ["apt-get install: x/stable"]),
    (
        "lists, cleaning and removal",
        "apt-get update; apt-get clean; apt-get purge x",
        [
            "apt-get update:",
            "apt-get clean:",
            "apt-get remove: x",
        ],
    ),
    ("aptitude", "aptitude -y install x", ["apt-get install: x"]),
    (
        "apk with a virtual group",
        "apk add --no-cache --virtual .build gcc=1.2 'musl>=1'",
        [
            "apk install: gcc=1.2 musl>=1",
        ],
    ),
    ("apk with a short virtual option", "apk add -t .b gcc", ["apk install: gcc"]),
    (
        "apk with a repository",
        "apk --update add --repository http://h/edge foo@edge",
        ["apk install: foo@edge"],
    ),
    ("apk removal of a group", "apk del .build", ["apk remove: .build"]),
    ("yum", "yum install -y httpd-2.4.6 && yum clean all", ["yum install: httpd-2.4.6", "yum clean:"]),
    ("dnf with an option's word", "dnf --setopt tsflags=nodocs install x", ["dnf install: x"]),
    ("microdnf", "microdnf install x --nodocs", ["microdnf install: x"]),
    ("yum update is an upgrade", "yum -y update", ["yum upgrade:"]),
    ("zypper's short names", "zypper -n ref && zypper -n in vim", ["zypper update:", "zypper install: vim"]),
    ("pacman's letters", "pacman -Sy --noconfirm x", ["pacman install: x"]),
    ("rpm's letters", "rpm -ivh https://h/x.rpm", ["rpm install: | https://h/x.rpm"]),
    ("dpkg of a file", "dpkg -i /tmp/x.deb", ["dpkg install: | /tmp/x.deb"]),
    (
        "pip with requirements",
        "pip install --no-cache-dir -r requirements.txt",
        ["pip install: | requirements.txt"],
    ),
    (
        "pip3 with a version",
        "pip3 install 'flask[async]==2.0.1' requests",
        ["pip install: flask[async]==2.0.1 requests"],
    ),
    ("python -m pip", "python3.11 -m pip install -U pip", ["pip install: pip"]),
    ("pip of the directory", "pip install .", ["pip install: | ."]),
    ("pip with an index", "pip install -i http://h/s x~=1.2", ["pip install: x~=1.2"]),
    ("pip with a marker", "pip install 'x>=1 ; python_version<\"3\"'", ["pip install: x>=1"]),
    ("pip from a repository", "pip install git+https://h/x.git", ["pip install: | git+https://h/x.git"]),
    ("uv", "uv pip install --system x==1", ["uv install: x==1"]),
    ("conda", "conda install -y -c conda-forge numpy=1.2", ["conda install: numpy=1.2"]),
    ("npm with a scope", "npm install -g @a/b@1.2.3 c", ["npm install: @a/b@1.2.3 c"]),
    ("npm ci", "npm ci --omit=dev", ["npm ci:"]),
    ("npm i with a prefix", "npm --prefix /x i c@^1", ["npm install: c@^1"]),
    ("yarn alone", "yarn --frozen-lockfile", ["yarn install:"]),
    ("yarn global", "yarn global add x@1", ["yarn install: x@1"]),
    ("pnpm", "pnpm add -g x", ["pnpm install: x"]),
    ("gem with the version in an option", "gem install rails -v 5.0", ["gem install: rails"]),
    ("gem with the version in the name", "gem install rails:5.0", ["gem install: rails:5.0"]),
    ("bundle", "bundle install --jobs 4", ["bundle install:"]),
    ("go install", "go install -ldflags '-s -w' h.test/a/b@v1.0", ["go install: h.test/a/b@v1.0"]),
    ("cargo install", "cargo install --locked --version 1.0 ripgrep", ["cargo install: ripgrep"]),
    ("composer", "composer require a/b:^1.0", ["composer install: a/b:^1.0"]),
    ("pecl", "pecl install redis-5.3", ["pecl install: redis-5.3"]),
    ("a PHP extension", "docker-php-ext-install -j4 gd intl", ["docker-php-ext-install install: gd intl"]),
    ("a version known at run time", 'apt-get install "nginx=${V}"', ["apt-get install: nginx=${V}"]),
    (
        "a sign inside a substitution splits nothing",
        "apk add $([ a != b ] && echo c) d=$(x =)",
        [
            "apk install: $([ a != b ] && echo c) d=$(x =)",
        ],
    ),
    (
        "a version behind a dash known at run time",
        "yum install x-$V y-${N}-devel",
        ["yum install: x-$V y-${N}-devel"],
    ),
    ("apt's newest way to clean", "apt-get dist-clean", ["apt-get clean:"]),
    ("names known at run time", "apk add $DEPS", ["apk install: $DEPS"]),
    ("under sudo", "sudo apt-get install x", ["apt-get install: x"]),
    ("in a branch", "if a; then apt-get install x; fi", ["apt-get install: x"]),
    ("in sh -c", "sh -c 'pip install x'", ["pip install: x"]),
    ("over lines", "apt-get install \\\n  a \\\n  b", ["apt-get install: a b"]),
    ("python without pip", "python3 -m venv x", []),
    ("a word that only looks like it", "echo apt-get install x", []),
    ("npm run is no install", "npm run build", ["npm run:"]),
)


def show(call: ManagerCall) -> str:
    packages = "".join(f" {package.name}{package.version}" for package in call.packages)
    files = "".join(f" {word.value}" for word in call.files)
    return f"{call.manager} {call.action}:{packages}" + (f" |{files}" if files else "")


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in ACTIONS], ids=[row[0] for row in ACTIONS])
def test_actions(text: str, expected: list[str]) -> None:
    assert [show(call) for call in manager_calls(read(text))] == expected


@pytest.mark.parametrize(
    ("text", "flags", "given"),
    [
        ("apt-get install -y x", ("-y", "--yes"), True),
        ("apt-get -qqy install x", ("-y", "--yes"), True),
        ("apt-get install --yes x", ("-y", "--yes"), True),
        ("apt-get install x", ("-y", "--yes"), False),
        ("pip install --no-cache-dir x", ("--no-cache-dir",), True),
        ("apk add --virtual .b x", ("--virtual", "-t"), True),
        ("npm ci --omit=dev", ("--omit",), True),
    ],
)
def test_flags(text: str, flags: tuple[str, ...], given: bool) -> None:
    (call,) = manager_calls(read(text))
    assert call.has(*flags) is given


@pytest.mark.parametrize(
    ("text", "names", "value"),
    [
        ("gem install x -v 5", ("-v", "--version"), "5"),
        ("npm ci --omit=dev", ("--omit",), "dev"),
        ("npm ci", ("--omit",), None),
        ("apk add --virtual .b x", ("-t", "--virtual"), ".b"),
    ],
)
def test_option_values(text: str, names: tuple[str, ...], value: str | None) -> None:
    (call,) = manager_calls(read(text))
    assert call.option(*names) == value


def test_spans_of_a_package() -> None:
    text = "apt-get install -y curl='1.*'"
    (call,) = manager_calls(read(text))
    word = call.packages[0].word
    assert (text[word.start : word.end], text[call.start : call.end]) == ("curl='1.*'", text)


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("apt-get install postgresql-$M=$V", "postgresql-$M", "=$V"),
        ("apk add $([ a != b ] && echo c)", "$([ a != b ] && echo c)", ""),
        ("pip install 'a[b,c]>=1,<2'", "a[b,c]", ">=1,<2"),
        ("pip install tensorflow${POSTFIX}==2", "tensorflow${POSTFIX}", "==2"),
        ("yum install nginx-$V", "nginx", "-$V"),
        ("npm install @s/p@~1", "@s/p", "@~1"),
        ("go install h.test/m@latest", "h.test/m", "@latest"),
        ("gem install a:1", "a", ":1"),
    ],
)
def test_name_and_version(text: str, name: str, version: str) -> None:
    (call,) = manager_calls(read(text))
    assert (call.packages[0].name, call.packages[0].version) == (name, version)
