"""What a target has to show of a pipeline: its limits, its updates, the rows of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater.errors import UsageError, nearest
from headwater.events.query import read_events
from headwater.operations.tables import count_rows, table_of, version_at
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
    return limits_of(target, path) if file or path.is_file() else {}


def limits_of(target: Target, file: Path) -> Mapping[str, Limits]:
    """Read the limits of pipelines by key; all must be known to the bundle.

    Raises:
        UsageError: LIMITS_NOT_FOUND, LIMITS_INVALID.
    """
    found = read_limits(file)
    known = list(target.bundle.pipelines)
    for key, limits in found.items():
        if key not in known:
            raise UsageError(
                "LIMITS_INVALID",
                f"The bundle has no pipeline '{key}'",
                where=limits.location,
                hint=nearest(key, known) or f"It has: {', '.join(known)}.",
            )
    return found


def updates_of(target: Target, pipeline: str) -> list[MeasuredUpdate]:
    """Return the updates of a pipeline, the last one first; none before the first."""
    path = target.event_log(pipeline)
    return measured_updates(read_events(path)) if (path / "_delta_log").is_dir() else []


def rows_of(target: Target, pipeline: str) -> Rows:
    """Count rows of tables; names are those that the pipeline itself would write."""

    def rows(name: str, at: datetime | None) -> int | None:
        try:
            table = DeltaTable(table_of(target, pipeline, name)[1])
            version = table.version() if at is None else version_at(table.history(), at)
            if version is None:
                return None
            table.load_as_version(version)
            return count_rows(table, are_there=at is None)
        except (UsageError, DeltaError, OSError):  # there is no such table, or was none
            return None

    return rows
