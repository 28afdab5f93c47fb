"""Partial updates: the values of a key after each of its events, by order of sequence.

A column's value is that of the latest event that sets it since the last delete, so late events
fill in what they set. A plan only: nothing runs here.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from headwater.cdc.columns import OP, RANK, SEQ, UPSERT, WRITTEN, col, cols
from headwater.cdc.plan import ChangePlan

_LIFE = "__cdc_life"


def folded(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Replace each event's values by what the key's row holds after the event.

    Each delete starts a new life of the key, in which nothing of the old one is left.
    """
    order = cols((SEQ, OP, RANK))
    keys = cols(plan.keys)
    until_now = (Window.unboundedPreceding, Window.currentRow)
    deletes = F.sum(col(OP)).over(Window.partitionBy(*keys).orderBy(*order).rowsBetween(*until_now))
    life = Window.partitionBy(*keys, col(_LIFE)).orderBy(*order).rowsBetween(*until_now)
    lives = events.withColumn(_LIFE, deletes)
    values = {name: _value(name, life, plan) for name in plan.values}
    return lives.withColumns(values).drop(_LIFE)


def _value(name: str, life: WindowSpec, plan: ChangePlan) -> Column:
    is_upsert = col(OP) == UPSERT
    if plan.columns_to_update:
        is_set = col(WRITTEN).isNull() | F.array_contains(WRITTEN, name.lower())
        # The struct tells a value that was set to NULL from one that was not set.
        box = F.when(is_upsert & is_set, F.struct(col(name).alias("v")))
        return F.last(box, ignorenulls=True).over(life)["v"]
    if name in plan.null_keeps:
        return F.last(F.when(is_upsert, col(name)), ignorenulls=True).over(life)
    return col(name)
