"""Run the tasks of a job on local Spark, in the order that a workspace would."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.errors import JobError
from headwater.jobs.attempts import run_task
from headwater.jobs.context import Run, TaskContext
from headwater.jobs.failures import described
from headwater.jobs.kinds import LOCAL_KINDS, runs_locally
from headwater.jobs.readiness import blocked_state
from headwater.jobs.results import (
    EXCLUDED,
    FAILED,
    FAILURES,
    SKIPPED,
    UNSUPPORTED,
    UPSTREAM_FAILED,
    JobRun,
    Outcome,
    TaskRun,
)
from headwater.jobs.tasks import Job, Task, read_job
from headwater.machine.session import activate

OnTask = Callable[[TaskRun], None]

_MESSAGES = {
    UPSTREAM_FAILED: "[UPSTREAM_FAILED] A task that this one waits for has failed",
    EXCLUDED: "[EXCLUDED] An outcome or run_if condition was not met",
    SKIPPED: "[DISABLED] The task is disabled",
    UNSUPPORTED: "[LOCAL_KIND_UNSUPPORTED] Tasks of this type do not run locally",
}


def run_job(
    settings: Mapping[str, Any],
    *,
    spark: SparkSession,
    root: Path,
    queries: Mapping[str, str] | None = None,
    places: Mapping[str, str] | None = None,
    target: str | None = None,
    skip_unsupported: bool = False,
    max_parallel: int = 4,
    on_task: OnTask | None = None,
) -> JobRun:
    """Run a job as a workspace would: order, parallelism, retries, timeouts, conditions.

    Every task gets a Spark session of its own over the same tables. A task that fails makes what
    waits for it UPSTREAM_FAILED, unless its `run_if` says otherwise; other branches go on. Tasks do
    what they do: running a job twice is as safe as its tasks are.

    Args:
        settings: of the job, as `jobs/create` of the Jobs API 2.2 takes them.
        root: the folder that paths of the tasks are looked up below.
        queries: texts of saved queries, by the `query_id` that tasks name.
        places: where tasks are defined, by task key; for errors.
        target: of the bundle, for pipeline tasks; its default one when not given.
        skip_unsupported: let tasks that can't run here end UNSUPPORTED, and what waits for them
            run as if they had succeeded.
        max_parallel: how many tasks run at once.
        on_task: called in this thread with each task that ended.

    Raises:
        UsageError: JOB_INVALID, TASK_KEY_DUPLICATE, DEPENDENCY_UNKNOWN, DEPENDENCY_CYCLE.
        JobError: LOCAL_KIND_UNSUPPORTED. In all these cases nothing has run.

    Example:
        >>> ask = {"task_key": "ask", "sql_task": {"query": {"query_id": "q"}}}
        >>> run_job(
        ...     {"name": "daily", "tasks": [ask]},
        ...     spark=spark,
        ...     root=Path(),
        ...     queries={"q": "SELECT 1"},
        ... ).succeeded  # doctest: +SKIP
        True
    """
    job = read_job(settings, places or {})
    refused = () if skip_unsupported else unsupported_tasks(settings, places)
    if refused:
        named = ", ".join(f"'{task.key}' ({task.kind})" for task in refused)
        raise JobError(
            "LOCAL_KIND_UNSUPPORTED",
            f"Tasks that can't run locally: {named}",
            where=refused[0].where,
            hint="Pass skip_unsupported, or leave them out.",
        )
    run = Run(spark, root.resolve(), job, target, queries or {})
    try:
        return _Graph(run, job, max_parallel, on_task or (lambda _: None)).run_all()
    finally:
        activate(spark)  # not the session of the last task


def unsupported_tasks(
    settings: Mapping[str, Any], places: Mapping[str, str] | None = None
) -> tuple[Task, ...]:
    """Return the tasks of a job that can't run locally; of a loop, the task that it repeats.

    Raises:
        UsageError: as `run_job`.
    """
    tasks = read_job(settings, places or {}).tasks
    found = [task for task in tasks if not task.is_disabled and not runs_locally(task)]
    return tuple(replace(task.nested, key=task.key) if task.nested else task for task in found)


@dataclass
class _Graph:
    """The tasks of one run, and how far they are; used by one thread."""

    run: Run
    job: Job
    max_parallel: int
    on_task: OnTask
    _results: dict[str, TaskRun] = field(default_factory=dict)
    _verdicts: dict[str, str | None] = field(default_factory=dict)
    _ended: queue.Queue[tuple[TaskRun, str | None]] = field(default_factory=queue.Queue)
    _running: int = 0

    def run_all(self) -> JobRun:
        waiting: Sequence[Task] = self.job.tasks
        try:
            while waiting or self._running:
                waiting = self._start_ready(waiting)
                if self._running:
                    ended = self._ended.get()
                    self._running -= 1
                    self._finish(*ended)
        except BaseException:
            self._break_off()
            raise
        awaited = {each.task_key for task in self.job.tasks for each in task.depends_on}
        results = tuple(self._results[task.key] for task in self.job.tasks)
        ended_well = all(
            each.state not in FAILURES for each in results if each.task_key not in awaited
        )
        return JobRun(self.job.name, results, ended_well)

    def _start_ready(self, waiting: Sequence[Task]) -> list[Task]:
        """Start or settle what can be; return what still waits."""
        left = []
        for task in waiting:
            if any(each.task_key not in self._results for each in task.depends_on):
                left.append(task)
                continue
            state = self._state_without_run(task)
            if state is not None:
                self._finish(_unstarted(task, state), None)
            elif self._running < self.max_parallel:
                self._start(task)
            else:
                left.append(task)
        return left

    def _state_without_run(self, task: Task) -> str | None:
        states = {key: result.state for key, result in self._results.items()}
        blocked = blocked_state(task.run_if, task.depends_on, states, self._verdicts)
        if blocked is not None:
            return blocked
        if task.is_disabled:
            return SKIPPED
        return None if runs_locally(task) else UNSUPPORTED

    def _start(self, task: Task) -> None:
        verdicts: list[str | None] = [None]
        kind = LOCAL_KINDS[task.kind]

        def work(context: TaskContext) -> Outcome:
            outcome = kind(context)
            verdicts.append(outcome.verdict)
            return outcome

        def attempts() -> None:
            try:
                result = run_task(self.run, task, work)
            except BaseException as error:  # without an answer the run would wait for ever
                message = described(error, self.run.root)
                result = replace(_unstarted(task, FAILED), message=message)
            self._ended.put((result, verdicts[-1]))

        threading.Thread(target=attempts, name=f"{task.key} attempts", daemon=True).start()
        self._running += 1

    def _finish(self, result: TaskRun, verdict: str | None) -> None:
        self._results[result.task_key] = result
        self._verdicts[result.task_key] = verdict
        self.on_task(result)

    def _break_off(self) -> None:
        """Cancel what runs and wait for it; each has its grace and no more."""
        self.run.stopping.set()
        while self._running:
            self._ended.get()
            self._running -= 1


def _unstarted(task: Task, state: str) -> TaskRun:
    return TaskRun(task.key, task.kind, state, message=_MESSAGES.get(state, ""))
