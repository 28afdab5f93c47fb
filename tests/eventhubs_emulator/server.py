"""A **test double** of Azure Event Hubs over AMQP 1.0: what `azure-eventhub` asks for, no more.

It takes the client with `UseDevelopmentEmulator=true`: cbs (the signature of the token is checked),
management, senders by key and partition, readers with filters by offset, sequence number and time,
and owner levels. Every list is sent with all its fields, because the client indexes them unchecked.
Not there: TLS, quotas, retention, messages larger than a frame. What does not live here: the
encoding (`codec`), what a hub keeps (`hub`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlparse

from eventhubs_emulator.codec import (
    Described,
    Int,
    Long,
    Symbol,
    Symbols,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    decode,
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
SASL_MECHANISMS, SASL_OUTCOME = 0x40, 0x44
ACCEPTED = Described(UByte(0x24), [])
WINDOW = UInt(2**31 - 1)
LARGEST_MESSAGE = 2**20
KEY_NAME = "RootManageSharedAccessKey"


class Refusal(Exception):
    """Ends a link with a condition of the standard."""


class Emulator:
    """Hubs behind a loopback port; used from any thread."""

    def __init__(self, hubs: Mapping[str, int]) -> None:
        self.hubs = {
            name: Hub(name, [PartitionLog() for _ in range(count)]) for name, count in hubs.items()
        }
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.port = 0
        self.connections: set[Connection] = set()
        self.loop = asyncio.new_event_loop()

    @property
    def connection_string(self) -> str:
        """What `EventHubConsumerClient.from_connection_string` takes."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName={KEY_NAME};"
            f"SharedAccessKey={self.key};UseDevelopmentEmulator=true;"
        )

    def drop_connections(self) -> None:
        """Cut every connection, as a failing network does."""
        self.loop.call_soon_threadsafe(lambda: [each.cut() for each in list(self.connections)])

    def admits(self, token: str) -> bool:
        """Whether a shared access signature was made with our key."""
        told = parse_qs(token.removeprefix("SharedAccessSignature "))
        signed = f"{quote_plus(told['sr'][0])}\n{told['se'][0]}".encode()
        ours = hmac.new(self.key.encode(), signed, hashlib.sha256).digest()
        return told["sig"][0] == base64.b64encode(ours).decode()


