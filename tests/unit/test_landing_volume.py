"""Files in a volume of Unity Catalog, through the Files API of an emulated workspace."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from headwater.dev.minilake import Minilake
from headwater.errors import SinkError, UsageError
from headwater.landing.local import LocalSink
from headwater.landing.sinks import open_sink
from headwater.landing.volume import VolumeSink

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="minilake needs Python 3.11")


@pytest.fixture
def folder(workspace_server: Minilake, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABRICKS_HOST", workspace_server.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", "any")
    return f"/Volumes/main/bronze/landing/{uuid.uuid4().hex}"


def test_file_appears_once_and_never_changes(folder: str) -> None:
    sink = open_sink(f"dbfs:{folder}")
    assert isinstance(sink, VolumeSink)
    assert (sink.list("a"), sink.exists("a/b.parquet")) == ([], False)
    assert sink.create("a/b.parquet", b"one")
    assert not sink.create("a/b.parquet", b"two")
    assert sink.create("a/empty", b"")
    assert (sink.read("a/b.parquet"), sink.read("a/empty")) == (b"one", b"")
    assert sink.create("a/deep/c", b"x")
    assert sink.list("a") == ["b.parquet", "empty"]  # no folders
    assert sink.exists("a/b.parquet")


def test_file_that_is_missing_is_told(folder: str) -> None:
    with pytest.raises(SinkError, match="SINK_FILE_MISSING"):
        open_sink(f"dbfs:{folder}").read("none")


def test_one_sink_serves_several_threads(folder: str) -> None:
    sink, made = open_sink(f"dbfs:{folder}"), []
    threads = [
        threading.Thread(target=lambda n=n: made.append(sink.create(f"{n}/x", b"%d" % n)))  # type: ignore[misc]
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [True] * 8
    assert [sink.read(f"{n}/x") for n in range(8)] == [b"%d" % n for n in range(8)]


def test_volume_of_a_local_job_run_is_a_folder(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "volume"
    here.mkdir()
    monkeypatch.setattr("headwater.landing.sinks.Path", lambda _: here)
    assert isinstance(open_sink(f"dbfs:{folder}"), LocalSink)
    assert isinstance(open_sink(f"dbfs:{folder}", in_workspace=True), VolumeSink)
    with pytest.raises(UsageError, match="SINK_URL_INVALID"):
        open_sink(f"dbfs:{tmp_path}")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (409, "ABORTED", "SINK_AWAY"),
        (409, "RESOURCE_CONFLICT", "SINK_REFUSED"),
        (403, "X", "SINK_FORBIDDEN"),
    ],
)
def test_conflict_is_no_file_that_exists(status: int, code: str, told: str) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_file = "/fs/files/" in self.path
            self.answer(status if is_file else 204, {"error_code": code, "message": "no"})

        def do_HEAD(self) -> None:
            self.answer(404, {})

        def answer(self, status: int, body: dict[str, str]) -> None:
            content = json.dumps(body).encode() if status != 204 else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if self.command != "HEAD" else b"")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        config = Config(host=address, token="any", retry_timeout_seconds=1)  # noqa: S106
        sink = VolumeSink("/Volumes/main/bronze/landing", WorkspaceClient(config=config))
        with pytest.raises(SinkError, match=told):
            sink.create("a/b", b"x")
        server.shutdown()


@pytest.mark.parametrize(
    "url", ["dbfs:/Volumes/main/s", "dbfs:/mnt/x/y/z", "dbfs:/Volumes/a/b/../c"]
)
def test_other_folders_of_a_workspace_are_refused(folder: str, url: str) -> None:
    with pytest.raises(UsageError, match="SINK_URL_INVALID"):
        open_sink(url)


def test_workspace_that_does_not_answer_is_waited_for() -> None:
    config = Config(host="http://127.0.0.1:9", token="any", retry_timeout_seconds=1)  # noqa: S106
    client = WorkspaceClient(config=config)
    with pytest.raises(SinkError, match="SINK_AWAY") as caught:
        VolumeSink("/Volumes/main/bronze/landing", client).create("a", b"x")
    assert caught.value.is_transient
    assert "any" not in str(caught.value)
