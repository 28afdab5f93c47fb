"""A fake of a workspace's pipelines, files and statements; all other calls go on to the emulator.

Minilake answers no call of the Pipelines API, has no event logs, and as we start it no Files API.
What is faked is what our commands ask: the list of pipelines by name, and one by its id, in the
shapes of the Pipelines API; files of volumes; and statements, whose rows a test gives. It also
counts as a workspace that refuses: whatever path is named in `refused` is answered with that
status.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

PIPELINES = "/api/2.0/pipelines"
STATEMENTS = "/api/2.0/sql/statements"
FILES = "/api/2.0/fs/files"

Rows = list[dict[str, Any]]
"""Rows of an answer, or one row `refused` with what Spark says."""


class FakeWorkspace:
    """Pipelines by id, and calls that are refused.

    Attributes:
        pipelines: as GET /api/2.0/pipelines/{id} answers.
        refused: statuses by the beginning of a path.
        statements: by a part of a statement, the rows that answer it; without any, all statements
            go on to the emulator.
        files: contents by path, `/Volumes/...`.
        asked: the paths of all calls.
    """

    def __init__(self, behind: str) -> None:
        self.behind = urlsplit(behind)
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, int] = {}
        self.statements: dict[str, Rows] = {}
        self.asked: list[str] = []
        self.files: dict[str, bytes] = {}
        self.host = ""
        self.chunks: list[dict[str, Any]] = []

    def answer(self, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]] | None:
        """Answer a call; None for what the emulator answers."""
        where = urlsplit(path)
        self.asked.append(where.path)
        for beginning, status in self.refused.items():
            if where.path.startswith(beginning):
                return status, {"error_code": "REFUSED_HERE", "message": "Ada may not see this"}
        if where.path.startswith("/.well-known/"):
            return 404, {}  # the SDK asks for it, and goes on without
        if where.path.rstrip("/") == PIPELINES:
            asked = parse_qs(where.query).get("filter", [""])[0]
            name = re.fullmatch(r"name LIKE '(.*)'", asked)
            wanted = name[1].replace("''", "'") if name else None
            found = [each for each in self.pipelines.values() if each["name"] == wanted]
            return 200, {"statuses": found}
        if where.path.startswith(f"{PIPELINES}/"):
            told = self.pipelines.get(where.path.rpartition("/")[2])
            return (200, told) if told else (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
        if where.path.rstrip("/") == STATEMENTS and self.statements:
            return 200, self.result(str(json.loads(body)["statement"]))
        if where.path.startswith(f"{STATEMENTS}/") and self.statements:
            return 200, self.chunks.pop(0)
        return None

    def file(self, command: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer a call of the Files API: PUT replaces a file whole, GET and HEAD tell of it."""
        name = urlsplit(path).path.removeprefix(FILES)
        if command == "PUT":
            self.files[name] = body
            return 204, b""
        content = self.files.get(name)
        gone = json.dumps({"error_code": "NOT_FOUND"}).encode()
        return (404, gone) if content is None else (200, content)

    def result(self, statement: str) -> dict[str, Any]:
        """Answer a statement, its rows in chunks of two, all values as texts."""
        rows = next((rows for part, rows in self.statements.items() if part in statement), [])
        if rows and "refused" in rows[0]:
            error = {"error_code": "BAD_REQUEST", "message": rows[0]["refused"]}
            return {"statement_id": "s", "status": {"state": "FAILED", "error": error}}
        names = list(rows[0]) if rows else []
        data = [[None if row[n] is None else str(row[n]) for n in names] for row in rows]
        parts = [data[start : start + 2] for start in range(0, len(data), 2)] or [[]]
        chunks: list[dict[str, Any]] = [{"data_array": part} for part in parts]
        for number, chunk in enumerate(chunks[:-1], 1):
            chunk["next_chunk_index"] = number
        self.chunks = chunks[1:]
        columns = [{"name": name, "position": number} for number, name in enumerate(names)]
        return {
            "statement_id": "s",
            "status": {"state": "SUCCEEDED"},
            "manifest": {"schema": {"columns": columns}},
            "result": chunks[0],
        }


def sign_in(monkeypatch: pytest.MonkeyPatch, folder: Path, host: str) -> None:
    """Let the environment, and nothing else, name a workspace.

    Args:
        folder: has no file of profiles.
    """
    monkeypatch.setenv("DATABRICKS_HOST", host)
    monkeypatch.setenv("DATABRICKS_TOKEN", "none")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(folder / "no file"))


@contextmanager
def fake_workspace(behind: str) -> Iterator[FakeWorkspace]:
    """Serve the fake for the length of a `with` block.

    Args:
        behind: address of the emulator.
    """
    fake = FakeWorkspace(behind)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = fake.answer(self.path, body)
            if told is not None:
                status, text = told[0], json.dumps(told[1]).encode()
            elif self.path.startswith(FILES):
                status, text = fake.file(self.command, self.path, body)
            else:
                status, text = self.passed_on(body)
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def passed_on(self, body: bytes) -> tuple[int, bytes]:
            wire = http.client.HTTPConnection(fake.behind.netloc, timeout=30)
            try:
                wire.request(self.command, self.path, body, dict(self.headers))
                answer = wire.getresponse()
                return answer.status, answer.read()
            finally:
                wire.close()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.host = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
