"""An HTTP probe on loopback: GET /health answers 200 or 503, and says why in JSON.

What does not live here: how well a pipeline is (`health`), and signals (`cli.endings`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from headwater.errors import HeadwaterError, SettingError

LOOPBACK = "127.0.0.1"
PATH = "/health"
KEPT_SECONDS = 1.0
"""How long an answer counts: many probes at one time read the event log once."""
SILENT_SECONDS = 5.0
"""When a connection that asks nothing is closed."""

Answer = tuple[bool, Mapping[str, Any]]


class _Answers:
    """What is asked for at most once in some seconds, by one thread at a time."""

    def __init__(self, ask: Callable[[], Answer], kept_seconds: float) -> None:
        self._ask = ask
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._until = 0.0
        self._answer: Answer = (False, {})

    def current(self) -> Answer:
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._asked()
                self._until = time.monotonic() + self._kept_seconds
            return self._answer

    def _asked(self) -> Answer:
        try:
            return self._ask()
        except HeadwaterError as error:
            told = {"code": error.code, "message": error.message}
        except Exception as error:  # a probe that ends says less than one that fails
            told = {"code": "UNEXPECTED", "message": type(error).__name__}
        return False, {"healthy": False, "error": told}


@contextmanager
def probe_server(
    port: int, ask: Callable[[], Answer], kept_seconds: float = KEPT_SECONDS
) -> Iterator[int]:
    """Serve the probe for the length of a `with` block; provides its port.

    Args:
        port: 0 for a free one.
        ask: returns whether all is well, and what to say; it may raise, which is answered by 503.
        kept_seconds: how long an answer counts.

    Raises:
        SettingError: PORT_TAKEN.
    """
    answers = _Answers(ask, kept_seconds)

    class Handler(_Handler):
        current = staticmethod(answers.current)

    try:
        server = ThreadingHTTPServer((LOOPBACK, port), Handler)
    except (OSError, OverflowError) as error:
        raise SettingError(
            "PORT_TAKEN",
            f"Port {port} can't be listened on",
            hint="Choose another one, or 0 for a free one.",
            port=port,
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of one path."""

    current: Callable[[], Answer]
    timeout = SILENT_SECONDS
    server_version = "headwater"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._send(HTTPStatus.NOT_FOUND, {"error": f"only {PATH} is served"})
            return
        is_healthy, told = self.current()
        self._send(HTTPStatus.OK if is_healthy else HTTPStatus.SERVICE_UNAVAILABLE, told)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _send(self, status: HTTPStatus, told: Mapping[str, Any]) -> None:
        body = json.dumps(told, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: a probe comes every few seconds."""
