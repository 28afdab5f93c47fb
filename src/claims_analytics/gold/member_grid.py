"""Which months a member has: from enrolment and activity, and who insured each of them."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from claims_analytics.enrolment import spans, without_insurance
from claims_analytics.values import month


def months_from(first: Column, last: Column) -> Column:
    """Return the first days of the months from one to another, both in, as an array."""
    return F.sequence(first, last, F.expr("INTERVAL 1 MONTH"))


def insured_months(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return who insured each patient in each month.

    Args:
        bronze: `payer_transitions`, `payers`.

    Returns:
        `patient_id`, `snapshot_month`, `payer_id` (of the latest start among insurers, else the
        payer that stands for none), `is_insured`: a span with an insurer overlaps the month by
        any instant.
    """
    held = spans(bronze).withColumn(
        "snapshot_month",
        F.explode(
            months_from(
                month(F.to_date("starts_at")),
                month(F.to_date(F.col("ends_at") - F.expr("INTERVAL 1 MICROSECOND"))),
            )
        ),
    )
    known = held.join(F.broadcast(without_insurance(bronze)))
    insured = F.col("payer_id").isNotNull() & ~F.col("payer_id").eqNullSafe(
        F.col("no_insurance_id")
    )
    # a corrected insurer is a span of its own: of two with one start the later delivery counts
    order = F.struct("starts_at", "ingest_run_id", "source_modified_at", "payer_id")
    latest = F.max_by(F.when(insured, F.col("payer_id")), F.when(insured, order))
    return known.groupBy("patient_id", "snapshot_month").agg(
        F.coalesce(latest, F.first("no_insurance_id")).alias("payer_id"),
        F.bool_or(insured).alias("is_insured"),
    )


def member_grid(
    activity: DataFrame, insured: DataFrame, deaths: DataFrame, as_of: DataFrame
) -> DataFrame:
    """Return the months of each member, without a gap.

    From the first enrolment or activity to the month of `as_of_date` or of death, and on to the
    last activity: a death certificate may come a week later.

    Args:
        activity: `patient_id`, `snapshot_month` of what happened.
        insured: as `insured_months` returns it.
        deaths: `patient_id`, `died_on`.
        as_of: one row: `as_of_date`.

    Returns:
        `patient_id`, `snapshot_month`, `died_on`, `as_of_date`, and of the enrolment `payer_id`
        and `member_months` (1 or 0; none after death or as_of_date).
    """
    first_enrolled = insured.groupBy("patient_id").agg(F.min("snapshot_month").alias("enrolled"))
    active = activity.groupBy("patient_id").agg(
        F.min("snapshot_month").alias("first_active"), F.max("snapshot_month").alias("last_active")
    )
    bounds = (
        first_enrolled.join(active, "patient_id", "full")
        .join(deaths, "patient_id", "left")
        .join(F.broadcast(as_of))
    )
    end = F.least(month(F.col("as_of_date")), month(F.col("died_on")))
    spread = bounds.withColumns(
        {
            "from_month": F.least("enrolled", "first_active"),
            "to_month": F.greatest(end, F.col("last_active")),
            "counted_to": end,
        }
    ).where("from_month <= to_month")
    grid = spread.select(
        "patient_id",
        F.explode(months_from(F.col("from_month"), F.col("to_month"))).alias("snapshot_month"),
        "died_on",
        "as_of_date",
        "counted_to",
    )
    counted = F.col("is_insured") & (F.col("snapshot_month") <= F.col("counted_to"))
    return grid.join(insured, ["patient_id", "snapshot_month"], "left").select(
        *(name for name in grid.columns if name != "counted_to"),
        "payer_id",
        F.when(counted, 1).otherwise(0).alias("member_months"),
    )


def last_year() -> WindowSpec:
    """Return the window of this month and the 11 before: a member's months have no gap."""
    by_member = Window.partitionBy("patient_id").orderBy("snapshot_month")
    return by_member.rowsBetween(-11, Window.currentRow)
