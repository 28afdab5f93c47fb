"""Hold the layers against each other: what bronze has, silver and gold must account for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import current
from claims_analytics.silver.claims import AMOUNTS
from claims_analytics.silver.facts import FACTS
from claims_analytics.sources import SOURCES
from claims_analytics.tasks.control import Control
from claims_analytics.tasks.gold import MEMBER_MONTHS
from claims_analytics.tasks.parameters import TABLES
from claims_analytics.tasks.places import Places
from claims_analytics.values import all_of, money, reads, time
from headwater.errors import UpdateError

PARAMETERS = TABLES

_EVERYTHING: Mapping[str, str | None] = {}
_LEDGERS = {
    "claims": "claims_transactions",
    "encounters": "encounters",
    "medications": "medications",
    "procedures": "procedures",
}
"""Fact -> the file whose rows it has."""


@dataclass(frozen=True, slots=True)
class Equation:
    """Two figures that must be equal.

    Attributes:
        name: its number in the specification, and what it says.
    """

    name: str
    left: Decimal
    right: Decimal

    @property
    def holds(self) -> bool:
        """Whether both are the same to the cent."""
        return self.left == self.right


def check_claims(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Check that money and counts are the same in all layers; only reads.

    Raises:
        UpdateError: RECONCILIATION_FAILED, with each equation that does not hold.
    """
    places = Places.of(parameters)
    control = Control(spark, places)
    loaded = {fact.name: control.loaded(fact.table) for fact in FACTS}
    checked = equations(spark, places, control.as_of(MEMBER_MONTHS), loaded)
    wrong = [each for each in checked if not each.holds]
    if wrong:
        raise UpdateError(
            "RECONCILIATION_FAILED",
            "; ".join(f"{each.name}: {each.left} and {each.right}" for each in wrong),
            hint="Load silver and gold in full. Rows that rules keep out are in rejected_rows.",
        )
    return {"equations": len(checked)}


def equations(
    spark: Any,
    places: Places,
    as_of: date | None = None,
    loaded: Mapping[str, str | None] = _EVERYTHING,
) -> list[Equation]:
    """Return what must be equal: between bronze and silver, silver and gold, and inside gold.

    Args:
        spark: the session.
        places: where the tables are.
        as_of: the day that gold was loaded as of; None for the last on which an encounter starts.
        loaded: the newest run that each fact has taken in, by its name; facts that are not there
            have taken in all.
    """
    silver = _silver(spark, places, as_of)
    gold = _gold(spark.table(places.table(MEMBER_MONTHS)))
    bronze = _bronze(spark, places, loaded)
    covered = gold["payer_paid"] + silver["adjusted"]
    pairs = [
        ("C1 charges of bronze and silver", bronze["charges"], silver["charges"]),
        ("rows and ids of the ledger", silver["rows"], silver["ids"]),
        ("C2 payments of bronze and silver", bronze["payments"], silver["payments"]),
        ("C5 charges of silver and gold", silver["charges"], gold["gross_cost"]),
        ("C5 gross is insured and not", gold["gross_cost"], gold["total"] + gold["self_pay"]),
        ("C6 gross by kind", gold["gross_cost"], gold["medical"] + gold["pharmacy"]),
        ("C7 gross is covered or owed", gold["gross_cost"], covered + gold["owed"]),
        ("C8 paid is owed and overpaid", gold["patient_paid"], gold["owed"] + gold["overpaid"]),
        ("C11 list cost of bronze and silver", bronze["list_cost"], silver["encounter_cost"]),
        ("C12 list is medical and not itemised", gold["list_cost"], gold["medical"] + gold["rest"]),
        ("C16 cost of prescriptions and fills", bronze["drug_cost"], silver["fill_cost"]),
        ("C18 fills of silver and gold", silver["due_fills"], gold["fills"]),
        ("C19 cost of due fills in gold", silver["due_cost"], gold["fill_cost"]),
        ("C20 cost of procedures", bronze["procedure_cost"], silver["procedure_cost"]),
        ("C25 encounters of silver and gold", silver["encounters"], gold["encounters"]),
        ("C26 procedures of silver and gold", silver["procedures"], gold["procedures"]),
        ("C27 days of due fills in gold", silver["due_days"], gold["days_supply"]),
    ]
    return [Equation(name, left, right) for name, left, right in pairs]


