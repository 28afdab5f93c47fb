"""JSON: evolution, rescue, types and malformed records."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headwater.errors import DefinitionError, SchemaChange, SourceFileError, UpdateError
from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "json")
    found.landing.mkdir()
    return found


def test_columns_are_the_exact_text_of_their_values(loader: Loader) -> None:
    text = (
        '{"id":"1","price":10.50,"big":0.12345678901234567890,"n":{"d":[1,2.50]},"b":true,"e":null}'
    )
    loader.land("a.json", text)
    loader.run()
    assert loader.rows("b", "big", "e", "id", "n", "price", "_rescued_data") == [
        ("true", "0.12345678901234567890", None, "1", '{"d":[1,2.50]}', "10.50", None)
    ]


def test_new_field_stops_the_stream_and_no_row_is_lost(loader: Loader) -> None:
    loader.land_json("a.json", {"id": 1})
    loader.run()
    loader.land_json("b.json", {"id": 2}, {"id": 3, "zeta": 1, "alpha": "x"})
    loader.land_json("c.json", {"id": 4, "beta": [1]})
    with pytest.raises(SchemaChange) as raised:
        loader.run_once()
    assert raised.value.parameters["fields"] == ["alpha", "beta", "zeta"]
    assert loader.run() == 0
    assert loader.rows("id", "alpha", "beta", "zeta") == [
        ("1", None, None, None),
        ("2", None, None, None),
        ("3", "x", None, "1"),
        ("4", None, "[1]", None),
    ]


def test_unknown_field_is_found_when_other_columns_are_selected(loader: Loader) -> None:
    loader.transform = lambda frame: frame.select("id", "_metadata.file_name")
    loader.land_json("a.json", {"id": 1})
    loader.run()
    loader.land_json("b.json", {"id": 2, "more": 1})
    with pytest.raises(SchemaChange):
        loader.run_once()
    loader.run()
    assert loader.rows() == [("1", "a.json"), ("2", "b.json")]


def test_other_case_is_rescued_beside_the_column(loader: Loader) -> None:
    loader.land_json("a.json", {"id": 1, "city": "Rome"})
    loader.run()
    loader.land_json("b.json", {"id": 2, "City": "Oslo"}, {"id": 3, "city": "Bern", "CITY": 1.50})
    loader.land_json("c.json", {"id": 4, "city": "Nice"})
    assert loader.run() == 0
    assert loader.rows("id", "city") == [("1", "Rome"), ("2", None), ("3", "Bern"), ("4", "Nice")]
    assert loader.rescued() == [None, {"City": "Oslo"}, {"CITY": 1.5}, None]


def test_files_of_every_case_make_one_column_spelled_as_hinted(loader: Loader) -> None:
    loader.options["cloudFiles.schemaHints"] = "city STRING"
    loader.land_json("a.json", {"id": 1, "City": "Rome"}, {"id": 2, "city": "Oslo"})
    loader.land_json("b.json", {"id": 3, "CITY": "Bern"})
    loader.run()
    assert loader.rows("id", "city") == [("1", None), ("2", "Oslo"), ("3", None)]
    assert loader.rescued() == [{"City": "Rome"}, None, {"CITY": "Bern"}]


def test_other_case_is_rescued_from_packed_and_multi_line_files(loader: Loader) -> None:
    loader.options["multiLine"] = "true"
    loader.land("a.json", json.dumps([{"id": 1, "city": "Rome"}], indent=1))
    loader.run()
    rows = [{"id": 2, "City": "Oslo"}, {"id": 3, "city": "Bern"}]
    loader.land("b.json.gz", gzip.compress(json.dumps(rows, indent=1).encode()))
    loader.land("c.json", '{"id": 4,\n "CITY": "x"}')
    assert loader.run() == 0
    assert loader.rows("id", "city") == [("1", "Rome"), ("2", None), ("3", "Bern"), ("4", None)]
    assert loader.rescued() == [None, {"City": "Oslo"}, None, {"CITY": "x"}]


@pytest.mark.parametrize("multi_line", ["false", "true"])
def test_mistyped_values_are_rescued_one_by_one(loader: Loader, multi_line: str) -> None:
    loader.options |= {"cloudFiles.inferColumnTypes": "true", "multiLine": multi_line}
    good = {"id": 1, "x": 0.5, "s": {"a": 1, "b": "u"}, "l": [1, 2], "t": "text"}
    bad = {"id": 2, "x": "no", "s": {"a": "w", "b": "v"}, "l": [1, "z"], "t": 5}
    null = {"id": 3, "x": None, "s": None, "l": None, "t": None}

    def land(name: str, *records: object) -> None:
        packed = json.dumps(records) if multi_line == "true" else ""
        loader.land(name, packed or "\n".join(map(json.dumps, records)))

    land("a.json", good)
    loader.run()
    land("b.json", bad, null)
    assert loader.run() == 0
    assert loader.rows("id", "x", "s.b", "t") == [
        (1, 0.5, "u", "text"),
        (2, None, "v", "5"),
        (3, None, None, None),
    ]
    rescued = {"x": "no", "s": {"a": "w", "b": "v"}, "l": [1, "z"]}
    assert loader.rescued() == [None, rescued, None]


def test_rescue_mode_keeps_new_fields_top_level_and_nested(loader: Loader) -> None:
    loader.options |= {
        "cloudFiles.inferColumnTypes": "true",
        "cloudFiles.schemaEvolutionMode": "rescue",
    }
    loader.land_json("a.json", {"id": 1, "s": {"a": 1}, "l": [{"p": 1}]})
    loader.run()
    loader.land_json(
        "b.json",
        {"id": 2, "s": {"a": 2, "b": {"c": 1}}, "new": [1, {"k": "v"}], "none": None},
        {"id": 3, "l": [{"p": 1, "q": 2}, {"p": 3}]},
        {"id": 4, "s": {"a": "bad", "b": 1}},
        {"id": 5, "s": {"a": 5}},
    )
    assert loader.run() == 0
    assert loader.rows("id", "s.a", "l[0].p") == [
        (1, 1, 1),
        (2, 2, None),
        (3, None, 1),
        (4, None, None),
        (5, 5, None),
    ]
    assert loader.rescued() == [
        None,
        {"s": {"b": {"c": 1}}, "new": [1, {"k": "v"}]},
        {"l": [{"q": 2}, {}]},
        {"s": {"a": "bad", "b": 1}},
        None,
    ]


def test_new_nested_field_of_a_typed_struct_evolves(loader: Loader) -> None:
    loader.options["cloudFiles.schemaHints"] = "s STRUCT<a: INT>"
    loader.land_json("a.json", {"id": 1, "s": {"a": 1}})
    loader.land_json("b.json", {"id": 2, "s": {"a": 2, "b": "x"}})
    assert loader.run() == 1
    assert loader.rows("id", "s.a", "s.b") == [("1", 1, None), ("2", 2, "x")]


def test_fail_on_new_columns_names_field_and_file(loader: Loader) -> None:
    loader.options["cloudFiles.schemaEvolutionMode"] = "failOnNewColumns"
    loader.land_json("a.json", {"id": 1})
    loader.run()
    loader.land_json("b.json", {"id": 2})
    bad = loader.land_json("c.json", {"id": 3, "more": 1})
    with pytest.raises(UpdateError) as raised:
        loader.run_once()
    assert raised.value.code == "UNKNOWN_FIELD"
    assert raised.value.parameters == {"fields": ["more"], "path": str(bad)}


def test_none_mode_ignores_new_fields(loader: Loader) -> None:
    loader.options["cloudFiles.schemaEvolutionMode"] = "none"
    loader.land_json("a.json", {"id": 1})
    loader.run()
    loader.land_json("b.json", {"id": 2, "more": 1, "ID": 7})
    assert loader.run() == 0
    assert loader.rows("id") == [("1",), ("2",)]
    assert loader.rescued() == [None, {"ID": 7}]


def test_malformed_lines_are_rescued_whole(loader: Loader) -> None:
    loader.land("a.json", '{"id":1}\n{"id":2,\n\n   \n{"id":3}\n')
    loader.run()
    assert loader.rows("id") == [(None,), ("1",), ("3",)]
    assert loader.rescued() == [{"_corrupt_record": '{"id":2,'}, None, None]


def test_malformed_lines_go_to_a_corrupt_record_column(loader: Loader) -> None:
    loader.options["cloudFiles.schemaHints"] = "_corrupt_record STRING, id INT"
    loader.land("a.json", '{"id":1}\nrubbish\n{"id":"x"}\n')
    loader.run()
    assert loader.rows("id", "_corrupt_record", order="_corrupt_record, id") == [
        (None, None),
        (1, None),
        (None, "rubbish"),
    ]
    assert loader.rescued("_corrupt_record, id") == [{"id": "x"}, None, None]


def test_dropmalformed_drops_text_and_keeps_mistyped(loader: Loader) -> None:
    loader.options |= {"mode": "DROPMALFORMED", "cloudFiles.schemaHints": "id INT"}
    loader.land("a.json", '{"id":1}\nrubbish\n{"id":"x"}\n')
    loader.run()
    assert loader.rows("id") == [(None,), (1,)]


def test_failfast_names_the_file(loader: Loader) -> None:
    loader.options["mode"] = "FAILFAST"
    bad = loader.land("a b.json", '{"id":1}\nsecret rubbish\n')
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.code == "SOURCE_RECORD_MALFORMED"
    assert raised.value.parameters["path"] == str(bad)
    assert "secret" not in str(raised.value)


def test_failfast_without_a_rescue_column_names_the_file(loader: Loader) -> None:
    loader.schema = "id INT"
    loader.options["mode"] = "FAILFAST"
    bad = loader.land("a.json", '{"id":1}\nsecret rubbish\n')
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.code == "SOURCE_RECORD_MALFORMED"
    assert raised.value.parameters["path"] == str(bad)
    assert "secret" not in str(raised.value)


def test_explicit_schema_reads_types_and_ignores_the_rest(loader: Loader) -> None:
    loader.schema = "id INT, at TIMESTAMP, missing STRING"
    loader.options["timestampFormat"] = "dd.MM.yyyy HH:mm"
    loader.land_json("a.json", {"id": 1, "at": "31.01.2026 12:30", "more": 1}, {"id": "x"})
    loader.run()
    assert loader.rows("id", "unix_seconds(at)", "missing") == [
        (None, None, None),
        (1, 1769862600, None),
    ]


def test_reader_options_reach_inference_and_reading(loader: Loader) -> None:
    loader.options |= {
        "allowComments": "true",
        "primitivesAsString": "true",
        "cloudFiles.inferColumnTypes": "true",
    }
    loader.land("a.json", "/* note */ {'id': 1, 'n': {'a': 2}}")
    loader.run()
    assert loader.rows("id", "n.a", "typeof(n)") == [("1", "2", "struct<a:string>")]


def test_empty_files_have_no_rows(loader: Loader) -> None:
    loader.land_json("a.json", {"id": 1})
    loader.land("b.json", "")
    loader.run()
    assert loader.rows("id") == [("1",)]


def test_damaged_archive_names_the_file(loader: Loader) -> None:
    loader.schema = "id INT"
    bad = loader.land("a.json.gz", gzip.compress(b'{"id":1}\n' * 5000)[:60])
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.parameters["path"] == str(bad)


@pytest.mark.parametrize("multi_line", ["false", "true"])
def test_another_encoding_reaches_rescued_data_and_copies(loader: Loader, multi_line: str) -> None:
    loader.schema = "id INT, name STRING"
    loader.options |= {
        "encoding": "ISO-8859-1",
        "multiLine": multi_line,
        "rescuedDataColumn": "_rescued_data",
    }
    records = ['{"id":1,"name":"é"}', '{"id":"ü","name":"ö","NAME":"ä"}', "rübe"]
    for number, text in enumerate(records):
        loader.land(f"{number}.json", text.encode("iso-8859-1"))
    loader.run()
    assert loader.rows("id", "name", order="name") == [(None, None), (1, "é"), (None, "ö")]
    assert loader.rescued("name") == [
        {"_corrupt_record": "rübe"},
        None,
        {"id": "ü", "NAME": "ä"},
    ]


@pytest.mark.parametrize("multi_line", ["false", "true"])
def test_hinted_numbers_may_stand_in_quotes(loader: Loader, multi_line: str) -> None:
    loader.options |= {"cloudFiles.schemaHints": "n INT, b BOOLEAN", "multiLine": multi_line}
    loader.land("a.json", '{"id":1,"n":"7","b":"true"}')
    loader.land("b.json", '{"id":2,"n":"7.5","b":1}')
    loader.land("c.json", '{"id":3,"n":7.5,"b":false}')
    loader.run()
    assert loader.rows("id", "n", "b") == [("1", 7, True), ("2", None, None), ("3", None, False)]
    assert loader.rescued() == [None, {"n": "7.5", "b": 1}, {"n": 7.5}]


def test_fields_of_another_case_are_found_wherever_they_are(loader: Loader) -> None:
    loader.schema = (
        "id BIGINT, `it's` STRING, ll ARRAY<ARRAY<STRUCT<a: BIGINT>>>, "
        "m MAP<STRING, STRUCT<a: BIGINT>>"
    )
    loader.options["rescuedDataColumn"] = "_rescued_data"
    loader.land_json(
        "a.json",
        {"id": 1, "IT'S": "x"},
        {"id": 2, "ll": [[{"a": 1}], [{"A": 2}]]},
        {"id": 3, "m": {"k": {"A": 1}}},
        {"id": 4, "it's": "y", "ll": [[{"a": 1}]], "m": {"k": {"a": 1}}},
    )
    loader.land("b.json", '[{"id":5},{"id":6,"ID":7}]')
    loader.run()
    assert loader.rescued() == [
        {"IT'S": "x"},
        {"ll": [[{"a": 1}], [{"A": 2}]]},
        {"m": {"k": {"A": 1}}},
        None,
        None,
        {"ID": 7},
    ]


def test_a_line_that_is_no_utf8_is_rescued_whole(loader: Loader) -> None:
    loader.land("a.json", b'{"id":1}\n{"id":"\xff"}\n')
    loader.run()
    assert loader.rescued("id") == [{"_corrupt_record": '{"id":"\ufffd"}'}, None]


def test_a_field_may_be_called_metadata(loader: Loader) -> None:
    loader.land_json("a.json", {"id": 1, "_metadata": {"v": 1}})
    loader.run()
    loader.land_json("b.json", {"id": 2, "ID": 3})
    loader.run()
    assert loader.rows("id", "_metadata") == [("1", '{"v": 1}'), ("2", None)]
    assert loader.rescued() == [None, {"ID": 3}]


def test_files_that_inference_fails_on_are_named(loader: Loader) -> None:
    loader.land_json("a.json", {"id": 1})
    bad = loader.land("b.json", '{"id":1}\n{"id":2,"x":1,"x":2}')
    loader.land_json("c.json", {"id": 3})
    with pytest.raises(SourceFileError) as raised:
        loader.define()
    assert raised.value.code == "SOURCE_FIELD_REPEATED"
    assert raised.value.parameters == {"path": str(bad), "field": "x"}
    bad.unlink()
    bad = loader.land("d.json.gz", gzip.compress(b'{"id":4}\n' * 5000)[:60])
    with pytest.raises(SourceFileError) as raised:
        loader.define()
    assert raised.value.code == "SOURCE_FILE_CORRUPT"
    assert raised.value.parameters["path"] == str(bad)
    loader.options["ignoreCorruptFiles"] = "true"
    loader.define()


def test_names_of_our_own_columns_are_refused(loader: Loader) -> None:
    loader.land_json("a.json", {"id": 1, "__headwater_absent": 2})
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_COLUMN_RESERVED"


def test_a_nested_hint_leaves_the_rest_of_its_column(loader: Loader) -> None:
    loader.options["cloudFiles.schemaHints"] = "l.element.q INT, s.x DATE"
    loader.land_json("a.json", {"id": 1, "l": [{"q": 1, "r": 2}], "s": {"x": "2026-01-31", "y": 2}})
    assert loader.run() == 0
    assert loader.rows("typeof(l)", "typeof(s)", "s.y") == [
        ("array<struct<q:int,r:bigint>>", "struct<x:date,y:bigint>", 2)
    ]
