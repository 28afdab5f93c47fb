"""Bronze: every event as it landed, with when and from which file."""

from pyspark import pipelines as dp

from patient_analytics.transformations.bronze import add_ingestion_columns

BRONZE = spark.conf.get("bronze_schema")  # noqa: F821 - a global of pipeline source
LANDING = spark.conf.get("landing_path")  # noqa: F821


@dp.table(
    name=f"{BRONZE}.patient_events",
    comment="Hospital events as they landed",
    table_properties={"quality": "bronze"},
)
def patient_events():
    """Read new Parquet files; a column that appears later is taken in by itself."""
    landed = (
        spark.readStream.format("cloudFiles")  # noqa: F821
        .option("cloudFiles.format", "parquet")
        .option("cloudFiles.schemaEvolutionMode", "addNewColumns")
        .load(LANDING)
    )
    return add_ingestion_columns(landed)
