"""dbt runs in the session of a target: on its tables, with ANSI mode, and it leaves nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from harness import Project
from harness_dbt import DbtProject, by_name
from headwater.cli.main import cli
from headwater.dbt.projects import find_project
from headwater.dbt.results import DbtRun
from headwater.dbt.runner import DbtCommand, results_table, run_dbt
from headwater.errors import JobError
from headwater.events.query import read_events
from headwater.jobs import run_job
from headwater.names import TableName
from headwater.state.catalog import register_all
from headwater.state.store import Store
from headwater.state.views import make_views

MODELS = {
    "by_customer": "select customer, count(*) as n from {{ source('sales', 'orders') }} group by 1",
    "often": "{{ config(materialized='view') }} select * from {{ ref('by_customer') }} where n > 1",
    "latest": """
        {{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
        select id, customer from {{ source('sales', 'orders') }}
        {% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}""",
    "broken": "select int(concat('patient ', id)) as x from {{ source('sales', 'orders') }}",
    "after_broken": "select * from {{ ref('broken') }}",
}
SCHEMA = """
    sources:
      - {name: sales, schema: SCHEMA, tables: [{name: orders}, {name: gone}]}
      - name: feeds
        schema: SCHEMA
        config:
          loaded_at_field: at
          freshness: {warn_after: {count: 1, period: day}, error_after: {count: 9, period: day}}
        tables: [{name: fresh}, {name: late}, {name: stale}]
    models:
      - name: by_customer
        config: {materialized: table}
        columns:
          - name: customer
            data_tests:
              - not_null
              - accepted_values:
                  arguments: {values: [0, 1], quote: false}
                  config: {severity: warn}
      - {name: broken, config: {materialized: table}}
      - {name: after_broken, config: {materialized: table}}
    """


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A project with a table of orders, as a pipeline would have made it."""
    project = Project(spark, tmp_path_factory.mktemp("dbt"))
    shop = DbtProject(project)
    for name, text in MODELS.items():
        shop.write(f"models/{name}.sql", text)
    shop.write("models/schema.yml", SCHEMA)
    orders = TableName("main", project.schema, "orders")
    rows = {"id": list(range(10)), "customer": [each % 3 for each in range(10)]}
    write_deltalake(project.store.table_path(orders), pa.table(rows))
    register_all(project.spark, project.store)
    return shop


@pytest.fixture(scope="module")
def built(shop: DbtProject) -> DbtRun:
    return shop.run("build")


def test_build_makes_tables_tests_them_and_tells_what_came_of_each(
    shop: DbtProject, built: DbtRun
) -> None:
    project, spark = shop.project, shop.spark
    nodes = by_name(built)
    assert not built.succeeded
    made = {name: (node.status, node.rows) for name, node in nodes.items() if name in MODELS}
    assert made == {
        "by_customer": ("success", 3),
        "often": ("success", None),
        "latest": ("success", 10),
        "broken": ("error", None),
        "after_broken": ("skipped", None),
    }
    tests = {name: node for name, node in nodes.items() if name not in MODELS}
    told = {each.status: (each.severity, each.failures) for each in tests.values()}
    assert told == {"pass": ("error", 0), "warn": ("warn", 1)}
    assert spark.table(f"{project.schema}.often").count() == 3

    # the same is in the table and in the event log
    path = project.store.table_path(results_table(project.target))
    results = spark.read.format("delta").load(str(path))
    rows = results.where(f"invocation_id = '{built.invocation_id}'").collect()
    assert {row.name: row.status for row in rows} == {
        each.name: each.status for each in built.nodes
    }
    events = read_events(project.store.dbt_event_logs()["shop"])
    levels = {(event["event_type"], event["level"]) for event in events}
    assert levels == {
        ("create_update", "INFO"),
        ("dbt_model", "INFO"),
        ("dbt_model", "ERROR"),
        ("dbt_test", "INFO"),
        ("dbt_test", "WARN"),
        ("update_progress", "ERROR"),
    }
    # ANSI mode is on, as on Databricks: without it the cast would have given NULL
    said = (project.store.dbt_path("shop") / "logs" / "dbt.log").read_text()
    assert "CAST_INVALID_INPUT" in said
    assert "patient 0" not in said, "values of rows stay out of dbt's log"


def test_freshness_of_sources_is_told_of_each(shop: DbtProject) -> None:
    project = shop.project
    now = datetime.now(timezone.utc)
    for name, days in {"fresh": 0, "late": 2, "stale": 20}.items():
        rows = pa.table({"at": [now - timedelta(days=days + each) for each in (0, 50)]})
        table = TableName("main", project.schema, name)
        write_deltalake(project.store.table_path(table), rows)
    register_all(project.spark, project.store)
    run = shop.run("source", "freshness", "--select", "source:feeds")
    told = {each.name: (each.resource_type, each.relation, each.status) for each in run.nodes}
    assert told == {
        "fresh": ("source", f"{project.schema}.fresh", "pass"),
        "late": ("source", f"{project.schema}.late", "warn"),
        "stale": ("source", f"{project.schema}.stale", "error"),
    }
    assert not run.succeeded
    events = read_events(project.store.dbt_event_logs()["shop"], update_id="latest")
    kinds = {each["message"]: (each["event_type"], each["level"]) for each in events}
    assert kinds["source late: warn"] == ("dbt_source_freshness", "WARN")
    assert kinds["source stale: error"] == ("dbt_source_freshness", "ERROR")


def test_incremental_model_merges_what_is_new_and_leaves_no_view(
    shop: DbtProject, built: DbtRun
) -> None:
    del built
    again = shop.run("run", "--select", "latest")
    assert again.succeeded, again.message
    assert by_name(again)["latest"].rows == 1
    views = [row.viewName for row in shop.spark.sql("SHOW VIEWS").collect() if row.isTemporary]
    assert not [each for each in views if each.endswith("__dbt_tmp")]
    assert shop.spark.conf.get("spark.sql.ansi.enabled") == "true"


def test_hook_of_a_model_does_not_count_as_what_the_model_wrote(shop: DbtProject) -> None:
    shop.write(
        "models/hooked.sql",
        """
        {{ config(materialized='table', post_hook='delete from {{ this }} where id < 9') }}
        select id from {{ source('sales', 'orders') }}""",
    )
    run = shop.run("run", "--select", "hooked")
    assert (run.succeeded, by_name(run)["hooked"].rows) == (True, 10)


def test_exposures_and_versions_are_recorded_by_what_they_are(shop: DbtProject) -> None:
    shop.write("models/ver_v1.sql", "select 1 as id")
    shop.write("models/ver_v2.sql", "select cast(null as int) as id")
    shop.write(
        "models/more.yml",
        """
        models:
          - name: ver
            latest_version: 2
            config: {materialized: table}
            columns: [{name: id, data_tests: [not_null]}]
            versions: [{v: 1}, {v: 2}]
        exposures:
          - name: page
            type: dashboard
            owner: {name: Ann}
            depends_on: ["ref('ver', v=1)"]
        """,
    )
    run = shop.run("build", "--select", "ver", "+exposure:page")
    told = {each.name: (each.resource_type, each.relation, each.status) for each in run.nodes}
    schema = shop.project.schema
    assert told == {
        "ver": ("model", f"{schema}.ver_v2", "success"),
        "not_null_ver_v1_id": ("test", "ver_v1", "pass"),
        "not_null_ver_v2_id": ("test", "ver_v2", "fail"),
        "page": ("exposure", "", "no-op"),
    }


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--target test run --select build", "run"),
        ("--quiet docs generate --static", "docs generate"),
        ("source freshness", "source freshness"),
        ("--nothing build", ""),
        ("", ""),
    ],
)
def test_name_of_a_command_is_no_value_of_an_option(words: str, name: str) -> None:
    library = import_module("headwater.dbt.library")
    assert library._command_name(words.split()) == name


