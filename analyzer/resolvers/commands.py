"""Which file serves a command: the PATH search of shells, `env` and the engine."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.filesystem import Filesystem
from analyzer.image import DEFAULT_PATH, ImageConfig

# Programs that install: a branch of a script that calls one is no reason to ship it. One that ran is traced.
_INSTALLERS = (
    "add-apt-repository apk apt apt-cache apt-get apt-key apt-mark aptitude conda debconf-set-selections dnf"
    " dnf5 dpkg dpkg-deb dpkg-divert dpkg-query dpkg-reconfigure easy_install mamba microdnf opkg pacman pip"
    " pip2 pip3 pipx rpm rpmkeys snap tdnf update-alternatives yum zypper"
)
# Faces of an init system that is not PID 1 of a container: scripts name them for hosts that have it.
_INIT_SYSTEM = (
    "systemctl systemd systemd-sysv-install update-rc.d invoke-rc.d deb-systemd-helper deb-systemd-invoke"
    " init-d-script telinit runlevel journalctl loginctl rc-service rc-update initctl"
)
# An author's script starts daemons with it, a package's own names it for hosts; it brings all of /etc/init.d.
HOST_SERVICES = frozenset({"service"})

PACKAGE_MANAGERS = frozenset((*_INSTALLERS.split(), *_INIT_SYSTEM.split()))


def search_path(config: ImageConfig) -> list[str]:
    """Directories of the image's PATH, in order."""
    return [folder for folder in config.variable("PATH", DEFAULT_PATH).split(":") if folder.startswith("/")]


def find_command(fs: Filesystem, name: str, path: Sequence[str], directory: str = "/") -> str | None:
    """The path (as the search spells it) that serves a command; None where nothing executable does.

    A name with a slash is a path, seen from `directory`.
    """
    if not name:
        return None
    if "/" in name:
        candidates = [name if name.startswith("/") else f"{directory}/{name}"]
    else:
        candidates = [f"{folder}/{name}" for folder in path]
    for candidate in candidates:
        entry = fs.lookup(candidate)
        if entry is not None and entry.executable:
            return candidate
    return None
