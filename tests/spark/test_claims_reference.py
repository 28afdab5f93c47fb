"""Diagnoses and dates on a few literals; and what is made of files without rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.gold import history
from claims_analytics.gold.reference import condition_map, dim_date, dim_diagnosis
from claims_analytics.silver.facts import FACTS, Fact
from claims_rows import SECOND_RUN, Row, bronze, rows_of

CONDITIONS = [
    {"CODE": "59621000", "DESCRIPTION": "Hypertension"},
    {"CODE": "older", "DESCRIPTION": "b (disorder)"},
    {"CODE": "older", "DESCRIPTION": "a (finding)", "ingest_run_id": SECOND_RUN},
    {"CODE": "smaller", "DESCRIPTION": "b"},
    {"CODE": "smaller", "DESCRIPTION": "a (left) (right) "},
    {"CODE": "nameless", "DESCRIPTION": None, "ingest_run_id": SECOND_RUN},
    {"CODE": "nameless", "DESCRIPTION": "named"},
    {"CODE": None, "DESCRIPTION": "no code"},
]


@pytest.fixture(scope="module")
def diagnoses(spark: SparkSession) -> Mapping[str, Row]:
    """Make dim_diagnosis once, by code."""
    reason = {"CODE": "kind", "REASONDESCRIPTION": "why"}
    tables = bronze(
        spark,
        conditions=CONDITIONS,
        encounters=[{"Id": "e", **reason, "REASONCODE": "r-encounter"}],
        medications=[{**reason, "REASONCODE": "r-medication"}],
        procedures=[{**reason, "REASONCODE": "r-procedure"}],
        careplans=[{"Id": "c", **reason, "REASONCODE": "r-careplan"}],
        claims=[
            {"Id": "1", "DIAGNOSIS1": "kind", "DIAGNOSIS2": "r-careplan ", "DIAGNOSIS8": " r-claim"}
        ],
    )
    found = rows_of(dim_diagnosis(tables))
    assert len({each["code"] for each in found}) == len(found)
    return {each["code"]: each for each in found}


def test_diagnoses_are_codes_of_conditions_reasons_and_claims(
    diagnoses: Mapping[str, Row],
) -> None:
    reasons = {f"r-{each}" for each in ("encounter", "medication", "procedure", "careplan")}
    assert set(diagnoses) == {"59621000", "older", "smaller", "nameless", "r-claim", *reasons}


@pytest.mark.parametrize(
    ("code", "description", "tag"),
    [
        ("older", "a (finding)", "finding"),
        ("smaller", "a (left) (right) ", "right"),
        ("nameless", "named", None),
        ("r-careplan", "why", None),
        ("r-claim", None, None),
    ],
)
def test_diagnosis_is_described_by_the_newest_run(
    diagnoses: Mapping[str, Row], code: str, description: str | None, tag: str | None
) -> None:
    found = diagnoses[code]
    assert (found["description"], found["semantic_tag"]) == (description, tag)


def test_diagnosis_has_what_the_map_says(diagnoses: Mapping[str, Row]) -> None:
    mapped = diagnoses["59621000"]
    assert (mapped["icd10cm_code"], mapped["chronic_category"]) == ("I10", "hypertension")
    assert diagnoses["older"]["icd10cm_code"] is None


def test_map_has_44_codes() -> None:
    assert len([code for code, (icd, _) in condition_map().items() if icd]) >= 44


def test_dates_run_over_whole_years(spark: SparkSession) -> None:
    tables = bronze(
        spark,
        patients=[{"Id": "a", "BIRTHDATE": "2022-05-05"}, {"Id": "b", "BIRTHDATE": None}],
        payer_transitions=[
            {"PATIENT": "a", "END_YEAR": "2024-02-03T00:00:00Z"},
            {"PATIENT": "a", "END_YEAR": "2023-12-31T00:00:00Z"},
        ],
    )
    days = {each["date"]: each for each in rows_of(dim_date(tables))}
    assert (min(days), max(days), len(days)) == (date(2022, 1, 1), date(2024, 12, 31), 1096)
    assert days[date(2024, 2, 29)] == {
        "date_key": 20240229,
        "date": date(2024, 2, 29),
        "year": 2024,
        "quarter": 1,
        "month": 2,
        "month_start": date(2024, 2, 1),
        "month_end": date(2024, 2, 29),
        "day_of_week": 4,
        "is_weekend": False,
    }
    assert days[date(2024, 3, 3)]["day_of_week"] == 7
    assert days[date(2024, 3, 2)]["is_weekend"]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_fact_of_files_without_rows_has_none(spark: SparkSession, fact: Fact) -> None:
    empty = bronze(spark)
    found = fact.rows(empty, F.current_timestamp()).select(*fact.columns)
    assert found.count() == 0


def test_dimensions_of_files_without_rows_have_none(spark: SparkSession) -> None:
    empty = bronze(spark)
    versions = history.versions(empty["patients"], history.PATIENT)
    patients = rows_of(history.dimension_table(versions, history.PATIENT))
    assert [each["patient_id"] for each in patients] == [history.UNKNOWN]
    assert dim_date(empty).count() == dim_diagnosis(empty).count() == 0
