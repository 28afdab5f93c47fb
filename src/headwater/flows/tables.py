"""Create, evolve and reset the Delta tables of a pipeline, before its flows run.

Plain tables are created by the `deltalake` library in milliseconds; those that need a feature it
can't write (clustering, column mapping, ...) by Spark. Every step is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from delta.tables import DeltaTable as SparkTable
from delta.tables import DeltaTableBuilder
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from headwater import cdc
from headwater.analysis.changes import (
    check_followed,
    check_generated,
    check_partitions,
    column_changes,
)
from headwater.analysis.full_refresh import KEEP_TYPES, needs_full_refresh
from headwater.analysis.identities import (
    check_unchanged,
    declared_metadata,
    identity_columns,
    noted_metadata,
)
from headwater.analysis.schemas import placeholder, stored_schema
from headwater.delta import whole_log, write_checksum
from headwater.errors import DefinitionError, all_faults
from headwater.flows.overwrite import cluster, is_delta, overwrite, table_schema
from headwater.flows.properties import lacking_properties, may_widen, needs_spark, table_properties
from headwater.graph.dag import Graph
from headwater.graph.model import Dataset, DatasetKind
from headwater.names import TableName, quote
from headwater.sandbox.failures import explained
from headwater.sql.tokens import string_literal
from headwater.state.catalog import register_table
from headwater.state.pipeline import PipelineState, TableState, made_by
from headwater.state.store import Store

_ODD_NAMES = 'Rename the columns, or set table_properties={"delta.columnMapping.mode": "name"}.'

_FEATURES = {'"timestamp_ntz"': "timestampNtz", '"variant"': "variantType"}
"""Types that a table supports only with the feature on, as spelled in a schema's JSON."""


