"""What the landing consumer asks of a broker's client, whichever protocol it speaks.

Two clients implement it: `kafka` (Kafka protocol, also Event Hubs' Kafka endpoint) and `eventhubs`
(AMQP). What does not live here: decoding of events, files, the loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Partition(NamedTuple):
    """One partition of a topic (of an event hub)."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Bounds(NamedTuple):
    """What can be read of a partition: offsets from `first` (inclusive) to `end` (exclusive).

    Where only committed events are read, it ends before the first open transaction.
    """

    first: int
    end: int


@dataclass(frozen=True)
class EventBatch:
    """Events of one partition by column, in the order of rising offsets; no list is empty.

    Attributes:
        offsets: the events' offsets (Event Hubs: sequence numbers); there may be gaps.
        enqueued_ms: when the broker took each event, or when its producer made it if the topic
            has Kafka's `CreateTime`; in milliseconds since 1970 UTC, within the years 1 to 9999.
        keys: partition keys as bytes, None where an event has none.
        values: bodies as they came, None for an event without a body.
    """

    partition: Partition
    offsets: Sequence[int]
    enqueued_ms: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]


class Assignee(Protocol):
    """Receives rebalances; always within `EventSource.poll` or `close`, on its thread."""

    def assigned(self, partitions: Collection[Partition]) -> None:
        """Take partitions over; calls `seek` for each of them before returning.

        Called once a rebalance is over, also when there are no partitions for this member.
        """

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Release partitions; may still `commit` for them before returning."""


class EventSource(Protocol):
    """A member of a consumer group on one topic; used by one thread.

    It commits nothing by itself, and starts no partition by itself: the assignee seeks.
    """

    def open(self, assignee: Assignee) -> None:
        """Connect and join the group.

        Raises:
            SourceError: within 10 seconds, with the cause: host, port, TLS, key, topic.
        """

    def poll(self, timeout_seconds: float) -> Sequence[EventBatch]:
        """Return what has arrived, or nothing after the timeout; notifies the assignee first.

        A broker that is away for a while returns nothing and raises nothing; a permanent refusal
        (key revoked, topic deleted) raises SourceError.
        """

    def seek(self, partition: Partition, offset: int) -> None:
        """Continue at `offset`, or at the first offset after it that the partition holds."""

    def position(self, partition: Partition) -> int:
        """Return the offset after the last one passed on; also passes offsets without an event."""

    def pause(self, partitions: Collection[Partition]) -> None:
        """Pause these partitions until `resume`; the group's membership stays.

        A partition that is assigned, for the first time or again, is not paused.
        """

    def resume(self, partitions: Collection[Partition]) -> None:
        """Undo `pause`."""

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        """Ask the broker what these partitions hold now; leaves out unknown ones."""

    def written(self, partition: Partition) -> int | None:
        """Ask for the end of a partition, open transactions included; None if unknown."""

    def topic_id(self) -> str | None:
        """Return what tells this topic from others of its name; None if unknown. Asks nobody."""

    def commit(self, positions: Mapping[Partition, int]) -> bool:
        """Store next offsets for the group; False where it could not (a rebalance, an outage).

        Never needed for correctness: files, not commits, say where to continue.
        """

    def close(self) -> None:
        """Leave the group at once; notifies the assignee that all is revoked."""
