"""`addNewColumnsWithTypeWidening`: types grow with the files, in a Delta table that allows it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    mode = {
        "cloudFiles.schemaEvolutionMode": "addNewColumnsWithTypeWidening",
        "cloudFiles.inferColumnTypes": "true",
    }
    builder = DeltaTable.createIfNotExists(spark).location(str(tmp_path / "table"))
    builder.property("delta.enableTypeWidening", "true").execute()
    return Loader(spark, tmp_path, "parquet", mode, sink="delta")


def test_parquet_types_grow_and_what_can_not_grow_is_rescued(loader: Loader) -> None:
    int32, float32 = pa.int32(), pa.float32()
    loader.land_parquet("0.parquet", id=pa.array([0], int32), x=pa.array([0.5], float32), t=[1])
    loader.run()
    loader.land_parquet("1.parquet", id=[2**40], x=[0.1], t=["text"], new=[1])
    assert loader.run() == 1
    loader.land_parquet("2.parquet", id=pa.array([2], int32), x=pa.array([None], float32), t=[3])
    assert loader.run() == 0
    schema = loader.define().schema.simpleString()
    assert schema == "struct<id:bigint,x:double,t:bigint,new:bigint,_rescued_data:string>"
    assert loader.rows("id", "x", "t", "new") == [
        (0, 0.5, 1, None),
        (2, None, 3, None),
        (2**40, 0.1, None, 1),
    ]
    assert loader.rescued() == [None, None, {"t": "text"}]


def test_csv_types_grow(loader: Loader) -> None:
    loader.format = "csv"
    loader.land("0.csv", "id,n\n0,1\n")
    loader.run()
    loader.land("1.csv", f"id,n\n{2**40},1.5\n")
    assert loader.run() == 1
    loader.land("2.csv", "id,n\n7,words\n")
    assert loader.run() == 0
    assert loader.rows("id", "n") == [(0, 1.0), (7, None), (2**40, 1.5)]
    assert loader.rescued() == [None, {"n": "words"}, None]


def test_json_numbers_grow_but_not_hinted_ones(loader: Loader) -> None:
    loader.format = "json"
    loader.options["cloudFiles.schemaHints"] = "h INT"
    loader.land_json("0.json", {"id": 0, "h": 1, "in": {"n": 1}})
    loader.run()
    loader.land_json("1.json", {"id": 1.25, "h": 2**40, "in": {"n": 1.5}})
    assert loader.run() == 1
    assert loader.run() == 0
    assert loader.rows("id", "h", "in.n") == [
        (Decimal("0.00"), 1, Decimal("1.0")),
        (Decimal("1.25"), None, Decimal("1.5")),
    ]
    assert loader.rescued() == [None, {"h": 2**40}]
