"""Silver: typed, enriched events that keep the rules of the domain."""

from pyspark import pipelines as dp

from patient_analytics.rules import DROPPED, REQUIRED, WATCHED
from patient_analytics.transformations.silver import to_silver

BRONZE = spark.conf.get("bronze_schema")  # noqa: F821 - a global of pipeline source
SILVER = spark.conf.get("silver_schema")  # noqa: F821


@dp.table(
    name=f"{SILVER}.patient_events",
    comment="Hospital events, checked and enriched",
    table_properties={"quality": "silver"},
)
@dp.expect_all(WATCHED)
@dp.expect_all_or_drop(DROPPED)
@dp.expect_all_or_fail(REQUIRED)
def patient_events():
    """Parse times, add what is derived from them, and enforce the rules."""
    return to_silver(spark.readStream.table(f"{BRONZE}.patient_events"))  # noqa: F821
