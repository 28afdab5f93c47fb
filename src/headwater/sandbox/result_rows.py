"""Rows of a result as JSON has them, without losing digits, microseconds or columns of one name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    MapType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from headwater.errors import UsageError
from headwater.sandbox.causes import innermost
from headwater.sandbox.failures import reason

_OPTIONS = {
    "ignoreNullFields": "false",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
_FIRST_DAY = date(1970, 1, 1)
_FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROS = len("2026-01-01T00:00:00.123456")


def rows_of(
    frame: DataFrame, limit: int | None = None, *, keeps_zeros: bool = False
) -> list[dict[str, Any]]:
    """Collect a result as JSON-ready rows; times are written in the session's time zone.

    Of columns that share a name the second is `name_2`. A decimal is a number, or a text where no
    number of JSON's usual readers has its digits.

    Args:
        keeps_zeros: all decimals are texts, with the digits of their scale.

    Raises:
        UsageError: SQL_FAILED, with the cause; values of rows are withheld.
    """
    if not frame.columns:
        return []
    limited = frame if limit is None else frame.limit(limit)
    names = [f"c{n}" for n in range(len(frame.columns))]  # columns may share a name
    packed = limited.toDF(*names).select(F.to_json(F.struct(*names), _OPTIONS).alias("row"))
    try:
        texts = [row["row"] for row in packed.collect()]
    except (PySparkException, Py4JError) as error:
        raise UsageError(
            "SQL_FAILED",
            f"The query failed: {reason(error)}",
            hint="Correct the query, or use try_cast and the like for values that don't fit.",
            condition=innermost(error).condition,
        ) from error
    kinds = [field.dataType for field in frame.schema]
    columns = _told_apart(frame.columns)
    return [
        {
            name: _value(value, kind, keeps_zeros)
            for name, kind, value in zip(columns, kinds, _read(text).values(), strict=True)
        }
        for text in texts
    ]


def _read(text: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(text, parse_float=_number, object_pairs_hook=_object)
    return read


def _number(text: str) -> float | Decimal:
    """Return a number as FLOAT where that has all its digits."""
    number, exact = float(text), Decimal(text)
    return number if Decimal(repr(number)) == exact else exact


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = _told_apart(name for name, _ in pairs)
    return {name: value for name, (_, value) in zip(names, pairs, strict=True)}


def _told_apart(names: Iterable[str]) -> list[str]:
    """Number names that are there before: `a`, `a_2`."""
    told: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in told:
            number += 1
            free = f"{name}_{number}"
        told[free] = None
    return list(told)


def _value(value: Any, kind: DataType, keeps_zeros: bool) -> Any:
    """Return a value as it is shown, at any depth."""
    if value is None:
        return None
    if isinstance(kind, StructType):
        fields = zip(value.items(), kind, strict=True)
        return {name: _value(each, of.dataType, keeps_zeros) for (name, each), of in fields}
    if isinstance(kind, ArrayType):
        return [_value(each, kind.elementType, keeps_zeros) for each in value]
    if isinstance(kind, MapType):
        return {
            _key(name, kind.keyType): _value(each, kind.valueType, keeps_zeros)
            for name, each in value.items()
        }
    if isinstance(kind, DecimalType) and (keeps_zeros or isinstance(value, Decimal)):
        return f"{Decimal(str(value)):.{kind.scale}f}"
    if isinstance(kind, TimestampType | TimestampNTZType):
        return _shortened(value)
    if isinstance(kind, DoubleType | FloatType) and isinstance(value, Decimal):
        return float(value)  # Java may write more digits than a double has
    return value


def _shortened(moment: str) -> str:
    """Leave microseconds out where there are none."""
    whole = moment[:_MICROS]
    return moment if whole[-3:] != "000" else whole[:-3] + moment[_MICROS:]


def _key(text: str, kind: DataType) -> str:
    """Return a key of a map, which Spark writes as the number behind it."""
    if isinstance(kind, DateType):
        return str(_FIRST_DAY + timedelta(days=int(text)))
    if isinstance(kind, TimestampType | TimestampNTZType):
        moment = _FIRST_MOMENT + timedelta(microseconds=int(text))
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}" + ("Z" if isinstance(kind, TimestampType) else "")
    return text
