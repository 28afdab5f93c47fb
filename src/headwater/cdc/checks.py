"""Refuse a change specification that can't work, from the source's columns and types alone.

Every fault is a DefinitionError with its own code; no job runs. What does not live here: the
change of a specification between two updates (`drift`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, DataType, StringType

from headwater.cdc.columns import (
    END,
    PREFIX,
    START,
    SYSTEM_END,
    SYSTEM_START,
    find,
    is_comparable,
)
from headwater.cdc.events import condition
from headwater.cdc.plan import selected, type_of
from headwater.errors import DefinitionError, Location, nearest
from headwater.graph.model import AutoCdc, ColumnOrText

_LISTS = {
    "keys": "keys",
    "ignore_null_columns": "ignore_null_updates_column_list",
    "ignore_null_except": "ignore_null_updates_except_column_list",
    "column_list": "column_list",
    "except_column_list": "except_column_list",
    "track_history_columns": "track_history_column_list",
    "track_history_except": "track_history_except_column_list",
}
_EXCLUSIVE = (
    ("column_list", "except_column_list"),
    ("ignore_null_columns", "ignore_null_except"),
    ("track_history_columns", "track_history_except"),
    ("columns_to_update", "ignore_null_updates"),
    ("columns_to_update", "ignore_null_columns"),
    ("columns_to_update", "ignore_null_except"),
    *(
        ("system_sequence_by", each)
        for each in (
            "track_history_columns",
            "track_history_except",
            "apply_as_truncates",
            "columns_to_update",
            "ignore_null_updates",
            "ignore_null_columns",
            "ignore_null_except",
        )
    ),
)


@dataclass(frozen=True)
class _Place:
    """What is checked, and the user's line."""

    name: str
    where: Location

    def fault(self, code: str, message: str, hint: str, **parameters: object) -> DefinitionError:
        return DefinitionError(
            code,
            f"AUTO CDC into '{self.name}': {message}",
            where=self.where,
            hint=hint,
            **parameters,
        )


def check_change(source: DataFrame, change: AutoCdc, *, name: str, where: Location) -> None:
    """Check a change specification against its source, by analysis only.

    Args:
        source: the flow's query, streaming or batch.
        change: the specification.
        name: the target, for messages.
        where: the user's line.

    Raises:
        DefinitionError: AUTOCDC_EMPTY_KEYS, AUTOCDC_ARGUMENTS_CONFLICT,
            AUTOCDC_TRACK_HISTORY_REQUIRES_SCD2, AUTOCDC_TRUNCATE_REQUIRES_SCD1,
            AUTOCDC_COLUMN_UNKNOWN, AUTOCDC_KEY_NOT_IN_SELECTED_SCHEMA,
            AUTOCDC_KEY_NOT_COMPARABLE, AUTOCDC_RESERVED_COLUMN, AUTOCDC_SEQUENCE_INVALID,
            AUTOCDC_NON_ORDERABLE_SEQUENCE, AUTOCDC_CONDITION_INVALID,
            AUTOCDC_COLUMNS_TO_UPDATE_NOT_STRINGS.
    """
    place = _Place(name, where)
    _check_arguments(change, place)
    _check_names(source.columns, change, place)
    _check_selection(source, change, place)
    _check_sequence(source, change.sequence_by, "sequence_by", place)
    if change.system_sequence_by is not None:
        _check_sequence(source, change.system_sequence_by, "system_sequence_by", place)
    _check_condition(source, change.apply_as_deletes, "apply_as_deletes", place)
    _check_condition(source, change.apply_as_truncates, "apply_as_truncates", place)
    _check_condition(source, change.where, "where", place)


def _check_arguments(change: AutoCdc, place: _Place) -> None:
    if not change.keys:
        raise place.fault("AUTOCDC_EMPTY_KEYS", "no key given", 'Write keys=["id"].')
    for one, other in _EXCLUSIVE:
        if _is_given(change, one) and _is_given(change, other):
            names = [_LISTS.get(each, each) for each in (one, other)]
            raise place.fault(
                "AUTOCDC_ARGUMENTS_CONFLICT",
                f"'{names[0]}' and '{names[1]}' are mutually exclusive",
                "Pass only one of them.",
                arguments=names,
            )
    tracks = change.track_history_columns is not None or change.track_history_except is not None
    if tracks and change.scd_type != 2:
        raise place.fault(
            "AUTOCDC_TRACK_HISTORY_REQUIRES_SCD2",
            "history is tracked only in SCD type 2",
            "Add stored_as_scd_type=2, or drop the track_history argument.",
        )
    if change.apply_as_truncates is not None and change.scd_type != 1:
        raise place.fault(
            "AUTOCDC_TRUNCATE_REQUIRES_SCD1",
            "apply_as_truncates works only in SCD type 1",
            "Drop the argument, or store the target as SCD type 1.",
        )