def _figures(rows: DataFrame, /, **figures: Column) -> dict[str, Decimal]:
    """Return sums of a table by name; of no rows they are 0."""
    row = rows.agg(*(column.alias(name) for name, column in figures.items())).collect()[0]
    return {name: Decimal(row[name] or 0) for name in figures}


def _bronze(spark: Any, places: Places, loaded: Mapping[str, str | None]) -> dict[str, Decimal]:
    """Return figures of the current rows that no rule keeps out, straight from the text."""
    tables = places.bronze(spark, _LEDGERS.values())
    rows = {}
    for fact, name in _LEDGERS.items():
        last = loaded.get(fact)
        until = F.lit(True) if last is None else F.col("ingest_run_id") <= last
        rows[name] = current(tables[name].where(until), SOURCES[name])
    starts, known = time("START").isNotNull(), "PATIENT IS NOT NULL AND CODE IS NOT NULL"
    lines = rows["claims_transactions"].where(
        all_of(*(reads(name, money(name)) for name in AMOUNTS))
        & F.expr("ID IS NOT NULL AND CLAIMID IS NOT NULL AND PATIENTID IS NOT NULL")
    )
    return {
        **_figures(
            lines,
            charges=F.sum(F.when(F.col("TYPE") == "CHARGE", money("AMOUNT"))),
            payments=F.sum(F.when(F.col("TYPE") == "PAYMENT", money("PAYMENTS"))),
        ),
        **_figures(
            rows["encounters"].where(starts & F.expr("Id IS NOT NULL AND PATIENT IS NOT NULL")),
            list_cost=F.sum(money("TOTAL_CLAIM_COST")),
        ),
        **_figures(
            rows["medications"].where(
                starts & F.expr(known) & reads("BASE_COST", money("BASE_COST"))
            ),
            drug_cost=F.sum(money("TOTALCOST")),
        ),
        **_figures(
            rows["procedures"].where(starts & F.expr(known)),
            procedure_cost=F.sum(money("BASE_COST")),
        ),
    }


def _silver(spark: Any, places: Places, as_of: date | None) -> dict[str, Decimal]:
    tables = {fact.name: spark.table(places.table(fact.table)) for fact in FACTS}
    # a pipeline notes no date: gold knows what silver does
    latest = tables["encounters"].agg(F.max("service_date")).collect()[0][0]
    due = F.col("fill_date") <= F.lit(as_of or latest)
    return {
        **_figures(
            tables["claims"],
            charges=F.sum("claim_amount"),
            payments=F.sum("payment_amount"),
            adjusted=F.sum("adjustment_amount"),
            rows=F.count("*"),
            ids=F.count_distinct("transaction_id"),
        ),
        **_figures(
            tables["encounters"], encounter_cost=F.sum("encounter_cost"), encounters=F.count("*")
        ),
        **_figures(
            tables["medications"],
            fill_cost=F.sum("cost"),
            due_cost=F.sum(F.when(due, F.col("cost"))),
            due_fills=F.count_if(due),
            due_days=F.sum(F.when(due, F.col("days_supply"))),
        ),
        **_figures(
            tables["procedures"], procedure_cost=F.sum("procedure_cost"), procedures=F.count("*")
        ),
    }


def _gold(months: DataFrame) -> dict[str, Decimal]:
    columns = {
        "gross_cost": "gross_cost",
        "total": "total_cost",
        "self_pay": "self_pay_cost",
        "medical": "medical_cost",
        "pharmacy": "pharmacy_cost",
        "payer_paid": "payer_paid",
        "owed": "patient_responsibility",
        "patient_paid": "patient_paid",
        "overpaid": "patient_overpaid",
        "list_cost": "encounter_list_cost",
        "rest": "unitemised_cost",
        "fill_cost": "pharmacy_list_cost",
        "fills": "fills",
        "days_supply": "days_supply",
        "encounters": "encounters",
        "procedures": "procedures",
    }
    return _figures(months, **{name: F.sum(column) for name, column in columns.items()})
