"""strace inside the container: brought along with its loader and libraries, so it runs in any image.

Measured on strace 6.1, Linux 6 and Docker 20.10:
- `-DDD` leaves PID 1 to the app: the tracer is a grandchild in a session of its own. In the app's process
  group, `kill -USR1 0` of an entrypoint script would end it (and then the filter fails the app's calls).
- `--seccomp-bpf` stops the app only for the calls that are watched, and sets no_new_privs: programs with
  rights of their own lose them. Without the filter, a tracer that is no root voids them too (ptrace(2)), so
  then the loader is setuid root, and a launcher gives root's id up again before it becomes the app.
- A setuid loader drops variables (glibc's unsecvars.h; started as a program with one of them, 2.36 fails an
  assertion), and LD_PRELOAD would reach strace itself: they are taken away, and `-E` sets them for the app.
- strace writes each line before the call returns to the app: when PID 1 ends, no call of it is lost.
"""

from __future__ import annotations

import io
import os
import platform
import re
import shutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from elftools.elf.elffile import ELFFile

from analyzer.errors import ScratchifyError
from analyzer.filesystem import Filesystem
from analyzer.process import run
from analyzer.tracers.interface import Traced
from analyzer.tracers.launcher import launcher
from analyzer.tracers.stracelog import StraceLog

_HOME = "/.scratchify-trace"
_LAUNCHER = "launcher"
_CALLS = (
    "%file,fchdir,?getdents,getdents64,?socket,?bind,?listen,clone,?clone3,?fork,?vfork,"
    "?io_uring_setup,?open_by_handle_at"
)
# Arguments are shown up to this many words, and this many bytes each.
_STRING_LIMIT = "4096"

# What a glibc loader takes out of the environment of a setuid program (sysdeps/generic/unsecvars.h).
_DROPPED = frozenset(
    {
        "GCONV_PATH",
        "GETCONF_DIR",
        "GLIBC_TUNABLES",
        "HOSTALIASES",
        "LOCALDOMAIN",
        "LOCPATH",
        "NIS_PATH",
        "NLSPATH",
        "RESOLV_HOST_CONF",
        "RES_OPTIONS",
        "TMPDIR",
        "TZDIR",
    }
)
_DROPPED_BEGINNINGS = ("LD_", "MALLOC_")
_REFUSED = re.compile(r"strace: .*(?:ptrace|PTRACE_)[^\n]*: (?:Operation not permitted|Permission denied)")
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x[0-9a-f]+\)")
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}


