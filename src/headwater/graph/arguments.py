"""Check and normalize what user code passes to the pipeline API.

Each function takes one argument as given and returns it in the model's form, or raises a
DefinitionError with the user's line. What does not live here: the API's signatures (`api`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql.types import StructType

from headwater.errors import DefinitionError, UsageError
from headwater.graph.locations import current_location, located
from headwater.graph.model import (
    Action,
    AutoCdc,
    ColumnOrText,
    Expectation,
    ReplaceUsing,
    ReplaceWhere,
    SnapshotCdc,
)
from headwater.graph.registry import Registry
from headwater.names import TableName, unquoted

_QUOTED = re.compile(r"`(?:[^`]|``)+`")


def fault(code: str, message: str, hint: str, **parameters: object) -> DefinitionError:
    """Make an error that points to the user's line being executed."""
    return DefinitionError(code, message, where=current_location(), hint=hint, **parameters)


def not_built(what: str, hint: str = "") -> DefinitionError:
    """Make the error for a part of the API that is not supported."""
    return fault(
        "API_NOT_BUILT",
        f"{what} is not supported in Headwater",
        hint or "docs/parity.md lists what runs locally; the rest runs only in a workspace.",
        api=what,
    )


def text(value: object, argument: str) -> str:
    """Take a non-empty string."""
    if isinstance(value, str) and value.strip():
        return value
    raise _wrong(argument, "a non-empty string", value)


def optional_text(value: object, argument: str) -> str | None:
    """Take a string or None."""
    return None if value is None else text(value, argument)


def comment_text(value: object) -> str | None:
    """Take a comment, which may be empty."""
    return "" if value == "" else optional_text(value, "comment")


def check_format(value: object) -> None:
    """Refuse tables of another format than Delta, which open-source Spark's engine can make."""
    if value is not None and text(value, "format").lower() != "delta":
        raise not_built(f"format={value!r}", "Leave it out: the tables of a pipeline are Delta.")


def dataset_name(registry: Registry, value: object, argument: str) -> TableName:
    """Take the name of a dataset, completed with the pipeline's catalog and schema."""
    name = text(value, argument)
    try:
        return registry.resolve(name)
    except UsageError as error:
        raise located(error) from None


def storage_path(value: object, argument: str) -> str | None:
    """Take a path that is local or in a volume, or None."""
    path = optional_text(value, argument)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", path or "")
    if scheme and scheme[1].lower() != "file" and not (path or "").startswith("dbfs:/Volumes/"):
        raise not_built(
            f"{argument}='{scheme[1]}:...'",
            "Remove it here, or name a volume or a local folder.",
        )
    return path


