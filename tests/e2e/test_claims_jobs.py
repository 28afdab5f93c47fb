"""The jobs of claims of our own bundle, with notebooks and with scripts, as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from claims_analytics.generator import Options, generate
from claims_rows import rows_of
from claims_run import GOLD, SECRET, TABLES, make
from headwater.cli.main import cli
from headwater.state.catalog import forget_all
from headwater.state.store import Store

pytestmark = pytest.mark.claims

ROOT = Path(__file__).parents[2]
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


OF_A_RUN = {
    "ingest_run_id",
    "max_ingest_run_id",
    "ingest_timestamp",
    "source_file",
    "source_modified_at",
    "silver_updated_at",
    "gold_updated_at",
    "valid_from",
    "valid_to",
    "_rescued_data",
}
"""Columns that tell when and from where a row was loaded."""


def test_pipeline_makes_the_tables_of_the_jobs(
    loaded: Result, spark: SparkSession, state: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert loaded.exit_code == 0, loaded.output
    tables = {each.table: each for each in Store(state).tables()}
    frames = {
        name: spark.read.format("delta").load(str(Store(state).table_path(tables[name])))
        for name in TABLES
    }
    sent = tmp_path_factory.mktemp("sent")
    generate(OPTIONS, sent)
    made = make(spark, tmp_path_factory.mktemp("pipeline"), [[sent]])
    assert set(GOLD) < set(TABLES)
    for name, frame in frames.items():
        by_jobs, by_pipeline = rows_of(frame), made.rows(name)
        columns = set(frame.columns) - OF_A_RUN
        if by_pipeline:
            assert set(by_pipeline[0]) - OF_A_RUN == columns, name
        assert differing(by_pipeline, by_jobs, columns) == {}, name
    assert any(made.rows("member_monthly_snapshot_gold"))


def differing(
    left: list[dict[str, object]], right: list[dict[str, object]], columns: set[str]
) -> dict[str, object]:
    """Return the columns, with both values, of the first row that differs."""

    def written(value: object) -> str:
        return repr(value.replace(tzinfo=None) if isinstance(value, datetime) else value)

    def in_order(rows: list[dict[str, object]]) -> list[dict[str, str]]:
        shown = [{each: written(row[each]) for each in sorted(columns)} for row in rows]
        return sorted(shown, key=lambda row: [*row.values()])

    assert len(left) == len(right)
    for ours, theirs in zip(in_order(left), in_order(right), strict=True):
        if ours != theirs:
            return {each: (ours[each], theirs[each]) for each in ours if ours[each] != theirs[each]}
    return {}
