"""Bitemporal targets: the versions of each key as they were believed at each system time.

What is believed at a system time are the versions, as in SCD type 2, of the events known until
then. A row of the target is a version with the system times between which it was believed. All
events are remembered, and all rows of the touched keys derived anew: so neither the order of
arrival nor repetition matters, also where an event becomes known late.
"""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from headwater.cdc.columns import (
    END,
    OP,
    RANK,
    SEQ,
    START,
    SYSTEM,
    SYSTEM_END,
    SYSTEM_START,
    all_true,
    col,
    cols,
    same,
)
from headwater.cdc.computed import ChangeCounts, kept
from headwater.cdc.differences import differences, write_differences
from headwater.cdc.events import check_events, events_of, keys_of
from headwater.cdc.memory import EventMemory
from headwater.cdc.plan import ChangePlan, plan_change, target_schema
from headwater.cdc.target import ChangeTarget, TargetTable, lacking
from headwater.cdc.versions import opened_versions

_TIMES = "__cdc_times"
_AT = "__cdc_at"
_UNTIL = "__cdc_until"
_NUMBER = "__cdc_number"
_BEGINS = "__cdc_begins"
_LAST = "__cdc_last"
_PLACE = "__cdc_place"


def apply_bitemporal(batch: DataFrame, batch_id: int, target: ChangeTarget) -> ChangeCounts:
    """Apply a batch of change events to a bitemporal target, with the promises of `apply_batch`.

    Raises:
        UpdateError: AUTOCDC_NULL_KEY, AUTOCDC_NULL_SEQUENCE; nothing was written.
    """
    table = TargetTable(batch.sparkSession, target.path, generated=target.generated)
    have = table.read().schema
    new = lacking(have, target_schema(batch, target.change))
    plan = plan_change(batch, target.change, have)
    with kept(events_of(batch, target.change, plan)) as events:
        if check_events(events, plan, target.name).rows == 0:
            return ChangeCounts(0, 0)
        if new:
            table.add_columns(new)
        memory = EventMemory(table.spark, target.state_path, plan)
        memory.append(memory.without_known(events))
        touched = keys_of(events, plan)
        rows = beliefs(_of(memory.read(), touched, plan), plan)
        now = _of(table.read(), touched, plan)
        by_row = _by_row(plan)
        with differences(rows, now, by_row) as (changes, counts):
            done = write_differences(changes, counts, table, by_row)
        memory.compact(batch_id)
    return done


def beliefs(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Return the rows of a bitemporal target, from all events of its keys. A plan only.

    A key with n events known at m system times takes up to n times m rows on the way.
    """
    at_time = replace(plan, keys=(*plan.keys, _AT))
    known = _last_known(_known_at(events, plan), at_time)
    versions = opened_versions(known, at_time)
    return _joined(versions, plan).select(*cols(plan.target_columns))


def _known_at(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Repeat each event for each system time of its key at which it is known."""
    all_times = F.collect_set(col(SYSTEM)).over(Window.partitionBy(*cols(plan.keys)))
    timed = events.withColumn(_TIMES, F.array_sort(all_times))
    placed = timed.select("*", F.posexplode(_TIMES).alias(_NUMBER, _AT))
    until = F.get(col(_TIMES), col(_NUMBER) + 1)
    return placed.filter(col(_AT) >= col(SYSTEM)).withColumn(_UNTIL, until).drop(_TIMES)


def _last_known(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Keep one event of each sequence: the one that became known last."""
    latest = Window.partitionBy(*cols((*plan.keys, SEQ))).orderBy(
        *[col(name).desc() for name in (SYSTEM, OP, RANK)]
    )
    numbered = events.withColumn(_PLACE, F.row_number().over(latest))
    return numbered.filter(col(_PLACE) == 1).drop(_PLACE)


def _joined(versions: DataFrame, plan: ChangePlan) -> DataFrame:
    """Join a version that is believed at several system times in turn into one row."""
    order = Window.partitionBy(*cols((*plan.keys, START))).orderBy(_NUMBER)
    equal = [
        same(F.lag(col(name)).over(order), col(name), dtype)
        for name, dtype in {**plan.value_types, END: plan.sequence_type}.items()
    ]
    goes_on = (F.lag(_NUMBER).over(order) == col(_NUMBER) - 1) & all_true(equal)
    marked = versions.withColumn(_BEGINS, ~F.coalesce(goes_on, F.lit(False)))
    is_last = F.coalesce(F.lead(_BEGINS).over(order), F.lit(True))
    until = F.when(is_last, F.struct(col(_UNTIL).alias("v")))  # NULL itself is an end, too
    ended = marked.withColumn(_LAST, until)
    last = F.coalesce(col(_LAST), F.expr(f"lead({_LAST}) IGNORE NULLS").over(order))
    rows = ended.withColumns({SYSTEM_START: col(_AT), SYSTEM_END: last["v"]})
    return rows.filter(col(_BEGINS))


def _of(rows: DataFrame, keys: DataFrame, plan: ChangePlan) -> DataFrame:
    """Keep the rows of some keys."""
    matches = [col(key, "__cdc_l") == col(key, "__cdc_r") for key in plan.keys]
    return rows.alias("__cdc_l").join(keys.alias("__cdc_r"), matches, "left_semi")


def _by_row(plan: ChangePlan) -> ChangePlan:
    """Return a plan for the target as plain rows, each with a key of its own."""
    interval = {each.name: each.dataType for each in plan.interval}
    return replace(
        plan,
        keys=(*plan.keys, START, SYSTEM_START),
        types={**plan.types, **interval},
        scd_type=1,
        tracked=(),
        system_type=None,
    )
