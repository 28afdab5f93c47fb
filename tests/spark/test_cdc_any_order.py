"""Any order of arrival, any batching and any repetition of events give the reference's table.

Each configuration runs 40 random sets of events, each in four orders and batchings of its own.
All share one table: the number of the set and of the order is part of the key.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from cdc_reference import final_table
from cdc_support import Target
from pyspark.sql import SparkSession

from harness import frame_of
from headwater.graph.model import AutoCdc

SETS, ORDERS, BATCHES, KEYS = 40, 4, 3, 2
COLUMNS = ("a", "b")
SOURCE = "part int, key int, seq int, tie int, op string, a string, b int, cols array<string>"
HIDDEN = ("seq", "tie", "op", "cols")


@dataclass(frozen=True)
class Case:
    """A specification, and what the reference has to be told about it."""

    name: str
    change: AutoCdc
    operations: str = "UUUU"
    untracked: tuple[str, ...] = ()
    null_keeps: tuple[str, ...] = ()
    has_lists: bool = False
    has_struct: bool = False
    truncates: tuple[int, ...] = ()
    columns: tuple[str, ...] = COLUMNS


def change(**given: object) -> AutoCdc:
    defaults: dict[str, object] = {
        "keys": ("part", "key"),
        "sequence_by": "seq",
        "apply_as_deletes": "op = 'D'",
        "except_column_list": HIDDEN,
    }
    return AutoCdc(**(defaults | given))  # type: ignore[arg-type]


KEPT = {"except_column_list": ("tie", "op", "cols")}
CASES = [
    Case("scd1_lean", change(**KEPT, apply_as_deletes=None), columns=("seq", *COLUMNS)),
    Case("scd1_tombstones", change(**KEPT), "UUUD", columns=("seq", *COLUMNS)),
    Case("scd1_sequence_left_out", change(), "UUUD"),
    Case("scd1_truncates", change(apply_as_truncates="op = 'T'"), "UUUUUD", truncates=(3, 1)),
    Case("scd1_ignore_nulls", change(ignore_null_updates=True), "UUUD", null_keeps=COLUMNS),
    Case("scd1_columns_to_update", change(columns_to_update="cols"), "UUUD", has_lists=True),
    Case(
        "scd1_ignore_nulls_truncates",
        change(ignore_null_columns=("a",), apply_as_truncates="op = 'T'"),
        "UUUUUD",
        null_keeps=("a",),
        truncates=(2, 3),
    ),
    Case(
        "scd2_lean",
        change(**KEPT, scd_type=2, apply_as_deletes=None),
        columns=("seq", *COLUMNS),
    ),
    Case("scd2_equal_runs", change(scd_type=2), "UUUD"),
    Case(
        "scd2_untracked",
        change(scd_type=2, track_history_except=("b",)),
        "UUUUD",
        untracked=("b",),
    ),
    Case(
        "scd2_ignore_nulls",
        change(scd_type=2, ignore_null_except=("a",), track_history_columns=("a",)),
        "UUUUD",
        untracked=("b",),
        null_keeps=("b",),
    ),
    Case(
        "scd2_columns_to_update",
        change(scd_type=2, columns_to_update="cols"),
        "UUUUD",
        has_lists=True,
    ),
    Case("scd1_struct", change(sequence_by="struct(seq, tie)"), "UUUD", has_struct=True),
    Case("scd2_struct", change(sequence_by="struct(seq, tie)", scd_type=2), has_struct=True),
]


def random_events(chance: random.Random, case: Case) -> list[tuple]:
    """Make 3 to 14 events; only a delete may share key and sequence with another event."""
    values = {}
    events = []
    for _ in range(chance.randint(3, 14)):
        key, seq = chance.randrange(KEYS), (chance.randrange(8), 0)
        if case.has_struct:
            seq = (chance.randrange(3), chance.randrange(3))
        operation = chance.choice(case.operations)
        fresh = {"a": chance.choice(("x", "y", None)), "b": chance.choice((1, 2, None))}
        written = None
        if case.has_lists:
            written = tuple(sorted(chance.sample(COLUMNS, chance.randrange(3))))
        value, written = values.setdefault((key, seq), (fresh, written))
        events.append((key, seq, operation, value, written))
    return events


def rows_of(part: int, events: list[tuple], chance: random.Random) -> list[tuple]:
    """Return the events as source rows with a batch number, in one of many orders, some twice."""
    shuffled = events + chance.sample(events, chance.randrange(3))
    chance.shuffle(shuffled)
    rows = []
    for key, seq, op, values, written in shuffled:
        lists = None if written is None else [name.upper() for name in written]
        row = (part, key, *seq, op, values["a"], values["b"], lists)
        rows.append((chance.randrange(BATCHES), *row))
    return rows


def expected(part: int, events: list[tuple], case: Case) -> set[tuple]:
    known = [
        (key, seq if case.has_struct else seq[0], op, {"seq": seq[0], **values}, written)
        for key, seq, op, values, written in events
    ]
    table = final_table(
        known + [(None, seq, "T", {}, None) for seq in case.truncates],
        case.columns,
        scd_type=case.change.scd_type,
        untracked=case.untracked,
        null_keeps=case.null_keeps,
    )
    return {(part, *row) for row in table}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cdc_any_order_gives_the_reference(case: Case, spark: SparkSession, tmp_path: Path) -> None:
    chance = random.Random(case.name)  # noqa: S311 - repeatable, no secret
    rows, wanted = [], set()
    for number in range(SETS):
        events = random_events(chance, case)
        for order in range(ORDERS):
            part = number * ORDERS + order
            rows += rows_of(part, events, chance)
            wanted |= expected(part, events, case)
    for seq in case.truncates:
        rows.append((chance.randrange(BATCHES), None, None, seq, 0, "T", None, None, None))
    source = frame_of(spark, rows, f"batch int, {SOURCE}").cache()
    target = Target(spark, tmp_path, case.change).create(source.drop("batch"))
    for number in range(BATCHES):
        target.apply(source.filter(f"batch = {number}").drop("batch"))
    assert target.rows() == wanted
    before = target.version
    target.apply(source.filter(f"batch <= {chance.randrange(BATCHES)}").drop("batch"))
    assert target.rows() == wanted
    assert target.version == before
    source.unpersist()
