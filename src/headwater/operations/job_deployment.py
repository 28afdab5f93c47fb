"""Bring the jobs of a workspace in step with a plan, job by job.

Nothing is written while one job of the plan is refused. What fails in the middle is told, and what
was done stays: the next run finds it by its tags, and does the rest. What does not live here: the
plan (`deployed_jobs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from headwater.errors import DeploymentError, HeadwaterError, WorkspaceError
from headwater.operations.deployed_jobs import JobStep, is_of_one_object, known_id, tagged
from headwater.operations.job_references import filled_in
from headwater.operations.workspace import ask
from headwater.tagged_jobs.api import JobsApi
from headwater.tagged_jobs.settings import checked_settings

_RESULTS = {"create": "created", "change": "changed", "nothing": "unchanged", "left": "left"}


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        result: created, changed, unchanged, left, refused, failed or not done.
        error: why it is refused, failed or not done.
    """

    step: JobStep
    result: str
    job_id: int | None = None
    error: HeadwaterError | None = None

    @property
    def is_fine(self) -> bool:
        """Whether the job is in step with the bundle."""
        return self.error is None


def apply_jobs(api: JobsApi, steps: Sequence[JobStep], group: str) -> Iterator[Outcome]:
    """Make and reset jobs in the order of a plan; yield each outcome when it is there.

    Safe to run twice and to be killed: a create whose answer is lost is looked for by its tag.

    Args:
        group: the tag of all jobs of the target.
    """
    is_refused = any(step.error for step in steps)
    stopped: HeadwaterError | None = _refused() if is_refused else None
    made: dict[str, int | None] = {}
    for step in steps:
        outcome = _outcome(api, step, made, group, stopped)
        if outcome.result == "failed" and outcome.error and not is_of_one_object(outcome.error):
            stopped = outcome.error
        made[step.key] = outcome.job_id if outcome.is_fine else None
        yield outcome


def _outcome(
    api: JobsApi,
    step: JobStep,
    made: dict[str, int | None],
    group: str,
    stopped: HeadwaterError | None,
) -> Outcome:
    if step.error:
        return Outcome(step, "refused", step.job_id, step.error)
    if step.action in ("nothing", "left"):
        return Outcome(step, _RESULTS[step.action], step.job_id)
    if stopped:
        return Outcome(step, "not done", step.job_id, stopped)
    missing = [key for key in step.needs if not made.get(key)]
    if missing:
        return Outcome(step, "not done", step.job_id, _waits(missing))
    try:
        return Outcome(step, _RESULTS[step.action], _write(api, step, made, group))
    except HeadwaterError as error:
        return Outcome(step, "failed", step.job_id, _of_writing(error, step))


def _write(api: JobsApi, step: JobStep, made: dict[str, int | None], group: str) -> int:
    complete = filled_in(dict(step.settings), partial(known_id, made))
    settings = checked_settings(tagged(complete, step.tag, group))
    if step.job_id is None:
        return ask(partial(api.create_job, settings, step.tag))
    ask(partial(api.reset_job, step.job_id, settings))
    return step.job_id


def _refused() -> DeploymentError:
    return DeploymentError(
        "NOTHING_APPLIED", "Another job is refused, so none is written", hint="Correct it first."
    )


def _waits(missing: Sequence[str]) -> DeploymentError:
    return DeploymentError(
        "JOB_WAITS",
        f"It starts jobs that could not be written: {', '.join(missing)}",
        hint="Run it again when they can.",
    )


def _of_writing(error: HeadwaterError, step: JobStep) -> HeadwaterError:
    """Return the error of a call that writes: `ask` speaks of reading."""
    if not isinstance(error, WorkspaceError) or error.code != "PERMISSION_DENIED":
        return error
    does = "make jobs" if step.job_id is None else f"change job {step.job_id}"
    return WorkspaceError(
        error.code,
        f"The workspace does not allow you to {does}",
        hint="You need CAN MANAGE on the job, and permission for what it runs on and as.",
    )
