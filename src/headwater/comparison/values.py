"""Values that Spark can't compare, as others that it can."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType, VariantType


def comparable(column: Column, kind: DataType) -> Column:
    """Return a column that is equal where the values of another one are, at any depth.

    A map becomes its entries in the order of their keys, and a variant JSON; other values stay.
    """
    if isinstance(kind, VariantType):
        return F.to_json(column)
    if not _is_odd(kind):
        return column
    if isinstance(kind, MapType):
        entries = F.transform(
            F.map_entries(column),
            lambda each: F.struct(
                comparable(each["key"], kind.keyType).alias("key"),
                comparable(each["value"], kind.valueType).alias("value"),
            ),
        )
        return F.array_sort(entries)
    if isinstance(kind, ArrayType):
        return F.transform(column, lambda each: comparable(each, kind.elementType))
    assert isinstance(kind, StructType)  # noqa: S101 - no other type holds others
    parts = (comparable(column.getField(each.name), each.dataType) for each in kind)
    named = [part.alias(each.name) for part, each in zip(parts, kind, strict=True)]
    return F.when(column.isNotNull(), F.struct(*named))


def _is_odd(kind: DataType) -> bool:
    """Whether a type is one that Spark can't compare, or holds one."""
    if isinstance(kind, ArrayType):
        return _is_odd(kind.elementType)
    if isinstance(kind, StructType):
        return any(_is_odd(each.dataType) for each in kind)
    return isinstance(kind, MapType | VariantType)
