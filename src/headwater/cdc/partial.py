"""Apply partial snapshots to a target: newer rows of a key replace all rows of the key.

Source: "Partial snapshot replacement with REPLACE USING flows" in Databricks' documentation, pages
of 2026: of each key the highest sequence wins, rows of an equal one are added, those of a lower one
are passed over, keys that don't come are left alone, and NULL in a key is a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from headwater.cdc.checks import first_line, unresolved
from headwater.cdc.columns import (
    ACTION,
    INSERT,
    KEEP,
    REMOVE,
    SEQ,
    UPDATE,
    all_true,
    col,
    cols,
    find,
    is_comparable,
)
from headwater.cdc.computed import ChangeCounts, computed
from headwater.cdc.plan import sequence_expression, type_of
from headwater.cdc.target import SOURCE, TARGET, TargetTable
from headwater.delta import committed_once, has_committed
from headwater.errors import DefinitionError, Location, UpdateError, nearest
from headwater.graph.model import ReplaceUsing
from headwater.names import quote

_NEW = "__cdc_new"
_OLD = "__cdc_old_rows"
"""Names of the two sides of the join: no column of a user has them."""
_PLACE = "__cdc_place"
_HELD = "__cdc_held"
_IS_HELD = "__cdc_is_held"
_UNORDERED = "unordered"


@dataclass(frozen=True)
class PartialTarget:
    """The target of a flow of partial snapshots.

    Attributes:
        path: folder of the target's Delta table, which exists with the columns of the rows.
        name: the dataset, for messages.
        replaces: what the flow was told.
        stream: id of the stream, under which each batch is committed once.
    """

    path: str
    name: str
    replaces: ReplaceUsing
    stream: str


def check_partial(source: DataFrame, replaces: ReplaceUsing, *, name: str, where: Location) -> None:
    """Check a specification against the columns of its source, by analysis only.

    Raises:
        DefinitionError: REPLACE_KEY_INVALID, REPLACE_SEQUENCE_INVALID.
    """

    def fault(code: str, message: str, hint: str) -> DefinitionError:
        text = f"REPLACE USING into '{name}': {message}"
        return DefinitionError(code, text, where=where, hint=hint, dataset=name)

    if not replaces.keys:
        raise fault("REPLACE_KEY_INVALID", "no key given", 'Write replace_using=["id"].')
    seen: set[str] = set()
    for key in replaces.keys:
        known = find(key, source.columns)
        if known is None:
            hint = nearest(key, source.columns) or f"It has: {', '.join(source.columns)}."
            raise fault("REPLACE_KEY_INVALID", f"the source has no column '{key}'", hint)
        if known in seen:
            raise fault("REPLACE_KEY_INVALID", f"the key '{key}' is repeated", "Name it once.")
        seen.add(known)
        kind = source.schema[known].dataType
        if not is_comparable(kind):
            message = f"the key '{key}' is {kind.simpleString()}, which can't be compared"
            raise fault("REPLACE_KEY_INVALID", message, "Choose keys of simple types.")
    try:
        kind = type_of(source, replaces.sequence_by)
    except (AnalysisException, ParseException) as error:
        message = f"the sequence can't be evaluated: {first_line(error)}"
        hint = nearest(unresolved(error), source.columns) or 'Write a name or col("...").'
        raise fault("REPLACE_SEQUENCE_INVALID", message, hint) from error
    if not is_comparable(kind):
        message = f"the sequence is {kind.simpleString()}, which has no order"
        raise fault("REPLACE_SEQUENCE_INVALID", message, "Choose a number, a time or a text.")


def apply_partial(batch: DataFrame, batch_id: int, target: PartialTarget) -> ChangeCounts:
    """Apply a micro-batch in at most one commit; the same batch again changes nothing.

    The target's rows depend on the set of all rows that were applied, not on their order or
    batches. The batch's query runs once. Calls for one target must not overlap.

    Args:
        batch: rows with the columns of the target, inside `foreachBatch`.
        batch_id: number of the batch in its stream.
        target: where the rows go.

    Returns:
        How many rows were added, and how many gave way to them.

    Raises:
        UpdateError: REPLACE_NULL_SEQUENCE; nothing was written.
    """
    table = TargetTable(batch.sparkSession, target.path, committed_once(target.stream, batch_id))
    if has_committed(target.path, target.stream, batch_id):
        return ChangeCounts(0, 0)
    wanted: dict[int | str, Column] = {
        _UNORDERED: col(SEQ).isNull(),
        INSERT: col(ACTION) == INSERT,
        UPDATE: col(ACTION) == UPDATE,
    }
    decided = _decided(batch, table.read(), target.replaces)
    with computed(decided, wanted, lambda rows: rows.filter(col(ACTION) != KEEP)) as (rows, counts):
        if counts[_UNORDERED]:
            raise _refused(counts[_UNORDERED], target.name)
        added = counts[INSERT] + counts[UPDATE]
        if counts[UPDATE]:
            return ChangeCounts(added, _replace(rows, table, batch.columns, target.replaces))
        if added:
            table.append(rows.select(*cols(batch.columns)))
    return ChangeCounts(added, 0)


def _decided(batch: DataFrame, held: DataFrame, replaces: ReplaceUsing) -> DataFrame:
    """Add to each row its ACTION: INSERT, UPDATE where it replaces the rows of its key, or KEEP."""
    newest = Window.partitionBy(*cols(replaces.keys)).orderBy(col(SEQ).desc())
    rows = _with_sequence(batch, replaces).withColumn(_PLACE, F.rank().over(newest))
    highest = _with_sequence(held, replaces).groupBy(*cols(replaces.keys))
    by_key = highest.agg(F.max(SEQ).alias(_HELD), F.lit(True).alias(_IS_HELD))
    names = [(col(key, _NEW), col(key, _OLD)) for key in replaces.keys]
    on = all_true([new.eqNullSafe(held) for new, held in names])
    action = (
        F.when(col(SEQ).isNull() | (col(_PLACE) > 1), KEEP)
        .when(col(_IS_HELD).isNull(), INSERT)
        .when(col(_HELD).isNull() | (col(SEQ) > col(_HELD)), UPDATE)
        .when(col(SEQ) == col(_HELD), INSERT)
        .otherwise(KEEP)
    )
    joined = rows.alias(_NEW).join(by_key.alias(_OLD), on, "left")
    return joined.select(f"{_NEW}.*", action.alias(ACTION))


def _with_sequence(rows: DataFrame, replaces: ReplaceUsing) -> DataFrame:
    return rows.withColumn(SEQ, sequence_expression(rows.columns, replaces.sequence_by))


def _replace(
    rows: DataFrame, table: TargetTable, columns: Sequence[str], replaces: ReplaceUsing
) -> int:
    """Delete the rows that give way and add those that come; return how many were deleted."""
    keys = rows.filter(col(ACTION) == UPDATE).select(*cols(replaces.keys)).distinct()
    deletes = keys.withColumn(ACTION, F.lit(REMOVE))
    source = rows.select(*cols(columns), F.lit(INSERT).alias(ACTION)).unionByName(
        deletes, allowMissingColumns=True
    )
    same = [col(key, TARGET).eqNullSafe(col(key, SOURCE)) for key in replaces.keys]
    action = col(ACTION, SOURCE)
    merge = (
        table.merging(source, all_true([action == REMOVE, *same]))
        .whenMatchedDelete()
        .whenNotMatchedInsert(
            condition=action == INSERT,
            values={quote(name): col(name, SOURCE) for name in columns},
        )
    )
    return sum(counts["num_deleted_rows"] for counts in table.execute(merge).collect())


def _refused(count: int, name: str) -> UpdateError:
    return UpdateError(
        "REPLACE_NULL_SEQUENCE",
        f"{count} rows have a NULL sequence; nothing of the batch was written",
        where=name,
        hint="Drop such rows before the target, for example with an expectation on the source.",
        count=count,
    )
