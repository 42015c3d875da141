"""The platforms that FROM may name, as containerd reads them: `os`, `arch`, `os/arch`, `os/arch/variant`."""

from __future__ import annotations

import re

from analyzer.dockerfile.goquote import quoted

_COMPONENT = "^[A-Za-z0-9_.-]+$"
_SYSTEM = r"^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$"
# What Go can build for, and the other names that containerd takes for some of them.
_SYSTEMS = frozenset(
    {
        *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux"),
        *("macos", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos"),
    }
)
_ARCHITECTURES = frozenset(
    {
        *("386", "aarch64", "amd64", "amd64p32", "arm", "arm64", "arm64be", "armbe", "armel", "armhf"),
        *("i386", "loong64", "mips", "mips64", "mips64le", "mips64p32", "mips64p32le", "mipsle", "ppc"),
        *("ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"),
        *("x86-64", "x86_64"),
    }
)


def fault_of(text: str) -> str:
    """What is wrong with a platform, in the words of containerd; empty where nothing is."""
    if "*" in text:
        return f"{quoted(text)}: wildcards not yet supported: invalid argument"
    system, *rest = text.split("/")
    if re.fullmatch(_SYSTEM, system) is None:
        what = f"{quoted(system)} is an invalid OS component of {quoted(text)}"
        return f"{what}: OSAndVersion specifier component must match {quoted(_SYSTEM)}: invalid argument"
    for part in rest:
        if re.fullmatch(_COMPONENT, part) is None:
            what = f"{quoted(part)} is an invalid component of {quoted(text)}"
            return f"{what}: platform specifier component must match {quoted(_COMPONENT)}: invalid argument"
    if len(rest) > 2:
        return f"{quoted(text)}: cannot parse platform specifier: invalid argument"
    if not rest and system.partition("(")[0].lower() not in _SYSTEMS | _ARCHITECTURES:
        return f"{quoted(text)}: unknown operating system or architecture: invalid argument"
    return ""
