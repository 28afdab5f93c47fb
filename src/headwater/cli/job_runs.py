"""What `headwater job` does: run a job of the bundle, record it, and show what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from headwater.bundle import JobSpec
from headwater.cli.output import task_line
from headwater.cli.render import print_errors, print_json, print_rows
from headwater.cli.sessions import job_session
from headwater.cli.updates import untouched
from headwater.errors import BundleError, JobError, UsageError
from headwater.jobs import JobRequest, TaskRun, check_job, run_job
from headwater.jobs.history import JobHistory, RecordedRun
from headwater.jobs.results import CANCELED, FAILED
from headwater.state.target import Target


def run(
    target: Target,
    key: str | None,
    *,
    tasks: tuple[str, ...],
    parameters: Mapping[str, str],
    repair: int | None,
    skip_unsupported: bool,
    max_parallel: int,
    as_json: bool,
) -> int:
    """Run a job, record it and show it; return the exit status.

    Raises:
        HeadwaterError: JOB_UNKNOWN, RUN_UNKNOWN, RUN_IN_PROGRESS and the like, and what `run_job`
            raises.
    """
    history = JobHistory.of(target.store)
    earlier = history.run(repair) if repair is not None else None
    if earlier is not None:
        _check_repair(earlier, key, tasks, parameters)
        key, tasks, parameters = earlier.job_key, earlier.only, earlier.parameters
    spec = target.bundle.job(key)
    request = JobRequest(
        parameters=parameters,
        only=tasks,
        earlier=earlier.tasks if earlier else (),
        repair_count=earlier.repair_count + 1 if earlier else 0,
        run_id=earlier.run_id if earlier else history.next_id(),
        started=earlier.first_started if earlier else None,
        skip_unsupported=skip_unsupported,
        max_parallel=max_parallel,
    )
    with history.alone(request.run_id), job_session(target) as spark:
        writer = history.writer(spec.key, request)
        has_begun = False

        def begin(kept: Sequence[TaskRun]) -> None:
            nonlocal has_begun
            writer.begin(kept)
            has_begun = True

        def tell(task: TaskRun) -> None:
            writer.task_ended(task)
            if not as_json:
                _print_task(task)

        try:
            done = run_job(
                spec.settings,
                spark=spark,
                root=target.bundle.root,
                request=request,
                job_id=spec.id,
                jobs={each.id: each.settings for each in target.bundle.jobs.values()},
                places=spec.places,
                target=target,
                on_task=tell,
                on_start=begin,
            )
        except BaseException as error:
            is_interrupt = isinstance(error, KeyboardInterrupt)
            if has_begun:
                writer.ended(CANCELED if is_interrupt else FAILED)
            if has_begun and is_interrupt:
                raise JobError(
                    "INTERRUPTED",
                    f"Run {request.run_id} of job '{spec.key}' was stopped by an interrupt",
                    hint=f"headwater job run --repair {request.run_id} runs what it left undone.",
                ) from None
            raise
        writer.ended(done.state)
    if as_json:
        print_json(_run_json(history.run(request.run_id)))
    else:
        click.echo(f"Run {request.run_id} of job '{spec.key}': {done.state}.")
    return 0 if done.succeeded else 1


def validate(
    target: Target,
    key: str | None,
    *,
    tasks: tuple[str, ...],
    parameters: Mapping[str, str],
    skip_unsupported: bool,
    as_json: bool,
) -> int:
    """Check a job without running it; return the exit status, 1 with any fault.

    Raises:
        HeadwaterError: as `check_job`.
    """
    spec = target.bundle.job(key)
    with untouched(target) as place, job_session(place) as spark:
        faults = check_job(
            spec.settings,
            spark=spark,
            root=place.bundle.root,
            request=JobRequest(parameters, tasks, skip_unsupported=skip_unsupported),
            jobs={each.id: each.settings for each in place.bundle.jobs.values()},
            places=spec.places,
            target=place,
        )
    if as_json:
        print_json({"job": spec.key, "faults": [part.headline for e in faults for part in e.parts]})
    else:
        print_errors(faults)
        count = len(faults)
        said = f"{count} fault{'' if count == 1 else 's'}" if faults else "valid"
        click.echo(f"Job '{spec.key}': {said}. Nothing run.")
    return 1 if faults else 0


def _check_repair(
    earlier: RecordedRun, key: str | None, tasks: tuple[str, ...], parameters: Mapping[str, str]
) -> None:
    if key not in (None, earlier.job_key) or tasks or parameters:
        raise UsageError(
            "REPAIR_AS_IT_WAS",
            f"A repair runs the job '{earlier.job_key}' as run {earlier.run_id} did",
            hint="Leave out JOB, --task and --param.",
        )
    if earlier.state == "SUCCESS":
        raise UsageError(
            "NOTHING_TO_REPAIR",
            f"Run {earlier.run_id} of '{earlier.job_key}' succeeded",
            hint=f"To run it again: headwater job run {earlier.job_key}.",
        )


def print_jobs(target: Target, *, as_json: bool) -> None:
    """Print the jobs of a bundle."""
    last: dict[str, RecordedRun] = {}
    for each in JobHistory.of(target.store).runs():
        last.setdefault(each.job_key, each)
    rows = [_job_row(spec, last.get(key)) for key, spec in target.bundle.jobs.items()]
    rows += [_refused_row(key, each) for key, each in target.bundle.refused_jobs.items()]
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(rows, ["job", "name", "tasks", "last_run", "state"])
    else:
        click.echo("The bundle has no jobs.")


def _job_row(spec: JobSpec, last: RecordedRun | None) -> dict[str, Any]:
    return {
        "job": spec.key,
        "name": spec.name,
        "tasks": len(spec.settings.get("tasks") or ()),
        "last_run": last.run_id if last else None,
        "state": last.state if last else "-",
    }


def _refused_row(key: str, error: BundleError) -> dict[str, Any]:
    return {"job": key, "name": "", "tasks": 0, "last_run": None, "state": error.headline}


def print_runs(target: Target, key: str | None, *, as_json: bool) -> None:
    """Print recorded runs."""
    wanted = target.bundle.job(key).key if key else None
    found = [_run_json(each) for each in JobHistory.of(target.store).runs(wanted)]
    if as_json:
        print_json(found)
    elif found:
        print_rows(found, ["run", "job", "state", "repairs", "started", "seconds"])
    else:
        click.echo("No runs yet.")


def print_run(target: Target, run_id: int, *, as_json: bool) -> None:
    """Print a recorded run and its tasks."""
    found = JobHistory.of(target.store).run(run_id)
    if as_json:
        print_json(_run_json(found))
        return
    for each in found.tasks:
        _print_task(each)
    click.echo(f"Run {found.run_id} of job '{found.job_key}': {found.state}.")


def _print_task(task: TaskRun) -> None:
    click.echo(
        task_line(task.task_key, task.kind, task.state, task.seconds, task.rows, task.message)
    )


def _run_json(run: RecordedRun) -> dict[str, Any]:
    """Return a run without the values of parameters and tasks, which may be data."""
    return {
        "run": run.run_id,
        "job": run.job_key,
        "state": run.state,
        "repairs": run.repair_count,
        "started": run.started.isoformat(timespec="seconds"),
        "seconds": None if run.seconds is None else round(run.seconds, 1),
        "tasks": [
            {
                "task": each.task_key,
                "kind": each.kind,
                "state": each.state,
                "seconds": each.seconds,
                "rows": each.rows,
                "attempts": each.attempts,
                "message": each.message,
            }
            for each in run.tasks
        ],
    }
