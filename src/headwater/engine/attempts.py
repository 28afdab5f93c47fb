"""Attempts at the flows of one update: connect a flow to its data, run it, record the result."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headwater import autoloader
from headwater.engine.brokers import explain_failure
from headwater.engine.continuous import ContinuousScheduler
from headwater.engine.pacing import Retries
from headwater.engine.scheduler import FlowEvents, Scheduler
from headwater.engine.standings import Standings
from headwater.errors import HeadwaterError, SchemaChange
from headwater.flows.context import UpdateContext
from headwater.flows.flow import FlowRun
from headwater.flows.observations import Observations
from headwater.flows.readers import Opened, opened_before, other_readers
from headwater.flows.reads import FlowReads
from headwater.flows.writes import write_of
from headwater.graph.dag import ResolvedFlow
from headwater.graph.model import Flow, FlowKind
from headwater.names import TableName
from headwater.sandbox.causes import causes, texts
from headwater.sandbox.failures import columns_changed, describe
from headwater.state.sources import FlowSources
from headwater.state.standing import Standing


@dataclass(frozen=True)
class FlowAttempts:
    """Makes and runs the attempts at the flows of one update.

    Attributes:
        standings: tells which flows have nothing to do.
    """

    context: UpdateContext
    standings: Standings
    _locks: dict[TableName, threading.Lock] = field(default_factory=dict)

    def run(self, resolved: ResolvedFlow) -> None:
        """Run one attempt; a once flow that has run stays idle.

        Nothing is started for a flow whose inputs have not moved since it was done with them.

        Raises:
            Exception: what the flow ended with; failures of Auto Loader and Kafka in own words.
        """
        flow, context = resolved.flow, self.context
        write = write_of(flow)
        if write.runs_once and flow.name in context.states[flow.target].once_done:
            context.journal.status(resolved, "IDLE")
            return
        context.journal.status(resolved, "RUNNING")
        if write.runs_once:
            self._run_once(resolved)
            return
        standing = self.standings.now(resolved)
        rests = self._rests(resolved, standing)
        if flow.kind is FlowKind.MATERIALIZED_VIEW:
            context.journal.planned(resolved, recomputes=not rests)
        if rests:
            self._clean_idle(resolved)
        else:
            self._run_from(resolved, standing)

    def turn(self, resolved: ResolvedFlow) -> None:
        """Run one turn of a continuous update: an attempt that tells only what has changed.

        A turn that finds nothing new looks at the inputs, and that is all.

        Raises:
            Exception: as for `run`.
        """
        flow, context = resolved.flow, self.context
        if write_of(flow).runs_once:
            self.run(resolved)
            context.journal.moved(resolved, "IDLE")
            return
        standing = self.standings.now(resolved)
        if self._rests(resolved, standing):
            self._clean_idle(resolved)
        else:
            context.journal.moved(resolved, "RUNNING")
            if flow.kind is FlowKind.MATERIALIZED_VIEW:
                context.journal.planned(resolved, recomputes=True)
            self._run_from(resolved, standing)
        if standing is not None and standing.digest is not None and not context.stopping.is_set():
            context.journal.moved(resolved, "IDLE")  # what can't rest is asked again, and so runs

    def _rests(self, resolved: ResolvedFlow, standing: Standing | None) -> bool:
        return standing is not None and self.standings.is_done(resolved, standing)

    def _run_from(self, resolved: ResolvedFlow, standing: Standing | None) -> None:
        self.standings.begin(resolved, standing)
        self._run(resolved)
        if standing is not None and not self.context.stopping.is_set():
            self.standings.note(resolved, standing)

    def _run_once(self, resolved: ResolvedFlow) -> None:
        self._run(resolved)
        if not self.context.stopping.is_set():  # what has run to its end is repeated for nothing
            self.context.state.mark_once_done(resolved.flow.target, resolved.flow.name)

    def _run(self, resolved: ResolvedFlow) -> None:
        flow, context = resolved.flow, self.context
        write = write_of(flow)
        sources = FlowSources(context.state, flow, context.places[flow.name], context.cache)
        observations = Observations(flow.name, write.is_batch, context.shows_records)
        reads = FlowReads(context, sources, observations)
        lock = self._locks.setdefault(flow.target, threading.Lock())
        autoloader.check_order(opened_before(context, resolved, self.standings.sources))
        try:
            write.run(FlowRun(context, resolved, reads, lock))
            self._clean(flow, sources.opened)
        except HeadwaterError:
            raise
        except Exception as error:
            for request, place in sources.opened:
                found = autoloader.explain_failure(texts(error), request, place)
                if found is not None:
                    raise found from error
            lost = explain_failure(causes(error), flow, context.brokers)
            if lost is not None:
                raise lost from error
            changed = columns_changed(causes(error), flow)
            if changed is not None and changed.parameters["change"] not in context.schema_changes:
                raise changed from error
            raise

    def _clean_idle(self, resolved: ResolvedFlow) -> None:
        """Do as `_clean` for a flow that has nothing to read: a file may be due without news."""
        self._clean(resolved.flow, opened_before(self.context, resolved, self.standings.sources))

    def _clean(self, flow: Flow, opened: Sequence[Opened]) -> None:
        """Move or delete the files that a flow, and all others of the pipeline, have done with."""
        streams = [each for each in opened if not each[0].is_batch]
        for request, place in streams:
            if self.context.stopping.is_set() or not autoloader.cleans_source(request):
                continue
            own = [each for each in streams if each[1].folder != place.folder]
            readers = [autoloader.Reader(asked, (each,)) for asked, each in own]
            readers += other_readers(self.context, flow, self.standings.sources)
            autoloader.clean_source(self.context.spark, request, place, readers)

    def _described(self, error: BaseException, resolved: ResolvedFlow) -> HeadwaterError:
        graph = self.context.graph
        views = [each.flow.target for each in graph.views_behind(resolved.inputs)]
        met = [graph.datasets[name] for name in (resolved.flow.target, *views)]
        return describe(error, resolved.flow, [rule for each in met for rule in each.expectations])

    def events(self) -> FlowEvents:
        """Return what the scheduler calls, each writing to the journal."""
        journal = self.context.journal

        def failed(flow: ResolvedFlow, error: BaseException) -> None:
            if isinstance(error, SchemaChange):
                journal.status(flow, "STOPPED", "FLOW_SCHEMA_CHANGED: " + error.message)
            else:
                journal.status(flow, "FAILED", error=self._described(error, flow))

        def completed(flow: ResolvedFlow) -> None:
            idle = journal.report.flows[flow.flow.name].status == "IDLE"
            journal.status(flow, "IDLE" if idle else "COMPLETED")

        return FlowEvents(
            started=lambda flow: journal.status(flow, "STARTING"),
            retried=lambda flow, error, n: journal.status(
                flow,
                "STARTING",
                f"Flow '{flow.flow.name}' failed and is retried ({n}).",
                error=self._described(error, flow),
            ),
            completed=completed,
            failed=failed,
            skipped=lambda flow, broken: journal.status(
                flow,
                "SKIPPED",
                "SKIPPED due to upstream failure(s): " + ", ".join(map(str, broken)),
            ),
            stopped=lambda flow: journal.status(flow, "STOPPED"),
            stopping=lambda: journal.state("STOPPING"),
        )


def scheduler_of(
    context: UpdateContext,
    runs: FlowAttempts,
    retries: Retries,
    intervals: Mapping[str, float] | None,
) -> Scheduler | ContinuousScheduler:
    """Return what runs the flows of an update: once each, or in turns.

    Args:
        intervals: of a continuous update, seconds between two turns at each flow.
    """
    graph, stopping = context.graph, context.stopping
    if intervals is None:
        return Scheduler(graph, runs.run, runs.events(), stopping, max_retries=retries.flow)
    ways = {each.flow.name: write_of(each.flow) for each in graph.flows}
    return ContinuousScheduler(
        graph,
        runs.turn,
        runs.events(),
        stopping,
        intervals,
        retries,
        once={name for name, way in ways.items() if way.runs_once},
        after_inputs={name for name, way in ways.items() if way.recomputes},
    )
