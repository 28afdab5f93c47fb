"""medications_silver: one row per fill of a prescription."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from claims_analytics.bronze import current, delivered, narrowed
from claims_analytics.enrolment import payers_at, spans_by_patient
from claims_analytics.rules import MEDICATIONS
from claims_analytics.sources import SOURCES
from claims_analytics.values import MONEY, day, hashed, money, month, names, number, reads, time

READS = ("medications", "encounters", "payer_transitions")
"""Bronze tables that this fact reads."""

COLUMNS = names(
    "prescription_id fill_number patient_id encounter_id payer_id drug_code drug_description"
    " reason_code fill_date fill_month days_supply span_days fills_authorised is_open cost"
    " payer_coverage patient_copay ingest_run_id source_file silver_updated_at"
)
"""Of the table; what the rules ask about comes beside them and is left out of it."""

_NARROWED = {
    "medications": {name: name for name in SOURCES["medications"].key},
    "payer_transitions": {"PATIENT": "PATIENT"},
}
"""File -> its columns, and those of the keys that say what some prescriptions are made from."""

_OPEN_SUPPLY, _LONGEST_SUPPLY = 30, 90
"""Days of one fill: of a prescription without an end, and the most that retail hands out."""


def as_of_dates(encounters: DataFrame) -> DataFrame:
    """Return what each run of encounters knew last: `since_run`, `as_of_date`, never falling.

    Args:
        encounters: the bronze table.
    """
    rows = delivered(encounters, SOURCES["encounters"])
    latest = rows.groupBy(F.col("ingest_run_id").alias("since_run")).agg(
        F.max(day("START")).alias("greatest")
    )
    so_far = Window.orderBy("since_run").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return latest.select("since_run", F.max("greatest").over(so_far).alias("as_of_date"))


def fills(
    bronze: Mapping[str, DataFrame], updated_at: Column, keys: DataFrame | None = None
) -> DataFrame:
    """Expand each current prescription to its fills.

    Args:
        bronze: the tables of `READS`.
        updated_at: when the rows are written.
        keys: of the prescriptions to make, as `touched.by_natural_key` finds them; None makes all.

    Returns:
        `COLUMNS`, and what `rules.MEDICATIONS` asks about. Costs are list prices.
    """
    bronze = narrowed(bronze, keys, _NARROWED)
    prescribed = _prescriptions(bronze).withColumn("is_sound", F.expr(MEDICATIONS.sound))
    # what a rule drops is one row, so that the rule counts prescriptions
    last = F.when(F.col("is_sound"), F.col("fills_authorised")).otherwise(1)
    expanded = prescribed.withColumn("fill_number", F.explode(F.sequence(F.lit(1), last)))
    nth, count = F.col("fill_number"), F.col("fills_authorised")
    each = (F.col("total_cost") / count).cast(MONEY)
    planned = F.date_add("started_on", (nth - 1) * F.col("days_supply"))
    filled = F.least(planned, F.col("stopped_on"))
    copay = F.greatest(F.lit(0).cast(MONEY), F.col("base_cost") - F.col("coverage"))
    first = nth == 1
    return expanded.withColumns(
        {
            "fill_date": filled,
            "fill_month": month(filled),
            "cost": F.when(nth < count, each).otherwise(
                (F.col("total_cost") - each * (count - 1)).cast(MONEY)
            ),
            "payer_coverage": F.when(first, F.col("coverage")),
            "patient_copay": F.when(first, copay.cast(MONEY)),
            "is_first": first,
            "silver_updated_at": updated_at,
        }
    )


def _prescriptions(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return one row per prescription, with how many fills of how many days it is."""
    source = SOURCES["medications"]
    alike = Window.partitionBy(*source.key).orderBy(
        F.col("STOP").asc_nulls_last(), "BASE_COST", "DISPENSES", "record_hash"
    )
    rows = current(bronze["medications"], source).withColumn(
        "occurrence", F.row_number().over(alike)
    )
    typed = rows.select(
        hashed(*map(F.col, source.key), F.col("occurrence")).alias("prescription_id"),
        F.col("PATIENT").alias("patient_id"),
        F.col("ENCOUNTER").alias("encounter_id"),
        F.col("PAYER").alias("payer_id"),
        F.col("CODE").alias("drug_code"),
        F.col("DESCRIPTION").alias("drug_description"),
        F.col("REASONCODE").alias("reason_code"),
        time("START").alias("start_ts"),
        day("START").alias("started_on"),
        day("STOP").alias("stopped_on"),
        reads("STOP", time("STOP")).alias("stop_parses"),
        money("BASE_COST").alias("base_cost"),
        money("PAYER_COVERAGE").alias("coverage"),
        money("TOTALCOST").alias("total_cost"),
        number("DISPENSES").alias("dispenses"),
        (reads("BASE_COST", money("BASE_COST")) & money("TOTALCOST").isNotNull()).alias(
            "cost_parses"
        ),
        "occurrence",
        "in_one_file",
        "ingest_run_id",
        "source_file",
        "ingest_timestamp",
    )
    known = _with_as_of(typed, bronze["encounters"]).join(
        spans_by_patient(bronze), "patient_id", "left"
    )
    payers = F.coalesce(payers_at(F.col("start_ts")), F.array().cast("array<string>"))
    return _supplied(known.withColumn("payers", payers).drop("spans"))


def _with_as_of(rows: DataFrame, encounters: DataFrame) -> DataFrame:
    """Add the last date that was known when a row came."""
    runs = as_of_dates(encounters)
    steps = runs.agg(
        F.sort_array(F.collect_list(F.struct("since_run", "as_of_date"))).alias("runs")
    )
    until = F.filter("runs", lambda run: run.since_run <= F.col("ingest_run_id"))
    joined = rows.join(F.broadcast(steps))
    return joined.withColumn("as_of_date", F.try_element_at(until, F.lit(-1)).as_of_date).drop(
        "runs"
    )


def _supplied(rows: DataFrame) -> DataFrame:
    """Add how long a prescription runs, and how many days one fill lasts."""
    span = F.datediff(F.coalesce("stopped_on", "as_of_date"), "started_on")
    fills = F.greatest(F.lit(1), F.coalesce("dispenses", F.lit(1)))
    per_fill = F.floor(F.col("span_days") / F.col("fills_authorised")).cast("int")
    supply = (
        F.when(F.col("dispenses") >= F.col("span_days"), 1)
        .when(F.col("stopped_on").isNull(), _OPEN_SUPPLY)
        .otherwise(F.least(F.greatest(per_fill, F.lit(1)), F.lit(_LONGEST_SUPPLY)))
    )
    return rows.withColumns(
        {"span_days": span, "fills_authorised": fills, "is_open": F.col("stopped_on").isNull()}
    ).withColumn("days_supply", supply)
