"""Measure a pipeline by SQL that a workspace has: `event_log(...)`, and counts of tables.

Who runs the statements is the caller's business: a Spark session, or a warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from headwater.names import quote, split_name
from headwater.quality.gate import Rows
from headwater.quality.measures import MeasuredUpdate, measured_updates

Query = Callable[[str], Sequence[Mapping[str, Any]]]
"""Runs a statement and returns its rows, numbers maybe as texts; raises what `about_table` says."""

_EVENTS = ("create_update", "update_progress", "flow_definition", "flow_progress")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class TableAbsentError(LookupError):
    """A statement reads a table that is not there, or was not at that time."""


class TableUnchangedError(LookupError):
    """A statement reads a table as of a time after its newest commit."""


_ABSENT = (
    "NOT_FOUND",
    "NOT_EXIST",
    "DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION",
    "DELTA_NO_RECREATABLE_HISTORY_FOUND",
    "DELTA_NO_COMMITS_FOUND",
)
"""Parts of conditions of Spark and Delta: a table is not there, or was not at a time."""


def about_table(said: str) -> LookupError | None:
    """Return what a refusal of Spark, its condition or text, says of a table; None if nothing."""
    if "DELTA_TIMESTAMP_GREATER_THAN_COMMIT" in said:
        return TableUnchangedError(said)
    return TableAbsentError(said) if any(each in said for each in _ABSENT) else None


def updates_by_sql(query: Query, log: str) -> list[MeasuredUpdate]:
    """Return the updates that an event log tells of, the last one first.

    Args:
        log: what `event_log` takes, such as `TABLE(a.b.c)`; quoted.
    """
    kinds = ", ".join(f"'{each}'" for each in _EVENTS)
    found = query(
        "SELECT id, to_json(origin) AS origin, unix_micros(timestamp) AS micros, event_type, "
        "message, level, to_json(error) AS error, details "
        f"FROM event_log({log}) WHERE event_type IN ({kinds}) "
        "ORDER BY timestamp, sequence.data_plane_id.seq_no"
    )
    return measured_updates(map(_event, found))


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "origin": json.loads(row["origin"]),
        "timestamp": _EPOCH + timedelta(microseconds=int(row["micros"])),
        "error": json.loads(row["error"]) if row["error"] else None,
        "details": json.loads(row["details"]),
    }


def rows_by_sql(query: Query, home: tuple[str, str]) -> Rows:
    """Return what counts the rows of a table.

    Args:
        home: catalog and schema of names that have none.
    """

    def rows(name: str, at: datetime | None) -> int | None:
        parts = split_name(name)
        full = quoted((*home[: 3 - len(parts)], *parts))
        when = "" if at is None else f" TIMESTAMP AS OF '{at:%Y-%m-%dT%H:%M:%S.%fZ}'"
        try:
            return int(query(f"SELECT count(*) AS n FROM {full}{when}")[0]["n"])
        except TableUnchangedError:
            return rows(name, None)
        except TableAbsentError:
            return None

    return rows


def quoted(parts: Sequence[str]) -> str:
    """Write a name in SQL."""
    return ".".join(map(quote, parts))
