"""payer_member_months: what gold counts of each insurer, beside what the insurer's file says."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import current
from claims_analytics.enrolment import NO_INSURANCE
from claims_analytics.sources import SOURCES
from claims_analytics.values import number

READS = ("payers",)
"""Bronze tables that this table is made from, beside gold."""


def payer_member_months(months: DataFrame, bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Count the months of members of each insurer.

    Args:
        months: member_monthly_snapshot_gold.
        bronze: the tables of `READS`.

    Returns:
        `payer_id`, `member_months`, and `delivered_member_months`: what payers.csv has. Synthea
        counts whole years ahead, so it has somewhat more.
    """
    insurers = current(bronze["payers"], SOURCES["payers"]).where(
        F.col("Id").isNotNull() & ~F.col("NAME").eqNullSafe(NO_INSURANCE)
    )
    delivered = insurers.select(
        F.col("Id").alias("payer_id"), number("MEMBER_MONTHS").alias("delivered_member_months")
    )
    counted = months.groupBy("payer_id").agg(F.sum("member_months").alias("member_months"))
    return delivered.join(counted, "payer_id", "left").select(
        "payer_id",
        F.coalesce("member_months", F.lit(0)).cast("int").alias("member_months"),
        "delivered_member_months",
    )