@dataclass(frozen=True, slots=True)
class Strace:
    """strace of this machine: the program, its loader (None for a static one) and its libraries.

    `launcher` is what gives a set user id up again; None where there is none for this architecture.
    """

    program: Path
    loader: Path | None
    libraries: tuple[Path, ...]
    launcher: bytes | None
    name: str = "strace"
    capabilities: tuple[str, ...] = ("SYS_PTRACE",)
    home: str = _HOME
    logs: str = f"{_HOME}/log"

    def payload(self, work: Path, root: str, *, keep_rights: bool) -> Path:
        """A tar archive with everything strace needs, root-owned, and a log directory that all may write.

        Raises ScratchifyError where rights cannot be kept on this architecture.
        """
        if keep_rights and self.launcher is None:
            raise ScratchifyError(
                "the run uses setuid or file-capability programs, and scratchify cannot trace these on"
                f" {platform.machine()}",
                hint="trace on an amd64 or arm64 machine",
            )
        archive = work / ("strace-rights.tar" if keep_rights else "strace.tar")
        with tarfile.open(archive, "w") as tar:
            for directory, mode in ((_HOME, 0o755), (self.logs, 0o1777)):
                member = tarfile.TarInfo(os.path.relpath(directory, root))
                member.type, member.mode = tarfile.DIRTYPE, mode
                tar.addfile(member)
            first = self.loader or self.program
            files = {path.name: path.read_bytes() for path in (first, self.program, *self.libraries)}
            if self.launcher is not None:
                files[_LAUNCHER] = self.launcher
            for name, data in files.items():
                member = tarfile.TarInfo(os.path.relpath(f"{_HOME}/{name}", root))
                member.mode = 0o4755 if keep_rights and name == first.name else 0o755
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return archive

    def environment(self, variables: Mapping[str, str]) -> dict[str, str | None]:
        """Variables that a loader acts on or drops, taken away for the tracer's own start."""
        return dict.fromkeys(sorted(filter(_is_dropped, variables)))

    def wrap(
        self,
        command: Sequence[str],
        program: str,
        label: str,
        variables: Mapping[str, str],
        *,
        keep_rights: bool,
    ) -> list[str]:
        """The command under strace, which seeks a name without a slash on PATH as the engine does."""
        start = [f"{_HOME}/{self.program.name}"]
        if self.loader:
            start = [f"{_HOME}/{self.loader.name}", "--library-path", _HOME, *start]
        options = [
            "-DDD",
            "-f",
            "-q",
            "-y",
            "-s",
            _STRING_LIMIT,
            "-e",
            "signal=none",
            "-e",
            f"trace={_CALLS}",
        ]
        if not keep_rights:
            options.append("--seccomp-bpf")
        for name in sorted(filter(_is_dropped, variables)):
            options += ["-E", f"{name}={variables[name]}"]
        launch = [f"{_HOME}/{_LAUNCHER}", program] if keep_rights else []
        return [*start, *options, "-o", f"{self.logs}/{label}", "--", *launch, *command]

    def refusal(self, stderr: str) -> str:
        found = _REFUSED.search(stderr)
        return found[0] if found else ""

    def collect(self, logs: Path, workdir: str, fs: Filesystem) -> Traced:
        """Read every log of the archive. Raises ScratchifyError when there is none: nothing was watched."""
        log = StraceLog(workdir, fs, running_program(fs), own=_HOME)
        read = 0
        with tarfile.open(logs, "r|") as tar:
            for member in tar:
                if member.isfile() and member.size:
                    log.feed(cast(IO[bytes], tar.extractfile(member)))
                    read += 1
        if not read or not log.programs:
            raise ScratchifyError(
                "no program started in the container",
                hint="check the image's ENTRYPOINT, CMD and PATH; does it start with `docker run`?",
            )
        lost = sorted(log.unseen)
        if log.torn:
            lost.append(f"lines of the trace that could not be read: {log.torn}")
        return Traced(log.accesses, log.programs, log.ports, log.written, lost, log.syscalls, log.listening)


def find_strace(architecture: str = "") -> Strace:
    """strace of this machine, for images of this architecture (Docker's name for it).

    Raises ScratchifyError where there is none, or it cannot run there.
    """
    found = shutil.which("strace")
    if found is None:
        raise ScratchifyError(
            "there is no `strace` on PATH: it watches the run inside the container",
            hint="install it: apt-get install strace, dnf install strace, apk add strace",
        )
    here = _ARCHITECTURES.get(platform.machine(), platform.machine())
    if architecture not in ("", here) and (here, architecture) not in {("amd64", "386"), ("arm64", "arm")}:
        raise ScratchifyError(
            f"the image is for {architecture}, and strace of this machine is for {here}",
            hint=f"build with --platform linux/{here}, or run scratchify on {architecture}",
        )
    program = Path(found).resolve()
    with program.open("rb") as stream:
        loader = _interpreter(ELFFile(stream))
    if loader is None:
        return Strace(program, None, (), launcher(here))
    # Both glibc's and musl's loader list what they would load.
    listed = run([str(loader), "--list", str(program)])
    libraries = tuple(Path(path) for path in _LIBRARY.findall(listed.text))
    libraries = tuple(path for path in libraries if path.name != loader.name)
    return Strace(program, loader, libraries, launcher(here))


def _is_dropped(name: str) -> bool:
    return name in _DROPPED or name.startswith(_DROPPED_BEGINNINGS)


def _interpreter(elf: ELFFile) -> Path | None:
    for segment in elf.iter_segments("PT_INTERP"):
        return Path(segment.data().rstrip(b"\0").decode())
    return None


def running_program(fs: Filesystem) -> Callable[[str], str]:
    """From the path that was executed to the program that runs: links followed, `#!` lines too.

    The kernel follows at most five interpreters (binfmt_script, exec.c).
    """
    known: dict[str, str] = {}

    def program(path: str) -> str:
        if path not in known:
            known[path] = _followed(fs, path)
        return known[path]

    return program


def _followed(fs: Filesystem, path: str) -> str:
    for _ in range(5):
        entry = fs.lookup(path)
        if entry is None:
            return path
        path = entry.path
        head = fs.read(path, 256) or b""
        if not head.startswith(b"#!"):
            break
        words = head[2:].partition(b"\n")[0].split(maxsplit=1)
        if not words:
            break
        path = words[0].decode("utf-8", "surrogateescape")
    return path
