"""Control totals of a folder of Synthea's 18 files, counted without Spark.

Each equation has a left and a right side that are summed on different ways: from the raw columns
of one file, and from lines, fills and member months as the silver and gold layers define them. The
numbers C1 to C32 are those of the claims specification. It also counts what the rules that only
warn would count. What does not live here: the layers themselves; a fault in them must not hide a
fault here.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

Row = dict[str, str]

CENT = Decimal("0.01")
ZERO = Decimal(0)

TYPES = {"CHARGE", "PAYMENT", "TRANSFERIN", "TRANSFEROUT", "ADJUSTMENT"}
MONEY = ("AMOUNT", "UNITAMOUNT", "PAYMENTS", "ADJUSTMENTS", "TRANSFERS", "OUTSTANDING")


class Equation(NamedTuple):
    """A control total counted twice."""

    name: str
    left: Decimal
    right: Decimal
    tolerance: Decimal = ZERO

    @property
    def holds(self) -> bool:
        """Whether both sides are equal."""
        return abs(self.left - self.right) <= self.tolerance


@dataclass
class Line:
    """A CHARGE and what follows it within its claim."""

    claim: Row
    number: int
    charge: Row
    rows: list[Row] = field(default_factory=list)
    category: str = "other"

    @cached_property
    def amount(self) -> Decimal:
        """What was charged."""
        return money(self.charge["AMOUNT"])

    def paid(self, methods: Callable[[str], bool]) -> Decimal:
        """Sum the payments of some methods."""
        payments = (row for row in self.rows if row["TYPE"] == "PAYMENT")
        return sum((money(row["PAYMENTS"]) for row in payments if methods(row["METHOD"])), ZERO)

    @cached_property
    def primary_paid(self) -> Decimal:
        """Sum what the first insurer paid: ECHECKs that do not follow a transfer to a second."""
        pairs = zip([self.charge, *self.rows], self.rows, strict=False)
        return sum(
            (
                money(row["PAYMENTS"])
                for before, row in pairs
                if row["METHOD"] == "ECHECK"
                and not (before["TYPE"] == "TRANSFERIN" and before["TRANSFERTYPE"] == "2")
            ),
            ZERO,
        )


def money(text: str) -> Decimal:
    """Read an amount; an empty one is 0."""
    return Decimal(text) if text else ZERO


def day(text: str) -> date | None:
    """Read the date of a timestamp or date; None if it is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def is_moment(text: str) -> bool:
    """Whether a text is a timestamp in UTC."""
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return False
    return True


def is_money(text: str) -> bool:
    """Whether a text is an amount, or empty."""
    return not text or text.replace(".", "", 1).removeprefix("-").isdigit()


def read_rows(file: Path) -> list[Row]:
    """Read a CSV file; letters in another encoding are replaced, missing fields are empty."""
    with file.open(encoding="utf-8", errors="replace", newline="") as lines:
        return list(csv.DictReader(lines, restval=""))


def read_folder(folder: Path) -> dict[str, list[Row]]:
    """Read the 18 files of a folder."""
    return {file.stem: read_rows(file) for file in sorted(folder.glob("*.csv"))}


def drop_rules() -> dict[str, dict[str, Callable[[Row], bool]]]:
    """Return the rules that drop a row, by table and name; each holds for a sound row."""

    def has(column: str) -> Callable[[Row], bool]:
        return lambda row: bool(row[column])

    def is_dated(row: Row) -> bool:
        return is_moment(either(row, "START", "DATE"))

    return {
        "claims_transactions": {
            "transaction_id_present": has("ID"),
            "claim_id_present": has("CLAIMID"),
            "patient_id_present": has("PATIENTID"),
            "type_known": lambda row: row["TYPE"] in TYPES,
            "money_parses": lambda row: all(is_money(row[name]) for name in MONEY),
        },
        "encounters": {
            "encounter_id_present": has("Id"),
            "patient_id_present": has("PATIENT"),
            "start_parses": is_dated,
        },
        "medications": {
            "patient_id_present": has("PATIENT"),
            "code_present": has("CODE"),
            "start_parses": is_dated,
            "cost_parses": lambda row: is_money(row["TOTALCOST"]),
        },
        "procedures": {
            "patient_id_present": has("PATIENT"),
            "code_present": has("CODE"),
            "start_parses": is_dated,
        },
    }


