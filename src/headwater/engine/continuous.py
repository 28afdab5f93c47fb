"""Decide when flows of a continuous update take their turns; knows nothing of Spark.

All flows run side by side until the update is stopped. A turn reads all there is now, or finds that
nothing has moved; the next one comes after the flow's interval. What does not live here: how long
that is and how often a failure is tried again (`pacing`), what a turn does (`attempts`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from headwater.engine.pacing import Retries, wait_seconds
from headwater.engine.scheduler import MAX_THREADS, FlowEvents
from headwater.errors import HeadwaterError, SchemaChange, SourceFileError
from headwater.flows.stopping import Stopping
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.names import TableName
from headwater.sandbox.failures import is_retryable

_COMES_BACK = ("KAFKA_UNREACHABLE",)
"""Codes of errors of what may be there again at a later turn."""
LOOK_SECONDS = 0.5
"""How soon a request to stop is noticed while flows run."""


@dataclass(frozen=True)
class Turn:
    """A flow that waits for its turn, or has it.

    Attributes:
        due: when it may begin, as the clock has it.
        failures: how many turns before it failed, in a row.
        error: what the last of them ended with.
        is_first: the flow has had none before.
    """

    flow: ResolvedFlow
    due: float = 0.0
    failures: int = 0
    is_first: bool = True
    error: BaseException | None = None


@dataclass
class ContinuousScheduler:
    """Gives each flow its turns until `stopping` is set, or no flow is left.

    What fails and may mend gets its next turn after a pause. What can't mend by itself is over,
    and so are the flows that read its table; the others go on.

    Attributes:
        turn: reads all there is now; safe to be stopped in the middle.
        intervals: seconds between two turns, by the flow's name.
        once: names of flows that have a single turn.
        after_inputs: names of flows whose first turn waits for that of the flows they read: they
            would write all their rows again a moment later.
    """

    graph: Graph
    turn: Callable[[ResolvedFlow], None]
    events: FlowEvents
    stopping: Stopping
    intervals: Mapping[str, float]
    retries: Retries
    once: Collection[str] = ()
    after_inputs: Collection[str] = ()
    clock: Callable[[], float] = time.monotonic
    schema_change: SchemaChange | None = None
    _waiting: list[Turn] = field(default_factory=list)
    _running: dict[Future[None], Turn] = field(default_factory=dict)
    _broken: set[TableName] = field(default_factory=set)

    def run(self, flows: Sequence[ResolvedFlow]) -> None:
        """Run the flows until the update is stopped; returns when none is running."""
        self._waiting = [Turn(flow) for flow in flows]
        with ThreadPoolExecutor(max_workers=MAX_THREADS) as pool:
            try:
                for flow in flows:
                    self.events.started(flow)
                while (self._waiting or self._running) and not self.stopping.is_set():
                    self._start(pool)
                    self._look()
                if self.stopping.is_set():
                    self.events.stopping()
                while self._running:  # they notice by themselves
                    wait(self._running)
                    self._finish_all()
            except BaseException:
                self.stopping.end()
                raise
        for turn in self._waiting:
            self._stop(turn, turn.error)

    def _start(self, pool: ThreadPoolExecutor) -> None:
        now = self.clock()
        for turn in [each for each in self._waiting if each.due <= now]:
            if not self._is_early(turn):
                self._waiting.remove(turn)
                begun = replace(turn, due=now)
                self._running[pool.submit(self.turn, turn.flow)] = begun

    def _is_early(self, turn: Turn) -> bool:
        if not turn.is_first or turn.flow.flow.name not in self.after_inputs:
            return False
        needs = self.graph.upstream(turn.flow)
        known = (*self._waiting, *self._running.values())
        return any(each.is_first and each.flow.flow.target in needs for each in known)

    def _look(self) -> None:
        """Wait until a turn has ended or is due, but not for long."""
        now = self.clock()
        due = min((each.due for each in self._waiting if each.due > now), default=now + 1)
        seconds = min(due - now, LOOK_SECONDS)
        if self._running:
            wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
            self._finish_all()
        else:
            self.stopping.wait(seconds)

    def _finish_all(self) -> None:
        for future in [each for each in self._running if each.done()]:
            self._finish(self._running.pop(future), future.exception())
        self._skip()

    def _finish(self, turn: Turn, error: BaseException | None) -> None:
        flow = turn.flow
        if isinstance(error, SchemaChange):
            self.schema_change = self.schema_change or error
            self.stopping.end()
            self.events.failed(flow, error)
        elif self.stopping.is_set():
            self._stop(turn, error)
        elif error is None:
            if flow.flow.name not in self.once:
                due = turn.due + self.intervals[flow.flow.name]
                self._waiting.append(Turn(flow, due, is_first=False))
        elif _may_mend(error) and self.retries.allows(turn.failures + 1):
            failures = turn.failures + 1
            self.events.retried(flow, error, failures)
            due = self.clock() + wait_seconds(failures)
            self._waiting.append(Turn(flow, due, failures, is_first=False, error=error))
        else:
            self._broken.add(flow.flow.target)
            self.events.failed(flow, error)

    def _stop(self, turn: Turn, error: BaseException | None) -> None:
        """End a flow with the update: in failure if it had failed before and has not mended since.

        The stop itself makes turns fail, and new columns begin all flows anew.
        """
        if turn.error is not None and error is not None and self.schema_change is None:
            self.events.failed(turn.flow, error)
        else:
            self.events.stopped(turn.flow)

    def _skip(self) -> None:
        """End the flows that read what is broken; those among them that run end their turn."""
        while stuck := [each for each in self._waiting if self._broken_inputs(each)]:
            for turn in stuck:
                self._waiting.remove(turn)
                self.events.skipped(turn.flow, self._broken_inputs(turn))
                self._broken.add(turn.flow.flow.target)

    def _broken_inputs(self, turn: Turn) -> list[TableName]:
        return sorted(self.graph.upstream(turn.flow) & self._broken)


def _may_mend(error: BaseException) -> bool:
    """Whether a later turn may succeed: a file that is still being written soon is whole.

    An update that ends does not wait for a broker: each attempt would take its time-out.
    """
    is_away = isinstance(error, HeadwaterError) and error.code in _COMES_BACK
    return isinstance(error, SourceFileError) or is_away or is_retryable(error)
