"""The Spark types that Spark's Parquet reader gives the columns of a file, from its footer."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
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

from headwater.autoloader.types import nullable

_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"

_SIMPLE: dict[pa.DataType, DataType] = {
    pa.bool_(): BooleanType(),
    pa.int8(): ByteType(),
    pa.int16(): ShortType(),
    pa.int32(): IntegerType(),
    pa.int64(): LongType(),
    pa.uint8(): ShortType(),
    pa.uint16(): IntegerType(),
    pa.uint32(): LongType(),
    pa.uint64(): DecimalType(20, 0),
    pa.float32(): FloatType(),
    pa.float64(): DoubleType(),
    pa.string(): StringType(),
    pa.large_string(): StringType(),
    pa.string_view(): StringType(),
    pa.binary(): BinaryType(),
    pa.large_binary(): BinaryType(),
    pa.binary_view(): BinaryType(),
    pa.date32(): DateType(),
    pa.date64(): DateType(),
    pa.null(): IntegerType(),
}


class UnreadableType(ValueError):
    """A column of a type that Spark's reader refuses; the text names both."""


def footer_schema(metadata: pq.FileMetaData) -> StructType:
    """Return the columns of a Parquet file as Spark types.

    Raises:
        UnreadableType: a type that Spark can't read, such as timestamps in nanoseconds.
    """
    arrow = metadata.schema.to_arrow_schema()
    told = (metadata.metadata or {}).get(_SPARK_SCHEMA)
    if told:
        schema = StructType.fromJson(json.loads(told))
        if schema.fieldNames() == arrow.names:  # other writers keep the note and change columns
            return nullable(schema)
    columns = [metadata.schema.column(i) for i in range(metadata.num_columns)]
    has_int96 = any(each.physical_type == "INT96" for each in columns)
    return StructType(
        [StructField(each.name, spark_type(each.type, each.name, has_int96)) for each in arrow]
    )


def spark_type(kind: pa.DataType, column: str, has_int96: bool = False) -> DataType:
    """Return the Spark type of an Arrow type that came from a Parquet footer."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if pa.types.is_timestamp(kind):
        return _timestamp(kind, column, has_int96)
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return DecimalType(kind.precision, kind.scale)
    if pa.types.is_struct(kind):
        return StructType(
            [StructField(f.name, spark_type(f.type, f"{column}.{f.name}", has_int96)) for f in kind]
        )
    if pa.types.is_map(kind):
        return MapType(
            spark_type(kind.key_type, f"{column}.key", has_int96),
            spark_type(kind.item_type, f"{column}.value", has_int96),
        )
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return ArrayType(spark_type(kind.value_type, column, has_int96))
    if pa.types.is_dictionary(kind):
        return spark_type(kind.value_type, column, has_int96)
    if pa.types.is_fixed_size_binary(kind):
        return BinaryType()
    if pa.types.is_duration(kind):
        return LongType()
    raise UnreadableType(f"column '{column}' is of type {kind}, which Spark can't read")


def _timestamp(kind: pa.TimestampType, column: str, has_int96: bool) -> DataType:
    if kind.unit == "ns":
        if has_int96:
            return TimestampType()
        raise UnreadableType(
            f"column '{column}' holds timestamps in nanoseconds, which Spark can't read"
        )
    return TimestampType() if kind.tz else TimestampNTZType()
