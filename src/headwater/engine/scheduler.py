"""Decide which flow may start when: dependencies, retries, skips. Knows nothing of Spark."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from headwater.errors import SchemaChange
from headwater.flows.stopping import Stopping
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.names import TableName
from headwater.sandbox.failures import is_retryable

MAX_RETRIES = 2
MAX_THREADS = max(4, os.cpu_count() or 1)
"""How many flows run at the same time."""


@dataclass(frozen=True)
class FlowEvents:
    """What the scheduler calls, in the main thread or the flow's; all of it must be quick."""

    started: Callable[[ResolvedFlow], None]
    retried: Callable[[ResolvedFlow, BaseException, int], None]
    completed: Callable[[ResolvedFlow], None]
    failed: Callable[[ResolvedFlow, BaseException], None]
    skipped: Callable[[ResolvedFlow, Sequence[TableName]], None]
    stopped: Callable[[ResolvedFlow], None]
    stopping: Callable[[], None] = lambda: None


@dataclass
class Scheduler:
    """Runs flows in parallel, each after all flows of the tables it reads.

    A table whose flow failed makes the flows that read it SKIPPED; the others go on. Once
    `stopping` is set nothing starts any more.
    """

    graph: Graph
    run_flow: Callable[[ResolvedFlow], None]
    events: FlowEvents
    stopping: Stopping
    max_retries: int = MAX_RETRIES
    schema_change: SchemaChange | None = None
    _broken: set[TableName] = field(default_factory=set)

    def run(self, flows: Sequence[ResolvedFlow]) -> None:
        """Run the flows to their end; returns when none is running."""
        waiting = list(flows)
        running: dict[Future[None], ResolvedFlow] = {}
        with ThreadPoolExecutor(max_workers=MAX_THREADS) as pool:
            try:
                while waiting or running:
                    self._start(waiting, running, pool)
                    if running:
                        finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                        for future in finished:
                            self._finish(running.pop(future), future)
            except BaseException:
                self.stopping.end()  # the pool now waits for what runs to notice
                raise

    def _start(
        self,
        waiting: list[ResolvedFlow],
        running: dict[Future[None], ResolvedFlow],
        pool: ThreadPoolExecutor,
    ) -> None:
        for flow in list(waiting):
            needs = self.graph.upstream(flow)
            broken = sorted(needs & self._broken)
            if broken:
                waiting.remove(flow)
                self._broken.add(flow.flow.target)
                self.events.skipped(flow, broken)
            elif self.stopping.is_set():
                waiting.remove(flow)
                self.events.stopped(flow)
            elif not self._unfinished(needs, waiting, running):
                waiting.remove(flow)
                running[pool.submit(self._attempts, flow)] = flow

    def _unfinished(
        self,
        needs: frozenset[TableName],
        waiting: Sequence[ResolvedFlow],
        running: dict[Future[None], ResolvedFlow],
    ) -> bool:
        return any(each.flow.target in needs for each in (*waiting, *running.values()))

    def _attempts(self, flow: ResolvedFlow) -> None:
        self.events.started(flow)
        for attempt in range(self.max_retries + 1):
            try:
                self.run_flow(flow)
                return
            except Exception as error:
                last = attempt == self.max_retries or self.stopping.is_set()
                if last or not is_retryable(error):
                    raise
                self.events.retried(flow, error, attempt + 1)

    def _finish(self, flow: ResolvedFlow, future: Future[None]) -> None:
        error = future.exception()
        if isinstance(error, SchemaChange):
            self.schema_change = self.schema_change or error
            self.stopping.end()
            self._broken.add(flow.flow.target)
            self.events.failed(flow, error)
        elif error is not None and not self.stopping.is_set():
            self._broken.add(flow.flow.target)
            self.events.failed(flow, error)
        elif self.stopping.is_set():
            self.events.stopped(flow)
        else:
            self.events.completed(flow)
