"""What files of claims bring: which kinds came, and keys that two files of one run have."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from claims_analytics.bronze import RESCUED, landed_files, with_run_columns
from claims_analytics.rules import LANDED_FILES
from claims_analytics.silver.facts import MEDICATIONS, PROCEDURES, Fact
from claims_rows import FIRST_RUN, SECOND_RUN, Row, bronze, rows_of, with_broken

RULE = "natural_key_in_two_files"


def given(code: str, file: str, run: str = FIRST_RUN, **more: str) -> Row:
    row = {"PATIENT": "p", "ENCOUNTER": "e", "START": "2023-01-01", "BASE_COST": "1.00"}
    of_drugs = {"TOTALCOST": "1.00", "DISPENSES": "1"}
    return {**row, **of_drugs, "CODE": code, "source_file": file, "ingest_run_id": run, **more}


GIVEN = [
    given("once", "a.csv"),
    given("twins", "a.csv", STOP="2023-01-02"),
    given("twins", "a.csv", STOP="2023-01-03"),
    given("two files", "a.csv"),
    given("two files", "b.csv"),
    given("twins in two files", "b.csv", STOP="2023-01-02"),
    given("twins in two files", "b.csv", STOP="2023-01-03"),
    given("twins in two files", "a.csv"),
    given("two runs", "a.csv"),
    given("two runs", "b.csv", SECOND_RUN),
    given("right since", "a.csv"),
    given("right since", "b.csv"),
    given("right since", "c.csv", SECOND_RUN),
]


@pytest.mark.parametrize("fact", [MEDICATIONS, PROCEDURES], ids=lambda fact: fact.name)
def test_key_in_two_files_of_a_run_is_counted_once(fact: Fact, spark: SparkSession) -> None:
    tables = bronze(spark, **{fact.name: GIVEN})
    rows = rows_of(with_broken(fact.rows(tables, F.current_timestamp()), fact.rules))
    code = "drug_code" if fact is MEDICATIONS else "procedure_code"
    broken = sorted(row[code] for row in rows if RULE in row["broken"])
    assert broken == ["twins in two files", "two files"]


def test_kind_without_a_file_in_the_newest_run_is_missing(spark: SparkSession) -> None:
    tables = bronze(
        spark,
        claims=[{"Id": "1", "source_file": "a.csv"}, {"Id": "2", "source_file": "a.csv"}],
        payers=[
            {"Id": "1", "source_file": "a.csv"},
            {"Id": "1", "source_file": "b.csv", "ingest_run_id": SECOND_RUN},
        ],
    )
    found = {row["kind"]: row for row in rows_of(with_broken(landed_files(tables), LANDED_FILES))}
    assert found.keys() == tables.keys()
    counted = {kind: (found[kind]["files"], found[kind]["rows"]) for kind in ("claims", "payers")}
    assert counted == {"claims": (1, 2), "payers": (2, 2)}
    assert [kind for kind, row in found.items() if not row["broken"]] == ["payers"]
    assert (found["devices"]["files"], found["devices"]["last_ingest_run_id"]) == (0, None)


def test_columns_called_as_one_that_is_added_are_rescued(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("Id,SOURCE_FILE\n1,x.csv\n2,\n3,\ufffd\n")
    columns = f"Id STRING, SOURCE_FILE STRING, {RESCUED} STRING"
    landed = (
        spark.read.schema(columns).option("enforceSchema", "true").csv(str(tmp_path), header=True)
    )
    first, second, third = with_run_columns(landed, "run").orderBy("Id").collect()
    assert (first[RESCUED], second[RESCUED]) == ('{"SOURCE_FILE":"x.csv"}', None)
    assert third[RESCUED] == '{"encoding":"not UTF-8","SOURCE_FILE":"\ufffd"}'
    assert all(row["source_file"].endswith("/a.csv") for row in (first, second))
