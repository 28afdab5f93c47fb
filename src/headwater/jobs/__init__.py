"""Run a job, as the Jobs API defines it, on local Spark: order, retries, conditions, outcomes."""

from headwater.jobs.results import JobRun, TaskRun
from headwater.jobs.runner import run_job, unsupported_tasks

__all__ = ["JobRun", "TaskRun", "run_job", "unsupported_tasks"]
