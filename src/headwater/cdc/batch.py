"""Apply one batch of change events to a target: the order of work, reads and commits.

A batch ends in at most one commit of the memory and one of the target, in this order. What rows
follow from events is decided in `rows` and `versions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from headwater.cdc.bitemporal import apply_bitemporal
from headwater.cdc.columns import (
    ACTION,
    FROM_BATCH,
    FROM_MEMORY,
    INSERT,
    KEEP,
    OP,
    ORIGIN,
    REMEMBER,
    REMOVE,
    TRUNCATE,
    UPDATE,
    col,
    cols,
)
from headwater.cdc.computed import ChangeCounts, Counted, computed, kept
from headwater.cdc.events import (
    check_events,
    event_columns,
    events_of,
    guarded,
    keys_of,
)
from headwater.cdc.memory import EventMemory, apply_truncates, truncates_of
from headwater.cdc.plan import ChangePlan, Memory, plan_change, target_schema
from headwater.cdc.rows import changed_rows, first_rows
from headwater.cdc.target import (
    ChangeTarget,
    TargetTable,
    changed_settings,
    lacking,
    target_entries,
)
from headwater.cdc.versions import changed_versions, first_versions, version_rows

_PLANNING = {"spark.sql.constraintPropagation.enabled": "false"}
"""Spark would add "the key is not NULL" to the read of the target. For any such condition Delta
reads the statistics of all files, which takes as long as the read; and no key is NULL."""


@dataclass(frozen=True)
class _Work:
    """One batch in progress."""

    batch_id: int
    target: ChangeTarget
    plan: ChangePlan
    table: TargetTable

    @property
    def memory(self) -> EventMemory:
        return EventMemory(self.table.spark, self.target.state_path, self.plan)


def apply_batch(batch: DataFrame, batch_id: int, target: ChangeTarget) -> ChangeCounts:
    """Apply a batch of change events to a target.

    The target's rows depend only on the set of all events that were applied, not on their order,
    batches or repetition. The target gets at most one commit, so readers see all of a batch or
    nothing. What is remembered is committed before; a kill at any moment is repaired when the same
    batch is applied again, and applying a batch twice changes nothing. The batch's query runs once
    (again only to count NULLs when it failed). An empty batch writes nothing. Calls for one target
    must not overlap.

    Args:
        batch: rows of the source, inside `foreachBatch` or from a batch query.
        batch_id: number of the batch in its flow, from 0.
        target: where the changes go.

    Raises:
        UpdateError: AUTOCDC_NULL_KEY, AUTOCDC_NULL_SEQUENCE; nothing was written.
    """
    if target.change.system_sequence_by is not None:
        return apply_bitemporal(batch, batch_id, target)
    spark = batch.sparkSession
    table = TargetTable(spark, target.path, generated=target.generated)
    have = table.read().schema
    plan = plan_change(batch, target.change, have)
    work = _Work(batch_id, target, plan, table)
    events = events_of(batch, target.change, plan)
    if _is_first(work):
        return _apply_first(events, work)
    new = lacking(have, target_schema(batch, target.change))
    with kept(events):
        truncates = 0
        if plan.has_truncates or new or not _is_local(spark):  # else the batch's work tells enough
            facts = check_events(events, plan, target.name)
            if facts.rows == 0:
                return ChangeCounts(0, 0)
            truncates = facts.truncates
        if new:
            table.add_columns(new)
            work = replace(work, plan=plan_change(batch, target.change, table.read().schema))
        with _counted_faults(events, work):
            return _apply_next(guarded(events, plan), work, empties=truncates > 0)


def _is_local(spark: SparkSession) -> bool:
    """Whether all tasks share their memory; elsewhere two may compute a batch's rows at once."""
    return str(spark.sparkContext.master).startswith("local")


def _is_first(work: _Work) -> bool:
    """Return whether the batch alone decides: no earlier rows, and no event depends on another."""
    plan = work.plan
    if work.batch_id or (plan.has_truncates and plan.memory is not Memory.EVENTS):
        return False
    return not work.memory.exists() and work.table.is_empty()


def _apply_first(events: DataFrame, work: _Work) -> ChangeCounts:
    """Apply a batch to an empty target: one pass over the batch, and an append."""
    with _counted_faults(events, work):
        return _append_first(guarded(events, work.plan), work)


@contextmanager
def _counted_faults(events: DataFrame, work: _Work) -> Iterator[None]:
    """Count the NULLs that made a query over guarded events fail; other failures stay theirs."""
    try:
        yield
    except Exception:
        check_events(events, work.plan, work.target.name)
        raise


