"""The equations of the claims specification between files, silver and gold: what must be equal.

The left side is summed over tables that a pipeline made, the right one over the files, read without
Spark, or over the layer below. What does not live here: equations among the files alone
(`claims_equations`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal

from claims_equations import CLASSES, MEDICAL
from claims_reconciliation import ZERO, Ledger, column_or, prescription
from claims_run import Made, total

Sides = tuple[Decimal | int, Decimal | int]
Check = Callable[[Made, Ledger], Sides]

GOLD = "member_monthly_snapshot_gold"
CLAIMS, ENCOUNTERS = "claims_silver", "patient_encounters_silver"
MEDICATIONS, PROCEDURES = "medications_silver", "procedures_silver"

CATEGORIES = {
    "visit_cost": "visit",
    "procedure_cost": "procedure",
    "immunization_cost": "immunization",
    "other_cost": "other",
    "pharmacy_cost": "medication",
}
"""Column of gold -> category of a line."""

_VISITS = {"emergency": "er_visits", "inpatient": "inpatient_admissions"}


def _charges(made: Made, category: str) -> list[dict[str, object]]:
    return [
        each
        for each in made.rows(CLAIMS)
        if each["transaction_type"] == "CHARGE" and each["claim_category"] == category
    ]


def _lines_of(category: str) -> Check:
    return lambda made, files: (len(_charges(made, category)), files.count(category))


def _charged_of(category: str) -> Check:
    return lambda made, files: (
        total(_charges(made, category), "claim_amount"),
        files.charged(category),
    )


def _gold_of(column: str, category: str) -> Check:
    return lambda made, files: (made.total(GOLD, column), files.charged(category))


def _paid_by(column: str, is_payers: bool) -> Check:
    def sides(made: Made, files: Ledger) -> Sides:
        paid = (line.paid(lambda way: (way == "ECHECK") is is_payers) for line in files.lines)
        return made.total(CLAIMS, column), sum(paid, ZERO)

    return sides


def _visits_of(kind: str) -> Check:
    def sides(made: Made, files: Ledger) -> Sides:
        counts = Counter(each["ENCOUNTERCLASS"] for each in files.tables["encounters"])
        return made.total(GOLD, _VISITS.get(kind, f"{kind}_visits")), counts[kind]

    return sides


def _sums(table: str, column: str, other: str, columns: str) -> Check:
    return lambda made, _: (
        made.total(table, column),
        sum((made.total(other, each) for each in columns.split()), ZERO),
    )


def _file(table: str, column: str, file: str, name: str) -> Check:
    return lambda made, files: (
        made.total(table, column),
        sum((column_or(row, name, "COST") for row in files.tables[file]), ZERO),
    )


def _insured(made: Made, files: Ledger) -> Sides:
    lines = (li for li in files.lines if li.claim["PRIMARYPATIENTINSURANCEID"] not in ("", "0"))
    return made.total(GOLD, "total_cost"), sum((each.amount for each in lines), ZERO)


def _primary(made: Made, files: Ledger) -> Sides:
    second = made.total(CLAIMS, "secondary_payment_amount")
    primary = sum((line.primary_paid for line in files.lines), ZERO)
    return made.total(CLAIMS, "payer_payment_amount") - second, primary


def _dispensed(made: Made, files: Ledger) -> Sides:
    counts = (max(1, int(row["DISPENSES"] or 1)) for row in files.tables["medications"])
    return len(made.rows(MEDICATIONS)), sum(counts)


def _due(column: str, value: str) -> Check:
    def sides(made: Made, files: Ledger) -> Sides:
        rows = files.tables["medications"]
        return made.total(GOLD, column), sum(
            getattr(prescription(each, files.as_of), value) for each in rows
        )

    return sides


def _scheduled(made: Made, files: Ledger) -> Sides:
    later = [each for each in made.rows(MEDICATIONS) if each["fill_date"] > files.as_of]
    return len(made.rows(MEDICATIONS)), made.total(GOLD, "fills") + len(later)


def _scheduled_cost(made: Made, files: Ledger) -> Sides:
    later = [each for each in made.rows(MEDICATIONS) if each["fill_date"] > files.as_of]
    parts = made.total(GOLD, "pharmacy_list_cost"), total(later, "cost")
    return made.total(MEDICATIONS, "cost"), sum(parts, ZERO)


def _days(made: Made, files: Ledger) -> Sides:
    """Compare with silver: how long a fill lasts depends on what its run knew."""
    due = (each for each in made.rows(MEDICATIONS) if each["fill_date"] <= files.as_of)
    return made.total(GOLD, "days_supply"), total(due, "days_supply")


def _overpaid(made: Made, _: Ledger) -> Sides:
    less = made.total(CLAIMS, "payment_amount") - made.total(CLAIMS, "claim_amount")
    return made.total(GOLD, "patient_overpaid"), less


def _implausible(made: Made, files: Ledger) -> Sides:
    """Count payers that booked fewer months than members had, or far more."""
    months = Counter(each["payer_id"] for each in made.rows(GOLD) if each["member_months"])
    booked = {each["Id"]: int(each["MEMBER_MONTHS"]) for each in files.tables["payers"]}
    return sum(not 0.85 <= months[each] / booked[each] <= 1 for each in months), 0


def _row_by_row(wrong: Callable[[dict[str, Decimal]], bool]) -> Check:
    return lambda made, _: (sum(wrong(each) for each in made.rows(GOLD)), 0)


EQUATIONS: Mapping[str, Check] = {
    "C1 charges": lambda made, files: (
        made.total(CLAIMS, "claim_amount"),
        sum((line.amount for line in files.lines), ZERO),
    ),
    **{f"C1 charges, {each}": _charged_of(each) for each in CATEGORIES.values()},
    **{f"C21-24 lines, {each}": _lines_of(each) for each in CATEGORIES.values()},
    "C2 payments": _file(CLAIMS, "payment_amount", "claims_transactions", "PAYMENTS"),
    "C3 payments by payer": _paid_by("payer_payment_amount", True),
    "C3 payments by patient": _paid_by("patient_payment_amount", False),
    "C4 transfers": _sums(CLAIMS, "transfer_in_amount", CLAIMS, "transfer_out_amount"),
    "C14 primary payments": _primary,
    "C10 encounters by payer and patient": _sums(
        ENCOUNTERS, "encounter_cost", ENCOUNTERS, "payer_coverage patient_responsibility"
    ),
    "C11 encounter cost": _file(ENCOUNTERS, "encounter_cost", "encounters", "TOTAL_CLAIM_COST"),
    "C16 cost of fills": _file(MEDICATIONS, "cost", "medications", "TOTALCOST"),
    "C17 fills": _dispensed,
    "C20 cost of procedures": _file(PROCEDURES, "procedure_cost", "procedures", "BASE_COST"),
    "C20 procedures": lambda made, files: (len(made.rows(PROCEDURES)), files.rows("procedures")),
    # silver = gold
    "C5 insured": _insured,
    "C5 charges": _sums(CLAIMS, "claim_amount", GOLD, "total_cost self_pay_cost"),
    **{f"C6 {column}": _gold_of(column, each) for column, each in CATEGORIES.items()},
    "C6 medical": lambda made, files: (
        made.total(GOLD, "medical_cost"),
        files.charged(*MEDICAL),
    ),
    "C7 gross": _sums(GOLD, "gross_cost", GOLD, "payer_paid patient_responsibility"),
    "C7 payer": _sums(GOLD, "payer_paid", CLAIMS, "payer_payment_amount"),
    "C7 second payer": _sums(GOLD, "secondary_paid", CLAIMS, "secondary_payment_amount"),
    "C8 patient": _sums(GOLD, "patient_paid", CLAIMS, "patient_payment_amount"),
    "C9 overpaid": _overpaid,
    "C12 list cost": _sums(ENCOUNTERS, "encounter_cost", GOLD, "medical_cost unitemised_cost"),
    "C12 encounters": _sums(ENCOUNTERS, "encounter_cost", GOLD, "encounter_list_cost"),
    "C18 fills due": _due("fills", "due"),
    "C18 fills due and scheduled": _scheduled,
    "C19 list cost due": _due("pharmacy_list_cost", "due_cost"),
    "C19 list cost due and scheduled": _scheduled_cost,
    "C19 days of fills due": _days,
    **{f"C25 {kind}": _visits_of(kind) for kind in CLASSES},
    "C25 encounters": lambda made, files: (
        made.total(GOLD, "encounters"),
        files.rows("encounters"),
    ),
    "C25 other visits": lambda made, _: (made.total(GOLD, "other_visits"), 0),
    "C26 days of stays": _sums(GOLD, "inpatient_days", ENCOUNTERS, "length_of_stay_days"),
    "payers whose months of members are implausible": _implausible,
    "C27 procedures": lambda made, files: (
        made.total(GOLD, "procedures"),
        files.rows("procedures"),
    ),
    # row by row
    "C5b months, insured or not": _row_by_row(
        lambda row: row["total_cost"] + row["self_pay_cost"] != row["gross_cost"]
    ),
    "C6 months, medical and pharmacy": _row_by_row(
        lambda row: row["medical_cost"] + row["pharmacy_cost"] != row["gross_cost"]
    ),
    "C7 months, payer and patient": _row_by_row(
        lambda row: row["payer_paid"] + row["patient_responsibility"] != row["gross_cost"]
    ),
    "C8 months, owed and overpaid": _row_by_row(
        lambda row: row["patient_responsibility"] + row["patient_overpaid"] != row["patient_paid"]
    ),
    "C12 months, medical and unitemised": _row_by_row(
        lambda row: row["medical_cost"] + row["unitemised_cost"] != row["encounter_list_cost"]
    ),
}
"""Name -> what computes both sides."""
