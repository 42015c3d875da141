"""Asks probes of a running container and gives their answers: over sockets, the engine, the host's shell."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from analyzer import openapi
from analyzer.crawling import leads
from analyzer.errors import ScratchifyError
from analyzer.probes import (
    CrawlProbe,
    ExecProbe,
    HostProbe,
    HttpProbe,
    OpenapiProbe,
    PortProbe,
    Probe,
    StartProbe,
    TcpProbe,
    port_of,
)
from analyzer.process import Completed, run
from analyzer.recording import Answer

# Longer texts, and bytes that are no text, are compared by their digest.
_LONGEST_TEXT = 1_000_000
_CHUNK = 1 << 20
_LOOPBACK = "127.0.0.1"
# A proxy of the engine's takes connections for a port that nobody listens on, and ends them at once.
_STAYS_OPEN = 0.25
_AT_A_TIME = 30.0
# Looking at a container is a run of the engine's client: not at every try.
_BETWEEN_LOOKS = 0.5
# A server of TLS answers a greeting at once; others may wait for more of what they take for a request.
_HANDSHAKE = 2.0
# Answers of a server that is there but not yet ready.
_NOT_READY = frozenset({502, 503, 504})
_MOST_PAGES = 200
# Types of answers that go on until the client leaves (server-sent events, a camera's pictures), and how many
# seconds of one are listened to.
_STREAMS = frozenset({"text/event-stream", "multipart/x-mixed-replace"})
_OF_A_STREAM = 2.0
# Seconds after which a container with nothing to ask of it is taken for a service.
_SETTLED = 10.0
# What a URL may hold as it is (RFC 3986): what is escaped already stays so.
_URL_SAFE = "/?%:@!$&'()*+,;=~-._"


class Container(Protocol):
    """A container that runs, as far as a probe needs it."""

    name: str

    def port(self, number: int) -> int:
        """The host's loopback port behind a TCP port of the container."""
        ...

    def execute(self, command: Sequence[str], timeout: float) -> Completed: ...

    def ended(self) -> str:
        """How the container ended, in words; "" while it runs. Raises when the run is to be given up."""
        ...

    def published(self) -> Mapping[int, int]: ...


class NeverReadyError(ScratchifyError):
    """What a probe waited for did not come: the container ended, or its time was over."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it came. `body` None: it goes on and on."""

    status: int
    content_type: str
    body: bytes | None
    location: str = ""


def ask(probe: Probe, container: Container, timeout: float) -> tuple[Probe, Answer]:
    """Ask one probe, waiting up to `timeout` seconds for what it needs.

    Returns the probe as well: a PortProbe comes back as what the port turned out to speak. Raises
    NeverReadyError when the container ended or the port did not open in time.
    """
    if isinstance(probe, HttpProbe):
        return probe, _http(probe, container, timeout)
    if isinstance(probe, TcpProbe):
        _await_port(probe.port, container, timeout)
        return probe, Answer(passed=True, status=0)
    if isinstance(probe, PortProbe):
        return _port(probe, container, timeout)
    if isinstance(probe, CrawlProbe):
        return probe, _crawl(probe, container, timeout)
    if isinstance(probe, ExecProbe):
        return probe, _exec(probe, container, timeout)
    if isinstance(probe, HostProbe):
        return probe, _host(probe, container, timeout)
    if isinstance(probe, StartProbe):
        return probe, _start(container)
    if isinstance(probe, OpenapiProbe):
        return probe, _openapi(probe, container, timeout)
    raise TypeError(f"{probe.text} is not asked of a running container")


def answer_of(done: Completed) -> Answer:
    """A command's end as an answer: it passes on exit code 0."""
    if done.code is None:
        return Answer(passed=False, status=-1, error="it did not end in time", stderr=text_of(done.stderr))
    return Answer(
        passed=done.code == 0, status=done.code, body=text_of(done.stdout), stderr=text_of(done.stderr)
    )


def text_of(data: bytes) -> str:
    """Bytes as what is compared: text, or a digest of what is long or no text."""
    if len(data) <= _LONGEST_TEXT:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    return f"sha256:{hashlib.sha256(data).hexdigest()} ({len(data)} bytes)"


def _tries(container: Container, timeout: float, what: str) -> Iterator[float]:
    """Seconds left, again and again until they are over; then NeverReadyError, as when the container ends."""
    deadline = time.monotonic() + timeout
    looked = 0.0
    pause = 0.02
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NeverReadyError(f"{what} within {timeout:g} s")
        yield left
        if time.monotonic() - looked > _BETWEEN_LOOKS:
            ended = container.ended()
            if ended:
                raise NeverReadyError(f"{ended} before it could be asked")
            looked = time.monotonic()
        time.sleep(min(pause, max(left, 0)))
        pause = min(pause * 1.5, 0.5)


def _await_port(number: int, container: Container, timeout: float) -> None:
    for _ in _tries(container, timeout, f"port {number} of the container did not open"):
        if _is_open(container.port(number)):
            return


