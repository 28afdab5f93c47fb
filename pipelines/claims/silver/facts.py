"""Silver: the four facts, each checked in a view that holds what its rules ask about."""

from pyspark import pipelines as dp
from pyspark.sql import functions as F

from claims_analytics.bronze import tables
from claims_analytics.silver.facts import FACTS


def declare(fact):
    """Declare a fact, and the view in which its rows are checked."""

    @dp.temporary_view(name=f"{fact.name}_checked")
    @dp.expect_all(fact.rules.warn)
    @dp.expect_all_or_drop(fact.rules.drop)
    @dp.expect_all_or_fail(fact.rules.fail)
    def checked():
        bronze = tables(spark.read, fact.reads)  # noqa: F821 - a global of pipeline source
        return fact.rows(bronze, F.col("ingest_timestamp"))

    @dp.materialized_view(
        name=fact.table, comment=fact.comment, table_properties={"quality": "silver"}
    )
    def table():
        return spark.read.table(f"{fact.name}_checked").select(*fact.columns)  # noqa: F821


for each in FACTS:
    declare(each)
