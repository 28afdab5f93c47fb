"""Events by the Kafka protocol, with kafka-python: Kafka itself, and Event Hubs' Kafka endpoint.

What does not live here: decoding, files, and why a broker can't be used (`probe`).
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import IllegalStateError, KafkaError
from kafka.structs import OffsetAndMetadata

from headwater.errors import SourceError
from headwater.landing.broker import BrokerAddress, client_settings
from headwater.landing.kafka_errors import explained, is_final, topic_missing
from headwater.landing.membership import (
    finish_join,
    give_back_parked,
    known_id,
    knows_topic,
    make_no_topics,
)
from headwater.landing.probe import probe_broker
from headwater.landing.source import Assignee, Bounds, EventBatch, Partition

_OPEN_MS, _ASK_MS, _CLOSE_MS = 8_000, 4_000, 2_000
_RECORDS_OF_A_POLL = 2_000
_FETCH_BYTES, _FETCH_BYTES_OF_A_PARTITION = 8 * 1024**2, 1024**2
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999: a producer may send any number as the time of an event."""
READ_COMMITTED, READ_UNCOMMITTED = "read_committed", "read_uncommitted"


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers rebalances; kafka-python reports them on a thread that must not wait."""

    def __init__(self) -> None:
        self.heard: deque[tuple[bool, list[TopicPartition]]] = deque()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.heard.append((False, list(revoked)))

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self.heard.append((False, list(lost)))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.heard.append((True, list(assigned)))


class KafkaSource:
    """A member of a consumer group; see `EventSource` for what each method promises.

    Args:
        address: with a connection string it is SASL_SSL with PLAIN, as Event Hubs wants it.
        topic: the topic, or the event hub.
        group: the consumer group.
        member: a name that stays the same over restarts, so that a restarted consumer gets its
            partitions back at once; None for a new member each time.
        isolation: of transactions, `read_committed` or `read_uncommitted`: whether events of open
            and aborted ones are left out.
    """

    gone_seconds = 30.0  # a broker that starts may not know of its topics for a moment

    def __init__(
        self,
        address: BrokerAddress,
        topic: str,
        group: str,
        *,
        member: str | None = None,
        isolation: str = READ_COMMITTED,
    ) -> None:
        self._address = address
        self._topic = topic
        self._settings = _settings(address, group, member) | {"isolation_level": isolation}
        self._gone_since: float | None = None
        self._rebalances = _Rebalances()
        self._positions: dict[Partition, int] = {}
        self._consumer: KafkaConsumer | None = None
        self._assignee: Assignee | None = None

    def open(self, assignee: Assignee) -> None:
        """See `EventSource.open`."""
        probe_broker(self._address)
        self._assignee = assignee
        try:
            self._consumer = KafkaConsumer(**self._settings)
            make_no_topics(self._consumer)
            # first: what is asked next must be known of the topic before the group is joined
            self._consumer.subscribe([self._topic], listener=self._rebalances)
            if not self._consumer.partitions_for_topic(self._topic):
                raise topic_missing(self._topic)
        except KafkaError as error:
            raise explained(error, self._topic) from error
        except ValueError:  # kafka-python looks at the name itself
            raise topic_missing(self._topic) from None

    def poll(self, timeout_seconds: float) -> Sequence[EventBatch]:
        """See `EventSource.poll`."""
        give_back_parked(self._client)
        try:
            finish_join(self._client)
            found = self._client.poll(timeout_ms=int(timeout_seconds * 1000))
        except KafkaError as error:
            if is_final(error):
                raise explained(error, self._topic) from error
            found = {}
        self._check_topic()
        moved = self._tell_rebalances()
        batches = [_batch(part, records) for part, records in found.items() if part not in moved]
        for batch in batches:
            self._positions[batch.partition] = batch.offsets[-1] + 1
        if not found:
            self._look_past_gaps()
        return batches

    def seek(self, partition: Partition, offset: int) -> None:
        """See `EventSource.seek`."""
        with contextlib.suppress(ValueError):  # it was taken away meanwhile; `revoked` follows
            self._client.seek(_part(partition), offset)
        self._positions[partition] = offset

    def position(self, partition: Partition) -> int:
        """See `EventSource.position`."""
        return self._positions.get(partition, 0)

    def pause(self, partitions: Collection[Partition]) -> None:
        """See `EventSource.pause`."""
        self._client.pause(*self._held(partitions))

    def resume(self, partitions: Collection[Partition]) -> None:
        """See `EventSource.resume`."""
        self._client.resume(*self._held(partitions))

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        """See `EventSource.bounds`."""
        parts = [_part(each) for each in partitions]
        try:
            first = self._client.beginning_offsets(parts, timeout_ms=_ASK_MS)
            end = self._client.end_offsets(parts, timeout_ms=_ASK_MS)
        except KafkaError:
            return {}
        return {
            Partition(*part): Bounds(first[part], end[part])
            for part in parts
            if first.get(part) is not None and end.get(part) is not None
        }

    def written(self, partition: Partition) -> int | None:
        """See `EventSource.written`."""
        part = _part(partition)
        settings = client_settings(self._address) | {"bootstrap_timeout_ms": _OPEN_MS}
        try:
            with contextlib.closing(KafkaConsumer(**settings)) as every_offset:
                make_no_topics(every_offset)
                return int(every_offset.end_offsets([part], timeout_ms=_ASK_MS)[part])
        except KafkaError:
            return None

    def topic_id(self) -> str | None:
        """See `EventSource.topic_id`; brokers before Kafka 2.8 give none."""
        return known_id(self._client, self._topic)

    def commit(self, positions: Mapping[Partition, int]) -> bool:
        """See `EventSource.commit`."""
        offsets = {
            _part(partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in positions.items()
        }
        try:
            self._client.commit(offsets, timeout_ms=_ASK_MS)
        except KafkaError:
            return False
        return True

    def close(self) -> None:
        """See `EventSource.close`."""
        if self._consumer is None:
            return
        if self._assignee is not None:
            self._assignee.revoked(list(self._positions))
        consumer, self._consumer = self._consumer, None
        with contextlib.suppress(KafkaError):
            consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)

    @property
    def _client(self) -> Any:
        if self._consumer is None:
            raise SourceError("SOURCE_CLOSED", "The source is not open")
        return self._consumer

    def _held(self, partitions: Collection[Partition]) -> set[TopicPartition]:
        held: set[TopicPartition] = self._client.assignment()
        return held & {_part(each) for each in partitions}

    def _tell_rebalances(self) -> set[TopicPartition]:
        """Notify the assignee; return the partitions whose records of this poll are from before."""
        moved: set[TopicPartition] = set()
        heard = self._rebalances.heard
        while heard and self._assignee is not None:
            is_assigned, parts = heard.popleft()
            if is_assigned and not parts and self._is_gone():
                continue
            partitions = [Partition(*part) for part in parts]
            moved.update(parts)
            if is_assigned:
                self._positions.update(dict.fromkeys(partitions, 0))
                self.resume(partitions)  # kafka-python keeps a pause over a rebalance
                self._assignee.assigned(partitions)
            else:
                self._assignee.revoked(partitions)
                for partition in partitions:
                    self._positions.pop(partition, None)
        return moved

    def _is_gone(self) -> bool:
        """Return whether nothing was assigned because the topic was deleted, and remember it."""
        if knows_topic(self._client, self._topic):
            return False
        self._gone_since = self._gone_since or time.monotonic()
        return True

    def _check_topic(self) -> None:
        if self._gone_since is not None and time.monotonic() - self._gone_since > self.gone_seconds:
            if not knows_topic(self._client, self._topic):
                raise topic_missing(self._topic)
            self._gone_since = None

    def _look_past_gaps(self) -> None:
        """Move positions over offsets without an event, such as a transaction's end."""
        for partition, known in self._positions.items():
            with contextlib.suppress(KafkaError, IllegalStateError):
                found = self._client.position(_part(partition), timeout_ms=0)
                self._positions[partition] = max(known, found or 0)


def _settings(address: BrokerAddress, group: str, member: str | None) -> dict[str, Any]:
    return {
        **client_settings(address),
        "group_id": group,
        "group_instance_id": member,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "bootstrap_timeout_ms": _OPEN_MS,
        "reconnect_backoff_max_ms": 1_000,
        "heartbeat_interval_ms": 1_000,  # a rebalance is heard of with a heartbeat
        "max_poll_records": _RECORDS_OF_A_POLL,
        "fetch_max_bytes": _FETCH_BYTES,
        "max_partition_fetch_bytes": _FETCH_BYTES_OF_A_PARTITION,
        "metrics_enabled": False,
    }


def _batch(part: TopicPartition, records: Sequence[Any]) -> EventBatch:
    return EventBatch(
        Partition(*part),
        [each.offset for each in records],
        [min(max(each.timestamp, _FIRST_MS), _LAST_MS) for each in records],
        [each.key for each in records],
        [each.value for each in records],
    )


def _part(partition: Partition) -> TopicPartition:
    return TopicPartition(*partition)
