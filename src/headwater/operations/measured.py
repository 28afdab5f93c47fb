"""What a target has to show of a pipeline: its limits, its updates, the rows of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater.errors import UsageError
from headwater.events.query import read_events
from headwater.operations.tables import count_rows, version_at
from headwater.quality.gate import Rows
from headwater.quality.limits import Limits, read_limits
from headwater.quality.measures import MeasuredUpdate, measured_updates
from headwater.state.target import Target


def limits_file(target: Target) -> Path:
    """Name the file of a target's limits, whether or not it is there."""
    return target.bundle.root / "resources" / "limits" / f"{target.bundle.target}.yml"


def limits_if_any(target: Target, file: Path | None) -> Mapping[str, Limits]:
    """Read the limits of pipelines by key; none where no file is named and the target has none.

    Raises:
        UsageError: LIMITS_NOT_FOUND for a file that was named; LIMITS_INVALID.
    """
    path = file or limits_file(target)
    return read_limits(path) if file or path.is_file() else {}


def updates_of(target: Target, pipeline: str) -> list[MeasuredUpdate]:
    """Return the updates of a pipeline, the last one first; none before the first."""
    path = target.event_log(pipeline)
    return measured_updates(read_events(path)) if (path / "_delta_log").is_dir() else []


def rows_of(target: Target, pipeline: str) -> Rows:
    """Count rows of tables; names are those that the pipeline itself would write."""
    spec = target.bundle.pipeline(pipeline)
    home = spec.catalog, spec.schema

    def rows(name: str, at: datetime | None) -> int | None:
        try:
            table = DeltaTable(target.store.table_path(target.find_table(name, home)))
            version = table.version() if at is None else version_at(table.history(), at)
            if version is None:
                return None
            table.load_as_version(version)
            return count_rows(table)
        except (UsageError, DeltaError, OSError):  # there is no such table, or was none
            return None

    return rows
