"""One update of one pipeline, from source files to finished tables.

    INITIALIZING    load the source, resolve the graph; faults end here, nothing was written
    RESETTING       empty what a full refresh asks for
    SETTING_UP_TABLES
    RUNNING         flows in parallel
    COMPLETED, FAILED or CANCELED

When Auto Loader meets new columns the update ends CANCELED and another one starts by itself,
with cause SCHEMA_CHANGE, as in a workspace; after a failure that may mend, with RETRY_ON_FAILURE.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pyspark.sql import SparkSession

from headwater import autoloader
from headwater.analysis.inference import Inference, Resolution
from headwater.analysis.plans import settings_digest
from headwater.bundle import Bundle, PipelineSpec
from headwater.engine.attempts import FlowAttempts, scheduler_of
from headwater.engine.brokers import check_brokers
from headwater.engine.hooks import EventHooks
from headwater.engine.pacing import (
    Retries,
    read_intervals,
    read_retention,
    read_retries,
    wait_seconds,
)
from headwater.engine.preview import Preview
from headwater.engine.recovery import (
    check_names,
    named_flows,
    replacing_where,
    reset_checkpoint,
    with_failed,
    without_checkpoint,
)
from headwater.engine.request import UpdateRequest
from headwater.engine.resolve import resolve
from headwater.engine.standings import Standings
from headwater.errors import HeadwaterError, SchemaChange, UpdateError
from headwater.events.log import EventLog, Listener
from headwater.events.report import FlowTotals, UpdateReport
from headwater.events.rows import Event
from headwater.flows.context import PipelineContext, UpdateContext, places_of
from headwater.flows.journal import Journal
from headwater.flows.stopping import Stopping
from headwater.flows.tables import Tables
from headwater.graph.dag import Graph
from headwater.graph.dependencies import source_digest
from headwater.graph.registry import Registry
from headwater.graph.selection import Selection, select
from headwater.machine.session import driver_pid, own_catalog
from headwater.names import TableName
from headwater.sandbox.failures import is_retryable
from headwater.sandbox.source import load_source
from headwater.state.catalog import create_schema, keep_apart, use_schema
from headwater.state.format import check_format
from headwater.state.lock import update_lock
from headwater.state.migrations import prepare_state
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store

MAX_SCHEMA_RESTARTS = 50


@dataclass(frozen=True)
class UpdateResult:
    """How an update ended.

    Attributes:
        state: COMPLETED, FAILED or CANCELED.
        update_ids: one, and one more for each restart after a schema change or a failure.
        flows: totals per flow, in the graph's order, over all restarts.
    """

    state: str
    update_ids: tuple[str, ...]
    flows: tuple[FlowTotals, ...]
    graph: Graph
    error: HeadwaterError | None = None

    @property
    def may_mend(self) -> bool:
        """Whether a flow failed for a reason that may be gone when the update is started again."""
        errors = [each.error for each in self.flows if each.status == "FAILED"]
        causes = [
            each.__cause__ if each is not None and each.code == "FLOW_FAILED" else each
            for each in errors
        ]
        return self.state == "FAILED" and any(
            is_retryable(each) for each in causes if each is not None
        )


@dataclass
class Updater:
    """Runs updates of one pipeline in one Spark session.

    Args:
        listener: gets every event, for live progress.
        adapt: changes what the source declared before it is resolved; tests put rows in place of
            datasets with it.
    """

    spark: SparkSession
    bundle: Bundle
    spec: PipelineSpec
    store: Store
    listener: Listener | None = None
    adapt: Callable[[Registry], None] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    _cache: dict[str, object] = field(default_factory=dict)

    def run(self, request: UpdateRequest) -> UpdateResult:
        """Run one update, and those that schema changes make necessary.

        Safe to kill at any moment: the next update continues, and no row is lost or doubled.

        Raises:
            UpdateInProgress: another process updates this pipeline.
            GraphError: the source has faults, or tables can't follow it; nothing was written.
            UsageError: SETTING_INVALID; a selection names an unknown table, or contradicts itself;
                what `prepare_state` raises.
        """
        state = PipelineState(self.store.pipeline_path(self.spec.key))
        retries = read_retries(self.spec, continuous=request.continuous)
        read_retention(self.spec)
        if request.validate_only:
            check_format(self.store.root)
            with self._source_code(request) as registry:
                resolved = self._resolve(registry, state, saves=False, strict=request.strict)
                tables = Tables(self.spark, self.store, state)
                resets = self._selection(registry, tables, request).resets
                tables.check_all(resolved.graph, resets)
            return UpdateResult("COMPLETED", (), (), resolved.graph)
        prepare_state(self.store.root)
        with (
            update_lock(state.root, self.spec.key, driver_pid(self.spark)),
            self._source_code(request) as registry,
        ):
            autoloader.follow_move(
                state.root, {"state": self.store.root, "bundle": self.bundle.root}
            )
            if request.refresh_failed:
                request = with_failed(request, state)
            return self._with_restarts(registry, state, request, retries)

    def preview(self, request: UpdateRequest) -> Preview:
        """Return what an update knows before its first write; writes nothing.

        Args:
            request: what the update would be asked to do.

        Raises:
            GraphError, UsageError: as for `run`.
        """
        state = PipelineState(self.store.pipeline_path(self.spec.key))
        tables = Tables(self.spark, self.store, state)
        check_format(self.store.root)
        with self._source_code(request) as registry:
            if registry.faults:
                self._resolve(registry, state, saves=False, strict=request.strict)
            if request.refresh_failed:
                request = with_failed(request, state)
            selection = self._selection(registry, tables, request)
            anew = named_flows(request.reset_checkpoints, registry.flows)
            resolved = self._resolved_anew(
                registry, state, selection.resets, strict=request.strict, saves=False
            )
            states = tables.states_to_be(resolved.graph, resolved.resets)
            pipeline_id = self.bundle.pipeline_id(self.spec)
            places = places_of(resolved.graph, tables, states, pipeline_id)
            places |= {name: without_checkpoint(places[name]) for name in anew}
            context = PipelineContext(self.spec, resolved.graph, tables, states, places)
            return Preview(
                context,
                self._standings(context, resolved, registry),
                selection.chosen | resolved.resets,
                resolved.resets,
                anew,
            )

    @contextmanager
    def _source_code(self, request: UpdateRequest) -> Iterator[Registry]:
        with load_source(self.spark, self.bundle, self.spec, self.store) as registry:
            if not registry.faults:  # they come first
                registry.flows |= replacing_where(registry.flows, request.replace_where)
            if self.adapt is not None:
                self.adapt(registry)
            check_names(registry, request)  # a typo starts no update
            yield registry

    def _with_restarts(
        self, registry: Registry, state: PipelineState, request: UpdateRequest, retries: Retries
    ) -> UpdateResult:
        cause, ids = "USER_ACTION", []
        report = UpdateReport()
        changes = failures = 0
        while True:
            ids.append(str(uuid.uuid4()))
            result, report = self._one(registry, state, request, cause, ids[-1], report)
            if isinstance(result.error, SchemaChange):
                cause, changes = "SCHEMA_CHANGE", changes + 1
                self._check_changes(changes, request)
            elif not request.continuous and result.may_mend and retries.allows_update(failures + 1):
                cause, failures = "RETRY_ON_FAILURE", failures + 1
                self.stopping.wait(wait_seconds(failures))
            else:
                return replace(result, update_ids=tuple(ids))
            if self.stopping.is_set():
                # new columns are no failure of a continuous update: the next one reads them
                failed = (each.error for each in result.flows if each.error is not None)
                error = next(failed, None) if request.continuous else result.error
                return replace(result, update_ids=tuple(ids), error=error)
            request = request.after_restart(result.error)

    def _check_changes(self, changes: int, request: UpdateRequest) -> None:
        """Refuse to start again for ever; a continuous update has for ever."""
        if changes < MAX_SCHEMA_RESTARTS or request.continuous:
            return
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
        report: UpdateReport,
    ) -> tuple[UpdateResult, UpdateReport]:
        origin = {
            "pipeline_id": self.bundle.pipeline_id(self.spec),
            "pipeline_name": self.spec.name,
            "pipeline_type": "WORKSPACE",
            "update_id": update_id,
            "cloud": "local",
        }
        hooks = EventHooks(registry.hooks, origin)

        def tell(event: Event) -> None:
            hooks.put(event)
            if self.listener:
                self.listener(event)

        kept = read_retention(self.spec)
        with EventLog(state.event_log, origin, tell, kept=kept) as log, hooks:
            hooks.emit = log.emit
            journal = Journal(log, self.spec.name, update_id, report=report)
            journal.created(cause, request.run_as, request.config(self.spec))
            try:
                return self._phases(registry, state, request, journal), journal.report
            except KeyboardInterrupt:
                journal.state("CANCELED", cause="USER_ACTION")
                raise
            except Exception as error:  # whatever it is: an update that ended must not look alive
                journal.state("FAILED", error)
                raise

    def _phases(
        self, registry: Registry, state: PipelineState, request: UpdateRequest, journal: Journal
    ) -> UpdateResult:
        journal.state("INITIALIZING")
        tables = Tables(self.spark, self.store, state)
        if registry.faults:
            self._resolve(registry, state, strict=request.strict)  # raises all of them
        selection = self._selection(registry, tables, request)
        anew = named_flows(request.reset_checkpoints, registry.flows)
        if selection.resets:
            journal.state("RESETTING")
        resolved = self._resolved_anew(registry, state, selection.resets, strict=request.strict)
        graph = resolved.graph
        intervals = read_intervals(graph, self.spec) if request.continuous else None
        check_brokers(resolved.brokers)
        journal.defined(graph)
        journal.state("SETTING_UP_TABLES")
        made = [name for name, each in graph.datasets.items() if each.is_table]
        keep_apart(self.spark, self.store, made, next(iter(self.bundle.pipelines.values())).catalog)
        states = tables.set_up(graph, resolved.resets)
        context = UpdateContext(
            spec=self.spec,
            graph=graph,
            tables=tables,
            states=states,
            places=places_of(graph, tables, states, self.bundle.pipeline_id(self.spec)),
            journal=journal,
            stopping=Stopping(self.stopping),
            cache=self._cache,
            brokers=resolved.brokers,
            schema_changes=request.schema_changes,
        )
        for flow in anew:
            reset_checkpoint(context.places[flow])
        journal.flow_ids = {flow: each.identity for flow, each in context.places.items()}
        journal.state("RUNNING")
        chosen = selection.chosen | resolved.resets  # what was emptied is filled, asked for or not
        runs = FlowAttempts(context, self._standings(context, resolved, registry))
        return self._run_flows(context, chosen, runs, intervals)

    def _selection(self, registry: Registry, tables: Tables, request: UpdateRequest) -> Selection:
        """Return what a request selects, and among the resets those that are due without it."""
        selection = select(registry, request.refresh, request.full_refresh)
        known = {name for name, each in registry.datasets.items() if not each.is_view}
        due = tables.dropped(registry.datasets.values()) | tables.state.pending_resets() & known
        return replace(selection, resets=selection.resets | due)

    def _standings(
        self, context: PipelineContext, resolved: Resolution, registry: Registry
    ) -> Standings:
        digest = source_digest(registry.files, registry.folders) + settings_digest(self.spark)
        return Standings(context, resolved.sources, digest)

    def _resolved_anew(
        self,
        registry: Registry,
        state: PipelineState,
        resets: frozenset[TableName],
        *,
        strict: bool,
        saves: bool = True,
    ) -> Resolution:
        """Resolve the graph as it is once `resets`, and the views they read, start over.

        The resets themselves are not written: a fault leaves everything as it was.
        """
        resolved = self._resolve(registry, state, saves=saves, strict=strict, resets=resets)
        views = resolved.graph.views_above(resets)
        if views & resolved.readers:
            resolved = self._resolve(registry, state, saves=saves, resets=resets | views)
        return replace(resolved, resets=resets | views)

    def _run_flows(
        self,
        context: UpdateContext,
        chosen: frozenset[TableName],
        runs: FlowAttempts,
        intervals: Mapping[str, float] | None,
    ) -> UpdateResult:
        """Run the chosen flows, and tell how the update ended.

        Args:
            intervals: of a continuous update, seconds between two turns at each flow.
        """
        graph, journal = context.graph, context.journal
        flows = [flow for flow in graph.flows if flow.flow.target in chosen]
        for flow in graph.flows:
            journal.status(flow, "QUEUED" if flow.flow.target in chosen else "EXCLUDED")
        retries = read_retries(self.spec, continuous=intervals is not None)
        scheduler = scheduler_of(context, runs, retries, intervals)
        scheduler.run(flows)
        totals = tuple(journal.report.flows.values())
        failed = [each.error for each in totals if isinstance(each.error, HeadwaterError)]
        error = next(iter(failed), None)
        if scheduler.schema_change:
            journal.state("CANCELED")
            return UpdateResult("CANCELED", (), totals, graph, scheduler.schema_change)
        if context.stopping.is_set() and (intervals is not None or not failed):
            journal.state("CANCELED", cause="USER_ACTION")
            return UpdateResult("CANCELED", (), totals, graph, error)
        state = "FAILED" if failed else "COMPLETED"
        journal.state(state, error)
        return UpdateResult(state, (), totals, graph, error)

    def _resolve(
        self,
        registry: Registry,
        state: PipelineState,
        *,
        saves: bool = True,
        strict: bool = False,
        resets: frozenset[TableName] = frozenset(),
    ) -> Resolution:
        create_schema(self.spark, self.spec.catalog, self.spec.schema, self.store)
        if own_catalog(self.spark, self.spec.catalog) is None:
            use_schema(self.spark, self.spec.schema)
        inference = Inference(self.spark, state, self._cache, resets, saves)
        return resolve(self.spark, registry, self.store, inference, strict=strict)
