"""What types of columns become in a table. Pure."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    CharType,
    DataType,
    MapType,
    NullType,
    StringType,
    StructField,
    StructType,
    VarcharType,
)


def stored_type(kind: DataType) -> DataType:
    """Return the type as Delta stores it: CHAR and VARCHAR are STRING, wherever they stand."""
    if isinstance(kind, StructType):
        fields = [
            StructField(each.name, stored_type(each.dataType), each.nullable, each.metadata)
            for each in kind
        ]
        return StructType(fields)
    if isinstance(kind, ArrayType):
        return ArrayType(stored_type(kind.elementType), kind.containsNull)
    if isinstance(kind, MapType):
        return MapType(
            stored_type(kind.keyType), stored_type(kind.valueType), kind.valueContainsNull
        )
    return StringType() if isinstance(kind, (CharType, VarcharType)) else kind


def holds_null(kind: DataType) -> bool:
    """Whether a type is NULL, or holds NULL, without a type."""
    if isinstance(kind, StructType):
        return any(holds_null(each.dataType) for each in kind)
    if isinstance(kind, ArrayType):
        return holds_null(kind.elementType)
    if isinstance(kind, MapType):
        return holds_null(kind.keyType) or holds_null(kind.valueType)
    return isinstance(kind, NullType)


def nullable(kind: DataType) -> DataType:
    """Return a type in which everything may be NULL, as tables have it."""
    return StructType([StructField("value", kind)]).toNullable()["value"].dataType
