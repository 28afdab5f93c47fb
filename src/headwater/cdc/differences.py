"""What differs between a table's rows and the rows it is to have, and the commit that mends it.

Rows are put side by side by key, in one pass, in which the differences are counted. In SCD type 2
the table's current rows are meant; a difference in a tracked column ends one and opens another.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

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
from headwater.cdc.computed import ChangeCounts, Counted, computed
from headwater.cdc.events import value_of
from headwater.cdc.plan import ChangePlan
from headwater.cdc.target import TargetTable

NULL_KEYS = "null_keys"
"""Rows with a NULL in a key, among what is counted."""

REPEATED = "repeated_keys"
"""Keys that stand in several rows, among what is counted."""

_NEW = "__cdc_new"
_COPY = "__cdc_copy"
_ACTIONS = "__cdc_actions"
_CLOSE = 4
"""Beside the values of ACTION: the current version ends."""


def differences(
    wanted: DataFrame, rows: DataFrame, plan: ChangePlan
) -> AbstractContextManager[Counted]:
    """Work out what is to happen to a table's rows, and count it; the query of each runs once.

    Counted are the values of ACTION, NULL_KEYS and REPEATED: of such keys nothing may be written.

    Args:
        wanted: the rows that the table is to have.
        rows: the rows that it has.
    """
    compared = _compared(wanted, rows, plan)
    return computed(compared, _numbers(plan), _changes)


def _compared(wanted: DataFrame, rows: DataFrame, plan: ChangePlan) -> DataFrame:
    """Put each key's current row beside its new one, and list what is to happen.

    OLD and _NEW are NULL where there is none.
    """
    current = rows.filter(col(END).isNull()) if plan.scd_type == 2 else rows
    shown = (*plan.columns, START) if plan.scd_type == 2 else plan.columns
    old = current.select(F.struct(*cols(shown)).alias(OLD))
    values = [
        value_of(wanted, find(name, wanted.columns), dtype).alias(name)
        for name, dtype in plan.types.items()
    ]
    given = wanted.select(F.struct(*values).alias(_NEW))
    keys = [col(_NEW)[key] for key in plan.keys]
    copies = Window.partitionBy(*keys).orderBy(*keys)
    given = given.withColumn(_COPY, F.row_number().over(copies))
    matches = [col(OLD)[key] == col(_NEW)[key] for key in plan.keys]
    joined = old.join(given, matches, "full_outer")
    return joined.withColumn(_ACTIONS, _actions(plan))


def _changes(compared: DataFrame) -> DataFrame:
    """Keep one row for each row of the target that is to change, with ACTION."""
    return compared.select(OLD, _NEW, F.explode(_ACTIONS).alias(ACTION))


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
    is_given = col(_NEW).isNotNull()
    has_key = all_true([col(_NEW)[key].isNotNull() for key in plan.keys])
    counted: dict[int | str, Column] = {
        each: F.array_contains(_ACTIONS, each) for each in (INSERT, UPDATE, REMOVE, _CLOSE)
    }
    return counted | {NULL_KEYS: is_given & ~has_key, REPEATED: has_key & (col(_COPY) == 2)}


def _rows(changes: DataFrame, plan: ChangePlan, version: Column | None) -> DataFrame:
    """Return the rows to write, with the target's columns and ACTION."""
    is_old = col(ACTION).isin(REMOVE, _CLOSE)
    columns = [
        F.when(is_old, col(OLD)[name]).otherwise(col(_NEW)[name]).alias(name)
        for name in plan.columns
    ]
    if plan.scd_type == 2 and version is not None:
        is_new = col(ACTION) == INSERT
        columns.append(F.when(is_new, version).otherwise(col(OLD)[START]).alias(START))
        columns.append(F.when(col(ACTION) == _CLOSE, version).alias(END))
    action = F.when(col(ACTION) == _CLOSE, UPDATE).otherwise(col(ACTION))
    return changes.select(*columns, action.alias(ACTION))


def write_differences(
    changes: DataFrame,
    counts: Mapping[int | str, int],
    table: TargetTable,
    plan: ChangePlan,
    version: Column | None = None,
) -> ChangeCounts:
    """Write what `differences` found, in one commit; in none when there is no difference.

    Args:
        version: SCD type 2: where versions end and begin.
    """
    rows = _rows(changes, plan, version)
    updated = counts[UPDATE] + counts[_CLOSE]
    happens = {INSERT: counts[INSERT], UPDATE: updated, REMOVE: counts[REMOVE], KEEP: 0}
    actions = [action for action, count in happens.items() if count]
    if actions == [INSERT]:
        table.append(rows.drop(ACTION))
    elif actions:
        table.merge(rows, plan, actions)
    return ChangeCounts(counts[INSERT] + updated, counts[REMOVE])
