"""The Spark internals that Auto Loader stands on; a new Spark has to pass these first.

A file stream over a folder with a file sink's log reads exactly what the log names, and its
checkpoint tells what it has read.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from headwater.autoloader.commits import committed_files
from headwater.autoloader.manifest import COMPACT_INTERVAL, Manifest

NAMES = ("b.json", "a b.json", "k=v%20x+y/c ü.json", "d#1?.json")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for number, name in enumerate(NAMES):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"id": number}))
        found.append(path)
    return found


def read(spark: SparkSession, manifest: Manifest, **options: str) -> DataFrame:
    reader = spark.readStream.format("json").schema("id INT")
    given = {"recursiveFileLookup": "true", "maxFileAge": "9000000000000000000ms", **options}
    return reader.options(**given).load(str(manifest.folder))


def run(frame: DataFrame, root: Path) -> list[int]:
    """Stream to a table; gives the rows of each micro-batch."""
    writer = frame.writeStream.option("checkpointLocation", str(root / "checkpoint"))
    query = writer.trigger(availableNow=True).format("parquet").start(str(root / "out"))
    query.awaitTermination()
    return [each["numInputRows"] for each in query.recentProgress if each["numInputRows"]]


def ids(spark: SparkSession, root: Path) -> list[int]:
    return sorted(row.id for row in spark.read.parquet(str(root / "out")).collect())


def test_spark_reads_exactly_what_the_manifest_names(
    spark: SparkSession, tmp_path: Path, files: list[Path]
) -> None:
    manifest = Manifest(tmp_path / ".state")
    manifest.append([(str(each), 1) for each in files[:3]])
    frame = read(spark, manifest).select("*", "_metadata.file_path", "_metadata.file_size")
    assert run(frame, tmp_path) == [3]
    assert ids(spark, tmp_path) == [0, 1, 2]
    manifest.append([(str(files[3]), 1)])
    assert run(frame, tmp_path) == [1]
    assert run(frame, tmp_path) == []
    assert ids(spark, tmp_path) == [0, 1, 2, 3]
    sizes = spark.read.parquet(str(tmp_path / "out")).select("file_size").distinct().collect()
    assert [row.file_size for row in sizes] == [9]  # the real one, not the manifest's


def test_the_checkpoint_tells_what_is_committed(
    spark: SparkSession, tmp_path: Path, files: list[Path]
) -> None:
    manifest = Manifest(tmp_path / ".state")
    manifest.append([(str(each), 1) for each in files])
    run(read(spark, manifest, maxFilesPerTrigger="3"), tmp_path)
    checkpoint = tmp_path / "checkpoint"
    assert committed_files(checkpoint) == {each.key for each in manifest.entries()}
    last = max((checkpoint / "commits").glob("[0-9]*"))
    last.unlink()
    (checkpoint / "commits" / f".{last.name}.crc").unlink(missing_ok=True)
    assert committed_files(checkpoint) == {each.key for each in manifest.entries()[:3]}


def test_a_compacted_manifest_is_read_whole(spark: SparkSession, tmp_path: Path) -> None:
    assert spark.conf.get("spark.sql.streaming.fileSink.log.compactInterval") == str(
        COMPACT_INTERVAL
    )
    manifest = Manifest(tmp_path / ".state")
    wanted = 2 * COMPACT_INTERVAL + 2
    for number in range(wanted):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"id": number}))
        manifest.append([(str(path), 1)])
    assert not (manifest.log / "0").exists()
    assert run(read(spark, manifest), tmp_path) == [wanted]
    assert ids(spark, tmp_path) == list(range(wanted))


def test_old_entries_are_never_too_old(
    spark: SparkSession, tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest(tmp_path / ".state")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 400 * 86400)
    manifest.append([(str(files[0]), 1)])
    monkeypatch.undo()
    manifest.append([(str(files[1]), 1)])
    assert run(read(spark, manifest, maxFilesPerTrigger="1"), tmp_path) == [1, 1]


def test_files_of_one_entry_are_read_in_the_order_they_were_entered(
    spark: SparkSession, tmp_path: Path, files: list[Path]
) -> None:
    manifest = Manifest(tmp_path / ".state")
    manifest.append([(str(each), 1) for each in files])
    run(read(spark, manifest, maxFilesPerTrigger="1"), tmp_path)
    log = tmp_path / "checkpoint" / "sources" / "0"
    order = [json.loads(f.read_text().splitlines()[1])["path"] for f in sorted(log.glob("[0-9]"))]
    assert order == [each.as_uri() for each in files]


def test_limits_of_files_and_bytes(spark: SparkSession, tmp_path: Path, files: list[Path]) -> None:
    manifest = Manifest(tmp_path / ".state")
    manifest.append([(str(each), 10) for each in files])
    assert run(read(spark, manifest, maxBytesPerTrigger="20"), tmp_path) == [2, 2]


def test_a_vanished_file_is_not_noticed_by_spark(
    spark: SparkSession, tmp_path: Path, files: list[Path]
) -> None:
    """Why `open_stream` looks for the files itself."""
    manifest = Manifest(tmp_path / ".state")
    manifest.append([(str(each), 1) for each in files])
    files[0].unlink()
    assert run(read(spark, manifest), tmp_path) == [3]
