"""A batch's rows as events: the target's columns plus sequence, operation and rank.

Rank breaks ties between different events of one key and sequence, by a hash of their values, so
that the result doesn't depend on the order of arrival. A delete's rank is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructType

from headwater.cdc.columns import (
    DELETE,
    OP,
    RANK,
    SEQ,
    SYSTEM,
    TRUNCATE,
    UPSERT,
    WRITTEN,
    all_true,
    col,
    cols,
    find,
    fingerprint,
)
from headwater.cdc.plan import ChangePlan, selected, sequence_expression
from headwater.errors import UpdateError
from headwater.graph.model import AutoCdc, ColumnOrText


@dataclass(frozen=True)
class BatchFacts:
    """Facts about a batch that are needed before it is applied."""

    rows: int
    truncates: int


def events_of(batch: DataFrame, change: AutoCdc, plan: ChangePlan) -> DataFrame:
    """Turn rows of the source into events. A plan only: nothing runs."""
    kept = selected(batch.columns, change)
    values = [
        value_of(batch, find(name, kept), dtype).alias(name) for name, dtype in plan.types.items()
    ]
    staged = batch.select(
        *values,
        sequence_expression(batch.columns, change.sequence_by).cast(plan.sequence_type).alias(SEQ),
        _operation(change).alias(OP),
        *_system(batch, change, plan),
        *([_written(plan.columns_to_update)] if plan.columns_to_update else []),
    )
    return staged.withColumn(RANK, rank(plan))


def _system(batch: DataFrame, change: AutoCdc, plan: ChangePlan) -> list[Column]:
    if change.system_sequence_by is None or plan.system_type is None:
        return []
    given = sequence_expression(batch.columns, change.system_sequence_by)
    return [given.cast(plan.system_type).alias(SYSTEM)]


def value_of(batch: DataFrame, given: str | None, dtype: DataType) -> Column:
    """Return a value in the target's type, in which its rows are read back and hashed as well."""
    if given is None:
        return F.lit(None).cast(dtype)
    is_nested = isinstance(dtype, (ArrayType, MapType, StructType))  # may be about to get fields
    return (
        col(given) if is_nested or batch.schema[given].dataType == dtype else col(given).cast(dtype)
    )


def narrowed(source: DataFrame, change: AutoCdc) -> DataFrame:
    """Keep only the columns that events are made of. A plan only: nothing runs.

    Spark reads all columns of a stream that ends in `foreachBatch`, whatever is done with them
    there, so the others are left out before.
    """
    made_of = [col(find(key, source.columns) or key) for key in change.keys]
    made_of += cols(selected(source.columns, change))
    made_of.append(sequence_expression(source.columns, change.sequence_by))
    if change.system_sequence_by is not None:
        made_of.append(sequence_expression(source.columns, change.system_sequence_by))
    made_of.append(_operation(change))
    if change.columns_to_update:
        made_of.append(col(change.columns_to_update))
    references = source.select(*made_of)._jdf.queryExecution().analyzed().references()
    used = {reference.name().lower() for reference in _each(references)}  # as the user spells it
    return source.select(*cols(name for name in source.columns if name.lower() in used))


def removes(change: AutoCdc) -> Column | None:
    """Return the condition of events that delete or truncate; None where no event does."""
    given = [
        each for each in (change.apply_as_deletes, change.apply_as_truncates) if each is not None
    ]
    if not given:
        return None
    joined = F.coalesce(condition(given[0]), F.lit(False))
    for each in given[1:]:
        joined = joined | F.coalesce(condition(each), F.lit(False))
    return joined


def inside_where(source: DataFrame, change: AutoCdc) -> DataFrame:
    """Make a query over the source fail while it runs when a row is outside of `where`."""
    if change.where is None:
        return source
    text = "[AUTOCDC_ROW_OUTSIDE_WHERE] a change event does not meet the condition of `where`"
    outside = F.raise_error(F.lit(text)).cast("boolean")
    return source.filter(F.when(condition(change.where), F.lit(True)).otherwise(outside))


def _each(scala_collection: Any) -> Iterator[Any]:
    iterator = scala_collection.iterator()
    while iterator.hasNext():
        yield iterator.next()


