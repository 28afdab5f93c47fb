"""One task from start to end: attempts, their time limit, and breaking off what they run."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

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
    """How an attempt ended; `error` is None for a success, `left` tells that it still runs."""

    outcome: Outcome
    error: BaseException | None = None
    timed_out: bool = False
    left: bool = False


def run_task(run: Run, task: Task, work: Work) -> TaskRun:
    """Run a task, with as many attempts as it allows.

    `max_retries` (-1: without end), `min_retry_interval_millis`, `retry_on_timeout` and
    `timeout_seconds` (of each attempt) mean what they mean in a job.
    """
    began, attempts = time.monotonic(), 0
    while True:
        attempts += 1
        ended = _attempt(run, task, work, attempts)
        if ended.error is None or run.stopping.is_set() or ended.left:
            break
        if ended.timed_out and not task.retry_on_timeout:
            break
        if 0 <= task.max_retries < attempts or run.stopping.wait(task.pause_seconds):
            break
    return _result(run, task, ended, attempts, time.monotonic() - began)


def _result(run: Run, task: Task, ended: Ended, attempts: int, seconds: float) -> TaskRun:
    state, message = SUCCESS, ended.outcome.message
    if ended.timed_out:
        said = f"[TASK_TIMEOUT] The task took more than {task.timeout_seconds} s"
        state, message = TIMEDOUT, said
        if ended.left:
            message += "; its Python code can't be interrupted and still runs"
    elif ended.error is not None and run.stopping.is_set():
        state, message = CANCELED, "[TASK_CANCELLED] The run was stopped"
    elif ended.error is not None:
        state, message = FAILED, described(ended.error, run.root)
    return TaskRun(
        task.key,
        task.kind,
        state,
        seconds=round(seconds, 3),
        rows=ended.outcome.rows,
        message=message,
        attempts=attempts,
        verdict=ended.outcome.verdict,
        values=run.values.of(task.key),
    )


def _attempt(run: Run, task: Task, work: Work, number: int) -> Ended:
    """Run one attempt in a thread of its own, so that it can be left when it doesn't end."""
    session = task_session(run.spark, partial(bundle_of, run))
    context = TaskContext(
        run,
        task,
        session,
        key=task.key,
        tag=f"headwater-{uuid.uuid4()}",
        cancelled=threading.Event(),
        attempt=number,
    )
    answers: list[Ended] = []

    def attempt() -> None:
        try:
            activate(session)
            with tagged(session, context.tag):
                answers.append(Ended(work(context)))
        except BaseException as error:  # whatever user code raises is the answer of the task
            answers.append(Ended(Outcome(), error))

    thread = threading.Thread(target=attempt, name=task.key, daemon=True)
    thread.start()
    if _ends_in_time(thread, run, task.timeout_seconds):
        return answers[0]
    timed_out = not run.stopping.is_set()
    _cancel(context, thread)
    error = answers[0].error if answers else None
    cancelled = error or TimeoutError()
    return Ended(Outcome(), cancelled, timed_out=timed_out, left=thread.is_alive())


def _ends_in_time(thread: threading.Thread, run: Run, timeout_seconds: float | None) -> bool:
    end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while thread.is_alive():
        left = _CANCEL_AGAIN_SECONDS if end is None else end - time.monotonic()
        if left <= 0 or run.stopping.is_set():
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
