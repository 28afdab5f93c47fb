"""Bronze: every line of the fleet's feeds, in the table of its feed or in that of its rejects."""

from pyspark import pipelines as dp

from iot_analytics.bronze import RULES, accepted, reader_options, rejected, with_origin
from iot_analytics.feeds import FEEDS

LANDING = spark.conf.get("landing_path")  # noqa: F821 - a global of pipeline source


def ingest(feed):
    """Declare the tables of a feed, and the view that both read."""
    rules, landed = RULES[feed.name], f"{feed.name}_landed"

    @dp.temporary_view(name=landed)
    def lines():
        reader = spark.readStream.format("cloudFiles").options(**reader_options(feed))  # noqa: F821
        return with_origin(reader.load(f"{LANDING}/{feed.folder}"))

    @dp.table(
        name=feed.table,
        comment=f"Lines of {feed.folder} as they landed",
        table_properties={"quality": "bronze"},
    )
    @dp.expect_all_or_drop(rules.drop)
    @dp.expect_all(rules.warn)
    def bronze():
        return accepted(spark.readStream.table(landed))  # noqa: F821

    @dp.table(
        name=feed.rejected_table,
        comment=f"Lines of {feed.folder} that break a rule, and which",
        table_properties={"quality": "bronze"},
    )
    def bronze_rejected():
        return rejected(spark.readStream.table(landed), rules)  # noqa: F821


for each in FEEDS:
    ingest(each)
