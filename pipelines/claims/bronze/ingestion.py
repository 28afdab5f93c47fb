"""Bronze: the 18 files of Synthea as they were delivered, all columns text."""

from pyspark import pipelines as dp

from claims_analytics.bronze import run_id_of_newest, with_run_columns
from claims_analytics.rules import BRONZE
from claims_analytics.sources import SOURCES

LANDING = spark.conf.get("landing_path")  # noqa: F821 - a global of pipeline source

# one id for all tables of an update; the next new files have one that sorts behind it
RUN = run_id_of_newest(LANDING, "pipeline")


def ingest(source):
    """Declare the bronze table of one kind of file."""

    @dp.table(
        name=source.table,
        comment=f"{source.name}.csv as it was delivered",
        table_properties={"quality": "bronze"},
    )
    @dp.expect_all(BRONZE.warn)
    def bronze():
        landed = (
            spark.readStream.format("cloudFiles")  # noqa: F821
            .option("cloudFiles.format", "csv")
            .option("cloudFiles.schemaEvolutionMode", "addNewColumns")
            .option("header", "true")
            .load(f"{LANDING}/{source.name}/*.csv")
        )
        return with_run_columns(landed, RUN)


for each in SOURCES.values():
    ingest(each)
