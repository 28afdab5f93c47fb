"""Run the tasks of a job on local Spark, in the order that a workspace would."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.errors import JobError
from headwater.jobs.attempts import run_task
from headwater.jobs.context import Facts, Run
from headwater.jobs.failures import described
from headwater.jobs.kinds import LOCAL_KINDS, runs_locally
from headwater.jobs.readiness import blocked_state
from headwater.jobs.request import JobRequest
from headwater.jobs.results import (
    CANCELED,
    DISABLED,
    EXCLUDED,
    FAILED,
    FAILURES,
    UNSUPPORTED,
    UPSTREAM_FAILED,
    JobRun,
    TaskRun,
)
from headwater.jobs.tasks import Job, Task, as_text, read_job
from headwater.machine.session import activate
from headwater.state.target import Target

OnTask = Callable[[TaskRun], None]
_LOOK_AGAIN_SECONDS = 0.2

_MESSAGES = {
    UPSTREAM_FAILED: "[UPSTREAM_FAILED] A task that this one waits for has failed",
    EXCLUDED: "[EXCLUDED] An outcome or run_if condition was not met",
    CANCELED: "[TASK_CANCELLED] The run was stopped before it",
    DISABLED: "[DISABLED] The task, or one that its run_if needs, is disabled",
    UNSUPPORTED: "[LOCAL_KIND_UNSUPPORTED] Tasks of this type do not run locally",
}


def run_job(
    settings: Mapping[str, Any],
    *,
    spark: SparkSession,
    root: Path,
    request: JobRequest = JobRequest(),  # noqa: B008 - frozen
    job_id: str = "",
    queries: Mapping[str, str] | None = None,
    jobs: Mapping[str, Mapping[str, Any]] | None = None,
    places: Mapping[str, str] | None = None,
    target: Target | str | None = None,
    on_task: OnTask | None = None,
    on_start: Callable[[Sequence[TaskRun]], None] | None = None,
) -> JobRun:
    """Run a job as a workspace would: order, parallelism, retries, timeouts, conditions.

    Every task gets a Spark session of its own over the same tables. A task that fails makes what
    waits for it UPSTREAM_FAILED, unless its `run_if` says otherwise; other branches go on. Tasks do
    what they do: running a job twice is as safe as its tasks are.

    Args:
        settings: of the job, as `jobs/create` of the Jobs API 2.2 takes them.
        root: the folder that paths of the tasks are looked up below.
        job_id: what `{{job.id}}` stands for.
        queries: texts of saved queries, by the `query_id` that tasks name.
        jobs: settings of the jobs that `run_job_task`s name, by their id.
        places: where tasks are defined, by task key; for errors.
        target: of the bundle, or its name, for pipeline tasks; its default one when not given.
        on_task: called in this thread with each task that ended.
        on_start: called once nothing speaks against the run any more, with what a repair keeps.

    Raises:
        UsageError: JOB_INVALID, TASK_KEY_DUPLICATE, DEPENDENCY_UNKNOWN, DEPENDENCY_CYCLE,
            JOB_PARAMETER_UNKNOWN, TASK_UNKNOWN.
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
    job = read_asked(settings, request, places or {}, jobs or {})
    run = Run(
        spark,
        root.resolve(),
        job,
        target,
        queries or {},
        jobs or {},
        Facts(
            request.run_id,
            job_id,
            request.repair_count,
            request.started or datetime.now(timezone.utc),
        ),
        attempts={each.task_key: each.attempts for each in request.earlier},
        start=_start,
        max_parallel=request.max_parallel,
    )
    kept = _kept(run, request.earlier)
    if on_start:
        on_start(kept)
    try:
        return _start(run, kept, on_task)
    finally:
        activate(spark)  # not the session of the last task


def read_asked(
    settings: Mapping[str, Any],
    request: JobRequest,
    places: Mapping[str, str],
    jobs: Mapping[str, Mapping[str, Any]],
) -> Job:
    """Return the job as a request asks for it.

    Args:
        jobs: settings of the jobs that its tasks may run, by id; they are read as well.

    Raises:
        UsageError, JobError: as for `run_job`, before anything runs.
    """
    job = read_job(settings, places).given(request.parameters)
    job = job.only(request.only) if request.only else job
    refused = () if request.skip_unsupported else _unsupported(job, jobs)
    if refused:
        named = ", ".join(f"'{task.key}' ({task.kind})" for task in refused)
        raise JobError(
            "LOCAL_KIND_UNSUPPORTED",
            f"Tasks that can't run locally: {named}",
            where=refused[0].where,
            hint="Skip unsupported tasks, or leave these out.",
        )
    return job


def _start(run: Run, kept: Sequence[TaskRun] = (), on_task: OnTask | None = None) -> JobRun:
    return _Graph(run, on_task or (lambda _: None)).run_all(kept)


def _kept(run: Run, earlier: Sequence[TaskRun]) -> list[TaskRun]:
    """Return what a repair keeps of the run before: what neither failed nor waits for failures."""
    failed = [each.task_key for each in earlier if each.state in FAILURES]
    known = {each.task_key for each in earlier}
    again = run.job.after({*failed, *(t.key for t in run.job.tasks if t.key not in known)})
    kept = [each for each in earlier if each.task_key not in again]
    for each in kept:
        for name, value in each.values.items():
            run.values.set(each.task_key, name, value)
    return kept


