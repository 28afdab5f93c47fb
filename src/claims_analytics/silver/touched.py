"""Which rows of a fact change because of new rows of bronze."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import among, delivered
from claims_analytics.diagnoses import diagnosis_codes
from claims_analytics.enrolment import without_insurance
from claims_analytics.sources import SOURCES
from claims_analytics.values import hashed

Bronze = Mapping[str, DataFrame]


Touching = Callable[[Bronze, str, str], DataFrame]
"""Takes bronze, the last run that was loaded, and the newest that is.

Returns keys: the groups of the fact whose rows are made anew, and beside them what says which rows
of bronze that takes.
"""


def _since(rows: DataFrame, last: str, newest: str) -> DataFrame:
    run = F.col("ingest_run_id")
    return rows.where((run > last) & (run <= newest))


def _before(rows: DataFrame, last: str) -> DataFrame:
    return rows.where(F.col("ingest_run_id") <= last)


def encounters(bronze: Bronze, last: str, newest: str) -> DataFrame:
    """Return the encounters that have new rows: `encounter_id`, `patient_id`."""
    rows = delivered(bronze["encounters"], SOURCES["encounters"])
    ids = _since(rows, last, newest).select("Id")
    mine = among(rows, ["Id"], F.broadcast(ids))
    return mine.select(F.col("Id").alias("encounter_id"), F.col("PATIENT").alias("patient_id"))


def by_natural_key(name: str, group: str) -> Touching:
    """Return the rule for a fact whose groups are rows with one natural key, numbered."""
    source = SOURCES[name]

    def touched(bronze: Bronze, last: str, newest: str) -> DataFrame:
        rows = delivered(bronze[name], source)
        keys = _since(rows, last, newest).select(*source.key)
        mine = among(rows, source.key, F.broadcast(keys))
        numbered = mine.groupBy(*source.key).agg(F.count("*").alias("count"))
        occurrence = F.explode(F.sequence(F.lit(1), F.col("count").cast("int")))
        places = numbered.select(*source.key, occurrence.alias("occurrence"))
        groups = hashed(*map(F.col, source.key), F.col("occurrence"))
        return places.select(*source.key, groups.alias(group))

    return touched


def claims(bronze: Bronze, last: str, newest: str) -> DataFrame:
    """Return the claims that new rows change.

    Those of new transactions and headers; of transactions whose ids come again with another claim;
    with an encounter in new rows of encounters, medications, procedures or immunizations; with a
    code that no row before called a diagnosis; and those without insurance, when the payer that
    stands for none is new.

    Returns:
        `claim_id`, `transaction_id`, `encounter_id`, `patient_id`, as all versions of a
        transaction have them. Claims without transactions have no rows to make.
    """
    lines, headers = (
        delivered(bronze[name], SOURCES[name]) for name in ("claims_transactions", "claims")
    )
    ids = _since(lines, last, newest).select("ID")
    groups = [
        among(lines, ["ID"], F.broadcast(ids)).select("CLAIMID"),
        _since(headers, last, newest).select("Id"),
        _with_new_services(bronze, lines, last, newest),
        _with_new_diagnoses(bronze, headers, last, newest),
        _without_insurance(bronze, headers, last),
    ]
    touched = reduce(DataFrame.union, groups)
    return among(lines, ["CLAIMID"], touched).select(
        F.col("CLAIMID").alias("claim_id"),
        F.col("ID").alias("transaction_id"),
        F.col("APPOINTMENTID").alias("encounter_id"),
        F.col("PATIENTID").alias("patient_id"),
    )


def _with_new_services(bronze: Bronze, lines: DataFrame, last: str, newest: str) -> DataFrame:
    """Return claims whose encounter has new rows in the files that say what a line is for."""
    columns = {
        "encounters": "Id",
        "medications": "ENCOUNTER",
        "procedures": "ENCOUNTER",
        "immunizations": "ENCOUNTER",
    }
    parts = [
        _since(delivered(bronze[name], SOURCES[name]), last, newest).select(
            F.col(column).alias("APPOINTMENTID")
        )
        for name, column in columns.items()
    ]
    encounters = reduce(DataFrame.union, parts)
    return lines.join(encounters, "APPOINTMENTID", "left_semi").select("CLAIMID")


def _with_new_diagnoses(bronze: Bronze, headers: DataFrame, last: str, newest: str) -> DataFrame:
    """Return claims with a code that became a diagnosis."""
    codes = _since(diagnosis_codes(bronze), last, newest)
    places = (F.trim(f"DIAGNOSIS{place}") for place in range(1, 9))
    given = headers.select("Id", F.explode(F.array(*places)).alias("code"))
    return given.join(F.broadcast(codes), "code", "left_semi").select("Id")


def _without_insurance(bronze: Bronze, headers: DataFrame, last: str) -> DataFrame:
    """Return claims without insurance, if another payer than before stands for none."""
    before = without_insurance({"payers": _before(bronze["payers"], last)}).toDF("before")
    is_other = ~F.col("no_insurance_id").eqNullSafe(F.col("before"))
    changed = without_insurance(bronze).join(F.broadcast(before), is_other)
    uninsured = headers.where("PRIMARYPATIENTINSURANCEID = '0'").select("Id")
    return uninsured.join(F.broadcast(changed), how="left_semi")
