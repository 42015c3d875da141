"""Runs a command with a container engine that answers and the fixtures' base image in it.

    python scripts/engine.py [--optional] COMMAND…

Where an engine answers already, it is used as it is. Else, as root: Docker is installed from the
distribution if it is missing, and a private daemon starts, on its own socket, bridge and data (below
.cache, so that a second run finds its images and build cache). The last command that uses it stops it.
The base image is pulled, or made with mmdebstrap where no registry answers; strace, which scratchify traces
with, is installed if it is missing. With --optional the command runs even if there is no engine to be had;
what needs one is then its own business to refuse.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analyzer.engines.docker import DockerEngine, find_docker  # noqa: E402
from analyzer.errors import ScratchifyError  # noqa: E402

BASE_IMAGE = "debian:bookworm-slim"
BASE_SUITE = "bookworm"

CACHE = ROOT / ".cache"
DATA = CACHE / "engine"
# Socket paths have a limit of 107 bytes, and a clone may lie deep: so /run, and a name from the clone's path.
NAME = "scratchify-" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
RUN = Path("/run") / NAME
SOCKET = RUN / "docker.sock"
PID_FILE = RUN / "pid"
# A bridge of our own: with --bridge=none dockerd would take docker0 away from every other daemon.
BRIDGE = "sfy" + NAME[-8:]
SUBNET = f"10.{200 + int(NAME[-2:], 16) % 50}.{int(NAME[-4:-2], 16)}.1/24"


class NoEngineError(Exception):
    """There is no engine to be had; the text says why and what to do."""


def main(arguments: list[str]) -> int:
    optional = arguments[:1] == ["--optional"]
    command = arguments[1:] if optional else arguments
    if not command:
        sys.exit(__doc__)
    # So that being terminated, too, leaves by way of what stops the daemon.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with running_engine():
            ensure_strace()
            return call(command)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except NoEngineError as error:
        say(f"no container engine: {error}")
        return call(command) if optional else 2


def call(command: Sequence[str]) -> int:
    """Run the command to its end; a signal's number counts from 128, as in a shell.

    An interrupt is the command's business: it has containers to take away first.
    """
    child = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = child.wait()
    signal.signal(signal.SIGINT, previous)
    return code if code >= 0 else 128 - code


@contextmanager
def running_engine() -> Iterator[DockerEngine]:
    """An engine that answers, known to child processes by the environment; ours is stopped afterwards."""
    try:
        engine = find_docker()
    except ScratchifyError as error:
        with private_daemon(error.message) as engine:
            ensure_base_image(engine)
            yield engine
    else:
        ensure_base_image(engine)
        yield engine


@contextmanager
def private_daemon(reason: str) -> Iterator[DockerEngine]:
    if os.geteuid() != 0:
        raise NoEngineError(f"{reason}\nStart Docker, or run this as root: then it starts one of its own.")
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "engine.lock").open("w") as lock:
        os.environ["DOCKER_HOST"] = f"unix://{SOCKET}"
        engine = joined(lock, reason)
        try:
            yield engine
        finally:
            del os.environ["DOCKER_HOST"]
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another command still uses the private daemon: it stays")
            else:
                stop_daemon()


def joined(lock: IO[str], reason: str) -> DockerEngine:
    """The private daemon, started by the first of its users; each holds the lock shared."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
            if engine := answering():
                return engine
            fcntl.flock(lock, fcntl.LOCK_UN)
        else:
            engine = answering() or start_daemon(reason)
            fcntl.flock(lock, fcntl.LOCK_SH)
            return engine


def answering() -> DockerEngine | None:
    try:
        return find_docker()
    except ScratchifyError:
        return None


