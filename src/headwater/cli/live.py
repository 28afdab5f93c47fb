"""Live progress of an update: a table that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text

from headwater.cli.render import console
from headwater.events.log import Listener
from headwater.events.report import UpdateReport, with_event
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
    with suppress(OSError, ValueError):  # nobody looks any more: the update goes on
        _print(event)


def _print(event: Event) -> None:
    if event.event_type == "update_progress":
        click.echo(event.message, err=True)
    elif event.level != "METRICS" and event.details.get("status") in _SHOWN:
        click.echo(f"  {event.message}", err=True)


class _Board:
    """The report of an update, as far as events have told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._report = UpdateReport(state="QUEUED")

    def take(self, event: Event) -> None:
        """Accept an event, from any thread."""
        with self._lock:
            self._report = with_event(self._report, event)

    def __rich__(self) -> Table:
        report = self._report
        table = Table(title=f"update: {report.state}", box=None, title_justify="left")
        for name in ("flow", "status"):
            table.add_column(name)
        for name in ("rows", "rows/s", "dropped"):
            table.add_column(name, justify="right")
        for flow in report.flows.values():
            numbers = (flow.rows_written, flow.rows_per_second, flow.rows_dropped)
            table.add_row(Text(flow.flow), flow.status, *(f"{number:,.0f}" for number in numbers))
        return table
