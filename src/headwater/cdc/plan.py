"""What a change specification means for given columns, derived by analysis only.

A `ChangePlan` holds names as the target spells them and says what has to be remembered beside
the target. What does not live here: whether a specification is valid (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructField, StructType

from headwater.cdc.columns import END, START, SYSTEM_END, SYSTEM_START, col, find
from headwater.cdc.types import keeps_values
from headwater.graph.model import AutoCdc, ColumnOrText


class Memory(Enum):
    """What must be remembered because the target's rows can't show it.

    The value is recorded with the table: what was kept in one way can't be read in another.
    """

    NOTHING = "target"
    TOMBSTONES = "target and deletes"
    LATEST = "latest sequence of each key"
    HIDDEN = "target and hidden events"
    EVENTS = "all events"


@dataclass(frozen=True)
class ChangePlan:
    """A change specification, resolved against the columns of source and target.

    Attributes:
        keys: columns that identify a row.
        types: all columns of the target in order, without `__START_AT` and `__END_AT`.
        tracked: SCD type 2: columns whose change opens a version.
        null_keeps: columns in which a NULL leaves the value as it was.
        columns_to_update: the source's column with the names that an event writes.
        sequence_type: type of the sequence.
        sequence_columns: the target's columns that make up the sequence; () if it left some out, or
            declares one of a type that holds less.
        system_type: type of the system sequence; None unless bitemporal.
        memory: what is remembered beside the target.
    """

    keys: tuple[str, ...]
    types: Mapping[str, DataType]
    scd_type: int
    tracked: tuple[str, ...]
    null_keeps: frozenset[str]
    columns_to_update: str | None
    sequence_type: DataType
    sequence_columns: tuple[str, ...]
    has_truncates: bool
    memory: Memory
    system_type: DataType | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the target but the interval's, in order."""
        return tuple(self.types)

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that are not keys."""
        return tuple(name for name in self.types if name not in self.keys)

    @property
    def value_types(self) -> dict[str, DataType]:
        """The types of the columns that are not keys."""
        return {name: self.types[name] for name in self.values}

    @property
    def untracked(self) -> tuple[str, ...]:
        """SCD type 2: columns that show the latest value of their version."""
        return tuple(name for name in self.values if name not in self.tracked)

    @property
    def each_opens(self) -> bool:
        """SCD type 2: whether each upsert is a version, for it brings a new tracked sequence."""
        if self.null_keeps or self.columns_to_update:
            return False
        kept = (*self.tracked, *self.keys)
        return bool(self.sequence_columns) and all(name in kept for name in self.sequence_columns)

    @property
    def target_columns(self) -> tuple[str, ...]:
        """All columns of the target, in order."""
        return self.columns + tuple(each.name for each in self.interval)

    @property
    def interval(self) -> list[StructField]:
        """The columns that say when a row was valid and, if bitemporal, when it was believed."""
        return _interval(self.scd_type, self.sequence_type, self.system_type)


def plan_change(
    source: DataFrame, change: AutoCdc, existing: StructType | None = None
) -> ChangePlan:
    """Resolve a checked specification against a source, and the target's columns if it exists.

    Runs no job. Columns that only the target has stay in the plan; events give them NULL.
    """
    types = _column_types(source.schema, change, existing)
    keys = _spelled(change.keys, types)
    values = tuple(name for name in types if name not in keys)
    columns = sequence_columns(source, change)
    kept = _spelled(columns, types)
    plan = ChangePlan(
        keys=keys,
        types=types,
        scd_type=change.scd_type,
        tracked=_tracked(change, values),
        null_keeps=_null_keeps(change, values),
        columns_to_update=change.columns_to_update,
        sequence_type=sequence_type(source, change),
        sequence_columns=kept if _holds(types, kept, source.schema, columns) else (),
        has_truncates=change.target_has_truncates or change.apply_as_truncates is not None,
        memory=Memory.EVENTS,
        system_type=system_type(source, change),
    )
    return replace(plan, memory=_memory(plan, change))


def _holds(
    types: Mapping[str, DataType], kept: Sequence[str], source: StructType, columns: Sequence[str]
) -> bool:
    """Whether a target has all columns of a sequence, and keeps their values as they are."""
    pairs = zip(kept, columns, strict=False)
    return len(kept) == len(columns) and all(
        keeps_values(source[column].dataType, types[name]) for name, column in pairs
    )


def target_schema(source: DataFrame, change: AutoCdc) -> StructType:
    """Return the target's columns: those selected, in the source's order, all nullable.

    SCD type 2 adds `__START_AT` and `__END_AT` of the sequence's type, and a bitemporal target
    `__SYSTEM_START_AT` and `__SYSTEM_END_AT` of the system sequence's. Runs no job.
    """
    fields = [
        _plain_field(field)
        for field in source.schema.fields
        if field.name in selected(source.columns, change)
    ]
    sequence = sequence_type(source, change)
    return StructType(fields + _interval(change.scd_type, sequence, system_type(source, change)))


def _interval(scd_type: int, sequence: DataType, system: DataType | None) -> list[StructField]:
    names = {START: sequence, END: sequence} if scd_type == 2 else {}
    if system is not None:
        names |= {SYSTEM_START: system, SYSTEM_END: system}
    return [StructField(name, dtype, True) for name, dtype in names.items()]


def selected(columns: Iterable[str], change: AutoCdc) -> tuple[str, ...]:
    """Return the source's columns that the target keeps, in the source's order."""
    names = tuple(columns)
    if change.column_list is not None:
        wanted = _spelled(change.column_list, names)
        return tuple(name for name in names if name in wanted)
    unwanted = _spelled(change.except_column_list or (), names)
    return tuple(name for name in names if name not in unwanted)


def sequence_expression(columns: Iterable[str], sequence_by: ColumnOrText) -> Column:
    """Return the sequence as a column: text is a column's name or an SQL expression."""
    if isinstance(sequence_by, Column):
        return sequence_by
    name = find(sequence_by, columns)
    return col(name) if name else F.expr(sequence_by)


