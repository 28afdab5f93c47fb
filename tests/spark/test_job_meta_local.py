"""Modules run on local Spark as their jobs would: order, parallelism, failures, parameters."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from harness import Project
from lakeflow_job_meta.errors import MetadataError
from lakeflow_job_meta.local.results import RunResult, TaskResult
from lakeflow_job_meta.local.runner import run_module
from lakeflow_job_meta.sources import Source

HEADER = "# Databricks notebook source\n"
_numbers = itertools.count(1)


class Bench:
    """A folder for a module's files, and a schema for its tables."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self.schema = f"job_meta_{next(_numbers)}"
        spark.sql(f"CREATE SCHEMA {self.schema}")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text.replace("SCHEMA", self.schema), encoding="utf-8")

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.spark.sql(text.replace("SCHEMA", self.schema)).collect()]

    def run(self, *sources: Source, **options: Any) -> RunResult:
        return run_module(
            sources, control_table="main.ops.control", spark=self.spark, root=self.folder, **options
        )

    def states(self, *sources: Source, **options: Any) -> dict[str, str]:
        return {each.source_id: each.state for each in self.run(*sources, **options).results}

    def query(self, name: str, order: int | None, text: str, **more: Any) -> Source:
        parameters = more.pop("parameters", {})
        text = text.replace("SCHEMA", self.schema)
        sql_task = {"warehouse_id": "w", "sql_query": text, "parameters": parameters}
        return source(name, order, {"task_type": "sql_query", "sql_task": sql_task, **more})


def source(name: str, order: int | None, config: Mapping[str, Any], **more: Any) -> Source:
    return Source(name, "module", "any", order, transformation_config=config, where=name, **more)


def notebook(name: str, order: int | None = 1, **more: Any) -> Source:
    return source(name, order, {"task_type": "notebook", "notebook_path": name, **more})


def script(name: str, order: int | None = 1, **more: Any) -> Source:
    return source(name, order, {"task_type": "python_script", "python_file": f"{name}.py", **more})


def condition(name: str, op: str, left: str, right: str, order: int | None = None) -> Source:
    return source(name, order, {"task_type": "condition", "op": op, "left": left, "right": right})


def one(result: RunResult) -> TaskResult:
    [found] = result.results
    return found


