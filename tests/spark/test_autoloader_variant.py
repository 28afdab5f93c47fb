"""`singleVariantColumn`: each record is one VARIANT, in a Delta table."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headwater.errors import DefinitionError, SourceFileError
from spark.test_autoloader_support import Loader

CSV = ['{"a":1,"b":"x"}', '{"a":null,"b":null}']
LINES = '{"id":1.50,"ID":null,"in":{"a":[1,"x"]}}\n{broken\nnull\n'


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    return Loader(spark, tmp_path, "json", {"singleVariantColumn": "v"}, sink="delta")


def texts(loader: Loader) -> list[str | None]:
    table = loader.spark.read.format("delta").load(str(loader.root / "table"))
    return sorted((row[0] for row in table.selectExpr("to_json(v)").collect()), key=str)


def test_json_records_are_kept_whole_and_their_fields_never_stop_a_stream(loader: Loader) -> None:
    loader.land("day=1/a.json", LINES)
    assert loader.run() == 0
    loader.land_json("day=1/b.json", {"new": {"deep": True}})
    assert loader.run() == 0
    assert loader.run() == 0
    whole = ['{"ID":null,"id":1.5,"in":{"a":[1,"x"]}}', '{"new":{"deep":true}}']
    assert texts(loader) == [None, "null", *whole]
    assert set(loader.rows("day", order="day")) == {("1",)}


def test_malformed_records_are_kept_dropped_or_refused(loader: Loader) -> None:
    path = loader.land("a.json", LINES)
    loader.options["mode"] = "FAILFAST"
    with pytest.raises(SourceFileError) as raised:
        loader.run()
    assert raised.value.code == "SOURCE_RECORD_MALFORMED"
    assert raised.value.parameters["path"] == str(path)
    loader.options["mode"] = "PERMISSIVE"
    loader.schema = "v VARIANT, _corrupt_record STRING"
    loader.run()
    assert loader.rows("_corrupt_record", order="_corrupt_record") == [
        (None,),
        (None,),
        ("{broken",),
    ]
    loader.schema = "v VARIANT, more INT"
    with pytest.raises(DefinitionError) as refused:
        loader.define()
    assert refused.value.code == "AUTOLOADER_SCHEMA_INVALID"


@pytest.mark.parametrize(
    ("file_format", "content", "options", "wanted"),
    [
        ("csv", "a;b\n1;x\n;\n", {"sep": ";", "header": "true"}, CSV),
        ("xml", "<r><p k='1'><n>x</n></p></r>", {"rowTag": "p"}, ['{"_k":1,"n":"x"}']),
    ],
)
def test_csv_and_xml(
    loader: Loader, file_format: str, content: str, options: dict[str, str], wanted: list[str]
) -> None:
    loader.format = file_format
    loader.options |= options
    loader.land("a", content)
    loader.run()
    assert texts(loader) == wanted