def _is_open(port: int) -> bool:
    """Whether something behind the engine's proxy takes the connection, and does not end it at once."""
    try:
        with socket.create_connection((_LOOPBACK, port), timeout=_AT_A_TIME) as connection:
            connection.settimeout(_STAYS_OPEN)
            return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def _http(probe: HttpProbe, container: Container, timeout: float) -> Answer:
    return _judged(probe, _reply(probe, container, timeout))


def _judged(probe: HttpProbe, reply: Reply) -> Answer:
    passed = reply.status == probe.status if probe.status is not None else reply.status < 400
    if reply.body is None:
        return Answer(passed, reply.status, reply.content_type, compared="status alone")
    return Answer(passed, reply.status, reply.content_type, text_of(reply.body))


def _reply(probe: HttpProbe, container: Container, timeout: float) -> Reply:
    """The server's answer, once the server is there and ready."""
    reply: Reply | None = None
    try:
        for left in _tries(container, timeout, f"no whole HTTP answer came on port {probe.port}"):
            try:
                reply = request(probe, container.port(probe.port), min(left, _AT_A_TIME))
            except (OSError, http.client.HTTPException):
                continue
            if reply.status == probe.status or reply.status not in _NOT_READY:
                break
    except NeverReadyError:
        if reply is None:
            raise
    assert reply is not None
    return reply


