"""Apply snapshots of a whole table to a target: what has changed since the one before.

Versions rise from snapshot to snapshot, so that the target's current rows and the snapshot are all
that is needed: nothing is remembered of rows, and nothing arrives late. What does not live here:
which snapshot comes next, and what was done with the ones before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from headwater.cdc.batch import ChangeCounts, computed
from headwater.cdc.checks import check_change
from headwater.cdc.columns import (
    ACTION,
    END,
    INSERT,
    KEEP,
    OLD,
    REMOVE,
    START,
    UPDATE,
    all_true,
    col,
    cols,
    find,
    same,
)
from headwater.cdc.drift import describe_change
from headwater.cdc.events import value_of
from headwater.cdc.plan import ChangePlan, plan_change, target_schema
from headwater.cdc.target import TargetTable, lacking
from headwater.errors import Location, UpdateError
from headwater.graph.model import AutoCdc, SnapshotCdc

_NEW = "__cdc_new"
_COPY = "__cdc_copy"
_NULL_KEYS = "null_keys"
_REPEATED = "repeated_keys"
_CLOSE = 4
"""Beside the values of ACTION: the current version ends with this snapshot."""


@dataclass(frozen=True)
class SnapshotTarget:
    """The target of a flow of snapshots.

    Attributes:
        path: folder of the target's Delta table, which exists with `snapshot_schema`.
        name: the dataset, for messages.
        snapshots: what the flow was told.
        settings: of the session, while the snapshot's rows are committed.
    """

    path: str
    name: str
    snapshots: SnapshotCdc
    settings: Mapping[str, str] = field(default_factory=dict)


def check_snapshots(
    source: DataFrame, snapshots: SnapshotCdc, *, name: str, where: Location
) -> None:
    """Check a specification against the columns of a snapshot, by analysis only.

    Raises:
        DefinitionError: what `check_change` raises.
    """
    check_change(source, _change(snapshots), name=name, where=where)


def snapshot_schema(source: DataFrame, snapshots: SnapshotCdc) -> StructType:
    """Return the target's columns: those of the snapshot and, in SCD type 2, the interval's."""
    return target_schema(source, _change(snapshots))


def describe_snapshots(source: DataFrame, snapshots: SnapshotCdc) -> dict[str, str]:
    """Return the facts of a checked specification that can't change without a full refresh."""
    facts = describe_change(source, _change(snapshots))
    asked = "snapshots of a function" if snapshots.is_asked else "snapshots of a table"
    typed = snapshots.version_type if snapshots.scd_type == 2 else ""
    return facts | {"remembered": asked, "sequence_type": typed}


def _change(snapshots: SnapshotCdc) -> AutoCdc:
    """Return the specification in terms of changes, whose sequence is a constant."""
    return AutoCdc(
        keys=snapshots.keys,
        sequence_by=F.lit(None).cast(snapshots.version_type),
        scd_type=snapshots.scd_type,
        track_history_columns=snapshots.track_history_columns,
        track_history_except=snapshots.track_history_except,
    )


def apply_snapshot(snapshot: DataFrame, version: Any, target: SnapshotTarget) -> ChangeCounts:
    """Bring a target to a snapshot: add new keys, change what differs, take out missing keys.

    SCD type 2 closes and opens versions at `version`, which must be above all earlier ones. Rows
    change in one commit, and in none when the snapshot equals the target; a column that is new
    gets one before. The snapshot's query runs once.

    Args:
        snapshot: all rows, with a key of its own each.
        version: of the snapshot, a value of the specification's `version_type`.
        target: where it goes.

    Raises:
        UpdateError: SNAPSHOT_NULL_KEY, SNAPSHOT_DUPLICATE_KEY; no row was written.
    """
    change = _change(target.snapshots)
    table = TargetTable(snapshot.sparkSession, target.path, target.settings)
    have = table.read().schema
    new = lacking(have, target_schema(snapshot, change))
    if new:
        table.add_columns(new)
        have = table.read().schema
    plan = plan_change(snapshot, change, have)
    compared = _compared(snapshot, table.read(), plan)
    numbers = _numbers(plan)
    with computed(compared, numbers, lambda rows: _changes(rows, plan)) as (changes, counts):
        _check_keys(counts, target.name)
        at = F.lit(version).cast(target.snapshots.version_type)
        return _write(_rows(changes, plan, at), counts, table, plan)


