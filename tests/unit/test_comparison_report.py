"""How a comparison is written: values only when they are asked for, and nothing breaks a cell."""

from __future__ import annotations

import json

from headwater.analysis.changes import ColumnChange
from headwater.comparison.report import (
    Comparison,
    TableDifference,
    as_dict,
    as_markdown,
    moved_rules,
)
from headwater.comparison.tables import RowChange, RowDifference
from headwater.events.report import RuleTotals

SECRET = b"of this report"

ROWS = RowDifference(
    (1000, 1002),
    only_base=1,
    only_head=3,
    changed=2,
    columns={"name": 2},
    keys=("id",),
    examples=(
        RowChange("changed", {"id": 7}, {"name": ("ann | `x`", "ben")}),
        RowChange("only now", {"id": 8}),
    ),
)
FOUND = Comparison(
    "flow",
    "main (abc)",
    (
        TableDifference("c.s.a", "both", (ColumnChange("age", "int", "bigint"),), ROWS),
        TableDifference("c.s.same", "both", (), RowDifference((5, 5), 0, 0)),
        TableDifference("c.s.new", "head"),
    ),
    moved_rules(
        {("c.s.a", "adult"): RuleTotals("adult", "c.s.a", 990, 10)},
        {("c.s.a", "adult"): RuleTotals("adult", "c.s.a", 900, 102)},
    ),
)


def test_markdown_tells_counts_columns_and_rules_of_what_differs() -> None:
    lines = as_markdown(FOUND, SECRET, shows_values=False).splitlines()
    row = "| c.s.a | 1,000 -> 1,002 | 1 | 3 | 2 | ~ age int -> bigint; name: 2 |"
    assert row in lines
    assert "| c.s.new | only now |  |  |  |  |" in lines
    assert "1 of 3 tables are the same." in lines
    assert "| adult | c.s.a | 10 -> 102 | 990 -> 900 |" in lines


def test_values_are_hashed_with_the_secret_of_the_report_unless_asked_for() -> None:
    told = as_markdown(FOUND, SECRET, shows_values=False)
    assert "ann" not in told
    assert "- changed: key" in told
    assert told != as_markdown(FOUND, b"of another", shows_values=False)
    hidden = json.dumps(as_dict(FOUND, SECRET, shows_values=False))
    assert "ann" not in hidden
    assert '"key": {' not in hidden
    shown = as_dict(FOUND, SECRET, shows_values=True)["tables"][0]["examples"][0]
    assert (shown["key"], shown["columns"]) == ({"id": 7}, {"name": ["ann | `x`", "ben"]})


def test_values_do_not_break_out_of_their_cell() -> None:
    told = as_markdown(FOUND, SECRET, shows_values=True)
    assert "- changed: id=7: name: ann \\| 'x' -> ben" in told.splitlines()


def test_nothing_different_is_one_sentence() -> None:
    same = Comparison(
        "flow", "main", (TableDifference("a", "both", (), RowDifference((1, 1), 0, 0)),), ()
    )
    assert same.is_none
    assert "No difference in 1 table." in as_markdown(same, SECRET, shows_values=False)


def test_failed_update_is_a_difference() -> None:
    failed = Comparison("flow", "main", (), (), error="[X] it | failed")
    assert not failed.is_none
    assert "**The update failed:** [X] it \\| failed" in as_markdown(
        failed, SECRET, shows_values=False
    )
