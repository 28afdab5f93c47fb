"""What `headwater show` reads without a JVM is what Spark reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headwater.cli.delta_rows import first_rows
from headwater.errors import UsageError
from headwater.sandbox.result_rows import rows_of

Make = Callable[..., Path]

MAPPED = {"delta.columnMapping.mode": "name"}
VECTORS = {"delta.enableDeletionVectors": "true"}


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Make:
    """Make a table of a query."""

    def made(query: str, by: Sequence[str] = (), **options: str) -> Path:
        frame = spark.sql(query).coalesce(1)
        frame.write.format("delta").partitionBy(*by).options(**options).save(str(tmp_path / "t"))
        return tmp_path / "t"

    return made


def read_by_spark(spark: SparkSession, path: Path) -> list[dict[str, Any]]:
    return rows_of(spark.read.format("delta").load(str(path)))


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True, allow_nan=False) for row in rows)


KINDS = """
SELECT X'00ff' AS b, map('a', 1, 'b', NULL) AS m, map(1, named_struct('x', X'01')) AS n,
  double('NaN') AS nan, double('-Infinity') AS i, float(1.1) AS f, float(3.4028235e38) AS f2,
  9223372036854775807 AS l, array(1, NULL) AS a, date'9999-12-31' AS d, true AS t,
  named_struct('x', 2) AS st, CAST(NULL AS STRING) AS nothing
"""
VARIANTS = """
SELECT parse_json('{"a": [1, 2.5, null, "x"], "d": true}') AS v, array(parse_json('1')) AS a,
  named_struct('v', parse_json('"s"')) AS s, map('k', parse_json('[]')) AS m,
  CAST(NULL AS VARIANT) AS n, to_variant_object(named_struct('t', TIMESTAMP'9999-12-31 00:00:00',
  'b', X'00ff', 'f', double('NaN'), 'd', date'2020-01-01')) AS o
"""
PARTS = "SELECT id, if(id = 1, NULL, concat('a b/%=', id)) AS p FROM range(3)"


@pytest.mark.parametrize("options", [{}, {**MAPPED, **VECTORS}], ids=["plain", "mapped"])
@pytest.mark.parametrize("query", [KINDS, VARIANTS, PARTS], ids=["kinds", "variants", "parts"])
def test_show_gives_the_values_of_spark(
    spark: SparkSession, make: Make, query: str, options: dict[str, str]
) -> None:
    if options:  # mapped columns may have any name
        query = query.replace("'x', 2) AS st", "'a b', 2) AS `s,t`")
    path = make(query, ["p"] if query == PARTS else [], **options)
    rows, columns = first_rows(path, 10)
    assert in_order(rows) == in_order(read_by_spark(spark, path))
    assert columns == spark.sql(query).columns


def test_show_leaves_out_deleted_rows_and_stops_at_its_number(
    spark: SparkSession, make: Make
) -> None:
    path = make("SELECT id, TIMESTAMP'9999-12-31 00:00:00' AS until FROM range(5)", **VECTORS)
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id IN (1, 2)")
    rows, _ = first_rows(path, 10)
    assert [row["id"] for row in rows] == [0, 3, 4]
    assert rows[0]["until"] == "9999-12-31 00:00:00+00:00"
    assert len(first_rows(path, 2)[0]) == 2
    assert first_rows(path, 0) == ([], ["id", "until"])


@pytest.mark.parametrize("options", [{}, MAPPED])
def test_show_of_old_far_timestamps_is_right_or_refused(
    spark: SparkSession, make: Make, options: dict[str, str]
) -> None:
    name = "spark.sql.parquet.outputTimestampType"
    before = spark.conf.get(name)
    spark.conf.set(name, "INT96")
    try:
        path = make(
            "SELECT 'a b' AS p, array(named_struct('t', TIMESTAMP'9999-12-31 00:00:00')) AS a",
            ["p"],
            **options,
        )
    finally:
        spark.conf.set(name, before)
    if options:
        with pytest.raises(UsageError) as caught:
            first_rows(path, 1)
        assert caught.value.code == "TABLE_UNREADABLE"
        assert "headwater sql" in caught.value.hint
    else:
        assert first_rows(path, 1)[0][0]["a"] == [{"t": "9999-12-31 00:00:00+00:00"}]


def test_show_of_times_and_decimals_keeps_every_digit(make: Make) -> None:
    path = make(
        "SELECT TIMESTAMP_NTZ'2020-01-01 10:00:00.123456' AS n,"
        " TIMESTAMP'0001-01-01 00:00:00' AS t, CAST(1.10 AS DECIMAL(38, 18)) AS d"
    )
    assert first_rows(path, 1)[0] == [
        {
            "n": "2020-01-01 10:00:00.123456",
            "t": "0001-01-01 00:00:00+00:00",
            "d": "1.100000000000000000",
        }
    ]


@pytest.mark.parametrize("options", [{}, VECTORS])
def test_show_of_a_table_whose_files_are_gone_is_named(make: Make, options: dict[str, str]) -> None:
    path = make("SELECT 1 AS id", **options)
    for file in path.glob("*.parquet"):
        file.unlink()
    with pytest.raises(UsageError) as caught:
        first_rows(path, 1)
    assert caught.value.code == "TABLE_UNREADABLE"


def test_show_of_what_is_no_table_yet_is_named(tmp_path: Path) -> None:
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(UsageError) as caught:
        first_rows(tmp_path, 1)
    assert caught.value.code == "TABLE_UNREADABLE"


def test_show_of_a_table_of_no_rows_and_of_no_columns(
    spark: SparkSession, make: Make, tmp_path: Path
) -> None:
    path = make("SELECT 1 AS id WHERE false")
    assert first_rows(path, 5) == ([], ["id"])
    shutil.rmtree(path)
    spark.sql(f"CREATE TABLE delta.`{tmp_path}/none` USING DELTA")
    assert first_rows(tmp_path / "none", 5) == ([], [])


def test_show_of_unknown_features_and_of_times_beyond_python_is_refused(
    spark: SparkSession, make: Make
) -> None:
    path = make("SELECT CAST(1 AS INT) AS id", **{"delta.enableTypeWidening": "true"})
    with pytest.raises(UsageError, match="typeWidening"):
        first_rows(path, 5)
    shutil.rmtree(path)
    with pytest.raises(UsageError) as caught:
        first_rows(make("SELECT TIMESTAMP'+12345-01-01 00:00:00' AS t"), 5)
    assert caught.value.code == "TABLE_UNREADABLE"
