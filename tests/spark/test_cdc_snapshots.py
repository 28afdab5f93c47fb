"""Snapshots of a whole table: random sequences give the tables of a model in plain Python."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cdc_reference import after_snapshot
from delta.tables import DeltaTable
from deltalake import DeltaTable as DeltaLog
from pyspark.sql import DataFrame, SparkSession

from headwater.cdc import ChangeCounts, SnapshotTarget, apply_snapshot, snapshot_schema
from headwater.errors import UpdateError
from headwater.graph.model import SnapshotCdc

SETS, KEYS, SNAPSHOTS = 120, 3, 4
COLUMNS = "part int, key int, a string, b int"


@dataclass
class Snapshots:
    """A target in a folder of its own, to which snapshots are applied."""

    spark: SparkSession
    folder: Path
    spec: SnapshotCdc

    @property
    def path(self) -> str:
        return str(self.folder / "target")

    def apply(self, snapshot: DataFrame, version: Any, **settings: str) -> ChangeCounts:
        if not (self.folder / "target").exists():
            columns = snapshot_schema(snapshot, self.spec)
            builder = DeltaTable.create(self.spark).location(self.path)
            builder.addColumns(columns).execute()
        named = {f"spark.databricks.delta.write.{key}": each for key, each in settings.items()}
        return apply_snapshot(snapshot, version, SnapshotTarget(self.path, "t", self.spec, named))

    def apply_rows(self, version: Any, *rows: tuple[Any, ...], of: str = COLUMNS) -> ChangeCounts:
        return self.apply(self.spark.createDataFrame(list(rows), of), version)

    def rows(self) -> list[tuple[Any, ...]]:
        rows = [tuple(row) for row in self.spark.read.format("delta").load(self.path).collect()]
        assert len(rows) == len(set(rows))
        return sorted(rows, key=repr)

    @property
    def commits(self) -> int:
        return len(list(Path(self.path, "_delta_log").glob("*.json")))


def spec(scd_type: int, **given: Any) -> SnapshotCdc:
    return SnapshotCdc(("part", "key"), scd_type, **given)


CASES = {
    "scd1": (spec(1), ()),
    "scd2": (spec(2), ()),
    "scd2_tracked": (spec(2, track_history_columns=("a",)), ("b",)),
    "scd2_nothing_tracked": (spec(2, track_history_columns=()), ("a", "b")),
}


def random_snapshot(chance: random.Random) -> dict[int, tuple[Any, ...]]:
    """Make up to KEYS rows of few values, so that some come back and some stay."""
    if chance.random() < 0.1:
        return {}
    keys = [key for key in range(KEYS) if chance.random() < 0.7]
    return {key: (chance.choice(["x", "y", None]), chance.choice([1, 2, None])) for key in keys}


@pytest.mark.parametrize("name", CASES)
def test_snapshots_of_any_kind_give_the_reference(
    name: str, spark: SparkSession, tmp_path: Path
) -> None:
    snapshots, untracked = CASES[name]
    chance = random.Random(name)  # noqa: S311 - repeatable, no secret
    target = Snapshots(spark, tmp_path, snapshots)
    tables: list[set[tuple[Any, ...]]] = [set() for _ in range(SETS)]
    for version in range(SNAPSHOTS):
        rows = []
        for part in range(SETS):
            snapshot = random_snapshot(chance)
            rows += [(part, key, *values) for key, values in snapshot.items()]
            tables[part] = after_snapshot(
                tables[part], snapshot, 10 * version, ("a", "b"), snapshots.scd_type, untracked
            )
        wanted = sorted(((part, *row) for part in range(SETS) for row in tables[part]), key=repr)
        target.apply_rows(10 * version, *rows)
        assert target.rows() == wanted
    before = target.commits
    assert target.apply_rows(999, *reversed(rows)) == ChangeCounts(0, 0)
    assert (target.rows(), target.commits) == (wanted, before)


def test_each_snapshot_is_one_commit_and_counted(spark: SparkSession, tmp_path: Path) -> None:
    target = Snapshots(spark, tmp_path, spec(2))
    assert target.apply_rows(0, (0, 1, "x", 1), (0, 2, "x", 1), (0, 3, "x", 1)) == ChangeCounts(
        3, 0
    )
    assert target.commits == 2
    assert target.apply_rows(1, (0, 1, "x", 1), (0, 2, "y", 1), (0, 4, "x", 1)) == ChangeCounts(
        4, 0
    )
    assert target.commits == 3
    lean = Snapshots(spark, tmp_path / "lean", spec(1))
    lean.apply_rows(0, (0, 1, "x", 1), (0, 2, "x", 1))
    assert lean.apply_rows(1, (0, 2, "y", 1)) == ChangeCounts(1, 1)


def test_snapshot_is_committed_once_under_its_number(spark: SparkSession, tmp_path: Path) -> None:
    target = Snapshots(spark, tmp_path, spec(2))
    for number, value in enumerate("xyz"):
        snapshot = spark.createDataFrame([(0, 1, value, 1)], COLUMNS)
        target.apply(snapshot, number, txnAppId="flow", txnVersion=str(number))  # append, merge
    assert DeltaLog(target.path).transaction_version("flow") == 2
    before = target.rows(), target.commits
    late = spark.createDataFrame([(0, 1, "late", 1)], COLUMNS)
    target.apply(late, 9, txnAppId="flow", txnVersion="2")
    assert (target.rows(), target.commits) == before
    assert spark.conf.get("spark.databricks.delta.write.txnAppId", None) is None


def test_faulty_keys_are_counted_and_nothing_is_written(
    spark: SparkSession, tmp_path: Path
) -> None:
    target = Snapshots(spark, tmp_path, spec(2))
    target.apply_rows(0, (0, 1, "x", 1))
    before = target.rows(), target.commits
    with pytest.raises(UpdateError) as nulls:
        target.apply_rows(1, (0, None, "x", 1), (0, None, "y", 1), (0, 2, "z", 1))
    with pytest.raises(UpdateError) as repeated:
        target.apply_rows(1, *3 * [(0, 1, "secret", 1)], (0, 2, "z", 1))
    assert (nulls.value.code, nulls.value.parameters["count"]) == ("SNAPSHOT_NULL_KEY", 2)
    assert repeated.value.code == "SNAPSHOT_DUPLICATE_KEY"
    assert repeated.value.parameters["count"] == 1
    assert "secret" not in str(repeated.value)
    assert (target.rows(), target.commits) == before


def test_new_columns_widen_the_target_and_missing_ones_become_null(
    spark: SparkSession, tmp_path: Path
) -> None:
    target = Snapshots(spark, tmp_path, spec(1))
    target.apply_rows(0, (0, 1, "x", 1))
    target.apply_rows(1, (0, 1, "x", 2.5), of="part int, key int, a string, c double")
    assert target.rows() == [(0, 1, "x", None, 2.5)]


def test_values_without_an_order_are_compared(spark: SparkSession, tmp_path: Path) -> None:
    columns = "part int, key int, tags map<string, int>, at struct<x: int, y: array<int>>"
    target = Snapshots(spark, tmp_path, spec(2))
    target.apply_rows(0, (0, 1, {"m": 1}, (1, [1, 2])), (0, 2, None, None), of=columns)
    again = target.apply_rows(1, (0, 1, {"m": 1}, (1, [1, 2])), (0, 2, None, None), of=columns)
    assert again == ChangeCounts(0, 0)
    assert target.apply_rows(
        2, (0, 1, {"m": 2}, (1, [1, 2])), (0, 2, None, None), of=columns
    ) == ChangeCounts(2, 0)
