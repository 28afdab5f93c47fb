"""Turn declarations into a graph: evaluate every dataset function on placeholders.

A read of a dataset resolves that dataset first, so files and definitions can come in any order.
Nothing is written and no job runs on tables; all faults are reported at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from headwater.analysis.findings import rule_warnings, state_warnings
from headwater.analysis.inference import Inference, Resolution
from headwater.analysis.plans import query_plan
from headwater.analysis.schemas import (
    CHANGE_FEED,
    check_columns,
    check_declared,
    check_layout,
    check_types,
    declared_schema,
    merge_schemas,
    placeholder,
    with_layout_of,
)
from headwater.analysis.streams import stream_kind
from headwater.autoloader.request import CloudFiles
from headwater.engine.faults import (
    empty,
    following,
    in_cycle,
    in_order,
    is_half_read,
    not_streamable,
    past_read,
    sink_read,
    without_feed,
    without_flow,
)
from headwater.engine.settings import flow_session, with_settings_of
from headwater.errors import GraphError, HeadwaterError
from headwater.expectations.rules import check_rules
from headwater.flows.sinks import check_rows, check_sink, check_sink_apart
from headwater.flows.snapshot_plans import planned_snapshot
from headwater.flows.tables import Tables
from headwater.flows.writes import write_of
from headwater.graph.checks import check_declarations
from headwater.graph.dag import Graph, ResolvedFlow, cycle_of, ordered
from headwater.graph.kinds import dataset_kind, flow_kind
from headwater.graph.model import Dataset, DatasetKind, Flow, FlowKind
from headwater.graph.registry import Registry
from headwater.names import TableName
from headwater.sandbox.evaluate import evaluate
from headwater.sandbox.evaluation import Evaluation
from headwater.sandbox.interception import options_of, options_on
from headwater.sandbox.live_words import without_live
from headwater.sandbox.sql_text import TIME_TRAVEL
from headwater.sandbox.workspace_methods import conditions_over
from headwater.state.store import Store

MAX_DEPTH = 30
"""How deeply evaluations of datasets may nest."""

_FEED = frozenset({"readchangefeed", "readchangedata"})
_WITHOUT_CHANGES = frozenset({"skipchangecommits", "ignorechanges"})
"""Options of a stream that let it read a table whose rows change."""


class _Broken(BaseException):
    """A needed dataset has a fault, which is reported once, at its own place.

    Not an Exception, so that user code that catches those lets it pass.
    """


class _TooDeep(BaseException):
    """A dataset at the end of a long chain of reads; it is then resolved first.

    Each read of the chain takes some frames of Python's stack, which is limited.
    """

    def __init__(self, name: TableName) -> None:
        self.name = name


def resolve(
    spark: SparkSession,
    registry: Registry,
    store: Store,
    inference: Inference,
    *,
    strict: bool = False,
) -> Resolution:
    """Evaluate all flows and return the graph.

    Args:
        inference: gives Auto Loader's sources their columns; of this call alone.
        strict: warnings are faults, too.

    Raises:
        GraphError: with every fault of the pipeline, in the order of files and lines.
    """
    for name, dataset in registry.datasets.items():
        rules = [
            replace(rule, condition=without_live(spark, rule.condition))
            if isinstance(rule.condition, str)
            else rule
            for rule in dataset.expectations
        ]
        registry.datasets[name] = replace(dataset, expectations=tuple(rules))
    inference.note_brokers(registry.brokers)
    resolver = _Resolver(spark, registry, store, inference, strict, warnings=[*registry.warnings])
    return inference.resolution(resolver.run())


@dataclass
class _Resolver:
    spark: SparkSession
    registry: Registry
    store: Store
    inference: Inference
    strict: bool
    faults: list[HeadwaterError] = field(default_factory=list)
    warnings: list[HeadwaterError] = field(default_factory=list)
    schemas: dict[TableName, StructType | None] = field(default_factory=dict)
    kinds: dict[TableName, DatasetKind] = field(default_factory=dict)
    resolved: dict[str, ResolvedFlow] = field(default_factory=dict)
    streaming: dict[TableName, bool] = field(default_factory=dict)
    aggregates: set[TableName] = field(default_factory=set)
    stack: list[TableName] = field(default_factory=list)
    waiting: list[TableName] = field(default_factory=list)

    def run(self) -> Graph:
        self.faults.extend(self.registry.faults)
        self.faults.extend(check_declarations(self.registry))
        for name in self.registry.datasets:
            self._resolve_chain(name)
        if not self.registry.datasets and not self.faults:
            self.faults.append(empty())
        self.faults.extend(self.warnings if self.strict else [])
        if self.faults:
            raise GraphError(in_order(following(self.faults, self.registry.faults)))
        return self._graph()

    def _resolve_chain(self, name: TableName) -> None:
        """Resolve a dataset, after those at the far ends of what it reads."""
        self.waiting = [name]
        while self.waiting:
            try:
                self.schema_of(self.waiting[-1])
            except _TooDeep as deep:
                self.waiting.append(deep.name)
                continue
            except _Broken:
                pass
            self.waiting.pop()

    def schema_of(self, name: TableName) -> StructType:
        """Return a dataset's columns, evaluating its flows if necessary."""
        above = [*self.waiting[:-1], *self.stack]  # each of them needs the next
        if name in above and name not in self.schemas:
            self._report_cycle([*above[above.index(name) :], name])
            raise _Broken
        if name not in self.schemas and len(self.stack) >= MAX_DEPTH:
            raise _TooDeep(name)
        if name not in self.schemas:
            self.stack.append(name)
            try:
                self.schemas[name] = self._resolve(self.registry.datasets[name])
            except _Broken:
                self.schemas[name] = None
            except HeadwaterError as error:
                self.faults.append(error)
                self.schemas[name] = None
            finally:
                self.stack.pop()
        schema = self.schemas[name]
        if schema is None:
            raise _Broken
        return schema

    def _resolve(self, dataset: Dataset) -> StructType:
        flows = [flow for flow in self.registry.flows.values() if flow.target == dataset.name]
        if not flows:
            if is_half_read(dataset, self.registry.faults):
                raise _Broken
            raise without_flow(dataset)
        seen: list[tuple[Flow, DataFrame, Evaluation]] = []
        for flow in flows:
            with suppress(_Broken):
                seen.append(self._evaluate(flow, dataset))
        if len(seen) < len(flows):
            raise _Broken
        if dataset.sink:
            check_sink_apart(dataset, self.registry.datasets, self.store)
            self.inference.note_brokers(check_sink(self.spark, dataset, self.store))
        streams = [(flow, frame.isStreaming) for flow, frame, _ in seen]
        self.kinds[dataset.name] = dataset_kind(dataset.kind, streams)
        self.streaming[dataset.name] = any(is_streaming for _, is_streaming in streams)
        schema = StructType([])
        for flow, frame, evaluation in seen:
            columns = self._resolve_flow(flow, dataset, frame, evaluation)
            if dataset.sink is None:
                schema = merge_schemas(schema, columns, flow, dataset)
        return self._declared(dataset, schema, [frame for _, frame, _ in seen])

    def _evaluate(self, flow: Flow, dataset: Dataset) -> tuple[Flow, DataFrame, Evaluation]:
        """Evaluate a query under its settings, and those of the views that it reads.

        Returns:
            The flow with all these settings.
        """
        with flow_session(self.spark, flow):
            seen = self._evaluate_once(flow, dataset)
        known = [each.flow for each in self.resolved.values()]
        settings = with_settings_of(flow, [each for each in known if each.target in seen[2].inputs])
        if settings == dict(flow.spark_conf):
            return seen
        flow = replace(flow, spark_conf=settings)
        with flow_session(self.spark, flow):
            return self._evaluate_once(flow, dataset)

    def _evaluate_once(self, flow: Flow, dataset: Dataset) -> tuple[Flow, DataFrame, Evaluation]:
        source = _Placeholders(self, flow)
        evaluation = Evaluation(
            source,
            self.spark,
            self.store,
            flow.namespace,
            (self.registry.catalog, self.registry.schema),
        )
        if flow.snapshots and flow.snapshots.is_asked:
            tables = Tables(self.spark, self.store, self.inference.state)
            flow, frame = planned_snapshot(flow, dataset, evaluation, tables, self.inference.resets)
        else:
            frame = evaluate(flow, evaluation)
        check_columns(frame, flow)
        self.inference.note_brokers(evaluation.brokers)
        return flow, frame, evaluation

    def _resolve_flow(
        self, flow: Flow, dataset: Dataset, frame: DataFrame, evaluation: Evaluation
    ) -> StructType:
        # as the flows before have left its rules
        dataset, flow = conditions_over(frame, self.registry.datasets[dataset.name], flow)
        self.registry.datasets[dataset.name] = dataset
        kind = flow_kind(self.kinds[dataset.name], flow, frame.isStreaming)
        flow = replace(flow, kind=kind, sink=dataset.sink)
        write = None if flow.kind is FlowKind.VIEW else write_of(flow)
        if frame.isStreaming:
            flow = replace(flow, kind=self._stream_kind(flow, frame, evaluation.inputs))
            write = write and write_of(flow)
        self.warnings.extend([*evaluation.warnings, *state_warnings(frame, flow)])
        columns = write.columns(frame, flow) if write else frame.schema
        if flow.kind is FlowKind.APPEND and not dataset.sink and dataset.schema is None:
            check_types(columns, flow)
        declared = None if dataset.schema is None or not write else declared_schema(dataset)
        if dataset.sink:
            check_rows(columns, dataset, flow.name)
        faults = check_rules(
            frame, dataset.expectations, dataset=str(dataset.name), where=dataset.location
        )
        self.faults.extend(faults)
        self.warnings.extend([] if faults else rule_warnings(frame, dataset))
        rules = () if faults else [rule.column for rule in dataset.expectations]
        self.resolved[flow.name] = ResolvedFlow(
            flow,
            frozenset(evaluation.inputs),
            frozenset(self._tables(evaluation.inputs)),
            frozenset(evaluation.external),
            columns,
            write.described(frame, declared) if write else {},
            query_plan(
                frame,
                read_options=evaluation.read_options,
                conditions=rules,
                tables=evaluation.external,
                is_fixed=not evaluation.looks,
            ),
        )
        return columns

    def _stream_kind(
        self, flow: Flow, frame: DataFrame, inputs: Collection[TableName]
    ) -> FlowKind | None:
        """Decide how a stream is written; of a view, note whether it holds an aggregate."""
        flows = [each for each in self.registry.flows.values() if each.target == flow.target]
        holds = not self.aggregates.isdisjoint(inputs)
        kind = stream_kind(frame, flow, holds_aggregate=holds, is_only=len(flows) == 1)
        if flow.kind is not FlowKind.VIEW:
            return kind
        if kind is FlowKind.COMPLETE:
            self.aggregates.add(flow.target)
        return flow.kind

    def _tables(self, inputs: set[TableName]) -> set[TableName]:
        found: set[TableName] = set()
        for name in inputs:
            if self.kinds.get(name) is DatasetKind.VIEW:
                for flow in self.resolved.values():
                    if flow.flow.target == name:
                        found |= flow.tables
            else:
                found.add(name)
        return found

    def _declared(
        self, dataset: Dataset, schema: StructType, frames: Sequence[DataFrame]
    ) -> StructType:
        if dataset.schema is None:
            check_layout(dataset, schema)
            return schema
        declared = declared_schema(dataset)
        check_layout(dataset, declared)
        flows = [each.flow for each in self.resolved.values() if each.flow.target == dataset.name]
        check_declared(dataset, declared, schema, frames, {flow.kind for flow in flows})
        return declared

    def _report_cycle(self, cycle: Sequence[TableName]) -> None:
        self.faults.append(in_cycle(cycle, self.registry.datasets[cycle[0]].location))

    def _graph(self) -> Graph:
        needs: dict[TableName, set[TableName]] = {}
        for flow in self.resolved.values():
            needs.setdefault(flow.flow.target, set()).update(flow.inputs, flow.flow.depends_on)
        cycle = cycle_of(needs)
        if cycle:
            self._report_cycle(cycle)
            raise GraphError(self.faults)
        names = ordered(self.registry.datasets, needs)
        schemas = {name: self.schema_of(name) for name in names}
        datasets = {
            name: with_layout_of(
                replace(self.registry.datasets[name], kind=self.kinds[name]), schemas[name]
            )
            for name in names
        }
        rank = {name: number for number, name in enumerate(names)}
        flows = sorted(self.resolved.values(), key=lambda each: rank[each.flow.target])
        return Graph(
            datasets,
            schemas,
            tuple(each for each in flows if each.flow.kind is not FlowKind.VIEW),
            tuple(each for each in flows if each.flow.kind is FlowKind.VIEW),
            tuple(in_order(self.warnings)),
        )