@dataclass(frozen=True)
class Tables:
    """The tables of one pipeline in one target."""

    spark: SparkSession
    store: Store
    state: PipelineState

    def path(self, dataset: Dataset) -> Path:
        """Name the folder of a dataset's table."""
        if dataset.path:
            return Path(self.store.local_path(dataset.path).removeprefix("file://"))
        if dataset.private or dataset.sink:  # of a sink the folder is never made
            return self.state.private_table(dataset.name)
        return self.store.table_path(dataset.name)

    def dropped(self, datasets: Iterable[Dataset]) -> frozenset[TableName]:
        """Name the tables that were dropped by hand, or made private or public.

        They are rebuilt from their sources.
        """
        return frozenset(
            each.name
            for each in datasets
            if each.is_table
            and (state := self._known(each)) is not None
            and state.is_made
            and (state.is_moved(each.private) or not is_delta(self.path(each)))
        )

    def set_up(self, graph: Graph, resets: Collection[TableName]) -> dict[TableName, TableState]:
        """Make all tables exist, with the columns and properties that the source declares.

        Everything that can be refused without writing is refused before the first write. What is
        reset is noted before it is emptied, so that a kill between repeats the whole. A table that
        is gone from the source is marked inactive, and never dropped.

        Args:
            resets: datasets that start anew from all their sources.

        Raises:
            GraphError: TABLE_NOT_OWNED, DATASET_KIND_CHANGED, PARTITIONS_CHANGED, SCHEMA_CHANGED,
                TABLE_NOT_CREATED, TABLE_NOT_CHANGED, or what `cdc.check_drift` raises.
        """
        tables = [(each, graph.schemas[each.name], _change(graph, each)) for each in graph.tables()]
        self.check_all(graph, resets)
        states: dict[TableName, TableState] = {}
        with all_faults() as faults:
            for dataset, schema, change in tables:
                if dataset.name not in resets:
                    with faults:
                        states[dataset.name] = self._keep(dataset, schema, change)
        self.state.begin_resets(resets)
        with all_faults() as faults:
            for dataset, schema, change in reversed(tables):  # readers before what they read
                if dataset.name in resets:
                    with faults:
                        states[dataset.name] = self._reset(dataset, schema, change)
            for other in (each for each in graph.datasets.values() if not each.is_table):
                if other.name in resets:
                    self._next_generation(other, {})
            self.state.end_resets(resets)  # what Delta refused has its rows, and is not tried again
        for sink in (each for each in graph.datasets.values() if each.sink):
            states[sink.name] = self._sink(sink)
        self.state.mark_inactive([dataset.name for dataset, _, _ in tables])
        return states

    def states_to_be(
        self, graph: Graph, resets: Collection[TableName]
    ) -> dict[TableName, TableState]:
        """Return what `set_up` would remember of each table and sink; writes nothing."""
        states = {}
        for each in graph.datasets.values():
            if each.is_table or each.sink:
                known = self._known(each) or TableState(each.kind.value if each.kind else "")
                generation = self.state.generation(each.name, resets)
                done = () if each.name in resets else known.once_done
                states[each.name] = replace(known, generation=generation, once_done=done)
        return states

    def check_all(self, graph: Graph, resets: Collection[TableName]) -> None:
        """Refuse what the tables can't follow; writes nothing.

        Raises:
            GraphError: what `check` raises, of all tables.
        """
        with all_faults() as faults:
            for dataset in graph.tables():
                with faults:
                    self.check(graph, dataset, is_reset=dataset.name in resets)

    def check(self, graph: Graph, dataset: Dataset, *, is_reset: bool) -> None:
        """Refuse what a table can't follow; writes nothing.

        Raises:
            DefinitionError: TABLE_NOT_OWNED, DATASET_KIND_CHANGED, PARTITIONS_CHANGED,
                SCHEMA_CHANGED, or what `cdc.check_drift` raises.
        """
        path = self.path(dataset)
        state = self._known(dataset)
        if state is None or (state.is_moved(dataset.private) and not dataset.private):
            if dataset.name not in self.state.pending_resets():  # that made it, and was killed
                self._check_owner(dataset, is_delta(path))
        elif not is_reset:
            self._check_same(dataset, state, _change(graph, dataset))
            if dataset.kind is DatasetKind.STREAMING_TABLE and is_delta(path):
                table = DeltaTable(path)
                check_partitions(dataset, table.metadata().partition_columns)
                present = table_schema(table)
                check_unchanged(dataset, present)
                if state.change:
                    check_generated(dataset, present)
                if not may_widen(dataset, table):
                    check_followed(dataset, present, graph.schemas[dataset.name])

    def _sink(self, dataset: Dataset) -> TableState:
        """Return what is remembered of a sink: which generation of checkpoints its flows have."""
        known = self.state.load(dataset.name)
        if known is not None and known.kind == DatasetKind.SINK.value:
            return known
        return self._next_generation(dataset, {}) if known else self._first(dataset)

    def _first(self, dataset: Dataset) -> TableState:
        state = TableState(DatasetKind.SINK.value, is_made=False)
        self.state.save(dataset.name, state)
        return state

    def _keep(self, dataset: Dataset, schema: StructType, change: Mapping[str, str]) -> TableState:
        """Create the table or adapt it to the source; its rows stay."""
        state = self._known(dataset)
        if state is None:
            kind = dataset.kind.value if dataset.kind else ""
            generation = self.state.generation(dataset.name)  # it may have been a view before
            state = TableState(kind, generation, change=change, is_made=False)
            self.state.save(dataset.name, state)
        path = self.path(dataset)
        if not is_delta(path):
            self._create(dataset, schema, path)
        else:
            self._evolve(dataset, schema, path, state)
        state = replace(
            state,
            change=change,  # it may have come to remember more, and must not forget that
            cluster_by=tuple(dataset.cluster_by),
            is_made=True,
            is_active=True,
            is_private=dataset.private,
        )
        if state != self._known(dataset):
            self.state.save(dataset.name, state)
        self._register(dataset, path)
        return state

    def _reset(self, dataset: Dataset, schema: StructType, change: Mapping[str, str]) -> TableState:
        """Empty the table and move to the next generation; a kill between repeats the first.

        What is refused is refused before it is emptied, or once it is in the next generation.

        A materialized view keeps its rows until its query has the new ones, unless the table has
        identity columns: it was a streaming table then.
        """
        path = self.path(dataset)
        state = self._known(dataset) or TableState("")
        exists = is_delta(path)
        is_numbered = exists and bool(
            identity_columns(dataset) or noted_metadata(table_schema(path))
        )
        if not exists:
            self._create(dataset, schema, path)
        elif is_numbered or dataset.kind is not DatasetKind.MATERIALIZED_VIEW:
            with _refused(dataset, "TABLE_NOT_CHANGED", "change"):
                self._enable_features(schema, path)
                if is_numbered:  # an overwrite neither makes identity columns nor drops them
                    self._build(SparkTable.replace(self.spark), dataset, schema, path)
                else:
                    overwrite(placeholder(self.spark, schema, False), dataset, path, anew=True)
            state = replace(state, cluster_by=tuple(dataset.cluster_by))
        done = self._next_generation(dataset, change)
        if exists:
            self._evolve(dataset, schema, path, state)
        self._register(dataset, path)
        return done

    def _next_generation(self, dataset: Dataset, change: Mapping[str, str]) -> TableState:
        kind = dataset.kind.value if dataset.kind else ""
        generation = self.state.generation(dataset.name) + 1
        layout = tuple(dataset.cluster_by)
        state = TableState(
            kind, generation, change=change, cluster_by=layout, is_private=dataset.private
        )
        self.state.save(dataset.name, state)
        return state

    def _known(self, dataset: Dataset) -> TableState | None:
        """Return what is remembered of a table; nothing if it was a view before."""
        state = self.state.load(dataset.name)
        return None if state is None or state.kind == DatasetKind.VIEW.value else state

    def _register(self, dataset: Dataset, path: Path) -> None:
        if dataset.private:
            return
        if dataset.path:
            self.store.note_location(dataset.name, path)
        register_table(self.spark, dataset.name, path, self.store)

    def _check_owner(self, dataset: Dataset, exists: bool) -> None:
        if exists and not dataset.path:
            maker = made_by(self.store, str(dataset.name))
            other = maker[0].key if maker and maker[0].root != self.state.root else ""
            raise DefinitionError(
                "TABLE_NOT_OWNED",
                f"The table '{dataset.name}' was not created by this pipeline, but by "
                + (f"the pipeline '{other}'" if other else "a person or as a private table"),
                where=dataset.location,
                hint="Rename the dataset, or drop the table with `headwater sql`. A pipeline knows "
                "its tables by its key in the bundle.",
                dataset=str(dataset.name),
            )

    def _check_same(self, dataset: Dataset, state: TableState, change: Mapping[str, str]) -> None:
        if dataset.kind and state.kind != dataset.kind.value:
            message = f"'{dataset.name}' was a {state.kind} and is now a {dataset.kind.value}"
            raise needs_full_refresh(dataset, "DATASET_KIND_CHANGED", message)
        is_old = state.is_private is None  # earlier versions let other flows take over
        if state.change != change and not (is_old and not change):
            cdc.check_drift(state.change, change, name=str(dataset.name), where=dataset.location)

    def _create(self, dataset: Dataset, schema: StructType, path: Path) -> None:
        with _refused(dataset, "TABLE_NOT_CREATED", "create"):
            if needs_spark(dataset, schema):
                self._create_with_spark(dataset, schema, path)
                return
            path.mkdir(parents=True, exist_ok=True)
            with whole_log(path):
                DeltaTable.create(
                    path,
                    Schema.from_json(stored_schema(schema).json()),
                    partition_by=list(dataset.partition_cols) or None,
                    name=dataset.name.table,
                    description=dataset.comment,
                    configuration=table_properties(dataset),
                    raise_if_key_not_exists=False,
                )
            write_checksum(path)

    def _create_with_spark(self, dataset: Dataset, schema: StructType, path: Path) -> None:
        self._build(SparkTable.createIfNotExists(self.spark), dataset, schema, path)

    def _build(
        self, builder: DeltaTableBuilder, dataset: Dataset, schema: StructType, path: Path
    ) -> None:
        builder = builder.location(str(path))
        builder = builder.addColumns(stored_schema(schema, declared_metadata(dataset)))
        if dataset.comment:
            builder = builder.comment(dataset.comment)
        for key, value in table_properties(dataset).items():
            builder = builder.property(key, value)
        if dataset.partition_cols:
            builder = builder.partitionedBy(*dataset.partition_cols)
        if dataset.cluster_by:
            builder = builder.clusterBy(*dataset.cluster_by)
        builder.execute()

    def _evolve(self, dataset: Dataset, schema: StructType, path: Path, state: TableState) -> None:
        present = DeltaTable(path)
        wanted = lacking_properties(dataset, present)
        table = f"TABLE delta.{quote(str(path))}"
        with _refused(dataset, "TABLE_NOT_CHANGED", "change"):
            if wanted:
                pairs = (
                    f"{string_literal(key)} = {string_literal(each)}"
                    for key, each in wanted.items()
                )
                self.spark.sql(f"ALTER {table} SET TBLPROPERTIES ({', '.join(pairs)})")
            if dataset.comment and present.metadata().description != dataset.comment:
                self.spark.sql(f"COMMENT ON {table} IS {string_literal(dataset.comment)}")
            is_view = dataset.kind is DatasetKind.MATERIALIZED_VIEW  # clustered when it is written
            if tuple(dataset.cluster_by) != state.cluster_by and not is_view:
                cluster(self.spark, dataset, path)
            self._enable_features(schema, path)
        if dataset.kind is DatasetKind.STREAMING_TABLE:
            self._widen(dataset, schema, path)

    def _enable_features(self, schema: StructType, path: Path) -> None:
        """Turn on the features that new columns need; Delta does so by itself only at creation."""
        text = schema.json()
        wanted = [feature for kind, feature in _FEATURES.items() if kind in text]
        have = (DeltaTable(path).protocol().writer_features or ()) if wanted else ()
        for feature in wanted:
            if feature not in have:
                self.spark.sql(
                    f"ALTER TABLE delta.{quote(str(path))} "
                    f"SET TBLPROPERTIES ('delta.feature.{feature}' = 'supported')"
                )

    def _widen(self, dataset: Dataset, schema: StructType, path: Path) -> None:
        present = table_schema(path)
        if not any(each.after for each in column_changes(present, schema)):
            return
        numbered = identity_columns(dataset)
        others = StructType([each for each in schema if each.name not in numbered])
        frame = placeholder(self.spark, stored_schema(others), False)
        try:
            frame.write.format("delta").mode("append").option("mergeSchema", "true").save(str(path))
        except (PySparkException, Py4JError) as error:
            message = f"The columns of '{dataset.name}' changed in a way its table can't follow: "
            raise needs_full_refresh(
                dataset, "SCHEMA_CHANGED", message + explained(error), KEEP_TYPES
            ) from error


@contextmanager
def _refused(dataset: Dataset, code: str, verb: str) -> Iterator[None]:
    """Make the error for a table that Delta refused to create or change."""
    try:
        yield
    except (PySparkException, Py4JError, DeltaError) as error:
        raise DefinitionError(
            code,
            f"Delta can't {verb} '{dataset.name}': {explained(error)}",
            where=dataset.location,
            hint=_ODD_NAMES
            if "INVALID_CHARACTERS_IN_COLUMN_NAMES" in str(error)
            else "Change the columns or table_properties that Delta names.",
            dataset=str(dataset.name),
        ) from error


def _change(graph: Graph, dataset: Dataset) -> dict[str, str]:
    flows = graph.flows_into(dataset.name)
    return dict(flows[0].change) if flows else {}
