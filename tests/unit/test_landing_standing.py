"""A consumer that lands nothing says why, and with `once` it ends: never 0 lag, never a hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

from headwater.errors import LandingError, SinkError
from headwater.landing.consumer import Consumer
from headwater.landing.local import LocalSink
from headwater.landing.source import Bounds, EventBatch, Partition
from headwater.landing.standing import Movement, Standing
from headwater.landing.tracks import Limits
from landing_support import TOPIC, Landed, ReplaySource, consumer_of, log_of

PARTITION = Partition(TOPIC, 0)


class Unassigned(ReplaySource):
    """A member that its group leaves without partitions, for ever."""

    def poll(self, timeout_seconds: float) -> Sequence[EventBatch]:
        del timeout_seconds
        return []


class Spare(ReplaySource):
    """A member of a group with more members than partitions."""

    def poll(self, timeout_seconds: float) -> Sequence[EventBatch]:
        del timeout_seconds
        assert self._assignee is not None
        self._assignee.assigned([])
        return []


class Mute(ReplaySource):
    """A broker that says what it holds, and gives none of it."""

    def _has_more(self, partition: Partition) -> bool:
        del partition
        return False


class Away(ReplaySource):
    """A broker that assigned partitions, and then does not answer."""

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        del partitions
        return {}


class WithGaps(ReplaySource):
    """Its last three offsets are no events, as after a transaction."""

    def position(self, partition: Partition) -> int:
        read = super().position(partition)
        return read + 3 if read == len(self.logs[partition]) else read

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        return {each: Bounds(0, len(self.logs[each]) + 3) for each in partitions}


def end_of(source: ReplaySource, folder: Path) -> str:
    with pytest.raises(LandingError) as caught:
        consumer_of(source, LocalSink(folder), patience_seconds=0.1).run()
    return caught.value.code


def test_once_fails_by_name_when_nothing_moves(tmp_path: Path) -> None:
    logs = {0: log_of(5)}
    assert end_of(Unassigned(logs), tmp_path) == "SOURCE_NO_PARTITION"
    assert end_of(Mute(logs), tmp_path) == "SOURCE_STALLED"
    assert end_of(Away(logs), tmp_path) == "SOURCE_STALLED"


def test_once_names_the_storage_that_does_not_say_where_to_go_on(tmp_path: Path) -> None:
    class NoList(LocalSink):
        def list(self, folder: str) -> list[str]:
            raise SinkError("SINK_BUSY", folder, is_transient=True)

    consumer = consumer_of(ReplaySource({0: log_of(5)}), NoList(tmp_path), patience_seconds=0.1)
    consumer._asking = consumer._sink.with_patience(0)
    with pytest.raises(SinkError) as caught:
        consumer.run()
    assert caught.value.is_transient


def test_once_ends_for_a_member_without_partitions(tmp_path: Path) -> None:
    assert consumer_of(Spare({0: log_of(5)}), LocalSink(tmp_path)).run().landed == 0


def lags_of(source: ReplaySource, folder: Path) -> list[int | None]:
    """The lag after each turn: 30 of them, and more while there is a lag, for 20 seconds."""
    found: list[int | None] = []
    stopping = threading.Event()
    ends = time.monotonic() + 20

    def ask(consumer: Consumer) -> None:
        found.append(consumer.lag())
        if len(found) >= 30 and (not found[-1] or time.monotonic() > ends):
            stopping.set()

    consumer_of(
        source,
        LocalSink(folder),
        once=False,
        stopping=stopping,
        on_turn=ask,
        limits=Limits(10, 0.01),
    ).run()
    return found


def test_lag_is_unknown_until_partitions_are_held_and_the_broker_answers(tmp_path: Path) -> None:
    logs = {0: log_of(20)}
    assert set(lags_of(Unassigned(logs), tmp_path / "a")) == {None}
    assert set(lags_of(Away(logs), tmp_path / "b")) == {None}
    assert set(lags_of(Spare(logs), tmp_path / "c")) == {0}


def test_lag_ends_at_zero_behind_offsets_without_an_event(tmp_path: Path) -> None:
    lags = lags_of(WithGaps({0: log_of(20)}), tmp_path)
    assert (lags[0] or 0) > 0
    assert lags[-1] == 0


def test_topic_made_anew_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = ReplaySource({0: log_of(30)})

    def make_anew(consumer: Consumer) -> None:
        if source.positions[PARTITION] == 28:
            source.positions[PARTITION] = 0  # a client goes on at the first offset there is

    with pytest.raises(SinkError) as caught:
        consumer_of(source, LocalSink(tmp_path), on_turn=make_anew).run()
    assert caught.value.code == "SINK_AHEAD"
    assert all(offset < 28 for _, offset in Landed(tmp_path).rows)


def test_standing_tells_a_spare_member_from_one_that_waits() -> None:
    assert [Standing(settled, held, 0).word for settled, held in ((0, 0), (1, 0), (1, 2))] == [
        "waiting",
        "spare",
        "landing",
    ]
    assert [Standing(False, 0, 0).fault(now) != "" for now in (60, 61)] == [False, True]
    assert Standing(True, 0, 0).fault(1000) == Standing(True, 2, 0).fault(1000) == ""


def test_movement_has_ended_after_its_patience() -> None:
    movement = Movement(10, now=0)
    seen = [(1, 0), (1, 10), (1, 11), (2, 12), (2, 22), (2, 23)]
    assert [movement.has_ended(mark, now) for mark, now in seen] == [
        False, False, True, False, False, True,
    ]  # fmt: skip
