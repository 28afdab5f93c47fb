"""Run SQL text as a warehouse would: statement by statement, parameters bound as values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StructType, VariantType

from headwater.errors import JobError, UsageError, nearest
from headwater.jobs.failures import said_by_spark
from headwater.jobs.results import MOST_BYTES_TOLD
from headwater.sql.split import FIXED, Statement, split_statements
from headwater.sql.workspace import is_about_widgets

_PARAMETER = re.compile(
    rf"""{FIXED}
      | \{{\{{ \s* (?P<mustache> \w+ ) \s* \}}\}}
      | (?<![\w:)\]`]) : (?P<marker> [A-Za-z_]\w* )
    """,
    re.VERBOSE | re.DOTALL,
)
_MUSTACHE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_DOLLAR = re.compile(r"\$\{\s*([A-Za-z_]\w*)\s*\}")
_WITH_DOLLAR = re.compile(rf"{FIXED} | \$\{{[^}}]*\}}", re.VERBOSE | re.DOTALL)
_NESTED = (ArrayType, MapType, StructType, VariantType)
_MOST_ROWS_TOLD = 1000
_CHANGED = ("num_affected_rows", "num_inserted_rows")


@dataclass(frozen=True)
class Query:
    """One statement with its parameters.

    Args:
        text: with `:name` in place of `{{ name }}`.
        line: where it begins in the whole text, from 1.
        markers: names of its parameters.
        in_strings: names in double braces that stand in a string, where nothing can be bound.
    """

    text: str
    line: int
    markers: frozenset[str]
    in_strings: frozenset[str]


def read_query(statement: Statement) -> Query:
    """Find the parameters of a statement.

    Example:
        >>> read_query(Statement("SELECT {{ a }} -- :b", 1)).text
        'SELECT :a -- :b'
    """
    markers: set[str] = set()
    in_strings: set[str] = set()

    def written(token: re.Match[str]) -> str:
        name = token["mustache"] or token["marker"]
        if name:
            markers.add(name)
            return f":{name}"
        in_strings.update(_MUSTACHE.findall(token["text"] or ""))
        return token[0]

    text = _PARAMETER.sub(written, statement.text)
    return Query(text, statement.line, frozenset(markers), frozenset(in_strings))


@dataclass(frozen=True)
class SqlResult:
    """What the last statement gave: its frame, and how many rows, where anything says so."""

    frame: DataFrame | None
    rows: int | None


def run_sql(
    session: SparkSession,
    text: str,
    parameters: Mapping[str, str],
    name: str,
    *,
    check: Callable[[], None] = lambda: None,
    must_finish: bool = True,
    fill: Callable[[str], str] = str,
) -> SqlResult:
    """Run all statements in order.

    Args:
        parameters: values, by name; a statement gets those that it mentions.
        name: of the file or task, for errors.
        check: called before each statement; raises to stop.
        must_finish: run the last statement to its end also when it is a query; otherwise its
            frame is left to the caller, as `_sqldf` is.
        fill: completes the text of a statement when its turn comes.

    Raises:
        UsageError: SQL_EMPTY, PARAMETER_MISSING, PARAMETER_IN_STRING; nothing has run then.
        JobError: Spark's condition as code, with the line; statements before it have taken
            effect.
    """
    statements = read_queries(text, parameters, name)
    result = SqlResult(None, None)
    for number, statement in enumerate(statements, 1):
        check()
        is_last = number == len(statements)
        try:
            filled = replace(statement, text=fill(statement.text))
            frame = _bound(session, filled, parameters)
            rows = rows_of(frame) if must_finish or not is_last else None
        except PySparkException as error:
            raise said_by_spark(error, name, statement.line, statement.text) from error
        except UsageError as error:  # of a statement that has no meaning here, or lacks a value
            where = f"{name}:{statement.line}"
            raise JobError(error.code, error.message, where=where, hint=error.hint) from error
        result = SqlResult(frame, rows)
    return result


def read_queries(text: str, parameters: Collection[str], name: str) -> list[Query]:
    """Read the statements of a text, for which all parameters are there.

    Args:
        parameters: their names.
        name: of the file or task, for errors.

    Raises:
        UsageError: SQL_EMPTY, PARAMETER_MISSING, PARAMETER_IN_STRING.
    """
    found = (each for each in split_statements(text) if not is_about_widgets(each.text))
    statements = [read_query(each) for each in found]
    if not statements:
        raise UsageError("SQL_EMPTY", "There is no SQL to run", where=name)
    for statement in statements:
        _check_parameters(statement, parameters, name)
    return statements


def _check_parameters(statement: Query, parameters: Collection[str], name: str) -> None:
    where = f"{name}:{statement.line}"
    for missing in sorted(statement.markers - set(parameters)):
        raise UsageError(
            "PARAMETER_MISSING",
            f"The statement wants a parameter '{missing}', which is not given",
            where=where,
            hint=nearest(missing, parameters) or "Add it to the parameters of the task.",
        )
    for inside in sorted(statement.in_strings & set(parameters)):
        raise UsageError(
            "PARAMETER_IN_STRING",
            f"'{inside}' stands in a string, where no value can be bound",
            where=where,
            hint=f"Write :{inside} without quotes; join texts with ||.",
        )


def _bound(session: SparkSession, statement: Query, parameters: Mapping[str, str]) -> DataFrame:
    args = {name: parameters[name] for name in sorted(statement.markers)}
    return session.sql(statement.text, args=args) if args else session.sql(statement.text)


def with_values(text: str, values: Mapping[str, str], is_set: Callable[[str], bool]) -> str:
    """Put the values of widgets where a notebook's SQL has `${name}`, in strings, too; as written.

    Source: "Legacy parameter widgets" in Databricks' documentation of widgets.

    Args:
        is_set: whether Spark knows a name that no widget has, as after `SET name = value`.

    Raises:
        UsageError: PARAMETER_MISSING.

    Example:
        >>> with_values("SELECT * FROM ${schema}.t -- ${x}", {"schema": "s"}, lambda _: False)
        'SELECT * FROM s.t -- ${x}'
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in values:
            return values[name]
        if is_set(name):
            return found[0]
        raise UsageError(
            "PARAMETER_MISSING",
            f"The statement wants a widget '{name}', which there is not",
            hint=nearest(name, values) or "Declare it, or add it to base_parameters of the task.",
        )

    def replaced(token: re.Match[str]) -> str:
        return token[0] if token["comment"] else _DOLLAR.sub(value, token[0])

    return _WITH_DOLLAR.sub(replaced, text) if "${" in text else text


def told_rows(frame: DataFrame, name: str) -> list[dict[str, str | None]]:
    """Return the rows of a statement as other tasks get them: each value as a text.

    Args:
        name: of the file or task, for errors.

    Raises:
        JobError: SQL_OUTPUT_TOO_LARGE, above 1,000 rows or 48 KiB, the limits of a workspace.
    """
    numbers = [str(number) for number in range(len(frame.columns))]  # columns may share a name
    texts = [
        F.to_json(number) if isinstance(each.dataType, _NESTED) else F.col(number).cast("string")
        for number, each in zip(numbers, frame.schema, strict=True)
    ]
    found = frame.toDF(*numbers).select(*texts).limit(_MOST_ROWS_TOLD + 1).collect()
    rows = [dict(zip(frame.columns, row, strict=True)) for row in found]
    if len(rows) > _MOST_ROWS_TOLD or len(json.dumps(rows).encode()) > MOST_BYTES_TOLD:
        raise JobError(
            "SQL_OUTPUT_TOO_LARGE",
            "Another task refers to the output, which is more than 1,000 rows or 48 KiB",
            where=name,
            hint="Return fewer rows or columns, or write them to a table.",
        )
    return rows


def rows_of(frame: DataFrame) -> int | None:
    """Run a frame to its end, once, keeping no row; give how many there were.

    Of a write, the number it reports; None when it reports nothing.
    """
    if not frame.columns:
        return None
    reported = next((name for name in _CHANGED if name in frame.columns), None)
    if reported:
        row = frame.first()
        return None if row is None else int(row[reported])
    counted = Observation()
    observed = frame.toDF(*map(str, range(len(frame.columns))))  # columns may share a name
    observed = observed.observe(counted, F.count(F.lit(1)).alias("rows"))
    observed.write.format("noop").mode("overwrite").save()
    return int(counted.get.get("rows", 0))