def kept(tables: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """Leave out what the rules drop, which write it to the rejected rows."""
    rules = drop_rules()
    return {
        name: [row for row in rows if all(holds(row) for holds in rules.get(name, {}).values())]
        for name, rows in tables.items()
    }


def drop_counts(tables: Mapping[str, list[Row]]) -> Counter[str]:
    """Count what each rule drops, as `encounters.start_parses`."""
    return +Counter(
        {
            f"{table}.{name}": sum(not holds(row) for row in tables[table])
            for table, rules in drop_rules().items()
            for name, holds in rules.items()
        }
    )


def either(row: Row, *names: str) -> str:
    """Read a column that has had several names."""
    return next((row[name] for name in names if row.get(name)), "")


class Ledger:
    """The rows of the 18 files, and what the layers make of them."""

    def __init__(self, tables: Mapping[str, list[Row]]) -> None:
        self.raw = tables
        self.tables = kept(tables)

    @cached_property
    def encounters(self) -> dict[str, Row]:
        """Encounters by Id."""
        return {row["Id"]: row for row in self.tables["encounters"]}

    @cached_property
    def as_of(self) -> date:
        """The greatest start of an encounter."""
        return max(date.fromisoformat(row["START"][:10]) for row in self.tables["encounters"])

    @cached_property
    def lines(self) -> list[Line]:
        """Lines of all claims, each with its category."""
        claims = {row["Id"]: row for row in self.tables["claims"]}
        of_claim: dict[str, list[Row]] = defaultdict(list)
        for row in self.tables["claims_transactions"]:
            of_claim[row["CLAIMID"]].append(row)
        found: list[Line] = []
        for claim, rows in of_claim.items():
            rows.sort(key=lambda row: int(row["CHARGEID"]))
            first = len(found)
            for row in rows:
                if row["TYPE"] == "CHARGE":
                    found.append(Line(claims[claim], len(found) - first + 1, row))
                else:
                    found[-1].rows.append(row)
        for line in found:
            line.category = self._category(line)
        return found

    def _category(self, line: Line) -> str:
        pair = line.charge["APPOINTMENTID"], line.charge["PROCEDURECODE"]
        if pair in self._pairs["medications"]:
            return "medication"
        if line.number == 1 and self.encounters[pair[0]]["CODE"] == pair[1]:
            return "visit"
        return next(
            (n.rstrip("s") for n in ("immunizations", "procedures") if pair in self._pairs[n]),
            "other",
        )

    @cached_property
    def _pairs(self) -> dict[str, set[tuple[str, str]]]:
        names = ("medications", "immunizations", "procedures")
        return {n: {(r["ENCOUNTER"], r["CODE"]) for r in self.tables[n]} for n in names}

    @cached_property
    def diagnoses(self) -> set[str]:
        """Codes that are diagnoses: conditions and reasons."""
        reasons = ("encounters", "medications", "procedures", "careplans")
        found = {row["REASONCODE"] for name in reasons for row in self.tables[name]}
        return (found | {row["CODE"] for row in self.tables["conditions"]}) - {""}

    @cached_property
    def spans(self) -> dict[str, list[tuple[str, str, str]]]:
        """Enrolments of each patient: start, end, payer; years become their first moment."""
        found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for row in self.tables["payer_transitions"]:
            start, end = (
                either(row, "START_YEAR", "START_DATE"),
                either(row, "END_YEAR", "END_DATE"),
            )
            found[row["PATIENT"]].append((_moment(start), _moment(end), row["PAYER"]))
        return {patient: sorted(spans) for patient, spans in found.items()}

    @cached_property
    def no_insurance(self) -> str:
        """Id of the payer that is none."""
        return next(row["Id"] for row in self.tables["payers"] if row["NAME"] == "NO_INSURANCE")

    def charged(self, *categories: str) -> Decimal:
        """Sum the charges of categories."""
        return sum((line.amount for line in self.lines if line.category in categories), ZERO)

    def count(self, *categories: str) -> Decimal:
        """Count the lines of categories."""
        return Decimal(sum(line.category in categories for line in self.lines))

    def total(self, table: str, column: str) -> Decimal:
        """Sum a column of money over the rows that are kept."""
        return sum((money(row[column]) for row in self.tables[table]), ZERO)

    def rows(self, *tables: str) -> Decimal:
        """Count the rows of tables that are kept."""
        return Decimal(sum(len(self.tables[name]) for name in tables))


class Prescription(NamedTuple):
    """A row of medications as fills."""

    fills: int
    due: int
    cost: Decimal
    due_cost: Decimal
    days: int


def prescription(row: Row, as_of: date) -> Prescription:
    """Expand a row of medications by arithmetic: how many fills, and how many are due."""
    start, stop = date.fromisoformat(row["START"][:10]), day(row["STOP"])
    span = ((stop or as_of) - start).days
    fills = max(1, int(row["DISPENSES"] or 1))
    supply = 1 if fills >= span else 30 if stop is None else min(90, max(1, span // fills))
    last = (as_of - start).days
    dates = (min(n * supply, span) if stop else n * supply for n in range(fills))
    due = sum(each <= last for each in dates)
    cost = money(row["TOTALCOST"])
    each = (cost / fills).quantize(CENT)
    due_cost = cost if due == fills else each * due
    return Prescription(fills, due, cost, due_cost, due * supply)


def months_of_members(ledger: Ledger) -> dict[tuple[str, str], str]:
    """Name the insurer of each month of each member, by the rules of the gold layer."""
    deaths = {row["Id"]: row["DEATHDATE"][:7] for row in ledger.tables["patients"]}
    found: dict[tuple[str, str], str] = {}
    for patient, spans in ledger.spans.items():
        end = min(filter(None, (ledger.as_of.isoformat()[:7], deaths.get(patient))))
        for start, until, payer in spans:
            if payer != ledger.no_insurance and start < until:
                before = datetime.fromisoformat(until[:19]) - timedelta(seconds=1)
                last = min(end, before.isoformat()[:7])
                for month in _months(date.fromisoformat(start[:10]), last):
                    found[patient, month] = payer
    return found


def _months(first: date, last: str) -> Iterator[str]:
    month = first.replace(day=1)
    while month.isoformat()[:7] <= last:
        yield month.isoformat()[:7]
        month = (month + timedelta(days=31)).replace(day=1)


def _moment(text: str) -> str:
    return f"{text}-01-01T00:00:00Z" if len(text) == 4 else text


def column_or(row: Row, *names: str) -> Decimal:
    """Read an amount whose column has had several names."""
    return money(either(row, *names))


def warn_counts(ledger: Ledger) -> Counter[str]:
    """Count what the rules that only warn would count."""
    counts: Counter[str] = Counter()
    for row in ledger.tables["claims_transactions"]:
        is_late = row["TODATE"] == "1970-01-01T00:00:00Z" or row["TODATE"] < row["FROMDATE"]
        counts["service_to_valid"] += is_late
        counts["amount_not_negative"] += any(row[name].startswith("-") for name in MONEY)
    for line in ledger.lines:
        counts["copay_within_charge"] += line.paid(lambda way: way == "COPAY") > line.amount
        rest = line.amount - line.paid(bool)
        counts["line_balances"] += abs(rest) > CENT
        counts["category_known"] += line.category == "other"
    for row in ledger.tables["claims"]:
        counts["diagnosis_is_diagnosis"] += row["DIAGNOSIS1"] not in ledger.diagnoses
        counts["diagnosis_not_repeated"] += row["DIAGNOSIS1"] == row["DIAGNOSIS2"]
        counts["status_closed"] += row["STATUS1"] != "CLOSED"
    _count_encounters(ledger, counts)
    _count_medications(ledger, counts)
    stops = {row["Id"]: row["STOP"] for row in ledger.tables["encounters"]}
    for row in ledger.tables["procedures"]:
        counts["within_encounter"] += either(row, "START", "DATE") > stops[row["ENCOUNTER"]]
        counts["cost_not_negative"] += column_or(row, "BASE_COST", "COST") < 0
    return +counts


def _insurer(ledger: Ledger, patient: str, moment: str) -> str | None:
    spans = ledger.spans.get(patient, [])
    return next((payer for start, end, payer in reversed(spans) if start <= moment < end), None)


def _count_encounters(ledger: Ledger, counts: Counter[str]) -> None:
    deaths = {row["Id"]: row["DEATHDATE"] for row in ledger.tables["patients"]}
    for row in ledger.tables["encounters"]:
        death = deaths[row["PATIENT"]]
        counts["not_after_death"] += bool(death) and row["START"][:10] > death
        payer = _insurer(ledger, row["PATIENT"], row["START"])
        counts["covered_by_enrolment"] += payer is None
        counts["encounter_payer_matches_enrolment"] += payer not in (None, row["PAYER"])
        counts["stop_not_before_start"] += row["STOP"] < row["START"]
        is_within = money(row["PAYER_COVERAGE"]) <= money(row["TOTAL_CLAIM_COST"])
        counts["coverage_within_cost"] += not is_within


def _count_medications(ledger: Ledger, counts: Counter[str]) -> None:
    names = ("PATIENT", "ENCOUNTER", "CODE", "START")
    keys = Counter(tuple(row[name] for name in names) for row in ledger.tables["medications"])
    counts["unique_prescription"] += sum(count > 1 for count in keys.values())
    for row in ledger.tables["medications"]:
        fills, start, stop = int(row["DISPENSES"]), day(row["START"]), day(row["STOP"])
        counts["dispenses_plausible"] += fills > 1000
        is_fit = not (start and stop) or fills <= max(1, (stop - start).days)
        counts["dispenses_fit_span"] += not is_fit
        cost = column_or(row, "BASE_COST", "COST") * fills
        counts["total_is_base_times_dispenses"] += cost != money(row["TOTALCOST"])
        payer = _insurer(ledger, row["PATIENT"], row["START"])
        counts["medication_payer_matches_enrolment"] += payer not in (None, row["PAYER"])