def test_commands_that_only_compile_record_nothing(shop: DbtProject, built: DbtRun) -> None:
    del built
    for words in (("compile",), ("--quiet", "docs", "generate")):
        run = shop.run(*words, "--select", "by_customer")
        assert (run.succeeded, run.nodes) == (True, ())


def test_seeds_have_the_values_of_their_files(shop: DbtProject) -> None:
    shop.write(
        "seeds/people.csv",
        "id,name,born,score,is_new,at\n"
        "9007199254740993,O'Neil,1990-01-01,1.10,true,2026-01-01 10:00:00.123456\n"
        "2,,,,,\n"
        '3,a\\b "%s",1991-02-03,2.5,false,2026-01-02 00:00:00\n',
    )
    run = shop.run("seed", "--select", "people")
    assert run.succeeded, run.message
    assert by_name(run)["people"].rows == 3
    rows = shop.spark.table(f"{shop.project.schema}.people").orderBy("id").collect()
    assert [tuple(map(str, each)) for each in rows] == [
        ("2", "None", "None", "None", "None", "None"),
        ("3", 'a\\b "%s"', "1991-02-03", "2.5", "False", "2026-01-02 00:00:00"),
        ("9007199254740993", "O'Neil", "1990-01-01", "1.1", "True", "2026-01-01 10:00:00.123456"),
    ]
    assert rows[0]["name"] is None


