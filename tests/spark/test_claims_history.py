"""Versions of patients and providers on a few literals: what is one, and from when to when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.gold import history
from claims_rows import FIRST_RUN, SECOND_RUN, Row, bronze, rows_of
from harness import frame_of

THIRD_RUN = "20240301000000-3"
ALWAYS = datetime(1900, 1, 1, tzinfo=timezone.utc)
SECOND, THIRD = (datetime(2024, month, 1, tzinfo=timezone.utc) for month in (2, 3))

History = Mapping[str, Sequence[Row]]


def said(patient: str | None, city: str | None, run: str, hour: int = 1, **more: Any) -> Row:
    """Return what a delivery says of a patient."""
    at = datetime(2024, 1, 1, hour, tzinfo=timezone.utc)
    return {"Id": patient, "CITY": city, "ingest_run_id": run, "source_modified_at": at, **more}


DELIVERED = [
    said("stays", "A", FIRST_RUN, LAT="1"),
    said("stays", "A", SECOND_RUN, LAT="2"),
    said("moves", "A", FIRST_RUN),
    said("moves", "B", SECOND_RUN, LAT="1"),
    said("moves", "B", THIRD_RUN, LAT="2"),
    said("returns", "A", FIRST_RUN),
    said("returns", "B", SECOND_RUN),
    said("returns", "A", THIRD_RUN),
    said("loses", "A", FIRST_RUN),
    said("loses", None, SECOND_RUN),
    said("twice", "A", FIRST_RUN),
    said("twice", "B", SECOND_RUN, 1),
    said("twice", "C", SECOND_RUN, 2),
    said("there and back", "A", FIRST_RUN, LAT="1"),
    said("there and back", "B", SECOND_RUN, 1),
    said("there and back", "A", SECOND_RUN, 2, LAT="2"),
    said("new", "A", SECOND_RUN),
    said(None, "A", FIRST_RUN),
]


@pytest.fixture(scope="module")
def dimension(spark: SparkSession) -> History:
    """Make dim_patient once: patient -> versions in their order."""
    tables = bronze(spark, patients=DELIVERED)
    versions = history.versions(tables["patients"], history.PATIENT)
    found: dict[str, list[Row]] = {}
    for each in rows_of(history.dimension_table(versions, history.PATIENT)):
        found.setdefault(each["patient_id"], []).append(each)
    return {key: sorted(rows, key=lambda e: e["effective_from"]) for key, rows in found.items()}


@pytest.mark.parametrize(
    ("patient", "versions"),
    [
        ("stays", [("A", ALWAYS, None)]),
        ("moves", [("A", ALWAYS, SECOND), ("B", SECOND, None)]),
        ("returns", [("A", ALWAYS, SECOND), ("B", SECOND, THIRD), ("A", THIRD, None)]),
        ("loses", [("A", ALWAYS, SECOND), (None, SECOND, None)]),
        ("twice", [("A", ALWAYS, SECOND), ("C", SECOND, None)]),
        ("there and back", [("A", ALWAYS, None)]),
        ("new", [("A", ALWAYS, None)]),
    ],
)
def test_versions_follow_each_other(
    dimension: History, patient: str, versions: list[tuple[str | None, datetime, datetime | None]]
) -> None:
    found = [(e["city"], e["effective_from"], e["effective_to"]) for e in dimension[patient]]
    assert found == versions


@pytest.mark.parametrize(("patient", "latitude"), [("stays", "2"), ("moves", "2")])
def test_column_without_history_is_overwritten(
    dimension: History, patient: str, latitude: str
) -> None:
    assert dimension[patient][-1]["lat"] == latitude


def test_current_version_is_the_last(dimension: History) -> None:
    for versions in dimension.values():
        assert [each["is_current"] for each in versions] == [False] * (len(versions) - 1) + [True]


def test_keys_of_versions_are_unique(dimension: History) -> None:
    keys = [each["patient_sk"] for versions in dimension.values() for each in versions]
    assert len(set(keys)) == len(keys)


def test_one_row_stands_for_what_is_unknown(dimension: History) -> None:
    (unknown,) = dimension[history.UNKNOWN]
    assert (unknown["patient_sk"], unknown["city"]) == (history.UNKNOWN, None)
    assert (unknown["effective_from"], unknown["effective_to"]) == (ALWAYS, None)


def test_row_without_id_is_no_patient(dimension: History) -> None:
    assert None not in dimension


def test_version_holds_from_its_start_to_before_its_end(spark: SparkSession) -> None:
    moments = ["2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01"]
    rows = [(each, "2024-02-01", end) for end in ("2024-03-01", None) for each in moments]
    texts = frame_of(spark, rows, "moment string, effective_from string, effective_to string")
    dated = texts.select(*(F.col(name).cast("timestamp") for name in texts.columns)).alias("v")
    held = rows_of(dated.select(history.in_force("v", F.col("moment")).alias("held")))
    assert [each["held"] for each in held] == [False, True, True, False, False, True, True, True]


def test_provider_has_the_name_of_its_organization_as_of_now(spark: SparkSession) -> None:
    tables = bronze(
        spark,
        providers=[{"Id": "a", "ORGANIZATION": "o1"}, {"Id": "b", "ORGANIZATION": "o9"}],
        organizations=[
            {"Id": "o1", "NAME": "before"},
            {"Id": "o1", "NAME": "now", "ingest_run_id": SECOND_RUN},
        ],
    )
    versions = history.versions(tables["providers"], history.PROVIDER)
    rows = history.dimension_table(versions, history.PROVIDER)
    found = rows_of(history.with_organization(rows, tables["organizations"]))
    names = {each["provider_id"]: each["organization_name"] for each in found}
    assert names == {"a": "now", "b": None, history.UNKNOWN: None}
