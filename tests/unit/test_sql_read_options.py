"""Options of `t WITH (...)` get the value that Spark asks for, and nothing else changes."""

import pytest

from headwater.sql.read_options import complete_options


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            "STREAM(c.s.t) WITH (SKIPCHANGECOMMITS) b",
            "STREAM(c.s.t) WITH (SKIPCHANGECOMMITS = true) b",
        ),
        ("STREAM t with(a, 'b' , c.d)", "STREAM t with(a = true, 'b' = true , c.d = true)"),
        ("t WITH /* ( */ (a -- all\n, b = 1)", "t WITH /* ( */ (a = true -- all\n, b = 1)"),
        ("t WITH (a) JOIN u WITH (b)", "t WITH (a = true) JOIN u WITH (b = true)"),
    ],
)
def test_options_that_stand_alone_are_true(written: str, expected: str) -> None:
    assert complete_options(written) == expected
    assert complete_options(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "WITH a AS (SELECT 1), b (c) AS (SELECT 2) SELECT * FROM a",
        "WITH RECURSIVE n(i) AS (SELECT 1) SELECT i FROM n",
        "SELECT 'WITH (a)' FROM t -- WITH (a)",
        "SELECT * FROM t WITH (a true, b = f(c, d), e 2)",
        "SELECT * FROM t WITH (",
        "SELECT * FROM t WITH ()",
    ],
)
def test_all_else_is_left_alone(text: str) -> None:
    assert complete_options(text) == text
