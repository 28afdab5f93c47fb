"""What differs between the columns of two tables."""

from __future__ import annotations

import pytest
from pyspark.sql.types import ArrayType, DataType, IntegerType, LongType, MapType, StructType

from headwater.analysis.changes import column_changes

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
