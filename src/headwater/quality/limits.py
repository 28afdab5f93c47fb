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

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headwater.bundle.forms import Form
from headwater.bundle.shapes import Shape, is_set
from headwater.errors import Location
from headwater.yaml_nodes import Node

ALL_RULES = "*"

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
        "allow_no_new_rows": Shape("flag"),
        "rules": Shape("list", inner=_RULE),
        "tables": Shape("list", inner=_TABLE),
    },
)
_FILE = Shape(
    "map", {"version": _TEXT, "pipelines": Shape("map", inner=_PIPELINE), "description": _TEXT}
)
_FORM = Form("LIMITS", "limits", _FILE, "Write one (docs/gate.md), or name it with --limits.")


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
        allow_no_new_rows: a rule that saw no new rows holds, if it has ever seen some.
    """

    max_age_hours: float | None = None
    max_minutes: float | None = None
    rules: tuple[RuleLimit, ...] = ()
    tables: tuple[TableLimit, ...] = ()
    allow_no_new_rows: bool = False
    location: Location = field(default=Location(""), compare=False)


def read_limits(file: Path) -> Mapping[str, Limits]:
    """Read the limits of pipelines, by key.

    Raises:
        UsageError: LIMITS_NOT_FOUND, LIMITS_INVALID; with file and line.
    """
    tree = _FORM.read(file)
    found = {key: _limits(node) for key, node in tree.below("pipelines").items()}
    if not found:
        hint = "Add 'pipelines:' (docs/gate.md)."
        raise _FORM.refused(tree, "It has limits of no pipeline", hint)
    return found


def _limits(node: Node) -> Limits:
    rules, tables = node.get("rules"), node.get("tables")
    return Limits(
        max_age_hours=_FORM.number(node, "max_age_hours"),
        max_minutes=_FORM.number(node, "max_minutes"),
        allow_no_new_rows=is_set(node.get("allow_no_new_rows")),
        rules=tuple(map(_rule, rules.items if rules else ())),
        tables=tuple(map(_table, tables.items if tables else ())),
        location=node.location,
    )


def _rule(node: Node) -> RuleLimit:
    limit = RuleLimit(
        _FORM.text(node, "rule"),
        _FORM.text(node, "table", ""),
        _FORM.number(node, "max_failed_share", most=1),
        _FORM.number(node, "max_increase", most=1),
    )
    if limit.max_failed_share is None and limit.max_increase is None:
        hint = "Add max_failed_share or max_increase."
        raise _FORM.refused(node, f"The rule '{limit.rule}' has no limit", hint)
    return limit


def _table(node: Node) -> TableLimit:
    rows = _FORM.number(node, "min_rows")
    if rows is not None and not rows.is_integer():  # half a row would be none
        raise _FORM.refused(node, "'min_rows' is not a whole number", "Write one, such as 100.")
    change = _FORM.number(node, "max_change")
    limit = TableLimit(_FORM.text(node, "table"), None if rows is None else int(rows), change)
    if limit.min_rows is None and limit.max_change is None:
        hint = "Add min_rows or max_change."
        raise _FORM.refused(node, f"The table '{limit.table}' has no limit", hint)
    return limit
