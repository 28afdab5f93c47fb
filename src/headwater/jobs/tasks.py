"""A job as the Jobs API defines it, read into tasks that can be run. Pure.

Source: Databricks, Jobs API 2.2, the settings of `jobs/create`, read November 2026. What does not
live here: what a task of some kind does (`kinds`), and settings that mean nothing locally.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from headwater.errors import UsageError, nearest

_KIND = "_task"
"""Ends the name of the one field of a task that tells its kind, such as `notebook_task`."""


RUN_IF = (
    "ALL_SUCCESS",
    "ALL_DONE",
    "NONE_FAILED",
    "AT_LEAST_ONE_SUCCESS",
    "ALL_FAILED",
    "AT_LEAST_ONE_FAILED",
)
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUAL_TO": operator.eq,
    "NOT_EQUAL": operator.ne,
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
"""What a condition may be; the first two compare texts, the others numbers."""

_OUTCOMES = ("true", "false")
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "pipeline_task": ("pipeline_id",),
    "condition_task": ("op", "left", "right"),
    "for_each_task": ("inputs", "task"),
    "python_wheel_task": ("package_name", "entry_point"),
    "run_job_task": ("job_id",),
    "dbt_task": ("commands",),
}
_SQL_TEXTS = {"query": "query_id", "file": "path"}
"""Where a `sql_task` names its text."""


@dataclass(frozen=True, order=True)
class Dependency:
    """A task that is waited for; `outcome` ("true", "false") is for condition tasks only."""

    task_key: str
    outcome: str | None = None


@dataclass(frozen=True)
class Task:
    """One task of a job.

    Args:
        kind: the name of its field that ends in `_task`.
        config: what that field holds.
        run_if: which ends of the tasks waited for let it start.
        max_retries: further attempts after a failed one; -1 for no limit.
        pause_seconds: between two attempts.
        timeout_seconds: of each attempt; None for no limit.
        where: the place of its definition, for errors.
    """

    key: str
    kind: str
    config: Mapping[str, Any]
    depends_on: tuple[Dependency, ...] = ()
    run_if: str = "ALL_SUCCESS"
    max_retries: int = 0
    pause_seconds: float = 0.0
    retry_on_timeout: bool = False
    timeout_seconds: float | None = None
    is_disabled: bool = False
    where: str = ""

    @property
    def nested(self) -> Task | None:
        """The task that a loop repeats."""
        if self.kind != "for_each_task":
            return None
        return read_task(self.config.get("task"), self.where)


@dataclass(frozen=True)
class Job:
    """A job.

    Args:
        tasks: in the order of its definition; each waits only for others of them.
        parameters: names and default values.
        timeout_seconds: of a whole run; None for no limit.
        keys: of all its tasks, also where `only` some run.
    """

    name: str
    tasks: tuple[Task, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float | None = None
    keys: frozenset[str] = frozenset()

    def given(self, values: Mapping[str, str]) -> Job:
        """Return the job with other values of its parameters.

        Raises:
            UsageError: JOB_PARAMETER_UNKNOWN.
        """
        for name in values:
            if name not in self.parameters:
                raise parameter_unknown(name, self.parameters)
        return replace(self, parameters={**self.parameters, **values})

    def only(self, keys: Sequence[str]) -> Job:
        """Return the job with these tasks alone; none waits for one that is left out.

        Raises:
            UsageError: TASK_UNKNOWN.
        """
        known = [task.key for task in self.tasks]
        for key in keys:
            if key not in known:
                raise UsageError(
                    "TASK_UNKNOWN",
                    f"The job has no task '{key}'",
                    hint=nearest(key, known) or f"It has: {_list(known)}.",
                )
        tasks = [
            replace(
                task, depends_on=tuple(each for each in task.depends_on if each.task_key in keys)
            )
            for task in self.tasks
            if task.key in keys
        ]
        return replace(self, tasks=tuple(tasks))

    def after(self, keys: Collection[str]) -> set[str]:
        """Name tasks, and all that wait for them in one or more steps."""
        found = set(keys)
        while more := {
            task.key
            for task in self.tasks
            if task.key not in found and any(each.task_key in found for each in task.depends_on)
        }:
            found |= more
        return found


def read_job(settings: Mapping[str, Any], places: Mapping[str, str]) -> Job:
    """Read the settings of a job.

    Args:
        settings: as `jobs/create` takes them; fields that say nothing of a local run are passed
            over.
        places: where tasks are defined, by task key.

    Raises:
        UsageError: JOB_INVALID, TASK_KEY_DUPLICATE, DEPENDENCY_UNKNOWN, DEPENDENCY_CYCLE.

    Example:
        >>> notebook = {"task_key": "load", "notebook_task": {"notebook_path": "etl/load"}}
        >>> read_job({"name": "sales", "tasks": [notebook]}, {}).tasks[0].kind
        'notebook_task'
    """
    given = settings.get("tasks")
    if not isinstance(given, list) or not given:
        raise _invalid("The job has no tasks", f"job {settings.get('name')}")
    tasks = [read_task(each, places.get(_key_of(each), "")) for each in given]
    for task in tasks:
        _ = task.nested  # a loop with a fault is refused before anything runs
    _check_graph(tasks)
    return Job(
        str(settings.get("name") or "Untitled"),
        tuple(tasks),
        _defaults(settings),
        _number(settings, "timeout_seconds", f"job {settings.get('name')}") or None,
        frozenset(task.key for task in tasks),
    )


def _defaults(settings: Mapping[str, Any]) -> dict[str, str]:
    """Read the parameters of a job: names and default values."""
    given = settings.get("parameters") or ()
    if not all(isinstance(each, Mapping) and each.get("name") for each in given):
        said = "A parameter of the job is not a mapping with a name"
        raise _invalid(said, f"job {settings.get('name')}")
    defaults = {str(each["name"]): each.get("default") for each in given}
    return {name: "" if each is None else as_text(each) for name, each in defaults.items()}


def read_task(given: Any, where: str = "") -> Task:
    """Read one task.

    Raises:
        UsageError: JOB_INVALID.
    """
    key = _key_of(given)
    where = where or f"task {key or '?'}"
    if not key:
        raise _invalid("A task is not a mapping with a task_key", where)
    kinds = [
        name for name, value in given.items() if name.endswith(_KIND) and isinstance(value, Mapping)
    ]
    if len(kinds) != 1:
        said = f"has {' and '.join(kinds)}" if kinds else "has no field such as notebook_task"
        raise _invalid(f"Task '{key}' {said}; it needs exactly one", where)
    config = given[kinds[0]]
    missing = _missing(kinds[0], config)
    if missing:
        raise _invalid(f"Task '{key}' has a {kinds[0]} without {', '.join(missing)}", where)
    run_if = given.get("run_if") or "ALL_SUCCESS"
    if run_if not in RUN_IF:
        raise _invalid(f"Task '{key}' has an unknown run_if '{run_if}'", where)
    return Task(
        key,
        kinds[0],
        _read_config(kinds[0], config, key, where),
        tuple(_dependency(each, key, where) for each in given.get("depends_on") or ()),
        run_if=run_if,
        max_retries=_number(given, "max_retries", where, least=-1),
        pause_seconds=_number(given, "min_retry_interval_millis", where) / 1000,
        retry_on_timeout=_flag(given, "retry_on_timeout", where),
        timeout_seconds=_number(given, "timeout_seconds", where) or None,
        is_disabled=_flag(given, "disabled", where),
        where=where,
    )


def _missing(kind: str, config: Mapping[str, Any]) -> list[str]:
    """Name what a task of some kind needs, and lacks."""
    if kind == "sql_task":
        parts = [(name, config.get(name), part) for name, part in _SQL_TEXTS.items()]
        return [
            f"{name}.{part}"
            for name, given, part in parts
            if given is not None and not (isinstance(given, Mapping) and given.get(part))
        ]
    return [name for name in _REQUIRED.get(kind, ()) if config.get(name) is None]


def _read_config(kind: str, config: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """Check what only one kind of task has, and read what YAML may hold in another type."""
    if kind == "condition_task":
        if config["op"] not in OPERATORS:
            raise _invalid(
                f"Task '{key}' has an unknown op '{config['op']}'; "
                f"known are {', '.join(OPERATORS)}",
                where,
            )
        return {**config, **{side: as_text(config[side]) for side in ("left", "right")}}
    if kind == "for_each_task":
        if not isinstance(config["inputs"], str):
            raise _invalid(f"inputs of task '{key}' is not a text, such as '[1, 2]'", where)
        nested = config["task"]
        if isinstance(nested, Mapping) and "for_each_task" in nested:
            raise _invalid(f"Task '{key}' repeats a loop, which jobs do not support", where)
        at_once = {"concurrency": 1, **{k: v for k, v in config.items() if v is not None}}
        return {**config, "concurrency": _number(at_once, "concurrency", where, least=1)}
    return config


def _number(given: Mapping[str, Any], name: str, where: str, least: int = 0) -> int:
    """Read a whole number, also from a text, as values of `--var` are; 0 if there is none."""
    value = given.get(name)
    if value is None:
        return 0
    try:
        number = int(str(value))
    except ValueError:
        raise _invalid(f"{name} is not a whole number", where) from None
    if number < least:
        raise _invalid(f"{name} is less than {least}", where)
    return number


def _flag(given: Mapping[str, Any], name: str, where: str) -> bool:
    """Read `true` or `false`, which may be written as a text; false if it is not there."""
    value = given.get(name)
    if isinstance(value, str) and value.lower() in _OUTCOMES:
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _invalid(f"{name} is neither true nor false", where)


def as_text(value: Any) -> str:
    """Write a value as a parameter of a task is written: texts as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def parameter_unknown(name: str, known: Iterable[str]) -> UsageError:
    """Make the error for a parameter that a job does not have."""
    return UsageError(
        "JOB_PARAMETER_UNKNOWN",
        f"The job has no parameter '{name}'",
        hint=nearest(name, list(known)) or "List it in the parameters of the job.",
    )


