"""What differs between two Delta tables: columns, rows, and values of rows with the same key.

NULL equals NULL, and NaN equals NaN. Each table is read once, and once more for examples.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import Row as SparkRow
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from headwater.analysis.changes import column_changes
from headwater.comparison.values import comparable
from headwater.names import quote

MOST_EXAMPLES = 5
"""Examples of each kind of difference."""

_BASE, _HEAD, _COUNT, _VALUES = "__base", "__head", "__count", "__values"
_CHANGED = "__changed"


@dataclass(frozen=True)
class RowChange:
    """An example of a row that differs; None for the side that does not have it.

    Attributes:
        key: values that identify the row; all of its values where no key is known.
        values: value before and after, of each column that differs.
    """

    kind: Literal["only base", "only now", "changed"]
    key: dict[str, Any]
    values: dict[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class RowDifference:
    """How many rows differ.

    Attributes:
        rows: number of rows before and after.
        only_base: rows that are gone; of a table with keys, those whose key is.
        only_head: rows that are new.
        changed: rows of the same key with other values; 0 without keys.
        columns: how often each column differs among them.
        keys: by which rows were compared; empty for whole rows.
    """

    rows: tuple[int, int]
    only_base: int
    only_head: int
    changed: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    examples: tuple[RowChange, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether no row differs."""
        return not (self.only_base or self.only_head or self.changed)


def compare_rows(
    spark: SparkSession,
    base: Path,
    head: Path,
    *,
    keys: Sequence[str] = (),
    ignored: Collection[str] = (),
) -> RowDifference:
    """Compare the rows of two tables by the columns that both have with the same type.

    Names of columns and fields count without their case, and fields in any order.

    Args:
        keys: columns that identify a row. Where they do not, whole rows are compared.
        ignored: columns that may differ.
    """
    frames = [spark.read.format("delta").load(str(each)) for each in (base, head)]
    before, after = ({each.name.lower(): each for each in frame.schema} for frame in frames)
    left_out = {each.lower() for each in ignored}
    fields = [
        field
        for name, field in after.items()
        if name in before
        and not column_changes(StructType([before[name]]), StructType([field]))
        and name not in left_out
    ]
    names = {each.name.lower(): each.name for each in fields}
    left, right = (
        frame.select(*(_comparable(own[each.name.lower()], each) for each in fields))
        for frame, own in zip(frames, (before, after), strict=True)
    )
    if keys and {each.lower() for each in keys} <= set(names):
        named = list(dict.fromkeys(names[each.lower()] for each in keys))
        others = [each for each in names.values() if each not in named]
        found = _by_key(left, right, named, others)
        if found is not None:
            return found
    return _by_row(left, right, list(names.values()))


def _comparable(own: StructField, like: StructField) -> Column:
    """Select a column, by one spelling of its name on both sides."""
    return comparable(F.col(quote(own.name)), own.dataType, like.dataType).alias(like.name)


def _by_key(
    before: DataFrame, after: DataFrame, keys: Sequence[str], names: Sequence[str]
) -> RowDifference | None:
    """Compare by key; None if two rows of a table have the same."""
    joined = _joined(before, after, keys, names)
    base, head = F.col(_BASE), F.col(_HEAD)
    differs = {name: ~_of(_BASE, name).eqNullSafe(_of(_HEAD, name)) for name in names}
    both = base.isNotNull() & head.isNotNull()
    changed = both & ~base[_VALUES].eqNullSafe(head[_VALUES]) if names else F.lit(False)
    counts = [
        _sum(base[_COUNT]),
        _sum(head[_COUNT]),
        F.coalesce(F.max(F.greatest(base[_COUNT], head[_COUNT])), F.lit(0)),
        F.count_if(head.isNull()),
        F.count_if(base.isNull()),
        F.count_if(changed),
        *(F.count_if(both & each) for each in differs.values()),
    ]
    told = _values(joined.agg(*counts))
    rows_base, rows_head, most, only_base, only_head, number, *by_column = told
    if most > 1:
        return None
    found = RowDifference(
        (rows_base, rows_head),
        only_base,
        only_head,
        number,
        {name: count for name, count in zip(names, by_column, strict=True) if count},
        tuple(keys),
    )
    if found.is_none:
        return found
    kind = F.when(head.isNull(), "only base").when(base.isNull(), "only now")
    kind = kind.when(changed, "changed")
    names_changed = F.array_compact(F.array(*(F.when(v, F.lit(k)) for k, v in differs.items())))
    told_apart = joined.withColumn(_CHANGED, names_changed)
    examples = _first_of_each(told_apart, kind, keys)
    return replace(found, examples=tuple(_change(row, keys, names) for row in examples))


