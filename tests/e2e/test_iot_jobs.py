"""The jobs and notebooks of IoT of our own bundle, as a person runs them; one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from headwater.cli.main import cli
from headwater.jobs import run_job
from headwater.settings import read_settings
from headwater.state.catalog import forget_all, register_all
from headwater.state.store import Store
from headwater.state.target import Target, open_target
from iot_analytics.simulator import Options, write_wave

pytestmark = pytest.mark.iot

ROOT = Path(__file__).parents[2]
JOBS = ("iot_ingestion_job", "dbt_transformation_job", "data_quality_job")
OPTIONS = Options(devices=12, days=3, waves=2)
MODELS = 17
SECONDS = 240

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """The target `test` with the first wave of a fleet."""
    state = tmp_path_factory.mktemp("iot_jobs") / "state"
    target = open_target(ROOT, target="test", state=state, settings=read_settings())
    target.make_volumes()
    write_wave(OPTIONS, 1, target.store.volume_path("iot_streaming_test", "test_bronze", "landing"))
    return target


@pytest.fixture(scope="module")
def command(spark: SparkSession, target: Target) -> Iterator[Command]:
    def run(*arguments: str) -> Result:
        given = ["--bundle", str(ROOT), "--state", str(target.store.root), "-t", "test"]
        words = ["dbt", *given, *arguments[1:]] if arguments[0] == "dbt" else [*arguments, *given]
        return CliRunner().invoke(cli, words, obj={"spark": spark}, catch_exceptions=False)

    yield run
    forget_all(spark, target.store)


@pytest.fixture(scope="module")
def ingested(command: Command) -> Result:
    return command("job", "run", "iot_ingestion_job", "--json")


def tasks_of(run: Result) -> dict[str, str]:
    return {each["task"]: each["state"] for each in json.loads(run.stdout)["tasks"]}


@pytest.mark.parametrize("job", JOBS)
def test_job_has_all_that_its_tasks_need(job: str, command: Command) -> None:
    told = command("job", "run", job, "--validate")
    assert told.exit_code == 0, told.output


def test_ingestion_makes_all_layers(ingested: Result, command: Command) -> None:
    assert ingested.exit_code == 0, ingested.output
    assert tasks_of(ingested) == dict.fromkeys(
        ("ingest_bronze", "check_bronze", "transform"), "SUCCESS"
    )
    told = command("tables", "--json")
    tables = {each["table"].split(".", 1)[1] for each in json.loads(told.stdout)}
    made = {each for each in tables if each.startswith(("test_silver.", "test_gold."))}
    assert len(made - {"test_gold.dq_results"}) == MODELS


def test_quality_job_succeeds_and_keeps_what_tests_found(
    ingested: Result, command: Command, spark: SparkSession
) -> None:
    assert ingested.exit_code == 0, ingested.output
    ran = command("job", "run", "data_quality_job", "--json")
    assert ran.exit_code == 0, ran.output
    assert tasks_of(ran)["report"] == "SUCCESS"
    run_id = json.loads(ran.stdout)["run"]
    found = spark.table("test_gold.dq_results").where(f"run_id = '{run_id}'").collect()
    assert {row.status for row in found} >= {"pass", "warn"}
    assert {row.test for row in found if row.test.startswith("i0")} >= {
        "i03_distinct_events_are_staged",
        "i08_orders_are_facts",
    }


def test_bundle_is_one_graph_from_bronze_to_marts(ingested: Result, command: Command) -> None:
    assert ingested.exit_code == 0, ingested.output
    told = command("graph", "--all", "--json")
    assert told.exit_code == 0, told.output
    assert "PIPELINE_NOT_SHOWN" in told.stderr, "nothing has landed for claims"
    edges = {each["dataset"].split(".", 1)[1]: each["inputs"] for each in json.loads(told.stdout)}
    events = "iot_streaming_test.test_bronze.bronze_iot_events"
    assert events in edges["test_silver.stg_iot_events"]
    assert "iot_streaming_test.test_silver.stg_iot_events" in edges["test_gold.fct_iot_events"]
    assert edges["test_bronze.bronze_iot_events"], "the pipeline's own inputs are there too"


@pytest.mark.parametrize(
    ("notebook", "more"),
    [
        ("run_dbt_deps", {}),
        ("run_dbt_build", {"select": "stg_locations"}),
        ("run_dbt_test", {"select": "stg_locations"}),
    ],
)
def test_notebook_runs_one_command(
    notebook: str, more: dict[str, str], ingested: Result, spark: SparkSession, target: Target
) -> None:
    assert ingested.exit_code == 0, ingested.output
    given = {
        "project_dir": str(ROOT / "dbt"),
        "dbt_target": "local",
        "catalog": "iot_streaming_test",
        "env_prefix": "test",
        **more,
    }
    task = {"notebook_path": f"notebooks/iot/{notebook}", "base_parameters": given}
    settings = {"name": notebook, "tasks": [{"task_key": "run", "notebook_task": task}]}
    done = run_job(settings, spark=spark, root=ROOT, target=target)
    assert done.succeeded, done.tasks[0].message
    task["base_parameters"] = {**given, "dbt_target": "no such output"}
    assert not run_job(settings, spark=spark, root=ROOT, target=target).succeeded


def test_build_that_is_killed_between_models_goes_on(
    ingested: Result, spark: SparkSession, target: Target, command: Command
) -> None:
    """I15: the second wave in a process that is killed after some models, then in another one."""
    assert ingested.exit_code == 0, ingested.output
    landing = target.store.volume_path("iot_streaming_test", "test_bronze", "landing")
    write_wave(OPTIONS, 2, landing)
    assert command("run", "iot_bronze", "--json").exit_code == 0
    log = target.store.dbt_path("iot") / "logs" / "dbt.log"
    log.unlink()
    words = ["-m", "headwater.cli.main", "dbt", "--bundle", str(ROOT), "-t", "test"]
    words += ["--state", str(target.store.root), "run"]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    end = time.monotonic() + SECONDS
    while not log.exists() or log.read_text(errors="replace").count(" OK created ") < 6:
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    register_all(spark, Store(target.store.root))
    assert command("dbt", "--quiet", "run").exit_code == 0
    gone_on = fingerprints(spark, target)
    assert command("dbt", "--quiet", "run", "--full-refresh").exit_code == 0
    assert fingerprints(spark, target) == gone_on


def fingerprints(spark: SparkSession, target: Target) -> dict[str, tuple[int, int]]:
    """Count the rows of each model and add up their hashes; columns that are NULL do not count."""
    found = {}
    for name in target.store.tables():
        if name.schema in ("test_silver", "test_gold") and name.table != "dq_results":
            row = spark.sql(
                "SELECT count(*) AS n, sum(hash(to_json(struct(*)))) AS h "
                f"FROM {name.schema}.{name.table}"
            ).collect()[0]
            found[name.table] = (row.n, row.h)
    assert len(found) == MODELS
    return found
