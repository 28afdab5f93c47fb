"""member_yearly_public: counts of members in groups that no single member can be seen in."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.values import MONEY

LEAST_MEMBERS = 11
"""Groups with fewer members are left out."""


def member_yearly_public(months: DataFrame) -> DataFrame:
    """Sum members by year, age band, gender and state.

    Args:
        months: member_monthly_snapshot_gold.

    Returns:
        `year`, `age_band` (of the last month of the year), `gender`, `state`, `members`,
        `member_months`, `total_cost`, `pmpm_cost`; no group under `LEAST_MEMBERS`.
    """
    last = F.struct("snapshot_month")
    yearly = months.groupBy("member_key", "year").agg(
        *(F.max_by(name, last).alias(name) for name in ("age_band", "gender", "state")),
        F.sum("member_months").alias("member_months"),
        F.sum("total_cost").alias("total_cost"),
    )
    groups = yearly.groupBy("year", "age_band", "gender", "state").agg(
        F.count("*").cast("int").alias("members"),
        F.sum("member_months").cast("int").alias("member_months"),
        F.sum("total_cost").cast(MONEY).alias("total_cost"),
    )
    pmpm = F.when(F.col("member_months") > 0, F.col("total_cost") / F.col("member_months"))
    return groups.where(F.col("members") >= LEAST_MEMBERS).withColumn("pmpm_cost", pmpm.cast(MONEY))
