"""Build the rescued data column: one JSON object per row of what the schema has no column for.

An object is put together from fragments `"name":value`, each NULL in rows that have nothing to
rescue under that name, so that one name may have a fragment from several places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType, VariantType


def fragment(name: str, value: Column, present: Column | None = None) -> Column:
    """Write `"name":value`, NULL where the value is not present."""
    text = F.to_json(F.struct(value.alias(name)))
    return F.when(
        value.isNotNull() if present is None else present,
        F.substring(text, F.lit(2), F.length(text) - 2),
    )


def variant_fragment(name: str, value: Column) -> Column:
    """Write a VARIANT; a JSON null is nothing to rescue."""
    return fragment(name, value, value.isNotNull() & ~F.is_variant_null(value))


def rescued_object(
    fragments: Sequence[Column], path: Column | None, otherwise: Column | None = None
) -> Column:
    """Join fragments; NULL in rows that have none.

    Args:
        path: the file's path for the key `_file_path`, None to leave it out.
        otherwise: the fragment of rows that have no other.
    """
    if not fragments:
        return F.lit(None).cast("string")
    joined = F.concat_ws(",", *fragments)
    tail = [] if path is None else [F.lit(","), fragment("_file_path", path)]
    told = F.when(joined != "", F.concat(F.lit("{"), joined, *tail, F.lit("}")))
    if otherwise is None:
        return told
    return told.when(otherwise.isNotNull(), F.concat(F.lit("{"), otherwise, *tail, F.lit("}")))


@dataclass(frozen=True)
class Split:
    """A column split into what the schema has and what is left over."""

    kept: Column
    rescued: Column | None = None
    present: Column | None = None


def split(column: Column, read: DataType, kept: DataType) -> Split:
    """Split a column that was read with more nested fields than the schema has."""
    if isinstance(read, StructType) and isinstance(kept, StructType):
        return _split_struct(column, read, kept)
    if isinstance(read, ArrayType) and isinstance(kept, ArrayType):
        inner, outer = read.elementType, kept.elementType
        if split(F.lit(None), inner, outer).rescued is None:
            return Split(column)
        return Split(
            F.transform(column, lambda each: split(each, inner, outer).kept),
            F.transform(column, lambda each: _rescued(split(each, inner, outer))),
            F.exists(column, lambda each: _present(split(each, inner, outer))),
        )
    if isinstance(read, MapType) and isinstance(kept, MapType):
        inner, outer = read.valueType, kept.valueType
        if split(F.lit(None), inner, outer).rescued is None:
            return Split(column)
        return Split(
            F.transform_values(column, lambda _, each: split(each, inner, outer).kept),
            F.transform_values(column, lambda _, each: _rescued(split(each, inner, outer))),
            F.exists(F.map_values(column), lambda each: _present(split(each, inner, outer))),
        )
    return Split(column)


def _split_struct(column: Column, read: StructType, kept: StructType) -> Split:
    own = {each.name: each for each in kept}
    keep: list[Column] = []
    over: list[Column] = []
    present: list[Column] = []
    for each in read:
        value = column.getField(each.name)
        if each.name not in own:
            over.append(value.alias(each.name))
            present.append(_given(value, each))
            continue
        inner = split(value, each.dataType, own[each.name].dataType)
        keep.append(inner.kept.alias(each.name))
        if inner.rescued is not None and inner.present is not None:
            over.append(inner.rescued.alias(each.name))
            present.append(inner.present)
    if not over:
        return Split(column)
    anything = present[0]
    for each_present in present[1:]:
        anything = anything | each_present
    whole = F.when(column.isNotNull(), F.struct(*keep))
    return Split(whole, F.struct(*over), F.coalesce(anything, F.lit(False)))


def _given(value: Column, field: StructField) -> Column:
    if isinstance(field.dataType, VariantType):
        return value.isNotNull() & ~F.is_variant_null(value)
    return value.isNotNull()


def _rescued(part: Split) -> Column:
    if part.rescued is None:
        raise AssertionError("nothing is rescued here")  # callers ask before
    return part.rescued


def _present(part: Split) -> Column:
    if part.present is None:
        raise AssertionError("nothing is rescued here")  # callers ask before
    return part.present
