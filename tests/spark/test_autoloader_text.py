"""Text: one column that never changes, lines or whole files, columns from folder names."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headwater.errors import DefinitionError
from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "text")
    found.landing.mkdir()
    return found


def test_each_line_is_a_row_and_each_file_is_read_once(loader: Loader) -> None:
    loader.land("a.txt", "one\ntwo\n")
    assert loader.run() == 0
    loader.land("b.log", "three, {not JSON}\n")
    assert loader.run() == 0
    assert loader.rows("*", order="value") == [("one",), ("three, {not JSON}",), ("two",)]


def test_line_separator_and_whole_text_act(spark: SparkSession, tmp_path: Path) -> None:
    for name, options, lines in (
        ("separated", {"lineSep": ";"}, [("1\n2",), ("3\n",)]),
        ("whole", {"wholeText": "true"}, [("1\n2;3\n",)]),
        ("encoded", {"encoding": "ISO-8859-1", "lineSep": "2"}, [("1\n",), (";3\n",)]),
    ):
        loader = Loader(spark, tmp_path / name, "text", options)
        loader.land("a.txt", "1\n2;3\n")
        loader.run()
        assert loader.rows("value", order="value") == lines


def test_columns_from_folder_names_and_the_path_are_beside_the_value(loader: Loader) -> None:
    loader.options = {"cloudFiles.schemaHints": "day DATE"}
    loader.transform = lambda frame: frame.select("*", "_metadata.file_name")
    loader.land("day=2026-01-31/a.txt", "x")
    loader.run()
    found = loader.rows("value", "string(day)", "file_name", order="value")
    assert found == [("x", "2026-01-31", "a.txt")]


def test_the_one_column_may_have_another_name(loader: Loader) -> None:
    loader.schema = "line STRING"
    loader.land("a.txt", "x")
    loader.run()
    assert loader.rows("line", order="line") == [("x",)]


@pytest.mark.parametrize("schema", ["a STRING, b STRING", "value INT"])
def test_another_schema_is_refused(loader: Loader, schema: str) -> None:
    loader.schema = schema
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_SCHEMA_INVALID"


def test_a_hint_for_another_column_is_refused(loader: Loader) -> None:
    loader.options = {"cloudFiles.schemaHints": "other INT"}
    loader.land("a.txt", "x")
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_SCHEMA_INVALID"
