"""A loopback proxy in front of an HTTP server that fails as servers do: 429, 500, 503, silence.

Faults come by chance (`share`, `is_down`), or one by one for the calls that a test names.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class FaultyServer:
    """Passes requests on, or not.

    Kinds of faults: a status such as "503" is answered by the proxy, and nothing is done; so is
    "cut before", without an answer; "cut after" does the request and answers nothing; "hold after"
    does it and answers only when `released` is set; "silence" does and answers nothing until then.

    Attributes:
        share: of requests that fail, 0 to 1.
        is_down: whether all fail.
        faults: how often each kind of fault was made.
        calls: how often each "METHOD path" was asked for, without its query.
        failed: set once a request was made to fail.
        held: set once a request is held back.
        released: set by a test, to let go of what is held.
        asked: called with each call before anything is done about it.
    """

    def __init__(self, endpoint: str, seed: int) -> None:
        self.target = urlsplit(endpoint)
        self.dice = random.Random(seed)  # noqa: S311 - no secrets
        self.share = 0.0
        self.is_down = False
        self.faults: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.failed = threading.Event()
        self.held = threading.Event()
        self.released = threading.Event()
        self.asked: Callable[[str], None] = lambda _: None
        self.port = 0
        self._named: list[tuple[str, str]] = []

    def fail_next(self, path: str, *kinds: str) -> None:
        """Make the next calls of a path fail, one kind of fault for each."""
        self._named += [(path, kind) for kind in kinds]

    def fault(self, call: str) -> str | None:
        self.calls[call] += 1
        self.asked(call)
        kind = self._kind(call)
        if kind:
            self.faults[kind] += 1
            self.failed.set()
        return kind

    def _kind(self, call: str) -> str | None:
        for named in self._named:
            if call.endswith(named[0]):
                self._named.remove(named)
                return named[1]
        if not self.is_down and self.dice.random() >= self.share:
            return None
        return self.dice.choice(["500", "503", "cut before", "cut after"])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.target.path}"


@contextmanager
def faulty_server(endpoint: str, seed: int = 3) -> Iterator[FaultyServer]:
    """Serve a proxy for the length of a `with` block."""
    faulty = FaultyServer(endpoint, seed)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = faulty.fault(f"{self.command} {urlsplit(self.path).path}")
            if kind and kind.isdecimal():
                self.answer(int(kind), [], b"")
            elif kind == "cut before":
                self.close_connection = True  # the request never arrived
            elif kind == "silence":
                faulty.released.wait(60)
                self.close_connection = True
            else:
                status, headers, content = self.forward(body)
                if kind == "hold after":
                    faulty.held.set()
                    faulty.released.wait(60)
                if kind == "cut after":
                    self.close_connection = True  # it was done, and nobody is told
                else:
                    self.answer(status, headers, content)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do_PATCH = handle_any  # noqa: N815

        def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            wire = http.client.HTTPConnection(faulty.target.netloc, timeout=30)
            try:
                wire.request(self.command, self.path, body, dict(self.headers))
                answer = wire.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                wire.close()

        def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response_only(status)
            dropped = ("transfer-encoding", "connection", "keep-alive")
            has_length = False
            for name, value in headers:
                if name.lower() not in dropped:
                    self.send_header(name, value)
                has_length |= name.lower() == "content-length"
            if not has_length:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    faulty.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield faulty
    finally:
        faulty.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
