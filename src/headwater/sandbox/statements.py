"""Run SQL against a target's tables: several statements, `/Volumes` paths, and what pipelines keep.

`event_log(...)` and `cloud_files_state(...)` are replaced by relations that Spark knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from headwater.errors import HeadwaterError, Location, UsageError
from headwater.machine.session import add_catalog, own_catalog
from headwater.names import quote, table_name
from headwater.sandbox import file_states
from headwater.sandbox.causes import innermost
from headwater.sandbox.event_logs import over_event_logs
from headwater.sandbox.failures import reason
from headwater.sandbox.own_catalogs import over_folders
from headwater.sandbox.sql_text import SqlText
from headwater.sandbox.workspace_columns import run_text
from headwater.sandbox.workspace_statements import Workspace
from headwater.sql.split import Statement, split_statements
from headwater.state.catalog import current_schema, keep_schema, note_table, schema_exists
from headwater.state.store import Store
from headwater.state.target import Target


def run_statements(
    spark: SparkSession,
    target: Target,
    text: str,
    warn: Callable[[HeadwaterError], None] | None = None,
    file: Path | None = None,
) -> DataFrame | None:
    """Run all statements in order and return the result of the last.

    Args:
        file: that the text is from, for errors.
        warn: is told SQL_NOT_KEPT, of what the next command will not find, and SQL_NO_EFFECT.

    Raises:
        UsageError: SQL_EMPTY; SQL_INVALID with Spark's first line, for the statement that fails;
            what `Workspace.run` raises. Those before it have taken effect.
    """
    catalog = target.default_schema()[0].lower()
    tell = partial(_tell, warn or (lambda _: None))
    script = _Script(spark, target, Workspace(spark, target.store, catalog, target.catalogs, tell))
    result: DataFrame | None = None
    count = 0
    for count, statement in enumerate(split_statements(text), 1):
        try:
            result = script.run(statement.text)
        except (PySparkException, Py4JError) as error:
            cause = innermost(error)
            raise UsageError(
                "SQL_INVALID",
                f"Statement {count} failed: {reason(error)}",
                where=_place(file, statement, cause.line),
                hint="Tables: SHOW TABLES; their columns: DESCRIBE <table>.",
                statement=count,
                condition=cause.condition,
            ) from error
        except UsageError as error:
            if file is None or error.where:
                raise
            where = _place(file, statement)
            raise UsageError(
                error.code, error.message, where=where, hint=error.hint, **error.parameters
            ) from error
    if not count:
        raise UsageError("SQL_EMPTY", "There is no SQL to run", hint='Try "SHOW TABLES".')
    if script.lost and warn:
        warn(
            UsageError(
                "SQL_NOT_KEPT",
                f"Lost at the end of this command: {', '.join(script.lost)}",
                hint="Only Delta tables are kept; define views in a pipeline.",
                names=script.lost,
            )
        )
    return result


def _place(file: Path | None, statement: Statement, line: int = 0) -> Location | None:
    """Name the line of a file, of which `line` counts in a statement."""
    return None if file is None else Location(str(file), statement.line + max(line, 1) - 1)


@dataclass
class _Script:
    """Runs statements one after the other; USE holds for those behind it.

    Attributes:
        lost: names of what was created and the session's end deletes.
        views: names of frames that the statement reads.
    """

    spark: SparkSession
    target: Target
    workspace: Workspace
    lost: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)

    def run(self, statement: str) -> DataFrame:
        """Run one statement."""
        done = self.workspace.run(statement, self._value)
        if done is not None:
            return done
        statement = self.workspace.readable(statement)
        try:
            text = SqlText(self.spark, statement)
        except ParseException:
            return self.spark.sql(statement)  # Spark says what is wrong with it
        made = text.new_schema(self._value)
        if made is not None:
            return _create_schema(self.spark, self.target, self.workspace.catalog, *made)
        return self._run(statement, text)

    def _value(self, expression: str) -> object:
        return self.spark.sql(f"SELECT {expression}").collect()[0][0]

    def _run(self, statement: str, text: SqlText) -> DataFrame:
        spark, target = self.spark, self.target
        table = text.new_table()
        if table is not None:
            self._check_new(table)
        # names that Spark finds need a catalog of that name
        for parts in [table or (), *(relation.parts for relation in text.relations())]:
            if len(parts) == 3:
                add_catalog(spark, parts[0].lower())
        with over_folders(spark, target.store, text, self.workspace.namespace) as over:
            if over != statement:
                statement, text = over, SqlText(spark, over)
            try:
                result = run_text(spark, self._expanded(statement, text), spark.sql)
            finally:
                while self.views:
                    spark.catalog.dropTempView(self.views.pop())
        dropped = text.dropped_table()
        if dropped is not None:
            default = current_schema(spark)
            name = table_name(".".join(map(quote, dropped)), self.workspace.catalog, default)
            target.store.forget_location(name)
        made_table = table or text.new_view()
        if made_table is not None:
            schema = made_table[-2] if len(made_table) > 1 else current_schema(spark)
            catalog = made_table[0] if len(made_table) > 2 else self.workspace.catalog
            found = (schema.lower(), made_table[-1].lower())
            if not note_table(spark, target.store, *found, catalog):
                self.lost.append(".".join(found))
        return result

    def _expanded(self, statement: str, text: SqlText) -> str:
        """Replace the calls of functions that read what pipelines keep."""
        target = self.target
        for call in sorted(text.functions(), key=lambda each: -each.start):
            if call.name == file_states.FUNCTION:
                sql = self._view(_file_states(self.spark, target.store, call.text))
                statement = statement[: call.start] + sql + statement[call.end :]
        return over_event_logs(self.spark, statement, lambda: target)

    def _view(self, frame: DataFrame) -> str:
        """Give a frame a name, until the statement has run."""
        self.views.append(f"__headwater_states_{len(self.views)}")
        frame.createOrReplaceTempView(self.views[-1])
        return self.views[-1]

    def _check_new(self, parts: tuple[str, ...]) -> None:
        """Refuse a new table that Spark would take only once its files are written, or misplace."""
        catalog = parts[0] if len(parts) == 3 else self.workspace.catalog
        if own_catalog(self.spark, catalog) is not None:
            raise UsageError(
                "CATALOG_NOT_WRITABLE",
                f"CREATE TABLE is not supported in the catalog '{catalog}' of this target",
                hint="It has tables of the same names as another catalog: create the table in a "
                "pipeline.",
                catalog=catalog,
            )
        _check_table(parts)


def _tell(warn: Callable[[HeadwaterError], None], words: str) -> None:
    warn(
        UsageError(
            "SQL_NO_EFFECT",
            f"No effect here: {words}",
            hint="A workspace applies it; here the state folder belongs to one user.",
            words=words,
        )
    )


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
    spark: SparkSession, target: Target, current: str, parts: tuple[str, ...], may_exist: bool
) -> DataFrame:
    """Create a schema whose tables are kept with the target's, in the catalog it names."""
    schema = parts[-1].lower()
    catalog = parts[0].lower() if len(parts) > 1 else current
    if len(parts) > 2:
        raise UsageError(
            "NAME_INVALID",
            f"Not a schema name: {'.'.join(parts)}",
            hint="Write CREATE SCHEMA schema, or catalog.schema.",
        )
    if schema_exists(spark, schema, catalog) and not may_exist:
        raise UsageError(
            "SCHEMA_EXISTS",
            f"The schema '{schema}' already exists",
            hint="All catalogs share their schemas here; write CREATE SCHEMA IF NOT EXISTS.",
            schema=schema,
        )
    keep_schema(spark, catalog, schema, target.store)
    return spark.createDataFrame([], "")


def _file_states(spark: SparkSession, store: Store, call: str) -> DataFrame:
    wanted, is_table = file_states.state_argument(call)
    if not is_table:
        return file_states.checkpoint_states(spark, store, wanted)
    found = file_states.table_states(spark, store, wanted)
    if found is None:
        raise file_states.unknown_state(wanted)
    return found
