"""How tasks and runs end, in the words of the Jobs API."""

from __future__ import annotations

from dataclasses import dataclass

SUCCESS, FAILED, TIMEDOUT = "SUCCESS", "FAILED", "TIMEDOUT"
UPSTREAM_FAILED, EXCLUDED = "UPSTREAM_FAILED", "EXCLUDED"
SKIPPED = "SKIPPED"
"""The task is `disabled`; what waits for it goes on as if it had succeeded."""
UNSUPPORTED = "UNSUPPORTED"
"""The task can't run locally; what waits for it goes on as if it had succeeded."""

FAILURES = frozenset({FAILED, TIMEDOUT, UPSTREAM_FAILED})


@dataclass(frozen=True)
class Outcome:
    """What a task that succeeded tells.

    Args:
        rows: rows that a statement returned, or that a write says it changed; None if unknown.
        message: what is worth knowing, such as magics that were not run.
        verdict: of a condition: "true" or "false".
    """

    rows: int | None = None
    message: str = ""
    verdict: str | None = None


@dataclass(frozen=True)
class TaskResult:
    """How one task ended.

    Args:
        state: one of the constants above.
        seconds: from its start to its end, all attempts together; 0.0 when it never started.
        rows: see `Outcome`; None too when the task failed.
        message: code, what happened and `file:line` or cell; never rows or parameter values.
        attempts: how often it was started.
    """

    source_id: str
    task_key: str
    task_type: str
    state: str
    seconds: float = 0.0
    rows: int | None = None
    message: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Args:
        results: one per source, by execution order and source id.
        succeeded: whether no task failed that nothing waits for: a failure that a later task
            with a `run_if` dealt with leaves the run a success, as in a job.
    """

    module_name: str
    results: tuple[TaskResult, ...]
    succeeded: bool