def unsupported_tasks(
    settings: Mapping[str, Any], places: Mapping[str, str] | None = None
) -> tuple[Task, ...]:
    """Return the tasks of a job that can't run locally; of a loop, the task that it repeats.

    Those that run other jobs are among them: here no other is known.

    Raises:
        UsageError: as `run_job`.
    """
    return _unsupported(read_job(settings, places or {}), {})


def _unsupported(
    job: Job, jobs: Mapping[str, Mapping[str, Any]], seen: frozenset[str] = frozenset()
) -> tuple[Task, ...]:
    """Return the tasks that can't run, also of the jobs that tasks run: `task.task of that job`."""
    found = []
    for task in job.tasks:
        if task.is_disabled:
            continue
        inner = replace(task.nested, key=task.key) if task.nested else task
        if not runs_locally(inner, jobs):
            found.append(inner)
        elif (
            inner.kind == "run_job_task" and (job_id := as_text(inner.config["job_id"])) not in seen
        ):
            others = _unsupported(read_job(jobs[job_id], {}), jobs, seen | {job_id})
            found += [replace(other, key=f"{task.key}.{other.key}") for other in others]
    return tuple(found)


@dataclass
class _Graph:
    """The tasks of one run, and how far they are; used by one thread."""

    run: Run
    on_task: OnTask
    _verdicts: dict[str, str | None] = field(default_factory=dict)
    _ended: queue.Queue[TaskRun] = field(default_factory=queue.Queue)
    _running: int = 0

    @property
    def job(self) -> Job:
        return self.run.job

    def run_all(self, kept: Sequence[TaskRun] = ()) -> JobRun:
        """Run the tasks, but for those of an earlier run that are kept."""
        for each in kept:
            self._note(each)
        waiting: Sequence[Task] = [t for t in self.job.tasks if t.key not in self.run.results]
        end = time.monotonic() + (self.job.timeout_seconds or math.inf)
        timed_out = False
        try:
            while waiting or self._running:
                waiting = self._start_ready(waiting)
                if self._running:
                    self._await_one()
                timed_out = time.monotonic() > end and bool(waiting or self._running)
                if timed_out or self.run.stopping.is_set():
                    self._break_off(waiting)
                    break
        except BaseException:
            self._break_off(())
            raise
        results = tuple(self.run.results[task.key] for task in self.job.tasks)
        awaited = {
            each.task_key
            for task, result in zip(self.job.tasks, results, strict=True)
            for each in task.depends_on
            if result.state != DISABLED  # as if the task were not there
        }
        ended_well = all(
            each.state not in FAILURES for each in results if each.task_key not in awaited
        )
        return JobRun(self.job.name, results, ended_well and not timed_out, timed_out)

    def _await_one(self) -> None:
        try:
            ended = self._ended.get(timeout=_LOOK_AGAIN_SECONDS)
        except queue.Empty:
            return
        self._running -= 1
        self._finish(ended)

    def _start_ready(self, waiting: Sequence[Task]) -> list[Task]:
        """Start or settle what can be; return what still waits."""
        left = []
        for task in waiting:
            if any(each.task_key not in self.run.results for each in task.depends_on):
                left.append(task)
                continue
            state = self._state_without_run(task)
            if state is not None:
                self._finish(_unstarted(task, state))
            elif self._running < self.run.max_parallel:
                self._start(task)
            else:
                left.append(task)
        return left

    def _state_without_run(self, task: Task) -> str | None:
        states = {key: result.state for key, result in self.run.results.items()}
        blocked = blocked_state(task.run_if, task.depends_on, states, self._verdicts)
        if blocked is not None:
            return blocked
        if task.is_disabled:
            return DISABLED
        return None if runs_locally(task, self.run.jobs) else UNSUPPORTED

    def _start(self, task: Task) -> None:
        kind = LOCAL_KINDS[task.kind]

        def attempts() -> None:
            try:
                result = run_task(self.run, task, kind)
            except BaseException as error:  # without an answer the run would wait for ever
                message = described(error, self.run.root)
                result = replace(_unstarted(task, FAILED), message=message)
            self._ended.put(result)

        threading.Thread(target=attempts, name=f"{task.key} attempts", daemon=True).start()
        self._running += 1

    def _finish(self, result: TaskRun) -> None:
        self._note(result)
        self.on_task(result)

    def _note(self, result: TaskRun) -> None:
        self.run.results[result.task_key] = result
        self._verdicts[result.task_key] = result.verdict

    def _break_off(self, waiting: Sequence[Task]) -> None:
        """Cancel what runs and wait for it; each has its grace and no more."""
        self.run.stopping.set()
        while self._running:
            self._running -= 1
            self._finish(self._ended.get())
        for task in waiting:
            self._finish(_unstarted(task, CANCELED))


def _unstarted(task: Task, state: str) -> TaskRun:
    return TaskRun(task.key, task.kind, state, message=_MESSAGES.get(state, ""))
