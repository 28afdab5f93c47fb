"""Run a job, as the Jobs API defines it, on local Spark: order, retries, conditions, outcomes.

Where a job comes from is its caller's business.
"""

from headwater.jobs.request import JobRequest
from headwater.jobs.results import JobRun, TaskRun
from headwater.jobs.runner import run_job, unsupported_tasks
from headwater.jobs.sessions import local_session
from headwater.jobs.validation import check_job

__all__ = [
    "JobRequest",
    "JobRun",
    "TaskRun",
    "check_job",
    "local_session",
    "run_job",
    "unsupported_tasks",
]
