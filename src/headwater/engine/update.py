"""One update of one pipeline, from source files to finished tables.

    INITIALIZING    load the source, resolve the graph; faults end here, nothing was written
    RESETTING       empty what a full refresh asks for
    SETTING_UP_TABLES
    RUNNING         flows in parallel
    COMPLETED, FAILED or CANCELED

When Auto Loader meets new columns the update ends CANCELED and another one starts by itself,
with cause SCHEMA_CHANGE, as in a workspace.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from headwater import autoloader
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.bundle import Bundle, PipelineSpec
from headwater.engine.failures import describe
from headwater.engine.flows import FlowReport, FlowRun
from headwater.engine.journal import FlowSummary, Journal, flow_identity
from headwater.engine.lock import update_lock
from headwater.engine.reads import FlowReads, Observations
from headwater.engine.resolve import resolve
from headwater.engine.scheduler import MAX_RETRIES, FlowEvents, Scheduler
from headwater.engine.source import load_source
from headwater.engine.state import PipelineState, TableState
from headwater.engine.store import Store, create_schema
from headwater.engine.tables import Tables, check_resettable
from headwater.errors import GraphError, HeadwaterError, SchemaChange, UpdateError, UsageError
from headwater.events.log import EventLog, Listener
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.graph.model import Flow, FlowKind
from headwater.graph.registry import Registry
from headwater.names import TableName

MAX_SCHEMA_RESTARTS = 50
SHOW_RECORDS = "headwater.expectations.showRecords"


@dataclass(frozen=True)
class UpdateRequest:
    """What to do in an update.

    Attributes:
        validate_only: resolve and check everything, write nothing.
        full_refresh: tables to recompute from all their sources; `("*",)` for all.
        refresh: tables to refresh, the others are EXCLUDED; empty for all.
        run_as: who asked, for the event log.
    """

    validate_only: bool = False
    full_refresh: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()
    run_as: str = "local"

    @property
    def full_refresh_all(self) -> bool:
        """Whether all tables are to be recomputed."""
        return self.full_refresh == ("*",)


@dataclass(frozen=True)
class UpdateResult:
    """How an update ended.

    Attributes:
        state: COMPLETED, FAILED or CANCELED.
        update_ids: one, and one more for each restart after a schema change.
        flows: totals per flow, in the graph's order, over all restarts.
    """

    state: str
    update_ids: tuple[str, ...]
    flows: tuple[FlowSummary, ...]
    graph: Graph
    error: HeadwaterError | None = None


@dataclass
class Updater:
    """Runs updates of one pipeline in one Spark session.

    Args:
        listener: gets every event, for live progress.
    """

    spark: SparkSession
    bundle: Bundle
    spec: PipelineSpec
    store: Store
    listener: Listener | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    _sources: dict[str, object] = field(default_factory=dict)
    _requests: dict[str, list[tuple[CloudFiles, SourceState]]] = field(default_factory=dict)

    def run(self, request: UpdateRequest) -> UpdateResult:
        """Run one update, and those that schema changes make necessary.

        Safe to kill at any moment: the next update goes on, no row is lost or doubled.

        Raises:
            UpdateInProgress: another process updates this pipeline.
            GraphError: the source has faults; nothing was written.
            UsageError: a selection names an unknown table, or contradicts itself.
        """
        state = PipelineState(self.store.pipeline_path(self.spec.key))
        if request.validate_only:
            with self._source_code() as registry:
                graph = self._resolve(registry, state, save=False)
            self._select(graph, request)
            return UpdateResult("COMPLETED", (), (), graph)
        with update_lock(state.root, self.spec.key), self._source_code() as registry:
            return self._with_restarts(registry, state, request)

    def _source_code(self) -> Any:
        return load_source(self.spark, self.bundle, self.spec, self.store)

    def _with_restarts(
        self, registry: Registry, state: PipelineState, request: UpdateRequest
    ) -> UpdateResult:
        cause, ids = "USER_ACTION", []
        totals: dict[str, FlowSummary] = {}
        for _ in range(MAX_SCHEMA_RESTARTS):
            ids.append(str(uuid.uuid4()))
            result = self._one(registry, state, request, cause, ids[-1], totals)
            if not isinstance(result.error, SchemaChange):
                return UpdateResult(
                    result.state, tuple(ids), tuple(totals.values()), result.graph, result.error
                )
            cause = "SCHEMA_CHANGE"
            self.stopping.clear()
            request = UpdateRequest(refresh=request.refresh, run_as=request.run_as)
        raise UpdateError(
            "SCHEMA_CHANGES_ENDLESS",
            f"The schema changed {MAX_SCHEMA_RESTARTS} times in one run",
            hint="Use schemaEvolutionMode 'rescue' for sources whose columns never settle.",
        )

    def _one(
        self,
        registry: Registry,
        state: PipelineState,
        request: UpdateRequest,
        cause: str,
        update_id: str,
        totals: dict[str, FlowSummary],
    ) -> UpdateResult:
        origin = {
            "pipeline_id": pipeline_id(self.bundle, self.spec),
            "pipeline_name": self.spec.name,
            "pipeline_type": "WORKSPACE",
            "update_id": update_id,
            "cloud": "local",
        }
        with EventLog(state.event_log, origin, self.listener) as log:
            journal = Journal(log, self.spec.name, update_id, summaries=totals)
            journal.created(cause, request.run_as, _config(self.spec, request))
            try:
                return self._phases(registry, state, request, journal)
            except GraphError as error:
                journal.state("FAILED", error)
                raise
            except KeyboardInterrupt:
                journal.state("CANCELED")
                raise
            except HeadwaterError as error:
                journal.state("FAILED", error)
                raise

    def _phases(
        self, registry: Registry, state: PipelineState, request: UpdateRequest, journal: Journal
    ) -> UpdateResult:
        journal.state("INITIALIZING")
        graph = self._resolve(registry, state, save=True)
        journal.defined(graph)
        chosen = self._select(graph, request)
        tables = Tables(self.spark, self.store, state)
        resets = self._resets(graph, request)
        if resets:
            journal.state("RESETTING")
            for name in sorted(resets):
                tables.begin_reset(graph.datasets[name])
        journal.state("SETTING_UP_TABLES")
        states = self._set_up(graph, tables, chosen)
        runs = _Runs(self, graph, tables, state, states, journal)
        journal.flow_ids = runs.identities()
        journal.state("RUNNING")
        return self._run_flows(graph, chosen, runs, journal)

    def _run_flows(
        self, graph: Graph, chosen: frozenset[TableName], runs: _Runs, journal: Journal
    ) -> UpdateResult:
        for flow in graph.flows:
            journal.status(flow, "QUEUED" if flow.flow.target in chosen else "EXCLUDED")
        scheduler = Scheduler(
            graph, runs.run, runs.events(), self.stopping, max_retries=self._max_retries()
        )
        scheduler.run([flow for flow in graph.flows if flow.flow.target in chosen])
        failed = [each.error for each in journal.summaries.values() if each.status == "FAILED"]
        summaries = tuple(journal.summaries.values())
        if scheduler.schema_change:
            journal.state("CANCELED")
            return UpdateResult("CANCELED", (), summaries, graph, scheduler.schema_change)
        if failed:
            journal.state("FAILED", failed[0])
            return UpdateResult("FAILED", (), summaries, graph, failed[0])
        ended = "CANCELED" if self.stopping.is_set() else "COMPLETED"
        journal.state(ended)
        return UpdateResult(ended, (), summaries, graph)

    def _resolve(self, registry: Registry, state: PipelineState, *, save: bool) -> Graph:
        def infer(request: CloudFiles, flow: Flow, number: int) -> DataFrame:
            place = self._source_state(state, flow, number)
            return autoloader.define_stream(self.spark, request, place, save=save)

        for catalog, schema in {(self.spec.catalog, self.spec.schema)}:
            create_schema(self.spark, catalog, schema, self.store)
            self.spark.catalog.setCurrentDatabase(schema)
        return resolve(self.spark, registry, self.store, infer)

    def _source_state(self, state: PipelineState, flow: Flow, number: int) -> SourceState:
        known = state.load(flow.target) or TableState("")
        generation = known.generation + (1 if known.resetting else 0)
        return SourceState(
            state.source(flow.target, flow.name, generation, number),
            state.checkpoint(flow.target, flow.name, generation),
            self._sources,
        )

    def _select(self, graph: Graph, request: UpdateRequest) -> frozenset[TableName]:
        tables = frozenset(each.name for each in graph.tables())
        if request.full_refresh_all and request.refresh:
            raise UsageError(
                "SELECTION_CONFLICT",
                "--full-refresh of everything and --refresh of some tables exclude each other",
                hint="Name the tables: --full-refresh a,b --refresh c.",
            )
        named = (*request.refresh, *(() if request.full_refresh_all else request.full_refresh))
        if not named:
            return tables
        chosen = [graph.find(name, self.spec.catalog, self.spec.schema) for name in named]
        if len(set(chosen)) != len(chosen):
            raise UsageError(
                "SELECTION_CONFLICT",
                "A table is named twice in --refresh and --full-refresh",
                hint="Name each table once.",
            )
        return frozenset(chosen)

    def _resets(self, graph: Graph, request: UpdateRequest) -> frozenset[TableName]:
        if request.full_refresh_all:
            every = frozenset(each.name for each in graph.tables())
            return check_resettable(graph, every, explicit=False)
        names = [
            graph.find(name, self.spec.catalog, self.spec.schema) for name in request.full_refresh
        ]
        return check_resettable(graph, frozenset(names), explicit=True)

    def _set_up(
        self, graph: Graph, tables: Tables, chosen: frozenset[TableName]
    ) -> dict[TableName, TableState]:
        """Set up all tables, not only the chosen ones: the chosen may read the others."""
        faults: list[HeadwaterError] = []
        states: dict[TableName, TableState] = {}
        del chosen
        for dataset in graph.tables():
            flows = graph.flows_into(dataset.name)
            change = dict(flows[0].change) if flows else {}
            try:
                states[dataset.name] = tables.set_up(dataset, graph.schemas[dataset.name], change)
            except HeadwaterError as error:
                faults.append(error)
        if faults:
            raise GraphError(faults)
        return states

    def _max_retries(self) -> int:
        told = self.spec.configuration.get("pipelines.maxFlowRetryAttempts", "")
        return int(told) if told.isdigit() else MAX_RETRIES


@dataclass
class _Runs:
    """Makes and runs the attempts at the flows of one update."""

    updater: Updater
    graph: Graph
    tables: Tables
    state: PipelineState
    states: Mapping[TableName, TableState]
    journal: Journal
    locks: dict[TableName, threading.Lock] = field(default_factory=dict)
    starting: threading.Lock = field(default_factory=threading.Lock)

    def identities(self) -> dict[str, str]:
        return {
            each.flow.name: flow_identity(str(self._checkpoint(each))) for each in self.graph.flows
        }

    def run(self, resolved: ResolvedFlow) -> None:
        flow = resolved.flow
        table = self.states[flow.target]
        if flow.once and flow.name in table.once_done:
            self.journal.status(resolved, "IDLE")
            return
        self.journal.status(resolved, "RUNNING")
        sources: list[tuple[CloudFiles, SourceState]] = []
        attempt = self._attempt(resolved, sources)
        try:
            attempt.run()
        except Exception as error:
            for request, place in sources:
                found = autoloader.explain_failure(self.updater.spark, error, request, place)
                if found is not None:
                    raise found from error
            raise
        if flow.once:
            self.state.mark_once_done(flow.target, flow.name)

    def events(self) -> FlowEvents:
        journal = self.journal

        def failed(flow: ResolvedFlow, error: BaseException) -> None:
            if isinstance(error, SchemaChange):
                journal.status(flow, "STOPPED", "FLOW_SCHEMA_CHANGED: " + error.message)
            else:
                journal.status(flow, "FAILED", error=describe(error, flow.flow.name))

        def completed(flow: ResolvedFlow) -> None:
            idle = journal.summaries[flow.flow.name].status == "IDLE"
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

    def _checkpoint(self, resolved: ResolvedFlow) -> Any:
        flow = resolved.flow
        generation = self.states[flow.target].generation
        return self.state.checkpoint(flow.target, flow.name, generation)

    def _attempt(
        self, resolved: ResolvedFlow, sources: list[tuple[CloudFiles, SourceState]]
    ) -> FlowRun:
        flow = resolved.flow
        updater = self.updater
        checkpoint = self._checkpoint(resolved)

        def open_source(request: CloudFiles, _: Flow, number: int) -> DataFrame:
            place = updater._source_state(self.state, flow, number)
            sources.append((request, place))
            return autoloader.open_stream(updater.spark, request, place)

        def report(done: FlowReport) -> None:
            self.journal.report(resolved, done)

        reads = FlowReads(
            spark=updater.spark,
            graph=self.graph,
            tables=self.tables,
            flow=flow,
            observations=Observations(batch=flow.kind is FlowKind.COMPLETE or flow.once),
            open_cloud_files=open_source,
            store=updater.store,
            catalog=updater.spec.catalog,
            schema=updater.spec.schema,
            show_records=updater.spec.configuration.get(SHOW_RECORDS, "").lower() == "true",
        )
        return FlowRun(
            flow=flow,
            dataset=self.graph.datasets[flow.target],
            reads=reads,
            path=self.tables.path(self.graph.datasets[flow.target]),
            checkpoint=checkpoint,
            change_state=self.state.changes(flow.target, self.states[flow.target].generation),
            identity=flow_identity(str(checkpoint)),
            target_lock=self.locks.setdefault(flow.target, threading.Lock()),
            report=report,
            stopping=updater.stopping,
        )


def pipeline_id(bundle: Bundle, spec: PipelineSpec) -> str:
    """Make a pipeline's id: the same on every machine for a bundle, target and key."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{bundle.name}/{bundle.target}/{spec.key}"))


def _config(spec: PipelineSpec, request: UpdateRequest) -> dict[str, Any]:
    return {
        "catalog": spec.catalog,
        "schema": spec.schema,
        "development": spec.development,
        "continuous": spec.continuous,
        "full_refresh": request.full_refresh_all,
        "full_refresh_selection": list(() if request.full_refresh_all else request.full_refresh),
        "refresh_selection": list(request.refresh),
    }
