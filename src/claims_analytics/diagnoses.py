"""Codes of diagnoses: which codes are one, as the data itself says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import delivered
from claims_analytics.sources import SOURCES

DIAGNOSED_IN = {
    "conditions": "CODE",
    "encounters": "REASONCODE",
    "medications": "REASONCODE",
    "procedures": "REASONCODE",
    "careplans": "REASONCODE",
}
"""File -> its column that holds diagnoses. A code that is in none of them is no diagnosis."""


def diagnosis_codes(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return each code that is a diagnosis once.

    Args:
        bronze: the tables of `DIAGNOSED_IN`.

    Returns:
        `code` STRING, and `ingest_run_id`: the first run that called it one.
    """
    parts = [
        delivered(bronze[name], SOURCES[name]).select(F.col(column).alias("code"), "ingest_run_id")
        for name, column in DIAGNOSED_IN.items()
    ]
    named = reduce(DataFrame.union, parts).where("code IS NOT NULL")
    return named.groupBy("code").agg(F.min("ingest_run_id").alias("ingest_run_id"))
