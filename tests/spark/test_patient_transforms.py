"""The pure functions of patient flow, outside any pipeline."""

from datetime import date, datetime

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from harness import frame_of
from patient_analytics.transformations.gold import (
    admissions,
    department_states,
    patient_versions,
    surrogate_key,
)
from patient_analytics.transformations.silver import to_silver
from patient_analytics.utilities import add_time_columns, enrich_with_temporal_attrs

TIMES = "event_time STRING, admission_time STRING, discharge_time STRING"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05.123456", "2026-01-02 03:04:05.123456"),
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02 01:04:05"),
        ("2026-01-02T03:04:05+0200", "2026-01-02 01:04:05"),
        ("02/01/2026 03:04", "2026-01-02 03:04:00"),
        ("2026-01-02", "2026-01-02 00:00:00"),
        (" 2026-01-02 03:04 ", "2026-01-02 03:04:00"),
        ("yesterday", None),
        ("", None),
        ("2026-13-40T00:00:00", None),
        (None, None),
    ],
)
def test_add_time_columns_reads_several_formats(
    spark: SparkSession, text: str | None, expected: str | None
) -> None:
    rows = frame_of(spark, [(text, text, text)], TIMES)
    shown = add_time_columns(rows).select(F.col("event_time").cast("string")).collect()
    assert shown[0][0] == expected


@pytest.mark.parametrize(
    ("text", "readable"),
    [("2026-01-02", True), (None, True), (" ", True), ("soon", False)],
)
def test_discharge_that_can_not_be_read_is_none_that_is_to_come(
    spark: SparkSession, text: str | None, readable: bool
) -> None:
    rows = frame_of(spark, [(None, None, text)], TIMES)
    assert add_time_columns(rows).select("discharge_readable").collect()[0][0] is readable


def enriched(
    spark: SparkSession, admitted: str | None, discharged: str | None
) -> dict[str, object]:
    rows = frame_of(spark, [("2026-01-01T00:00:00", admitted, discharged)], TIMES)
    (row,) = enrich_with_temporal_attrs(add_time_columns(rows)).collect()
    return row.asDict()


def test_enrich_adds_what_follows_from_the_times(spark: SparkSession) -> None:
    row = enriched(spark, "2026-01-03T22:30:00", "2026-01-05T10:00:00")
    assert row["admission_date"] == date(2026, 1, 3)
    assert (row["admission_hour"], row["shift"]) == (22, "evening")
    assert (row["day_of_week"], row["is_weekend"]) == ("Saturday", True)
    assert (row["length_of_stay_hours"], row["is_currently_admitted"]) == (35.5, False)


@pytest.mark.parametrize(
    ("hour", "shift"), [(6, "night"), (7, "day"), (14, "day"), (15, "evening"), (23, "night")]
)
def test_enrich_knows_the_shifts(spark: SparkSession, hour: int, shift: str) -> None:
    assert enriched(spark, f"2026-01-05T{hour:02d}:00:00", None)["shift"] == shift


def test_enrich_of_a_patient_who_is_still_in(spark: SparkSession) -> None:
    row = enriched(spark, "2026-01-05T10:00:00", None)
    assert (row["length_of_stay_hours"], row["is_currently_admitted"]) == (None, True)


def test_enrich_of_an_unreadable_admission_is_null(spark: SparkSession) -> None:
    row = enriched(spark, "?", None)
    assert (row["admission_date"], row["shift"], row["is_currently_admitted"]) == (
        None,
        None,
        False,
    )


def silver(spark: SparkSession, *rows: tuple[object, ...]) -> DataFrame:
    columns = (
        "event_id STRING, patient_id STRING, gender STRING, age STRING, department STRING, "
        "admission_time STRING, discharge_time STRING, bed_id STRING, hospital_id STRING, "
        "event_time STRING"
    )
    return to_silver(frame_of(spark, list(rows), columns))


IN = ("e1", "p", "f", "30", " ICU ", "2026-01-01T00:00:00", None, "b", "h", "2026-01-01T00:00:00")
OUT = (
    *("e2", "p", "f", "30", "Surgery", "2026-01-01T00:00:00"),
    *("2026-01-02T00:00:00", "b", "h", "2026-01-02T00:00:00"),
)


def test_to_silver_types_without_dropping(spark: SparkSession) -> None:
    bad = ("e3", "p", "f", "old", None, "?", None, None, "h", "?")
    rows = silver(spark, IN, bad).orderBy("event_id").collect()
    assert [(row.age, row.department) for row in rows] == [(30, "ICU"), (None, None)]


@pytest.mark.parametrize(
    ("age", "read"),
    [("45.0D", 45), ("45", 45), ("45L", 45), ("'45'", 45), ("45.5D", None), ("'x'", None)],
)
def test_age_is_read_from_any_type(spark: SparkSession, age: str, read: int | None) -> None:
    events = silver(spark, IN).sparkSession.sql(
        "SELECT 'e' AS event_id, 'p' AS patient_id, 'ICU' AS department, '' AS admission_time,"
        f" '' AS discharge_time, '' AS event_time, {age} AS age"
    )
    assert [
        (row.age, to_silver(events).schema["age"].dataType.simpleString())
        for row in to_silver(events).collect()
    ] == [(read, "int")]


def test_patient_versions_leaves_repeated_events_to_auto_cdc(spark: SparkSession) -> None:
    rows = patient_versions(silver(spark, IN, IN, OUT)).collect()
    assert sorted(row.event_id for row in rows) == ["e1", "e1", "e2"]


def test_surrogate_key_tells_apart_what_is_joined_alike(spark: SparkSession) -> None:
    frame = frame_of(spark, [("a", "bc"), ("ab", "c"), ("a", None)], "x STRING, y STRING")
    keys = {row[0] for row in frame.select(surrogate_key("x", "y")).collect()}
    assert len(keys) == 3


def test_department_states_has_one_key_per_hospital(spark: SparkSession) -> None:
    rows = department_states(silver(spark, IN, OUT)).select("hospital_id", "department")
    expected = spark.createDataFrame([("h", "ICU"), ("h", "Surgery")], rows.schema)
    assert_df_equality(rows, expected, ignore_row_order=True)


def test_admission_takes_the_version_valid_at_admission(spark: SparkSession) -> None:
    events = silver(spark, IN, OUT)
    versions = frame_of(
        spark,
        [
            ("sk", "p", 30, "ICU", at("2026-01-01"), at("2026-01-02")),
            ("sk", "p", 30, "Surgery", at("2026-01-02"), None),
        ],
        "patient_sk STRING, patient_id STRING, age INT, department STRING, "
        "__START_AT TIMESTAMP, __END_AT TIMESTAMP",
    )
    (row,) = admissions(events, versions, department_states(events)).collect()
    assert (row.department, row.department_at_admission) == ("Surgery", "ICU")
    assert (row.length_of_stay_hours, row.is_currently_admitted) == (24.0, False)


def test_admission_without_a_version_stays_as_an_orphan(spark: SparkSession) -> None:
    events = silver(spark, IN)
    versions = frame_of(
        spark,
        [],
        "patient_sk STRING, patient_id STRING, age INT, department STRING, "
        "__START_AT TIMESTAMP, __END_AT TIMESTAMP",
    )
    (row,) = admissions(events, versions, department_states(events)).collect()
    assert (row.patient_id, row.patient_sk) == ("p", None)
