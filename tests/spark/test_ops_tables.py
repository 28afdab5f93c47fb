"""What is read of tables from their log, where Spark wrote what only Spark writes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from headwater.operations.tables import count_rows, version_at


def test_rows_are_counted_without_those_that_deletion_vectors_hide(
    spark: SparkSession, tmp_path: Path
) -> None:
    writer = spark.range(1000).coalesce(1).write.format("delta")
    writer.option("delta.enableDeletionVectors", "true").save(str(tmp_path / "t"))
    spark.sql(f"DELETE FROM delta.`{tmp_path / 't'}` WHERE id >= 10")
    table = DeltaTable(tmp_path / "t")
    assert count_rows(table) == 10
    now = datetime.now(timezone.utc)
    assert version_at(table.history(), now) == 1
    assert version_at(table.history(), now - timedelta(days=1)) is None
    table.load_as_version(0)
    assert count_rows(table) == 1000


def test_rows_that_the_log_does_not_count_are_counted_by_their_files(
    spark: SparkSession, tmp_path: Path
) -> None:
    name = "spark.databricks.delta.stats.collect"
    spark.conf.set(name, "false")
    try:
        rows = spark.range(7).selectExpr("id", "concat('a b', id) AS part")
        writer = rows.write.format("delta").partitionBy("part")
        writer.save(str(tmp_path / "a b"))
    finally:
        spark.conf.unset(name)
    assert count_rows(DeltaTable(tmp_path / "a b")) == 7


def test_files_of_a_shallow_clone_are_those_of_its_origin(
    spark: SparkSession, tmp_path: Path
) -> None:
    origin, clone = tmp_path / "a b", tmp_path / "clone"
    spark.range(7).write.format("delta").save(str(origin))
    spark.sql(f"CREATE TABLE delta.`{clone}` SHALLOW CLONE delta.`{origin}`")
    assert count_rows(DeltaTable(clone), are_there=True) == 7
    for file in origin.glob("*.parquet"):
        file.unlink()
    with pytest.raises(FileNotFoundError):
        count_rows(DeltaTable(clone), are_there=True)
