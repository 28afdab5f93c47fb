"""The session that flows run in."""

import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def test_session_time_zone_is_utc(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


def test_session_merges_by_three_part_name(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql("CREATE SCHEMA IF NOT EXISTS main.names")
    spark.sql(f"CREATE TABLE main.names.t (id INT, v INT) USING delta LOCATION '{tmp_path}/t'")
    spark.sql("INSERT INTO main.names.t VALUES (1, 1)")
    spark.sql(
        "MERGE INTO main.names.t t USING (SELECT 1 AS id, 2 AS v) s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET v = s.v"
    )
    assert [row.v for row in spark.table("names.t").collect()] == [2]
    spark.sql("DROP SCHEMA main.names CASCADE")


def test_python_functions_run_in_the_same_python(spark: SparkSession) -> None:
    prefix = F.udf(lambda _: sys.prefix, useArrow=False)
    assert [row[0] for row in spark.range(1).select(prefix("id")).collect()] == [sys.prefix]
