"""Send simulated events to a Kafka broker or to Event Hubs, paced, and count what arrived.

What does not live here: the events, and the command line (`scratch`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from headwater.errors import SourceError, UsageError
from headwater.landing.broker import BrokerAddress, client_settings, event_hubs_server
from headwater.landing.probe import probe_broker

_MOST_UNDERWAY = 10_000
"""Events that were sent and not yet acknowledged; bounds the memory they take."""


class Message(Protocol):
    """What is sent: events with one key stay in order; `kinds` is what was done to the event."""

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes: ...

    @property
    def kinds(self) -> tuple[str, ...]: ...


@dataclass
class Counts:
    """What happened to the events: acknowledged, failed, and the acknowledged ones by kind.

    An event of several kinds counts in each of them.
    """

    sent: int = 0
    failed: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)


def broker_address(
    variables: Mapping[str, str | None], bootstrap_servers: str | None, ca_file: Path | None
) -> BrokerAddress:
    """Determine where to send: `bootstrap_servers` is a plain listener, without it Event Hubs.

    Args:
        variables: `EVENTHUBS_NAMESPACE` (a name, or a whole host with or without port) and
            `CONNECTION_STRING`.

    Raises:
        UsageError: SETTING_MISSING, SETTING_PLACEHOLDER, CONNECTION_STRING_INVALID,
            FILE_NOT_FOUND; none shows a value.
    """
    if ca_file is not None and not ca_file.is_file():
        raise UsageError("FILE_NOT_FOUND", f"No such file: {ca_file}", hint="See --ca-file.")
    if bootstrap_servers:
        return BrokerAddress(bootstrap_servers)
    host = setting(variables, "EVENTHUBS_NAMESPACE")
    secret = setting(variables, "CONNECTION_STRING")
    if not secret.startswith("Endpoint=sb://") or "SharedAccessKey=" not in secret:
        raise UsageError(
            "CONNECTION_STRING_INVALID",
            "CONNECTION_STRING is not a connection string of Event Hubs",
            hint="Copy the whole string: Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=...",
        )
    return BrokerAddress(event_hubs_server(host), secret, ca_file)


def setting(variables: Mapping[str, str | None], name: str) -> str:
    """Read a setting that must be there.

    Raises:
        UsageError: SETTING_MISSING, SETTING_PLACEHOLDER.
    """
    value = (variables.get(name) or "").strip()
    hint = f"Put {name}=... into .env (see .env.example), or use --bootstrap-servers and --topic."
    if not value:
        raise UsageError("SETTING_MISSING", f"{name} is not set", hint=hint)
    if value.startswith("<") and value.endswith(">"):
        raise UsageError(
            "SETTING_PLACEHOLDER", f"{name} is still the placeholder of .env.example", hint=hint
        )
    return value


class Sender:
    """A connected producer for one topic; messages of one key arrive in the order of sending.

    The producer is idempotent: an event that it sends again after a lost answer is stored once.
    """

    def __init__(self, address: BrokerAddress, topic: str) -> None:
        """Connect; says within 10 seconds why that is not possible.

        Raises:
            SourceError: as `probe_broker`, or TOPIC_UNAVAILABLE.
        """
        probe_broker(address, timeout_seconds=4)
        self.counts = Counts()
        self._handed_over = 0
        self._topic = topic
        self._underway = threading.BoundedSemaphore(_MOST_UNDERWAY)
        self._producer = _producer(address)
        self._require_topic()

    def _require_topic(self) -> None:
        try:
            partitions = self._producer.partitions_for(self._topic)
        except (KafkaError, ValueError):  # refused, or not a name that a topic can have
            partitions = None
        if not partitions:
            self._producer.close(timeout=0)
            raise SourceError(
                "TOPIC_UNAVAILABLE",
                f"The broker has no topic (event hub) '{self._topic}', or the key can't see it",
                hint="Check its name (--topic, EVENT_HUB_NAME) and the permissions of the key.",
            )

    def send(self, message: Message) -> None:
        """Send a message; waits while too many are in flight."""
        self._underway.acquire()
        self._handed_over += 1
        try:
            sent = self._producer.send(self._topic, key=message.key, value=message.value)
        except Exception as error:  # whatever it is: this event was not sent, the next may be
            self._failed(error)
            return
        sent.add_callback(partial(self._delivered, message.kinds))
        sent.add_errback(self._failed)

    def _delivered(self, kinds: tuple[str, ...], record: object) -> None:
        del record
        self.counts.sent += 1
        self.counts.by_kind.update(kinds)
        self._underway.release()

    def _failed(self, error: BaseException) -> None:
        self.counts.failed += 1
        self.counts.causes[type(error).__name__] += 1
        self._underway.release()

    def close(self, timeout_seconds: float = 10) -> Counts:
        """Wait for what is in flight, then return the counts.

        What is not acknowledged by then has failed, as far as we can know.
        """
        with contextlib.suppress(KafkaTimeoutError):
            self._producer.flush(timeout=timeout_seconds)
        with contextlib.suppress(KafkaTimeoutError):  # closing waits for the same events
            self._producer.close(timeout=1)
        sent, failed, causes = self.counts.sent, self.counts.failed, Counter(self.counts.causes)
        if self._handed_over > sent + failed:
            causes["no answer in time"] = self._handed_over - sent - failed
        return Counts(sent, self._handed_over - sent, Counter(self.counts.by_kind), causes)


def _producer(address: BrokerAddress) -> Any:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # counts and causes are told, once
    try:
        return KafkaProducer(
            client_id="headwater-sender",
            enable_idempotence=True,
            linger_ms=5,
            bootstrap_timeout_ms=4000,
            max_block_ms=4000,
            request_timeout_ms=10_000,
            delivery_timeout_ms=30_000,
            **client_settings(address),
        )
    except Exception as error:
        raise SourceError(
            "SOURCE_UNREACHABLE",
            f"The broker accepted the login, then stopped responding: {type(error).__name__}",
            where=address.bootstrap_servers,
            hint="Check that its advertised addresses can be reached from here.",
        ) from error


def send_all(
    messages: Iterable[Message],
    sender: Sender,
    *,
    per_second: float,
    stop: threading.Event,
    on_progress: Callable[[Counts], None],
) -> None:
    """Send messages at a rate (0: as fast as possible) until they end or `stop` is set.

    `on_progress` is called about once a second.
    """
    began = told = time.monotonic()
    for number, message in enumerate(messages):
        if per_second and stop.wait(max(0.0, began + number / per_second - time.monotonic())):
            return
        if stop.is_set():
            return
        sender.send(message)
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            on_progress(sender.counts)
