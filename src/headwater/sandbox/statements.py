"""Run SQL against a target's tables: several statements, `event_log(...)`, `/Volumes` paths."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headwater.errors import HeadwaterError, UsageError
from headwater.events.query import expand_event_log, no_event_log
from headwater.machine.session import add_catalog
from headwater.names import quote, split_name, table_name
from headwater.sandbox.causes import innermost
from headwater.sandbox.failures import reason
from headwater.sandbox.sql_text import SqlText
from headwater.sql.split import split_statements
from headwater.state.catalog import current_schema, keep_schema, note_table, schema_exists
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store
from headwater.state.target import Target


def run_statements(
    spark: SparkSession,
    target: Target,
    text: str,
    warn: Callable[[HeadwaterError], None] | None = None,
) -> DataFrame | None:
    """Run all statements in order and return the result of the last.

    Args:
        warn: is told SQL_NOT_KEPT, of what the next command will not find.

    Raises:
        UsageError: SQL_EMPTY; SQL_INVALID with Spark's first line, for the statement that fails.
            Those before it have taken effect.
    """
    lost: list[str] = []
    result: DataFrame | None = None
    count = 0
    for count, statement in enumerate(split_statements(text), 1):
        try:
            result = _run(spark, target, statement.text, lost)
        except (PySparkException, Py4JError) as error:
            raise UsageError(
                "SQL_INVALID",
                f"Statement {count} failed: {reason(error)}",
                hint="Tables: SHOW TABLES; their columns: DESCRIBE <table>.",
                statement=count,
                condition=innermost(error).condition,
            ) from error
    if not count:
        raise UsageError("SQL_EMPTY", "There is no SQL to run", hint='Try "SHOW TABLES".')
    if lost and warn:
        warn(
            UsageError(
                "SQL_NOT_KEPT",
                f"Lost at the end of this command: {', '.join(lost)}",
                hint="Only Delta tables are kept; define views in a pipeline.",
                names=lost,
            )
        )
    return result


def _run(spark: SparkSession, target: Target, statement: str, lost: list[str]) -> DataFrame:
    """Run one statement; adds to `lost` what it creates and the session's end deletes."""
    try:
        text = SqlText(spark, statement)
    except ParseException:
        return spark.sql(statement)  # Spark says what is wrong with it
    made = text.new_schema()
    if made is not None:
        return _create_schema(spark, target, *made)
    table = text.new_table()
    if table is not None:
        _check_table(table)
    # names that Spark finds need a catalog of that name
    for parts in [table or (), *(relation.parts for relation in text.relations())]:
        if len(parts) == 3:
            add_catalog(spark, parts[0].lower())
    result = spark.sql(_expanded(target, statement, text))
    dropped = text.dropped_table()
    if dropped is not None:
        catalog, default = target.default_schema()[0], current_schema(spark)
        target.store.forget_location(table_name(".".join(map(quote, dropped)), catalog, default))
    made_table = table or text.new_view()
    if made_table is not None:
        schema = made_table[-2] if len(made_table) > 1 else current_schema(spark)
        catalog = made_table[0] if len(made_table) > 2 else target.default_schema()[0]
        name = (schema.lower(), made_table[-1].lower())
        if not note_table(spark, target.store, *name, catalog):
            lost.append(".".join(name))
    return result


def _check_table(parts: tuple[str, ...]) -> None:
    """Refuse names that Spark takes only once the table's files are written."""
    if not re.fullmatch(r"\w+", parts[-1], re.ASCII):
        raise UsageError(
            "NAME_INVALID",
            f"CREATE TABLE supports only plain names here: {parts[-1]!r}",
            hint="Use letters, digits and _, or define the table in a pipeline.",
            name=parts[-1],
        )


def _create_schema(
    spark: SparkSession, target: Target, parts: tuple[str, ...], may_exist: bool
) -> DataFrame:
    """Create a schema whose tables are kept with the target's, in the catalog it names."""
    schema = parts[-1].lower()
    catalog = parts[0].lower() if len(parts) > 1 else target.default_schema()[0].lower()
    if len(parts) > 2:
        raise UsageError(
            "NAME_INVALID",
            f"Not a schema name: {'.'.join(parts)}",
            hint="Write CREATE SCHEMA schema, or catalog.schema.",
        )
    if schema_exists(spark, schema) and not may_exist:
        raise UsageError(
            "SCHEMA_EXISTS",
            f"The schema '{schema}' already exists",
            hint="All catalogs share their schemas here; write CREATE SCHEMA IF NOT EXISTS.",
            schema=schema,
        )
    keep_schema(spark, catalog, schema, target.store)
    return spark.createDataFrame([], "")


def _expanded(target: Target, statement: str, text: SqlText) -> str:
    for call in sorted(text.functions(), key=lambda each: -each.start):
        if call.name == "event_log":
            sql = expand_event_log(call.text, lambda name, table: _log_of(target, name, table))
            statement = statement[: call.start] + sql + statement[call.end :]
    return statement


def _log_of(target: Target, wanted: str, is_table: bool) -> Path:
    known = {
        name: path for name, path in known_logs(target).items() if (path / "_delta_log").is_dir()
    }
    path = _log_of_table(target.store, wanted) if is_table else known.get(wanted.lower())
    if path is None or not (path / "_delta_log").is_dir():
        raise no_event_log(wanted, sorted(known))
    return path


def known_logs(target: Target) -> dict[str, Path]:
    """Map the keys, names and ids of the bundle's pipelines to their event logs."""
    found: dict[str, Path] = {}
    for spec in target.bundle.pipelines.values():
        path = target.event_log(spec.key)
        for name in (spec.key, spec.name, target.bundle.pipeline_id(spec)):
            found[name.lower()] = path
    return found


def _log_of_table(store: Store, table: str) -> Path | None:
    """Find the pipeline that made a table by what each pipeline remembers."""
    wanted = split_name(table)
    for folder in sorted((store.root / "pipelines").glob("*")):
        state = PipelineState(folder)
        for name in store.tables():
            parts = (name.catalog, name.schema, name.table)
            if parts[3 - len(wanted) :] == wanted and state.load(name) is not None:
                return state.event_log
    return None


def rows_of(frame: DataFrame, limit: int | None = None) -> list[dict[str, Any]]:
    """Collect a result as JSON-ready rows; times are written in the session's time zone.

    Raises:
        UsageError: SQL_FAILED, with the cause; values of rows are withheld.
    """
    if not frame.columns:
        return []
    limited = frame if limit is None else frame.limit(limit)
    names = [f"c{n}" for n in range(len(frame.columns))]  # columns may share a name
    packed = limited.toDF(*names).select(
        F.to_json(F.struct(*names), {"ignoreNullFields": "false"}).alias("row")
    )
    try:
        rows = [json.loads(row["row"]) for row in packed.collect()]
    except (PySparkException, Py4JError) as error:
        raise UsageError(
            "SQL_FAILED",
            f"The query failed: {reason(error)}",
            hint="Correct the query, or use try_cast and the like for values that don't fit.",
            condition=innermost(error).condition,
        ) from error
    return [dict(zip(frame.columns, row.values(), strict=True)) for row in rows]
