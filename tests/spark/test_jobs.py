"""Jobs as the Jobs API defines them run on local Spark, wherever they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headwater.errors import JobError
from headwater.jobs import JobRun, TaskRun, run_job

HEADER = "# Databricks notebook source\n"


def query(key: str, query_id: str, **more: Any) -> dict[str, Any]:
    sql = {"query": {"query_id": query_id}, "warehouse_id": "w", **more.pop("sql", {})}
    return {"task_key": key, "sql_task": sql, **more}


def test_job_runs_with_values_of_tasks_parameters_and_saved_queries(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "count.py").write_text(
        HEADER + "assert dbutils.widgets.get('region') == 'eu'\n"
        "dbutils.jobs.taskValues.set('rows', 3)"
    )
    notebook = {
        "notebook_path": "/Workspace/Users/someone/count",
        "base_parameters": {"region": "{{job.parameters.region}}"},
    }
    given = {"rows": "{{tasks.count.values.rows}}"}
    settings = {
        "name": "daily",
        "parameters": [{"name": "region", "default": "eu"}],
        "tasks": [
            query("ask", "7c5", sql={"parameters": given}, depends_on=[{"task_key": "count"}]),
            {"task_key": "count", "notebook_task": notebook},
        ],
    }
    seen: list[TaskRun] = []
    queries = {"7c5": "SELECT * FROM range(CAST(:rows AS INT))"}
    done = run_job(settings, spark=spark, root=tmp_path, queries=queries, on_task=seen.append)
    assert [(each.task_key, each.kind, each.state, each.rows) for each in done.tasks] == [
        ("ask", "sql_task", "SUCCESS", 3),
        ("count", "notebook_task", "SUCCESS", None),
    ]
    assert [each.task_key for each in seen] == ["count", "ask"]
    assert (done.name, done.succeeded) == ("daily", True)


def test_query_without_a_text_fails_at_its_place(spark: SparkSession, tmp_path: Path) -> None:
    settings = {"name": "daily", "tasks": [query("ask", "7c5")]}
    done: JobRun = run_job(settings, spark=spark, root=tmp_path, places={"ask": "jobs.yml:3"})
    assert not done.succeeded
    assert done.tasks[0].message.startswith("[LOCAL_QUERY_UNKNOWN]")
    assert "(jobs.yml:3)" in done.tasks[0].message


def test_inputs_of_a_loop_may_hold_references(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text("import sys\nassert sys.argv[1] in ('eu', '2', 'daily')")
    inner = {
        "task_key": "inner",
        "spark_python_task": {"python_file": "check.py", "parameters": ["{{input}}"]},
    }
    inputs = '["{{job.parameters.region}}", 2, "{{job.name}}"]'
    settings = {
        "name": "daily",
        "parameters": [{"name": "region", "default": "eu"}],
        "tasks": [{"task_key": "loop", "for_each_task": {"inputs": inputs, "task": inner}}],
    }
    done = run_job(settings, spark=spark, root=tmp_path)
    assert (done.tasks[0].state, done.tasks[0].message) == ("SUCCESS", "3 iterations")


def test_kind_that_does_not_run_is_refused_before_anything_runs(
    spark: SparkSession, tmp_path: Path
) -> None:
    wheel = {"package_name": "p", "entry_point": "e"}
    settings = {
        "name": "daily",
        "tasks": [query("ask", "q"), {"task_key": "w", "python_wheel_task": wheel}],
    }
    with pytest.raises(JobError) as caught:
        run_job(settings, spark=spark, root=tmp_path, queries={"q": "SELECT 1"})
    assert caught.value.code == "LOCAL_KIND_UNSUPPORTED"
    done = run_job(
        settings, spark=spark, root=tmp_path, queries={"q": "SELECT 1"}, skip_unsupported=True
    )
    assert [each.state for each in done.tasks] == ["SUCCESS", "UNSUPPORTED"]
