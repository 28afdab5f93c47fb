"""What differs between the columns of two tables, or of a table before and after."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.types import StructType

from headwater.analysis.schemas import stored_schema


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

    Example:
        >>> column_changes(StructType().add("a", "int"), StructType().add("b", "int"))[0].after
        'int'
    """
    old = {each.name.lower(): each for each in stored_schema(before)}
    new = {each.name.lower(): each for each in stored_schema(after)}
    found = []
    for key in dict.fromkeys([*new, *old]):
        types = [each[key].dataType.simpleString() if key in each else None for each in (old, new)]
        if types[0] != types[1]:
            found.append(ColumnChange((new.get(key) or old[key]).name, *types))
    return tuple(found)
