"""Targets and batches for the CDC tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession

from headwater.cdc import ChangeCounts, ChangeTarget, apply_batch, target_schema
from headwater.graph.model import AutoCdc


@dataclass
class Target:
    """A target table in a folder of its own; batches are numbered as they come."""

    spark: SparkSession
    folder: Path
    change: AutoCdc
    batches: int = field(default=0)

    @property
    def path(self) -> str:
        return str(self.folder / "target")

    @property
    def state_path(self) -> str:
        return str(self.folder / "state")

    def create(self, source: DataFrame) -> Target:
        builder = DeltaTable.create(self.spark).location(self.path)
        builder = builder.addColumns(target_schema(source, self.change))
        builder.property("delta.columnMapping.mode", "name").execute()
        return self

    def apply(self, batch: DataFrame, batch_id: int | None = None) -> ChangeCounts:
        number = self.batches if batch_id is None else batch_id
        self.batches = max(self.batches, number + 1)
        target = ChangeTarget(self.path, self.state_path, "t", self.change)
        return apply_batch(batch, number, target)

    def read(self) -> DataFrame:
        return self.spark.read.format("delta").load(self.path)

    def rows(self) -> set[tuple[object, ...]]:
        found = [_plain(row) for row in self.read().collect()]
        assert len(found) == len(set(found))
        return set(found)

    @property
    def version(self) -> int:
        return len(list(Path(self.path, "_delta_log").glob("*.json"))) - 1

    @property
    def state_version(self) -> int:
        return len(list(Path(self.state_path, "_delta_log").glob("*.json"))) - 1


def target_of(
    spark: SparkSession, folder: Path, change: AutoCdc, batches: Iterable[DataFrame]
) -> Target:
    """Create a target for the batches' columns and apply them in order."""
    given = list(batches)
    target = Target(spark, folder, change).create(given[0])
    for batch in given:
        target.apply(batch)
    return target


def _plain(row: Row) -> tuple[object, ...]:
    return tuple(_plain(each) if isinstance(each, Row) else each for each in row)
