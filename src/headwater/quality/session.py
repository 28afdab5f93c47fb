"""Judge a pipeline from within a Spark session: in a task of a job, here or in a workspace.

What is measured comes from `event_log(TABLE(...))` and the tables, by SQL that a workspace has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from headwater.names import quote, split_name
from headwater.quality.gate import Rows, Verdict, judge
from headwater.quality.limits import Limits
from headwater.quality.measures import MeasuredUpdate, measured_updates

_EVENTS = ("create_update", "update_progress", "flow_definition", "flow_progress")
_ABSENT = re.compile("NOT_FOUND|TIMESTAMP|NOT_EXIST")
"""Conditions of Spark and Delta for a table that is not there, or was not at a time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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
    return judge(limits, updates_in_session(spark, table), _rows(spark, home), now)


def updates_in_session(spark: SparkSession, table: str) -> list[MeasuredUpdate]:
    """Return the updates that the event log of a table's pipeline tells of, the last one first."""
    kinds = ", ".join(f"'{each}'" for each in _EVENTS)
    found = spark.sql(
        "SELECT id, to_json(origin) AS origin, unix_micros(timestamp) AS micros, event_type, "
        "message, level, to_json(error) AS error, details "
        f"FROM event_log(TABLE({_quoted(split_name(table))})) WHERE event_type IN ({kinds}) "
        "ORDER BY timestamp, sequence.data_plane_id.seq_no"
    )
    return measured_updates(_event(each.asDict()) for each in found.collect())


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "origin": json.loads(row["origin"]),
        "timestamp": _EPOCH + timedelta(microseconds=row["micros"]),
        "error": json.loads(row["error"]) if row["error"] else None,
        "details": json.loads(row["details"]),
    }


def _rows(spark: SparkSession, home: tuple[str, str]) -> Rows:
    def rows(name: str, at: datetime | None) -> int | None:
        parts = split_name(name)
        full = _quoted((*home[: 3 - len(parts)], *parts))
        when = "" if at is None else f" TIMESTAMP AS OF '{at:%Y-%m-%dT%H:%M:%S.%fZ}'"
        try:
            return int(spark.sql(f"SELECT count(*) AS n FROM {full}{when}").collect()[0]["n"])
        except AnalysisException as error:  # there is no such table, or was none
            if not _ABSENT.search(error.getCondition() or ""):
                raise
            return None

    return rows


def _quoted(parts: Sequence[str]) -> str:
    return ".".join(map(quote, parts))
