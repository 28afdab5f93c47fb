"""Bitemporal targets: what was believed when, for any order of arrival."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cdc_reference import bitemporal_table
from cdc_support import Target, target_of
from pyspark.sql import DataFrame, SparkSession

from headwater.errors import UpdateError
from headwater.graph.model import AutoCdc

SETS, KEYS, BATCHES = 60, 2, 3
COLUMNS = "part int, key int, valid int, known int, op string, a string"
CHANGE = AutoCdc(
    keys=("part", "key"),
    sequence_by="valid",
    system_sequence_by="known",
    scd_type=2,
    apply_as_deletes="op = 'D'",
    except_column_list=("valid", "known", "op"),
)


def frame(spark: SparkSession, *events: tuple) -> DataFrame:
    return spark.createDataFrame([(0, *each) for each in events], COLUMNS)


def test_correction_closes_the_old_belief_and_opens_new_ones(
    spark: SparkSession, tmp_path: Path
) -> None:
    events = [(1, 60, 60, "U", "PENDING"), (1, 120, 180, "U", "ACTIVE")]
    late = [(1, 240, 300, "U", "SUSPENDED"), (1, 120, 400, "U", "PAUSED"), (1, 240, 500, "D", None)]
    target = target_of(spark, tmp_path, CHANGE, [frame(spark, *events), frame(spark, *late)])
    assert {row[2:] for row in target.rows()} == {
        ("PENDING", 60, None, 60, 180),
        ("PENDING", 60, 120, 180, None),
        ("ACTIVE", 120, None, 180, 300),
        ("ACTIVE", 120, 240, 300, 400),
        ("SUSPENDED", 240, None, 300, 500),
        ("PAUSED", 120, 240, 400, None),
    }
    before = target.version, target.state_version
    target.apply(frame(spark, *late, *events))
    assert target.version == before[0]


def test_event_without_a_system_time_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    target = Target(spark, tmp_path, CHANGE).create(frame(spark, (1, 1, 1, "U", "x")))
    with pytest.raises(UpdateError) as caught:
        target.apply(frame(spark, (1, 1, None, "U", "x"), (1, 2, 2, "U", "x")))
    assert (caught.value.code, target.rows()) == ("AUTOCDC_NULL_SEQUENCE", set())


def test_bitemporal_in_any_order_gives_the_reference(spark: SparkSession, tmp_path: Path) -> None:
    chance = random.Random("bitemporal")  # noqa: S311 - repeatable, no secret
    rows, wanted = [], set()
    for number in range(SETS):
        places = [(k, v, s) for k in range(KEYS) for v in range(4) for s in range(4)]
        events = [
            (*place[:2], chance.choice("UUUD"), {"a": chance.choice(["x", "y", None])}, place[2])
            for place in chance.sample(places, chance.randint(1, 10))
        ]
        table = bitemporal_table(events, ("a",))
        for part in (2 * number, 2 * number + 1):
            wanted |= {(part, *row) for row in table}
            for key, seq, op, values, known in events:
                for _ in range(chance.choice([1, 1, 2])):
                    batch = chance.randrange(BATCHES)
                    rows.append((batch, part, key, seq, known, op, values["a"]))
    source = spark.createDataFrame(rows, f"batch int, {COLUMNS}").cache()
    target = Target(spark, tmp_path, CHANGE).create(source.drop("batch"))
    for number in range(BATCHES):
        target.apply(source.filter(f"batch = {number}").drop("batch"))
    assert target.rows() == wanted
    source.unpersist()
