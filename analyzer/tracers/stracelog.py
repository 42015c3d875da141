"""Reads the log of `strace -f -y -o FILE`: one pass, memory bounded by what is distinct in it.

A line is `PID name(arguments) = result`. A call that another process interrupts is written in two parts,
`<unfinished ...>` and `<... name resumed>`. strace writes ASCII: other bytes of a name are octal or `\\x`
escapes. Each process has a working directory and a root, inherited over fork and shared between threads
(CLONE_FS), so that every path comes out absolute. Format: strace(1); strace 5 and 6 are read alike.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from analyzer.filesystem import Filesystem, normalise, parent_of
from analyzer.recording import Access, Operation, Program

_STRING = r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?'
_DESCRIPTOR = r"(?:AT_FDCWD|-?\d+)(?:<((?:[^<>\\]|\\.)*)>(?:\(deleted\))?)?"
_LINE = re.compile(
    r"(\d+) +(?:([a-z_]\w*)\((.*)|<\.\.\. (\w+) resumed>(.*)|(\+\+\+|---|\[) ?(.*))$", re.DOTALL
)
_RESULT = re.compile(
    r"\)\s+= (\?|-?\d+|0x[0-9a-f]+)(?:<(?:[^<>\\]|\\.)*>(?:\(deleted\))?)?(?: ([A-Z]\w+))?(?: \(.*\))?$"
)
_SPLIT = re.compile(r" <(unfinished \.\.\.|pid changed to (\d+) \.\.\.)>$")
_SUPERSEDED = re.compile(r"superseded by execve in pid (\d+)")
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-f]{2}|.)")
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f"}
_SOCKET = re.compile(r"\d+<socket:\[(\d+)\]>")
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_ADDRESS = re.compile(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]*)"')
_SOCKET_PATH = re.compile(rf"sun_path={_STRING}")
_OPENED_SOCKET = re.compile(r"= \d+<socket:\[(\d+)\]>$")
_FLAGS = re.compile(r"\bO_(?:WRONLY|RDWR|CREAT|TRUNC|EXCL|TMPFILE)\b")
_WORD = re.compile(_STRING)
_ARGUMENTS = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"(?:\.\.\.)?(?:, )?)*')
_LISTED = re.compile(_DESCRIPTOR)

# Argument shapes: p a path, d a descriptor and a path below it, s a string that is no path of this process,
# x anything before the first comma.
_PARTS = {
    "p": f"(){_STRING}",
    "d": rf"{_DESCRIPTOR}, {_STRING}",
    "s": r'(?:"(?:[^"\\]|\\.)*"(?:\.\.\.)?|NULL)',
    "x": "[^,]*",
}

# System call: shape, operation on each path of the shape. "write" changes or makes what it names.
_CALLS: dict[str, tuple[str, tuple[Operation, ...]]] = {
    "stat": ("p", ("stat",)),
    "stat64": ("p", ("stat",)),
    "lstat": ("p", ("stat",)),
    "lstat64": ("p", ("stat",)),
    "oldstat": ("p", ("stat",)),
    "oldlstat": ("p", ("stat",)),
    "newfstatat": ("d", ("stat",)),
    "fstatat64": ("d", ("stat",)),
    "statx": ("d", ("stat",)),
    "statfs": ("p", ("stat",)),
    "statfs64": ("p", ("stat",)),
    "access": ("p", ("access",)),
    "faccessat": ("d", ("access",)),
    "faccessat2": ("d", ("access",)),
    "readlink": ("p", ("readlink",)),
    "readlinkat": ("d", ("readlink",)),
    "getxattr": ("p", ("other",)),
    "lgetxattr": ("p", ("other",)),
    "listxattr": ("p", ("other",)),
    "llistxattr": ("p", ("other",)),
    "inotify_add_watch": ("xp", ("other",)),
    "name_to_handle_at": ("d", ("other",)),
    "mount": ("sp", ("other",)),
    "creat": ("p", ("write",)),
    "mkdir": ("p", ("write",)),
    "mkdirat": ("d", ("write",)),
    "mknod": ("p", ("write",)),
    "mknodat": ("d", ("write",)),
    "symlink": ("sp", ("write",)),
    "symlinkat": ("sd", ("write",)),
    "link": ("pp", ("open", "write")),
    "linkat": ("dd", ("open", "write")),
    "rename": ("pp", ("write", "write")),
    "renameat": ("dd", ("write", "write")),
    "renameat2": ("dd", ("write", "write")),
    "unlink": ("p", ("write",)),
    "unlinkat": ("d", ("write",)),
    "rmdir": ("p", ("write",)),
    "truncate": ("p", ("write",)),
    "truncate64": ("p", ("write",)),
    "chmod": ("p", ("write",)),
    "fchmodat": ("d", ("write",)),
    "fchmodat2": ("d", ("write",)),
    "chown": ("p", ("write",)),
    "chown32": ("p", ("write",)),
    "lchown": ("p", ("write",)),
    "lchown32": ("p", ("write",)),
    "fchownat": ("d", ("write",)),
    "utime": ("p", ("write",)),
    "utimes": ("p", ("write",)),
    "utimensat": ("d", ("write",)),
    "futimesat": ("d", ("write",)),
    "setxattr": ("p", ("write",)),
    "lsetxattr": ("p", ("write",)),
    "removexattr": ("p", ("write",)),
    "lremovexattr": ("p", ("write",)),
}
# Their result takes a name away: nothing is written under it.
_REMOVERS = frozenset({"unlink", "unlinkat", "rmdir"})
_RENAMERS = frozenset({"rename", "renameat", "renameat2"})
_OPENERS = {"open": "p", "openat": "d", "openat2": "d"}
_EXECS = {"execve": "p", "execveat": "d"}
_FORKS = frozenset({"clone", "clone3", "fork", "vfork"})
_PLACERS = frozenset({"chdir", "fchdir", "chroot", "getcwd"})
_SOCKETS = frozenset({"socket", "bind", "listen"})
_LISTERS = frozenset({"getdents", "getdents64"})
_UNSEEN = {
    "io_uring_setup": "files opened through io_uring do not show in the trace",
    "pivot_root": "a process changed the root of its mount namespace: paths after that may be wrong",
    "open_by_handle_at": "a file opened by its handle does not show by name in the trace",
}


def _shape(shape: str) -> re.Pattern[str]:
    return re.compile(", ".join(_PARTS[part] for part in shape))


_SHAPES = {
    shape: _shape(shape) for shape in {"p", *(shape for shape, _ in _CALLS.values()), *_OPENERS.values()}
}


@dataclass(slots=True)
class _Place:
    """Root and working directory; threads share one."""

    root: str
    cwd: str


@dataclass(slots=True)
class _Process:
    place: _Place
    program: str


@dataclass(slots=True)
class StraceLog:
    """Everything that the logs fed so far say. `workdir` is where the first process of each log starts.

    With the image's tree, `..` behind a link is followed as the kernel does, and `executable` tells which
    program really runs (a script's interpreter).
    """

    workdir: str
    fs: Filesystem | None = None
    executable: Callable[[str], str] = str
    own: str = ""  # the tracer's own directory: what happens below it is no part of the run
    accesses: set[Access] = field(default_factory=set)
    programs: set[Program] = field(default_factory=set)
    ports: set[str] = field(default_factory=set)
    listening: set[tuple[str, int]] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    syscalls: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    torn: int = 0
    _seen: set[tuple[str, Operation, str, str]] = field(default_factory=set)
    _processes: dict[int, _Process] = field(default_factory=dict)
    _unfinished: dict[int, tuple[str, str]] = field(default_factory=dict)
    # Lines of a child whose parent's fork has not returned yet: whose child it is, is not known before.
    _waiting: dict[int, list[str]] = field(default_factory=dict)
    _taken_over: set[int] = field(default_factory=set)
    _protocols: dict[str, str] = field(default_factory=dict)
    _bound: dict[str, tuple[str, str]] = field(default_factory=dict)

    def feed(self, lines: Iterable[bytes]) -> None:
        """Read one log from its first line to its last."""
        self._processes.clear()
        self._unfinished.clear()
        self._waiting.clear()
        self._taken_over.clear()
        for raw in lines:
            text = raw.decode("latin-1")
            if not text.endswith("\n"):
                # The tracer was killed with the container, in the middle of a call that never returned.
                break
            self._line(text[:-1])
        for pid in list(self._waiting):
            self._adopt(pid, _Process(_Place("", self.workdir), ""))

    def _line(self, text: str) -> None:
        found = _LINE.match(text)
        if found is None:
            self.torn += 1
            return
        pid = int(found[1])
        if pid not in self._processes:
            if pid in self._waiting or any(name in _FORKS for name, _ in self._unfinished.values()):
                self._waiting.setdefault(pid, []).append(text)
                return
            self._processes[pid] = _Process(_Place("", self.workdir), "")
        if found[2]:
            self._call(pid, found[2], found[3])
        elif found[4]:
            self._resume(pid, found[4], found[5])
        elif found[6] == "+++":
            self._end(pid, found[7])

    def _resume(self, pid: int, name: str, rest: str) -> None:
        begun, head = self._unfinished.pop(pid, ("", ""))
        if begun != name:
            self.torn += 1
            return
        if pid in self._taken_over:
            # strace shows the thread's old registers as the result; that we are here means success.
            self._taken_over.discard(pid)
            rest = ") = 0"
        self._call(pid, name, head + rest)

    def _end(self, pid: int, how: str) -> None:
        taken = _SUPERSEDED.match(how)
        if taken and int(taken[1]) in self._unfinished:
            # A thread ran execve: the program goes on under the leader's number.
            thread = int(taken[1])
            self._unfinished[pid] = self._unfinished.pop(thread)
            self._processes[pid] = self._processes.pop(thread, self._processes[pid])
            self._taken_over.add(pid)
            return
        self._processes.pop(pid, None)
        self._unfinished.pop(pid, None)

    def _adopt(self, pid: int, process: _Process) -> None:
        self._processes[pid] = process
        for text in self._waiting.pop(pid, ()):
            self._line(text)

    def _call(self, pid: int, name: str, rest: str) -> None:
        split = _SPLIT.search(rest)
        if split:
            self._unfinished[pid] = (name, rest[: split.start()])
            return
        process = self._processes[pid]
        if name in _CALLS:
            shape, operations = _CALLS[name]
            self._on_paths(process, name, _SHAPES[shape], operations, rest)
        elif name in _OPENERS:
            self._on_open(process, _SHAPES[_OPENERS[name]], rest)
        elif name in _EXECS:
            self._on_exec(process, _SHAPES[_EXECS[name]], rest)
        elif name in _FORKS:
            self._on_fork(process, rest)
        elif name in _LISTERS:
            self._on_list(process, rest)
        elif name in _PLACERS:
            self._on_place(process, name, rest)
        elif name in _SOCKETS:
            self._on_socket(process, name, rest)
        else:
            result = self._result(rest, 0)
            if result is not None and not result[1] and name in _UNSEEN:
                self.unseen.add(_UNSEEN[name])
        self.syscalls.add(name)

    def _result(self, rest: str, start: int) -> tuple[str, str] | None:
        """A call's value and the name of its error; None when it never returned, or the line is torn."""
        found = _RESULT.search(rest, start)
        if found is None:
            self.torn += 1
            return None
        if found[1] == "?":
            return None
        failed = found[1].startswith("-")
        return found[1], (found[2] or "EUNKNOWN") if failed else ""

    def _note(self, process: _Process, path: str, operation: Operation, error: str) -> None:
        if self.own and path.startswith(self.own):
            return
        key = (path, operation, error, process.program)
        if key not in self._seen:
            self._seen.add(key)
            self.accesses.add(Access(*key))

    def _paths(self, process: _Process, found: re.Match[str]) -> list[str]:
        """Absolute paths of a matched shape. An empty one names the descriptor: that is no look-up."""
        groups = found.groups()
        paths: list[str] = []
        if found.string.startswith("AT_FDCWD<") and groups[0]:
            process.place.cwd = unescape(groups[0])
        for base, text in zip(groups[::2], groups[1::2], strict=True):
            paths.append(self._absolute(process, base, text) if text else "")
        return paths

    def _absolute(self, process: _Process, base: str | None, text: str) -> str:
        place = process.place
        path = unescape(text)
        if path.startswith("/"):
            return self._normal(process, place.root + path)
        return self._normal(process, f"{unescape(base) if base else place.cwd}/{path}")

    def _normal(self, process: _Process, path: str) -> str:
        """Without `.` and `..`. What stands before a `..` is followed, and noted: it was looked up too."""
        if self.fs is None or "/.." not in path:
            return normalise(path)
        at = ""
        for part in path.split("/"):
            if part == "..":
                resolution = self.fs.resolve(at or "/")
                if resolution.via:
                    self._note(process, at, "stat", "")
                at = parent_of(normalise(at) if resolution.missing else resolution.path)
                at = "" if at == "/" else at
            elif part not in ("", "."):
                at = f"{at}/{part}"
        return at or "/"

    def _on_paths(
        self,
        process: _Process,
        name: str,
        shape: re.Pattern[str],
        operations: tuple[Operation, ...],
        rest: str,
    ) -> None:
        found = shape.match(rest)
        result = self._result(rest, found.end() if found else 0)
        if found is None or result is None:
            # No path: a pointer that could not be read (EFAULT), or NULL.
            return
        paths = self._paths(process, found)
        for path, operation in zip(paths, operations, strict=True):
            if path:
                self._note(process, path, operation, result[1])
        if result[1] or name in _REMOVERS:
            return
        made = paths[-1:] if name in _RENAMERS else paths
        self.written.update(
            path for path, operation in zip(made, operations, strict=False) if path and operation == "write"
        )

    def _on_open(self, process: _Process, shape: re.Pattern[str], rest: str) -> None:
        found = shape.match(rest)
        result = self._result(rest, found.end() if found else 0)
        if found is None or result is None:
            return
        path = self._paths(process, found)[0]
        flags = set(_FLAGS.findall(rest, found.end()))
        writes = bool(flags & {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"})
        starts_empty = "O_CREAT" in flags and bool(flags & {"O_WRONLY", "O_TRUNC", "O_EXCL"})
        if writes:
            self._note(process, path, "write", result[1])
            if not result[1]:
                self.written.add(path)
        if not starts_empty:
            self._note(process, path, "open", result[1])

    def _on_exec(self, process: _Process, shape: re.Pattern[str], rest: str) -> None:
        found = shape.match(rest)
        result = self._result(rest, found.end() if found else 0)
        if found is None or result is None:
            return
        path = self._paths(process, found)[0]
        if not path:
            # fexecve(3): the descriptor itself is run.
            path = normalise(unescape(found[1] or ""))
        self._note(process, path, "exec", result[1])
        if not result[1] and not (self.own and path.startswith(self.own)):
            self.programs.add(Program(path, _words(rest, found.end()), process.place.cwd))
            process.program = self.executable(path)

    def _on_fork(self, process: _Process, rest: str) -> None:
        result = self._result(rest, 0)
        if result is None or result[1]:
            return
        child = int(result[0], 0)
        if "CLONE_THREAD" in rest:
            self._adopt(child, process)
            return
        place = process.place if "CLONE_FS" in rest else _Place(process.place.root, process.place.cwd)
        self._adopt(child, _Process(place, process.program))

    def _on_list(self, process: _Process, rest: str) -> None:
        found = _LISTED.match(rest)
        result = self._result(rest, found.end()) if found else None
        if found and found[1] and result is not None:
            self._note(process, normalise(unescape(found[1])), "list", result[1])

    def _on_place(self, process: _Process, name: str, rest: str) -> None:
        """Calls that move a process, or tell where it is."""
        if name == "fchdir":
            moved = _LISTED.match(rest)
            result = self._result(rest, moved.end()) if moved else None
            if moved and moved[1] and result is not None and not result[1]:
                process.place.cwd = unescape(moved[1])
            return
        found = _SHAPES["p"].match(rest)
        result = self._result(rest, found.end()) if found else None
        if found is None or result is None:
            return
        if name == "getcwd":
            if not result[1]:
                process.place.cwd = unescape(found[2])
            return
        path = self._paths(process, found)[0]
        self._note(process, path, "chdir", result[1])
        if result[1]:
            return
        real = self._followed(path)
        if name == "chroot":
            process.place.root = "" if real == "/" else real
        else:
            process.place.cwd = real

    def _followed(self, path: str) -> str:
        """Where a directory's links lead, as far as the image tells; `AT_FDCWD<…>` corrects it."""
        resolution = self.fs.resolve(path) if self.fs else None
        return path if resolution is None or resolution.missing else resolution.path

    def _on_socket(self, process: _Process, name: str, rest: str) -> None:
        result = self._result(rest, 0)
        if result is None or result[1]:
            return
        if name == "socket":
            made = _OPENED_SOCKET.search(rest)
            if made:
                self._protocols[made[1]] = "udp" if "SOCK_DGRAM" in rest else "tcp"
            return
        used = _SOCKET.match(rest)
        if used is None:
            return
        inode = used[1]
        port = _PORT.search(rest)
        named = _SOCKET_PATH.search(rest)
        if name == "bind" and port and port[1] != "0":
            address = _ADDRESS.search(rest)
            self._bound[inode] = (address[1] if address else "", port[1])
            if self._protocols.get(inode) == "udp":
                self.ports.add(f"{port[1]}/udp")
        elif name == "bind" and named:
            path = self._absolute(process, None, named[1])
            self._note(process, path, "write", "")
            self.written.add(path)
        elif name == "listen" and inode in self._bound:
            host, number = self._bound[inode]
            self.ports.add(f"{number}/tcp")
            self.listening.add((host, int(number)))


def unescape(text: str) -> str:
    """A string as strace writes it, as a path: bytes that are not UTF-8 become surrogate escapes."""
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    return os.fsdecode(text.encode("latin-1")) if not text.isascii() else text


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "x" and len(code) == 3:
        return chr(int(code[1:], 16))
    return _SIMPLE_ESCAPES.get(code, code)


def _words(rest: str, start: int) -> tuple[str, ...]:
    """The argument list of an execve, from where its path ends."""
    opened = rest.find("[", start)
    found = _ARGUMENTS.match(rest, opened) if opened >= 0 else None
    return tuple(unescape(word) for word in _WORD.findall(found[0])) if found else ()
