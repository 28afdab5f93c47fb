"""Bronze: the 18 files of Synthea as they were delivered, all columns text."""

from pyspark import pipelines as dp

from claims_analytics import bronze
from claims_analytics.rules import BRONZE, LANDED_FILES
from claims_analytics.sources import SOURCES

LANDING = spark.conf.get("landing_path")  # noqa: F821 - a global of pipeline source

# one id for all tables of an update; the next new files have one that sorts behind it
RUN = bronze.run_id_of_newest(LANDING, "pipeline")


def ingest(source):
    """Declare the bronze table of one kind of file."""

    @dp.table(
        name=source.table,
        comment=f"{source.name}.csv as it was delivered",
        table_properties={"quality": "bronze"},
    )
    @dp.expect_all(BRONZE.warn)
    def table():
        landed = (
            spark.readStream.format("cloudFiles")  # noqa: F821
            .option("cloudFiles.format", "csv")
            .option("cloudFiles.schemaEvolutionMode", "addNewColumns")
            .option("cloudFiles.allowOverwrites", "true")  # a correction has the same name
            .option("header", "true")
            .option("escape", bronze.QUOTE)
            .load(f"{LANDING}/{source.name}/*.csv")
        )
        return bronze.with_run_columns(landed, RUN)


for each in SOURCES.values():
    ingest(each)


@dp.materialized_view(comment="What each kind of file has brought, and in which run last")
@dp.expect_all(LANDED_FILES.warn)
def landed_files():
    """Tell which kinds of files the newest run did without."""
    return bronze.landed_files(bronze.tables(spark.read, SOURCES))  # noqa: F821
