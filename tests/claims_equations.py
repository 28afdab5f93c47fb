"""The equations C1 to C32 of the claims specification, over the figures of a folder of files.

The specification names C1 to C30 one by one. C31 and C32 are its two explained gaps between list
price and charge. What does not live here: how lines, fills and months come about
(`claims_reconciliation`).
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from claims_reconciliation import (
    CENT,
    ZERO,
    Equation,
    Ledger,
    column_or,
    day,
    either,
    is_moment,
    money,
    months_of_members,
    prescription,
    read_folder,
)

KEYS = {
    "allergies": "PATIENT CODE",
    "careplans": "Id",
    "claims": "Id",
    "claims_transactions": "ID",
    "conditions": "PATIENT ENCOUNTER CODE START",
    "devices": "UDI",
    "encounters": "Id",
    "imaging_studies": "INSTANCE_UID",
    "immunizations": "PATIENT ENCOUNTER CODE DATE",
    "observations": "PATIENT CODE DATE",
    "organizations": "Id",
    "patients": "Id",
    "payer_transitions": "PATIENT START_YEAR|START_DATE PAYER",
    "payers": "Id",
    "procedures": "PATIENT ENCOUNTER CODE START|DATE",
    "providers": "Id",
    "supplies": "PATIENT ENCOUNTER CODE DATE",
}
MEDICAL = ("visit", "procedure", "immunization", "other")
CLASSES = ("ambulatory", "outpatient", "wellness", "urgentcare", "emergency", "inpatient")


def equations(folder: Path, complete_from: str) -> list[Equation]:
    """Return C1 to C32 of a folder of 18 files; lines are complete from a date on.

    Example:
        >>> [each.name for each in equations(folder, "2023-01-28") if not each.holds]
        []
    """
    return equations_of(Ledger(read_folder(folder)), complete_from)


def equations_of(ledger: Ledger, complete_from: str) -> list[Equation]:
    """Return C1 to C32 of rows that are read already."""
    return [
        *_ledger(ledger),
        *_utilisation(ledger),
        *_complete(ledger, complete_from),
        *_lists(ledger),
        *_keys(ledger),
    ]


def _ledger(ledger: Ledger) -> Iterator[Equation]:
    transactions, lines = ledger.tables["claims_transactions"], ledger.lines
    charges = sum((money(r["AMOUNT"]) for r in transactions if r["TYPE"] == "CHARGE"), ZERO)
    gross = sum((line.amount for line in lines), ZERO)
    payments = sum((money(row["PAYMENTS"]) for row in transactions), ZERO)
    by_payer = sum((line.paid(lambda way: way == "ECHECK") for line in lines), ZERO)
    by_patient = sum((line.paid(lambda way: way != "ECHECK") for line in lines), ZERO)
    yield Equation("C1 charges", charges, gross)
    yield Equation("C2 payments", payments, sum((line.paid(bool) for line in lines), ZERO))
    yield Equation("C3 payments by payer and patient", payments, by_payer + by_patient)
    yield from _transfers(ledger)
    insured = sum((li.amount for li in lines if li.claim["PRIMARYPATIENTINSURANCEID"] != "0"), ZERO)
    self_pay = sum((li.amount for li in lines if not li.charge["PATIENTINSURANCEID"]), ZERO)
    yield Equation("C5 charges with and without insurer", gross, insured + self_pay)
    yield from _members(ledger)
    medical, pharmacy = ledger.charged(*MEDICAL), ledger.charged("medication")
    yield Equation("C6 medical and pharmacy", gross, medical + pharmacy)
    responsibility = sum(
        (line.amount - line.paid(lambda way: way == "ECHECK") for line in lines), ZERO
    )
    yield Equation("C7 gross by payer and patient", gross, by_payer + responsibility)
    overpaid = sum((line.paid(bool) - line.amount for line in lines), ZERO)
    yield Equation("C8 paid by patient", by_patient, responsibility + overpaid)
    yield Equation("C9 overpaid", overpaid, payments - charges)


def _transfers(ledger: Ledger) -> Iterator[Equation]:
    moved: dict[str, Decimal] = defaultdict(Decimal)
    into = out = ZERO
    for row in ledger.tables["claims_transactions"]:
        if row["TYPE"] == "TRANSFERIN":
            into += money(row["AMOUNT"])
            moved[row["CLAIMID"]] += money(row["TRANSFERS"])
        elif row["TYPE"] == "TRANSFEROUT":
            out += money(row["TRANSFERS"])
            moved[row["CLAIMID"]] -= money(row["TRANSFERS"])
    yield Equation("C4 transfers", into, out)
    yield Equation(
        "C4 claims whose transfers do not balance", Decimal(sum(map(bool, moved.values()))), ZERO
    )


def _members(ledger: Ledger) -> Iterator[Equation]:
    rest: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in ledger.lines:
        key = line.claim["PATIENTID"], line.claim["SERVICEDATE"][:7]
        has_insurer = line.claim["PRIMARYPATIENTINSURANCEID"] != "0"
        pays_alone = not line.charge["PATIENTINSURANCEID"]
        rest[key] += line.amount * (1 - has_insurer - pays_alone)
    yield Equation(
        "C5b member months that do not add up", Decimal(sum(map(bool, rest.values()))), ZERO
    )


def _utilisation(ledger: Ledger) -> Iterator[Equation]:
    encounters, raw = ledger.tables["encounters"], ledger.raw
    cost, covered = (
        ledger.total("encounters", "TOTAL_CLAIM_COST"),
        ledger.total("encounters", "PAYER_COVERAGE"),
    )
    by_patient = sum(
        (money(e["TOTAL_CLAIM_COST"]) - money(e["PAYER_COVERAGE"]) for e in encounters), ZERO
    )
    yield Equation("C10 encounters by payer and patient", cost, covered + by_patient)
    sound = [row for row in raw["encounters"] if row["Id"] and is_moment(row["START"])]
    yield Equation(
        "C11 encounter cost", sum((money(r["TOTAL_CLAIM_COST"]) for r in sound), ZERO), cost
    )
    medical = ledger.charged(*MEDICAL)
    hidden = sum(_unitemised(ledger).values(), ZERO)
    yield Equation("C12 list cost, medical and unitemised", cost, medical + hidden)
    by_class = Counter(row["ENCOUNTERCLASS"] for row in encounters)
    known = sum(by_class[each] for each in CLASSES)
    yield Equation("C25 encounters by class", ledger.rows("encounters"), Decimal(known))
    yield Equation("C26 inpatient days", *_inpatient_days(ledger))
    months = Counter(either(row, "START", "DATE")[:7] for row in ledger.tables["procedures"])
    yield Equation("C27 procedures by month", ledger.rows("procedures"), Decimal(months.total()))


def _unitemised(ledger: Ledger) -> dict[str, Decimal]:
    """What an encounter cost beyond its medical lines, by encounter."""
    rest = {key: money(row["TOTAL_CLAIM_COST"]) for key, row in ledger.encounters.items()}
    for line in ledger.lines:
        if line.category != "medication":
            rest[line.charge["APPOINTMENTID"]] -= line.amount
    return rest


def _inpatient_days(ledger: Ledger) -> tuple[Decimal, Decimal]:
    """Count days of stays, and the days on which each stay was there at midnight or at all."""
    days = nights = 0
    for row in ledger.tables["encounters"]:
        start, stop = day(row["START"]), day(row["STOP"])
        if row["ENCOUNTERCLASS"] == "inpatient" and start and stop:
            days += max(1, (stop - start).days)
            nights += len(
                {start.toordinal() + n for n in range(max(1, stop.toordinal() - start.toordinal()))}
            )
    return Decimal(days), Decimal(nights)


def _complete(ledger: Ledger, complete_from: str) -> Iterator[Equation]:
    since = {key: row for key, row in ledger.encounters.items() if row["START"] >= complete_from}
    charges: dict[str, Decimal] = defaultdict(Decimal)
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for line in ledger.lines:
        if line.category != "medication" and line.charge["APPOINTMENTID"] in since:
            charges[line.charge["APPOINTMENTID"]] += line.amount
            paid[line.charge["APPOINTMENTID"]] += line.primary_paid
    for name, column, sums in (
        ("C13 charges of complete encounters", "TOTAL_CLAIM_COST", charges),
        ("C14 primary payments of complete encounters", "PAYER_COVERAGE", paid),
    ):
        told = {key: money(row[column]) for key, row in since.items()}
        yield Equation(name, sum(told.values(), ZERO), sum(sums.values(), ZERO), CENT * len(since))
        off = sum(abs(told[key] - sums[key]) > CENT for key in since)
        yield Equation(f"{name}, one by one", Decimal(off), ZERO)


def _lists(ledger: Ledger) -> Iterator[Equation]:
    medications = ledger.tables["medications"]
    covered = ledger.total("medications", "PAYER_COVERAGE")
    lines = [line for line in ledger.lines if line.category == "medication"]
    paid = sum((line.paid(lambda way: way == "ECHECK") for line in lines), ZERO)
    yield Equation("C15 pharmacy payments", paid, covered)
    made = [prescription(row, ledger.as_of) for row in medications]
    base = sum((column_or(r, "BASE_COST", "COST") * int(r["DISPENSES"]) for r in medications), ZERO)
    yield Equation("C16 cost of prescriptions", ledger.total("medications", "TOTALCOST"), base)
    dispensed = Decimal(sum(int(row["DISPENSES"]) for row in medications))
    fills = Decimal(sum(each.fills for each in made))
    yield Equation("C17 fills", dispensed, fills)
    scheduled = Decimal(sum(each.fills - each.due for each in made))
    yield Equation("C18 fills due and scheduled", fills, scheduled + sum(each.due for each in made))
    later = sum((each.cost - each.due_cost for each in made), ZERO)
    due = sum((each.due_cost for each in made), ZERO)
    yield Equation(
        "C19 list cost due and scheduled", sum((each.cost for each in made), ZERO), due + later
    )
    yield from _base_costs(ledger)


def _base_costs(ledger: Ledger) -> Iterator[Equation]:
    procedures, shots = ledger.tables["procedures"], ledger.tables["immunizations"]
    raw = ledger.raw["procedures"]
    sound = [
        row
        for row in raw
        if row["PATIENT"] and row["CODE"] and is_moment(either(row, "START", "DATE"))
    ]
    listed = sum((column_or(row, "BASE_COST", "COST") for row in procedures), ZERO)
    yield Equation(
        "C20 cost of procedures",
        sum((column_or(r, "BASE_COST", "COST") for r in sound), ZERO),
        listed,
    )
    yield Equation("C21 lines of procedures", ledger.count("procedure"), ledger.rows("procedures"))
    yield Equation(
        "C22 lines of immunizations", ledger.count("immunization"), ledger.rows("immunizations")
    )
    shot = sum((column_or(row, "BASE_COST", "COST") for row in shots), ZERO)
    yield Equation("C23 money of immunizations", ledger.charged("immunization"), shot)
    yield Equation(
        "C24 lines of visits and medications",
        ledger.count("visit", "medication"),
        ledger.rows("encounters", "medications"),
    )
    yield Equation("uncategorised lines", ledger.count("other"), ZERO)
    bases = ledger.total("encounters", "BASE_ENCOUNTER_COST")
    free = {
        line.charge["APPOINTMENTID"]
        for line in ledger.lines
        if line.category == "visit" and not line.amount
    }
    gap = sum((money(ledger.encounters[each]["BASE_ENCOUNTER_COST"]) for each in free), ZERO)
    yield Equation("C31 visits: list less charge", bases - ledger.charged("visit"), gap)
    zero = Counter(
        (line.charge["APPOINTMENTID"], line.charge["PROCEDURECODE"], line.charge["FROMDATE"])
        for line in ledger.lines
        if line.category == "procedure" and not line.amount
    )
    of_zero = ZERO
    for row in procedures:
        key = row["ENCOUNTER"], row["CODE"], either(row, "START", "DATE")
        if zero[key]:
            zero[key] -= 1
            of_zero += column_or(row, "BASE_COST", "COST")
    yield Equation(
        "C32 procedures: list less charge", listed - ledger.charged("procedure"), of_zero
    )


def _keys(ledger: Ledger) -> Iterator[Equation]:
    payers = ledger.tables["payers"]
    covered = sum((Decimal(row["HEALTHCARE_COVERAGE"]) for row in ledger.tables["patients"]), ZERO)
    tolerance = Decimal("0.005") * len(payers)
    yield Equation(
        "C28 covered by payers", ledger.total("payers", "AMOUNT_COVERED"), covered, tolerance
    )
    priced = sum(
        (money(li.charge["UNITAMOUNT"]) * int(li.charge["UNITS"]) for li in ledger.lines), ZERO
    )
    yield Equation("C29 units times price", sum((li.amount for li in ledger.lines), ZERO), priced)
    yield Equation("C30 claims", ledger.rows("claims"), ledger.rows("encounters", "medications"))
    yield from _orphans(ledger)
    yield from _distinct(ledger)
    yield from _plausible(ledger)


def _orphans(ledger: Ledger) -> Iterator[Equation]:
    """Foreign keys without a row: none, in every file."""
    ids = {
        name: {row["Id"] for row in ledger.tables[name]}
        for name in ("patients", "encounters", "claims", "payers", "providers", "organizations")
    }
    ids["payers"] |= {"0"}
    columns = {
        "PATIENT": "patients", "PATIENTID": "patients", "ENCOUNTER": "encounters",
        "APPOINTMENTID": "encounters", "CLAIMID": "claims", "PAYER": "payers",
        "SECONDARY_PAYER": "payers", "PRIMARYPATIENTINSURANCEID": "payers",
        "SECONDARYPATIENTINSURANCEID": "payers", "PROVIDER": "providers",
        "PROVIDERID": "providers", "SUPERVISINGPROVIDERID": "providers",
        "ORGANIZATION": "organizations", "PLACEOFSERVICE": "organizations",
    }  # fmt: skip
    for table, rows in ledger.tables.items():
        for column in [name for name in (rows[0] if rows else ()) if name in columns]:
            lost = sum(
                bool(row[column]) and row[column] not in ids[columns[column]] for row in rows
            )
            yield Equation(f"orphans of {table}.{column}", Decimal(lost), ZERO)


def _distinct(ledger: Ledger) -> Iterator[Equation]:
    """Rows that share their key with another: none but twin prescriptions."""
    for table, columns in KEYS.items():
        rows = ledger.tables[table]
        keys = {tuple(either(row, *name.split("|")) for name in columns.split()) for row in rows}
        yield Equation(f"keys of {table}", Decimal(len(rows)), Decimal(len(keys)))


def _plausible(ledger: Ledger) -> Iterator[Equation]:
    """What the specification says beside its equations."""
    starts = sum(
        row["SERVICEDATE"] != ledger.encounters[row["APPOINTMENTID"]]["START"]
        for row in ledger.tables["claims"]
    )
    yield Equation("claims not of their encounter's start", Decimal(starts), ZERO)
    yield from _membership(ledger)


def _membership(ledger: Ledger) -> Iterator[Equation]:
    """Months that payers booked, where plans have moments, and plans that follow each other."""
    is_yearly = "MEMBERID" not in ledger.tables["payer_transitions"][0]
    booked = {row["Id"]: int(row["MEMBER_MONTHS"]) for row in ledger.tables["payers"]}
    months = Counter(months_of_members(ledger).values())
    off = sum(not 0.85 <= months[payer] / booked[payer] <= 1 for payer in months if not is_yearly)
    yield Equation("payers whose member months are implausible", Decimal(off), ZERO)
    gaps = sum(
        before[1] != after[0]
        for spans in ledger.spans.values()
        for before, after in itertools.pairwise(spans)
    )
    yield Equation("gaps of enrolments", Decimal(gaps), ZERO)