def _key_of(given: Any) -> str:
    key = given.get("task_key") if isinstance(given, Mapping) else None
    return key if isinstance(key, str) else ""


def _dependency(given: Any, key: str, where: str) -> Dependency:
    if not _key_of(given):
        raise _invalid(f"Task '{key}' has a depends_on without a task_key", where)
    outcome = given.get("outcome")
    if outcome is not None and as_text(outcome) not in _OUTCOMES:
        raise _invalid(
            f"Task '{key}' waits for an outcome of '{given['task_key']}' that is neither "
            "true nor false",
            where,
        )
    return Dependency(given["task_key"], None if outcome is None else as_text(outcome))


def _check_graph(tasks: Sequence[Task]) -> None:
    """Refuse tasks of one key, and dependencies that could never be met."""
    known = [task.key for task in tasks]
    kinds = {task.key: task.kind for task in tasks}
    for task in tasks:
        if known.count(task.key) > 1:
            raise UsageError(
                "TASK_KEY_DUPLICATE",
                f"Two tasks have the key '{task.key}'",
                where=task.where,
                hint="Give each task of a job a key of its own.",
            )
        for each in task.depends_on:
            if each.task_key not in known:
                raise UsageError(
                    "DEPENDENCY_UNKNOWN",
                    f"Task '{task.key}' waits for '{each.task_key}', which the job does not have",
                    where=task.where,
                    hint=nearest(each.task_key, known) or f"It has: {_list(known)}.",
                )
            if each.outcome is not None and kinds[each.task_key] != "condition_task":
                said = f"Task '{task.key}' waits for an outcome of '{each.task_key}'"
                raise _invalid(f"{said}, which is no condition", task.where)
    try:
        TopologicalSorter({t.key: [d.task_key for d in t.depends_on] for t in tasks}).prepare()
    except CycleError as error:
        raise UsageError(
            "DEPENDENCY_CYCLE",
            f"Tasks wait for each other: {' -> '.join(reversed(error.args[1]))}",
            hint="Take one of these out of depends_on.",
        ) from None


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:10])


def _invalid(message: str, where: str) -> UsageError:
    return UsageError(
        "JOB_INVALID", message, where=where, hint="Write the job as the Jobs API defines it."
    )
