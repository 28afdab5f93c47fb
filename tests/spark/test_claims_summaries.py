"""What is made of months of members: which are over, and whether insurers count as many."""

from __future__ import annotations

from datetime import date

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.gold.member_months import COLUMNS, member_monthly_snapshot
from claims_analytics.gold.payer_months import payer_member_months
from claims_analytics.rules import PAYER_MEMBER_MONTHS
from claims_rows import bronze, rows_of, with_broken
from harness import frame_of


def test_month_is_partial_until_its_last_day_is_known(spark: SparkSession) -> None:
    given = [(date(2023, month, 1),) for month in (4, 5, 6)]
    months = frame_of(spark, given, "snapshot_month DATE").select(
        *(F.lit(None).alias(name) for name in COLUMNS if name != "snapshot_month"), "snapshot_month"
    )

    def partial(day: date) -> list[int]:
        as_of = frame_of(spark, [(day,)], "as_of_date DATE")
        rows = rows_of(member_monthly_snapshot(months, as_of))
        return sorted(row["snapshot_month"].month for row in rows if row["is_partial_month"])

    assert partial(date(2023, 5, 30)) == [5, 6]
    assert partial(date(2023, 5, 31)) == [6]


def test_months_of_insurers_are_held_against_their_file(spark: SparkSession) -> None:
    delivered = {"fits": "20", "least": "20", "few": "20", "many": "16", "nobody": "0", "text": "x"}
    counted = {"fits": 20, "least": 17, "few": 16, "many": 17, "text": 1, "none": 9}
    payers = [{"Id": name, "NAME": name, "MEMBER_MONTHS": n} for name, n in delivered.items()]
    none = {"Id": "none", "NAME": "NO_INSURANCE", "MEMBER_MONTHS": "500"}
    months = frame_of(spark, [*counted.items()], "payer_id STRING, member_months INT")
    found = payer_member_months(months, bronze(spark, payers=[*payers, none]))
    broken = {
        row["payer_id"]: bool(row["broken"])
        for row in rows_of(with_broken(found, PAYER_MEMBER_MONTHS))
    }
    sound = dict.fromkeys(("fits", "least", "nobody"), False)
    assert broken == sound | dict.fromkeys(("few", "many", "text"), True)
