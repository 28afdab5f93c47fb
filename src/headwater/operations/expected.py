"""What a deployment should have: the tables that the last update defined, with their columns.

The event log tells it, so no source is run. Pure but for reading the log. What does not live here:
comparing (`deployment`, `workspace_deployment`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headwater.events.query import read_events
from headwater.state.target import Target

_TABLES = ("STREAMING_TABLE", "MATERIALIZED_VIEW")
_AS_WRITTEN = ("APPEND", "UPDATE", "COMPLETE", "MATERIALIZED_VIEW")
"""Flows whose columns are those of their table; AUTO CDC has others."""
_SIMPLE = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
_TIMES = ("date", "timestamp", "timestamp_ntz")


@dataclass(frozen=True)
class ExpectedTable:
    """A table that a pipeline defines; columns as Spark writes their types."""

    name: str
    kind: str
    columns: Mapping[str, str] = field(default_factory=dict)


def expected_tables(target: Target, pipeline: str) -> list[ExpectedTable]:
    """Return the tables that the last update of a pipeline defined; none before the first."""
    path = target.event_log(pipeline)
    return tables_defined(read_events(path)) if (path / "_delta_log").is_dir() else []


def tables_defined(rows: Iterable[Mapping[str, Any]]) -> list[ExpectedTable]:
    """Return the tables of the last update that got as far as defining them.

    Args:
        rows: as `events.query.read_events` gives them.
    """
    defined = [each for each in rows if each["event_type"] == "dataset_definition"]
    if not defined:
        return []
    last = defined[-1]["origin"]["update_id"]
    columns: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["event_type"] == "flow_definition" and row["origin"]["update_id"] == last:
            told = row["details"]["flow_definition"]
            if told["flow_type"] in _AS_WRITTEN and not told.get("output_sink"):
                found = columns.setdefault(told["output_dataset"], {})
                found.update({each["name"]: each["data_type"] for each in told["schema"]})
    kinds = {
        row["origin"]["dataset_name"]: row["details"]["dataset_definition"]["dataset_type"]
        for row in defined
        if row["origin"]["update_id"] == last
    }
    return [
        ExpectedTable(name, kind, columns.get(name, {}))
        for name, kind in sorted(kinds.items())
        if kind in _TABLES
    ]


def missing_columns(
    expected: Mapping[str, str], found: Sequence[tuple[str, str]]
) -> tuple[list[str], list[str]]:
    """Compare columns; return those that are not there, and those of another type.

    Names are compared without case. Numbers of any width, and dates with times, count as one type:
    a table may have been declared wider than its query.

    Args:
        found: name and type, as Spark writes it.
    """
    known = {name.lower(): kind for name, kind in found}
    gone = [name for name in expected if name.lower() not in known]
    other = [
        name
        for name, kind in expected.items()
        if name.lower() in known and not _fits(kind.lower(), known[name.lower()].lower())
    ]
    return gone, other


def _fits(one: str, other: str) -> bool:
    if one == other:
        return True
    bare = {each.partition("(")[0] for each in (one, other)}
    nested = any(each.startswith(("struct", "array", "map")) for each in bare)
    return nested or bare <= set(_NUMBERS) or bare <= set(_TIMES)


def spark_type(told: str) -> str:
    """Write a type of Delta's log as Spark does; of a nested one only what kind it is.

    Example:
        >>> spark_type("long"), spark_type('{"type": "array", "elementType": "long"}')
        ('bigint', 'array')
    """
    if told.startswith("{"):
        return str(json.loads(told)["type"])
    return _SIMPLE.get(told, told)
