"""Which rows of a fact change because of new rows of bronze."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import delivered
from claims_analytics.diagnoses import DIAGNOSED_IN, diagnosis_codes
from claims_analytics.enrolment import without_insurance
from claims_analytics.sources import SOURCES
from claims_analytics.values import all_of, hashed

Bronze = Mapping[str, DataFrame]


@dataclass(frozen=True, slots=True)
class Touched:
    """What is to be made anew.

    Attributes:
        groups: one column: the groups of the fact whose rows are replaced.
        bronze: the tables that their rows are made from, without rows of other groups where that
            is cheap to tell.
    """

    groups: DataFrame
    bronze: Bronze


Touching = Callable[[Bronze, str, str], Touched]
"""Takes bronze, the last run that was loaded, and the newest that is."""


def _since(rows: DataFrame, last: str, newest: str) -> DataFrame:
    run = F.col("ingest_run_id")
    return rows.where((run > last) & (run <= newest))


def _before(rows: DataFrame, last: str) -> DataFrame:
    return rows.where(F.col("ingest_run_id") <= last)


def among(rows: DataFrame, columns: Sequence[str], values: DataFrame) -> DataFrame:
    """Return the rows whose columns have one of some values; NULL equals NULL.

    Args:
        values: as many columns, in the same order.
    """
    named = values.toDF(*(f"__{name}" for name in columns))
    same = (F.col(name).eqNullSafe(F.col(f"__{name}")) for name in columns)
    return rows.join(named, all_of(*same), "left_semi")


def encounters(bronze: Bronze, last: str, newest: str) -> Touched:
    """Return the encounters that have new rows."""
    ids = _since(bronze["encounters"], last, newest).select("Id").distinct()
    mine = among(bronze["encounters"], ["Id"], F.broadcast(ids))
    groups = ids.select(F.col("Id").alias("encounter_id"))
    return Touched(groups, {**bronze, "encounters": mine})


def by_natural_key(name: str, group: str) -> Touching:
    """Return the rule for a fact whose groups are rows with one natural key, numbered."""
    source = SOURCES[name]

    def touched(bronze: Bronze, last: str, newest: str) -> Touched:
        rows = delivered(bronze[name], source)
        keys = _since(rows, last, newest).select(*source.key).distinct()
        mine = among(rows, source.key, F.broadcast(keys))
        numbered = mine.groupBy(*source.key).agg(F.count("*").alias("count"))
        occurrence = F.explode(F.sequence(F.lit(1), F.col("count").cast("int")))
        places = numbered.select(*source.key, occurrence.alias("occurrence"))
        groups = places.select(hashed(*map(F.col, source.key), F.col("occurrence")).alias(group))
        return Touched(groups, {**bronze, name: mine})

    return touched


def claims(bronze: Bronze, last: str, newest: str) -> Touched:
    """Return the claims that new rows change.

    Those of new transactions and headers; of transactions whose ids come again with another claim;
    with an encounter in new rows of encounters, medications, procedures or immunizations; with a
    code that no row before called a diagnosis; and those without insurance, when the payer that
    stands for none is new.
    """
    lines, headers = (
        delivered(bronze[name], SOURCES[name]) for name in ("claims_transactions", "claims")
    )
    ids = _since(lines, last, newest).select("ID").distinct()
    groups = [
        among(lines, ["ID"], F.broadcast(ids)).select("CLAIMID"),
        _since(headers, last, newest).select("Id"),
        _with_new_services(bronze, lines, last, newest),
        _with_new_diagnoses(bronze, headers, last, newest),
        _without_insurance(bronze, headers, last),
    ]
    touched = reduce(DataFrame.union, groups).distinct().toDF("claim_id")
    mine = among(lines, ["CLAIMID"], touched).select("ID").distinct()
    return Touched(
        touched,
        {
            **bronze,
            # all versions of the ids: an older one must not come back for an affected claim
            "claims_transactions": among(lines, ["ID"], mine),
            "claims": among(headers, ["Id"], touched),
        },
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
        _since(bronze[name], last, newest).select(F.col(column).alias("APPOINTMENTID"))
        for name, column in columns.items()
    ]
    encounters = reduce(DataFrame.union, parts).distinct()
    return lines.join(encounters, "APPOINTMENTID", "left_semi").select("CLAIMID")


def _with_new_diagnoses(bronze: Bronze, headers: DataFrame, last: str, newest: str) -> DataFrame:
    """Return claims with a code that became a diagnosis."""
    new = {name: _since(bronze[name], last, newest) for name in DIAGNOSED_IN}
    old = {name: _before(bronze[name], last) for name in DIAGNOSED_IN}
    codes = diagnosis_codes(new).join(diagnosis_codes(old), "code", "left_anti")
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
