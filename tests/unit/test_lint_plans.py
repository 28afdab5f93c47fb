"""Lint of streams' state and of constant expectations, on what was learnt of them."""

import pytest

from headwater.errors import Location
from headwater.graph.model import Action, Expectation
from headwater.lint.expectations import check_constant_rules, may_be_constant
from headwater.lint.streams import StatefulOperator, check_state

HERE = Location("a.py", 3)


@pytest.mark.parametrize(
    ("operator", "codes"),
    [
        (StatefulOperator(False, False, False), ["DEDUPLICATION_WITHOUT_WATERMARK"]),
        (StatefulOperator(False, True, False), ["DEDUPLICATION_WITHOUT_WATERMARK"]),
        (StatefulOperator(False, True, True), []),
        (StatefulOperator(True, False, False), ["JOIN_WITHOUT_WATERMARK"]),
        (StatefulOperator(True, True, False), []),
        (StatefulOperator(True, False, True), []),
    ],
)
def test_state_without_end_is_found(operator: StatefulOperator, codes: list[str]) -> None:
    assert [each.code for each in check_state([operator], "t", HERE)] == codes


def test_same_operator_twice_is_one_finding() -> None:
    assert len(check_state([StatefulOperator(True, False, False)] * 2, "t", HERE)) == 1


@pytest.mark.parametrize(
    ("condition", "folded", "codes"),
    [
        ("1 = 1", "true", ["EXPECTATION_ALWAYS_TRUE"]),
        ("a = NULL", "false", ["EXPECTATION_NEVER_TRUE"]),
        ("a > 0", "coalesce(CAST((a > 0) AS BOOLEAN), false)", []),
        ("1/0 = 1", "", []),
        (
            "a IS NULL OR a IS NOT NULL",
            "CAST(((a IS NULL) OR (a IS NOT NULL)) AS BOOLEAN)",
            ["EXPECTATION_ALWAYS_TRUE"],
        ),
        (
            "a IS NOT NULL AND a IS NULL",
            "CAST(((a IS NOT NULL) AND (a IS NULL)) AS BOOLEAN)",
            ["EXPECTATION_NEVER_TRUE"],
        ),
        ("a IS NULL OR b IS NOT NULL", "CAST(((a IS NULL) OR (b IS NOT NULL)) AS BOOLEAN)", []),
        ("a IS NULL OR a IS NULL", "CAST(((a IS NULL) OR (a IS NULL)) AS BOOLEAN)", []),
    ],
)
def test_constant_rule_is_found(condition: str, folded: str, codes: list[str]) -> None:
    rule = Expectation("r", condition, Action.WARN)
    found = check_constant_rules([rule], {condition: folded}, "t", HERE)
    assert [each.code for each in found] == codes


@pytest.mark.parametrize(
    ("condition", "is_suspect"),
    [
        ("1 = 1", True),
        ("TRUE", True),
        ("id > 0 OR 'a' = 'a'", True),
        ("id = NULL", True),
        ("id IN (1, null)", True),
        ("id IS  NULL OR id IS NOT NULL", True),
        ("length('x') = 1", True),
        ("id IS NOT NULL", False),
        ("id IS NULL OR name LIKE 'a%'", False),
        ("id BETWEEN 0 AND 100", False),
        ("name IN ('a', 'b') AND id = 1", False),
        ("rand() < 2", False),
        ("current_date() > DATE'2020-01-01'", False),
    ],
)
def test_spark_is_asked_about_suspects_only(condition: str, is_suspect: bool) -> None:
    assert may_be_constant(condition, ["Id", "name"]) is is_suspect


def test_columns_may_have_names_of_functions() -> None:
    assert may_be_constant("version = NULL", ["version"])
    assert not may_be_constant("version() = NULL", ["version"])
