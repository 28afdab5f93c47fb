"""What tasks run on local Spark: SQL, notebooks, scripts, loops, pipelines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness import Project
from headwater.jobs.sessions import FIRST_CATALOG
from headwater.state.catalog import create_schema, use_schema
from headwater.state.store import Store
from job_meta_bench import ASLEEP, HEADER, Bench, bench, notebook, one, script, source

__all__ = ["bench"]

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
context = dbutils.notebook.entry_point.getDbutils().notebook().getContext()
assert context.notebookPath().get().endswith("/everything")
assert context.tags().apply("multitaskParentRunId") == "0"
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
    bench: Bench, cell: str, message: str
) -> None:
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


def test_threads_of_a_script_are_its_code_too(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.write(
        "job.py",
        "import os\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pyspark.sql import SparkSession\n"
        "def work(number):\n"
        "    print('said in a thread')\n"
        "    assert SparkSession.builder.getOrCreate() is spark\n"
        "    return os.listdir('/Volumes/main/s/drop')\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    assert list(pool.map(work, range(2))) == [['a.txt']] * 2\n",
    )
    drop = bench.folder / ".headwater/local/volumes/main/s/drop"
    drop.mkdir(parents=True)
    (drop / "a.txt").touch()
    result = one(bench.run(script("job")))
    assert (result.state, result.message) == ("SUCCESS", "")
    assert capsys.readouterr() == ("", "said in a thread\n" * 2)


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
            return spark.sql("SELECT * FROM before")

        @dp.materialized_view
        def before():
            return spark.range(3)
    """)
    bench.folder = project.folder
    pipeline = {"task_type": "pipeline", "pipeline_id": "${resources.pipelines.flow.id}"}
    project.spark.conf.set(FIRST_CATALOG, "main")  # as in a session of the local runner
    try:
        result = bench.run(
            source("update", 1, {**pipeline, "full_refresh": True}),
            bench.query("read", 2, f"SELECT * FROM main.{project.schema}.numbers"),
            source("other", 1, {**pipeline, "pipeline_id": "flo"}),
        )
    finally:
        project.spark.conf.unset(FIRST_CATALOG)
    other, update, read = result.results
    assert (update.message, read.state) == ("", "UPSTREAM_FAILED")
    assert other.message.startswith("[PIPELINE_UNKNOWN]")
    assert "'flow'" in other.message
    assert project.values("SELECT count(*) FROM SCHEMA.numbers") == [3]


ENDLESS = f"spark.range(0, 10**12, 1, 1).where({ASLEEP!r})"


def test_pipeline_that_takes_too_long_is_stopped_and_the_next_one_runs(
    bench: Bench, project: Project
) -> None:
    project.write(f"""
        from pyspark import pipelines as dp

        @dp.materialized_view
        def endless():
            return {ENDLESS}.groupBy().count()

        @dp.materialized_view
        def after():
            return spark.read.table("endless")
    """)
    bench.folder = project.folder
    pipeline = {"task_type": "pipeline", "pipeline_id": "flow", "timeout_seconds": 5}
    loop = {"task_type": "for_each", "inputs": [1], "task": pipeline, "timeout_seconds": 5}
    for update in (source("update", 1, pipeline), source("loop", 1, loop)):
        result = one(bench.run(update))
        assert (result.state, result.attempts) == ("TIMEDOUT", 1)
        assert result.message == "[TASK_TIMEOUT] The task took more than 5 s"  # and runs no more
    assert [state_of(each) for each in project.events() if state_of(each)][-1] == "CANCELED"
    project.write("""
        from pyspark import pipelines as dp

        @dp.materialized_view
        def after():
            return spark.range(3)
    """)
    assert one(bench.run(source("update", 1, {**pipeline, "timeout_seconds": 600}))).message == ""
    assert project.values("SELECT count(*) FROM SCHEMA.after") == [3]


def state_of(event: dict[str, Any]) -> str:
    """What an event says of the state of its update; "" for other events."""
    return str(event["details"].get("update_progress", {}).get("state", ""))


def test_work_in_threads_of_a_notebook_is_stopped(bench: Bench) -> None:
    bench.write(
        "n.py",
        HEADER + "from concurrent.futures import ThreadPoolExecutor\n"
        f"work = lambda _: {ENDLESS}.count()\n"
        "with ThreadPoolExecutor(2) as pool:\n    list(pool.map(work, range(2)))\n",
    )
    result = one(bench.run(notebook("n", timeout_seconds=2)))
    assert result.message == "[TASK_TIMEOUT] The task took more than 2 s"


