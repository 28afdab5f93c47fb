"""The session that flows run in."""

import sys
from pathlib import Path

import pytest
from pyspark import SparkContext
from pyspark.errors import NumberFormatException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headwater.cli.output import print_traceback
from headwater.machine.session import activate, default_settings, session_with, settings_of
from headwater.settings import Settings


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


def test_shuffles_have_as_many_parts_as_the_session_has_threads(
    settings: Settings, tmp_path: Path
) -> None:
    values = default_settings(tmp_path, "local[3]", [], [])
    assert values["spark.sql.shuffle.partitions"] == "3"


def test_settings_are_all_that_spark_tells(spark: SparkSession) -> None:
    key = "headwater.test.arrow"
    spark.conf.set(key, " a -> b\nc ")
    try:
        found = settings_of(spark)
        assert (found, found[key]) == (spark.conf.getAll, " a -> b\nc ")
    finally:
        spark.conf.unset(key)


def test_session_with_settings_has_the_tables_and_no_one_elses_settings(
    spark: SparkSession,
) -> None:
    key = "spark.sql.session.timeZone"
    spark.sql("CREATE OR REPLACE TABLE main.default.shared AS SELECT 1 AS a")
    own = session_with(spark, {key: "Asia/Tokyo"})
    try:
        assert own.sql("SELECT a FROM main.default.shared").first() == (1,)
        assert (own.conf.get(key), spark.conf.get(key)) == ("Asia/Tokyo", "UTC")
    finally:
        activate(spark)
        spark.sql("DROP TABLE main.default.shared")


def test_debug_prints_the_text_of_an_error_whose_session_has_ended(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError) as caught:
        try:
            spark.sql("SELECT CAST('twelve' AS INT)").collect()
        except NumberFormatException:
            raise ValueError("of a user")  # noqa: B904 - Spark's error is its context
    monkeypatch.setattr(SparkContext, "_jvm", None)
    print_traceback(caught.value)
    said = capsys.readouterr().err
    assert "NumberFormatException said:\n\n[CAST_INVALID_INPUT] The value 'twelve'" in said
    assert "\torg.apache.spark." in said or "\tat org.apache.spark." in said
