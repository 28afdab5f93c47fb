"""The pipeline `claims` on Synthea's own files: every figure of the specification, to the cent.

Runs where HEADWATER_TEST_SYNTHEA names their folder.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from claims_analytics.sources import SOURCES
from claims_layers import CLAIMS, EQUATIONS, GOLD, MEDICATIONS
from claims_reconciliation import Ledger, read_folder
from claims_run import Made, made_once, make, total

pytestmark = pytest.mark.claims

LAST_MONTH = date(2024, 2, 1)

ROWS = {
    "allergies": 40,
    "careplans": 49,
    "claims": 1_267,
    "claims_transactions": 5_228,
    "conditions": 438,
    "devices": 3,
    "encounters": 604,
    "imaging_studies": 1,
    "immunizations": 29,
    "medications": 663,
    "observations": 990,
    "organizations": 63,
    "patients": 27,
    "payer_transitions": 1_051,
    "payers": 10,
    "procedures": 249,
    "providers": 166,
    "supplies": 72,
}
LINES = {  # lines and money of each category
    "visit": (604, "69642.13"),
    "procedure": (249, "984671.85"),
    "immunization": (29, "4075.08"),
    "medication": (663, "34013.67"),
}
SUMS = {
    "member_months": "9386",
    "medical_cost": "1058389.06",
    "gross_cost": "1092402.73",
    "total_cost": "589251.11",
    "self_pay_cost": "503151.62",
    "payer_paid": "15473.58",
    "secondary_paid": "523.28",
    "patient_responsibility": "1076929.15",
    "patient_paid": "1088030.37",
    "patient_overpaid": "11101.22",
    "encounter_list_cost": "2259172.04",
    "unitemised_cost": "1200782.98",
    "pharmacy_list_cost": "1718574.61",
    "encounters": "604",
    "ambulatory_visits": "174",
    "outpatient_visits": "52",
    "wellness_visits": "348",
    "urgentcare_visits": "2",
    "other_visits": "0",
    "er_visits": "17",
    "inpatient_admissions": "11",
    "inpatient_days": "14",
    "procedures": "249",
    "fills": "88738",
    "days_supply": "317850",
}
BROKEN = {
    ("claims_checked", "service_to_valid"): 164,
    ("claims_checked", "copay_within_charge"): 189,
    ("claims_checked", "line_balances"): 189,
    ("claims_checked", "diagnosis_is_diagnosis"): 476,
    ("claims_checked", "diagnosis_not_repeated"): 40,
    ("claims_checked", "status_closed"): 2,
    ("encounters_checked", "not_after_death"): 2,
    ("encounters_checked", "covered_by_enrolment"): 1,
    ("medications_checked", "unique_prescription"): 1,
    ("medications_checked", "dispenses_plausible"): 1,
    ("medications_checked", "dispenses_fit_span"): 1,
    ("medications_checked", "payer_matches_enrolment"): 1,
    ("procedures_checked", "within_encounter"): 73,
    ("dim_diagnosis", "diagnosis_mapped"): 9,
}


@pytest.fixture(scope="module")
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Made, Ledger]:
    folder = os.environ.get("HEADWATER_TEST_SYNTHEA")
    if not folder:
        pytest.skip("HEADWATER_TEST_SYNTHEA does not name a folder of Synthea's files")

    def run_pipeline() -> tuple[Made, Ledger]:
        spark = request.getfixturevalue("spark")
        made = make(spark, tmp_path_factory.mktemp("claims"), [[Path(folder)]])
        return made, Ledger(read_folder(Path(folder)))

    return made_once(tmp_path_factory, "claims_real", run_pipeline)


@pytest.fixture(scope="module")
def made(run: tuple[Made, Ledger]) -> Made:
    return run[0]


@pytest.mark.parametrize("name", SOURCES)
def test_real_file_has_its_rows(made: Made, name: str) -> None:
    assert len(made.rows(SOURCES[name].table)) == ROWS[name]


@pytest.mark.parametrize("category", LINES)
def test_real_lines_of_each_category(made: Made, category: str) -> None:
    charges = [
        each
        for each in made.rows(CLAIMS)
        if each["transaction_type"] == "CHARGE" and each["claim_category"] == category
    ]
    count, money = LINES[category]
    assert (len(charges), total(charges, "claim_amount")) == (count, Decimal(money))


def test_real_prescriptions_are_88806_fills(made: Made) -> None:
    assert len(made.rows(MEDICATIONS)) == 88_806


def test_real_months_of_members_are_11496(made: Made) -> None:
    assert len(made.rows(GOLD)) == 11_496
    assert len({each["member_key"] for each in made.rows(GOLD)}) == 27


@pytest.mark.parametrize("column", SUMS)
def test_real_sum_is_that_of_the_specification(made: Made, column: str) -> None:
    assert made.total(GOLD, column) == Decimal(SUMS[column])


def test_real_tiers_of_the_last_month(made: Made) -> None:
    last = [each["risk_tier"] for each in made.rows(GOLD) if each["snapshot_month"] == LAST_MONTH]
    assert Counter(last) == {"low": 10, "rising": 8, "high": 6, "very_high": 1}


def test_real_pmpm_of_the_last_12_months(made: Made) -> None:
    year = [
        each for each in made.rows(GOLD) if date(2023, 3, 1) <= each["snapshot_month"] <= LAST_MONTH
    ]
    pmpm = total(year, "total_cost") / total(year, "member_months")
    assert round(pmpm, 2) == Decimal("1333.21")


def test_real_members_without_a_zip(made: Made) -> None:
    found = {each["member_key"] for each in made.rows(GOLD) if each["zip3"] == "000"}
    assert len(found) == 12


def test_real_dates(made: Made) -> None:
    days = [each["date"] for each in made.rows("dim_date")]
    assert (len(days), min(days), max(days)) == (28_124, date(1949, 1, 1), date(2025, 12, 31))


def test_real_diagnoses(made: Made) -> None:
    mapped = [each for each in made.rows("dim_diagnosis") if each["icd10cm_code"]]
    assert (len(made.rows("dim_diagnosis")), len(mapped)) == (53, 44)


def test_real_rows_break_the_rules_of_the_specification(made: Made) -> None:
    facts = {key: n for key, n in made.broken[0].items() if key[1] != "not_overpaid"}
    assert facts == BROKEN


@pytest.mark.parametrize("name", EQUATIONS)
def test_real_equation_holds(run: tuple[Made, Ledger], name: str) -> None:
    left, right = EQUATIONS[name](*run)
    assert left == right
