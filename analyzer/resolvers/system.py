"""What programs expect of a system: one table of needs, each with its condition as the reason.

Every need has a name, by which a user can switch it off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.evidence import Evidence
from analyzer.resolvers.elf import may_be_elf
from analyzer.resolvers.elfreader import ELF
from analyzer.resolvers.hierarchy import SHARED_DIRECTORIES
from analyzer.resolvers.interface import Extractor, Finding, View
from analyzer.resolvers.needs import Need, told, why


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


USERS = _words(
    "getpwnam getpwnam_r getpwuid getpwuid_r getpwent getgrnam getgrnam_r getgrgid getgrgid_r getgrent"
    " getgrouplist initgroups"
)
HOSTS = _words(
    "getaddrinfo getnameinfo gethostbyname gethostbyname_r gethostbyname2 gethostbyname2_r gethostbyaddr"
    " gethostbyaddr_r"
)
SERVICES = _words(
    "getservbyname getservbyname_r getservbyport getservbyport_r getprotobyname getprotobyname_r"
    " getprotobynumber getprotobynumber_r"
)
LOCALES = _words("setlocale newlocale")
_INTERPRETERS = re.compile(r"/(python3?(\.\d+)?|ruby[\d.]*|perl[\d.]*|php[\d.-]*|node|nodejs|java)$")

NEEDS: tuple[Need, ...] = (
    Need(
        "base",
        "root directories, the links of a merged /usr, the mount points of the kernel and the engine",
        paths=(
            "/bin",
            "/sbin",
            "/lib*",
            "/usr",
            "/etc",
            "/var",
            "/home",
            "/proc",
            "/sys",
            "/dev",
            "/etc/hosts",
            "/etc/hostname",
            "/etc/resolv.conf",
            "/etc/mtab",
        ),
    ),
    Need(
        "tmp",
        "directories that any program may write to, and the links to them",
        paths=("/tmp", "/var/tmp", "/run", "/run/lock", "/var/run", "/var/lock", "/usr/tmp"),
    ),
    Need(
        "users",
        "names of users and groups: for USER, for `exec --user`, and for every program that asks for one",
        paths=("/etc/passwd", "/etc/group"),
    ),
    Need(
        "shadow",
        "it checks passwords",
        paths=("/etc/shadow", "/etc/gshadow", "/etc/login.defs"),
        uses=_words("getspnam getspnam_r pam_start"),
    ),
    Need(
        "names",
        "it looks up users or hosts by name",
        paths=("/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"),
        uses=USERS | HOSTS | SERVICES,
        spells=frozenset({"/etc/nsswitch.conf"}),
    ),
    Need(
        "services",
        "it looks up services or protocols by name",
        paths=("/etc/services", "/etc/protocols", "/etc/networks", "/etc/rpc"),
        uses=HOSTS | SERVICES,
        spells=frozenset({"/etc/services", "/etc/protocols"}),
        files=_INTERPRETERS,
    ),
    Need(
        "ca-certificates",
        "it speaks TLS and trusts the system's certificate authorities",
        paths=(
            "/etc/ssl",
            "/etc/ssl/cert.pem",
            "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/ssl/certs/ca-bundle.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/pki/tls/cert.pem",
            "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
            "/usr/lib/ssl/cert.pem",
            "/usr/lib/ssl/certs",
            "/usr/local/share/certs/ca-root-nss.crt",
            "/etc/ssl1.1/cert.pem",
        ),
        # OpenSSL finds a root by the hash that names its link in the directory.
        trees=("/etc/ssl/certs", "/etc/pki/tls/certs"),
        spells=frozenset({"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/pki/tls/certs"}),
        files=re.compile(r"/lib(ssl|gnutls|mbedtls|wolfssl|nss3|curl(-gnutls|-nss)?)(-[0-9a-f]{6,})?\.so[.\d]*$|/(node|nodejs)$"),
    ),
    Need(
        "localtime",
        "the time zone of the system",
        paths=("/etc/localtime", "/etc/timezone"),
    ),
    Need(
        "tzdata",
        "it can ask for a time zone by name: TZ, or its own choice",
        trees=("/usr/share/zoneinfo/[!pr]*", "/usr/share/zoneinfo/p[!o]*", "/usr/share/zoneinfo/r[!i]*"),
        uses=_words("tzset localtime localtime_r"),
        spells=frozenset({"/usr/share/zoneinfo"}),
        files=re.compile(r"/zoneinfo/_tzpath\.py$|/zoneinfo_data_source\.rb$"),
    ),
    Need(
        "locales",
        "it asks for a locale",
        paths=("/etc/locale.conf", "/etc/default/locale", "/usr/share/locale/locale.alias"),
        # Which one, a variable of the run or a request may say: each that was generated.
        trees=("/usr/lib/locale/*",),
        uses=LOCALES,
    ),
    Need(
        "mime",
        "it names types of files by their endings",
        paths=("/etc/mime.types", "/etc/mailcap"),
        spells=frozenset({"/etc/mime.types"}),
        files=re.compile(r"/mimetypes\.py$|/mod_mime\.so$|/LWP/MediaTypes\.pm$|/(apache2|httpd|lighttpd)$"),
    ),
    Need(
        "terminfo",
        "it draws on terminals",
        trees=(
            "/lib/terminfo",
            "/etc/terminfo",
            *(
                f"/usr/share/terminfo/{kind}"
                for kind in (
                    "a/ansi", "d/dumb", "l/linux", "r/rxvt*", "s/screen*", "t/tmux*", "v/vt100", "v/vt102",
                    "v/vt220", "x/xterm", "x/xterm-color", "x/xterm-256color",
                )
            ),
        ),
        uses=_words("setupterm initscr tgetent tgetnum"),
        files=re.compile(r"/lib(tinfo|ncurses)w?\.so[.\d]*$"),
    ),
    Need(
        "os-release",
        "what programs and scanners read the distribution's name and version from",
        paths=(
            "/etc/os-release",
            "/usr/lib/os-release",
            "/etc/debian_version",
            "/etc/alpine-release",
            "/etc/redhat-release",
            "/etc/system-release",
            "/etc/lsb-release",
        ),
    ),
)  # fmt: skip

# Needs that the image's configuration has, and files' own.
CONFIGURED = ("workdir", "home", "volumes", "shell", "writable")

NAMES: tuple[str, ...] = tuple(sorted({need.name for need in NEEDS} | {*CONFIGURED}))


def read_homes(data: bytes) -> dict[str, list[Any]]:
    """Name to user id, group id and home of a passwd(5) file."""
    users: dict[str, list[Any]] = {}
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        fields = line.split(":")
        if len(fields) >= 6 and fields[2].isdigit() and fields[3].isdigit():
            users.setdefault(fields[0], [int(fields[2]), int(fields[3]), fields[5]])
    return users


PASSWD = Extractor("passwd", 1, read_homes)

# UID_MIN of login.defs(5), and the last user of the kernel's 16 bits.
_FIRST_PERSON = 1000
_NOBODY = 65534


def is_person(user: int | str) -> bool:
    """Whether a user id is one that an administrator gave, and not a system account's."""
    return str(user).isdigit() and _FIRST_PERSON <= int(user) < _NOBODY


