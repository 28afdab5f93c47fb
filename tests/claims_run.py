"""The pipeline `claims` of the bundle, run on files of Synthea; and what came of it, as plain rows.

What does not live here: what should have come of it (`claims_reconciliation`, `claims_layers`).
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from pyspark.sql import SparkSession

from claims_analytics import anonymisation
from claims_analytics.gold import history
from claims_analytics.rules import (
    BRONZE,
    LANDED_FILES,
    MEMBER_MONTHS,
    PAYER_MEMBER_MONTHS,
    Rules,
)
from claims_analytics.silver.facts import FACTS
from claims_analytics.sources import SOURCES
from claims_rows import rows_of
from headwater.testing.pipeline import Pipeline
from headwater.testing.session import open_pipeline

LANDING = "/Volumes/test/synthea/landing"
SECRET = "headwater-test-key"  # noqa: S105 - the specification's, of no one
SECRET_VARIABLE = "HEADWATER_SECRET_CLAIMS_ANON_KEY_V1"  # noqa: S105 - a name
ROOT = Path(__file__).parents[1]

GOLD = (
    "dim_patient",
    "dim_provider",
    "dim_diagnosis",
    "dim_date",
    "member_monthly_snapshot_gold",
    "member_yearly_public",
    "member_monthly_snapshot",
    "payer_member_months",
)
TABLES = (*(source.table for source in SOURCES.values()), *(fact.table for fact in FACTS), *GOLD)
DIMENSIONS = (history.PATIENT, history.PROVIDER)
RULES = {
    **{f"{fact.name}_checked": fact.rules for fact in FACTS},
    **{source.table: BRONZE for source in SOURCES.values()},
    "landed_files": LANDED_FILES,
    "member_months_checked": MEMBER_MONTHS,
    "payer_member_months": PAYER_MEMBER_MONTHS,
    "dim_diagnosis": Rules(warn={"diagnosis_mapped": "icd10cm_code IS NOT NULL"}, drop={}, fail={}),
}
"""Dataset -> its rules."""

_FIRST_DELIVERY = datetime(2024, 1, 1, tzinfo=timezone.utc)

Row = dict[str, Any]
Counts = dict[tuple[str, str], int]


@dataclass(frozen=True)
class Made:
    """What updates of the pipeline made: of tables what the last one left.

    Attributes:
        tables: rows of each of `TABLES`.
        types: types of the columns of each bronze table.
        broken: of each update: how many rows broke a rule, by dataset and name.
        events: of all updates.
        versions: dimension -> its versions as AUTO CDC keeps them, and as a batch makes them.
        plan: of the query that hashes ids.
        files: of the state below the target.
        telling: those of them that hold the secret.
        dashboard: what its queries of tables return, by their names.
    """

    tables: dict[str, list[Row]]
    types: dict[str, dict[str, str]]
    broken: list[Counts]
    events: list[Row]
    versions: dict[str, tuple[list[Row], list[Row]]]
    plan: str
    files: list[str]
    telling: list[str]
    dashboard: dict[str, list[Row]]

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table."""
        return self.tables[table]

    def total(self, table: str, column: str) -> Decimal:
        """Sum a column; NULL counts as 0."""
        return total(self.tables[table], column)


def total(rows: Iterable[Row], column: str) -> Decimal:
    """Sum a column of rows; NULL counts as 0."""
    return sum((Decimal(row[column] or 0) for row in rows), Decimal(0))


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[], tuple[Made, Any]]
) -> tuple[Made, Any]:
    """Return what is made, which one process of a test run makes for all.

    Args:
        factory: knows the folder of the test run.
        name: of what is made.
        make: returns it, and what else the tests want to know of it.
    """
    root = factory.getbasetemp()
    root = root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root
    kept = root / f"{name}.pickle"
    with FileLock(root / f"{name}.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make()))
        found: tuple[Made, Any] = pickle.loads(kept.read_bytes())  # noqa: S301 - written above
    return found


def make(spark: SparkSession, folder: Path, updates: Sequence[Sequence[Path]]) -> Made:
    """Run the pipeline in an empty folder, with the secret of the specification.

    Args:
        updates: the deliveries, folders of files, that each update finds.
    """
    broken: list[Counts] = []
    events: list[Row] = []
    sent = _FIRST_DELIVERY
    with pytest.MonkeyPatch.context() as patch, open_pipeline(spark, folder, ROOT) as pipeline:
        patch.setenv(SECRET_VARIABLE, SECRET)
        pipeline.from_bundle(".", "claims", target="test")
        for deliveries in updates:
            for delivery in deliveries:
                sent += timedelta(hours=1)
                _send(pipeline, delivery, sent)
            pipeline.run()
            broken.append(_broken(pipeline))
            events += pipeline.events()
        bronze = {source.table: pipeline.table(source.table).frame for source in SOURCES.values()}
        files = [each for each in folder.rglob("*") if each.is_file()]
        return Made(
            {name: pipeline.table(name).rows() for name in TABLES},
            {name: dict(frame.dtypes) for name, frame in bronze.items()},
            broken,
            events,
            {each.prefix: _versions(pipeline, each) for each in DIMENSIONS},
            _plan_of_keys(pipeline),
            [str(each.relative_to(folder)) for each in files],
            [str(each) for each in files if SECRET.encode() in each.read_bytes()],
            _dashboard(spark, pipeline),
        )


def _dashboard(spark: SparkSession, pipeline: Pipeline) -> dict[str, list[Row]]:
    """Run the queries of the dashboard, but the one that asks the event log."""
    file = json.loads((ROOT / "dashboards" / "claims.lvdash.json").read_text())
    queries = {each["name"]: "".join(each["queryLines"]) for each in file["datasets"]}
    pipeline.table(GOLD[4]).frame.createOrReplaceTempView(GOLD[4])
    asked = {name: text for name, text in queries.items() if "event_log" not in text}
    told = {name: rows_of(spark.sql(text)) for name, text in asked.items()}
    spark.catalog.dropTempView(GOLD[4])
    return told


def _send(pipeline: Pipeline, delivery: Path, at: datetime) -> None:
    """Send the files of a delivery; those of a later one are younger, whatever the clock says."""
    for file in sorted(delivery.glob("*.csv")):
        source = pipeline.source(f"{LANDING}/{file.stem}", format="csv")
        source.send(file)
        folder = Path(getattr(source.place, "path"))  # noqa: B009 - a place may be a table
        os.utime(folder / f"batch_{source.count:04}_{file.name}", (at.timestamp(), at.timestamp()))


def _broken(pipeline: Pipeline) -> Counts:
    counts = {
        (dataset, rule): pipeline.expectation(dataset, rule).failed_records
        for dataset, rules in RULES.items()
        for rule in (*rules.warn, *rules.drop, *rules.fail)
    }
    return {key: count for key, count in counts.items() if count}


def _versions(pipeline: Pipeline, dimension: history.Dimension) -> tuple[list[Row], list[Row]]:
    """Return the versions that AUTO CDC keeps, and those of a batch over the same bronze."""
    batch = history.versions(pipeline.table(dimension.source.table).frame, dimension)
    kept = pipeline.table(f"{dimension.prefix}_versions").frame.select(*batch.columns)
    return rows_of(kept), rows_of(batch)


def _plan_of_keys(pipeline: Pipeline) -> str:
    ids = pipeline.table("bronze_patients").frame.selectExpr("Id AS patient_id")
    keys = anonymisation.with_member_keys(ids, SECRET, 1)
    return str(keys._jdf.queryExecution().toString())
