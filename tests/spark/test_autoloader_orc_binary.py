"""ORC and binary files: read once, columns that grow, and what can't be read told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc as po
import pytest
from pyspark.sql import SparkSession

from headwater.errors import SourceFileError
from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "orc")
    found.landing.mkdir()
    return found


def land(loader: Loader, name: str, /, **columns: Any) -> None:
    po.write_table(pa.table(columns), loader.landing / name)


def test_orc_file_is_read_once_and_new_columns_widen_the_table(loader: Loader) -> None:
    land(loader, "a:1.orc", id=[1, 2])
    assert loader.run() == 0
    land(loader, "b.orc", id=[3], name=["x"])
    assert loader.run() == 1
    assert loader.rows("id", "name") == [(1, None), (2, None), (3, "x")]


def test_new_orc_columns_are_rescued(loader: Loader) -> None:
    loader.options = {"cloudFiles.schemaEvolutionMode": "rescue"}
    land(loader, "a.orc", id=[1])
    loader.run()
    land(loader, "b.orc", id=[2], name=["x"])
    loader.run()
    assert loader.rescued() == [None, {"name": "x"}]


def test_orc_file_with_another_type_is_named(loader: Loader) -> None:
    land(loader, "a.orc", id=[1])
    loader.run()
    land(loader, "b.orc", id=["one"])
    with pytest.raises(SourceFileError) as raised:
        loader.run()
    assert raised.value.code == "SOURCE_FILE_TYPE_MISMATCH"
    assert str(raised.value.parameters["path"]).endswith("b.orc")


@pytest.mark.parametrize("content", [b"", b"not ORC"])
def test_broken_orc_file_is_named_or_set_aside(loader: Loader, content: bytes) -> None:
    land(loader, "a.orc", id=[1])
    loader.run()
    loader.land("b.orc", content)
    with pytest.raises(SourceFileError) as raised:
        loader.run()
    assert raised.value.code == "SOURCE_FILE_CORRUPT"
    loader.options = {"ignoreCorruptFiles": "true"}
    loader.run()
    assert loader.rows("id") == [(1,)]


def test_binary_file_is_a_row_with_its_bytes(spark: SparkSession, tmp_path: Path) -> None:
    loader = Loader(spark, tmp_path, "binaryFile")
    loader.land("day=2026-01-31/a.bin", b"\x00\xff")
    loader.run()
    loader.land("day=2026-01-31/b:2.png", b"two")
    loader.run()
    found = loader.rows("substring_index(path, '/', -1)", "length", "content", order="length")
    assert found == [("a.bin", 2, b"\x00\xff"), ("b:2.png", 3, b"two")]
