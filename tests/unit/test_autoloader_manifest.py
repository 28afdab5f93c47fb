"""State of a source: manifest, files left out, schema log, committed files."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql.types import LongType, StringType, StructField, StructType

from headwater.autoloader.commits import committed_files
from headwater.autoloader.manifest import (
    COMPACT_INTERVAL,
    Entry,
    Manifest,
    Skipped,
    SkippedFiles,
)
from headwater.autoloader.schema_log import SchemaLog, SourceSchema
from headwater.autoloader.source_files import new_files
from headwater.autoloader.storage import SourceFile
from headwater.files import write_atomic


def test_entries_come_back_in_order_over_many_appends(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    paths = [f"/in/f {n}+ü%.json" for n in range(3 * COMPACT_INTERVAL + 3)]
    for number, path in enumerate(paths):
        manifest.append([(path, number)])
        assert [each.path for each in manifest.entries()] == paths[: number + 1]
    orders = [each.order for each in manifest.entries()]
    assert orders == sorted(set(orders))


def test_old_files_of_the_log_are_deleted(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    for number in range(3 * COMPACT_INTERVAL):
        manifest.append([(f"/in/{number}", 1)])
    names = {each.name for each in manifest.log.iterdir()}
    assert names == {"19.compact", *map(str, range(20, 29)), "29.compact"}


def test_appending_nothing_writes_nothing(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append([])
    assert not manifest.started


def test_orders_of_two_sources_differ_even_at_one_moment(tmp_path: Path) -> None:
    first, second = Manifest(tmp_path / "0"), Manifest(tmp_path / "1")
    first.append([("/in/a", 1)])
    second.append([("/in/a", 1)])
    assert first.entries()[0].order % 10**6 != second.entries()[0].order % 10**6


def test_a_copy_tells_its_original() -> None:
    assert Entry("/state/headwater-staged/in/a b.json", 1, 1).origin == "/in/a b.json"
    assert Entry("/in/a.json", 1, 1).origin == "/in/a.json"


def test_skipped_files_are_kept_with_their_reason(tmp_path: Path) -> None:
    skipped = SkippedFiles(tmp_path)
    skipped.add([SourceFile("/in/a", 1, 2)], "EXISTING")
    skipped.add([SourceFile("/in/b", 0, 3)], "CORRUPT", ["it is empty"])
    assert [(each.file.path, each.state, each.reason) for each in skipped.read()] == [
        ("/in/a", "EXISTING", ""),
        ("/in/b", "CORRUPT", "it is empty"),
    ]


def test_a_version_is_kept_through_compaction(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    for number in range(COMPACT_INTERVAL + 1):
        manifest.append([("/in/a", 1)], {"/in/a": f"{number}-1"})
    assert [each.version for each in manifest.entries()] == [f"{n}-1" for n in range(11)]


V1, V2, V3 = (SourceFile("/in/a", size, size * 10**9) for size in (1, 2, 3))


def entered(file: SourceFile, version: str | None = None) -> Entry:
    discovered = file.modified_ns // 10**6 * 10**6
    return Entry(file.path, 1, discovered, file.version if version is None else version)


@pytest.mark.parametrize(
    ("listed", "entries", "left_out", "again", "wanted"),
    [
        ([V1], [], [], False, [V1]),
        ([V2], [entered(V1)], [], False, []),
        ([V2], [entered(V1)], [], True, [V2]),
        ([V2], [entered(V1), entered(V2)], [], True, []),
        ([V1], [entered(V1), entered(V2)], [], True, []),  # an earlier version is put back
        ([V3], [entered(V1), entered(V2)], [], True, [V3]),
        ([V2], [entered(V2, version="")], [], True, []),  # by an earlier Headwater
        ([V2], [entered(V1, version="")], [], True, [V2]),
        ([V1], [], [Skipped(V1, 1, "EXISTING")], True, []),
        ([V2], [], [Skipped(V1, 1, "EXISTING")], False, []),
        ([V2], [], [Skipped(V1, 1, "EXISTING")], True, [V2]),
        ([V1], [], [Skipped(V1, 1, "CORRUPT")], False, []),
        ([V2], [], [Skipped(V1, 1, "CORRUPT")], False, [V2]),
    ],
)
def test_new_files(
    listed: list[SourceFile],
    entries: list[Entry],
    left_out: list[Skipped],
    again: bool,
    wanted: list[SourceFile],
) -> None:
    assert new_files(listed, entries, left_out, again=again) == wanted


def test_schema_log_keeps_versions_and_skips_equal_ones(tmp_path: Path) -> None:
    log = SchemaLog(tmp_path)
    assert log.latest() is None
    first = SourceSchema(StructType([StructField("a", LongType())]), StructType([]))
    wider = SourceSchema(
        StructType([*first.data.fields, StructField("b", StringType())]), first.partitions
    )
    for schema in (first, first, wider):
        log.save(schema)
    assert log.latest() == wider
    assert sorted(each.name for each in log.folder.iterdir()) == ["0", "1"]


def test_threads_with_one_schema_log_or_file_do_not_meet(tmp_path: Path) -> None:
    def save(number: int) -> None:
        column = StructField(f"c{number}", LongType())
        SchemaLog(tmp_path).save(SourceSchema(StructType([column]), StructType([])))
        write_atomic(tmp_path / "one", "whole")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(save, range(40)))
    versions = [each.name for each in SchemaLog(tmp_path).folder.iterdir()]
    assert sorted(versions, key=int) == [str(number) for number in range(40)]
    assert (tmp_path / "one").read_text() == "whole"


def write(path: Path, *lines: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["v1", *map(json.dumps, lines)]))


def entry(name: str, order: int, batch: int) -> dict[str, object]:
    return {"path": f"file:///in/{name}", "timestamp": order, "batchId": batch}


def test_only_files_up_to_the_last_commit_count(tmp_path: Path) -> None:
    write(tmp_path / "commits" / "0", {})
    write(tmp_path / "offsets" / "0", {}, {"logOffset": 11}, {"kafka": {"0": 1}}, {"logOffset": 0})
    write(tmp_path / "offsets" / "1", {}, {"logOffset": 12}, {"kafka": {"0": 1}}, {"logOffset": 0})
    first = tmp_path / "sources" / "0"
    write(first / "9.compact", entry("a%20b", 1, 3), entry("b", 2, 9))
    write(first / "3", entry("a%20b", 1, 3))
    write(first / "11", entry("c", 3, 11))
    write(first / "12", entry("d", 4, 12))
    write(tmp_path / "sources" / "2" / "0", entry("c", 5, 0))
    assert committed_files(tmp_path) == {
        ("/in/a b", 1),
        ("/in/b", 2),
        ("/in/c", 3),
        ("/in/c", 5),
    }


def test_nothing_is_committed_before_the_first_batch(tmp_path: Path) -> None:
    write(tmp_path / "offsets" / "0", {}, {"logOffset": 0})
    assert committed_files(tmp_path) == set()
