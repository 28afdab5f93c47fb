"""Inspect Delta tables by their folders, and replace all of their rows."""

from __future__ import annotations

import json
from pathlib import Path

from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from headwater.analysis.schemas import stored_schema
from headwater.graph.model import Dataset
from headwater.names import quote


def overwrite(frame: DataFrame, dataset: Dataset, path: Path, *, anew: bool = False) -> None:
    """Replace a table's rows in one commit; layout as the dataset declares it.

    The columns become the frame's, comments and all. An overwrite makes Delta forget clustering, so
    it is declared again.

    Args:
        anew: take over the frame's columns even if the table has the same.
    """
    writer = frame.write.format("delta").mode("overwrite")
    writer = writer.option("partitionOverwriteMode", "static")  # all rows, whatever is set
    if anew or not _same_columns(frame, dataset, path):
        writer = writer.option("overwriteSchema", "true")
    if dataset.partition_cols:
        writer = writer.partitionBy(*dataset.partition_cols)
    writer.save(str(path))
    if dataset.cluster_by:
        cluster(frame.sparkSession, dataset, path)


def cluster(spark: SparkSession, dataset: Dataset, path: Path) -> None:
    """Cluster a table as the dataset declares it, by nothing if it doesn't."""
    names = table_schema(path).names
    columns = ", ".join(
        quote(each) if each in names else ".".join(map(quote, each.split(".")))
        for each in dataset.cluster_by
    )
    layout = f"({columns})" if columns else "NONE"
    spark.sql(f"ALTER TABLE delta.{quote(str(path))} CLUSTER BY {layout}")


def _same_columns(frame: DataFrame, dataset: Dataset, path: Path) -> bool:
    if DeltaTable(path).metadata().partition_columns != list(dataset.partition_cols):
        return False
    return _described(frame.schema) == _described(table_schema(path))


def _described(schema: StructType) -> list[object]:
    """Columns with types and metadata, without what Delta notes about them for itself."""
    return [
        (
            each.name,
            each.dataType,
            {key: value for key, value in each.metadata.items() if not key.startswith("delta.")},
        )
        for each in stored_schema(schema)
    ]


def table_schema(table: Path | DeltaTable) -> StructType:
    """Read the columns of a Delta table, or of one that is open; runs no job."""
    opened = DeltaTable(table) if isinstance(table, Path) else table
    return StructType.fromJson(json.loads(opened.schema().to_json()))


def is_delta(path: Path) -> bool:
    """Whether a folder holds a Delta table."""
    return (path / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(path))
