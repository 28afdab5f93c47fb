"""Read one partition of an event hub into a bounded queue, on a thread.

What does not live here: which partitions are read (`ownership`), and by whom (`eventhubs`).
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

from azure.eventhub import EventData, EventHubConsumerClient
from azure.eventhub.amqp import AmqpMessageBodyType
from azure.eventhub.exceptions import AuthenticationError

from headwater.landing.source import EventBatch, Partition

_STOLEN = "amqp:link:stolen"  # the client has no class for it, nor for a hub that was deleted
GONE = ("Status code: 404", "amqp:not-found")
_GONE_SECONDS = 30.0  # a hub that moves may be missing for a moment
_BATCHES_AHEAD, _EVENTS_OF_A_BATCH = 4, 300


class HubReader:
    """The exclusive reader of a partition; a later one of the same group ends it.

    Args:
        start: sequence number of the first event to give.
        on_arrival: called on the reader's thread when there is something to take.
    """

    def __init__(
        self,
        client: EventHubConsumerClient,
        partition: Partition,
        start: int,
        on_arrival: Callable[[], None],
    ) -> None:
        self.partition = partition
        self.is_lost = False
        self.fault: Exception | None = None
        self._client = client
        self._next = start
        self._on_arrival = on_arrival
        self._gone_since: float | None = None
        self._places: deque[tuple[int, str]] = deque()
        self._queue: queue.Queue[list[EventData]] = queue.Queue(_BATCHES_AHEAD)
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._read, name=f"hub-reader-{partition.number}", daemon=True
        )
        self._thread.start()

    def take(self) -> EventBatch | None:
        """Return the next events, None when there are none yet."""
        try:
            events = self._queue.get_nowait()
        except queue.Empty:
            return None
        self._places.extend((_number(each), each.offset or "") for each in events)
        return EventBatch(
            self.partition,
            [_number(each) for each in events],
            [_milliseconds(each) for each in events],
            [_key(each) for each in events],
            [value_of(each) for each in events],
        )

    def place_of(self, number: int) -> str:
        """Return the offset of an event that was taken, "" if it is not known; forget earlier ones.

        Args:
            number: its sequence number.
        """
        while self._places and self._places[0][0] < number:
            self._places.popleft()
        return self._places[0][1] if self._places and self._places[0][0] == number else ""

    def stop(self) -> None:
        """Stop reading; what was not taken is dropped."""
        self._stopping.set()
        self._client.close()
        self._thread.join(timeout=5)

    def _read(self) -> None:
        try:
            self._client.receive_batch(
                self._arrived,
                partition_id=str(self.partition.number),
                owner_level=0,
                max_batch_size=_EVENTS_OF_A_BATCH,
                starting_position=self._next - 1,
                on_error=self._failed,
            )
        except Exception as error:  # the thread's end; `poll` says it
            self.fault = error

    def _arrived(self, context: Any, events: list[EventData]) -> None:
        del context
        self._gone_since = None
        fresh = [each for each in events if _number(each) >= self._next]  # after a new connection
        if not fresh:
            return
        self._next = _number(fresh[-1]) + 1
        while not self._stopping.is_set():
            try:
                self._queue.put(fresh, timeout=0.2)
            except queue.Full:
                continue
            self._on_arrival()
            return

    def _failed(self, context: Any, error: Exception) -> None:
        """Record a permanent error; the client recovers from the others by itself."""
        del context
        if _STOLEN in str(error):
            self.is_lost = True
            threading.Thread(target=self._client.close, daemon=True).start()
        elif isinstance(error, AuthenticationError):
            self.fault = error
        elif any(each in str(error) for each in GONE):
            self._gone_since = self._gone_since or time.monotonic()
            if time.monotonic() - self._gone_since > _GONE_SECONDS:
                self.fault = error
        self._on_arrival()


def value_of(event: EventData) -> bytes | None:
    """Return the bytes of an event: of an AMQP value that is not text or bytes, its JSON.

    Clients of other protocols send values, such as a JMS TextMessage. A value that JSON can't say
    is written as Python does, so that it is rejected as it came.
    """
    try:
        body: Any = event.body
    except ValueError:  # it has none
        return None
    if event.body_type == AmqpMessageBodyType.DATA:
        return body if isinstance(body, bytes) else b"".join(cast("Iterable[bytes]", body))
    if body is None or isinstance(body, bytes):
        return body
    if event.body_type == AmqpMessageBodyType.SEQUENCE:
        body = list(body)
    return body.encode() if isinstance(body, str) else json.dumps(_plain(body)).encode()


def _plain(value: Any) -> Any:
    """Return an AMQP value as JSON has it: bytes as text, keys as text, anything else by `str`."""
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _number(event: EventData) -> int:
    number = event.sequence_number
    if number is None:
        raise ValueError("an event hub gave an event without a sequence number")
    return number


def _milliseconds(event: EventData) -> int:
    return 0 if event.enqueued_time is None else round(event.enqueued_time.timestamp() * 1000)


def _key(event: EventData) -> bytes | None:
    key: str | bytes | None = event.partition_key
    return key.encode() if isinstance(key, str) else key