def text_map(value: object, argument: str) -> dict[str, str]:
    """Take a mapping of strings; other scalars are written as Spark would write them."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(argument, "a dict of strings", value)
    return {str(key): _scalar(each) for key, each in value.items()}


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def names(value: object, argument: str) -> tuple[str, ...]:
    """Take one name or a list of names or columns, and return the names."""
    if value is None:
        return ()
    if isinstance(value, (str, Column)):
        value = [value]
    if not isinstance(value, Iterable):
        raise _wrong(argument, "a list of column names", value)
    return tuple(column_name(each, argument) for each in value)


def optional_names(value: object, argument: str) -> tuple[str, ...] | None:
    """Take a list of names, or None when it was not given."""
    return None if value is None else names(value, argument)


def column_name(value: object, argument: str) -> str:
    """Take a name or `col("name")`; an expression is refused."""
    if isinstance(value, str):
        return text(value, argument)
    if not isinstance(value, Column):
        raise _wrong(argument, "column names or col(...)", value)
    shown = str(value)
    name = shown[len("Column<'") : -len("'>")] if shown.startswith("Column<'") else shown
    if _QUOTED.fullmatch(name):  # backticks protect any character
        return unquoted(name)
    if any(char in name for char in "().`"):  # an alias is told by what the source lacks
        raise fault(
            "COLUMN_NOT_PLAIN",
            f"'{argument}' takes plain column names, not the expression {name}",
            'Write "name" or col("name"), without a qualifier.',
            argument=argument,
        )
    return name


def table_schema(value: object) -> str | StructType | None:
    """Take a DDL text or a StructType."""
    if value is None or isinstance(value, (str, StructType)):
        return value
    raise _wrong("schema", "a DDL string or a StructType", value)


def expectations(value: object, action: Action, argument: str) -> list[Expectation]:
    """Take a dict of rules, name to SQL condition."""
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise _wrong(argument, "a dict from expectation name to SQL condition", value)
    return [expectation(name, condition, action) for name, condition in value.items()]


def expectation(name: object, condition: object, action: Action) -> Expectation:
    """Take one rule; the condition is SQL text or a Column."""
    if isinstance(condition, Column):
        return Expectation(text(name, "name"), condition, action)
    return Expectation(text(name, "name"), text(condition, "condition"), action)


def _condition(value: object, argument: str) -> ColumnOrText | None:
    if value is None or isinstance(value, (str, Column)):
        return value
    raise _wrong(argument, "SQL text or expr(...)", value)


def scd_type(value: object) -> int:
    """Take 1, 2, "1" or "2"."""
    if str(value) not in ("1", "2"):
        raise _wrong("stored_as_scd_type", "1 or 2", value)
    return int(str(value))


def auto_cdc(given: Mapping[str, Any]) -> AutoCdc:
    """Build the change specification from the arguments of `create_auto_cdc_flow`."""
    stored = given["stored_as_scd_type"]
    is_bitemporal = str(stored).lower() == "bitemporal"
    system = given["system_sequence_by"]
    if is_bitemporal != (system is not None):
        raise fault(
            "AUTOCDC_BITEMPORAL_INCOMPLETE",
            "stored_as_scd_type='bitemporal' and system_sequence_by need each other",
            "Pass both, or neither.",
        )
    to_update = given["columns_to_update"]
    return AutoCdc(
        keys=names(given["keys"], "keys"),
        sequence_by=_sequence(given["sequence_by"], "sequence_by"),
        scd_type=2 if is_bitemporal else scd_type(stored),
        system_sequence_by=_sequence(system, "system_sequence_by") if is_bitemporal else None,
        ignore_null_updates=bool(given["ignore_null_updates"]),
        ignore_null_columns=optional_names(
            given["ignore_null_updates_column_list"], "ignore_null_updates_column_list"
        ),
        ignore_null_except=optional_names(
            given["ignore_null_updates_except_column_list"],
            "ignore_null_updates_except_column_list",
        ),
        columns_to_update=None
        if to_update is None
        else column_name(to_update, "columns_to_update"),
        apply_as_deletes=_condition(given["apply_as_deletes"], "apply_as_deletes"),
        apply_as_truncates=_condition(given["apply_as_truncates"], "apply_as_truncates"),
        where=_condition(given["where"], "where"),
        column_list=optional_names(given["column_list"], "column_list"),
        except_column_list=optional_names(given["except_column_list"], "except_column_list"),
        track_history_columns=optional_names(
            given["track_history_column_list"], "track_history_column_list"
        ),
        track_history_except=optional_names(
            given["track_history_except_column_list"], "track_history_except_column_list"
        ),
    )


def _sequence(value: object, argument: str) -> ColumnOrText:
    if isinstance(value, (str, Column)):
        return value
    raise _wrong(argument, 'a column name, col("...") or struct(...)', value)


def snapshot_cdc(given: Mapping[str, Any]) -> SnapshotCdc:
    """Build the specification from the arguments of `create_auto_cdc_from_snapshot_flow`."""
    source = given["source"]
    if not callable(source) and not (isinstance(source, str) and source.strip()):
        raise _wrong("source", "a table's name or a function of the latest version", source)
    return SnapshotCdc(
        keys=names(given["keys"], "keys"),
        scd_type=scd_type(given["stored_as_scd_type"]),
        track_history_columns=optional_names(
            given["track_history_column_list"], "track_history_column_list"
        ),
        track_history_except=optional_names(
            given["track_history_except_column_list"], "track_history_except_column_list"
        ),
        is_asked=callable(source),
    )


def replacing(
    replace_using: object, sequence_by: object, replace_where: object = None
) -> ReplaceWhere | ReplaceUsing | None:
    """Take what a flow replaces, as `table` and `replace_flow` have it; None if nothing."""
    if replace_where is not None:
        if replace_using is not None or sequence_by is not None:
            raise fault(
                "REPLACE_ARGUMENTS_CONFLICT",
                "'replace_where' excludes 'replace_using' and 'sequence_by'",
                "Pass replace_where alone, or replace_using with sequence_by.",
            )
        if isinstance(replace_where, Column):
            return ReplaceWhere(replace_where)
        return ReplaceWhere(text(replace_where, "replace_where"))
    if replace_using is None and sequence_by is None:
        return None
    if replace_using is None or sequence_by is None:
        raise fault(
            "REPLACE_ARGUMENTS_CONFLICT",
            "'replace_using' and 'sequence_by' need each other",
            'Write replace_using=["id"], sequence_by="updated_at".',
        )
    return ReplaceUsing(
        names(replace_using, "replace_using"), _sequence(sequence_by, "sequence_by")
    )


def _wrong(argument: str, wanted: str, value: object) -> DefinitionError:
    return fault(
        "ARGUMENT_INVALID",
        f"'{argument}' takes {wanted}, not {type(value).__name__}",
        "See the signature in docs/parity.md; all arguments but the first are passed by keyword.",
        argument=argument,
    )
