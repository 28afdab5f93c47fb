"""The kinds of tasks: what each needs, and how it becomes a task of the Jobs API.

`TASK_KINDS` is the table: a new kind is one row and one function. Pure: tasks are mappings as the
Jobs API 2.2 has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.errors import nearest
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.fields import Field, field_faults
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.utils import task_key

Config = Mapping[str, Any]
Task = dict[str, Any]

QUERY_ID_LATER = "<saved query>"
"""Stands for the id of a saved query until `saved_queries` knows it."""

PLAIN_FIELDS: Mapping[str, Field] = {
    "description": Field("text"),
    "max_retries": Field("retries"),
    "min_retry_interval_millis": Field("natural"),
    "retry_on_timeout": Field("flag"),
    "timeout_seconds": Field("natural"),
    "run_if": Field(
        "text",
        choices=(
            "ALL_SUCCESS",
            "ALL_DONE",
            "NONE_FAILED",
            "AT_LEAST_ONE_SUCCESS",
            "ALL_FAILED",
            "AT_LEAST_ONE_FAILED",
        ),
    ),
    "environment_key": Field("text"),
    "job_cluster_key": Field("text"),
    "existing_cluster_id": Field("text"),
    "email_notifications": Field("mapping"),
    "webhook_notifications": Field("mapping"),
    "notification_settings": Field("mapping"),
    "health": Field("mapping"),
    "libraries": Field("list"),
    "disabled": Field("flag"),
}
"""Fields of every task that go into the Jobs API as they are."""

NESTED_FIELDS = frozenset(
    name for name, field in PLAIN_FIELDS.items() if field.kind in ("mapping", "list")
) | {"environment", "new_cluster"}
"""Fields with fields of their own, which only the SDK knows."""

COMMON_FIELDS: Mapping[str, Field] = {
    **PLAIN_FIELDS,
    "task_type": Field("text", is_required=True),
    "depends_on": Field("dependencies"),
    "environment": Field("mapping"),
    "new_cluster": Field("mapping"),
}

_FILE_SOURCE = Field("text", choices=("WORKSPACE", "GIT"))
_SQL_FIELDS: Mapping[str, Field] = {
    "warehouse_id": Field("text", is_required=True),
    "parameters": Field("parameters"),
}


@dataclass(frozen=True)
class TaskKind:
    """One row of the table.

    Args:
        build: from the configuration, the source's id and the control table's name to the part of
            the task that is this kind's own.
        fields: what `transformation_config` may hold beside `COMMON_FIELDS`.
        sql_fields: what its `sql_task` may hold; a `sql_task` is required then.
        either: names of `sql_fields` of which exactly one has to be there.
    """

    build: Callable[[Config, str, str], Task]
    fields: Mapping[str, Field]
    sql_fields: Mapping[str, Field] | None = None
    either: tuple[str, ...] = ()


def build_task(source: Source, control_table: str) -> Task:
    """Return a source as a task of the Jobs API, without what it waits for.

    Call it on a source that `source_faults` finds no fault with.

    Args:
        control_table: passed to notebooks, beside the source's id.
    """
    return _task(source.transformation_config, source.source_id, control_table)


def _task(config: Config, source_id: str, control_table: str) -> Task:
    kind = TASK_KINDS[config["task_type"]]
    plain = {name: config[name] for name in PLAIN_FIELDS if config.get(name) is not None}
    own = kind.build(config, source_id, control_table)
    return {"task_key": task_key(source_id), **plain, **own}


def source_faults(source: Source) -> list[Fault]:
    """Find what is wrong with a source's `transformation_config`."""
    faults = _config_faults(source, source.transformation_config, "transformation_config")
    if "{{" in source.source_id:  # notebooks get it as a parameter, where Jobs would replace it
        said = "source_id holds '{{', which begins a dynamic reference in a job"
        faults.append(source.fault("SOURCE_ID_REFERENCE", said, "Rename the source."))
    return faults


