"""Rows as tests write them, as values of the types that tables have."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pyarrow as pa
from pyspark.errors import ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import Row as SparkRow
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from headwater.errors import UsageError, nearest

Row = Mapping[str, Any]
_NESTED = (ArrayType, MapType, StructType)
_BITS: dict[type[DataType], int] = {ByteType: 8, ShortType: 16, IntegerType: 32, LongType: 64}
_TIMES = {"M": "datetime64", "m": "timedelta64"}
_FINER = ("[ns]", "[ps]", "[fs]", "[as]")
"""Kinds of numpy's times, and those of their units that are finer than any here."""

_FORM = "A batch is a list of dicts or of Rows, or a pandas DataFrame."


def listed(rows: Any) -> list[dict[str, Any]]:
    """Return rows as dicts, whatever they were written as; what was given is not changed.

    Args:
        rows: dicts or Rows, also of an iterator, or a pandas DataFrame, whose NaN are NULL.

    Raises:
        UsageError: ROWS_INVALID.
    """
    if hasattr(rows, "columns") and type(rows).__module__.partition(".")[0] == "pandas":
        try:
            rows = pa.Table.from_pandas(rows, preserve_index=False).to_pylist()
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise rows_invalid("a column of the frame has values of several types") from error
    if isinstance(rows, Mapping | SparkRow | str) or not isinstance(rows, Iterable):
        raise rows_invalid(f"a {type(rows).__name__} is no list of them", _FORM)
    found = list(rows)
    for each in found:
        if not isinstance(each, Mapping) and not hasattr(each, "__fields__"):
            raise rows_invalid(f"a row is of the type {type(each).__name__}", _FORM)
    return [_plain(each) for each in found]


def _plain(value: Any) -> Any:
    """Return a value without classes of libraries: of Rows dicts, of numbers of numpy numbers."""
    if isinstance(value, SparkRow) and hasattr(value, "__fields__"):
        value = value.asDict()
    if isinstance(value, Mapping):
        pairs = value.items()
        return {k if isinstance(k, tuple) else _plain(k): _plain(each) for k, each in pairs}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        if value != value:  # what pandas has for no time
            return None
        return datetime.combine(value.date(), value.timetz())
    if type(value).__module__ != "numpy" or value.ndim:
        return value
    if value.dtype.kind in _TIMES and value.dtype.str.endswith(_FINER):
        value = value.astype(f"{_TIMES[value.dtype.kind]}[us]")
    return value.item()


def value_as(value: Any, kind: DataType) -> Any:
    """Return a value as a test compares it: times without an offset, in UTC; structs as dicts.

    Texts are taken for times, dates and decimals where the type is one. All NaN are one value.

    Raises:
        UsageError: COLUMN_UNKNOWN for a field that a struct lacks.

    Example:
        >>> value_as("2026-01-02T03:04:05+01:00", TimestampType())
        datetime.datetime(2026, 1, 2, 2, 4, 5)
    """
    if value is None:
        return None
    if isinstance(kind, StructType):
        check_columns(set(value.keys()), kind.fieldNames())
        return {each.name: value_as(value.get(each.name), each.dataType) for each in kind}
    if isinstance(kind, ArrayType):
        return [value_as(each, kind.elementType) for each in value]
    if isinstance(kind, MapType):
        pairs = value.items() if isinstance(value, Mapping) else value
        return {value_as(k, kind.keyType): value_as(v, kind.valueType) for k, v in pairs}
    return _simple(value, kind)


def _simple(value: Any, kind: DataType) -> Any:
    if isinstance(kind, TimestampType | TimestampNTZType):
        return _time(value)
    if isinstance(kind, DateType):
        return _date(value)
    if isinstance(kind, DecimalType):
        return _decimal(value, kind.scale)
    if isinstance(kind, FloatType | DoubleType):
        return _float(float(value), isinstance(kind, FloatType))
    if type(kind) in _BITS:
        return _whole(value, _BITS[type(kind)])
    wanted = {StringType: str, BooleanType: bool}.get(type(kind), object)
    if not isinstance(value, wanted):
        raise TypeError(type(value).__name__)
    return value


def _whole(value: Any, bits: int) -> int:
    number = int(value)
    is_number = not isinstance(value, str | bool) and number == value
    if not is_number or not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(type(value).__name__)
    return number


def _date(value: object) -> date:
    if isinstance(value, datetime) and value.time() == time():
        return value.date()
    if isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError(type(value).__name__)
    return value


def _decimal(value: Any, scale: int) -> Decimal:
    """Return a number with the digits of its type; only a float, which is inexact, is rounded."""
    number = Decimal(str(value))
    rounded = number.quantize(Decimal(1).scaleb(-scale))
    return rounded if rounded == number or isinstance(value, float) else number


def _float(value: float, is_single: bool) -> float:
    if math.isnan(value):
        return math.nan  # one object: two NaN are equal only if they are the same one
    return float(struct.unpack("f", struct.pack("f", value))[0]) if is_single else value


def _time(value: Any) -> Any:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else value


def schema_of(text: str | StructType) -> StructType:
    """Return a schema that may be written as DDL.

    Raises:
        UsageError: SCHEMA_INVALID.
    """
    if isinstance(text, StructType):
        return text
    try:
        found = StructType.fromDDL(text)
    except ParseException:
        found = None
    if isinstance(found, StructType):
        return found
    raise UsageError(
        "SCHEMA_INVALID",
        f"Not a list of columns: {text!r}",
        hint="Write it as in CREATE TABLE: 'id INT, seen TIMESTAMP'.",
    )


