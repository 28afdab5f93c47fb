"""What is kept of the runs of jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from deltalake import DeltaTable

from headwater.errors import UsageError
from headwater.jobs.history import JobHistory
from headwater.jobs.request import JobRequest
from headwater.jobs.results import TaskRun


class Earlier(datetime):
    """A clock that was set back."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) - timedelta(hours=1)


def test_run_is_known_as_far_as_it_came_and_a_repair_goes_on_with_it(tmp_path: Path) -> None:
    history = JobHistory(tmp_path / "runs")
    assert history.runs() == []
    first = JobRequest(run_id=history.next_id(), parameters={"day": "1"}, only=("a", "b"))
    writer = history.writer("nightly", first)
    writer.begin()
    a = TaskRun("a", "sql_task", "SUCCESS", 1.5, 3, attempts=1, values={"n": [1]}, verdict="true")
    a = replace(a, output=[{"n": "1", "name": None}])
    writer.task_ended(a)
    alive = history.run(first.run_id)
    assert (alive.state, alive.seconds, alive.tasks) == ("RUNNING", None, (a,))
    assert (alive.parameters, alive.only) == ({"day": "1"}, ("a", "b"))
    writer.task_ended(TaskRun("b", "sql_task", "FAILED", message="[X] no"))
    writer.ended("FAILED")
    assert history.run(first.run_id).state == "FAILED"

    again = JobRequest(run_id=first.run_id, repair_count=1, parameters={"day": "1"})
    writer = history.writer("nightly", again)
    writer.begin([a])
    assert history.run(first.run_id).tasks == (a,)  # b is run again, whatever comes
    b = TaskRun("b", "sql_task", "SUCCESS")
    writer.task_ended(b)
    writer.ended("SUCCESS")
    repaired = history.run(first.run_id)
    assert (repaired.state, repaired.repair_count, repaired.tasks) == ("SUCCESS", 1, (a, b))
    assert repaired.seconds is not None
    assert repaired.first_started == alive.started < repaired.started


def test_runs_are_listed_by_job_the_last_first(tmp_path: Path) -> None:
    history = JobHistory(tmp_path / "runs")
    for job in ("x", "y", "x"):
        history.writer(job, JobRequest(run_id=history.next_id())).begin()
    assert [each.job_key for each in history.runs()] == ["x", "y", "x"]
    ids = [each.run_id for each in history.runs("x")]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 2
    with pytest.raises(UsageError, match="RUN_UNKNOWN") as caught:
        history.run(5)
    assert str(ids[0]) in caught.value.hint


def test_small_commits_are_joined_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.jobs.history.COMPACT_FILES", 3)
    history = JobHistory(tmp_path / "runs")
    writer = history.writer("x", JobRequest(run_id=1))
    writer.begin()
    for key in "abc":
        writer.task_ended(TaskRun(key, "sql_task", "SUCCESS"))
    before = history.run(1).tasks
    writer.ended("SUCCESS")
    assert len(DeltaTable(history.path).file_uris()) == 1
    assert history.run(1).tasks == before


def test_run_that_was_broken_off_before_it_had_begun_is_none(tmp_path: Path) -> None:
    history = JobHistory(tmp_path / "runs")
    history.writer("x", JobRequest(run_id=1)).ended("CANCELED")
    assert history.runs() == []
    history.writer("x", JobRequest(run_id=2)).begin()
    assert [each.run_id for each in history.runs()] == [2]


def test_run_is_known_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = JobHistory(tmp_path / "runs")
    writer = history.writer("x", JobRequest(run_id=1))
    writer.begin()
    monkeypatch.setattr("headwater.jobs.history.datetime", Earlier)
    writer.task_ended(TaskRun("a", "sql_task", "SUCCESS"))
    assert [each.task_key for each in history.run(1).tasks] == ["a"]


def test_run_that_another_process_goes_on_with_is_not_repaired(tmp_path: Path) -> None:
    history = JobHistory(tmp_path / "jobs" / "runs")
    with history.alone(1):
        with history.alone(2):
            pass
        with pytest.raises(UsageError, match="RUN_IN_PROGRESS"), history.alone(1):
            pass
    with history.alone(1):
        pass
    assert not (tmp_path / "jobs").exists()
