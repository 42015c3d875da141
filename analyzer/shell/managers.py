"""The package managers: one row each.

A row says how its actions are called, which options take a word of their own, and how a version is written
after a name, as the program's manual page or `--help` has it. To add a manager, add a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from analyzer.values import frozen

NameSplitter = Callable[[str], tuple[str, str]]

# While a name is split, characters from here on (the first private ones of Unicode) stand for what is known
# only at run time.
MASK = 0xE000


@frozen
class Manager:
    name: str
    programs: tuple[str, ...]
    takes: frozenset[str]  # options with a word of their own
    actions: Mapping[str, str]  # subcommand as written → canonical action
    split: NameSplitter
    files: frozenset[str]  # options whose word is a file of packages
    always: str  # the action of a program that has no subcommands
    under: tuple[str, ...]  # words that stand before the subcommand: `uv pip …`, `yarn global …`


def _whole(text: str) -> tuple[str, str]:
    return text, ""


def _at(signs: str) -> NameSplitter:
    """Name and version apart at the first of these operators."""
    pattern = re.compile(f"({signs})")

    def split(text: str) -> tuple[str, str]:
        match = pattern.search(text)
        return (text[: match.start()], text[match.start() :]) if match and match.start() else (text, "")

    return split


def _npm_split(text: str) -> tuple[str, str]:
    """`name@range`, where a scope begins with `@` too."""
    at = text.find("@", 1)
    return (text[:at], text[at:]) if at > 0 else (text, "")


def _apt_split(text: str) -> tuple[str, str]:
    """`name=version`, `name/release`, `name:arch`; a `+` or `-` at the end selects the action."""
    match = re.match(r"([^=/]+)([=/].*)?$", text, re.S)
    return (match[1], match[2] or "") if match else (text, "")


_PIP_SPLIT = re.compile(r"^\s*([^\s=<>!~;@\[]+(?:\[[^\]]*\])?)\s*((?:[=<>!~@].*)?)", re.S)


def _pip_split(text: str) -> tuple[str, str]:
    """`name[extra]==1.0 ; marker` (PEP 508)."""
    match = _PIP_SPLIT.match(text.partition(";")[0])
    return (match[1], match[2].strip()) if match else (text, "")


def _rpm_split(text: str) -> tuple[str, str]:
    """`name-1.2-3`: the version begins at the first `-` before a digit or a variable."""
    match = re.search(r"-(?=\d|[\ue000-\uf8ff])", text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


def _manager(
    programs: str,
    takes: str,
    actions: Mapping[str, str] | None = None,
    *,
    split: NameSplitter = _whole,
    files: str = "",
    always: str = "",
    under: str = "",
) -> Manager:
    """A row from words in one string: the first program is the manager's name; `actions` has for each
    canonical action the subcommands that ask for it."""
    names = tuple(programs.split())
    written = {word: action for action, words in (actions or {}).items() for word in words.split()}
    return Manager(
        names[0],
        names,
        frozenset(takes.split()),
        written,
        split,
        frozenset(files.split()),
        always,
        tuple(under.split()),
    )


_RPM_TAKES = (
    "-c --config -d --debuglevel -e --errorlevel --rpmverbosity --installroot --releasever --enablerepo "
    "--disablerepo --repo --repoid --setopt -x --exclude --excludepkgs --disableexcludes --forcearch "
    "--comment --downloaddir --destdir --advisory --bz --cve --sec-severity --repofrompath --color --arch"
)
_RPM_ACTIONS = {
    "install": "install in localinstall groupinstall group-install reinstall builddep",
    "remove": "remove erase autoremove",
    "update": "makecache check-update",
    "upgrade": "update upgrade distro-sync",
    "clean": "clean",
}
_PIP_TAKES = (
    "-r --requirement -c --constraint -e --editable -t --target -i --index-url --extra-index-url -f "
    "--find-links --prefix --root --src --platform --python-version --implementation --abi "
    "--upgrade-strategy -C --config-settings --config-setting --global-option --install-option "
    "--build-option --no-binary --only-binary --progress-bar --report --log --proxy --retries --timeout "
    "--exists-action --trusted-host --cert --client-cert --cache-dir --use-feature --use-deprecated "
    "--keyring-provider --root-user-action --python -d --dest -w --wheel-dir --group"
)
_UV_TAKES = (
    " --index --default-index --index-strategy --python-platform --resolution --prerelease --link-mode -p "
    "--override --refresh-package --no-build-package --no-binary-package --extra --directory --project "
    "--config-file"
)
_PIP_ACTIONS = {"install": "install sync", "remove": "uninstall", "clean": "cache"}
_PIP_FILES = "-r --requirement --requirements"
_NODE_ACTIONS = {
    "install": "install i in ins isntall add",
    "ci": "ci clean-install install-clean",
    "remove": "uninstall remove rm r un",
    "upgrade": "update up upgrade",
}

MANAGERS: tuple[Manager, ...] = (
    _manager(
        "apt-get apt aptitude",
        "-o --option -t --target-release --default-release -c --config-file -a --host-architecture -P "
        "--build-profiles --with-source --planner --solver -w --width -F --display-format",
        {
            "install": "install reinstall build-dep",
            "remove": "remove purge autoremove auto-remove autopurge",
            "update": "update",
            "upgrade": "upgrade dist-upgrade full-upgrade safe-upgrade",
            "clean": "clean autoclean auto-clean distclean dist-clean",
        },
        split=_apt_split,
    ),
    _manager(
        "apk",
        "-t --virtual -X --repository -p --root --arch --cache-dir --cache-max-age --keys-dir "
        "--progress-fd --repositories-file --timeout --wait",
        {"install": "add fix", "remove": "del", "update": "update", "upgrade": "upgrade", "clean": "cache"},
        split=_at("[<>=~]|@"),
    ),
    _manager("yum", _RPM_TAKES, _RPM_ACTIONS, split=_rpm_split),
    _manager("dnf dnf4 dnf5", _RPM_TAKES, _RPM_ACTIONS, split=_rpm_split),
    _manager("microdnf", _RPM_TAKES, _RPM_ACTIONS, split=_rpm_split),
    _manager("tdnf", _RPM_TAKES, _RPM_ACTIONS, split=_rpm_split),
    _manager(
        "zypper",
        "-R --root --installroot -C --cache-dir -D --reposd-dir --raw-cache-dir --solv-cache-dir -c --config "
        "--userdata -p --plus-repo --plus-content -r --repo --from -t --type --download --name",
        {
            "install": "install in install-new-recommends inr",
            "remove": "remove rm",
            "update": "refresh ref",
            "upgrade": "update up dist-upgrade dup patch",
            "clean": "clean cc",
        },
        split=_at("[<>=]"),
    ),
    _manager(
        "pacman",
        "-b --dbpath -r --root --arch --cachedir --config --gpgdir --hookdir --logfile --assume-installed "
        "--ignore --ignoregroup --overwrite",
        split=_at("[<>=]"),
    ),
    _manager("pip", _PIP_TAKES, _PIP_ACTIONS, split=_pip_split, files=_PIP_FILES),
    _manager(
        "uv",
        _PIP_TAKES + _UV_TAKES,
        {**_PIP_ACTIONS, "install": "install sync add", "remove": "uninstall remove"},
        split=_pip_split,
        files=_PIP_FILES,
        under="pip tool",
    ),
    _manager(
        "pipx",
        "--python --pip-args --index-url -i --suffix",
        {"install": "install inject", "remove": "uninstall"},
        split=_pip_split,
    ),
    _manager(
        "poetry",
        "-C --directory -P --project --with --without --only --extras -E -G --group --source",
        {"install": "add install sync", "remove": "remove"},
        split=_npm_split,
    ),
    _manager(
        "conda mamba micromamba",
        "-c --channel -n --name -p --prefix --file -f --solver --repodata-fn --subdir --platform --revision "
        "-r --root-prefix",
        {"install": "install create", "remove": "remove uninstall", "upgrade": "update", "clean": "clean"},
        split=_at("[<>=!~]"),
        files="--file -f",
    ),
    _manager(
        "npm",
        "--prefix -C --registry --cache --userconfig --globalconfig --loglevel -w --workspace --omit "
        "--include --tag --before --install-strategy "
        "--only --fetch-retries --fetch-timeout --audit-level --cpu "
        "--os --libc --network-timeout --maxsockets --script-shell --cafile --proxy --https-proxy",
        {**_NODE_ACTIONS, "clean": "cache"},
        split=_npm_split,
    ),
    _manager(
        "yarn yarnpkg",
        "--cwd --registry --cache-folder --modules-folder --network-timeout --network-concurrency --mutex "
        "--use-yarnrc --preferred-cache-folder --global-folder --link-folder --prefix --tag --mode",
        {**_NODE_ACTIONS, "clean": "cache"},
        split=_npm_split,
        under="global",
    ),
    _manager(
        "pnpm",
        "-C --dir -F --filter --store-dir --registry --virtual-store-dir --modules-dir --loglevel --reporter "
        "--network-concurrency --config --lockfile-dir --package-import-method",
        {**_NODE_ACTIONS, "clean": "store"},
        split=_npm_split,
    ),
    _manager("bun", "--cwd --registry --cache-dir -c --config", _NODE_ACTIONS, split=_npm_split),
    _manager(
        "gem",
        "-v --version -i --install-dir -n --bindir -s --source --platform -P --trust-policy --build-root -p "
        "--http-proxy -B --bulk-threshold -g --file --config-file",
        {"install": "install i", "remove": "uninstall", "upgrade": "update", "clean": "cleanup"},
        split=_at(":"),
    ),
    _manager(
        "bundle bundler",
        "--jobs -j --retry --gemfile --path --without --with --binstubs --shebang --standalone "
        "--trust-policy --target-rbconfig --version",
        {"install": "install i add", "upgrade": "update", "remove": "remove", "clean": "clean"},
    ),
    _manager(
        "go",
        "-C -p -ldflags -gcflags -asmflags -gccgoflags -tags -mod -modfile -buildmode -compiler "
        "-installsuffix -overlay -pgo -pkgdir -toolexec -covermode -coverpkg -o",
        {"install": "install get", "clean": "clean"},
        split=_npm_split,
    ),
    _manager(
        "cargo",
        "--version --vers --git --branch --tag --rev --path --root --index --registry -j --jobs -F "
        "--features --target --target-dir --profile --bin --example --config -Z --color --message-format -C",
        {"install": "install binstall add", "remove": "uninstall"},
        split=_npm_split,
    ),
    _manager(
        "composer composer.phar",
        "-d --working-dir --prefer-install --ignore-platform-req --apcu-autoloader-prefix",
        {
            "install": "require req r install i",
            "remove": "remove rm",
            "upgrade": "update u",
            "clean": "clear-cache clearcache cc",
        },
        split=_at(":|[<>=^~]"),
        under="global",
    ),
    _manager(
        "pecl pear",
        "-D -C -R",
        {
            "install": "install",
            "remove": "uninstall",
            "upgrade": "upgrade",
            "update": "update-channels",
            "clean": "clear-cache",
        },
        split=_at(r"-(?=\d|[\ue000-\uf8ff])"),
    ),
    _manager("docker-php-ext-install", "-j --ini-name", always="install"),
    _manager(
        "cpanm",
        "-l -L -M --mirror --from --save-dists --local-lib --local-lib-contained",
        split=_at("[@~]"),
        always="install",
    ),
    _manager(
        "luarocks",
        "--server --only-server --tree --local-tree --lua-version --lua-dir",
        {"install": "install make", "remove": "remove"},
    ),
    _manager(
        "dotnet",
        "-v --version --framework -f --source --add-source --tool-path --configfile",
        {"install": "install package", "remove": "uninstall"},
        split=_npm_split,
        under="tool add",
    ),
    _manager(
        "opam",
        "--switch --root -j --jobs",
        {
            "install": "install",
            "remove": "remove",
            "update": "update",
            "upgrade": "upgrade",
            "clean": "clean",
        },
        split=_at(r"[.](?=\d)|[<>=]"),
    ),
    _manager(
        "dpkg",
        "--root --admindir --instdir --log",
        {"install": "-i --install", "remove": "-r --remove -P --purge"},
    ),
    _manager(
        "rpm",
        "--root --dbpath --prefix --define -D",
        {"install": "--install --upgrade", "remove": "--erase", "import": "--import"},
    ),
)

BY_PROGRAM = {program: manager for manager in MANAGERS for program in manager.programs}
