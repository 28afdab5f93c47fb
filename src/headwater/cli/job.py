"""`headwater job run|list|runs|show`: the jobs of a bundle, run on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from headwater.cli.groups import Commands
from headwater.cli.lazy import LazyModule
from headwater.cli.options import key_values, names, target_options
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.cli import job_runs
else:
    job_runs = LazyModule("headwater.cli.job_runs")

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Commands)
def job() -> None:
    """Run the jobs of the bundle on this machine.

    \b
    Example:
      headwater job run patient_flow_daily
      headwater job runs
    """


@job.command()
@click.argument("key", metavar="[JOB]", required=False)
@target_options
@click.option("--task", "tasks", metavar="KEY,...", help="Run only these tasks.")
@click.option("--param", "parameters", multiple=True, metavar="K=V", help="Parameter of the job.")
@click.option(
    "--repair", metavar="RUN", type=int, help="Run again what failed in a run, and what follows."
)
@click.option("--validate", is_flag=True, help="Check all tasks, run none.")
@click.option("--skip-unsupported", is_flag=True, help="Pass over tasks that can't run here.")
@click.option(
    "--max-parallel",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    help="Tasks that run at one time.",
)
@_json
def run(
    key: str | None,
    target: Target,
    tasks: str | None,
    parameters: tuple[str, ...],
    repair: int | None,
    validate: bool,
    skip_unsupported: bool,
    max_parallel: int,
    as_json: bool,
) -> None:
    """Run JOB (optional if the bundle has only one), as a workspace would.

    \b
    Examples:
      headwater job run nightly --param day=2026-11-25
      headwater job run nightly --task load,check
      headwater job run nightly --validate
      headwater job run --repair 1764115200000
    """
    if validate:
        sys.exit(
            job_runs.validate(
                target,
                key,
                tasks=names(tasks),
                parameters=key_values(parameters, "--param"),
                skip_unsupported=skip_unsupported,
                as_json=as_json,
            )
        )
    status = job_runs.run(
        target,
        key,
        tasks=names(tasks),
        parameters=key_values(parameters, "--param"),
        repair=repair,
        skip_unsupported=skip_unsupported,
        max_parallel=max_parallel,
        as_json=as_json,
    )
    sys.exit(status)


@job.command("list")
@target_options
@_json
def list_jobs(
    target: Target,
    as_json: bool,
) -> None:
    """List the jobs of the bundle, and how each ran last.

    \b
    Example:
      headwater job list -t test
    """
    job_runs.print_jobs(target, as_json=as_json)


@job.command()
@click.argument("key", metavar="[JOB]", required=False)
@target_options
@_json
def runs(
    key: str | None,
    target: Target,
    as_json: bool,
) -> None:
    """List the runs of JOB, or of all jobs; the last one first.

    \b
    Example:
      headwater job runs nightly
    """
    job_runs.print_runs(target, key, as_json=as_json)


@job.command()
@click.argument("run_id", metavar="RUN", type=int)
@target_options
@_json
def show(
    run_id: int,
    target: Target,
    as_json: bool,
) -> None:
    """Show the tasks of a run.

    \b
    Example:
      headwater job show 1764115200000
    """
    job_runs.print_run(target, run_id, as_json=as_json)
