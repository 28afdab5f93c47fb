"""`headwater ops tune`: advice from Delta's log, and no values of rows in it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable, write_deltalake

from headwater.cli.main import cli
from headwater.operations.tables import (
    ColumnRange,
    DataFile,
    TableFacts,
    column_ranges,
    facts_of,
    opened_share,
    tables_on_disk,
)
from headwater.operations.tuning import MEGABYTE, advice_of, joining_of
from unit.operations_support import make_table, shop

BIG = 200 * MEGABYTE


def facts(*files: DataFile, **given: object) -> TableFacts:
    return TableFacts("main.s.t", "STREAMING_TABLE", 1, files, **given)  # type: ignore[arg-type]


def files(*sizes: int, rows: int | None = 1, partition: int = 0) -> list[DataFile]:
    return [DataFile(f"f{number}", size, rows, partition) for number, size in enumerate(sizes)]


def codes(found: TableFacts) -> list[str]:
    return [each.code for each in advice_of(found)]


def test_small_files_are_counted_and_so_is_what_they_would_become() -> None:
    (found,) = advice_of(facts(*files(*[MEGABYTE] * 40, BIG)))
    assert found.code == "SMALL_FILES"
    assert found.reason == (
        "40 of 41 files are below 32.0 MB, 40.0 MB in all: joined they would be 1"
    )
    assert found.action == "headwater ops maintain main.s.t --apply"


def test_few_small_files_and_those_of_several_partitions_are_left() -> None:
    assert codes(facts(*files(*[MEGABYTE] * 5))) == []
    apart = [file for part in range(9) for file in files(MEGABYTE, partition=part)]
    assert joining_of(apart).small_files == 0
    two = [file for part in range(2) for file in files(*[MEGABYTE] * 3, partition=part)]
    assert joining_of(two).after == 2


def test_small_files_of_a_view_are_not_to_be_joined() -> None:
    view = TableFacts("main.s.v", "MATERIALIZED_VIEW", 1, files(*[1] * 9))
    assert "maintain" not in advice_of(view)[0].action


def test_skew_of_files_and_partitions_has_numbers() -> None:
    (large,) = advice_of(facts(*files(BIG, BIG, BIG, 12 * BIG)))
    assert (large.code, "12 times the median" in large.reason) == ("FILE_SKEW", True)
    parts = [each for part in range(9) for each in files(BIG, partition=part)]
    skewed = facts(*parts, *files(*[BIG] * 30, partition=0), partition_columns=("day",))
    (one,) = advice_of(skewed)
    assert (one.code, "31 times the median" in one.reason) == ("PARTITION_SKEW", True)
    assert "79%" in one.reason


def test_partitions_that_are_smaller_than_a_file_are_told() -> None:
    parts = [each for part in range(9) for each in files(MEGABYTE, partition=part)]
    assert codes(facts(*parts, partition_columns=("day",))) == ["PARTITIONS_SMALL"]


def test_deletion_vectors_and_missing_statistics_are_told() -> None:
    found = facts(*files(BIG, BIG, rows=None), vector_files=1)
    assert codes(found) == ["DELETION_VECTORS", "STATISTICS_MISSING"]


def test_candidates_are_keys_first_then_times_and_at_most_three() -> None:
    ranges = [
        ColumnRange("name", 1.0, "string"),
        ColumnRange("sorted", 0.1, "int64"),
        ColumnRange("at", 0.9, "timestamp[us, tz=UTC]"),
        ColumnRange("ID", 0.6, "string"),
        ColumnRange("other", 0.7, "string"),
    ]
    found = advice_of(facts(*files(*[BIG] * 10), ranges=ranges, keys=("id",)))
    assert [each.reason.split(" opens")[0].split()[-1] for each in found] == ["ID", "at", "name"]
    assert "60% of 10 files, about 10% if they were sorted by it; it is a key" in found[0].reason


def test_no_column_is_suggested_for_a_table_of_a_few_files() -> None:
    assert codes(facts(*files(BIG, BIG), ranges=[ColumnRange("a", 1.0)])) == []


@pytest.mark.parametrize(
    ("lowest", "highest", "share"),
    [
        ([1, 11, 21, 31], [10, 20, 30, 40], 0.25),
        ([1, 1, 1, 1], [9, 9, 9, 9], 1.0),
        ([1, 1, 5, 5], [4, 4, 9, 9], 0.5),
        (["a", "c"], ["b", "d"], 0.5),
    ],
)
def test_share_of_files_that_a_search_opens(
    lowest: list[object], highest: list[object], share: float
) -> None:
    assert opened_share(lowest, highest) == share


def test_columns_that_tell_nothing_have_no_range(tmp_path: Path) -> None:
    for number in range(3):
        rows = {"id": [number], "same": [1], "flag": [number == 1], "gone": [None if number else 1]}
        write_deltalake(tmp_path, pa.table(rows), mode="append")
    added = pa.table(DeltaTable(tmp_path).get_add_actions(flatten=True))
    assert [(each.column, each.opened_share) for each in column_ranges(added)] == [("id", 1 / 3)]


def test_facts_of_a_table_know_its_partitions_keys_and_rows(tmp_path: Path) -> None:
    target = shop(tmp_path)
    rows = {"id": ["x", "y"], "day": ["monday", "tuesday"]}
    change = {"keys": "id, day"}
    make_table(target, "main.silver.t", rows, rows, change=change, partition_by=["day"])
    (table,) = tables_on_disk(target, ["silver.t"])
    found = facts_of(table)
    assert (found.rows, found.keys, found.partition_columns) == (4, ("id", "day"), ("day",))
    assert sorted(each.partition for each in found.files) == [0, 0, 1, 1]


def test_tune_prints_advice_and_no_values_of_rows(tmp_path: Path) -> None:
    target = shop(tmp_path)
    rows = [{"name": [f"Ada {number}", "Zoe Secret"]} for number in range(8)]
    make_table(target, "main.silver.people", *rows)
    arguments = ["ops", "tune", "--bundle", str(tmp_path)]
    told = CliRunner().invoke(cli, [*arguments, "--json", "--dry-run"]).stdout
    assert [each["code"] for each in json.loads(told)] == ["SMALL_FILES"]
    text = CliRunner().invoke(cli, arguments).stdout
    assert "do: headwater ops maintain main.silver.people --apply" in text
    assert "Ada" not in told + text
    assert "Secret" not in told + text


def test_tune_goes_on_after_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    target = shop(tmp_path)
    rows = [{"id": [1]} for _ in range(8)]
    make_table(target, "main.silver.fine", *rows)
    broken = make_table(target, "main.silver.broken", {"id": [1]})
    (broken / "_delta_log" / f"{0:020}.json").write_text("{")
    result = CliRunner().invoke(cli, ["ops", "tune", "--bundle", str(tmp_path), "--json"])
    assert [each["table"] for each in json.loads(result.stdout)] == ["main.silver.fine"]
    assert "TABLE_UNREADABLE" in result.stderr
