"""What a task gets to run with, and the references in its parameters."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.errors import JobError, TaskValueError, UsageError, nearest
from headwater.jobs.references import filled, time_as, unknown
from headwater.jobs.results import MOST_BYTES_TOLD, JobRun, TaskRun
from headwater.jobs.tasks import Job, Task, as_text, parameter_unknown
from headwater.state.target import Target

_LOOK_AGAIN_SECONDS = 0.2
NO_INPUT = object()
_WORKSPACE = {"id": "0", "url": "local"}
"""What `{{workspace.*}}` means here, where there is none."""


class TaskValues:
    """What tasks of one run tell each other, by task key and name; used by many threads."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def set(self, key: str, name: str, value: Any) -> None:
        """Keep the JSON form of a value, as a workspace does, and as a repair finds it.

        Raises:
            JobError: TASK_VALUE_TOO_LARGE.
        """
        text = json.dumps(value)
        if len(text.encode()) > MOST_BYTES_TOLD:
            raise JobError(
                "TASK_VALUE_TOO_LARGE",
                f"The value '{name}' takes more than 48 KiB as JSON",
                hint="Write it to a table or a file, and tell its name.",
            )
        with self._lock:
            self._values[key, name] = json.loads(text)

    def of(self, key: str) -> dict[str, Any]:
        """Return all that a task has told."""
        with self._lock:
            return {name: value for (task, name), value in self._values.items() if task == key}

    def get(self, key: str, name: str) -> Any:
        """Return a value.

        Raises:
            TaskValueError: TASK_VALUE_UNKNOWN.
        """
        with self._lock:
            if (key, name) in self._values:
                return self._values[key, name]
            known = [f"{each}.{name}" for each, name in self._values]
        raise TaskValueError(
            "TASK_VALUE_UNKNOWN",
            f"Task '{key}' has set no value '{name}'",
            hint=nearest(f"{key}.{name}", known) or "Set it with dbutils.jobs.taskValues.set.",
        )


@dataclass(frozen=True)
class Facts:
    """What a run tells of itself to its tasks.

    Args:
        run_id: of the run.
        job_id: of the job, as it was given.
        repair_count: how often the run was repaired.
        started: when, in UTC; a repair does not change it.
        depth: how many jobs started it, one through another.
        trigger: what started it, in the words of `{{job.trigger.type}}`.
    """

    run_id: int = 0
    job_id: str = ""
    repair_count: int = 0
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    depth: int = 0
    trigger: str = "one_time"


@dataclass(frozen=True)
class Run:
    """What all tasks of a run share.

    Args:
        root: the folder that paths are looked up below.
        target: of the bundle, or its name, for pipelines.
        queries: texts of saved queries, by id.
        jobs: settings of other jobs, by id.
        results: how tasks have ended so far, by key.
        attempts: how often tasks were started before, in a run that is repaired, by key.
        stopping: set when the run is being broken off.
        start: runs it; for tasks that run other jobs.
        max_parallel: how many tasks run at once.
    """

    spark: SparkSession
    root: Path
    job: Job
    target: Target | str | None = None
    queries: Mapping[str, str] = field(default_factory=dict)
    jobs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    results: dict[str, TaskRun] = field(default_factory=dict)
    values: TaskValues = field(default_factory=TaskValues)
    attempts: Mapping[str, int] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    start: Callable[[Run], JobRun] | None = None
    max_parallel: int = 4


