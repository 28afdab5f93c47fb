"""The landing loop: read, decode, cut, write, and only then commit.

Exactly once: files say where to continue, not commits; see `claims`. Reading goes on while a file
is written, by two threads at most; all other state belongs to the loop's thread. Memory is bounded
by `Limits.max_bytes`, however long the backlog and however long the storage is away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import replace

from headwater.errors import HeadwaterError, LandingError, SinkError, SourceError
from headwater.landing.claims import Claim, is_whole, last_claim
from headwater.landing.contract import Contract
from headwater.landing.counts import Counts, Notify
from headwater.landing.files import Cut, land
from headwater.landing.source import Bounds, EventBatch, EventSource, Partition
from headwater.landing.standing import Movement, Standing
from headwater.landing.steady import SteadySink
from headwater.landing.topics import TopicWatch, made_anew
from headwater.landing.tracks import Limits, Track, Writing

_WRITERS = 2
_ASK_SECONDS = 5.0
_DRAIN_SECONDS = 7.0
_IDLE_SECONDS, _BUSY_SECONDS = 0.5, 0.05
_REOPEN_SECONDS = 1.0
PATIENCE_ONCE_SECONDS = 120.0


class Consumer:
    """Lands the events of one topic; a member of a group, for one thread.

    Args:
        source: not opened yet; closed when `run` ends.
        sink: where files go.
        contract: of the topic.
        limits: when files are cut.
        stopping: set it, from anywhere, to end `run` after a final flush, within 10 seconds.
        once: end when all is landed that the broker held at the start, or fail when nothing moves
            for `patience_seconds`.
        notify: told what happens, in words without payloads.
        on_turn: called after each turn of the loop, a few times a second at least.
    """

    def __init__(
        self,
        source: EventSource,
        sink: SteadySink,
        contract: Contract,
        limits: Limits,
        *,
        stopping: threading.Event,
        once: bool = False,
        patience_seconds: float = PATIENCE_ONCE_SECONDS,
        notify: Notify,
        on_turn: Callable[[Consumer], None],
    ) -> None:
        self.counts = Counts()
        self._source = source
        self._topic = TopicWatch(source)
        self._sink = sink
        self._asking = sink.with_patience(_ASK_SECONDS)
        self._contract = contract
        self._limits = limits
        self._stopping = stopping
        self._once = once
        self._notify = notify
        self._on_turn = on_turn
        self._tracks: dict[Partition, Track] = {}
        self._paused: set[Partition] = set()
        self.standing = Standing(is_settled=False, partitions=0, since=time.monotonic())
        self._movement = Movement(patience_seconds, time.monotonic())
        self._reopen_at = self._commit_at = 0.0
        self._uncommitted: dict[Partition, int] = {}
        self._unflushed = 0  # events that were read of what was revoked last, and not landed
        self._writers = threading.BoundedSemaphore(_WRITERS)

    def run(self) -> Counts:
        """Land until stopped (or, with `once`, until all is landed); return the counts.

        Raises:
            SourceError, SinkError: when going on makes no sense; what is landed stays landed.
            LandingError: LANDING_UNFINISHED, when it was stopped before all was landed.
        """
        left = False
        try:
            self._source.open(self)
            while not self._stopping.is_set() and not self._is_done():
                for batch in self._source.poll(self._wait_seconds()):
                    self._take(batch)
                self._turn()
            left = self._once and not self._has_read_all()
        except BaseException:
            self._tracks.clear()  # no final flush: what is not landed is read again
            raise
        finally:
            self._unflushed = 0
            self._source.close()  # tells us that all is revoked: the final flush
            self._sink.give_up()
        if left or self._unflushed:
            raise _unfinished(self._unflushed)
        return self.counts

    def lag(self) -> int | None:
        """Ask the broker how many events are not landed yet, in this consumer's partitions.

        None while unknown: the group has not assigned partitions, the broker does not answer, or it
        has not been read from the storage up to where they are landed.

        Raises:
            SinkError: SINK_AHEAD, when a topic was made anew.
        """
        tracks = list(self._tracks.values())
        if not self.standing.is_settled or not all(each.is_open for each in tracks):
            return None
        bounds = self._source.bounds([each.partition for each in tracks])
        if len(bounds) < len(tracks):
            return None
        return sum(self._behind(each, bounds[each.partition]) for each in tracks)

    def _behind(self, track: Track, held: Bounds) -> int:
        self._topic.check_track(track, held)
        return max(0, held.end - max(held.first, track.landed_up_to(self._position(track))))

    @property
    def memory(self) -> int:
        """Return the bytes of decoded events in memory."""
        return sum(each.memory for each in self._tracks.values())

    @property
    def partitions(self) -> list[Partition]:
        """Return the partitions this consumer reads now."""
        return sorted(self._tracks)

    def assigned(self, partitions: Collection[Partition]) -> None:
        """See `Assignee.assigned`: continue where the files end."""
        for partition in partitions:
            track = self._tracks[partition] = Track(partition, self._contract)
            self._open(track)
        self._settle(True)
        self._notify("assigned", partitions=len(self._tracks))

    def revoked(self, partitions: Collection[Partition]) -> None:
        """See `Assignee.revoked`: land what was read, if that is quick, and forget the rest."""
        given_up = [self._tracks[each] for each in partitions if each in self._tracks]
        self._drain(given_up)
        self._unflushed = sum(each.unlanded for each in given_up)
        for track in given_up:
            del self._tracks[track.partition]
            self._uncommitted.pop(track.partition, None)
        self._settle(bool(self._tracks))  # with none left, a rebalance is under way
        self._paused -= set(partitions)
        if given_up:
            self._notify("revoked", partitions=len(given_up))

    def _settle(self, is_settled: bool) -> None:
        found = Standing(is_settled, len(self._tracks), time.monotonic())
        if found.word != self.standing.word:
            self.standing = found
        else:
            self.standing = replace(self.standing, partitions=found.partitions)

    def _open(self, track: Track) -> None:
        """Read from the storage where to continue; the partition pauses until then."""
        partition = track.partition
        track.is_open = False
        try:
            claim = last_claim(self._asking, partition)
            pending = claim if claim and not is_whole(self._asking, claim) else None
        except SinkError as error:
            if not error.is_transient:
                raise
            track.fault = error
            return self._rest(track)
        track.fault = None
        held = self._source.bounds([partition]).get(partition)
        if held is None:
            return self._rest(track)
        start = (pending.start if pending else claim.last + 1) if claim else 0
        track.topic_id = self._topic.check_claim(claim, held) if claim else self._source.topic_id()
        gone = self._topic.expired(partition, start, held.first)
        self._expire(gone if claim else 0)
        track.reset(start, pending)
        track.stop_at = held.end if self._once and track.stop_at is None else track.stop_at
        track.is_open = True
        self._source.seek(partition, max(start, held.first))
        return None

    def _rest(self, track: Track) -> None:
        self._source.seek(track.partition, 0)
        self._reopen_at = time.monotonic() + _REOPEN_SECONDS

    def _expire(self, offsets: int) -> None:
        if offsets:
            self.counts.expired += offsets
            self._notify("expired", offsets=offsets)

    def _take(self, batch: EventBatch) -> None:
        track = self._tracks.get(batch.partition)
        if not track or not track.is_open:
            return
        first, expected = batch.offsets[0], track.read_up_to
        if first < track.start:
            raise made_anew(batch.partition, track.start, first)
        if first < expected:  # the broker has less than was read: that was of another topic
            self._notify("read_again", partition=track.partition.number)
            self._open(track)
            return
        if first > expected:
            self._expire(self._topic.expired_before(track.partition, expected, first))
        track.waiting.append(batch)
        self._fill(track)

    def _fill(self, track: Track) -> None:
        track.fill(self._limits, time.monotonic(), time.time_ns() // 1000)

    def _turn(self) -> None:
        tracks = list(self._tracks.values())
        self._harvest(tracks)
        now = time.monotonic()
        if now >= self._reopen_at:
            for track in tracks:
                if not track.is_open:
                    self._open(track)
        for track in tracks:
            if track.is_due(self._limits, now, self._position(track)):
                self._write(track)
        if self.memory >= self._limits.max_bytes:
            self._write_largest(tracks)
        self._balance(tracks)
        self._on_turn(self)
        if self._once:
            self._check_movement(tracks)

    def _position(self, track: Track) -> int:
        return self._source.position(track.partition) if track.is_open else 0

    def _write_largest(self, tracks: Iterable[Track]) -> None:
        idle = [each for each in tracks if not each.writing and each.count and not each.pending]
        if idle and not any(each.writing for each in tracks):
            self._write(max(idle, key=lambda track: track.size))

    def _write(self, track: Track) -> None:
        self._topic.check_id(track)
        cut = track.cut()
        if cut is None:
            self._notify("claim_without_events", partition=track.partition.number)
            return self._fill(track)
        track.writing = Writing(cut, _in_background(lambda: self._land(cut)))
        return self._fill(track)

    def _land(self, cut: Cut) -> Claim:
        with self._writers:
            return land(self._sink, cut)

    def _harvest(self, tracks: Iterable[Track], *, reopen: bool = True) -> None:
        """Collect what the writers have finished, and commit it."""
        landed = {}
        for track in tracks:
            if track.writing is None or not track.writing.ending.done():
                continue
            cut, held = track.writing.cut, track.writing.ending.result()
            track.writing = None
            if held == cut.claim:
                landed[track.partition] = held.last + 1
                self.counts.add(cut)
                continue
            self.counts.claims_lost += 1
            self._notify("claim_lost", partition=track.partition.number)
            track.reset(cut.claim.start, None)
            if reopen:
                self._open(track)
        self._uncommitted |= landed
        if self._uncommitted and (landed or time.monotonic() >= self._commit_at):
            self._commit_at = time.monotonic() + _ASK_SECONDS
            if self._source.commit(self._uncommitted):
                self.counts.commits += 1
                self._uncommitted = {}

    def _drain(self, tracks: Collection[Track]) -> None:
        """Write what is read, if that takes only a moment."""
        until = time.monotonic() + _DRAIN_SECONDS
        busy = [each for each in tracks if each.is_open]
        while busy and time.monotonic() < until:
            try:
                self._harvest(busy, reopen=False)
            except SinkError as error:
                if error.is_transient:
                    return
                raise
            busy = [each for each in busy if each.writing or (each.count and not each.pending)]
            for track in busy:
                if not track.writing:
                    self._write(track)
            if busy:
                time.sleep(_BUSY_SECONDS / 10)

    def _balance(self, tracks: Collection[Track]) -> None:
        """Read from the partitions that have room, and only from them."""
        is_over = self.memory >= self._limits.max_bytes
        needed = _needed(tracks) if is_over else None
        full = {
            each.partition
            for each in tracks
            if (is_over and each is not needed)
            or not each.is_open
            or each.is_full(self._limits)
            or self._is_read(each)
        }
        if full - self._paused:
            self._source.pause(full - self._paused)
        if self._paused - full:
            self._source.resume(self._paused - full)
        self._paused = full

    def _is_read(self, track: Track) -> bool:
        return track.is_open and track.is_read(self._position(track))

    def _check_movement(self, tracks: Collection[Track]) -> None:
        """Fail when nothing has moved for too long."""
        counts = self.counts
        mark = (
            self.standing,
            counts.landed + counts.rejected,
            tuple((each.partition, each.is_open, self._position(each)) for each in tracks),
        )
        if self._movement.has_ended(mark, time.monotonic()):
            raise _stalled(self.standing, tracks)

    def _is_done(self) -> bool:
        tracks = self._tracks.values()
        has_work = any(each.count or each.writing or each.pending for each in tracks)
        return self._once and self._has_read_all() and not has_work

    def _has_read_all(self) -> bool:
        return self.standing.is_settled and all(map(self._is_read, self._tracks.values()))

    def _wait_seconds(self) -> float:
        is_busy = any(each.writing or each.waiting for each in self._tracks.values())
        return _BUSY_SECONDS if is_busy else min(_IDLE_SECONDS, self._limits.max_seconds / 4)


def _needed(tracks: Collection[Track]) -> Track | None:
    """Return what is read on, though memory is full, where nothing else can free it.

    Events of a claim that others left open can't be written before all of them are there.
    """
    if any(each.writing or (each.count and not each.pending) for each in tracks):
        return None
    pending = [each for each in tracks if each.pending and each.is_open and not each.waiting]
    return max(pending, key=lambda each: each.size, default=None)


def _unfinished(events: int) -> LandingError:
    return LandingError(
        "LANDING_UNFINISHED",
        "Stopped before everything was landed"
        + (f": {events} events that were read are in no file" if events else ""),
        hint="The next start continues from the same place.",
    )


def _stalled(standing: Standing, tracks: Iterable[Track]) -> HeadwaterError:
    """Make the error for a landing that can't finish."""
    if standing.word == "waiting":
        return SourceError(
            "SOURCE_NO_PARTITION",
            "The group has assigned no partition to this consumer",
            hint="Check whether other members of --group hang, or use another group.",
        )
    for each in tracks:
        if each.fault:
            return each.fault
    return SourceError(
        "SOURCE_STALLED",
        "The broker does not deliver the events that it has",
        hint="Check that it runs; landing continues from the same place after a restart.",
    )


def _in_background(work: Callable[[], Claim]) -> Future[Claim]:
    """Run `work` in a thread that can't keep the process from ending."""
    ending: Future[Claim] = Future()

    def run() -> None:
        try:
            ending.set_result(work())
        except BaseException as error:  # handed to whoever asks for the result
            ending.set_exception(error)

    threading.Thread(target=run, name="landing-writer", daemon=True).start()
    return ending
