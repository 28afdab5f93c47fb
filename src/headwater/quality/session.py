"""Judge a pipeline from within a Spark session: in a task of a job, here or in a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from headwater.names import split_name
from headwater.quality.gate import Verdict, judge
from headwater.quality.limits import Limits
from headwater.quality.measures import MeasuredUpdate
from headwater.quality.statements import (
    Query,
    about_table,
    quoted,
    rows_by_sql,
    updates_by_sql,
)


def judge_in_session(
    spark: SparkSession, limits: Limits, *, table: str, home: tuple[str, str], now: datetime
) -> list[Verdict]:
    """Judge the last update of a pipeline, and its tables as they are.

    Args:
        table: any table of the pipeline, by its full name; it leads to the event log.
        home: catalog and schema of names that have none.
        now: in UTC.

    Raises:
        UsageError: NAME_INVALID.
    """
    rows = rows_by_sql(_query(spark), home)
    return judge(limits, updates_in_session(spark, table), rows, now)


def updates_in_session(spark: SparkSession, table: str) -> list[MeasuredUpdate]:
    """Return the updates that the event log of a table's pipeline tells of, the last one first."""
    return updates_by_sql(_query(spark), f"TABLE({quoted(split_name(table))})")


def _query(spark: SparkSession) -> Query:
    def query(statement: str) -> Sequence[Mapping[str, Any]]:
        try:
            return [each.asDict() for each in spark.sql(statement).collect()]
        except AnalysisException as error:
            found = about_table(error.getCondition() or "")
            if found is not None:
                raise found from error
            raise

    return query
