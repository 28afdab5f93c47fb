"""A table as a test asserts on it; differences are shown by chispa."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from chispa import DataFramesNotEqualError, assert_df_equality
from chispa.row_comparer import are_rows_approx_equal
from chispa.rows_comparer import assert_basic_rows_equality, assert_generic_rows_equality
from chispa.schema_comparer import SchemasNotEqualError, assert_schema_equality_ignore_nullable
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import Row as SparkRow
from pyspark.sql.types import DoubleType, FloatType, StructType

from headwater.testing.rows import (
    Row,
    check_columns,
    listed,
    rows_invalid,
    rows_of,
    schema_of,
    typed_rows,
)

_INEXACT = (FloatType, DoubleType)

_MAPPED = "delta.columnMapping.mode"
"""Property of tables whose columns have other names in their files: delta-rs reads NULL of them."""


@dataclass(frozen=True)
class Table:
    """A table as the last update left it; `pipeline.table(name)` returns it."""

    spark: SparkSession
    name: str
    path: Path

    @property
    def frame(self) -> DataFrame:
        """The table as a DataFrame."""
        return self.spark.read.format("delta").load(str(self.path))

    @property
    def schema(self) -> StructType:
        """The columns and their types."""
        return self._read()[0]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self.schema.fieldNames()

    def count(self) -> int:
        """Count the rows."""
        return int(self._read()[1].num_rows)

    def _read(self) -> tuple[StructType, pa.Table]:
        """Return columns and rows; Spark, which takes longer, reads what delta-rs does not."""
        try:
            table = DeltaTable(self.path)
            if _MAPPED not in table.metadata().configuration:
                schema = StructType.fromJson(json.loads(table.schema().to_json()))
                return schema, table.to_pyarrow_table()
        except (DeltaError, pa.ArrowException, NotImplementedError):
            pass
        frame = self.frame
        return frame.schema, frame.toArrow()

    def rows(self, *columns: str) -> list[dict[str, Any]]:
        """Return the rows as dicts, sorted by what they hold.

        Times have no offset and are in UTC; structs are dicts.

        Args:
            columns: the only ones to return; all when none are named.

        Raises:
            UsageError: COLUMN_UNKNOWN.
        """
        schema, table = self._read()
        check_columns(set(columns), schema.fieldNames())
        return sorted(rows_of(table, schema, columns), key=_sorting)

    def assert_rows(
        self,
        expected: Iterable[Row],
        *,
        ignore_order: bool = True,
        precision: float | None = None,
    ) -> None:
        """Check that the table holds these rows and no others.

        Columns that no expected row names are not compared. One that a row leaves out is NULL
        there. Times and decimals may be written as text.

        Args:
            expected: dicts, or Rows as `collect` returns them, or a pandas DataFrame.
            ignore_order: without it rows are compared in the order in which they are read.
            precision: by how much columns of the types FLOAT and DOUBLE may differ.

        Raises:
            AssertionError: with both tables side by side, the one that was found on the left.
            UsageError: COLUMN_UNKNOWN, also for a field of a struct; ROWS_INVALID for a value that
                does not fit the column's type.
        """
        __tracebackhide__ = True
        if isinstance(expected, DataFrame):
            raise rows_invalid("a DataFrame is no list of them", "Use assert_frame(frame).")
        expected = listed(expected)
        schema, table = self._read()
        names = list(dict.fromkeys(name for row in expected for name in row))
        check_columns(set(names), schema.fieldNames())
        wanted = typed_rows(
            expected, StructType([schema[name] for name in names or schema.fieldNames()])
        )
        found = rows_of(table, schema, names)
        if ignore_order:
            inexact = [each.name for each in schema if isinstance(each.dataType, _INEXACT)]
            last = inexact if precision is not None else ()
            found, wanted = (
                sorted(each, key=lambda row: _sorting(row, last)) for each in (found, wanted)
            )
        assert_same_rows(found, wanted, precision)

    def assert_frame(self, expected: DataFrame, **options: Any) -> None:
        """Check that the table equals a DataFrame, whatever the order of rows.

        Args:
            options: of `chispa.assert_df_equality`, such as `ignore_column_order=True`.
        """
        __tracebackhide__ = True
        options = {"ignore_row_order": True, "ignore_nullable": True, **options}
        found = self.frame
        mapped = any("map<" in each.schema.simpleString() for each in (found, expected))
        if mapped and options["ignore_row_order"]:  # Spark sorts no maps, nor does it hash them
            options["ignore_row_order"] = False
            found, expected = _sorted(found), _sorted(expected)
        assert_df_equality(found, expected, **options)

    def assert_schema(self, expected: str | StructType) -> None:
        """Check columns and types, such as `"id BIGINT, name STRING"`, but not nullability."""
        __tracebackhide__ = True
        found, wanted = _bare(self.schema), _bare(schema_of(expected))
        try:
            assert_schema_equality_ignore_nullable(found, wanted)
        except SchemasNotEqualError:
            texts = (each.simpleString() for each in (found, wanted))
            raise AssertionError("found:    {}\nexpected: {}".format(*texts)) from None


def assert_same_rows(
    found: Sequence[Row], expected: Sequence[Row], precision: float | None = None
) -> None:
    """Check that rows are equal one by one; all have the same columns.

    Args:
        precision: by how much floats may differ.

    Raises:
        AssertionError: with the rows found on the left and those expected on the right.
    """
    __tracebackhide__ = True
    ours, theirs = ([SparkRow(**row) for row in rows] for rows in (found, expected))
    near = {"precision": precision, "allow_nan_equality": True}
    try:
        if precision is None:
            assert_basic_rows_equality(ours, theirs)
        else:
            assert_generic_rows_equality(ours, theirs, are_rows_approx_equal, near)
    except DataFramesNotEqualError as error:
        counts = f"{len(ours):,} rows found (df1), {len(theirs):,} expected (df2)"
        said = str(error) if sys.__stdout__ and sys.__stdout__.isatty() else _plain(str(error))
        raise AssertionError(f"{counts}\n{said.strip()}") from None


def _plain(text: str) -> str:
    """Leave out colours, which a file would show as characters."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def assert_same_tables(ours: Table, theirs: Table, ignore: Sequence[str] = ()) -> None:
    """Check that two tables have the same columns, in any order, and the same rows.

    Args:
        ignore: columns that may differ.

    Raises:
        AssertionError: with the rows of `theirs` on the left and those of `ours` on the right.
    """
    __tracebackhide__ = True
    left, right = ([c for c in each.columns if c not in ignore] for each in (theirs, ours))
    if sorted(left) != sorted(right):
        raise AssertionError(f"'{ours.name}' has other columns: {left}, expected {right}")
    assert_same_rows(theirs.rows(*right), ours.rows(*right))


