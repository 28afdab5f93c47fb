"""Rows split over runs by chance: what new rows change, put over what was there, is a full load.

One step from some runs to more shows it for any number of loads. Ids and codes are few, so that
rows collide: corrections, other claims of an id, twins, keys without a value, codes that become
diagnoses. How rows are written is in `test_claims_loads`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from claims_analytics.bronze import among
from claims_analytics.silver.facts import FACTS, Fact
from claims_rows import FIRST_RUN, NOON, SECOND_RUN, Row, bronze
from harness import frame_of

pytestmark = pytest.mark.claims

THIRD_RUN = "20240301000000-3"
RUNS = (FIRST_RUN, SECOND_RUN, THIRD_RUN)

VALUES = {
    "claims_transactions": {
        "ID": "t1 t2 t3 t4 t5 t6 t7 t8 -",
        "CLAIMID": "c1 c2 c3 c4 -",
        "CHARGEID": "1 2 3",
        "PATIENTID": "p1 p1 -",
        "TYPE": "CHARGE PAYMENT TRANSFERIN odd",
        "AMOUNT": "5.00 7.00 x",
        "PAYMENTS": "3.00",
        "METHOD": "ECHECK CASH",
        "TRANSFERTYPE": "2 -",
        "PROCEDURECODE": "k m",
        "APPOINTMENTID": "e1 e2 e3 e4",
        "DIAGNOSISREF1": "1 2",
        "DIAGNOSISREF2": "2",
    },
    "claims": {
        "Id": "c1 c2 c3 c4 -",
        "PRIMARYPATIENTINSURANCEID": "0 a",
        "DIAGNOSIS1": "d1 d2 d3 d4 d5",
        "DIAGNOSIS2": "d5 d6 d7",
        "SERVICEDATE": "2023-01-01 2023-02-01",
    },
    "encounters": {
        "Id": "e1 e2 e3 e4 -",
        "PATIENT": "p1 p2 -",
        "CODE": "k m",
        "REASONCODE": "d4 -",
        "START": "2023-01-01 2023-04-01 x",
        "TOTAL_CLAIM_COST": "5.00 7.00",
    },
    "medications": {
        "PATIENT": "p1 p1 -",
        "ENCOUNTER": "e1 e2 e3",
        "CODE": "m k",
        "START": "2023-01-01 2023-02-01",
        "STOP": "2023-03-01 -",
        "BASE_COST": "2.00 3.00",
        "DISPENSES": "1 2 3",
        "TOTALCOST": "6.00 x",
        "REASONCODE": "d5 -",
    },
    "procedures": {
        "PATIENT": "p1 p1 -",
        "ENCOUNTER": "e1 e2 e3",
        "CODE": "k m",
        "START": "2023-01-01 2023-02-01",
        "BASE_COST": "2.00 3.00",
        "REASONCODE": "d6 -",
    },
    "immunizations": {"PATIENT": "p1", "ENCOUNTER": "e3 e4", "CODE": "k m", "DATE": "2023-01-01"},
    "conditions": {"PATIENT": "p1", "ENCOUNTER": "e1", "CODE": "d1 d2 d3", "START": "2023-01-01"},
    "careplans": {"Id": "1 2", "REASONCODE": "d7 -"},
    "payers": {"Id": "none other", "NAME": "NO_INSURANCE A"},
}
"""File -> column -> what it may hold; `-` stands for nothing. What changes no row is left out."""

ROWS = {"claims": 48, "encounters": 12, "medications": 18, "procedures": 18}
"""Fact -> rows of an example that are loaded, at most."""
NEW = 3
"""Rows that come then, at most: more would touch every claim, whatever the reason."""
EXAMPLES = {"claims": 6, "encounters": 3, "medications": 4, "procedures": 3}


class Delivered(NamedTuple):
    """A row of a file."""

    kind: str
    values: Row


def _delivered(kind: str, run: str = RUNS[0], **values: str) -> Delivered:
    return Delivered(kind, {**values, "ingest_run_id": run})


CLAIM = [
    _delivered(
        "claims_transactions",
        ID="t1",
        CLAIMID="c1",
        CHARGEID="1",
        PATIENTID="p1",
        TYPE="CHARGE",
        AMOUNT="5.00",
        PROCEDURECODE="m",
        APPOINTMENTID="e1",
        DIAGNOSISREF1="1",
    ),
    _delivered(
        "claims",
        Id="c1",
        PRIMARYPATIENTINSURANCEID="0",
        DIAGNOSIS1="d1",
        SERVICEDATE="2023-01-01",
    ),
]
"""A claim with one line."""

REASONS = {
    "service": _delivered(
        "medications", RUNS[2], PATIENT="p1", ENCOUNTER="e1", CODE="m", START="2023-01-01"
    ),
    "diagnosis": _delivered("conditions", RUNS[2], PATIENT="p1", ENCOUNTER="e2", CODE="d1"),
    "insurance": _delivered("payers", RUNS[2], Id="0", NAME="NO_INSURANCE"),
}
"""Why a claim without a new row of its own is made again: the row that comes then."""


def deliveries(fact: Fact) -> st.SearchStrategy[list[Delivered]]:
    """Rows of the files that a fact reads: many that are loaded, and a few that come then."""

    def rows(*runs: str, least: int, most: int) -> st.SearchStrategy[list[Delivered]]:
        kinds = [_rows(kind, runs) for kind in VALUES if kind in fact.reads]
        return st.lists(st.one_of(kinds), min_size=least, max_size=most)

    size = ROWS[fact.name]
    there, new = rows(*RUNS[:2], least=size // 2, most=size), rows(RUNS[2], least=1, most=NEW)
    return st.builds(list.__add__, there, new)


def _rows(kind: str, runs: Sequence[str]) -> st.SearchStrategy[Delivered]:
    columns = {
        column: st.sampled_from([None if each == "-" else each for each in values.split()])
        for column, values in VALUES[kind].items()
    }
    row = st.fixed_dictionaries({**columns, "ingest_run_id": st.sampled_from(runs)})
    return st.builds(Delivered, st.just(kind), row)


Silver = list[dict[str, Any]]


def made(rows: DataFrame, fact: Fact) -> Silver:
    """Return the rows that no rule drops, as the table has them."""
    return [row.asDict() for row in rows.where("is_sound").select(*fact.columns).collect()]


def loaded_in_two(spark: SparkSession, fact: Fact, tables: dict[str, DataFrame]) -> Silver:
    """Load all runs but the last in full, then what that one changes, as `load_fact` does."""
    *_, last, newest = RUNS
    until = {name: rows.where(F.col("ingest_run_id") <= last) for name, rows in tables.items()}
    there = made(fact.rows(until, F.lit(NOON)), fact)
    found = fact.touched(tables, last, newest)
    keys = frame_of(spark, [tuple(row) for row in found.collect()], found.schema.simpleString())
    groups = keys.select(fact.group)
    anew = made(among(fact.rows(tables, F.lit(NOON), keys), [fact.group], groups), fact)
    gone = {row[0] for row in groups.collect()}
    replaced = {_key(row, fact) for row in anew}
    kept = [row for row in there if row[fact.group] not in gone and _key(row, fact) not in replaced]
    return kept + anew


def _key(row: dict[str, Any], fact: Fact) -> tuple[Any, ...]:
    return tuple(row[name] for name in fact.key)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_any_split_of_rows_over_runs_is_a_full_load(fact: Fact, spark: SparkSession) -> None:
    @settings(max_examples=EXAMPLES[fact.name])
    @given(deliveries(fact))
    def holds(rows: list[Delivered]) -> None:
        check(spark, fact, rows)

    holds()


@pytest.mark.parametrize("reason", REASONS)
def test_claim_is_made_again_for_a_row_of_another_file(reason: str, spark: SparkSession) -> None:
    fact = FACTS[0]
    before = made(fact.rows(tables_of(spark, fact, CLAIM), F.lit(NOON)), fact)
    rows = [*CLAIM, REASONS[reason]]
    after = made(fact.rows(tables_of(spark, fact, rows), F.lit(NOON)), fact)
    assert before
    assert before != after, "the row changes the claim, so the next line can fail"
    check(spark, fact, rows)


def check(spark: SparkSession, fact: Fact, rows: list[Delivered]) -> None:
    """Hold two loads against one in full."""
    tables = tables_of(spark, fact, rows)
    in_two = loaded_in_two(spark, fact, tables)
    in_full = made(fact.rows(tables, F.lit(NOON)), fact)
    assert Counter(map(repr, in_two)) == Counter(map(repr, in_full))


def tables_of(spark: SparkSession, fact: Fact, rows: list[Delivered]) -> dict[str, DataFrame]:
    """Return the bronze tables that a fact reads."""
    by_kind = {kind: [row.values for row in rows if row.kind == kind] for kind in VALUES}
    return {name: each for name, each in bronze(spark, **by_kind).items() if name in fact.reads}