def _config_faults(source: Source, config: Config, path: str) -> list[Fault]:
    name = config.get("task_type")
    if not name or not isinstance(name, str):
        known = ", ".join(TASK_KINDS)
        return [
            source.fault("TASK_TYPE_MISSING", f"{path}.task_type is missing", f"One of {known}.")
        ]
    kind = TASK_KINDS.get(name)
    if kind is None:
        known = f"It is one of {', '.join(TASK_KINDS)}."
        return [
            source.fault(
                "TASK_TYPE_UNKNOWN",
                f"Unknown task_type '{name}'",
                nearest(name, TASK_KINDS) or known,
            )
        ]
    faults = field_faults(source, config, {**COMMON_FIELDS, **kind.fields, **_section(kind)}, path)
    if kind.sql_fields is not None and isinstance(config.get("sql_task"), dict):
        faults += _sql_faults(source, config["sql_task"], kind, f"{path}.sql_task")
    faults += _compute_faults(source, config, path)
    if name == "for_each" and isinstance(config.get("task"), dict):
        faults += _nested_faults(source, config["task"], f"{path}.task")
    return faults


def _sql_faults(source: Source, given: Config, kind: TaskKind, path: str) -> list[Fault]:
    faults = field_faults(source, given, kind.sql_fields or {}, path)
    if kind.either and sum(given.get(each) is not None for each in kind.either) != 1:
        said = f"{path} needs exactly one of {' or '.join(kind.either)}"
        faults.append(source.fault("FIELD_MISSING", said, "Set one of them."))
    return faults


def _section(kind: TaskKind) -> dict[str, Field]:
    return {} if kind.sql_fields is None else {"sql_task": Field("mapping", is_required=True)}


def _compute_faults(source: Source, config: Config, path: str) -> list[Fault]:
    chosen = [
        name
        for name in ("environment_key", "job_cluster_key", "existing_cluster_id")
        if config.get(name) is not None
    ]
    faults = []
    if len(chosen) > 1:
        faults.append(
            source.fault(
                "COMPUTE_AMBIGUOUS", f"{path} sets {' and '.join(chosen)}", "Keep one of them."
            )
        )
    for spec, key in (("environment", "environment_key"), ("new_cluster", "job_cluster_key")):
        if config.get(spec) is not None and config.get(key) is None:
            faults.append(
                source.fault("FIELD_MISSING", f"{path}.{spec} needs {key}", f"Name it by {key}.")
            )
    return faults


def _nested_faults(source: Source, config: Config, path: str) -> list[Fault]:
    if config.get("task_type") == "for_each" or config.get("depends_on"):
        return [
            source.fault(
                "TASK_NESTED",
                f"{path} is a loop itself, or waits for tasks",
                "Put depends_on on the for_each task; a loop can't hold a loop.",
            )
        ]
    return _config_faults(source, config, path)


