"""HRS-1: documented points that say how much care a member may need.

Not a licensed grouper: those need ICD claims, which Synthea does not make.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

_BANDS = (
    (5, "00-04"),
    (18, "05-17"),
    (35, "18-34"),
    (45, "35-44"),
    (55, "45-54"),
    (65, "55-64"),
    (75, "65-74"),
    (90, "75-89"),
)
"""Age below which a band ends; over 89 is one class."""

_AGE_POINTS = ((18, 0), (45, 1), (65, 2), (75, 3))
_OLDEST_POINTS = 4
_TIERS = ((4, "low"), (7, "rising"), (10, "high"))


def age_in_years(born: Column, on: Column) -> Column:
    """Return full years of life on a day."""
    return F.floor(F.months_between(on, born) / 12).cast("int")


def age_band(age: Column) -> Column:
    """Return the band of an age; NULL without one."""
    return F.when(age.isNotNull(), _stepped(age, _BANDS, "90+"))


def risk_score() -> Column:
    """Return the points of a row of gold.

    It asks `age`, `chronic_condition_count`, `distinct_drugs_90d`, and the sums of 12 months
    `year_admissions`, `year_er_visits`, `year_gross`. Without an age there are no points for it.
    """
    gross = F.col("year_gross")
    points = (
        F.coalesce(_stepped(F.col("age"), _AGE_POINTS, _OLDEST_POINTS), F.lit(0)),
        F.least(F.lit(8), F.col("chronic_condition_count") * 2),
        F.least(F.lit(6), F.col("year_admissions") * 3),
        F.least(F.lit(3), F.col("year_er_visits")),
        F.when(F.col("distinct_drugs_90d") >= 5, 2).otherwise(0),
        F.when(gross >= 50_000, 2).when(gross >= 10_000, 1).otherwise(0),
    )
    total = points[0]
    for each in points[1:]:
        total = total + each
    return total.cast("int")


def risk_tier(score: Column) -> Column:
    """Return low (0-3), rising (4-6), high (7-9) or very_high."""
    return _stepped(score, _TIERS, "very_high")


def _stepped(value: Column, steps: tuple[tuple[int, object], ...], last: object) -> Column:
    """Return what belongs to the first step that a value is below; NULL for NULL."""
    chosen = F.when(value.isNull(), F.lit(None))
    for limit, result in steps:
        chosen = chosen.when(value < limit, result)
    return chosen.otherwise(last)
