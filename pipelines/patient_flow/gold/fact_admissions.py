"""Gold: one row per admission, with the patient's version at that time."""

from pyspark import pipelines as dp

from patient_analytics.rules import FACT_RULES
from patient_analytics.transformations.gold import admissions

SILVER = spark.conf.get("silver_schema")  # noqa: F821 - a global of pipeline source


@dp.materialized_view(
    comment="Admissions with department, length of stay and patient version",
    table_properties={"quality": "gold"},
)
@dp.expect_all(FACT_RULES)
def fact_admissions():
    """Join the last word on each admission with the dimensions."""
    return admissions(
        spark.read.table(f"{SILVER}.patient_events"),  # noqa: F821
        spark.read.table("dim_patient"),  # noqa: F821
        spark.read.table("dim_department"),  # noqa: F821
    )
