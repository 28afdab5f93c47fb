"""The benchmark's pipeline written by hand, well, with Structured Streaming and MERGE.

No counts per rule, no event log, no schema evolution, in-order batches only: less than Headwater
does. Usage: handwritten.py LANDING OUTPUT JARS (a comma list).
"""

import sys

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

LANDING, OUTPUT, JARS = sys.argv[1:4]
RULES = "age BETWEEN 0 AND 100 AND department < 'department_95' AND patient_id IS NOT NULL"


def session() -> SparkSession:
    return (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "2g")
        .config("spark.driver.extraClassPath", JARS.replace(",", ":"))
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config(
            "spark.sql.catalog.spark_catalog",
            "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        )
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.databricks.delta.snapshotPartitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )


def path(table: str) -> str:
    return f"{OUTPUT}/{table}"


def stream_to(frame: DataFrame, table: str) -> None:
    writer = frame.writeStream.format("delta").option("checkpointLocation", path(f"_{table}"))
    writer.trigger(availableNow=True).start(path(table)).awaitTermination()


def upsert_departments(batch: DataFrame, _: int) -> None:
    newest = Window.partitionBy("department").orderBy(F.col("event_time").desc())
    latest = batch.withColumn("_n", F.row_number().over(newest)).where("_n = 1").drop("_n")
    if not DeltaTable.isDeltaTable(batch.sparkSession, path("department_latest")):
        latest.write.format("delta").save(path("department_latest"))
        return
    target = DeltaTable.forPath(batch.sparkSession, path("department_latest")).alias("t")
    (
        target.merge(latest.alias("s"), "t.department = s.department")
        .whenMatchedUpdateAll("s.event_time > t.event_time")
        .whenNotMatchedInsertAll()
        .execute()
    )


def keep_history(batch: DataFrame, _: int) -> None:
    order = Window.partitionBy("patient_id").orderBy("event_time")
    versions = batch.select("patient_id", "age", "department", "event_time").withColumns(
        {"__START_AT": F.col("event_time"), "__END_AT": F.lead("event_time").over(order)}
    )
    if not DeltaTable.isDeltaTable(batch.sparkSession, path("patient_history")):
        versions.write.format("delta").save(path("patient_history"))
        return
    first = versions.groupBy("patient_id").agg(F.min("__START_AT").alias("_closes"))
    target = DeltaTable.forPath(batch.sparkSession, path("patient_history")).alias("t")
    (
        target.merge(first.alias("s"), "t.patient_id = s.patient_id AND t.__END_AT IS NULL")
        .whenMatchedUpdate(set={"__END_AT": "s._closes"})
        .execute()
    )
    versions.write.format("delta").mode("append").save(path("patient_history"))


def apply_with(frame: DataFrame, function, table: str) -> None:
    writer = frame.writeStream.foreachBatch(function)
    writer = writer.option("checkpointLocation", path(f"_{table}")).trigger(availableNow=True)
    writer.start().awaitTermination()


def main() -> None:
    spark = session()
    schema = spark.read.parquet(LANDING).schema
    landed = spark.readStream.schema(schema).parquet(LANDING)
    stream_to(landed.withColumn("ingested_at", F.current_timestamp()), "bronze")
    bronze = spark.readStream.format("delta").load(path("bronze"))
    stream_to(bronze.withColumn("admission_date", F.to_date("event_time")).where(RULES), "silver")
    silver = spark.readStream.format("delta").load(path("silver"))
    apply_with(silver, upsert_departments, "departments")
    apply_with(silver, keep_history, "history")
    daily = spark.read.format("delta").load(path("silver"))
    daily.groupBy("admission_date", "department").agg(
        F.count("*").alias("events"), F.avg("age").alias("mean_age")
    ).write.format("delta").mode("overwrite").save(path("daily"))
    spark.stop()


if __name__ == "__main__":
    main()
