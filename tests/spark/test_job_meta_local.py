"""Modules run on local Spark as their jobs would: order, parallelism, failures, conditions."""

from __future__ import annotations

import threading

import pytest

from job_meta_bench import ASLEEP, HEADER, Bench, bench, condition, notebook, one, source
from lakeflow_job_meta.errors import MetadataError
from lakeflow_job_meta.local_runs import TaskResult

__all__ = ["bench"]

FAILS = "SELECT raise_error('row 17 of a patient')"


def test_diamond_with_a_failure_leaves_the_other_branch_alone(bench: Bench) -> None:
    seen: list[str] = []
    result = bench.run(
        bench.query("top", None, "CREATE TABLE SCHEMA.top AS SELECT 1 AS x"),
        bench.query("left", None, FAILS, depends_on=["top"]),
        bench.query("right", None, "SELECT * FROM SCHEMA.top", depends_on=["top"]),
        bench.query("below_left", None, "SELECT 1", depends_on=["left"]),
        bench.query("bottom", None, "SELECT 1", depends_on=["left", "right"]),
        on_result=lambda each: seen.append(each.source_id),
    )
    assert {each.source_id: each.state for each in result.results} == {
        "top": "SUCCESS",
        "left": "FAILED",
        "right": "SUCCESS",
        "below_left": "UPSTREAM_FAILED",
        "bottom": "UPSTREAM_FAILED",
    }
    assert not result.succeeded
    assert seen[0] == "top"
    assert seen.index("bottom") > seen.index("right")


def test_failure_tells_code_and_line_but_no_values(bench: Bench) -> None:
    text = "SELECT 1;\n\nSELECT\n  cast('row 17 of ' || :name AS INT)"
    result = one(bench.run(bench.query("check", 1, text, parameters={"name": "Erika"})))
    assert "[CAST_INVALID_INPUT]" in result.message
    assert "check:4" in result.message
    assert "row 17" not in result.message
    assert "Erika" not in result.message


def test_tasks_of_one_order_run_at_the_same_time_and_the_next_after_both(bench: Bench) -> None:
    meeting = threading.Barrier(2, timeout=60)
    threading.lakeflow_meeting = meeting  # type: ignore[attr-defined]
    code = "import threading\nthreading.lakeflow_meeting.wait()\n"
    for name in ("a", "b"):
        bench.write(
            f"{name}.py", HEADER + code + f"spark.range(2).write.saveAsTable('SCHEMA.{name}')"
        )
    after = bench.query("after", 2, "SELECT * FROM SCHEMA.a UNION ALL SELECT * FROM SCHEMA.b")
    result = bench.run(notebook("a"), notebook("b"), after)
    assert [(each.state, each.rows) for each in result.results] == [
        ("SUCCESS", None),
        ("SUCCESS", None),
        ("SUCCESS", 4),
    ]


def test_max_parallel_bounds_what_runs_at_once(bench: Bench) -> None:
    bench.write(
        "n.py",
        HEADER
        + "import threading\n"
        + "assert threading.lakeflow_alone.acquire(blocking=False)\n"
        + "spark.range(1).collect()\n"
        + "threading.lakeflow_alone.release()\n",
    )
    threading.lakeflow_alone = threading.Lock()  # type: ignore[attr-defined]
    sources = [source(name, 1, notebook("n").transformation_config) for name in "abcd"]
    assert set(bench.states(*sources, max_parallel=1).values()) == {"SUCCESS"}


def test_run_if_lets_a_cleanup_run_and_the_run_succeed(bench: Bench) -> None:
    result = bench.run(
        bench.query("load", 1, FAILS),
        bench.query("clean", 2, "SELECT 1", run_if="AT_LEAST_ONE_FAILED"),
    )
    assert [each.state for each in result.results] == ["FAILED", "SUCCESS"]
    assert result.succeeded


def test_condition_takes_one_branch_and_the_branches_join(bench: Bench) -> None:
    bench.write("count.py", HEADER + "dbutils.jobs.taskValues.set('rows', 12)")
    states = bench.states(
        notebook("count"),
        condition("enough", "GREATER_THAN", "{{tasks.count.values.rows}}", "2", order=2),
        bench.query(
            "yes", None, "SELECT 1", depends_on=[{"source_id": "enough", "outcome": "true"}]
        ),
        bench.query(
            "no", None, "SELECT 1", depends_on=[{"source_id": "enough", "outcome": "false"}]
        ),
        bench.query("after_no", None, "SELECT 1", depends_on=["no"]),
        bench.query("join", None, "SELECT 1", depends_on=["yes", "no"], run_if="NONE_FAILED"),
    )
    assert states == {
        "count": "SUCCESS",
        "enough": "SUCCESS",
        "yes": "SUCCESS",
        "no": "EXCLUDED",
        "after_no": "EXCLUDED",
        "join": "SUCCESS",
    }


