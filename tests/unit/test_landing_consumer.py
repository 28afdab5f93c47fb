"""Exactly once: whatever is killed, replayed, cut anew or raced, each offset is in one file."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import LandingError, SinkError
from headwater.landing.consumer import Consumer
from headwater.landing.contract import Column, Contract
from headwater.landing.local import LocalSink
from headwater.landing.source import Partition
from headwater.landing.tracks import Limits
from landing_support import (
    TOPIC,
    Landed,
    ReplaySource,
    consumer_of,
    event,
    log_of,
)

LOGS = {0: log_of(95, every_bad=9), 1: log_of(40), 2: []}
COUNTS = {number: len(values) for number, values in LOGS.items()}


class Killed(BaseException):
    """The process is gone: nothing that catches errors catches it."""


class DyingSink:
    """A local sink whose process dies before, or right after, its n-th file is made."""

    def __init__(self, inner: LocalSink, dies_at: int, *, after: bool) -> None:
        self.inner = inner
        self.left = dies_at
        self.after = after

    def create(self, name: str, content: bytes) -> bool:
        self.left -= 1
        if self.left < 0 or (self.left == 0 and not self.after):
            raise Killed
        made = self.inner.create(name, content)
        if self.left == 0:
            raise Killed
        return made

    def read(self, name: str) -> bytes:
        return self.inner.read(name)

    def exists(self, name: str) -> bool:
        return self.inner.exists(name)

    def list(self, folder: str) -> list[str]:
        return self.inner.list(folder)


def test_all_is_landed_once_and_committed(tmp_path: Path) -> None:
    source = ReplaySource(LOGS)
    counts = consumer_of(source, LocalSink(tmp_path)).run()
    landed = Landed(tmp_path)
    landed.check(COUNTS)
    assert (counts.landed, counts.rejected) == (len(landed.rows), len(landed.rejected))
    assert counts.landed + counts.rejected == 135
    assert {part.number: offset for part, offset in source.committed.items()} == {0: 95, 1: 40}
    assert source.is_closed


def test_file_names_tell_topic_partition_and_offsets(tmp_path: Path) -> None:
    consumer_of(ReplaySource({3: log_of(12, every_bad=11)}), LocalSink(tmp_path)).run()
    assert Landed(tmp_path).files == [
        "_rejected/events/2026-01-01/events-00003-00000000000000000000-00000000000000000009.parquet",
        "events/2026-01-01/events-00003-00000000000000000000-00000000000000000009.parquet",
        "events/2026-01-01/events-00003-00000000000000000010-00000000000000000011.parquet",
    ]


def test_second_run_lands_only_what_is_new(tmp_path: Path) -> None:
    values = log_of(30)
    consumer_of(ReplaySource({0: values[:17]}), LocalSink(tmp_path)).run()
    counts = consumer_of(ReplaySource({0: values}), LocalSink(tmp_path)).run()
    assert counts.landed == 13
    Landed(tmp_path).check({0: 30})


@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_killed_anywhere_and_cut_anew_each_offset_is_in_one_file(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("sink")
    for _ in range(data.draw(st.integers(1, 8))):
        sink = DyingSink(
            LocalSink(root), data.draw(st.integers(1, 12)), after=data.draw(st.booleans())
        )
        limits = Limits(max_rows=data.draw(st.integers(1, 40)))
        try:
            consumer_of(ReplaySource(LOGS), sink, limits=limits).run()
        except Killed:
            continue
    consumer_of(ReplaySource(LOGS), LocalSink(root)).run()
    Landed(root).check(COUNTS)


@settings(deadline=None, max_examples=5)
@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=4))
def test_consumers_that_all_believe_to_own_a_partition_never_overlap(
    sizes: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("sink")
    together = threading.Barrier(len(sizes))
    failures: list[BaseException] = []

    def land(size: int) -> None:
        try:
            consumer = consumer_of(
                ReplaySource(LOGS, size=size), LocalSink(root), limits=Limits(max_rows=size)
            )
            together.wait()
            consumer.run()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=land, args=(each,)) for each in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    Landed(root).check(COUNTS)


def test_claim_that_was_left_open_is_completed_by_its_own_contract(tmp_path: Path) -> None:
    """A contract that is changed between crash and restart neither doubles nor loses an event."""
    values = [event(1), b'{"id": 5}', event(2)]
    with pytest.raises(Killed):
        sink = DyingSink(LocalSink(tmp_path), 2, after=True)  # claim, rejected; rows are missing
        consumer_of(ReplaySource({0: values}), sink).run()
    lenient = Contract(TOPIC, (Column("id", "BIGINT"),))
    consumer_of(ReplaySource({0: values}), LocalSink(tmp_path), contract=lenient).run()
    landed = Landed(tmp_path)
    assert (landed.rows, landed.rejected) == ([(0, 0), (0, 2)], [(0, 1)])


def test_made_anew_topic_is_refused(tmp_path: Path) -> None:
    consumer_of(ReplaySource({0: log_of(30)}), LocalSink(tmp_path)).run()
    with pytest.raises(SinkError) as caught:
        consumer_of(ReplaySource({0: log_of(29)}), LocalSink(tmp_path)).run()
    assert caught.value.code == "SINK_AHEAD"


def test_topic_with_another_id_is_refused_however_long_it_is(tmp_path: Path) -> None:
    first = ReplaySource({0: log_of(30)}, topic_id="a")
    consumer_of(first, LocalSink(tmp_path)).run()
    consumer_of(ReplaySource({0: log_of(31)}), LocalSink(tmp_path)).run()  # a broker without ids
    with pytest.raises(SinkError) as caught:
        consumer_of(ReplaySource({0: log_of(50)}, topic_id="b"), LocalSink(tmp_path)).run()
    assert (caught.value.code, Landed(tmp_path).rows[-1]) == ("SINK_AHEAD", (0, 30))


def test_topic_that_gets_another_id_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = ReplaySource({0: log_of(50)}, topic_id="a")

    def make_anew(_: Consumer) -> None:
        source.id = "b"

    with pytest.raises(SinkError) as caught:
        consumer_of(source, LocalSink(tmp_path), on_turn=make_anew).run()
    assert caught.value.code == "SINK_AHEAD"


@pytest.mark.parametrize(("rows", "is_refused"), [(1000, False), (10, True)])
def test_log_that_begins_again_is_never_mixed_with_what_was_read_of_it(
    tmp_path: Path, rows: int, is_refused: bool
) -> None:
    """The broker has no such offset any more, and the client starts from the first one."""
    source = ReplaySource({0: log_of(60)}, size=7)
    turns = iter(range(100))

    def begin_again(_: Consumer) -> None:
        if next(turns) == 3:
            source.logs = {each: log_of(40) for each in source.logs}
            source.positions = dict.fromkeys(source.logs, 0)

    consumer = consumer_of(
        source, LocalSink(tmp_path), limits=Limits(max_rows=rows), on_turn=begin_again
    )
    if is_refused:
        with pytest.raises(SinkError) as caught:
            consumer.run()
        assert caught.value.code == "SINK_AHEAD"
        return
    consumer._once = False
    consumer._stopping = stopping = threading.Event()
    consumer._limits = Limits(max_rows=40)

    def stop(consumer: Consumer) -> None:
        begin_again(consumer)
        if consumer.counts.landed == 40:
            stopping.set()

    consumer._on_turn = stop
    assert consumer.run().landed == 40
    Landed(tmp_path).check({0: 40})


def test_open_claims_larger_than_memory_are_completed(tmp_path: Path) -> None:
    logs = {number: log_of(60) for number in range(3)}
    for number in logs:
        with pytest.raises(Killed):
            sink = DyingSink(LocalSink(tmp_path), 1, after=True)
            one = ReplaySource({number: logs[number]})
            consumer_of(one, sink, limits=Limits(max_rows=50)).run()
    consumer_of(ReplaySource(logs), LocalSink(tmp_path), limits=Limits(max_bytes=3000)).run()
    Landed(tmp_path).check(dict.fromkeys(logs, 60))


def test_file_that_a_reader_removed_is_not_landed_again(tmp_path: Path) -> None:
    consumer_of(ReplaySource({0: log_of(30)}), LocalSink(tmp_path)).run()
    for name in Landed(tmp_path).files:
        (tmp_path / name).unlink()
    consumer_of(ReplaySource({0: log_of(31)}), LocalSink(tmp_path)).run()
    assert Landed(tmp_path).rows == [(0, 30)]


def test_events_that_expire_while_others_are_read_are_counted(tmp_path: Path) -> None:
    source = ReplaySource({0: log_of(100)})

    def expire(_: Consumer) -> None:
        if source.deleted == 0:
            source.deleted = 60
            source.positions = {each: max(60, at) for each, at in source.positions.items()}

    consumer = consumer_of(source, LocalSink(tmp_path), on_turn=expire)
    counts = consumer.run()
    assert counts.landed + counts.expired == 100
    assert counts.expired == 53


def test_gap_is_counted_once_however_often_the_partition_is_assigned(tmp_path: Path) -> None:
    consumer_of(ReplaySource({0: log_of(10)}), LocalSink(tmp_path)).run()
    source = ReplaySource({0: log_of(40)}, deleted=15)
    turns = iter(range(100))

    def rebalance(_: Consumer) -> None:
        if next(turns) < 3:
            source.rebalance(list(source.logs))

    counts = consumer_of(source, LocalSink(tmp_path), on_turn=rebalance).run()
    assert (counts.expired, counts.landed) == (5, 25)


def test_commit_that_failed_is_made_again(tmp_path: Path) -> None:
    class Forgetful(ReplaySource):
        answers = iter([False, False])

        def commit(self, positions: Mapping[Partition, int]) -> bool:
            return next(self.answers, True) and super().commit(positions)

    source = Forgetful({0: log_of(30), 1: log_of(5)})
    consumer_of(source, LocalSink(tmp_path)).run()
    assert {part.number: offset for part, offset in source.committed.items()} == {0: 30, 1: 5}


def test_what_can_not_be_flushed_is_told(tmp_path: Path) -> None:
    class Away(LocalSink):
        def create(self, name: str, content: bytes) -> bool:
            del name, content
            raise SinkError("SINK_AWAY", "away", is_transient=True)

    stopping = threading.Event()
    consumer = consumer_of(
        ReplaySource({0: log_of(8)}, size=10),
        Away(tmp_path),
        once=False,
        stopping=stopping,
        on_turn=lambda _: stopping.set(),
    )
    consumer._sink.give_up()
    with pytest.raises(LandingError) as caught:
        consumer.run()
    assert (caught.value.code, "8 events" in caught.value.message) == ("LANDING_UNFINISHED", True)


def test_stop_before_all_is_landed_once_is_told(tmp_path: Path) -> None:
    stopping = threading.Event()
    source = ReplaySource({0: log_of(80)})
    with pytest.raises(LandingError) as caught:
        consumer_of(
            source, LocalSink(tmp_path), stopping=stopping, on_turn=lambda _: stopping.set()
        ).run()
    assert caught.value.code == "LANDING_UNFINISHED"


def test_events_the_broker_deleted_are_counted(tmp_path: Path) -> None:
    consumer_of(ReplaySource({0: log_of(30)}), LocalSink(tmp_path)).run()
    counts = consumer_of(ReplaySource({0: log_of(60)}, deleted=45), LocalSink(tmp_path)).run()
    assert (counts.landed, counts.expired) == (15, 15)
    assert any("-00000000000000000045-" in name for name in Landed(tmp_path).files)


def test_open_claim_whose_events_are_deleted_does_not_stop_landing(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        sink = DyingSink(LocalSink(tmp_path), 1, after=True)
        consumer_of(ReplaySource({0: log_of(10)}), sink).run()
    counts = consumer_of(ReplaySource({0: log_of(40)}, deleted=20), LocalSink(tmp_path)).run()
    assert counts.landed == 20


def test_events_of_an_open_claim_that_are_deleted_are_not_counted_as_landed(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        sink = DyingSink(LocalSink(tmp_path), 1, after=True)
        consumer_of(ReplaySource({0: log_of(10)}), sink).run()
    counts = consumer_of(ReplaySource({0: log_of(10)}, deleted=6), LocalSink(tmp_path)).run()
    assert (counts.landed, counts.expired, len(Landed(tmp_path).rows)) == (4, 6, 4)


def test_stop_lands_what_was_read(tmp_path: Path) -> None:
    stopping = threading.Event()
    source = ReplaySource({0: log_of(40)}, size=10)
    turns = iter(range(100))

    def stop_at_second_turn(_: object) -> None:
        if next(turns) == 1:
            stopping.set()

    consumer_of(
        source,
        LocalSink(tmp_path),
        once=False,
        limits=Limits(max_seconds=1000),
        stopping=stopping,
        on_turn=stop_at_second_turn,
    ).run()
    Landed(tmp_path).check({0: 20})


def test_memory_stays_below_its_bound_while_the_storage_is_slow(tmp_path: Path) -> None:
    class SlowSink(LocalSink):
        def create(self, name: str, content: bytes) -> bool:
            threading.Event().wait(0.01)
            return super().create(name, content)

    most = []
    source = ReplaySource({number: log_of(2000) for number in range(4)}, size=50)
    consumer_of(
        source,
        SlowSink(tmp_path),
        limits=Limits(max_bytes=100_000),
        on_turn=lambda consumer: most.append(consumer.memory),
    ).run()
    Landed(tmp_path).check(dict.fromkeys(range(4), 2000))
    one_poll = 4 * 50 * 200
    assert max(most) <= 100_000 + one_poll


def test_smallest_memory_lands_event_by_event(tmp_path: Path) -> None:
    limits = Limits(max_bytes=1)
    counts = consumer_of(ReplaySource({0: log_of(3)}, size=1), LocalSink(tmp_path), limits=limits)
    assert counts.run().landed == 3


def test_random_rebalances_leave_each_offset_in_one_file(tmp_path: Path) -> None:
    dice = random.Random(4)  # noqa: S311 - no secrets
    stopping = threading.Event()
    source = ReplaySource(LOGS, size=5)

    def rebalance(_: Consumer) -> None:
        if dice.random() < 0.3:
            source.rebalance(dice.sample(sorted(source.logs), 2))

    consumer_of(source, LocalSink(tmp_path), stopping=stopping, on_turn=rebalance).run()
    Landed(tmp_path).check(COUNTS)


def test_once_does_not_end_between_losing_and_getting_partitions(tmp_path: Path) -> None:
    source = ReplaySource(LOGS, size=5)
    turns = iter(range(1000))

    def rebalance(consumer: Consumer) -> None:
        turn = next(turns)
        if turn == 2:
            consumer.revoked(list(source.logs))
        if turn == 4:
            consumer.assigned(list(source.logs))

    consumer_of(source, LocalSink(tmp_path), on_turn=rebalance).run()
    Landed(tmp_path).check(COUNTS)