@pytest.fixture
def bench(spark: SparkSession, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(spark, tmp_path)
    yield bench
    spark.sql(f"DROP SCHEMA {bench.schema} CASCADE")


FAILS = "SELECT raise_error('row 17 of a patient')"


def test_diamond_with_a_failure_leaves_the_other_branch_alone(bench: Bench) -> None:
    seen: list[str] = []
    result = bench.run(
        bench.query("top", None, "CREATE TABLE SCHEMA.top AS SELECT 1 AS x"),
        bench.query("left", None, FAILS, depends_on=["top"]),
        bench.query("right", None, "SELECT * FROM SCHEMA.top", depends_on=["top"]),
        bench.query("below_left", None, "SELECT 1", depends_on=["left"]),
        bench.query("bottom", None, "SELECT 1", depends_on=["left", "right"]),
        on_result=lambda each: seen.append(each.source_id),
    )
    assert {each.source_id: each.state for each in result.results} == {
        "top": "SUCCESS",
        "left": "FAILED",
        "right": "SUCCESS",
        "below_left": "UPSTREAM_FAILED",
        "bottom": "UPSTREAM_FAILED",
    }
    assert not result.succeeded
    assert seen[0] == "top"
    assert seen.index("bottom") > seen.index("right")


def test_failure_tells_code_and_line_but_no_values(bench: Bench) -> None:
    text = "SELECT 1;\n\nSELECT\n  cast('row 17 of ' || :name AS INT)"
    result = one(bench.run(bench.query("check", 1, text, parameters={"name": "Erika"})))
    assert "[CAST_INVALID_INPUT]" in result.message
    assert "check:4" in result.message
    assert "row 17" not in result.message
    assert "Erika" not in result.message


def test_tasks_of_one_order_run_at_the_same_time_and_the_next_after_both(bench: Bench) -> None:
    meeting = threading.Barrier(2, timeout=60)
    threading.lakeflow_meeting = meeting  # type: ignore[attr-defined]
    code = "import threading\nthreading.lakeflow_meeting.wait()\n"
    for name in ("a", "b"):
        bench.write(
            f"{name}.py", HEADER + code + f"spark.range(2).write.saveAsTable('SCHEMA.{name}')"
        )
    after = bench.query("after", 2, "SELECT * FROM SCHEMA.a UNION ALL SELECT * FROM SCHEMA.b")
    result = bench.run(notebook("a"), notebook("b"), after)
    assert [(each.state, each.rows) for each in result.results] == [
        ("SUCCESS", None),
        ("SUCCESS", None),
        ("SUCCESS", 4),
    ]


def test_max_parallel_bounds_what_runs_at_once(bench: Bench) -> None:
    bench.write(
        "n.py",
        HEADER
        + "import threading\n"
        + "assert threading.lakeflow_alone.acquire(blocking=False)\n"
        + "spark.range(1).collect()\n"
        + "threading.lakeflow_alone.release()\n",
    )
    threading.lakeflow_alone = threading.Lock()  # type: ignore[attr-defined]
    sources = [source(name, 1, notebook("n").transformation_config) for name in "abcd"]
    assert set(bench.states(*sources, max_parallel=1).values()) == {"SUCCESS"}


def test_run_if_lets_a_cleanup_run_and_the_run_succeed(bench: Bench) -> None:
    result = bench.run(
        bench.query("load", 1, FAILS),
        bench.query("clean", 2, "SELECT 1", run_if="AT_LEAST_ONE_FAILED"),
    )
    assert [each.state for each in result.results] == ["FAILED", "SUCCESS"]
    assert result.succeeded


def test_condition_takes_one_branch_and_the_branches_join(bench: Bench) -> None:
    bench.write("count.py", HEADER + "dbutils.jobs.taskValues.set('rows', 12)")
    states = bench.states(
        notebook("count"),
        condition("enough", "GREATER_THAN", "{{tasks.count.values.rows}}", "2", order=2),
        bench.query(
            "yes", None, "SELECT 1", depends_on=[{"source_id": "enough", "outcome": "true"}]
        ),
        bench.query(
            "no", None, "SELECT 1", depends_on=[{"source_id": "enough", "outcome": "false"}]
        ),
        bench.query("after_no", None, "SELECT 1", depends_on=["no"]),
        bench.query("join", None, "SELECT 1", depends_on=["yes", "no"], run_if="NONE_FAILED"),
    )
    assert states == {
        "count": "SUCCESS",
        "enough": "SUCCESS",
        "yes": "SUCCESS",
        "no": "EXCLUDED",
        "after_no": "EXCLUDED",
        "join": "SUCCESS",
    }


@pytest.mark.parametrize(
    ("op", "left", "right", "taken"),
    [
        ("EQUAL_TO", "12.0", "12", "false"),
        ("GREATER_THAN_OR_EQUAL", "12.0", "12", "true"),
        ("LESS_THAN", "9", "10", "true"),
        ("NOT_EQUAL", "{{job.parameters.region}}", "eu", "false"),
    ],
)
def test_condition_compares_texts_or_numbers(
    bench: Bench, op: str, left: str, right: str, taken: str
) -> None:
    settings = {"parameters": [{"name": "region", "default": "eu"}]}
    config = {"task_type": "condition", "op": op, "left": left, "right": right}
    then = condition("then", "EQUAL_TO", "1", "1").transformation_config
    then = {**then, "depends_on": [{"source_id": "if", "outcome": taken}]}
    states = bench.states(
        source("if", None, config, module_config=settings), source("then", None, then)
    )
    assert states == {"if": "SUCCESS", "then": "SUCCESS"}


def test_order_of_what_is_no_number_fails(bench: Bench) -> None:
    result = one(bench.run(condition("if", "LESS_THAN", "abc", "1")))
    assert result.state == "FAILED"
    assert result.message.startswith("[CONDITION_NOT_NUMERIC]")


def test_retries_go_on_until_an_attempt_succeeds(bench: Bench) -> None:
    bench.write(
        "flaky.py",
        HEADER
        + "spark.sql('CREATE TABLE IF NOT EXISTS SCHEMA.tries (x INT)')\n"
        + "spark.sql('INSERT INTO SCHEMA.tries VALUES (1)')\n"
        + "assert spark.table('SCHEMA.tries').count() == 3",
    )
    result = one(bench.run(notebook("flaky", max_retries=5)))
    assert (result.state, result.attempts) == ("SUCCESS", 3)


def test_retries_end(bench: Bench) -> None:
    result = one(bench.run(bench.query("bad", 1, FAILS, max_retries=1)))
    assert (result.state, result.attempts) == ("FAILED", 2)


ENDLESS = "SELECT count(*) FROM range(0, 1000000000000, 1, 2) WHERE id % 7 = 3"


def test_timeout_cancels_spark_work_of_that_task_alone(bench: Bench) -> None:
    result = bench.run(
        bench.query("endless", 1, ENDLESS, timeout_seconds=2, max_retries=3),
        bench.query("short", 1, "SELECT count(*) FROM range(1000)"),
        bench.query("after", 2, "SELECT 1"),
    )
    assert [(each.state, each.attempts) for each in result.results] == [
        ("TIMEDOUT", 1),
        ("SUCCESS", 1),
        ("UPSTREAM_FAILED", 0),
    ]
    assert result.results[0].seconds < 12


def test_timeout_is_retried_when_asked(bench: Bench) -> None:
    query = bench.query(
        "endless", 1, ENDLESS, timeout_seconds=1, max_retries=1, retry_on_timeout=True
    )
    result = one(bench.run(query))
    assert (result.state, result.attempts) == ("TIMEDOUT", 2)


def test_disabled_tasks_are_skipped_and_what_waits_goes_on(bench: Bench) -> None:
    states = bench.states(
        bench.query("off", 1, FAILS, disabled=True), bench.query("on", 2, "SELECT 1")
    )
    assert states == {"off": "SKIPPED", "on": "SUCCESS"}


def test_kinds_that_do_not_run_are_all_named_before_anything_runs(bench: Bench) -> None:
    wheel = {"task_type": "python_wheel", "package_name": "p", "entry_point": "e"}
    loop = {"task_type": "for_each", "inputs": [1], "task": {"task_type": "run_job", "job_id": 1}}
    sources = [
        bench.query("first", 1, "CREATE TABLE SCHEMA.made (x INT)"),
        source("wheel", 2, wheel),
        source("loop", 2, loop),
        bench.query("last", 3, "SELECT 1"),
    ]
    with pytest.raises(MetadataError) as caught:
        bench.run(*sources)
    assert [(each.code, each.source_id) for each in caught.value.faults] == [
        ("LOCAL_KIND_UNSUPPORTED", "wheel"),
        ("LOCAL_KIND_UNSUPPORTED", "loop"),
    ]
    assert bench.sql("SHOW TABLES IN SCHEMA") == []
    assert bench.states(*sources, skip_unsupported=True) == {
        "first": "SUCCESS",
        "wheel": "UNSUPPORTED",
        "loop": "UNSUPPORTED",
        "last": "SUCCESS",
    }


def test_faults_of_the_graph_end_the_run_before_it_begins(bench: Bench) -> None:
    with pytest.raises(MetadataError) as caught:
        bench.run(
            bench.query("a", None, "SELECT 1", depends_on=["b"]),
            bench.query("b", None, "SELECT 1", depends_on=["a"]),
        )
    assert caught.value.code == "DEPENDENCY_CYCLE"


HOSTILE = "x'; DROP TABLE t; --\"`\\"


def test_parameters_are_bound_and_never_pasted(bench: Bench) -> None:
    bench.sql("CREATE TABLE SCHEMA.t (v STRING)")
    text = """
        INSERT INTO IDENTIFIER(:catalog || '.' || :schema || '.t') VALUES (:v), ({{ v }});
        SELECT * FROM IDENTIFIER(:schema || '.t') WHERE v = :v AND ':v' <> v
    """
    parameters = {"catalog": "main", "schema": bench.schema, "v": HOSTILE, "unused": "1"}
    result = one(bench.run(bench.query("insert", 1, text, parameters=parameters)))
    assert (result.state, result.rows, result.message) == ("SUCCESS", 2, "")
    assert bench.sql("SELECT * FROM SCHEMA.t") == [(HOSTILE,), (HOSTILE,)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT 1; SELECT :treshold", "PARAMETER_MISSING"),
        ("SELECT '{{ threshold }}'", "PARAMETER_IN_STRING"),
        (" -- nothing", "SQL_EMPTY"),
    ],
)
def test_sql_with_a_fault_does_not_begin(bench: Bench, text: str, code: str) -> None:
    query = bench.query("q", 1, text, parameters={"threshold": "5"})
    result = one(bench.run(query))
    assert result.state == "FAILED"
    assert result.message.startswith(f"[{code}]")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT 1 AS a, 2 AS a WHERE false", 0),
        ("SELECT * FROM range(3)", 3),
        ("INSERT INTO SCHEMA.t VALUES (1)", None),
        (
            "MERGE INTO SCHEMA.t USING (SELECT 2 AS x) s ON s.x = t.x "
            "WHEN NOT MATCHED THEN INSERT *",
            1,
        ),
        ("SELECT 1; UPDATE SCHEMA.t SET x = 3 WHERE x = 0", 1),
        ("SET spark.sql.ansi.enabled", 1),
    ],
)
def test_rows_are_told_where_something_says_so(bench: Bench, text: str, rows: int | None) -> None:
    bench.sql("CREATE TABLE SCHEMA.t AS SELECT 0 AS x")
    result = one(bench.run(bench.query("q", 1, text)))
    assert (result.message, result.rows) == ("", rows)