@contextmanager
def eventhubs_emulator(hubs: Mapping[str, int]) -> Iterator[Emulator]:
    """Serve hubs, named with their numbers of partitions, for the length of a `with` block."""
    emulator = Emulator(hubs)
    loop = emulator.loop

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(emulator, reader, writer).run()

    server = loop.run_until_complete(asyncio.start_server(talk, "127.0.0.1", 0))
    emulator.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="eventhubs-emulator")
    thread.start()
    try:
        yield emulator
    finally:
        asyncio.run_coroutine_threadsafe(_shut(emulator, server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _shut(emulator: Emulator, server: asyncio.Server) -> None:
    server.close()
    for connection in list(emulator.connections):
        connection.cut()
    while emulator.connections:
        await asyncio.sleep(0.01)  # each leaves when its reader has seen the end


class Connection:
    """One client."""

    def __init__(
        self, emulator: Emulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.emulator = emulator
        self._reader = reader
        self._writer = writer
        self._links: dict[tuple[int, int], Link] = {}
        self._next_delivery: dict[int, int] = {}
        self.is_admitted = False

    async def run(self) -> None:
        """Talk until the client goes."""
        self.emulator.connections.add(self)
        try:
            await self._greet()
            while True:
                channel, body = await self._read()
                if body and not self._take(channel, body):
                    return
        except (asyncio.IncompleteReadError, OSError):
            return  # the client has gone
        finally:
            for link in list(self._links.values()):
                link.leave()
            self.emulator.connections.discard(self)
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    def cut(self) -> None:
        """End without a word."""
        self._writer.transport.abort()

    async def _greet(self) -> None:
        header = await self._reader.readexactly(8)
        self._writer.write(header)
        if header[4] == 3:  # the security layer comes first
            self._frame(1, 0, SASL_MECHANISMS, [Symbols(("MSSBCBS", "ANONYMOUS", "EXTERNAL"))])
            await self._read()
            self._frame(1, 0, SASL_OUTCOME, [UByte(0), None])
            self._writer.write(await self._reader.readexactly(8))

    async def _read(self) -> tuple[int, bytes]:
        size, offset, _, channel = struct.unpack(">IBBH", await self._reader.readexactly(8))
        body = await self._reader.readexactly(size - 8)
        return channel, body[offset * 4 - 8 :]

    def send(self, channel: int, code: int, fields: list[Any], payload: bytes = b"") -> None:
        """Send a performative."""
        self._frame(0, channel, code, fields, payload)

    def _frame(
        self, kind: int, channel: int, code: int, fields: list[Any], payload: bytes = b""
    ) -> None:
        if self._writer.is_closing():
            return  # the client has gone; its links follow
        body = described(code, encode(fields)) + payload
        self._writer.write(struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body)

    def next_delivery(self, channel: int) -> int:
        """Number a delivery of a session."""
        number = self._next_delivery[channel]
        self._next_delivery[channel] = number + 1
        return number

    def _take(self, channel: int, body: bytes) -> bool:
        """Answer a performative; False at the connection's end."""
        performative, end = decode(body)
        code, fields = performative.descriptor, performative.value
        fields = fields + [None] * (14 - len(fields))
        if code == OPEN:
            opened = ["emulator", "127.0.0.1", UInt(LARGEST_MESSAGE), UShort(1000)]
            self.send(channel, OPEN, [*opened, None, None, None, None, None, {}])
        elif code == BEGIN:
            self._next_delivery[channel] = 0
            begun = [UShort(channel), UInt(0), WINDOW, WINDOW, UInt(1000), None, None, {}]
            self.send(channel, BEGIN, begun)
        elif code == ATTACH:
            self._attach(channel, fields)
        elif code == FLOW and fields[4] is not None:
            self._on_link(channel, fields[4], lambda link: link.grant(fields[5] or 0, fields[6]))
        elif code == TRANSFER:
            payload = body[end:]
            self._on_link(channel, fields[0], lambda link: link.receive(fields, payload))
        elif code == DETACH:
            self._detach(channel, fields[0])
        elif code == END:
            self.send(channel, END, [None])
        elif code == CLOSE:
            self.send(channel, CLOSE, [None])
            return False
        return True

    def _on_link(self, channel: int, handle: int, act: Any) -> None:
        link = self._links.get((channel, handle))
        if link is not None:  # otherwise it was detached by us meanwhile
            act(link)

    def _attach(self, channel: int, fields: list[Any]) -> None:
        name, handle, client_receives = fields[:3]
        ends = [_padded(fields[5], 11), _padded(fields[6], 7)]
        shape = [not client_receives, UByte(0), UByte(0), *ends, {}, False, UInt(0)]
        attached = [name, UInt(handle), *shape, ULong(LARGEST_MESSAGE), None, None, {}]
        self.send(channel, ATTACH, attached)
        try:
            self._links[channel, handle] = self._link(channel, handle, fields)
        except Refusal as refusal:
            self.end_link(channel, handle, str(refusal))

    def _link(self, channel: int, handle: int, fields: list[Any]) -> Link:
        client_receives, source, target = fields[2], fields[5].value, fields[6].value
        address = source[0] if client_receives else target[0]
        path = urlparse(address).path.strip("/") if "://" in address else address
        if path in ("$cbs", "$management"):
            return (
                Link(self, channel, handle, path)
                if client_receives
                else Asked(self, channel, handle, path, self._links)
            )
        if not self.is_admitted:
            raise Refusal("amqp:unauthorized-access")
        name, *rest = path.split("/")
        hub = self.emulator.hubs.get(name)
        if hub is None:
            raise Refusal("amqp:not-found")
        number = int(rest[-1]) if "Partitions" in rest else None
        if number is not None and number >= len(hub.partitions):
            raise Refusal("amqp:not-found")
        if not client_receives:
            return Published(self, channel, handle, hub, number)
        assert number is not None
        link = Read(self, channel, handle, hub.partitions[number], fields)
        if not hub.partitions[number].admit(rest[1], link):
            raise Refusal("amqp:link:stolen")
        return link

    def _detach(self, channel: int, handle: int) -> None:
        link = self._links.pop((channel, handle), None)
        if link is not None:
            link.leave()
            self.send(channel, DETACH, [UInt(handle), True, None])

    def end_link(self, channel: int, handle: int, condition: str) -> None:
        """Detach a link with an error."""
        self._links.pop((channel, handle), None)
        error = Described(UByte(0x1D), [Symbol(condition), condition, {}])
        self.send(channel, DETACH, [UInt(handle), True, error])


def _padded(end: Described | None, count: int) -> Described:
    """A source or target with all its fields, of which only the address matters."""
    value = end.value if end is not None else []
    address = value[0] if value else ""
    code = UByte(0x28 if count == 11 else 0x29)
    return Described(code, [address or "", *[None] * (count - 1)])


class Link:
    """One direction between a client and an address; what is sent waits for credit."""

    epoch: int | None = None

    def __init__(
        self, connection: Connection, channel: int, handle: int, node: str | None = None
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
        """Give the next message to send."""
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
        self, connection: Connection, channel: int, handle: int, hub: Hub, number: int | None
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
        connection: Connection,
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
        connection: Connection,
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
        emulator = self._connection.emulator
        if self._asked == "$cbs":
            self._connection.is_admitted = emulator.admits(_text(request[VALUE]))
            return (202 if self._connection.is_admitted else 401), {}
        asked = {_text(k): _text(v) for k, v in request[APPLICATION_PROPERTIES].items()}
        hub = emulator.hubs.get(asked["name"])
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
