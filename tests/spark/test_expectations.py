"""Rules on rows: NULL logic, conservation, several rules on one row, faults before a run."""

import random

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Observation, SparkSession

from harness import frame_of
from headwater.errors import Location
from headwater.expectations.rules import (
    QualityCounts,
    check_rules,
    enforce,
    read_counts,
)
from headwater.graph.model import Action, Expectation

WHERE = Location("p.py", 1)


def applied(
    frame: DataFrame, *rules: Expectation
) -> tuple[list[tuple[object, ...]], QualityCounts]:
    """Return the rows that were kept and what was counted, from one pass."""
    watch = Observation("watch")
    kept = enforce(frame, rules, observation=watch, flow="f")  # type: ignore[arg-type]
    rows = [tuple(row) for row in kept.collect()]
    return rows, read_counts(watch.get, rules, "d")


def drop(condition: str, name: str = "r") -> Expectation:
    return Expectation(name, condition, Action.DROP)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("a > 0", [1]),
        ("NOT a > 0", [0, -1]),
        ("a <> 1", [0, -1]),
        ("a IN (1, NULL)", [1]),
        ("a NOT IN (1, NULL)", []),
        ("a BETWEEN 0 AND 5", [1, 0]),
        ("a IS NULL OR a > 0", [1, None]),
        ("NULL", []),
        ("a = a", [1, 0, -1]),
        ("a <=> NULL", [None]),
        ("CASE WHEN a > 0 THEN NULL ELSE true END", [0, -1, None]),
        ("true", [1, 0, -1, None]),
    ],
)
def test_a_row_passes_only_when_the_condition_is_true(
    spark: SparkSession, condition: str, kept: list[int | None]
) -> None:
    frame = frame_of(spark, [(1,), (0,), (-1,), (None,)], "a INT")
    rows, counts = applied(frame, drop(condition))
    assert [row[0] for row in rows] == kept
    assert (counts.rules[0].passed_records, counts.rules[0].failed_records) == (
        len(kept),
        4 - len(kept),
    )


def test_a_row_that_breaks_two_drop_rules_is_dropped_once(spark: SparkSession) -> None:
    frame = frame_of(spark, [(1, None), (5, 5)], "a INT, b INT")
    rows, counts = applied(frame, drop("a > 2", "r1"), drop("b > 2", "r2"))
    assert rows == [(5, 5)]
    assert counts.dropped_records == 1
    assert [rule.failed_records for rule in counts.rules] == [1, 1]


def test_warn_rules_count_rows_that_a_drop_rule_removes(spark: SparkSession) -> None:
    frame = frame_of(spark, [(1,), (2,)], "a INT")
    warn = Expectation("w", "a > 5", Action.WARN)
    rows, counts = applied(frame, warn, drop("a > 1"))
    assert len(rows) == 1
    assert counts.rules[0].failed_records == 2


def test_an_empty_input_counts_zero(spark: SparkSession) -> None:
    rows, counts = applied(frame_of(spark, [], "a INT"), drop("a > 1"))
    assert (rows, counts.input_rows, counts.dropped_records) == ([], 0, 0)


def test_conservation_on_random_rows_and_rules(spark: SparkSession) -> None:
    dice = random.Random(11)  # noqa: S311 - test data
    operators = ("a > {}", "b < {}", "a <> b + {}", "a IS NULL OR b > {}", "NOT (b = {})")
    for _ in range(12):
        data = [
            (dice.choice([None, *range(-3, 4)]), dice.choice([None, *range(-3, 4)]))
            for _ in range(dice.choice([0, 1, 200]))
        ]
        rules = [
            Expectation(
                f"r{n}",
                dice.choice(operators).format(dice.randint(-2, 2)),
                dice.choice([Action.WARN, Action.DROP]),
            )
            for n in range(dice.randint(1, 4))
        ]
        rows, counts = applied(frame_of(spark, data, "a INT, b INT"), *rules)
        assert counts.input_rows == len(data) == len(rows) + counts.dropped_records
        assert all(rule.passed_records + rule.failed_records == len(data) for rule in counts.rules)


def test_fail_rules_name_all_they_found_and_no_values(spark: SparkSession) -> None:
    rules = [
        Expectation("first", "a > 5", Action.FAIL),
        Expectation("second", "b IS NOT NULL", Action.FAIL),
        Expectation("held", "a > 0", Action.FAIL),
    ]
    frame = frame_of(spark, [(4711, "x"), (3, None)], "a INT, b STRING")
    with pytest.raises(PySparkException) as caught:
        enforce(frame, rules, observation="o", flow="f").collect()
    assert "Violated expectations: 'first, second'." in str(caught.value)
    assert "4711" not in str(caught.value)
    with pytest.raises(PySparkException) as shown:
        enforce(frame, rules, observation="o", flow="f", show_records=True).collect()
    assert '{"a":3}' in str(shown.value)


def test_fail_rules_report_no_counts(spark: SparkSession) -> None:
    frame = frame_of(spark, [(1,)], "a INT")
    rows, counts = applied(frame, Expectation("f", "a > 0", Action.FAIL))
    assert (rows, counts.rules, counts.input_rows) == ([(1,)], (), 1)


@pytest.mark.parametrize(
    "condition", ["ag > 1", "age >", "age + 1", "max(age) > 1", "nope(age)", "name"]
)
def test_rules_that_are_no_conditions_are_found_before_a_run(
    spark: SparkSession, condition: str
) -> None:
    frame = frame_of(spark, [], "age INT, name STRING")
    (fault,) = check_rules(frame, [drop(condition, "bad")], dataset="d", where=WHERE)
    assert (fault.code, fault.parameters["expectation"]) == ("EXPECTATION_INVALID", "bad")


def test_unknown_column_names_the_nearest(spark: SparkSession) -> None:
    frame = frame_of(spark, [], "age INT")
    (fault,) = check_rules(frame, [drop("agee > 1")], dataset="d", where=WHERE)
    assert "'age'" in fault.hint
