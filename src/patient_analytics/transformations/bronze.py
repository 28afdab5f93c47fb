"""Bronze: events as they landed, traceable."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def add_ingestion_columns(landed: DataFrame) -> DataFrame:
    """Add when each row was ingested and the file it came from.

    Args:
        landed: rows of a file source, whose hidden `_metadata` column is available.

    Returns:
        All columns, `bronze_ingestion_ts` (TIMESTAMP) and `source_file` (STRING).
    """
    return landed.select(
        "*",
        F.current_timestamp().alias("bronze_ingestion_ts"),
        F.col("_metadata.file_path").alias("source_file"),
    )
