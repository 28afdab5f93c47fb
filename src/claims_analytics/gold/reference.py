"""Dimensions without history: dates, diagnoses; and the lists that this project keeps."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from importlib.resources import files
from itertools import chain

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from claims_analytics.bronze import current, delivered
from claims_analytics.diagnoses import DIAGNOSED_IN
from claims_analytics.sources import SOURCES
from claims_analytics.values import day, names

RESTRICTED_ZIP3 = names("036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893")
"""First digits of ZIP codes that stand for at most 20,000 people: HHS's list, census of 2000."""

CHRONIC = (
    "hypertension",
    "hyperlipidemia",
    "ischemic_heart_disease",
    "anemia",
    "asthma",
    "copd",
    "chronic_pain",
    "migraine",
    "osteoarthritis",
    "obesity",
)
"""Categories that count in the risk score."""


@cache
def condition_map() -> Mapping[str, tuple[str, str]]:
    """Return code -> (ICD-10-CM code, chronic category or ''), of `condition_map.csv`.

    A proposal, for a coder to review before anyone bills with it.
    """
    text = files("claims_analytics").joinpath("condition_map.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["code"]: (row["icd10cm_code"], row["chronic_category"]) for row in rows}


def chronic_category(code: Column) -> Column:
    """Return the chronic category of a code; NULL if it has none."""
    chronic = {
        code: category for code, (_, category) in condition_map().items() if category in CHRONIC
    }
    return F.try_element_at(_literal_map(chronic.items()), code)


def dim_diagnosis(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return one row per code of a diagnosis.

    Args:
        bronze: the tables of `diagnoses.DIAGNOSED_IN`, and `claims`.

    Returns:
        `code`, `code_system`, `description` (of the newest run, then the smallest text),
        `semantic_tag` (what stands in the last parenthesis), `icd10cm_code`, `chronic_category`.
    """
    parts = [
        delivered(bronze[name], SOURCES[name]).select(
            F.col(column).alias("code"),
            F.col(column.replace("CODE", "DESCRIPTION")).alias("description"),
            "ingest_run_id",
        )
        for name, column in DIAGNOSED_IN.items()
    ]
    found = reduce(DataFrame.union, [*parts, _claimed(bronze)]).where("code IS NOT NULL")
    newest = Window.partitionBy("code").orderBy(
        F.col("description").isNull(), F.col("ingest_run_id").desc(), "description"
    )
    one = found.withColumn("__place", F.row_number().over(newest)).where("__place = 1")
    mapped = condition_map()
    icd10 = _literal_map((code, icd) for code, (icd, _) in mapped.items())
    tag = F.regexp_extract("description", r"\(([^()]*)\)\s*$", 1)
    return one.select(
        "code",
        F.lit("SNOMED-CT").alias("code_system"),
        "description",
        F.when(tag != "", tag).alias("semantic_tag"),
        F.try_element_at(icd10, F.col("code")).alias("icd10cm_code"),
        chronic_category(F.col("code")).alias("chronic_category"),
    )


def dim_date(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return one row per day, from the year of the first birth to that of the last enrolment.

    Args:
        bronze: `patients`, `payer_transitions`.
    """
    born = delivered(bronze["patients"], SOURCES["patients"]).agg(
        F.trunc(F.min(day("BIRTHDATE")), "year").alias("first")
    )
    ends = delivered(bronze["payer_transitions"], SOURCES["payer_transitions"]).agg(
        F.date_sub(F.add_months(F.trunc(F.max(day("END_YEAR")), "year"), 12), 1).alias("last")
    )
    days = born.join(ends).select(F.explode(F.sequence("first", "last")).alias("date"))
    date = F.col("date")
    weekday = F.weekday(date) + 1
    return days.select(
        F.date_format(date, "yyyyMMdd").cast("int").alias("date_key"),
        date,
        F.year(date).alias("year"),
        F.quarter(date).alias("quarter"),
        F.month(date).alias("month"),
        F.trunc(date, "month").alias("month_start"),
        F.last_day(date).alias("month_end"),
        weekday.alias("day_of_week"),
        (weekday >= 6).alias("is_weekend"),
    )


def _claimed(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return codes that claims give as diagnoses and that are not codes of encounters."""
    columns = [f"DIAGNOSIS{place}" for place in range(1, 9)]
    claims = current(bronze["claims"], SOURCES["claims"])
    given = F.array(*(F.trim(name) for name in columns))
    codes = claims.select(F.explode(given).alias("code"), "ingest_run_id")
    kinds = delivered(bronze["encounters"], SOURCES["encounters"]).select(
        F.col("CODE").alias("code")
    )
    return codes.join(kinds.distinct(), "code", "left_anti").select(
        "code", F.lit(None).cast("string").alias("description"), "ingest_run_id"
    )


def _literal_map(pairs: Iterable[tuple[str, str]]) -> Column:
    """Return a literal map; an empty value is none."""
    kept = [pair for pair in pairs if pair[1]]
    return F.create_map(*map(F.lit, chain.from_iterable(kept)))
