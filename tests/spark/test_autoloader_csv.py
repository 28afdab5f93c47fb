"""CSV: headers that differ, types, rescue and malformed records."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headwater.errors import DefinitionError, SchemaChange, SourceFileError, UpdateError
from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "csv")
    found.landing.mkdir()
    return found


def test_columns_in_another_order_never_shift(loader: Loader) -> None:
    loader.land("a.csv", "id,name,city\n1,Ann,Rome\n2,Bob,\n")
    loader.land("b c+ü.csv", "city,id,name\nOslo,3,Cem\n")
    loader.land("c.csv", "name,id\nDan,4\n")
    loader.run()
    assert loader.rows() == [
        ("1", "Ann", "Rome", None),
        ("2", "Bob", None, None),
        ("3", "Cem", "Oslo", None),
        ("4", "Dan", None, None),
    ]


def test_new_column_stops_the_stream_and_no_row_is_lost(loader: Loader) -> None:
    loader.land("a.csv", "id,name\n1,Ann\n")
    loader.run()
    loader.land("b.csv", "more,id\nx,2\n")
    with pytest.raises(SchemaChange) as raised:
        loader.run_once()
    assert raised.value.parameters["fields"] == ["more"]
    assert loader.run() == 0
    assert loader.rows("id", "name", "more") == [("1", "Ann", None), ("2", None, "x")]


def test_files_left_pending_are_read_by_their_own_header(loader: Loader) -> None:
    loader.land("a.csv", "id,name\n1,Ann\n")
    loader.open()
    loader.open()
    loader.land("b.csv", "name,id\nBob,2\n")
    loader.open()
    loader.run()
    assert loader.rows("id", "name") == [("1", "Ann"), ("2", "Bob")]


def test_types_are_inferred_and_mistyped_values_rescued(loader: Loader) -> None:
    loader.options["cloudFiles.inferColumnTypes"] = "true"
    loader.land("a.csv", "id,x,day,flag\n1,0.5,2026-01-31,true\n")
    loader.land("b.csv", "flag,day,x,id\nfalse,2026-02-01,2.5,2\n")
    loader.run()
    loader.land("c.csv", "id,x,day,flag\n3,much,someday,1\n4,,,\n")
    assert loader.run() == 0
    assert loader.rows("id", "x", "string(day)", "flag") == [
        (1, 0.5, "2026-01-31", True),
        (2, 2.5, "2026-02-01", False),
        (3, None, None, None),
        (4, None, None, None),
    ]
    assert loader.rescued() == [None, None, {"x": "much", "day": "someday", "flag": "1"}, None]


def test_column_has_one_type_over_files_of_different_headers(loader: Loader) -> None:
    loader.options["cloudFiles.inferColumnTypes"] = "true"
    loader.land("a.csv", "id,t,n,m\n1,2024-01-01,3000000000,true\n")
    loader.land("b.csv", "t,id,n,m\n2024-01-01T10:00:00,2,1.5,5\n")
    loader.run()
    assert loader.rows("id", "string(t)", "n", "m", "_rescued_data") == [
        (1, "2024-01-01 00:00:00", 3e9, "true", None),
        (2, "2024-01-01 10:00:00", 1.5, "5", None),
    ]
    loader.land("c.csv", "id,x\n3,5\n")
    loader.land("d.csv", "x,id\nabc,4\n")
    loader.run()
    assert loader.rows("id", "x", "_rescued_data")[2:] == [(3, "5", None), (4, "abc", None)]


def test_numbers_are_those_of_the_csv_reader(loader: Loader) -> None:
    loader.schema = "id INT, d DECIMAL(10,2), x DOUBLE"
    loader.options |= {"header": "true", "rescuedDataColumn": "_rescued_data"}
    loader.land("a.csv", 'id,d,x\n1,"1,234.50",Inf\n2, 7,inf\n 3,7, 1.5\n')
    loader.run()
    assert loader.rows("id", "string(d)", "x", order="d") == [
        (2, None, None),
        (None, "7.00", 1.5),
        (1, "1234.50", float("inf")),
    ]
    assert loader.rescued(order="d") == [{"d": " 7", "x": "inf"}, {"id": " 3"}, None]


def test_lines_of_blanks_before_the_header(loader: Loader) -> None:
    loader.options["multiLine"] = "true"
    loader.land("a.csv", "\n\nid,a\n3,q\n")
    loader.run()
    assert loader.rows("id", "a") == [("3", "q")]


def test_rescue_mode_keeps_new_and_other_cased_columns(loader: Loader) -> None:
    loader.options["cloudFiles.schemaEvolutionMode"] = "rescue"
    loader.land("a.csv", "id,name\n1,Ann\n")
    loader.run()
    loader.land("b.csv", "id,Name,new\n2,Bob,x\n3,,\n")
    loader.land("c.csv", "new,id,name\ny,4,Dan\n")
    assert loader.run() == 0
    assert loader.rows("id", "name") == [("1", "Ann"), ("2", None), ("3", None), ("4", "Dan")]
    assert loader.rescued() == [None, {"Name": "Bob", "new": "x"}, None, {"new": "y"}]


@pytest.mark.parametrize("option", ["readerCaseSensitive", "parserCaseSensitive"])
def test_case_insensitive_reader_takes_other_cases_for_the_column(
    loader: Loader, option: str
) -> None:
    loader.options[option] = "false"
    loader.land("a.csv", "id,name\n1,Ann\n")
    loader.run()
    loader.land("b.csv", "ID,Name\n2,Bob\n")
    assert loader.run() == 0
    assert loader.rows("id", "name", "_rescued_data") == [("1", "Ann", None), ("2", "Bob", None)]


def test_none_mode_and_fail_mode_on_new_columns(loader: Loader) -> None:
    loader.land("a.csv", "id\n1\n")
    loader.run()
    bad = loader.land("b.csv", "id,new\n2,x\n")
    loader.options["cloudFiles.schemaEvolutionMode"] = "failOnNewColumns"
    with pytest.raises(UpdateError) as raised:
        loader.run_once()
    assert raised.value.parameters == {"fields": ["new"], "path": str(bad)}
    loader.options["cloudFiles.schemaEvolutionMode"] = "none"
    loader.run()
    assert loader.rows() == [("1", None), ("2", None)]


def test_records_of_another_length(loader: Loader) -> None:
    loader.land("a.csv", "id,name\n1,Ann\n2\n3,Cem,extra,\n4,Dan,\n5," + "x," * 80 + "\n")
    loader.land("b.csv", "name,id,more\nEve,6,m\nFay,7,n,o\n")
    loader.land("c.csv", "id\n8,over\n")
    loader.run()
    assert loader.rows("id", "name", "more") == [
        ("1", "Ann", None),
        ("2", None, None),
        ("3", "Cem", None),
        ("4", "Dan", None),
        ("5", "x", None),
        ("6", "Eve", "m"),
        ("7", "Fay", "n"),
        ("8", None, None),
    ]
    rescued = loader.rescued()
    assert rescued[:4] == [None, None, {"_c2": "extra"}, None]
    assert rescued[4] is not None
    assert rescued[4]["_corrupt_record"].startswith("5,x,x")
    assert rescued[5:] == [None, {"_c3": "o"}, {"_c1": "over"}]


def test_dropmalformed_drops_records_of_another_length(loader: Loader) -> None:
    loader.options["mode"] = "DROPMALFORMED"
    loader.land("a.csv", "id,name\n1,Ann\n2\n3,Cem,extra\n")
    loader.land("b.csv", "id\n4\n5,over\n")
    loader.run()
    assert loader.rows("id", "name") == [("1", "Ann"), ("4", None)]


def test_failfast_names_the_file(loader: Loader) -> None:
    loader.options["mode"] = "FAILFAST"
    bad = loader.land("a.csv", "id,name\n1,Ann\n2,Bob,extra\n")
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.code == "SOURCE_RECORD_MALFORMED"
    assert raised.value.parameters["path"] == str(bad)


def test_without_headers_columns_are_numbered(loader: Loader) -> None:
    loader.options["header"] = "false"
    loader.land("a.csv", "1,Ann\n2,Bob\n")
    loader.run()
    loader.land("b.csv", "3,Cem,new\n")
    assert loader.run() == 1
    assert loader.rows("_c0", "_c1", "_c2", order="_c0") == [
        ("1", "Ann", None),
        ("2", "Bob", None),
        ("3", "Cem", "new"),
    ]


def test_explicit_schema_without_header_is_by_position(loader: Loader) -> None:
    loader.schema = "a INT, b STRING, c DATE"
    loader.options["dateFormat"] = "dd/MM/yyyy"
    loader.land("a.csv", "1,x,31/01/2026\nz,y\n")
    loader.run()
    assert loader.rows("a", "b", "string(c)", order="b") == [
        (1, "x", "2026-01-31"),
        (None, "y", None),
    ]


def test_explicit_schema_with_header_is_by_name(loader: Loader) -> None:
    loader.schema = "b STRING, a INT"
    loader.options["header"] = "true"
    loader.land("a.csv", "A,x,b\n1,?,two\n")
    loader.run()
    assert loader.rows(order="a") == [("two", 1)]


def test_reader_options(loader: Loader) -> None:
    loader.options |= {
        "sep": "|",
        "quote": "'",
        "comment": "#",
        "nullValue": "-",
        "encoding": "ISO-8859-1",
        "multiLine": "true",
        "ignoreLeadingWhiteSpace": "true",
    }
    text = "# made by hand\n id|'na|me'\n1|'Ren\xe9\nLuc'\n2|-\n"
    loader.land("a.csv", text.encode("iso-8859-1"))
    loader.run()
    assert loader.rows("id", "`na|me`") == [("1", "René\nLuc"), ("2", None)]


def test_records_with_their_own_line_separator(loader: Loader) -> None:
    loader.options["lineSep"] = ";"
    loader.land("a.csv", "id,name;1,Ann;2,Bob")
    loader.run()
    assert loader.rows("id", "name") == [("1", "Ann"), ("2", "Bob")]


def test_only_some_columns_selected(loader: Loader) -> None:
    loader.transform = lambda frame: frame.select("_rescued_data")
    loader.land("a.csv", "id,name\n1,Ann\n2,Bob,extra\n")
    loader.run()
    assert loader.rescued("_rescued_data") == [None, {"_c2": "extra"}]


def test_empty_files_and_files_with_only_a_header(loader: Loader) -> None:
    loader.land("a.csv", "id\n1\n")
    loader.land("b.csv", "")
    loader.land("c.csv", "id\n")
    loader.run()
    assert loader.rows("id") == [("1",)]


def test_header_in_another_encoding_is_refused(loader: Loader) -> None:
    bad = loader.land("a.csv", b"id,n\xe9\n1,2\n")
    with pytest.raises(SourceFileError) as raised:
        loader.define()
    assert raised.value.parameters["path"] == str(bad)


def test_nested_type_is_refused(loader: Loader) -> None:
    loader.options["cloudFiles.schemaHints"] = "s STRUCT<a: INT>"
    loader.land("a.csv", "id\n1\n")
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_TYPE_NOT_BUILT"


@pytest.mark.parametrize(
    ("encoding", "codec", "mark"),
    [("UTF-16", "utf-16", ""), ("UTF-16", "utf-16-be", ""), ("UTF-16LE", "utf-16-le", "\ufeff")],
)
def test_wide_encodings_are_read_with_multi_line(
    loader: Loader, encoding: str, codec: str, mark: str
) -> None:
    loader.options |= {"encoding": encoding, "multiLine": "true"}
    loader.land("a.csv", f'{mark}"id",name\n1,é\n2,"b\nc"\n'.encode(codec))
    loader.run()
    assert loader.rows("id", "name") == [("1", "é"), ("2", "b\nc")]


def test_times_without_a_zone_have_a_format_of_their_own(loader: Loader) -> None:
    loader.spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
    try:
        loader.schema = "id INT, at TIMESTAMP_NTZ"
        loader.options |= {
            "header": "true",
            "timestampNTZFormat": "dd.MM.yyyy HH:mm",
            "rescuedDataColumn": "_rescued_data",
        }
        loader.land("a.csv", "id,at\n1,31.03.2024 02:30\n2,soon\n")
        loader.run()
        assert loader.rows("id", "string(at)") == [(1, "2024-03-31 02:30:00"), (2, None)]
        assert loader.rescued() == [None, {"at": "soon"}]
    finally:
        loader.spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_a_column_called_like_the_corrupt_record_is_rescued(loader: Loader) -> None:
    loader.land("a.csv", "_corrupt_record,id\nx,1\n,2,z\n")
    loader.run()
    assert loader.rows("id", "_corrupt_record") == [("1", None), ("2", ",2,z")]
    assert loader.rescued() == [{"_corrupt_record": "x"}, {"_c2": "z"}]


def test_endings_of_packed_files_are_known_in_any_case(loader: Loader) -> None:
    loader.land("a.csv.GZ", gzip.compress(b"id\n1\n"))
    loader.run()
    assert loader.rows("id") == [("1",)]


def test_only_the_header_must_be_text(loader: Loader) -> None:
    loader.land("a.csv", b"id,name\n1,\xff\n")
    loader.run()
    assert loader.rows("id") == [("1",)]


def test_a_schema_with_a_column_twice_is_refused(loader: Loader) -> None:
    loader.schema = "id INT, ID STRING"
    loader.land("a.csv", "1,2\n")
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert (raised.value.code, raised.value.parameters) == (
        "AUTOLOADER_SCHEMA_INVALID",
        {"column": "id"},
    )
