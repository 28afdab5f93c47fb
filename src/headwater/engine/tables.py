"""Create, evolve and reset the Delta tables of a pipeline, before its flows run.

Plain tables are created by the `deltalake` library in milliseconds; those that need a feature it
can't write (clustering, column mapping, ...) by Spark. Every step is safe to repeat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from deltalake import DeltaTable, Schema
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from headwater import cdc
from headwater.engine.resolve import placeholder
from headwater.engine.state import PipelineState, TableState
from headwater.engine.store import Store, register_table
from headwater.errors import DefinitionError, UpdateError
from headwater.graph.dag import Graph
from headwater.graph.loader import first_line
from headwater.graph.model import Dataset, DatasetKind
from headwater.names import TableName, quote


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
        if dataset.private:
            return self.state.private_table(dataset.name)
        return self.store.table_path(dataset.name)

    def set_up(self, dataset: Dataset, schema: StructType, change: dict[str, str]) -> TableState:
        """Make the table be there, with the columns and properties that the source declares.

        Raises:
            DefinitionError: TABLE_NOT_OWNED, DATASET_KIND_CHANGED, SCHEMA_CHANGED, or what
                `cdc.check_drift` raises.
        """
        path = self.path(dataset)
        exists = is_delta(path)
        state = self.state.load(dataset.name)
        if state is None:
            self._check_owner(dataset, exists)
            state = TableState(dataset.kind.value if dataset.kind else "", change=change)
            self.state.save(dataset.name, state)
        state = self._finish_reset(dataset, schema, state, change)
        self._check_same(dataset, state, change)
        if not is_delta(path):
            self._create(dataset, schema, path)
        else:
            self._evolve(dataset, schema, path)
        if not dataset.private:
            register_table(self.spark, dataset.name, path, self.store)
        return state

    def notice_dropped(self, datasets: Iterable[Dataset]) -> None:
        """Mark tables that were dropped by hand, so that they are rebuilt from their sources."""
        for dataset in datasets:
            if dataset.kind is not DatasetKind.VIEW and not is_delta(self.path(dataset)):
                self.begin_reset(dataset)

    def begin_reset(self, dataset: Dataset) -> None:
        """Note that a full refresh of the table was asked for; `set_up` carries it out."""
        state = self.state.load(dataset.name)
        if state is not None:
            self.state.save(dataset.name, replace(state, resetting=True))

    def _finish_reset(
        self, dataset: Dataset, schema: StructType, state: TableState, change: dict[str, str]
    ) -> TableState:
        """Empty the table, then move to the next generation; a kill between repeats the first."""
        if not state.resetting:
            return state
        path = self.path(dataset)
        if is_delta(path):
            overwrite(placeholder(self.spark, schema, False), dataset, path)
        done = TableState(
            dataset.kind.value if dataset.kind else "",
            generation=state.generation + 1,
            change=change,
        )
        self.state.save(dataset.name, done)
        return done

    def _check_owner(self, dataset: Dataset, exists: bool) -> None:
        if exists and not dataset.path:
            raise DefinitionError(
                "TABLE_NOT_OWNED",
                f"The table '{dataset.name}' exists and was not made by this pipeline",
                where=dataset.location,
                hint="Rename the dataset, or drop the table with `headwater sql`.",
                dataset=str(dataset.name),
            )

    def _check_same(self, dataset: Dataset, state: TableState, change: dict[str, str]) -> None:
        if dataset.kind and state.kind != dataset.kind.value:
            raise DefinitionError(
                "DATASET_KIND_CHANGED",
                f"'{dataset.name}' was a {state.kind} and is now a {dataset.kind.value}",
                where=dataset.location,
                hint=f"Run once with --full-refresh {dataset.name}.",
                dataset=str(dataset.name),
            )
        if state.change != change:
            cdc.check_drift(state.change, change, name=str(dataset.name), where=dataset.location)

    def _create(self, dataset: Dataset, schema: StructType, path: Path) -> None:
        if _needs_spark(dataset, schema):
            self._create_with_spark(dataset, schema, path)
            return
        path.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(
            path,
            Schema.from_json(_nullable(schema).json()),
            partition_by=list(dataset.partition_cols) or None,
            name=dataset.name.table,
            description=dataset.comment,
            configuration=dict(dataset.table_properties),
            raise_if_key_not_exists=False,
        )

    def _create_with_spark(self, dataset: Dataset, schema: StructType, path: Path) -> None:
        from delta.tables import DeltaTable as SparkTable  # here: tables like these are few

        builder = SparkTable.createIfNotExists(self.spark).location(str(path))
        builder = builder.addColumns(_nullable(schema))
        if dataset.comment:
            builder = builder.comment(dataset.comment)
        for key, value in dataset.table_properties.items():
            builder = builder.property(key, value)
        if dataset.partition_cols:
            builder = builder.partitionedBy(*dataset.partition_cols)
        if dataset.cluster_by:
            builder = builder.clusterBy(*dataset.cluster_by)
        try:
            builder.execute()
        except AnalysisException as error:
            raise DefinitionError(
                "TABLE_NOT_CREATED",
                f"Delta can't create '{dataset.name}': {first_line(error)}",
                where=dataset.location,
                hint="Change the columns or table_properties that Delta names.",
                dataset=str(dataset.name),
            ) from error

    def _evolve(self, dataset: Dataset, schema: StructType, path: Path) -> None:
        metadata = DeltaTable(path).metadata()
        wanted = {
            key: value
            for key, value in dataset.table_properties.items()
            if metadata.configuration.get(key) != value
        }
        if wanted:
            pairs = ", ".join(f"{_literal(key)} = {_literal(each)}" for key, each in wanted.items())
            self.spark.sql(f"ALTER TABLE delta.{quote(str(path))} SET TBLPROPERTIES ({pairs})")
        if dataset.comment and metadata.description != dataset.comment:
            self.spark.sql(
                f"COMMENT ON TABLE delta.{quote(str(path))} IS {_literal(dataset.comment)}"
            )
        if dataset.kind is DatasetKind.STREAMING_TABLE:
            self._check_partitions(dataset, metadata.partition_columns)
            self._widen(dataset, schema, path)

    def _check_partitions(self, dataset: Dataset, present: list[str]) -> None:
        if list(dataset.partition_cols) != present:
            raise DefinitionError(
                "PARTITIONS_CHANGED",
                f"'{dataset.name}' is partitioned by {present or 'nothing'}, the source says "
                f"{list(dataset.partition_cols) or 'nothing'}",
                where=dataset.location,
                hint=f"Run once with --full-refresh {dataset.name}.",
                dataset=str(dataset.name),
            )

    def _widen(self, dataset: Dataset, schema: StructType, path: Path) -> None:
        present = table_schema(path)
        if _covers(present, schema):
            return
        frame = placeholder(self.spark, _nullable(schema), False)
        try:
            frame.write.format("delta").mode("append").option("mergeSchema", "true").save(str(path))
        except AnalysisException as error:
            raise DefinitionError(
                "SCHEMA_CHANGED",
                f"The columns of '{dataset.name}' changed in a way its table can't follow: "
                + first_line(error),
                where=dataset.location,
                hint=f"Run once with --full-refresh {dataset.name}, or keep the column's type.",
                dataset=str(dataset.name),
            ) from error


def overwrite(frame: DataFrame, dataset: Dataset, path: Path) -> None:
    """Replace a table's rows and columns in one commit; layout as the dataset declares it.

    An overwrite makes Delta forget clustering, which is then declared again.
    """
    writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    if dataset.partition_cols:
        writer = writer.partitionBy(*dataset.partition_cols)
    writer.save(str(path))
    if dataset.cluster_by:
        columns = ", ".join(map(quote, dataset.cluster_by))
        frame.sparkSession.sql(f"ALTER TABLE delta.{quote(str(path))} CLUSTER BY ({columns})")


def table_schema(path: Path) -> StructType:
    """Read a Delta table's columns; runs no job."""
    return StructType.fromJson(json.loads(DeltaTable(path).schema().to_json()))


