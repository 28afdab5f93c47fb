"""Which texts are Quartz cron expressions."""

from __future__ import annotations

import pytest

from headwater.bundle_check.cron import cron_problem


@pytest.mark.parametrize(
    "text",
    [
        "0 0 6 * * ?",
        "44 37 8 * * ?",
        "0 0/15 * * * ?",
        "0 */5 8-18 ? * MON-FRI",
        "0 0 22-2 ? * fri-mon",
        "0 0 0 1,15 * ?",
        "0 0 0 L * ?",
        "0 0 0 L-3 * ?",
        "0 0 0 LW * ?",
        "0 0 0 15W * ?",
        "0 0 12 ? JAN,JUL 2#1 2026-2030",
        "0 0 12 ? * 6L",
        "0 0 12 ? * FRIL",
        "0  0 12 1 1-6/2 ? 2026",
    ],
)
def test_expression_of_quartz_has_no_problem(text: str) -> None:
    assert cron_problem(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 6 * * *", "5 fields"),
        ("daily", "1 fields"),
        ("0 0 6 * * * ", "must be '?'"),
        ("0 0 6 ? * ?", "must be '?'"),
        ("60 0 6 * * ?", "seconds"),
        ("0 0 24 * * ?", "hours"),
        ("0 0 6 32 * ?", "days of the month"),
        ("0 0 6 0 * ?", "days of the month"),
        ("0 0 6 * 13 ?", "months"),
        ("0 0 6 ? * 0", "days of the week"),
        ("0 0 6 ? * MONDAY", "days of the week"),
        ("0 0 6 ? * 2#6", "days of the week"),
        ("0 0/0 6 * * ?", "minutes"),
        ("0 1-2-3 6 * * ?", "minutes"),
        ("0 , 6 * * ?", "minutes"),
        ("? 0 6 * * ?", "seconds"),
        ("0 0 6 * * ? 1969", "years"),
    ],
)
def test_other_text_has_a_problem_that_names_the_field(text: str, said: str) -> None:
    assert said in cron_problem(text)