def rows_of(table: pa.Table, schema: StructType, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a table as dicts, in its order.

    Args:
        columns: the only ones to return; all when none are named.
    """
    fields = [schema[name] for name in columns or schema.fieldNames()]
    found = table.select([each.name for each in fields]).to_pylist()
    return [
        {each.name: value_as(row[each.name], each.dataType) for each in fields} for row in found
    ]


def frame_of(spark: SparkSession, rows: Sequence[Row], schema: StructType | None) -> DataFrame:
    """Return rows as a frame; without a schema, of the types that their values have.

    Raises:
        UsageError: ROWS_INVALID; COLUMN_UNKNOWN for a column that the schema lacks.
    """
    if schema is None:
        return spark.createDataFrame(arrow_of(rows))
    typed = typed_rows(rows, schema)
    try:
        arrow = to_arrow_schema(schema, timezone="UTC")
        return spark.createDataFrame(pa.Table.from_pylist(typed, schema=arrow), schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise rows_invalid("they don't fit the schema", "Compare each value with it.") from error


def typed_rows(rows: Sequence[Row], schema: StructType) -> list[dict[str, Any]]:
    """Return rows with values of a schema's types; a column that a row leaves out is NULL.

    Raises:
        UsageError: ROWS_INVALID; COLUMN_UNKNOWN for a column or a field that the schema lacks.
    """
    check_columns({name for row in rows for name in row}, schema.fieldNames())
    typed: list[dict[str, Any]] = [{} for _ in rows]
    for column in schema:
        try:
            for row, made in zip(rows, typed, strict=True):
                made[column.name] = value_as(row.get(column.name), column.dataType)
        except UsageError:
            raise
        except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
            kind = column.dataType.simpleString()
            raise UsageError(
                "ROWS_INVALID",
                f"A value of the column '{column.name}' does not fit the type {kind}",
                hint="Write the values as the type has them; structs are dicts.",
                column=column.name,
            ) from error
    return typed


def arrow_of(rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table of Arrow, of the types that their values have.

    Raises:
        UsageError: ROWS_INVALID, also for rows or columns without a value, which have no type.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    try:
        table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns})
    except pa.ArrowException as error:
        raise rows_invalid("the values of a column have no common type") from error
    untyped = [each.name for each in table.schema if pa.types.is_null(each.type)]
    if untyped or not columns:
        raise rows_invalid("no type for " + (", ".join(untyped) or "rows without columns"))
    return table


def as_before(rows: Sequence[Row], known: StructType) -> tuple[list[dict[str, Any]], StructType]:
    """Return rows with the names that a table has, and the columns of a frame of them.

    Plain columns keep the table's type. Nested ones may have new fields, which Delta adds.

    Raises:
        UsageError: ROWS_INVALID, for a new column without a value.
    """
    names = {each.name.lower(): each.name for each in known}
    named = [{names.get(k.lower(), k): v for k, v in row.items()} for row in rows]
    found = dict.fromkeys(name for row in named for name in row)
    plain = {each.name for each in known if not isinstance(each.dataType, _NESTED)}
    has_value = {name for row in named for name, value in row.items() if value is not None}
    inferred = [name for name in found if name in has_value - plain]
    left = [name for name in found if name not in {*names.values(), *inferred}]
    if left:
        raise rows_invalid(f"no type for {', '.join(left)}")
    values = [{name: row.get(name) for name in inferred} for row in named]
    new = [
        StructField(each.name, _merged(known[each.name].dataType, each.dataType))
        if each.name in known.names
        else each
        for each in (from_arrow_schema(arrow_of(values).schema) if inferred else ())
    ]
    kept = [each for each in known if each.name in found and each.name not in inferred]
    return named, StructType([*kept, *new]) if found else known


def _merged(known: DataType, new: DataType) -> DataType:
    """Return a known type with the fields of structs that a new one has besides."""
    if isinstance(known, StructType) and isinstance(new, StructType):
        theirs = {each.name: each for each in new}
        ours = [
            StructField(each.name, _merged(each.dataType, theirs[each.name].dataType))
            if each.name in theirs
            else each
            for each in known
        ]
        return StructType([*ours, *(each for each in new if each.name not in known.names)])
    if isinstance(known, ArrayType) and isinstance(new, ArrayType):
        return ArrayType(_merged(known.elementType, new.elementType))
    return known


def check_columns(wanted: set[str], known: Sequence[str]) -> None:
    """Check that columns exist.

    Raises:
        UsageError: COLUMN_UNKNOWN.
    """
    for name in sorted(wanted - set(known)):
        raise UsageError(
            "COLUMN_UNKNOWN",
            f"There is no column '{name}'",
            hint=nearest(name, known) or f"There are: {', '.join(known)}.",
            column=name,
        )


def rows_invalid(
    problem: str, hint: str = "Give the source a schema: source(name, schema='id INT, at DATE')."
) -> UsageError:
    """Return the error for rows that can't be taken."""
    return UsageError("ROWS_INVALID", f"The rows can't be taken: {problem}", hint=hint)