def rank(plan: ChangePlan) -> Column:
    """Rank an event among those of its key and sequence."""
    written = [col(WRITTEN)] if plan.columns_to_update else []
    hashed = fingerprint(plan.value_types, written)
    return F.when(col(OP) == UPSERT, hashed).otherwise(F.lit(0).cast("bigint"))


def event_columns(plan: ChangePlan, *, with_values: bool = True) -> list[str]:
    """Name the columns of an event."""
    names = [*(plan.columns if with_values else plan.keys), SEQ, OP, RANK]
    names += [SYSTEM] if plan.system_type is not None else []
    return [*names, WRITTEN] if plan.columns_to_update else names


def identity_of(plan: ChangePlan) -> list[str]:
    """Name the columns that tell one event from another."""
    names = [*plan.keys, SEQ, OP, RANK]
    return [*names, SYSTEM] if plan.system_type is not None else names


def guarded(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Make a query over events fail while it runs when a key or a sequence is NULL."""
    failure = F.raise_error(F.lit("NULL in a key or in the sequence of a change event"))
    is_faulty = _has_null_key(plan) | _has_null_sequence(plan)
    return events.filter(F.when(is_faulty, failure).otherwise(F.lit(True)))


def check_events(events: DataFrame, plan: ChangePlan, name: str) -> BatchFacts:
    """Count a batch's events, in one job.

    Raises:
        UpdateError: AUTOCDC_NULL_KEY, AUTOCDC_NULL_SEQUENCE, with the number of such events.
    """
    row = events.agg(
        F.count(F.lit(1)),
        F.count_if(_has_null_key(plan)),
        F.count_if(_has_null_sequence(plan)),
        F.count_if(col(OP) == TRUNCATE),
    ).first()
    rows, null_keys, null_sequences, truncates = row or (0, 0, 0, 0)
    if null_keys:
        raise _refused("AUTOCDC_NULL_KEY", "a NULL in a key", null_keys, name)
    if null_sequences:
        raise _refused("AUTOCDC_NULL_SEQUENCE", "a NULL sequence", null_sequences, name)
    return BatchFacts(rows, truncates)


def _refused(code: str, what: str, count: int, name: str) -> UpdateError:
    return UpdateError(
        code,
        f"{count} change events have {what}; nothing of the batch was written",
        where=name,
        hint="Drop such rows before the target, for example with an expectation on the source.",
        count=count,
    )


def _has_null_key(plan: ChangePlan) -> Column:
    """A truncate needs no key."""
    return (col(OP) != TRUNCATE) & ~all_true([col(key).isNotNull() for key in plan.keys])


def _has_null_sequence(plan: ChangePlan) -> Column:
    missing = _is_null(SEQ, plan.sequence_type)
    return missing if plan.system_type is None else missing | _is_null(SYSTEM, plan.system_type)


def _is_null(name: str, dtype: DataType) -> Column:
    """A STRUCT counts as NULL when all of its fields are."""
    missing = col(name).isNull()
    if isinstance(dtype, StructType):
        return missing | all_true([col(name)[field].isNull() for field in dtype.names])
    return missing


def _operation(change: AutoCdc) -> Column:
    operation = F.lit(UPSERT)
    if change.apply_as_deletes is not None:
        is_delete = condition(change.apply_as_deletes)
        operation = F.when(is_delete, DELETE).otherwise(operation)
    if change.apply_as_truncates is not None:
        is_truncate = condition(change.apply_as_truncates)
        operation = F.when(is_truncate, TRUNCATE).otherwise(operation)
    return operation


def condition(given: ColumnOrText) -> Column:
    """Return a condition as a column; it holds if and only if it IS TRUE."""
    return F.expr(given) if isinstance(given, str) else given


def _written(columns_to_update: str) -> Column:
    names = F.transform(col(columns_to_update), lambda name: F.lower(F.trim(name)))
    return F.array_sort(F.array_distinct(names)).cast(ArrayType(StringType())).alias(WRITTEN)


def keys_of(events: DataFrame, plan: ChangePlan) -> DataFrame:
    """Return the keys of the events; duplicates are possible."""
    return events.filter(col(OP) != TRUNCATE).select(*cols(plan.keys))
