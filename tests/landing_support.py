"""A log that is replayed as a broker would, and what was landed, read back."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from headwater.landing.consumer import Consumer
from headwater.landing.contract import contract_of
from headwater.landing.sink import Sink
from headwater.landing.source import Assignee, Bounds, EventBatch, EventSource, Partition
from headwater.landing.steady import SteadySink
from headwater.landing.tracks import Limits

TOPIC = "events"
CONTRACT = contract_of(
    {
        "topic": TOPIC,
        "columns": [
            {"name": "id", "type": "STRING", "nullable": False},
            {"name": "age", "type": "BIGINT"},
        ],
    },
    Path("contract.yml"),
)
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def event(number: int, **fields: object) -> bytes:
    return json.dumps({"id": f"E{number}", "age": number % 90, **fields}).encode()


def log_of(count: int, *, every_bad: int = 0) -> list[bytes | None]:
    """`count` events, each `every_bad`th of them no JSON."""
    return [
        b"{not json" if every_bad and number % every_bad == 1 else event(number)
        for number in range(count)
    ]


def batch_of(values: Sequence[bytes | None], first: int = 0, number: int = 0) -> EventBatch:
    count = len(values)
    return EventBatch(
        Partition(TOPIC, number),
        range(first, first + count),
        [START_MS + each for each in range(first, first + count)],
        [b"k"] * count,
        values,
    )


class ReplaySource:
    """Partitions as lists of values; offsets are places in the list, less what was deleted.

    Args:
        logs: the values of each partition.
        size: how many events a poll gives of a partition, at most.
        deleted: how many offsets from the start the broker no longer holds.
        topic_id: what the broker gives for one.
    """

    def __init__(
        self,
        logs: Mapping[int, Sequence[bytes | None]],
        *,
        size: int = 7,
        deleted: int = 0,
        topic: str = TOPIC,
        topic_id: str | None = None,
    ) -> None:
        self.logs = {Partition(topic, number): values for number, values in logs.items()}
        self.size = size
        self.deleted = deleted
        self.id = topic_id
        self.positions: dict[Partition, int] = {}
        self.paused: set[Partition] = set()
        self.committed: dict[Partition, int] = {}
        self.is_closed = False
        self._assignee: Assignee | None = None

    def open(self, assignee: Assignee) -> None:
        self._assignee = assignee

    def poll(self, timeout_seconds: float) -> Sequence[EventBatch]:
        assert self._assignee is not None
        if not self.positions:
            self.positions = dict.fromkeys(self.logs, 0)
            self._assignee.assigned(list(self.logs))
        ready = [each for each in self.logs if self._has_more(each)]
        if not ready:
            time.sleep(min(timeout_seconds, 0.002))  # as a broker does; others may work meanwhile
        return [self._next(each) for each in ready]

    def _has_more(self, partition: Partition) -> bool:
        more = self.positions[partition] < len(self.logs[partition])
        return more and partition not in self.paused

    def _next(self, partition: Partition) -> EventBatch:
        first = self.positions[partition]
        values = self.logs[partition][first : first + self.size]
        self.positions[partition] += len(values)
        batch = batch_of(values, first, partition.number)
        return EventBatch(partition, batch.offsets, batch.enqueued_ms, batch.keys, values)

    def seek(self, partition: Partition, offset: int) -> None:
        self.positions[partition] = max(offset, self.deleted)

    def position(self, partition: Partition) -> int:
        return self.positions[partition]

    def pause(self, partitions: Collection[Partition]) -> None:
        self.paused |= set(partitions)

    def resume(self, partitions: Collection[Partition]) -> None:
        self.paused -= set(partitions)

    def rebalance(self, partitions: Collection[Partition]) -> None:
        """Take partitions away, and return them back."""
        assert self._assignee is not None
        self._assignee.revoked(partitions)
        self.paused -= set(partitions)
        self._assignee.assigned(partitions)

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        return {each: Bounds(self.deleted, len(self.logs[each])) for each in partitions}

    def written(self, partition: Partition) -> int | None:
        return len(self.logs[partition])

    def topic_id(self) -> str | None:
        return self.id

    def commit(self, positions: Mapping[Partition, int]) -> bool:
        self.committed.update(positions)
        return True

    def close(self) -> None:
        if self._assignee and self.positions:
            self._assignee.revoked(list(self.positions))
        self.is_closed = True


def silent(happening: str, **facts: int | float | str | None) -> None:
    """Take what a consumer tells, and keep it quiet."""


def silent_turn(consumer: Consumer) -> None:
    """Let a turn of the loop pass."""


def consumer_of(source: EventSource, sink: Sink, **options: Any) -> Consumer:
    """A consumer that ends when all is landed, with small files unless `limits` says otherwise."""
    known: dict[str, Any] = {
        "limits": Limits(max_rows=10),
        "once": True,
        "stopping": threading.Event(),
        "notify": silent,
        "on_turn": silent_turn,
        **options,
    }
    contract = known.pop("contract", CONTRACT)
    steady = SteadySink(sink, patience_seconds=30, notify=silent)
    return Consumer(source, steady, contract, known.pop("limits"), **known)


class Landed:
    """All files below a local sink, read back.

    Attributes:
        rows: (partition, offset) of each landed row.
        rejected: (partition, offset) of each rejected event.
        files: names of data files and of files of rejected events.
    """

    def __init__(self, root: Path) -> None:
        found = sorted(path for path in root.rglob("*.parquet") if "_incoming" not in path.parts)
        self.files = [path.relative_to(root).as_posix() for path in found]
        self.rows: list[tuple[int, int]] = []
        self.rejected: list[tuple[int, int]] = []
        for path, name in zip(found, self.files, strict=True):
            self.add(name, path.read_bytes())

    def add(self, name: str, content: bytes) -> None:
        table = pq.read_table(io.BytesIO(content), columns=["_partition", "_offset"])
        pairs = list(
            zip(*(table.column(each).to_pylist() for each in table.column_names), strict=True)
        )
        (self.rejected if name.startswith("_rejected/") else self.rows).extend(pairs)

    def check(self, logs: Mapping[int, int]) -> None:
        """Check that each offset of each partition (number: how many) is in exactly one file."""
        seen = Counter(self.rows + self.rejected)
        twice = [pair for pair, times in seen.items() if times > 1]
        missing = [
            (number, offset)
            for number, count in logs.items()
            for offset in range(count)
            if (number, offset) not in seen
        ]
        assert (twice[:3], missing[:3]) == ([], [])
        assert len(seen) == sum(logs.values())