def _joined(
    before: DataFrame, after: DataFrame, keys: Sequence[str], names: Sequence[str]
) -> DataFrame:
    """Return a row per key, with the number of rows and the values of each side."""

    def grouped(frame: DataFrame, side: str) -> DataFrame:
        values = F.struct(*(F.col(quote(each)) for each in names)) if names else F.lit(0)
        return frame.groupBy(*(F.col(quote(each)) for each in keys)).agg(
            F.struct(
                F.count("*").alias(_COUNT), F.first(values, ignorenulls=False).alias(_VALUES)
            ).alias(side)
        )

    left, right = grouped(before, _BASE).alias("l"), grouped(after, _HEAD).alias("r")
    same = [F.col(f"l.{quote(each)}").eqNullSafe(F.col(f"r.{quote(each)}")) for each in keys]
    condition = same[0]
    for each in same[1:]:
        condition = condition & each
    shown = [
        F.when(F.col(_BASE).isNotNull(), F.col(f"l.{quote(each)}"))
        .otherwise(F.col(f"r.{quote(each)}"))
        .alias(each)
        for each in keys
    ]
    return left.join(right, condition, "full_outer").select(*shown, _BASE, _HEAD)


def _by_row(before: DataFrame, after: DataFrame, names: Sequence[str]) -> RowDifference:
    """Compare whole rows, as often as each is there."""
    columns = [F.col(quote(each)) for each in names]
    sides = (
        frame.select(*columns, F.lit(base).alias(_BASE), F.lit(1 - base).alias(_HEAD))
        for frame, base in ((before, 1), (after, 0))
    )
    left, right = sides
    counted = (
        left.unionAll(right)
        .groupBy(*columns)
        .agg(F.sum(_BASE).alias(_BASE), F.sum(_HEAD).alias(_HEAD))
    )
    base, head = F.col(_BASE), F.col(_HEAD)
    rows_base, rows_head, only_base, only_head = _values(
        counted.agg(
            _sum(base),
            _sum(head),
            _sum(F.greatest(base - head, F.lit(0))),
            _sum(F.greatest(head - base, F.lit(0))),
        )
    )
    found = RowDifference((rows_base, rows_head), only_base, only_head)
    if found.is_none or not names:
        return found
    kind = F.when(base > head, "only base").when(head > base, "only now")
    examples = _first_of_each(counted, kind, names)
    return replace(found, examples=tuple(_change(row, names, ()) for row in examples))


def _first_of_each(rows: DataFrame, kind: Column, order: Sequence[str]) -> list[SparkRow]:
    """Return the first rows of each kind of difference, by their keys."""
    numbered = rows.withColumn("__kind", kind).where(F.col("__kind").isNotNull())
    texts = [F.col(quote(each)).cast("string") for each in order]
    window = Window.partitionBy("__kind").orderBy(*texts)
    first = numbered.withColumn("__number", F.row_number().over(window))
    return first.where(F.col("__number") <= MOST_EXAMPLES).orderBy("__kind", "__number").collect()


def _change(row: SparkRow, keys: Sequence[str], names: Sequence[str]) -> RowChange:
    key = {each: row[each] for each in keys}
    if row["__kind"] != "changed":
        return RowChange(row["__kind"], key)
    before, after = row[_BASE][_VALUES], row[_HEAD][_VALUES]
    pairs = {name: (before[name], after[name]) for name in names}
    return RowChange("changed", key, {k: pairs[k] for k in row[_CHANGED]})


def _of(side: str, name: str) -> Column:
    return F.col(side)[_VALUES][name]


def _sum(column: Column) -> Column:
    return F.coalesce(F.sum(column), F.lit(0))


def _values(frame: DataFrame) -> list[int]:
    return [int(each) for each in frame.collect()[0]]
