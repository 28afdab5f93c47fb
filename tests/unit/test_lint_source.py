"""Lint of source files: what each rule finds, and what it must let pass."""

import ast
import textwrap

import pytest

from headwater.lint.source import check_tree


def found(text: str) -> list[tuple[str, int]]:
    """Code and line of each finding in a text."""
    findings = check_tree(ast.parse(textwrap.dedent(text)), "a.py")
    return [(each.code, each.location.line) for each in findings]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("spark.sparkContext.parallelize([1])", "SERVERLESS_SPARK_CONTEXT"),
        ("session.sparkContext", "SERVERLESS_SPARK_CONTEXT"),
        ("sc.parallelize([1])", "SERVERLESS_SPARK_CONTEXT"),
        ("from databricks.sdk.runtime import sc; sc.range(1)", "SERVERLESS_SPARK_CONTEXT"),
        (
            "from databricks.sdk.runtime import spark; spark.sparkContext.x()",
            "SERVERLESS_SPARK_CONTEXT",
        ),
        ("sqlContext.sql('SELECT 1')", "SERVERLESS_SPARK_CONTEXT"),
        ("import pyspark; pyspark.SparkContext.getOrCreate()", "SERVERLESS_SPARK_CONTEXT"),
        ("from pyspark import SparkContext as C; C()", "SERVERLESS_SPARK_CONTEXT"),
        ("spark.range(3).rdd.map(str)", "SERVERLESS_RDD"),
        ("rows.rdd", "SERVERLESS_RDD"),
        ("spark._jvm.java.lang", "SERVERLESS_JVM"),
        ("df._jdf.queryExecution()", "SERVERLESS_JVM"),
        ("spark.table('t').cache()", "SERVERLESS_CACHE"),
        ("spark.read.format('csv').option('a', 1).load('p').persist()", "SERVERLESS_CACHE"),
        ("import dlt; dlt.read('t').where('a').cache()", "SERVERLESS_CACHE"),
        ("from pyspark import pipelines as dp; dp.read_stream('t').cache()", "SERVERLESS_CACHE"),
        ("x = spark.sql('SELECT 1'); y = x.select('a'); y.cache()", "SERVERLESS_CACHE"),
        ("def f(df): return df.dropna().cache()", "SERVERLESS_CACHE"),
        ("def f(orders_df): orders_df.unpersist()", "SERVERLESS_CACHE"),
        ("def f(rows: DataFrame): return rows.persist()", "SERVERLESS_CACHE"),
        ("def f(rows: 'DataFrame'): return rows.persist()", "SERVERLESS_CACHE"),
        ("spark.catalog.cacheTable('t')", "SERVERLESS_CACHE"),
        ("spark.conf.set('a', 'b')", "CONF_SET_IN_SOURCE"),
        ("self.spark.conf.set('a', 'b')", "CONF_SET_IN_SOURCE"),
        ("s = SparkSession.builder.getOrCreate(); s.conf.set('a', 'b')", "CONF_SET_IN_SOURCE"),
        ("SparkSession.getActiveSession().conf.set('a', 'b')", "CONF_SET_IN_SOURCE"),
        ("def f(s: SparkSession): s.conf.set('a', 'b')", "CONF_SET_IN_SOURCE"),
        ("import pyspark.sql.functions as F; upper = F.udf(change)", "UDF_LIKE_BUILTIN"),
        ("from pyspark.sql.functions import *; size = udf(count, 'int')", "UDF_LIKE_BUILTIN"),
        ("from pyspark.sql import functions as F; F.udf(lambda s: s.upper())", "UDF_LIKE_BUILTIN"),
        (
            "from pyspark.sql import functions as F; a = F.udf(lambda s: s.strip())",
            "UDF_LIKE_BUILTIN",
        ),
        ("spark.udf.register('initcap', name_of)", "UDF_LIKE_BUILTIN"),
    ],
)
def test_rule_fires_once(line: str, code: str) -> None:
    assert found(line) == [(code, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "import functools\n@functools.cache\ndef f(): ...",
        "from functools import cache\n@cache\ndef f(): return cache(len)",
        "class A:\n    def f(self): self.cache()",
        "queue.persist()",
        "import redis\nclient = redis.Redis()\nclient.persist('key')",
        "import polars as pl\ndf = pl.scan_csv('a')\ndf.cache()",
        "import dask.dataframe as dd\ndef f(df): return df.persist()",
        "import polars as pl\ndef f(df: pl.DataFrame): return df.cache()",
        "def f(rows): rows.cache()",
        "rows = spark.table('t').toPandas()\nrows.cache()",
        "rows = spark.table('t').collect()\nrows.persist()",
        "class A:\n    def f(self): return self.rdd, self._jvm, self.sparkContext",
        "import scanpy as sc\nsc.pp.normalize()",
        "def f(sc): return sc.parallelize([1])",
        "from helpers import *\nsc.parallelize([1])",
        "from pyspark import SparkContext\ndef f(context: SparkContext): ...",
        "text = 'spark.sparkContext.parallelize, df.rdd, _jvm, df.cache()'",
        "# spark.conf.set('a', 'b')",
        "spark.conf.get('a')",
        "import configparser\nconf = configparser.ConfigParser()\nconf.set('a', 'b', 'c')",
        "from pyspark import SparkConf\nSparkConf().set('a', 'b')",
        "spark = Engine()\nspark.conf.set('a', 'b')",
        "settings.conf.set('a', 'b')",
        "from pyspark.sql.functions import udf\n@udf('boolean')\ndef is_email(s): return '@' in s",
        "from pyspark.sql.functions import udf\nloud = udf(lambda s: s.upper() + '!')",
        "from pyspark.sql.functions import udf\nnarrow = udf(lambda s: s.strip('x'))",
        "from numba import udf\n@udf\ndef upper(s): ...",
        "def upper(s): return s.upper()",
        "names = map(lambda s: s.upper(), [])",
        "from pyspark.sql import functions as F\nupper = F.upper('name')",
        "spark.udf.register('initials', lambda s: s[:1])",
    ],
)
def test_unrelated_code_passes(text: str) -> None:
    assert found(text) == []


def test_decorated_function_is_found_at_its_name() -> None:
    text = """
        from pyspark.sql.functions import udf

        @udf("string")
        def lower(text):
            return text.lower()

        @udf
        def shout(text):
            "Say it loud."
            return text.upper()
    """
    assert found(text) == [("UDF_LIKE_BUILTIN", 5), ("UDF_LIKE_BUILTIN", 9)]


def test_call_in_a_chain_is_found_at_its_own_line() -> None:
    text = """
        @dp.table
        def t():
            return (
                spark.read.table("a")
                .where("b > 1")
                .cache()
            )
    """
    assert found(text) == [("SERVERLESS_CACHE", 7)]


def test_name_counts_from_where_it_becomes_a_frame() -> None:
    text = """
        rows = load()
        rows.cache()
        rows = spark.table("t")
        rows.cache()
        rows = rows.cache().toPandas()
        rows.cache()
    """
    assert found(text) == [("SERVERLESS_CACHE", 5), ("SERVERLESS_CACHE", 6)]


def test_function_sees_frames_of_the_file_and_of_other_functions() -> None:
    text = """
        base = spark.table("t")

        def cleaned() -> DataFrame:
            return base

        def first():
            return base.cache()

        def second():
            return cleaned().cache()

        def third(base):
            return base.cache()
    """
    assert found(text) == [("SERVERLESS_CACHE", 8), ("SERVERLESS_CACHE", 11)]
