"""Run a job, as the Jobs API defines it, on local Spark: order, retries, conditions, outcomes.

Where a job comes from is its caller's business.
"""

from headwater.jobs.request import JobRequest
from headwater.jobs.results import JobRun, TaskRun
from headwater.jobs.runner import run_job, unsupported_tasks
from headwater.jobs.sessions import local_session

__all__ = ["JobRequest", "JobRun", "TaskRun", "local_session", "run_job", "unsupported_tasks"]
