"""Plans of jobs without a workspace: references, order, what counts as a change."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import BundleError
from headwater.operations.deployed_jobs import (
    Change,
    in_order,
    setting_changes,
    settings_hash,
    tagged,
)
from headwater.operations.job_references import filled_in, jobs_referred_to
from headwater.tagged_jobs.tags import TAG_HASH


def starting(*keys: str) -> dict[str, Any]:
    return {
        "tasks": [{"run_job_task": {"job_id": f"${{resources.jobs.{key}.id}}"}} for key in keys]
    }


def test_reference_that_is_a_whole_text_keeps_its_type() -> None:
    given = {"id": "${resources.jobs.a.id}", "path": ["x/${workspace.file_path}/y"]}
    values = {"resources.jobs.a.id": 7, "workspace.file_path": "/W"}
    assert filled_in(given, values.get) == {"id": 7, "path": ["x//W/y"]}


@pytest.mark.parametrize("text", ["${HOME}", "{{job.run_id}}", "${var.a", "$var.a", "${other.x}"])
def test_text_that_is_no_reference_stays(text: str) -> None:
    assert filled_in(text, lambda _: "filled") == text


def test_reference_without_a_value_stays() -> None:
    assert filled_in("a ${var.x}", lambda _: None) == "a ${var.x}"


def test_jobs_come_after_those_that_they_start() -> None:
    jobs = {"a": starting("b", "c"), "b": starting("c"), "c": starting("elsewhere")}
    assert in_order(jobs) == ["c", "b", "a"]
    assert jobs_referred_to(jobs["a"]) == ["b", "c"]


def test_jobs_that_start_each_other_are_refused() -> None:
    with pytest.raises(BundleError) as raised:
        in_order({"a": starting("b"), "b": starting("a")})
    assert raised.value.code == "JOB_CYCLE"


def test_hash_says_nothing_of_the_order_of_settings_and_is_that_of_the_tag() -> None:
    one, two = {"name": "n", "tags": {"a": "b"}}, {"tags": {"a": "b"}, "name": "n"}
    assert settings_hash(one) == settings_hash(two)
    assert tagged(one, "t", "g")["tags"][TAG_HASH] == settings_hash(one)
    assert one["tags"] == {"a": "b"}


def test_defaults_of_the_api_and_our_tags_are_no_change() -> None:
    wanted = {"name": "n", "tasks": [{"task_key": "t"}], "email_notifications": {"on_failure": []}}
    task = {"task_key": "t", "run_if": "ALL_SUCCESS", "timeout_seconds": 0, "libraries": []}
    answered = {**tagged(wanted, "t", "g"), "tasks": [task], "format": "MULTI_TASK"}
    del answered["email_notifications"]
    answered |= {"max_concurrent_runs": 1, "webhook_notifications": {}}
    assert list(setting_changes(answered, wanted)) == []


def test_setting_that_the_bundle_does_not_have_is_a_change() -> None:
    before = {"name": "n", "timeout_seconds": 5, "tasks": [{"task_key": "t"}]}
    after = {"name": "n", "tasks": [{"task_key": "t", "max_retries": 2}]}
    assert list(setting_changes(before, after)) == [
        Change("timeout_seconds", 5, None),
        Change("tasks[t].max_retries", None, 2),
    ]


def test_secret_is_no_part_of_a_change() -> None:
    one, two = (
        {"parameters": [{"name": "token", "default": each}]} for each in ("s3cret1", "s3cret2")
    )
    assert "s3cret" not in repr(list(setting_changes(one, two)))
