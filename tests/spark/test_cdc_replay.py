"""A kill between the commits of memory and target is mended by applying the batch again.

The moment is made from files: the batch is applied to a copy of all tables, and the copy's
memory is put beside the target that doesn't have the batch yet.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cdc_support import Target
from pyspark.sql import DataFrame, SparkSession

from harness import frame_of
from headwater.graph.model import AutoCdc

COLUMNS = "key int, seq int, op string, a string, b int"
BEFORE = [(1, 10, "U", "x", 1), (2, 10, "U", "x", 1), (3, 10, "U", "y", 1), (1, 20, "U", "y", 2)]
BATCH = [
    (1, 15, "U", "x", 3),
    (1, 25, "D", None, None),
    (2, 5, "D", None, None),
    (2, 12, "U", "x", None),
    (2, 14, "U", "y", 7),
    (4, 11, "U", "z", 1),
    (4, 12, "U", "z", 2),
    (5, 30, "D", None, None),
]
OTHER = [(1, 22, "U", "w", 4), (2, 13, "U", "x", 5), (4, 10, "U", "z", 9), (5, 29, "U", "v", 1)]


def change(**given: object) -> AutoCdc:
    defaults: dict[str, object] = {
        "keys": ("key",),
        "sequence_by": "seq",
        "apply_as_deletes": "op = 'D'",
        "except_column_list": ("seq", "op"),
    }
    return AutoCdc(**(defaults | given))  # type: ignore[arg-type]


CHANGES = {
    "scd1_tombstones": change(except_column_list=("op",)),
    "scd1_latest": change(),
    "scd1_truncates": change(apply_as_truncates="op = 'T'"),
    "scd2_hidden": change(scd_type=2, track_history_columns=("a",)),
    "scd2_events": change(scd_type=2, ignore_null_columns=("b",)),
}


def kinds(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", [CHANGES[name] for name in names], ids=names)


def frame(spark: SparkSession, rows: list[tuple]) -> DataFrame:
    return frame_of(spark, rows, COLUMNS)


@dataclass
class Beginnings:
    """Targets after their first batch, by what they do; each is made once, and copied."""

    spark: SparkSession
    folder: Path
    made: dict[str, Target] = field(default_factory=dict)

    def of(self, spec: AutoCdc, folder: Path) -> Target:
        """Return the target in a folder of its own."""
        name = repr(spec)
        if name not in self.made:
            target = Target(self.spark, self.folder / str(len(self.made)), spec)
            self.made[name] = target.create(frame(self.spark, BEFORE))
            target.apply(frame(self.spark, BEFORE), 0)
        return copied(self.made[name], folder)


@pytest.fixture(scope="module")
def started(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Beginnings:
    return Beginnings(spark, tmp_path_factory.mktemp("started"))


def copied(target: Target, folder: Path) -> Target:
    """Return a target's tables at another place, as they are now."""
    shutil.copytree(target.folder, folder)
    return replace(target, folder=folder)


def killed_before_target(target: Target, batch: DataFrame, batch_id: int) -> set:
    """Leave what a kill after the memory's commit leaves; return what the batch should lead to."""
    copy = copied(target, target.folder.with_name("copy"))
    copy.apply(batch, batch_id)
    shutil.copytree(copy.state_path, target.state_path, dirs_exist_ok=True)
    return copy.rows()


@kinds("scd1_tombstones", "scd1_truncates", "scd2_hidden", "scd2_events")
def test_cdc_kill_between_memory_and_target_is_mended(
    spark: SparkSession, started: Beginnings, tmp_path: Path, spec: AutoCdc
) -> None:
    rows = [*BATCH, (None, 11, "T", None, None)] if spec.apply_as_truncates else BATCH
    target = started.of(spec, tmp_path / "killed")
    before, known = target.rows(), target.state_version
    wanted = killed_before_target(target, frame(spark, rows), 1)
    assert target.rows() == before != wanted
    assert target.state_version == known + 1
    target.apply(frame(spark, rows), 1)
    assert target.rows() == wanted
    version, known = target.version, target.state_version
    counts = target.apply(frame(spark, rows), 1)
    assert (counts.upserted, counts.deleted) == (0, 0)
    assert (target.version, target.state_version) == (version, known)


@kinds("scd1_latest", "scd2_hidden")
def test_cdc_other_flow_between_kill_and_replay_does_no_harm(
    spark: SparkSession, started: Beginnings, tmp_path: Path, spec: AutoCdc
) -> None:
    calm = started.of(spec, tmp_path / "calm")
    calm.apply(frame(spark, BATCH + OTHER), 1)
    target = started.of(spec, tmp_path / "killed")
    killed_before_target(target, frame(spark, BATCH), 1)
    target.apply(frame(spark, OTHER), 7)
    target.apply(frame(spark, BATCH), 1)
    assert target.rows() == calm.rows()


def test_cdc_kill_in_the_first_batch_is_mended(spark: SparkSession, tmp_path: Path) -> None:
    spec = CHANGES["scd2_hidden"]
    target = Target(spark, tmp_path / "killed", spec).create(frame(spark, BATCH))
    wanted = killed_before_target(target, frame(spark, BATCH), 0)
    assert target.rows() == set()
    target.apply(frame(spark, BATCH), 0)
    assert target.rows() == wanted


def test_cdc_first_batch_without_memory_again_changes_nothing(
    spark: SparkSession, started: Beginnings, tmp_path: Path
) -> None:
    spec = change(scd_type=2, apply_as_deletes=None, except_column_list=("op",))
    target = started.of(spec, tmp_path / "again")
    version = target.version
    target.apply(frame(spark, BEFORE), 0)
    assert target.version == version
    assert not Path(target.state_path).exists()


def test_cdc_compacted_memory_means_the_same(
    spark: SparkSession, started: Beginnings, tmp_path: Path
) -> None:
    spec = CHANGES["scd2_hidden"]
    calm = started.of(spec, tmp_path / "calm")
    calm.apply(frame(spark, BATCH + OTHER), 1)
    target = started.of(spec, tmp_path / "compacted")
    known = target.state_version
    target.apply(frame(spark, BATCH), 63)
    assert target.state_version == known + 2
    target.apply(frame(spark, OTHER), 64)
    assert target.rows() == calm.rows()