def _is_given(change: AutoCdc, argument: str) -> bool:
    value = getattr(change, argument)
    return value is not None and value is not False  # a Column has no truth


def _check_names(columns: list[str], change: AutoCdc, place: _Place) -> None:
    for attribute, argument in _LISTS.items():
        for name in getattr(change, attribute) or ():
            if find(name, columns) is None:
                raise _unknown(name, argument, columns, place)
    if change.columns_to_update and find(change.columns_to_update, columns) is None:
        raise _unknown(change.columns_to_update, "columns_to_update", columns, place)


def _unknown(name: str, argument: str, columns: Iterable[str], place: _Place) -> DefinitionError:
    known = list(columns)
    return place.fault(
        "AUTOCDC_COLUMN_UNKNOWN",
        f"'{argument}' names '{name}', which the source doesn't have",
        nearest(name, known) or f"The source has: {', '.join(known)}.",
        column=name,
        argument=argument,
    )


def _check_selection(source: DataFrame, change: AutoCdc, place: _Place) -> None:
    kept = selected(source.columns, change)
    for key in change.keys:
        _check_key(source, key, find(key, kept), place)
    reserved = [name for name in kept if _is_reserved(name, change)]
    if reserved:
        raise place.fault(
            "AUTOCDC_RESERVED_COLUMN",
            f"the source's column '{reserved[0]}' has a name that AUTO CDC reserves",
            "Rename the column, or leave it out of the target.",
            column=reserved[0],
        )
    if change.columns_to_update:
        dtype = _type_of(source, change.columns_to_update)
        if not isinstance(dtype, ArrayType) or not isinstance(dtype.elementType, StringType):
            raise place.fault(
                "AUTOCDC_COLUMNS_TO_UPDATE_NOT_STRINGS",
                f"'{change.columns_to_update}' is {dtype.simpleString()}, not array<string>",
                "Name the source's column that lists the columns an event writes.",
                column=change.columns_to_update,
            )


def _check_key(source: DataFrame, key: str, kept: str | None, place: _Place) -> None:
    if kept is None:
        raise place.fault(
            "AUTOCDC_KEY_NOT_IN_SELECTED_SCHEMA",
            f"the key '{key}' is not among the columns kept in the target",
            "Add it to column_list, or take it out of except_column_list.",
            column=key,
        )
    dtype = _type_of(source, kept)
    if not is_comparable(dtype):
        raise place.fault(
            "AUTOCDC_KEY_NOT_COMPARABLE",
            f"the key '{key}' is {dtype.simpleString()}, which can't be compared",
            "Choose keys of simple types.",
            column=key,
        )


def _type_of(source: DataFrame, name: str) -> DataType:
    schema = source.schema
    return schema.fields[schema.names.index(find(name, schema.names) or name)].dataType


def _is_reserved(name: str, change: AutoCdc) -> bool:
    taken = [START, END] if change.scd_type == 2 else []
    taken += [] if change.system_sequence_by is None else [SYSTEM_START, SYSTEM_END]
    return name.lower().startswith(PREFIX) or name.upper() in taken


def _check_sequence(source: DataFrame, given: ColumnOrText, argument: str, place: _Place) -> None:
    try:
        dtype = type_of(source, given)
    except (AnalysisException, ParseException) as error:
        unknown = unresolved(error)
        if unknown:
            raise _unknown(unknown, argument, source.columns, place) from error
        raise place.fault(
            "AUTOCDC_SEQUENCE_INVALID",
            f"'{argument}' can't be evaluated: {first_line(error)}",
            'Write a column\'s name, col("...") or struct(...).',
        ) from error
    if not is_comparable(dtype):
        raise place.fault(
            "AUTOCDC_NON_ORDERABLE_SEQUENCE",
            f"'{argument}' is {dtype.simpleString()}, which has no order",
            "Order by a number, a time, a string or a STRUCT of these.",
            type=dtype.simpleString(),
        )


def _check_condition(
    source: DataFrame, given: ColumnOrText | None, argument: str, place: _Place
) -> None:
    if given is None:
        return
    try:
        source.filter(condition(given))
    except (AnalysisException, ParseException) as error:
        unknown = unresolved(error)
        hint = nearest(unknown, source.columns) if unknown else ""
        raise place.fault(
            "AUTOCDC_CONDITION_INVALID",
            f"'{argument}' is not a condition on the source's columns: {first_line(error)}",
            hint or "Write an SQL condition such as \"operation = 'DELETE'\".",
            argument=argument,
        ) from error


def unresolved(error: AnalysisException | ParseException) -> str:
    """Return the name of the column that wasn't found, "" when the error is another one."""
    if not (error.getCondition() or "").startswith("UNRESOLVED_COLUMN"):
        return ""
    return (error.getMessageParameters() or {}).get("objectName", "").replace("`", "")


def first_line(error: AnalysisException | ParseException) -> str:
    """Return what an error of Spark says, without the query."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