def _sorting(row: Row, last: Collection[str] = ()) -> list[tuple[bool, Any]]:
    """Return what rows are sorted by.

    Args:
        last: columns that count only where all others are equal, since they are not exact.
    """
    names = [*(each for each in row if each not in last), *last]
    return [(row[each] is None, _ordered(row[each])) for each in names if each in row]


def _ordered(value: Any) -> Any:
    if isinstance(value, float):
        return (math.isnan(value), 0.0 if math.isnan(value) else value)
    return _text(value)


def _text(value: Any) -> str:
    """Write a value so that equal ones read the same: maps have no order, and zero no sign."""
    if isinstance(value, dict):
        return str(sorted((_text(k), _text(v)) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return str([_text(each) for each in value])
    return repr(value + 0.0 if isinstance(value, float) else value)


def _sorted(frame: DataFrame) -> DataFrame:
    """Return the rows of a frame in an order that equal frames share."""
    rows = sorted(
        frame.collect(), key=lambda row: [_text(row[each]) for each in sorted(row.asDict())]
    )
    return frame.sparkSession.createDataFrame(rows, frame.schema)


def _bare(schema: StructType) -> StructType:
    """Return a schema without comments and other notes on its columns."""
    bare = StructType()
    for each in schema:
        bare = bare.add(each.name, each.dataType, each.nullable)
    return bare
