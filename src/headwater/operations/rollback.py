"""Take tables back to an earlier version with Delta's RESTORE, and tell what follows for flows.

A rollback is a new commit, so it can itself be taken back. All tables are looked at before the
first one is changed, and all locks of their pipelines are held meanwhile. A kill in between leaves
whole tables; the next run does what is left. What does not live here: files of a bundle
(`bundle_tag`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater.errors import UsageError
from headwater.operations.readers import flows_that_read, streams_of
from headwater.operations.tables import (
    DataFile,
    OnDisk,
    TableFacts,
    facts_of,
    open_delta,
    version_at,
)
from headwater.state.lock import update_lock
from headwater.state.target import Target

Restore = Callable[[DeltaTable, int], Any]


class Outcome(str, Enum):
    """What came of the rollback of one table."""

    WOULD = "WOULD"
    DONE = "DONE"
    NOTHING = "NOTHING"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    NOT_DONE = "NOT_DONE"


@dataclass(frozen=True)
class Aim:
    """Where to go back to: a version, or the last one up to a time, in UTC."""

    version: int | None = None
    time: datetime | None = None


@dataclass(frozen=True)
class Size:
    """Files, bytes and rows of a version; rows are None where the log does not count them."""

    files: int
    bytes: int
    rows: int | None


@dataclass(frozen=True)
class Rollback:
    """What a rollback of one table would do, or did.

    Attributes:
        version: where the table is.
        to_version: where it goes.
        effects: what follows for flows, and what to do about it.
        code: why it is refused.
        note: in words.
    """

    table: str
    outcome: Outcome
    version: int | None = None
    to_version: int | None = None
    before: Size | None = None
    after: Size | None = None
    effects: tuple[str, ...] = ()
    code: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "table": self.table,
            "outcome": self.outcome.value,
            "version": self.version,
            "to_version": self.to_version,
            "before": None if self.before is None else vars(self.before),
            "after": None if self.after is None else vars(self.after),
            "effects": list(self.effects),
            "code": self.code,
            "note": self.note,
        }


def roll_back(
    target: Target,
    tables: Sequence[OnDisk],
    aim: Aim,
    *,
    apply: bool,
    restore: Restore = DeltaTable.restore,
    told: Callable[[Rollback], None] = lambda _: None,
) -> list[Rollback]:
    """Take tables back to a version or time; without `apply` only tell what would be done.

    If one is refused, none is changed. If Delta fails at one, those after it are NOT_DONE.

    Args:
        restore: of Delta; raises DeltaError or OSError.
        told: is called with each table that was changed, at once: an interrupt hides none.

    Raises:
        UpdateInProgress: with `apply`, when a pipeline of the tables runs an update.
    """
    with ExitStack() as locks:
        if apply:
            for pipeline in sorted({each.known.pipeline for each in tables} - {None}, key=str):
                folder = target.store.pipeline_path(str(pipeline))
                locks.enter_context(update_lock(folder, str(pipeline)))
        found = [planned(target, each, aim) for each in tables]
        if not apply or any(each.outcome is Outcome.REFUSED for each in found):
            return found
        return list(_applied(tables, found, restore, told))


def _applied(
    tables: Sequence[OnDisk],
    found: Sequence[Rollback],
    restore: Restore,
    told: Callable[[Rollback], None],
) -> Iterator[Rollback]:
    has_failed = False
    for table, each in zip(tables, found, strict=True):
        if each.outcome is not Outcome.WOULD:
            yield each
        elif has_failed:
            yield replace(each, outcome=Outcome.NOT_DONE, note="one before it failed")
        else:
            done = _restored(table, each, restore)
            has_failed = done.outcome is Outcome.FAILED
            told(done)
            yield done


def _restored(table: OnDisk, plan: Rollback, restore: Restore) -> Rollback:
    try:
        restore(open_delta(table), int(plan.to_version or 0))
    except (DeltaError, OSError) as error:  # its text may hold paths
        note = f"Delta refuses it: {type(error).__name__}"
        return replace(plan, outcome=Outcome.FAILED, note=note)
    return replace(plan, outcome=Outcome.DONE)


def planned(target: Target, table: OnDisk, aim: Aim) -> Rollback:
    """Return what a rollback of a table would do, or why it is refused; reads only."""
    try:
        now = facts_of(table)
        refuse_unsafe(table, now, aim)
        to_version = version_of(aim, open_delta(table).history(), now.version)
        then = _files_then(table, to_version)
    except UsageError as error:
        note = f"{error.message}. {error.hint}"
        return Rollback(table.name, Outcome.REFUSED, code=error.code, note=note)
    plan = Rollback(
        table.name,
        Outcome.WOULD,
        now.version,
        to_version,
        _size(now.files),
        _size(then.files),
        tuple(_effects(target, table, now, then, to_version)),
        note=f"undo: headwater ops rollback {table.name} --to-version {now.version} --apply",
    )
    is_same = {each.path for each in now.files} == {each.path for each in then.files}
    if is_same and now.columns == then.columns:
        return replace(plan, outcome=Outcome.NOTHING, effects=(), note="its rows are those already")
    return plan


def refuse_unsafe(table: OnDisk, now: TableFacts, aim: Aim) -> None:
    """Refuse tables that a RESTORE alone would leave wrong.

    Raises:
        UsageError: ROLLBACK_AUTO_CDC, ROLLBACK_NEEDS_SPARK.
    """
    if table.state and table.state.change:
        raise UsageError(
            "ROLLBACK_AUTO_CDC",
            "AUTO CDC keeps the table in step with what it remembers of events beside it, "
            "and would merge into rows that it does not expect",
            where=table.name,
            hint=f"Correct the source and run the pipeline with --full-refresh={table.name}.",
        )
    if now.spark_only:
        to = f"VERSION AS OF {aim.version}" if aim.time is None else f"TIMESTAMP AS OF '{aim.time}'"
        raise UsageError(
            "ROLLBACK_NEEDS_SPARK",
            f"Its {', '.join(now.spark_only)} can be restored by Spark only",
            where=table.name,
            hint=f'Between updates: headwater sql "RESTORE TABLE {table.name} TO {to}".',
        )


def version_of(aim: Aim, history: Sequence[dict[str, Any]], newest: int) -> int:
    """Return the version that is meant.

    Args:
        history: of Delta, the newest commit first.

    Raises:
        UsageError: ROLLBACK_VERSION_UNKNOWN, ROLLBACK_HISTORY_GONE.
    """
    if aim.time is None:
        version = int(aim.version or 0)
        if version > newest:
            raise UsageError(
                "ROLLBACK_VERSION_UNKNOWN",
                f"There is no version {version} yet: the newest one is {newest}",
                hint="Name an older one.",
            )
        return version
    found = version_at(history, aim.time)
    if found is None:
        oldest = min((int(each["timestamp"]) for each in history), default=0)
        begins = datetime.fromtimestamp(oldest / 1000, timezone.utc).isoformat(timespec="seconds")
        raise UsageError(
            "ROLLBACK_HISTORY_GONE",
            f"The history begins at {begins}, after that time",
            hint="Name a later time.",
        )
    return found


def _files_then(table: OnDisk, version: int) -> TableFacts:
    """Look at an earlier version, and whether its files are still there.

    Raises:
        UsageError: ROLLBACK_HISTORY_GONE, ROLLBACK_FILES_GONE.
    """
    try:
        then = facts_of(table, version)
    except UsageError as error:
        raise UsageError(
            "ROLLBACK_HISTORY_GONE",
            f"The log does not tell of version {version} any more",
            hint="Name a newer one; delta.logRetentionDuration says how long the log is kept.",
        ) from error
    gone = sum(not (table.path / each.path).is_file() for each in then.files)
    if gone:
        raise UsageError(
            "ROLLBACK_FILES_GONE",
            f"{gone} of {len(then.files)} files of version {version} are deleted, as VACUUM does",
            hint="Name a newer version, or make the table again with --full-refresh.",
        )
    return then


def _size(files: Sequence[DataFile]) -> Size:
    rows = [each.rows for each in files if each.rows is not None]
    counted = sum(rows) if len(rows) == len(files) else None
    return Size(len(files), sum(each.bytes for each in files), counted)


def _effects(
    target: Target, table: OnDisk, now: TableFacts, then: TableFacts, version: int
) -> Iterator[str]:
    name = table.name
    delta: DeltaTable = open_delta(table)
    if table.known.kind == "MATERIALIZED_VIEW":
        yield "The next update recomputes it: correct its source before, or exclude it."
    elif table.known.pipeline is not None:
        yield (
            f"Its flows go on where they are: rows written after version {version} are not read "
            f"again. --full-refresh={name} brings all rows of its sources; --reset-checkpoints "
            "would write those of before twice."
        )
    if now.columns != then.columns:
        changed = sorted({name for name, _ in set(now.columns) ^ set(then.columns)})
        yield f"Columns go back too: {', '.join(changed) or 'types'}; an update may add them again."
    for stream in streams_of(target, str(delta.metadata().id)):
        yield (
            f"The stream '{stream.flow}' of '{stream.pipeline}' reads it: it will refuse to go on, "
            f"or read rows again. Run with --full-refresh={stream.table}."
        )
    readers = [each for each in flows_that_read(target, table.path) if each != name]
    if readers:
        yield f"The next update looks at it again for {', '.join(readers)}."
