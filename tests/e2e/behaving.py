"""What an image does, asked by a second, simpler program than the code under test.

It reads the lines of a fixture's probes and behaviours, asks them of a container with nothing of scratchify's
in it, and gives back plain tuples to compare.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

Answer = tuple[object, ...]


def behaviours(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def answers(docker: str, image: str, lines: list[str]) -> dict[str, Answer]:
    """Each line's answer: status, type and body; or exit code, standard output and standard error."""
    served = any(not line.startswith("run") for line in lines)
    container = _text(docker, "run", "--detach", "--publish-all", image) if served else ""
    try:
        return {line: _ask(docker, image, container, shlex.split(line)) for line in lines}
    finally:
        if container:
            subprocess.run([docker, "rm", "--force", "--volumes", container], capture_output=True, check=True)


def _ask(docker: str, image: str, container: str, words: list[str]) -> Answer:
    kind, *rest = words
    if kind == "run":
        return _command([docker, "run", "--rm", image, *rest])
    if kind == "exec":
        return _command([docker, "exec", container, *rest])
    if kind == "tcp":
        return _accepts(docker, container, int(rest[0].rpartition(":")[2]))
    assert kind == "http", words
    return _http(docker, container, rest)


def _command(argv: list[str]) -> Answer:
    done = subprocess.run(argv, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def _accepts(docker: str, container: str, port: int) -> Answer:
    """Wait until a service takes a connection: the engine's own proxy takes it at once, and hangs up."""
    host = int(_published(docker, container, port))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", host), timeout=1) as connection:
                if connection.recv(1):
                    return ("accepts",)
        except TimeoutError:
            return ("accepts",)
        except OSError:
            pass
        time.sleep(0.1)
    return ("refuses",)


def _published(docker: str, container: str, port: int) -> str:
    return _text(docker, "port", container, f"{port}/tcp").splitlines()[0].rpartition(":")[2]


def _http(docker: str, container: str, words: list[str]) -> Answer:
    method = words.pop(0) if words[0].isupper() else "GET"
    url = urlsplit(words.pop(0))
    headers: dict[str, str] = {}
    data = None
    while words:
        option, value = words.pop(0), words.pop(0)
        if option == "-H":
            name, _, text = value.partition(":")
            headers[name] = text.strip()
        elif option == "-d":
            data = value.encode()
    port = _published(docker, container, url.port or 80)
    target = url._replace(netloc=f"127.0.0.1:{port}").geturl()
    request = urllib.request.Request(target, data, headers, method=method)
    deadline = time.monotonic() + 30
    while True:
        try:
            with _opener.open(request, timeout=20) as response:
                return response.status, response.headers.get_content_type(), response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get_content_type(), error.read()
        except OSError:
            # Not listening yet: the one thing that is waited for.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _text(docker: str, *argv: str) -> str:
    return subprocess.run([docker, *argv], capture_output=True, text=True, check=True).stdout.strip()
