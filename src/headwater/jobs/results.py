"""How tasks and runs end, in the words of the Jobs API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SUCCESS, FAILED, TIMEDOUT, CANCELED = "SUCCESS", "FAILED", "TIMEDOUT", "CANCELED"
UPSTREAM_FAILED, EXCLUDED = "UPSTREAM_FAILED", "EXCLUDED"
DISABLED = "DISABLED"
"""The task is `disabled`, or waits for one whose result its `run_if` needs."""
UNSUPPORTED = "UNSUPPORTED"
"""The task can't run locally; what waits for it goes on as if it had succeeded."""

MOST_BYTES_TOLD = 48 * 1024
"""How much JSON a task may tell others, as in a workspace: a value, or the rows of a statement."""

FAILURES = frozenset({FAILED, TIMEDOUT, CANCELED, UPSTREAM_FAILED})


@dataclass(frozen=True)
class Outcome:
    """What a task that succeeded tells.

    Args:
        rows: rows that a statement returned, or that a write says it changed; None if unknown.
        message: what is worth knowing, such as magics that were not run.
        verdict: of a condition: "true" or "false".
        output: see `TaskRun`.
    """

    rows: int | None = None
    message: str = ""
    verdict: str | None = None
    output: Sequence[Mapping[str, str | None]] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class TaskRun:
    """How one task ended.

    Args:
        kind: the name of the task's field that ends in `_task`.
        state: one of the constants above.
        seconds: from its start to its end, all attempts together; 0.0 when it never started.
        rows: see `Outcome`; None too when the task failed.
        message: code, what happened and `file:line` or cell; never rows or parameter values.
        attempts: how often it was started.
        verdict: of a condition: "true" or "false".
        values: what it told other tasks, by name; they may be data of the user.
        output: the rows of a statement, by column, if another task refers to them.
    """

    task_key: str
    kind: str
    state: str
    seconds: float = 0.0
    rows: int | None = None
    message: str = ""
    attempts: int = 0
    verdict: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    output: Sequence[Mapping[str, str | None]] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class JobRun:
    """How a run of a job ended.

    Args:
        tasks: one per task, in the order of the definition.
        succeeded: whether no task failed that nothing waits for: a failure that a later task
            with a `run_if` dealt with leaves the run a success, as in a workspace.
        timed_out: whether the job's own time was over before its end.
    """

    name: str
    tasks: tuple[TaskRun, ...]
    succeeded: bool
    timed_out: bool = False

    @property
    def state(self) -> str:
        """How it ended: SUCCESS, FAILED or TIMEDOUT."""
        return TIMEDOUT if self.timed_out else SUCCESS if self.succeeded else FAILED