@pytest.mark.parametrize(
    ("op", "left", "right", "taken"),
    [
        ("EQUAL_TO", "12.0", "12", "false"),
        ("GREATER_THAN_OR_EQUAL", "12.0", "12", "true"),
        ("LESS_THAN", "9", "10", "true"),
        ("NOT_EQUAL", "{{job.parameters.region}}", "eu", "false"),
    ],
)
def test_condition_compares_texts_or_numbers(
    bench: Bench, op: str, left: str, right: str, taken: str
) -> None:
    settings = {"parameters": [{"name": "region", "default": "eu"}]}
    config = {"task_type": "condition", "op": op, "left": left, "right": right}
    then = condition("then", "EQUAL_TO", "1", "1").transformation_config
    then = {**then, "depends_on": [{"source_id": "if", "outcome": taken}]}
    states = bench.states(
        source("if", None, config, module_config=settings), source("then", None, then)
    )
    assert states == {"if": "SUCCESS", "then": "SUCCESS"}


def test_order_of_what_is_no_number_fails(bench: Bench) -> None:
    result = one(bench.run(condition("if", "LESS_THAN", "abc", "1")))
    assert result.state == "FAILED"
    assert result.message.startswith("[CONDITION_NOT_NUMERIC]")


def test_retries_go_on_until_an_attempt_succeeds(bench: Bench) -> None:
    bench.write(
        "flaky.py",
        HEADER
        + "spark.sql('CREATE TABLE IF NOT EXISTS SCHEMA.tries (x INT)')\n"
        + "spark.sql('INSERT INTO SCHEMA.tries VALUES (1)')\n"
        + "assert spark.table('SCHEMA.tries').count() == 3",
    )
    result = one(bench.run(notebook("flaky", max_retries=5)))
    assert (result.state, result.attempts) == ("SUCCESS", 3)


def test_retries_end(bench: Bench) -> None:
    result = one(bench.run(bench.query("bad", 1, FAILS, max_retries=1)))
    assert (result.state, result.attempts) == ("FAILED", 2)


ENDLESS = f"SELECT count(*) FROM range(0, 1000000000000, 1, 1) WHERE {ASLEEP}"


def test_timeout_cancels_spark_work_of_that_task_alone(bench: Bench) -> None:
    result = bench.run(
        bench.query("endless", 1, ENDLESS, timeout_seconds=2, max_retries=3),
        bench.query("short", 1, "SELECT count(*) FROM range(1000)"),
        bench.query("after", 2, "SELECT 1"),
    )
    assert [(each.state, each.attempts) for each in result.results] == [
        ("TIMEDOUT", 1),
        ("SUCCESS", 1),
        ("UPSTREAM_FAILED", 0),
    ]
    assert result.results[0].seconds < 12


def test_timeout_is_retried_when_asked(bench: Bench) -> None:
    query = bench.query(
        "endless", 1, ENDLESS, timeout_seconds=1, max_retries=1, retry_on_timeout=True
    )
    result = one(bench.run(query))
    assert (result.state, result.attempts) == ("TIMEDOUT", 2)


def test_python_code_that_can_not_be_interrupted_is_left_and_not_retried(bench: Bench) -> None:
    threading.lakeflow_gate = gate = threading.Event()  # type: ignore[attr-defined]
    bench.write("waits.py", HEADER + "import threading\nthreading.lakeflow_gate.wait(60)")
    result = one(
        bench.run(notebook("waits", timeout_seconds=1, max_retries=2, retry_on_timeout=True))
    )
    gate.set()
    assert (result.state, result.attempts) == ("TIMEDOUT", 1)
    assert "still runs" in result.message


def test_disabled_task_disables_what_needs_its_success(bench: Bench) -> None:
    states = bench.states(
        bench.query("off", 1, FAILS, disabled=True), bench.query("on", 2, "SELECT 1")
    )
    assert states == {"off": "DISABLED", "on": "DISABLED"}


def test_kinds_that_do_not_run_are_all_named_before_anything_runs(bench: Bench) -> None:
    other = {"task_type": "run_job", "job_id": 1}
    loop = {"task_type": "for_each", "inputs": [1], "task": other}
    sources = [
        bench.query("first", 1, "CREATE TABLE SCHEMA.made (x INT)"),
        source("other", 2, other),
        source("loop", 2, loop),
        bench.query("last", 3, "SELECT 1"),
    ]
    with pytest.raises(MetadataError) as caught:
        bench.run(*sources)
    assert [(each.code, each.source_id) for each in caught.value.faults] == [
        ("LOCAL_KIND_UNSUPPORTED", "other"),
        ("LOCAL_KIND_UNSUPPORTED", "loop"),
    ]
    assert bench.sql("SHOW TABLES IN SCHEMA") == []
    assert bench.states(*sources, skip_unsupported=True) == {
        "first": "SUCCESS",
        "other": "UNSUPPORTED",
        "loop": "UNSUPPORTED",
        "last": "SUCCESS",
    }


def test_faults_of_the_graph_end_the_run_before_it_begins(bench: Bench) -> None:
    with pytest.raises(MetadataError) as caught:
        bench.run(
            bench.query("a", None, "SELECT 1", depends_on=["b"]),
            bench.query("b", None, "SELECT 1", depends_on=["a"]),
        )
    assert caught.value.code == "DEPENDENCY_CYCLE"


def test_a_callback_that_fails_ends_the_run(bench: Bench) -> None:
    def fail(_: TaskResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(bench.query("a", 1, "SELECT 1"), bench.query("b", 1, ENDLESS), on_result=fail)
