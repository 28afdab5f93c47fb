"""References between tasks, arguments of programs, and the time between attempts."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.jobs import JobRequest, run_job
from headwater.jobs.attempts import run_attempts
from headwater.jobs.context import Run, TaskContext
from headwater.jobs.results import Outcome
from headwater.jobs.tasks import Job, read_job
from headwater.jobs.validation import check_job


def script(key: str, text: str, folder: Path, *parameters: Any, **more: Any) -> dict[str, Any]:
    (folder / f"{key}.py").write_text(text)
    task = {"python_file": f"{key}.py", "parameters": list(parameters)}
    return {"task_key": key, "spark_python_task": task, **more}


def test_only_tasks_that_are_waited_for_may_be_referred_to(
    spark: SparkSession, tmp_path: Path
) -> None:
    said = "{{tasks.a.result_state}} {{tasks.a.values.n}} {{job.trigger.file_arrival.location}}"
    settings = {
        "name": "daily",
        "tasks": [
            script("a", "", tmp_path),
            script("b", "", tmp_path, depends_on=[{"task_key": "a"}]),
            script("c", "", tmp_path, said, depends_on=[{"task_key": "b"}]),
            script("races", "", tmp_path, "{{tasks.a.result_state}}"),
            script("itself", "", tmp_path, "{{tasks.itself.values.n}}"),
        ],
    }
    some = JobRequest(only=("a", "c"))  # c waits for a, through what is left out
    assert check_job(settings, spark=spark, root=tmp_path, request=some) == []
    faults = check_job(settings, spark=spark, root=tmp_path)
    assert [each.code for each in faults] == ["JOB_REFERENCE_UNKNOWN"] * 2
    assert [each.hint for each in faults] == [
        "Add 'a' to its depends_on.",
        "Add 'itself' to its depends_on.",
    ]


def test_arguments_of_a_program_are_texts(spark: SparkSession, tmp_path: Path) -> None:
    text = "import sys\nassert sys.argv[1:] == ['3', 'true', '']"
    task = script("a", text, tmp_path, "{{job.trigger.file_arrival.location}}")
    task["spark_python_task"]["parameters"][:0] = [3, True]
    done = run_job({"name": "daily", "tasks": [task]}, spark=spark, root=tmp_path)
    assert done.succeeded, done.tasks[0].message


class Waits(threading.Event):
    """Notes how long somebody waits, and lets nobody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        return False


def test_interval_of_retries_counts_from_start_to_start(
    spark: SparkSession, tmp_path: Path
) -> None:
    (task,) = read_job(
        {
            "name": "daily",
            "tasks": [
                script("a", "", tmp_path, max_retries=1, min_retry_interval_millis=60_000),
            ],
        },
        {},
    ).tasks
    run = Run(spark, tmp_path, Job("daily", (task,)))

    def fail(context: TaskContext) -> Outcome:
        time.sleep(0.2)
        raise ValueError(context.attempt)

    stopping = Waits()
    ended = run_attempts(lambda _: TaskContext(run, task, spark, "a"), fail, stopping)
    assert ended.attempts == 2
    (waited,) = stopping.seconds
    assert 30 < waited <= 59.8
