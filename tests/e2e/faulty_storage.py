"""A loopback proxy in front of Blob storage that fails as a storage does: 500, 503, silence."""

from __future__ import annotations

import http.client
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class FaultyStorage:
    """Passes requests on, or not.

    Attributes:
        share: of requests that fail, 0 to 1.
        is_down: whether all fail.
        faults: how often each kind of fault was made.
    """

    def __init__(self, endpoint: str, seed: int) -> None:
        self.target = urlsplit(endpoint)
        self.dice = random.Random(seed)  # noqa: S311 - no secrets
        self.share = 0.0
        self.is_down = False
        self.faults: Counter[str] = Counter()
        self.port = 0

    def fault(self) -> str | None:
        if not self.is_down and self.dice.random() >= self.share:
            return None
        kind = self.dice.choice(["500", "503", "cut before", "cut after"])
        self.faults[kind] += 1
        return kind

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.target.path}"


@contextmanager
def faulty_storage(endpoint: str, seed: int = 3) -> Iterator[FaultyStorage]:
    """Serve a proxy for the length of a `with` block."""
    storage = FaultyStorage(endpoint, seed)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = storage.fault()
            if kind in ("500", "503"):
                self.answer(int(kind), [], b"")
            elif kind == "cut before":
                self.close_connection = True  # the request never arrived
            else:
                status, headers, content = self.forward(body)
                if kind == "cut after":
                    self.close_connection = True  # it was done, and nobody is told
                else:
                    self.answer(status, headers, content)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815

        def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            wire = http.client.HTTPConnection(storage.target.netloc, timeout=30)
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
    storage.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
