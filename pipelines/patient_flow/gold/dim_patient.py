"""Gold: patients with their history, SCD type 2."""

from pyspark import pipelines as dp

from patient_analytics.transformations.gold import patient_versions

SILVER = spark.conf.get("silver_schema")  # noqa: F821 - a global of pipeline source


@dp.temporary_view
def patient_changes():
    """Each event once, with the patient's surrogate key."""
    return patient_versions(spark.readStream.table(f"{SILVER}.patient_events"))  # noqa: F821


dp.create_streaming_table(
    "dim_patient",
    comment="Where each patient was, and when: one row per version",
    table_properties={"quality": "gold"},
)

dp.create_auto_cdc_flow(
    target="dim_patient",
    source="patient_changes",
    keys=["patient_id"],
    sequence_by="event_time",
    except_column_list=["event_id", "event_time"],
    stored_as_scd_type=2,
)
