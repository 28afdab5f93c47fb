"""Jobs as the Jobs API defines them run on local Spark, wherever they come from."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headwater.errors import JobError
from headwater.jobs import JobRequest, JobRun, TaskRun, run_job

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
    jar = {"main_class_name": "org.example.Main"}
    settings = {
        "name": "daily",
        "tasks": [query("ask", "q"), {"task_key": "w", "spark_jar_task": jar}],
    }
    with pytest.raises(JobError) as caught:
        run_job(settings, spark=spark, root=tmp_path, queries={"q": "SELECT 1"})
    assert caught.value.code == "LOCAL_KIND_UNSUPPORTED"
    asked = JobRequest(skip_unsupported=True)
    done = run_job(settings, spark=spark, root=tmp_path, queries={"q": "SELECT 1"}, request=asked)
    assert [each.state for each in done.tasks] == ["SUCCESS", "UNSUPPORTED"]


def script(key: str, text: str, folder: Path, *parameters: str, **more: Any) -> dict[str, Any]:
    (folder / f"{key}.py").write_text(text)
    task = {"python_file": f"{key}.py", "parameters": list(parameters)}
    return {"task_key": key, "spark_python_task": task, **more}


def test_jobs_run_each_other_and_entry_points_of_packages(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "plain_package"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import sys\n\ndef main():\n    assert sys.argv == ['main', '--day=5', '--n=7'], sys.argv\n"
    )
    metadata = tmp_path / "plain_package-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plain-package\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    wheel = {
        "package_name": "plain-package",
        "entry_point": "main",
        "named_parameters": {"day": "x", "n": "{{job.parameters.n}}"},
    }
    inner = {
        "name": "inner",
        "parameters": [{"name": "day", "default": "0"}, {"name": "n", "default": "0"}],
        "tasks": [{"task_key": "wheel", "python_wheel_task": wheel}],
    }
    told = {"job_id": 12, "job_parameters": {"n": "7", "day": "x"}}
    looping = {"name": "loop", "tasks": [{"task_key": "again", "run_job_task": {"job_id": "13"}}]}
    outer = {
        "name": "outer",
        "parameters": [{"name": "day", "default": "5"}],
        "tasks": [
            {"task_key": "other", "run_job_task": told},
            {"task_key": "endless", "run_job_task": {"job_id": "13"}},
        ],
    }
    done = run_job(outer, spark=spark, root=tmp_path, jobs={"12": inner, "13": looping})
    other, endless = done.tasks
    assert (other.state, other.message) == ("SUCCESS", "1 tasks of job 'inner'")
    assert "[JOBS_NESTED]" in endless.message
    with pytest.raises(JobError, match=r"LOCAL_KIND_UNSUPPORTED.*'other' \(run_job_task\)"):
        run_job(outer, spark=spark, root=tmp_path, jobs={"13": looping})


def test_repair_runs_what_failed_and_what_waits_for_it(spark: SparkSession, tmp_path: Path) -> None:
    count = "with open('{0}', 'a') as f: f.write('x')\n".replace("{0}", str(tmp_path / "first"))
    flaky = f"import pathlib\nassert pathlib.Path({str(tmp_path / 'mended')!r}).exists()"
    after = (
        "import sys\n"
        "assert sys.argv[1:] == ['4', 'success', '1', '77', '2026-11-25', '2', 'local'], sys.argv"
    )
    told = ["{{tasks.first.values.n}}", "{{tasks.flaky.result_state}}"]
    told += ["{{job.repair_count}}", "{{job.run_id}}", "{{job.start_time.iso_date}}"]
    told += ["{{tasks.flaky.execution_count}}", "{{workspace.url}}"]
    condition = {"op": "EQUAL_TO", "left": "{{tasks.first.values.n}}", "right": "4"}
    settings = {
        "name": "daily",
        "tasks": [
            script("first", count + "dbutils.jobs.taskValues.set('n', 4)", tmp_path),
            {
                "task_key": "is_four",
                "depends_on": [{"task_key": "first"}],
                "condition_task": condition,
            },
            script(
                "flaky",
                flaky,
                tmp_path,
                depends_on=[{"task_key": "is_four", "outcome": "true"}],
            ),
            script("after", after, tmp_path, *told, depends_on=[{"task_key": "flaky"}]),
        ],
    }
    failed = run_job(settings, spark=spark, root=tmp_path)
    states = {each.task_key: each.state for each in failed.tasks}
    assert states == {
        "first": "SUCCESS",
        "is_four": "SUCCESS",
        "flaky": "FAILED",
        "after": "UPSTREAM_FAILED",
    }
    (tmp_path / "mended").touch()
    again: list[str] = []
    began = datetime(2026, 11, 25, 23, 59, tzinfo=timezone.utc)
    request = JobRequest(earlier=failed.tasks, repair_count=1, run_id=77, started=began)
    done = run_job(
        settings,
        spark=spark,
        root=tmp_path,
        request=request,
        on_task=lambda task: again.append(task.task_key),
    )
    assert done.succeeded, [each.message for each in done.tasks]
    assert again == ["flaky", "after"]
    assert (tmp_path / "first").read_text() == "x"


def test_tasks_get_the_rows_of_a_statement(spark: SparkSession, tmp_path: Path) -> None:
    text = "SELECT 7.50 AS price, n, NULL AS none, array(n) AS list FROM VALUES (1), (2) AS t(n)"
    of_query = "tasks.ask.output"
    told = [f"{{{{{of_query}.first_row.PRICE}}}}", f"{{{{{of_query}.first_row}}}}"]
    inner = script("inner", "import sys\nassert sys.argv[1] in ('1-[1]', '2-[2]')", tmp_path)
    inner["spark_python_task"]["parameters"] = ["{{input.n}}-{{input.list}}"]
    waits = {"depends_on": [{"task_key": "ask"}]}
    see = (
        "import json, sys\nassert sys.argv[1] == '7.50'\n"
        "assert json.loads(sys.argv[2]) == "
        "{'price': '7.50', 'n': '1', 'none': None, 'list': '[1]'}, sys.argv"
    )
    more = {"op": "GREATER_THAN", "left": f"{{{{{of_query}.first_row.n}}}}", "right": 0}
    inputs = f"{{{{{of_query}.rows}}}}"
    settings = {
        "name": "daily",
        "tasks": [
            query("ask", "q"),
            script("see", see, tmp_path, *told, **waits),
            {"task_key": "loop", "for_each_task": {"inputs": inputs, "task": inner}, **waits},
            {"task_key": "more", "condition_task": more, **waits},
            script("typo", "", tmp_path, f"{{{{{of_query}.first_row.prize}}}}", **waits),
            query("much", "r"),
            script("after", "", tmp_path, "{{tasks.much.output.rows}}"),
        ],
    }
    queries = {"q": text, "r": "SELECT * FROM range(1001)"}
    done = run_job(settings, spark=spark, root=tmp_path, queries=queries)
    ended = {each.task_key: each for each in done.tasks}
    assert [ended[key].state for key in ("ask", "see", "loop", "more")] == ["SUCCESS"] * 4, [
        each.message for each in done.tasks
    ]
    assert (ended["ask"].rows, ended["loop"].rows, ended["more"].verdict) == (2, None, "true")
    assert "7.50" not in repr(ended["ask"])
    assert ended["typo"].message.startswith("[TASK_OUTPUT_UNKNOWN]")
    assert "'price'" in ended["typo"].message
    assert ended["much"].message.startswith("[SQL_OUTPUT_TOO_LARGE]")


def test_task_in_a_loop_has_retries_and_a_time_of_its_own(
    spark: SparkSession, tmp_path: Path
) -> None:
    flaky = (
        "import pathlib, sys\nseen = pathlib.Path(sys.argv[1])\n"
        "if not seen.exists():\n    seen.touch()\n    raise KeyError(sys.argv[1])"
    )
    again = script("again", flaky, tmp_path, str(tmp_path / "{{input}}"), max_retries="1")
    slow = "import time\nwhile True:\n    spark.sql('SELECT 1').collect()\n    time.sleep(0.05)"
    late = script("late", slow, tmp_path, timeout_seconds=1)
    loops = {"again": ('["a", "b"]', again), "late": ("[1]", late)}
    settings = {
        "name": "daily",
        "tasks": [
            {"task_key": key, "for_each_task": {"inputs": inputs, "task": task, "concurrency": 2}}
            for key, (inputs, task) in loops.items()
        ],
    }
    done = run_job(settings, spark=spark, root=tmp_path)
    assert (done.tasks[0].state, done.tasks[0].message) == ("SUCCESS", "2 iterations")
    assert done.tasks[1].state == "FAILED"
    assert "1 of 1 iterations failed, the first with [TASK_TIMEOUT]" in done.tasks[1].message


def test_job_that_a_job_runs_is_a_run_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    text = "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv[2:]))"
    told = ["{{job.run_id}}", "{{job.repair_count}}", "{{job.trigger.type}}", "{{job_id}}"]
    inner = script("inner", text, tmp_path, str(tmp_path / "inner.txt"), *told)
    outer = {
        "name": "outer",
        "tasks": [
            {"task_key": "go", "run_job_task": {"job_id": "7"}},
            script("own", text, tmp_path, str(tmp_path / "own.txt"), *told),
        ],
    }
    request = JobRequest(run_id=41, repair_count=2)
    jobs = {"7": {"name": "inner", "tasks": [inner]}}
    done = run_job(outer, spark=spark, root=tmp_path, request=request, job_id="6", jobs=jobs)
    assert done.succeeded, [each.message for each in done.tasks]
    assert (tmp_path / "own.txt").read_text().split() == ["41", "2", "one_time", "6"]
    run_id, *others = (tmp_path / "inner.txt").read_text().split()
    assert (run_id != "41", others) == (True, ["0", "run_job_task", "7"])


def test_task_of_another_job_that_does_not_run_is_refused_before_anything_runs(
    spark: SparkSession, tmp_path: Path
) -> None:
    jar = {"task_key": "w", "spark_jar_task": {"main_class_name": "org.example.Main"}}
    jobs = {"7": {"name": "inner", "tasks": [jar, query("last", "q", depends_on=[])]}}
    settings = {
        "name": "outer",
        "tasks": [query("first", "q"), {"task_key": "go", "run_job_task": {"job_id": 7}}],
    }
    given: dict[str, Any] = {"spark": spark, "root": tmp_path, "queries": {"q": "SELECT 1"}}
    with pytest.raises(JobError, match=r"LOCAL_KIND_UNSUPPORTED.*'go\.w' \(spark_jar_task\)"):
        run_job(settings, jobs=jobs, **given)
    asked = JobRequest(skip_unsupported=True)
    assert run_job(settings, jobs=jobs, request=asked, **given).succeeded


def test_failure_before_a_disabled_task_fails_the_run(spark: SparkSession, tmp_path: Path) -> None:
    waits = {"depends_on": [{"task_key": "a"}], "run_if": "ALL_DONE"}
    settings = {
        "name": "daily",
        "tasks": [
            script("a", "raise SystemExit(3)", tmp_path),
            script("b", "", tmp_path, disabled=True, **waits),
        ],
    }
    done = run_job(settings, spark=spark, root=tmp_path)
    assert [each.state for each in done.tasks] == ["FAILED", "DISABLED"]
    assert not done.succeeded


def test_time_of_a_whole_run_is_limited(spark: SparkSession, tmp_path: Path) -> None:
    wait = "import time\nwhile True:\n    spark.sql('SELECT 1').collect()\n    time.sleep(0.05)"
    settings = {
        "name": "daily",
        "timeout_seconds": 1,
        "tasks": [
            script("wait", wait, tmp_path),
            script("next", "", tmp_path, depends_on=[{"task_key": "wait"}]),
        ],
    }
    done = run_job(settings, spark=spark, root=tmp_path)
    assert (done.state, done.timed_out) == ("TIMEDOUT", True)
    assert [each.state for each in done.tasks] == ["CANCELED", "CANCELED"]


def test_only_some_tasks_run_and_wait_for_no_other(spark: SparkSession, tmp_path: Path) -> None:
    settings = {
        "name": "daily",
        "tasks": [
            script("a", "raise SystemExit(3)", tmp_path),
            script("b", "", tmp_path, depends_on=[{"task_key": "a"}]),
        ],
    }
    done = run_job(settings, spark=spark, root=tmp_path, request=JobRequest(only=("b",)))
    assert [(each.task_key, each.state) for each in done.tasks] == [("b", "SUCCESS")]
