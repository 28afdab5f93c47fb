"""Avro: Auto Loader and Spark's functions for it, with the jar that the source asks for.

Only a process of its own gets that jar, so this is also the first run as a person sees it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from deltalake import DeltaTable

from command import bundle, headwater

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F
from pyspark.sql.avro.functions import from_avro, to_avro

landing = "/Volumes/main/s/landing/avro"
if not dbutils.fs.ls("/Volumes/main/s/landing"):
    rows = spark.range(3).selectExpr("id", "id * 2 AS n")
    rows.coalesce(1).write.format("avro").save(landing)

@dp.table
def bronze():
    return spark.readStream.format("cloudFiles").option("cloudFiles.format", "avro").load(landing)

@dp.materialized_view
@dp.expect_or_drop("early", "id < 2")
def packed():
    n = from_avro(to_avro(F.col("n")), '["long", "null"]')
    return spark.read.table("bronze").select("id", n.alias("n"))
"""


Run = tuple[Path, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A bundle, and what the first run of its pipeline said."""
    folder = bundle(tmp_path_factory.mktemp("avro"), SOURCE)
    return folder, headwater("run", "flow", folder=folder)


def test_first_run_ends_well_and_prints_rules_and_what_has_no_effect(first: Run) -> None:
    _, done = first
    assert done.returncode == 0, done.stderr
    assert "early" in done.stdout
    assert "33.33%" in done.stdout
    assert "note: no effect here: photon\n" in done.stderr


def test_avro_files_and_values_are_read(first: Run) -> None:
    folder, _ = first
    found = DeltaTable(folder / ".headwater/dev/tables/main/s/packed").to_pyarrow_table()
    assert sorted(found.to_pylist(), key=lambda row: row["id"]) == [
        {"id": number, "n": 2 * number} for number in range(2)
    ]