def test_tasks_share_tables_but_no_temporary_views(bench: Bench) -> None:
    states = bench.states(
        bench.query("make", 1, "CREATE TEMP VIEW mine AS SELECT 1; SELECT * FROM mine"),
        bench.query("read", 2, "SELECT * FROM mine"),
    )
    assert states == {"make": "SUCCESS", "read": "FAILED"}


EVERYTHING = (
    HEADER
    + """\
# MAGIC %md
# MAGIC # All that a notebook may hold

# COMMAND ----------

# MAGIC %pip install nothing

# COMMAND ----------

# MAGIC %run ./shared/setup $greeting="from run"

# COMMAND ----------

dbutils.widgets.text("day", "default")
dbutils.widgets.dropdown("kind", "a", ["a", "b"])
assert (dbutils.widgets.get("day"), dbutils.widgets.get("kind")) == ("it's", "a")
assert dbutils.widgets.getArgument("nothing", "else") == "else"
assert dbutils.widgets.getAll()["source_id"] == "everything"
assert dbutils.widgets.get("control_table") == "main.ops.control"
assert told == "from run"

# COMMAND ----------

# MAGIC %sql
# MAGIC CREATE OR REPLACE TABLE SCHEMA.t (day STRING);
# MAGIC INSERT INTO SCHEMA.t VALUES (:day);
# MAGIC SELECT * FROM SCHEMA.t

# COMMAND ----------

# MAGIC %python
# MAGIC assert [row.day for row in _sqldf.collect()] == ["it's"]
# MAGIC display(_sqldf)

# COMMAND ----------

dbutils.fs.put("/Volumes/main/a/b/one.txt", "hello", True)
assert dbutils.fs.head("dbfs:/Volumes/main/a/b/one.txt") == "hello"
assert [each.name for each in dbutils.fs.ls("/Volumes/main/a/b")] == ["one.txt"]
assert dbutils.notebook.run("shared/child", 60, {"n": 20}) == "21"
try:
    dbutils.notebook.exit("done")
except Exception:
    raise AssertionError("exit is no error")

# COMMAND ----------

raise AssertionError("nothing runs after exit")
"""
)


