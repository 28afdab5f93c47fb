"""Rows that a sink of Kafka does not take are refused before anything is written."""

from __future__ import annotations

import pytest
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    IntegerType,
    LongType,
    StringType,
    StructType,
)

from headwater.errors import DefinitionError, Location
from headwater.flows.sinks import check_rows
from headwater.graph.model import Dataset, Sink
from headwater.names import TableName

SINK = Dataset(
    TableName("c", "s", "sent"), Location("p.py", 3), None, sink=Sink("kafka", {"topic": "t"})
)
TEXT, BYTES, WHOLE, LONG = StringType(), BinaryType(), IntegerType(), LongType()
HEADERS = ArrayType(StructType().add("key", TEXT).add("value", BYTES))


def check(**columns: DataType) -> None:
    schema = StructType()
    for name, kind in columns.items():
        schema = schema.add(name, kind)
    check_rows(schema, SINK, "f")


def test_columns_that_kafka_takes_pass() -> None:
    check(value=TEXT)
    check(Value=BYTES, key=TEXT, partition=WHOLE)
    check(value=TEXT, headers=HEADERS, topic=TEXT)
    check(value=TEXT, Key=LONG, topic=WHOLE)  # names by case; the option goes before the column


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"key": TEXT}, "no column 'value'"),
        ({"value": WHOLE}, "'value' of the type int"),
        ({"value": TEXT, "key": LONG}, "'key' of the type bigint"),
        ({"value": TEXT, "headers": TEXT}, "'headers' of the type string"),
        ({"value": TEXT, "partition": TEXT}, "'partition' of the type string"),
    ],
)
def test_columns_that_kafka_does_not_take_are_named(
    columns: dict[str, DataType], said: str
) -> None:
    with pytest.raises(DefinitionError, match=said) as caught:
        check(**columns)
    assert caught.value.code == "KAFKA_COLUMNS_INVALID"
