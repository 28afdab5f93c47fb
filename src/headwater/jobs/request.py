"""What is asked of one run of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headwater.jobs.results import TaskRun


@dataclass(frozen=True)
class JobRequest:
    """How to run a job.

    Attributes:
        parameters: values of the job's parameters, in place of their defaults.
        only: keys of the tasks to run, all when empty. No task waits for one that is left out.
        earlier: how tasks ended in the run that this one repairs. Those that failed, and all that
            wait for them, run again; the others keep what they did.
        repair_count: how often the run was repaired, with this time.
        run_id: of the run; a repair keeps it.
        started: when the run began, in UTC, before it was repaired; None for now.
        skip_unsupported: let tasks that can't run here end UNSUPPORTED, and what waits for them
            run as if they had succeeded.
        max_parallel: how many tasks run at once.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    earlier: tuple[TaskRun, ...] = ()
    repair_count: int = 0
    run_id: int = 0
    started: datetime | None = None
    skip_unsupported: bool = False
    max_parallel: int = 4
