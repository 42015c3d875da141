"""Lines as strace 6.1 wrote them, and what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.recording import Access, Program
from analyzer.tracers.stracelog import StraceLog, unescape
from tests.imagefs import Dir, Link, image_tree


def read(text: str, **settings: object) -> StraceLog:
    log = StraceLog("/app", **settings)  # type: ignore[arg-type]
    log.feed(line.encode("latin-1") + b"\n" for line in text.strip("\n").split("\n"))
    return log


def seen(log: StraceLog) -> set[tuple[str, str, str]]:
    return {(access.path, access.operation, access.error) for access in log.accesses}


LOOKS: dict[str, tuple[str, set[tuple[str, str, str]]]] = {
    "a file opened by its full path": (
        '1     openat(AT_FDCWD</>, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3</etc/passwd>',
        {("/etc/passwd", "open", "")},
    ),
    "a look-up that fails": (
        '1     access("/etc/ld.so.preload", R_OK) = -1 ENOENT (No such file or directory)',
        {("/etc/ld.so.preload", "access", "ENOENT")},
    ),
    "a relative path, by the annotation": (
        '1     openat(AT_FDCWD</srv/www>, "a/./b//c", O_RDONLY) = -1 ENOTDIR (Not a directory)',
        {("/srv/www/a/b/c", "open", "ENOTDIR")},
    ),
    "a relative path, by the working directory": (
        '1     stat("x.py", {st_mode=S_IFREG|0644, st_size=5, ...}) = 0',
        {("/app/x.py", "stat", "")},
    ),
    "a path below an open directory": (
        '1     newfstatat(6</etc>, "passwd", {st_mode=S_IFREG|0644, st_size=1221, ...}, 0) = 0',
        {("/etc/passwd", "stat", "")},
    ),
    "an empty path is the descriptor itself, no look-up": (
        '1     newfstatat(3</etc/passwd>, "", {st_mode=S_IFREG|0644, st_size=1, ...}, AT_EMPTY_PATH) = 0',
        set(),
    ),
    "an absolute path with a descriptor that is not used": (
        '1     faccessat2(-1, "/usr", X_OK, AT_EACCESS) = 0',
        {("/usr", "access", "")},
    ),
    "a name with bytes, quotes and brackets": (
        '1     openat(AT_FDCWD</z\\303\\251\\74\\76>, "q\\"u\\n\\1x\\377", O_RDONLY) = 3</x>',
        {('/z\u00e9<>/q"u\n\x01x\udcff', "open", "")},
    ),
    "hexadecimal escapes (-x)": (
        '1     openat(AT_FDCWD</>, "/\\x7a\\xc3\\xa9", O_RDONLY) = 3</x>',
        {("/z\u00e9", "open", "")},
    ),
    "a name that looks like a result": (
        '1     openat(AT_FDCWD</>, "/a) = -1 ENOENT (x)", O_RDONLY) = 3</a) = -1 ENOENT (x)>',
        {("/a) = -1 ENOENT (x)", "open", "")},
    ),
    "a name that looks like an unfinished call": (
        '1     stat("/a <unfinished ...>", {st_mode=S_IFREG|0644, ...}) = 0',
        {("/a <unfinished ...>", "stat", "")},
    ),
    "a deleted working directory": (
        '1     openat(AT_FDCWD</tmp/x>(deleted), "/etc/a", O_RDONLY) = 3</etc/a>',
        {("/etc/a", "open", "")},
    ),
    "a listed directory": (
        "1     getdents64(3</usr/lib>, 0x55 /* 7 entries */, 32768) = 216",
        {("/usr/lib", "list", "")},
    ),
    "a link read": (
        '1     readlink("/proc/self/exe", "/usr/bin/x", 4095) = 10\n'
        '1     readlinkat(AT_FDCWD</app>, "l", 0x7ff, 4095) = -1 EINVAL (Invalid argument)',
        {("/proc/self/exe", "readlink", ""), ("/app/l", "readlink", "EINVAL")},
    ),
    "a file to write, emptied": (
        '1     openat(AT_FDCWD</app>, "o", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666) = 5</app/o>',
        {("/app/o", "write", "")},
    ),
    "a file to write that must be there": (
        '1     open("/dev/null", O_WRONLY)       = 5</dev/null>',
        {("/dev/null", "write", ""), ("/dev/null", "open", "")},
    ),
    "a database opened for both": (
        '1     openat(AT_FDCWD</app>, "db", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 5</app/db>',
        {("/app/db", "write", ""), ("/app/db", "open", "")},
    ),
    "openat2": (
        '1     openat2(3</usr>, "lib", {flags=O_RDONLY|O_DIRECTORY, resolve=0}, 24) = 4</usr/lib>',
        {("/usr/lib", "open", "")},
    ),
    "a rename touches both names": (
        '1     renameat2(AT_FDCWD</app>, "a", AT_FDCWD</app>, "b", RENAME_NOREPLACE) = 0',
        {("/app/a", "write", ""), ("/app/b", "write", "")},
    ),
    "the target of a new link is no look-up": (
        '1     symlink("/x", "lnk")              = 0',
        {("/app/lnk", "write", "")},
    ),
    "a new hard link reads its source": (
        '1     linkat(AT_FDCWD</app>, "a", AT_FDCWD</app>, "b", 0) = 0',
        {("/app/a", "open", ""), ("/app/b", "write", "")},
    ),
    "a pointer that cannot be read": (
        "1     stat(0x1, 0x7ffe)                 = -1 EFAULT (Bad address)\n"
        "1     stat(NULL, NULL) = -1 EFAULT (Bad address)",
        set(),
    ),
    "a call that never returned": (
        '1     openat(AT_FDCWD</app>, "fifo", O_RDONLY) = ? ERESTARTSYS (To be restarted)',
        set(),
    ),
    "two parts of a call": (
        '7     openat(AT_FDCWD</app>, "a", O_RDONLY <unfinished ...>\n'
        '8     stat("b", {st_mode=S_IFREG|0644, ...}) = 0\n'
        "7     <... openat resumed>)             = -1 EACCES (Permission denied)",
        {("/app/a", "open", "EACCES"), ("/app/b", "stat", "")},
    ),
    "a watched directory": (
        '1     inotify_add_watch(5<anon_inode:inotify>, "/etc", IN_MODIFY) = 1',
        {("/etc", "other", "")},
    ),
    "signals and ends say nothing of files": (
        "1     --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---\n1     +++ killed by SIGTERM +++",
        set(),
    ),
}


@pytest.mark.parametrize(("text", "accesses"), LOOKS.values(), ids=LOOKS.keys())
def test_looks(text: str, accesses: set[tuple[str, str, str]]) -> None:
    log = read(text)
    assert seen(log) == accesses
    assert log.torn == 0


STEPS: dict[str, tuple[str, str]] = {
    "chdir": ('1     chdir("/usr/share")               = 0', "/usr/share/x"),
    "chdir to a relative path": ('1     chdir("lib")                      = 0', "/app/lib/x"),
    "chdir that fails": ('1     chdir("/no")   = -1 ENOENT (No such file or directory)', "/app/x"),
    "fchdir": ("1     fchdir(3</srv>)                   = 0", "/srv/x"),
    "getcwd tells where a process is": ('1     getcwd("/srv/www", 4096)          = 9', "/srv/www/x"),
    "an annotation tells as well": ('1     openat(AT_FDCWD</opt>, "/a", O_RDONLY) = 3</a>', "/opt/x"),
    "chroot, then an absolute step": (
        '1     chroot("/jail")                   = 0\n1     chdir("/sub") = 0',
        "/jail/sub/x",
    ),
    "a child starts where its parent is": (
        '2     chdir("/srv") = 0\n'
        "2     clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f) = 1",
        "/srv/x",
    ),
    "a child's step is its own": (
        '1     fork() = 3\n3     chdir("/tmp") = 0',
        "/app/x",
    ),
    "threads share one place": (
        "1     clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD, exit_signal=0}, 88) = 3\n"
        '3     chdir("/tmp") = 0',
        "/tmp/x",
    ),
    "a child that is seen before its parent's vfork returns": (
        '2     chdir("/srv")                     = 0\n'
        "2     vfork( <unfinished ...>\n"
        '1     stat("early", 0x7f) = -1 ENOENT (No such file or directory)\n'
        "2     <... vfork resumed>)              = 1",
        "/srv/x",
    ),
    "two forks at once, children in the other order": (
        '2     chdir("/two") = 0\n3     chdir("/three") = 0\n'
        "2     clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
        "3     clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
        '1     stat("early", 0x7f) = 0\n'
        '9     stat("early", 0x7f) = 0\n'
        "3     <... clone resumed>)              = 1\n"
        "2     <... clone resumed>)              = 9",
        "/three/x",
    ),
    "a number used again after its process ended": (
        '1     chdir("/old") = 0\n1     +++ exited with 0 +++\n2     chdir("/new") = 0\n2     fork() = 1',
        "/new/x",
    ),
    "a thread that runs execve goes on under the leader's number": (
        '1     chdir("/etc") = 0\n'
        "1     clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, exit_signal=0}, 88) = 12\n"
        '12    chdir("/usr") = 0\n'
        '12    execve("/bin/cat", ["cat"], 0x7f /* 3 vars */ <pid changed to 1 ...>\n'
        "1     +++ superseded by execve in pid 12 +++\n"
        "1     <... execve resumed>)             = -1 (errno 18446744073709551595)",
        "/usr/x",
    ),
}


@pytest.mark.parametrize(("before", "path"), STEPS.values(), ids=STEPS.keys())
def test_working_directories(before: str, path: str) -> None:
    log = read(f'{before}\n1     stat("x", {{st_mode=S_IFREG|0644, ...}}) = 0')
    assert (path, "stat", "") in seen(log)
    assert log.torn == 0


def test_programs_and_who_looks() -> None:
    log = read(
        '1     execve("/entry.sh", ["/entry.sh", "a b", "\\303\\251"], 0x7f /* 35 vars */) = 0\n'
        '1     stat("/a", {st_mode=S_IFREG|0644, ...}) = 0\n'
        '1     execve("/usr/local/bin/tool", ["tool"], 0x7f) = -1 ENOENT (No such file or directory)\n'
        "1     vfork( <unfinished ...>\n"
        '2     execve("bin/tool", ["tool", "x"...], 0x7f /* 1 var */ <unfinished ...>\n'
        "1     <... vfork resumed>)              = 2\n"
        "2     <... execve resumed>)             = 0\n"
        '2     stat("/b", {st_mode=S_IFREG|0644, ...}) = 0',
        executable={"/entry.sh": "/bin/sh", "/app/bin/tool": "/app/bin/tool"}.__getitem__,
    )
    assert log.programs == {
        Program("/entry.sh", ("/entry.sh", "a b", "é"), "/app"),
        Program("/app/bin/tool", ("tool", "x"), "/app"),
    }
    assert log.accesses == {
        Access("/entry.sh", "exec", "", ""),
        Access("/a", "stat", "", "/bin/sh"),
        Access("/usr/local/bin/tool", "exec", "ENOENT", "/bin/sh"),
        Access("/app/bin/tool", "exec", "", "/bin/sh"),
        Access("/b", "stat", "", "/app/bin/tool"),
    }


def test_a_thread_that_runs_execve_succeeded() -> None:
    log = read(STEPS["a thread that runs execve goes on under the leader's number"][0])
    assert log.programs == {Program("/bin/cat", ("cat",), "/usr")}


def test_a_program_run_by_its_descriptor() -> None:
    log = read('1     execveat(3</usr/bin/x>, "", ["x"], 0x7f /* 1 var */, AT_EMPTY_PATH) = 0')
    assert log.programs == {Program("/usr/bin/x", ("x",), "/app")}


WRITTEN: dict[str, tuple[str, set[str]]] = {
    "opened to write": ('1     openat(AT_FDCWD</app>, "o", O_WRONLY|O_CREAT, 0666) = 5</app/o>', {"/app/o"}),
    "not opened after all": (
        '1     openat(AT_FDCWD</app>, "o", O_WRONLY|O_CREAT, 0666) = -1 EROFS (Read-only file system)',
        set(),
    ),
    "only read": ('1     openat(AT_FDCWD</app>, "o", O_RDONLY) = 5</app/o>', set()),
    "a directory": ('1     mkdir("/run/x", 0755) = 0', {"/run/x"}),
    "the new name": ('1     rename("a", "b") = 0', {"/app/b"}),
    "a name taken away": (
        '1     unlink("a") = 0\n1     unlinkat(AT_FDCWD</app>, "b", AT_REMOVEDIR) = 0',
        set(),
    ),
    "a socket": (
        '1     bind(5<socket:[9]>, {sa_family=AF_UNIX, sun_path="/run/x.sock"}, 17) = 0',
        {"/run/x.sock"},
    ),
    "an abstract socket is no file": (
        '1     bind(5<socket:[9]>, {sa_family=AF_UNIX, sun_path=@"name"}, 17) = 0',
        set(),
    ),
}


@pytest.mark.parametrize(("text", "written"), WRITTEN.values(), ids=WRITTEN.keys())
def test_written(text: str, written: set[str]) -> None:
    assert read(text).written == written


ADDRESS = '{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr("0.0.0.0")}}'
PORTS: dict[str, tuple[str, set[str]]] = {
    "a TCP server": (
        "1     socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3<socket:[15]>\n"
        f"1     bind(3<socket:[15]>, {ADDRESS.format(8123)}, 16) = 0\n"
        "1     listen(3<socket:[15]>, 128)   = 0",
        {"8123/tcp"},
    ),
    "a UDP server on IPv6": (
        "1     socket(AF_INET6, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 4<socket:[16]>\n"
        "1     bind(4<socket:[16]>, {sa_family=AF_INET6, sin6_port=htons(5353), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "::", &sin6_addr), sin6_scope_id=0}, 28) = 0',
        {"5353/udp"},
    ),
    "a client that binds to any port": (
        "1     socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = 4<socket:[16]>\n"
        f"1     bind(4<socket:[16]>, {ADDRESS.format(0)}, 16) = 0",
        set(),
    ),
    "a port that is taken": (
        "1     socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3<socket:[15]>\n"
        f"1     bind(3<socket:[15]>, {ADDRESS.format(80)}, 16)"
        " = -1 EADDRINUSE (Address already in use)",
        set(),
    ),
    "a listener that a child inherited": (
        "1     socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3<socket:[15]>\n"
        f"1     bind(3<socket:[15]>, {ADDRESS.format(80)}, 16) = 0\n"
        "1     fork() = 2\n2     listen(3<socket:[15]>, 128) = 0",
        {"80/tcp"},
    ),
}


@pytest.mark.parametrize(("text", "ports"), PORTS.values(), ids=PORTS.keys())
def test_ports(text: str, ports: set[str]) -> None:
    assert read(text).ports == ports


LISTENING: dict[str, tuple[str, set[tuple[str, int]]]] = {
    "on all of IPv4": (ADDRESS.format(80), {("0.0.0.0", 80)}),
    "on the loopback of IPv6": (
        "{sa_family=AF_INET6, sin6_port=htons(81), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}',
        {("::1", 81)},
    ),
}


@pytest.mark.parametrize(("address", "listening"), LISTENING.values(), ids=LISTENING.keys())
def test_where_a_server_listens(address: str, listening: set[tuple[str, int]]) -> None:
    text = f"1     bind(3<socket:[15]>, {address}, 28) = 0\n1     listen(3<socket:[15]>, 128) = 0"
    assert read(text).listening == listening


TORN: dict[str, str] = {
    "a line without a number": "openat(AT_FDCWD</>, ",
    "a name cut in the middle": '1     openat(AT_FDCWD</>, "/etc/pas',
    "a path cut in the middle": '1     stat("/etc/pas',
    "a program cut in the middle": '1     execve("/bin/s',
    "a call without a result": '1     stat("/a", 0x7f',
    "an end without its beginning": "1     <... openat resumed>) = 3",
    "the end of another call": '1     stat("/a" <unfinished ...>\n1     <... openat resumed>) = 3',
}


@pytest.mark.parametrize("text", TORN.values(), ids=TORN.keys())
def test_torn_lines_are_counted(text: str) -> None:
    log = read(text)
    assert log.torn == 1
    assert log.accesses == set()


def test_the_last_line_of_a_killed_tracer_is_no_loss() -> None:
    log = StraceLog("/")
    log.feed([b'1     stat("/a", 0x7f) = 0\n', b'1     stat("/b", 0x'])
    assert seen(log) == {("/a", "stat", "")}
    assert log.torn == 0


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("1     io_uring_setup(32, {flags=0, sq_entries=32}) = 5<anon_inode:[io_uring]>", "io_uring"),
        ('1     pivot_root("/new", "/new/old") = 0', "root"),
    ],
)
def test_what_cannot_be_seen(text: str, loss: str) -> None:
    [found] = read(text).unseen
    assert loss in found


def test_a_refused_io_uring_is_no_loss() -> None:
    assert not read("1     io_uring_setup(32, {flags=0}) = -1 EPERM (Operation not permitted)").unseen


TREE = image_tree(
    {
        "/data/current": Link("releases/7"),
        "/data/releases/7": Dir(),
        "/data/releases/shared/x": "",
        "/bin": Link("usr/bin"),
        "/usr/lib/y": "",
        "/usr/bin": Dir(),
    }
)
FOLLOWED: dict[str, tuple[str, set[tuple[str, str, str]]]] = {
    "`..` behind a link leads to its target's parent, and the link was looked at": (
        '1     stat("/data/current/../shared/x", 0x7f) = 0',
        {("/data/releases/shared/x", "stat", ""), ("/data/current", "stat", "")},
    ),
    "`..` behind a link on the way": (
        '1     stat("/bin/../lib/y", 0x7f) = 0',
        {("/usr/lib/y", "stat", ""), ("/bin", "stat", "")},
    ),
    "`..` behind a plain directory": (
        '1     stat("/usr/bin/../lib/y", 0x7f) = 0',
        {("/usr/lib/y", "stat", "")},
    ),
    "`..` behind what the image has not": ('1     stat("/new/a/../b", 0x7f) = 0', {("/new/b", "stat", "")}),
    "`..` above the root": ('1     stat("/../../usr/lib/y", 0x7f) = 0', {("/usr/lib/y", "stat", "")}),
    "a step through a link": (
        '1     chdir("/data/current") = 0\n1     stat("../shared/x", 0x7f) = 0',
        {("/data/current", "chdir", ""), ("/data/releases/shared/x", "stat", "")},
    ),
    "a name that only begins with dots": ('1     stat("/usr/..x", 0x7f) = 0', {("/usr/..x", "stat", "")}),
}


@pytest.mark.parametrize(("text", "accesses"), FOLLOWED.values(), ids=FOLLOWED.keys())
def test_dots_are_followed_as_the_kernel_does(text: str, accesses: set[tuple[str, str, str]]) -> None:
    assert seen(read(text, fs=TREE)) == accesses


def as_strace_writes(name: bytes) -> str:
    """As strace does (util.c, string_quote): octal for what is not printable ASCII, as short as is clear."""
    plain = {9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
    text = ""
    for at, byte in enumerate(name):
        if byte in plain:
            text += plain[byte]
        elif 32 <= byte < 127:
            text += chr(byte)
        else:
            digit_follows = at + 1 < len(name) and chr(name[at + 1]).isdigit()
            text += f"\\{byte:03o}" if digit_follows else f"\\{byte:o}"
    return text


@given(st.binary(max_size=40))
def test_names_come_back_from_strace(name: bytes) -> None:
    assert unescape(as_strace_writes(name)) == name.decode("utf-8", "surrogateescape")


@given(st.binary(min_size=1, max_size=20).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_any_name_is_read_from_a_line(name: bytes) -> None:
    text = as_strace_writes(name)
    log = read(f'1     readlink("/d/{text}", 0x7f, 99) = -1 ENOENT (No such file or directory)')
    assert log.torn == 0
    expected = name.decode("utf-8", "surrogateescape")
    if expected not in (".", ".."):
        assert seen(log) == {(f"/d/{expected}", "readlink", "ENOENT")}
