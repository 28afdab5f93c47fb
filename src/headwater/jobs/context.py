"""What a task gets to run with, and the references in its parameters."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.errors import JobError, UsageError, nearest
from headwater.jobs.tasks import Job, Task, as_text

_LOOK_AGAIN_SECONDS = 0.2
_REFERENCE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


class TaskValues:
    """What tasks of one run tell each other, by task key and name; used by many threads."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def set(self, key: str, name: str, value: Any) -> None:
        """Keep a value; it has to have a JSON form, as in a workspace."""
        json.dumps(value)
        with self._lock:
            self._values[key, name] = value

    def get(self, key: str, name: str) -> Any:
        """Return a value.

        Raises:
            JobError: TASK_VALUE_UNKNOWN.
        """
        with self._lock:
            if (key, name) in self._values:
                return self._values[key, name]
            known = [f"{each}.{name}" for each, name in self._values]
        raise JobError(
            "TASK_VALUE_UNKNOWN",
            f"Task '{key}' has set no value '{name}'",
            hint=nearest(f"{key}.{name}", known) or "Set it with dbutils.jobs.taskValues.set.",
        )


@dataclass(frozen=True)
class Run:
    """What all tasks of a run share.

    Args:
        root: the folder that paths are looked up below.
        target: target of the bundle, for pipelines.
        queries: texts of saved queries, by id.
        stopping: set when the run is being broken off.
    """

    spark: SparkSession
    root: Path
    job: Job
    target: str | None = None
    queries: Mapping[str, str] = field(default_factory=dict)
    values: TaskValues = field(default_factory=TaskValues)
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class TaskContext:
    """What one attempt of a task runs with.

    Args:
        task: what is run; in an iteration of a loop, the task that the loop repeats.
        key: of the task in the job; in an iteration, that of the loop.
        session: its own session: temporary views and settings are not shared with other tasks.
        tag: of the Spark jobs of this attempt.
        cancelled: set when its time is over; looked at between statements and cells.
        input: of an iteration of a loop.
        sessions: those of the iterations of a loop, beside its own.
    """

    run: Run
    task: Task
    session: SparkSession
    key: str
    tag: str
    cancelled: threading.Event
    input: Any = None
    sessions: list[SparkSession] = field(default_factory=list)

    @property
    def config(self) -> Mapping[str, Any]:
        """What the task's field of its kind holds."""
        return self.task.config

    def check(self) -> None:
        """Stop here when the attempt was cancelled.

        Raises:
            JobError: TASK_CANCELLED.
        """
        if self.cancelled.is_set():
            raise JobError("TASK_CANCELLED", "The task was cancelled")

    @contextmanager
    def alone(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock for the length of a `with` block; waiting for it ends by a cancel.

        Raises:
            JobError: TASK_CANCELLED.
        """
        while not lock.acquire(timeout=_LOOK_AGAIN_SECONDS):
            self.check()
        try:
            self.check()
            yield
        finally:
            lock.release()

    def interrupt(self) -> None:
        """Break off the Spark work of this attempt, in whichever threads it goes on.

        Work that it starts after that goes on: call it until the attempt has ended.
        """
        self.session.sparkContext.cancelJobsWithTag(self.tag)
        for session in (self.session, *self.sessions):
            session.interruptAll()
            for query in session.streams.active:
                query.stop()

    def iteration(self, task: Task, value: Any, session: SparkSession) -> TaskContext:
        """Return the context of one iteration of this loop."""
        self.sessions.append(session)
        return replace(self, task=task, input=value, session=session)

    def filled(self, value: Any) -> Any:
        """Fill in the references of a text, or of all texts in a list or mapping.

        Known are `{{tasks.<key>.values.<name>}}`, `{{job.parameters.<name>}}`, `{{input}}` and
        `{{input.<name>}}`, `{{task.name}}`, `{{job.name}}`; any other text in braces stays.
        """
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: self._meant(found[1], found[0]), value)
        if isinstance(value, Mapping):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        return value

    def _meant(self, name: str, text: str) -> str:
        parts = name.split(".")
        if len(parts) == 4 and parts[0] == "tasks" and parts[2] == "values":
            return as_text(self.run.values.get(parts[1], parts[3]))
        if len(parts) == 3 and parts[:2] == ["job", "parameters"]:
            return self._parameter(parts[2])
        if parts[0] == "input":
            return as_text(self._part_of_input(parts[1:]))
        plain = {"task.name": self.key, "job.name": self.run.job.name}
        return plain.get(name, text)

    def _parameter(self, name: str) -> str:
        if name in self.run.job.parameters:
            return self.run.job.parameters[name]
        raise UsageError(
            "JOB_PARAMETER_UNKNOWN",
            f"The job has no parameter '{name}'",
            hint=nearest(name, self.run.job.parameters) or "List it in the parameters of the job.",
        )

    def _part_of_input(self, path: list[str]) -> Any:
        value = self.input
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                raise UsageError(
                    "INPUT_UNKNOWN",
                    f"The input of this iteration has no '{name}'",
                    hint="Give every element of inputs that name.",
                )
            value = value[name]
        return value
