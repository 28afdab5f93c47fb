"""Gold: departments as last seen, SCD type 1."""

from pyspark import pipelines as dp

from patient_analytics.transformations.gold import department_states

SILVER = spark.conf.get("silver_schema")  # noqa: F821 - a global of pipeline source


@dp.temporary_view
def department_changes():
    """The department that each event tells about, with its surrogate key."""
    return department_states(spark.readStream.table(f"{SILVER}.patient_events"))  # noqa: F821


dp.create_streaming_table(
    "dim_department",
    comment="Departments of each hospital, latest state",
    table_properties={"quality": "gold"},
)

dp.create_auto_cdc_flow(
    target="dim_department",
    source="department_changes",
    keys=["department_sk"],
    sequence_by="last_event_time",
    stored_as_scd_type=1,
)
