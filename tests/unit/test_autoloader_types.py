"""Schemas: comparing, widening, hints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from headwater.autoloader.types import (
    Every,
    FieldPath,
    apply_hint,
    compare,
    nullable,
    reads_any,
    split_hints,
    widens,
    widest,
    without_twins,
)
from headwater.autoloader.widening import Widening

LONG, TEXT, INT = LongType(), StringType(), IntegerType()


def struct(**fields: DataType) -> StructType:
    return StructType([StructField(name, kind) for name, kind in fields.items()])


def test_new_columns_are_appended_at_the_end() -> None:
    found = compare(struct(z=TEXT, a=LONG), struct(a=LONG), widens, case_sensitive=True)
    assert (found.schema, found.new, found.clashing) == (struct(a=LONG, z=TEXT), ["z"], {})


def test_new_nested_columns_are_named_by_their_path() -> None:
    known = struct(s=struct(a=LONG), l=ArrayType(struct(p=LONG)), m=MapType(TEXT, struct(v=LONG)))
    file = struct(
        s=struct(a=LONG, b=TEXT),
        l=ArrayType(struct(q=LONG)),
        m=MapType(TEXT, struct(v=LONG, w=LONG)),
    )
    found = compare(file, known, widens, case_sensitive=True)
    assert found.new == ["s.b", "l.q", "m.w"]
    assert found.schema["l"].dataType == ArrayType(struct(p=LONG, q=LONG))


@pytest.mark.parametrize(
    ("file", "clashing"),
    [
        (struct(A=LONG), {"A": [("A",)]}),
        (struct(a=TEXT), {"a": [("a",)]}),
        (struct(s=struct(X=LONG)), {"s": [("s", "X")]}),
        (struct(l=ArrayType(struct(p=TEXT))), {"l": [("l", Every.ELEMENT, "p")]}),
        (struct(s=LONG), {"s": [("s",)]}),
    ],
)
def test_another_type_or_case_clashes(
    file: StructType, clashing: dict[str, list[FieldPath]]
) -> None:
    known = struct(a=LONG, s=struct(x=LONG), l=ArrayType(struct(p=LONG)))
    found = compare(file, known, widens, case_sensitive=True)
    assert (found.clashing, found.new) == (clashing, [])


def test_case_is_one_column_unless_it_counts() -> None:
    found = compare(struct(A=LONG), struct(a=LONG), widens, case_sensitive=False)
    assert (found.new, found.clashing) == ([], {})


def test_an_object_that_is_read_as_a_map_is_compared_value_by_value() -> None:
    schema = struct(m=MapType(TEXT, struct(a=LONG)))
    file = struct(m=struct(k=struct(a=LONG, b=TEXT), l=struct(A=LONG)))
    found = compare(file, schema, reads_any, case_sensitive=True)
    assert found.clashing == {"m": [("m", Every.VALUE, "A")]}
    wider = compare(struct(m=struct(k=struct(b=TEXT))), schema, reads_any, case_sensitive=True)
    assert (wider.new, wider.schema) == (["m.b"], struct(m=MapType(TEXT, struct(a=LONG, b=TEXT))))


def test_a_repeated_name_clashes() -> None:
    file = StructType([StructField("a", LONG), StructField("A", LONG)])
    found = compare(file, StructType([]), widens, case_sensitive=False)
    assert (found.new, list(found.clashing)) == (["a"], ["A"])


@pytest.mark.parametrize(
    ("file", "schema", "wanted"),
    [
        (INT, LONG, True),
        (LONG, INT, False),
        (ByteType(), DoubleType(), True),
        (LONG, DoubleType(), False),
        (FloatType(), DoubleType(), True),
        (INT, DecimalType(10, 0), True),
        (INT, DecimalType(10, 2), False),
        (LONG, DecimalType(22, 2), True),
        (DecimalType(5, 2), DecimalType(12, 4), True),
        (DecimalType(5, 2), DecimalType(5, 3), False),
        (DateType(), TimestampNTZType(), True),
        (TimestampNTZType(), TimestampType(), True),
        (TimestampType(), TimestampNTZType(), False),
        (INT, DateType(), False),
        (INT, TEXT, False),
        (BooleanType(), BooleanType(), True),
    ],
)
def test_widening(file: DataType, schema: DataType, wanted: bool) -> None:
    assert widens(file, schema) is wanted


def test_widest_takes_the_wider_type_and_the_first_of_others() -> None:
    merged = widest([struct(a=INT, b=TEXT), struct(a=LONG, b=LONG, c=INT)])
    assert merged == struct(a=LONG, b=TEXT, c=INT)


def test_hints_are_split_at_their_own_commas() -> None:
    assert split_hints("id BIGINT, m MAP<STRING, INT>,`odd name`.x: DECIMAL(5, 2)") == [
        (("id",), "BIGINT"),
        (("m",), "MAP<STRING, INT>"),
        (("odd name", "x"), "DECIMAL(5, 2)"),
    ]


def test_a_hint_without_a_type_is_refused() -> None:
    with pytest.raises(ValueError, match="id"):
        split_hints("id")


def test_hints_reach_into_nested_types() -> None:
    schema = struct(s=struct(a=TEXT), l=ArrayType(struct(p=TEXT)), m=MapType(TEXT, TEXT))
    for path in (("s", "a"), ("s", "new"), ("l", "element", "p"), ("m", "value"), ("n",)):
        schema = apply_hint(schema, path, INT)
    assert schema == struct(
        s=struct(a=INT, new=INT),
        l=ArrayType(struct(p=INT)),
        m=MapType(TEXT, INT),
        n=INT,
    )


def test_a_struct_hint_keeps_nested_columns_that_came_later() -> None:
    schema = struct(s=struct(a=LONG, later=TEXT))
    assert apply_hint(schema, ("s",), struct(a=INT)) == struct(s=struct(a=INT, later=TEXT))


KINDS = st.recursive(
    st.sampled_from([LONG, TEXT, INT, DoubleType(), BooleanType()]),
    lambda inner: st.one_of(
        inner.map(ArrayType),
        st.dictionaries(st.sampled_from("abcABC"), inner, max_size=3).map(lambda f: struct(**f)),
    ),
    max_leaves=6,
)
SCHEMAS = st.dictionaries(st.sampled_from("abcdABCD"), KINDS, max_size=5).map(
    lambda fields: struct(**fields)
)


@given(SCHEMAS, SCHEMAS)
def test_what_was_added_is_never_new_again(file: StructType, schema: StructType) -> None:
    file, schema = without_twins(file), without_twins(schema)
    first = compare(nullable(file), nullable(schema), reads_any, case_sensitive=False)
    again = compare(nullable(file), first.schema, reads_any, case_sensitive=False)
    assert again.new == []
    assert first.schema.fieldNames()[: len(schema)] == schema.fieldNames()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("`order, no` INT", [(("order, no",), "INT")]),
        ("`x>y` INT, b INT", [(("x>y",), "INT"), (("b",), "INT")]),
        ("`a.b` INT", [(("a.b",), "INT")]),
        ("`tick``t` INT", [(("tick`t",), "INT")]),
        ("nested.`in, side`:INT", [(("nested", "in, side"), "INT")]),
        ("a STRUCT<`b>,c`: INT>, d INT", [(("a",), "STRUCT<`b>,c`: INT>"), (("d",), "INT")]),
        ("a INT COMMENT 'b, (c', d INT", [(("a",), "INT COMMENT 'b, (c'"), (("d",), "INT")]),
        ("a INT COMMENT 'it\\'s, x'", [(("a",), "INT COMMENT 'it\\'s, x'")]),
        ("a\n  INT,\n b DECIMAL(3,1)", [(("a",), "INT"), (("b",), "DECIMAL(3,1)")]),
    ],
)
def test_quoted_names_and_comments_are_left_whole(
    text: str, wanted: list[tuple[tuple[str, ...], str]]
) -> None:
    assert split_hints(text) == wanted


NTZ, BYTE, SHORT = TimestampNTZType(), ByteType(), ShortType()


@pytest.mark.parametrize(
    ("known", "file", "wider"),
    [
        (BYTE, SHORT, SHORT),
        (SHORT, LONG, LONG),
        (INT, LONG, LONG),
        (INT, DoubleType(), DoubleType()),
        (INT, DecimalType(5, 2), DecimalType(12, 2)),
        (LONG, DecimalType(2, 1), DecimalType(21, 1)),
        (DecimalType(5, 2), DecimalType(5, 4), DecimalType(7, 4)),
        (DecimalType(5, 2), INT, DecimalType(12, 2)),
        (FloatType(), DoubleType(), DoubleType()),
        (DateType(), NTZ, NTZ),
        (LONG, INT, None),
        (LONG, DoubleType(), None),
        (INT, TEXT, None),
        (TEXT, LONG, None),
        (DecimalType(12, 2), INT, None),
        (DecimalType(5, 2), DoubleType(), None),
        (DecimalType(38, 0), DecimalType(5, 2), None),
        (DateType(), TimestampType(), None),
    ],
)
def test_types_grow_as_documented(known: DataType, file: DataType, wider: DataType | None) -> None:
    assert Widening(frozenset(), has_times=True).wider(known, file) == wider


def test_columns_grow_at_every_depth_but_hinted_ones_and_keys_of_maps() -> None:
    def columns(kind: DataType) -> StructType:
        return struct(
            a=kind, hinted=kind, s=struct(in_=ArrayType(kind)), m=MapType(kind, kind), t=TEXT
        )

    widening = Widening(frozenset({"hinted"}), has_times=False)
    found = compare(columns(LONG), columns(INT), widens, case_sensitive=True, widening=widening)
    assert found.schema == struct(
        a=LONG, hinted=INT, s=struct(in_=ArrayType(LONG)), m=MapType(INT, LONG), t=TEXT
    )
    assert found.clashing == {"hinted": [("hinted",)]}
    again = compare(columns(INT), found.schema, widens, case_sensitive=True, widening=widening)
    assert (again.schema, again.widened, again.new) == (found.schema, [], [])
    assert not Widening(frozenset(), has_times=False).wider(DateType(), NTZ)
