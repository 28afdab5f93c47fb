"""Bronze tables of a few rows, written as literals; and rows as Python sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from claims_analytics.bronze import RUN_COLUMNS
from claims_analytics.rules import Rules
from claims_analytics.sources import SOURCES
from harness import frame_of

Row = dict[str, Any]

FIRST_RUN, SECOND_RUN = "20240101000000-1", "20240201000000-2"
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


def bronze(spark: SparkSession, **tables: Sequence[Mapping[str, Any]]) -> dict[str, DataFrame]:
    """Return all bronze tables; columns that a row does not name are NULL.

    Args:
        tables: rows by the name of their file. Columns of runs, too, can be named.
    """
    return {name: _table(spark, name, tables.get(name, ())) for name in SOURCES}


def _table(spark: SparkSession, name: str, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    columns = dict.fromkeys(SOURCES[name].columns, "string")
    columns |= {each: "string" for row in rows for each in row if each not in RUN_COLUMNS}
    return table_of(spark, rows, columns)


def table_of(
    spark: SparkSession, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> DataFrame:
    """Return rows with columns of a file's own version, and those of runs."""
    known = {
        "ingest_run_id": FIRST_RUN,
        "ingest_timestamp": NOON,
        "source_file": "file.csv",
        "source_modified_at": NOON,
    }
    types = {**columns, **RUN_COLUMNS}
    filled = [{**known, "record_hash": _hash(row), **row} for row in rows]
    values = [tuple(row.get(name) for name in types) for row in filled]
    return frame_of(spark, values, ", ".join(f"`{name}` {kind}" for name, kind in types.items()))


def _hash(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()


def rows_of(frame: DataFrame) -> list[Row]:
    """Return rows as dicts; times are in UTC."""
    found: list[Row] = frame.toArrow().to_pylist()
    return found


def with_broken(frame: DataFrame, rules: Rules) -> DataFrame:
    """Add `broken`: the names of the rules that a row breaks."""
    every = {**rules.warn, **rules.drop, **rules.fail}
    names = [
        F.when(~F.coalesce(F.expr(condition), F.lit(False)), F.lit(name))
        for name, condition in every.items()
    ]
    return frame.withColumn("broken", F.array_compact(F.array(*names)))