def _compared(snapshot: DataFrame, rows: DataFrame, plan: ChangePlan) -> DataFrame:
    """Put each key's current row beside its new one: OLD and _NEW, NULL where there is none."""
    current = rows.filter(col(END).isNull()) if plan.scd_type == 2 else rows
    shown = (*plan.columns, START) if plan.scd_type == 2 else plan.columns
    old = current.select(F.struct(*cols(shown)).alias(OLD))
    values = [
        value_of(snapshot, find(name, snapshot.columns), dtype).alias(name)
        for name, dtype in plan.types.items()
    ]
    given = snapshot.select(F.struct(*values).alias(_NEW))
    keys = [col(_NEW)[key] for key in plan.keys]
    copies = Window.partitionBy(*keys).orderBy(*keys)
    given = given.withColumn(_COPY, F.row_number().over(copies))
    matches = [col(OLD)[key] == col(_NEW)[key] for key in plan.keys]
    return old.join(given, matches, "full_outer")


def _changes(compared: DataFrame, plan: ChangePlan) -> DataFrame:
    """Keep one row for each row of the target that is to change, with ACTION."""
    return compared.select(OLD, _NEW, F.explode(_actions(plan)).alias(ACTION))


def _actions(plan: ChangePlan) -> Column:
    """Return the list of what is to happen for a key."""
    names = plan.values
    if plan.scd_type == 1:
        differing = F.when(_equal(names, plan), _list()).otherwise(_list(UPDATE))
        gone = _list(REMOVE)
    else:
        shown = F.when(_equal(names, plan), _list()).otherwise(_list(UPDATE))
        differing = F.when(_equal(plan.tracked, plan), shown).otherwise(_list(_CLOSE, INSERT))
        gone = _list(_CLOSE)
    return (
        F.when(col(OLD).isNull(), _list(INSERT)).when(col(_NEW).isNull(), gone).otherwise(differing)
    )


def _equal(names: tuple[str, ...], plan: ChangePlan) -> Column:
    return all_true([same(col(OLD)[name], col(_NEW)[name], plan.types[name]) for name in names])


def _list(*actions: int) -> Column:
    return F.array(*map(F.lit, actions)).cast("array<int>")


def _numbers(plan: ChangePlan) -> dict[int | str, Column]:
    """Count what is to happen, and the keys that can't be; over the rows of `_compared`."""
    actions = _actions(plan)
    is_given = col(_NEW).isNotNull()
    has_key = all_true([col(_NEW)[key].isNotNull() for key in plan.keys])
    counted: dict[int | str, Column] = {
        each: F.array_contains(actions, each) for each in (INSERT, UPDATE, REMOVE, _CLOSE)
    }
    return counted | {_NULL_KEYS: is_given & ~has_key, _REPEATED: has_key & (col(_COPY) == 2)}


def _check_keys(counts: Mapping[int | str, int], name: str) -> None:
    if counts[_NULL_KEYS]:
        raise _refused("SNAPSHOT_NULL_KEY", "rows have a NULL in a key", counts[_NULL_KEYS], name)
    if counts[_REPEATED]:
        what = "keys stand in several rows"
        raise _refused("SNAPSHOT_DUPLICATE_KEY", what, counts[_REPEATED], name)


def _refused(code: str, what: str, count: int, name: str) -> UpdateError:
    return UpdateError(
        code,
        f"{count} {what} of the snapshot; nothing of it was written",
        where=name,
        hint="Give each row a key of its own: add columns to `keys`, or clean the source before.",
        count=count,
    )


def _rows(changes: DataFrame, plan: ChangePlan, version: Column) -> DataFrame:
    """Return the rows to write, with the target's columns and ACTION."""
    is_old = col(ACTION).isin(REMOVE, _CLOSE)
    columns = [
        F.when(is_old, col(OLD)[name]).otherwise(col(_NEW)[name]).alias(name)
        for name in plan.columns
    ]
    if plan.scd_type == 2:
        is_new = col(ACTION) == INSERT
        columns.append(F.when(is_new, version).otherwise(col(OLD)[START]).alias(START))
        columns.append(F.when(col(ACTION) == _CLOSE, version).alias(END))
    action = F.when(col(ACTION) == _CLOSE, UPDATE).otherwise(col(ACTION))
    return changes.select(*columns, action.alias(ACTION))


def _write(
    rows: DataFrame, counts: Mapping[int | str, int], table: TargetTable, plan: ChangePlan
) -> ChangeCounts:
    updated = counts[UPDATE] + counts[_CLOSE]
    happens = {INSERT: counts[INSERT], UPDATE: updated, REMOVE: counts[REMOVE], KEEP: 0}
    actions = [action for action, count in happens.items() if count]
    if actions == [INSERT]:
        table.append(rows.drop(ACTION))
    elif actions:
        table.merge(rows, plan, actions)
    return ChangeCounts(counts[INSERT] + updated, counts[REMOVE])
