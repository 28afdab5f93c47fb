"""Who is insured by whom, and when: half-open spans of `payer_transitions`."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import current
from claims_analytics.sources import SOURCES
from claims_analytics.values import time

NO_INSURANCE = "NO_INSURANCE"
"""Name of the payer that stands for none."""


def spans(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return when each patient was with which payer.

    Args:
        bronze: `payer_transitions`.

    Returns:
        `patient_id`, `payer_id` STRING, `starts_at`, `ends_at` TIMESTAMP, half-open, and which
        delivery says so: `ingest_run_id`, `source_modified_at`. A span of no length is not one.
    """
    rows = current(bronze["payer_transitions"], SOURCES["payer_transitions"]).select(
        F.col("PATIENT").alias("patient_id"),
        F.col("PAYER").alias("payer_id"),
        time("START_YEAR").alias("starts_at"),
        time("END_YEAR").alias("ends_at"),
        "ingest_run_id",
        "source_modified_at",
    )
    return rows.where("patient_id IS NOT NULL AND starts_at < ends_at")


def spans_by_patient(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return one row per patient: `patient_id` and `spans`, an array of the spans."""
    fields = F.struct("starts_at", "ends_at", "payer_id")
    return spans(bronze).groupBy("patient_id").agg(F.collect_list(fields).alias("spans"))


def payers_at(moment: Column) -> Column:
    """Return the payers of the spans that hold a moment; NULL without spans."""
    held = F.filter("spans", lambda span: (span.starts_at <= moment) & (moment < span.ends_at))
    return F.transform(held, lambda span: span.payer_id)


def without_insurance(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return one row with the id of the payer that stands for no insurance; NULL if unknown.

    Args:
        bronze: `payers`.
    """
    payers = current(bronze["payers"], SOURCES["payers"])
    return payers.agg(
        F.max(F.when(F.col("NAME") == NO_INSURANCE, F.col("Id"))).alias("no_insurance_id")
    )
