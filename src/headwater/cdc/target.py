"""The target's Delta table: its rows read back as events, and one commit per batch.

The table stays an ordinary one: no helper columns, no helper rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from delta.tables import DeltaMergeBuilder, DeltaTable
from deltalake import DeltaTable as LogReader
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from headwater.cdc.columns import (
    ACTION,
    DELETE,
    END,
    FROM_TARGET,
    INSERT,
    OLD,
    OP,
    ORIGIN,
    RANK,
    REMOVE,
    SEQ,
    START,
    UPDATE,
    UPSERT,
    WRITTEN,
    all_true,
    col,
    cols,
)
from headwater.cdc.events import rank
from headwater.cdc.plan import ChangePlan
from headwater.graph.model import AutoCdc
from headwater.names import quote

SOURCE = "__cdc_source"
TARGET = "__cdc_target"
"""Names of the two sides of a merge."""
_MATERIALIZE = "spark.databricks.delta.merge.materializeSource"


@dataclass(frozen=True)
class ChangeTarget:
    """The target of a flow's changes.

    Attributes:
        path: folder of the target's Delta table, which exists with `target_schema`.
        state_path: folder for what is remembered beside the target; shared by its flows, and
            dropped together with the target's rows on a full refresh.
        name: the dataset, for messages.
        change: what to do with the events.
        generated: see `TargetTable`.
    """

    path: str
    state_path: str
    name: str
    change: AutoCdc
    generated: Mapping[str, Column] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetTable:
    """A target, by the folder of its Delta table.

    Attributes:
        settings: of the session, while rows are committed.
        generated: columns that follow from a row's others, by their names; they are made as rows
            are written, and nothing else knows of them.
    """

    spark: SparkSession
    path: str
    settings: Mapping[str, str] = field(default_factory=dict)
    generated: Mapping[str, Column] = field(default_factory=dict)

    def read(self) -> DataFrame:
        """Return the table's rows as of now, without generated columns."""
        return self.spark.read.format("delta").load(self.path).drop(*self.generated)

    def is_empty(self) -> bool:
        """Return whether the table has no data files; reads its log only, without Spark."""
        files: int = self._files().num_rows
        return files == 0

    def _files(self) -> pa.Table:
        return pa.table(LogReader(self.path).get_add_actions(flatten=True))

    def count(self) -> int:
        """Count the rows of a table that was only appended to.

        From its log, or by Spark where a file has no row count there.
        """
        files = self._files()
        names = files.column_names
        rows = files.column("num_records").to_pylist() if "num_records" in names else [None]
        return self.read().count() if None in rows else sum(rows)

    def append(self, rows: DataFrame) -> None:
        """Add rows, and columns that are new, in one commit; no rows, no commit."""
        with changed_settings(self.spark, self.settings):
            self._append(self._whole(rows))

    def _append(self, rows: DataFrame) -> None:
        rows.write.format("delta").mode("append").option("mergeSchema", "true").save(self.path)

    def add_columns(self, columns: Sequence[StructField]) -> None:
        """Add columns, and fields of STRUCTs, in a commit of their own."""
        self._append(self.spark.createDataFrame([], StructType([*columns])))

    def merge(self, decided: DataFrame, plan: ChangePlan, actions: Collection[int]) -> None:
        """Insert, update and remove rows as decided, in one commit.

        Args:
            decided: rows to change, with ACTION.
            plan: what the columns are.
            actions: those that occur.
        """
        matching = (*plan.keys, START) if plan.scd_type == 2 else plan.keys
        on = all_true([col(name, TARGET) == col(name, SOURCE) for name in matching])
        action = col(ACTION, SOURCE)
        names = (*plan.target_columns, *self.generated)
        rows: dict[str, str | Column] = {quote(name): col(name, SOURCE) for name in names}
        merge = self.merging(self._whole(decided), on)
        if REMOVE in actions:
            merge = merge.whenMatchedDelete(condition=action == REMOVE)
        if UPDATE in actions:
            merge = merge.whenMatchedUpdate(condition=action == UPDATE, set=rows)
        if INSERT in actions:
            merge = merge.whenNotMatchedInsert(condition=action == INSERT, values=rows)
        self.execute(merge)

    def _whole(self, rows: DataFrame) -> DataFrame:
        return rows.withColumns(dict(self.generated)) if self.generated else rows

    def merging(self, source: DataFrame, on: Column) -> DeltaMergeBuilder:
        """Begin a merge of rows that are computed already, named SOURCE, into TARGET."""
        table = DeltaTable.forPath(self.spark, self.path).alias(TARGET)
        return table.merge(source.alias(SOURCE), on)

    def execute(self, merge: DeltaMergeBuilder) -> DataFrame:
        """Commit a merge; return Delta's counts in one row, in none if it was committed before."""
        # The source is taken as it is: computed already, and cut from what it came from.
        with changed_settings(self.spark, {**self.settings, _MATERIALIZE: "none"}):
            return merge.execute()


@contextmanager
def changed_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Set settings of a session for the length of a `with` block."""
    before = {key: spark.conf.get(key, None) for key in settings}
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, each in before.items():
            if each is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, each)


def target_entries(rows: DataFrame, plan: ChangePlan) -> DataFrame:
    """Read rows of the target back as events, with the row itself in OLD.

    SCD type 1: one upsert per row; its sequence is NULL when the target doesn't keep it. SCD type
    2: an upsert at the row's start and, when the row has ended, a delete at its end.
    """
    shown = [*cols(plan.values), *([col(END)] if plan.scd_type == 2 else [])]
    old = F.struct(*shown, F.lit(True).alias("__cdc_is_row"))
    operations = _ended_twice() if plan.scd_type == 2 else F.lit(UPSERT)
    entries = rows.withColumns({ORIGIN: F.lit(FROM_TARGET), OLD: old, OP: operations})
    if plan.columns_to_update:
        entries = entries.withColumn(WRITTEN, F.lit(None).cast(ArrayType(StringType())))
    entries = entries.withColumns({SEQ: _sequence(plan), RANK: rank(plan)})
    entries = entries.withColumn(OLD, F.when(col(OP) == UPSERT, col(OLD)))
    return entries.drop(START, END) if plan.scd_type == 2 else entries


def lacking(have: StructType, wanted: StructType) -> list[StructField]:
    """List the columns that a table lacks, wholly or some of their fields."""
    known = {each.name.lower(): each.dataType for each in have}
    return [
        each
        for each in wanted
        if each.name.lower() not in known or _has_other_fields(each, known[each.name.lower()])
    ]


def _has_other_fields(field: StructField, have: DataType) -> bool:
    is_nested = isinstance(field.dataType, (StructType, ArrayType, MapType))
    return is_nested and field.dataType.simpleString() != have.simpleString()


def _ended_twice() -> Column:
    both = F.array(F.lit(UPSERT), F.lit(DELETE))
    return F.explode(F.when(col(END).isNotNull(), both).otherwise(F.array(F.lit(UPSERT))))


def _sequence(plan: ChangePlan) -> Column:
    if plan.scd_type == 2:
        return F.when(col(OP) == DELETE, col(END)).otherwise(col(START))
    names = plan.sequence_columns
    if not names:
        return F.lit(None).cast(plan.sequence_type)
    if isinstance(plan.sequence_type, StructType):
        fields = zip(names, plan.sequence_type.names, strict=True)
        return F.struct(*[col(name).alias(field) for name, field in fields])
    return col(names[0])