def test_notebook_with_everything_runs_twice(bench: Bench) -> None:
    bench.write("everything.py", EVERYTHING)
    setup = HEADER + 'dbutils.widgets.text("greeting", "")\ntold = dbutils.widgets.get("greeting")'
    bench.write("shared/setup.py", setup)
    child = "dbutils.notebook.exit(int(dbutils.widgets.get('n')) + 1)"
    cell = {"cell_type": "code", "source": child, "metadata": {}, "outputs": []}
    bench.write("shared/child.ipynb", json.dumps({"cells": [cell], "nbformat": 4}))
    for _ in range(2):
        result = one(bench.run(notebook("everything", base_parameters={"day": "it's"})))
        assert result.message == "not done locally: %pip in everything.py:cell 2"
        assert result.state == "SUCCESS"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("x = 1\nraise ValueError('Erika')", "[TASK_FAILED] ValueError (n.py:cell 2:6)"),
        ("x = 1\ny = undefined", "name 'undefined' is not defined (n.py:cell 2:6)"),
        ("x = (1\n", "[TASK_FAILED] SyntaxError: '(' was never closed (n.py:cell 2:5)"),
        ("spark.sql('SELECT cast(\"Erika\" AS INT)').collect()", "[CAST_INVALID_INPUT]"),
        ("# MAGIC %sql\n# MAGIC SELECT 1;\n# MAGIC SELECT gone", "`gone` (n.py:cell 2:7)"),
        ("dbutils.widgets.get('Erika')", "[WIDGET_UNKNOWN]"),
        ("dbutils.fs.ls('../..')", "[PATH_OUTSIDE_ROOT]"),
        ("# MAGIC %run ./gone", "[FILE_NOT_FOUND]"),
        ("# MAGIC %run ./n", "[NOTEBOOKS_NESTED]"),
        ("from helper import fail\nfail()", "KeyError (helper.py:2)"),
    ],
)
def test_error_in_a_cell_names_cell_and_line_but_no_values(
    bench: Bench, cell: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(bench.folder))
    bench.write("helper.py", "def fail():\n    raise KeyError('Erika')\n")
    bench.write("n.py", f"{HEADER}x = 0\n\n# COMMAND ----------\n{cell}")
    result = one(bench.run(notebook("n")))
    assert result.state == "FAILED"
    assert message in result.message
    if "WIDGET" not in message:
        assert "Erika" not in result.message


