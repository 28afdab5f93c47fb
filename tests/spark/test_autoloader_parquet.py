"""Parquet: evolution, rescue and files that can't be read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from headwater.errors import SchemaChange, SourceFileError, UpdateError
from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "parquet")
    found.landing.mkdir()
    return found


def test_new_column_stops_the_stream_and_is_there_after_the_restart(loader: Loader) -> None:
    loader.land_parquet("a.parquet", id=[1, 2])
    assert loader.run() == 0
    loader.land_parquet("b.parquet", id=[3], name=["x"])
    with pytest.raises(SchemaChange) as raised:
        loader.run_once()
    assert raised.value.parameters["fields"] == ["name"]
    assert loader.run() == 0
    assert loader.rows("id", "name") == [(1, None), (2, None), (3, "x")]


def test_new_nested_column_is_added_to_its_struct(loader: Loader) -> None:
    loader.land_parquet("a.parquet", id=[1], s=[{"a": 1}], l=[[{"p": 1}]])
    loader.run()
    loader.land_parquet("b.parquet", id=[2], s=[{"b": "x", "a": 2}], l=[[{"p": 1, "q": 2}]])
    with pytest.raises(SchemaChange) as raised:
        loader.run_once()
    assert raised.value.parameters["fields"] == ["s.b", "l.q"]
    loader.run()
    assert loader.rows("id", "s.a", "s.b", "l[0].q") == [(1, 1, None, None), (2, 2, "x", 2)]


def test_mistyped_and_other_cased_columns_are_rescued(loader: Loader) -> None:
    loader.land_parquet("a.parquet", id=[1], age=pa.array([30], pa.int32()), city=["Rome"])
    loader.run()
    loader.land_parquet("b.parquet", id=[2, 3], age=["old", None], City=["Oslo", None])
    loader.land_parquet("c.parquet", id=[4], age=pa.array([2**40], pa.int64()), city=["Bern"])
    assert loader.run() == 0
    assert loader.rows("id", "age", "city") == [
        (1, 30, "Rome"),
        (2, None, None),
        (3, None, None),
        (4, None, "Bern"),
    ]
    assert loader.rescued() == [None, {"age": "old", "City": "Oslo"}, None, {"age": 2**40}]
    path = loader.rows("get_json_object(_rescued_data, '$._file_path')")[1][0]
    assert path == f"file:{loader.landing}/b.parquet"
    assert not list((loader.place.folder / "headwater-staged").rglob("*.crc"))


def test_copies_are_deleted_once_they_are_committed(loader: Loader) -> None:
    loader.land_parquet("a.parquet", id=[1])
    loader.run()
    loader.land_parquet("b.parquet", id=["x"], _n=[1])
    loader.run()
    staged = loader.place.folder / "headwater-staged"
    assert [each.name for each in staged.rglob("*.parquet")] == ["b.parquet"]
    loader.run()
    assert not list(staged.rglob("*.parquet"))


def test_safe_widening_is_read_natively(loader: Loader) -> None:
    loader.land_parquet("a.parquet", id=pa.array([2**40], pa.int64()), x=pa.array([0.5]))
    loader.run()
    loader.land_parquet("b.parquet", id=pa.array([1], pa.int16()), x=pa.array([0.25], pa.float32()))
    assert loader.run() == 0
    assert loader.rows("id", "x", "_rescued_data") == [(1, 0.25, None), (2**40, 0.5, None)]


def test_inference_takes_the_widest_type(loader: Loader) -> None:
    one, two = (pa.array([Decimal("1.5")], pa.decimal128(*each)) for each in ((8, 1), (5, 3)))
    loader.land_parquet("a.parquet", id=pa.array([1], pa.int32()), d=one)
    loader.land_parquet("b.parquet", id=pa.array([2], pa.int64()), d=two, n=[1])
    loader.run()
    kinds = "struct<id:bigint,d:decimal(10,3),n:bigint,_rescued_data:string>"
    assert loader.define().schema.simpleString() == kinds
    assert [str(each[0]) for each in loader.rows("d")] == ["1.500", "1.500"]


def test_rescue_mode_never_stops(loader: Loader) -> None:
    loader.options["cloudFiles.schemaEvolutionMode"] = "rescue"
    loader.land_parquet("a.parquet", id=[1], s=[{"a": 1}])
    loader.run()
    loader.land_parquet(
        "b.parquet", id=[2, 3], s=[{"a": 2, "b": [1]}, {"a": 3, "b": None}], n=[5, None]
    )
    loader.land_parquet("c.parquet", id=[4], n=["text"])
    assert loader.run() == 0
    assert loader.rows("id", "s.a") == [(1, 1), (2, 2), (3, 3), (4, None)]
    assert loader.rescued() == [None, {"s": {"b": [1]}, "n": 5}, None, {"n": "text"}]


def test_none_mode_ignores_new_columns_and_rescues_types(loader: Loader) -> None:
    loader.options["cloudFiles.schemaEvolutionMode"] = "none"
    loader.land_parquet("a.parquet", id=[1], v=[1])
    loader.run()
    loader.land_parquet("b.parquet", id=[2], v=["x"], n=[5])
    assert loader.run() == 0
    assert loader.rows("id", "v") == [(1, 1), (2, None)]
    assert loader.rescued() == [None, {"v": "x"}]


def test_fail_on_new_columns_stays_failed(loader: Loader) -> None:
    loader.options["cloudFiles.schemaEvolutionMode"] = "failOnNewColumns"
    loader.land_parquet("a.parquet", id=[1])
    loader.run()
    bad = loader.land_parquet("b.parquet", id=[2], n=[5])
    for _ in range(2):
        with pytest.raises(UpdateError) as raised:
            loader.run_once()
        assert raised.value.code == "UNKNOWN_FIELD"
        assert raised.value.parameters == {"fields": ["n"], "path": str(bad)}
    bad.unlink()
    loader.run()
    assert loader.rows("id") == [(1,)]


def test_explicit_schema_reads_what_it_names(loader: Loader) -> None:
    loader.schema = "id BIGINT, missing STRING"
    loader.land_parquet("a.parquet", ID=[1], more=[2])
    loader.run()
    assert loader.rows() == [(1, None)]


def test_explicit_schema_without_rescue_refuses_another_type(loader: Loader) -> None:
    loader.schema = "id BIGINT"
    bad = loader.land_parquet("a.parquet", id=["x"])
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.code == "SOURCE_FILE_TYPE_MISMATCH"
    assert raised.value.parameters["path"] == str(bad)


def test_explicit_schema_with_rescue_column(loader: Loader) -> None:
    loader.schema = "id BIGINT, v INT"
    loader.options["rescuedDataColumn"] = "rest"
    loader.land_parquet("a.parquet", id=[1], v=["x"])
    loader.run()
    assert loader.rows("id", "v", "get_json_object(rest, '$.v')") == [(1, None, "x")]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"half"])
def test_broken_file_is_named_before_anything_runs(loader: Loader, content: bytes) -> None:
    loader.land_parquet("a.parquet", id=[1])
    loader.define()
    if content == b"half":
        whole = loader.land_parquet("b.parquet", id=list(range(1000)))
        content = whole.read_bytes()[:2000]
    bad = loader.land("b.parquet", content)
    with pytest.raises(SourceFileError) as raised:
        loader.open()
    assert raised.value.code == "SOURCE_FILE_CORRUPT"
    assert raised.value.parameters["path"] == str(bad)


def test_broken_file_is_set_aside_and_read_when_it_is_whole(loader: Loader) -> None:
    loader.options["ignoreCorruptFiles"] = "true"
    loader.land_parquet("a.parquet", id=[1])
    bad = loader.land("b.parquet", b"half")
    loader.run()
    assert loader.rows("id") == [(1,)]
    states = {Path(each["path"]).name: each["state"] for each in loader.states()}
    assert states == {"a.parquet": "COMMITTED", "b.parquet": "CORRUPT"}
    pq.write_table(pa.table({"id": [2]}), bad)
    loader.run()
    assert loader.rows("id") == [(1,), (2,)]


def test_damage_behind_a_good_footer_names_the_file(loader: Loader) -> None:
    path = loader.land_parquet("a.parquet", id=list(range(500)), t=["x" * 50] * 500)
    data = bytearray(path.read_bytes())
    data[10:600] = b"\xff" * 590
    path.write_bytes(bytes(data))
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.code == "SOURCE_FILE_CORRUPT"
    assert raised.value.parameters["path"] == str(path)


def test_nanosecond_timestamps_are_refused_with_the_column(loader: Loader) -> None:
    loader.land_parquet("a.parquet", at=pa.array([1], pa.timestamp("ns")))
    with pytest.raises(SourceFileError) as raised:
        loader.define()
    assert "'at'" in raised.value.message


def test_int96_timestamps_are_read(loader: Loader) -> None:
    loader.landing.joinpath("x").mkdir()
    at = pa.array([1_700_000_000_000_000], pa.timestamp("us", "UTC"))
    pq.write_table(
        pa.table({"id": [1], "at": at}),
        loader.landing / "x" / "a.parquet",
        use_deprecated_int96_timestamps=True,
    )
    loader.run()
    assert loader.rows("id", "unix_seconds(at)", "_rescued_data") == [(1, 1_700_000_000, None)]


def test_file_without_rows_is_fine(loader: Loader) -> None:
    loader.land_parquet("a.parquet", id=pa.array([], pa.int64()))
    loader.run()
    assert loader.rows() == []


def test_file_without_columns_is_refused(loader: Loader) -> None:
    loader.land_parquet("a.parquet")
    with pytest.raises(SourceFileError) as raised:
        loader.define()
    assert raised.value.parameters["reason"] == "it has no columns"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), "'a' twice"),
        (pa.table({"s": [{"a": 1, "A": 2}]}), "differ only by case"),
        (pa.table({"l": [[{"a": 1, "A": 2}]]}), "differ only by case"),
    ],
)
def test_columns_that_spark_can_not_tell_apart_are_refused(
    loader: Loader, table: pa.Table, reason: str
) -> None:
    pq.write_table(table, loader.landing / "a.parquet")
    with pytest.raises(SourceFileError) as raised:
        loader.define()
    assert reason in str(raised.value)


def test_brotli_is_refused_by_name(loader: Loader) -> None:
    pq.write_table(pa.table({"id": [1]}), loader.landing / "a.parquet", compression="brotli")
    with pytest.raises(SourceFileError) as raised:
        loader.define()
    assert "Brotli" in str(raised.value)


def test_columns_may_have_names_like_those_of_copies(loader: Loader) -> None:
    loader.land_parquet("a.parquet", id=[1], _metadata=["m"])
    loader.run()
    loader.land_parquet("b.parquet", id=[2], ID=[3], __rescued_x=[4])
    loader.run()
    assert loader.rows("id", "_metadata", "__rescued_x") == [(1, "m", None), (2, None, 4)]
    assert loader.rescued() == [None, {"ID": 3}]
