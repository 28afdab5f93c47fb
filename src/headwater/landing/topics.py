"""Notice that a topic is not the one that was landed, and offsets that the broker has deleted.

A topic that is made anew begins at offset 0 again. It is told apart by its id, where the broker
gives one (Kafka 2.8, KIP-516), and otherwise by ending before what was landed.
"""

from __future__ import annotations

import time

from headwater.errors import SinkError
from headwater.landing.claims import Claim
from headwater.landing.source import Bounds, EventSource, Partition
from headwater.landing.tracks import Track

_ANEW_SECONDS = 30.0  # what a broker tells of its end may be late
_ASK_SECONDS = 1.0


class TopicWatch:
    """What is known of the topic of a consumer.

    Args:
        source: the consumer's; asked, never changed.
    """

    def __init__(self, source: EventSource) -> None:
        self._source = source
        self._expired_to: dict[Partition, int] = {}
        self._asked_at = 0.0
        self._gaps: dict[Partition, tuple[int, int]] = {}

    def check_claim(self, claim: Claim, held: Bounds) -> str | None:
        """Check that a topic is the one of a claim; return the topic's id, if it has one.

        Raises:
            SinkError: SINK_AHEAD.
        """
        self._check_id(claim.partition, claim.topic_id)
        if self._is_anew(claim.partition, claim.last + 1, held):
            raise made_anew(claim.partition, claim.last + 1, held.end)
        return self._source.topic_id() or claim.topic_id

    def check_track(self, track: Track, held: Bounds) -> None:
        """Check that the topic is still the one that a track reads.

        Raises:
            SinkError: SINK_AHEAD; at once where the topic has an id, else after half a minute.
        """
        self.check_id(track)
        landed, now = track.landed_up_to(0), time.monotonic()
        if not self._is_anew(track.partition, landed, held):
            track.anew_since = None
        elif track.anew_since is None:
            track.anew_since = now
        elif now - track.anew_since > _ANEW_SECONDS:
            raise made_anew(track.partition, landed, held.end)

    def check_id(self, track: Track) -> None:
        """The same by the id alone, which costs nothing."""
        self._check_id(track.partition, track.topic_id)

    def _check_id(self, partition: Partition, known: str | None) -> None:
        now = self._source.topic_id()
        if known and now and known != now:
            raise SinkError(
                "SINK_AHEAD",
                f"The sink holds events of another topic of the name '{partition.topic}': it was"
                " recreated, or another broker has it",
                hint="Land this topic into another folder.",
            )

    def _is_anew(self, partition: Partition, landed: int, held: Bounds) -> bool:
        """Return whether a topic ends before its landed offsets."""
        if landed <= held.end:
            return False
        written = self._source.written(partition)
        return written is not None and landed > written

    def expired(self, partition: Partition, start: int, first: int) -> int:
        """Return how many offsets from `start` on are deleted, without those told before.

        Args:
            first: the first offset that there is.
        """
        known = self._expired_to.get(partition, 0)
        self._expired_to[partition] = max(known, first)
        return max(0, first - max(start, known))

    def expired_before(self, partition: Partition, start: int, found: int) -> int:
        """The same where `found` came next: what lies between may never have been an event.

        Asks the broker, at most once a second; gaps that it was not asked of are counted then.
        """
        first, _ = self._gaps.get(partition, (start, found))
        self._gaps[partition] = (first, found)
        now = time.monotonic()
        if now - self._asked_at < _ASK_SECONDS:
            return 0
        self._asked_at = now
        count = 0
        for each, held in self._source.bounds(list(self._gaps)).items():
            begin, end = self._gaps.pop(each)
            count += self.expired(each, begin, min(end, held.first))
        return count


def made_anew(partition: Partition, landed: int, found: int) -> SinkError:
    """Return the error for a topic whose offsets go back behind what is landed."""
    return SinkError(
        "SINK_AHEAD",
        f"The sink holds {partition} up to offset {landed - 1}, but the topic is at {found}:"
        " it was recreated",
        hint="Land the new topic into another folder.",
    )
