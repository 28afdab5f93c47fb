"""Mode `none` with `rescuedDataColumn`: what the schema lacks is rescued, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark.test_autoloader_support import Loader

RESCUED = {"rescuedDataColumn": "_rescued_data"}


def _loader(spark: SparkSession, root: Path, file_format: str) -> Loader:
    found = Loader(spark, root, file_format, RESCUED | {"header": "true"})
    found.landing.mkdir()
    return found


def _land(loader: Loader, name: str, **columns: object) -> None:
    """One row, in the source's format."""
    if loader.format == "json":
        loader.land_json(f"{name}.json", columns)
    elif loader.format == "csv":
        texts = ",".join(map(str, columns.values()))
        loader.land(f"{name}.csv", f"{','.join(columns)}\n{texts}\n")
    else:
        loader.land_parquet(f"{name}.parquet", **{key: [each] for key, each in columns.items()})


@pytest.mark.parametrize("file_format", ["json", "csv", "parquet"])
def test_explicit_schema_rescues_fields_it_lacks(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    loader = _loader(spark, tmp_path, file_format)
    loader.schema = "id BIGINT"
    _land(loader, "a", id=1, note="n")
    _land(loader, "b", note="m", id=2, ID2="k")
    assert loader.run() == 0
    assert loader.rows("id") == [(1,), (2,)]
    assert loader.rescued() == [{"note": "n"}, {"note": "m", "ID2": "k"}]


@pytest.mark.parametrize("file_format", ["json", "csv", "parquet"])
def test_inferred_schema_in_mode_none_rescues_what_comes_later(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    loader = _loader(spark, tmp_path, file_format)
    loader.options["cloudFiles.schemaEvolutionMode"] = "none"
    _land(loader, "a", id="1")
    loader.run()
    _land(loader, "b", id="2", note="n")
    assert loader.run() == 0
    assert loader.rescued() == [None, {"note": "n"}]


@pytest.mark.parametrize("file_format", ["json", "parquet"])
def test_explicit_schema_rescues_nested_fields_it_lacks(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    loader = _loader(spark, tmp_path, file_format)
    loader.schema = "id BIGINT, s STRUCT<a: BIGINT>, l ARRAY<STRUCT<p: BIGINT>>"
    _land(loader, "a", id=1, s={"a": 1, "b": "x"}, l=[{"p": 1, "q": 2}])
    _land(loader, "b", id=2, s={"a": 2}, l=[{"p": 3}])
    assert loader.run() == 0
    assert loader.rows("id", "s.a", "l[0].p") == [(1, 1, 1), (2, 2, 3)]
    assert loader.rescued() == [{"s": {"b": "x"}, "l": [{"q": 2}]}, None]
