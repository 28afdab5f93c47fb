"""A stand-in for a workspace's API on loopback: minilake, another project's emulator."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from headwater.dev.processes import free_port, start, wait_until_ready

SERVICES = "identity,jobs,saved_queries,sql_statements,sql_warehouses,unity_catalog,workspace"


@dataclass(frozen=True)
class WorkspaceServer:
    host: str

    def client(self, host: str = "", http_timeout_seconds: float = 10) -> WorkspaceClient:
        """The real client, of this server or of a proxy before it."""
        return WorkspaceClient(
            config=Config(
                host=host or self.host,
                token="none",  # noqa: S106 - the server asks for none
                http_timeout_seconds=http_timeout_seconds,
            )
        )

    def reset(self) -> None:
        """Forget all jobs and queries."""
        request = urllib.request.Request(f"{self.host}/_minilake/reset", method="POST")  # noqa: S310
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - loopback


@contextmanager
def workspace_server(folder: Path) -> Iterator[WorkspaceServer]:
    """Run the server for the length of a `with` block; jobs are kept in memory only."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "minilake.log"
    host = f"http://127.0.0.1:{port}"
    server = start(
        "minilake",
        [sys.executable, "-m", "minilake", "--host", "127.0.0.1", "--port", str(port)],
        log,
        {
            "MINILAKE_DATA_DIR": str(folder / "data"),
            "MINILAKE_NOTEBOOK": "0",
            "MINILAKE_SERVICES": SERVICES,
        },
    )
    try:
        wait_until_ready(server, lambda: _answers(host), log)
        yield WorkspaceServer(host)
    finally:
        server.stop()


def _answers(host: str) -> bool:
    with urllib.request.urlopen(f"{host}/api/2.2/jobs/list", timeout=5) as answer:  # noqa: S310
        return bool(answer.status == 200)
