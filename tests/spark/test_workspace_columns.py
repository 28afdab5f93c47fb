"""Columns that a workspace resolves and Spark Classic refuses: strings as numbers, self-joins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from harness import frame_of
from headwater.sandbox.interception import intercepted
from headwater.sandbox.patches import patched_pyspark


class Reads:
    """Lets everything be read as it is written."""

    in_dataset_function = False

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    def read_sql(self, spark: SparkSession, text: str, args: Any = None) -> str:
        del spark, args
        return text

    def local_path(self, path: str) -> str:
        return path


@pytest.fixture
def texts(spark: SparkSession) -> Iterator[DataFrame]:
    frame = frame_of(spark, [("4", "2", 3), ("x", "0", 1)], "a STRING, b STRING, n INT")
    with patched_pyspark(), intercepted(Reads(spark)):  # type: ignore[arg-type]
        yield frame.where("n = 3")


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        (lambda: F.col("a") / F.col("b"), 2.0, "double"),
        (lambda: F.round((F.col("a") - F.col("b")) * F.col("n"), 1), 6.0, "double"),
        (lambda: F.when(F.col("a") + F.col("b") > 5, "more").otherwise("less"), "more", "string"),
        (lambda: F.coalesce(F.col("a") % F.col("b"), F.lit(9.0)), 0.0, "double"),
        (lambda: F.sum(F.col("a") * F.col("b")).over(Window.partitionBy("n")), 8.0, "double"),
        (lambda: (F.col("a") * F.col("b")).alias("x").cast("int"), 8, "int"),
        (lambda: F.col("a") * 2, 8, None),
        (lambda: F.concat("a", "b"), "42", "string"),
    ],
)
def test_strings_calculate_as_doubles(
    texts: DataFrame, column: Callable[[], Column], value: object, kind: str | None
) -> None:
    found = texts.select(column().alias("v"))
    assert found.first() == (value,)
    assert kind is None or found.schema["v"].dataType.simpleString() == kind


def test_strings_calculate_in_every_method_that_takes_columns(texts: DataFrame) -> None:
    product = F.col("a") * F.col("b")
    assert texts.withColumn("v", product).first() == ("4", "2", 3, 8.0)
    assert texts.withColumns({"v": product}).select("v").first() == (8.0,)
    assert texts.where(product > 7).count() == texts.filter(product > 7).count() == 1
    assert texts.groupBy("n").agg(F.max(product).alias("v")).first() == (3, 8.0)
    assert (
        texts.groupBy(product).count().first()
        == texts.groupby(product, "n").count().drop("n").first()
    )
    assert texts.orderBy(product).sort(product.desc(), "n").first() == ("4", "2", 3)
    written = F.expr("a * b")
    assert texts.selectExpr("a * b AS v", "n").first() == (8.0, 3)
    assert texts.selectExpr(["a - b + a", "n"]).first() == (6.0, 3)
    assert texts.select(F.round(written, 1), "n").where("n * 1 = 3").first() == (8.0, 3)
    assert texts.where("a * b > 7").where(written > 7).count() == 1
    assert texts.groupBy("n").agg(F.expr("max(a * b)").alias("v")).first() == (3, 8.0)


def test_paths_into_json_texts_in_every_method_that_takes_columns(texts: DataFrame) -> None:
    raw = '{"a": {"b": "x"}, "c": [7], "d": 2, "e": [{"f": 1}, {"f": 2}]}'
    frame = texts.select(F.lit(raw).alias("raw"), F.parse_json(F.lit(raw)).alias("v"))
    found = frame.selectExpr("raw:a.b", "raw:d::int + 1 AS d", "v:d::int AS w", "raw:e[*].f AS f")
    assert (found.columns, found.first()) == (["b", "d", "w", "f"], ("x", 3, 2, "[1,2]"))
    assert frame.select(F.expr("raw:a.b"), F.upper(F.expr("raw:a.b"))).first() == ("x", "X")
    assert frame.withColumn("n", F.expr("raw:d::int") + F.expr("v:d::int")).select("n").first() == (
        4,
    )
    assert frame.where("raw:a.b = 'x' AND v:d::int = 2").where(F.expr("raw:d") == "2").count() == 1
    with pytest.raises(AnalysisException):
        frame.selectExpr("rew:a")


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("SELECT a / b AS v FROM texts", (2.0,)),
        ("SELECT round((a - b) * (`a` + b), 1) AS v, 'a / b' AS t FROM texts", (12.0, "a / b")),
        ("SELECT max(t.a * t.b) AS v FROM texts t GROUP BY t.a % t.b", (8.0,)),
    ],
)
def test_strings_calculate_in_sql(
    spark: SparkSession, texts: DataFrame, text: str, row: tuple[object, ...]
) -> None:
    texts.createOrReplaceTempView("texts")
    assert spark.sql(text).first() == row
    spark.catalog.dropTempView("texts")


def test_other_mismatches_are_refused_as_before(spark: SparkSession, texts: DataFrame) -> None:
    for column in (F.col("a") / F.array("b"), F.array("a") + F.array("b")):
        with pytest.raises(AnalysisException):
            texts.select(column)
    with pytest.raises(AnalysisException):
        spark.sql("SELECT array('a') + array('b')")


def test_outside_of_user_code_strings_are_strings(texts: DataFrame) -> None:
    with intercepted(None), pytest.raises(AnalysisException):
        texts.select(F.col("a") / F.col("b"))


def test_columns_of_a_self_join_belong_to_the_frame_they_are_taken_from(texts: DataFrame) -> None:
    base = texts.sparkSession.range(3).selectExpr("id AS k", "id * 10 AS v")
    left = base.groupBy("k").agg(F.sum("v").alias("l"))
    right = base.where("k > 1").groupBy("k").agg(F.sum("v").alias("r"))
    keys = texts.sparkSession.range(3)
    joined = keys.join(left, keys.id == left.k, "left").join(
        right, (keys.id == right.k) & (right.r > 0), "left"
    )
    assert sorted(tuple(row) for row in joined.select(keys.id, "l", right.r).collect()) == [
        (0, 0, None),
        (1, 10, None),
        (2, 20, 20),
    ]


@pytest.mark.parametrize(
    ("text", "names", "row"),
    [
        ("SELECT raw:a.b, t.raw:c[0]::int + 1 AS n FROM j t", ["b", "n"], ("x", 8)),
        ("SELECT max(raw:d) AS d FROM j WHERE raw:a.b = 'x' GROUP BY raw:g", ["d"], ("2",)),
        ("WITH w AS (SELECT raw:a AS a FROM j) SELECT a:b FROM w", ["b"], ("x",)),
        (
            "SELECT from_json(raw:a, 'b STRING').b AS b, 'raw:a' AS t FROM j",
            ["b", "t"],
            ("x", "raw:a"),
        ),
        ("SELECT parse_json(raw):d::int AS d FROM j", ["d"], (2,)),
        ("SELECT raw:e[*].f, t.raw:e[*].f::string AS c FROM j t", ["f", "c"], ("[1,2]", "[1,2]")),
        (
            "SELECT v:a.b::string, raw:d, v:a:b::string AS n, raw:d + v:d::string AS sum "
            "FROM (SELECT raw, parse_json(raw) AS v FROM j)",
            ["b", "d", "n", "sum"],
            ("x", "2", "x", 4.0),
        ),
    ],
)
def test_paths_into_json_texts(
    spark: SparkSession, texts: DataFrame, text: str, names: list[str], row: tuple[object, ...]
) -> None:
    raw = '{"a": {"b": "x"}, "c": [7], "d": 2, "e": [{"f": 1}, {"f": 2}]}'
    texts.sparkSession.range(1).select(F.lit(raw).alias("raw")).createOrReplaceTempView("j")
    found = spark.sql(text)
    assert (found.columns, found.first()) == (names, row)
    spark.catalog.dropTempView("j")
