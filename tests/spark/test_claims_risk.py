"""Points, tiers and bands at each threshold; groups that are large enough to be told of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.gold.public import member_yearly_public
from claims_analytics.gold.risk import age_band, age_in_years, risk_score, risk_tier
from claims_rows import rows_of
from harness import frame_of

NOTHING = {"age": 0, "chronic": 0, "admissions": 0, "er": 0, "drugs": 0, "gross": "0"}
POINTS = [
    ({}, 0),
    ({"age": None}, 0),
    ({"age": 17}, 0),
    ({"age": 18}, 1),
    ({"age": 44}, 1),
    ({"age": 45}, 2),
    ({"age": 64}, 2),
    ({"age": 65}, 3),
    ({"age": 74}, 3),
    ({"age": 75}, 4),
    ({"age": 110}, 4),
    ({"chronic": 1}, 2),
    ({"chronic": 4}, 8),
    ({"chronic": 5}, 8),
    ({"admissions": 1}, 3),
    ({"admissions": 2}, 6),
    ({"admissions": 3}, 6),
    ({"er": 1}, 1),
    ({"er": 3}, 3),
    ({"er": 4}, 3),
    ({"drugs": 4}, 0),
    ({"drugs": 5}, 2),
    ({"gross": "9999.99"}, 0),
    ({"gross": "10000.00"}, 1),
    ({"gross": "49999.99"}, 1),
    ({"gross": "50000.00"}, 2),
    ({"age": 80, "chronic": 9, "admissions": 9, "er": 9, "drugs": 9, "gross": "99999"}, 25),
]


def test_risk_has_points_from_each_threshold(spark: SparkSession) -> None:
    rows = [{**NOTHING, **case} for case, _ in POINTS]
    columns = (
        "age int, chronic_condition_count int, year_admissions int, year_er_visits int,"
        " distinct_drugs_90d int, year_gross decimal(18,2)"
    )
    values = [(*list(each.values())[:5], Decimal(str(each["gross"]))) for each in rows]
    scored = rows_of(frame_of(spark, values, columns).select(risk_score().alias("score")))
    assert [each["score"] for each in scored] == [score for _, score in POINTS]


TIERS = {0: "low", 3: "low", 4: "rising", 6: "rising", 7: "high", 9: "high", 10: "very_high"}
BANDS = {
    None: None,
    0: "00-04", 4: "00-04", 5: "05-17", 17: "05-17", 18: "18-34", 34: "18-34",
    35: "35-44", 44: "35-44", 45: "45-54", 54: "45-54", 55: "55-64", 64: "55-64",
    65: "65-74", 74: "65-74", 75: "75-89", 89: "75-89", 90: "90+", 120: "90+",
}  # fmt: skip


def test_tier_follows_the_score(spark: SparkSession) -> None:
    frame = frame_of(spark, [(each,) for each in TIERS], "score int")
    found = rows_of(frame.select(risk_tier(F.col("score")).alias("tier")))
    assert [each["tier"] for each in found] == list(TIERS.values())


def test_age_band_follows_the_age(spark: SparkSession) -> None:
    frame = frame_of(spark, [(each,) for each in BANDS], "age int")
    found = rows_of(frame.select(age_band(F.col("age")).alias("band")))
    assert [each["band"] for each in found] == list(BANDS.values())


AGES = [
    ("2000-03-31", "2018-03-30", 17),
    ("2000-03-31", "2018-03-31", 18),
    ("2000-02-29", "2018-02-28", 18),
    ("2000-02-29", "2018-02-27", 17),
    ("2023-05-31", "2023-05-31", 0),
]


def test_age_is_in_full_years(spark: SparkSession) -> None:
    days = [(date.fromisoformat(born), date.fromisoformat(on)) for born, on, _ in AGES]
    frame = frame_of(spark, days, "born date, on date")
    found = rows_of(frame.select(age_in_years(F.col("born"), F.col("on")).alias("age")))
    assert [each["age"] for each in found] == [age for *_, age in AGES]


def test_public_counts_groups_of_11(spark: SparkSession) -> None:
    people = [(f"{n:02}", "F" if n < 11 else "M", m) for n in range(21) for m in (1, 12)]
    columns = (
        "member_key string, gender string, snapshot_month date, year int, age_band string,"
        " state string, member_months int, total_cost decimal(18,2)"
    )
    rows = [
        (key, gender, date(2023, m, 1), 2023, "05-17" if m == 1 else "18-34", "MA", 1, Decimal("3"))
        for key, gender, m in people
    ]
    found = rows_of(member_yearly_public(frame_of(spark, rows, columns)))
    assert [(e["gender"], e["age_band"], e["members"]) for e in found] == [("F", "18-34", 11)]
    assert (found[0]["member_months"], found[0]["pmpm_cost"]) == (22, 3)
