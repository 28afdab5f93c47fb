"""OPTIMIZE and VACUUM of a target's tables: what there is to do, and doing it.

Each step is one commit of Delta, or deletes files that no version in its retention needs: a kill
leaves whole tables, and the next run does what is left. Tables of a pipeline are changed while its
lock is held, so never beside an update. What AUTO CDC remembers beside its tables is left alone,
and so is what only Spark can change (`tables.spark_only`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError

from headwater.errors import HeadwaterError, UpdateInProgress
from headwater.intervals import interval_seconds
from headwater.operations.maintenance_file import Care, Maintenance
from headwater.operations.readers import StreamReader, flows_that_read, streams_of
from headwater.operations.tables import OnDisk, facts_of, open_delta
from headwater.operations.tuning import MIN_SAVED_FILES, joining_of, megabytes
from headwater.state.lock import update_lock
from headwater.state.target import Target

OPTIMIZE, VACUUM = "OPTIMIZE", "VACUUM"
_NO_ROWS = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")
"""Operations of Delta's history that neither add nor remove rows."""


_SORTED = "headwater.zOrderBy"
"""Where a commit says by which columns it sorted: delta-rs itself notes none."""


class Status(str, Enum):
    """What came of a step."""

    WOULD = "WOULD"
    DONE = "DONE"
    NOTHING = "NOTHING"
    SKIPPED = "SKIPPED"
    HELD = "HELD"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Step:
    """One thing to do with one table, and what came of it.

    Attributes:
        why: the reason, in numbers.
        wakes: tables whose flows look at this one again in the next update.
        retention_hours: of a vacuum.
        zorder_by: of an optimize.
    """

    table: str
    operation: str
    status: Status
    why: str
    wakes: tuple[str, ...] = ()
    retention_hours: float | None = None
    zorder_by: tuple[str, ...] = ()
    target_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as a row."""
        return {
            "table": self.table,
            "operation": self.operation,
            "status": self.status.value,
            "why": self.why,
            "wakes": list(self.wakes),
        }


def maintain(
    target: Target,
    tables: Sequence[OnDisk],
    maintenance: Maintenance,
    *,
    apply: bool,
    force: bool = False,
) -> Iterator[Step]:
    """Maintain tables, one after the other; yields what there was to do with each.

    Without `apply` nothing is written. A table whose pipeline runs an update is HELD, one that
    Delta refuses FAILED, and the others are done all the same.

    Args:
        force: keep files no longer than the file of maintenance says, whatever the table's own
            property says; what a stream has still to read is kept always.
    """
    for table in tables:
        care = maintenance.care_of(table.known.name)
        if care is None:
            yield Step(table.name, "", Status.SKIPPED, "no entry of the file fits it")
            continue
        try:
            yield from _maintain(target, table, care, maintenance, apply=apply, force=force)
        except UpdateInProgress as error:
            yield Step(table.name, "", Status.HELD, error.message)
        except HeadwaterError as error:
            yield Step(table.name, "", Status.FAILED, error.headline)
        except (DeltaError, OSError) as error:  # its text may hold paths and values
            why = f"Delta refuses it: {type(error).__name__}"
            yield Step(table.name, "", Status.FAILED, why)


def _maintain(
    target: Target,
    table: OnDisk,
    care: Care,
    maintenance: Maintenance,
    *,
    apply: bool,
    force: bool,
) -> Iterator[Step]:
    pipeline = table.known.pipeline
    held = apply and pipeline is not None
    folder = target.store.pipeline_path(pipeline or "")
    with update_lock(folder, pipeline or "") if held else nullcontext():
        step = _optimize_step(target, table, care, maintenance.target_file_bytes)
        yield _done(table, step) if apply else step
        step = _vacuum_step(target, table, care, force=force)  # it sees what optimize has left
        yield _done(table, step) if apply else step


def _optimize_step(target: Target, table: OnDisk, care: Care, target_bytes: int) -> Step:
    step = Step(table.name, OPTIMIZE, Status.SKIPPED, "", target_bytes=target_bytes)
    if not care.optimize:
        return replace(step, why="the file says so")
    if table.known.kind == "MATERIALIZED_VIEW":
        why = "an update writes it anew, and recomputes it if others wrote to it"
        return replace(step, why=why)
    facts = facts_of(table)
    if facts.spark_only:
        return replace(step, why=_needs_spark(facts.spark_only, f"OPTIMIZE {table.name}"))
    wakes = flows_that_read(target, table.path)
    if care.zorder_by:
        return _zorder_step(table, step, care.zorder_by, wakes)
    joining = joining_of(facts.files, target_bytes)
    why = (
        f"{joining.small_files} small files of {len(facts.files)}, "
        f"{megabytes(joining.small_bytes)} in all, would be {joining.after}"
    )
    if joining.saved_files < MIN_SAVED_FILES:
        return replace(step, status=Status.NOTHING, why=why)
    return replace(step, status=Status.WOULD, why=why, wakes=wakes)


def _zorder_step(
    table: OnDisk, step: Step, columns: tuple[str, ...], wakes: tuple[str, ...]
) -> Step:
    delta = open_delta(table)
    known = {each.name for each in delta.schema().fields} - set(delta.metadata().partition_columns)
    unknown = [each for each in columns if each not in known]
    if unknown:
        why = f"no column that it could be sorted by: {', '.join(unknown)}"
        return replace(step, status=Status.FAILED, why=why)
    by = ", ".join(columns)
    if is_sorted(delta.history(), columns):
        return replace(step, status=Status.NOTHING, why=f"it is sorted by {by}")
    why = f"there are new rows since it was sorted by {by} last"
    return replace(step, status=Status.WOULD, why=why, wakes=wakes, zorder_by=columns)


def is_sorted(history: Sequence[dict[str, Any]], columns: Sequence[str]) -> bool:
    """Whether a table was sorted by columns after its last change of rows.

    Args:
        history: of Delta, the newest commit first.
    """
    for each in history:
        by_spark = (each.get("operationParameters") or {}).get("zOrderBy")
        sorted_by = json.loads(by_spark or each.get(_SORTED) or "[]")
        if each["operation"] == "OPTIMIZE" and sorted_by == list(columns):
            return True
        if each["operation"] not in _NO_ROWS:
            return False
    return False


def _vacuum_step(target: Target, table: OnDisk, care: Care, *, force: bool) -> Step:
    step = Step(table.name, VACUUM, Status.SKIPPED, "")
    if not care.vacuum:
        return replace(step, why="the file says so")
    facts = facts_of(table)
    if facts.spark_only:
        return replace(step, why=_needs_spark(facts.spark_only, f"VACUUM {table.name}"))
    delta = open_delta(table)
    own = "" if force else facts.properties.get("delta.deletedFileRetentionDuration", "")
    hours = max(care.retention_hours, (interval_seconds(own) or 0) / 3600)
    kept = stream_hours(
        streams_of(target, str(delta.metadata().id)),
        facts.version,
        delta.history(),
        datetime.now(timezone.utc),
    )
    reader, needed_hours = kept or (None, 0.0)
    files = vacuumed(delta, max(hours, needed_hours), dry_run=True)
    why = f"{len(files)} files of {_size(table, files)} that no version of the last "
    why += f"{max(hours, needed_hours):.0f} hours needs"
    if reader is not None and needed_hours > hours:
        why += f"; kept longer for {reader.flow} of {reader.pipeline}, which has not read them"
    if not files:
        return replace(step, status=Status.NOTHING, why=why)
    wakes = flows_that_read(target, table.path)
    if table.known.kind == "MATERIALIZED_VIEW":
        wakes = (table.name, *wakes)
    return replace(
        step,
        status=Status.WOULD,
        why=why,
        wakes=wakes,
        retention_hours=max(hours, needed_hours),
    )


def stream_hours(
    readers: Sequence[StreamReader],
    version: int,
    history: Sequence[dict[str, Any]],
    now: datetime,
) -> tuple[StreamReader, float] | None:
    """Return the stream that is furthest behind, and how long files have to stay for it.

    What it has not read was removed, if at all, after the commit that it reads next. None when no
    stream is behind.

    Args:
        version: of the table now.
        history: of Delta, the newest commit first; commits that are gone count as the oldest one.
    """
    behind = [each for each in readers if each.version <= version]
    if not behind:
        return None
    last = min(behind, key=lambda each: each.version)
    times = {int(each["version"]): int(each["timestamp"]) for each in history}
    at = times.get(last.version, min(times.values(), default=0))
    if last.version < min(times, default=0):
        at = 0  # since ever: nothing may go
    return last, (now.timestamp() - at / 1000) / 3600 + 1


def vacuumed(delta: DeltaTable, hours: float, *, dry_run: bool) -> list[str]:
    """Delete the files that no version of the last hours needs, or list them.

    Only files that the log says were removed: what a writer has just written is not among them.
    """
    return delta.vacuum(
        retention_hours=int(hours) + (hours > int(hours)),
        dry_run=dry_run,
        enforce_retention_duration=False,  # worked out above, never below what is asked for
    )


def _done(table: OnDisk, step: Step) -> Step:
    """Do what a step would do; what has nothing to do stays as it is."""
    if step.status is not Status.WOULD:
        return step
    delta = open_delta(table)
    try:
        if step.operation == VACUUM:
            count = len(vacuumed(delta, step.retention_hours or 0, dry_run=False))
            return replace(step, status=Status.DONE, why=f"{count} files deleted: {step.why}")
        if step.zorder_by:
            noted = CommitProperties(custom_metadata={_SORTED: json.dumps(step.zorder_by)})
            size = step.target_bytes
            delta.optimize.z_order(step.zorder_by, target_size=size, commit_properties=noted)
        else:
            delta.optimize.compact(target_size=step.target_bytes)
    except (DeltaError, OSError) as error:  # its text may hold paths and values
        return replace(step, status=Status.FAILED, why=f"Delta refuses it: {type(error).__name__}")
    count = len(open_delta(table).file_uris())
    return replace(step, status=Status.DONE, why=f"{count} files now: {step.why}")


def _needs_spark(features: Sequence[str], statement: str) -> str:
    return f'its {", ".join(features)} need Spark: headwater sql "{statement}"'


def _size(table: OnDisk, files: Sequence[str]) -> str:
    return megabytes(sum(_bytes(table, each) for each in set(files)))


def _bytes(table: OnDisk, file: str) -> int:
    path = table.path / file
    return path.stat().st_size if path.is_file() else 0
