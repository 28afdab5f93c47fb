"""SCD type 2: the versions of each key, and what they mean for the target's rows.

Versions are derived anew for the touched keys, from the target's rows read back as events, from
remembered events and from the batch; then compared with the rows that are there. A version is a
run of upserts that agree on all tracked columns. Plans only: nothing runs here.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from headwater.cdc.columns import (
    ACTION,
    DELETE,
    END,
    FROM_MEMORY,
    FROM_TARGET,
    INSERT,
    KEEP,
    OLD,
    OP,
    ORIGIN,
    RANK,
    REMEMBER,
    REMOVE,
    SEQ,
    SHOWN,
    START,
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
_NEXT = "__cdc_next"
_OPENS = "__cdc_opens"
_EDGE = "__cdc_edge"
_CLOSES = "__cdc_closes"
_LAST = "__cdc_last"


def first_versions(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Decide on the versions of an empty target: all are inserted."""
    if plan.memory is Memory.EVENTS:
        events = folded(events, plan)
    versions = _versions(_last_of_sequence(events, plan), plan)
    action = F.when(col(_OPENS), INSERT).otherwise(KEEP)
    if plan.memory is Memory.HIDDEN:
        return versions.withColumns({ACTION: action, REMEMBER: ~_shows(plan)})
    return versions.withColumns({ACTION: action, REMEMBER: F.lit(False)})


def changed_versions(entries: DataFrame, plan: ChangePlan) -> DataFrame:
    """Decide on versions from all entries of the touched keys: target, batch and memory.

    Gives one row per key and sequence: the target's columns, ACTION, and REMEMBER with the
    event's SEQ, OP, RANK and values.
    """
    events = _true_events(_by_key(entries, plan), plan)
    if plan.memory is Memory.EVENTS:
        events = folded(events, plan)
    versions = _versions(_last_of_sequence(events, plan), plan)
    is_remembered = F.lit(False)
    if plan.memory is Memory.HIDDEN:
        is_remembered = (~_shows(plan) | col(_KNOWN)) & (col(ORIGIN) != FROM_MEMORY)
    return versions.withColumns({ACTION: _action(plan), REMEMBER: is_remembered})


