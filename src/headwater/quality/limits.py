"""The limits that a target's pipelines have to keep, read from a YAML file.

    version: 1
    pipelines:
      patient_flow:
        max_age_hours: 24
        max_minutes: 30
        rules:
          - {rule: valid_age, table: silver.events, max_failed_share: 0.02, max_increase: 0.01}
          - {rule: "*", max_failed_share: 0.1}
        tables:
          - {table: gold.dim_patient, min_rows: 1, max_change: 0.5}

Shares are parts of 1. What does not live here: measuring (`measures`) and comparing (`gate`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headwater.bundle.shapes import Shape, check
from headwater.bundle.source import read_yaml
from headwater.errors import BundleError, Location, UsageError
from headwater.yaml_nodes import Node

ALL_RULES = "*"
VERSION = 1

_TEXT = Shape("text")
_RULE = Shape(
    "map", {"rule": _TEXT, "table": _TEXT, "max_failed_share": _TEXT, "max_increase": _TEXT}
)
_TABLE = Shape("map", {"table": _TEXT, "min_rows": _TEXT, "max_change": _TEXT})
_PIPELINE = Shape(
    "map",
    {
        "max_age_hours": _TEXT,
        "max_minutes": _TEXT,
        "rules": Shape("list", inner=_RULE),
        "tables": Shape("list", inner=_TABLE),
    },
)
_FILE = Shape(
    "map", {"version": _TEXT, "pipelines": Shape("map", inner=_PIPELINE), "description": _TEXT}
)


@dataclass(frozen=True)
class RuleLimit:
    """Limits of an expectation.

    Attributes:
        rule: its name, or `*` for all that have no limit of their own.
        table: of the dataset it belongs to, as a name of one to three parts; any when empty.
        max_failed_share: failed of all rows, from 0 to 1.
        max_increase: how much that share may be above the baseline's.
    """

    rule: str
    table: str = ""
    max_failed_share: float | None = None
    max_increase: float | None = None


@dataclass(frozen=True)
class TableLimit:
    """Limits of a table.

    Attributes:
        table: its name, of one to three parts.
        min_rows: that it has to hold.
        max_change: how much the number of rows may differ from the baseline's, as a share of it.
    """

    table: str
    min_rows: int | None = None
    max_change: float | None = None


@dataclass(frozen=True)
class Limits:
    """Limits of a pipeline.

    Attributes:
        max_age_hours: since the end of its last update.
        max_minutes: that the update may take.
    """

    max_age_hours: float | None = None
    max_minutes: float | None = None
    rules: tuple[RuleLimit, ...] = ()
    tables: tuple[TableLimit, ...] = ()
    location: Location = field(default=Location(""), compare=False)


def read_limits(file: Path) -> Mapping[str, Limits]:
    """Read the limits of pipelines, by key.

    Raises:
        UsageError: LIMITS_NOT_FOUND, LIMITS_INVALID; with file and line.
    """
    if not file.is_file():
        raise UsageError(
            "LIMITS_NOT_FOUND",
            f"There is no file of limits: {file}",
            hint="Write one (docs/gate.md), or name it with --limits.",
        )
    try:
        tree = read_yaml(file)
        unknown = check(tree, _FILE, is_resolved=True)
    except BundleError as error:
        raise _invalid(error) from None
    if unknown:
        raise _invalid(unknown[0])
    version = tree.get("version")
    if version is None or version.value != VERSION:
        raise _refused(version or tree, f"It has no 'version: {VERSION}'", "Add it at the top.")
    found = {key: _limits(node) for key, node in tree.below("pipelines").items()}
    if not found:
        raise _refused(tree, "It has limits of no pipeline", "Add 'pipelines:' (docs/gate.md).")
    return found


def _limits(node: Node) -> Limits:
    rules, tables = node.get("rules"), node.get("tables")
    return Limits(
        max_age_hours=_number(node, "max_age_hours"),
        max_minutes=_number(node, "max_minutes"),
        rules=tuple(map(_rule, rules.items if rules else ())),
        tables=tuple(map(_table, tables.items if tables else ())),
        location=node.location,
    )


def _rule(node: Node) -> RuleLimit:
    limit = RuleLimit(
        _text(node, "rule"),
        _text(node, "table", ""),
        _number(node, "max_failed_share", most=1),
        _number(node, "max_increase", most=1),
    )
    if limit.max_failed_share is None and limit.max_increase is None:
        hint = "Add max_failed_share or max_increase."
        raise _refused(node, f"The rule '{limit.rule}' has no limit", hint)
    return limit


def _table(node: Node) -> TableLimit:
    rows = _number(node, "min_rows")
    if rows is not None and not rows.is_integer():  # half a row would be none
        raise _refused(node, "'min_rows' is not a whole number", "Write one, such as 100.")
    limit = TableLimit(
        _text(node, "table"), None if rows is None else int(rows), _number(node, "max_change")
    )
    if limit.min_rows is None and limit.max_change is None:
        raise _refused(
            node, f"The table '{limit.table}' has no limit", "Add min_rows or max_change."
        )
    return limit


def _text(node: Node, key: str, default: str | None = None) -> str:
    found = node.get(key)
    if found is not None and found.text:
        return found.text
    if default is None:
        raise _refused(node, f"An entry has no '{key}'", f"Add '{key}: NAME'.")
    return default


def _number(node: Node, key: str, most: float | None = None) -> float | None:
    found = node.get(key)
    if found is None:
        return None
    value = found.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise _refused(found, f"'{key}' is not a number from 0 on", "Write a number.")
    if most is not None and value > most:
        raise _refused(found, f"'{key}' is more than {most}", "Write a share such as 0.05.")
    return float(value)


def _invalid(error: BundleError) -> UsageError:
    return UsageError("LIMITS_INVALID", error.message, where=error.where, hint=error.hint)


def _refused(node: Node, message: str, hint: str) -> UsageError:
    return UsageError("LIMITS_INVALID", message, where=node.location, hint=hint)
