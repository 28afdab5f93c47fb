"""What differs between the columns of two tables."""

from __future__ import annotations

import pytest
from pyspark.sql.types import (
    ArrayType,
    DataType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructType,
    VarcharType,
)

from headwater.analysis.changes import check_followed, column_changes
from headwater.errors import DefinitionError, Location
from headwater.graph.model import Dataset, DatasetKind
from headwater.names import TableName

INT, LONG = IntegerType(), LongType()


def fields(**types: DataType) -> StructType:
    schema = StructType()
    for name, kind in types.items():
        schema.add(name, kind)
    return schema


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (fields(a=INT), fields(A=INT), []),
        (fields(s=fields(a=StringType())), fields(s=fields(a=VarcharType(3))), []),
        (fields(l=ArrayType(StringType())), fields(l=ArrayType(VarcharType(3))), []),
        (fields(a=INT), fields(a=LONG, b=INT), ["~ a int -> bigint", "+ b int"]),
        (fields(s=fields(a=INT, b=INT)), fields(s=fields(a=INT)), ["- s.b int"]),
        (fields(s=fields(a=INT)), fields(s=fields(b=INT, A=INT)), ["+ s.b int"]),
        (
            fields(each=ArrayType(fields(a=INT))),
            fields(each=ArrayType(fields(a=INT, b=INT))),
            ["+ each.element.b int"],
        ),
        (
            fields(by=MapType(INT, fields(a=INT))),
            fields(by=MapType(INT, fields(a=LONG))),
            ["~ by.value.a int -> bigint"],
        ),
        (
            fields(by=MapType(INT, INT)),
            fields(by=ArrayType(INT)),
            ["~ by map<int,int> -> array<int>"],
        ),
    ],
)
def test_changes_are_told_by_path(before: StructType, after: StructType, told: list[str]) -> None:
    assert [str(each) for each in column_changes(before, after)] == told


SMALL, STRUCT = ShortType(), fields(a=INT)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (INT, SMALL, ""),
        (SMALL, INT, ""),
        (STRUCT, fields(a=SMALL, b=LONG), ""),
        (INT, LONG, "'c' from int to bigint"),
        (LONG, INT, "'c' from bigint to int"),
        (ArrayType(STRUCT), ArrayType(fields(a=LONG)), "'c.element.a' from int to bigint"),
        (STRUCT, StringType(), "'c' from struct<a:int> to string"),
    ],
)
def test_table_follows_the_types_that_delta_takes(
    before: DataType, after: DataType, refused: str
) -> None:
    dataset = Dataset(TableName("main", "s", "t"), Location("p.py"), DatasetKind.STREAMING_TABLE)
    try:
        check_followed(dataset, fields(c=before), fields(c=after, new=INT))
        told = ""
    except DefinitionError as error:
        assert error.code == "SCHEMA_CHANGED"
        told = error.message.partition("can't follow: ")[2]
    assert told == refused