@dataclass
class _Placeholders:
    """Answers reads with empty frames of the right columns."""

    resolver: _Resolver
    flow: Flow

    def owns(self, name: TableName) -> bool:
        return name in self.resolver.registry.datasets

    def dataset_names(self) -> list[str]:
        return [str(name) for name in self.resolver.registry.datasets]

    def read(self, name: TableName, *, streaming: bool, reader: Any) -> DataFrame:
        if self.resolver.registry.datasets[name].sink:
            raise sink_read(name)
        if not TIME_TRAVEL.isdisjoint(options_of(reader)):
            raise past_read(name)
        schema = self.resolver.schema_of(name)
        kind = self.resolver.kinds[name]
        if kind is DatasetKind.VIEW:
            streaming = streaming or self.resolver.streaming[name]
            if streaming and not self.resolver.streaming[name]:
                raise not_streamable(name, "a view over a batch query")
        elif streaming:
            self._check_streamable(name, kind, reader)
        if _FEED & options_on(reader):
            if kind is DatasetKind.VIEW:
                raise without_feed(name)
            schema = StructType([*schema, *CHANGE_FEED])
        return placeholder(self.resolver.spark, schema, streaming)

    def cloud_files(self, request: CloudFiles, number: int) -> DataFrame:
        return self.resolver.inference.define(request, self.flow, number)

    def _check_streamable(self, name: TableName, kind: DatasetKind, reader: Any) -> None:
        if (_FEED | _WITHOUT_CHANGES) & options_on(reader):
            return
        if kind is DatasetKind.MATERIALIZED_VIEW:
            raise not_streamable(name, "a materialized view, which is overwritten")
        flows = [each.flow for each in self.resolver.resolved.values() if each.flow.target == name]
        writes = [write_of(flow) for flow in flows]
        if any(write.merges for write in writes):
            way = "REPLACE" if any(flow.replaces for flow in flows) else "AUTO CDC"
            raise not_streamable(name, f"a target of {way}, whose rows change")
        if any(write.rewrites for write in writes):
            raise not_streamable(name, "an aggregate or DISTINCT without a watermark")
