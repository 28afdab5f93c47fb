"""The worked examples of Databricks' documentation, event for event."""

from __future__ import annotations

from pathlib import Path

import pytest
from cdc_support import target_of
from pyspark.sql import DataFrame, SparkSession

from harness import frame_of
from headwater.graph.model import AutoCdc

COLUMNS = "userId int, name string, city string, operation string, sequenceNum int"
EVENTS = [
    (124, "Raul", "Oaxaca", "INSERT", 1),
    (123, "Isabel", "Monterrey", "INSERT", 1),
    (125, "Mercedes", "Tijuana", "INSERT", 2),
    (126, "Lily", "Cancun", "INSERT", 2),
    (123, None, None, "DELETE", 6),
    (125, "Mercedes", "Guadalajara", "UPDATE", 6),
    (125, "Mercedes", "Mexicali", "UPDATE", 5),
    (123, "Isabel", "Chihuahua", "UPDATE", 5),
]
TRUNCATE = (None, None, None, "TRUNCATE", 3)


def change(**given: object) -> AutoCdc:
    return AutoCdc(
        keys=("userId",),
        sequence_by="sequenceNum",
        apply_as_deletes="operation = 'DELETE'",
        except_column_list=("operation", "sequenceNum"),
        **given,  # type: ignore[arg-type]
    )


def batches(spark: SparkSession, events: list[tuple], size: int) -> list[DataFrame]:
    """Cut the events into batches of a size, in the order given."""
    return [frame_of(spark, events[at : at + size], COLUMNS) for at in range(0, len(events), size)]


@pytest.mark.parametrize("size", [3, 9])
def test_scd1_keeps_the_latest_row(spark: SparkSession, tmp_path: Path, size: int) -> None:
    target = target_of(spark, tmp_path, change(), batches(spark, EVENTS, size))
    assert target.rows() == {
        (124, "Raul", "Oaxaca"),
        (125, "Mercedes", "Guadalajara"),
        (126, "Lily", "Cancun"),
    }


@pytest.mark.parametrize("size", [3, 9])
def test_scd1_truncate_empties_up_to_its_sequence(
    spark: SparkSession, tmp_path: Path, size: int
) -> None:
    truncating = change(apply_as_truncates="operation = 'TRUNCATE'")
    events = [*EVENTS[:5], TRUNCATE, *EVENTS[5:]]
    target = target_of(spark, tmp_path, truncating, batches(spark, events, size))
    assert target.rows() == {(125, "Mercedes", "Guadalajara")}


@pytest.mark.parametrize("size", [3, 9])
def test_scd2_keeps_the_history(spark: SparkSession, tmp_path: Path, size: int) -> None:
    target = target_of(spark, tmp_path, change(scd_type=2), batches(spark, EVENTS, size))
    assert target.rows() == {
        (123, "Isabel", "Monterrey", 1, 5),
        (123, "Isabel", "Chihuahua", 5, 6),
        (124, "Raul", "Oaxaca", 1, None),
        (125, "Mercedes", "Tijuana", 2, 5),
        (125, "Mercedes", "Mexicali", 5, 6),
        (125, "Mercedes", "Guadalajara", 6, None),
        (126, "Lily", "Cancun", 2, None),
    }


@pytest.mark.parametrize("size", [3, 9])
def test_scd2_untracked_column_shows_the_latest_value(
    spark: SparkSession, tmp_path: Path, size: int
) -> None:
    tracking = change(scd_type=2, track_history_except=("city",))
    target = target_of(spark, tmp_path, tracking, batches(spark, EVENTS, size))
    assert target.rows() == {
        (123, "Isabel", "Chihuahua", 1, 6),
        (124, "Raul", "Oaxaca", 1, None),
        (125, "Mercedes", "Guadalajara", 2, None),
        (126, "Lily", "Cancun", 2, None),
    }


def test_scd2_delete_before_any_insert_leaves_no_row(spark: SparkSession, tmp_path: Path) -> None:
    events = [
        (1, None, None, "DELETE", 15),
        (1, "Ann", "Portland", "INSERT", 10),
        (2, None, None, "DELETE", 5),
    ]
    target = target_of(spark, tmp_path, change(scd_type=2), batches(spark, events, 1))
    assert target.rows() == {(1, "Ann", "Portland", 10, 15)}


def test_scd2_late_update_before_a_delete_is_put_in_its_place(
    spark: SparkSession, tmp_path: Path
) -> None:
    events = [
        (1, "Ann", "Seattle", "INSERT", 10),
        (1, None, None, "DELETE", 20),
        (1, "Ann", "Tacoma", "UPDATE", 15),
    ]
    target = target_of(spark, tmp_path, change(scd_type=2), batches(spark, events, 2))
    assert target.rows() == {
        (1, "Ann", "Seattle", 10, 15),
        (1, "Ann", "Tacoma", 15, 20),
    }