def _append_first(events: DataFrame, work: _Work) -> ChangeCounts:
    plan = work.plan
    if plan.memory is Memory.EVENTS:
        work.memory.append(events)
        stored = work.memory.read()
        events = _of_keys(stored, FROM_MEMORY)
        if plan.has_truncates:
            events = apply_truncates(events, truncates_of(stored))
    decided = first_versions(events, plan) if plan.scd_type == 2 else first_rows(events, plan)
    if plan.memory in (Memory.NOTHING, Memory.EVENTS):
        work.table.append(_rows(decided, plan, INSERT).drop(ACTION))
        return ChangeCounts(work.table.count(), 0)
    with _counted(decided) as (changed, counts):
        return _write(changed, counts, work)


def _apply_next(events: DataFrame, work: _Work, *, empties: bool) -> ChangeCounts:
    """Apply a batch by deriving the touched keys anew and writing what differs.

    Args:
        empties: there are truncates among the events.
    """
    plan, memory = work.plan, work.memory
    if plan.memory is Memory.EVENTS:
        memory.append(memory.without_known(events))
    truncates = None
    if empties and plan.memory is Memory.LATEST:
        truncates = memory.without_known(events.filter(col(OP) == TRUNCATE))
    decide = changed_versions if plan.scd_type == 2 else changed_rows
    decided = decide(_entries(events, work, all_keys=empties), plan)
    with ExitStack() as stack:
        with changed_settings(work.table.spark, _PLANNING):  # the events are computed already
            changed, counts = stack.enter_context(_counted(decided))
        return _write(changed, counts, work, truncates)


def _entries(events: DataFrame, work: _Work, *, all_keys: bool) -> DataFrame:
    """Collect what is known of the keys that the batch touches; a truncate touches all keys."""
    plan, memory = work.plan, work.memory
    touched = None if all_keys else keys_of(events, plan)
    sources, truncates = [], []
    if plan.memory is not Memory.EVENTS:
        sources.append(_of_keys(events, FROM_BATCH))
        truncates.append(truncates_of(events))
    if memory.exists():
        remembered = memory.read()
        sources.append(_touched(_of_keys(remembered, FROM_MEMORY), touched, plan))
        truncates.append(truncates_of(remembered))
    sources.append(target_entries(_touched(work.table.read(), touched, plan), plan))
    entries = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), sources)
    if not plan.has_truncates:
        return entries
    return apply_truncates(entries, reduce(DataFrame.union, truncates))


def _of_keys(events: DataFrame, origin: int) -> DataFrame:
    return events.filter(col(OP) != TRUNCATE).withColumn(ORIGIN, F.lit(origin))


def _touched(rows: DataFrame, keys: DataFrame | None, plan: ChangePlan) -> DataFrame:
    if keys is None:
        return rows
    matches = [col(key, "__cdc_l") == col(key, "__cdc_r") for key in plan.keys]
    return rows.alias("__cdc_l").join(keys.alias("__cdc_r"), matches, "left_semi")


def _write(
    decided: DataFrame,
    counts: Mapping[int | str, int],
    work: _Work,
    truncates: DataFrame | None = None,
) -> ChangeCounts:
    """Commit what has to be remembered, then the target's rows; each only if there is any."""
    if counts[REMEMBER] or truncates is not None:
        work.memory.append(_remembered(decided, work.plan, truncates))
    actions = [action for action in (INSERT, UPDATE, REMOVE) if counts[action]]
    if counts[UPDATE] or counts[REMOVE]:
        work.table.merge(_rows(decided, work.plan, *actions), work.plan, actions)
    elif counts[INSERT]:
        work.table.append(_rows(decided, work.plan, INSERT).drop(ACTION))
    if work.plan.memory is not Memory.NOTHING:
        work.memory.compact(work.batch_id)
    return ChangeCounts(counts[INSERT] + counts[UPDATE], counts[REMOVE])


def _worth_writing(decided: DataFrame) -> DataFrame:
    return decided.filter((col(ACTION) != KEEP) | col(REMEMBER))


def _counted(decided: DataFrame) -> AbstractContextManager[Counted]:
    """Compute the rows that are worth writing, and count them by what is to happen with them."""
    wanted: dict[int | str, Column] = {
        action: col(ACTION) == action for action in (INSERT, UPDATE, REMOVE)
    }
    return computed(_worth_writing(decided), wanted | {REMEMBER: col(REMEMBER)})


def _remembered(decided: DataFrame, plan: ChangePlan, truncates: DataFrame | None) -> DataFrame:
    names = event_columns(plan, with_values=plan.memory is Memory.HIDDEN)
    rows = decided.filter(col(REMEMBER)).select(*cols(names))
    return rows if truncates is None else rows.unionByName(truncates.select(*cols(names)))


def _rows(decided: DataFrame, plan: ChangePlan, *actions: int) -> DataFrame:
    """Return the rows with some of the actions: the target's columns and ACTION."""
    rows = decided.filter(col(ACTION).isin(*actions))
    rows = version_rows(rows, plan) if plan.scd_type == 2 else rows
    return rows.select(*cols(plan.target_columns), col(ACTION))
