"""procedures_silver: one row per procedure."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from claims_analytics.bronze import current, narrowed
from claims_analytics.rules import PROCEDURES
from claims_analytics.silver.encounters import minutes_between
from claims_analytics.sources import SOURCES
from claims_analytics.values import day, hashed, money, month, names, reads, time

READS = ("procedures", "encounters")
"""Bronze tables that this fact reads."""

COLUMNS = names(
    "procedure_id patient_id encounter_id procedure_code procedure_description reason_code"
    " reason_description code_system start_ts stop_ts service_date service_month duration_minutes"
    " procedure_cost ingest_run_id source_file silver_updated_at"
)
"""Of the table; what the rules ask about comes beside them and is left out of it."""


_NARROWED = {
    "procedures": {name: name for name in SOURCES["procedures"].key},
    "encounters": {"Id": "ENCOUNTER"},
}
"""File -> its columns, and those of the keys that say what some procedures are made from."""


def procedures(
    bronze: Mapping[str, DataFrame], updated_at: Column, keys: DataFrame | None = None
) -> DataFrame:
    """Type the current procedures; of rows that are alike each has a key of its own.

    Args:
        bronze: the tables of `READS`.
        updated_at: when the rows are written.
        keys: of the procedures to make, as `touched.by_natural_key` finds them; None makes all.

    Returns:
        `COLUMNS`, and what `rules.PROCEDURES` asks about. List prices: never added to claims.
    """
    bronze = narrowed(bronze, keys, _NARROWED)
    source = SOURCES["procedures"]
    alike = Window.partitionBy(*source.key).orderBy(
        F.col("STOP").asc_nulls_last(), "BASE_COST", "record_hash"
    )
    rows = current(bronze["procedures"], source).withColumn(
        "occurrence", F.row_number().over(alike)
    )
    key = [*map(F.col, source.key), F.col("occurrence")]
    typed = rows.select(
        hashed(*key).alias("procedure_id"),
        F.col("PATIENT").alias("patient_id"),
        F.col("ENCOUNTER").alias("encounter_id"),
        F.col("CODE").alias("procedure_code"),
        F.col("DESCRIPTION").alias("procedure_description"),
        F.col("REASONCODE").alias("reason_code"),
        F.col("REASONDESCRIPTION").alias("reason_description"),
        F.coalesce("SYSTEM", F.lit("SNOMED-CT")).alias("code_system"),
        time("START").alias("start_ts"),
        time("STOP").alias("stop_ts"),
        reads("STOP", time("STOP")).alias("stop_parses"),
        day("START").alias("service_date"),
        money("BASE_COST").alias("procedure_cost"),
        "occurrence",
        "in_one_file",
        "ingest_run_id",
        "source_file",
        "ingest_timestamp",
    )
    joined = typed.join(_encounters(bronze), "encounter_id", "left")
    return joined.withColumns(
        {
            "service_month": month(F.col("service_date")),
            "duration_minutes": minutes_between(F.col("start_ts"), F.col("stop_ts")),
            "silver_updated_at": updated_at,
            "is_sound": F.expr(PROCEDURES.sound),
        }
    )


def _encounters(bronze: Mapping[str, DataFrame]) -> DataFrame:
    rows = current(bronze["encounters"], SOURCES["encounters"]).where("Id IS NOT NULL")
    return rows.select(
        F.col("Id").alias("encounter_id"),
        time("START").alias("encounter_start"),
        time("STOP").alias("encounter_stop"),
        F.lit(True).alias("has_encounter"),
    )
