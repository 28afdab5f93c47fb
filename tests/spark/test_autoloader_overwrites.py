"""`cloudFiles.allowOverwrites`: a file that changed since it was read is read again."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "json", {"cloudFiles.allowOverwrites": "true"})
    found.landing.mkdir()
    return found


def aged(path: Path, seconds: int) -> Path:
    """Give a file a time of its own: two writes may fall into one tick of the clock."""
    os.utime(path, (seconds, seconds))
    return path


def test_each_version_is_read_once_whatever_is_killed_between(loader: Loader) -> None:
    loader.land_json("kept.json", {"id": 9})
    aged(loader.land_json("a.json", {"id": 1}), 1000)
    loader.run()
    aged(loader.land_json("a.json", {"id": 1}, {"id": None}), 2000)
    loader.open()  # killed before the query started, twice
    loader.open()
    loader.run()
    aged(loader.land_json("a.json", {"id": 3, "ID": 4}), 3000)  # such a file is copied
    loader.run()
    loader.run()
    assert loader.rows("id", order="id") == [(None,), ("1",), ("1",), ("3",), ("9",)]
    assert [each["state"] for each in loader.states()] == ["COMMITTED"] * 4
    assert not list((loader.place.folder / "versions").glob("*"))
    del loader.options["cloudFiles.allowOverwrites"]
    aged(loader.land_json("a.json", {"id": 5}), 4000)
    loader.run()
    assert len(loader.rows("id")) == 5


def test_a_file_that_is_overwritten_while_it_waits_is_read_in_its_latest_version(
    loader: Loader,
) -> None:
    aged(loader.land_json("a.json", {"id": 1}), 1000)
    loader.open()
    aged(loader.land_json("a.json", {"id": 2}), 2000)
    loader.run()
    assert ("2",) in loader.rows("id")


def test_an_overwritten_parquet_file_may_have_other_types(loader: Loader) -> None:
    loader.format = "parquet"
    aged(loader.land_parquet("a.parquet", id=pa.array([1], pa.int32())), 1000)
    loader.run()
    aged(loader.land_parquet("a.parquet", id=["x"], more=[1]), 2000)
    assert loader.run() == 1
    assert loader.rows("id", "more") == [(None, 1), (1, None)]
    assert loader.rescued() == [{"id": "x"}, None]