@pytest.fixture
def catalog(bench: Bench) -> Iterator[str]:
    """A catalog that a local session makes new schemas in."""
    bench.spark.conf.set(FIRST_CATALOG, "main")
    yield "main"
    bench.spark.conf.unset(FIRST_CATALOG)


@pytest.mark.usefixtures("catalog")
def test_schema_may_be_named_by_a_parameter(bench: Bench) -> None:
    name = f"{bench.schema}_p"
    bench.write(
        "n.py",
        HEADER + "spark.sql('CREATE DATABASE IF NOT EXISTS IDENTIFIER(:name)', "
        f"args={{'name': 'main.`{name}`'}})\n"
        f"spark.sql('CREATE TABLE `{name}`.t AS SELECT 1 AS x')\n",
    )
    assert one(bench.run(notebook("n"))).message == ""
    assert bench.spark.table(f"`{name}`.t").count() == 1


@pytest.mark.usefixtures("catalog")
def test_schemas_that_tasks_make_are_those_of_the_target(bench: Bench) -> None:
    made = {"sql": f"`{bench.schema} q`", "notebook": f"`{bench.schema}-n`"}
    text = "CREATE DATABASE IF NOT EXISTS {0}; CREATE TABLE {0}.t AS SELECT 1 AS x"
    cells = [f"spark.sql('{each.strip()}')" for each in text.format(made["notebook"]).split(";")]
    bench.write("n.py", HEADER + "\n".join(cells))
    result = bench.run(
        bench.query("q", 1, text.format(made["sql"])),
        notebook("n"),
        bench.query("twice", 2, f"CREATE DATABASE {bench.schema}"),
        bench.query("wrong", 2, "CREATE DATABASE a.b.c"),
    )
    messages = {each.source_id: each.message.partition("]")[0] for each in result.results}
    assert messages.pop("wrong").startswith("[")
    assert messages == {"q": "", "n": "", "twice": "[SCHEMA_ALREADY_EXISTS"}
    state = Path(urlsplit(bench.spark.conf.get("spark.sql.warehouse.dir") or "").path).parent
    found = {str(each) for each in Store(state).tables()}
    for schema in made.values():
        assert f"main.{schema.strip('`')}.t" in found
        bench.spark.sql(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.usefixtures("catalog")
def test_statements_that_set_a_workspace_up_run(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"{bench.schema}_made"
    bench.write(
        "setup.py",
        HEADER
        + f"""
spark.sql("CREATE CATALOG IF NOT EXISTS {name}")
spark.sql("USE CATALOG IDENTIFIER(:name)", args={{"name": "{name}"}})
spark.sql("CREATE DATABASE IF NOT EXISTS {name} MANAGED LOCATION 'abfss://x@y/z'")
spark.sql("CREATE VOLUME IF NOT EXISTS {name}.landing")
spark.sql("GRANT SELECT ON DATABASE {name} TO `readers`")
spark.sql("GRANT SELECT ON DATABASE {name} TO `others`")
""",
    )
    made = f"""
        CREATE TABLE {name}.{name}.t (id BIGINT PRIMARY KEY, name STRING) CLUSTER BY AUTO;
        ALTER TABLE {name}.{name}.t ALTER COLUMN name SET TAGS ('pii' = 'yes');
        INSERT INTO {name}.{name}.t VALUES (1, 'Ada')"""
    with caplog.at_level("WARNING", "headwater"):
        result = bench.run(
            notebook("setup"),
            bench.query("table", 2, made),
            bench.query("other", 2, "USE CATALOG nowhere"),
            bench.query("unknown", 2, "SELECT 1;\nSHOW GRANTS ON TABLE t"),
        )
    messages = {each.source_id: each.message for each in result.results}
    assert (messages["setup"], messages["table"]) == ("", "")
    assert messages["other"].startswith("[CATALOG_UNKNOWN] This target has no catalog 'nowhere'")
    assert messages["unknown"].startswith("[SQL_NOT_SUPPORTED] SHOW GRANTS is not supported")
    assert "(unknown:2)" in messages["unknown"]
    told = [each.getMessage().removeprefix("note: no effect here: ") for each in caplog.records]
    assert sorted(told) == [
        "ALTER TABLE ... SET TAGS",
        "CLUSTER BY AUTO",
        "GRANT",
        "MANAGED LOCATION",
        "PRIMARY KEY",
    ]
    state = Path(urlsplit(bench.spark.conf.get("spark.sql.warehouse.dir") or "").path).parent
    assert Store(state).volume_path(name, name, "landing").is_dir()
    assert f"{name}.{name}.t" in {str(each) for each in Store(state).tables()}
    bench.spark.sql(f"DROP SCHEMA {name} CASCADE")


@pytest.mark.usefixtures("catalog")
def test_sql_of_a_notebook_takes_its_widgets(bench: Bench) -> None:
    bench.write(
        "n.py",
        HEADER
        + """# MAGIC %sql
# MAGIC CREATE WIDGET TEXT day DEFAULT '2026-01-01';
# MAGIC CREATE WIDGET TEXT place DEFAULT 'SCHEMA';
# MAGIC CREATE TABLE ${place}.days AS SELECT '${day}' AS day, '$' AS money -- ${nothing}
# COMMAND ----------
# MAGIC %sql
# MAGIC SET factor = 3;
# MAGIC CREATE TABLE ${place}.tripled AS SELECT ${factor} AS n
""",
    )
    bench.write("wrong.py", HEADER + "# MAGIC %sql\n# MAGIC SELECT '${dya}'\n")
    given = {"base_parameters": {"day": "2026-02-02"}}
    fine, wrong = bench.run(notebook("n", **given), notebook("wrong", **given)).results
    assert fine.message == ""
    assert bench.sql("SELECT day, money, n FROM SCHEMA.days, SCHEMA.tripled") == [
        ("2026-02-02", "$", 3)
    ]
    assert wrong.message.startswith("[PARAMETER_MISSING] The statement wants a widget 'dya'")


@pytest.mark.usefixtures("catalog")
def test_table_of_another_catalog_is_not_written_over(bench: Bench) -> None:
    """Catalogs share their schemas: a table of the same name would be the same table."""
    first, second, layer = (f"{bench.schema}_{each}" for each in ("a", "b", "s"))
    bench.write(
        "n.py",
        HEADER
        + f"""
for catalog in ("{first}", "{second}"):
    spark.sql(f"CREATE CATALOG {{catalog}}")
    spark.sql(f"CREATE DATABASE IF NOT EXISTS {{catalog}}.{layer}")
spark.range(3).write.saveAsTable("{first}.{layer}.t")
spark.range(2).write.mode("append").saveAsTable("{second}.{layer}.own")
""",
    )
    again = f'spark.range(2).write.mode("append").saveAsTable("{second}.{layer}.own")'
    bench.write("again.py", HEADER + again)
    over = f'spark.range(9).write.mode("overwrite").saveAsTable("{second}.{layer}.t")'
    bench.write("over.py", HEADER + over)
    bench.write(
        "used.py",
        HEADER + f'spark.sql("USE CATALOG {second}")\n'
        f'spark.range(9).write.mode("overwrite").saveAsTable("{layer}.t")',
    )
    name = f"{second}.{layer}.t"
    result = bench.run(
        notebook("n"),
        notebook("again", 2),
        notebook("over", 2),
        notebook("used", 2),
        bench.query("made", 2, f"CREATE OR REPLACE TABLE {name} (id INT)"),
        bench.query("dropped", 2, f"DROP TABLE {name}"),
        bench.query("emptied", 2, f"DROP DATABASE {second}.{layer} CASCADE"),
    )
    codes = {each.source_id: each.message.partition("]")[0] for each in result.results}
    taken = "[TABLE_OF_OTHER_CATALOG"
    assert codes == {
        "n": "",
        "again": "",
        "over": taken,
        "used": taken,
        "made": taken,
        "dropped": taken,
        "emptied": "[SCHEMA_SHARED",
    }
    assert bench.sql(f"SELECT count(*) FROM {layer}.t") == [(3,)]
    assert bench.sql(f"SELECT count(*) FROM {layer}.own") == [(4,)]
    bench.spark.sql(f"DROP SCHEMA {layer} CASCADE")


def test_schema_of_the_session_may_have_any_name(bench: Bench) -> None:
    odd = f"{bench.schema}. `x`-1"
    create_schema(bench.spark, "main", odd, Store(bench.folder))
    before = bench.spark.catalog.currentDatabase()
    use_schema(bench.spark, odd)
    try:
        result = one(bench.run(bench.query("q", 1, "CREATE TABLE t AS SELECT 1 AS x")))
        assert result.message == ""
        assert [tuple(row) for row in bench.spark.sql("SELECT x FROM t").collect()] == [(1,)]
    finally:
        use_schema(bench.spark, before)
