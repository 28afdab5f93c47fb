"""Facts of claims loaded run by run are those of a full load, whatever ends a load in between.

One story of four runs, which all tests look at: a load is dear. In its runs rows come in any
order, wrong first and right later, under another claim, twice; transactions before headers and
patients, codes before what makes them diagnoses, a payment before its charge.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.anonymisation import with_member_keys
from claims_analytics.bronze import RUN_COLUMNS
from claims_analytics.silver.facts import FACTS, Fact
from claims_analytics.sources import SOURCES
from claims_analytics.tasks.control import Control
from claims_analytics.tasks.gold import load_dimensions, load_member_months
from claims_analytics.tasks.places import Places
from claims_analytics.tasks.quality import check_claims
from claims_analytics.tasks.silver import load_fact
from harness import frame_of
from headwater.errors import UpdateError
from headwater.jobs.sessions import task_session
from headwater.tasks.steps import Step, go_on
from spark.claims_splits import Row, split_runs
from spark.claims_support import Appended, Killed, kill_at, new_places, parameters_of

pytestmark = pytest.mark.claims

SECRET = "headwater-test-key-0123456789"  # noqa: S105 - made for this test
BEGIN = datetime(2024, 3, 1, tzinfo=timezone.utc)
AS_OF = "2023-12-15"
"""Before the last fills and visits: what is due later is in no layer's sum."""
STEPS = ("write", "reject", "note")
Table = list[tuple[Any, ...]]


class Secrets:
    """Stands for `dbutils.secrets`."""

    def get(self, scope: str, key: str) -> str:
        return {("claims", "anon_key_v1"): SECRET}[scope, key]


@dataclass
class Story:
    """The tables of the four runs, and what was seen on the way."""

    spark: SparkSession
    places: Places
    folder: Path
    bronze: dict[str, Appended] = field(default_factory=dict)
    missing: str = ""
    stopped: str = ""
    unchanged: dict[str, tuple[int, int]] = field(default_factory=dict)
    noted: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    nothing: dict[str, Any] = field(default_factory=dict)
    incremental: dict[str, Table] = field(default_factory=dict)
    full: dict[str, Table] = field(default_factory=dict)
    rejected: dict[str, Table] = field(default_factory=dict)

    def deliver(self, number: int, tables: dict[str, list[Row]]) -> str:
        """Write a run's rows to bronze, and note the run as finished."""
        control = Control(self.spark, self.places)
        run_id = control.begin(f"r{number}", BEGIN + timedelta(days=number))
        for name, rows in tables.items():
            if name not in self.bronze:
                table = self.places.table(f"bronze_{name}")
                types = [f"`{column}` STRING" for column in _columns(name)]
                types += [f"{column} {kind}" for column, kind in RUN_COLUMNS.items()]
                folder = self.folder / name
                self.bronze[name] = Appended(self.spark, table, ", ".join(types), folder)
            values = [[row.get(column) for column in _columns(name)] for row in rows]
            self.bronze[name].append([(*each, *_run(each, name, run_id)) for each in values])
        control.finish(run_id, (BEGIN + timedelta(days=number)).date())
        return run_id

    def load(
        self, fact: str, load_type: str = "incremental", step: Step = go_on, session: Any = None
    ) -> dict[str, Any]:
        given = parameters_of(self.places, fact=fact, load_type=load_type)
        return load_fact(session or self.spark, given, step)

    def load_all_in_full(self) -> None:
        """Load the facts side by side, each in a session of its own as tasks of a job are."""
        with ThreadPoolExecutor(len(FACTS)) as pool:
            list(
                pool.map(
                    lambda fact: self.load(fact.name, "full", session=task_session(self.spark)),
                    FACTS,
                )
            )

    def table(self, name: str) -> Table:
        rows = self.spark.table(self.places.table(name)).drop("silver_updated_at").collect()
        return sorted((tuple(row) for row in rows), key=repr)

    def rejected_rows(self) -> Table:
        rows = self.spark.table(self.places.control("rejected_rows")).collect()
        return sorted((tuple(row) for row in rows), key=repr)

    def version(self, table: str) -> int:
        history = self.spark.sql(f"DESCRIBE HISTORY {self.places.table(table)} LIMIT 1")
        return int(history.collect()[0].version)

    def loaded(self, table: str) -> str | None:
        return Control(self.spark, self.places).loaded(table)


def _columns(name: str) -> list[str]:
    """Return the columns of bronze: no file ever had DIAGNOSIS8."""
    return [column for column in SOURCES[name].columns if column != "DIAGNOSIS8"]


def _run(values: list[str | None], name: str, run_id: str) -> tuple[Any, ...]:
    """Return the columns that bronze adds to a row."""
    digest = hashlib.sha256(str(values).encode()).hexdigest()
    return run_id, BEGIN, f"/{name}/{run_id}.csv", BEGIN, digest


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("claims")
    runs = split_runs(folder / "files", seed=5)
    story = Story(spark, new_places(spark), folder)
    with pytest.raises(UpdateError) as missing:
        story.load("encounters")
    story.missing = missing.value.code
    first = story.deliver(0, runs[0])
    for fact in FACTS:
        story.load(fact.name)
    second = story.deliver(1, runs[1])
    story.load("claims")
    third = story.deliver(2, runs[2])
    before = story.version("claims_silver")
    with pytest.raises((PySparkException, Py4JJavaError)) as stopped:
        story.load("claims")
    story.stopped = str(stopped.value)
    story.unchanged["stopped"] = (before, story.version("claims_silver"))
    story.noted["stopped"] = (story.loaded("claims_silver"), second)
    for step in STEPS:
        with pytest.raises(Killed):
            story.load("encounters", step=kill_at(step))
        story.noted[step] = (story.loaded("patient_encounters_silver"), first)
    for fact in reversed(FACTS[1:]):
        story.load(fact.name)
        story.noted[fact.name] = (story.loaded(fact.table), third)
    fourth = story.deliver(3, runs[3])
    story.load("claims")
    story.noted["claims"] = (story.loaded("claims_silver"), fourth)
    before = story.version("claims_silver")
    story.nothing = story.load("claims")
    story.unchanged["nothing"] = (before, story.version("claims_silver"))
    story.incremental = {fact.name: story.table(fact.table) for fact in FACTS}
    story.rejected["incremental"] = story.rejected_rows()
    story.load_all_in_full()
    story.full = {fact.name: story.table(fact.table) for fact in FACTS}
    story.rejected["full"] = story.rejected_rows()
    return story


