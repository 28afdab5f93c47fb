"""A **test double** of Azure Event Hubs over AMQP 1.0: what `azure-eventhub` asks for, no more.

It takes the client with `UseDevelopmentEmulator=true`: cbs (the signature of the token is checked),
management, senders by key and partition, readers with filters by offset, sequence number and time,
and owner levels. Every list is sent with all its fields, because the client indexes them unchecked.
Not there: TLS, quotas, retention, messages larger than a frame. What does not live here: the
encoding (`codec`), what a hub keeps (`hub`), what a link does (`links`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlparse

from eventhubs_emulator.codec import (
    Described,
    Symbol,
    Symbols,
    UByte,
    UInt,
    ULong,
    UShort,
    decode,
    described,
    encode,
)
from eventhubs_emulator.hub import Hub, PartitionLog
from eventhubs_emulator.links import (
    ATTACH,
    BEGIN,
    CLOSE,
    DETACH,
    END,
    FLOW,
    OPEN,
    TRANSFER,
    WINDOW,
    Asked,
    Link,
    Published,
    Read,
)

SASL_MECHANISMS, SASL_OUTCOME = 0x40, 0x44
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
        self.hubs: Mapping[str, Hub] = emulator.hubs
        self.admits: Callable[[str], bool] = emulator.admits
        self._others = emulator.connections
        self._reader = reader
        self._writer = writer
        self._links: dict[tuple[int, int], Link] = {}
        self._next_delivery: dict[int, int] = {}
        self.is_admitted = False

    async def run(self) -> None:
        """Talk until the client goes."""
        self._others.add(self)
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
            self._others.discard(self)
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
        hub = self.hubs.get(name)
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
