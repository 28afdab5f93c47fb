"""Declare what a pipeline's SQL says, as the Python API would.

Statements are read by `headwater.sql`; a query in them is left to Spark, and runs when its dataset
is evaluated. What does not live here: finding the statements of a file (`sources`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from headwater.errors import DefinitionError, Location, UsageError, nearest
from headwater.graph import arguments as given
from headwater.graph.locations import current_location, located
from headwater.graph.model import Action, Dataset, DatasetKind, Expectation, Flow
from headwater.graph.registry import Registry, unique_rules
from headwater.graph.sql_query import SqlQuery, SqlStatement
from headwater.names import TableName
from headwater.sql.columns import split_columns
from headwater.sql.cursor import Cursor, SqlSyntaxError
from headwater.sql.parameters import fill
from headwater.sql.parse import parse
from headwater.sql.split import Statement
from headwater.sql.statements import (
    Change,
    Columns,
    CreateDataset,
    CreateFlow,
    CreateFunction,
    Declaration,
    Insert,
    Names,
    Query,
    Replace,
    Rule,
    SetValue,
    UseNamespace,
)

_SELECT = "SELECT * FROM "


@dataclass
class SqlFile:
    """Declares the statements of one file, in order; SET and USE hold for those behind them.

    Attributes:
        spark: the session of the update.
        named: values of `:name`, the pipeline's `parameters`.
    """

    registry: Registry
    spark: SparkSession
    named: Mapping[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def declare(self, statement: Statement, where: Location) -> None:
        """Declare one statement; what is wrong with it is a fault of the registry.

        Args:
            where: its place, with the column of its first character.
        """
        filled = fill(statement.text, self._value, self.named)
        placed = SqlStatement(statement.text, filled, where)
        if filled.unknown:
            self.registry.faults.extend(self._unknown(*each, placed) for each in filled.unknown)
            return
        try:
            self._add(parse(filled.text), placed)
        except SqlSyntaxError as error:
            self.registry.faults.append(
                DefinitionError(
                    error.code,
                    error.message,
                    where=placed.place(error.position),
                    hint=error.hint or "Correct the statement.",
                )
            )

    def _value(self, key: str) -> str | None:
        if key in self.settings:
            return self.settings[key]
        return self.spark.conf.get(key, None) if self.spark else None

    def _unknown(self, key: str, position: int, statement: SqlStatement) -> DefinitionError:
        known = [*self.settings, *(self.spark.conf.getAll if self.spark else ())]
        return DefinitionError(
            "SQL_PARAMETER_UNKNOWN",
            f"${{{key}}} has no value",
            where=statement.place_written(position),
            hint=nearest(key, known) or f"Set '{key}' under `configuration` of the pipeline.",
            key=key,
        )

    def _add(self, declared: Declaration, statement: SqlStatement) -> None:
        if isinstance(declared, SetValue):
            self.settings[declared.key] = declared.value
        elif isinstance(declared, UseNamespace):
            self.registry.use(declared.catalog, declared.schema)
        elif isinstance(declared, CreateFunction):
            self.spark.sql(declared.text)
        elif isinstance(declared, CreateFlow):
            self._flow(declared, statement)
        else:
            self._dataset(declared, statement)

    def _dataset(self, declared: CreateDataset, statement: SqlStatement) -> None:
        name = self._name(declared.name)
        where = current_location()
        self.registry.add_dataset(
            Dataset(
                name,
                where,
                DatasetKind[declared.kind],
                comment=declared.comment,
                schema=declared.columns.schema,
                table_properties=declared.properties,
                partition_cols=declared.partition_by,
                cluster_by=declared.cluster_by,
                path=given.storage_path(declared.path, "LOCATION"),
                private=declared.is_private or declared.kind == "VIEW",
                row_filter=declared.row_filter,
                expectations=_rules(declared.rules, str(name), where),
            )
        )
        if declared.is_published:
            self.registry.warnings.append(_not_published(name, where))
        self._fill(declared, name, statement)

    def _fill(self, declared: CreateDataset, name: TableName, statement: SqlStatement) -> None:
        flow, columns = declared.flow, declared.columns
        is_own = isinstance(flow, (Query, Replace)) or (isinstance(flow, Insert) and not flow.once)
        if columns.names and not is_own:
            raise SqlSyntaxError("Columns of a table without a query need types", 0)
        default = self.registry.flow_name(name)
        if isinstance(flow, (Query, Insert, Replace)):
            text = flow if isinstance(flow, Query) else flow.query
            query = self._query(text, statement, columns)
            self._add_flow(default, name, query, own=is_own, **_way(flow))
        elif flow is not None:
            self._change(default, name, flow, statement)

    def _flow(self, declared: CreateFlow, statement: SqlStatement) -> None:
        target, flow = self._name(declared.target), declared.flow
        name = declared.name or self.registry.flow_name(target)
        if isinstance(flow, (Insert, Replace)):
            query = self._query(flow.query, statement)
            self._add_flow(name, target, query, comment=declared.comment, **_way(flow))
        else:
            self._change(name, target, flow, statement, comment=declared.comment)

    def _change(
        self,
        name: str,
        target: TableName,
        change: Change,
        statement: SqlStatement,
        *,
        comment: str | None = None,
    ) -> None:
        way: dict[str, Any] = {}
        if change.from_snapshot:
            way["snapshots"] = given.snapshot_cdc(_arguments(change))
        else:
            way["change"] = given.auto_cdc(_arguments(change))
        source = self._source(change, statement)
        self._add_flow(name, target, source, once=change.once, comment=comment, **way)

    def _source(self, change: Change, statement: SqlStatement) -> Callable[[], DataFrame]:
        """Return the query of a change flow: a table's name reads its stream, STREAM or not."""
        name, is_batch = change.stream, change.once or change.from_snapshot
        if name is None:
            start = change.source.start - len(_SELECT)
            return self._query(Query(_SELECT + change.source.text, start), statement)

        def read() -> DataFrame:
            spark = self.spark
            return spark.read.table(name) if is_batch else spark.readStream.table(name)

        return read

    def _query(
        self,
        query: Query,
        statement: SqlStatement,
        columns: Columns | None = None,
    ) -> SqlQuery:
        given = columns or Columns()
        return SqlQuery(
            query.text,
            query.start,
            statement,
            lambda: self.spark,
            given.names,
            split_columns(given.schema).filled if given.schema else (),
            given.comments,
        )

    def _add_flow(
        self, name: str, target: TableName, query: Callable[[], DataFrame], **more: Any
    ) -> None:
        names = ("spark.", "pipelines.")
        settings = ((key, value) for key, value in self.settings.items() if key.startswith(names))
        spark = {key: value.strip("'\"") for key, value in settings}
        self.registry.add_flow(
            Flow(name, target, query, current_location(), spark_conf=spark, **more)
        )

    def _name(self, written: str) -> TableName:
        try:
            return self.registry.resolve(written)
        except UsageError as error:
            raise located(error) from None