@dataclass(slots=True)
class System:
    """Keeps what the table says, and what the image's configuration names."""

    name: str = "system"
    _told: bool = field(default=False)

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        wanted = [need for need in NEEDS if need.name not in view.off]
        if not self._told:
            self._told = True
            for need in wanted:
                if need.always:
                    yield from told(view, need, "system", f"system: {need.name}", need.reason)
            yield from _configured(view)
        programs = [path for path in new if may_be_elf(view.fs.entries[path])]
        facts = view.facts.get_many(ELF, programs)
        for path in new:
            for need in wanted:
                made = "" if need.always else why(need, path, facts.get(path) or {})
                if made:
                    yield from told(view, need, "system", path, f"{need.reason} ({made})")


def _configured(view: View) -> Iterator[Evidence]:
    """What the image's configuration names: directories that must be there before a process is."""
    config = view.config
    if config.workdir and "workdir" not in view.off:
        yield Evidence(config.workdir, "system", "system: workdir", "the working directory")
    if "volumes" not in view.off:
        for path in config.volumes:
            yield Evidence(
                path, "system", "system: volumes", "a volume: a new one is filled from the image", tree=True
            )
    shell = (config.shell or ("/bin/sh",))[0]
    if config.healthcheck and config.healthcheck.test[:1] == ("CMD-SHELL",) and "shell" not in view.off:
        yield Evidence(shell, "system", "system: shell", "HEALTHCHECK is run by it")
    users = view.facts.get(PASSWD, "/etc/passwd") or {}
    user = _user(config.user, users)
    if "home" not in view.off and user is not None and user[2]:
        yield Evidence(user[2], "system", "system: home", "the home directory of the image's user")
    for person, _, home in users.values() if "home" not in view.off else ():
        if is_person(person) and home not in SHARED_DIRECTORIES:
            yield Evidence(home, "system", "system: home", "the home directory of an account that was added")
    if "writable" not in view.off:
        yield from _writable(view)


def _user(name: str, users: Mapping[str, Sequence[Any]]) -> Sequence[Any] | None:
    """The passwd entry of USER's name or number; root's where the image names none."""
    name = name.partition(":")[0] or "0"
    if name in users:
        return users[name]
    return next((entry for entry in users.values() if str(entry[0]) == name), None)


def _writable(view: View) -> Iterator[Evidence]:
    """Empty directories that wait for somebody to write there: anyone, a group, an owner who is not root."""
    for entry in view.fs:
        if (
            entry.kind != "dir"
            or view.fs.names(entry.path)
            or entry.path.startswith(("/proc/", "/sys/", "/dev/"))
        ):
            continue
        if entry.mode & 0o022 or entry.uid != 0:
            yield Evidence(
                entry.path,
                "system",
                "system: writable",
                "an empty directory that others than root may write to",
            )
