"""References in the parameters of tasks."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from headwater.errors import JobError, UsageError
from headwater.jobs.context import TaskValues
from headwater.jobs.references import filled, time_as

WEDNESDAY = datetime(2026, 11, 25, 7, 5, 9, tzinfo=timezone.utc)


def steps(found: tuple[str, ...], text: str) -> str:
    return "|".join(found) if found[0] == "job" else text


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("at {{ job.start_time.iso_date }}!", "at job|start_time|iso_date!"),
        ("{{job.parameters.`a b.c`}}", "job|parameters|a b.c"),
        ("{{job.a-b_c}}{{job.x}}", "job|a-b_cjob|x"),
        ("{{other.name}} {job.name} {{job.}} {{}}", "{{other.name}} {job.name} {{job.}} {{}}"),
        (["{{job.a}}", {"k": "{{job.b}}"}, 3, None], ["job|a", {"k": "job|b"}, 3, None]),
    ],
)
def test_references_are_found_in_texts_at_any_depth(given: object, right: object) -> None:
    assert filled(given, steps) == right


@pytest.mark.parametrize(
    ("form", "right"),
    [
        ("iso_date", "2026-11-25"),
        ("iso_datetime", "2026-11-25T07:05:09"),
        ("iso_weekday", "3"),
        ("is_weekday", "true"),
        ("hour", "7"),
        ("minute", "5"),
        ("timestamp_ms", "1795590309000"),
    ],
)
def test_times_have_the_documented_forms(form: str, right: str) -> None:
    assert time_as(WEDNESDAY, form, "") == right


def test_unknown_form_of_a_time_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="JOB_REFERENCE_UNKNOWN") as caught:
        time_as(WEDNESDAY, "iso_dat", "{{job.start_time.iso_dat}}")
    assert "'iso_date'" in caught.value.hint


def test_values_are_kept_in_their_json_form_as_a_repair_finds_them() -> None:
    values, told = TaskValues(), {1: (2, 3)}
    values.set("a", "n", told)
    told.clear()
    assert values.get("a", "n") == {"1": [2, 3]}


def test_value_above_the_limit_of_a_workspace_is_refused() -> None:
    values = TaskValues()
    values.set("a", "fits", "x" * (48 * 1024 - 2))
    with pytest.raises(JobError, match="TASK_VALUE_TOO_LARGE"):
        values.set("a", "n", "x" * (48 * 1024 - 1))
    with pytest.raises(ValueError, match="TASK_VALUE_UNKNOWN"):
        values.get("a", "n")
