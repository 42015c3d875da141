"""Probes asked of a server on the loopback: what is sent, what is waited for, what counts as an answer."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analyzer.asking import NeverReadyError, answer_of, ask, text_of
from analyzer.comparison import differences
from analyzer.probes import PortProbe, parse
from analyzer.process import Completed, run
from analyzer.recording import Answer


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.server.requests.append(
            (self.command, self.path, list(self.headers.items()), self.rfile.read(length))
        )
        status, content_type, body = self.server.pages.get(self.path, (404, "text/plain", b"no"))
        if self.server.unready > 0:
            self.server.unready -= 1
            status = 503
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if status in (201, 302):
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)
        while self.path == "/events" and not self.server.closing.wait(0.02):
            try:
                self.wfile.write(b"data: x\n\n")
            except OSError:
                return

    do_GET = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, list[tuple[str, str]], bytes]] = []
        self.pages: dict[str, tuple[int, str, bytes]] = {"/": (200, "text/html", b"<a href=/a>a</a>\xc3\xa9")}
        self.unready = 0
        self.closing = threading.Event()


@dataclass
class Fake:
    """A container whose ports 1 to 9 are these of the host."""

    name: str = "c1"
    ports: dict[int, int] = field(default_factory=dict)
    results: list[Completed] = field(default_factory=list)
    commands: list[tuple[str, ...]] = field(default_factory=list)
    end: str = ""

    def port(self, number: int) -> int:
        return self.ports[number]

    def published(self) -> Mapping[int, int]:
        return self.ports

    def execute(self, command: Sequence[str], timeout: float) -> Completed:
        self.commands.append(tuple(command))
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    def ended(self) -> str:
        return self.end


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()
        thread.join()


@contextmanager
def listener(reply: bytes | None, *, stays: bool = False) -> Iterator[int]:
    """A port that says something to everybody, or (None) ends every connection at once; `stays`: never."""
    open_ones: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                if reply is not None:
                    connection.sendall(reply)
                if stays:
                    open_ones.append(connection)
                else:
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        for connection in open_ones:
            connection.close()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


def asked(text: str, container: Fake, timeout: float = 5) -> Answer:
    [probe] = parse(text)
    return ask(probe, container, timeout)[1]


def test_a_request_goes_to_the_published_port_under_the_urls_own_name(server: Server) -> None:
    answer = asked("http http://app.test:8/", Fake(ports={8: server.server_port}))
    assert answer == Answer(True, 200, "text/html", "<a href=/a>a</a>é")
    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("GET", "/", b"")
    assert dict(headers) == {"Host": "app.test:8", "User-Agent": "scratchify", "Accept": "*/*"}


def test_everything_that_a_request_may_carry(server: Server) -> None:
    server.pages["/p%C3%A9?q=a%20b&c=%7E"] = (201, "text/plain", b"ok")
    url = "'http://u:p%40@h:8/pé?q=a b&c=%7E'"
    text = f"http PUT {url} -H 'Host: other' -H 'X: é' -d '{{}}' -H 'Content-Type: a/b'"
    assert asked(text, Fake(ports={8: server.server_port})).status == 201
    [(method, _, headers, body)] = server.requests
    assert (method, body) == ("PUT", b"{}")
    assert ("Host", "other") in headers
    assert ("Authorization", "Basic dTpwQA==") in headers
    assert ("Content-Type", "a/b") in headers
    assert ("Content-Length", "2") in headers
    assert [value.encode("latin-1").decode() for name, value in headers if name == "X"] == ["é"]


STATUSES: dict[str, tuple[int, str, bool]] = {
    "a redirect is an answer, not followed": (302, "", True),
    "a client's error fails": (404, "", False),
    "unless it is asked for": (404, "--status 404", True),
    "another status than asked for fails": (200, "--status 404", False),
    "a server's error fails": (500, "", False),
    "an unready server may be what is asked for": (503, "--status 503", True),
}


@pytest.mark.parametrize(("status", "option", "passed"), STATUSES.values(), ids=STATUSES.keys())
def test_statuses(server: Server, status: int, option: str, passed: bool) -> None:
    server.pages["/s"] = (status, "text/plain", b"")
    answer = asked(f"http http://h:8/s {option}", Fake(ports={8: server.server_port}))
    assert (answer.passed, answer.status) == (passed, status)
    assert len(server.requests) == 1


def test_a_server_that_is_not_ready_yet_is_waited_for(server: Server) -> None:
    server.unready = 3
    assert asked("http http://h:8/", Fake(ports={8: server.server_port})).status == 200
    assert len(server.requests) == 4


def test_a_server_that_never_is_ready_answers_so(server: Server) -> None:
    server.unready = 10**6
    answer = asked("http http://h:8/", Fake(ports={8: server.server_port}), timeout=0.3)
    assert (answer.passed, answer.status) == (False, 503)


@pytest.mark.parametrize("content_type", ["text/event-stream; charset=utf-8", "text/plain"])
def test_a_stream_without_end_counts_by_its_status(
    server: Server, monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    monkeypatch.setattr("analyzer.asking._OF_A_STREAM", 0.1)
    server.pages["/events"] = (200, content_type, b"")
    answer = asked("http http://h:8/events", Fake(ports={8: server.server_port}), timeout=0.3)
    assert answer == Answer(True, 200, content_type, compared="status alone")


def test_a_stream_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.asking._OF_A_STREAM", 0.1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\n"
    with listener(head, stays=True) as port:
        assert asked("http http://h:8/", Fake(ports={8: port}), timeout=60).compared == "status alone"


def test_a_handshake_of_a_websocket() -> None:
    with listener(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", stays=True) as port:
        assert asked("http http://h:8/ --status 101", Fake(ports={8: port})) == Answer(True, 101)


def test_an_answer_that_is_cut_short_is_none() -> None:
    with (
        listener(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") as port,
        pytest.raises(NeverReadyError),
    ):
        asked("http http://h:8/", Fake(ports={8: port}), timeout=0.3)


@pytest.mark.parametrize("probe", ["http http://h:8/", "tcp h:8", "crawl http://h:8/", "host true"])
def test_a_port_that_never_opens(probe: str) -> None:
    with pytest.raises(NeverReadyError, match=r"within 0\.2 s"):
        asked(probe, Fake(ports={8: free_port()}), timeout=0.2)


@pytest.mark.parametrize("probe", ["http http://h:8/", "tcp h:8"])
def test_a_proxy_in_front_of_nothing_is_no_open_port(probe: str) -> None:
    with listener(None) as port, pytest.raises(NeverReadyError):
        asked(probe, Fake(ports={8: port}), timeout=0.5)


@pytest.mark.parametrize("probe", ["http http://h:8/", "tcp h:8", "host true"])
def test_a_container_that_ends_is_not_waited_for(probe: str) -> None:
    container = Fake(ports={8: free_port()}, end="the container ended with exit code 3")
    with pytest.raises(NeverReadyError, match="the container ended with exit code 3 before"):
        asked(probe, container, timeout=600)


def test_tcp_on_a_server_that_waits_for_the_client(server: Server) -> None:
    assert asked("tcp h:8", Fake(ports={8: server.server_port})) == Answer(True, 0)


def test_tcp_on_a_server_that_speaks_first() -> None:
    with listener(b"220 hello\r\n") as port:
        assert asked("tcp h:8", Fake(ports={8: port})).passed


def port_found(container: Fake) -> tuple[str, Answer]:
    probe, answer = ask(PortProbe("port 8", 8), container, 5)
    assert answer.passed
    return probe.text, answer


def test_a_port_that_speaks_http_is_crawled(server: Server) -> None:
    assert port_found(Fake(ports={8: server.server_port}))[0] == "crawl http://localhost:8/"


def test_a_page_with_an_error_does_not_end_the_crawl_of_a_port(server: Server) -> None:
    server.pages |= {"/": (200, "text/html", b'<a href="/a">'), "/a": (500, "text/plain", b"")}
    text, answer = port_found(Fake(ports={8: server.server_port}))
    assert (text, answer.error) == ("crawl http://localhost:8/", "/a answers with status 500")
    assert differences(answer, asked(text, Fake(ports={8: server.server_port}))) == ()


def test_a_port_that_has_no_front_page_is_asked_for_what_it_says(server: Server) -> None:
    server.pages.clear()
    assert port_found(Fake(ports={8: server.server_port}))[0] == "http http://localhost:8/ --status 404"


def test_a_port_that_speaks_no_http() -> None:
    with listener(b"-ERR\r\n") as port:
        assert port_found(Fake(ports={8: port}))[0] == "tcp localhost:8"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the server's certificate")
def test_a_port_that_speaks_tls(server: Server, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    making = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 1".split()
    run([*making, "-keyout", str(key), "-out", str(certificate)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    container = Fake(ports={8: server.server_port})
    assert port_found(container)[0] == "crawl https://localhost:8/"
    assert asked("http https://other.test:8/", container).status == 200


def test_a_crawl_takes_in_what_is_linked(server: Server) -> None:
    server.pages |= {
        "/": (200, "text/html", b'<a href="/a"><a href="/gone"><a href="http://other/">'),
        "/a": (200, "text/html; charset=utf-8", b'<img src="/i"><a href="/deep">'),
        "/i": (200, "image/png", b"\x89PNG\xff"),
        "/deep": (200, "text/html", b'<a href="/deeper">'),
    }
    answer = asked("crawl http://h:8/ --depth 2", Fake(ports={8: server.server_port}))
    pages = json.loads(answer.body)
    assert answer.passed
    assert {path: page["status"] for path, page in pages.items()} == {
        "/": 200,
        "/a": 200,
        "/gone": 404,
        "/i": 200,
        "/deep": 200,
    }
    assert pages["/i"]["body"] == [
        f"sha256:{hashlib.sha256(bytes([137]) + b'PNG' + bytes([255])).hexdigest()} (5 bytes)"
    ]


def test_a_crawl_takes_redirects_and_streams_for_pages(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.asking._OF_A_STREAM", 0.1)
    server.pages |= {
        "/": (302, "text/plain", b""),
        "/elsewhere": (200, "text/html; charset=latin-1", b'\xe9 <img src="/events">'),
        "/events": (200, "multipart/x-mixed-replace;boundary=x", b""),
    }
    pages = json.loads(asked("crawl http://h:8/", Fake(ports={8: server.server_port})).body)
    assert [(path, page["status"]) for path, page in pages.items()] == [
        ("/", 302),
        ("/elsewhere", 200),
        ("/events", 200),
    ]
    assert pages["/events"]["body"] is None


def test_a_crawled_document_is_compared_by_its_values(server: Server) -> None:
    server.pages["/"] = (200, "application/json", b'{"a": [1, 2]}')
    answer = asked("crawl http://h:8/", Fake(ports={8: server.server_port}))
    assert json.loads(answer.body)["/"]["body"] == {"a": [1, 2]}


OPERATIONS = '{"/a": {"get": {}}, "/b": {"get": {}, "post": {}}}'
API = f'{{"servers": [{{"url": "https://prod.test/v1"}}], "paths": {OPERATIONS}}}'


def test_the_operations_of_a_served_description(server: Server) -> None:
    server.pages |= {
        "/openapi.json": (200, "application/json", API.encode()),
        "/v1/a": (200, "application/json", b"[1]"),
    }
    answer = asked("openapi http://h:8/openapi.json", Fake(ports={8: server.server_port}))
    assert answer.passed
    assert json.loads(answer.body) == {
        "/v1/a": {"status": 200, "type": "application/json", "body": [1]},
        "/v1/b": {"status": 404, "type": "text/plain", "body": ["no"]},
    }


def test_the_operations_of_a_described_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text(API)
    server.pages["/v1/a"] = (500, "text/plain", b"")
    answer = asked(f"openapi {tmp_path}/api.json", Fake(ports={8: server.server_port}))
    assert (answer.passed, answer.status) == (False, 500)


def test_a_crawl_that_meets_a_servers_error_fails(server: Server) -> None:
    server.pages |= {"/": (200, "text/html", b'<a href="/a">'), "/a": (500, "text/plain", b"")}
    answer = asked("crawl http://h:8/", Fake(ports={8: server.server_port}))
    assert (answer.passed, answer.status, answer.error) == (False, 500, "/a answers with status 500")


def done(code: int | None, stdout: bytes = b"", stderr: bytes = b"") -> Completed:
    return Completed((), code, stdout, stderr)


def test_a_command_that_fails_at_first_is_asked_again() -> None:
    container = Fake(results=[done(1), done(1), done(0, b"ok\n", b"warn")])
    assert asked("exec pg_isready -q", container) == Answer(True, 0, body="ok\n", stderr="warn")
    assert container.commands == [("pg_isready", "-q")] * 3


def test_a_command_that_fails_for_good() -> None:
    answer = asked("exec false", Fake(results=[done(7, b"", b"no")]), timeout=0.2)
    assert answer == Answer(False, 7, stderr="no")


def test_a_host_command_knows_the_container(server: Server) -> None:
    container = Fake(name="abc", ports={8: server.server_port})
    answer = asked("host echo $SCRATCHIFY_CONTAINER $SCRATCHIFY_PORT_8; echo no >&2; exit 0", container)
    assert answer == Answer(True, 0, body=f"abc {server.server_port}\n", stderr="no\n")


ENDS: dict[str, tuple[Completed, Answer]] = {
    "success": (done(0, b"a\n", b"b"), Answer(True, 0, body="a\n", stderr="b")),
    "failure": (done(2), Answer(False, 2)),
    "a signal": (done(-9), Answer(False, -9)),
    "no end": (done(None, b"", b"x"), Answer(False, -1, stderr="x", error="it did not end in time")),
}


@pytest.mark.parametrize(("completed", "answer"), ENDS.values(), ids=ENDS.keys())
def test_ends_of_commands(completed: Completed, answer: Answer) -> None:
    assert answer_of(completed) == answer


def test_long_text_and_bytes_are_digests() -> None:
    assert text_of(b"\xc3\xa9\0") == "é\0"
    assert text_of(b"\xff").startswith("sha256:")
    assert text_of(b"a" * 1_000_001).endswith(" (1000001 bytes)")
