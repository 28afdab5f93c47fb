"""What a control table is given arrives as it was."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pyspark.sql import SparkSession

from lakeflow_job_meta.rows import frame_of

COLUMNS = "name STRING, n BIGINT, is_on BOOLEAN, at TIMESTAMP"
TEXTS = ("", " ", "null", "\"\\'\n\r\t\0", "${a} {{b}} :c ?", "ü\u2028😀", '{"a": [1]}')


def test_rows_of_a_program_arrive_as_they_are(spark: SparkSession) -> None:
    at = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=5, minutes=30)))
    rows = [(text, -(2**63), True, at) for text in TEXTS] + [(None, None, None, None)]
    columns = f"int(at = timestamp_micros({int(at.timestamp()) * 10**6 + at.microsecond}))"
    found = frame_of(spark, rows, COLUMNS).selectExpr("name", "n", "is_on", columns).collect()
    assert [tuple(row) for row in found] == [
        *[(text, -(2**63), True, 1) for text in TEXTS],
        (None, None, None, None),
    ]


def test_rows_of_a_program_need_no_python_of_spark(spark: SparkSession) -> None:
    plan = frame_of(spark, [("a",)], "name STRING")._jdf.queryExecution().executedPlan()
    assert "RDD" not in plan.toString()
