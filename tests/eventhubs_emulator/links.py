"""What a link of the emulator does: takes events, gives events, answers requests.

What does not live here: the connection that carries it (`server`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from eventhubs_emulator.codec import (
    Described,
    Int,
    Long,
    Timestamp,
    UByte,
    UInt,
    described,
    encode,
)
from eventhubs_emulator.hub import (
    APPLICATION_PROPERTIES,
    PROPERTIES,
    VALUE,
    Hub,
    PartitionLog,
    sections_of,
)

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
ACCEPTED = Described(UByte(0x24), [])
WINDOW = UInt(2**31 - 1)


class Carrier(Protocol):
    """The connection of a link."""

    is_admitted: bool
    hubs: Mapping[str, Hub]
    admits: Callable[[str], bool]

    def send(self, channel: int, code: int, fields: list[Any], payload: bytes = b"") -> None:
        """Send a performative."""

    def next_delivery(self, channel: int) -> int:
        """Number a delivery of a session."""

    def end_link(self, channel: int, handle: int, condition: str) -> None:
        """Detach a link with an error."""


class Link:
    """One direction between a client and an address; what is sent waits for credit."""

    epoch: int | None = None

    def __init__(
        self, connection: Carrier, channel: int, handle: int, node: str | None = None
    ) -> None:
        self.node = node
        self._connection = connection
        self._channel = channel
        self.handle = handle
        self._credit = 0
        self._sent = 0
        self._waiting: list[bytes] = []
        self._parts = b""

    def grant(self, delivery_count: int, credit: int) -> None:
        """Take the credit that the client gives."""
        self._credit = delivery_count + credit - self._sent
        self.pump()

    def pump(self) -> None:
        """Send what waits, as far as credit allows."""
        while self._credit > 0 and (message := self.next_message()) is not None:
            number = self._connection.next_delivery(self._channel)
            head = [
                UInt(self.handle),
                UInt(number),
                struct.pack(">I", number),
                UInt(0),
                True,
                False,
            ]
            self._connection.send(self._channel, TRANSFER, [*head, *[None] * 5], message)
            self._credit -= 1
            self._sent += 1

    def next_message(self) -> bytes | None:
        """Return the next message to send."""
        return self._waiting.pop(0) if self._waiting else None

    def reply(self, message: bytes) -> None:
        """Send a message as soon as there is credit."""
        self._waiting.append(message)
        self.pump()

    def receive(self, fields: list[Any], payload: bytes) -> None:
        """Take a transfer; acts on its last part, and acknowledges it."""
        _, number, _, message_format, is_settled, is_more = fields[:6]
        self._parts += payload
        if is_more:
            return
        message, self._parts = self._parts, b""
        self.act(message, message_format or 0)
        if not is_settled:
            done = [True, UInt(number), UInt(number), True, ACCEPTED, False]
            self._connection.send(self._channel, DISPOSITION, done)

    def act(self, message: bytes, message_format: int) -> None:
        """Do what a whole message asks for."""

    def leave(self) -> None:
        """Be forgotten."""

    def _welcome(self) -> None:
        """Let the client send as much as it likes."""
        window = [UInt(0), WINDOW, UInt(0), WINDOW]
        credit = [UInt(self.handle), UInt(0), UInt(2**30), UInt(0), False, False, {}]
        self._connection.send(self._channel, FLOW, window + credit)


class Published(Link):
    """Takes events for a hub, or for one of its partitions."""

    def __init__(
        self, connection: Carrier, channel: int, handle: int, hub: Hub, number: int | None
    ) -> None:
        super().__init__(connection, channel, handle)
        self._hub = hub
        self._number = number
        self._welcome()

    def act(self, message: bytes, message_format: int) -> None:
        self._hub.publish(message, message_format, self._number)


class Read(Link):
    """Gives the events of a partition from where the client's filter starts."""

    def __init__(
        self,
        connection: Carrier,
        channel: int,
        handle: int,
        log: PartitionLog,
        fields: list[Any],
    ) -> None:
        super().__init__(connection, channel, handle)
        self._log = log
        self.epoch = (fields[13] or {}).get("com.microsoft:epoch")
        source = fields[5].value
        filters = (source[7] if len(source) > 7 else None) or {}
        selector = filters.get("apache.org:selector-filter:string")
        text = selector.value if isinstance(selector, Described) else selector
        self._next = log.start_of(text.decode() if isinstance(text, bytes) else text)

    def next_message(self) -> bytes | None:
        if self._next >= len(self._log.events):
            return None
        self._next += 1
        return self._log.events[self._next - 1].message

    def steal(self) -> None:
        """End, because another owns the partition now."""
        self._connection.end_link(self._channel, self.handle, "amqp:link:stolen")

    def leave(self) -> None:
        for readers in self._log.readers.values():
            if self in readers:
                readers.remove(self)


class Asked(Link):
    """Takes requests to `$cbs` or `$management`; the answer goes to the session's other link."""

    def __init__(
        self,
        connection: Carrier,
        channel: int,
        handle: int,
        node: str,
        links: Mapping[tuple[int, int], Link],
    ) -> None:
        super().__init__(connection, channel, handle)
        self._asked = node
        self._links = links
        self._welcome()

    def act(self, message: bytes, message_format: int) -> None:
        del message_format
        request = {section.code: section.value for section in sections_of(message)}
        status, body = self._answer(request)
        properties = [None, None, None, None, None, request[PROPERTIES][0]]
        told = {"status-code": Int(status), "status-description": "OK" if status < 300 else "no"}
        answer = (
            described(PROPERTIES, encode(properties + [None] * 7))
            + described(APPLICATION_PROPERTIES, encode(told))
            + described(VALUE, encode(body))
        )
        for (channel, _), link in self._links.items():
            if channel == self._channel and link.node == self._asked:
                link.reply(answer)

    def _answer(self, request: dict[int, Any]) -> tuple[int, dict[str, Any]]:
        connection = self._connection
        if self._asked == "$cbs":
            connection.is_admitted = connection.admits(_text(request[VALUE]))
            return (202 if connection.is_admitted else 401), {}
        asked = {_text(k): _text(v) for k, v in request[APPLICATION_PROPERTIES].items()}
        hub = connection.hubs.get(asked["name"])
        if hub is None:
            return 404, {}
        if asked["type"] == "com.microsoft:eventhub":
            return 200, _hub_facts(hub)
        return 200, _partition_facts(hub, asked["partition"])


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _hub_facts(hub: Hub) -> dict[str, Any]:
    numbers = [str(number) for number in range(len(hub.partitions))]
    return {"name": hub.name, "created_at": Timestamp(hub.created_ms), "partition_ids": numbers}


def _partition_facts(hub: Hub, partition: str) -> dict[str, Any]:
    events = hub.partitions[int(partition)].events
    return {
        "name": hub.name,
        "partition": partition,
        "begin_sequence_number": Long(0),
        "last_enqueued_sequence_number": Long(len(events) - 1),
        "last_enqueued_offset": str(events[-1].offset if events else -1),
        "last_enqueued_time_utc": Timestamp(events[-1].enqueued_ms if events else 0),
        "is_partition_empty": not events,
    }