def start_daemon(reason: str) -> DockerEngine:
    if shutil.which("dockerd") is None:
        say(f"{reason}; installing docker.io from the distribution")
        install("docker.io", "docker-cli", "docker-buildx", "iproute2", "iptables")
        # The package may have started the system's own daemon.
        del os.environ["DOCKER_HOST"]
        if engine := answering():
            return engine
        os.environ["DOCKER_HOST"] = f"unix://{SOCKET}"
    say(f"starting a private docker daemon on {SOCKET}, its data in {DATA.relative_to(ROOT)}")
    DATA.mkdir(parents=True, exist_ok=True)
    RUN.mkdir(mode=0o711, exist_ok=True)
    make_bridge()
    argv = ["dockerd", "--data-root", str(DATA), "--exec-root", str(RUN / "exec")]
    argv += ["--host", f"unix://{SOCKET}", "--pidfile", str(PID_FILE)]
    # No packet filter of ours beside other daemons': builds use the host's network, ports go by the proxy.
    argv += ["--bridge", BRIDGE, "--iptables=false", "--ip6tables=false"]
    with (CACHE / "engine.log").open("wb") as log:
        daemon = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    limit = time.monotonic() + 60
    while time.monotonic() < limit and daemon.poll() is None:
        if SOCKET.exists() and (engine := answering()):
            return engine
        time.sleep(0.2)
    stop_daemon()
    last = "\n".join((CACHE / "engine.log").read_text(errors="replace").splitlines()[-5:])
    raise NoEngineError(f"the private daemon does not start (log: {CACHE / 'engine.log'}):\n{last}")


def make_bridge() -> None:
    if Path("/sys/class/net", BRIDGE).exists():
        return
    if shutil.which("ip") is None:
        install("iproute2")
    for words in (
        ("link", "add", BRIDGE, "type", "bridge"),
        ("address", "add", SUBNET, "dev", BRIDGE),
        ("link", "set", BRIDGE, "up"),
    ):
        done = subprocess.run(["ip", *words], capture_output=True, text=True)
        if done.returncode:
            raise NoEngineError(f"no network bridge can be made here: ip {' '.join(words)}: {done.stderr}")


def stop_daemon() -> None:
    """Stop the daemon that the pid file names, and take its socket, mounts and bridge away."""
    try:
        pid = int(PID_FILE.read_text())
    except (OSError, ValueError):
        pid = 0
    if pid:
        say("stopping the private docker daemon")
        try:
            os.kill(pid, signal.SIGTERM)
            limit = time.monotonic() + 30
            while Path("/proc", str(pid), "exe").exists() and time.monotonic() < limit:
                reap(pid)
                time.sleep(0.1)
        except ProcessLookupError:
            pass
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)
    shutil.rmtree(RUN, ignore_errors=True)


def reap(pid: int) -> None:
    """Collect the daemon's exit if it is our own child, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def ensure_base_image(engine: DockerEngine) -> None:
    """Pull the fixtures' base image, or make a stand-in where no registry answers."""
    if engine.inspect(BASE_IMAGE) is not None:
        return
    say(f"pulling {BASE_IMAGE}")
    pulled = subprocess.run([engine.binary, "pull", "--quiet", BASE_IMAGE], capture_output=True, text=True)
    if pulled.returncode == 0:
        return
    say(f"no registry answers ({pulled.stderr.strip().splitlines()[-1]})")
    archive = CACHE / f"{BASE_SUITE}.tar"
    if not archive.exists():
        if os.geteuid() != 0:
            raise NoEngineError(f"{BASE_IMAGE} cannot be pulled, and making a stand-in needs root")
        if shutil.which("mmdebstrap") is None:
            say("installing mmdebstrap from the distribution")
            install("mmdebstrap", "debian-archive-keyring")
        say(f"making a stand-in for {BASE_IMAGE} with mmdebstrap (half a minute)")
        CACHE.mkdir(exist_ok=True)
        made = subprocess.run(
            [ROOT / "scripts" / "base_image.sh", BASE_SUITE, archive], capture_output=True, text=True
        )
        if made.returncode:
            raise NoEngineError(f"mmdebstrap could not make the stand-in:\n{made.stderr[-2000:]}")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    changes = ["--change", 'CMD ["bash"]', "--change", f"ENV PATH={path}"]
    subprocess.run(
        [engine.binary, "import", *changes, archive, BASE_IMAGE], check=True, stdout=subprocess.DEVNULL
    )


def ensure_strace() -> None:
    """Install the tracer where we may; without it scratchify says itself what is missing."""
    if shutil.which("strace") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing strace from the distribution")
        install("strace")


def install(*packages: str) -> None:
    """Install those of the packages that the distribution has."""
    if shutil.which("apt-get") is None:
        raise NoEngineError(f"install {packages[0]} first: this script only knows apt-get")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
    known = [name for name in packages if has_candidate(name)]
    argv = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *known]
    subprocess.run(argv, check=True, env=quiet, stdout=subprocess.DEVNULL)


def has_candidate(package: str) -> bool:
    shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True).stdout
    return "Candidate:" in shown and "Candidate: (none)" not in shown


def say(text: str) -> None:
    print(f"engine: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