def _rules(rules: Sequence[Rule], owner: str, where: Location) -> tuple[Expectation, ...]:
    found = [Expectation(each.name, each.condition, Action[each.action]) for each in rules]
    return unique_rules(found, owner, where)


def _not_published(name: TableName, where: Location) -> DefinitionError:
    return DefinitionError(
        "VIEW_NOT_PUBLISHED",
        f"The view '{name}' is not in the catalog here: only this pipeline reads it",
        where=where,
        hint="Write CREATE TEMPORARY VIEW, or a materialized view to query it.",
        dataset=str(name),
    )


def _way(flow: Query | Insert | Replace) -> dict[str, Any]:
    """Return what tells how the rows of a query are written."""
    if isinstance(flow, Replace):
        keys = list(flow.keys) or None
        replaced = given.replacing(keys, _expression(flow.sequence_by), flow.predicate)
        return {"replaces": replaced}
    return {"once": isinstance(flow, Insert) and flow.once}


def _arguments(change: Change) -> dict[str, Any]:
    """Return the clauses as the arguments of `create_auto_cdc_flow`, or of snapshots."""
    return {
        "source": change.stream or change.source.text,
        "keys": list(change.keys),
        "sequence_by": _expression(change.sequence_by),
        "system_sequence_by": _expression(change.system_sequence_by),
        "ignore_null_updates": change.ignores_nulls and change.ignore_null is None,
        **_lists(change.ignore_null, "ignore_null_updates_{}column_list"),
        "columns_to_update": change.columns_to_update,
        "apply_as_deletes": change.deletes,
        "apply_as_truncates": change.truncates,
        "where": change.where,
        **_lists(change.columns, "{}column_list"),
        "stored_as_scd_type": change.scd_type,
        **_lists(change.history, "track_history_{}column_list"),
    }


def _lists(names: Names | None, argument: str) -> dict[str, list[str] | None]:
    chosen = list(names.columns) if names else None
    excluded = names is not None and names.are_excluded
    return {
        argument.format(""): None if excluded else chosen,
        argument.format("except_"): chosen if excluded else None,
    }


def _expression(text: str | None) -> str | Column | None:
    """Take a column's name as it is, and anything else as an expression."""
    if text is None:
        return None
    cursor = Cursor(text)
    try:
        name = cursor.column()
        cursor.end()
    except SqlSyntaxError:
        return F.expr(text)
    return name
