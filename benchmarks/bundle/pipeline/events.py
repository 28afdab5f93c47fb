"""Bronze, three drop rules, SCD type 1 and 2, and an aggregate."""

from pyspark import pipelines as dp
from pyspark.sql import functions as F

LANDING = spark.conf.get("landing")  # noqa: F821 - a global of pipeline source


@dp.table
def bronze():
    return (
        spark.readStream.format("cloudFiles")  # noqa: F821
        .option("cloudFiles.format", "parquet")
        .load(LANDING)
        .withColumn("ingested_at", F.current_timestamp())
    )


@dp.table
@dp.expect_all_or_drop(
    {
        "valid_age": "age BETWEEN 0 AND 100",
        "known_department": "department < 'department_95'",
        "has_key": "patient_id IS NOT NULL",
    }
)
def silver():
    return spark.readStream.table("bronze").withColumn(  # noqa: F821
        "admission_date", F.to_date("event_time")
    )


dp.create_streaming_table("department_latest")
dp.create_auto_cdc_flow(
    target="department_latest", source="silver", keys=["department"], sequence_by="event_time"
)

dp.create_streaming_table("patient_history")
dp.create_auto_cdc_flow(
    target="patient_history",
    source="silver",
    keys=["patient_id"],
    sequence_by="event_time",
    column_list=["patient_id", "age", "department", "event_time"],
    stored_as_scd_type=2,
)


@dp.materialized_view
def daily():
    return (
        spark.read.table("silver")  # noqa: F821
        .groupBy("admission_date", "department")
        .agg(F.count("*").alias("events"), F.avg("age").alias("mean_age"))
    )
