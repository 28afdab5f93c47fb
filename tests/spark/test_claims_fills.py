"""Prescriptions on a few literals; which rows of several deliveries are current; what text is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.bronze import current, delivered, run_id_of
from claims_analytics.rules import MEDICATIONS
from claims_analytics.silver.medications import fills
from claims_analytics.sources import SOURCES
from claims_analytics.values import day, money, month, time
from claims_rows import FIRST_RUN, NOON, SECOND_RUN, Row, bronze, rows_of, table_of, with_broken
from harness import frame_of

Fills = Mapping[str, Sequence[Row]]

LATER = NOON + timedelta(hours=1)
THIRD_RUN = "20240301000000-3"


def drug(name: str | None, start: str, stop: str | None, count: str | None, **more: Any) -> Row:
    """Return a prescription of a drug named after its case, 10.00 in all."""
    known = {
        "PATIENT": "p1",
        "PAYER": "payer-1",
        "ENCOUNTER": "e1",
        "CODE": name,
        "START": f"{start}T08:00:00Z",
        "STOP": stop and f"{stop}T08:00:00Z",
        "DISPENSES": count,
        "BASE_COST": "5.00",
        "PAYER_COVERAGE": "2.00",
        "TOTALCOST": "10.00",
    }
    return {**known, **more}


PRESCRIPTIONS = [
    drug("three", "2023-01-01", "2023-04-01", "3"),
    drug("daily", "2023-01-01", "2023-01-11", "10"),
    drug("beyond", "2023-01-01", "2023-01-11", "11"),
    drug("one day", "2023-01-01", "2023-01-01", "2"),
    drug("capped", "2022-01-01", "2023-01-01", "2"),
    drug("uneven", "2023-01-01", "2023-01-11", "3"),
    drug("open", "2023-12-20", None, "3"),
    drug("open daily", "2023-12-20", None, "12"),
    drug("open later", "2023-12-20", None, "12", ingest_run_id=SECOND_RUN),
    drug("open last", "2023-12-20", None, "12", ingest_run_id=THIRD_RUN),
    drug("no count", "2023-01-01", "2023-03-01", None),
    drug("count 0", "2023-01-01", "2023-03-01", "0"),
    drug("count x", "2023-01-01", "2023-03-01", "x"),
    drug("many", "2023-01-01", None, "1001"),
    drug("odd stop", "2023-01-01", None, "2", STOP="0000-00-00"),
    drug("no coverage", "2023-01-01", "2023-01-02", "1", PAYER_COVERAGE=None),
    drug("covered", "2023-01-01", "2023-01-02", "1", PAYER_COVERAGE="9.00"),
    drug("backwards", "2023-01-10", "2023-01-05", "2"),
    drug("other plan", "2023-01-01", "2023-01-02", "2", PAYER="payer-2"),
    drug("no plan", "2021-01-01", "2021-01-02", "2"),
    drug("other patient", "2023-01-01", "2023-01-02", "2", PATIENT="p2"),
    drug("no cost", "2023-01-01", "2023-01-02", "4", TOTALCOST=None),
    drug("no date", "31/12/2023", "2024-01-02", "4"),
    drug("no patient", "2023-01-01", "2023-01-02", "4", PATIENT=None),
    drug(None, "2023-01-01", "2023-01-02", "4"),
    drug("twins", "2023-01-01", "2023-12-01", "4", TOTALCOST="20.00"),
    drug("twins", "2023-01-01", "2023-01-01", "1", TOTALCOST="5.00"),
    drug("corrected", "2023-01-01", "2023-04-01", "4"),
    drug("corrected", "2023-01-01", "2023-04-01", "3", ingest_run_id=SECOND_RUN),
]

STARTS = [
    # of the first run the last is 31 December; the second brings an older one and a newer one
    ("2023-12-31", FIRST_RUN),
    ("2023-06-01", SECOND_RUN),
    ("2024-01-31", THIRD_RUN),
]


@pytest.fixture(scope="module")
def fills_of(spark: SparkSession) -> Fills:
    """Expand all prescriptions once: drug -> its fills in order."""
    tables = bronze(
        spark,
        medications=PRESCRIPTIONS,
        encounters=[{"Id": s, "START": f"{s}T08:00:00Z", "ingest_run_id": r} for s, r in STARTS],
        payer_transitions=[
            {"PATIENT": "p1", "START_YEAR": "2022", "END_YEAR": "2025", "PAYER": "payer-1"}
        ],
    )
    found: dict[str, list[Row]] = {}
    for each in rows_of(with_broken(fills(tables, F.current_timestamp()), MEDICATIONS)):
        found.setdefault(str(each["drug_code"]), []).append(each)
    return {name: sorted(rows, key=lambda row: row["fill_number"]) for name, rows in found.items()}


def test_fills_are_as_many_as_dispensed(fills_of: Fills) -> None:
    assert [each["fill_number"] for each in fills_of["three"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("three", 30),
        ("daily", 1),
        ("beyond", 1),
        ("one day", 1),
        ("capped", 90),
        ("uneven", 3),
        ("open", 30),
        ("open daily", 1),
        ("open later", 1),
        ("open last", 30),
        ("no count", 59),
        ("count 0", 59),
        ("many", 1),
        ("backwards", 1),
    ],
)
def test_fill_lasts(fills_of: Fills, name: str, days: int) -> None:
    assert {each["days_supply"] for each in fills_of[name]} == {days}


def test_fills_follow_each_other_by_their_days(fills_of: Fills) -> None:
    dates = [each["fill_date"] for each in fills_of["three"]]
    assert dates == [date(2023, 1, 1), date(2023, 1, 31), date(2023, 3, 2)]
    assert fills_of["three"][2]["fill_month"] == date(2023, 3, 1)


def test_fill_is_at_the_end_at_the_latest(fills_of: Fills) -> None:
    assert fills_of["beyond"][-1]["fill_date"] == date(2023, 1, 11)
    assert {each["fill_date"] for each in fills_of["one day"]} == {date(2023, 1, 1)}


def test_open_prescription_runs_to_what_its_own_run_knew(fills_of: Fills) -> None:
    assert fills_of["open"][0]["span_days"] == 11
    assert fills_of["open later"][0]["span_days"] == 11
    assert fills_of["open last"][0]["span_days"] == 42


@pytest.mark.parametrize("name", ["no count", "count 0", "count x"])
def test_prescription_without_a_count_is_one_fill(fills_of: Fills, name: str) -> None:
    assert [each["cost"] for each in fills_of[name]] == [10]
    assert "dispenses_present" in fills_of[name][0]["broken"]


def test_last_fill_takes_the_rest_of_the_cost(fills_of: Fills) -> None:
    costs = [str(each["cost"]) for each in fills_of["three"]]
    assert costs == ["3.33", "3.33", "3.34"]


def test_costs_add_up(fills_of: Fills) -> None:
    for name in ("beyond", "many", "open daily", "count x"):
        assert sum(each["cost"] for each in fills_of[name]) == 10, name


def test_coverage_is_of_the_first_fill_alone(fills_of: Fills) -> None:
    assert [each["payer_coverage"] for each in fills_of["three"]] == [2, None, None]
    assert [each["patient_copay"] for each in fills_of["three"]] == [3, None, None]


def test_copay_is_never_negative(fills_of: Fills) -> None:
    assert fills_of["covered"][0]["patient_copay"] == 0


def test_prescription_without_coverage_has_none(fills_of: Fills) -> None:
    assert fills_of["no coverage"][0]["payer_coverage"] is None


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("three", ["total_is_base_times_dispenses"]),
        ("one day", ["dispenses_fit_span"]),
        ("many", ["dispenses_plausible", "total_is_base_times_dispenses"]),
        ("other plan", ["dispenses_fit_span", "payer_matches_enrolment"]),
        ("no plan", ["dispenses_fit_span"]),
        ("other patient", ["dispenses_fit_span"]),
        ("odd stop", ["stop_parses"]),
        ("no cost", ["cost_parses"]),
        ("no date", ["start_parses"]),
        ("no patient", ["patient_id_present"]),
        ("None", ["code_present"]),
    ],
)
def test_prescription_breaks_rules_once(fills_of: Fills, name: str, rules: list[str]) -> None:
    assert [rule for each in fills_of[name] for rule in each["broken"]] == rules


def test_prescription_that_stops_before_it_starts_is_told(fills_of: Fills) -> None:
    assert "stop_not_before_start" in fills_of["backwards"][0]["broken"]


def test_twins_are_two_prescriptions(fills_of: Fills) -> None:
    ids = {each["prescription_id"]: each["occurrence"] for each in fills_of["twins"]}
    assert sorted(ids.values()) == [1, 2]
    assert sum(each["cost"] for each in fills_of["twins"]) == 25
    told = [each for each in fills_of["twins"] if "unique_prescription" in each["broken"]]
    assert len(told) == 1


def test_corrected_prescription_has_no_surplus_fill(fills_of: Fills) -> None:
    assert len(fills_of["corrected"]) == 3


# which rows are current


def seen(key: str, run: str, file: str, at: datetime = NOON, **more: Any) -> Row:
    """Return an immunization by its case."""
    known = {"ingest_run_id": run, "source_file": file, "source_modified_at": at}
    return {"PATIENT": key, "ENCOUNTER": "e", "DATE": "2023", **known, **more}


SHOTS = [
    seen("twins", FIRST_RUN, "a", BASE_COST="1"),
    seen("twins", FIRST_RUN, "a", BASE_COST="2"),
    seen("again", FIRST_RUN, "a", BASE_COST="1"),
    seen("again", SECOND_RUN, "b", BASE_COST="1"),
    seen("fewer", FIRST_RUN, "a", BASE_COST="1"),
    seen("fewer", FIRST_RUN, "a", BASE_COST="2"),
    seen("fewer", SECOND_RUN, "b", BASE_COST="3"),
    seen("two files", FIRST_RUN, "a", LATER, BASE_COST="1"),
    seen("two files", FIRST_RUN, "b", NOON, BASE_COST="2"),
    seen("same time", FIRST_RUN, "a", BASE_COST="1"),
    seen("same time", FIRST_RUN, "b", BASE_COST="2"),
    seen("late", SECOND_RUN, "b", NOON, BASE_COST="1"),
    seen("late", FIRST_RUN, "a", LATER, BASE_COST="2"),
    {**seen("", FIRST_RUN, "a", BASE_COST="1"), "PATIENT": None},
    {**seen("", SECOND_RUN, "b", BASE_COST="2"), "PATIENT": None},
]

VISITS = [
    {"Id": "again", "CODE": "1"},
    {"Id": "again", "CODE": "2", "ingest_run_id": SECOND_RUN},
    {"Id": "two files", "CODE": "1", "source_modified_at": LATER},
    {"Id": "two files", "CODE": "2"},
    {"Id": "same file", "CODE": "1", "record_hash": "a"},
    {"Id": "same file", "CODE": "2", "record_hash": "b"},
    {"Id": None, "CODE": "1"},
    {"Id": None, "CODE": "2"},
]


@pytest.fixture(scope="module")
def current_shots(spark: SparkSession) -> dict[Any, list[str]]:
    tables = bronze(spark, immunizations=SHOTS)
    found: dict[Any, list[str]] = {}
    for each in rows_of(current(tables["immunizations"], SOURCES["immunizations"])):
        found.setdefault(each["PATIENT"], []).append(each["BASE_COST"])
    return {key: sorted(costs) for key, costs in found.items()}


@pytest.mark.parametrize(
    ("key", "costs"),
    [
        ("twins", ["1", "2"]),
        ("again", ["1"]),
        ("fewer", ["3"]),
        ("two files", ["1"]),
        ("same time", ["2"]),
        ("late", ["1"]),
        (None, ["2"]),
    ],
)
def test_rows_of_a_natural_key_are_those_of_its_last_file(
    current_shots: dict[Any, list[str]], key: str | None, costs: list[str]
) -> None:
    assert current_shots[key] == costs


def test_row_of_an_id_is_the_last(spark: SparkSession) -> None:
    tables = bronze(spark, encounters=VISITS)
    found = rows_of(current(tables["encounters"], SOURCES["encounters"]))
    kept = sorted((str(each["Id"]), each["CODE"]) for each in found)
    assert kept == [
        ("None", "1"),
        ("None", "2"),
        ("again", "2"),
        ("same file", "2"),
        ("two files", "1"),
    ]


# columns and values


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("procedures", "DATE COST", "START BASE_COST"),
        ("immunizations", "COST", "BASE_COST"),
        ("medications", "COST", "BASE_COST"),
        (
            "payer_transitions",
            "START_YEAR END_YEAR OWNERSHIP",
            "START_DATE END_DATE PLAN_OWNERSHIP",
        ),
    ],
)
def test_columns_have_one_name(spark: SparkSession, name: str, old: str, new: str) -> None:
    columns = [*old.split(), *new.split()]
    rows = [dict.fromkeys(old.split(), "1"), dict.fromkeys(new.split(), "2")]
    table = table_of(spark, rows, dict.fromkeys(columns, "string"))
    found = rows_of(delivered(table, SOURCES[name]))
    named = [each for each in columns if each in SOURCES[name].columns]
    assert [[row[each] for each in named] for row in found] == [
        ["1"] * len(named),
        ["2"] * len(named),
    ]


def test_column_that_no_file_had_is_null(spark: SparkSession) -> None:
    table = table_of(spark, [{"Id": "a"}], {"Id": "string"})
    assert rows_of(delivered(table, SOURCES["patients"]))[0]["ZIP"] is None


TEXTS = (
    [None, "", "1.5", "-1.5", " 2 ", "1e2", "N/A", "NaN", "1.005", "1,5"],
    [None, "", "2023-05-31T23:59:59Z", "2023-05-31", "2023", "2023-02-30T10:00:00Z", "31/12/2023"],
)


def test_money_that_does_not_parse_is_null(spark: SparkSession) -> None:
    frame = frame_of(spark, [(text,) for text in TEXTS[0]], "text string")
    found = [each["money"] for each in rows_of(frame.select(money("text").alias("money")))]
    wanted = [None, None, "1.50", "-1.50", "2.00", "100.00", None, None, "1.01", None]
    assert [each and str(each) for each in found] == wanted


def test_time_is_read_in_all_versions(spark: SparkSession) -> None:
    frame = frame_of(spark, [(text,) for text in TEXTS[1]], "text string")
    read = frame.select(
        time("text").alias("time"), day("text").alias("day"), month(day("text")).alias("month")
    )
    found = rows_of(read)
    assert [each["day"] for each in found] == [
        None,
        None,
        date(2023, 5, 31),
        date(2023, 5, 31),
        date(2023, 1, 1),
        None,
        None,
    ]
    assert found[2]["time"] == datetime(2023, 5, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert found[2]["month"] == date(2023, 5, 1)


def test_run_ids_sort_in_time() -> None:
    first = run_id_of(datetime(2024, 2, 2, 5, tzinfo=timezone.utc), "9")
    assert first == "20240202050000-9"
    assert first < run_id_of(datetime(2024, 2, 2, 6, tzinfo=timezone.utc), "10")
