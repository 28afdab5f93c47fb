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
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from headwater import autoloader
from headwater.autoloader.request import CloudFiles
from headwater.bundle import Bundle, PipelineSpec
from headwater.engine.attempts import FlowAttempts, source_state
from headwater.engine.journal import FlowSummary, Journal
from headwater.engine.lock import update_lock
from headwater.engine.resolve import resolve
from headwater.engine.scheduler import MAX_RETRIES, Scheduler
from headwater.engine.session import driver_pid
from headwater.engine.source import load_source
from headwater.engine.state import PipelineState, TableState
from headwater.engine.store import Store, create_schema
from headwater.engine.tables import Tables, check_resettable
from headwater.errors import GraphError, HeadwaterError, SchemaChange, UpdateError, UsageError
from headwater.events.log import EventLog, Listener
from headwater.graph.dag import Graph
from headwater.graph.model import Flow
from headwater.graph.registry import Registry
from headwater.names import TableName

MAX_SCHEMA_RESTARTS = 50


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
    _memory: dict[str, object] = field(default_factory=dict)

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
        with (
            update_lock(state.root, self.spec.key, driver_pid(self.spark)),
            self._source_code() as registry,
        ):
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
        tables = Tables(self.spark, self.store, state)
        tables.notice_dropped(registry.datasets.values())
        graph = self._resolve(registry, state, save=True)
        chosen = self._select(graph, request)
        resets = self._resets(graph, request)
        if resets:
            journal.state("RESETTING")
            for name in sorted(resets):
                tables.begin_reset(graph.datasets[name])
            graph = self._resolve(registry, state, save=True)  # sources start anew as well
        journal.defined(graph)
        journal.state("SETTING_UP_TABLES")
        states = _set_up(graph, tables)
        runs = FlowAttempts(
            self.spark,
            self.spec,
            graph,
            tables,
            states,
            journal,
            self.stopping,
            self._memory,
        )
        journal.flow_ids = runs.identities()
        journal.state("RUNNING")
        return self._run_flows(graph, chosen, runs, journal)

    def _run_flows(
        self, graph: Graph, chosen: frozenset[TableName], runs: FlowAttempts, journal: Journal
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
            place = source_state(state, flow, number, self._memory)
            return autoloader.define_stream(self.spark, request, place, save=save)

        create_schema(self.spark, self.spec.catalog, self.spec.schema, self.store)
        self.spark.catalog.setCurrentDatabase(self.spec.schema)
        return resolve(self.spark, registry, self.store, infer)

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

    def _max_retries(self) -> int:
        told = self.spec.configuration.get("pipelines.maxFlowRetryAttempts", "")
        return int(told) if told.isdigit() else MAX_RETRIES


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


def _set_up(graph: Graph, tables: Tables) -> dict[TableName, TableState]:
    """Set up all tables, not only the chosen ones: the chosen may read the others."""
    faults: list[HeadwaterError] = []
    states: dict[TableName, TableState] = {}
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
