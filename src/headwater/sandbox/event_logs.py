"""`event_log(...)` in SQL: the relation behind a pipeline's event log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.events.query import expand_event_log, no_event_log
from headwater.sandbox.sql_text import SqlText
from headwater.state.pipeline import made_by
from headwater.state.target import Target

_FUNCTION = "event_log"


def over_event_logs(
    spark: SparkSession, statement: str, target: Callable[[], Target | None]
) -> str:
    """Return a statement with each call of `event_log` replaced by what Spark can read.

    Args:
        target: returns whose logs they are, None if they are nobody's; called when there is one.

    Raises:
        UsageError: EVENT_LOG_ARGUMENT, EVENT_LOG_UNKNOWN.
        ParseException: Spark can't parse a statement with such a word in it.
    """
    if _FUNCTION not in statement.lower():
        return statement
    calls = [each for each in SqlText(spark, statement).functions() if each.name == _FUNCTION]
    opened = target() if calls else None
    if opened is None:
        return statement
    for call in sorted(calls, key=lambda each: -each.start):
        sql = expand_event_log(call.text, lambda name, table: _log_of(opened, name, table))
        statement = statement[: call.start] + sql + statement[call.end :]
    return statement


def _log_of(target: Target, wanted: str, is_table: bool) -> Path:
    known = {
        name: path for name, path in _known_logs(target).items() if (path / "_delta_log").is_dir()
    }
    path = known.get(wanted.lower())
    if is_table:
        made = made_by(target.store, wanted)
        path = made[0].event_log if made else None
    if path is None or not (path / "_delta_log").is_dir():
        raise no_event_log(wanted, sorted(known))
    return path


def _known_logs(target: Target) -> dict[str, Path]:
    """Map the bundle's pipelines, by key, name and id, and its dbt projects to their event logs."""
    found = target.store.dbt_event_logs()
    for spec in target.bundle.pipelines.values():
        path = target.event_log(spec.key)
        for name in (spec.key, spec.name, target.bundle.pipeline_id(spec)):
            found[name.lower()] = path
    return found
