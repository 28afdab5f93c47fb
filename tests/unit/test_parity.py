"""The parity matrix is whole: each name has a row, each row a test, and the page is its text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parity import PAGE, STATUSES, known, page, rows

ROOT = Path(__file__).parents[2]
PARITY = (ROOT / "docs" / "parity.md").read_text()


@pytest.mark.parametrize("area", sorted({area for area, _ in known()}))
def test_everything_known_has_a_row(area: str) -> None:
    told = {row.name.lower() for row in rows() if row.area == area}
    assert {name for of, name in known() if of == area and name.lower() not in told} == set()


def test_rows_are_told_once_and_say_what_is_known() -> None:
    told = [(row.area, row.name) for row in rows()]
    assert len(told) == len(set(told))
    assert {row.status for row in rows()} <= set(STATUSES)


def test_page_is_the_text_of_the_table() -> None:
    assert PAGE.read_text() == page(), "run `make parity`"


def test_every_test_that_a_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:unit|spark|contract|e2e)/test_[\w*]+)`", PARITY + page()))
    assert len(named) > 30
    assert [each for each in named if not list((ROOT / "tests").glob(f"{each}.py"))] == []


@pytest.mark.parametrize("area", ["Functions", "Arguments"])
def test_test_of_a_row_uses_what_the_row_is_about(area: str) -> None:
    unused = []
    for row in rows():
        files = (ROOT / "tests").glob(f"{row.test}.py")
        if row.area == area and not any(row.name in file.read_text() for file in files):
            unused.append((row.name, row.test))
    assert unused == []


def test_every_difference_names_its_decision() -> None:
    different = [row for row in rows() if row.status == "differs"]
    assert [row.name for row in different if "decision" not in row.note] == []
