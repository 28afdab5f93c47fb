"""What differs between the columns of two tables, and which changes a table can't follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from headwater.analysis.full_refresh import KEEP_TYPES, needs_full_refresh
from headwater.analysis.schemas import generated_columns, stored_schema
from headwater.graph.model import Dataset

_WHOLE_NUMBERS = {"tinyint", "smallint", "int"}
"""Types that a Delta table takes for each other: Parquet stores them alike."""


@dataclass(frozen=True)
class ColumnChange:
    """A column that is added (`before` is None), dropped (`after` is None) or retyped."""

    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.name} {self.after}"
        if self.after is None:
            return f"- {self.name} {self.before}"
        return f"~ {self.name} {self.before} -> {self.after}"


def column_changes(before: StructType, after: StructType) -> tuple[ColumnChange, ...]:
    """Return the columns that are added, dropped or retyped; names count without their case.

    A field of a struct is named by its path, as Delta names it: `a.b`, `list.element.b`.

    Example:
        >>> column_changes(StructType().add("a", "int"), StructType().add("b", "int"))[0].after
        'int'
    """
    return tuple(_fields("", stored_schema(before), stored_schema(after)))


def check_followed(dataset: Dataset, present: StructType, wanted: StructType) -> None:
    """Refuse columns of a type that a table without type widening can't follow.

    Raises:
        DefinitionError: SCHEMA_CHANGED.
    """
    retyped = [
        each
        for each in column_changes(present, wanted)
        if each.before and each.after and not {each.before, each.after} <= _WHOLE_NUMBERS
    ]
    if retyped:
        shown = ", ".join(f"'{each.name}' from {each.before} to {each.after}" for each in retyped)
        message = f"Columns of '{dataset.name}' change their type, which its table can't follow: "
        raise needs_full_refresh(dataset, "SCHEMA_CHANGED", message + shown, KEEP_TYPES)


def check_generated(dataset: Dataset, present: StructType) -> None:
    """Refuse generated columns that a target of AUTO CDC with rows lacks: they would stay NULL.

    Raises:
        DefinitionError: SCHEMA_CHANGED.
    """
    new = list(generated_columns(dataset, present))
    if new:
        message = f"The rows of '{dataset.name}' lack generated columns: {', '.join(new)}"
        raise needs_full_refresh(dataset, "SCHEMA_CHANGED", message)


def check_partitions(dataset: Dataset, present: Sequence[str]) -> None:
    """Refuse a table that is partitioned by other columns than its dataset declares.

    Raises:
        DefinitionError: PARTITIONS_CHANGED.
    """
    if [each.lower() for each in dataset.partition_cols] != [each.lower() for each in present]:
        message = (
            f"'{dataset.name}' is partitioned by {list(present) or 'nothing'}, but the source says "
            f"{list(dataset.partition_cols) or 'nothing'}"
        )
        raise needs_full_refresh(dataset, "PARTITIONS_CHANGED", message)


def _fields(path: str, before: StructType, after: StructType) -> Iterator[ColumnChange]:
    old = {each.name.lower(): each for each in before}
    new = {each.name.lower(): each for each in after}
    for key in dict.fromkeys([*new, *old]):
        name = path + (new.get(key) or old[key]).name
        types = [each[key].dataType if key in each else None for each in (old, new)]
        yield from _types(name, types[0], types[1])


def _types(name: str, before: DataType | None, after: DataType | None) -> Iterator[ColumnChange]:
    if isinstance(before, StructType) and isinstance(after, StructType):
        yield from _fields(f"{name}.", before, after)
    elif isinstance(before, ArrayType) and isinstance(after, ArrayType):
        yield from _types(f"{name}.element", before.elementType, after.elementType)
    elif isinstance(before, MapType) and isinstance(after, MapType):
        yield from _types(f"{name}.key", before.keyType, after.keyType)
        yield from _types(f"{name}.value", before.valueType, after.valueType)
    else:
        texts = [None if each is None else each.simpleString() for each in (before, after)]
        if texts[0] != texts[1]:
            yield ColumnChange(name, *texts)
