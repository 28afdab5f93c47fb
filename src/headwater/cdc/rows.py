"""SCD type 1: which row each key ends with, and what that means for the target's rows.

The last event of a key by sequence, operation and rank decides, wherever it is known from. With
partial updates the row is folded from all of the key's events. Plans only: nothing runs here.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from headwater.cdc.columns import (
    ACTION,
    DELETE,
    FROM_BATCH,
    FROM_MEMORY,
    INSERT,
    KEEP,
    OLD,
    OP,
    ORIGIN,
    RANK,
    REMEMBER,
    REMOVE,
    SEQ,
    UPDATE,
    UPSERT,
    all_true,
    col,
    cols,
    same,
)
from headwater.cdc.fold import folded
from headwater.cdc.plan import ChangePlan, Memory

_KNOWN = "__cdc_known"
_PLACE = "__cdc_place"


def first_rows(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Decide on rows for an empty target: every key that doesn't end deleted is inserted."""
    if plan.memory is Memory.EVENTS:
        events = folded(events, plan)
    last = _last_events(events, plan)
    is_remembered = {
        Memory.LATEST: F.lit(True),
        Memory.TOMBSTONES: col(OP) == DELETE,
    }.get(plan.memory, F.lit(False))
    action = F.when(col(OP) == UPSERT, INSERT).otherwise(KEEP)
    return last.withColumns({ACTION: action, REMEMBER: is_remembered})


def changed_rows(entries: DataFrame, plan: ChangePlan) -> DataFrame:
    """Decide on rows from all entries of the touched keys: target, batch and memory.

    Gives one row per key: the target's columns, ACTION, and REMEMBER with SEQ, OP and RANK.
    """
    by_key = Window.partitionBy(*cols(plan.keys))
    remembered = F.when(col(ORIGIN) == FROM_MEMORY, _order_of_event())
    entries = entries.withColumns(
        {
            OLD: F.first(col(OLD), ignorenulls=True).over(by_key),
            _KNOWN: F.max(remembered).over(by_key),
        }
    )
    # A target without its sequence says what a row is, not when it came to be.
    if plan.memory in (Memory.LATEST, Memory.EVENTS):
        entries = entries.filter(col(ORIGIN).isin(FROM_BATCH, FROM_MEMORY))
    if plan.memory is Memory.EVENTS:
        entries = folded(entries, plan)
    last = _last_events(entries, plan, col(ORIGIN) == FROM_BATCH)
    return last.withColumns({ACTION: _action(plan), REMEMBER: _is_remembered(plan)})


def _last_events(events: DataFrame, plan: ChangePlan, *preferred: Column) -> DataFrame:
    order = [*cols((SEQ, OP, RANK)), *preferred]
    latest = Window.partitionBy(*cols(plan.keys)).orderBy(*[each.desc() for each in order])
    numbered = events.withColumn(_PLACE, F.row_number().over(latest))
    return numbered.filter(col(_PLACE) == 1).drop(_PLACE)


def _order_of_event() -> Column:
    return F.struct(*cols((SEQ, OP, RANK)))


def _action(plan: ChangePlan) -> Column:
    has_row = col(OLD).isNotNull()
    equal = all_true([same(col(OLD)[name], col(name), plan.types[name]) for name in plan.values])
    upsert = F.when(~has_row, INSERT).when(equal, KEEP).otherwise(UPDATE)
    if plan.memory is Memory.LATEST:
        # Only the batch has values; the flow that brought a remembered event wrote its row.
        upsert = F.when(col(ORIGIN) == FROM_MEMORY, KEEP).otherwise(upsert)
    return F.when(col(OP) == UPSERT, upsert).when(has_row, REMOVE).otherwise(KEEP)


def _is_remembered(plan: ChangePlan) -> Column:
    is_new = col(_KNOWN).isNull() | (_order_of_event() > col(_KNOWN))
    is_new_event = (col(ORIGIN) == FROM_BATCH) & is_new
    if plan.memory is Memory.LATEST:
        return is_new_event
    if plan.memory is Memory.TOMBSTONES:
        return is_new_event & (col(OP) == DELETE)
    return F.lit(False)