def opened_versions(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Return the versions that events make: the events that open one, with START and END.

    Args:
        events: one for each key and sequence.
    """
    return _versions(_last_of_sequence(events, plan), plan).filter(col(_OPENS))


def _by_key(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Sort the events of each key, once for all the windows that follow."""
    keys = cols(plan.keys)
    return events.repartition(*keys).sortWithinPartitions(*keys, *_order(events))


def _order(events: DataFrame) -> list[Column]:
    """Order the events of a key so that the deciding one is the last of its sequence."""
    preferred = [col(ORIGIN) == FROM_MEMORY] if ORIGIN in events.columns else []
    return [*cols((SEQ, OP, RANK)), *preferred]


def _true_events(entries: DataFrame, plan: ChangePlan) -> DataFrame:
    """Drop pseudo-events: read-back rows that a remembered event supersedes.

    A row that starts where a remembered event is known shows that event's version, perhaps with
    later untracked values. A row that ends where another starts was not ended by a delete.
    """
    here = Window.partitionBy(*cols((*plan.keys, SEQ)))
    entries = entries.withColumns(
        {
            _KNOWN: F.max(col(ORIGIN) == FROM_MEMORY).over(here),
            OLD: F.first(col(OLD), ignorenulls=True).over(here),
        }
    )
    seems = F.when(col(OP) == UPSERT, col(_KNOWN)).otherwise(col(OLD).isNotNull())
    return entries.filter((col(ORIGIN) != FROM_TARGET) | ~seems)


def _last_of_sequence(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Keep one event per key and sequence, with the sequence of the key's next one.

    A delete stays if there is one, else the upsert of the highest rank.
    """
    order = Window.partitionBy(*cols(plan.keys)).orderBy(*_order(events))
    following = F.lead(col(SEQ)).over(order)
    last = events.withColumn(_NEXT, following)
    return last.filter(col(_NEXT).isNull() | (col(_NEXT) != col(SEQ)))


def _versions(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Mark the events that open a version, with its end and the values that it shows in the end.

    The columns keep the event's own values; SHOWN has the untracked ones where they differ.
    """
    order = Window.partitionBy(*cols(plan.keys)).orderBy(col(SEQ))
    before = F.lag(col(OP)).over(order)
    closes = (col(OP) == DELETE) & (before == UPSERT)
    if plan.each_opens:
        marks = {_OPENS: col(OP) == UPSERT, START: col(SEQ), END: col(_NEXT)}
        # Only where deletes are remembered, those which close nothing must be known.
        needed = {_CLOSES: closes} if plan.memory is Memory.HIDDEN else {}
        return events.withColumns(marks | needed)
    equal = [
        same(F.lag(col(name)).over(order), col(name), plan.types[name]) for name in plan.tracked
    ]
    opens = (col(OP) == UPSERT) & (before.isNull() | (before == DELETE) | ~all_true(equal))
    marked = events.withColumns({_OPENS: opens, _CLOSES: closes})
    marked = marked.withColumn(_EDGE, F.when(col(_OPENS) | (col(OP) == DELETE), col(SEQ)))
    ended = marked.withColumns({START: col(SEQ), END: _next_value(_EDGE, order)})
    return _with_shown(ended, plan, order) if plan.untracked else ended


def _with_shown(events: DataFrame, plan: ChangePlan, order: WindowSpec) -> DataFrame:
    """Fill the first event of a run with the untracked values of the run's last one."""
    is_last = F.coalesce(F.lead(col(_EDGE).isNotNull()).over(order), F.lit(True))
    own = F.struct(*[col(name).alias(f"v{at}") for at, name in enumerate(plan.untracked)])
    marked = events.withColumn(_LAST, F.when((col(OP) == UPSERT) & is_last, own))
    is_longer = col(_OPENS) & col(_LAST).isNull()
    return marked.withColumn(SHOWN, F.when(is_longer, _next_value(_LAST, order))).drop(_LAST)


def _next_value(name: str, order: WindowSpec) -> Column:
    """Return the next row's value that isn't NULL."""
    return F.expr(f"lead({name}) IGNORE NULLS").over(order)


def _shown(plan: ChangePlan) -> dict[str, Column]:
    """Return the untracked values that a version shows."""
    if plan.each_opens:
        return {}
    return {
        name: F.when(col(SHOWN).isNull(), col(name)).otherwise(col(SHOWN)[f"v{at}"])
        for at, name in enumerate(plan.untracked)
    }


def _shows(plan: ChangePlan) -> Column:
    """Return whether the event can be read back from the target's rows."""
    own = [same(shown, col(name), plan.types[name]) for name, shown in _shown(plan).items()]
    closes = F.coalesce(col(_CLOSES), F.lit(False))
    return F.when(col(OP) == DELETE, closes).otherwise(col(_OPENS) & all_true(own))


def _action(plan: ChangePlan) -> Column:
    has_row = col(OLD).isNotNull()
    now = {name: col(name) for name in plan.values} | _shown(plan)
    equal = [same(col(OLD)[name], value, plan.types[name]) for name, value in now.items()]
    equal.append(same(col(OLD)[END], col(END), plan.sequence_type))
    opened = F.when(~has_row, INSERT).when(all_true(equal), KEEP).otherwise(UPDATE)
    return F.when(col(_OPENS), opened).when(has_row, REMOVE).otherwise(KEEP)


def version_rows(decided: DataFrame, plan: ChangePlan) -> DataFrame:
    """Return a decision's rows with the values that their versions show."""
    shown = _shown(plan)
    return decided.withColumns(shown) if shown else decided
