"""The jobs of claims of our own bundle, with notebooks and with scripts, as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from claims_analytics.generator import Options, generate
from headwater.cli.main import cli
from headwater.state.catalog import forget_all
from headwater.state.store import Store

pytestmark = pytest.mark.claims

ROOT = Path(__file__).parents[2]
SECRET = "headwater-test-key-0123456789"  # noqa: S105 - made for this test
JOBS = (
    "daily_bronze_ingestion",
    "daily_silver_load",
    "claims_quality",
    "claims_functional_testing",
)
FACTS = ("claims", "encounters", "medications", "procedures")
OPTIONS = Options(patients=5, seed=3, anomalies=True, start_date=date(2023, 6, 1))

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims_jobs") / "state"


@pytest.fixture(scope="module")
def command(spark: SparkSession, state: Path) -> Iterator[Command]:
    def run(*arguments: str) -> Result:
        given = ["job", *arguments, "--bundle", str(ROOT), "--state", str(state), "-t", "test"]
        return CliRunner().invoke(cli, given, obj={"spark": spark}, catch_exceptions=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_SECRET_CLAIMS_ANON_KEY_V1", SECRET)
        yield run
    forget_all(spark, Store(state))


@pytest.fixture(scope="module")
def landing(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing folder of the target with a file of each kind."""
    made, folder = tmp_path_factory.mktemp("generated"), state / "volumes/test/synthea/landing"
    generate(OPTIONS, made)
    for file in made.glob("*.csv"):
        (folder / file.stem).mkdir(parents=True)
        file.rename(folder / file.stem / "delivery_1.csv")
    return folder


@pytest.fixture(scope="module")
def ingested(command: Command, landing: Path) -> Result:
    return command("run", "daily_bronze_ingestion", "--json")


@pytest.fixture(scope="module")
def loaded(command: Command, ingested: Result) -> Result:
    return command("run", "daily_silver_load_classic", "--json")


@pytest.mark.parametrize("form", ["", "_classic"])
@pytest.mark.parametrize("job", JOBS)
def test_job_has_all_that_its_tasks_need(job: str, form: str, command: Command) -> None:
    told = command("run", f"{job}{form}", "--validate")
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize("job", ["claims_functional_testing", "claims_functional_testing_classic"])
def test_functional_test_leaves_its_facts_in_the_volume(
    job: str, command: Command, state: Path
) -> None:
    ran = command("run", job, "--param", "patients=3", "--json")
    assert ran.exit_code == 0, ran.output
    folder = state / "volumes/test/synthea/functional_testing" / str(json.loads(ran.stdout)["run"])
    result = json.loads((folder / "result.json").read_text())
    assert len(result["counted"]) == len(FACTS)
    assert result["made"]
    for fact in FACTS:
        assert list((folder / f"{fact}.parquet").glob("*.parquet"))
    assert not Path("/Volumes/test").exists()


def test_ingestion_archives_each_file(ingested: Result, landing: Path) -> None:
    assert ingested.exit_code == 0, ingested.output
    assert [(each["task"], each["state"]) for each in json.loads(ingested.stdout)["tasks"]] == [
        ("bronze_ingest", "SUCCESS"),
        ("bronze_archive", "SUCCESS"),
    ]
    assert list(landing.glob("*/*.csv")) == []
    assert len(list(landing.glob("*/archive/*/delivery_1.csv"))) == 18


def test_load_makes_the_member_months_and_they_reconcile(loaded: Result) -> None:
    assert loaded.exit_code == 0, loaded.output
    tasks = {each["task"]: each["state"] for each in json.loads(loaded.stdout)["tasks"]}
    wanted = ["check", "load_dimensions", "load_member_months", *(f"load_{f}" for f in FACTS)]
    assert tasks == dict.fromkeys(wanted, "SUCCESS")


def test_secret_is_in_no_file_of_the_state(loaded: Result, state: Path) -> None:
    files = [path for path in state.rglob("*") if path.is_file()]
    assert any(path.parts[-2] == "_delta_log" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
