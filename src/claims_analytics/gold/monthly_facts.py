"""What happened to a member in a month: each fact of silver summed by patient and month."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from claims_analytics.gold.member_grid import months_from
from claims_analytics.values import MONEY

CATEGORIES = {
    "visit_cost": "visit",
    "procedure_cost": "procedure",
    "immunization_cost": "immunization",
    "other_cost": "other",
    "pharmacy_cost": "medication",
}
"""Column -> category of a line: each charge belongs to one of them."""

_VISITS = {
    "ambulatory_visits": "ambulatory",
    "outpatient_visits": "outpatient",
    "wellness_visits": "wellness",
    "urgentcare_visits": "urgentcare",
}

_KEYS = ("patient_id", "snapshot_month")


def _sum(amount: Column, name: str) -> Column:
    return F.sum(amount).cast(MONEY).alias(name)


def _count(condition: Column, name: str) -> Column:
    return F.count_if(condition).cast("int").alias(name)


def ledger_by_month(claims: DataFrame, no_insurance: DataFrame) -> DataFrame:
    """Sum the money of the ledger by the month that a claim was incurred in.

    Args:
        claims: claims_silver.
        no_insurance: one row: `no_insurance_id`.
    """
    rows = claims.join(F.broadcast(no_insurance))
    has_insurer = F.col("payer_id").isNotNull() & ~F.col("payer_id").eqNullSafe(
        F.col("no_insurance_id")
    )
    charged = F.col("claim_amount")
    by_category = [
        _sum(F.when(F.col("claim_category") == category, charged), name)
        for name, category in CATEGORIES.items()
    ]
    return rows.groupBy("patient_id", F.col("incurred_month").alias("snapshot_month")).agg(
        *by_category,
        _sum(F.when(has_insurer, charged), "total_cost"),
        _sum(F.when(~has_insurer, charged), "self_pay_cost"),
        _sum(F.col("adjustment_amount"), "adjusted"),
        _sum(F.col("payer_payment_amount"), "payer_paid"),
        _sum(F.col("secondary_payment_amount"), "secondary_paid"),
        _sum(F.col("patient_payment_amount"), "patient_paid"),
    )


def encounters_by_month(encounters: DataFrame) -> DataFrame:
    """Count encounters by class and by the month that they start in."""
    kind = F.col("encounter_class")
    others = kind.isNull() | ~kind.isin(*_VISITS.values(), "emergency", "inpatient")
    return encounters.groupBy("patient_id", F.col("service_month").alias("snapshot_month")).agg(
        F.count("*").cast("int").alias("encounters"),
        *(_count(kind == value, name) for name, value in _VISITS.items()),
        _count(others, "other_visits"),
        _count(kind == "emergency", "er_visits"),
        _count(kind == "inpatient", "inpatient_admissions"),
        F.sum("length_of_stay_days").cast("int").alias("inpatient_days"),
        _sum(F.col("encounter_cost"), "encounter_list_cost"),
    )


def procedures_by_month(procedures: DataFrame) -> DataFrame:
    """Count procedures by the month that they start in."""
    return procedures.groupBy("patient_id", F.col("service_month").alias("snapshot_month")).agg(
        F.count("*").cast("int").alias("procedures")
    )


def fills_by_month(due: DataFrame) -> DataFrame:
    """Sum fills by month.

    Args:
        due: rows of medications_silver whose day has come.
    """
    return due.groupBy("patient_id", F.col("fill_month").alias("snapshot_month")).agg(
        F.count("*").cast("int").alias("fills"),
        F.sum("days_supply").cast("int").alias("days_supply"),
        _sum(F.col("cost"), "pharmacy_list_cost"),
    )


def drugs_by_month(due: DataFrame) -> DataFrame:
    """Count the drugs of each month and the two before it."""
    filled = due.select("patient_id", "drug_code", "fill_month").distinct()
    counted = filled.withColumn(
        "snapshot_month", F.explode(months_from(F.col("fill_month"), F.add_months("fill_month", 2)))
    )
    return counted.groupBy(*_KEYS).agg(
        F.count_distinct("drug_code").cast("int").alias("distinct_drugs_90d")
    )


def months_of(facts: Mapping[str, DataFrame]) -> DataFrame:
    """Return the months in which something happened to a patient, possibly several times."""
    return reduce(DataFrame.union, [each.select(*_KEYS) for each in facts.values()])


def beside(grid: DataFrame, facts: Mapping[str, DataFrame]) -> DataFrame:
    """Put facts beside the months of members; a month without any has NULL."""
    return reduce(lambda rows, fact: rows.join(fact, list(_KEYS), "left"), facts.values(), grid)