def as_text(value: Any) -> str:
    """Write a parameter's value as the Jobs API wants it; truth values as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(values: Config | None) -> dict[str, str]:
    return {name: as_text(value) for name, value in (values or {}).items()}


def _picked(config: Config, *names: str) -> Task:
    return {name: config[name] for name in names if config.get(name) is not None}


def _notebook(config: Config, source_id: str, control_table: str) -> Task:
    always = {"source_id": source_id, "control_table": control_table}
    return {
        "notebook_task": {
            **_picked(config, "notebook_path", "source", "warehouse_id"),
            "base_parameters": {**_texts(config.get("base_parameters")), **always},
        }
    }


def _sql_task(config: Config, what: Task) -> Task:
    given = config["sql_task"]
    parameters = _texts(given.get("parameters"))
    with_parameters = {"parameters": parameters} if parameters else {}
    return {"sql_task": {"warehouse_id": given["warehouse_id"], **what, **with_parameters}}


def _sql_query(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    query_id = config["sql_task"].get("query_id") or QUERY_ID_LATER
    return _sql_task(config, {"query": {"query_id": query_id}})


def _sql_file(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    given = config["sql_task"]
    return _sql_task(config, {"file": {"path": given["sql_file_path"], **_picked(given, "source")}})


def _python_script(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    return {"spark_python_task": _picked(config, "python_file", "parameters", "source")}


def _python_wheel(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    task = _picked(config, "package_name", "entry_point", "parameters")
    if config.get("named_parameters"):
        task["named_parameters"] = _texts(config["named_parameters"])
    return {"python_wheel_task": task}


def _pipeline(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    return {"pipeline_task": _picked(config, "pipeline_id", *_REFRESH_FIELDS)}


def _dbt(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    return {"dbt_task": _picked(config, *_DBT_FIELDS)}


def _run_job(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    task = _picked(config, "job_id")
    if config.get("job_parameters"):
        task["job_parameters"] = _texts(config["job_parameters"])
    return {"run_job_task": task}


def _condition(config: Config, source_id: str, control_table: str) -> Task:
    del source_id, control_table
    left, right = as_text(config["left"]), as_text(config["right"])
    return {"condition_task": {"op": config["op"], "left": left, "right": right}}


def nested_key(source_id: str) -> str:
    """Return the key of the task that a `for_each` source repeats."""
    return task_key(f"{source_id}_iteration")


def _for_each(config: Config, source_id: str, control_table: str) -> Task:
    nested = _task(config["task"], source_id, control_table)
    nested["task_key"] = nested_key(source_id)
    inputs = config["inputs"]
    as_json = inputs if isinstance(inputs, str) else json.dumps(inputs)
    return {"for_each_task": {"inputs": as_json, **_picked(config, "concurrency"), "task": nested}}


_REFRESH_FIELDS: Mapping[str, Field] = {
    "full_refresh": Field("flag"),
    "refresh_selection": Field("texts"),
    "full_refresh_selection": Field("texts"),
}
_DBT_FIELDS: Mapping[str, Field] = {
    "commands": Field("texts", is_required=True),
    "project_directory": Field("text"),
    "profiles_directory": Field("text"),
    "warehouse_id": Field("text"),
    "catalog": Field("text"),
    "schema": Field("text"),
    "source": _FILE_SOURCE,
}
_OPERATORS = (
    "EQUAL_TO",
    "NOT_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
)

TASK_KINDS: Mapping[str, TaskKind] = {
    "notebook": TaskKind(
        _notebook,
        {
            "notebook_path": Field("text", is_required=True),
            "base_parameters": Field("parameters"),
            "source": _FILE_SOURCE,
            "warehouse_id": Field("text"),
        },
    ),
    "sql_query": TaskKind(
        _sql_query,
        {},
        sql_fields={**_SQL_FIELDS, "sql_query": Field("text"), "query_id": Field("text")},
        either=("sql_query", "query_id"),
    ),
    "sql_file": TaskKind(
        _sql_file,
        {},
        sql_fields={
            **_SQL_FIELDS,
            "sql_file_path": Field("text", is_required=True),
            "source": _FILE_SOURCE,
        },
    ),
    "python_script": TaskKind(
        _python_script,
        {
            "python_file": Field("text", is_required=True),
            "parameters": Field("texts"),
            "source": _FILE_SOURCE,
        },
    ),
    "python_wheel": TaskKind(
        _python_wheel,
        {
            "package_name": Field("text", is_required=True),
            "entry_point": Field("text", is_required=True),
            "parameters": Field("texts"),
            "named_parameters": Field("parameters"),
        },
    ),
    "pipeline": TaskKind(
        _pipeline, {"pipeline_id": Field("text", is_required=True), **_REFRESH_FIELDS}
    ),
    "dbt": TaskKind(_dbt, _DBT_FIELDS),
    "run_job": TaskKind(
        _run_job,
        {"job_id": Field("whole", is_required=True), "job_parameters": Field("parameters")},
    ),
    "condition": TaskKind(
        _condition,
        {
            "op": Field("text", is_required=True, choices=_OPERATORS),
            "left": Field("scalar", is_required=True),
            "right": Field("scalar", is_required=True),
        },
    ),
    "for_each": TaskKind(
        _for_each,
        {
            "inputs": Field("inputs", is_required=True),
            "concurrency": Field("positive"),
            "task": Field("mapping", is_required=True),
        },
    ),
}