def test_script_gets_arguments_and_session(bench: Bench) -> None:
    bench.write(
        "job.py",
        "import sys\n"
        "if __name__ == '__main__':\n"
        "    frame = spark.createDataFrame([sys.argv[1:]], 'a STRING, b STRING')\n"
        "    frame.writeTo('SCHEMA.t').create()\n"
        "    sys.exit(0)\n",
    )
    result = one(bench.run(script("job", parameters=["it's", "--b={{task.name}}"])))
    assert (result.state, result.message) == ("SUCCESS", "")
    assert bench.sql("SELECT * FROM SCHEMA.t") == [("it's", "--b=job")]


def test_script_fails_by_status_and_by_error(bench: Bench) -> None:
    bench.write("status.py", "import sys\nsys.exit('Erika')")
    bench.write("error.py", "\n\n1 / 0")
    by_error, by_status = bench.run(script("status"), script("error")).results
    assert by_status.message.startswith("[SCRIPT_EXIT]")
    assert "Erika" not in by_status.message
    assert by_error.message == "[TASK_FAILED] ZeroDivisionError (error.py:3)"


def test_loop_runs_its_task_for_each_input(bench: Bench) -> None:
    bench.write(
        "list.py", HEADER + "dbutils.jobs.taskValues.set('days', [{'d': \"a'\"}, {'d': 'b'}])"
    )
    bench.sql("CREATE TABLE SCHEMA.t (d STRING)")
    nested = bench.query(
        "x", 1, "INSERT INTO SCHEMA.t VALUES (:d); SELECT :d", parameters={"d": "{{input.d}}"}
    ).transformation_config
    loop = {
        "task_type": "for_each",
        "inputs": "{{tasks.list.values.days}}",
        "concurrency": 2,
        "task": nested,
    }
    result = bench.run(notebook("list"), source("loop", 2, loop))
    assert [each.state for each in result.results] == ["SUCCESS", "SUCCESS"]
    assert result.results[1].rows == 2
    assert sorted(bench.sql("SELECT * FROM SCHEMA.t")) == [("a'",), ("b",)]


def test_loop_with_a_failure_runs_the_rest(bench: Bench) -> None:
    bench.sql("CREATE TABLE SCHEMA.t (d INT)")
    text = "INSERT INTO SCHEMA.t SELECT CAST(:d AS INT)"
    nested = bench.query("x", 1, text, parameters={"d": "{{input}}"}).transformation_config
    loop = {"task_type": "for_each", "inputs": [1, "x", 3], "task": nested}
    result = one(bench.run(source("loop", 1, loop)))
    assert result.state == "FAILED"
    assert "1 of 3 iterations failed" in result.message
    assert sorted(bench.sql("SELECT * FROM SCHEMA.t")) == [(1,), (3,)]


def test_pipeline_runs_through_headwater(bench: Bench, project: Project) -> None:
    project.write("""
        from pyspark import pipelines as dp

        @dp.materialized_view
        def numbers():
            return spark.range(3)
    """)
    bench.folder = project.folder
    pipeline = {"task_type": "pipeline", "pipeline_id": "${resources.pipelines.flow.id}"}
    result = bench.run(
        source("update", 1, {**pipeline, "full_refresh": True}),
        bench.query("read", 2, f"SELECT * FROM main.{project.schema}.numbers"),
        source("other", 1, {**pipeline, "pipeline_id": "flo"}),
    )
    other, update, read = result.results
    assert (update.message, read.state) == ("", "UPSTREAM_FAILED")
    assert other.message.startswith("[PIPELINE_UNKNOWN]")
    assert "'flow'" in other.message
    assert project.values("SELECT count(*) FROM SCHEMA.numbers") == [3]


def test_a_callback_that_fails_ends_the_run(bench: Bench) -> None:
    def fail(_: TaskResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(bench.query("a", 1, "SELECT 1"), bench.query("b", 1, ENDLESS), on_result=fail)