def sequence_type(source: DataFrame, change: AutoCdc) -> DataType:
    """Return the type of the sequence, all of its fields nullable."""
    return type_of(source, change.sequence_by)


def system_type(source: DataFrame, change: AutoCdc) -> DataType | None:
    """Return the type of the system sequence, all of its fields nullable; None without one."""
    given = change.system_sequence_by
    return None if given is None else type_of(source, given)


def type_of(source: DataFrame, given: ColumnOrText) -> DataType:
    """Return the type of an expression over a source, all of its fields nullable."""
    expression = sequence_expression(source.columns, given)
    return source.select(expression.alias(START)).schema.toNullable().fields[0].dataType


def sequence_columns(source: DataFrame, change: AutoCdc) -> tuple[str, ...]:
    """Return the source's columns that a plain or STRUCT sequence consists of; () for others.

    A column is told from an expression of the same name by its text.
    """
    shown = str(sequence_expression(source.columns, change.sequence_by)).lower()
    for name in source.columns:
        if shown in (str(col(name)).lower(), f"column<'{name}'>".lower()):
            return (name,)
    dtype = sequence_type(source, change)
    if not isinstance(dtype, StructType) or shown != str(F.struct(*dtype.names)).lower():
        return ()
    return _spelled(dtype.names, source.columns)


def _column_types(
    source: StructType, change: AutoCdc, existing: StructType | None
) -> dict[str, DataType]:
    names = selected(source.names, change)
    types = {field.name: field.dataType for field in source.fields if field.name in names}
    if existing is None:
        return types
    interval = [START, END] if change.scd_type == 2 else []
    if change.system_sequence_by is not None:
        interval += [SYSTEM_START, SYSTEM_END]
    known = {each.name: each.dataType for each in existing.fields if each.name not in interval}
    new = {name: dtype for name, dtype in types.items() if find(name, known) is None}
    return known | new


def _spelled(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    spellings = tuple(known)
    return tuple(found for found in (find(name, spellings) for name in names) if found)


def _tracked(change: AutoCdc, values: tuple[str, ...]) -> tuple[str, ...]:
    if change.scd_type == 1:
        return ()
    if change.track_history_columns is not None:
        wanted = _spelled(change.track_history_columns, values)
        return tuple(name for name in values if name in wanted)
    unwanted = _spelled(change.track_history_except or (), values)
    return tuple(name for name in values if name not in unwanted)


def _null_keeps(change: AutoCdc, values: tuple[str, ...]) -> frozenset[str]:
    if change.ignore_null_columns is not None:
        return frozenset(_spelled(change.ignore_null_columns, values))
    if change.ignore_null_except is not None:
        return frozenset(values) - frozenset(_spelled(change.ignore_null_except, values))
    return frozenset(values if change.ignore_null_updates else ())


def _memory(plan: ChangePlan, change: AutoCdc) -> Memory:
    if plan.system_type is not None:
        return Memory.EVENTS
    if plan.null_keeps or plan.columns_to_update or _is_partial(change):
        return Memory.EVENTS
    has_deletes = change.target_has_deletes or change.apply_as_deletes is not None
    if plan.scd_type == 2:
        return Memory.NOTHING if plan.each_opens and not has_deletes else Memory.HIDDEN
    if plan.has_truncates or not plan.sequence_columns:
        return Memory.LATEST
    return Memory.TOMBSTONES if has_deletes else Memory.NOTHING


def _is_partial(change: AutoCdc) -> bool:
    lists = (change.ignore_null_columns, change.ignore_null_except, change.columns_to_update)
    return change.ignore_null_updates or any(each is not None for each in lists)


def _plain_field(field: StructField) -> StructField:
    comment = {key: text for key, text in field.metadata.items() if key == "comment"}
    return StructField(
        field.name, StructType([field]).toNullable().fields[0].dataType, True, comment
    )
