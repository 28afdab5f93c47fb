"""Kinds of tasks: what each becomes in the Jobs API, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import Task

from lakeflow_job_meta.module_settings import MODULE_FIELDS, module_config_faults
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.task_builders import (
    PLAIN_FIELDS,
    TASK_KINDS,
    build_task,
    source_faults,
)

SQL = {"warehouse_id": "w1", "parameters": {"threshold": 5.0, "is_strict": True}}
SQL_PARAMETERS = {"threshold": "5.0", "is_strict": "true"}

EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "notebook": (
        {"notebook_path": "/Workspace/n", "base_parameters": {"day": 1, "source_id": "not me"}},
        {
            "notebook_task": {
                "notebook_path": "/Workspace/n",
                "base_parameters": {"day": "1", "source_id": "s", "control_table": "c.s.t"},
            }
        },
    ),
    "sql_query": (
        {"sql_task": {**SQL, "query_id": "q1"}},
        {
            "sql_task": {
                "warehouse_id": "w1",
                "query": {"query_id": "q1"},
                "parameters": SQL_PARAMETERS,
            }
        },
    ),
    "sql_file": (
        {"sql_task": {**SQL, "sql_file_path": "/Workspace/f.sql"}},
        {
            "sql_task": {
                "warehouse_id": "w1",
                "file": {"path": "/Workspace/f.sql"},
                "parameters": SQL_PARAMETERS,
            }
        },
    ),
    "python_script": (
        {"python_file": "/Workspace/f.py", "parameters": ["a"]},
        {"spark_python_task": {"python_file": "/Workspace/f.py", "parameters": ["a"]}},
    ),
    "python_wheel": (
        {"package_name": "p", "entry_point": "main", "named_parameters": {"a": 1}},
        {
            "python_wheel_task": {
                "package_name": "p",
                "entry_point": "main",
                "named_parameters": {"a": "1"},
            }
        },
    ),
    "pipeline": (
        {"pipeline_id": "p1", "full_refresh_selection": ["a"], "refresh_selection": ["b"]},
        {
            "pipeline_task": {
                "pipeline_id": "p1",
                "full_refresh_selection": ["a"],
                "refresh_selection": ["b"],
            }
        },
    ),
    "dbt": (
        {"commands": ["dbt run"], "warehouse_id": "w1", "project_directory": "/d"},
        {"dbt_task": {"commands": ["dbt run"], "warehouse_id": "w1", "project_directory": "/d"}},
    ),
    "run_job": (
        {"job_id": 7, "job_parameters": {"a": 1}},
        {"run_job_task": {"job_id": 7, "job_parameters": {"a": "1"}}},
    ),
    "condition": (
        {"op": "GREATER_THAN", "left": "{{tasks.a.values.n}}", "right": 0},
        {"condition_task": {"op": "GREATER_THAN", "left": "{{tasks.a.values.n}}", "right": "0"}},
    ),
    "for_each": (
        {
            "inputs": [1, 2],
            "concurrency": 2,
            "task": {"task_type": "notebook", "notebook_path": "/n"},
        },
        {
            "for_each_task": {
                "inputs": "[1, 2]",
                "concurrency": 2,
                "task": {
                    "task_key": "s_iteration",
                    "notebook_task": {
                        "notebook_path": "/n",
                        "base_parameters": {"source_id": "s", "control_table": "c.s.t"},
                    },
                },
            }
        },
    ),
}


def source(**config: Any) -> Source:
    return Source("s", "m", "sql", 1, transformation_config=config)


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(TASK_KINDS)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_kind_becomes_a_task_of_the_jobs_api(kind: str) -> None:
    given, expected = EXAMPLES[kind]
    described = source(task_type=kind, **given)
    task = build_task(described, "c.s.t")
    assert source_faults(described) == []
    assert task == {"task_key": "s", **expected}
    assert Task.from_dict(task).as_dict() == task  # the SDK knows every field of it


def test_settings_of_every_task_are_passed_on() -> None:
    settings = {
        "max_retries": 3,
        "min_retry_interval_millis": 1000,
        "retry_on_timeout": True,
        "timeout_seconds": 60,
        "run_if": "ALL_DONE",
        "job_cluster_key": "small",
        "email_notifications": {"on_failure": ["a@example.com"]},
        "libraries": [{"pypi": {"package": "x"}}],
        "disabled": False,
    }
    task = build_task(source(task_type="dbt", commands=["dbt run"], **settings), "t")
    assert {name: task[name] for name in settings} == settings
    assert Task.from_dict(task).as_dict() == task


def test_plain_fields_are_fields_of_the_sdk() -> None:
    assert set(PLAIN_FIELDS) <= set(Task.__dataclass_fields__)


def test_module_fields_are_fields_of_the_sdk() -> None:
    from databricks.sdk.service.jobs import JobSettings

    assert set(MODULE_FIELDS) <= set(JobSettings.__dataclass_fields__)


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ({}, "TASK_TYPE_MISSING", "sql_query"),
        ({"task_type": "sql_qery"}, "TASK_TYPE_UNKNOWN", "'sql_query'"),
        ({"task_type": "notebook"}, "FIELD_MISSING", "notebook_path"),
        ({"task_type": "notebook", "notebook_path": " "}, "FIELD_TYPE", "notebook_path"),
        ({"task_type": "notebook", "notebook_pth": "/n"}, "FIELD_UNKNOWN", "'notebook_path'"),
        ({"task_type": "sql_file", "sql_task": "x"}, "FIELD_TYPE", "sql_task"),
        (
            {"task_type": "sql_file", "sql_task": {"sql_file_path": "/f"}},
            "FIELD_MISSING",
            "warehouse_id",
        ),
        (
            {"task_type": "sql_query", "sql_task": {"warehouse_id": "w"}},
            "FIELD_MISSING",
            "sql_query or query_id",
        ),
        (
            {
                "task_type": "sql_query",
                "sql_task": {"warehouse_id": "w", "sql_query": "a", "query_id": "b"},
            },
            "FIELD_MISSING",
            "exactly one",
        ),
        ({"task_type": "run_job", "job_id": True}, "FIELD_TYPE", "whole number"),
        ({"task_type": "run_job", "job_id": 1, "run_if": "ALWAYS"}, "FIELD_VALUE", "run_if"),
        ({"task_type": "run_job", "job_id": 1, "depends_on": "a"}, "FIELD_TYPE", "depends_on"),
        ({"task_type": "run_job", "job_id": 1, "timeout_seconds": -1}, "FIELD_TYPE", "from 0"),
        (
            {
                "task_type": "dbt",
                "commands": ["a"],
                "job_cluster_key": "a",
                "existing_cluster_id": "b",
            },
            "COMPUTE_AMBIGUOUS",
            "job_cluster_key and existing_cluster_id",
        ),
        (
            {"task_type": "dbt", "commands": ["a"], "environment": {}},
            "FIELD_MISSING",
            "environment_key",
        ),
        (
            {"task_type": "for_each", "inputs": [], "task": {"task_type": "for_each"}},
            "TASK_NESTED",
            "loop",
        ),
        (
            {"task_type": "for_each", "inputs": [], "task": {"task_type": "notebook"}},
            "FIELD_MISSING",
            "transformation_config.task.notebook_path",
        ),
    ],
)
def test_fault_is_named_with_what_to_do(config: dict[str, Any], code: str, words: str) -> None:
    faults = source_faults(source(**config))
    (found,) = [fault for fault in faults if fault.code == code]
    assert words in f"{found.message} {found.hint}"
    assert (found.module_name, found.source_id) == ("m", "s")


def test_all_faults_of_a_source_come_at_once() -> None:
    faults = source_faults(source(task_type="python_wheel", package_nam="p", max_retries="3"))
    assert sorted(fault.code for fault in faults) == [
        "FIELD_MISSING",
        "FIELD_MISSING",
        "FIELD_TYPE",
        "FIELD_UNKNOWN",
    ]


def test_module_config_is_checked() -> None:
    given = Source("s", "m", "sql", module_config={"descripton": "x"})
    (fault,) = module_config_faults(given)
    assert (fault.code, fault.hint) == ("FIELD_UNKNOWN", "Did you mean 'description'?")


DAILY = {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "UTC"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"schedule": DAILY, "continuous": {}}, "continuous is set beside schedule"),
        ({"schedule": {**DAILY, "quartz_cron_expression": "0 6 * * *"}}, "has 5 fields"),
        ({"schedule": {**DAILY, "timezone_id": None}}, "timezone_id is missing"),
        ({"parameters": [{"name": "x"}, {"name": "x"}]}, "parameters has 'x' 2 times"),
        ({"parameters": [{"name": "x"}, 5]}, "no mapping with a name"),
        ({"run_as": {"user_name": "a", "service_principal_name": "b"}}, "exactly one identity"),
    ],
)
def test_settings_that_the_api_refuses_are_faults(config: dict[str, Any], said: str) -> None:
    (fault,) = module_config_faults(Source("s", "m", "sql", module_config=config))
    assert fault.code == "FIELD_VALUE"
    assert said in fault.message


def test_settings_that_the_api_takes_are_none() -> None:
    config = {"schedule": DAILY, "parameters": [{"name": "x"}], "run_as": {"user_name": "a"}}
    assert module_config_faults(Source("s", "m", "sql", module_config=config)) == []