@dataclass(frozen=True)
class TaskContext:
    """What one attempt of a task runs with.

    Args:
        task: what is run; in an iteration of a loop, the task that the loop repeats.
        key: of the task in the job; in an iteration, that of the loop.
        session: its own session: temporary views and settings are not shared with other tasks.
        tag: of the Spark jobs of this attempt.
        cancelled: set when its time is over; looked at between statements and cells.
        attempt: its number, from 1; in a run that is repaired, attempts of before count.
        input: of an iteration of a loop; NO_INPUT outside of loops.
    """

    run: Run
    task: Task
    session: SparkSession
    key: str
    tag: str = field(default_factory=lambda: f"headwater-{uuid.uuid4()}")
    cancelled: threading.Event = field(default_factory=threading.Event)
    attempt: int = 1
    input: Any = NO_INPUT

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
        self.session.interruptAll()
        for query in self.session.streams.active:
            query.stop()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the job, with their references filled in."""
        return {name: self._parameter(name) for name in self.run.job.parameters}

    def filled(self, value: Any) -> Any:
        """Fill in the references of a text, or of all texts in a list or mapping.

        Raises:
            UsageError: JOB_REFERENCE_UNKNOWN, JOB_PARAMETER_UNKNOWN, INPUT_UNKNOWN.
            JobError: TASK_VALUE_UNKNOWN.
        """
        return filled(value, self.meaning)

    def meaning(self, steps: tuple[str, ...], text: str) -> str:
        """Return what a reference stands for, by its steps; `text`, if it is none."""
        match steps:
            case ("tasks", key, "values", name):
                return as_text(self.run.values.get(key, name))
            case ("tasks", key, "output", *path):
                return self._output(key, path, text)
            case ("tasks", key, *rest):
                return self._of_task(key, ".".join(rest), text)
            case ("job", "parameters", name):
                return self._parameter(name)
            case ("job", "start_time", form) | ("job", "trigger", "time", form):
                return time_as(self.run.facts.started, form, text)
            case ("job", "trigger", "file_arrival" | "table_update", _):
                return ""  # a run that is started by hand has no such trigger
            case ("job", *rest):
                return self._known(self._of_job, ".".join(rest), text)
            case ("task", *rest):
                return self._known(self._of_this, ".".join(rest), text)
            case ("workspace", *rest):
                return self._known(_WORKSPACE, ".".join(rest), text)
            case ("input", *path):
                return as_text(self._part_of_input(path))
            case (name,) if name in self._deprecated:
                return self._deprecated[name]
        return text

    @property
    def _deprecated(self) -> dict[str, str]:
        """What references without a namespace mean."""
        started = self.run.facts.started
        return {
            "job_id": self._of_job["id"],
            "parent_run_id": self._of_job["run_id"],
            "run_id": self._of_this["run_id"],
            "task_key": self._of_this["name"],
            "task_retry_count": str(self.attempt - 1),
            "start_date": time_as(started, "iso_date"),
            "start_time": time_as(started, "timestamp_ms"),
        }

    @property
    def _of_job(self) -> dict[str, str]:
        facts = self.run.facts
        return {
            "id": facts.job_id,
            "name": self.run.job.name,
            "run_id": str(facts.run_id),
            "repair_count": str(facts.repair_count),
            "trigger.type": facts.trigger,
        }

    @property
    def _of_this(self) -> dict[str, str]:
        return {
            "name": self.key,
            "run_id": self._run_id(self.key),
            "execution_count": str(self.attempt),
            "notebook_path": str(self.config.get("notebook_path", "")),
        }

    def _of_task(self, key: str, name: str, text: str) -> str:
        ended = self.run.results.get(key)
        if ended is None:
            raise unknown(text, key, self.run.results)
        facts = {
            "result_state": ended.state.lower(),
            "run_id": self._run_id(key),
            "execution_count": str(ended.attempts),
        }
        return self._known(facts, name, text)

    def _output(self, key: str, path: list[str], text: str) -> str:
        """Return rows of a statement: all, the first, or a value of it."""
        rows = self.run.results[key].output if key in self.run.results else ()
        match path:
            case ["rows"]:
                return as_text(list(rows))
            case ["first_row"]:
                return as_text(rows[0] if rows else {})
            case ["first_row", column]:
                first = rows[0] if rows else {}
                found = {name.lower(): value for name, value in first.items()}
                if column.lower() not in found:
                    raise TaskValueError(
                        "TASK_OUTPUT_UNKNOWN",
                        f"The first row of task '{key}' has no column '{column}'"
                        if rows
                        else f"Task '{key}' has returned no row to take '{column}' from",
                        hint=nearest(column, list(first))
                        or "Give the column of the query an alias.",
                    )
                return as_text(found[column.lower()])
        raise unknown(text, ".".join(path), dict.fromkeys(("rows", "first_row")))

    def _known(self, facts: Mapping[str, str], name: str, text: str) -> str:
        if name not in facts:
            raise unknown(text, name, facts)
        return facts[name]

    def _run_id(self, key: str) -> str:
        """Return the id of the run of a task: that of the job's run, and its number in it."""
        number = [task.key for task in self.run.job.tasks].index(key) + 1
        return f"{self.run.facts.run_id}{number:03}"

    def _parameter(self, name: str) -> str:
        parameters = self.run.job.parameters
        if name not in parameters:
            raise parameter_unknown(name, parameters)

        def meant(steps: tuple[str, ...], text: str) -> str:
            is_parameter = steps[:2] == ("job", "parameters")  # which could refer to each other
            return text if is_parameter else self.meaning(steps, text)

        return str(filled(parameters[name], meant))

    def _part_of_input(self, path: list[str]) -> Any:
        value = self.input
        if value is NO_INPUT:
            raise UsageError(
                "INPUT_UNKNOWN",
                "Only tasks in a loop have an input",
                hint="Put the task into a for_each_task.",
            )
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                raise UsageError(
                    "INPUT_UNKNOWN",
                    f"The input of this iteration has no '{name}'",
                    hint="Give every element of inputs that name.",
                )
            value = value[name]
        return value
