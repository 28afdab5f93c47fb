"""Which rows of bronze an incremental load reads: those that its keys ask for, and no others."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from claims_analytics.bronze import narrowed
from claims_analytics.diagnoses import diagnosis_codes
from claims_rows import FIRST_RUN, SECOND_RUN, bronze, rows_of
from harness import frame_of

COLUMNS = {"encounters": {"Id": "encounter_id"}, "medications": {"ENCOUNTER": "encounter_id"}}


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ([("a",)], ["a"]),
        ([("a",), ("a",), ("gone",)], ["a"]),
        ([(None,)], [None]),
        ([], []),
        (None, [None, "a", "b"]),
    ],
    ids=["one", "again and unknown", "null", "none", "all"],
)
def test_narrowed_bronze_has_the_rows_of_the_keys(
    keys: list[tuple[str | None]] | None, kept: list[str | None], spark: SparkSession
) -> None:
    tables = bronze(spark, encounters=[{"Id": name} for name in ("a", "b", None)])
    asked = None if keys is None else frame_of(spark, keys, "encounter_id STRING")
    found = narrowed(tables, asked, COLUMNS)["encounters"].collect()
    assert sorted((row.Id for row in found), key=str) == kept


def test_tables_that_keys_say_nothing_of_stay_whole(spark: SparkSession) -> None:
    tables = bronze(spark, payers=[{"Id": "a"}])
    asked = frame_of(spark, [("a",)], "encounter_id STRING")
    assert narrowed(tables, asked, COLUMNS)["payers"] is tables["payers"]


def test_code_is_a_diagnosis_since_the_first_run_that_calls_it_one(spark: SparkSession) -> None:
    tables = bronze(
        spark,
        conditions=[{"CODE": "early", "ingest_run_id": SECOND_RUN}, {"CODE": None}],
        encounters=[{"Id": "e", "REASONCODE": "early", "ingest_run_id": FIRST_RUN}],
        careplans=[{"Id": "c", "REASONCODE": "late", "ingest_run_id": SECOND_RUN}],
    )
    found = {row["code"]: row["ingest_run_id"] for row in rows_of(diagnosis_codes(tables))}
    assert found == {"early": FIRST_RUN, "late": SECOND_RUN}
