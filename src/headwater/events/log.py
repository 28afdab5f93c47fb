"""Write a pipeline's event log: a Delta table, appended to without a Spark job.

Events are queued and written by a separate thread, several per commit, so that no flow ever waits
for the log. What does not live here: querying it (`query`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

from deltalake import DeltaTable, write_deltalake

from headwater.delta import join_small_files
from headwater.errors import UpdateError
from headwater.events.rows import Event, to_table

FLUSH_SECONDS = 2.0
COMPACT_FILES = 60
"""How many commits of small files are joined into one, at the end and while an update goes on."""

_LASTING = ("create_update", "dataset_definition", "sink_definition", "flow_definition")

Listener = Callable[[Event], None]


class EventLog:
    """The log of one update; use it as a context manager.

    Args:
        path: folder of the Delta table; made at the first write.
        origin: what all events share: pipeline id and name, update id.
        listener: is called with each event, in the thread that emitted it.
        kept: how long events are kept; None for ever. What this update is made of stays.

    At the end of the `with` block every event is on disk, or its end raises what keeps it from
    there, unless something else is being raised. After a kill, events of at most the
    last `FLUSH_SECONDS` are missing; those of state changes are written at once by `flush`.
    """

    def __init__(
        self,
        path: Path,
        origin: Mapping[str, Any],
        listener: Listener | None = None,
        *,
        kept: timedelta | None = None,
    ) -> None:
        self._path = path
        self._origin = dict(origin)
        self._listener = listener
        self._kept = kept
        self._waiting: list[tuple[int, Event]] = []
        self._number = 0
        self._commits = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="event-log", daemon=True)

    def __enter__(self) -> EventLog:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._thread.join()
        try:
            self._write()
            self._compact()
        except Exception as failed:
            if error is None:  # else what is being raised says more
                raise UpdateError(
                    "EVENT_LOG_NOT_WRITTEN",
                    f"The last events could not be written: {type(failed).__name__}",
                    where=str(self._path),
                    hint="Check that the disk has space and that the folder is writable.",
                ) from failed

    def emit(self, event: Event) -> None:
        """Queue an event; it reaches the disk within `FLUSH_SECONDS`."""
        with self._lock:
            self._number += 1
            self._waiting.append((self._number, event))
        if self._listener:
            self._listener(event)

    def flush(self) -> None:
        """Write the queue in one commit; what can't be written now is kept for the next time."""
        with suppress(Exception):  # told at the end, if it is still so: the log never stops a flow
            self._write()

    def _write(self) -> None:
        with self._writing:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            try:
                write_deltalake(
                    self._path, to_table(waiting, self._origin), mode="append", name="event_log"
                )
            except Exception:
                with self._lock:
                    self._waiting = [*waiting, *self._waiting]
                raise
            self._commits += 1

    def _write_on(self) -> None:
        while not self._closing.wait(FLUSH_SECONDS):
            self.flush()
            if self._commits > COMPACT_FILES:  # a continuous update may never come to its end
                self._commits = 0
                with suppress(Exception):
                    self._compact()

    def _compact(self) -> None:
        """Join small files, so that reading stays fast after many updates; drop what is old."""
        if not (self._path / "_delta_log").is_dir():
            return
        table = DeltaTable(self._path)
        if self._kept is not None:
            table.delete(_outdated(datetime.now(timezone.utc) - self._kept, self._origin))
        join_small_files(table, COMPACT_FILES)


def _outdated(before: datetime, origin: Mapping[str, Any]) -> str:
    """Return the condition of events that are too old, but for those that others rest on.

    A continuous update may be older than the events that it keeps: when it was started, and of
    which flows and datasets it is, stays.
    """
    own = str(origin.get("update_id", "")).replace("'", "''")
    kinds = ", ".join(f"'{each}'" for each in _LASTING)
    return (
        f"timestamp < '{before.isoformat()}' "
        f"AND NOT (coalesce(origin['update_id'], '') = '{own}' AND event_type IN ({kinds}))"
    )
