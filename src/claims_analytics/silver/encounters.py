"""patient_encounters_silver: one row per encounter."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import current, narrowed
from claims_analytics.enrolment import payers_at, spans_by_patient
from claims_analytics.rules import ENCOUNTERS
from claims_analytics.sources import SOURCES
from claims_analytics.values import day, money, month, names, reads, time

READS = ("encounters", "patients", "payer_transitions")
"""Bronze tables that this fact reads."""

COLUMNS = names(
    "encounter_id patient_id provider_id organization_id payer_id encounter_class encounter_code"
    " encounter_description reason_code reason_description start_ts stop_ts service_date"
    " service_month duration_minutes length_of_stay_days base_encounter_cost encounter_cost"
    " payer_coverage patient_responsibility is_er is_inpatient ingest_run_id source_file"
    " silver_updated_at"
)
"""Of the table; what the rules ask about comes beside them and is left out of it."""


_NARROWED = {
    "encounters": {"Id": "encounter_id"},
    "patients": {"Id": "patient_id"},
    "payer_transitions": {"PATIENT": "patient_id"},
}
"""File -> its column, and that of the keys which says what some encounters are made from."""


def minutes_between(start: Column, stop: Column) -> Column:
    """Return the minutes from a start to a stop as DECIMAL(18,2); NULL if it stops before."""
    seconds = F.unix_seconds(stop) - F.unix_seconds(start)
    return F.when(stop >= start, (seconds / F.lit(60)).cast("decimal(18,2)"))


def encounters(
    bronze: Mapping[str, DataFrame], updated_at: Column, keys: DataFrame | None = None
) -> DataFrame:
    """Type the current encounters, with what the patient's insurance says about each.

    Args:
        bronze: the tables of `READS`.
        updated_at: when the rows are written.
        keys: of the encounters to make, as `touched.encounters` finds them; None makes all.

    Returns:
        `COLUMNS`, and what `rules.ENCOUNTERS` asks about. List prices: never added to claims.
    """
    bronze = narrowed(bronze, keys, _NARROWED)
    rows = current(bronze["encounters"], SOURCES["encounters"]).select(
        F.col("Id").alias("encounter_id"),
        F.col("PATIENT").alias("patient_id"),
        F.col("PROVIDER").alias("provider_id"),
        F.col("ORGANIZATION").alias("organization_id"),
        F.col("PAYER").alias("payer_id"),
        F.lower("ENCOUNTERCLASS").alias("encounter_class"),
        F.col("CODE").alias("encounter_code"),
        F.col("DESCRIPTION").alias("encounter_description"),
        F.col("REASONCODE").alias("reason_code"),
        F.col("REASONDESCRIPTION").alias("reason_description"),
        time("START").alias("start_ts"),
        time("STOP").alias("stop_ts"),
        reads("STOP", time("STOP")).alias("stop_parses"),
        day("START").alias("service_date"),
        money("BASE_ENCOUNTER_COST").alias("base_encounter_cost"),
        money("TOTAL_CLAIM_COST").alias("encounter_cost"),
        money("PAYER_COVERAGE").alias("payer_coverage"),
        "ingest_run_id",
        "source_file",
        "ingest_timestamp",
    )
    start, stop = F.col("start_ts"), F.col("stop_ts")
    nights = F.datediff(F.to_date(stop), F.to_date(start))
    is_inpatient = F.col("encounter_class") == "inpatient"
    joined = rows.join(deaths(bronze), "patient_id", "left").join(
        spans_by_patient(bronze), "patient_id", "left"
    )
    return joined.withColumns(
        {
            "service_month": month(F.col("service_date")),
            "duration_minutes": minutes_between(start, stop),
            "length_of_stay_days": F.when(is_inpatient, F.greatest(F.lit(1), nights)).otherwise(0),
            "patient_responsibility": F.col("encounter_cost") - F.col("payer_coverage"),
            "is_er": F.col("encounter_class") == "emergency",
            "is_inpatient": is_inpatient,
            "payers": F.coalesce(payers_at(start), F.array().cast("array<string>")),
            "silver_updated_at": updated_at,
            "is_sound": F.expr(ENCOUNTERS.sound),
        }
    )


def deaths(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return when patients died: `patient_id`, `died_on`, which is NULL of the living."""
    patients = current(bronze["patients"], SOURCES["patients"]).where("Id IS NOT NULL")
    return patients.select(F.col("Id").alias("patient_id"), day("DEATHDATE").alias("died_on"))
