"""Live progress of an update: a table that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text

from headwater.cli.render import console
from headwater.events.log import Listener
from headwater.events.rows import Event

_SHOWN = ("STARTING", "COMPLETED", "FAILED", "SKIPPED", "STOPPED")


@contextmanager
def progress(quiet: bool) -> Iterator[Listener | None]:
    """Return a listener that shows events as they come, on standard error."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        board = _Board()
        with Live(board, console=console(to_stderr=True), refresh_per_second=4, transient=True):
            yield board.take
    else:
        yield _print_line


def _print_line(event: Event) -> None:
    if event.event_type == "update_progress":
        click.echo(event.message, err=True)
    elif event.level != "METRICS" and event.details.get("status") in _SHOWN:
        click.echo(f"  {event.message}", err=True)


class _Board:
    """Rows, rows per second and dropped rows of each flow, from the events so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = "QUEUED"
        self._flows: dict[str, dict[str, Any]] = {}

    def take(self, event: Event) -> None:
        """Accept an event, from any thread."""
        with self._lock:
            if event.event_type == "update_progress":
                self._state = event.details["state"]
            elif event.event_type == "flow_progress":
                self._take_flow(event)

    def _take_flow(self, event: Event) -> None:
        name = str(event.origin.get("flow_name"))
        flow = self._flows.setdefault(name, {"status": "", "rows": 0, "dropped": 0, "rate": 0.0})
        if event.level != "METRICS":
            flow["status"] = event.details["status"]
            return
        metrics = event.details["metrics"]
        rows = metrics.get("num_output_rows", metrics.get("num_upserted_rows", 0))
        seconds = max(metrics.get("executor_time_ms", 0), 1) / 1000
        flow["rows"] += rows
        flow["rate"] = rows / seconds
        flow["dropped"] += event.details.get("data_quality", {}).get("dropped_records", 0)

    def __rich__(self) -> Table:
        with self._lock:
            table = Table(title=f"update: {self._state}", box=None, title_justify="left")
            for name in ("flow", "status"):
                table.add_column(name)
            for name in ("rows", "rows/s", "dropped"):
                table.add_column(name, justify="right")
            for name, flow in self._flows.items():
                table.add_row(
                    Text(name),
                    flow["status"],
                    f"{flow['rows']:,}",
                    f"{flow['rate']:,.0f}",
                    f"{flow['dropped']:,}",
                )
            return table
