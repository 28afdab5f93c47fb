"""Months of members on a few literals: which there are, who pays, what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from claims_analytics.gold import history
from claims_analytics.gold.member_grid import insured_months, member_grid
from claims_analytics.gold.member_months import COLUMNS, Silver, member_months
from claims_analytics.rules import MEMBER_MONTHS
from claims_rows import FIRST_RUN, SECOND_RUN, Row, bronze, rows_of, with_broken
from harness import frame_of

Months = Mapping[str, Mapping[str, Row]]
"""Patient -> month, as 2023-05 -> row."""

PAYERS = [{"Id": "none", "NAME": "NO_INSURANCE"}, {"Id": "a", "NAME": "A"}, {"Id": "b"}]


def by_month(rows: list[Row]) -> Months:
    found: dict[str, dict[str, Row]] = {}
    for each in rows:
        found.setdefault(each["patient_id"], {})[f"{each['snapshot_month']:%Y-%m}"] = each
    return {patient: dict(sorted(months.items())) for patient, months in found.items()}


# which months there are


def span(patient: str | None, start: str, end: str | None, payer: str | None = "a") -> Row:
    return {"PATIENT": patient, "START_YEAR": start, "END_YEAR": end, "PAYER": payer}


SPANS = [
    span("plain", "2023-03-15T10:00:00Z", "2023-05-01T00:00:00Z"),
    span("instant", "2023-04-30T23:59:59Z", "2023-05-01T00:00:01Z"),
    span("zero length", "2023-04-10", "2023-04-10"),
    span("backwards", "2023-04-10", "2023-04-01"),
    span("endless", "2023-04-10", None),
    span("uninsured", "2023-05-01", "2024-01-01", "none"),
    span("nobody", "2023-05-01", "2024-01-01", None),
    span("two", "2023-05-01", "2023-05-20"),
    span("two", "2023-05-20", "2023-06-20", "b"),
    span("corrected", "2023-05-01", "2023-06-01") | {"ingest_run_id": SECOND_RUN},
    span("corrected", "2023-05-01", "2023-06-01", "b"),
    span("then none", "2023-06-01", "2023-06-10"),
    span("then none", "2023-06-10", "2023-07-01", "none"),
    span("dead", "2023-02-01", "2024-01-01"),
    span("certified", "2023-02-01", "2024-01-01"),
    span("dies later", "2023-05-01", "2024-01-01"),
    span("not yet", "2023-08-01", "2024-01-01"),
    span("active before", "2023-05-01", "2024-01-01"),
    span("active later", "2023-06-01", "2024-01-01"),
    span(None, "2023-05-01", "2024-01-01"),
]
ACTIVE = {
    "zero length": "2023-05-01",
    "active alone": "2023-05-01",
    "certified": "2023-04-01",
    "active before": "2023-03-01",
    "active later": "2023-08-01",
}
DEATHS = {"dead": "2023-03-10", "certified": "2023-03-28", "dies later": "2023-12-01"}


@pytest.fixture(scope="module")
def grid(spark: SparkSession) -> Months:
    """Make the months of all cases, known up to 15 June 2023."""

    def dated(name: str, days: Mapping[str, str]) -> Any:
        rows = [(patient, date.fromisoformat(day)) for patient, day in days.items()]
        return frame_of(spark, rows, f"patient_id string, {name} date")

    insured = insured_months(bronze(spark, payer_transitions=SPANS, payers=PAYERS))
    as_of = frame_of(spark, [(date(2023, 6, 15),)], "as_of_date date")
    return by_month(
        rows_of(
            member_grid(dated("snapshot_month", ACTIVE), insured, dated("died_on", DEATHS), as_of)
        )
    )


@pytest.mark.parametrize(
    ("patient", "months", "counted"),
    [
        ("plain", "2023-03 2023-04 2023-05 2023-06", "1100"),
        ("instant", "2023-04 2023-05 2023-06", "110"),
        ("zero length", "2023-05 2023-06", "00"),
        ("uninsured", "2023-05 2023-06", "00"),
        ("nobody", "2023-05 2023-06", "00"),
        ("two", "2023-05 2023-06", "11"),
        ("then none", "2023-06", "1"),
        ("dead", "2023-02 2023-03", "11"),
        ("certified", "2023-02 2023-03 2023-04", "110"),
        ("dies later", "2023-05 2023-06", "11"),
        ("active alone", "2023-05 2023-06", "00"),
        ("active before", "2023-03 2023-04 2023-05 2023-06", "0011"),
        ("active later", "2023-06 2023-07 2023-08", "100"),
    ],
)
def test_months_run_without_gap(grid: Months, patient: str, months: str, counted: str) -> None:
    assert list(grid[patient]) == months.split()
    assert "".join(str(each["member_months"]) for each in grid[patient].values()) == counted


@pytest.mark.parametrize("patient", ["backwards", "endless", "not yet"])
def test_patient_without_enrolment_or_activity_has_no_month(grid: Months, patient: str) -> None:
    assert patient not in grid


def test_nobody_is_no_member(grid: Months) -> None:
    assert None not in grid


@pytest.mark.parametrize(
    ("patient", "month", "payer"),
    [
        ("two", "2023-05", "b"),
        ("corrected", "2023-05", "a"),
        ("then none", "2023-06", "a"),
        ("uninsured", "2023-05", "none"),
        ("plain", "2023-05", None),
        ("active alone", "2023-05", None),
        ("certified", "2023-04", "a"),
    ],
)
def test_payer_is_the_insurer_that_came_last(
    grid: Months, patient: str, month: str, payer: str | None
) -> None:
    assert grid[patient][month]["payer_id"] == payer


# what a member costs

PEOPLE = {
    "sick": {"BIRTHDATE": "1948-12-15", "ZIP": "2155", "GENDER": "F", "STATE": "MA"},
    "restricted": {"ZIP": "03601", "BIRTHDATE": "2000-01-01"},
    "short zip": {"ZIP": "3601-1234", "BIRTHDATE": "2000-01-01"},
    "no zip": {"ZIP": None, "BIRTHDATE": "2000-01-01"},
    "long zip": {"ZIP": "02155-1234", "BIRTHDATE": None},
    "dead": {"BIRTHDATE": "1933-06-20", "DEATHDATE": "2023-06-10", "ZIP": "02155"},
}
MOVED = {"Id": "sick", **PEOPLE["sick"], "ZIP": "90210", "STATE": "CA"}
CONDITIONS = [
    ("59621000", "2023-03-31", "2023-05-01"),  # hypertension
    ("59621000", "2023-04-01", "2023-04-02"),
    ("59621000", "2023-06-01", None),
    ("55822004", "2023-06-30", "0000-00-00"),  # hyperlipidemia, whose end can't be read
    ("195662009", "2023-01-01", None),  # no chronic condition
]
CHARGES = [
    ("sick", "2023-01-01", "visit", "a", "100.00"),
    ("sick", "2023-01-01", "medication", "none", "7.00"),
    ("sick", "2023-12-01", "procedure", "b", "20.00"),
    ("sick", "2024-01-01", "other", None, "1.00"),
    ("stranger", "2023-12-01", "visit", "a", "5.00"),
    ("dead", "2023-06-01", "immunization", "a", "3.00"),
]
VISITS = [
    ("sick", "2023-01-01", "inpatient"),
    ("sick", "2023-02-01", "emergency"),
    ("sick", "2024-02-01", "virtual"),
    ("restricted", "2024-02-01", None),
    ("no zip", "2024-02-01", "urgentcare"),
    ("short zip", "2024-02-01", "wellness"),
    ("long zip", "2024-02-01", "wellness"),
]
FILLS = [
    ("sick", "2023-01-31", "x"),
    ("sick", "2023-02-10", "x"),
    ("sick", "2023-03-10", "y"),
    ("sick", "2024-03-01", "later"),
]
AS_OF = date(2024, 2, 10)


def silver_of(spark: SparkSession) -> Silver:
    """Return facts of a few rows, with the columns that gold reads."""
    noted = "ingest_run_id string, silver_updated_at timestamp"
    note = (FIRST_RUN, datetime(2024, 2, 10, tzinfo=timezone.utc))
    amounts = (
        "adjustment_amount", "payer_payment_amount", "secondary_payment_amount",
        "patient_payment_amount",
    )  # fmt: skip
    zero = Decimal("0.00")
    charges = [
        (who, date.fromisoformat(month), kind, payer, Decimal(paid), zero, zero, zero, zero, *note)
        for who, month, kind, payer, paid in CHARGES
    ]
    visits = [
        (who, date.fromisoformat(day), date.fromisoformat(day), kind, 2, Decimal("9.00"), *note)
        for who, day, kind in VISITS
    ]
    fills = [
        (who, code, date.fromisoformat(day), date.fromisoformat(f"{day[:8]}01"), 30, zero, *note)
        for who, day, code in FILLS
    ]
    money = "decimal(18,2)"
    return Silver(
        claims=frame_of(
            spark,
            charges,
            "patient_id string, incurred_month date, claim_category string, payer_id string,"
            f" claim_amount {money}, {', '.join(f'{each} {money}' for each in amounts)}, {noted}",
        ),
        encounters=frame_of(
            spark,
            visits,
            "patient_id string, service_date date, service_month date, encounter_class string,"
            f" length_of_stay_days int, encounter_cost {money}, {noted}",
        ),
        medications=frame_of(
            spark,
            fills,
            "patient_id string, drug_code string, fill_date date, fill_month date,"
            f" days_supply int, cost {money}, {noted}",
        ),
        procedures=frame_of(
            spark, [], f"patient_id string, service_month date, procedure_cost {money}, {noted}"
        ),
    )


@pytest.fixture(scope="module")
def members(spark: SparkSession) -> Months:
    """Make gold of a few patients once, with the rules that its rows break."""
    tables = bronze(
        spark,
        patients=[
            *({"Id": patient, **person} for patient, person in PEOPLE.items()),
            {**MOVED, "ingest_run_id": SECOND_RUN},
        ],
        payer_transitions=[span("sick", "2023-01-01", "2024-01-01")],
        payers=PAYERS,
        conditions=[
            {"PATIENT": "sick", "ENCOUNTER": str(n), "CODE": code, "START": start, "STOP": stop}
            for n, (code, start, stop) in enumerate(CONDITIONS)
        ],
    )
    patients = history.dimension_table(
        history.versions(tables["patients"], history.PATIENT), history.PATIENT
    )
    names = [*PEOPLE, "stranger"]
    keys = [(name, f"{n:064x}", 1) for n, name in enumerate(names)]
    months = member_months(
        silver_of(spark),
        tables,
        patients,
        keys=frame_of(spark, keys, "patient_id string, member_key string, anon_key_version int"),
        as_of=frame_of(spark, [(AS_OF,)], "as_of_date date"),
    )
    return by_month(rows_of(with_broken(months, MEMBER_MONTHS)))


def test_charges_are_insured_by_the_claims_payer(members: Months) -> None:
    months = members["sick"]
    costs = [(e["total_cost"], e["self_pay_cost"]) for e in months.values() if e["gross_cost"]]
    assert costs == [(100, 7), (20, 0), (0, 1)]
    assert months["2023-01"]["pharmacy_cost"] == 7
    assert months["2023-01"]["medical_cost"] == 100


def test_pmpm_is_null_without_membership(members: Months) -> None:
    found = [members["sick"][month]["pmpm_cost"] for month in ("2023-01", "2023-02", "2024-01")]
    assert found == [100, 0, None]


def test_rolling_pmpm_counts_12_months(members: Months) -> None:
    months = ("2023-01", "2023-12", "2024-01", "2024-02")
    found = [str(members["sick"][month]["pmpm_rolling_12m"]) for month in months]
    assert found == ["100.00", "10.00", "1.82", "2.00"]


def test_rolling_pmpm_is_null_without_members(members: Months) -> None:
    assert members["stranger"]["2023-12"]["pmpm_rolling_12m"] is None


def test_visits_are_counted_by_class(members: Months) -> None:
    months = members["sick"]
    assert (months["2023-01"]["inpatient_admissions"], months["2023-01"]["inpatient_days"]) == (
        1,
        2,
    )
    assert months["2023-02"]["er_visits"] == 1
    assert months["2024-02"]["other_visits"] == 1
    assert members["restricted"]["2024-02"]["other_visits"] == 1
    assert members["no zip"]["2024-02"]["urgentcare_visits"] == 1


def test_drugs_of_three_months_are_counted_once(members: Months) -> None:
    found = [each["distinct_drugs_90d"] for each in members["sick"].values()]
    assert found == [1, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def test_fill_that_is_not_due_does_not_count(members: Months) -> None:
    assert sum(each["fills"] for each in members["sick"].values()) == 3
    assert max(members["sick"]) == "2024-02"


def test_chronic_conditions_last_from_start_to_stop(members: Months) -> None:
    found = {month: each["chronic_conditions"] for month, each in members["sick"].items()}
    both = ["hyperlipidemia", "hypertension"]
    assert [found[f"2023-0{n}"] for n in range(1, 8)] == [
        [],
        [],
        ["hypertension"],
        ["hypertension"],
        ["hypertension"],
        both,
        both,
    ]


def test_risk_adds_up_12_months(members: Months) -> None:
    scores = [each["risk_score"] for each in members["sick"].values()]
    assert scores[:3] == [3 + 3, 3 + 3 + 1, 3 + 2 + 3 + 1]
    assert scores[11:] == [4 + 4 + 3 + 1, 4 + 4 + 1, 4 + 4]


@pytest.mark.parametrize(
    ("patient", "month", "zip3"),
    [
        ("sick", "2024-01", "021"),
        ("sick", "2024-02", "902"),
        ("long zip", "2024-02", "021"),
        ("restricted", "2024-02", "000"),
        ("short zip", "2024-02", "000"),
        ("no zip", "2024-02", "000"),
        ("stranger", "2023-12", "000"),
    ],
)
def test_zip3_is_of_the_version_at_the_end_of_the_month(
    members: Months, patient: str, month: str, zip3: str
) -> None:
    assert members[patient][month]["zip3"] == zip3


@pytest.mark.parametrize(
    ("patient", "month", "band"),
    [
        ("sick", "2023-11", "65-74"),
        ("sick", "2023-12", "75-89"),
        ("long zip", "2024-02", None),
        ("stranger", "2023-12", None),
        ("dead", "2023-06", "75-89"),
    ],
)
def test_age_band_is_that_at_the_end_of_the_month_or_life(
    members: Months, patient: str, month: str, band: str | None
) -> None:
    assert members[patient][month]["age_band"] == band


def test_rows_break_no_hard_rule(members: Months) -> None:
    broken = {rule for months in members.values() for e in months.values() for rule in e["broken"]}
    assert broken == {"insured_claim_without_enrolment"}


def test_insured_claim_without_enrolment_is_told(members: Months) -> None:
    found = [who for who, months in members.items() for e in months.values() if e["broken"]]
    assert sorted(found) == ["dead", "stranger"]


def test_gold_has_no_column_with_an_id() -> None:
    assert "patient_id" not in COLUMNS
