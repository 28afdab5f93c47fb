"""Rows of a program as a DataFrame that Spark holds itself.

`createDataFrame` makes local Spark start Python processes for the rows, at each job that reads
them, and a MERGE copy them first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


def frame_of(spark: SparkSession, rows: Iterable[Sequence[Any]], columns: str) -> DataFrame:
    """Return rows as a DataFrame. A plan only: nothing runs.

    Args:
        rows: of text, numbers, booleans and times; a time without a zone is the machine's.
        columns: names and types, such as `name STRING, at TIMESTAMP`.
    """
    names = [each.split()[0] for each in columns.split(", ")]
    text = json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=_text)
    every = F.from_json(F.lit(text), f"array<struct<{columns}>>", {"mode": "FAILFAST"})
    return spark.range(0, 1, 1, 1).select(F.inline(every))


def _text(value: datetime) -> str:
    return value.astimezone(timezone.utc).isoformat()
