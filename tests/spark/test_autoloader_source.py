"""A source over many runs: exactly once, limits, paths, partitions, refusals."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headwater import autoloader
from headwater.autoloader import CloudFiles
from headwater.autoloader.manifest import Manifest
from headwater.errors import DefinitionError, Location, SchemaChange, SourceFileError
from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    found = Loader(spark, tmp_path, "json")
    found.landing.mkdir()
    return found


def ids(loader: Loader) -> list[str]:
    return sorted((row[0] for row in loader.rows("id")), key=int)


def wanted(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_each_file_is_read_once_into_delta(loader: Loader) -> None:
    loader.sink = "delta"
    for number in range(3):
        loader.land_json(f"{number}.json", {"id": number, **({"late": 1} if number == 2 else {})})
        loader.run()
    loader.run()
    assert loader.rows("id", "late") == [("0", None), ("1", None), ("2", "1")]


def test_entries_that_were_never_started_are_read_once(loader: Loader) -> None:
    loader.land_json("0.json", {"id": 0})
    loader.open()
    loader.land_json("1.json", {"id": 1})
    loader.open()
    assert [each["state"] for each in loader.states()] == ["DISCOVERED", "DISCOVERED"]
    loader.run()
    loader.run()
    assert ids(loader) == wanted(2)
    assert [each["state"] for each in loader.states()] == ["COMMITTED", "COMMITTED"]


def test_a_file_that_lands_while_the_flow_runs_is_read_by_the_next_run(loader: Loader) -> None:
    loader.land_json("0.json", {"id": 0})

    def land_another(frame):  # type: ignore[no-untyped-def]
        loader.land_json("1.json", {"id": 1})
        return frame

    loader.transform = land_another
    loader.run()
    assert ids(loader) == wanted(1)
    loader.run()
    assert ids(loader) == wanted(2)


def test_a_query_that_dies_halfway_goes_on_where_it_stopped(loader: Loader) -> None:
    loader.options["cloudFiles.maxFilesPerTrigger"] = "1"
    for number in range(4):
        loader.land_json(f"{number}.json", {"id": number})

    def fail_at_two(frame):  # type: ignore[no-untyped-def]
        broken = F.when(F.col("id") == "2", F.raise_error(F.lit("power cut")).cast("string"))
        return frame.withColumn("id", broken.otherwise(F.col("id")))

    loader.transform = fail_at_two
    with pytest.raises(Exception, match="power cut"):
        loader.run_once()
    states = sorted(each["state"] for each in loader.states())
    assert states == ["COMMITTED", "COMMITTED", "DISCOVERED", "DISCOVERED"]
    loader.transform = None
    loader.land_json("4.json", {"id": 4, "more": 1})
    assert loader.run() == 1
    assert ids(loader) == wanted(5)


def test_no_row_is_lost_or_doubled_whatever_happens_between(loader: Loader) -> None:
    chance = random.Random(7)  # noqa: S311 - a test's order
    loader.options["cloudFiles.maxFilesPerTrigger"] = "2"
    number = 0
    for step in range(6):
        for _ in range(chance.randint(1, 3)):
            extra = {f"f{step}": 1} if chance.random() < 0.3 else {}
            loader.land_json(f"{chance.random()}.json", {"id": number, **extra})
            number += 1
        for _ in range(chance.randint(0, 2)):
            try:
                loader.open()  # killed before the query started
            except SchemaChange:
                continue
        if chance.random() < 0.7:
            loader.run()
    loader.run()
    assert ids(loader) == wanted(number)


def test_a_lost_source_folder_does_not_read_files_again(loader: Loader) -> None:
    loader.options["cloudFiles.schemaLocation"] = str(loader.root / "schemas")
    loader.land_json("0.json", {"id": 0})
    loader.run()
    for file in sorted(loader.place.folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    loader.land_json("1.json", {"id": 1})
    loader.run()
    assert ids(loader) == wanted(2)
    assert (loader.root / "schemas" / "_schemas" / "0").exists()


def test_limit_of_files(loader: Loader) -> None:
    loader.options["cloudFiles.maxFilesPerTrigger"] = "2"
    for number in range(5):
        loader.land_json(f"{number}.json", {"id": number})
    loader.run()
    assert [count for count in loader.batches if count] == [2, 2, 1]


def test_limits_of_bytes_and_files_together(loader: Loader) -> None:
    loader.options |= {"cloudFiles.maxBytesPerTrigger": "1k", "cloudFiles.maxFilesPerTrigger": "3"}
    loader.land_json("0.json", {"id": 0, "text": "x" * 2000})
    for number in range(1, 6):
        loader.land_json(f"{number}.json", {"id": number})
    loader.run()
    assert max(loader.batches) <= 3
    assert sum(loader.batches) == 6


def test_existing_files_can_be_left_out_for_good(loader: Loader) -> None:
    loader.options["cloudFiles.includeExistingFiles"] = "false"
    loader.land_json("0.json", {"id": 0})
    loader.run()
    loader.land_json("1.json", {"id": 1})
    loader.options["cloudFiles.includeExistingFiles"] = "true"
    loader.run()
    assert ids(loader) == ["1"]
    assert {each["state"] for each in loader.states()} == {"EXISTING", "COMMITTED"}


def test_metadata_resolves_and_is_the_files_own(loader: Loader) -> None:
    path = loader.land_json("a b.json", {"id": 0})
    loader.transform = lambda frame: frame.select("*", "_metadata.file_path", "_metadata.file_size")
    columns = loader.define().select("*", "_metadata.file_path", "_metadata.file_name").columns
    assert columns == ["id", "_rescued_data", "file_path", "file_name"]
    loader.run()
    address = f"file:{str(path).replace(' ', '%20')}"
    assert loader.rows("file_path", "file_size") == [(address, 10)]


@pytest.mark.parametrize("file_format", ["json", "csv", "parquet"])
def test_metadata_resolves_in_every_format(loader: Loader, file_format: str) -> None:
    loader.format = file_format
    loader.options["cloudFiles.schemaHints"] = "id INT"
    frame = loader.define().filter("id > 0").select("*", "_metadata.file_name", "_metadata")
    assert frame.columns == ["id", "_rescued_data", "file_name", "_metadata"]


@pytest.mark.parametrize("file_format", ["json", "csv", "parquet"])
def test_partition_columns_come_from_the_path(loader: Loader, file_format: str) -> None:
    loader.format = file_format
    loader.options["header"] = "true"
    for number, folder in enumerate(["y=2025/k=a%2Fb+c", "y=2026/k=__HIVE_DEFAULT_PARTITION__"]):
        if file_format == "parquet":
            loader.land_parquet(f"{folder}/f.x", id=[str(number)], y=["file"])
        elif file_format == "csv":
            loader.land(f"{folder}/f.x", f"id,y\n{number},file\n")
        else:
            loader.land_json(f"{folder}/f.x", {"id": number, "y": "file"})
    loader.run()
    assert loader.rows() == [("0", "2025", "a/b+c", None), ("1", "2026", None, None)]


def test_partition_columns_named_typed_and_missing(loader: Loader) -> None:
    loader.options |= {
        "cloudFiles.partitionColumns": "y,none",
        "cloudFiles.inferColumnTypes": "true",
        "cloudFiles.schemaHints": "none DATE",
    }
    loader.land_json("x/y=2025/k=1/f.json", {"id": 1})
    loader.run()
    schema = loader.define().schema.simpleString()
    assert schema == "struct<id:bigint,y:int,none:date,_rescued_data:string>"
    assert loader.rows() == [(1, 2025, None, None)]


def test_partition_columns_can_be_ignored_and_differing_layouts_are(loader: Loader) -> None:
    loader.land_json("y=1/f.json", {"id": 1})
    loader.options["cloudFiles.partitionColumns"] = ""
    assert loader.define(save=False).columns == ["id", "_rescued_data"]
    del loader.options["cloudFiles.partitionColumns"]
    loader.land_json("z=1/f.json", {"id": 2})
    assert loader.define(save=False).columns == ["id", "_rescued_data"]


def test_explicit_schema_takes_partition_columns_it_names(loader: Loader) -> None:
    loader.schema = "y INT, id INT"
    loader.land_json("y=2025/f.json", {"id": 1})
    loader.run()
    assert sorted(loader.rows("id", "y")) == [(1, 2025)]


def test_globs_and_name_filter(loader: Loader) -> None:
    loader.path = f"{loader.landing}/2{{4,5}}/[a-b]*"
    loader.options["pathGlobFilter"] = "*.json"
    for number, name in enumerate(["24/ax.json", "25/b/deep.json", "25/c.json", "24/a.txt"]):
        loader.land_json(name, {"id": number})
    loader.run()
    assert ids(loader) == wanted(2)


def test_rescued_data_can_do_without_the_path_and_have_another_name(loader: Loader) -> None:
    setting = "spark.databricks.sql.rescuedDataColumn.filePath.enabled"
    loader.options |= {"rescuedDataColumn": "rest", "cloudFiles.schemaEvolutionMode": "rescue"}
    loader.land_json("0.json", {"id": 0})
    loader.run()
    loader.land_json("1.json", {"id": 1, "n": 5})
    loader.spark.conf.set(setting, "false")
    try:
        loader.run()
    finally:
        loader.spark.conf.unset(setting)
    assert loader.rows("id", "rest") == [("0", None), ("1", '{"n":5}')]


def test_defining_without_saving_writes_nothing(loader: Loader) -> None:
    loader.land_json("0.json", {"id": 0})
    before = sorted(loader.root.rglob("*"))
    assert loader.define(save=False).isStreaming
    assert loader.define(save=False).columns == ["id", "_rescued_data"]
    assert sorted(loader.root.rglob("*")) == before
    loader.define()
    assert (loader.place.folder / "_schemas" / "0").exists()


def test_an_empty_folder_needs_a_schema(loader: Loader) -> None:
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_SCHEMA_REQUIRED"
    loader.options["cloudFiles.schemaHints"] = "id STRING"
    assert loader.define().columns == ["id", "_rescued_data"]
    loader.run()
    loader.land_json("0.json", {"id": 0})
    loader.run()
    assert ids(loader) == wanted(1)


def test_wrong_hints_and_schema_are_refused(loader: Loader) -> None:
    loader.land_json("0.json", {"id": 0})
    loader.options["cloudFiles.schemaHints"] = "id BIGGISH"
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_OPTION_INVALID"
    loader.schema = "id INT,,"
    with pytest.raises(DefinitionError) as raised:
        loader.define()
    assert raised.value.code == "AUTOLOADER_SCHEMA_INVALID"


def test_a_missing_folder_is_named(loader: Loader) -> None:
    loader.path = str(loader.root / "nowhere")
    loader.schema = "id INT"
    for call in (loader.define, loader.open):
        with pytest.raises(DefinitionError) as raised:
            call()
        assert raised.value.code == "SOURCE_PATH_NOT_FOUND"


def test_a_vanished_file_is_named_or_ignored(loader: Loader) -> None:
    path = loader.land_json("0.json", {"id": 0})
    loader.land_json("1.json", {"id": 1})
    loader.open()
    path.unlink()
    with pytest.raises(SourceFileError) as raised:
        loader.open()
    assert raised.value.code == "SOURCE_FILE_MISSING"
    assert raised.value.parameters["path"] == str(path)
    loader.options["ignoreMissingFiles"] = "true"
    loader.run()
    assert ids(loader) == ["1"]


def test_a_file_that_grows_while_it_is_inspected_is_left_to_the_next_run(loader: Loader) -> None:
    loader.schema = "id STRING"
    loader.options["rescuedDataColumn"] = "rest"
    growing = loader.land_json("0.json", {"id": 0})
    stop = threading.Event()

    def grow() -> None:
        while not stop.is_set():
            with growing.open("a") as file:
                file.write("\n")

    writer = threading.Thread(target=grow)
    writer.start()
    loader.open()
    stop.set()
    writer.join()
    assert Manifest(loader.place.folder).entries() == []
    loader.run()
    assert ids(loader) == wanted(1)


def test_errors_of_others_are_not_explained(loader: Loader) -> None:
    request = CloudFiles("/in", {"cloudFiles.format": "json"}, Location("p.py", 1))
    for text in ("x", "[FAILED_READ_FILE.X]"):
        assert autoloader.explain_failure(text, request, loader.place) is None


ODD_NAMES = (
    "report [1]",
    "a{b,c}?*",
    "ev-10:30:00Z",
    "back\\slash",
    "x:y/[d]/50%, #+ä",
    "new\nline",
)


@pytest.mark.parametrize("file_format", ["json", "csv", "parquet"])
def test_files_are_read_whatever_their_names_hold(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    loader = Loader(spark, tmp_path, file_format)
    loader.options["cloudFiles.inferColumnTypes"] = "true"
    wanted = set()
    for number, name in enumerate(ODD_NAMES):
        odd = number % 2  # such a file is copied, or has a header of its own
        if file_format == "json":
            content: str | bytes = f'{{"id":{number},"{"TWIN" if odd else "twin"}":7}}'
        elif file_format == "csv":
            content = f"TWIN,id\n7,{number}\n" if odd else f"id,twin\n{number},7\n"
        else:
            columns = pa.table({"id": [number], "TWIN" if odd else "twin": [7]})
            pq.write_table(columns, file := pa.BufferOutputStream())
            content = file.getvalue().to_pybytes()
        wanted.add((str(loader.land(f"{name}.{file_format}", content)), "COMMITTED"))
    loader.options["cloudFiles.schemaHints"] = "twin BIGINT"
    loader.run()
    assert loader.rows("id", "twin") == [(n, None if n % 2 else 7) for n in range(6)]
    assert loader.rescued() == [
        {"TWIN": 7 if file_format != "csv" else "7"} if n % 2 else None for n in range(6)
    ]
    assert {(each["path"], each["state"]) for each in loader.states()} == wanted
    staged = loader.place.folder / "headwater-staged"
    loader.run()
    assert [each for each in staged.rglob("*") if not each.is_dir()] == []


def test_a_vanished_file_with_a_colon_is_named_as_it_was(loader: Loader) -> None:
    loader.schema = "id INT"
    gone = loader.land_parquet("10:30.parquet", id=pa.array([1], pa.int32()))
    loader.open()
    gone.unlink()
    with pytest.raises(SourceFileError) as raised:
        loader.run_once()
    assert raised.value.code == "SOURCE_FILE_MISSING"
    assert raised.value.parameters["path"] == str(gone)


def test_hints_name_columns_of_any_characters(loader: Loader) -> None:
    loader.format = "json"
    loader.options["cloudFiles.schemaHints"] = (
        "`order, no` INT, `x>y` INT COMMENT 'a, b', `tick``t` INT, n.`in, side` INT"
    )
    loader.land_json("a.json", {"order, no": 1, "x>y": "2", "tick`t": 3, "n": {"in, side": 4}})
    frame = loader.define()
    assert frame.schema.simpleString().startswith(
        "struct<n:struct<in, side:int>,order, no:int,tick`t:int,x>y:int"
    )
    loader.sink = "parquet"
    loader.run()
    assert loader.rows("`order, no`", "`x>y`", "`tick``t`", "n.`in, side`", order="n") == [
        (1, 2, 3, 4)
    ]


def test_state_below_a_folder_that_reads_as_a_pattern_is_refused(
    spark: SparkSession, tmp_path: Path
) -> None:
    loader = Loader(spark, tmp_path / "copy [1]", "json")
    loader.land_json("a.json", {"id": 1})
    with pytest.raises(DefinitionError) as raised:
        loader.run_once()
    assert raised.value.code == "AUTOLOADER_STATE_PATH"
