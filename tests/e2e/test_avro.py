"""Avro: Auto Loader and Spark's functions for it, with the jar that the source asks for."""

from __future__ import annotations

from pathlib import Path

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
def packed():
    n = from_avro(to_avro(F.col("n")), '["long", "null"]')
    return spark.read.table("bronze").select("id", n.alias("n"))
"""


def test_avro_files_and_values_are_read(tmp_path: Path) -> None:
    folder = bundle(tmp_path, SOURCE)
    done = headwater("run", folder=folder)
    assert done.returncode == 0, done.stderr
    found = DeltaTable(folder / ".headwater/dev/tables/main/s/packed").to_pyarrow_table()
    assert sorted(found.to_pylist(), key=lambda row: row["id"]) == [
        {"id": number, "n": 2 * number} for number in range(3)
    ]
