"""Rows of a result as the command line shows them: all digits, all columns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headwater.sandbox.result_rows import rows_of


def values(spark: SparkSession, select: str, **more: bool) -> dict[str, Any]:
    (row,) = rows_of(spark.sql(f"SELECT {select}"), **more)
    json.dumps(row)  # it is ready for JSON
    return row


def test_columns_of_one_name_are_told_apart(spark: SparkSession) -> None:
    row = values(spark, "1 AS a, 2 AS a, 3 AS a_2, named_struct('b', 1, 'b', 2) AS s")
    assert row == {"a": 1, "a_2": 2, "a_2_2": 3, "s": {"b": 1, "b_2": 2}}


@pytest.mark.parametrize(
    ("value", "plain", "with_zeros"),
    [
        ("1.10BD", 1.1, "1.10"),
        ("12345678901234567890.12BD", "12345678901234567890.12", "12345678901234567890.12"),
        ("CAST(0 AS DECIMAL(38,18))", 0, "0.000000000000000000"),
        ("0.1D", 0.1, 0.1),
        ("1e300D", 1e300, 1e300),
        ("2e23D", 2e23, 2e23),
        ("array(5e-324D)", [5e-324], [5e-324]),
        ("array(1.10BD)", [1.1], ["1.10"]),
        ("timestamp_ntz'2026-01-02 03:04:05.123456'", "2026-01-02T03:04:05.123456", None),
        ("timestamp_ntz'2026-01-02 03:04:05'", "2026-01-02T03:04:05.000", None),
        ("map(date'2020-01-01', 1)", {"2020-01-01": 1}, None),
        ("map(timestamp_ntz'2020-01-01 00:00:00', 1)", {"2020-01-01T00:00:00.000000": 1}, None),
        ("map('a', array(timestamp_ntz'2020-01-01'))", {"a": ["2020-01-01T00:00:00.000"]}, None),
        ("CAST(NULL AS DECIMAL(4,2))", None, None),
    ],
)
def test_values_keep_their_digits(
    spark: SparkSession, value: str, plain: Any, with_zeros: Any
) -> None:
    assert values(spark, f"{value} AS v")["v"] == plain
    shown = values(spark, f"{value} AS v", keeps_zeros=True)["v"]
    assert shown == (plain if with_zeros is None else with_zeros)


def test_moments_of_a_zone_keep_their_microseconds(spark: SparkSession) -> None:
    row = values(
        spark, "timestamp'2026-01-02 03:04:05.123456Z' AS t, timestamp'2026-01-02 00:00:00Z' AS u"
    )
    assert row["t"][19:26] == ".123456"
    assert row["u"][19:23] == ".000"
    assert len(row["u"]) == len(row["t"]) - 3
