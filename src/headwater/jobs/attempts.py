"""One task from start to end: attempts, their time limit, and breaking off what they run."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.jobs.bundles import bundle_of
from headwater.jobs.context import Run, TaskContext
from headwater.jobs.failures import described
from headwater.jobs.results import CANCELED, FAILED, SUCCESS, TIMEDOUT, Outcome, TaskRun
from headwater.jobs.sessions import task_session
from headwater.jobs.tasks import Task
from headwater.machine.session import activate

GRACE_SECONDS = 5.0
"""How long a cancelled attempt has to end; after that it is left to itself."""

_CANCEL_AGAIN_SECONDS = 0.2

Work = Callable[[TaskContext], Outcome]


@dataclass(frozen=True)
class Ended:
    """How the last attempt ended; `error` is None for a success.

    Args:
        attempts: how many there were.
        left: whether it still runs.
    """

    outcome: Outcome
    error: BaseException | None = None
    attempts: int = 1
    timed_out: bool = False
    left: bool = False

    def told(self, task: Task, root: Path) -> str:
        """Describe a failure in one line."""
        assert self.error is not None  # noqa: S101 - asked for failures only
        if not self.timed_out:
            return described(self.error, root)
        said = f"[TASK_TIMEOUT] The task took more than {task.timeout_seconds} s"
        return f"{said}; its Python code can't be interrupted and still runs" if self.left else said


def run_task(run: Run, task: Task, work: Work) -> TaskRun:
    """Run a task, with as many attempts as it allows."""
    began, before = time.monotonic(), run.attempts.get(task.key, 0)

    def begin(number: int) -> TaskContext:
        session = task_session(run.spark, partial(bundle_of, run))
        return TaskContext(run, task, session, key=task.key, attempt=before + number)

    ended = run_attempts(begin, work, run.stopping)
    state, message = SUCCESS, ended.outcome.message
    if ended.error is not None:
        is_stopped = run.stopping.is_set() and not ended.timed_out
        state = CANCELED if is_stopped else TIMEDOUT if ended.timed_out else FAILED
        stopped = "[TASK_CANCELLED] The run was stopped"
        message = stopped if is_stopped else ended.told(task, run.root)
    return TaskRun(
        task.key,
        task.kind,
        state,
        seconds=round(time.monotonic() - began, 3),
        rows=ended.outcome.rows,
        message=message,
        attempts=before + ended.attempts,
        verdict=ended.outcome.verdict,
        values=run.values.of(task.key),
        output=ended.outcome.output,
    )


def run_attempts(
    begin: Callable[[int], TaskContext], work: Work, stopping: threading.Event
) -> Ended:
    """Run attempts of a task, or of an iteration of a loop, until one is the last.

    `max_retries` (-1: without end), `min_retry_interval_millis`, `retry_on_timeout` and
    `timeout_seconds` (of each attempt) mean what they mean in a job.

    Args:
        begin: returns the context of an attempt, by its number from 1.
        stopping: is set to break them off.
    """
    for number in itertools.count(1):
        context, began = begin(number), time.monotonic()
        task = context.task
        ended = replace(_attempt(context, work, stopping), attempts=number)
        is_over = ended.error is None or stopping.is_set() or ended.left
        if is_over or (ended.timed_out and not task.retry_on_timeout):
            break
        if 0 <= task.max_retries < number:
            break
        left = task.pause_seconds - (time.monotonic() - began)  # it counts from start to start
        if stopping.wait(max(left, 0)):
            break
    return ended


def _attempt(context: TaskContext, work: Work, stopping: threading.Event) -> Ended:
    """Run one attempt in a thread of its own, so that it can be left when it doesn't end."""
    answers: list[Ended] = []

    def attempt() -> None:
        try:
            activate(context.session)
            with tagged(context.session, context.tag):
                answers.append(Ended(work(context)))
        except BaseException as error:  # whatever user code raises is the answer of the task
            answers.append(Ended(Outcome(), error))

    thread = threading.Thread(target=attempt, name=context.task.key, daemon=True)
    thread.start()
    if _ends_in_time(thread, stopping, context.task.timeout_seconds):
        return answers[0]
    timed_out = not stopping.is_set()
    _cancel(context, thread)
    error = answers[0].error if answers else None
    cancelled = error or TimeoutError()
    return Ended(Outcome(), cancelled, timed_out=timed_out, left=thread.is_alive())


def _ends_in_time(
    thread: threading.Thread, stopping: threading.Event, timeout_seconds: float | None
) -> bool:
    end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while thread.is_alive():
        left = _CANCEL_AGAIN_SECONDS if end is None else end - time.monotonic()
        if left <= 0 or stopping.is_set():
            return False
        thread.join(min(left, _CANCEL_AGAIN_SECONDS))
    return True


def _cancel(context: TaskContext, thread: threading.Thread) -> None:
    """Cancel Spark work until the attempt ends: code that catches the error starts more of it.

    Python code that doesn't call Spark is not interrupted.
    """
    context.cancelled.set()
    end = time.monotonic() + GRACE_SECONDS
    while thread.is_alive() and time.monotonic() < end:
        context.interrupt()
        thread.join(_CANCEL_AGAIN_SECONDS)


@contextmanager
def tagged(session: SparkSession, tag: str) -> Iterator[None]:
    """Tag the Spark jobs that this thread starts, so that they can be cancelled.

    The tags of sessions (`SparkSession.addTag`) do not reach SQL in Spark 4.2.
    """
    session.sparkContext.addJobTag(tag)
    try:
        yield
    finally:
        session.sparkContext.removeJobTag(tag)
