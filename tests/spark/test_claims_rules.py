"""Lines of claims on a few literals: what is counted, for whom, and what rules say of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.rules import CLAIMS
from claims_analytics.silver.claims import COLUMNS, claim_lines
from claims_rows import SECOND_RUN, Row, bronze, rows_of, with_broken

Ledger = Mapping[str, Row]

NONE, INSURER, SECOND = "payer-none", "payer-1", "payer-2"
SEEN = "2023-05-31T22:00:00Z"
EPOCH = "1970-01-01T00:00:00Z"
METHODS = ("ECHECK", "COPAY", "CASH", "CC", "CHECK")


def row(claim: str | None, place: int, kind: str | None, **columns: Any) -> Row:
    """Return a transaction, named `<claim>/<place>`."""
    known = {
        "ID": f"{claim}/{place}",
        "CLAIMID": claim,
        "CHARGEID": str(place),
        "TYPE": kind,
        "PATIENTID": "p1",
        "APPOINTMENTID": "e1",
        "FROMDATE": SEEN,
        "TODATE": SEEN,
    }
    return {**known, **columns}


def charge(claim: str, place: int, amount: str | None = "10.00", **columns: Any) -> Row:
    priced = {"AMOUNT": amount, "UNITS": "1", "UNITAMOUNT": amount}
    return row(claim, place, "CHARGE", **{**priced, **columns})


def paid(claim: str, place: int, amount: str | None, method: str | None, **columns: Any) -> Row:
    return row(claim, place, "PAYMENT", PAYMENTS=amount, METHOD=method, **columns)


def transfer(claim: str, place: int, to: str | None) -> Row:
    return row(claim, place, "TRANSFERIN", AMOUNT="4.00", TRANSFERS="4.00", TRANSFERTYPE=to)


TRANSACTIONS = [
    # what a line is for
    charge("visit", 1, PROCEDURECODE="V"),
    paid("visit", 2, "10.00", "CASH", PROCEDURECODE="P"),
    charge("visit", 3, PROCEDURECODE="V"),
    charge("visit", 4, PROCEDURECODE="IP"),
    charge("visit", 5, PROCEDURECODE="P"),
    charge("visit", 6, PROCEDURECODE="?"),
    charge("visit", 7),
    charge("drug", 1, PROCEDURECODE="MV", APPOINTMENTID="e-mv"),
    charge("shot", 1, PROCEDURECODE="VI", APPOINTMENTID="e-vi"),
    charge("elsewhere", 1, PROCEDURECODE="P", APPOINTMENTID="e-mv"),
    charge("no encounter", 1, PROCEDURECODE="P", APPOINTMENTID=None),
    # places: numbers, not texts
    charge("places", 9, "9.00"),
    paid("places", 10, "9.00", "CASH"),
    charge("places", 100, "1.00"),
    # who pays
    charge("second", 1),
    transfer("second", 2, "2"),
    paid("second", 3, "3.00", "ECHECK"),
    paid("second", 4, "2.00", "ECHECK"),
    transfer("second", 5, "1"),
    paid("second", 6, "1.00", "ECHECK"),
    transfer("second", 7, "2"),
    paid("second", 8, "1.00", "COPAY"),
    transfer("second", 9, None),
    paid("second", 10, "1.00", "ECHECK"),
    row("second", 11, "TRANSFEROUT", TRANSFERS="16.00", AMOUNT="16.00"),
    *(paid("ways", place, "1.00", way) for place, way in enumerate(METHODS, 2)),
    charge("ways", 1, "7.00"),
    paid("ways", 7, "1.00", None),
    paid("ways", 8, None, "CASH"),
    row("ways", 9, "ADJUSTMENT", ADJUSTMENTS="1.00", PAYMENTS="5.00"),
    charge("refund", 1, "2.00"),
    paid("refund", 2, "3.00", "CASH"),
    paid("refund", 3, "-1.00", "CASH"),
    # diagnoses
    charge("codes", 1, DIAGNOSISREF1="2", DIAGNOSISREF2="2", DIAGNOSISREF3="1", DIAGNOSISREF4="3"),
    charge("beyond", 1, DIAGNOSISREF1="9", DIAGNOSISREF2="0", DIAGNOSISREF3="-1"),
    charge("not numbers", 1, DIAGNOSISREF1="x", DIAGNOSISREF2="", DIAGNOSISREF3="1"),
    # headers
    charge("no header", 1, FROMDATE="2023-06-01T00:30:00Z"),
    charge("no header", 2, FROMDATE="2023-07-01T00:30:00Z"),
    charge("two insurers", 1),
    charge("unknown insurer", 1),
    charge("open", 1),
    charge("copay above", 1, "0.02"),
    paid("copay above", 2, "75.00", "COPAY"),
    # times
    charge("times", 1, TODATE=EPOCH),
    charge("times", 2, TODATE="2023-05-31T21:59:59Z"),
    charge("times", 3, TODATE=None),
    # what is missing or does not parse
    charge("holes", 1, None),
    charge("holes", 2, UNITS=None),
    charge("holes", 3, "12.00", UNITAMOUNT="5.00"),
    charge("spoilt", 1, "N/A", ID="spoilt/0"),
    charge("spoilt", 1, "5.00"),
    row("spoilt", 2, "REVERSAL", AMOUNT="9.00"),
    charge("spoilt", 3, "9.00", PATIENTID=None),
    paid("spoilt", 4, "5.00", "CASH"),
    row("spoilt", 5, None),
    paid("spoilt", 6, "1.0.0", "CASH"),
    charge("spoilt", 7, "1.00", ID=None),
    charge(None, 8, "1.00"),  # type: ignore[arg-type]
    charge("unpriced", 1, "1,000.00"),
    paid("unpriced", 2, "5.00", "CASH"),
    charge("undated", 1, FROMDATE="2024-13-45"),
    # corrections
    charge("corrected", 1, "10.00"),
    charge("corrected", 1, "8.00", ingest_run_id=SECOND_RUN),
    charge("moved", 1, "8.00", ID="moved", ingest_run_id=SECOND_RUN),
    charge("corrected", 2, "8.00", ID="moved"),
]

HEADERS: dict[str, Row] = {
    "two insurers": {"SECONDARYPATIENTINSURANCEID": SECOND},
    "unknown insurer": {"PRIMARYPATIENTINSURANCEID": None, "HEALTHCARECLAIMTYPEID1": None},
    "visit": {"PRIMARYPATIENTINSURANCEID": "0", "HEALTHCARECLAIMTYPEID1": "1"},
    "codes": {"DIAGNOSIS1": "kind", "DIAGNOSIS2": "D2", "DIAGNOSIS3": " D3 "},
    "beyond": {"DIAGNOSIS1": "D2", "DIAGNOSIS2": "D2", "DIAGNOSIS8": "D3"},
    "not numbers": {"DIAGNOSIS1": "D2"},
    "open": {"STATUS1": "BILLED"},
    "undated": {"SERVICEDATE": "?"},
}


@pytest.fixture(scope="module")
def ledger(spark: SparkSession) -> Ledger:
    """Make the ledger of all cases once: transaction -> its row, with the rules it breaks."""
    header = {
        "SERVICEDATE": SEEN,
        "PRIMARYPATIENTINSURANCEID": INSURER,
        "SECONDARYPATIENTINSURANCEID": "0",
        "STATUS1": "CLOSED",
        "STATUSP": "CLOSED",
        "HEALTHCARECLAIMTYPEID1": "2",
    }
    claims = {each["CLAIMID"] for each in TRANSACTIONS} - {None, "no header"}
    pairs = [("e1", "IP"), ("e-vi", "VI")]
    tables = bronze(
        spark,
        claims_transactions=TRANSACTIONS,
        claims=[{"Id": each, **header, **HEADERS.get(each, {})} for each in sorted(claims)],
        encounters=[
            {"Id": "e1", "CODE": "V", "REASONCODE": "D2"},
            {"Id": "e-mv", "CODE": "MV"},
            {"Id": "e-vi", "CODE": "VI"},
            {"Id": None, "CODE": "P"},
        ],
        medications=[{"ENCOUNTER": "e-mv", "CODE": "MV"}],
        immunizations=[{"ENCOUNTER": e, "CODE": c} for e, c in pairs],
        procedures=[{"ENCOUNTER": "e1", "CODE": code} for code in ("IP", "P", "P", "V?")],
        conditions=[{"CODE": "D3"}, {"CODE": None}],
        patients=[{"Id": "p1"}, {"Id": "p1"}, {"Id": None}],
        payers=[{"Id": NONE, "NAME": "NO_INSURANCE"}, {"Id": INSURER, "NAME": "One"}],
    )
    lines = claim_lines(tables, F.current_timestamp())
    found = rows_of(with_broken(lines, CLAIMS))
    assert len(found) == len(TRANSACTIONS) - 2  # two came again
    return {str(each["transaction_id"]): each for each in found}


def test_category_is_medication_before_visit(ledger: Ledger) -> None:
    assert ledger["drug/1"]["claim_category"] == "medication"


def test_category_is_visit_before_immunization(ledger: Ledger) -> None:
    assert ledger["shot/1"]["claim_category"] == "visit"


def test_category_is_immunization_before_procedure(ledger: Ledger) -> None:
    assert ledger["visit/4"]["claim_category"] == "immunization"


def test_category_is_procedure_where_its_encounter_has_it(ledger: Ledger) -> None:
    assert ledger["visit/5"]["claim_category"] == "procedure"
    assert ledger["elsewhere/1"]["claim_category"] == "other"


@pytest.mark.parametrize("line", ["visit/6", "visit/7", "no encounter/1"])
def test_category_of_unknown_code_is_other(ledger: Ledger, line: str) -> None:
    assert ledger[line]["claim_category"] == "other"
    assert "category_known" in ledger[line]["broken"]


def test_visit_is_line_1_alone(ledger: Ledger) -> None:
    assert ledger["visit/1"]["claim_category"] == "visit"
    assert ledger["visit/3"]["claim_category"] == "other"


def test_rows_of_a_line_have_the_category_of_its_charge(ledger: Ledger) -> None:
    assert ledger["visit/2"]["claim_category"] == "visit"


@pytest.mark.parametrize(
    ("line", "kind", "system"),
    [
        ("drug/1", "pharmacy", "RXNORM"),
        ("visit/4", "medical", "CVX"),
        ("visit/5", "medical", "SNOMED-CT"),
    ],
)
def test_category_decides_kind_and_code_system(
    ledger: Ledger, line: str, kind: str, system: str
) -> None:
    assert (ledger[line]["claim_kind"], ledger[line]["service_code_system"]) == (kind, system)


def test_lines_are_numbered_in_order_of_charge_ids(ledger: Ledger) -> None:
    found = [ledger[f"places/{place}"]["line_number"] for place in (9, 10, 100)]
    assert found == [1, 1, 2]


def test_amount_of_transfer_is_no_charge(ledger: Ledger) -> None:
    moved = ledger["second/2"]
    assert (moved["claim_amount"], moved["transfer_in_amount"]) == (0, 4)
    assert ledger["second/11"]["transfer_out_amount"] == 16


def test_second_insurer_pays_right_after_a_transfer_to_it(ledger: Ledger) -> None:
    second = {
        key: each["secondary_payment_amount"]
        for key, each in ledger.items()
        if each["secondary_payment_amount"]
    }
    assert second == {"second/3": 3}


@pytest.mark.parametrize(("method", "place"), [(way, n) for n, way in enumerate(METHODS, 2)])
def test_payment_is_the_payers_by_echeck_alone(ledger: Ledger, method: str, place: int) -> None:
    payment = ledger[f"ways/{place}"]
    by_payer = method == "ECHECK"
    assert payment["payer_payment_amount"] == by_payer
    assert payment["patient_payment_amount"] == (not by_payer)
    assert payment["copay_amount"] == (method == "COPAY")


def test_payment_without_method_is_the_patients(ledger: Ledger) -> None:
    assert ledger["ways/7"]["patient_payment_amount"] == 1


def test_payments_are_by_payer_or_by_patient(ledger: Ledger) -> None:
    for each in ledger.values():
        parts = each["payer_payment_amount"], each["patient_payment_amount"]
        if each["payment_amount"] is not None:
            assert each["payment_amount"] == sum(parts)


def test_missing_payment_is_null(ledger: Ledger) -> None:
    assert ledger["ways/8"]["payment_amount"] is None
    assert ledger["ways/1"]["payment_amount"] == 0


def test_adjustment_has_its_own_amount_alone(ledger: Ledger) -> None:
    adjusted = ledger["ways/9"]
    assert (adjusted["adjustment_amount"], adjusted["payment_amount"]) == (1, 0)
    assert "line_balances" not in ledger["ways/1"]["broken"]


def test_negative_rows_add_up(ledger: Ledger) -> None:
    assert ledger["refund/3"]["patient_payment_amount"] == -1
    assert ledger["refund/3"]["broken"] == ["amount_not_negative"]
    assert "line_balances" not in ledger["refund/1"]["broken"]


def test_diagnoses_are_distinct_in_order_of_references(ledger: Ledger) -> None:
    assert ledger["codes/1"]["diagnosis_codes"] == ["D2", "kind", "D3"]


def test_primary_diagnosis_is_the_first_that_is_one(ledger: Ledger) -> None:
    assert ledger["codes/1"]["primary_diagnosis_code"] == "D2"
    assert ledger["visit/1"]["primary_diagnosis_code"] is None


def test_diagnosis_beyond_the_list_is_none(ledger: Ledger) -> None:
    assert ledger["beyond/1"]["diagnosis_codes"] == []
    assert ledger["not numbers/1"]["diagnosis_codes"] == ["D2"]


def test_claim_without_diagnoses_repeats_none(ledger: Ledger) -> None:
    assert ledger["refund/2"]["broken"] == []
    assert ledger["refund/1"]["broken"] == ["category_known"]


def test_diagnoses_are_judged_once_a_claim(ledger: Ledger) -> None:
    assert "diagnosis_is_diagnosis" in ledger["codes/1"]["broken"]
    assert "diagnosis_not_repeated" in ledger["beyond/1"]["broken"]
    found = [key for key, each in ledger.items() if "diagnosis_is_diagnosis" in each["broken"]]
    assert found == ["codes/1"]


def test_claim_without_header_is_kept(ledger: Ledger) -> None:
    line = ledger["no header/2"]
    assert line["incurred_date"] == date(2023, 6, 1)
    assert (line["payer_id"], line["diagnosis_codes"], line["claim_form"]) == (None, None, None)
    assert "claim_header_exists" in line["broken"]


def test_claim_is_incurred_on_one_day(ledger: Ledger) -> None:
    assert ledger["visit/7"]["incurred_date"] == date(2023, 5, 31)
    assert ledger["visit/7"]["incurred_month"] == date(2023, 5, 1)


def test_insurance_0_is_the_payer_that_stands_for_none(ledger: Ledger) -> None:
    assert ledger["visit/1"]["payer_id"] == NONE
    assert ledger["second/1"]["payer_id"] == INSURER
    assert ledger["unknown insurer/1"]["payer_id"] is None


def test_second_insurance_0_is_none(ledger: Ledger) -> None:
    assert ledger["second/1"]["secondary_payer_id"] is None
    assert ledger["two insurers/1"]["secondary_payer_id"] == SECOND


def test_form_follows_the_claim_type(ledger: Ledger) -> None:
    forms = [ledger[f"{each}/1"]["claim_form"] for each in ("visit", "second", "unknown insurer")]
    assert forms == ["professional", "institutional", None]


def test_open_claim_is_told_once(ledger: Ledger) -> None:
    found = [key for key, each in ledger.items() if "status_closed" in each["broken"]]
    assert found == ["open/1"]


def test_copay_above_the_charge_is_told(ledger: Ledger) -> None:
    assert {"copay_within_charge", "line_balances"} <= set(ledger["copay above/1"]["broken"])
    assert ledger["copay above/2"]["broken"] == []


@pytest.mark.parametrize("place", [1, 2, 3])
def test_end_that_is_none_is_null(ledger: Ledger, place: int) -> None:
    assert ledger[f"times/{place}"]["service_to"] is None
    assert "service_to_valid" in ledger[f"times/{place}"]["broken"]


def test_end_of_service_is_kept(ledger: Ledger) -> None:
    assert ledger["visit/1"]["service_to"] == ledger["visit/1"]["service_from"]


def test_charge_without_amount_is_null(ledger: Ledger) -> None:
    assert ledger["holes/1"]["claim_amount"] is None
    assert "amount_not_negative" in ledger["holes/1"]["broken"]


def test_charge_is_units_times_price(ledger: Ledger) -> None:
    assert "charge_is_units_times_price" in ledger["holes/3"]["broken"]
    assert "charge_is_units_times_price" not in ledger["visit/1"]["broken"]


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("spoilt/0", "money_parses"),
        ("spoilt/6", "money_parses"),
        ("spoilt/2", "type_known"),
        ("spoilt/5", "type_known"),
        ("spoilt/3", "patient_id_present"),
        ("None", "transaction_id_present"),
        ("None/8", "claim_id_present"),
    ],
)
def test_unsound_row_breaks_one_rule(ledger: Ledger, key: str, rule: str) -> None:
    assert ledger[key]["broken"] == [rule]


def test_unsound_rows_do_not_move_lines(ledger: Ledger) -> None:
    assert ledger["spoilt/1"]["line_number"] == 1
    assert ledger["spoilt/4"]["line_number"] == 1
    assert ledger["spoilt/1"]["broken"] == ["category_known"]


def test_only_rows_that_are_dropped_break_a_hard_rule(ledger: Ledger) -> None:
    assert all("one_charge_per_line" not in each["broken"] for each in ledger.values())


def test_payment_of_a_charge_that_is_dropped_stays_and_is_told(ledger: Ledger) -> None:
    assert ledger["unpriced/1"]["broken"] == ["money_parses"]
    assert ledger["unpriced/2"]["broken"] == ["line_has_charge"]
    assert ledger["unpriced/2"]["payment_amount"] == Decimal("5.00")


def test_claim_without_a_date_is_told(ledger: Ledger) -> None:
    assert ledger["undated/1"]["incurred_month"] is None
    found = [key for key, each in ledger.items() if "incurred_date_known" in each["broken"]]
    assert found == ["undated/1"]


def test_corrected_row_replaces_the_first(ledger: Ledger) -> None:
    assert ledger["corrected/1"]["claim_amount"] == Decimal("8.00")


def test_row_that_moved_to_another_claim_left_its_own(ledger: Ledger) -> None:
    assert ledger["moved"]["claim_id"] == "moved"


def test_amounts_have_two_places(ledger: Ledger) -> None:
    for name in COLUMNS:
        if name.endswith("_amount") and ledger["visit/1"][name] is not None:
            assert ledger["visit/1"][name].as_tuple().exponent == -2
