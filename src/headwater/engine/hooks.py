"""Call the event hooks of a pipeline with each event of an update, beside the update.

One thread calls them, one after the other, so that no flow waits and no hook meets itself. Source:
"Define custom monitoring of pipelines with event hooks" in Databricks' documentation.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from headwater.events.rows import Event, as_dict
from headwater.graph.locations import run_at
from headwater.graph.model import EventHook

WAIT_SECONDS = 10.0
"""How long the end of an update waits for hooks that have events left."""

_TYPE = "hook_progress"


class EventHooks:
    """Calls hooks until the end of a `with` block; without hooks it does nothing.

    A hook that fails more often in a row than it may is not called again in this update. What it
    does never changes the update.

    Args:
        origin: what all events of the update share.
        wait_seconds: how long the end of the block waits for hooks.

    Attributes:
        emit: writes the `hook_progress` events, for which no hook is called.
    """

    def __init__(
        self,
        hooks: Sequence[EventHook],
        origin: Mapping[str, Any],
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self.emit: Callable[[Event], None] = lambda _: None
        self._origin = origin
        self._wait_seconds = wait_seconds
        self._waiting: queue.Queue[Event | None] = queue.Queue()
        self._failures = dict.fromkeys(hooks, 0)
        self._thread = threading.Thread(target=self._call_on, name="event-hooks", daemon=True)

    def __enter__(self) -> EventHooks:
        if self._failures:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(self._wait_seconds)

    def put(self, event: Event) -> None:
        """Hand an event to the hooks; returns at once."""
        if self._thread.is_alive() and event.event_type != _TYPE:
            self._waiting.put(event)

    def _call_on(self) -> None:
        number = 0
        while (event := self._waiting.get()) is not None:
            number += 1
            for hook in list(self._failures):
                self._call(hook, as_dict(number, event, self._origin))

    def _call(self, hook: EventHook, event: dict[str, Any]) -> None:
        try:
            run_at(hook.location, hook.function, event)
            self._failures[hook] = 0
        except Exception as error:
            self._failed(hook, error)

    def _failed(self, hook: EventHook, error: Exception) -> None:
        self._failures[hook] += 1
        most = hook.most_failures
        is_over = most is not None and self._failures[hook] > most
        status = "DISABLED" if is_over else "FAILED"
        message = f"The event hook '{hook.name}' failed with {type(error).__name__}"
        if is_over:
            del self._failures[hook]
            message += " once too often; it is not called again in this update"
        details = {"name": hook.name, "status": status}
        self.emit(Event(_TYPE, f"{message}.", details, level="WARN"))
