"""Attempts at the flows of one update: connect a flow to its data, run it, record the result."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from headwater import autoloader
from headwater.autoloader.request import CloudFiles
from headwater.bundle import PipelineSpec
from headwater.engine.flows import FlowReport, FlowRun
from headwater.engine.journal import Journal, flow_identity
from headwater.engine.reads import FlowReads, Observations
from headwater.engine.scheduler import FlowEvents, Stopping
from headwater.engine.standings import Standings
from headwater.engine.tables import Tables
from headwater.errors import HeadwaterError, SchemaChange
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.graph.model import Flow, FlowKind
from headwater.names import TableName
from headwater.sandbox.causes import texts
from headwater.sandbox.failures import describe
from headwater.state.pipeline import TableState
from headwater.state.sources import FlowSources

SHOW_RECORDS = "headwater.expectations.showRecords"
"""Configuration key: put violating records into the errors of fail rules."""


@dataclass
class FlowAttempts:
    """Makes and runs the attempts at the flows of one update.

    Attributes:
        states: what is remembered of each table; gives the generation of checkpoints.
        stopping: when set, running flows stop after what they are doing.
        memory: what Auto Loader has learned in this process, over all updates.
        standings: tells which flows have nothing to do.
    """

    spark: SparkSession
    spec: PipelineSpec
    pipeline_id: str
    graph: Graph
    tables: Tables
    states: Mapping[TableName, TableState]
    journal: Journal
    stopping: Stopping
    memory: dict[str, object]
    standings: Standings
    locks: dict[TableName, threading.Lock] = field(default_factory=dict)

    def identities(self) -> dict[str, str]:
        """Return the flow id of each flow."""
        return {each.flow.name: self._identity(self._checkpoint(each)) for each in self.graph.flows}

    def run(self, resolved: ResolvedFlow) -> None:
        """Run one attempt; a once flow that has run stays idle.

        Nothing is started for a flow whose inputs have not moved since it was done with them.

        Raises:
            Exception: what the flow ended with; Auto Loader's own failures in its own words.
        """
        flow = resolved.flow
        table = self.states[flow.target]
        if flow.once and flow.name in table.once_done:
            self.journal.status(resolved, "IDLE")
            return
        self.journal.status(resolved, "RUNNING")
        if flow.once:
            self._run(resolved)
            self.tables.state.mark_once_done(flow.target, flow.name)
            return
        standing = self.standings.now(resolved)
        rests = standing is not None and self.standings.is_done(resolved, standing)
        if flow.kind is FlowKind.COMPLETE:
            self.journal.planned(resolved, recomputes=not rests)
        if rests:
            return
        self.standings.begin(resolved, standing)
        self._run(resolved)
        if standing is not None and not self.stopping.is_set():
            self.standings.note(resolved, standing)

    def _run(self, resolved: ResolvedFlow) -> None:
        flow = resolved.flow
        sources = FlowSources(self.tables.state, flow, self.memory)
        attempt = self._attempt(resolved, sources)
        try:
            attempt.run()
        except HeadwaterError:
            raise
        except Exception as error:
            for request, place in sources.opened:
                found = autoloader.explain_failure(texts(error), request, place)
                if found is not None:
                    raise found from error
            raise

    def events(self) -> FlowEvents:
        """Return what the scheduler calls, each writing to the journal."""
        journal = self.journal

        def failed(flow: ResolvedFlow, error: BaseException) -> None:
            if isinstance(error, SchemaChange):
                journal.status(flow, "STOPPED", "FLOW_SCHEMA_CHANGED: " + error.message)
            else:
                journal.status(flow, "FAILED", error=describe(error, flow.flow.name))

        def completed(flow: ResolvedFlow) -> None:
            idle = journal.report.flows[flow.flow.name].status == "IDLE"
            journal.status(flow, "IDLE" if idle else "COMPLETED")

        return FlowEvents(
            started=lambda flow: journal.status(flow, "STARTING"),
            retried=lambda flow, _, n: journal.status(
                flow, "STARTING", f"Flow '{flow.flow.name}' failed and is retried ({n})."
            ),
            completed=completed,
            failed=failed,
            skipped=lambda flow, broken: journal.status(
                flow,
                "SKIPPED",
                "SKIPPED due to upstream failure(s): " + ", ".join(map(str, broken)),
            ),
            stopped=lambda flow: journal.status(flow, "STOPPED"),
        )

    def _checkpoint(self, resolved: ResolvedFlow) -> Path:
        flow = resolved.flow
        generation = self.states[flow.target].generation
        return self.tables.state.checkpoint(flow.target, flow.name, generation)

    def _identity(self, checkpoint: Path) -> str:
        """Make the flow id of a checkpoint; a target that is moved keeps it."""
        return flow_identity(f"{self.pipeline_id}/{checkpoint.relative_to(self.tables.state.root)}")

    def _attempt(self, resolved: ResolvedFlow, sources: FlowSources) -> FlowRun:
        flow = resolved.flow
        checkpoint = self._checkpoint(resolved)
        generation = self.states[flow.target].generation

        def open_source(request: CloudFiles, reader: Flow, number: int) -> DataFrame:
            place = sources.open(request, reader, number)
            return autoloader.open_stream(self.spark, request, place)

        def report(done: FlowReport) -> None:
            self.journal.batch(resolved, done)

        reads = FlowReads(
            spark=self.spark,
            graph=self.graph,
            tables=self.tables,
            flow=flow,
            observations=Observations(batch=flow.kind is FlowKind.COMPLETE or flow.once),
            open_cloud_files=open_source,
            catalog=self.spec.catalog,
            schema=self.spec.schema,
            show_records=self.spec.configuration.get(SHOW_RECORDS, "").lower() == "true",
        )
        return FlowRun(
            flow=flow,
            dataset=self.graph.datasets[flow.target],
            reads=reads,
            path=self.tables.path(self.graph.datasets[flow.target]),
            checkpoint=checkpoint,
            change_state=self.tables.state.changes(flow.target, generation),
            identity=self._identity(checkpoint),
            target_lock=self.locks.setdefault(flow.target, threading.Lock()),
            started=sources.close,
            report=report,
            stopping=self.stopping,
        )
