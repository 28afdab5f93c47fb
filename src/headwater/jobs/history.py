"""What became of the runs of a bundle's jobs: a Delta table in the target's state folder.

A row tells that a run began, that one of its tasks ended, or that the run ended; each is one
commit, so a run that was killed is known as far as it came. The table holds the values of
parameters and of tasks, which a repair needs: it is as private as the target's tables.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from filelock import FileLock, Timeout

from headwater.delta import join_small_files, read_delta
from headwater.errors import UsageError
from headwater.jobs.request import JobRequest
from headwater.jobs.results import TaskRun
from headwater.state.store import Store

RUNNING = "RUNNING"
COMPACT_FILES = 200
"""How many commits are joined into one file at the end of a run."""
_RUN, _TASK = "run", "task"

_COLUMNS = ("task_key", "state")
"""What of a task has a column of its own."""
_SCHEMA = pa.schema(
    [
        ("run_id", pa.int64()),
        ("job_key", pa.string()),
        ("repair_count", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("kind", pa.string()),
        ("task_key", pa.string()),
        ("state", pa.string()),
        ("details", pa.string()),
    ]
)
"""Columns of the table; `details` is JSON: of a run its request, of a task how it ended."""


@dataclass(frozen=True)
class RecordedRun:
    """A run as it was recorded.

    Attributes:
        state: RUNNING, or how it ended: SUCCESS, FAILED, TIMEDOUT or CANCELED. A run that was
            killed stays RUNNING.
        repair_count: how often it was repaired.
        started: in UTC, of its last repair.
        first_started: in UTC, before any repair.
        ended: None while it runs.
        parameters: those that it was started with.
        only: keys of the tasks it was asked for; all when empty.
        tasks: how they ended last, in the order in which they ended first.
    """

    run_id: int
    job_key: str
    state: str
    repair_count: int
    started: datetime
    first_started: datetime
    ended: datetime | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    tasks: tuple[TaskRun, ...] = ()

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.ended is None else (self.ended - self.started).total_seconds()


@dataclass(frozen=True)
class JobHistory:
    """The runs of one target."""

    path: Path

    @classmethod
    def of(cls, store: Store) -> JobHistory:
        """Return the history of a target."""
        return cls(store.root / "jobs" / "runs")

    def next_id(self) -> int:
        """Return an id for a new run; ids grow with time, in milliseconds."""
        return max([int(time.time() * 1000), *(each.run_id + 1 for each in self.runs())])

    @contextmanager
    def alone(self, run_id: int) -> Iterator[None]:
        """Hold a run for the length of a `with` block; a process that is killed holds nothing.

        Raises:
            UsageError: RUN_IN_PROGRESS, while another process holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.with_name(f"{run_id}.lock")
        lock = FileLock(file, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(
                "RUN_IN_PROGRESS",
                f"Run {run_id} is still going on in another process",
                hint="Wait until it ends, or stop that process; then repair the run.",
            ) from None
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
            lock.release()
            with suppress(OSError):  # there are runs; without any, nothing is left behind
                file.parent.rmdir()

    def writer(self, job_key: str, request: JobRequest) -> Writer:
        """Return what records a run."""
        return Writer(self.path, job_key, request)

    def runs(self, job_key: str | None = None) -> list[RecordedRun]:
        """List runs, the last one first; of all jobs when none is named."""
        found: dict[int, RecordedRun] = {}
        for row in self._rows():
            run = found.get(row["run_id"])
            if run is not None or _is_begin(row):  # else it was broken off before it had begun
                found[row["run_id"]] = _with(run, row)
        return [
            each
            for _, each in sorted(found.items(), reverse=True)
            if job_key in (None, each.job_key)
        ]

    def run(self, run_id: int) -> RecordedRun:
        """Return one run.

        Raises:
            UsageError: RUN_UNKNOWN.
        """
        runs = self.runs()
        for each in runs:
            if each.run_id == run_id:
                return each
        raise UsageError(
            "RUN_UNKNOWN",
            f"There is no run {run_id}",
            hint=f"The last one is {runs[0].run_id}." if runs else "No job has run yet.",
        )

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not (self.path / "_delta_log").is_dir():
            return
        yield from sorted(read_delta(self.path).to_pylist(), key=_order)


@dataclass(frozen=True)
class Writer:
    """Records one run as it goes."""

    path: Path
    job_key: str
    request: JobRequest

    def begin(self, kept: Iterable[TaskRun] = ()) -> None:
        """Record that the run begins, and what it keeps of the run that it repairs.

        All others have not ended: a repair of this one must not keep what was to run again.
        """
        told = {
            "parameters": dict(self.request.parameters),
            "only": list(self.request.only),
            "kept": [each.task_key for each in kept],
        }
        self._write(_RUN, "", RUNNING, told)

    def task_ended(self, task: TaskRun) -> None:
        """Record how a task ended."""
        details = {name: each for name, each in vars(task).items() if name not in _COLUMNS}
        details |= {"values": dict(task.values), "output": task.output}
        self._write(_TASK, task.task_key, task.state, details)

    def ended(self, state: str) -> None:
        """Record how the run ended."""
        self._write(_RUN, "", state, {})
        join_small_files(DeltaTable(self.path), COMPACT_FILES)

    def _write(self, kind: str, task_key: str, state: str, details: Mapping[str, Any]) -> None:
        at = datetime.now(timezone.utc)
        row = {
            "run_id": self.request.run_id,
            "job_key": self.job_key,
            "repair_count": self.request.repair_count,
            "at": at,
            "kind": kind,
            "task_key": task_key,
            "state": state,
            "details": json.dumps(details),
        }
        rows = pa.Table.from_pylist([row], schema=_SCHEMA)
        write_deltalake(self.path, rows, mode="append", name="job_runs")


def _order(row: Mapping[str, Any]) -> tuple[int, bool, datetime]:
    """Order the rows of a run: clocks are set back, and yet a run begins before all else of it."""
    return row["repair_count"], not _is_begin(row), row["at"]


def _is_begin(row: Mapping[str, Any]) -> bool:
    return bool(row["kind"] == _RUN and row["state"] == RUNNING)


def _with(run: RecordedRun | None, row: Mapping[str, Any]) -> RecordedRun:
    """Fold one row into what is known of a run."""
    details = json.loads(row["details"])
    if _is_begin(row):
        first = run or RecordedRun(row["run_id"], row["job_key"], RUNNING, 0, row["at"], row["at"])
        return replace(
            first,
            state=RUNNING,
            repair_count=row["repair_count"],
            started=row["at"],
            ended=None,
            parameters=details["parameters"],
            only=tuple(details["only"]),
            tasks=tuple(
                each
                for each in first.tasks
                if each.task_key in details.get("kept", (each.task_key,))  # of before it was told
            ),
        )
    assert run is not None  # noqa: S101 - the row of its beginning was committed before
    if row["kind"] == _RUN:
        return replace(run, state=row["state"], ended=row["at"])
    ended = TaskRun(task_key=row["task_key"], state=row["state"], **details)
    tasks = {each.task_key: each for each in run.tasks} | {ended.task_key: ended}
    return replace(run, tasks=tuple(tasks.values()))
