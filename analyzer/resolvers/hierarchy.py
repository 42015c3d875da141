"""What paths of the filesystem hierarchy (hier(7)) mean, whoever put them there."""

from __future__ import annotations

import re

# A reason for one of these is no reason for what is in it: what COPY puts into one is the author's, the
# directory is not, even where nothing else is in it today.
SHARED_DIRECTORIES = frozenset(
    f"/{path}"
    for path in (
        "", "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run",
        "sbin", "srv", "sys", "tmp", "usr", "usr/bin", "usr/games", "usr/include", "usr/lib", "usr/lib64",
        "usr/libexec", "usr/local", "usr/local/bin", "usr/local/etc", "usr/local/lib", "usr/local/sbin",
        "usr/local/share", "usr/sbin", "usr/share", "usr/src", "var", "var/cache", "var/lib", "var/log",
        "var/opt", "var/run", "var/spool", "var/tmp",
    )
)  # fmt: skip

# What is there for people and for building.
NOT_RUN = re.compile(
    r"/usr/share/(man|info|lintian|doc|doc-base|locale|bash-completion|applications|icons|pixmaps|menu|bug"
    r"|reportbug|zsh|fish)(/|$)|/usr/include/|/pkgconfig/|\.a$|\.la$|/systemd/system/"
)

# Configuration of those who may not be there: init systems, cron, log rotation, PAM (see libraries.py).
OTHERS = re.compile(
    r"/etc/(init\.d|init|rc\w+\.d|cron\.[\w-]+|logrotate\.d|bash_completion\.d|apparmor\.d|ufw|systemd|kernel|apt"
    r"|dpkg|insserv|udev|modprobe\.d|pam\.d|security)(/|$)"
)

# Parts that their programs document as optional, which come only when something names them. Modules of a web
# server are loaded by its configuration. PostgreSQL's just-in-time compiler brings LLVM, more than all the
# rest; without it "JIT will not be available, but no error will be raised" (jit_provider).
OPTIONAL = re.compile(
    r"/(apache2|httpd|nginx)/modules/[^/]+\.so$|/postgresql/.*/(llvmjit[\w.]*|bitcode(/.*)?)$"
)

# Their own resolvers know which parts of these a program reaches.
INTERPRETERS = re.compile(r"/(python[\d.]*|ruby[\d.]*|perl[\d.]*|php[\w.-]*|node|nodejs|java|busybox)$")