@pytest.fixture(scope="module")
def gold(story: Story) -> Story:
    """The story with what is made of its facts."""
    load_dimensions(story.spark, parameters_of(story.places))
    given = parameters_of(story.places, as_of_date=AS_OF, key_version="1")
    load_member_months(story.spark, given, Secrets())
    return story


def test_load_before_any_ingestion_is_refused(story: Story) -> None:
    assert story.missing == "INGEST_MISSING"


@pytest.mark.parametrize("fact", [fact.name for fact in FACTS])
def test_incremental_loads_are_a_full_load(fact: str, story: Story) -> None:
    incremental, full = story.incremental[fact], story.full[fact]
    assert full
    assert [row for row in incremental if row not in full] == []
    assert [row for row in full if row not in incremental] == []
    assert len(incremental) == len(full)


def test_incremental_loads_reject_what_a_full_load_does(story: Story) -> None:
    incremental, full = story.rejected["incremental"], story.rejected["full"]
    assert [row for row in full if row not in incremental] == []
    assert len(set(full)) == len(full), "a load that was killed noted rows twice"
    assert {(row[0], row[4]) for row in full} >= {
        ("claims_silver", "transaction_id_present"),
        ("claims_silver", "claim_id_present"),
        ("claims_silver", "type_known"),
        ("claims_silver", "money_parses"),
        ("claims_silver", "patient_id_present"),
        ("patient_encounters_silver", "encounter_id_present"),
        ("patient_encounters_silver", "start_parses"),
        ("medications_silver", "start_parses"),
        ("procedures_silver", "patient_id_present"),
    }


@pytest.mark.parametrize("at", [*STEPS, *(fact.name for fact in FACTS), "stopped"])
def test_control_names_the_run_up_to_which_was_loaded(at: str, story: Story) -> None:
    noted, wanted = story.noted[at]
    assert noted == wanted


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_control_has_the_last_day_that_the_run_knew(fact: Fact, story: Story) -> None:
    control = Control(story.spark, story.places)
    newest = control.newest()
    assert newest is not None
    assert control.as_of(fact.table) == control.known_at(newest)
    assert control.known_at(newest) is not None


def test_rule_of_fail_stops_with_nothing_written(story: Story) -> None:
    assert "[RULE_FAILED] one_charge_per_line of claims_silver" in story.stopped
    before, after = story.unchanged["stopped"]
    assert before == after


def test_nothing_new_writes_nothing(story: Story) -> None:
    assert story.nothing == {"written": 0, "dropped": 0, "load_type": "nothing new"}
    before, after = story.unchanged["nothing"]
    assert before == after


def test_loads_leave_nothing_staged(story: Story) -> None:
    tables = story.spark.sql(f"SHOW TABLES IN `main`.`{story.places.ops}`").collect()
    assert {each.tableName for each in tables} == {
        "ingest_files",
        "ingest_runs",
        "rejected_rows",
        "silver_control",
    }


def test_layers_agree_to_the_cent(gold: Story) -> None:
    assert check_claims(gold.spark, parameters_of(gold.places)) == {"equations": 17}


def test_months_under_way_are_told_from_those_that_are_over(gold: Story) -> None:
    months = gold.spark.table(gold.places.table("member_monthly_snapshot"))
    first, last = date.fromisoformat(AS_OF).replace(day=1), months.where("NOT is_partial_month")
    assert {row.snapshot_month < first for row in last.collect()} == {True}
    assert months.where(F.col("snapshot_month") == first).where("is_partial_month").count() > 0


def test_row_that_silver_lost_is_found_by_name(gold: Story) -> None:
    table, version = gold.places.table("claims_silver"), gold.version("claims_silver")
    charged = gold.spark.table(table).where("claim_amount > 0").first()
    assert charged is not None
    gold.spark.sql(f"DELETE FROM {table} WHERE transaction_id = '{charged.transaction_id}'")
    with pytest.raises(UpdateError, match="RECONCILIATION_FAILED") as raised:
        check_claims(gold.spark, parameters_of(gold.places))
    gold.spark.sql(f"RESTORE TABLE {table} TO VERSION AS OF {version}")
    assert "C1 charges of bronze and silver" in raised.value.message


def test_secret_is_in_no_plan_and_no_file(gold: Story) -> None:
    ids = frame_of(gold.spark, [("a",), ("b",)], "patient_id STRING")
    keyed = with_member_keys(ids, SECRET, 1)
    assert SECRET not in keyed._jdf.queryExecution().toString()
    months = gold.spark.table(gold.places.table("member_monthly_snapshot_gold"))
    assert months.count() > 0
    state = Path(months.inputFiles()[0].removeprefix("file:")).parents[2]
    files = [path for path in state.rglob("*") if path.is_file()]
    assert any(path.suffix == ".json" for path in files)
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []
