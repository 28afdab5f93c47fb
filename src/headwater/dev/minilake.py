"""A stand-in for a workspace's API on loopback: minilake, another project's emulator.

It keeps jobs and saved queries in memory. What does not live here: clients of a workspace.
"""

from __future__ import annotations

import importlib.util
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headwater.dev.processes import (
    LOOPBACK,
    DevServerError,
    free_port,
    start,
    wait_until_ready,
)

_SERVICES = (
    "files,grants,identity,jobs,permissions,saved_queries,sql_statements,sql_warehouses,"
    "unity_catalog,workspace"
)


@dataclass(frozen=True)
class Minilake:
    """A running emulator; `host` is what `DATABRICKS_HOST` would be, any token will do."""

    host: str

    def reset(self) -> None:
        """Forget all jobs and queries."""
        request = urllib.request.Request(f"{self.host}/_minilake/reset", method="POST")  # noqa: S310 - loopback
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - loopback


@contextmanager
def minilake(folder: Path) -> Iterator[Minilake]:
    """Run minilake in `folder` for the length of a `with` block; it needs the package `minilake`.

    Raises:
        DevServerError: MINILAKE_MISSING, DEV_SERVER_FAILED.
    """
    if not importlib.util.find_spec("minilake"):
        raise DevServerError(
            "MINILAKE_MISSING",
            "The package minilake is not installed",
            hint="pip install minilake; it needs Python 3.11 or newer.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "minilake.log"
    running = Minilake(f"http://{LOOPBACK}:{port}")
    server = start(
        "minilake",
        [sys.executable, "-m", "minilake", "--host", LOOPBACK, "--port", str(port)],
        log,
        {
            "MINILAKE_DATA_DIR": str(folder / "data"),
            "MINILAKE_NOTEBOOK": "0",
            "MINILAKE_SERVICES": _SERVICES,
        },
    )
    try:
        wait_until_ready(server, lambda: _answers(running.host), log)
        yield running
    finally:
        server.stop()


def _answers(host: str) -> bool:
    with urllib.request.urlopen(f"{host}/api/2.2/jobs/list", timeout=5) as answer:  # noqa: S310 - loopback
        return bool(answer.status == 200)
