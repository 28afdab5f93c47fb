"""A Delta table beside the target that keeps what the target's rows can't show.

Rows are only appended, and compacted now and then; a duplicate row means the same as one, so
writing it again does no harm. It is written before the target: after a kill between the two, the
replayed batch finds what it wrote and brings the target up to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from deltalake import DeltaTable as LogReader
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from headwater.cdc.columns import (
    DELETE,
    OP,
    RANK,
    SEQ,
    TRUNCATE,
    UPSERT,
    WRITTEN,
    col,
    cols,
)
from headwater.cdc.events import event_columns, identity_of
from headwater.cdc.plan import ChangePlan, Memory
from headwater.names import quote

_BATCHES_BETWEEN_COMPACTIONS = 64
_UNTIL = "__cdc_until"
_OTHER_TYPE = "DELTA_MERGE_INCOMPATIBLE_DATATYPE"


@dataclass(frozen=True)
class EventMemory:
    """The remembered events of one target; empty when the plan needs no memory."""

    spark: SparkSession
    path: str
    plan: ChangePlan

    @property
    def columns(self) -> list[str]:
        """Name the columns that are remembered."""
        with_values = self.plan.memory in (Memory.HIDDEN, Memory.EVENTS)
        return event_columns(self.plan, with_values=with_values)

    def exists(self) -> bool:
        """Return whether anything was ever remembered."""
        return self.plan.memory is not Memory.NOTHING and LogReader.is_deltatable(self.path)

    def read(self) -> DataFrame:
        """Return all that is remembered, truncates included."""
        stored = self.spark.read.format("delta").load(self.path)
        missing = {
            name: F.lit(None).cast(self.plan.types[name])
            for name in self.columns
            if name in self.plan.types and name not in stored.columns
        }
        return stored.withColumns(missing) if missing else stored

    def append(self, events: DataFrame) -> None:
        """Remember events, in one commit; a delete's values are not kept."""
        plan = self.plan
        is_value = set(plan.values) | {WRITTEN}
        kept = [
            F.when(col(OP) == UPSERT, col(name)).alias(name) if name in is_value else col(name)
            for name in self.columns
        ]
        writer = events.select(*kept).write.format("delta").mode("append")
        if self.exists():
            writer = writer.option("mergeSchema", "true")
            try:
                writer.save(self.path)
            except AnalysisException as error:
                if error.getCondition() != _OTHER_TYPE:
                    raise
                self._let_types_grow()  # as those of the target did
                writer.save(self.path)
        else:
            # Names with spaces and the like need the mapping, and may come later.
            writer.option("delta.columnMapping.mode", "name").save(self.path)

    def _let_types_grow(self) -> None:
        self.spark.sql(
            f"ALTER TABLE delta.{quote(self.path)} "
            "SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')"
        )

    def without_known(self, events: DataFrame) -> DataFrame:
        """Return each different event that isn't remembered yet, once."""
        identity = identity_of(self.plan)
        fresh = events.dropDuplicates([f"{name}" for name in identity])
        if not self.exists():
            return fresh
        known = self.read().select(*cols(identity)).alias("known")
        fresh = fresh.alias("fresh")
        matches = [col(name, "fresh").eqNullSafe(col(name, "known")) for name in identity]
        return fresh.join(known, matches, "left_anti")

    def compact(self, batch_id: int) -> None:
        """Rewrite the memory into few files, without what newer events made obsolete.

        Does something only every 64th batch. One commit, that changes no meaning.
        """
        if (batch_id + 1) % _BATCHES_BETWEEN_COMPACTIONS == 0 and self.exists():
            self._needed(self.read()).write.format("delta").mode("overwrite").save(self.path)

    def _needed(self, stored: DataFrame) -> DataFrame:
        identity = identity_of(self.plan)
        if self.plan.memory in (Memory.HIDDEN, Memory.EVENTS):
            return stored.dropDuplicates(identity)
        # Of truncates, which may have a key or none, the latest stay as well.
        latest = Window.partitionBy(col(OP) == TRUNCATE, *cols(self.plan.keys)).orderBy(
            *[col(name).desc() for name in (SEQ, OP, RANK)]
        )
        place = "__cdc_place"
        numbered = stored.withColumn(place, F.row_number().over(latest))
        return numbered.filter(col(place) == 1).drop(place)


def truncates_of(events: DataFrame) -> DataFrame:
    """Return the sequences of the truncates among events."""
    return events.filter(col(OP) == TRUNCATE).select(col(SEQ).alias(_UNTIL))


def apply_truncates(events: DataFrame, truncates: DataFrame) -> DataFrame:
    """Turn every event up to the latest truncate into a delete of its key."""
    latest = truncates.agg(F.max(_UNTIL).alias(_UNTIL)).localCheckpoint(eager=False)
    emptied = F.when(col(SEQ) <= col(_UNTIL), F.lit(DELETE)).otherwise(col(OP))
    return events.crossJoin(F.broadcast(latest)).withColumn(OP, emptied).drop(_UNTIL)
