"""A job as the Jobs API defines it is read into tasks, or refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import UsageError
from headwater.jobs import unsupported_tasks
from headwater.jobs.tasks import Dependency, read_job


def task(key: str, **more: Any) -> dict[str, Any]:
    return {"task_key": key, "notebook_task": {"notebook_path": key}, **more}


def job(*tasks: Any, **more: Any) -> dict[str, Any]:
    return {"name": "daily", "tasks": list(tasks), **more}


def test_settings_of_a_task_are_read() -> None:
    given = task(
        "b",
        depends_on=[{"task_key": "a"}],
        run_if="ALL_DONE",
        max_retries=-1,
        min_retry_interval_millis=1500,
        retry_on_timeout=True,
        timeout_seconds=60,
        disabled=True,
        email_notifications={"on_failure": ["x"]},
    )
    _, read = read_job(job(task("a"), given), {"b": "jobs.yml:7"}).tasks
    assert (read.kind, read.config) == ("notebook_task", {"notebook_path": "b"})
    assert read.depends_on == (Dependency("a"),)
    assert (read.run_if, read.max_retries, read.pause_seconds) == ("ALL_DONE", -1, 1.5)
    assert (read.retry_on_timeout, read.timeout_seconds, read.is_disabled) == (True, 60, True)
    assert read.where == "jobs.yml:7"


def condition(op: str, left: Any, right: Any) -> dict[str, Any]:
    return {"task_key": "if", "condition_task": {"op": op, "left": left, "right": right}}


def test_values_that_yaml_or_a_variable_has_in_another_type_are_read() -> None:
    texts = {"max_retries": "2", "timeout_seconds": "60", "min_retry_interval_millis": "500"}
    branch = task("b", depends_on=[{"task_key": "if", "outcome": True}], disabled="false", **texts)
    parameters = [{"name": "empty", "default": None}]
    tasks = (condition("EQUAL_TO", 5, True), branch)
    read = read_job(job(*tasks, timeout_seconds="90", parameters=parameters), {})
    first, second = read.tasks
    assert (first.config["left"], first.config["right"]) == ("5", "true")
    assert second.depends_on == (Dependency("if", "true"),)
    assert (second.max_retries, second.timeout_seconds, second.pause_seconds) == (2, 60, 0.5)
    assert (second.is_disabled, read.timeout_seconds) == (False, 90)
    assert read.parameters == {"empty": ""}


def test_zero_seconds_mean_no_limit() -> None:
    [read] = read_job(job(task("a", timeout_seconds=0)), {}).tasks
    assert read.timeout_seconds is None


def test_defaults_of_parameters_are_texts() -> None:
    given = [{"name": "a", "default": "x"}, {"name": "n", "default": 5}, {"name": "empty"}]
    assert read_job(job(task("a"), parameters=given), {}).parameters == {
        "a": "x",
        "n": "5",
        "empty": "",
    }


LOOP = {"inputs": "[1]", "task": {"task_key": "inner"}}


def loop(key: str, nested: Any) -> dict[str, Any]:
    return {"task_key": key, "for_each_task": {"inputs": "[1]", "task": nested}}


@pytest.mark.parametrize(
    ("tasks", "code"),
    [
        ((), "JOB_INVALID"),
        (("a",), "JOB_INVALID"),
        (({"task_key": "a"},), "JOB_INVALID"),
        ((task("a", sql_task={}),), "JOB_INVALID"),
        (({"task_key": "a", "notebook_task": {}},), "JOB_INVALID"),
        (({"task_key": "a", "for_each_task": LOOP},), "JOB_INVALID"),
        (({"task_key": "a", "sql_task": {"query": {}}},), "JOB_INVALID"),
        (({"task_key": "a", "sql_task": {"file": "a.sql"}},), "JOB_INVALID"),
        ((task("a", run_if="SOMETIMES"),), "JOB_INVALID"),
        ((task("a"), task("b", depends_on=["a"])), "JOB_INVALID"),
        ((condition("EQUALS", "1", "1"),), "JOB_INVALID"),
        ((task("a", max_retries="many"),), "JOB_INVALID"),
        ((task("a", timeout_seconds=1.5),), "JOB_INVALID"),
        ((task("a", timeout_seconds=-1),), "JOB_INVALID"),
        ((task("a", max_retries=-2),), "JOB_INVALID"),
        (({"task_key": "a", "for_each_task": {**LOOP, "concurrency": 0}},), "JOB_INVALID"),
        ((task("a", disabled="no"),), "JOB_INVALID"),
        (({"task_key": "a", "for_each_task": {"inputs": [1], "task": task("b")}},), "JOB_INVALID"),
        ((loop("a", loop("b", task("c"))),), "JOB_INVALID"),
        ((task("a"), task("b", depends_on=[{"task_key": "a", "outcome": "true"}])), "JOB_INVALID"),
        (
            (
                condition("EQUAL_TO", 1, 1),
                task("b", depends_on=[{"task_key": "if", "outcome": "maybe"}]),
            ),
            "JOB_INVALID",
        ),
        ((task("a"), task("a")), "TASK_KEY_DUPLICATE"),
        ((task("load"), task("b", depends_on=[{"task_key": "laod"}])), "DEPENDENCY_UNKNOWN"),
        (
            (
                task("a", depends_on=[{"task_key": "b"}]),
                task("b", depends_on=[{"task_key": "a"}]),
            ),
            "DEPENDENCY_CYCLE",
        ),
    ],
)
def test_job_with_a_fault_is_refused(tasks: tuple[Any, ...], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_job(job(*tasks), {})
    assert caught.value.code == code


@pytest.mark.parametrize("parameters", [["region"], [{"default": "eu"}]])
def test_parameter_without_a_name_is_refused(parameters: list[Any]) -> None:
    with pytest.raises(UsageError) as caught:
        read_job(job(task("a"), parameters=parameters), {})
    assert caught.value.code == "JOB_INVALID"


def test_unknown_dependency_is_answered_with_the_nearest_key() -> None:
    tasks = (task("load"), task("b", depends_on=[{"task_key": "laod"}]))
    with pytest.raises(UsageError) as caught:
        read_job(job(*tasks), {})
    assert caught.value.hint == "Did you mean 'load'?"


def test_tasks_that_do_not_run_locally_are_named_loops_by_what_they_repeat() -> None:
    jar = {"main_class_name": "org.example.Main"}
    inner = {"task_key": "inner", "run_job_task": {"job_id": 1}}
    settings = job(
        task("runs"),
        {"task_key": "jar", "spark_jar_task": jar},
        {"task_key": "loop", "for_each_task": {"inputs": "[1]", "task": inner}},
        {"task_key": "alert", "sql_task": {"alert": {"alert_id": "x"}}},
        {"task_key": "off", "spark_jar_task": jar, "disabled": True},
    )
    assert [(each.key, each.kind) for each in unsupported_tasks(settings)] == [
        ("jar", "spark_jar_task"),
        ("loop", "run_job_task"),
        ("alert", "sql_task"),
    ]
