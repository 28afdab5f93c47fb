"""Find out, within seconds, why a Kafka broker can't be used: host, port, TLS or key.

kafka-python retries such faults until its timeout, says "Unable to bootstrap" for all of them,
and waits forever for a listener that never answers. So a client asks here first. What does not
live here: clients that send or receive.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable

from headwater.errors import SourceError
from headwater.landing.broker import EVENT_HUBS_USER, BrokerAddress

_API_VERSIONS, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 18, 17, 36
_LARGEST_ANSWER = 2**20
_SECRET = re.compile("[=;@]")
"""What no address has, but a connection string or an address with a password does."""


def probe_broker(address: BrokerAddress, timeout_seconds: float = 8) -> None:
    """Return when one of the bootstrap servers accepts the login; sends and changes nothing.

    Raises:
        SourceError: SOURCE_ADDRESS_INVALID, SOURCE_HOST_UNKNOWN, SOURCE_UNREACHABLE,
            SOURCE_SILENT, SOURCE_TLS_FAILED, SOURCE_KEY_REFUSED, SOURCE_NOT_KAFKA; of several
            servers, the last one's.
    """
    servers = [_host_and_port(each) for each in address.bootstrap_servers.split(",")]
    for number, (host, port) in enumerate(servers, 1):
        try:
            _probe(host, port, address, timeout_seconds / len(servers))
        except SourceError:
            if number == len(servers):
                raise
        else:
            return


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if _SECRET.search(text) or not host or not is_port:
        shown = "" if _SECRET.search(text) else f": {text.strip()!r}"
        raise SourceError(
            "SOURCE_ADDRESS_INVALID",
            f"The broker's address is not HOST:PORT{shown}",
            hint="Write host:9093; a connection string goes into CONNECTION_STRING.",
        )
    return host.removeprefix("[").removesuffix("]"), int(port)  # of an IPv6 address


def _probe(host: str, port: int, address: BrokerAddress, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    try:
        with contextlib.closing(_connect(host, port, address, deadline)) as wire:
            ask = _Conversation(wire, deadline).ask
            if address.connection_string is None:
                ask(_API_VERSIONS, 0, b"")
            else:
                _log_in(ask, address.connection_string)
    except SourceError:
        raise
    except (OSError, struct.error) as error:
        raise _explained(error, f"{host}:{port}", address) from error


def _connect(host: str, port: int, address: BrokerAddress, deadline: float) -> socket.socket:
    wire = socket.create_connection((host, port), timeout=_left(deadline))
    if address.connection_string is None:
        return wire
    try:
        wire.settimeout(_left(deadline))
        trusted = ssl.create_default_context(cafile=address.ca_file)
        return trusted.wrap_socket(wire, server_hostname=host)
    except BaseException:
        wire.close()
        raise


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Conversation:
    """Questions and answers in Kafka's protocol, all within one deadline."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire = wire
        self._deadline = deadline

    def ask(self, api: int, version: int, body: bytes) -> bytes:
        """Send a request; return the answer without its length and number."""
        request = struct.pack(">hhih", api, version, 1, -1) + body  # number 1, no client id
        self._wire.settimeout(_left(self._deadline))
        self._wire.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", self._read(4))
        if not 4 <= size <= _LARGEST_ANSWER:
            raise struct.error("not a Kafka answer")
        return self._read(size)[4:]

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            self._wire.settimeout(_left(self._deadline))
            block = self._wire.recv(size - len(found))
            if not block:
                raise ConnectionResetError
            found += block
        return found


def _log_in(ask: Callable[[int, int, bytes], bytes], connection_string: str) -> None:
    ask(_SASL_HANDSHAKE, 1, struct.pack(">h", 5) + b"PLAIN")
    token = b"\0".join([b"", EVENT_HUBS_USER.encode(), connection_string.encode()])
    answer = ask(_SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
    (status,) = struct.unpack_from(">h", answer)
    if status != 0:
        raise SourceError(
            "SOURCE_KEY_REFUSED",
            "The broker refuses the key of the connection string",
            hint="Check CONNECTION_STRING: copy it again from the namespace's access policies.",
        )


def _explained(error: Exception, place: str, address: BrokerAddress) -> SourceError:
    """Describe what a network error means."""
    if isinstance(error, socket.gaierror):
        code, what, hint = "SOURCE_HOST_UNKNOWN", "No such host", "Check the name of the host."
    elif isinstance(error, TimeoutError):
        code, what = "SOURCE_SILENT", "The host does not answer"
        hint = "Check the port and the firewall, and that it speaks the protocol asked for."
    elif isinstance(error, ssl.SSLCertVerificationError):
        code, what = "SOURCE_TLS_FAILED", f"Its certificate is not trusted: {error.verify_message}"
        hint = "Pass the authority that signed it (--ca-file), or check the host."
    elif isinstance(error, ssl.SSLError):
        code, what = "SOURCE_TLS_FAILED", "It does not speak TLS"
        hint = "Check the port: a plain listener takes no connection string."
    elif isinstance(error, (ConnectionResetError, struct.error)):
        code, what = "SOURCE_NOT_KAFKA", "It answers, but not as a Kafka broker"
        spoken = "plain" if address.connection_string is None else "SASL_SSL"
        hint = f"Check the port, and whether its listener is {spoken}."
    else:
        code, what = "SOURCE_UNREACHABLE", "Nothing listens there"
        hint = "Check host and port, and that the broker runs."
    return SourceError(code, what, where=place, hint=hint)
