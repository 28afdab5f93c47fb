"""Values that Spark can't compare, as others that it can."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType, VariantType


def comparable(column: Column, kind: DataType, like: DataType) -> Column:
    """Return a column that is equal where the values of another one are, at any depth.

    A map becomes its entries in the order of their keys, and a variant JSON; other values stay.

    Args:
        kind: type of the column.
        like: the same type, but for the order of the fields of structs and the case of their
            names: those of the result.
    """
    if isinstance(kind, VariantType):
        return F.to_json(column)
    if not _is_odd(kind) and kind.simpleString() == like.simpleString():
        return column
    if isinstance(kind, MapType) and isinstance(like, MapType):
        entries = F.transform(
            F.map_entries(column),
            lambda each: F.struct(
                comparable(each["key"], kind.keyType, like.keyType).alias("key"),
                comparable(each["value"], kind.valueType, like.valueType).alias("value"),
            ),
        )
        return F.array_sort(entries)
    if isinstance(kind, ArrayType) and isinstance(like, ArrayType):
        return F.transform(
            column, lambda each: comparable(each, kind.elementType, like.elementType)
        )
    if not (isinstance(kind, StructType) and isinstance(like, StructType)):
        return column
    own = {each.name.lower(): each for each in kind}
    pairs = [(own[each.name.lower()], each) for each in like]
    parts = [
        comparable(column.getField(mine.name), mine.dataType, each.dataType).alias(each.name)
        for mine, each in pairs
    ]
    return F.when(column.isNotNull(), F.struct(*parts))


def _is_odd(kind: DataType) -> bool:
    """Whether a type is one that Spark can't compare, or holds one."""
    if isinstance(kind, ArrayType):
        return _is_odd(kind.elementType)
    if isinstance(kind, StructType):
        return any(_is_odd(each.dataType) for each in kind)
    return isinstance(kind, MapType | VariantType)
