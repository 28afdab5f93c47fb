"""Encounters and procedures on a few literals: how long, how dear, and what rules say of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.rules import ENCOUNTERS, PROCEDURES
from claims_analytics.silver.encounters import encounters
from claims_analytics.silver.procedures import procedures
from claims_rows import SECOND_RUN, Row, bronze, rows_of, with_broken

SEEN = [
    {"Id": "long", "ENCOUNTERCLASS": "Inpatient", "STOP": "2023-01-04T01:00:00Z"},
    {"Id": "short", "ENCOUNTERCLASS": "inpatient", "STOP": "2023-01-01T09:00:20Z"},
    {"Id": "endless", "ENCOUNTERCLASS": "inpatient", "STOP": None},
    {"Id": "backwards", "ENCOUNTERCLASS": "emergency", "STOP": "2022-12-31T08:00:00Z"},
    {"Id": "after death", "ENCOUNTERCLASS": "wellness", "PATIENT": "dead"},
    {"Id": "other plan", "ENCOUNTERCLASS": "wellness", "PAYER": "payer-2"},
    {"Id": "no plan", "ENCOUNTERCLASS": "wellness", "PATIENT": "p2"},
    {"Id": "too dear", "ENCOUNTERCLASS": "spa", "PAYER_COVERAGE": "9.00"},
    {"Id": "no cost", "ENCOUNTERCLASS": None, "TOTAL_CLAIM_COST": None},
    {"Id": "no start", "START": "2023-13-01T08:00:00Z"},
    {"Id": "odd stop", "ENCOUNTERCLASS": "wellness", "STOP": "01/02/2023"},
    {"Id": "no patient", "PATIENT": None},
    {"Id": None},
]


@pytest.fixture(scope="module")
def visits(spark: SparkSession) -> Mapping[str, Row]:
    """Type all encounters once, by id."""
    known = {
        "PATIENT": "p1",
        "PAYER": "payer-1",
        "START": "2023-01-01T08:00:00Z",
        "STOP": "2023-01-01T09:00:00Z",
        "TOTAL_CLAIM_COST": "5.00",
        "PAYER_COVERAGE": "2.00",
    }
    plans = [
        {"PATIENT": patient, "START_YEAR": "2022", "END_YEAR": "2024", "PAYER": "payer-1"}
        for patient in ("p1", "dead")
    ]
    tables = bronze(
        spark,
        encounters=[{**known, **each} for each in SEEN],
        payer_transitions=plans,
        patients=[{"Id": "p1"}, {"Id": "dead", "DEATHDATE": "2022-12-31"}],
    )
    found = rows_of(with_broken(encounters(tables, F.current_timestamp()), ENCOUNTERS))
    return {str(each["encounter_id"]): each for each in found}


@pytest.mark.parametrize(
    ("key", "rules"),
    [
        ("long", []),
        ("backwards", ["stop_not_before_start"]),
        ("after death", ["not_after_death"]),
        ("other plan", ["payer_matches_enrolment"]),
        ("no plan", ["covered_by_enrolment"]),
        ("too dear", ["class_known", "coverage_within_cost"]),
        ("no cost", ["class_known", "coverage_within_cost"]),
        ("no start", ["start_parses"]),
        ("odd stop", ["stop_parses"]),
        ("no patient", ["patient_id_present"]),
        ("None", ["encounter_id_present"]),
    ],
)
def test_encounter_breaks_rules(visits: Mapping[str, Row], key: str, rules: list[str]) -> None:
    assert visits[key]["broken"] == rules


@pytest.mark.parametrize(
    ("key", "days"), [("long", 3), ("short", 1), ("endless", 1), ("backwards", 0)]
)
def test_stay_lasts_a_day_at_least(visits: Mapping[str, Row], key: str, days: int) -> None:
    assert visits[key]["length_of_stay_days"] == days


def test_duration_is_in_minutes(visits: Mapping[str, Row]) -> None:
    assert visits["short"]["duration_minutes"] == Decimal("60.33")
    assert visits["endless"]["duration_minutes"] is None
    assert visits["backwards"]["duration_minutes"] is None


def test_missing_cost_is_null(visits: Mapping[str, Row]) -> None:
    assert visits["no cost"]["patient_responsibility"] is None
    assert visits["long"]["patient_responsibility"] == 3


def test_procedures_that_are_alike_have_keys_of_their_own(spark: SparkSession) -> None:
    once = {"PATIENT": "p1", "ENCOUNTER": "e1", "CODE": "c", "START": "2023-01-01T08:00:00Z"}
    alike = [{**once, "BASE_COST": cost} for cost in ("1", "1", "2")]
    again = [{**each, "ingest_run_id": SECOND_RUN, "source_file": "b"} for each in alike]
    found = rows_of(procedures(bronze(spark, procedures=[*alike, *again]), F.current_timestamp()))
    assert len({each["procedure_id"] for each in found}) == len(found) == 3
    assert sum(each["procedure_cost"] for each in found) == 4


DONE = [
    {"CODE": "within"},
    {"CODE": "after", "START": "2023-01-01T09:00:01Z"},
    {"CODE": "before", "START": "2023-01-01T07:59:59Z"},
    {"CODE": "elsewhere", "ENCOUNTER": "e9"},
    {"CODE": "free", "BASE_COST": None},
    {"CODE": "negative", "BASE_COST": "-1.00"},
    {"CODE": "undated", "START": "2023-13-01T08:00:00Z"},
    {"CODE": "nobody", "PATIENT": None},
    {"CODE": None},
    {"CODE": "newer", "SYSTEM": "CPT"},
]


@pytest.fixture(scope="module")
def done(spark: SparkSession) -> Mapping[str, Row]:
    """Type all procedures once, by code."""
    known = {
        "PATIENT": "p1",
        "ENCOUNTER": "e1",
        "START": "2023-01-01T08:30:00Z",
        "STOP": "2023-01-01T08:45:00Z",
        "BASE_COST": "5.00",
    }
    stay = {"Id": "e1", "START": "2023-01-01T08:00:00Z", "STOP": "2023-01-01T09:00:00Z"}
    tables = bronze(spark, procedures=[{**known, **each} for each in DONE], encounters=[stay])
    found = rows_of(with_broken(procedures(tables, F.current_timestamp()), PROCEDURES))
    return {str(each["procedure_code"]): each for each in found}


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        ("within", []),
        ("after", ["within_encounter"]),
        ("before", ["within_encounter"]),
        ("elsewhere", ["encounter_exists"]),
        ("free", ["cost_not_negative"]),
        ("negative", ["cost_not_negative"]),
        ("undated", ["start_parses"]),
        ("nobody", ["patient_id_present"]),
        ("None", ["code_present"]),
    ],
)
def test_procedure_breaks_rules(done: Mapping[str, Row], code: str, rules: list[str]) -> None:
    assert done[code]["broken"] == rules


def test_procedure_has_the_system_of_its_file(done: Mapping[str, Row]) -> None:
    assert (done["newer"]["code_system"], done["within"]["code_system"]) == ("CPT", "SNOMED-CT")