def test_views_are_there_in_the_next_session_and_for_pipelines(
    shop: DbtProject, built: DbtRun
) -> None:
    del built
    project, spark = shop.project, shop.spark
    often = f"{project.schema}.often"
    spark.sql(f"DROP VIEW {often}")  # as in a new process, whose catalog is empty
    make_views(spark, project.store)
    assert spark.table(often).count() == 3
    project.write(
        """
        from pyspark import pipelines as dp

        @dp.materialized_view
        def loyal():
            return spark.read.table("main.SCHEMA.often").where("customer > 0")
        """
    )
    assert project.run().state == "COMPLETED"
    assert spark.table(f"{project.schema}.loyal").count() == 2
    assert shop.run("run-operation", "drop_it").succeeded is False  # there is no such macro
    shop.write(
        "macros/drop_it.sql",
        "{% macro drop_it() %}{% do run_query('drop view if exists SCHEMA.often') %}{% endmacro %}",
    )
    assert shop.run("run-operation", "drop_it").succeeded
    assert list(project.store.views()) == []


def test_missing_table_and_broken_jinja_are_told_as_dbt_tells_them(
    shop: DbtProject, capfd: pytest.CaptureFixture[str]
) -> None:
    lost = shop.write("models/lost.sql", "select * from {{ source('sales', 'gone') }}")
    arguments = ["dbt", "--bundle", str(shop.project.folder), "--project-dir", str(shop.folder)]
    given = {"obj": {"spark": shop.spark}, "standalone_mode": False}
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, "run", "--select", "lost"], **given)
    said = capfd.readouterr().out
    assert ended.value.code == 1
    assert "TABLE_OR_VIEW_NOT_FOUND" in said
    assert "headwater run" in said
    shop.write("models/lost.sql", "select {{ nope( }}")
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, "compile"], **given)
    lost.unlink()
    assert ended.value.code == 1
    assert "models/lost.sql" in capfd.readouterr().out


def test_whole_graph_joins_pipelines_and_dbt(
    shop: DbtProject, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.project.write(
        """
        from pyspark import pipelines as dp

        @dp.temporary_view
        def cleaned():
            return spark.read.table("main.SCHEMA.orders")

        @dp.materialized_view
        def copied():
            return spark.read.table("cleaned")
        """
    )
    shop.write("models/last.sql", "select * from {{ source('sales', 'copied') }}")
    shop.write("models/schema.yml", SCHEMA.replace("{name: gone}", "{name: copied}"))
    arguments = ["graph", "--all", "--json", "--bundle", str(shop.project.folder)]
    cli.main(arguments, obj={"spark": shop.spark}, standalone_mode=False)
    edges = {each["dataset"]: each for each in json.loads(capsys.readouterr().out)}
    schema = f"main.{shop.project.schema}"
    cleaned = f"flow: {schema}.cleaned"  # another pipeline may have a view of this name
    assert edges[f"{schema}.copied"]["inputs"] == [cleaned]
    assert edges[cleaned]["inputs"] == [f"{schema}.orders"]
    assert edges[f"{schema}.last"]["inputs"] == [f"{schema}.copied"]
    assert edges[f"{schema}.often"]["kind"] == "dbt view"


def test_pipeline_that_cannot_be_resolved_is_left_out_of_the_whole_graph(
    shop: DbtProject, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.project.write("raise ValueError('patient 0')")
    arguments = ["graph", "--all", "--bundle", str(shop.project.folder)]
    cli.main(arguments, obj={"spark": shop.spark}, standalone_mode=False)
    told = capsys.readouterr()
    assert "PIPELINE_NOT_SHOWN" in told.err
    assert f"main.{shop.project.schema}.often  [dbt view]" in told.out


def test_task_of_a_job_runs_its_commands_up_to_the_first_that_fails(
    shop: DbtProject, spark: SparkSession
) -> None:
    def ran(*commands: str) -> tuple[str, str]:
        config = {"project_directory": "dbt", "commands": list(commands)}
        settings = {"name": "nightly", "tasks": [{"task_key": "build", "dbt_task": config}]}
        done = run_job(settings, spark=spark, root=shop.project.folder, target=shop.project.target)
        return done.tasks[0].state, done.tasks[0].message

    assert ran("dbt deps", "dbt build --select by_customer latest") == (
        "SUCCESS",
        "2 models, 2 tests",
    )
    state, message = ran("dbt run --select broken", "dbt run --select latest")
    assert state == "FAILED"
    assert "dbt run: 1 of 1 nodes failed: broken (error)" in message
    state, message = ran("rm -rf /")
    assert (state, message.split("]")[0]) == ("FAILED", "[DBT_COMMAND_INVALID")


def test_check_stops_a_command(shop: DbtProject) -> None:
    def stop() -> None:
        raise JobError("TASK_CANCELLED", "The task was cancelled")

    target = shop.project.target
    command = DbtCommand(find_project(target.bundle, shop.folder), ("run",), quiet=True)
    done = run_dbt(target, command, lambda: shop.spark, stop)
    assert not done.succeeded


def test_folder_of_a_store_without_views_is_left_alone(spark: SparkSession, tmp_path: Path) -> None:
    make_views(spark, Store(tmp_path))
    assert list(tmp_path.iterdir()) == []
