"""The jobs of our own bundle, with notebooks and with scripts, as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from headwater.cli.main import cli
from headwater.errors import UpdateError
from headwater.jobs.sessions import task_session
from headwater.settings import read_settings
from headwater.state.catalog import forget_all
from headwater.state.store import Store
from headwater.state.target import open_target
from patient_analytics.tasks.account import account_for
from patient_analytics.tasks.simulate import simulate_events

ROOT = Path(__file__).parents[2]

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def state(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs") / "state"


@pytest.fixture(scope="module")
def command(spark: SparkSession, state: Path) -> Command:
    def run(*arguments: str) -> Result:
        given = ["job", *arguments, "--bundle", str(ROOT), "--state", str(state), "-t", "test"]
        return CliRunner().invoke(cli, given, obj={"spark": spark}, catch_exceptions=False)

    return run


@pytest.fixture(scope="module")
def tested(command: Command, spark: SparkSession, state: Path) -> Iterator[Result]:
    """A run of the functional test, on an empty target."""
    yield command("run", "functional_testing", "--param", "events=400", "--json")
    forget_all(spark, Store(state))


def test_functional_test_accounts_for_each_fault(tested: Result) -> None:
    assert tested.exit_code == 0, tested.stdout
    told = json.loads(tested.stdout)
    assert [(each["task"], each["state"]) for each in told["tasks"]] == [
        ("simulate", "SUCCESS"),
        ("update", "SUCCESS"),
        ("account", "SUCCESS"),
    ]


def test_scripts_do_what_notebooks_do(tested: Result, command: Command) -> None:
    ran = command("run", "functional_testing_classic", "--param", "events=300", "--json")
    assert ran.exit_code == 0, ran.stdout
    kinds = {each["task"]: each["kind"] for each in json.loads(ran.stdout)["tasks"]}
    assert kinds["simulate"] == kinds["account"] == "spark_python_task"


def test_account_fails_when_the_last_update_was_of_other_events(
    tested: Result, spark: SparkSession, state: Path
) -> None:
    target = open_target(ROOT, target="test", state=state, settings=read_settings())
    landing = target.store.volume_path("test", "bronze", "landing") / "patient_events"
    simulated = {"events": "100", "run_id": "later", "target": "test"}
    simulate_events(None, {**simulated, "landing_path": str(landing)})
    with pytest.raises(UpdateError, match="ACCOUNT_WRONG") as caught:
        account_for(
            task_session(spark, lambda: target),
            {"landing_path": str(landing), "run_id": "later", "table": "test.gold.dim_patient"},
        )
    assert "valid_age" in caught.value.message


@pytest.mark.parametrize("job", ["data_quality", "data_quality_classic"])
def test_gate_is_a_task_of_both_forms(job: str, tested: Result, command: Command) -> None:
    ran = command("run", job, "--json")
    assert ran.exit_code == 0, ran.stdout


@pytest.mark.parametrize("job", ["patient_flow_daily", "patient_flow_daily_classic"])
def test_report_is_kept_in_its_volume(
    job: str, tested: Result, command: Command, state: Path
) -> None:
    ran = command("run", job, "--task", "report", "--json")
    assert ran.exit_code == 0, ran.stdout
    assert not Path("/Volumes/test").exists()
    page = state / "volumes" / "test" / "gold" / "reports" / f"{json.loads(ran.stdout)['run']}.html"
    assert "valid_age" in page.read_text()


def test_ingestion_has_a_job_of_both_forms(command: Command) -> None:
    told = {each["job"] for each in json.loads(command("list", "--json").stdout)}
    assert {"ingest", "ingest_classic"} <= told
