"""Names of the columns that change processing adds, and expressions over a user's columns.

User columns are always quoted, so any name that Delta stores will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    CalendarIntervalType,
    DataType,
    MapType,
    StructType,
    VariantType,
)

from headwater.names import quote

START = "__START_AT"
END = "__END_AT"
SYSTEM_START = "__SYSTEM_START_AT"
SYSTEM_END = "__SYSTEM_END_AT"
INTERVALS = (START, END, SYSTEM_START, SYSTEM_END)

PREFIX = "__cdc_"
SEQ = "__cdc_seq"
SYSTEM = "__cdc_system"
OP = "__cdc_op"
RANK = "__cdc_rank"
WRITTEN = "__cdc_written"
ORIGIN = "__cdc_origin"
OLD = "__cdc_old"
SHOWN = "__cdc_shown"
ACTION = "__cdc_action"
REMEMBER = "__cdc_remember"

UPSERT, DELETE, TRUNCATE = 0, 1, 2
"""Values of OP; at one key and sequence the larger one wins."""

FROM_TARGET, FROM_BATCH, FROM_MEMORY = 0, 1, 2
"""Values of ORIGIN: where an event is known from."""

KEEP, INSERT, UPDATE, REMOVE = 0, 1, 2, 3
"""Values of ACTION: what happens to a row of the target."""


def col(name: str, qualifier: str = "") -> Column:
    """Return the column of exactly this name, whatever characters it holds."""
    return F.col(f"{qualifier}.{quote(name)}" if qualifier else quote(name))


def cols(names: Iterable[str]) -> list[Column]:
    """Return the columns of these names, in order."""
    return [col(name) for name in names]


def find(name: str, known: Iterable[str]) -> str | None:
    """Return the spelling among `known` of a name, without regard to case; None if unknown."""
    return next((each for each in known if each.lower() == name.lower()), None)


def is_comparable(dtype: DataType) -> bool:
    """Return whether Spark can order, hash and compare values of a type."""
    if isinstance(dtype, (MapType, VariantType, CalendarIntervalType)):
        return False
    if isinstance(dtype, ArrayType):
        return is_comparable(dtype.elementType)
    if isinstance(dtype, StructType):
        return all(is_comparable(field.dataType) for field in dtype.fields)
    return True


def comparable(value: Column, dtype: DataType) -> Column:
    """Return a value that can be compared: itself, or its JSON text for maps and variants."""
    if is_comparable(dtype):
        return value
    return F.when(value.isNotNull(), F.to_json(F.struct(value.alias("v"))))


def same(left: Column, right: Column, dtype: DataType) -> Column:
    """Return whether two values are equal, where NULL equals NULL."""
    return comparable(left, dtype).eqNullSafe(comparable(right, dtype))


def all_true(conditions: Sequence[Column]) -> Column:
    """Join conditions by AND; true when there is none."""
    joined = F.lit(True)
    for condition in conditions:
        joined = joined & condition
    return joined


def fingerprint(types: Mapping[str, DataType], extra: Sequence[Column] = ()) -> Column:
    """Return a 64-bit hash of columns.

    Columns go in by the order of their names, each as its name and value, and a NULL leaves the
    hash as it is: so a column that is added later, or comes at another place, doesn't change the
    hash of an old row, and a value counts for its column alone.
    """
    ordered = sorted(types, key=str.lower)
    values: list[Column] = []
    for name in ordered:
        value = comparable(col(name), types[name])
        values += [F.when(col(name).isNotNull(), F.lit(name.lower())), value]
    return F.xxhash64(*values, *extra) if values or extra else F.lit(0).cast("bigint")
