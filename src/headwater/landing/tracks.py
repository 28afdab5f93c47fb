"""Events of a partition that are read and not landed, and where to cut them into files.

Pure state: no broker, storage or clock. What does not live here: the loop (`consumer`), who may
land which offsets (`claims`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass

from headwater.errors import SinkError
from headwater.landing.claims import Claim, day_of
from headwater.landing.contract import Contract
from headwater.landing.files import Cut
from headwater.landing.rows import Decoder, Rows
from headwater.landing.source import EventBatch, Partition


@dataclass(frozen=True)
class Limits:
    """When a file is written, and how much may be in memory.

    Attributes:
        max_rows: events of a file, at most.
        max_seconds: how long an event waits for its file, about.
        max_bytes: decoded events in memory, all partitions together, those being written
            included; at this size reading pauses. One partition's file is cut at half of it.
    """

    max_rows: int = 50_000
    max_seconds: float = 60.0
    max_bytes: int = 128 * 1024**2


@dataclass
class Writing:
    """A cut that is being written, and its result: the claim that holds."""

    cut: Cut
    ending: Future[Claim]


class Track:
    """The progress of one partition: landed up to `start`, read beyond it.

    Attributes:
        start: the offset after the last one that is landed or being written.
        pending: another writer's claim, at `start`, whose files have to be completed first.
        stop_at: nothing from this offset on is read (`--once`); None for no end.
        is_open: False until the storage has told where to go on.
        fault: why the storage has not told that.
        writing: the cut that is being written, one at a time.
        topic_id: of the topic that is read, None if the broker gives none.
        anew_since: since when the broker seems to hold less than is landed; None if it does not.
    """

    def __init__(self, partition: Partition, contract: Contract) -> None:
        self.partition = partition
        self.stop_at: int | None = None
        self.is_open = False
        self.fault: SinkError | None = None
        self.topic_id: str | None = None
        self.anew_since: float | None = None
        self.writing: Writing | None = None
        self._own = Decoder(contract)
        self.reset(0, None)

    def reset(self, start: int, pending: Claim | None) -> None:
        """Continue at `start`, and forget what was read beyond it."""
        self.start = start
        self.pending = pending
        self.decoder = Decoder(pending.contract) if pending else self._own
        self.waiting: deque[EventBatch] = deque()
        self._clear()

    def _clear(self) -> None:
        self.rows: list[Rows] = []
        self.count = 0
        self.size = 0
        self.first = self.last = self.first_ms = 0
        self.since = 0.0

    @property
    def memory(self) -> int:
        """Return the bytes of decoded events, those being written included."""
        return self.size + (self.writing.cut.size if self.writing else 0)

    @property
    def read_up_to(self) -> int:
        """Return the offset after the last event that was read."""
        if self.waiting:
            return int(self.waiting[-1].offsets[-1]) + 1
        return self.last + 1 if self.count else self.start

    @property
    def unlanded(self) -> int:
        """Return how many events are read and not landed, of those before `stop_at`."""
        rows = self.writing.cut.rows if self.writing else ()
        written = sum(int(each.landed.num_rows + each.rejected.num_rows) for each in rows)
        return self.count + written + sum(map(self._wanted, self.waiting))

    def _wanted(self, batch: EventBatch) -> int:
        """Return how many events of a batch are before `stop_at`."""
        count = len(batch.offsets)
        return count if self.stop_at is None else int(bisect_left(batch.offsets, self.stop_at))

    def landed_up_to(self, position: int) -> int:
        """Return the first offset that may hold an event that is not landed.

        Args:
            position: the source's; offsets without an event that it has passed count as landed.
        """
        if self.writing:
            return self.writing.cut.claim.start
        if self.pending or self.count:
            return self.start
        if self.waiting:
            return self.waiting[0].offsets[0]
        return max(self.start, position)

    def fill(self, limits: Limits, now: float, ingested_us: int) -> None:
        """Decode waiting events, as far as they belong into the next file."""
        while self.waiting:
            batch = self.waiting.popleft()
            room = self._room(batch, limits)
            if room < len(batch.offsets):
                self.waiting.appendleft(_slice(batch, room, len(batch.offsets)))
            if room == 0:
                return
            self._add(_slice(batch, 0, room), now, ingested_us)

    def _room(self, batch: EventBatch, limits: Limits) -> int:
        if self.pending:
            return bisect_right(batch.offsets, self.pending.last)
        room = 0 if self._is_large(limits) else limits.max_rows - self.count
        return min(room, self._wanted(batch))

    def _add(self, batch: EventBatch, now: float, ingested_us: int) -> None:
        rows = self.decoder.decode(batch, ingested_us)
        if not self.count:
            self.first, self.first_ms, self.since = batch.offsets[0], batch.enqueued_ms[0], now
        self.last = batch.offsets[-1]
        self.rows.append(rows)
        self.count += len(batch.offsets)
        self.size += rows.size

    def is_read(self, position: int) -> bool:
        """Return whether all is read up to `stop_at`; `position` is the source's."""
        return self.stop_at is not None and (
            max(position, self.start) >= self.stop_at and not self._has_readable()
        )

    def _has_readable(self) -> bool:
        stop = self.stop_at
        return bool(self.waiting) and (stop is None or self.waiting[0].offsets[0] < stop)

    def is_full(self, limits: Limits) -> bool:
        """Return whether the next file is as large as it may be, or waits for nothing more."""
        if self.waiting or self.pending:
            return bool(self.waiting)
        return self.count >= limits.max_rows or self._is_large(limits)

    def _is_large(self, limits: Limits) -> bool:
        """Return whether the next file takes no more bytes; it always takes one event."""
        return self.count > 0 and self.size >= limits.max_bytes // 2

    def is_due(self, limits: Limits, now: float, position: int) -> bool:
        """Return whether the next file should be written now."""
        if self.writing or not self.is_open:
            return False
        if self.pending:
            return self.is_complete(position)
        if not self.count:
            return False
        waited = now - self.since >= limits.max_seconds
        return waited or self.is_full(limits) or self.is_read(position)

    def is_complete(self, position: int) -> bool:
        """Return whether all events of the pending claim that there are have been read."""
        last = self.pending.last if self.pending else 0
        return (self.count > 0 and self.last >= last) or (
            position > last and (not self.waiting or self.waiting[0].offsets[0] > last)
        )

    def cut(self) -> Cut | None:
        """Take what is read as a file to write; `start` moves behind it.

        None where the broker has deleted the pending claim's events: nobody can land them.
        """
        claim = self.pending or self._claim()
        rows, size, has_rows = self.rows, self.size, self.count > 0
        cut = Cut(claim, rows, self.decoder.schema, self.pending is not None, size)
        waiting = self.waiting
        self.reset(claim.last + 1, None)
        self.waiting = waiting
        return cut if has_rows else None

    def _claim(self) -> Claim:
        return Claim(
            self.partition,
            start=self.start,
            first=self.first,
            last=self.last,
            landed=sum(each.landed.num_rows for each in self.rows),
            rejected=sum(each.rejected.num_rows for each in self.rows),
            day=day_of(self.first_ms),
            contract=self.decoder.contract,
            topic_id=self.topic_id,
        )


def _slice(batch: EventBatch, start: int, end: int) -> EventBatch:
    if start == 0 and end == len(batch.offsets):
        return batch
    return EventBatch(
        batch.partition,
        batch.offsets[start:end],
        batch.enqueued_ms[start:end],
        batch.keys[start:end],
        batch.values[start:end],
    )