def is_delta(path: Path) -> bool:
    """Whether a folder holds a Delta table."""
    return (path / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(path))


def check_resettable(
    graph: Graph, names: frozenset[TableName], explicit: bool
) -> frozenset[TableName]:
    """Take out of a full refresh the tables that forbid it, or refuse when they were named.

    Raises:
        UpdateError: TABLE_NOT_RESETTABLE, for `pipelines.reset.allowed=false` asked by name.
    """
    kept = {
        name
        for name in names
        if graph.datasets[name].table_properties.get("pipelines.reset.allowed", "true").lower()
        == "false"
    }
    if kept and explicit:
        raise UpdateError(
            "TABLE_NOT_RESETTABLE",
            "A full refresh is not allowed for " + ", ".join(sorted(map(str, kept))),
            hint="Its table property pipelines.reset.allowed is false; refresh it instead.",
            datasets=sorted(map(str, kept)),
        )
    return names - kept


def _needs_spark(dataset: Dataset, schema: StructType) -> bool:
    special = any(key.lower().startswith("delta.") for key in dataset.table_properties)
    names = any(char in column.name for column in schema for char in " ,;{}()\n\t=")
    exotic = any(each in schema.json() for each in ('"variant"', '"void"', "interval", "char("))
    return bool(dataset.cluster_by) or special or names or exotic


def _nullable(schema: StructType) -> StructType:
    return StructType.fromJson(
        {
            **schema.jsonValue(),
            "fields": [{**column.jsonValue(), "nullable": True} for column in schema],
        }
    )


def _covers(present: StructType, wanted: StructType) -> bool:
    have = {column.name.lower(): column.dataType for column in present}
    return all(
        have.get(column.name.lower()) is not None
        and have[column.name.lower()].simpleString() == column.dataType.simpleString()
        for column in wanted
    )


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