def request(probe: HttpProbe, port: int, timeout: float) -> Reply:
    """One request to a port of the host's loopback. Raises OSError or HTTPException where no answer comes."""
    parts = urlsplit(probe.url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl._create_unverified_context()
        connection = _TLSConnection(_LOOPBACK, port, timeout=timeout, context=context)
        connection.name = parts.hostname or ""
    else:
        connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=timeout)
    target = quote(parts.path or "/", safe=_URL_SAFE)
    if parts.query:
        target += "?" + quote(parts.query, safe=_URL_SAFE)
    try:
        connection.putrequest(probe.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in _headers(probe):
            connection.putheader(name, value.encode())
        connection.endheaders(probe.data)
        line = connection.sock
        response = connection.getresponse()
        kind = response.headers.get("Content-Type", "")
        location = response.headers.get("Location", "")
        if _media_type(kind) in _STREAMS:
            line.settimeout(_OF_A_STREAM)
            return Reply(response.status, kind, _stream(response), location)
        return Reply(response.status, kind, _body(response, timeout), location)
    finally:
        connection.close()


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _stream(response: http.client.HTTPResponse) -> bytes | None:
    """The body of what is sent as a stream, where it ends all the same; None where it goes on or is
    silent."""
    try:
        return _body(response, _OF_A_STREAM)
    except TimeoutError:
        return None


def _body(response: http.client.HTTPResponse, timeout: float) -> bytes | None:
    """All of it; None where something still comes when the time is over.

    Raises TimeoutError for a server that says nothing any more, HTTPException for a body that is cut short.
    """
    deadline = time.monotonic() + timeout
    parts: list[bytes] = []
    while part := response.read1(_CHUNK):
        parts.append(part)
        if time.monotonic() > deadline:
            return None
    if response.length:
        raise http.client.IncompleteRead(b"".join(parts), response.length)
    return b"".join(parts)


class _TLSConnection(http.client.HTTPSConnection):
    """TLS to the loopback under the URL's own name (SNI)."""

    name = ""

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(plain, server_hostname=self.name or None)


def _headers(probe: HttpProbe) -> list[tuple[str, str]]:
    """The probe's headers after those of ours that it does not set itself."""
    parts = urlsplit(probe.url)
    ours = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "scratchify", "Accept": "*/*"}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        ours["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    if probe.data is not None:
        ours["Content-Type"] = "application/x-www-form-urlencoded"
        ours["Content-Length"] = str(len(probe.data))
    set_already = {name.lower() for name, _ in probe.headers}
    return [
        *((name, value) for name, value in ours.items() if name.lower() not in set_already),
        *probe.headers,
    ]


def _port(probe: PortProbe, container: Container, timeout: float) -> tuple[Probe, Answer]:
    """Find out what a port speaks: HTTP, HTTP over TLS, or something else."""
    _await_port(probe.port, container, timeout)
    port = container.port(probe.port)
    for scheme in ("https", "http"):
        if scheme == "https" and not _speaks_tls(port):
            continue
        url = f"{scheme}://localhost:{probe.port}/"
        try:
            reply = request(HttpProbe(url, "GET", url), port, _AT_A_TIME)
        except (OSError, http.client.HTTPException):
            continue
        if reply.status < 400:
            crawl = CrawlProbe(f"crawl {url}", url)
            # Nobody asked for this page or that: one that is a server's error is compared like all others.
            return crawl, replace(_crawl(crawl, container, timeout), passed=True)
        known = HttpProbe(f"http {url} --status {reply.status}", "GET", url, status=reply.status)
        return known, _http(known, container, timeout)
    return TcpProbe(f"tcp localhost:{probe.port}", probe.port), Answer(passed=True, status=0)


def _speaks_tls(port: int) -> bool:
    try:
        with (
            socket.create_connection((_LOOPBACK, port), timeout=_HANDSHAKE) as plain,
            ssl._create_unverified_context().wrap_socket(plain),
        ):
            return True
    except OSError:
        return False


def _exec(probe: ExecProbe, container: Container, timeout: float) -> Answer:
    """A command that fails is asked again while there is time: what it needs may not be there yet."""
    answer: Answer | None = None
    try:
        for left in _tries(container, timeout, f"`{probe.text}` did not pass"):
            answer = answer_of(container.execute(probe.command, left))
            if answer.passed:
                break
    except NeverReadyError:
        if answer is None:
            raise
    assert answer is not None
    return answer


def _start(container: Container) -> Answer:
    """A container that runs for a while keeps running, as far as anybody can tell."""
    deadline = time.monotonic() + _SETTLED
    while time.monotonic() < deadline:
        ended = container.ended()
        if ended:
            raise NeverReadyError(ended)
        time.sleep(0.2)
    return Answer(passed=True, status=0)


def _host(probe: HostProbe, container: Container, timeout: float) -> Answer:
    """The user's own test suite, once a port is open where the container has any."""
    published = container.published()
    if published:
        for _ in _tries(container, timeout, "no port of the container opened"):
            if any(_is_open(port) for port in published.values()):
                break
    environment = {**os.environ, "SCRATCHIFY_CONTAINER": container.name}
    environment |= {f"SCRATCHIFY_PORT_{inside}": str(outside) for inside, outside in published.items()}
    return answer_of(run(["sh", "-c", probe.command], env=environment, timeout=timeout))


def _comparable(answer: Answer) -> object:
    """A page as what is compared: JSON as its values, all else as lines; None for a stream."""
    if answer.compared == "status alone":
        return None
    if "json" in answer.content_type:
        with suppress(ValueError):
            return json.loads(answer.body)
    return answer.body.split("\n")


@dataclass(slots=True)
class _Site:
    """Pages of one container as one answer: a JSON document, path → status, type and body."""

    container: Container
    timeout: float
    pages: dict[str, dict[str, object]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def take(self, url: str) -> tuple[Answer, list[str]]:
        """A page, and the pages that it leads to."""
        probe = HttpProbe(url, "GET", url)
        reply = _reply(probe, self.container, self.timeout)
        answer = _judged(probe, reply)
        parts = urlsplit(url)
        page = parts.path + (f"?{parts.query}" if parts.query else "")
        if answer.status >= 500:
            self.failed[page] = answer.status
        self.pages[page] = {
            "status": answer.status,
            "type": answer.content_type,
            "body": _comparable(answer),
        }
        text = reply.body.decode("utf-8", "replace") if reply.body and "html" in answer.content_type else ""
        return answer, leads(text, reply.location, url)

    def answer(self) -> Answer:
        """It passes when no page is a server's error."""
        body = json.dumps(self.pages, sort_keys=True, ensure_ascii=False)
        status = next(iter(self.failed.values()), 200)
        error = ", ".join(f"{page} answers with status {code}" for page, code in sorted(self.failed.items()))
        return Answer(not self.failed, status, "application/json", body, error=error)


def _crawl(probe: CrawlProbe, container: Container, timeout: float) -> Answer:
    """Every page that is led to. It passes when the first page does, and no page is a server's error."""
    site = _Site(container, timeout)
    queue = [(probe.url, 0)]
    seen = {probe.url}
    while queue and len(site.pages) < _MOST_PAGES:
        url, depth = queue.pop(0)
        answer, led_to = site.take(url)
        if url == probe.url and not answer.passed:
            return answer
        for link in led_to if depth < probe.depth else ():
            if link not in seen:
                seen.add(link)
                queue.append((link, depth + 1))
    return site.answer()


def _openapi(probe: OpenapiProbe, container: Container, timeout: float) -> Answer:
    """Every GET operation of the description, which the app itself serves or a file holds."""
    remote = probe.source if probe.source.startswith(("http://", "https://")) else ""
    if remote:
        asked = HttpProbe(probe.text, "GET", remote)
        reply = _reply(asked, container, timeout)
        if reply.status >= 400 or reply.body is None:
            return _judged(asked, reply)
        text = reply.body.decode("utf-8", "replace")
    else:
        text = Path(probe.source).read_text()
    document = openapi.load(text, probe.source)
    base = openapi.base_url(document, remote)
    published = container.published()
    if not base or port_of(base) not in published:
        # The servers that a description names are often those of production: the port is the container's.
        port = port_of(remote) if remote else min(published, default=0)
        scheme = urlsplit(remote).scheme or "http"
        base = f"{scheme}://localhost:{port}{urlsplit(base).path}"
    site = _Site(container, timeout)
    for target in openapi.targets(document)[:_MOST_PAGES]:
        site.take(base.rstrip("/") + target)
    return site.answer()
