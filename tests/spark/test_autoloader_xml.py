"""XML: records by their tag, columns that grow, and what does not fit kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headwater.errors import DefinitionError, SourceFileError
from spark.test_autoloader_support import Loader

ONE = '<rows><row><id>1</id><at kind="x">7</at></row></rows>'


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "xml", {"rowTag": "row"})
    found.landing.mkdir()
    return found


def test_records_are_read_once_as_text_and_new_elements_widen(loader: Loader) -> None:
    loader.land("a:1.xml", ONE)
    assert loader.run() == 0
    loader.land("b.xml", "<rows><row><id>02</id><name>n</name></row></rows>")
    assert loader.run() == 1
    assert loader.rows("id", "at._VALUE", "at._kind", "name") == [
        ("02", None, None, "n"),
        ("1", "7", "x", None),
    ]


def test_record_with_a_value_of_another_type_is_rescued_whole(loader: Loader) -> None:
    loader.options["cloudFiles.inferColumnTypes"] = "true"
    loader.land("a.xml", "<rows><row><id>1</id><n>1</n></row></rows>")
    loader.run()
    bad = "<row><id>2</id><n>many</n></row>"
    loader.land("b.xml", f"<rows><row><id>3</id><n>3</n></row>{bad}<row><id>4</id></row></rows>")
    loader.run()
    assert loader.rows("id", "n") == [(1, 1), (2, None), (3, 3), (4, None)]
    assert loader.rescued() == [None, {"_corrupt_record": bad}, None, None]


def test_malformed_record_is_rescued_and_the_others_are_read(loader: Loader) -> None:
    loader.land("a.xml", "<rows><row><id>1</id></row><row><id>2</row><row><id>3</id></row></rows>")
    loader.run()
    found = loader.rows("id", "_rescued_data LIKE '%<id>2</row>%'", order="id")
    assert found == [(None, True), ("1", None), ("3", None)]


def test_new_elements_are_rescued(loader: Loader) -> None:
    loader.options["cloudFiles.schemaEvolutionMode"] = "rescue"
    loader.land("a.xml", "<rows><row><id>1</id></row></rows>")
    loader.run()
    loader.land("b.xml", "<rows><row><id>2</id><name>n</name></row></rows>")
    loader.run()
    assert loader.rescued() == [None, {"name": "n"}]


def test_file_with_several_elements_for_one_is_named(loader: Loader) -> None:
    loader.land("a.xml", "<rows><row><id>1</id></row></rows>")
    loader.run()
    loader.land("b.xml", "<rows><row><id>1</id><id>2</id></row></rows>")
    with pytest.raises(SourceFileError) as raised:
        loader.run()
    assert raised.value.code == "SOURCE_FILE_TYPE_MISMATCH"


def test_source_without_a_row_tag_is_refused(loader: Loader) -> None:
    loader.options = {}
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_OPTION_MISSING"


def test_options_of_the_reader_act(loader: Loader) -> None:
    loader.options |= {
        "attributePrefix": "at_",
        "valueTag": "val",
        "ignoreNamespace": "true",
        "ignoreSurroundingSpaces": "false",
        "nullValue": "-",
    }
    loader.land(
        "a.xml", '<rows xmlns:p="u"><row><p:id> 1 </p:id><at kind="x">7</at><n>-</n></row></rows>'
    )
    loader.run()
    assert loader.rows("id", "at.val", "at.at_kind", "n") == [(" 1 ", "7", "x", None)]


def test_attributes_can_be_left_out(loader: Loader) -> None:
    loader.options["excludeAttribute"] = "true"
    loader.land("a.xml", ONE)
    loader.run()
    assert loader.rows("id", "at") == [("1", "7")]


def test_other_elements_are_kept_in_the_wildcard_column(loader: Loader) -> None:
    loader.options["wildcardColName"] = "others"
    loader.schema = "id STRING, others STRING"
    loader.land("a.xml", "<rows><row><id>1</id><x><y>2</y></x></row></rows>")
    loader.run()
    assert loader.rows("id", "others") == [("1", "<y>2</y>")]
