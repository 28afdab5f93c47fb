"""A source: one row of the control table, one task of a job.

Here a row becomes a `Source` or a `Fault`. What a task of some kind needs is in `task_builders`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.tagged_jobs.tags import canonical_json, digest
from lakeflow_job_meta.constants import JSON_COLUMNS, MODULE_COLUMN, SOURCE_COLUMNS
from lakeflow_job_meta.errors import Fault


@dataclass(frozen=True)
class Source:
    """What one row of the control table says.

    Args:
        execution_order: tasks of one number run in parallel, higher ones wait; None has no place
            in the order and waits only for what `depends_on` names.
        transformation_config: `task_type` and what the task needs.
        module_config: settings of the whole job; the same in all sources of a module, or empty.
        where: `file:line` of a YAML file, or `table: module/source_id`.
    """

    source_id: str
    module_name: str
    source_type: str
    execution_order: int | None = None
    source_config: Mapping[str, Any] = field(default_factory=dict)
    target_config: Mapping[str, Any] = field(default_factory=dict)
    transformation_config: Mapping[str, Any] = field(default_factory=dict)
    is_active: bool = True
    module_config: Mapping[str, Any] = field(default_factory=dict)
    where: str = field(default="", compare=False)

    @property
    def content_hash(self) -> str:
        """A digest of everything but the place the source was read from."""
        return digest("\0".join(str(value) for value in source_row(self).values()))

    def fault(self, code: str, message: str, hint: str = "") -> Fault:
        """Make a fault of this source."""
        return Fault(code, message, self.where, hint, self.module_name, self.source_id)


def source_row(source: Source) -> dict[str, Any]:
    """Return a source as a row of the control table, without audit columns."""
    row = {name: getattr(source, name) for name in (*SOURCE_COLUMNS, MODULE_COLUMN)}
    row.update({name: canonical_json(row[name]) for name in JSON_COLUMNS})
    if not source.module_config:
        row[MODULE_COLUMN] = None
    return row


def read_source(row: Mapping[str, Any], table: str) -> tuple[Source | None, tuple[Fault, ...]]:
    """Read a row of the control table; with a fault there is no source.

    Args:
        row: the columns of `SOURCE_COLUMNS`, and `module_config` where the table has it.
        table: the table's name, for the faults.
    """
    source_id, module = ((row[name] or "") for name in ("source_id", "module_name"))
    module = module if module.strip() else ""
    where = f"{table}: {module or '?'}/{source_id or '?'}"

    def fault(code: str, message: str, hint: str) -> Fault:
        return Fault(code, message, where, hint, module, source_id)

    faults = [
        fault("FIELD_MISSING", f"{name} is NULL or empty", f"Set {name} in this row.")
        for name in ("source_id", "module_name")
        if not (row[name] or "").strip()
    ]
    configs: dict[str, Mapping[str, Any]] = {}
    for name in JSON_COLUMNS:
        try:
            value = _read_json(row.get(name) or "{}")
        except (ValueError, RecursionError) as error:
            faults.append(fault("JSON_INVALID", _json_fault(name, error), f"Correct {name}."))
            continue
        if not isinstance(value, dict):
            faults.append(
                fault("JSON_INVALID", f"{name} is no JSON object", f"Write {name} as {{...}}.")
            )
            continue
        configs[name] = value
    if faults:
        return None, tuple(faults)
    source = Source(
        source_id=source_id,
        module_name=module,
        source_type=row["source_type"] or "",
        execution_order=row["execution_order"],
        is_active=row["is_active"] is not False,
        where=where,
        **configs,
    )
    return source, ()


def _read_json(text: str) -> Any:
    """Read JSON that can be written again: without NaN, endless numbers and half characters."""
    value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    if "\\u" in text:
        canonical_json({"": value}).encode()
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that JSON can't hold")
    return number


def _json_fault(name: str, error: Exception) -> str:
    """Describe where the text breaks off being JSON, without showing it: it may hold values."""
    if isinstance(error, json.JSONDecodeError):
        return f"{name} is not JSON: {error.msg}, line {error.lineno} column {error.colno}"
    return f"{name} is not JSON"


def duplicate_faults(sources: Iterable[Source]) -> list[Fault]:
    """Name every source whose id stands twice in its module."""
    seen: dict[tuple[str, str], Source] = {}
    faults = []
    for source in sources:
        first = seen.setdefault((source.module_name, source.source_id), source)
        if first is not source:
            faults.append(
                source.fault(
                    "SOURCE_DUPLICATE",
                    f"source_id '{source.source_id}' stands twice in module "
                    f"'{source.module_name}', first at {first.where}",
                    "Give each source of a module its own source_id.",
                )
            )
    return faults
